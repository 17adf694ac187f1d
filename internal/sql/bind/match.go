package bind

import (
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// matching is what expressions of MATCH_RECOGNIZE can name: columns of variables.
type matching struct {
	node *logical.Match
	// vars are the variables and subsets.
	vars map[string][]int
	navs []logical.MatchNav
	// inside tells that an argument of FIRST, LAST or an aggregate is bound: columns are then those of the input, and of are the variables they belong to.
	inside, named bool
	of            []int
}

// match binds MATCH_RECOGNIZE.
func (x *from) match(t *ast.MatchRecognize, left *scope) *source {
	s := x.alone(x.item(t.Table, left))
	m := &logical.Match{Input: s.rel, Within: -1, At: x.placeAt(t.Clause)}
	if t.Rows == "ALL ROWS PER MATCH" {
		x.unsupported(t, "ALL ROWS PER MATCH is not supported")
	}
	in := x.over(s)
	in.env, in.where = x.env, "in MATCH_RECOGNIZE"
	m.Partition = in.columnsOf(t.PartitionBy)
	for _, o := range t.OrderBy {
		r, ok := in.expr(o.Expr).(*expr.Ref)
		if !ok {
			x.unsupported(o, "MATCH_RECOGNIZE is ordered by columns")
		}
		m.Order = append(m.Order, sortKey(o, r.Index))
	}
	if len(m.Order) == 0 {
		x.fail(fault.SQLInvalid, t, "MATCH_RECOGNIZE needs ORDER BY, with a time attribute first")
	}
	m.OrderAt = x.placeAt(t.OrderBy[0])
	time := s.rel.Fields()[m.Order[0].Column]
	if time.Type.Attribute() == types.NoAttribute && !(x.session.Batch && time.Type.IsTimestamp()) || m.Order[0].Descending {
		x.fail(fault.SQLInvalid, t.OrderBy[0], "MATCH_RECOGNIZE is ordered by a time attribute first, ascending, and %s is %s", time.Name, time.Type)
	}
	c := &matching{node: m, vars: map[string][]int{}}
	m.Pattern = x.pattern(c, t.Pattern)
	if t.AnchorStart || t.AnchorEnd {
		x.unsupported(t.Pattern, "^ and $ in a pattern are not supported")
	}
	for _, u := range t.Subsets {
		if c.vars[u.Variable.Name] != nil {
			x.fail(fault.SQLInvalid, u.Variable, "%s is a variable already", u.Variable.Name)
		}
		var of []int
		for _, v := range u.Of {
			of = append(of, x.variable(c, v)...)
		}
		c.vars[u.Variable.Name] = of
	}
	// Without AFTER MATCH, matching goes on with the next row.
	if k := t.Skip; k != nil {
		m.Skip = map[ast.SkipKind]logical.MatchSkip{
			ast.SkipToNextRow: logical.SkipToNextRow, ast.SkipPastLastRow: logical.SkipPastLastRow, ast.SkipToFirst: logical.SkipToFirst, ast.SkipToLast: logical.SkipToLast,
		}[k.Kind]
		if k.Variable != nil {
			m.SkipTo = x.variable(c, k.Variable)
		}
	}
	if t.Within != nil {
		m.Within = in.size(t.Within, "WITHIN")
	}
	in.match = c
	m.Define = make([]logical.MatchExpr, len(m.Vars))
	for _, d := range t.Define {
		v := x.variable(c, d.Variable)
		if len(v) != 1 || m.Define[v[0]].Expr != nil {
			x.fail(fault.SQLInvalid, d.Variable, "%s cannot be defined: it is a subset, or defined already", d.Variable.Name)
		}
		c.navs = nil
		e := in.condition(d.Cond)
		m.Define[v[0]] = logical.MatchExpr{Navs: c.navs, Expr: e}
	}
	var names []string
	fields := s.rel.Fields()
	for _, p := range m.Partition {
		m.Out = append(m.Out, fields[p])
		names = append(names, fields[p].Name)
	}
	for _, item := range t.Measures {
		if item.Alias == nil {
			x.fail(fault.SQLInvalid, item, "a measure needs a name: AS ..")
		}
		c.navs = nil
		e := in.expr(item.Expr)
		m.Measures = append(m.Measures, logical.MatchExpr{Navs: c.navs, Expr: e})
		m.Out = append(m.Out, types.Field{Name: item.Alias.Name, Type: e.Type()})
		names = append(names, item.Alias.Name)
	}
	for i, n := range unique(slices.Clone(names)) {
		m.Out[i].Name = n
	}
	x.grow(t, len(m.Out))
	return &source{scope: x.scopeOf(relation{m, names}, "")}
}

// variable is what a variable or subset stands for.
func (x *text) variable(c *matching, v *ast.Ident) []int {
	if of := c.vars[v.Name]; of != nil {
		return of
	}
	x.suggest(fault.SQLInvalid, v, v.Name, c.node.Vars, "%s is not in the pattern", v.Name)
	return nil
}

func (x *from) pattern(c *matching, p *ast.Pattern) *logical.MatchPattern {
	out := &logical.MatchPattern{Var: -1, Min: 1, Max: 1, At: x.placeAt(p)}
	switch p.Op {
	case ast.PatternVar:
		of, ok := c.vars[p.Variable.Name]
		if !ok {
			of = []int{len(c.node.Vars)}
			c.vars[p.Variable.Name] = of
			c.node.Vars = append(c.node.Vars, p.Variable.Name)
		}
		out.Var = of[0]
		return out
	case ast.PatternRepeat:
		of := x.pattern(c, p.Parts[0])
		if of.Min != 1 || of.Max != 1 {
			of = &logical.MatchPattern{Var: -1, Parts: []*logical.MatchPattern{of}}
		}
		of.At = x.placeAt(p)
		of.Min, of.Max, of.Reluctant = p.Min, p.Max, p.Reluctant
		return of
	case ast.PatternSeq, ast.PatternAlt:
		out.Any = p.Op == ast.PatternAlt
		for _, q := range p.Parts {
			out.Parts = append(out.Parts, x.pattern(c, q))
		}
		return out
	}
	x.unsupported(p, "%s in a pattern is not supported", p.Op)
	return nil
}

// matchName binds a column in MATCH_RECOGNIZE: of a variable, or of any row.
func (x *exprs) matchName(n *ast.Name) expr.Expr {
	c := x.match
	of := c.vars[n.Parts[0].Name]
	column := n
	if of != nil && len(n.Parts) > 1 {
		column = &ast.Name{Span: ast.Span{Start: n.Parts[1].Start, End: n.End}, Parts: n.Parts[1:]}
	} else {
		of = nil
	}
	in := *x
	in.match = nil
	e := in.name(column)
	if c.inside {
		if c.named && !slices.Equal(c.of, of) {
			x.fail(fault.SQLInvalid, n, "an argument here reads the columns of one variable alone")
		}
		c.named, c.of = true, of
		return e
	}
	return c.nav(logical.MatchNav{Vars: of, Arg: e, T: e.Type().Null()})
}

// nav is the column of a navigation.
func (c *matching) nav(n logical.MatchNav) expr.Expr {
	n.T = n.T.WithAttribute(types.NoAttribute)
	for i, o := range c.navs {
		if n.Call == nil && o.Call == nil && slices.Equal(o.Vars, n.Vars) && o.First == n.First && o.Offset == n.Offset && expr.Equal(o.Arg, n.Arg) {
			return &expr.Ref{Index: i, Name: "$" + strconv.Itoa(i), T: o.T}
		}
	}
	c.navs = append(c.navs, n)
	return &expr.Ref{Index: len(c.navs) - 1, Name: "$" + strconv.Itoa(len(c.navs)-1), T: n.T}
}

// within binds the arguments of FIRST, LAST and aggregates, and returns the variables that they read.
func (c *matching) within(x *exprs, at ast.Node, bind func()) []int {
	if c.inside {
		x.fail(fault.SQLInvalid, at, "FIRST, LAST and aggregates cannot stand in each other")
	}
	c.inside, c.named, c.of = true, false, nil
	bind()
	c.inside = false
	return c.of
}

// matchCall binds a call in MATCH_RECOGNIZE, nil if it is an ordinary one.
func (x *exprs) matchCall(call *ast.Call) expr.Expr {
	c := x.match
	if len(call.Name.Parts) != 1 {
		return nil
	}
	switch name := strings.ToUpper(call.Name.Parts[0].Name); name {
	case "FIRST", "LAST":
		if len(call.Args) < 1 || len(call.Args) > 2 {
			x.fail(fault.SQLInvalid, call, "%s takes a value, and how many rows from there", name)
		}
		n := logical.MatchNav{First: name == "FIRST"}
		n.Vars = c.within(x, call, func() { n.Arg = x.expr(call.Args[0]) })
		n.T = n.Arg.Type().Null()
		if len(call.Args) == 2 {
			l, ok := call.Args[1].(*ast.NumberLit)
			v, err := 0, error(nil)
			if ok {
				v, err = strconv.Atoi(l.Text)
			}
			if !ok || err != nil {
				x.fail(fault.SQLInvalid, call.Args[1], "the offset of %s is a whole number", name)
			}
			n.Offset = v
		}
		return c.nav(n)
	case "PREV", "NEXT", "CLASSIFIER", "MATCH_NUMBER":
		x.unsupported(call, "%s is not supported", name)
	case "MATCH_ROWTIME", "MATCH_PROCTIME":
		column := c.node.Order[0].Column
		if name == "MATCH_ROWTIME" && len(call.Args) == 1 {
			in := *x
			in.match = nil
			r, ok := in.expr(call.Args[0]).(*expr.Ref)
			if !ok {
				x.fail(fault.SQLInvalid, call.Args[0], "MATCH_ROWTIME takes a column")
			}
			column = r.Index
		} else if len(call.Args) > 0 {
			x.fail(fault.SQLInvalid, call, "%s takes no argument", name)
		}
		r := x.scope.ref(column)
		want := map[string]types.Attribute{"MATCH_ROWTIME": types.Rowtime, "MATCH_PROCTIME": types.Proctime}[name]
		if r.T.Attribute() != want && !(x.session.Batch && want == types.Rowtime) {
			x.fail(fault.SQLInvalid, call, "%s needs such a time attribute first in ORDER BY, and %s is %s", name, r.Name, r.T)
		}
		e := c.nav(logical.MatchNav{Arg: r, T: r.T.NotNull()})
		c.navs[len(c.navs)-1].T = c.navs[len(c.navs)-1].T.WithAttribute(want)
		e.(*expr.Ref).T = e.Type().WithAttribute(want)
		return e
	}
	return nil
}

// matchAggregate binds an aggregate of the rows of a match.
func (x *exprs) matchAggregate(call *ast.Call, f *fn.Aggregate) expr.Expr {
	c := x.match
	if f.Ranking || call.Quantifier == ast.SetDistinct || call.Filter != nil || call.Over != nil {
		x.unsupported(call, "this call of %s is not supported in MATCH_RECOGNIZE", f.Name)
	}
	var args []expr.Expr
	list := call.Args
	if len(list) == 1 {
		if s, ok := list[0].(*ast.Star); ok {
			if !f.Star {
				x.fail(fault.SQLInvalid, s, "%s takes no star", f.Name)
			}
			list = nil
			if s.Qualifier != nil {
				n := logical.MatchNav{Vars: x.variable(c, s.Qualifier.Last())}
				return x.matchAggregated(call, f, nil, n)
			}
		}
	}
	n := logical.MatchNav{Vars: c.within(x, call, func() { args = x.list(list) })}
	return x.matchAggregated(call, f, args, n)
}

func (x *exprs) matchAggregated(call *ast.Call, f *fn.Aggregate, args []expr.Expr, n logical.MatchNav) expr.Expr {
	sig, err := f.Infer(x.session, expr.Args(args), false)
	if err != nil {
		x.fail(fault.SQLType, call, "%s: %w", f.Name, err)
	}
	n.T = sig.Result
	n.Call = &logical.AggCall{Fn: f, Args: x.coerce(args, sig.Args), Filter: -1, T: sig.Result.WithAttribute(types.NoAttribute)}
	return x.match.nav(n)
}
