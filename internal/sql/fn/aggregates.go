package fn

import (
	"math/big"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// aggregates are the aggregate functions and those that stand only OVER a window, with exact result types.
func aggregates() []*Aggregate {
	bigint, double := types.New(types.BigInt).NotNull(), types.New(types.Double)
	return []*Aggregate{
		{Name: "COUNT", Doc: "the number of rows, or of those where no argument is null", Star: true, Infer: aggregate("?*+", func(a []Arg, grouped bool) types.Type { return bigint })},
		{Name: "APPROX_COUNT_DISTINCT", Doc: "the number of different values that are not null, here the exact one: COUNT(DISTINCT x)", Infer: aggregate("*", func(a []Arg, grouped bool) types.Type { return bigint })},
		{Name: "SUM", Doc: "the sum, of the argument's type; integers wrap around, decimals have 38 digits", Infer: aggregate("N", func(a []Arg, grouped bool) types.Type {
			return SumType(a[0].Type).WithNullable(a[0].Type.Nullable() || !grouped)
		})},
		{Name: "$SUM0", Aliases: []string{"SUM0"}, Doc: "the sum, zero of no rows", Infer: aggregate("N", func(a []Arg, grouped bool) types.Type { return SumType(a[0].Type).WithNullable(a[0].Type.Nullable()) })},
		{Name: "AVG", Doc: "the average, of the argument's type: that of integers is cut off", Infer: aggregate("N", average)},
		{Name: "MIN", Doc: "the least value", Infer: aggregate("*", extremeType)},
		{Name: "MAX", Doc: "the greatest value", Infer: aggregate("*", extremeType)},
		{Name: "STDDEV_POP", Doc: "the standard deviation of the whole", Infer: aggregate("N", average)},
		{Name: "STDDEV_SAMP", Aliases: []string{"STDDEV"}, Doc: "the standard deviation of a sample", Infer: aggregate("N", average)},
		{Name: "VAR_POP", Doc: "the variance of the whole", Infer: aggregate("N", average)},
		{Name: "VAR_SAMP", Aliases: []string{"VARIANCE"}, Doc: "the variance of a sample", Infer: aggregate("N", average)},
		{Name: "FIRST_VALUE", Doc: "the first value that is not null", Ordered: true, Infer: aggregate("*", emptyNull)},
		{Name: "LAST_VALUE", Doc: "the last value that is not null", Ordered: true, Infer: aggregate("*", emptyNull)},
		{Name: "LISTAGG", Doc: "the strings that are not null, with commas or the second argument between them", Ordered: true, Infer: aggregate("S?S", func(a []Arg, grouped bool) types.Type { return orText(a[0].Type) })},
		{Name: "COLLECT", Doc: "the values as a multiset", Infer: aggregate("*", func(a []Arg, grouped bool) types.Type { return types.MultisetOf(plain(a[0].Type)).NotNull() })},
		{Name: "ARRAY_AGG", Doc: "the values as an array", Ordered: true, Infer: aggregate("*", func(a []Arg, grouped bool) types.Type {
			return types.ArrayOf(plain(a[0].Type)).WithNullable(a[0].Type.Nullable())
		})},
		{Name: "SINGLE_VALUE", Doc: "the only value: more than one row is an error", Infer: aggregate("*", emptyNull)},
		{Name: "JSON_OBJECTAGG", Doc: "a JSON object of keys and values", Infer: aggregate("S*", func(a []Arg, grouped bool) types.Type { return types.Of(types.Varchar, 2000, 0).NotNull() })},
		{Name: "JSON_ARRAYAGG", Doc: "a JSON array of the values", Ordered: true, Infer: aggregate("*", func(a []Arg, grouped bool) types.Type { return types.Of(types.Varchar, 2000, 0).NotNull() })},
		{Name: "PERCENTILE", Doc: "the value below which the given part of the values lies, or several, with a third argument as their frequencies", Infer: inferPercentile},
		bitmapAggregate("BUILD", "the bitmap of the numbers"),
		bitmapAggregate("AND", "the numbers that are in all bitmaps"),
		bitmapAggregate("OR", "the numbers that are in one of the bitmaps"),
		bitmapAggregate("XOR", "the numbers that are in an odd count of the bitmaps"),
		bitmapCardinality("BUILD", "how many different numbers there are"),
		bitmapCardinality("AND", "how many numbers are in all bitmaps"),
		bitmapCardinality("OR", "how many numbers are in one of the bitmaps"),
		bitmapCardinality("XOR", "how many numbers are in an odd count of the bitmaps"),
		{Name: "ROW_NUMBER", Doc: "the number of the row, from 1", Ranking: true, Infer: aggregate("", func(a []Arg, grouped bool) types.Type { return bigint })},
		{Name: "RANK", Doc: "the number of rows before, and 1", Ranking: true, Infer: aggregate("", func(a []Arg, grouped bool) types.Type { return bigint })},
		{Name: "DENSE_RANK", Doc: "the number of different rows before, and 1", Ranking: true, Infer: aggregate("", func(a []Arg, grouped bool) types.Type { return bigint })},
		{Name: "NTILE", Doc: "which of that many parts of the rows it is in", Ranking: true, Infer: aggregate("I", func(a []Arg, grouped bool) types.Type { return bigint })},
		{Name: "CUME_DIST", Doc: "the part of the rows that are not behind", Ranking: true, Infer: aggregate("", func(a []Arg, grouped bool) types.Type { return double.NotNull() })},
		{Name: "PERCENT_RANK", Doc: "the part of the other rows that are before", Ranking: true, Infer: aggregate("", func(a []Arg, grouped bool) types.Type { return double.NotNull() })},
		{Name: "LAG", Doc: "the value so many rows (1) before, else the third argument", Ranking: true, Infer: aggregate("*?I*", offsetType)},
		{Name: "LEAD", Doc: "the value so many rows (1) behind, else the third argument", Ranking: true, Infer: aggregate("*?I*", offsetType)},
	}
}

// aggregate makes the inference of an aggregate function from a parameter list as [takes] has it.
func aggregate(spec string, result func(args []Arg, grouped bool) types.Type) func(*Session, []Arg, bool) (Signature, error) {
	check := takes(spec, func([]Arg) types.Type { return types.New(types.BigInt) })
	return func(s *Session, args []Arg, grouped bool) (Signature, error) {
		// The last argument of those of JSON may be a symbol: what is done with nulls.
		if n := len(args); n > 1 && args[n-1].Symbol != "" {
			args = args[:n-1]
		}
		sig, err := check(s, args)
		if err != nil {
			return sig, err
		}
		typed := args
		if sig.Args != nil {
			typed = append([]Arg(nil), args...)
			for i, t := range sig.Args {
				if t.Valid() {
					typed[i].Type = t
				}
			}
		}
		if sig.Result = result(typed, grouped); !sig.Result.Valid() {
			return sig, wrong("values of type %s have no order", args[0].Type)
		}
		return sig, nil
	}
}

func plain(t types.Type) types.Type { return t.WithAttribute(types.NoAttribute) }

// emptyNull is the argument's type, nullable where there may be no row.
func emptyNull(a []Arg, grouped bool) types.Type {
	return plain(a[0].Type).WithNullable(a[0].Type.Nullable() || !grouped)
}

func extremeType(a []Arg, grouped bool) types.Type {
	if column := a[0].Type; column.Kind() >= types.Array && column.Kind() != types.Symbol {
		return types.Type{}
	}
	return emptyNull(a, grouped)
}

func offsetType(a []Arg, grouped bool) types.Type {
	if len(a) == 3 {
		return plain(a[0].Type).WithNullable(a[2].Type.Nullable())
	}
	return plain(a[0].Type).Null()
}

// SumType is the type, of the argument's nullability, in which SUM adds and which it returns.
func SumType(t types.Type) types.Type {
	if t.Kind() == types.Decimal {
		return types.DecimalOf(types.MaxDecimal, t.Scale()).WithNullable(t.Nullable())
	}
	return t
}

// average is the type of AVG and of the deviations.
func average(a []Arg, grouped bool) types.Type {
	t := a[0].Type
	if t.Kind() == types.Decimal {
		t = types.DecimalOf(types.MaxDecimal, max(6, t.Scale()))
	}
	return t.WithNullable(a[0].Type.Nullable() || !grouped)
}

// bitmapAggregate is a function that makes a bitmap: BUILD of integers, others of bitmaps. It is null without a value.
func bitmapAggregate(name, doc string) *Aggregate {
	return &Aggregate{Name: "BITMAP_" + name + "_AGG", Doc: doc, Infer: inferBitmap(name, types.New(types.Bitmap))}
}

func bitmapCardinality(name, doc string) *Aggregate {
	return &Aggregate{Name: "BITMAP_" + name + "_CARDINALITY_AGG", Doc: doc, Infer: inferBitmap(name, types.New(types.BigInt))}
}

func inferBitmap(name string, result types.Type) func(*Session, []Arg, bool) (Signature, error) {
	return func(s *Session, args []Arg, grouped bool) (Signature, error) {
		if err := count(args, 1, 1); err != nil {
			return Signature{}, err
		}
		of := types.New(types.Bitmap)
		if name == "BUILD" {
			of = types.New(types.Int)
		}
		t := args[0].Type
		fits := t.Kind() == of.Kind() || t.Kind() == types.Null || of.Kind() == types.Int && (t.Kind() == types.TinyInt || t.Kind() == types.SmallInt)
		if !fits {
			return Signature{}, wrong("argument 1 must be %s, but is %s", of, t)
		}
		return Signature{Args: []types.Type{of.WithNullable(t.Nullable())}, Result: result}, nil
	}
}

// inferPercentile is the inference of PERCENTILE: a number, a percentage or an array of some, and an integer that says how often the number counts.
func inferPercentile(s *Session, args []Arg, grouped bool) (Signature, error) {
	if err := count(args, 2, 3); err != nil {
		return Signature{}, err
	}
	if k := args[0].Type.Kind(); !args[0].Type.IsNumeric() && k != types.Null {
		return Signature{}, wrong("PERCENTILE takes numbers, but argument 1 is %s", args[0].Type)
	}
	double := types.New(types.Double)
	sig := Signature{Args: []types.Type{{}, double.NotNull(), {}}[:len(args)], Result: double}
	if args[0].Type.Kind() == types.Null {
		sig.Args[0] = double
	}
	part := args[1].Type
	var literals []column.Value
	if args[1].Literal != nil {
		literals = []column.Value{*args[1].Literal}
	}
	if part.Kind() == types.Array {
		if part.Nullable() {
			return Signature{}, wrong("the array of percentages must be NOT NULL, but is %s", part)
		}
		part = part.Elem()
		sig.Args[1], sig.Result = types.ArrayOf(double.NotNull()).NotNull(), types.ArrayOf(double)
		if len(literals) > 0 {
			literals = literals[0].List
		}
	}
	if !part.IsNumeric() || part.Nullable() {
		return Signature{}, wrong("the percentage must be a NOT NULL number, or an array of some, but is %s", args[1].Type)
	}
	for _, v := range literals {
		if x := numberOf(v, part); !(x >= 0 && x <= 1) {
			return Signature{}, wrong("the percentage must be between 0 and 1, but is %v", x)
		}
	}
	if len(args) == 3 && !args[2].Type.IsInteger() && args[2].Type.Kind() != types.Null {
		return Signature{}, wrong("the frequency must be an integer, but is %s", args[2].Type)
	}
	return sig, nil
}

// numberOf is a number as a floating-point one.
func numberOf(v column.Value, t types.Type) float64 {
	switch {
	case t.IsApprox():
		return v.Float()
	case t.Kind() == types.Decimal:
		x, _ := new(big.Rat).SetFrac(column.Unscaled(v, t), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Scale())), nil)).Float64()
		return x
	}
	return float64(v.Int())
}
