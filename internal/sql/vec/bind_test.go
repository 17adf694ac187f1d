package vec_test

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/types"
)

// binder gives the tests of this package expressions from their text: only what these need. It panics with an error.
type binder struct {
	session *fn.Session
	fields  []types.Field
}

func (b *binder) bind(text string) (e expr.Expr, err error) {
	defer func() {
		if p := recover(); p != nil {
			bad, ok := p.(error)
			if !ok {
				panic(p)
			}
			err = bad
		}
	}()
	x, err := parse.Expr(ast.NewSource("", text))
	if err != nil {
		return nil, err
	}
	return b.expr(x), nil
}

func (b *binder) fail(format string, args ...any) { panic(fmt.Errorf(format, args...)) }

func (b *binder) call(name string, args ...expr.Expr) expr.Expr {
	f := fn.Builtin.Scalar(name)
	if f == nil {
		b.fail("there is no function %s", name)
	}
	sig, err := f.Infer(b.session, expr.Args(args))
	if err != nil {
		b.fail("%s: %v", name, err)
	}
	for i, t := range sig.Args {
		if have := args[i].Type(); t.Valid() && !t.WithNullable(have.Nullable()).Same(have) {
			args[i] = &expr.Call{Fn: fn.Cast, Args: []expr.Expr{args[i]}, T: t.WithNullable(have.Nullable())}
		}
	}
	return &expr.Call{Fn: f, Args: args, T: sig.Result}
}

func (b *binder) exprs(list []ast.Expr) []expr.Expr {
	var all []expr.Expr
	for _, x := range list {
		all = append(all, b.expr(x))
	}
	return all
}

func konst(v column.Value, t types.Type) expr.Expr { return &expr.Const{Value: v, T: t.NotNull()} }

