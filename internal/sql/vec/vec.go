// Package vec computes typed expressions over vectors, batch by batch.
//
// An expression is compiled once into a [Program], which owns all the memory that it needs: a steady stream of batches allocates nothing. A program belongs to one operator
// instance and is not safe for concurrent use. What it returns is valid until it is called again, and as long as the batch is.
//
// A sub-expression is computed only for the rows for which SQL asks for it: the second argument of AND for rows that the first leaves open, the value of a WHEN for rows of its
// condition. So one that can fail does so only where it would when rows were computed one by one.
package vec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/types"
)

// Program is a compiled expression.
type Program struct {
	run  run
	root node
	cond selector
}

// Compile compiles an expression. The error is that of binding one of its functions.
func Compile(e expr.Expr, s *fn.Session) (*Program, error) {
	c := &compiler{session: s}
	root, err := c.compile(e, &scope{})
	if err != nil {
		return nil, err
	}
	p := &Program{root: root}
	if e.Type().Kind() == types.Boolean {
		if p.cond, _, err = c.selector(e, &scope{}); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Eval computes the expression for the rows of sel, or for all in.N if it is nil; in.Sel does not count. The vector has a value for these rows; at others it may hold anything.
func (p *Program) Eval(call *fn.Call, in *column.Batch, sel []int32) (*column.Vector, error) {
	p.run.begin(call, in)
	return p.root.eval(&p.run, sel)
}

// Select returns those rows of sel (nil: of all in.N) where the expression, a BOOLEAN, is true. The selection is never nil.
func (p *Program) Select(call *fn.Call, in *column.Batch, sel []int32) ([]int32, error) {
	if p.cond == nil {
		return nil, fault.New(fault.InternalInvariant, "an expression that is no condition selects rows")
	}
	p.run.begin(call, in)
	return p.cond.rows(&p.run, sel)
}

// Projector computes several expressions of the rows for which a condition is true; what they have in common is computed once.
type Projector struct {
	run   run
	cond  selector // nil for none
	roots []node
	out   []*column.Vector
}

// CompileAll compiles the expressions of a projector without a condition.
func CompileAll(list []expr.Expr, s *fn.Session) (*Projector, error) {
	return CompileWhere(nil, list, s)
}

// CompileWhere compiles a projector. The condition, a BOOLEAN, may be nil.
func CompileWhere(where expr.Expr, list []expr.Expr, s *fn.Session) (*Projector, error) {
	c := &compiler{session: s}
	p := &Projector{roots: make([]node, len(list)), out: make([]*column.Vector, len(list))}
	top := &scope{}
	if where != nil {
		cond, last, err := c.selector(where, top)
		if err != nil {
			return nil, err
		}
		p.cond, top = cond, &scope{outer: last}
	}
	for i, e := range list {
		root, err := c.compile(e, top)
		if err != nil {
			return nil, err
		}
		p.roots[i] = root
	}
	return p, nil
}

// Eval computes the expressions as [Program.Eval] does, without asking for the condition. The slice is reused by the next call.
func (p *Projector) Eval(call *fn.Call, in *column.Batch, sel []int32) ([]*column.Vector, error) {
	p.run.begin(call, in)
	return p.eval(sel)
}

// Where narrows sel to the rows for which the condition is true, as [Program.Select] does, and computes the expressions of these. Without rows it computes nothing.
func (p *Projector) Where(call *fn.Call, in *column.Batch, sel []int32) (cols []*column.Vector, kept []int32, err error) {
	p.run.begin(call, in)
	if p.cond != nil {
		if sel, err = p.cond.rows(&p.run, sel); err != nil || len(sel) == 0 {
			return nil, sel, err
		}
	}
	cols, err = p.eval(sel)
	return cols, sel, err
}

func (p *Projector) eval(sel []int32) ([]*column.Vector, error) {
	for i, root := range p.roots {
		v, err := root.eval(&p.run, sel)
		if err != nil {
			return nil, err
		}
		p.out[i] = v
	}
	return p.out, nil
}

// run is what nodes know of the batch under way.
type run struct {
	call *fn.Call
	in   *column.Batch
	n    int
	turn uint64 // counts evaluations
}

func (r *run) begin(call *fn.Call, in *column.Batch) {
	r.call, r.in, r.n = call, in, in.N
	r.turn++
}

// node is a part of a program. Within one turn the first call of a node has the widest selection: those of later ones are parts of it.
type node interface {
	eval(r *run, sel []int32) (*column.Vector, error)
}

// scope is where rows are the same: sub-expressions of one scope are computed for the same selection, in the order in which they are compiled, so that equal ones are one node. Those of the outer scope have
// been computed before, for these rows and maybe more.
type scope struct {
	nodes  map[string][]known
	splits []*splitter
	outer  *scope
}

// find returns the node of an equal expression, nil if there is none yet.
func (s *scope) find(key string, e expr.Expr) *shared {
	for ; s != nil; s = s.outer {
		for _, k := range s.nodes[key] {
			if expr.Equal(k.e, e) {
				return k.n
			}
		}
	}
	return nil
}

type known struct {
	e expr.Expr
	n *shared
}

type compiler struct {
	session *fn.Session
	memos   map[string][]knownMemo
}

func (c *compiler) compile(e expr.Expr, s *scope) (node, error) {
	switch e := e.(type) {
	case *expr.Ref:
		return ref(e.Index), nil
	case *expr.Const:
		return &constant{column.ConstOf(e.Value, e.T)}, nil
	case *expr.Symbol:
		return &constant{column.ConstOf(column.TextValue(e.Name), e.Type())}, nil
	case *expr.Field:
		of, err := c.compile(e.Of, s)
		if err != nil {
			return nil, err
		}
		return &field{of: of, index: e.Index}, nil
	case *expr.Call:
		if !shareable(e) {
			return c.call(e, s)
		}
		if m, err := c.memo(e); m != nil || err != nil {
			return m, err
		}
		key := e.String()
		if known := s.find(key, e); known != nil {
			return known, nil
		}
		n, err := c.call(e, s)
		if err != nil {
			return nil, err
		}
		once := &shared{node: n}
		if s.nodes == nil {
			s.nodes = map[string][]known{}
		}
		s.nodes[key] = append(s.nodes[key], known{e, once})
		return once, nil
	}
	return nil, fault.New(fault.InternalInvariant, "the evaluator does not know the expression %T", e)
}

// shareable reports whether two equal calls are one. Volatile functions are called as often as they are written.
func shareable(e expr.Expr) bool {
	ok := true
	expr.Walk(e, func(e expr.Expr) bool {
		if c, is := e.(*expr.Call); is && c.Fn.Volatility == fn.Volatile {
			ok = false
		}
		return ok
	})
	return ok
}

// shared computes a node once a turn.
type shared struct {
	node
	turn uint64
	out  *column.Vector
}

func (s *shared) eval(r *run, sel []int32) (*column.Vector, error) {
	if s.turn == r.turn {
		return s.out, nil
	}
	out, err := s.node.eval(r, sel)
	if err != nil {
		return nil, err
	}
	s.out, s.turn = out, r.turn
	return out, nil
}

type ref int

func (i ref) eval(r *run, sel []int32) (*column.Vector, error) { return r.in.Cols[i], nil }

type constant struct{ v *column.Vector }

func (c *constant) eval(*run, []int32) (*column.Vector, error) { return c.v, nil }

// field is a field of a row.
type field struct {
	of        node
	index     int
	out, flat column.Vector
}

func (f *field) eval(r *run, sel []int32) (*column.Vector, error) {
	v, err := f.of.eval(r, sel)
	if err != nil {
		return nil, err
	}
	v = v.Flatten(r.n, &f.flat)
	child := v.Children[f.index]
	if v.Valid == nil {
		return child, nil
	}
	f.out.Alias(child)
	valid := f.out.AllValid(r.n)
	intersect(valid, v.Valid)
	if child.Valid != nil {
		intersect(valid, child.Valid)
	}
	return &f.out, nil
}

func intersect(a, b []uint64) {
	for i := range a {
		a[i] &= b[i]
	}
}
