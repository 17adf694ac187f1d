package bind

import (
	"math"
	"slices"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// decorrelation takes the conditions out of a subquery that read columns of a query around it, so that they can become those of a join.
type decorrelation struct {
	*text
	scope *scope
	at    ast.Node
	// empty and single are those of a subMark.
	empty  []expr.Expr
	single bool
}

// outside reports whether an expression reads columns of the query around.
func (d *decorrelation) outside(e expr.Expr) bool {
	found := false
	if e != nil {
		expr.Walk(e, func(e expr.Expr) bool {
			if _, ok := e.(*outerRef); ok {
				found = true
			}
			return !found
		})
	}
	return found
}

// inner is a condition over the query around it: columns of that are plain, those of the subquery innerRefs. Columns of queries farther outside stay as they are.
func (d *decorrelation) inner(e expr.Expr) expr.Expr {
	return replaced(e, func(e expr.Expr) expr.Expr {
		switch e := e.(type) {
		case *expr.Ref:
			return &innerRef{e}
		case *outerRef:
			if e.scope == d.scope {
				return e.ref
			}
		}
		return nil
	})
}

// expressions are those of an operator.
func expressions(r logical.Rel) []expr.Expr {
	var list []expr.Expr
	calls := func(all []*logical.AggCall) {
		for _, c := range all {
			list = append(list, c.Args...)
		}
	}
	switch r := r.(type) {
	case *logical.Values:
		for _, row := range r.Rows {
			list = append(list, row...)
		}
	case *logical.Project:
		list = r.Exprs
	case *logical.Filter:
		list = []expr.Expr{r.Cond}
	case *logical.Join:
		if r.Cond != nil {
			list = []expr.Expr{r.Cond}
		}
	case *logical.TemporalJoin:
		if r.Cond != nil {
			list = []expr.Expr{r.Cond}
		}
	case *logical.Correlate:
		list = slices.Clone(r.Args)
		if r.Cond != nil {
			list = append(list, r.Cond)
		}
	case *logical.Aggregate:
		calls(r.Calls)
	case *logical.Over:
		calls(r.Calls)
	}
	return list
}

func (d *decorrelation) has(r logical.Rel) bool {
	return slices.ContainsFunc(expressions(r), d.outside) || slices.ContainsFunc(r.Inputs(), d.has)
}

// pull returns a relation without columns of the query around it, and the conditions that were taken out, over its columns. Its first columns are those of the other; there may be more.
func (d *decorrelation) pull(r logical.Rel) (logical.Rel, []expr.Expr) {
	if !d.has(r) {
		return r, nil
	}
	switch r := r.(type) {
	case *logical.Filter:
		in, conds := d.pull(r.Input)
		var own []expr.Expr
		for _, c := range expr.And(r.Cond) {
			if d.outside(c) {
				conds = append(conds, c)
			} else {
				own = append(own, c)
			}
		}
		// A filter behind an aggregation of everything may drop its row.
		d.empty = nil
		if len(own) > 0 {
			in = &logical.Filter{Input: in, Cond: d.all(d.at, own)}
		}
		return in, conds
	case *logical.Project:
		return d.project(r)
	case *logical.Aggregate:
		return d.aggregate(r)
	case *logical.Sort:
		if r.Limit < 0 && r.Offset == 0 {
			return d.pull(r.Input)
		}
		return d.top(r)
	case *logical.Join:
		return d.join(r)
	}
	d.unsupported(d.at, "this query reads columns of the query around it in a place that is not supported")
	return nil, nil
}

func (d *decorrelation) project(r *logical.Project) (logical.Rel, []expr.Expr) {
	in, conds := d.pull(r.Input)
	list := slices.Clone(r.Exprs)
	names := make([]string, len(r.Out))
	for i, f := range r.Out {
		names[i] = f.Name
		if d.outside(list[i]) {
			d.unsupported(d.at, "the columns of this query cannot be computed with columns of the query around it")
		}
	}
	if d.empty != nil {
		d.empty = mapped(list, func(e expr.Expr) expr.Expr { return expr.Inline(e, d.empty) })
	}
	at := map[int]int{}
	for i, e := range list {
		if ref, ok := e.(*expr.Ref); ok {
			if _, seen := at[ref.Index]; !seen {
				at[ref.Index] = i
			}
		}
	}
	fields := in.Fields()
	conds = mapped(conds, func(e expr.Expr) expr.Expr {
		return expr.Shift(e, func(i int) int {
			if _, ok := at[i]; !ok {
				at[i] = len(list)
				list = append(list, &expr.Ref{Index: i, Name: fields[i].Name, T: fields[i].Type})
				names = append(names, fields[i].Name)
			}
			return at[i]
		})
	})
	if d.single {
		// The last column stays a key or a mark: it tells whether there is a row.
		last := len(fields) - 1
		if at[last] != len(list)-1 {
			list = append(list, &expr.Ref{Index: last, Name: fields[last].Name, T: fields[last].Type})
			names = append(names, fields[last].Name)
		}
	}
	return project(in, list, names), conds
}

// aggregate groups by what the conditions compare with columns outside, too.
func (d *decorrelation) aggregate(r *logical.Aggregate) (logical.Rel, []expr.Expr) {
	if r.Sets != nil || r.Window != nil {
		d.unsupported(d.at, "a query with grouping sets or windows that reads columns of the query around it is not supported")
	}
	in, conds := d.pull(r.Input)
	d.empty, d.single = nil, false
	fields := in.Fields()
	list := make([]expr.Expr, len(fields))
	names := make([]string, len(fields))
	for i, f := range fields {
		list[i], names[i] = &expr.Ref{Index: i, Name: f.Name, T: f.Type}, f.Name
	}
	var keys []int
	var outer []expr.Expr
	var ops []string
	for _, c := range conds {
		a, b, op := sides(d.inner(c))
		if op == "" {
			d.unsupported(d.at, "a query with aggregates is related to the query around it by equalities alone")
		}
		i := slices.IndexFunc(list, func(e expr.Expr) bool { return expr.Equal(e, a) })
		if i < 0 {
			i = len(list)
			list, names = append(list, a), append(names, "$c")
		}
		keys, outer, ops = append(keys, i), append(outer, d.outer(b)), append(ops, op)
	}
	agg := &logical.Aggregate{Input: project(in, list, names), Keys: slices.Clone(r.Keys), Calls: r.Calls, Hints: r.Hints, TTL: r.TTL, At: r.At}
	out := slices.Clone(r.Out[:len(r.Keys)])
	place := map[int]int{}
	for i, k := range r.Keys {
		place[k] = i
	}
	fields = agg.Input.Fields()
	for _, k := range keys {
		if _, ok := place[k]; !ok {
			place[k] = len(agg.Keys)
			agg.Keys = append(agg.Keys, k)
			f := fields[k]
			f.Type = f.Type.WithAttribute(types.NoAttribute)
			out = append(out, f)
		}
	}
	nk, added := len(r.Keys), len(agg.Keys)-len(r.Keys)
	out = append(out, r.Out[nk:]...)
	var outNames []string
	for _, f := range out {
		outNames = append(outNames, f.Name)
	}
	for i, n := range unique(outNames) {
		out[i].Name = n
	}
	agg.Out = out
	// The columns that were there come first again.
	var order []expr.Expr
	var orderNames []string
	keep := func(i int) {
		order, orderNames = append(order, &expr.Ref{Index: i, Name: out[i].Name, T: out[i].Type}), append(orderNames, out[i].Name)
	}
	for i := range nk {
		keep(i)
	}
	for i := range r.Calls {
		keep(nk + added + i)
	}
	for i := range added {
		keep(nk + i)
	}
	where := func(k int) int {
		p := place[k]
		if p >= nk {
			p += len(r.Calls)
		}
		return p
	}
	var result []expr.Expr
	for i, k := range keys {
		p := where(k)
		t := order[p].Type()
		result = append(result, d.call(d.at, ops[i], outer[i], &expr.Ref{Index: p, Name: orderNames[p], T: t}))
	}
	if nk == 0 && added > 0 {
		d.single = true
		d.empty = nil
		for _, c := range r.Calls {
			if c.Fn.Name == "COUNT" {
				d.empty = append(d.empty, &expr.Const{Value: column.IntValue(0), T: c.T.NotNull()})
			} else {
				d.empty = append(d.empty, null(c.T))
			}
		}
		for i := range added {
			d.empty = append(d.empty, null(out[i].Type))
		}
		if slices.Contains(ops, "IS NOT DISTINCT FROM") {
			// A key may be null, and yet be that of a row.
			d.empty = append(d.empty, null(types.New(types.Boolean)))
			order, orderNames = append(order, boolean(true)), unique(append(orderNames, "$m"))
		}
	}
	return project(agg, order, orderNames), result
}

// outer turns the plain columns of a condition's outer side back into those of the query around.
func (d *decorrelation) outer(e expr.Expr) expr.Expr {
	return replaced(e, func(e expr.Expr) expr.Expr {
		if r, ok := e.(*expr.Ref); ok {
			return &outerRef{d.scope, r}
		}
		return nil
	})
}

// top takes the first rows for each of the values that the conditions compare with columns outside: by their number.
func (d *decorrelation) top(r *logical.Sort) (logical.Rel, []expr.Expr) {
	in, conds := d.pull(r.Input)
	d.empty, d.single = nil, false
	fields := in.Fields()
	over := &logical.Over{Input: in, Order: r.Keys, Rows: true, From: logical.Bound{Unbounded: true}, At: r.At, OrderAt: r.At, FrameAt: r.At}
	for _, c := range conds {
		a, _, op := sides(d.inner(c))
		ref, plain := a.(*expr.Ref)
		if op == "" || !plain {
			d.unsupported(d.at, "a query with LIMIT is related to the query around it by equalities of columns alone")
		}
		if !slices.Contains(over.Partition, ref.Index) {
			over.Partition = append(over.Partition, ref.Index)
		}
	}
	m := d.mark(d.at, "ROW_NUMBER", true)
	call := &logical.AggCall{Fn: m.fn, Filter: -1, T: m.t, Name: "$n", At: r.At}
	over.Calls = []*logical.AggCall{call}
	over.Out = joined(fields, []types.Field{{Name: "$n", Type: m.t}}, logical.Inner)
	number := &expr.Ref{Index: len(fields), Name: over.Out[len(fields)].Name, T: m.t}
	bound := func(n int64) *expr.Const { return &expr.Const{Value: column.IntValue(n), T: m.t} }
	var own []expr.Expr
	if r.Offset > 0 {
		own = append(own, d.call(d.at, ">", number, bound(r.Offset)))
	}
	if r.Limit >= 0 {
		last := r.Offset + r.Limit
		if last < 0 {
			last = math.MaxInt64
		}
		own = append(own, d.call(d.at, "<=", number, bound(last)))
	}
	return first(&logical.Filter{Input: over, Cond: d.all(d.at, own)}, len(fields)), conds
}

func (d *decorrelation) join(r *logical.Join) (logical.Rel, []expr.Expr) {
	leftOnly := r.Kind != logical.Inner
	if r.Kind == logical.RightOuter || r.Kind == logical.FullOuter || leftOnly && (d.has(r.Right) || d.outside(r.Cond)) {
		d.unsupported(d.at, "an outer join that reads columns of the query around it is not supported")
	}
	d.empty, d.single = nil, false
	n1, n2 := len(r.Left.Fields()), len(r.Right.Fields())
	left, lc := d.pull(r.Left)
	right, rc := r.Right, []expr.Expr(nil)
	if !leftOnly {
		right, rc = d.pull(r.Right)
	}
	d.empty, d.single = nil, false
	m1 := len(left.Fields())
	move := func(i int) int {
		if i >= n1 {
			return m1 + i - n1
		}
		return i
	}
	var conds, own []expr.Expr
	for _, c := range expr.And(r.Cond) {
		c = expr.Shift(c, move)
		if d.outside(c) {
			conds = append(conds, c)
		} else {
			own = append(own, c)
		}
	}
	conds = append(conds, lc...)
	for _, c := range rc {
		conds = append(conds, expr.Shift(c, func(i int) int { return m1 + i }))
	}
	j := &logical.Join{Left: left, Right: right, Kind: r.Kind, NullAware: r.NullAware, Hints: r.Hints, LeftTTL: r.LeftTTL, RightTTL: r.RightTTL, Cond: d.all(d.at, own), At: r.At, CondAt: r.CondAt}
	if r.Kind == logical.Semi || r.Kind == logical.Anti {
		j.Out = left.Fields()
		return j, conds
	}
	j.Out = joined(left.Fields(), right.Fields(), r.Kind)
	// The columns that were there come first, in their order.
	var list []expr.Expr
	var names []string
	place := make([]int, len(j.Out))
	add := func(from, to int) {
		for i := from; i < to; i++ {
			place[i] = len(list)
			list, names = append(list, &expr.Ref{Index: i, Name: j.Out[i].Name, T: j.Out[i].Type}), append(names, j.Out[i].Name)
		}
	}
	add(0, n1)
	add(m1, m1+n2)
	add(n1, m1)
	add(m1+n2, len(j.Out))
	for i := range n1 + n2 {
		names[i] = r.Out[i].Name
	}
	conds = mapped(conds, func(e expr.Expr) expr.Expr { return expr.Shift(e, func(i int) int { return place[i] }) })
	return project(j, list, names), conds
}
