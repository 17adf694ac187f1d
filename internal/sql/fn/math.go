package fn

import (
	"math"
	"math/big"
	"strconv"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// mathematical are the functions of numbers.
func mathematical() []*Function {
	all := []*Function{
		{Name: "PI", Doc: "the number pi", Infer: takes("", always(types.New(types.Double).NotNull())), Bind: bound(func() Kernel { return constantFloat(math.Pi) }), Examples: [][2]string{{"PI()", "3.141592653589793"}}},
		{Name: "E", Doc: "the base of natural logarithms", Infer: takes("", always(types.New(types.Double).NotNull())), Bind: bound(func() Kernel { return constantFloat(math.E) }), Examples: [][2]string{{"E()", "2.718281828459045"}}},
		floating2("POWER", "the first number raised to the second", "NN", pow, [][2]string{{"POWER(2, 10)", "1024.0"}}),
		floating2("ATAN2", "the angle of the point with these y and x", "NN", atan2, [][2]string{{"ATAN2(1, 1)", "0.7853981633974483"}}),
		floating2("LOG", "the natural logarithm, or that of the second number to the base of the first", "N?N", func(x, y float64) float64 { return ln(y) / ln(x) }, [][2]string{{"LOG(2, 8)", "3.0"}, {"LOG(1)", "0.0"}}),
		{Name: "SIGN", Doc: "-1, 0 or 1, as the number is negative, zero or positive", Infer: number, Bind: bindSign, Examples: [][2]string{{"SIGN(-5)", "-1"}, {"SIGN(2.5)", "1.0"}}},
		rounding("ROUND", "the number rounded to so many digits behind the point (0), half away from zero", true, [][2]string{{"ROUND(2.5)", "3"}, {"ROUND(646.646, 2)", "646.65"}, {"ROUND(1250, -2)", "1300"}}),
		rounding("TRUNCATE", "the number cut to so many digits behind the point (0)", false, [][2]string{{"TRUNCATE(42.345, 2)", "42.34"}, {"TRUNCATE(42, -1)", "40"}}),
		floorCeil("FLOOR", "the greatest whole number that is not greater; of a time, the begin of its unit", false, [][2]string{{"FLOOR(2.7)", "2"}, {"FLOOR(-2.5e0)", "-3.0"}, {"FLOOR(DATE '2021-08-17' TO MONTH)", "2021-08-01"}}),
		floorCeil("CEIL", "the least whole number that is not less; of a time, the end of its unit", true, [][2]string{{"CEIL(2.1)", "3"}, {"CEIL(TIMESTAMP '2018-03-31 00:00:01' TO DAY)", "2018-04-01 00:00:00"}}, "CEILING"),
		{Name: "RAND", Doc: "a random number from 0 to below 1; with a seed, the next of a fixed sequence", Volatility: Volatile, Infer: takes("?I", strictDouble), Bind: bindRand},
		{Name: "RAND_INTEGER", Doc: "a random integer from 0 to below the last argument; with a seed before it, the next of a fixed sequence", Volatility: Volatile, Fails: true,
			Infer: takes("I?I", strictInt), Bind: bindRandInt},
		{Name: "UUID", Doc: "a random UUID", Volatility: Volatile, Infer: takes("", always(types.Of(types.Char, 36, 0).NotNull())), Bind: bound(uuid), Examples: [][2]string{{"SUBSTRING(UUID(), 14, 1)", "-"}}},
	}
	for _, f := range []struct {
		name, doc, example, want string
		of                       func(float64) float64
	}{
		{"SQRT", "the square root", "SQRT(4)", "2.0", func(x float64) float64 { return math.Sqrt(x) + 0 }}, {"LN", "the natural logarithm", "LN(1)", "0.0", ln}, {"LOG10", "the logarithm to the base of 10", "LOG10(1000)", "3.0", log10},
		{"LOG2", "the logarithm to the base of 2", "LOG2(10)", "3.3219280948873626", func(x float64) float64 { return ln(x) / ln(2) }}, {"EXP", "e raised to the number", "EXP(0)", "1.0", exp},
		{"SIN", "the sine", "SIN(0)", "0.0", sine}, {"COS", "the cosine", "COS(0)", "1.0", cosine}, {"TAN", "the tangent", "TAN(0)", "0.0", tangent},
		{"COT", "the cotangent", "ROUND(COT(1), 9)", "0.642092616", func(x float64) float64 { return 1 / tangent(x) }},
		{"ASIN", "the angle of a sine", "ASIN(1)", "1.5707963267948966", asin}, {"ACOS", "the angle of a cosine", "ACOS(1)", "0.0", acos}, {"ATAN", "the angle of a tangent", "ATAN(0)", "0.0", atan},
		{"SINH", "the hyperbolic sine", "SINH(0)", "0.0", sinh}, {"COSH", "the hyperbolic cosine", "COSH(0)", "1.0", cosh}, {"TANH", "the hyperbolic tangent", "TANH(0)", "0.0", tanh},
		{"DEGREES", "the angle in degrees", "DEGREES(PI())", "180.0", func(x float64) float64 { return x * (180 / math.Pi) }},
		{"RADIANS", "the angle in radians", "RADIANS(180)", "3.141592653589793", func(x float64) float64 { return x * (math.Pi / 180) }},
	} {
		all = append(all, floating(f.name, f.doc, f.of, [][2]string{{f.example, f.want}}))
	}
	return all
}

func constantFloat(x float64) Kernel {
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range n {
			out.Words[i] = math.Float64bits(x)
		}
		return nil
	}
}

