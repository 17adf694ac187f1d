package bind

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/sqlerr"
	"github.com/weirstream/weir/types"
)

// from binds FROM.
type from struct {
	*text
	env   *env
	hints *hints
}

// source is an item of FROM.
type source struct {
	*scope
	// at is FOR SYSTEM_TIME AS OF, which only a join can take.
	at *ast.SystemTime
	// correlate is a table function of what is before it in FROM: it lacks its input, and has its own columns alone. The scope's relation then only has the columns.
	correlate *logical.Correlate
	// snapshot is SNAPSHOT, which only a join can take: it lacks its inputs.
	snapshot *logical.SnapshotJoin
	// key is that of a temporal table function.
	key []int
	// conds relate a derived table to what is before it: over that, and the derived table's columns as innerRef.
	conds []expr.Expr
	// empty are the first columns of a derived table where it has no row for one before it: that has one nevertheless. The last column of the relation is then null.
	empty []expr.Expr
}

// from binds the FROM of a SELECT.
func (x *text) from(t ast.TableExpr, e *env, hints *hints) *scope {
	f := &from{x, e, hints}
	s := f.alone(f.item(t, nil))
	s.outer = e.around()
	return s
}

// alone is an item that nothing is joined with.
func (x *from) alone(s *source) *scope {
	if s.snapshot != nil {
		x.unsupported(ast.Span{}, "SNAPSHOT stands only behind JOIN LATERAL")
	}
	if s.at != nil {
		x.hinted(fault.SQLUnsupported, s.at, "join it with a table that has a time attribute: FROM o JOIN t FOR SYSTEM_TIME AS OF o.time ON ..", "reading a table as of a time of its own is not supported")
	}
	if s.correlate != nil {
		left := &source{scope: &scope{rel: oneRow()}}
		joined := x.correlate(left, s, logical.Inner, nil)
		// The row that the function is of ends here.
		fields := joined.rel.Fields()
		list, names := make([]expr.Expr, 0, len(fields)), []string{}
		for i, f := range fields[1:] {
			list, names = append(list, &expr.Ref{Index: i + 1, Name: f.Name, T: f.Type}), append(names, f.Name)
		}
		return &scope{rel: project(joined.rel, list, names), tables: s.tables, star: s.star}
	}
	return s.scope
}

// item binds an item of FROM; left is what is before it, nil for nothing.
func (x *from) item(t ast.TableExpr, left *scope) *source {
	switch t := t.(type) {
	case *ast.TableRef:
		r := x.named(t.Name, t.Hints, x.env)
		s := x.scopeOf(r, t.Name.Last().Name)
		if p, ok := x.manager.Resolve(x.within, t.Name.Strings()); ok {
			s.tables[0].path = p
		}
		return &source{scope: s}
	case *ast.Derived:
		return x.derived(t, left)
	case *ast.Aliased:
		return x.aliased(x.item(t.Table, left), t)
	case *ast.SystemTime:
		s := x.item(t.Table, left)
		s.at = t
		return s
	case *ast.Join:
		return x.join(t, left)
	case *ast.TableFunc:
		return x.tableFunc(t, left)
	case *ast.Unnest:
		return x.unnest(t, left)
	case *ast.MatchRecognize:
		return x.match(t, left)
	case *ast.Pivot:
		x.unsupported(t, "PIVOT is not supported")
	case *ast.Unpivot:
		x.unsupported(t, "UNPIVOT is not supported")
	case *ast.Sample:
		x.unsupported(t, "TABLESAMPLE is not supported")
	}
	x.unsupported(t, "this is not supported in FROM")
	return nil
}

// scopeOf is the scope over a bound query.
func (x *text) scopeOf(r relation, alias string) *scope {
	t := &table{alias: alias}
	for i, n := range r.names {
		t.columns = append(t.columns, named{n, i})
	}
	return &scope{rel: r.rel, tables: []*table{t}, star: t.columns}
}

