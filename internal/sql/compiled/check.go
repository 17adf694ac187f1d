package compiled

import (
	"slices"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/physical"
	"github.com/weirstream/weir/types"
)

// signature looks whether a function of the program still takes and returns what the plan says. Functions of SQL do: their versions go with those of the form.
func (d *decoder) signature(name string, c *expr.Call) {
	if _, ok := cutOwn(name); !ok {
		if c.Fn.Infer == nil {
			return
		}
		if _, err := c.Fn.Infer(d.known.Session, expr.Args(c.Args)); err != nil {
			d.fail("%s: %w", name, err)
		}
		return
	}
	s, err := c.Fn.Infer(d.known.Session, expr.Args(c.Args))
	d.same(name, s, err, c.Args, c.T)
}

func (d *decoder) same(name string, s fn.Signature, err error, args []expr.Expr, t types.Type) {
	if err != nil {
		d.mismatch("the function %s does not take what it took when the plan was made: %w", name, err)
	}
	for i, a := range s.Args {
		if a.Valid() && !a.Alike(args[i].Type()) {
			d.mismatch("the function %s takes %s as argument %d, and the plan has %s there", name, a, i+1, args[i].Type())
		}
	}
	if !s.Result.Alike(t) {
		d.mismatch("the function %s returns %s, and in the plan %s", name, s.Result, t)
	}
}

// fits looks whether a value has the form of its type.
func (d *decoder) fits(v column.Value, t types.Type) {
	if v.Null {
		return
	}
	form := column.FormOf(t)
	ok := (v.Word == 0 || form == column.Word) && (v.Wide == [2]uint64{} || form == column.Wide) && (v.Text == "" || form == column.Text) &&
		(len(v.List) == 0 || form == column.List || form == column.Pairs || form == column.Tuple)
	switch {
	case !ok:
	case form == column.Tuple:
		if ok = len(v.List) == len(t.Fields()); ok {
			for i, x := range v.List {
				d.fits(x, t.Fields()[i].Type)
			}
		}
	case t.Kind() == types.Array:
		for _, x := range v.List {
			d.fits(x, t.Elem())
		}
	case form == column.Pairs:
		ok = len(v.List)%2 == 0
	}
	if !ok {
		d.fail("a value is none of %s", t)
	}
}

// compatible reports whether values of both types lie in memory alike, so that one may be read as the other.
func compatible(a, b types.Type) bool {
	if column.FormOf(a) != column.FormOf(b) || a.Kind() != b.Kind() && !(a.IsChar() && b.IsChar()) && !(a.IsBytes() && b.IsBytes()) {
		return false
	}
	if a.Kind() == types.Decimal && a.Scale() != b.Scale() || a.IsTimestamp() && column.TimeUnit(a.Precision()) != column.TimeUnit(b.Precision()) || len(a.Fields()) != len(b.Fields()) {
		return false
	}
	for i, f := range a.Fields() {
		if !compatible(f.Type, b.Fields()[i].Type) {
			return false
		}
	}
	return (!a.Elem().Valid() || compatible(a.Elem(), b.Elem())) && (!a.Key().Valid() || compatible(a.Key(), b.Key()))
}

// columns looks whether columns are there; -1 may stand for none.
func (d *decoder) columns(fields []types.Field, none bool, cols ...int) {
	for _, c := range cols {
		if (c < 0 || c >= len(fields)) && !(none && c == -1) {
			d.fail("there is no column %d among %d", c, len(fields))
		}
	}
}

// exprs looks whether expressions read columns that are there, of the types that they have.
func (d *decoder) exprs(fields []types.Field, list ...expr.Expr) {
	for _, e := range list {
		if e == nil {
			continue
		}
		expr.Walk(e, func(e expr.Expr) bool {
			if r, ok := e.(*expr.Ref); ok {
				d.columns(fields, false, r.Index)
				if !compatible(r.T, fields[r.Index].Type) {
					d.fail("column %d is of type %s, and not %s", r.Index, fields[r.Index].Type, r.T)
				}
			}
			return true
		})
	}
}

