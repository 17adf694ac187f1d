package fn

import (
	"math"
	"math/big"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

func arithmetic() []*Function {
	return []*Function{
		binaryOp("+", "+", Infix, "adds"), binaryOp("-", "-", Infix, "subtracts"), binaryOp("*", "*", Infix, "multiplies"), binaryOp("/", "/", Infix, "divides; integers without a rest"),
		binaryOp("MOD", "MOD", Prefix, "the rest of a division, with the sign of the dividend"), binaryOp("%", "MOD", Infix, "the rest of a division, with the sign of the dividend"),
		unary("-", "MINUS_PREFIX"), unary("ABS", "ABS"),
		{Name: "PLUS_PREFIX", Syntax: Special, Doc: "the number itself", Infer: number, Bind: bindSame,
			Print: func(args []string, _ types.Type) string { return "+" + args[0] }},
	}
}

func number(s *Session, args []Arg) (Signature, error) {
	if err := count(args, 1, 1); err != nil {
		return Signature{}, err
	}
	if t := args[0].Type; !t.IsNumeric() && !t.IsInterval() {
		return Signature{}, wrong("%s is no number", t)
	}
	return Signature{Result: args[0].Type}, nil
}

func bindSame(s *Session, args []Arg, result types.Type) (Kernel, error) {
	isWide := column.FormOf(result) == column.Wide
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		if isWide {
			copy(out.Wide, args[0].Wide[:n])
		} else {
			copy(out.Words, args[0].Words[:n])
		}
		return nil
	}, nil
}

// unary is the unary minus, registered as MINUS_PREFIX, or ABS.
func unary(print, name string) *Function {
	f := &Function{Name: name, Doc: "the number with the other sign", Infer: number}
	if name == "MINUS_PREFIX" {
		f.Syntax = Special
		f.Print = func(args []string, _ types.Type) string { return print + args[0] }
	} else {
		f.Doc = "the number without its sign"
	}
	abs := name == "ABS"
	f.Bind = func(s *Session, args []Arg, result types.Type) (Kernel, error) {
		kind, isWide := result.Kind(), column.FormOf(result) == column.Wide
		return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
			v := args[0]
			Rows(sel, n, func(row int) {
				switch {
				case isWide:
					x := v.Wide[row]
					if !abs || int64(x[1]) < 0 {
						x = negate(x)
					}
					out.Wide[row] = x
				case result.IsApprox():
					x := v.Float(row)
					if abs {
						x = math.Abs(x)
					} else {
						x = -x
					}
					out.Words[row] = math.Float64bits(x)
				default:
					x := v.Int(row)
					if !abs || x < 0 {
						x = -x
					}
					out.Words[row] = uint64(wrap(x, kind))
				}
			})
			return nil
		}, nil
	}
	return f
}

// wrap cuts a number to the bits of an integer type.
func wrap(x int64, k types.Kind) int64 {
	switch k {
	case types.TinyInt:
		return int64(int8(x))
	case types.SmallInt:
		return int64(int16(x))
	case types.Int:
		return int64(int32(x))
	}
	return x
}

func binaryOp(name, op string, syntax Syntax, doc string) *Function {
	return &Function{
		Name: name, Syntax: syntax, Doc: doc, Fails: op == "/" || op == "MOD",
		Infer: func(s *Session, args []Arg) (Signature, error) {
			if err := count(args, 2, 2); err != nil {
				return Signature{}, err
			}
			if op == "MOD" && (args[0].Type.IsApprox() || args[1].Type.IsApprox()) {
				return Signature{}, wrong("it takes exact numbers, and not %s and %s", args[0].Type, args[1].Type)
			}
			t := arithmeticType(op, args[0].Type, args[1].Type)
			if !t.Valid() {
				return Signature{}, wrong("%s %s %s cannot be computed", args[0].Type, name, args[1].Type)
			}
			return Signature{Result: Strict(t, args)}, nil
		},
		Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) { return bindBinary(op, args, result) },
	}
}

