package vec_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/types"
)

var (
	bigint  = types.New(types.BigInt)
	boolean = types.New(types.Boolean)
	session = &fn.Session{}
)

func ref(i int, t types.Type) expr.Expr { return &expr.Ref{Index: i, Name: fmt.Sprint("c", i), T: t} }

func lit(x int64) expr.Expr { return &expr.Const{Value: column.IntValue(x), T: bigint.NotNull()} }

func text(s string) expr.Expr {
	return &expr.Const{Value: column.TextValue(s), T: types.Of(types.Char, len(s), 0).NotNull()}
}

// call makes a call, with the casts of its signature.
func call(tb testing.TB, name string, args ...expr.Expr) expr.Expr {
	tb.Helper()
	f := fn.Builtin.Scalar(name)
	if f == nil {
		tb.Fatalf("there is no %s", name)
	}
	sig, err := f.Infer(session, expr.Args(args))
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	args = append([]expr.Expr(nil), args...)
	for i, t := range sig.Args {
		if t.Valid() && !t.Same(args[i].Type()) {
			args[i] = cast(args[i], t)
		}
	}
	return &expr.Call{Fn: f, Args: args, T: sig.Result}
}

func cast(e expr.Expr, t types.Type) expr.Expr {
	return &expr.Call{Fn: fn.Cast, Args: []expr.Expr{e}, T: t.WithNullable(e.Type().Nullable())}
}

// oracle computes a row in the plainest way. It knows what the generator makes: BIGINT and BOOLEAN.
func oracle(e expr.Expr, in *column.Batch, row int) (column.Value, bool) {
	null := column.NullValue()
	switch e := e.(type) {
	case *expr.Ref:
		return in.Cols[e.Index].Value(row), true
	case *expr.Const:
		return e.Value, true
	}
	c := e.(*expr.Call)
	switch c.Fn.Name {
	case "AND", "OR":
		decides, unknown := c.Fn.Name == "OR", false
		for _, a := range c.Args {
			v, ok := oracle(a, in, row)
			if !ok {
				return v, false
			}
			if !v.Null && v.Bool() == decides {
				return column.BoolValue(decides), true
			}
			unknown = unknown || v.Null
		}
		if unknown {
			return null, true
		}
		return column.BoolValue(!decides), true
	case "CASE":
		for i := 0; i+1 < len(c.Args); i += 2 {
			v, ok := oracle(c.Args[i], in, row)
			if !ok {
				return v, false
			}
			if !v.Null && v.Bool() {
				return oracle(c.Args[i+1], in, row)
			}
		}
		return oracle(c.Args[len(c.Args)-1], in, row)
	case "COALESCE":
		for _, a := range c.Args {
			if v, ok := oracle(a, in, row); !ok || !v.Null {
				return v, ok
			}
		}
		return null, true
	}
	var args []column.Value
	for _, a := range c.Args {
		v, ok := oracle(a, in, row)
		if !ok {
			return v, false
		}
		args = append(args, v)
	}
	switch c.Fn.Name {
	case "IS NULL":
		return column.BoolValue(args[0].Null), true
	case "IN":
		unknown := false
		for _, a := range args[1:] {
			if args[0].Null || a.Null {
				unknown = true
			} else if a.Int() == args[0].Int() {
				return column.BoolValue(true), true
			}
		}
		if unknown {
			return null, true
		}
		return column.BoolValue(false), true
	case "NULLIF":
		if !args[0].Null && !args[1].Null && args[0].Int() == args[1].Int() {
			return null, true
		}
		return args[0], true
	}
	for _, a := range args {
		if a.Null {
			return null, true
		}
	}
	x := args[0].Int()
	y := int64(0)
	if len(args) > 1 {
		y = args[1].Int()
	}
	switch c.Fn.Name {
	case "NOT":
		return column.BoolValue(x == 0), true
	case "+":
		return column.IntValue(x + y), true
	case "*":
		return column.IntValue(x * y), true
	case "/":
		if y == 0 {
			return null, false
		}
		return column.IntValue(x / y), true
	case "SLOW":
		return column.IntValue((x*5 + y) % 4), true
	case "=":
		return column.BoolValue(x == y), true
	case "<>":
		return column.BoolValue(x != y), true
	case "<":
		return column.BoolValue(x < y), true
	case ">=":
		return column.BoolValue(x >= y), true
	}
	panic("the oracle does not know " + c.Fn.Name)
}

// slow is a function that is computed once for each row, wherever it stands.
var slow = &fn.Function{Name: "SLOW", Slow: true, Bind: func(*fn.Session, []fn.Arg, types.Type) (fn.Kernel, error) {
	return func(_ *fn.Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		slowRows += len(sel)
		if sel == nil {
			slowRows += n
		}
		fn.Rows(sel, n, func(row int) {
			out.Words[row] = uint64((int64(args[0].Words[row])*5 + int64(args[1].Words[row])) % 4)
		})
		return nil
	}, nil
}}

// slowRows counts the rows that slow was computed for.
var slowRows int

