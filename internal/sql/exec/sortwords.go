package exec

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// sortWords turns sort columns into words that are in the same order as unsigned numbers, the first one first. Where these are not all that there is to an order, as with strings, of which they have the first
// bytes, rows with equal words are compared by their columns.
type sortWords struct {
	keys  []logical.SortKey
	types []types.Type
	parts []sortPart
	words [][]uint64
	// exact tells that rows with equal words are equal in the order.
	exact bool
}

// sortPart is how a word is made of a column.
type sortPart struct {
	key  int
	make func(v *column.Vector, row int) uint64 // for a value
	null uint64
	// nulls tells that the word is whether there is a value, and nothing else.
	nulls bool
}

// newSortWords returns what makes at most so many words.
func newSortWords(fields []types.Field, keys []logical.SortKey, limit int) (*sortWords, error) {
	s := &sortWords{keys: keys, exact: true}
	for i, k := range keys {
		t := fields[k.Column].Type
		s.types = append(s.types, t)
		form := column.FormOf(t)
		if form > column.Text {
			return nil, fault.New(fault.InternalInvariant, "rows cannot be ordered by %s", t)
		}
		if !s.exact {
			continue
		}
		null := uint64(0)
		if k.NullsLast {
			null = math.MaxUint64
		}
		var parts []sortPart
		if t.Nullable() && (t.Kind() == types.BigInt || t.IsInterval()) { // others leave numbers for null
			parts = append(parts, sortPart{key: i, null: null, nulls: true})
		}
		value := func(f func(v *column.Vector, row int) uint64) {
			if k.Descending {
				g := f
				f = func(v *column.Vector, row int) uint64 { return ^g(v, row) }
			}
			parts = append(parts, sortPart{key: i, make: f, null: null})
		}
		switch {
		case t.IsApprox():
			value(func(v *column.Vector, row int) uint64 { return sortFloat(v.Word(row)) })
		case form == column.Word:
			value(func(v *column.Vector, row int) uint64 { return statebackend.SortInt(v.Int(row)) })
		case form == column.Wide:
			value(func(v *column.Vector, row int) uint64 { return statebackend.SortInt(int64(v.WideAt(row)[1])) })
			value(func(v *column.Vector, row int) uint64 { return v.WideAt(row)[0] })
		default:
			value(func(v *column.Vector, row int) uint64 {
				var b [8]byte
				copy(b[:], v.Bytes(row))
				return binary.BigEndian.Uint64(b[:])
			})
			s.exact = false
		}
		if len(s.parts)+len(parts) > limit {
			s.exact = false
			continue
		}
		s.parts = append(s.parts, parts...)
	}
	if len(s.parts) == 0 { // all rows are equal
		s.parts = append(s.parts, sortPart{key: -1})
	}
	s.words = make([][]uint64, len(s.parts))
	return s, nil
}

// sortFloat orders floating-point numbers, NaN last.
func sortFloat(w uint64) uint64 {
	if f := math.Float64frombits(w); f != f {
		w = math.Float64bits(math.NaN())
	}
	return w ^ (uint64(int64(w)>>63) | 1<<63)
}

// of returns the words of the rows of sel.
func (s *sortWords) of(b *column.Batch, sel []int32) [][]uint64 {
	for i := range s.parts {
		p, out := &s.parts[i], room(&s.words[i], b.N)
		if p.key < 0 {
			clear(out)
			continue
		}
		k := s.keys[p.key]
		v := b.Cols[k.Column]
		flat := !v.Const && v.Index == nil
		switch {
		case p.nulls:
			for _, row := range sel {
				if out[row] = 1; v.Null(int(row)) {
					out[row] = p.null
				}
			}
		case flat && v.Valid == nil && v.Form == column.Word && !s.types[p.key].IsApprox():
			flip := uint64(1 << 63)
			if k.Descending {
				flip = ^flip
			}
			for _, row := range sel {
				out[row] = v.Words[row] ^ flip
			}
		default:
			for _, row := range sel {
				if v.Null(int(row)) {
					out[row] = p.null
				} else {
					out[row] = p.make(v, int(row))
				}
			}
		}
	}
	return s.words
}

// compare orders two rows by their sort columns, given as vectors in the order of the keys.
func (s *sortWords) compare(cols []*column.Vector, a, b int) int {
	for i, k := range s.keys {
		v := cols[i]
		c := 0
		switch an, bn := v.Null(a), v.Null(b); {
		case an && bn:
			continue
		case an != bn:
			if an == k.NullsLast {
				return 1
			}
			return -1
		}
		switch {
		case s.types[i].IsApprox():
			c = order(sortFloat(v.Word(a)), sortFloat(v.Word(b)))
		case v.Form == column.Word:
			c = order(v.Int(a), v.Int(b))
		case v.Form == column.Wide:
			x, y := v.WideAt(a), v.WideAt(b)
			if c = order(int64(x[1]), int64(y[1])); c == 0 {
				c = order(x[0], y[0])
			}
		default:
			c = bytes.Compare(v.Bytes(a), v.Bytes(b))
		}
		if k.Descending {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

func order[T uint64 | int64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// wordsDiffer reports whether the sort words of a row, by column, are other than those of the row before it.
func wordsDiffer(words [][]uint64, row int) bool {
	for _, w := range words {
		if w[row] != w[row-1] {
			return true
		}
	}
	return false
}

// sameWords reports whether two rows have the same sort words, of which there are n.
func sameWords(rows *statebackend.Ordered, n int, a, b statebackend.RowRef) bool {
	var w [2]uint64
	for i := range n {
		if rows.ReadSort(i, []statebackend.RowRef{a, b}, w[:]); w[0] != w[1] {
			return false
		}
	}
	return true
}
