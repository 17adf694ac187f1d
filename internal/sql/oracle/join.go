package oracle

import (
	"slices"

	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
)

// join compares all rows with all. If the condition reads times, no row may be late, as it would depend on the other input whether it is.
func (e *evaluator) join(r *logical.Join) *relation {
	left, right := e.rel(r.Left), e.rel(r.Right)
	n, m := len(r.Left.Fields()), len(r.Right.Fields())
	if r.NullAware {
		unsupported("a join that minds nulls")
	}
	e.checkTimes(r, left, right)
	out := &relation{updates: true, window: left.window}
	rest := make([]bool, len(right.rows))
	for _, l := range left.rows {
		found := false
		for i, rr := range right.rows {
			both := append(slices.Clone(l.row), rr.row...)
			if r.Cond != nil && eval(r.Cond, both) != true {
				continue
			}
			found, rest[i] = true, true
			if r.Kind < logical.Semi {
				out.rows = append(out.rows, event{both, 0, noMark})
			}
		}
		switch {
		case r.Kind == logical.Semi && found, r.Kind == logical.Anti && !found:
			out.rows = append(out.rows, event{l.row, 0, noMark})
		case !found && (r.Kind == logical.LeftOuter || r.Kind == logical.FullOuter):
			out.rows = append(out.rows, event{append(slices.Clone(l.row), make(Row, m)...), 0, noMark})
		}
	}
	if r.Kind == logical.RightOuter || r.Kind == logical.FullOuter {
		out.window = nil
		for i, rr := range right.rows {
			if !rest[i] {
				out.rows = append(out.rows, event{append(make(Row, n), rr.row...), 0, noMark})
			}
		}
	}
	return out
}

func (e *evaluator) checkTimes(r *logical.Join, left, right *relation) {
	if r.Cond == nil {
		return
	}
	fields := append(slices.Clone(r.Left.Fields()), r.Right.Fields()...)
	n := len(r.Left.Fields())
	read := map[int]bool{}
	expr.Refs(r.Cond, read)
	timed := false
	for c := range read {
		side, at := left, c
		if c >= n {
			side, at = right, c-n
		}
		timed = timed || isTime(fields[c].Type) || side.window != nil && (at == side.window.start || at == side.window.end || at == side.window.time)
	}
	if !timed {
		return
	}
	for i, side := range []*relation{left, right} {
		for _, ev := range side.rows {
			if w := side.window; w != nil && w.end >= 0 {
				if timeOf(ev.row[w.end])-1 <= ev.mark {
					undetermined("a row of a join of windows is late")
				}
				continue
			}
			for c, v := range ev.row {
				if t, ok := v.(Time); ok && isTime(fields[c+i*n].Type) && t.millis() <= ev.mark {
					undetermined("a row of a join by time is late")
				}
			}
		}
	}
}
