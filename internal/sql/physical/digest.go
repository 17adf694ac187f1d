package physical

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// digest is a text that two plans share exactly if they do the same: expressions are written with the numbers of columns. What gives something else each time is the same as nothing.
func digest(r logical.Rel) string {
	var b strings.Builder
	writeRel(&b, r, new(int))
	return b.String()
}

func digestInts(list []int) string { return fmt.Sprint(list) }

func writeRel(b *strings.Builder, r logical.Rel, fresh *int) {
	w := func(format string, args ...any) { fmt.Fprintf(b, format, args...) }
	e := func(x expr.Expr) { writeExpr(b, x, r) }
	switch r := r.(type) {
	case *logical.Scan:
		w("scan %s %p %v", r.Table.Path, r.Table, r.Columns)
		keys := make([]string, 0, len(r.Options))
		for k, v := range r.Options {
			keys = append(keys, k+"="+v)
		}
		slices.Sort(keys)
		w("%q", keys)
	case *logical.Values:
		w("values ")
		for _, row := range r.Rows {
			w("(")
			for _, x := range row {
				e(x)
				w(",")
			}
			w(")")
		}
	case *logical.Project:
		w("project ")
		for _, x := range r.Exprs {
			e(x)
			w(",")
		}
	case *logical.Filter:
		w("filter ")
		e(r.Cond)
	case *logical.Watermark:
		w("watermark %d ", r.Column)
		e(r.Expr)
	case *logical.WindowTable:
		w("window %+v", r.Window)
	case *logical.Aggregate:
		w("aggregate %v %v %v %v", r.Keys, r.Sets, r.Properties, r.TTL)
		if r.Window != nil {
			w("%+v", *r.Window)
		}
		writeCalls(b, r.Calls, r)
	case *logical.Join:
		w("join %d %v %v %v ", r.Kind, r.NullAware, r.LeftTTL, r.RightTTL)
		if r.Cond != nil {
			e(r.Cond)
		}
	case *logical.TemporalJoin:
		w("temporal %d %d ", r.Kind, r.Time)
		if r.Cond != nil {
			e(r.Cond)
		}
	case *logical.Correlate:
		w("correlate %d %v ", r.Kind, r.Ordinality)
		if r.Fn != nil {
			w("%s ", r.Fn.Name)
		}
		for _, x := range r.Args {
			e(x)
			w(",")
		}
		if r.Cond != nil {
			e(r.Cond)
		}
	case *logical.SetOp:
		w("set %d %v", r.Kind, r.All)
	case *logical.Sort:
		w("sort %v %d %d", r.Keys, r.Offset, r.Limit)
	case *logical.Over:
		w("over %v %v %v %v %v", r.Partition, r.Order, r.Rows, r.From, r.To)
		writeCalls(b, r.Calls, r)
	case *logical.ToChangelog:
		w("to changelog %v %q %v", r.Partition, r.Names, r.FullDeletes)
	case *logical.FromChangelog:
		w("from changelog %v %d %q %s", r.Partition, r.Op, r.Kinds, r.Invalid) // maps are printed in the order of their keys
	default:
		w("%p", r)
	}
	w(" [")
	for _, f := range r.Fields() {
		w("%s %s %d,", f.Name, f.Type, f.Type.Attribute())
	}
	w("] (")
	for _, in := range r.Inputs() {
		writeRel(b, in, fresh)
		w(";")
	}
	w(")")
}

func writeCalls(b *strings.Builder, calls []*logical.AggCall, owner logical.Rel) {
	for _, c := range calls {
		fmt.Fprintf(b, " %s %v %d %v %v %s(", c.Fn.Name, c.Distinct, c.Filter, c.Order, c.IgnoreNulls, c.T)
		for _, a := range c.Args {
			writeExpr(b, a, owner)
			b.WriteByte(',')
		}
		b.WriteByte(')')
	}
}

func writeExpr(b *strings.Builder, e expr.Expr, owner logical.Rel) {
	switch e := e.(type) {
	case *expr.Ref:
		fmt.Fprintf(b, "$%d", e.Index)
	case *expr.Const:
		fmt.Fprintf(b, "%s:%s", column.Literal(e.Value, e.T), types.Type(e.T))
	case *expr.Field:
		writeExpr(b, e.Of, owner)
		fmt.Fprintf(b, ".%d", e.Index)
	case *expr.Symbol:
		b.WriteString("!" + e.Name)
	case *expr.Call:
		b.WriteString(e.Fn.Name)
		if !expr.Deterministic(e) {
			fmt.Fprintf(b, "@%p", owner) // never the same as another's
		}
		b.WriteByte('(')
		for _, a := range e.Args {
			writeExpr(b, a, owner)
			b.WriteByte(',')
		}
		fmt.Fprintf(b, "):%s", e.T)
	}
}
