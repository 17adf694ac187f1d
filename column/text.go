package column

import (
	"encoding/hex"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/types"
)

// Big returns a wide value as a number.
func Big(w [2]uint64) *big.Int {
	neg := int64(w[1]) < 0
	if neg {
		w[0] = -w[0]
		w[1] = ^w[1]
		if w[0] == 0 {
			w[1]++
		}
	}
	b := new(big.Int).SetUint64(w[1])
	b.Lsh(b, 64).Or(b, new(big.Int).SetUint64(w[0]))
	if neg {
		b.Neg(b)
	}
	return b
}

// WideOf returns a number as a wide value, and whether it fits.
func WideOf(b *big.Int) (w [2]uint64, ok bool) {
	if b.BitLen() > 127 {
		return w, false
	}
	a := new(big.Int).Abs(b)
	low := new(big.Int).And(a, new(big.Int).SetUint64(math.MaxUint64))
	w[0], w[1] = low.Uint64(), new(big.Int).Rsh(a, 64).Uint64()
	if b.Sign() < 0 {
		w[0], w[1] = -w[0], ^w[1]
		if w[0] == 0 {
			w[1]++
		}
	}
	return w, true
}

// Unscaled returns the unscaled number of a DECIMAL value of the given type.
func Unscaled(v Value, t types.Type) *big.Int {
	if FormOf(t) == Wide {
		return Big(v.Wide)
	}
	return big.NewInt(v.Int())
}

// Literal prints a value as a literal of SQL, as plans show it: 'OR', 10, 0.908, null, TIMESTAMP '2020-01-01 00:00:00.000', INTERVAL '4' SECOND as 4000:INTERVAL SECOND.
func Literal(v Value, t types.Type) string {
	if v.Null {
		return "null"
	}
	quoted := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	switch t.Kind() {
	case types.Boolean:
		return strconv.FormatBool(v.Bool())
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		return strconv.FormatInt(v.Int(), 10)
	case types.Float:
		return strconv.FormatFloat(v.Float(), 'g', -1, 32)
	case types.Double:
		return strconv.FormatFloat(v.Float(), 'E', -1, 64)
	case types.Decimal:
		return decimalText(Unscaled(v, t), t.Scale())
	case types.Char, types.Varchar, types.Symbol:
		return quoted(v.Text)
	case types.Binary, types.Varbinary:
		return "X'" + hex.EncodeToString([]byte(v.Text)) + "'"
	case types.Date:
		return "DATE '" + time.Unix(v.Int()*86400, 0).UTC().Format("2006-01-02") + "'"
	case types.Time:
		return "TIME '" + time.UnixMilli(v.Int()).UTC().Format("15:04:05.000") + "'"
	case types.Timestamp, types.TimestampLTZ:
		digits := ""
		if t.Precision() > 0 {
			digits = "." + strings.Repeat("0", t.Precision())
		}
		return t.Kind().String() + " '" + TimeOf(v, t.Precision()).Format("2006-01-02 15:04:05"+digits) + "'"
	case types.IntervalDayTime, types.IntervalYearMonth:
		return strconv.FormatInt(v.Int(), 10) + ":" + t.WithNullable(true).SQL()
	}
	return nested(v, t)
}

func nested(v Value, t types.Type) string {
	var parts []string
	switch t.Kind() {
	case types.Array:
		for _, e := range v.List {
			parts = append(parts, Literal(e, t.Elem()))
		}
		return "ARRAY[" + strings.Join(parts, ", ") + "]"
	case types.Map, types.Multiset:
		for i := 0; i+1 < len(v.List); i += 2 {
			key, value := t.Key(), t.Elem()
			if t.Kind() == types.Multiset {
				key, value = t.Elem(), types.New(types.Int)
			}
			parts = append(parts, Literal(v.List[i], key)+", "+Literal(v.List[i+1], value))
		}
		return "MAP[" + strings.Join(parts, ", ") + "]"
	case types.Row, types.Structured:
		for i, e := range v.List {
			parts = append(parts, Literal(e, t.Fields()[i].Type))
		}
		return "ROW(" + strings.Join(parts, ", ") + ")"
	}
	return "'" + strings.ReplaceAll(v.Text, "'", "''") + "'"
}

func decimalText(unscaled *big.Int, scale int) string {
	s := new(big.Int).Abs(unscaled).String()
	if scale > 0 {
		if len(s) <= scale {
			s = strings.Repeat("0", scale-len(s)+1) + s
		}
		s = s[:len(s)-scale] + "." + s[len(s)-scale:]
	}
	if unscaled.Sign() < 0 {
		s = "-" + s
	}
	return s
}

// TimeOf returns a TIMESTAMP or TIMESTAMP_LTZ of the given precision as a time in UTC.
func TimeOf(v Value, precision int) time.Time {
	switch TimeUnit(precision) {
	case 1_000:
		return time.UnixMilli(v.Int()).UTC()
	case 1_000_000:
		return time.UnixMicro(v.Int()).UTC()
	}
	seconds, nanos := new(big.Int).DivMod(Big(v.Wide), big.NewInt(1_000_000_000), new(big.Int))
	return time.Unix(seconds.Int64(), nanos.Int64()).UTC()
}

// TimeValue returns a time as a TIMESTAMP or TIMESTAMP_LTZ of the given precision; digits beyond are cut off.
func TimeValue(at time.Time, precision int) Value {
	cut := int64(1)
	for range 9 - min(precision, 9) {
		cut *= 10
	}
	nanos := int64(at.Nanosecond()) / cut * cut
	switch unit := TimeUnit(precision); unit {
	case 1_000, 1_000_000:
		return IntValue(at.Unix()*unit + nanos/(1_000_000_000/unit))
	}
	b := new(big.Int).Mul(big.NewInt(at.Unix()), big.NewInt(1_000_000_000))
	w, _ := WideOf(b.Add(b, big.NewInt(nanos)))
	return Value{Wide: w}
}
