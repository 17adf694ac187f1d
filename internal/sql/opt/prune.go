package opt

import (
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// pruneColumns drops columns at projections, joins and aggregations. Scans and watermarks keep theirs: a scan may have several readers, and its columns are chosen by what all of them need.
func pruneColumns(_ *Optimizer, r logical.Rel) logical.Rel {
	return exactly(r, all(len(r.Fields())))
}

func all(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// exactly returns r with the given columns, in that order.
func exactly(r logical.Rel, want []int) logical.Rel {
	need := make([]bool, len(r.Fields()))
	for _, i := range want {
		need[i] = true
	}
	fields := r.Fields()
	out, at := prune(r, need)
	same := len(out.Fields()) == len(want)
	for i, c := range want {
		same = same && at[c] == i
	}
	if same {
		return out
	}
	p := &logical.Project{Input: out}
	for _, c := range want {
		p.Exprs = append(p.Exprs, &expr.Ref{Index: at[c], Name: fields[c].Name, T: fields[c].Type})
		p.Out = append(p.Out, fields[c])
	}
	return p
}

func mark(e expr.Expr, need []bool) {
	set := map[int]bool{}
	expr.Refs(e, set)
	for i := range set {
		need[i] = true
	}
}

func kept(need []bool) (list []int) {
	list = []int{}
	for i, n := range need {
		if n {
			list = append(list, i)
		}
	}
	return list
}

// places returns where the columns of a list went, -1 for those not in it.
func places(n int, list []int) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = -1
	}
	for i, c := range list {
		at[c] = i
	}
	return at
}

func move(e expr.Expr, at []int) expr.Expr {
	if e == nil {
		return nil
	}
	return expr.Shift(e, func(i int) int { return at[i] })
}

func moveAll(list, at []int) []int {
	if list == nil {
		return nil
	}
	out := make([]int, len(list))
	for i, c := range list {
		out[i] = at[c]
	}
	return out
}

func pick(fields []types.Field, list []int) []types.Field {
	out := make([]types.Field, len(list))
	for i, c := range list {
		out[i] = fields[c]
	}
	return out
}

func moveKeys(keys []logical.SortKey, at []int) []logical.SortKey {
	out := make([]logical.SortKey, len(keys))
	for i, k := range keys {
		k.Column = at[k.Column]
		out[i] = k
	}
	return out
}

func moveCalls(calls []*logical.AggCall, at []int) []*logical.AggCall {
	out := make([]*logical.AggCall, len(calls))
	for i, c := range calls {
		m := *c
		m.Args = nil
		for _, a := range c.Args {
			m.Args = append(m.Args, move(a, at))
		}
		if c.Filter >= 0 {
			m.Filter = at[c.Filter]
		}
		m.Order = moveKeys(c.Order, at)
		out[i] = &m
	}
	return out
}

func markCalls(calls []*logical.AggCall, need []bool) {
	for _, c := range calls {
		for _, a := range c.Args {
			mark(a, need)
		}
		if c.Filter >= 0 {
			need[c.Filter] = true
		}
		for _, k := range c.Order {
			need[k.Column] = true
		}
	}
}

