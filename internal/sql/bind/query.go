package bind

import (
	"strconv"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// env is what a query can name beside the tables of catalogs: named queries, and the scope of the query around it.
type env struct {
	outer *env
	cte   *cte
	// scope is that of the query around a subquery; nil for others.
	scope *scope
}

// cte is a named query of a WITH clause. It is bound where it is first used.
type cte struct {
	*ast.CTE
	env   *env
	bound *relation
	busy  bool
}

// relation is a bound query: its columns may have the same name, unlike those of the operator.
type relation struct {
	rel   logical.Rel
	names []string
}

func relationOf(rel logical.Rel) relation {
	r := relation{rel: rel}
	for _, f := range rel.Fields() {
		r.names = append(r.names, f.Name)
	}
	return r
}

// around is the scope of the query around the one with this environment.
func (e *env) around() *scope {
	for ; e != nil; e = e.outer {
		if e.scope != nil {
			return e.scope
		}
	}
	return nil
}

// query binds a query.
func (x *text) query(q *ast.Query, e *env) relation {
	for _, c := range q.With {
		e = &env{outer: e, cte: &cte{CTE: c, env: e}}
	}
	var r relation
	var keys []logical.SortKey
	if s, ok := q.Body.(*ast.Select); ok {
		r, keys = x.selectOf(s, e, q.OrderBy)
	} else if inner, ok := q.Body.(*ast.Query); ok && len(q.OrderBy) == 0 {
		r = x.query(inner, e)
	} else {
		r = x.body(q.Body, e)
		keys = x.sortKeys(r, q.OrderBy)
	}
	visible := len(r.names)
	offset, limit := int64(0), int64(-1)
	if q.Offset != nil {
		offset = x.rowCount(q.Offset, "OFFSET")
	}
	if q.Limit != nil {
		limit = x.rowCount(q.Limit, "LIMIT")
	}
	if len(keys) > 0 || limit >= 0 || offset > 0 {
		r.rel = &logical.Sort{Input: r.rel, Keys: keys, Offset: offset, Limit: limit, At: x.placeAt(q.Order)}
	}
	// Columns to sort by that are not in the result end here.
	if len(r.rel.Fields()) > visible {
		r.rel = first(r.rel, visible)
	}
	return r
}

// inner binds a query inside of another. The order of its rows means nothing there, unless it says which of them there are.
func (x *text) inner(q *ast.Query, e *env) relation {
	r := x.query(q, e)
	if len(q.OrderBy) == 0 || q.Limit != nil || q.Offset != nil {
		return r
	}
	switch top := r.rel.(type) {
	case *logical.Sort:
		r.rel = top.Input
	case *logical.Project:
		if s, ok := top.Input.(*logical.Sort); ok {
			r.rel = top.With([]logical.Rel{s.Input})
		}
	}
	return r
}

// first is the relation of the first columns of another.
func first(rel logical.Rel, n int) logical.Rel {
	fields := rel.Fields()
	p := &logical.Project{Input: rel, Out: fields[:n:n]}
	for i := range n {
		p.Exprs = append(p.Exprs, &expr.Ref{Index: i, Name: fields[i].Name, T: fields[i].Type})
	}
	return p
}

// rowCount is the number of LIMIT or OFFSET.
func (x *text) rowCount(e ast.Expr, what string) int64 {
	n, ok := e.(*ast.NumberLit)
	if !ok || !n.IsInteger() {
		x.fail(fault.SQLInvalid, e, "%s takes a whole number", what)
	}
	v, err := strconv.ParseInt(n.Text, 10, 64)
	if err != nil {
		x.fail(fault.SQLInvalid, e, "%s of %s is out of range", what, n.Text)
	}
	return v
}

func (x *text) body(b ast.QueryBody, e *env) relation {
	switch b := b.(type) {
	case *ast.Select:
		r, _ := x.selectOf(b, e, nil)
		return r
	case *ast.Values:
		return x.values(b, e)
	case *ast.TableQuery:
		return x.named(b.Table, nil, e)
	case *ast.SetOp:
		return x.setOp(b, e)
	case *ast.Query:
		return x.inner(b, e)
	}
	x.unsupported(b, "this form of a query is not supported")
	return relation{}
}

// values binds VALUES. The columns are called EXPR$0 and so on.
func (x *text) values(v *ast.Values, e *env) relation {
	in := x.over(&scope{rel: &logical.Values{}, outer: e.around()})
	rows := make([][]expr.Expr, len(v.Rows))
	for i, r := range v.Rows {
		if row, ok := r.(*ast.Row); ok {
			rows[i] = in.list(row.Elems)
		} else {
			rows[i] = []expr.Expr{in.expr(r)}
		}
		if len(rows[i]) != len(rows[0]) {
			x.fail(fault.SQLInvalid, r, "this row has %d columns, and the first has %d", len(rows[i]), len(rows[0]))
		}
	}
	if in.correlated {
		x.unsupported(v, "VALUES with columns of the query around it are not supported")
	}
	out := make([]types.Field, len(rows[0]))
	for c := range out {
		column := make([]types.Type, len(rows))
		for i := range rows {
			column[i] = rows[i][c].Type()
		}
		t, ok := x.common(column)
		if !ok {
			x.fail(fault.SQLType, v, "column %d of VALUES has values of types that do not go together: %s", c+1, listed(column))
		}
		for i := range rows {
			rows[i][c] = x.cast(rows[i][c], t)
		}
		out[c] = types.Field{Name: "EXPR$" + strconv.Itoa(c), Type: t}
	}
	return relationOf(&logical.Values{Rows: rows, Out: out})
}

// common is the type to which values of all types are brought.
func (x *text) common(all []types.Type) (types.Type, bool) {
	same := true
	nullable := false
	args := make([]fn.Arg, len(all))
	for i, t := range all {
		args[i].Type = t
		nullable = nullable || t.Nullable()
		same = same && t.WithNullable(true).Equal(all[0].WithNullable(true))
	}
	if same {
		return all[0].WithNullable(nullable), true
	}
	sig, err := fn.Coalesce.Infer(x.session, args)
	if err != nil {
		return types.Type{}, false
	}
	return sig.Result.WithNullable(nullable), true
}

func listed(all []types.Type) string {
	s := ""
	for i, t := range all {
		switch {
		case i >= 8:
			return s + ", .."
		case i > 0:
			s += ", "
		}
		s += t.String()
	}
	return s
}

// sortKeys binds ORDER BY of a query that is no SELECT: it names columns of the result, or counts them.
func (x *text) sortKeys(r relation, order []*ast.OrderItem) []logical.SortKey {
	var keys []logical.SortKey
	for _, o := range order {
		at, ok := x.ordinal(o.Expr, len(r.names))
		if n, isName := o.Expr.(*ast.Name); !ok && isName && len(n.Parts) == 1 {
			for i, name := range r.names {
				if name == n.Parts[0].Name {
					at, ok = i, true
					break
				}
			}
			if !ok {
				x.suggest(fault.SQLUnknownColumn, n, n.String(), r.names, "there is no column %q", n)
			}
		}
		if !ok {
			x.unsupported(o.Expr, "a query of several parts is sorted by the names or numbers of its columns")
		}
		keys = append(keys, sortKey(o, at))
	}
	return keys
}

// ordinal is a number that stands for a column, from 0.
func (x *text) ordinal(e ast.Expr, columns int) (int, bool) {
	n, ok := e.(*ast.NumberLit)
	if !ok || !n.IsInteger() {
		return 0, false
	}
	v, err := strconv.Atoi(n.Text)
	if err != nil || v < 1 || v > columns {
		x.fail(fault.SQLInvalid, e, "there is no column number %s: there are %d", n.Text, columns)
	}
	return v - 1, true
}

// sortKey is an item of ORDER BY. Nulls are lower than all values, where nothing else is said.
func sortKey(o *ast.OrderItem, column int) logical.SortKey {
	k := logical.SortKey{Column: column, Descending: o.Direction == "DESC"}
	k.NullsLast = k.Descending
	if o.Nulls != "" {
		k.NullsLast = o.Nulls == "LAST"
	}
	return k
}
