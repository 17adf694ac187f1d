package fn

import "github.com/weirstream/weir/types"

// aggregates are the aggregate functions and those that stand only OVER a window, with exact result types.
func aggregates() []*Aggregate {
	bigint, double := types.New(types.BigInt).NotNull(), types.New(types.Double)
	return []*Aggregate{
		{Name: "COUNT", Doc: "the number of rows, or of those where no argument is null", Star: true, Infer: aggregate("?*+", func(a []Arg, grouped bool) types.Type { return bigint })},
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

func inferPercentile(s *Session, args []Arg, grouped bool) (Signature, error) {
	if err := count(args, 2, 3); err != nil {
		return Signature{}, err
	}
	if !args[0].Type.IsNumeric() {
		return Signature{}, wrong("PERCENTILE takes numbers, but argument 1 is %s", args[0].Type)
	}
	result := types.New(types.Double)
	part := args[1].Type
	if part.Kind() == types.Array {
		part, result = part.Elem(), types.ArrayOf(types.New(types.Double))
	}
	if !part.IsNumeric() {
		return Signature{}, wrong("the part must be a number or an array of numbers, but is %s", args[1].Type)
	}
	if len(args) == 3 && !args[2].Type.IsInteger() {
		return Signature{}, wrong("the frequency must be an integer, but is %s", args[2].Type)
	}
	return Signature{Result: result}, nil
}