func floating(name, doc string, f func(float64) float64, examples [][2]string) *Function {
	return &Function{Name: name, Doc: doc, Infer: takes("N", strictDouble), Examples: examples, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
		read := floats(args[0].Type)
		return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
			for i := range size(sel, n) {
				row := at(sel, i)
				out.Words[row] = math.Float64bits(f(read(args[0], row)))
			}
			return nil
		}, nil
	}}
}

func floating2(name, doc, params string, f func(x, y float64) float64, examples [][2]string) *Function {
	return &Function{Name: name, Doc: doc, Infer: takes(params, strictDouble), Examples: examples, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
		x, y := floats(args[0].Type), (func(v *column.Vector, row int) float64)(nil)
		if len(args) > 1 {
			y = floats(args[1].Type)
		}
		return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
			for i := range size(sel, n) {
				row := at(sel, i)
				r := 0.0
				if y == nil {
					r = ln(x(args[0], row)) // LOG of one number
				} else {
					r = f(x(args[0], row), y(args[1], row))
				}
				out.Words[row] = math.Float64bits(r)
			}
			return nil
		}, nil
	}}
}

func bindSign(s *Session, args []Arg, result types.Type) (Kernel, error) {
	isWide, one := column.FormOf(result) == column.Wide, widen(1)
	if result.Kind() == types.Decimal {
		one, _ = rescale(one, 0, result.Scale())
	}
	precision := 0
	if result.Kind() == types.Decimal {
		precision = result.Precision()
	}
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			if result.IsApprox() {
				x := args[0].Float(row)
				if x > 0 {
					x = 1
				} else if x < 0 {
					x = -1
				}
				out.Words[row] = math.Float64bits(x)
				continue
			}
			x := load(args[0], row, isWide)
			switch {
			case int64(x[1]) < 0:
				x = negate(one)
			case x != (wide{}):
				x = one
			}
			if precision > 0 {
				storeDecimal(out, row, n, x, precision, isWide)
			} else {
				out.Words[row] = x[0]
			}
		}
		return nil
	}, nil
}

// rounding is ROUND or TRUNCATE.
func rounding(name, doc string, half bool, examples [][2]string) *Function {
	return &Function{
		Name: name, Doc: doc, Examples: examples,
		Infer: func(s *Session, args []Arg) (Signature, error) {
			return takes("N?I", func(args []Arg) types.Type {
				t := args[0].Type
				if t.Kind() == types.Null {
					t = types.New(types.Double)
				}
				if t.Kind() == types.Decimal {
					p, s := t.Precision(), t.Scale()
					digits := int64(0)
					known := true
					if len(args) > 1 {
						known = args[1].Literal != nil && !args[1].Literal.Null
						if known {
							digits = args[1].Literal.Int()
						}
					}
					switch {
					case !known || digits >= int64(s):
					case digits < 0:
						t = types.DecimalOf(min(types.MaxDecimal, 1+p-s), 0)
					default:
						t = types.DecimalOf(1+p-s+int(digits), int(digits))
					}
				}
				return Strict(t, args)
			})(s, args)
		},
		Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			from := args[0].Type
			_, scale := 0, 0
			if from.IsExact() {
				_, scale = digits(from)
			}
			wideIn, wideOut := column.FormOf(from) == column.Wide, column.FormOf(result) == column.Wide
			bits := 64
			if from.Kind() == types.Float {
				bits = 32
			}
			return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				for i := range size(sel, n) {
					row := at(sel, i)
					places := int64(0)
					for _, a := range args {
						if a.Null(row) {
							places = math.MinInt64
						}
					}
					if places == math.MinInt64 {
						continue
					}
					if len(args) > 1 {
						places = max(min(args[1].Int(row), 400), -400)
					}
					if from.IsApprox() {
						out.Words[row] = math.Float64bits(roundFloat(args[0].Float(row), int(places), half, bits))
						continue
					}
					x := load(args[0], row, wideIn)
					if places < int64(scale) {
						x = cut(x, scale-int(places), half)
					}
					if result.Kind() != types.Decimal {
						out.Words[row] = uint64(wrap(int64(x[0]), result.Kind()))
						continue
					}
					if x, ok := rescale(x, scale, result.Scale()); ok {
						storeDecimal(out, row, n, x, result.Precision(), wideOut)
					} else {
						out.SetNull(row, n)
					}
				}
				return nil
			}, nil
		},
	}
}