// derived binds a query in FROM. LATERAL lets it see what is before it.
func (x *from) derived(t *ast.Derived, left *scope) *source {
	if !t.Lateral || left == nil {
		return &source{scope: x.scopeOf(x.inner(t.Query, x.env), "")}
	}
	outer := *left
	outer.outer = x.env.around()
	r := x.inner(t.Query, &env{outer: x.env, scope: &outer})
	n := len(r.names)
	d := &decorrelation{text: x.text, scope: &outer, at: t}
	rel, conds := d.pull(r.rel)
	s := &source{scope: x.scopeOf(relation{rel, r.names}, "")}
	for _, c := range conds {
		s.conds = append(s.conds, d.inner(c))
	}
	if d.single && d.empty != nil {
		s.empty = d.empty[:n]
	}
	return s
}

// aliased gives an item's columns one table, and perhaps other names.
func (x *from) aliased(s *source, a *ast.Aliased) *source {
	t := &table{alias: a.Alias.Name, columns: slices.Clone(s.star)}
	if a.Columns != nil {
		if len(a.Columns) != len(t.columns) {
			x.fail(fault.SQLInvalid, a.Alias, "%d columns are named, but %s has %d", len(a.Columns), a.Alias.Name, len(t.columns))
		}
		names := make([]string, len(s.rel.Fields()))
		for i, f := range s.rel.Fields() {
			names[i] = f.Name
		}
		for i, c := range a.Columns {
			for _, before := range a.Columns[:i] {
				if before.Name == c.Name {
					x.fail(fault.SQLInvalid, c, "two columns are called %q", c.Name)
				}
			}
			t.columns[i].name = c.Name
			names[t.columns[i].index] = c.Name
		}
		if s.correlate != nil {
			out := slices.Clone(s.correlate.Out)
			for i, n := range names {
				out[i].Name = n
			}
			s.correlate.Out = out
			s.rel = &logical.Values{Out: out}
		} else {
			s.rel = renamed(s.rel, names)
		}
	}
	s.scope = &scope{rel: s.rel, tables: []*table{t}, star: t.columns}
	return s
}

var joinKinds = map[ast.JoinKind]logical.JoinKind{
	ast.JoinInner: logical.Inner, ast.JoinCross: logical.Inner, ast.JoinComma: logical.Inner, ast.JoinLeft: logical.LeftOuter, ast.JoinRight: logical.RightOuter, ast.JoinFull: logical.FullOuter,
}

func (x *from) join(j *ast.Join, before *scope) *source {
	// Joins are grouped from the left, as high as there are many.
	chain := []*ast.Join{j}
	for {
		l, ok := chain[len(chain)-1].L.(*ast.Join)
		if !ok {
			break
		}
		chain = append(chain, l)
	}
	left := x.item(chain[len(chain)-1].L, before)
	for _, j := range slices.Backward(chain) {
		if left.at != nil || left.correlate != nil || left.snapshot != nil {
			left = &source{scope: x.alone(left)}
		}
		left = x.joinOne(j, left, x.item(j.R, left.scope))
	}
	return left
}

func (x *from) joinOne(j *ast.Join, left, right *source) *source {
	kind := joinKinds[j.Kind]
	x.grow(j, len(left.rel.Fields())+len(right.rel.Fields()))
	switch {
	case right.correlate != nil:
		return x.lateral(j, left, right, kind)
	case right.at != nil:
		return x.temporal(j, left, right, kind)
	case right.snapshot != nil:
		return x.snapshot(j, left, right, kind)
	}
	if right.empty != nil {
		return x.always(j, left, right, kind)
	}
	out := joined(left.rel.Fields(), right.rel.Fields(), kind)
	n := len(left.rel.Fields())
	node := &logical.Join{Left: left.rel, Right: right.rel, Kind: kind, Hints: x.hints.list, LeftTTL: x.hints.life(left.scope), RightTTL: x.hints.life(right.scope), Out: out}
	node.At, node.CondAt = x.joinPlaces(j)
	// The condition sees columns as they come in: outer joins make them nullable only behind it.
	seen := x.combined(left.scope, right.scope, &logical.Values{Out: joined(left.rel.Fields(), right.rel.Fields(), logical.Inner)})
	using := x.using(j, left.scope, right.scope)
	var conds []expr.Expr
	for _, c := range right.conds {
		if kind != logical.Inner && kind != logical.LeftOuter {
			x.unsupported(j, "a %s JOIN with a query that reads the table before it is not supported", j.Kind)
		}
		conds = append(conds, placed(c, n))
	}
	in := x.over(seen)
	in.env, in.where = x.env, "in ON"
	for _, u := range using {
		conds = append(conds, in.call(u.at, "=", seen.ref(u.left), seen.ref(n+u.right)))
	}
	if j.On != nil {
		seen.outer = x.env.around()
		conds = append(conds, in.condition(j.On))
	}
	node.Cond = x.all(j, conds)
	s := x.combined(left.scope, right.scope, node)
	if len(using) > 0 {
		x.merge(s, left.scope, right.scope, using, kind, j)
	}
	return &source{scope: s}
}

