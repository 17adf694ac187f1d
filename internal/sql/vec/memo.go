package vec

import (
	"math/bits"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/expr"
)

// memo is a slow call that may stand in several places that different rows come to, such as a condition of an OR and a branch of a CASE: each row is computed once a turn, wherever it comes first.
type memo struct {
	// first computes the rows that come first in a turn, more those that come later: what first gave stays as it is.
	first, more node
	turn        uint64
	done        []uint64 // rows that are computed
	out         *column.Vector
	both        merged // what first and more gave, from when there is something of more
	missing     []int32
}

// memo compiles a call as a memo. It is nil if the call is not slow, or something in it is computed by itself: that would have to be computed anew for the rows that come later.
func (c *compiler) memo(e *expr.Call) (node, error) {
	if !e.Fn.Slow || column.FormOf(e.T) > column.Text {
		return nil, nil
	}
	for _, a := range e.Args {
		simple := true
		expr.Walk(a, func(e expr.Expr) bool {
			if _, is := e.(*expr.Call); is {
				simple = false
			}
			return simple
		})
		if !simple {
			return nil, nil
		}
	}
	key := e.String()
	for _, k := range c.memos[key] {
		if expr.Equal(k.e, e) {
			return k.n, nil
		}
	}
	m := &memo{both: newMerged(e.T)}
	var err error
	if m.first, err = c.call(e, &scope{}); err != nil {
		return nil, err
	}
	if m.more, err = c.call(e, &scope{}); err != nil {
		return nil, err
	}
	if c.memos == nil {
		c.memos = map[string][]knownMemo{}
	}
	c.memos[key] = append(c.memos[key], knownMemo{e, m})
	return m, nil
}

type knownMemo struct {
	e expr.Expr
	n *memo
}

func (m *memo) eval(r *run, sel []int32) (*column.Vector, error) {
	if m.turn != r.turn {
		v, err := m.first.eval(r, sel)
		if err != nil {
			return nil, err
		}
		m.turn, m.out = r.turn, v
		m.begin(sel, r.n)
		return v, nil
	}
	m.missing = room(m.missing, r.n)
	if sel == nil {
		for row := range int32(r.n) {
			m.miss(row)
		}
	} else {
		for _, row := range sel {
			m.miss(row)
		}
	}
	if len(m.missing) == 0 {
		return m.out, nil
	}
	v, err := m.more.eval(r, m.missing)
	if err != nil {
		return nil, err
	}
	if both := &m.both.vector; m.out != both {
		m.both.begin(r.n)
		for w, word := range m.done {
			for ; word != 0; word &= word - 1 {
				m.both.row(m.out, w<<6|bits.TrailingZeros64(word), r.n)
			}
		}
		m.out = both
	}
	m.both.put(v, m.missing, r.n)
	for _, row := range m.missing {
		m.done[row>>6] |= 1 << (row & 63)
	}
	return m.out, nil
}

// begin notes the rows that were computed first.
func (m *memo) begin(sel []int32, n int) {
	words := (n + 63) / 64
	if cap(m.done) < words {
		m.done = make([]uint64, words)
	}
	m.done = m.done[:words]
	if sel == nil {
		fill(m.done, ^uint64(0))
		return
	}
	clear(m.done)
	for _, row := range sel {
		m.done[row>>6] |= 1 << (row & 63)
	}
}

func (m *memo) miss(row int32) {
	if m.done[row>>6]>>(row&63)&1 == 0 {
		m.missing = append(m.missing, row)
	}
}
