package bind

import (
	"maps"
	"slices"
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// named binds the name of a named query, table or view.
func (x *text) named(n *ast.Name, hints []*ast.Hint, e *env) relation {
	if len(n.Parts) == 1 {
		for at := e; at != nil; at = at.outer {
			if at.cte != nil && at.cte.Name.Name == n.Parts[0].Name {
				return x.cteOf(at.cte, n)
			}
		}
	}
	t, err := x.manager.Table(x.within, x.src, n)
	x.check(err)
	x.used(t)
	if x.full != nil {
		x.full[n.Span] = t.Path
	}
	return relationOf(x.scan(t, hints, n.Span))
}

func (x *text) cteOf(c *cte, at ast.Node) relation {
	if c.busy {
		x.unsupported(at, "the named query %s uses itself: recursion is not supported", c.Name.Name)
	}
	if c.bound == nil {
		c.busy = true
		r := x.inner(c.Query, c.env)
		c.busy = false
		if c.Columns != nil {
			r = x.rename(r, c.Columns, c.Name)
		}
		c.bound = &r
	}
	return *c.bound
}

// rename gives the columns of a relation other names.
func (x *text) rename(r relation, names []*ast.Ident, at ast.Node) relation {
	if len(names) != len(r.names) {
		x.fail(fault.SQLInvalid, at, "%d columns are named, but there are %d", len(names), len(r.names))
	}
	to := make([]string, len(names))
	for i, n := range names {
		to[i] = n.Name
		if slices.Contains(to[:i], n.Name) {
			x.fail(fault.SQLInvalid, n, "two columns are called %q", n.Name)
		}
	}
	return relation{renamed(r.rel, to), to}
}

// renamed is a relation with other names, which differ from each other.
func renamed(rel logical.Rel, names []string) logical.Rel {
	var list []expr.Expr
	for i, f := range rel.Fields() {
		list = append(list, &expr.Ref{Index: i, Name: f.Name, T: f.Type})
	}
	return project(rel, list, names)
}

// scan binds a table, with its computed columns and its watermark, or a view.
func (x *text) scan(t *catalog.Table, hints []*ast.Hint, at ast.Span) logical.Rel {
	options := t.Options
	for _, h := range hints {
		if !strings.EqualFold(h.Name.Name, "OPTIONS") {
			continue
		}
		if t.IsView() {
			x.fail(fault.SQLInvalid, h, "a view has no options")
		}
		options = maps.Clone(options)
		if options == nil {
			options = map[string]string{}
		}
		for _, a := range h.Args {
			key, ok := a.Key.(*ast.StringLit)
			value, ok2 := a.Value.(*ast.StringLit)
			if !ok || !ok2 {
				x.fail(fault.SQLInvalid, a, "an option is written 'key' = 'value'")
			}
			options[key.Value] = value.Value
		}
	}
	if t.IsView() {
		return x.view(t, at)
	}
	scan := &logical.Scan{Table: t, Options: options, At: x.placeAt(at)}
	computed := false
	for i, c := range t.Columns {
		if c.Kind == catalog.Computed {
			computed = true
			continue
		}
		scan.Columns = append(scan.Columns, i)
		scan.Out = append(scan.Out, types.Field{Name: c.Name, Type: c.Type, Comment: c.Comment})
	}
	x.grow(at, len(t.Columns))
	own := &text{statement: x.statement, src: t.Source, within: catalog.Path{Catalog: t.Path.Catalog, Database: t.Path.Database}}
	var rel logical.Rel = scan
	if computed {
		rel = own.computed(t, scan)
	}
	if t.Watermark != nil {
		rel = own.watermark(t, rel)
	}
	return rel
}

// computed adds the computed columns in their places. Their expressions read the other columns.
func (x *text) computed(t *catalog.Table, scan *logical.Scan) logical.Rel {
	p := &logical.Project{Input: scan}
	in := x.over(scopeOf(scan, t.Path.Name))
	in.where = "in a computed column"
	at := 0
	for _, c := range t.Columns {
		var e expr.Expr
		if c.Kind == catalog.Computed {
			e = in.expr(c.As)
			if e.Type().Kind() == types.Null {
				x.fail(fault.SQLSchema, c.As, "the computed column %q has no type", c.Name)
			}
		} else {
			e = in.scope.ref(at)
			at++
		}
		p.Exprs = append(p.Exprs, e)
		p.Out = append(p.Out, types.Field{Name: c.Name, Type: e.Type(), Comment: c.Comment})
	}
	return p
}

// watermark adds the watermark, and makes its column the event time.
func (x *text) watermark(t *catalog.Table, rel logical.Rel) logical.Rel {
	w := t.Watermark
	if len(w.Column) > 1 {
		x.unsupported(w.At, "the watermark's column %s is inside of a row", strings.Join(w.Column, "."))
	}
	i := t.Column(w.Column[0])
	if i < 0 {
		x.suggest(fault.SQLUnknownColumn, w.At, w.Column[0], t.Names(), "the watermark's column %q is not in the table", w.Column[0])
	}
	timely := func(at ast.Node, t types.Type, what string) {
		if !t.IsTimestamp() || t.Precision() > 3 {
			x.fail(fault.SQLSchema, at, "%s must be a TIMESTAMP or TIMESTAMP_LTZ of at most 3 digits, and is %s", what, t)
		}
	}
	out := slices.Clone(rel.Fields())
	timely(w.At, out[i].Type, "the watermark's column")
	if out[i].Type.Attribute() == types.Proctime {
		x.fail(fault.SQLSchema, w.At, "a watermark cannot be on the processing time")
	}
	in := x.over(scopeOf(rel, t.Path.Name))
	in.where = "in the expression of a watermark"
	e := in.expr(w.As)
	timely(w.As, e.Type(), "the watermark's expression")
	out[i].Type = out[i].Type.WithAttribute(types.Rowtime)
	return &logical.Watermark{Input: rel, Column: i, Expr: e, Out: out, At: x.placeAt(w.As)}
}

// view binds the query of a view.
func (x *text) view(t *catalog.Table, at ast.Span) logical.Rel {
	if rel := x.views[t]; rel != nil {
		x.grow(at, len(t.Columns))
		return rel
	}
	if slices.Contains(x.open, t.Path) {
		x.fail(fault.SQLInvalid, at, "the view %s uses itself", t.Path)
	}
	if len(x.open) >= 200 {
		x.fail(fault.SQLTooDeep, at, "views are nested more than 200 deep")
	}
	x.open = append(x.open, t.Path)
	own := &text{statement: x.statement, src: t.Source, within: t.Within}
	rel := own.inner(t.Query, nil).rel
	x.open = x.open[:len(x.open)-1]
	if len(rel.Fields()) != len(t.Columns) {
		x.fail(fault.SQLInvalid, at, "the view %s had %d columns when it was made, and its query has %d now", t.Path, len(t.Columns), len(rel.Fields()))
	}
	rel = renamed(rel, t.Names())
	x.views[t] = rel
	return rel
}

// resolve checks a table's definition and fills in the types of its computed columns.
func (x *text) resolve(t *catalog.Table) *catalog.Table {
	r := *t
	r.Columns = slices.Clone(t.Columns)
	if t.IsView() {
		return &r
	}
	for i, f := range x.scan(t, nil, ast.Span{}).Fields() {
		if r.Columns[i].Kind == catalog.Computed {
			r.Columns[i].Type = f.Type
		}
	}
	return &r
}