// cut makes the last digits of a number zero, rounding if half is set.
func cut(x wide, digits int, half bool) wide {
	if digits > 38 {
		return wide{}
	}
	if digits < 19 && x[1] == uint64(int64(x[0])>>63) {
		unit, v := int64(pow10[digits]), int64(x[0])
		rest := v % unit
		if digits == 19 {
			return wide{}
		}
		v -= rest
		if half && rest >= unit-unit/2 && v <= math.MaxInt64-unit {
			v += unit
		} else if half && -rest >= unit-unit/2 && v >= math.MinInt64+unit {
			v -= unit
		}
		return widen(v)
	}
	b, unit := column.Big(x), bigPow(digits)
	if half {
		b = divideRound(b, unit)
	} else {
		b.Quo(b, unit)
	}
	w, _ := column.WideOf(b.Mul(b, unit))
	return w
}

// roundFloat rounds the shortest decimal form of a number.
func roundFloat(x float64, places int, half bool, bits int) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) || x == 0 {
		return x + 0 // there is no zero below zero
	}
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(x, 'g', -1, bits))
	if !ok {
		return x
	}
	num, den := r.Num(), r.Denom()
	if places >= 0 {
		num = new(big.Int).Mul(num, bigPow(places))
	} else {
		den = new(big.Int).Mul(den, bigPow(-places))
	}
	var q *big.Int
	if half {
		q = divideRound(num, den)
	} else {
		q = new(big.Int).Quo(num, den)
	}
	res := new(big.Rat)
	if places >= 0 {
		res.SetFrac(q, bigPow(places))
	} else {
		res.SetInt(q.Mul(q, bigPow(-places)))
	}
	if bits == 32 {
		f, _ := res.Float32()
		return float64(f)
	}
	f, _ := res.Float64()
	return f
}

// floorCeil is FLOOR or CEIL, of numbers, or of times to a unit.
func floorCeil(name, doc string, up bool, examples [][2]string, aliases ...string) *Function {
	return &Function{
		Name: name, Aliases: aliases, Doc: doc, Examples: examples, Syntax: Special,
		Print: func(args []string, _ types.Type) string {
			s := name + "(" + args[0]
			if len(args) > 1 {
				s += " TO " + args[1]
			}
			return s + ")"
		},
		Infer: func(s *Session, args []Arg) (Signature, error) {
			if len(args) == 2 && args[1].Symbol != "" {
				t := args[0].Type
				if !t.IsDatetime() && t.Kind() != types.Null {
					return Signature{}, wrong("%s is no time", t)
				}
				if _, ok := units[args[1].Symbol]; !ok {
					return Signature{}, wrong("%s is no unit of time", args[1].Symbol)
				}
				return Signature{Result: t.WithAttribute(types.NoAttribute)}, nil
			}
			return takes("N", func(args []Arg) types.Type {
				t := args[0].Type
				switch {
				case t.Kind() == types.Decimal && t.Scale() > 0:
					t = types.DecimalOf(t.Precision(), 0)
				case t.Kind() == types.Null:
					t = types.New(types.Double)
				}
				return Strict(t, args)
			})(s, args)
		},
		Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			if len(args) == 2 {
				return floorTime(zoneOf(s), result, args[1].Symbol, up), nil
			}
			from := args[0].Type
			if from.IsInteger() {
				return bindSame(s, args, result)
			}
			scale, wideIn, wideOut := from.Scale(), column.FormOf(from) == column.Wide, column.FormOf(result) == column.Wide
			return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				for i := range size(sel, n) {
					row := at(sel, i)
					if from.IsApprox() {
						x := args[0].Float(row)
						if up {
							x = math.Ceil(x)
						} else {
							x = math.Floor(x)
						}
						out.Words[row] = math.Float64bits(x)
						continue
					}
					x := load(args[0], row, wideIn)
					if scale > 0 {
						whole := cut(x, scale, false)
						negative := int64(x[1]) < 0
						rest := whole != x
						whole, _ = column.WideOf(new(big.Int).Quo(column.Big(whole), bigPow(scale)))
						if rest && up && !negative {
							whole = add128(whole, widen(1))
						} else if rest && !up && negative {
							whole = add128(whole, widen(-1))
						}
						x = whole
					}
					storeDecimal(out, row, n, x, result.Precision(), wideOut)
				}
				return nil
			}, nil
		},
	}
}

