package oracle

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// Time is a TIMESTAMP or TIMESTAMP_LTZ: nanoseconds since 1970, of the clock on the wall or in UTC.
type Time int64

// Interval is an INTERVAL of days to seconds, in milliseconds.
type Interval int64

func (t Time) millis() int64 { return int64(floorDiv(int64(t), 1e6)) }

func millis(ms int64) Time { return Time(ms * 1e6) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// ValueOf turns a value of the engine into one of the oracle.
func ValueOf(v column.Value, t types.Type) any {
	if v.Null {
		return nil
	}
	switch t.Kind() {
	case types.Boolean:
		return v.Bool()
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Date, types.Time:
		return v.Int()
	case types.Float, types.Double:
		return v.Float()
	case types.Char, types.Varchar:
		return v.Text
	case types.Decimal:
		return new(big.Rat).SetFrac(column.Unscaled(v, t), power(t.Scale()))
	case types.Timestamp, types.TimestampLTZ:
		return Time(column.TimeOf(v, t.Precision()).UnixNano())
	case types.IntervalDayTime:
		return Interval(v.Int())
	case types.Null:
		return nil
	}
	unsupported("a value of type %s", t)
	return nil
}

// GoValue turns a value into what the connector values takes for a type.
func GoValue(v any, t types.Type) any {
	switch v := v.(type) {
	case *big.Rat:
		return v.FloatString(t.Scale())
	case Time:
		return time.Unix(0, int64(v)).UTC()
	}
	return v
}

func power(scale int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
}

// compare compares two values of types that can be compared, none of them null.
func compare(a, b any) int {
	switch x := a.(type) {
	case string:
		return strings.Compare(x, b.(string))
	case bool:
		switch y := b.(bool); {
		case x == y:
			return 0
		case y:
			return -1
		}
		return 1
	case Time:
		return sign(int64(x), int64(b.(Time)))
	case Interval:
		return sign(int64(x), int64(b.(Interval)))
	case int64:
		if y, ok := b.(int64); ok {
			return sign(x, y)
		}
	}
	_, approx := a.(float64)
	if _, other := b.(float64); approx || other {
		x, y := floatOf(a), floatOf(b)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	return ratOf(a).Cmp(ratOf(b))
}

func sign(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func floatOf(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case *big.Rat:
		f, _ := v.Float64()
		return f
	}
	return v.(float64)
}

func ratOf(v any) *big.Rat {
	if i, ok := v.(int64); ok {
		return new(big.Rat).SetInt64(i)
	}
	return v.(*big.Rat)
}

// rounded is a number with some digits behind the point, halves away from zero.
func rounded(r *big.Rat, scale int) *big.Rat {
	num := new(big.Int).Mul(r.Num(), power(scale))
	num.Mul(num, big.NewInt(2))
	if r.Sign() < 0 {
		num.Sub(num, r.Denom())
	} else {
		num.Add(num, r.Denom())
	}
	num.Quo(num, new(big.Int).Mul(r.Denom(), big.NewInt(2)))
	return new(big.Rat).SetFrac(num, power(scale))
}

// fits gives a number as a type of numbers has it: integers wrap around, decimals are rounded, and null if there are too many digits.
func fits(v any, t types.Type) any {
	switch t.Kind() {
	case types.TinyInt:
		return int64(int8(integer(v)))
	case types.SmallInt:
		return int64(int16(integer(v)))
	case types.Int:
		return int64(int32(integer(v)))
	case types.BigInt:
		return integer(v)
	case types.Decimal:
		if _, ok := v.(float64); ok {
			unsupported("a DOUBLE as DECIMAL")
		}
		r := rounded(ratOf(v), t.Scale())
		if new(big.Rat).Abs(r).Cmp(new(big.Rat).SetInt(power(t.Precision()-t.Scale()))) >= 0 {
			return nil
		}
		return r
	case types.Float:
		return float64(float32(floatOf(v)))
	case types.Double:
		return floatOf(v)
	}
	unsupported("a number as %s", t)
	return nil
}

// integer cuts off what is behind the point.
func integer(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case float64:
		if math.Abs(v) >= 1<<31 {
			undetermined("a large number is cut")
		}
		return int64(v)
	}
	r := v.(*big.Rat)
	return new(big.Int).Quo(r.Num(), r.Denom()).Int64()
}

// Text is a value as text, the same for what is the same value of a type.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		return v
	case float64:
		if v == 0 {
			v = 0 // and not -0
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	case *big.Rat:
		s := strings.TrimRight(v.FloatString(20), "0")
		return strings.TrimSuffix(s, ".")
	case Time:
		return time.Unix(0, int64(v)).UTC().Format("2006-01-02 15:04:05.999")
	}
	return fmt.Sprint(v)
}

// Text is a row as text: its values with commas.
func (r Row) Text() string {
	list := make([]string, len(r))
	for i, v := range r {
		list[i] = Text(v)
	}
	return strings.Join(list, ", ")
}

// keyOf is a text that is the same for rows that are not distinct.
func keyOf(r Row) string {
	var b strings.Builder
	for _, v := range r {
		s := Text(v)
		if v == nil {
			b.WriteString("~")
			continue
		}
		fmt.Fprintf(&b, "%d:%s", len(s), s)
	}
	return b.String()
}