func (b *binder) expr(x ast.Expr) expr.Expr {
	switch x := x.(type) {
	case *ast.Name:
		for i, f := range b.fields {
			if f.Name == x.Parts[len(x.Parts)-1].Name {
				return &expr.Ref{Index: i, Name: f.Name, T: f.Type}
			}
		}
		b.fail("there is no column %s", x.Parts[0].Name)
	case *ast.NullLit:
		return &expr.Const{Value: column.NullValue(), T: types.New(types.Null)}
	case *ast.BoolLit:
		if x.Value == ast.Unknown {
			return &expr.Const{Value: column.NullValue(), T: types.New(types.Boolean)}
		}
		return konst(column.BoolValue(x.Value == ast.True), types.New(types.Boolean))
	case *ast.NumberLit:
		return b.number(x)
	case *ast.StringLit:
		return konst(column.TextValue(x.Value), types.Of(types.Char, len([]rune(x.Value)), 0))
	case *ast.BinaryLit:
		return konst(column.TextValue(string(x.Value)), types.Of(types.Binary, len(x.Value), 0))
	case *ast.DateTimeLit:
		text := x.Value.Value
		_, fraction, _ := strings.Cut(text, ".")
		t := types.TimestampOf(len(fraction))
		switch x.Kind {
		case ast.TypeDate:
			t = types.New(types.Date)
		case ast.TypeTime:
			t = types.Of(types.Time, len(fraction), 0)
		}
		return b.fold(b.cast(konst(column.TextValue(text), types.String()), t.NotNull()))
	case *ast.IntervalLit:
		return b.interval(x)
	case *ast.Unary:
		switch x.Op {
		case ast.OpPlus:
			return b.call("PLUS_PREFIX", b.expr(x.X))
		case ast.OpMinus:
			return b.fold(b.call("MINUS_PREFIX", b.expr(x.X)))
		}
		return b.call("NOT", b.expr(x.X))
	case *ast.Binary:
		if x.Op == ast.OpOverlaps {
			return b.call("OVERLAPS", b.expr(x.L), b.expr(x.R))
		}
		return b.call(string(x.Op), b.expr(x.L), b.expr(x.R))
	case *ast.Is:
		name := "IS "
		if x.Not {
			name = "IS NOT "
		}
		return b.call(name+string(x.Test), b.expr(x.X))
	case *ast.Between:
		e := b.call("AND", b.call(">=", b.expr(x.X), b.expr(x.Low)), b.call("<=", b.expr(x.X), b.expr(x.High)))
		if x.Symmetric {
			e = b.call("OR", e, b.call("AND", b.call(">=", b.expr(x.X), b.expr(x.High)), b.call("<=", b.expr(x.X), b.expr(x.Low))))
		}
		if x.Not {
			return b.call("NOT", e)
		}
		return e
	case *ast.Like:
		args := []expr.Expr{b.expr(x.X), b.expr(x.Pattern)}
		if x.Escape != nil {
			args = append(args, b.expr(x.Escape))
		}
		name := string(x.Op)
		if x.Not {
			name = "NOT " + name
		}
		return b.call(name, args...)
	case *ast.In:
		name := "IN"
		if x.Not {
			name = "NOT IN"
		}
		return b.call(name, append([]expr.Expr{b.expr(x.X)}, b.exprs(x.List)...)...)
	case *ast.Case:
		var args []expr.Expr
		for _, w := range x.Whens {
			cond := b.expr(w.Cond)
			if x.Operand != nil {
				cond = b.call("=", b.expr(x.Operand), cond)
			}
			args = append(args, cond, b.expr(w.Result))
		}
		if x.Else != nil {
			args = append(args, b.expr(x.Else))
		}
		return b.call("CASE", args...)
	case *ast.Cast:
		e, t := b.expr(x.X), dataType(x.Type)
		f := fn.Cast
		nullable := e.Type().Nullable()
		if x.Try {
			f, nullable = fn.TryCast, true
		}
		if !fn.CanCast(b.session, e.Type(), t) {
			b.fail("%s cannot be cast to %s", e.Type(), t)
		}
		return b.fold(&expr.Call{Fn: f, Args: []expr.Expr{e}, T: t.WithNullable(nullable)})
	case *ast.Symbol:
		return &expr.Symbol{Name: x.Text}
	case *ast.Row:
		return b.call("ROW", b.exprs(x.Elems)...)
	case *ast.Collection:
		return b.call(string(x.Kind), b.exprs(x.Elems)...)
	case *ast.Index:
		return b.call("ITEM", b.expr(x.X), b.expr(x.Index))
	case *ast.Field:
		of := b.expr(x.X)
		i := of.Type().Field(x.Name.Name)
		if i < 0 {
			b.fail("there is no field %s", x.Name.Name)
		}
		t := of.Type().Fields()[i].Type
		return &expr.Field{Of: of, Index: i, Name: x.Name.Name, T: t.WithNullable(t.Nullable() || of.Type().Nullable())}
	case *ast.JSONPathCall:
		args := []expr.Expr{b.expr(x.X), b.expr(x.Path)}
		if x.Func == "JSON_EXISTS" {
			return b.call(x.Func, args...)
		}
		t := types.String()
		if x.Returning != nil {
			t = dataType(x.Returning)
		}
		null := &expr.Const{Value: column.NullValue(), T: t}
		args = append(args, null)
		on := func(o *ast.JSONOn) {
			value := expr.Expr(null)
			kind := "NULL"
			if o != nil {
				kind = string(o.Kind)
				if o.Default != nil {
					value = b.expr(o.Default)
				}
			}
			args = append(args, &expr.Symbol{Name: kind})
			if x.Func == "JSON_VALUE" {
				args = append(args, value)
			}
		}
		if x.Func == "JSON_QUERY" {
			args = append(args, &expr.Symbol{Name: x.Wrapper})
		}
		on(x.OnEmpty)
		on(x.OnError)
		return b.call(x.Func, args...)
	case *ast.JSONConstructor:
		var args []expr.Expr
		if x.Nulls != "" {
			args = append(args, &expr.Symbol{Name: string(x.Nulls)})
		}
		for _, p := range x.Pairs {
			args = append(args, b.expr(p.Key), b.expr(p.Value))
		}
		return b.call(x.Func, append(args, b.exprs(x.Elems)...)...)
	case *ast.Call:
		return b.call(x.Name.Parts[0].Name, b.exprs(x.Args)...)
	}
	b.fail("the tests do not know %T", x)
	return nil
}