// always joins rows with a query that has exactly one row for each: an aggregation of everything.
func (x *from) always(j *ast.Join, left, right *source, kind logical.JoinKind) *source {
	if kind != logical.Inner && kind != logical.LeftOuter || j.Natural || j.Using != nil {
		x.unsupported(j, "a %s JOIN with a query that reads the table before it is not supported", j.Kind)
	}
	l, r := left.rel.Fields(), right.rel.Fields()
	n := len(l)
	node := &logical.Join{Left: left.rel, Right: right.rel, Kind: logical.LeftOuter, Hints: x.hints.list, Out: joined(l, r, logical.LeftOuter)}
	node.At, node.CondAt = x.joinPlaces(j)
	node.Cond = x.all(j, mapped(right.conds, func(e expr.Expr) expr.Expr { return placed(e, n) }))
	s := x.combined(left.scope, right.scope, node)
	var list []expr.Expr
	var names []string
	missing := x.call(j, "IS NULL", s.ref(len(node.Out)-1))
	for i, f := range node.Out {
		var e expr.Expr = s.ref(i)
		if k := i - n; k >= 0 && k < len(right.empty) {
			if c, ok := right.empty[k].(*expr.Const); !ok || !c.Value.Null {
				e = x.call(j, "CASE", missing, right.empty[k], e)
			}
		}
		list, names = append(list, e), append(names, f.Name)
	}
	s.rel = project(node, list, names)
	if j.On != nil {
		in := x.over(s)
		in.env, in.where = x.env, "in ON"
		s.outer = x.env.around()
		cond := in.condition(j.On)
		if c, ok := cond.(*expr.Const); !ok || c.Value.Null || !c.Value.Bool() {
			if kind == logical.LeftOuter {
				x.unsupported(j.On, "a LEFT JOIN with a query that reads the table before it is ON TRUE")
			}
			s.rel = &logical.Filter{Input: s.rel, Cond: cond}
		}
	}
	return &source{scope: s}
}

// joinPlaces are those of a join and of its condition.
func (x *text) joinPlaces(j *ast.Join) (at, cond sqlerr.Place) {
	at = x.placeAt(j.Clause)
	if j.On == nil {
		return at, at
	}
	return at, x.placeAt(j.On)
}

// all is the conjunction of conditions, nil of none.
func (x *text) all(at ast.Node, conds []expr.Expr) expr.Expr {
	var all expr.Expr
	for _, c := range conds {
		if all == nil {
			all = c
		} else {
			all = x.call(at, "AND", all, c)
		}
	}
	return all
}

// joined are the columns of a join.
func joined(left, right []types.Field, kind logical.JoinKind) []types.Field {
	out := make([]types.Field, 0, len(left)+len(right))
	for _, f := range left {
		if kind == logical.RightOuter || kind == logical.FullOuter {
			f.Type = f.Type.Null()
		}
		out = append(out, f)
	}
	for _, f := range right {
		if kind == logical.LeftOuter || kind == logical.FullOuter {
			f.Type = f.Type.Null()
		}
		out = append(out, f)
	}
	names := make([]string, len(out))
	for i, f := range out {
		names[i] = f.Name
	}
	for i, n := range unique(names) {
		out[i].Name = n
	}
	return out
}