// prune returns r with at least the needed columns, and where each column of r went.
func prune(r logical.Rel, need []bool) (logical.Rel, []int) {
	n := len(r.Fields())
	switch r := r.(type) {
	case *logical.Project:
		keep := kept(need)
		below := make([]bool, len(r.Input.Fields()))
		for _, i := range keep {
			mark(r.Exprs[i], below)
		}
		in, at := prune(r.Input, below)
		p := &logical.Project{Input: in, Exprs: make([]expr.Expr, len(keep)), Out: pick(r.Out, keep)}
		for i, c := range keep {
			p.Exprs[i] = move(r.Exprs[c], at)
		}
		return p, places(n, keep)
	case *logical.Filter:
		below := append([]bool(nil), need...)
		mark(r.Cond, below)
		in, at := prune(r.Input, below)
		return &logical.Filter{Input: in, Cond: move(r.Cond, at)}, at
	case *logical.Values:
		keep := kept(need)
		v := &logical.Values{Out: pick(r.Out, keep)}
		for _, row := range r.Rows {
			to := make([]expr.Expr, len(keep))
			for i, c := range keep {
				to[i] = row[c]
			}
			v.Rows = append(v.Rows, to)
		}
		return v, places(n, keep)
	case *logical.Aggregate:
		return pruneAggregate(r, need)
	case *logical.WindowTable:
		width := len(r.Input.Fields())
		below := append([]bool(nil), need[:width]...)
		below[r.Window.Time] = true
		for _, k := range r.Window.Keys {
			below[k] = true
		}
		keep := kept(below)
		in := exactly(r.Input, keep)
		at := places(width, keep)
		w := *r
		w.Input, w.Window.Time, w.Window.Keys = in, at[r.Window.Time], moveAll(r.Window.Keys, at)
		w.Out = append(pick(r.Out, keep), r.Out[width:]...)
		for i := width; i < n; i++ {
			at = append(at, len(keep)+i-width)
		}
		return &w, at
	case *logical.Join:
		return pruneJoin(r, need)
	case *logical.TemporalJoin:
		width := len(r.Left.Fields())
		left := append([]bool(nil), need[:width]...)
		left[r.Time] = true
		cond := make([]bool, n)
		if r.Cond != nil {
			mark(r.Cond, cond)
		}
		for i := range left {
			left[i] = left[i] || cond[i]
		}
		keep := kept(left)
		at := places(width, keep)
		right := r.Right.Fields()
		for i := range right {
			at = append(at, len(keep)+i)
		}
		j := *r
		j.Left, j.Right, j.Time, j.Cond = exactly(r.Left, keep), exactly(r.Right, all(len(right))), at[r.Time], move(r.Cond, at)
		j.Out = append(pick(r.Out, keep), r.Out[width:]...)
		return &j, at
	case *logical.Correlate:
		width := len(r.Input.Fields())
		below := append([]bool(nil), need[:width]...)
		for _, a := range r.Args {
			mark(a, below)
		}
		if r.Cond != nil {
			cond := make([]bool, n)
			mark(r.Cond, cond)
			for i := range below {
				below[i] = below[i] || cond[i]
			}
		}
		keep := kept(below)
		at := places(width, keep)
		for i := width; i < n; i++ {
			at = append(at, len(keep)+i-width)
		}
		c := *r
		c.Input, c.Cond, c.Args = exactly(r.Input, keep), move(r.Cond, at), nil
		for _, a := range r.Args {
			c.Args = append(c.Args, move(a, at))
		}
		c.Out = append(pick(r.Out, keep), r.Out[width:]...)
		return &c, at
	case *logical.SetOp:
		keep := all(n)
		if r.Kind == logical.Union && r.All {
			keep = kept(need)
		}
		s := *r
		s.Of, s.Out = make([]logical.Rel, len(r.Of)), pick(r.Out, keep)
		for i, in := range r.Of {
			s.Of[i] = exactly(in, keep)
		}
		return &s, places(n, keep)
	case *logical.Sort:
		below := append([]bool(nil), need...)
		for _, k := range r.Keys {
			below[k.Column] = true
		}
		in, at := prune(r.Input, below)
		s := *r
		s.Input, s.Keys = in, moveKeys(r.Keys, at)
		return &s, at
	case *logical.Over:
		width := len(r.Input.Fields())
		below := append([]bool(nil), need[:width]...)
		for _, c := range r.Partition {
			below[c] = true
		}
		for _, k := range r.Order {
			below[k.Column] = true
		}
		var calls []*logical.AggCall
		var at2 []int
		for i, c := range r.Calls {
			if need[width+i] {
				at2 = append(at2, len(calls))
				calls = append(calls, c)
			} else {
				at2 = append(at2, -1)
			}
		}
		if len(calls) == 0 {
			in, at := prune(r.Input, need[:width])
			for range r.Calls {
				at = append(at, -1)
			}
			return in, at
		}
		markCalls(calls, below)
		keep := kept(below)
		at := places(width, keep)
		o := *r
		o.Input, o.Partition, o.Order, o.Calls = exactly(r.Input, keep), moveAll(r.Partition, at), moveKeys(r.Order, at), moveCalls(calls, at)
		o.Out = pick(r.Out, keep)
		for i, to := range at2 {
			if to < 0 {
				at = append(at, -1)
				continue
			}
			o.Out = append(o.Out, r.Out[width+i])
			at = append(at, len(keep)+to)
		}
		return &o, at
	}
	inputs := r.Inputs()
	if len(inputs) == 0 {
		return r, all(n)
	}
	to := make([]logical.Rel, len(inputs))
	for i, in := range inputs {
		to[i] = exactly(in, all(len(in.Fields())))
	}
	return r.With(to), all(n)
}

func pruneAggregate(r *logical.Aggregate, need []bool) (logical.Rel, []int) {
	keys := len(r.Keys)
	below := make([]bool, len(r.Input.Fields()))
	for _, k := range r.Keys {
		below[k] = true
	}
	if r.Window != nil {
		below[r.Window.Time] = true
		for _, k := range r.Window.Keys {
			below[k] = true
		}
	}
	var calls []*logical.AggCall
	out := append([]types.Field(nil), r.Out[:keys]...)
	at := all(keys)
	for i, c := range r.Calls {
		if !need[keys+i] {
			at = append(at, -1)
			continue
		}
		at = append(at, len(out))
		calls = append(calls, c)
		out = append(out, r.Out[keys+i])
	}
	for i := range len(r.Properties) + len(r.Groupings) {
		at = append(at, len(out))
		out = append(out, r.Out[keys+len(r.Calls)+i])
	}
	markCalls(calls, below)
	keep := kept(below)
	to := places(len(below), keep)
	a := *r
	a.Input, a.Keys, a.Calls, a.Out = exactly(r.Input, keep), moveAll(r.Keys, to), moveCalls(calls, to), out
	if r.Window != nil {
		w := *r.Window
		w.Time, w.Keys = to[w.Time], moveAll(w.Keys, to)
		a.Window = &w
	}
	return &a, at
}

func pruneJoin(r *logical.Join, need []bool) (logical.Rel, []int) {
	left, right := len(r.Left.Fields()), len(r.Right.Fields())
	needed := make([]bool, left+right)
	copy(needed, need) // those of Semi and Anti are the left ones
	if r.Cond != nil {
		mark(r.Cond, needed)
	}
	keepLeft, keepRight := kept(needed[:left]), kept(needed[left:])
	at := places(left, keepLeft)
	for _, p := range places(right, keepRight) {
		if p >= 0 {
			p += len(keepLeft)
		}
		at = append(at, p)
	}
	j := *r
	j.Left, j.Right, j.Cond = exactly(r.Left, keepLeft), exactly(r.Right, keepRight), move(r.Cond, at)
	j.Out = pick(r.Out[:left], keepLeft)
	if len(r.Out) > left {
		j.Out = append(j.Out, pick(r.Out[left:], keepRight)...)
	}
	return &j, at[:len(r.Out)]
}