func (b *binder) cast(e expr.Expr, t types.Type) expr.Expr {
	return &expr.Call{Fn: fn.Cast, Args: []expr.Expr{e}, T: t}
}

// fold computes a constant.
func (b *binder) fold(e expr.Expr) expr.Expr {
	c := e.(*expr.Call)
	if _, ok := c.Args[0].(*expr.Const); !ok || column.FormOf(c.T) > column.Text {
		return e
	}
	p, err := vec.Compile(e, b.session)
	if err != nil {
		b.fail("%w", err)
	}
	v, err := p.Eval(&fn.Call{}, &column.Batch{N: 1}, nil)
	if err != nil {
		return e
	}
	return &expr.Const{Value: v.Value(0), T: e.Type()}
}

func (b *binder) number(x *ast.NumberLit) expr.Expr {
	switch {
	case x.IsInteger():
		n, err := strconv.ParseInt(x.Text, 10, 64)
		if err != nil {
			b.fail("%w", err)
		}
		t := types.New(types.Int)
		if n > 1<<31-1 {
			t = types.New(types.BigInt)
		}
		return konst(column.IntValue(n), t)
	case x.IsApprox():
		f, _ := strconv.ParseFloat(x.Text, 64)
		return konst(column.FloatValue(f), types.New(types.Double))
	}
	whole, fraction, _ := strings.Cut(x.Text, ".")
	n, _ := new(big.Int).SetString(whole+fraction, 10)
	t := types.DecimalOf(max(len(n.String()), len(fraction)), len(fraction))
	w, _ := column.WideOf(n)
	if column.FormOf(t) == column.Wide {
		return konst(column.Value{Wide: w}, t)
	}
	return konst(column.IntValue(n.Int64()), t)
}

func (b *binder) interval(x *ast.IntervalLit) expr.Expr {
	s, ok := x.Value.(*ast.StringLit)
	if !ok {
		b.fail("an interval of a number")
	}
	from, to := x.Qualifier.From, x.Qualifier.To
	if to == "" {
		to = from
	}
	order := map[ast.TimeUnit]int{"YEAR": 0, "QUARTER": 1, "MONTH": 1, "WEEK": 2, "DAY": 2, "HOUR": 3, "MINUTE": 4, "SECOND": 5}
	size := []int64{12, 1, 86_400_000, 3_600_000, 60_000, 1000}
	text := s.Value
	negative := x.Negative != strings.HasPrefix(text, "-")
	text = strings.TrimLeft(text, "+-")
	text, fraction, _ := strings.Cut(text, ".")
	total, at := int64(0), order[from]
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ':' || r == '-' }) {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil || at > order[to] {
			b.fail("%q is no interval", s.Value)
		}
		unit := size[at]
		switch from {
		case "QUARTER":
			unit = 3
		case "WEEK":
			unit *= 7
		}
		total += n * unit
		at++
	}
	if fraction != "" {
		n, _ := strconv.ParseInt((fraction + "000")[:3], 10, 64)
		total += n
	}
	if negative {
		total = -total
	}
	if order[from] < 2 {
		return konst(column.IntValue(total), types.IntervalOf(types.YearToMonth, 2, 0))
	}
	return konst(column.IntValue(total), types.IntervalOf(types.DayToSecond, 2, 6))
}