// generate makes an expression of the given type.
func generate(t *testing.T, r *rand.Rand, kind types.Kind, depth int) expr.Expr {
	number := func() expr.Expr { return generate(t, r, types.BigInt, depth-1) }
	truth := func() expr.Expr { return generate(t, r, types.Boolean, depth-1) }
	if kind == types.BigInt {
		if depth == 0 {
			if r.IntN(3) == 0 {
				return lit(r.Int64N(4))
			}
			return ref(r.IntN(3), bigint)
		}
		switch r.IntN(8) {
		case 6, 7:
			return &expr.Call{Fn: slow, Args: []expr.Expr{ref(r.IntN(2), bigint), ref(r.IntN(3), bigint)}, T: bigint}
		case 0:
			return call(t, "+", number(), number())
		case 1:
			return call(t, "*", number(), number())
		case 2:
			return call(t, "/", number(), number())
		case 3:
			return call(t, "CASE", truth(), number(), truth(), number(), number())
		case 4:
			return call(t, "COALESCE", number(), number(), number())
		}
		return call(t, "NULLIF", number(), number())
	}
	if depth == 0 {
		return ref(3+r.IntN(2), boolean)
	}
	switch r.IntN(7) {
	case 0:
		return call(t, "AND", truth(), truth(), truth())
	case 1:
		return call(t, "OR", truth(), truth())
	case 2:
		return call(t, "NOT", truth())
	case 3:
		return call(t, "IS NULL", number())
	case 4:
		return call(t, "IN", number(), lit(1), &expr.Const{Value: column.NullValue(), T: bigint}, lit(2))
	}
	return call(t, []string{"=", "<>", "<", ">="}[r.IntN(4)], number(), number())
}

// vector makes a flat, constant or dictionary vector of n rows.
func vector(r *rand.Rand, n int, limit int64) *column.Vector {
	flat := func(n int) *column.Vector {
		v := &column.Vector{}
		v.Reset(column.Word, n)
		for i := range n {
			v.Words[i] = uint64(r.Int64N(limit))
		}
		if r.IntN(2) == 0 {
			for i := range n {
				if r.IntN(4) == 0 {
					v.SetNull(i, n)
				}
			}
		}
		return v
	}
	switch r.IntN(4) {
	case 0:
		v := flat(1)
		v.Const = true
		return v
	case 1:
		d := &column.Vector{Form: column.Word, Base: flat(5), Index: make([]int32, n)}
		for i := range d.Index {
			d.Index[i] = r.Int32N(5)
		}
		return d
	}
	return flat(n)
}

// TestOracle compares what random expressions give with a row-at-a-time evaluation, failures included: an expression fails if it fails for a selected row.
func TestOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	failed, fine := 0, 0
	for range 3000 {
		kind := types.BigInt
		if r.IntN(2) == 0 {
			kind = types.Boolean
		}
		e := generate(t, r, kind, 1+r.IntN(3))
		p, err := vec.Compile(e, session)
		if err != nil {
			t.Fatal(err)
		}
		both, err := vec.CompileAll([]expr.Expr{e, e}, session)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			n := r.IntN(140)
			in := &column.Batch{N: n}
			for i := range 5 {
				limit := int64(4)
				if i > 2 {
					limit = 2
				}
				in.Cols = append(in.Cols, vector(r, n, limit))
			}
			var sel, rows []int32
			if r.IntN(2) == 0 {
				sel = []int32{}
			}
			for i := range int32(n) {
				if sel == nil || r.IntN(3) == 0 {
					rows = append(rows, i)
					if sel != nil {
						sel = append(sel, i)
					}
				}
			}
			bad := false
			var want []column.Value
			var hits []int32
			for _, row := range rows {
				v, ok := oracle(e, in, int(row))
				bad = bad || !ok
				want = append(want, v)
				if ok && !v.Null && v.Bool() {
					hits = append(hits, row)
				}
			}
			got, err := p.Eval(&fn.Call{}, in, sel)
			if (err != nil) != bad {
				t.Fatalf("%s: error %v, want one: %v", e, err, bad)
			}
			if bad {
				if fault.CodeOf(err) != fault.ExpressionValue {
					t.Fatalf("%s: %v", e, err)
				}
				failed++
				continue
			}
			fine++
			check := func(got *column.Vector) {
				t.Helper()
				for i, row := range rows {
					if v := got.Value(int(row)); !v.Equal(want[i]) {
						t.Fatalf("%s, row %d: got %v, want %v", e, row, v, want[i])
					}
				}
			}
			check(got)
			vs, err := both.Eval(&fn.Call{}, in, sel)
			if err != nil {
				t.Fatal(err)
			}
			check(vs[0])
			check(vs[1])
			if kind == types.Boolean {
				got, err := p.Select(&fn.Call{}, in, sel)
				if err != nil || got == nil || fmt.Sprint(got) != fmt.Sprint(hits) {
					t.Fatalf("%s selects %v, %v, want %v", e, got, err, hits)
				}
			}
		}
	}
	if failed < 100 || fine < 1000 {
		t.Errorf("%d failed, %d did not: the generator is lopsided", failed, fine)
	}
}