func (d *decoder) order(fields []types.Field, keys []logical.SortKey) {
	for _, k := range keys {
		d.columns(fields, false, k.Column)
	}
}

func (d *decoder) calls(fields []types.Field, calls []*logical.AggCall, grouped bool) {
	for _, c := range calls {
		if c == nil || c.Fn == nil {
			d.fail("a function is missing")
		}
		d.exprs(fields, c.Args...)
		d.columns(fields, true, c.Filter)
		d.order(fields, c.Order)
		if c.Fn.Custom == nil {
			continue
		}
		s, err := c.Fn.Infer(d.known.Session, expr.Args(c.Args), grouped)
		d.same(c.Fn.Name, s, err, c.Args, c.T)
	}
}

// width looks whether a node has so many columns.
func (d *decoder) width(h *physical.Head, n int) {
	if len(h.Fields) != n {
		d.fail("it has %d columns, which must be %d", len(h.Fields), n)
	}
}

// alike looks whether columns have the types of others.
func (d *decoder) alike(a, b []types.Field) {
	if len(a) != len(b) {
		d.fail("it has %d columns where there are %d", len(a), len(b))
	}
	for i := range a {
		if !compatible(a[i].Type, b[i].Type) {
			d.fail("column %d is of type %s, and not %s", i, a[i].Type, b[i].Type)
		}
	}
}

// tableColumns looks whether columns of a table are what a node has.
func (d *decoder) tableColumns(t *catalog.Table, cols []int, fields []types.Field, same func(a, b types.Type) bool) {
	if len(cols) != len(fields) {
		d.fail("%d columns of the table %s are %d", len(cols), t.Path, len(fields))
	}
	for i, c := range cols {
		if c < 0 || c >= len(t.Columns) {
			d.mismatch("the table %s has %d columns, and the plan uses number %d", t.Path, len(t.Columns), c+1)
		}
		if col := t.Columns[c]; col.Kind == catalog.Computed || !same(col.Type, fields[i].Type) {
			d.mismatch("column %d of the table %s is %s %s, and in the plan %s %s", c+1, t.Path, types.Quote(col.Name), col.Type, types.Quote(fields[i].Name), fields[i].Type)
		}
	}
}

func (d *decoder) scan(n *physical.Scan) {
	d.tableColumns(n.Table, n.Columns, n.Fields, types.Type.Alike)
	for i, c := range n.Columns {
		if name := n.Table.Columns[c].Name; name != n.Fields[i].Name {
			d.mismatch("column %d of the table %s is called %s, and in the plan %s", c+1, n.Table.Path, types.Quote(name), types.Quote(n.Fields[i].Name))
		}
	}
	for _, p := range n.Where {
		d.columns(n.Fields, false, p.Column)
		for _, v := range p.Values {
			d.fits(v, n.Fields[p.Column].Type)
		}
	}
}

func (d *decoder) window(fields []types.Field, w *physical.Window) {
	if w != nil {
		d.columns(fields, true, w.Start, w.End, w.Time)
	}
}

// multiJoin looks whether a key has the same types in all inputs.
func (d *decoder) multiJoin(n *physical.MultiJoin) {
	if len(n.Inputs) < 2 || len(n.JoinKeys) != len(n.Inputs) || len(n.Unique) != len(n.Inputs) {
		d.fail("it has %d inputs, %d keys of them, and for %d says whether they are unique", len(n.Inputs), len(n.JoinKeys), len(n.Unique))
	}
	first := n.Inputs[0].Of().Fields
	var all []types.Field
	for i, in := range n.Inputs {
		fields, keys := in.Of().Fields, n.JoinKeys[i]
		if len(keys) == 0 || len(keys) != len(n.JoinKeys[0]) || len(n.NullSafe) != len(keys) {
			d.fail("input %d has %d keys", i, len(keys))
		}
		d.columns(fields, false, keys...)
		for k, c := range keys {
			if a, b := first[n.JoinKeys[0][k]].Type, fields[c].Type; !compatible(a, b) {
				d.fail("keys of the types %s and %s are compared", a, b)
			}
		}
		all = append(all, fields...)
	}
	d.exprs(all, n.Residual)
	d.alike(n.Fields, all)
}