func dataType(d *ast.DataType) types.Type {
	n := func(i, otherwise int) int {
		if i < len(d.Params) {
			x, _ := strconv.Atoi(d.Params[i].Text)
			return x
		}
		return otherwise
	}
	var t types.Type
	switch d.Kind {
	case ast.TypeVarchar:
		t = types.Of(types.Varchar, n(0, types.MaxLength), 0)
	case ast.TypeString:
		t = types.String()
	case ast.TypeChar:
		t = types.Of(types.Char, n(0, 1), 0)
	case ast.TypeVarbinary:
		t = types.Of(types.Varbinary, n(0, types.MaxLength), 0)
	case ast.TypeBytes:
		t = types.Bytes()
	case ast.TypeBinary:
		t = types.Of(types.Binary, n(0, 1), 0)
	case ast.TypeDecimal:
		t = types.DecimalOf(n(0, 10), n(1, 0))
	case ast.TypeTime:
		t = types.Of(types.Time, n(0, 0), 0)
	case ast.TypeTimestamp:
		t = types.TimestampOf(n(0, 6))
	case ast.TypeTimestampLTZ:
		t = types.TimestampLTZOf(n(0, 6))
	case ast.TypeArray:
		t = types.ArrayOf(dataType(d.Elem))
	case ast.TypeMultiset:
		t = types.MultisetOf(dataType(d.Elem))
	case ast.TypeMap:
		t = types.MapOf(dataType(d.Key), dataType(d.Elem))
	case ast.TypeRow:
		var fields []types.Field
		for _, f := range d.Fields {
			fields = append(fields, types.Field{Name: f.Name.Name, Type: dataType(f.Type)})
		}
		t = types.RowOf(fields...)
	case ast.TypeInterval:
		t = types.IntervalOf(types.DayToSecond, 2, 6)
		if d.Interval.From == "YEAR" || d.Interval.From == "MONTH" {
			t = types.IntervalOf(types.YearToMonth, 2, 0)
		}
	default:
		for k := types.Null; k <= types.Bitmap; k++ {
			if k.String() == string(d.Kind) {
				t = types.New(k)
			}
		}
	}
	if d.Null == ast.NotNull {
		return t.NotNull()
	}
	return t
}

// eval computes an expression without columns and prints it as CAST to STRING does.
func (b *binder) eval(text string) (result string, t types.Type, err error) {
	e, err := b.bind(text)
	if err != nil {
		return "", t, err
	}
	if e.Type().Kind() == types.Null {
		return "NULL", e.Type(), nil
	}
	p, err := vec.Compile(&expr.Call{Fn: fn.Cast, Args: []expr.Expr{e}, T: types.String().WithNullable(e.Type().Nullable())}, b.session)
	if err != nil {
		return "", t, err
	}
	v, err := p.Eval(&fn.Call{Random: func() float64 { return 0.5 }}, &column.Batch{N: 1}, nil)
	if err != nil {
		return "", e.Type(), err
	}
	if v.Null(0) {
		return "NULL", e.Type(), nil
	}
	return string(v.Bytes(0)), e.Type(), nil
}

// TestExamples runs the examples that functions carry, and checks what else a function must have.
func TestExamples(t *testing.T) {
	b := &binder{session: &fn.Session{}}
	seen := map[*fn.Function]bool{}
	for _, name := range fn.Builtin.Names() {
		f := fn.Builtin.Scalar(name)
		if f == nil || seen[f] {
			continue
		}
		seen[f] = true
		if f.Doc == "" || f.Infer == nil || f.Syntax == fn.Special && f.Print == nil {
			t.Errorf("%s lacks a doc line, its inference, or how it is printed", name)
		}
		for _, e := range f.Examples {
			got, typ, err := b.eval(e[0])
			if err != nil || got != e[1] {
				t.Errorf("%s: %q, %v, want %q", e[0], got, err, e[1])
			}
			if err == nil && got == "NULL" && !typ.Nullable() {
				t.Errorf("%s: the type %s has no null", e[0], typ)
			}
		}
	}
}
