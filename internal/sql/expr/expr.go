// Package expr is the typed expression: what a name-bound, type-checked SQL expression is for planner and evaluator. Expressions are immutable values in a tree.
package expr

import (
	"strconv"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/types"
)

// Expr is a [*Ref], [*Const], [*Field], [*Call] or [*Symbol].
type Expr interface {
	Type() types.Type
	// String prints the expression as plans show it, with the names of columns.
	String() string
}

// Ref is a column of the operator's input; in a join, the columns of the left input come first.
type Ref struct {
	Index int
	Name  string
	T     types.Type
}

// Const is a literal.
type Const struct {
	Value column.Value
	T     types.Type
}

// Field is a field of a ROW: null where the row is.
type Field struct {
	Of    Expr
	Index int
	Name  string
	T     types.Type
}

// Call is a call of a function or operator, of implicit casts, too. The arguments have the types that the function's signature asks for.
type Call struct {
	Fn   *fn.Function
	Args []Expr
	T    types.Type
}

// Symbol is a keyword argument, such as the unit of EXTRACT.
type Symbol struct{ Name string }

// Type implements [Expr].
func (e *Ref) Type() types.Type { return e.T }

// Type implements [Expr].
func (e *Const) Type() types.Type { return e.T }

// Type implements [Expr].
func (e *Field) Type() types.Type { return e.T }

// Type implements [Expr].
func (e *Call) Type() types.Type { return e.T }

// Type implements [Expr].
func (e *Symbol) Type() types.Type { return types.New(types.Symbol).NotNull() }

func (e *Ref) String() string {
	if e.Name == "" {
		return "$" + strconv.Itoa(e.Index)
	}
	return e.Name
}

func (e *Const) String() string  { return column.Literal(e.Value, e.T) }
func (e *Field) String() string  { return e.Of.String() + "." + e.Name }
func (e *Symbol) String() string { return e.Name }

func (e *Call) String() string {
	args := make([]string, len(e.Args))
	for i, a := range e.Args {
		args[i] = a.String()
	}
	switch {
	case e.Fn.Print != nil:
		return e.Fn.Print(args, e.T)
	case e.Fn.Syntax == fn.Infix:
		return "(" + strings.Join(args, " "+e.Fn.Name+" ") + ")"
	case e.Fn.Syntax == fn.Postfix:
		return args[0] + " " + e.Fn.Name
	case e.Fn.Syntax == fn.Before:
		return e.Fn.Name + " " + args[0]
	}
	return e.Fn.Name + "(" + strings.Join(args, ", ") + ")"
}

// Args describes expressions to type inference and to [fn.Function.Bind].
func Args(list []Expr) []fn.Arg {
	args := make([]fn.Arg, len(list))
	for i, e := range list {
		args[i].Type = e.Type()
		switch e := e.(type) {
		case *Const:
			args[i].Literal = &e.Value
		case *Symbol:
			args[i].Symbol = e.Name
		case *Call:
			args[i].Call = e.Fn.Name
		}
	}
	return args
}

// Rewrite returns e with every sub-expression, from the leaves up, replaced by what f returns. What does not change is shared.
func Rewrite(e Expr, f func(Expr) Expr) Expr {
	switch x := e.(type) {
	case *Field:
		if of := Rewrite(x.Of, f); of != x.Of {
			c := *x
			c.Of = of
			return f(&c)
		}
	case *Call:
		var args []Expr
		for i, a := range x.Args {
			if b := Rewrite(a, f); b != a {
				if args == nil {
					args = append([]Expr(nil), x.Args...)
				}
				args[i] = b
			}
		}
		if args != nil {
			c := *x
			c.Args = args
			return f(&c)
		}
	}
	return f(e)
}

// Walk calls f for e and all below it, until f returns false for an expression, whose arguments are left out.
func Walk(e Expr, f func(Expr) bool) {
	if !f(e) {
		return
	}
	switch x := e.(type) {
	case *Field:
		Walk(x.Of, f)
	case *Call:
		for _, a := range x.Args {
			Walk(a, f)
		}
	}
}

// Refs adds to set the columns that e reads.
func Refs(e Expr, set map[int]bool) {
	Walk(e, func(e Expr) bool {
		if r, ok := e.(*Ref); ok {
			set[r.Index] = true
		}
		return true
	})
}

