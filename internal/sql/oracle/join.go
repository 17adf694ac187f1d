package oracle

import (
	"slices"

	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
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

// temporal joins each left row with the versions that the right table has at its time: of each key the last one that is not later.
func (e *evaluator) temporal(r *logical.TemporalJoin) *relation {
	left, right := e.rel(r.Left), e.rel(r.Right)
	m := len(r.Right.Fields())
	time := slices.IndexFunc(r.Right.Fields(), func(f types.Field) bool { return isTime(f.Type) })
	if !isTime(r.Left.Fields()[r.Time].Type) || time < 0 || r.Key != nil || !right.ordered {
		unsupported("such a temporal join")
	}
	var key []int
	for _, name := range keyNames(r.Right) {
		key = append(key, slices.IndexFunc(r.Right.Fields(), func(f types.Field) bool { return f.Name == name }))
	}
	if len(key) == 0 || slices.Contains(key, -1) {
		unsupported("a temporal join with a table without a key")
	}
	e.noneLate(r.Left, left)
	e.noneLate(r.Right, right)
	out := &relation{updates: true}
	for _, l := range left.rows {
		best := map[string]event{}
		var ids []string
		for _, rr := range right.rows {
			var k Row
			for _, c := range key {
				k = append(k, rr.row[c])
			}
			id := keyOf(k)
			old, ok := best[id]
			if timeOf(rr.row[time]) > timeOf(l.row[r.Time]) || ok && timeOf(old.row[time]) > timeOf(rr.row[time]) {
				continue
			}
			if !ok {
				ids = append(ids, id)
			}
			best[id] = rr
		}
		found := false
		for _, id := range ids {
			both := append(slices.Clone(l.row), best[id].row...)
			if r.Cond == nil || eval(r.Cond, both) == true {
				found = true
				out.rows = append(out.rows, event{both, 0, noMark})
			}
		}
		if !found && r.Kind == logical.LeftOuter {
			out.rows = append(out.rows, event{append(slices.Clone(l.row), make(Row, m)...), 0, noMark})
		}
	}
	return out
}

// keyNames are the names of the primary key of the table beneath.
func keyNames(r logical.Rel) []string {
	if s, ok := r.(*logical.Scan); ok {
		return s.Table.PrimaryKey
	}
	if in := r.Inputs(); len(in) == 1 {
		return keyNames(in[0])
	}
	return nil
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
	e.noneLate(r.Left, left)
	e.noneLate(r.Right, right)
}

// noneLate makes sure that no row of an input is late, as it would depend on the other one whether it is.
func (e *evaluator) noneLate(of logical.Rel, in *relation) {
	for _, ev := range in.rows {
		if w := in.window; w != nil && w.end >= 0 {
			if timeOf(ev.row[w.end])-1 <= ev.mark {
				undetermined("a row of a join of windows is late")
			}
			continue
		}
		for c, v := range ev.row {
			if t, ok := v.(Time); ok && isTime(of.Fields()[c].Type) && t.millis() <= ev.mark {
				undetermined("a row of a join by time is late")
			}
		}
	}
}