// TestOnce checks that a slow call is computed once for a row where it stands in several places, and last among conditions.
func TestOnce(t *testing.T) {
	once := &expr.Call{Fn: slow, Args: []expr.Expr{ref(0, bigint), ref(1, bigint)}, T: bigint}
	in := &column.Batch{N: 100}
	for i := range 2 {
		v := &column.Vector{}
		v.Reset(column.Word, in.N)
		for row := range in.N {
			v.Words[row] = uint64(row % (4 + i))
		}
		in.Cols = append(in.Cols, v)
	}
	small := call(t, "<", ref(0, bigint), lit(2))
	where := call(t, "OR", call(t, "=", once, lit(1)), small) // 50 rows are small, of the others some are 1
	list := []expr.Expr{call(t, "CASE", small, lit(9), once), call(t, "COALESCE", once, lit(0))}
	p, err := vec.CompileWhere(where, list, session)
	if err != nil {
		t.Fatal(err)
	}
	for turn := range 2 {
		slowRows = 0
		cols, sel, err := p.Where(&fn.Call{}, in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if slowRows != 100 { // 50 by the condition, the small ones by COALESCE
			t.Errorf("turn %d: %d rows are computed", turn, slowRows)
		}
		n := 0
		for row := range in.N {
			v := int64(row%4*5+row%5) % 4
			if row%4 >= 2 && v != 1 {
				continue
			}
			if n == len(sel) || sel[n] != int32(row) {
				t.Fatalf("row %d is not selected: %v", row, sel)
			}
			n++
			first := v
			if row%4 < 2 {
				first = 9
			}
			if a, b := cols[0].Word(row), cols[1].Word(row); int64(a) != first || int64(b) != v {
				t.Errorf("row %d: %d %d, want %d %d", row, a, b, first, v)
			}
		}
		if n != len(sel) {
			t.Errorf("%d rows are selected, want %d", len(sel), n)
		}
	}
}

// TestNarrow checks that the second argument of AND is not computed for rows that the first rules out.
func TestNarrow(t *testing.T) {
	v := &column.Vector{}
	v.Reset(column.Word, 3)
	copy(v.Ints(), []int64{0, 2, 5})
	in := &column.Batch{N: 3, Cols: []*column.Vector{v}}
	x := ref(0, bigint)
	div := call(t, "=", call(t, "/", lit(10), x), lit(5))
	p, err := vec.Compile(call(t, "AND", call(t, "<>", x, lit(0)), div), session)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Select(&fn.Call{}, in, nil)
	if err != nil || fmt.Sprint(got) != "[1]" {
		t.Errorf("got %v, %v", got, err)
	}
	p, err = vec.Compile(div, session)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = p.Select(&fn.Call{}, in, nil); fault.CodeOf(err) != fault.ExpressionValue {
		t.Errorf("a division by zero gives %v", err)
	}
}

func texts(n int, words ...string) *column.Vector {
	v := &column.Vector{}
	v.Reset(column.Text, n)
	for i := range n {
		v.SetString(i, words[i%len(words)])
	}
	return v
}

func TestAllocs(t *testing.T) {
	const n = 1000
	r := rand.New(rand.NewPCG(3, 4))
	num := &column.Vector{}
	num.Reset(column.Word, n)
	for i := range n {
		num.Words[i] = uint64(1 + r.Int64N(1000))
		if r.IntN(9) == 0 {
			num.SetNull(i, n)
		}
	}
	dict := &column.Vector{Form: column.Word, Base: num, Index: make([]int32, n)}
	in := &column.Batch{N: n, Cols: []*column.Vector{num, dict, texts(n, "a", "a longer string than fits", "Bc")}}
	x, d, s := ref(0, bigint), ref(1, bigint), ref(2, types.String())
	rate := &expr.Const{Value: column.IntValue(908), T: types.DecimalOf(3, 3).NotNull()}
	for _, e := range []expr.Expr{
		call(t, "+", x, d), call(t, "/", d, x), call(t, "*", rate, x), call(t, "=", call(t, "MOD", x, lit(10)), lit(3)),
		call(t, "AND", call(t, ">", x, lit(10)), call(t, "<", d, x)), call(t, "CASE", call(t, "<", x, lit(500)), s, call(t, "=", s, text("Bc")), text("b"), text("other")),
		call(t, "IN", s, text("a"), text("c")), call(t, "COALESCE", x, d), call(t, "NULLIF", x, lit(5)), cast(x, types.String()), cast(x, types.DecimalOf(10, 2)),
		cast(call(t, "*", rate, x), types.DecimalOf(23, 3)),
	} {
		p, err := vec.Compile(e, session)
		if err != nil {
			t.Fatal(err)
		}
		c := &fn.Call{}
		run := func() {
			_, err = p.Eval(c, in, nil)
			if err == nil && e.Type().Kind() == types.Boolean {
				_, err = p.Select(c, in, nil)
			}
		}
		run()
		if got := testing.AllocsPerRun(10, run); got != 0 || err != nil {
			t.Errorf("%s allocates %v times a batch, %v", e, got, err)
		}
	}
}