// check looks at what a node says of its columns and those of its inputs.
func (d *decoder) check(n physical.Node) {
	h := n.Of()
	var in, right, both []types.Field
	if len(h.Inputs) > 0 {
		in = h.Inputs[0].Of().Fields
	}
	if len(h.Inputs) > 1 {
		right = h.Inputs[1].Of().Fields
		both = slices.Concat(in, right)
	}
	for _, k := range h.Keys {
		d.columns(h.Fields, false, k...)
	}
	d.window(h.Fields, h.Window)
	pair := func(l, r []int, safe []bool) {
		if len(l) != len(r) || safe != nil && len(safe) != len(l) {
			d.fail("there are %d keys on the left, and %d on the right", len(l), len(r))
		}
		d.columns(in, false, l...)
		d.columns(right, false, r...)
		for i := range l {
			if !compatible(in[l[i]].Type, right[r[i]].Type) {
				d.fail("keys of the types %s and %s are compared", in[l[i]].Type, right[r[i]].Type)
			}
		}
	}
	joined := func(k logical.JoinKind) {
		if k == logical.Semi || k == logical.Anti {
			d.alike(h.Fields, in)
		} else {
			d.alike(h.Fields, both)
		}
	}
	spec := func(s logical.WindowSpec) {
		d.columns(in, false, s.Keys...)
		if s.Size <= 0 || (s.Kind == logical.Hop || s.Kind == logical.Cumulate) && s.Slide <= 0 {
			d.fail("a window of %d ms, by %d ms", s.Size, s.Slide)
		}
	}
	appended := func(n int) {
		d.width(h, len(in)+n)
		d.alike(h.Fields[:len(in)], in)
	}
	switch n := n.(type) {
	case *physical.Scan:
		d.scan(n)
	case *physical.Values:
		for _, r := range n.Rows {
			d.exprs(nil, r...)
			d.width(h, len(r))
		}
	case *physical.Calc:
		d.exprs(in, n.Where)
		if n.Exprs == nil {
			d.alike(h.Fields, in)
			break
		}
		d.exprs(in, n.Exprs...)
		d.width(h, len(n.Exprs))
		for i, e := range n.Exprs {
			if !compatible(e.Type(), h.Fields[i].Type) {
				d.fail("column %d is of type %s, and computed as %s", i, h.Fields[i].Type, e.Type())
			}
		}
	case *physical.WatermarkAssigner:
		d.alike(h.Fields, in)
		d.columns(in, false, n.Column)
		if n.Expr == nil {
			d.fail("it has no expression")
		}
		d.exprs(in, n.Expr)
	case *physical.Exchange:
		d.alike(h.Fields, in)
		d.columns(in, false, n.Hash...)
	case *physical.GroupAggregate:
		d.columns(in, false, n.Group...)
		d.calls(in, n.Calls, n.Grouped)
		d.width(h, len(n.Group)+len(n.Calls))
	case *physical.WindowAggregate:
		d.columns(in, false, n.Group...)
		d.calls(in, n.Calls, true)
		spec(n.Spec)
		d.window(in, n.Attached)
		if n.Attached == nil || n.Attached.Start < 0 || n.Attached.End < 0 {
			d.columns(in, false, n.Spec.Time)
		}
		d.width(h, len(n.Group)+len(n.Calls)+len(n.Properties))
	case *physical.WindowTable:
		spec(n.Spec)
		d.columns(in, false, n.Spec.Time)
		appended(3)
	case *physical.Expand:
		d.columns(in, false, n.Keys...)
		for _, s := range n.Sets {
			for _, k := range s {
				if k < 0 || k >= len(n.Keys) {
					d.fail("there is no key %d", k)
				}
			}
		}
		appended(1)
	case *physical.Join:
		pair(n.Left, n.Right, n.NullSafe)
		d.exprs(both, n.Residual)
		joined(n.Kind)
		if n.LeftExpiry != nil {
			d.columns(in, false, n.LeftExpiry.Column)
		}
		if n.RightExpiry != nil {
			d.columns(right, false, n.RightExpiry.Column)
		}
	case *physical.MultiJoin:
		d.multiJoin(n)
	case *physical.IntervalJoin:
		pair(n.Left, n.Right, n.NullSafe)
		d.exprs(both, n.Residual)
		joined(n.Kind)
		d.columns(in, n.Proctime, n.LeftTime)
		d.columns(right, n.Proctime, n.RightTime)
	case *physical.WindowJoin:
		pair(n.Left, n.Right, nil)
		d.exprs(both, n.Residual)
		joined(n.Kind)
		if n.LeftWindow == nil || n.RightWindow == nil {
			d.fail("it has no windows")
		}
		d.columns(in, false, n.LeftWindow.Start, n.LeftWindow.End)
		d.columns(right, false, n.RightWindow.Start, n.RightWindow.End)
		d.window(in, n.LeftWindow)
		d.window(right, n.RightWindow)
	case *physical.LookupJoin:
		if n.Table == nil {
			d.fail("it has no table")
		}
		d.scan(n.Table)
		d.columns(n.Table.Fields, false, n.TableKeys...)
		if len(n.TableKeys) != len(n.Keys) {
			d.fail("there are %d keys and %d values of them", len(n.TableKeys), len(n.Keys))
		}
		d.exprs(in, n.Keys...)
		d.exprs(slices.Concat(in, n.Table.Fields), n.Residual)
		d.columns(in, false, n.Remember...)
		appended(len(n.Table.Fields))
	case *physical.TemporalJoin:
		pair(n.Left, n.Right, nil)
		d.exprs(both, n.Residual)
		joined(n.Kind)
		d.columns(in, true, n.LeftTime)
		d.columns(right, true, n.RightTime)
	case *physical.SnapshotJoin:
		pair(n.Left, n.Right, nil)
		d.exprs(nil, n.Loaded)
		d.exprs(both, n.Residual)
		joined(n.Kind)
	case *physical.Rank:
		d.columns(in, false, n.Partition...)
		d.order(in, n.Order)
		if n.InWindow != nil {
			d.columns(in, false, n.InWindow.Start, n.InWindow.End)
			d.window(in, n.InWindow)
		}
		if n.WithRank {
			appended(1)
		} else {
			appended(0)
		}
	case *physical.Deduplicate:
		d.alike(h.Fields, in)
		d.columns(in, false, n.Partition...)
		d.columns(in, n.Proctime, n.Time)
	case *physical.Over:
		d.columns(in, false, n.Partition...)
		d.order(in, n.Order)
		d.calls(in, n.Calls, true)
		appended(len(n.Calls))
	case *physical.Sort:
		d.alike(h.Fields, in)
		d.order(in, n.Keys)
	case *physical.SortLimit:
		d.alike(h.Fields, in)
		d.order(in, n.Keys)
	case *physical.Union:
		for _, x := range h.Inputs {
			d.alike(h.Fields, x.Of().Fields)
		}
	case *physical.Match:
		d.match(n, in)
	case *physical.AsyncCalc:
		if n.Call == nil || n.Call.Fn.Async == nil {
			d.fail("it calls no asynchronous function")
		}
		d.exprs(in, n.Call)
		appended(1)
	case *physical.Correlate:
		if n.Fn == nil && len(n.Args) != 1 {
			d.fail("UNNEST has one argument")
		}
		d.exprs(in, n.Args...)
		d.exprs(h.Fields, n.Cond)
		if len(h.Fields) < len(in) {
			d.width(h, len(in))
		}
		d.alike(h.Fields[:len(in)], in)
		if n.Fn != nil && n.Fn != fn.Replicate {
			s, err := n.Fn.Infer(d.known.Session, expr.Args(n.Args))
			d.same(n.Fn.Name, s, err, n.Args, s.Result)
			columns := []types.Field{{Type: s.Result}}
			if s.Result.IsComposite() {
				columns = s.Result.Fields()
			}
			if len(columns) != len(h.Fields)-len(in) {
				d.mismatch("the table function %s has %d columns, and %d in the plan", n.Fn.Name, len(columns), len(h.Fields)-len(in))
			}
			for i, c := range columns {
				if t := h.Fields[len(in)+i].Type; !c.Type.Alike(t) {
					d.mismatch("column %d of the table function %s is %s, and in the plan %s", i+1, n.Fn.Name, c.Type, t)
				}
			}
		}
	case *physical.ChangelogNormalize:
		d.alike(h.Fields, in)
		d.columns(in, false, n.Unique...)
		d.exprs(in, n.Where)
	case *physical.ToChangelog:
		d.columns(in, true, n.Columns...)
		d.columns(in, false, n.Blank...)
		d.width(h, len(n.Columns))
	case *physical.FromChangelog:
		d.columns(in, false, n.Columns...)
		d.columns(in, false, n.Op)
		d.width(h, len(n.Columns))
	case *physical.DropUpdateBefore:
		d.alike(h.Fields, in)
		d.columns(in, false, n.Key...)
	case *physical.WindowBest:
		d.alike(h.Fields, in)
		d.columns(in, false, n.Value, n.Time)
		spec(n.Window)
		d.window(in, n.Attached)
	case *physical.Sink:
		d.tableColumns(n.Table, n.Columns, in, compatible)
		d.columns(in, false, n.Key...)
		d.columns(in, false, n.Materialize...)
	case *physical.Result:
		d.alike(h.Fields, in)
	}
}