// arithmeticType returns the type of a result, of any nullability; invalid if there is none.
func arithmeticType(op string, a, b types.Type) types.Type {
	a, b = a.WithAttribute(types.NoAttribute), b.WithAttribute(types.NoAttribute)
	switch {
	case a.Kind() == types.Null && b.IsNumeric():
		return b
	case b.Kind() == types.Null && a.IsNumeric():
		return a
	case a.IsNumeric() && b.IsNumeric():
		switch {
		case a.IsApprox() || b.IsApprox():
			if a.IsApprox() && b.IsApprox() { // as in Flink, also where that is the shorter one
				return a
			}
			return commonNumber(a, b)
		case op == "MOD" && a.Scale() == 0 && b.Scale() == 0: // the rest is less than the divisor
			return b
		case a.Kind() == types.Decimal || b.Kind() == types.Decimal:
			return decimalResult(op, a, b)
		case op == "MOD":
			return b
		}
		return commonNumber(a, b)
	case a.IsDatetime() && b.IsInterval() && (op == "+" || op == "-"):
		return timePlus(a, b)
	case a.IsInterval() && b.IsDatetime() && op == "+":
		return timePlus(b, a)
	case a.IsInterval() && b.Kind() == a.Kind() && (op == "+" || op == "-"):
		return a
	case a.IsInterval() && b.IsNumeric() && op == "*":
		return a
	case a.IsNumeric() && b.IsInterval() && op == "*":
		return b
	}
	return types.Type{}
}

func timePlus(t, interval types.Type) types.Type {
	if t.Kind() == types.Time && interval.Kind() == types.IntervalYearMonth {
		return types.Type{}
	}
	return t
}

func divisionByZero() error { return fault.New(fault.ExpressionValue, "division by zero") }

func bindBinary(op string, args []Arg, result types.Type) (Kernel, error) {
	a, b := args[0].Type, args[1].Type
	switch {
	case a.IsDatetime():
		return bindTimePlus(a, b, op == "-", false), nil
	case b.IsDatetime():
		return bindTimePlus(b, a, false, true), nil
	case result.IsApprox() && op == "/" && zeroDivisor(args):
		return func(*Call, []*column.Vector, []int32, int, *column.Vector) error { return badValue("division by zero") }, nil
	case result.IsApprox():
		return bindFloats(op, a, b, result), nil
	case result.Kind() == types.Decimal || a.Kind() == types.Decimal || b.Kind() == types.Decimal:
		return bindDecimals(op, a, b, result)
	case result.IsInterval() && (a.IsApprox() || b.IsApprox()):
		x, y := floats(a), floats(b)
		return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
			Rows(sel, n, func(row int) { out.Words[row] = uint64(floatInt(x(args[0], row) * y(args[1], row))) })
			return nil
		}, nil
	}
	kind := result.Kind()
	narrow := kind == types.TinyInt || kind == types.SmallInt || kind == types.Int
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		x, y, r := args[0].Ints()[:n], args[1].Ints()[:n], out.Ints()[:n]
		switch op {
		case "+":
			for i := range r {
				r[i] = x[i] + y[i]
			}
		case "-":
			for i := range r {
				r[i] = x[i] - y[i]
			}
		case "*":
			for i := range r {
				r[i] = x[i] * y[i]
			}
		case "/", "MOD":
			if err := divide(op == "MOD", x, y, r, sel); err != nil {
				return err
			}
		}
		if narrow {
			for i := range r {
				r[i] = wrap(r[i], kind)
			}
		}
		return nil
	}, nil
}

func divide(rest bool, x, y, r []int64, sel []int32) error {
	one := func(i int) bool {
		if y[i] == 0 {
			return false
		}
		if rest {
			r[i] = x[i] % y[i]
		} else {
			r[i] = x[i] / y[i]
		}
		return true
	}
	if sel == nil {
		for i := range r {
			if !one(i) {
				return divisionByZero()
			}
		}
		return nil
	}
	for _, i := range sel {
		if !one(int(i)) {
			return divisionByZero()
		}
	}
	return nil
}

// floats returns how a number of a type is read as a floating-point one.
func floats(t types.Type) func(v *column.Vector, row int) float64 {
	switch {
	case t.IsApprox():
		return (*column.Vector).Float
	case t.Kind() == types.Decimal:
		isWide, scale := column.FormOf(t) == column.Wide, t.Scale()
		return func(v *column.Vector, row int) float64 { return decimalFloat(load(v, row, isWide), scale) }
	}
	return func(v *column.Vector, row int) float64 { return float64(v.Int(row)) }
}

