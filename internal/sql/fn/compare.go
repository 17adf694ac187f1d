package fn

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// Equals is the operator =, for those who make comparisons of their own.
var Equals = comparison("=", "whether two values are equal", func(c int) bool { return c == 0 })

func comparisons() []*Function {
	return []*Function{
		Equals,
		comparison("<>", "whether two values differ", func(c int) bool { return c != 0 }, "!="),
		comparison("<", "whether the first is less", func(c int) bool { return c == -1 }),
		comparison("<=", "whether the first is not greater", func(c int) bool { return c == -1 || c == 0 }),
		comparison(">", "whether the first is greater", func(c int) bool { return c == 1 }),
		comparison(">=", "whether the first is not less", func(c int) bool { return c == 1 || c == 0 }),
		distinct("IS DISTINCT FROM", 1), distinct("IS NOT DISTINCT FROM", 0),
		test("IS NULL", "whether there is no value", false, 1, 0, 0), test("IS NOT NULL", "whether there is a value", false, 0, 1, 1),
		test("IS TRUE", "whether it is true", true, 0, 0, 1), test("IS NOT TRUE", "whether it is false or unknown", true, 1, 1, 0),
		test("IS FALSE", "whether it is false", true, 0, 1, 0), test("IS NOT FALSE", "whether it is true or unknown", true, 1, 0, 1),
		test("IS UNKNOWN", "whether it is null", true, 1, 0, 0), test("IS NOT UNKNOWN", "whether it is true or false", true, 0, 1, 1),
	}
}

// unordered is the result of a comparison with NaN.
const unordered = 2

func comparable2(args []Arg, ordered bool) ([]types.Type, error) {
	if err := count(args, 2, 2); err != nil {
		return nil, err
	}
	a, b := args[0].Type, args[1].Type
	t := common(a, b)
	if !t.Valid() {
		// A string is taken for what it is compared with. If that is a time, a literal is cast, and so are strings whose order is asked for; for = and <> the kernel does it, and one that is no time gives null.
		// A number is only compared by order, and as a BIGINT at least.
		switch {
		case a.IsDatetime() && b.IsChar():
			if args[1].Literal == nil && !ordered {
				return nil, nil
			}
			t = a
		case b.IsDatetime() && a.IsChar():
			if args[0].Literal == nil && !ordered {
				return nil, nil
			}
			t = b
		case ordered && a.IsNumeric() && b.IsChar():
			t = common(a, types.New(types.BigInt))
		case ordered && b.IsNumeric() && a.IsChar():
			t = common(b, types.New(types.BigInt))
		default:
			return nil, wrong("%s and %s cannot be compared", a, b)
		}
	}
	if ordered {
		switch t.Kind() {
		case types.Array, types.Map, types.Multiset, types.Row, types.Structured, types.Raw, types.Variant, types.Bitmap:
			return nil, wrong("values of type %s have no order", t)
		}
	}
	if a.IsExact() && b.IsExact() || t.IsChar() && a.IsChar() && b.IsChar() || t.IsBytes() {
		return nil, nil
	}
	return []types.Type{t.WithNullable(a.Nullable()), t.WithNullable(b.Nullable())}, nil
}

func comparison(name, doc string, accept func(int) bool, aliases ...string) *Function {
	ordered := name != "=" && name != "<>"
	return &Function{
		Name: name, Aliases: aliases, Syntax: Infix, Doc: doc, Constants: true,
		Infer: func(s *Session, args []Arg) (Signature, error) {
			casts, err := comparable2(args, ordered)
			sig := boolean(args)
			sig.Args = casts
			return sig, err
		},
		Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			if side := textSide(args); side >= 0 {
				return compareText(s, args, side, accept), nil
			}
			compare := comparer(args[0].Type, args[1].Type)
			var table [4]uint64
			for c := -1; c <= unordered; c++ {
				if accept(c) {
					table[c+1] = 1
				}
			}
			if k := compareDecimal(args, table); k != nil {
				return k, nil
			}
			words := column.FormOf(args[0].Type) == column.Word && column.FormOf(args[1].Type) == column.Word && !args[0].Type.IsApprox() &&
				args[0].Type.Kind() != types.Decimal && args[1].Type.Kind() != types.Decimal
			return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				a, b := args[0], args[1]
				if words && sel == nil && !a.Const {
					x, res := a.Ints()[:n], out.Words[:n]
					if b.Const {
						y := b.Int(0)
						for i, v := range x {
							res[i] = table[sign(v, y)+1]
						}
						return nil
					}
					y := b.Ints()[:n]
					for i, v := range x {
						res[i] = table[sign(v, y[i])+1]
					}
					return nil
				}
				Rows(sel, n, func(row int) {
					if a.Null(row) || b.Null(row) {
						return
					}
					out.Words[row] = table[compare(a, b, row)+1]
				})
				return nil
			}, nil
		},
	}
}

// textSide is which of two arguments is a string that is compared with a time, or -1.
func textSide(args []Arg) int {
	switch {
	case args[0].Type.IsChar() && args[1].Type.IsDatetime():
		return 0
	case args[1].Type.IsChar() && args[0].Type.IsDatetime():
		return 1
	}
	return -1
}