// javaRandom is the generator of java.util.Random: RAND with a seed gives the numbers that it gives in Flink.
type javaRandom int64

func newJavaRandom(seed int64) *javaRandom {
	r := javaRandom((seed ^ 0x5deece66d) & (1<<48 - 1))
	return &r
}

func (r *javaRandom) next(bits int) int32 {
	*r = (*r*0x5deece66d + 0xb) & (1<<48 - 1)
	return int32(int64(*r) >> (48 - bits))
}

func (r *javaRandom) double() float64 {
	high := int64(r.next(26))
	return float64(high<<27+int64(r.next(27))) * 0x1p-53
}

func (r *javaRandom) int(limit int32) int32 {
	if limit&-limit == limit {
		return int32(int64(limit) * int64(r.next(31)) >> 31)
	}
	for {
		bits := r.next(31)
		val := bits % limit
		if bits-val+(limit-1) >= 0 {
			return val
		}
	}
}

// seeded returns where random numbers come from: a sequence of the literal seed, one anew for each row of another, or nil.
func seeded(args []Arg, i int) func(v *column.Vector, row int) *javaRandom {
	if args[i].Literal != nil {
		r := newJavaRandom(args[i].Literal.Int())
		return func(*column.Vector, int) *javaRandom { return r }
	}
	return func(v *column.Vector, row int) *javaRandom {
		seed := int64(0)
		if !v.Null(row) {
			seed = v.Int(row)
		}
		return newJavaRandom(seed)
	}
}

func bindRand(s *Session, args []Arg, result types.Type) (Kernel, error) {
	var seed func(v *column.Vector, row int) *javaRandom
	if len(args) > 0 {
		seed = seeded(args, 0)
	}
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			x := 0.0
			if seed != nil {
				x = seed(args[0], row).double()
			} else {
				x = c.Random()
			}
			out.Words[row] = math.Float64bits(x)
		}
		return nil
	}, nil
}

func bindRandInt(s *Session, args []Arg, result types.Type) (Kernel, error) {
	var seed func(v *column.Vector, row int) *javaRandom
	if len(args) > 1 {
		seed = seeded(args, 0)
	}
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		limits := args[len(args)-1]
		for i := range size(sel, n) {
			row := at(sel, i)
			limit := limits.Int(row)
			if limit <= 0 || limit > math.MaxInt32 {
				return badValue("the bound of RAND_INTEGER is %d, but must be from 1 to %d", limit, math.MaxInt32)
			}
			if seed != nil {
				out.Words[row] = uint64(seed(args[0], row).int(int32(limit)))
			} else {
				out.Words[row] = uint64(c.Random() * float64(limit))
			}
		}
		return nil
	}, nil
}

func uuid() Kernel {
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			var b [36]byte
			bits, left := uint64(0), 0
			for k := range b {
				if left < 4 {
					bits, left = uint64(c.Random()*(1<<52)), 52
				}
				d := byte(bits & 15)
				bits, left = bits>>4, left-4
				switch k {
				case 8, 13, 18, 23:
					b[k] = '-'
					continue
				case 14:
					d = 4
				case 19:
					d = d&3 | 8
				}
				b[k] = "0123456789abcdef"[d]
			}
			out.SetBytes(row, b[:])
		}
		return nil
	}
}
