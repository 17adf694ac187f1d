package opt

import (
	"fmt"
	"slices"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// splitDistinct makes two aggregations of one with distinct calls: the first one groups by buckets of the distinct values as well, so that the values of a group lie in several subtasks, and the second one puts its results
// together. Calls that are distinct in different columns each have rows of their own in the first one, which are told apart by a number.
func splitDistinct(o *Optimizer, r logical.Rel) logical.Rel {
	if o.Buckets <= 0 {
		return r
	}
	return logical.Rewrite(r, func(r logical.Rel) logical.Rel {
		a, ok := r.(*logical.Aggregate)
		if !ok || a.Sets != nil || a.Window != nil || windowed(a.Input) {
			return r
		}
		for _, c := range a.Calls {
			if !splits(c) {
				return r
			}
		}
		of := distinctArgs(a)
		if of == nil {
			return r
		}
		return split(a, of, o.Buckets)
	})
}

// windowed reports whether rows may belong to windows: aggregations of these end with them, and stay as they are.
func windowed(r logical.Rel) bool {
	switch r := r.(type) {
	case *logical.WindowTable:
		return true
	case *logical.Aggregate:
		if r.Window != nil {
			return true
		}
	}
	return slices.ContainsFunc(r.Inputs(), windowed)
}

// splits reports whether the results of parts can be put together.
func splits(c *logical.AggCall) bool {
	if c.Fn.Custom != nil || len(c.Order) > 0 {
		return false
	}
	switch c.Fn.Name {
	case "COUNT", "SUM", "$SUM0", "MIN", "MAX":
		return true
	}
	return false
}

// distinctArgs are the columns in which calls are distinct, a list for each.
func distinctArgs(a *logical.Aggregate) (of [][]int) {
	for _, c := range a.Calls {
		if cols := columnsOf(c); cols != nil && !slices.ContainsFunc(of, func(o []int) bool { return slices.Equal(o, cols) }) {
			of = append(of, cols)
		}
	}
	return of
}

// columnsOf are the columns in which a call is distinct, nil if it is not, or need not be.
func columnsOf(c *logical.AggCall) (cols []int) {
	if !c.Distinct || c.Fn.Name == "MIN" || c.Fn.Name == "MAX" {
		return nil
	}
	for _, a := range c.Args {
		if ref, ok := a.(*expr.Ref); ok {
			cols = append(cols, ref.Index)
		}
	}
	slices.Sort(cols)
	return slices.Compact(cols)
}

func split(a *logical.Aggregate, of [][]int, buckets int) logical.Rel {
	in := a.Input.Fields()
	width := len(in)
	number, flag := types.New(types.Int).NotNull(), types.New(types.Boolean)
	fields := append(slices.Clone(in), types.Field{Name: "$bucket", Type: number})
	first := &logical.Aggregate{Keys: append(slices.Clone(a.Keys), width), Hints: a.Hints, TTL: a.TTL, At: a.At}
	if len(of) > 1 {
		fields = append(fields, types.Field{Name: "$part", Type: number})
		first.Keys = append(first.Keys, width+1)
	}
	// The first aggregation's calls, with the part whose rows each takes.
	type filter struct{ part, by int }
	var filters []filter
	var calls []*logical.AggCall
	for _, c := range a.Calls {
		m := *c
		m.Name = c.Name + "$part"
		if m.Fn.Name != "COUNT" && m.Fn.Name != "$SUM0" {
			m.T = m.T.WithNullable(true) // there may be no row in a bucket
		}
		if len(of) > 1 {
			cols := columnsOf(c)
			f := filter{max(slices.IndexFunc(of, func(o []int) bool { return slices.Equal(o, cols) }), 0), c.Filter}
			at := slices.Index(filters, f)
			if at < 0 {
				at = len(filters)
				filters = append(filters, f)
				fields = append(fields, types.Field{Name: fmt.Sprintf("$of%d", at), Type: flag})
			}
			m.Filter = width + 2 + at
		}
		calls = append(calls, &m)
	}
	parts := make([]logical.Rel, len(of))
	for i, cols := range of {
		p := &logical.Project{Input: a.Input, Out: fields}
		for c, f := range in {
			p.Exprs = append(p.Exprs, &expr.Ref{Index: c, Name: f.Name, T: f.Type})
		}
		bucket := &expr.Call{Fn: fn.Bucket, T: number}
		for _, c := range cols {
			bucket.Args = append(bucket.Args, p.Exprs[c])
		}
		bucket.Args = append(bucket.Args, &expr.Const{Value: column.IntValue(int64(buckets)), T: number})
		p.Exprs = append(p.Exprs, bucket)
		if len(of) > 1 {
			p.Exprs = append(p.Exprs, &expr.Const{Value: column.IntValue(int64(i)), T: number})
		}
		for _, f := range filters {
			switch {
			case f.part == i && f.by >= 0:
				ref := *p.Exprs[f.by].(*expr.Ref)
				p.Exprs = append(p.Exprs, &ref)
			default:
				p.Exprs = append(p.Exprs, &expr.Const{Value: column.BoolValue(f.part == i), T: flag})
			}
		}
		parts[i] = p
	}
	first.Input, first.Calls = parts[0], calls
	if len(parts) > 1 {
		first.Input = &logical.SetOp{Kind: logical.Union, All: true, Of: parts, Out: fields, At: a.At}
	}
	for _, k := range first.Keys {
		first.Out = append(first.Out, fields[k])
	}
	base := len(first.Keys)
	second := &logical.Aggregate{Input: first, Hints: a.Hints, TTL: a.TTL, Out: a.Out, At: a.At}
	for i := range a.Keys {
		second.Keys = append(second.Keys, i)
	}
	for i, c := range calls {
		first.Out = append(first.Out, types.Field{Name: c.Name, Type: c.T})
		m := &logical.AggCall{Fn: c.Fn, Args: []expr.Expr{&expr.Ref{Index: base + i, Name: c.Name, T: c.T}}, Filter: -1, T: a.Calls[i].T, Name: a.Calls[i].Name, At: c.At}
		if c.Fn.Name == "COUNT" {
			m.Fn = fn.Builtin.Aggregate("$SUM0")
		}
		second.Calls = append(second.Calls, m)
	}
	return second
}
