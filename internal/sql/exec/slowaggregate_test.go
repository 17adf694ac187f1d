package exec

import (
	"math"
	"math/big"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/types"
)

// slowAggregate computes a call over rows.
func slowAggregate(c *agg.Call, fields []types.Field, rows [][]column.Value) column.Value {
	var values [][]column.Value
	seen := map[string]bool{}
rows:
	for _, r := range rows {
		if c.Filter >= 0 && (r[c.Filter].Null || !r[c.Filter].Bool()) {
			continue
		}
		var args []column.Value
		for _, a := range c.Args {
			v := a.Const
			if a.Col >= 0 {
				v = r[a.Col]
			}
			if v.Null {
				continue rows
			}
			args = append(args, v)
		}
		if c.Distinct {
			if seen[text(args)] {
				continue
			}
			seen[text(args)] = true
		}
		values = append(values, args)
	}
	if c.Function == "COUNT" {
		return column.IntValue(int64(len(values)))
	}
	t := types.Type{}
	if len(c.Args) > 0 {
		if t = c.Args[0].Type; c.Args[0].Col >= 0 {
			t = fields[c.Args[0].Col].Type
		}
	}
	if len(values) == 0 {
		switch {
		case c.Function == "$SUM0" || !c.Result.Nullable():
			return column.Value{}
		}
		return column.NullValue()
	}
	switch c.Function {
	case "SUM", "$SUM0", "AVG":
		return slowSum(c, t, values)
	case "MIN", "MAX":
		best := values[0][0]
		for _, v := range values {
			if n := compareValues(t, v[0], best); c.Function == "MIN" && n < 0 || c.Function == "MAX" && n > 0 {
				best = v[0]
			}
		}
		return best
	}
	panic("no such function: " + c.Function)
}

func slowSum(c *agg.Call, t types.Type, values [][]column.Value) column.Value {
	if t.IsApprox() {
		n := 0.0
		for _, v := range values {
			n += v[0].Float()
		}
		if c.Function == "AVG" {
			n /= float64(len(values))
		}
		return column.FloatValue(n)
	}
	n := new(big.Int)
	for _, v := range values {
		if t.Kind() == types.Decimal {
			n.Add(n, column.Unscaled(v[0], t))
		} else {
			n.Add(n, big.NewInt(v[0].Int()))
		}
	}
	if t.Kind() != types.Decimal {
		i := n.Int64()
		if c.Function == "AVG" {
			i /= int64(len(values))
		}
		switch c.Result.Kind() {
		case types.TinyInt:
			i = int64(int8(i))
		case types.Int:
			i = int64(int32(i))
		}
		return column.IntValue(i)
	}
	d := big.NewInt(1)
	if c.Function == "AVG" {
		d = big.NewInt(int64(len(values)))
	}
	n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(c.Result.Scale()-t.Scale())), nil))
	// (2n + d) / 2d, away from zero
	two := big.NewInt(2)
	if n.Sign() >= 0 {
		n.Mul(n, two).Add(n, d).Quo(n, new(big.Int).Mul(two, d))
	} else {
		n.Mul(n, two).Sub(n, d).Quo(n, new(big.Int).Mul(two, d))
	}
	if new(big.Int).Abs(n).Cmp(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(c.Result.Precision())), nil)) >= 0 {
		return column.NullValue()
	}
	if column.FormOf(c.Result) == column.Wide {
		w, _ := column.WideOf(n)
		return column.Value{Wide: w}
	}
	return column.IntValue(n.Int64())
}

func compareValues(t types.Type, a, b column.Value) int {
	switch {
	case t.IsApprox():
		x, y := a.Float(), b.Float()
		switch {
		case x < y || !math.IsNaN(x) && math.IsNaN(y):
			return -1
		case x > y || math.IsNaN(x) && !math.IsNaN(y):
			return 1
		}
		return 0
	case column.FormOf(t) == column.Wide:
		return column.Big(a.Wide).Cmp(column.Big(b.Wide))
	case column.FormOf(t) == column.Text:
		switch {
		case a.Text < b.Text:
			return -1
		case a.Text > b.Text:
			return 1
		}
		return 0
	}
	switch {
	case a.Int() < b.Int():
		return -1
	case a.Int() > b.Int():
		return 1
	}
	return 0
}