// combined is the scope over two that are joined.
func (x *from) combined(left, right *scope, rel logical.Rel) *scope {
	n := len(left.rel.Fields())
	s := &scope{rel: rel, tables: slices.Clone(left.tables), star: slices.Clone(left.star)}
	for _, t := range right.tables {
		c := *t
		c.columns = shifted(t.columns, n)
		s.tables = append(s.tables, &c)
	}
	s.star = append(s.star, shifted(right.star, n)...)
	return s
}

func shifted(columns []named, by int) []named {
	out := slices.Clone(columns)
	for i := range out {
		out[i].index += by
	}
	return out
}

// usedBoth is a column of USING or NATURAL.
type usedBoth struct {
	at          ast.Node
	name        string
	left, right int
}

func (x *from) using(j *ast.Join, left, right *scope) []usedBoth {
	var list []usedBoth
	side := func(s *scope, name string, at ast.Node) int {
		i, several := find(s.star, name)
		if several {
			x.fail(fault.SQLAmbiguous, at, "the column %q is ambiguous", name)
		}
		return i
	}
	if j.Natural {
		for _, c := range left.star {
			if r := side(right, c.name, j); r >= 0 {
				list = append(list, usedBoth{j, c.name, side(left, c.name, j), r})
			}
		}
		return list
	}
	for _, u := range j.Using {
		l, r := side(left, u.Name, u), side(right, u.Name, u)
		if l < 0 || r < 0 {
			x.fail(fault.SQLUnknownColumn, u, "the column %q is not on both sides of the join", u.Name)
		}
		list = append(list, usedBoth{u, u.Name, l, r})
	}
	return list
}

// merge makes one column of those that USING and NATURAL name, before the others.
func (x *from) merge(s, left, right *scope, using []usedBoth, kind logical.JoinKind, at ast.Node) {
	n := len(left.rel.Fields())
	var star []named
	gone := map[int]bool{}
	fields := s.rel.Fields()
	extra := &logical.Project{Input: s.rel}
	var names []string
	for i, f := range fields {
		extra.Exprs = append(extra.Exprs, s.ref(i))
		names = append(names, f.Name)
	}
	for _, u := range using {
		gone[u.left], gone[n+u.right] = true, true
		at := u.left
		switch kind {
		case logical.RightOuter:
			at = n + u.right
		case logical.FullOuter:
			at = len(extra.Exprs)
			extra.Exprs = append(extra.Exprs, x.apply(u.at, fn.Coalesce, []expr.Expr{s.ref(u.left), s.ref(n + u.right)}))
			names = append(names, u.name)
		}
		star = append(star, named{u.name, at})
	}
	if kind == logical.FullOuter {
		s.rel = project(s.rel, extra.Exprs, names)
	}
	for _, c := range s.star {
		if !gone[c.index] {
			star = append(star, c)
		}
	}
	s.star = star
}

