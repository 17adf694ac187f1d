package vec

import (
	"encoding/binary"
	"math/bits"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/expr"
)

// splitter finds several parts of one string: calls of SPLIT_INDEX with one text and one separator of a byte. It looks at each text once.
type splitter struct {
	of    node
	sep   byte
	parts []*splitPart
	most  int // of the indexes
	turn  uint64
	ends  []int // of the first parts of a row
	flat  column.Vector
}

// splitPart is one of the calls.
type splitPart struct {
	from  *splitter
	index int
	out   column.Vector
}

// mostParts bounds the indexes that a splitter takes.
const mostParts = 256

// split compiles a call of SPLIT_INDEX whose separator and index are literals; nil for others.
func (c *compiler) split(e *expr.Call, s *scope) (node, error) {
	if len(e.Args) != 3 {
		return nil, nil
	}
	sep, ok := e.Args[1].(*expr.Const)
	index, okay := e.Args[2].(*expr.Const)
	if !ok || !okay || sep.Value.Null || index.Value.Null || !sep.T.IsChar() || len(sep.Value.Text) != 1 || !index.T.IsInteger() || index.Value.Int() < 0 || index.Value.Int() > mostParts {
		return nil, nil
	}
	of, err := c.compile(e.Args[0], s)
	if err != nil {
		return nil, err
	}
	part := &splitPart{index: int(index.Value.Int())}
	for at := s; at != nil && part.from == nil; at = at.outer {
		for _, known := range at.splits {
			if known.of == of && known.sep == sep.Value.Text[0] {
				part.from = known
			}
		}
	}
	if part.from == nil {
		part.from = &splitter{of: of, sep: sep.Value.Text[0]}
		s.splits = append(s.splits, part.from)
	}
	part.from.parts = append(part.from.parts, part)
	part.from.most = max(part.from.most, part.index)
	return part, nil
}

func (p *splitPart) eval(r *run, sel []int32) (*column.Vector, error) {
	if p.from.turn != r.turn {
		if err := p.from.run(r, sel); err != nil {
			return nil, err
		}
		p.from.turn = r.turn
	}
	return &p.out, nil
}

// run computes all parts.
func (s *splitter) run(r *run, sel []int32) error {
	v, err := s.of.eval(r, sel)
	if err != nil {
		return err
	}
	if v.Index != nil || v.Const {
		v = v.Flatten(r.n, &s.flat)
	}
	base := 0
	for _, p := range s.parts {
		p.out.Reset(column.Text, r.n)
		p.out.Room()
		base = p.out.Share(v)
	}
	if cap(s.ends) <= s.most {
		s.ends = make([]int, s.most+1)
	}
	ends := s.ends[:s.most+1]
	each(sel, r.n, func(row int32) {
		if v.Valid != nil && v.Valid[row>>6]>>(row&63)&1 == 0 {
			for _, p := range s.parts {
				p.out.SetNull(int(row), r.n)
			}
			return
		}
		view := &v.Views[row]
		text := view.Content(v.Buffers)
		n := separators(text, s.sep, ends)
		for _, p := range s.parts {
			from, to := 0, len(text)
			switch {
			case p.index > n || to == 0: // of an empty text there is no part
				p.out.SetNull(int(row), r.n)
				continue
			case p.index < n:
				to = ends[p.index]
			}
			if p.index > 0 {
				from = ends[p.index-1] + 1
			}
			if to-from <= column.InlineBytes {
				p.out.Views[row] = column.MakeView(text[from:to], 0, 0)
			} else {
				p.out.Views[row] = column.MakeView(text[from:to], base+view.Buffer(), view.Offset()+from)
			}
		}
	})
	return nil
}

// separators writes where the first bytes sep are in text, as many as at has room for, and returns how many there are of these.
func separators(text []byte, sep byte, at []int) int {
	const low, high = 0x0101010101010101, 0x8080808080808080
	n, i := 0, 0
	for ; i+8 <= len(text); i += 8 {
		x := binary.LittleEndian.Uint64(text[i:]) ^ uint64(sep)*low
		for hits := ^(x&^high + ^uint64(high) | x | ^uint64(high)); hits != 0; hits &= hits - 1 { // the high bit of each byte that is zero
			if n == len(at) {
				return n
			}
			at[n] = i + bits.TrailingZeros64(hits)>>3
			n++
		}
	}
	for ; i < len(text); i++ {
		if text[i] == sep {
			if n == len(at) {
				return n
			}
			at[n] = i
			n++
		}
	}
	return n
}
