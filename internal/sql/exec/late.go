package exec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/statebackend"
)

// lateTaker is an operator that tells by some columns which rows of a batch it needs at all, such as one that keeps the best row of each key. An operator right in front of it in a chain that has to look columns up, such as a
// join, gives it these alone at first.
type lateTaker interface {
	// decides returns the columns that takeLate reads; nil if it needs all.
	decides() []int
	// takeLate processes a batch in which only the columns of decides are filled. rest returns a batch of some of its rows with all columns, in the order in which they are given, which is valid until the next call of it, or until
	// takeLate returns.
	takeLate(b *column.Batch, rest func(rows []int32) *column.Batch)
}

// lateJoin is what a join knows of what stands behind it, if that is a [lateTaker].
type lateJoin struct {
	taker lateTaker
	first []bool // the columns that it gets at first
	rest  func(rows []int32) *column.Batch
	// The pairs at hand.
	side    int
	batch   *column.Batch
	matches []int32
	found   []statebackend.RowRef
	// Those of them that it has asked for.
	rows []int32
	refs []statebackend.RowRef
	out  [2]column.Batch
}

// prepareLate prepares for a lateTaker behind the join, if there is one.
func (j *joinInstance) prepareLate(w operator.Wiring) {
	taker, ok := operator.PortOf[*column.Batch](w).Taker.(lateTaker)
	if !ok {
		return
	}
	cols := taker.decides()
	if cols == nil {
		return
	}
	l := &lateJoin{taker: taker, first: make([]bool, len(j.f.Left)+len(j.f.Right))}
	for _, c := range cols {
		l.first[c] = true
	}
	l.rest = func(rows []int32) *column.Batch {
		l.rows, l.refs = l.rows[:0], l.refs[:0]
		for _, row := range rows {
			l.rows, l.refs = append(l.rows, l.matches[row]), append(l.refs, l.found[row])
		}
		out := &l.out[l.side]
		out.N, out.Sel, out.Kinds = len(rows), nil, nil
		j.gather(out, l.side, l.batch, l.rows, l.refs, nil, false)
		return out
	}
	j.late = l
}

// innerLate is inner in front of a [lateTaker].
func (j *joinInstance) innerLate(s int, b *column.Batch, sel []int32, refs []statebackend.Ref) {
	l, out := j.late, &j.out[s]
	var cursor joinCursor
	for more := true; more && !j.ctx.Failed; {
		var n int
		if n, more = j.nextPairs(s, b, sel, refs, &cursor); n == 0 {
			continue
		}
		l.side, l.batch, l.matches, l.found = s, b, j.matches[:n], j.found[:n]
		out.N, out.Sel, out.Kinds = n, nil, nil
		j.gather(out, s, b, l.matches, l.found, l.first, true)
		l.taker.takeLate(out, l.rest)
	}
}