// temporal joins rows with what a table was at a time of theirs.
func (x *from) temporal(j *ast.Join, left, right *source, kind logical.JoinKind) *source {
	if kind != logical.Inner && kind != logical.LeftOuter {
		x.unsupported(j, "a temporal join is INNER or LEFT, not %s", j.Kind)
	}
	before := *left.scope
	before.outer = x.env.around()
	in := x.over(&before)
	in.env, in.where = x.env, "in FOR SYSTEM_TIME AS OF"
	at := in.expr(right.at.At)
	if at.Type().Attribute() == types.NoAttribute && !(x.session.Batch && at.Type().IsTimestamp()) {
		x.hinted(fault.SQLInvalid, right.at.At, "give the left table a WATERMARK, or a column of PROCTIME()", "FOR SYSTEM_TIME AS OF takes a time attribute of the left table, and this is %s", at.Type())
	}
	l := left.rel
	ref, ok := at.(*expr.Ref)
	if !ok {
		if reads(at) > 0 && at.Type().Attribute() == types.NoAttribute {
			x.fail(fault.SQLInvalid, right.at.At, "FOR SYSTEM_TIME AS OF takes a column of the left table")
		}
		c := &columns{in: l}
		for i := range l.Fields() {
			c.list = append(c.list, left.ref(i))
		}
		i := c.at(at)
		l, _ = c.rel()
		ref = &expr.Ref{Index: i}
	}
	ls := &scope{rel: l, tables: left.tables, star: left.star}
	node := &logical.TemporalJoin{Left: l, Right: right.rel, Kind: kind, Time: ref.Index, Key: right.key, Hints: x.hints.list, Out: joined(l.Fields(), right.rel.Fields(), kind), TimeAt: x.placeAt(right.at.At)}
	node.At, node.CondAt = x.joinPlaces(j)
	seen := x.combined(ls, right.scope, &logical.Values{Out: joined(l.Fields(), right.rel.Fields(), logical.Inner)})
	using := x.using(j, ls, right.scope)
	on := x.over(seen)
	on.env, on.where = x.env, "in ON"
	var conds []expr.Expr
	n := len(l.Fields())
	for _, u := range using {
		conds = append(conds, x.call(u.at, "=", seen.ref(u.left), seen.ref(n+u.right)))
	}
	if j.On != nil {
		conds = append(conds, on.condition(j.On))
	}
	node.Cond = x.all(j, conds)
	s := x.combined(ls, right.scope, node)
	if len(using) > 0 {
		x.merge(s, ls, right.scope, using, kind, j)
	}
	return &source{scope: s}
}

// lateral joins rows with a table function of theirs.
func (x *from) lateral(j *ast.Join, left, right *source, kind logical.JoinKind) *source {
	if kind != logical.Inner && kind != logical.LeftOuter {
		x.unsupported(j, "a %s JOIN with a table function of the other side is not supported", j.Kind)
	}
	if j.Natural || j.Using != nil {
		x.unsupported(j, "USING and NATURAL with a table function are not supported")
	}
	var cond expr.Expr
	if j.On != nil {
		seen := x.combined(left.scope, right.scope, &logical.Values{Out: joined(left.rel.Fields(), right.correlate.Out, logical.Inner)})
		seen.outer = x.env.around()
		in := x.over(seen)
		in.env, in.where = x.env, "in ON"
		cond = in.condition(j.On)
		if c, ok := cond.(*expr.Const); ok && !c.Value.Null && c.Value.Bool() {
			cond = nil
		}
	}
	return &source{scope: x.correlate(left, right, kind, cond)}
}

func (x *from) correlate(left, right *source, kind logical.JoinKind, cond expr.Expr) *scope {
	c := *right.correlate
	c.Input, c.Kind, c.Cond = left.rel, kind, cond
	c.Out = joined(left.rel.Fields(), right.correlate.Out, kind)
	return x.combined(left.scope, right.scope, &c)
}

// unnest binds UNNEST: the elements of a collection as rows.
func (x *from) unnest(u *ast.Unnest, left *scope) *source {
	if len(u.Exprs) != 1 {
		x.unsupported(u, "UNNEST of several collections is not supported")
	}
	arg := x.lateralArgs(left, "in UNNEST", u.Exprs)[0]
	t := arg.Type()
	var out []types.Field
	switch t.Kind() {
	case types.Array, types.Multiset:
		if e := t.Elem(); e.IsComposite() {
			for _, f := range e.Fields() {
				out = append(out, types.Field{Name: f.Name, Type: f.Type.WithNullable(f.Type.Nullable() || e.Nullable())})
			}
		} else {
			out = []types.Field{{Name: "EXPR$0", Type: e}}
		}
	case types.Map:
		out = []types.Field{{Name: "KEY", Type: t.Key()}, {Name: "VALUE", Type: t.Elem()}}
	default:
		x.fail(fault.SQLType, u, "UNNEST takes an ARRAY, a MULTISET or a MAP, not %s", t)
	}
	if u.Ordinality {
		out = append(out, types.Field{Name: "ORDINALITY", Type: types.New(types.Int).NotNull()})
	}
	return x.function(&logical.Correlate{Args: []expr.Expr{arg}, Ordinality: u.Ordinality, Out: out, At: x.placeAt(u)})
}

