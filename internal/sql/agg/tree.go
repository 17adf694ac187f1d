package agg

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// tree keeps all values of each group in order, for MIN and MAX of an input that takes rows back: the result is the first one. Values are sorted by words: those of numbers say all; of texts the first 8 bytes are
// sorted by, and of those with the same the first one is looked for.
type tree struct {
	pick  int
	arg   int
	form  form
	flip  uint64
	rows  *statebackend.Ordered
	cols  []statebackend.Column
	sort  [][]uint64
	put   []int32
	take  []int32
	gone  []int32
	words []uint64
	ok    []bool
	match []int32
	found []statebackend.RowRef
	read  column.Vector
}

// addTree adds MIN and MAX of an input that takes rows back.
func (s *Set) addTree(c *Call, at, arg int, r *result) error {
	t := s.args[arg].t
	n := tree{pick: at, arg: arg}
	switch f := column.FormOf(t); {
	case t.IsApprox():
		n.form = treeFloat
	case f == column.Word && (t.IsExact() || t.IsDatetime() || t.IsInterval() || t.Kind() == types.Boolean):
		n.form, n.flip = treeWord, signBit
	case f == column.Wide:
		n.form = treeWide
	case t.IsChar() || t.IsBytes():
		n.form = treeText
	default:
		return unsupported(c, "of %s is not supported", t)
	}
	if c.Function == "MAX" {
		n.flip ^= allBits
	}
	r.form, r.kept = n.form, len(s.trees)
	for i := range s.trees {
		if o := &s.trees[i]; o.pick == n.pick && o.arg == n.arg && o.flip == n.flip {
			r.kept = i
			return nil
		}
	}
	s.trees = append(s.trees, n)
	return nil
}

func (t *tree) declare(s *Set, sp *statebackend.Space, number int) {
	schema := statebackend.OrderedSchema{Sort: 1}
	switch t.form {
	case treeWide:
		schema.Sort = 2
	case treeText:
		schema.Columns = []statebackend.ColumnSpec{{Type: statebackend.BytesColumn}}
	}
	t.rows = statebackend.NewOrdered(sp, fmt.Sprintf("values in order %d", number), schema)
	t.sort = make([][]uint64, schema.Sort)
}

func (t *tree) update(s *Set, refs []statebackend.Ref) {
	rows := s.picks[t.pick].rows
	if len(rows) == 0 {
		return
	}
	v := s.args[t.arg].v
	for i := range t.sort {
		if len(t.sort[i]) < len(refs) {
			t.sort[i] = make([]uint64, max(len(refs), 1024))
		}
	}
	a := t.sort[0]
	switch t.form {
	case treeWord:
		for _, r := range rows {
			a[r] = v.Words[r] ^ t.flip
		}
	case treeFloat:
		for _, r := range rows {
			a[r] = sortFloat(math.Float64frombits(v.Words[r])) ^ t.flip
		}
	case treeWide:
		b := t.sort[1]
		for _, r := range rows {
			a[r], b[r] = v.Wide[r][1]^signBit^t.flip, v.Wide[r][0]^t.flip
		}
	default:
		for _, r := range rows {
			a[r] = prefix(v.Views[r].Content(v.Buffers)) ^ t.flip
		}
	}
	t.cols = t.cols[:0]
	if t.form == treeText {
		t.cols = append(t.cols, statebackend.Column{Views: v.Views, Buffers: v.Buffers})
	}
	t.put, t.take = s.divide(rows, t.put, t.take)
	if len(t.put) > 0 {
		t.rows.Insert(refs, t.put, t.sort, t.cols, nil, nil)
	}
	if len(t.take) > 0 {
		t.gone = t.rows.Retract(refs, t.take, t.sort, t.cols, t.gone[:0])
	}
}

// prefix is the first 8 bytes of a text as a number, in the order of texts.
func prefix(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var p [8]byte
	copy(p[:], b)
	return binary.BigEndian.Uint64(p[:])
}

// divide parts rows into those that add and those that take back. What a batch brings and takes back again is there when it is taken back.
func (s *Set) divide(rows []int32, put, take []int32) (_, _ []int32) {
	put, take = put[:0], take[:0]
	for _, r := range rows {
		if s.sign(r) > 0 {
			put = append(put, r)
		} else {
			take = append(take, r)
		}
	}
	return put, take
}

func (t *tree) emit(s *Set, r *result, refs []statebackend.Ref, out *column.Vector, at, n int) {
	if len(t.words) < len(refs) {
		t.words, t.ok = make([]uint64, max(len(refs), 1024)), make([]bool, max(len(refs), 1024))
	}
	t.rows.First(refs, nil, t.words, t.ok)
	for i, ok := range t.ok[:len(refs)] {
		switch w := t.words[i] ^ t.flip; {
		case !ok:
			out.SetNull(at+i, n)
		case t.form == treeWord:
			out.Words[at+i] = w
		case t.form == treeFloat:
			out.Words[at+i] = math.Float64bits(unsortFloat(w))
		default:
			t.emitFirst(refs[i], t.words[i], out, at+i)
		}
	}
}

// emitFirst writes the first value of a group, among those with the same first sort word.
func (t *tree) emitFirst(ref statebackend.Ref, word uint64, out *column.Vector, row int) {
	if t.match == nil {
		t.match, t.found = make([]int32, 256), make([]statebackend.RowRef, 256)
	}
	scan := statebackend.OrderedScan{To: []uint64{word}}
	if t.form == treeWide {
		scan.Limit = 1
	}
	var from statebackend.OrderedCursor
	var best []byte
	for more, some := true, false; more; {
		var n int
		n, more = t.rows.Scan([]statebackend.Ref{ref}, nil, scan, &from, t.match, t.found)
		if t.form == treeWide {
			var low [1]uint64
			t.rows.ReadSort(1, t.found[:n], low[:])
			out.Wide[row] = [2]uint64{low[0] ^ t.flip, word ^ signBit ^ t.flip}
			return
		}
		t.read.Reset(column.Text, n)
		own, number := t.read.Room()
		t.read.SetRoom(t.rows.ReadStrings(0, t.found[:n], t.read.Views, own, number))
		for i := range n {
			b := t.read.Bytes(i)
			if c := bytes.Compare(b, best); !some || c < 0 && t.flip == 0 || c > 0 && t.flip != 0 {
				best, some = append(best[:0], b...), true
			}
		}
	}
	out.SetBytes(row, best)
}