// compareText compares a time with the time in a string.
func compareText(s *Session, args []Arg, side int, accept func(int) bool) Kernel {
	t := args[1-side].Type
	convert, compare := converter(s, args[side].Type, t), comparer(t, t)
	var times column.Vector
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		times.Reset(column.FormOf(t), n)
		for i := range size(sel, n) {
			row := at(sel, i)
			if args[0].Null(row) || args[1].Null(row) {
				continue
			}
			if convert(args[side], row, &times, n) != nil {
				out.SetNull(row, n)
				continue
			}
			result := 0
			if side == 0 {
				result = compare(&times, args[1], row)
			} else {
				result = compare(args[0], &times, row)
			}
			setBool(out, row, accept(result))
		}
		return nil
	}
}

// compareDecimal compares a long DECIMAL with a literal of no more digits behind the point, which is brought to its scale once; nil for other arguments.
func compareDecimal(args []Arg, table [4]uint64) Kernel {
	a, l := args[0].Type, args[1]
	if a.Kind() != types.Decimal || column.FormOf(a) != column.Wide || l.Literal == nil || l.Literal.Null || !l.Type.IsExact() {
		return nil
	}
	_, scale := digits(l.Type)
	y := l.Literal.Wide
	if column.FormOf(l.Type) == column.Word {
		y = widen(l.Literal.Int())
	}
	y, ok := rescale(y, scale, a.Scale())
	if scale > a.Scale() || !ok {
		return nil
	}
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		v := args[0]
		if v.Const {
			out.Words[0] = table[compareWide(v.Wide[0], y)+1]
			for i := range out.Words[:n] {
				out.Words[i] = out.Words[0]
			}
			return nil
		}
		if sel == nil {
			for i, x := range v.Wide[:n] {
				out.Words[i] = table[compareWide(x, y)+1]
			}
			return nil
		}
		for _, i := range sel {
			out.Words[i] = table[compareWide(v.Wide[i], y)+1]
		}
		return nil
	}
}

func sign(a, b int64) int {
	c := 0
	if a > b {
		c = 1
	}
	if a < b {
		c = -1
	}
	return c
}

// comparer returns how values of two types compare: -1, 0 or 1, or unordered. Values without an order are equal or 1.
func comparer(a, b types.Type) func(x, y *column.Vector, row int) int {
	switch {
	case a.IsApprox() || b.IsApprox():
		return func(x, y *column.Vector, row int) int {
			p, q := x.Float(row), y.Float(row)
			switch {
			case p < q:
				return -1
			case p > q:
				return 1
			case p == q:
				return 0
			}
			return unordered
		}
	case a.IsExact() && b.IsExact():
		_, s := digits(a)
		_, t := digits(b)
		if s == t && column.FormOf(a) == column.Word && column.FormOf(b) == column.Word {
			return func(x, y *column.Vector, row int) int { return sign(x.Int(row), y.Int(row)) }
		}
		wideA, wideB := column.FormOf(a) == column.Wide, column.FormOf(b) == column.Wide
		return func(x, y *column.Vector, row int) int {
			return compareScaled(load(x, row, wideA), s, load(y, row, wideB), t)
		}
	}
	switch column.FormOf(a) {
	case column.Word:
		return func(x, y *column.Vector, row int) int { return sign(x.Int(row), y.Int(row)) }
	case column.Wide:
		return func(x, y *column.Vector, row int) int { return compareWide(x.WideAt(row), y.WideAt(row)) }
	case column.Text:
		return func(x, y *column.Vector, row int) int {
			v, i := x.At(row)
			w, k := y.At(row)
			return column.CompareViews(&v.Views[i], v.Buffers, &w.Views[k], w.Buffers)
		}
	}
	return func(x, y *column.Vector, row int) int {
		if equalValues(a, x.Value(row), y.Value(row)) {
			return 0
		}
		return 1
	}
}

func distinct(name string, different uint64) *Function {
	return &Function{
		Name: name, Syntax: Infix, Doc: "compares two values, null being equal to null only", Nulls: NullCustom, Constants: true,
		Infer: func(s *Session, args []Arg) (Signature, error) {
			casts, err := comparable2(args, false)
			if err == nil && textSide(args) >= 0 && casts == nil {
				casts = make([]types.Type, 2)
				casts[textSide(args)] = args[1-textSide(args)].Type.WithNullable(args[textSide(args)].Type.Nullable())
			}
			return Signature{Args: casts, Result: types.New(types.Boolean).NotNull()}, err
		},
		Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			compare := comparer(args[0].Type, args[1].Type)
			return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				a, b := args[0], args[1]
				Rows(sel, n, func(row int) {
					p, q := a.Null(row), b.Null(row)
					out.Words[row] = 1 - different
					if p != q || !p && compare(a, b, row) != 0 {
						out.Words[row] = different
					}
				})
				return nil
			}, nil
		},
	}
}

// test is a test of one value that is never null itself: what it gives for null, false (or any value) and true.
func test(name, doc string, boolean bool, null, no, yes uint64) *Function {
	return &Function{
		Name: name, Syntax: Postfix, Doc: doc, Nulls: NullCustom, Constants: true,
		Infer: func(s *Session, args []Arg) (Signature, error) {
			if err := count(args, 1, 1); err != nil {
				return Signature{}, err
			}
			if k := args[0].Type.Kind(); boolean && k != types.Boolean && k != types.Null {
				return Signature{}, wrong("%s is not BOOLEAN", args[0].Type)
			}
			return Signature{Result: types.New(types.Boolean).NotNull()}, nil
		},
		Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				v := args[0]
				Rows(sel, n, func(row int) {
					switch {
					case v.Null(row):
						out.Words[row] = null
					case no != yes && v.Word(row) == 0:
						out.Words[row] = no
					default:
						out.Words[row] = yes
					}
				})
				return nil
			}, nil
		},
	}
}