func (d *decoder) match(n *physical.Match, in []types.Field) {
	m := n.Match
	if m == nil || m.Pattern == nil {
		d.fail("it has no pattern")
	}
	d.columns(in, false, m.Partition...)
	d.order(in, m.Order)
	d.width(n.Of(), len(m.Partition)+len(m.Measures))
	vars := func(list []int) {
		for _, v := range list {
			if v < 0 || v >= len(m.Vars) {
				d.fail("there is no variable %d", v)
			}
		}
	}
	if len(m.Define) != len(m.Vars) || len(m.Order) == 0 {
		d.fail("there are %d variables, and %d conditions", len(m.Vars), len(m.Define))
	}
	vars(m.SkipTo)
	for _, list := range [][]logical.MatchExpr{m.Define, m.Measures} {
		for _, e := range list {
			var navs []types.Field
			for _, nav := range e.Navs {
				vars(nav.Vars)
				d.exprs(in, nav.Arg)
				if nav.Call != nil {
					d.calls(in, []*logical.AggCall{nav.Call}, true)
				} else if nav.Arg == nil {
					d.fail("a value of a row is missing")
				}
				navs = append(navs, types.Field{Type: nav.T})
			}
			d.exprs(navs, e.Expr)
		}
	}
	var pattern func(p *logical.MatchPattern)
	pattern = func(p *logical.MatchPattern) {
		if p == nil {
			d.fail("a part of the pattern is missing")
		}
		if p.Var >= 0 {
			vars([]int{p.Var})
		}
		for _, q := range p.Parts {
			pattern(q)
		}
	}
	pattern(m.Pattern)
}
