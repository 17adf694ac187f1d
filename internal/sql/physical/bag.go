package physical

import (
	"slices"
	"strconv"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// bagOp returns INTERSECT ALL or EXCEPT ALL as other operators: how often each row is in each input is counted, and from that follows how often it comes.
func bagOp(r *logical.SetOp) logical.Rel {
	width := len(r.Out)
	flag, long := types.New(types.Boolean).NotNull(), types.New(types.BigInt).NotNull()
	ref := func(f []types.Field, i int) expr.Expr { return &expr.Ref{Index: i, Name: f[i].Name, T: f[i].Type} }
	rows := slices.Clone(r.Out) // with a column for each input that says whether the row is of it
	counts := slices.Clone(r.Out)
	group := &logical.Aggregate{At: r.At}
	all := &logical.SetOp{Kind: logical.Union, All: true, At: r.At}
	for i := range r.Of {
		name := "$in" + strconv.Itoa(i)
		rows = append(rows, types.Field{Name: name, Type: flag})
		counts = append(counts, types.Field{Name: name, Type: long})
		group.Calls = append(group.Calls, &logical.AggCall{Fn: fn.Builtin.Aggregate("COUNT"), Filter: width + i, T: long, Name: name})
	}
	for i, in := range r.Of {
		p := &logical.Project{Input: in, Out: rows}
		for c := range r.Out {
			p.Exprs = append(p.Exprs, ref(in.Fields(), c))
		}
		for k := range r.Of {
			p.Exprs = append(p.Exprs, &expr.Const{Value: column.BoolValue(k == i), T: flag})
		}
		all.Of = append(all.Of, p)
	}
	all.Out = rows
	group.Input, group.Out = all, counts
	for c := range r.Out {
		group.Keys = append(group.Keys, c)
	}
	of := "LEAST"
	if r.Kind == logical.Except {
		of = "-"
	}
	call := &expr.Call{Fn: fn.Builtin.Scalar(of), T: long}
	for i := range r.Of {
		call.Args = append(call.Args, ref(counts, width+i))
	}
	number := &logical.Project{Input: group, Out: append(slices.Clone(r.Out), types.Field{Name: "$times", Type: long})}
	for c := range r.Out {
		number.Exprs = append(number.Exprs, ref(counts, c))
	}
	number.Exprs = append(number.Exprs, call)
	each := &logical.Correlate{Input: number, Kind: logical.Inner, Fn: fn.Replicate, Args: []expr.Expr{ref(number.Out, width)}, Out: append(slices.Clone(number.Out), types.Field{Name: "$copy", Type: long}), At: r.At}
	out := &logical.Project{Input: each, Out: r.Out}
	for c := range r.Out {
		out.Exprs = append(out.Exprs, ref(each.Out, c))
	}
	return out
}