func bindFloats(op string, a, b, result types.Type) Kernel {
	x, y := floats(a), floats(b)
	single := result.Kind() == types.Float
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		Rows(sel, n, func(row int) {
			p, q := x(args[0], row), y(args[1], row)
			var r float64
			switch op {
			case "+":
				r = p + q
			case "-":
				r = p - q
			case "*":
				r = p * q
			case "/":
				r = p / q
			default:
				r = math.Mod(p, q)
			}
			if single {
				r = float64(float32(r))
			}
			out.Words[row] = math.Float64bits(r)
		})
		return nil
	}
}

func bindDecimals(op string, a, b, result types.Type) (Kernel, error) {
	_, s := digits(a)
	_, t := digits(b)
	wa, wb := column.FormOf(a) == column.Wide, column.FormOf(b) == column.Wide
	wr := column.FormOf(result) == column.Wide
	precision, scale := digits(result)
	toInt := result.Kind() != types.Decimal // intervals
	if toInt {
		precision, scale = types.ShortDecimal, 0
	}
	if op == "*" && !wa && !wb && !toInt && scale == s+t && digitsOf(a)+digitsOf(b) <= precision {
		return multiplyWords(wr), nil
	}
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		var err error
		Rows(sel, n, func(row int) {
			if err != nil {
				return
			}
			x, y := load(args[0], row, wa), load(args[1], row, wb)
			var r wide
			ok := false
			switch op {
			case "*":
				if !wa && !wb && scale == s+t {
					r, ok = mulWords(int64(x[0]), int64(y[0])), true
				}
			case "+", "-":
				if scale == max(s, t) {
					var left, right bool
					x1, y1 := x, y
					x1, left = rescale(x, s, scale)
					y1, right = rescale(y, t, scale)
					if op == "-" {
						y1 = negate(y1)
					}
					r, ok = add128(x1, y1), left && right && precision < types.MaxDecimal
				}
			default:
				if y == (wide{}) {
					err = divisionByZero()
					return
				}
			}
			if !ok {
				r, ok = column.WideOf(decimalSlow(op, column.Big(x), s, column.Big(y), t, scale))
			}
			if !ok {
				out.SetNull(row, n)
				return
			}
			storeDecimal(out, row, n, r, precision, wr)
		})
		return err
	}, nil
}

func digitsOf(t types.Type) int {
	p, _ := digits(t)
	return p
}

// multiplyWords multiplies unscaled values whose product fits its type.
func multiplyWords(wide bool) Kernel {
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		x, y := args[0].Ints(), args[1].Ints()
		switch {
		case wide && sel == nil:
			r := out.Wide[:n]
			for i := range r {
				r[i] = mulWords(x[i], y[i])
			}
		case wide:
			for _, i := range sel {
				out.Wide[i] = mulWords(x[i], y[i])
			}
		default:
			r := out.Ints()
			for i := range size(sel, n) {
				row := at(sel, i)
				r[row] = x[row] * y[row]
			}
		}
		return nil
	}
}

// decimalSlow computes with numbers of any size: for values beyond 128 bits, and for division.
func decimalSlow(op string, x *big.Int, s int, y *big.Int, t, scale int) *big.Int {
	switch op {
	case "*":
		x.Mul(x, y)
		s += t
	case "/":
		// x/10^s : y/10^t, with scale digits
		up := scale - s + t
		if up >= 0 {
			x.Mul(x, bigPow(up))
		} else {
			y.Mul(y, bigPow(-up))
		}
		return divideRound(x, y)
	default:
		m := max(s, t)
		x.Mul(x, bigPow(m-s))
		y.Mul(y, bigPow(m-t))
		s = m
		switch op {
		case "+":
			x.Add(x, y)
		case "-":
			x.Sub(x, y)
		default:
			x.Rem(x, y)
		}
	}
	if s > scale {
		return divideRound(x, bigPow(s-scale))
	}
	return x.Mul(x, bigPow(scale-s))
}