// Shift returns e with the index of every column changed by f; a negative index from f panics, as the caller must know which columns there are.
func Shift(e Expr, f func(int) int) Expr {
	return Rewrite(e, func(e Expr) Expr {
		r, ok := e.(*Ref)
		if !ok {
			return e
		}
		i := f(r.Index)
		if i < 0 {
			panic(fault.New(fault.InternalInvariant, "column %q of an expression is not there", r.Name))
		}
		if i == r.Index {
			return e
		}
		return &Ref{Index: i, Name: r.Name, T: r.T}
	})
}

// Inline returns e with every column replaced by the expression of that index.
func Inline(e Expr, of []Expr) Expr {
	return Rewrite(e, func(e Expr) Expr {
		if r, ok := e.(*Ref); ok {
			return of[r.Index]
		}
		return e
	})
}

// Equal reports whether two expressions are the same tree.
func Equal(a, b Expr) bool {
	if a == b {
		return true
	}
	switch x := a.(type) {
	case *Ref:
		y, ok := b.(*Ref)
		return ok && x.Index == y.Index && x.T.Equal(y.T)
	case *Const:
		y, ok := b.(*Const)
		return ok && x.T.Equal(y.T) && x.Value.Equal(y.Value)
	case *Field:
		y, ok := b.(*Field)
		return ok && x.Index == y.Index && Equal(x.Of, y.Of)
	case *Symbol:
		y, ok := b.(*Symbol)
		return ok && x.Name == y.Name
	case *Call:
		y, ok := b.(*Call)
		if !ok || x.Fn != y.Fn || len(x.Args) != len(y.Args) || !x.T.Equal(y.T) {
			return false
		}
		for i := range x.Args {
			if !Equal(x.Args[i], y.Args[i]) {
				return false
			}
		}
		return true
	}
	return false
}

// Deterministic reports whether expressions return the same for the same row, whenever they are computed; a nil one does.
func Deterministic(list ...Expr) bool {
	ok := true
	for _, e := range list {
		if e == nil {
			continue
		}
		Walk(e, func(e Expr) bool {
			if c, is := e.(*Call); is && c.Fn.Volatility != fn.Immutable {
				ok = false
			}
			return ok
		})
	}
	return ok
}

// CheapFirst returns the conditions of an AND or OR in an order in which those with slow calls stand behind others. What may fail, or gives something else each time, keeps its place among all that stand
// before it; but a slow call is no longer made, and so does not fail, for rows that a condition which now stands before it decides.
func CheapFirst(conds []Expr) []Expr {
	var slow []Expr
	list := make([]Expr, 0, len(conds))
	for _, e := range conds {
		calls, fails := slowCalls(e)
		switch {
		case fails || !Deterministic(e):
			list = append(append(list, slow...), e)
			slow = nil
		case calls:
			slow = append(slow, e)
		default:
			list = append(list, e)
		}
	}
	return append(list, slow...)
}

// slowCalls reports whether there are slow calls in an expression, and whether others may fail.
func slowCalls(e Expr) (calls, fails bool) {
	Walk(e, func(e Expr) bool {
		if c, is := e.(*Call); is {
			calls = calls || c.Fn.Slow
			fails = fails || c.Fn.Fails && !c.Fn.Slow
		}
		return true
	})
	return calls, fails
}

// CanFail reports whether computing e may fail for some values.
func CanFail(e Expr) bool {
	fails := false
	Walk(e, func(e Expr) bool {
		if c, is := e.(*Call); is && c.Fn.Fails {
			fails = true
		}
		return !fails
	})
	return fails
}

// All joins conditions by AND, what [And] undoes; nil if there are none.
func All(conds []Expr) Expr {
	switch len(conds) {
	case 0:
		return nil
	case 1:
		return conds[0]
	}
	t := types.New(types.Boolean).WithNullable(false)
	for _, c := range conds {
		if c.Type().Nullable() {
			t = t.WithNullable(true)
		}
	}
	return &Call{Fn: fn.And, Args: conds, T: t}
}

// And splits a condition at its ANDs.
func And(e Expr) []Expr {
	if c, ok := e.(*Call); ok && c.Fn.Name == "AND" {
		var all []Expr
		for _, a := range c.Args {
			all = append(all, And(a)...)
		}
		return all
	}
	if e == nil {
		return nil
	}
	return []Expr{e}
}