// lateralArgs binds the arguments of a table function over what is before it in FROM.
func (x *from) lateralArgs(left *scope, where string, args []ast.Expr) []expr.Expr {
	before := &scope{rel: oneRow()}
	if left != nil {
		c := *left
		before = &c
	}
	before.outer = x.env.around()
	in := x.over(before)
	in.env, in.where = x.env, where
	return in.list(args)
}

func (x *from) function(c *logical.Correlate) *source {
	t := &table{}
	for i, f := range c.Out {
		t.columns = append(t.columns, named{f.Name, i})
	}
	return &source{scope: &scope{rel: &logical.Values{Out: c.Out}, tables: []*table{t}, star: t.columns}, correlate: c}
}

// tableFunc binds a call in FROM: of a window, or of a table function of what is before it.
func (x *from) tableFunc(t *ast.TableFunc, left *scope) *source {
	c := t.Call
	if len(c.Name.Parts) == 1 {
		switch strings.ToUpper(c.Name.Parts[0].Name) {
		case "TUMBLE":
			return x.windowTable(c, logical.Tumble, "DATA", "TIMECOL", "SIZE", "OFFSET")
		case "HOP":
			return x.windowTable(c, logical.Hop, "DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET")
		case "CUMULATE":
			return x.windowTable(c, logical.Cumulate, "DATA", "TIMECOL", "STEP", "SIZE", "OFFSET")
		case "SESSION":
			return x.windowTable(c, logical.Session, "DATA", "TIMECOL", "GAP")
		}
	}
	if len(c.Name.Parts) == 1 {
		switch strings.ToUpper(c.Name.Parts[0].Name) {
		case "TO_CHANGELOG":
			return x.toChangelog(c)
		case "FROM_CHANGELOG":
			return x.fromChangelog(c)
		case "SNAPSHOT":
			return x.snapshotOf(c)
		}
		if f := x.manager.TemporalFunction(c.Name.Parts[0].Name); f != nil {
			return x.temporalFunction(c, f)
		}
	}
	f := x.text.function(c.Name).table
	if f == nil {
		x.fail(fault.SQLInvalid, c.Name, "%s is no table function", c.Name)
	}
	args := x.lateralArgs(left, "in the arguments of a table function", c.Args)
	sig, err := f.Infer(x.session, expr.Args(args))
	if err != nil {
		x.fail(fault.SQLType, c, "%s: %w", f.Name, err)
	}
	args = x.coerce(args, sig.Args)
	out := slices.Clone(sig.Result.Fields())
	if !sig.Result.IsComposite() {
		out = []types.Field{{Name: "EXPR$0", Type: sig.Result}}
	}
	return x.function(&logical.Correlate{Fn: f, Args: args, Out: out, At: x.placeAt(c)})
}

