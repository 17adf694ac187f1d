package exec

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/types"
)

// slowAggregate computes a call over rows.
func slowAggregate(c *agg.Call, fields []types.Field, rows [][]column.Value) column.Value {
	switch c.Function {
	case "LISTAGG", "ARRAY_AGG", "COLLECT", "JSON_ARRAYAGG", "JSON_OBJECTAGG":
		return slowList(c, fields, rows)
	}
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
	case "FIRST_VALUE":
		return values[0][0]
	case "LAST_VALUE":
		return values[len(values)-1][0]
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

// slowList computes the functions whose result has all values.
func slowList(c *agg.Call, fields []types.Field, rows [][]column.Value) column.Value {
	var values [][]column.Value
	seen := map[string]bool{}
	symbol := ""
	if n := len(c.Args) - 1; n > 0 && c.Args[n].Col < 0 {
		symbol = c.Args[n].Const.Text
	}
	for _, r := range rows {
		if c.Filter >= 0 && (r[c.Filter].Null || !r[c.Filter].Bool()) {
			continue
		}
		var v []column.Value
		for _, a := range c.Args {
			if a.Col >= 0 {
				v = append(v, r[a.Col])
			}
		}
		keepsNull := c.Function == "ARRAY_AGG" || c.Function == "JSON_ARRAYAGG" && symbol == "NULL ON NULL"
		if v[0].Null && !keepsNull || c.Distinct && seen[text(v)] {
			continue
		}
		seen[text(v)] = true
		values = append(values, v)
	}
	if len(values) == 0 && c.Result.Nullable() {
		return column.NullValue()
	}
	json := func(arg int, v column.Value) string {
		switch {
		case v.Null:
			return "null"
		case column.FormOf(fields[c.Args[arg].Col].Type) == column.Text:
			b, err := json.Marshal(v.Text)
			if err != nil {
				panic(err)
			}
			return string(b)
		}
		return fmt.Sprint(v.Int())
	}
	var parts []string
	switch c.Function {
	case "ARRAY_AGG":
		list := []column.Value{}
		for _, v := range values {
			list = append(list, v[0])
		}
		return column.Value{List: list}
	case "COLLECT":
		counts, first := map[string]int64{}, map[string]column.Value{}
		for _, v := range values {
			b := v[0].Text
			switch column.FormOf(fields[c.Args[0].Col].Type) {
			case column.Word:
				b = fmt.Sprintf("%x", v[0].Word)
			case column.Wide:
				b = fmt.Sprintf("%x.%x", v[0].Wide[0], v[0].Wide[1])
			}
			counts[b]++
			first[b] = v[0]
		}
		list := []column.Value{}
		for _, k := range slices.Sorted(maps.Keys(counts)) {
			list = append(list, first[k], column.IntValue(counts[k]))
		}
		return column.Value{List: list}
	case "LISTAGG":
		for _, v := range values {
			parts = append(parts, v[0].Text)
		}
		if symbol == "" {
			symbol = ","
		}
		return column.TextValue(strings.Join(parts, symbol))
	case "JSON_ARRAYAGG":
		for _, v := range values {
			parts = append(parts, json(0, v[0]))
		}
		return column.TextValue("[" + strings.Join(parts, ",") + "]")
	}
	last := map[string]column.Value{}
	for _, v := range values {
		last[v[0].Text] = v[1]
	}
	for _, k := range slices.Sorted(maps.Keys(last)) {
		if v := last[k]; !v.Null || symbol != "ABSENT ON NULL" {
			parts = append(parts, json(0, column.TextValue(k))+":"+json(1, v))
		}
	}
	return column.TextValue("{" + strings.Join(parts, ",") + "}")
}
