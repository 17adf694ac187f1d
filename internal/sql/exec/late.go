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
	// first are the columns that it gets at first, and more those of them that the condition does not read.
	first, more []bool
	rest        func(rows []int32) *column.Batch
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

// late prepares for a lateTaker behind the join, if there is one.
func (j *joinInstance) prepareLate(w operator.Wiring) {
	taker, ok := operator.PortOf[*column.Batch](w).Taker.(lateTaker)
	if !ok {
		return
	}
	cols := taker.decides()
	if cols == nil {
		return
	}
	width := len(j.f.Left) + len(j.f.Right)
	l := &lateJoin{taker: taker, first: make([]bool, width), more: make([]bool, width)}
	for _, c := range cols {
		l.first[c] = true
		l.more[c] = j.residual == nil || !j.reads[c]
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

// pass gives the pairs of a batch to the lateTaker, as far as the condition is true of them.
func (l *lateJoin) pass(j *joinInstance, s int, b *column.Batch, matches []int32, found []statebackend.RowRef) {
	out := &j.out[s]
	out.N, out.Sel, out.Kinds = len(matches), nil, nil
	wanted := l.first
	if j.residual != nil {
		j.gather(out, s, b, matches, found, j.reads, true)
		kept, err := j.residual.Select(&j.call, out, nil)
		switch {
		case err != nil:
			j.ctx.Fail(err)
			return
		case len(kept) == 0:
			return
		case len(kept) < len(matches):
			compactPairs(matches, found, kept)
			matches, found = matches[:len(kept)], found[:len(kept)]
			out.N = len(kept)
		default:
			wanted = l.more
		}
	}
	j.gather(out, s, b, matches, found, wanted, true)
	l.side, l.batch, l.matches, l.found = s, b, matches, found
	l.taker.takeLate(out, l.rest)
}
