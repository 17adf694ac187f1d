package bind

import (
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

var setKinds = map[ast.SetOpKind]logical.SetKind{ast.Union: logical.Union, ast.Intersect: logical.Intersect, ast.Except: logical.Except}

// setOp binds UNION, INTERSECT and EXCEPT. A chain of the same one is one operator, but for EXCEPT, which is grouped from the left.
func (x *text) setOp(s *ast.SetOp, e *env) relation {
	bodies := []ast.QueryBody{s.R}
	left := s.L
	for {
		l, ok := left.(*ast.SetOp)
		if !ok || l.Op != s.Op || l.All != s.All || s.Op == ast.Except {
			break
		}
		bodies = append(bodies, l.R)
		left = l.L
	}
	// Of a long chain of different ones, each is an operator over the one before.
	rels := []relation{x.body(left, e)}
	for i := len(bodies) - 1; i >= 0; i-- {
		rels = append(rels, x.body(bodies[i], e))
	}
	names := rels[0].names
	for _, r := range rels[1:] {
		if len(r.names) != len(names) {
			x.fail(fault.SQLType, s, "%s has queries of %d and of %d columns", s.Op, len(names), len(r.names))
		}
	}
	out := make([]types.Field, len(names))
	for i := range names {
		all := make([]types.Type, len(rels))
		for k, r := range rels {
			all[k] = r.rel.Fields()[i].Type
		}
		t, ok := x.common(all)
		if !ok {
			parts := make([]string, len(all))
			for k, t := range all {
				parts[k] = t.String()
			}
			x.fail(fault.SQLType, s, "column %d, %q, of %s has types that do not go together: %s", i+1, names[i], s.Op, strings.Join(parts, ", "))
		}
		out[i] = types.Field{Name: rels[0].rel.Fields()[i].Name, Type: t}
	}
	node := &logical.SetOp{Kind: setKinds[s.Op], All: s.All, Out: out, At: x.placeAt(s.Clause)}
	if !s.All || s.Op != ast.Union {
		for i := range out {
			out[i].Type = out[i].Type.WithAttribute(types.NoAttribute)
		}
	}
	x.grow(s, len(out)*(len(rels)+1))
	for _, r := range rels {
		var list []expr.Expr
		var own []string
		changed := false
		for i, f := range r.rel.Fields() {
			ref := &expr.Ref{Index: i, Name: f.Name, T: f.Type}
			var c expr.Expr = ref
			if !f.Type.Null().Equal(out[i].Type.Null()) {
				c = x.cast(ref, out[i].Type)
			}
			changed = changed || c != expr.Expr(ref)
			list, own = append(list, c), append(own, f.Name)
		}
		rel := r.rel
		if changed {
			rel = project(rel, list, own)
		}
		node.Of = append(node.Of, rel)
	}
	return relation{node, names}
}