// windowTable binds a windowing table function: the input's columns and those of the window.
func (x *from) windowTable(c *ast.Call, kind logical.WindowKind, params ...string) *source {
	name := strings.ToUpper(c.Name.Last().Name)
	given := x.arguments(c, name, params)
	for _, p := range params {
		if given[p] == nil && p != "OFFSET" {
			x.fail(fault.SQLInvalid, c, "%s lacks the argument %s", name, p)
		}
	}
	r, partition := x.tableArg(c, name, given["DATA"])
	in := x.over(x.scopeOf(r, ""))
	in.where = "in the arguments of " + name
	d, ok := given["TIMECOL"].(*ast.Descriptor)
	if !ok || len(d.Columns) != 1 {
		x.fail(fault.SQLInvalid, given["TIMECOL"], "the time column of %s is DESCRIPTOR(column)", name)
	}
	ref, ok := in.name(d.Columns[0]).(*expr.Ref)
	if !ok {
		x.fail(fault.SQLInvalid, d, "the time column of %s is a column of its table", name)
	}
	t := ref.T
	if t.Attribute() == types.NoAttribute && !(x.session.Batch && t.IsTimestamp()) {
		x.hinted(fault.SQLInvalid, d, "give the table a WATERMARK, or use a column of PROCTIME()", "a window is over a time attribute, and %s is %s", ref.Name, t)
	}
	w := logical.WindowSpec{Kind: kind, Time: ref.Index, Proctime: t.Attribute() == types.Proctime}
	into := map[string]*int64{"SIZE": &w.Size, "SLIDE": &w.Slide, "STEP": &w.Slide, "GAP": &w.Size}
	for _, p := range params {
		if to := into[p]; to != nil {
			*to = in.size(given[p], p)
		}
	}
	if given["OFFSET"] != nil {
		w.Offset = in.millis(given["OFFSET"], "OFFSET")
	}
	if (kind == logical.Hop && !x.session.Batch || kind == logical.Cumulate) && w.Size%w.Slide != 0 {
		x.fail(fault.SQLInvalid, c, "the size of %s, %d ms, is not a multiple of %d ms", name, w.Size, w.Slide)
	}
	if kind == logical.Cumulate && w.Slide > w.Size {
		x.fail(fault.SQLInvalid, c, "the step of CUMULATE is longer than the size")
	}
	if partition != nil {
		if kind != logical.Session {
			x.unsupported(given["DATA"], "PARTITION BY is only for SESSION")
		}
		for _, p := range partition {
			ref, ok := in.expr(p).(*expr.Ref)
			if !ok {
				x.unsupported(p, "PARTITION BY takes columns")
			}
			w.Keys = append(w.Keys, ref.Index)
		}
	}
	window := &logical.WindowTable{Input: r.rel, Window: w, At: x.placeAt(c), TimeAt: x.placeAt(d)}
	time := types.TimestampOf(3).NotNull()
	windowTime := t.NotNull()
	if t.Attribute() == types.NoAttribute {
		windowTime = windowTime.WithAttribute(types.Rowtime)
	}
	added := []types.Field{{Name: "window_start", Type: time}, {Name: "window_end", Type: time}, {Name: "window_time", Type: windowTime}}
	window.Out = joined(r.rel.Fields(), added, logical.Inner)
	x.grow(c, len(window.Out))
	names := append(slices.Clone(r.names), "window_start", "window_end", "window_time")
	return &source{scope: x.scopeOf(relation{window, names}, "")}
}

// arguments are those of a call of a function of a table, by parameter: given by name, or by place.
func (x *from) arguments(c *ast.Call, name string, params []string) map[string]ast.Expr {
	given := map[string]ast.Expr{}
	for i, a := range c.Args {
		p := ""
		if n, ok := a.(*ast.NamedArg); ok {
			p, a = strings.ToUpper(n.Name.Name), n.Value
			if !slices.Contains(params, p) {
				x.suggest(fault.SQLInvalid, n.Name, p, params, "%s has no argument %s", name, n.Name.Name)
			}
		} else if i < len(params) {
			p = params[i]
		} else {
			x.fail(fault.SQLInvalid, a, "%s takes %d arguments at most", name, len(params))
		}
		if given[p] != nil {
			x.fail(fault.SQLInvalid, a, "the argument %s is given twice", p)
		}
		given[p] = a
	}
	return given
}

// tableArg binds an argument that is a table, and returns its PARTITION BY.
func (x *from) tableArg(c *ast.Call, name string, e ast.Expr) (relation, []ast.Expr) {
	switch d := e.(type) {
	case *ast.TableArg:
		if len(d.OrderBy) > 0 {
			x.unsupported(d, "ORDER BY in the input of %s is not supported", name)
		}
		if d.Table != nil {
			return x.named(d.Table, nil, x.env), d.PartitionBy
		}
		return x.inner(d.Query, x.env), d.PartitionBy
	case *ast.Subquery:
		return x.inner(d.Query, x.env), nil
	}
	at := ast.Node(c)
	if e != nil {
		at = e
	}
	x.hinted(fault.SQLInvalid, at, "write "+name+"(TABLE t, ..)", "%s takes a table", name)
	return relation{}, nil
}
