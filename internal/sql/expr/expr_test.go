package expr

import (
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/types"
)

var (
	plus = &fn.Function{Name: "+", Syntax: fn.Infix}
	and  = &fn.Function{Name: "AND", Syntax: fn.Infix}
	rand = &fn.Function{Name: "RAND", Volatility: fn.Volatile}
	null = &fn.Function{Name: "IS NULL", Syntax: fn.Postfix}
	div  = &fn.Function{Name: "/", Syntax: fn.Infix, Fails: true}
)

func ref(i int, name string) *Ref { return &Ref{Index: i, Name: name, T: types.New(types.BigInt)} }

func call(f *fn.Function, args ...Expr) *Call {
	return &Call{Fn: f, Args: args, T: types.New(types.BigInt)}
}

func TestTrees(t *testing.T) {
	one := &Const{Value: column.IntValue(1), T: types.New(types.BigInt).NotNull()}
	e := call(and, call(null, ref(2, "c")), call(and, call(plus, ref(0, "a"), one), call(null, &Field{Of: ref(1, "b"), Name: "x", T: types.String()})))
	if got := e.String(); got != "(c IS NULL AND ((a + 1) AND b.x IS NULL))" {
		t.Error(got)
	}
	if n := len(And(e)); n != 3 {
		t.Error(n, "conditions")
	}
	set := map[int]bool{}
	Refs(e, set)
	if len(set) != 3 {
		t.Error(set)
	}
	moved := Shift(e, func(i int) int { return i + 10 })
	set = map[int]bool{}
	Refs(moved, set)
	if !set[10] || !set[12] || len(set) != 3 || Equal(e, moved) {
		t.Error(set)
	}
	if !Equal(e, Shift(moved, func(i int) int { return i - 10 })) {
		t.Error("shifted there and back, it differs")
	}
	if got := Inline(e, []Expr{one, ref(5, "q"), ref(0, "a")}).String(); got != "(a IS NULL AND ((1 + 1) AND q.x IS NULL))" {
		t.Error(got)
	}
	if Shift(e, func(i int) int { return i }) != Expr(e) {
		t.Error("what does not change is not shared")
	}
	if !Deterministic(e) || Deterministic(call(and, e, call(rand))) || CanFail(e) || !CanFail(call(plus, e, call(div, e, one))) {
		t.Error("properties")
	}
}

func TestArgs(t *testing.T) {
	args := Args([]Expr{ref(0, "a"), &Const{Value: column.IntValue(7), T: types.New(types.Int)}, &Symbol{Name: "HOUR"}})
	if args[0].Literal != nil || args[1].Literal.Int() != 7 || args[2].Symbol != "HOUR" {
		t.Error(args)
	}
}

func TestCheapFirst(t *testing.T) {
	slow := &fn.Function{Name: "SLOW", Syntax: fn.Prefix, Slow: true, Fails: true}
	a, b := call(null, ref(0, "a")), call(null, ref(1, "b"))
	s1, s2 := call(slow, ref(2, "c")), call(null, call(slow, ref(3, "d")))
	fails, changes := call(div, ref(4, "e"), ref(5, "f")), call(rand)
	for _, c := range []struct{ in, want []Expr }{
		{[]Expr{a, b}, []Expr{a, b}},
		{[]Expr{s1, a, s2, b}, []Expr{a, b, s1, s2}},
		{[]Expr{s1, a, fails, b, s2}, []Expr{a, s1, fails, b, s2}},
		{[]Expr{a, s1, changes, b}, []Expr{a, s1, changes, b}},
		{[]Expr{call(and, s1, changes), b}, []Expr{call(and, s1, changes), b}},
	} {
		got := CheapFirst(c.in)
		if g, w := call(and, got...).String(), call(and, c.want...).String(); g != w {
			t.Errorf("%s becomes %s, want %s", call(and, c.in...), g, w)
		}
	}
}
