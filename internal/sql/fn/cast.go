package fn

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// Cast is CAST, TryCast TRY_CAST. The type to cast to is that of the call.
var (
	Cast    = castFunction("CAST", "the value as another type", false)
	TryCast = castFunction("TRY_CAST", "the value as another type, null where it cannot be", true)
)

func casts() []*Function { return []*Function{Cast, TryCast} }

func castFunction(name, doc string, try bool) *Function {
	return &Function{
		Name: name, Doc: doc, Syntax: Special, Fails: !try,
		Print: func(args []string, result types.Type) string {
			return name + "(" + args[0] + " AS " + strings.TrimSuffix(result.SQL(), " NOT NULL") + ")"
		},
		// The planner knows the target; it asks CanCast.
		Infer: func(s *Session, args []Arg) (Signature, error) { return Signature{}, count(args, 1, 1) },
		Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			from := args[0].Type
			try := try || s != nil && s.LegacyCast
			if column.FormOf(result) > column.Text {
				return castNested(s, from, result, try)
			}
			convert := converter(s, from, result)
			if convert == nil {
				return nil, wrong("%s cannot be cast to %s", from, result)
			}
			same := column.FormOf(from) == column.Word && column.FormOf(result) == column.Word && keeps(from, result)
			return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				if same {
					copy(out.Words, args[0].Words[:n])
					return nil
				}
				var err error
				Rows(sel, n, func(row int) {
					if err != nil || args[0].Null(row) {
						return
					}
					if e := convert(args[0], row, out, n); e != nil {
						if try {
							out.SetNull(row, n)
						} else {
							err = e
						}
					}
				})
				return err
			}, nil
		},
	}
}

// CanCast reports whether values of one type can be cast to another.
func CanCast(s *Session, from, to types.Type) bool {
	if from.Kind() == types.Variant && to.Kind() != types.Variant {
		return false // it is printed, but CAST is for what has one type
	}
	if column.FormOf(to) > column.Text {
		return convertValue(s, from, to) != nil
	}
	return converter(s, from, to) != nil
}

// castNested casts to a list, map or row.
func castNested(s *Session, from, to types.Type, try bool) (Kernel, error) {
	convert := convertValue(s, from, to)
	if convert == nil {
		return nil, wrong("%s cannot be cast to %s", from, to)
	}
	return rowwise(to, true, func(args []column.Value) (column.Value, error) {
		v, err := convert(args[0])
		if err != nil && try {
			return column.NullValue(), nil
		}
		return v, err
	}), nil
}

// keeps reports whether the word stays as it is.
func keeps(from, to types.Type) bool {
	if from.WithNullable(true).Same(to.WithNullable(true)) {
		return true
	}
	return from.IsInteger() && to.IsInteger() && from.Kind() <= to.Kind() || from.Kind() == types.Float && to.Kind() == types.Double ||
		from.IsTimestamp() && from.Kind() == to.Kind() && from.Precision() <= to.Precision() && column.TimeUnit(from.Precision()) == column.TimeUnit(to.Precision())
}

// conversion writes the value of a row as another type. out is flat and has n rows.
type conversion func(v *column.Vector, row int, out *column.Vector, n int) error

func converter(s *Session, from, to types.Type) conversion {
	zone := time.UTC
	if s != nil && s.Zone != nil {
		zone = s.Zone
	}
	switch {
	case from.Kind() == types.Null:
		return func(v *column.Vector, row int, out *column.Vector, n int) error { out.SetNull(row, n); return nil }
	case to.IsChar() && s != nil && s.LegacyCast:
		return legacyText(zone, from, to)
	case to.IsChar():
		return toText(zone, from, to)
	case from.IsChar():
		return fromText(zone, to)
	case to.IsBytes() && from.IsBytes(), from.Kind() == types.Bitmap && to.Kind() == types.Varbinary && to.Length() == types.MaxLength:
		return toBytes(to)
	case to.IsNumeric() && from.IsNumeric():
		return toNumber(from, to)
	case to.Kind() == types.Boolean && from.Kind() == types.Boolean, to.Kind() == types.Date && from.Kind() == types.Date, to.IsInterval() && from.Kind() == to.Kind():
		return copyWord
	case to.Kind() == types.Boolean && from.IsInteger():
		return func(v *column.Vector, row int, out *column.Vector, n int) error {
			setBool(out, row, v.Word(row) != 0)
			return nil
		}
	case from.Kind() == types.Boolean && to.IsNumeric():
		return toNumber(types.New(types.Int), to)
	case from.IsDatetime() && to.IsDatetime():
		return toTime(zone, from, to)
	}
	return nil
}

func copyWord(v *column.Vector, row int, out *column.Vector, n int) error {
	out.Words[row] = v.Word(row)
	return nil
}

func toNumber(from, to types.Type) conversion {
	kind, isWide := to.Kind(), column.FormOf(to) == column.Wide
	wideFrom := column.FormOf(from) == column.Wide
	switch {
	case from.IsApprox() && to.IsApprox():
		return func(v *column.Vector, row int, out *column.Vector, n int) error {
			x := v.Float(row)
			if kind == types.Float {
				x = float64(float32(x))
			}
			out.Words[row] = math.Float64bits(x)
			return nil
		}
	case from.IsApprox() && to.IsInteger():
		return func(v *column.Vector, row int, out *column.Vector, n int) error {
			x := floatInt(v.Float(row))
			if kind != types.BigInt { // as in Java, by way of INT
				x = max(min(x, math.MaxInt32), math.MinInt32)
			}
			out.Words[row] = uint64(wrap(x, kind))
			return nil
		}
	case from.IsApprox():
		return func(v *column.Vector, row int, out *column.Vector, n int) error {
			r, ok := new(big.Rat).SetString(strconv.FormatFloat(v.Float(row), 'g', -1, 64))
			if !ok {
				out.SetNull(row, n) // NaN and infinity
				return nil
			}
			num := new(big.Int).Mul(r.Num(), bigPow(to.Scale()))
			w, ok := column.WideOf(divideRound(num, r.Denom()))
			if !ok {
				out.SetNull(row, n)
				return nil
			}
			storeDecimal(out, row, n, w, to.Precision(), isWide)
			return nil
		}
	case to.IsApprox():
		read := floats(from)
		return func(v *column.Vector, row int, out *column.Vector, n int) error {
			x := read(v, row)
			if kind == types.Float {
				x = float64(float32(x))
			}
			out.Words[row] = math.Float64bits(x)
			return nil
		}
	case from.IsInteger() && to.IsInteger():
		return func(v *column.Vector, row int, out *column.Vector, n int) error {
			out.Words[row] = uint64(wrap(v.Int(row), kind))
			return nil
		}
	case to.IsInteger():
		scale := from.Scale()
		return func(v *column.Vector, row int, out *column.Vector, n int) error {
			x := load(v, row, wideFrom)
			if scale > 0 {
				x, _ = column.WideOf(new(big.Int).Quo(column.Big(x), bigPow(scale)))
			}
			out.Words[row] = uint64(wrap(int64(x[0]), kind)) // the lowest bits, as between integers
			return nil
		}
	}
	_, scale := digits(from)
	return func(v *column.Vector, row int, out *column.Vector, n int) error {
		x, ok := rescale(load(v, row, wideFrom), scale, to.Scale())
		if !ok {
			out.SetNull(row, n)
			return nil
		}
		storeDecimal(out, row, n, x, to.Precision(), isWide)
		return nil
	}
}

func toBytes(to types.Type) conversion {
	return func(v *column.Vector, row int, out *column.Vector, n int) error {
		b := v.Bytes(row)
		if len(b) > to.Length() {
			b = b[:to.Length()]
		}
		if to.Kind() == types.Binary && len(b) < to.Length() {
			b = append(append(make([]byte, 0, to.Length()), b...), make([]byte, to.Length()-len(b))...)
		}
		out.SetBytes(row, b)
		return nil
	}
}

// toText makes strings. What is longer than the type is cut; CHAR is filled up with spaces.
func toText(zone *time.Location, from, to types.Type) conversion {
	write := writer(zone, from)
	if write == nil {
		return nil
	}
	limit, fixed := to.Length(), to.Kind() == types.Char
	var scratch []byte
	return func(v *column.Vector, row int, out *column.Vector, n int) error {
		var b []byte
		if from.IsChar() || from.IsBytes() {
			b = v.Bytes(row)
		} else {
			scratch = write(scratch[:0], v, row)
			b = scratch
		}
		if limit < types.MaxLength && (fixed || len(b) > limit) {
			have, at := 0, 0
			for at < len(b) && have < limit {
				_, size := utf8.DecodeRune(b[at:])
				at += size
				have++
			}
			b = b[:at]
			if fixed && have < limit {
				scratch = append(scratch[:0], b...)
				for ; have < limit; have++ {
					scratch = append(scratch, ' ')
				}
				b = scratch
			}
		}
		out.SetBytes(row, b)
		return nil
	}
}

// legacyText makes strings as before Flink 1.15: they have the length that they have, and booleans small letters.
func legacyText(zone *time.Location, from, to types.Type) conversion {
	if from.Kind() != types.Boolean {
		return toText(zone, from, types.String())
	}
	fill := 0
	if to.Kind() == types.Char {
		fill = to.Length()
	}
	texts := [2]string{fmt.Sprintf("%-*s", fill, "false"), fmt.Sprintf("%-*s", fill, "true")}
	return func(v *column.Vector, row int, out *column.Vector, n int) error {
		out.SetString(row, texts[v.Word(row)&1])
		return nil
	}
}

// writer returns how a value is printed by CAST; nil if it cannot be.
func writer(zone *time.Location, t types.Type) func(b []byte, v *column.Vector, row int) []byte {
	isWide := column.FormOf(t) == column.Wide
	switch t.Kind() {
	case types.Char, types.Varchar, types.Binary, types.Varbinary, types.Variant, types.Raw:
		return func(b []byte, v *column.Vector, row int) []byte { return append(b, v.Bytes(row)...) }
	case types.Boolean:
		return func(b []byte, v *column.Vector, row int) []byte {
			if v.Word(row) != 0 {
				return append(b, "TRUE"...)
			}
			return append(b, "FALSE"...)
		}
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		return func(b []byte, v *column.Vector, row int) []byte { return strconv.AppendInt(b, v.Int(row), 10) }
	case types.Float:
		return func(b []byte, v *column.Vector, row int) []byte { return appendFloat(b, v.Float(row), 32) }
	case types.Double:
		return func(b []byte, v *column.Vector, row int) []byte { return appendFloat(b, v.Float(row), 64) }
	case types.Decimal:
		return func(b []byte, v *column.Vector, row int) []byte {
			return appendDecimal(b, load(v, row, isWide), t.Scale())
		}
	case types.Date:
		return func(b []byte, v *column.Vector, row int) []byte {
			return time.Unix(v.Int(row)*86400, 0).UTC().AppendFormat(b, time.DateOnly)
		}
	case types.Time:
		return func(b []byte, v *column.Vector, row int) []byte {
			return appendClock(b, time.UnixMilli(v.Int(row)).UTC(), t.Precision())
		}
	case types.Timestamp, types.TimestampLTZ:
		if t.Kind() == types.Timestamp {
			zone = time.UTC
		}
		return func(b []byte, v *column.Vector, row int) []byte {
			at := instant(v, row, t).In(zone)
			b = append(at.AppendFormat(b, time.DateOnly), ' ')
			return appendClock(b, at, t.Precision())
		}
	case types.Bitmap:
		return func(b []byte, v *column.Vector, row int) []byte {
			m, _ := DecodeBitmap(string(v.Bytes(row)))
			return append(b, m.String()...)
		}
	case types.IntervalYearMonth:
		return func(b []byte, v *column.Vector, row int) []byte {
			x, sign := v.Int(row), byte('+')
			if x < 0 {
				x, sign = -x, '-'
			}
			b = strconv.AppendInt(append(b, sign), x/12, 10)
			return appendDigits(append(b, '-'), x%12, 2)
		}
	case types.IntervalDayTime:
		return func(b []byte, v *column.Vector, row int) []byte {
			x, sign := v.Int(row), byte('+')
			if x < 0 {
				x, sign = -x, '-'
			}
			b = append(strconv.AppendInt(append(b, sign), x/dayMillis, 10), ' ')
			return appendClock(b, time.UnixMilli(x%dayMillis).UTC(), 3)
		}
	}
	return nestedWriter(zone, t)
}

// instant returns a TIMESTAMP or TIMESTAMP_LTZ as a time in UTC.
func instant(v *column.Vector, row int, t types.Type) time.Time {
	if column.FormOf(t) == column.Wide {
		s, nanos := split(v.WideAt(row))
		return time.Unix(s, nanos).UTC()
	}
	if t.Precision() > 3 {
		return time.UnixMicro(v.Int(row)).UTC()
	}
	return time.UnixMilli(v.Int(row)).UTC()
}

func appendDigits(b []byte, x int64, width int) []byte {
	for p := width - 1; p >= 0; p-- {
		b = append(b, byte('0'+uint64(x)/pow10[p]%10))
	}
	return b
}

func appendClock(b []byte, at time.Time, precision int) []byte {
	h, m, s := at.Clock()
	b = append(appendDigits(b, int64(h), 2), ':')
	b = append(appendDigits(b, int64(m), 2), ':')
	b = appendDigits(b, int64(s), 2)
	if precision > 0 {
		b = append(b, '.')
		b = appendDigits(b, int64(uint64(at.Nanosecond())/pow10[9-precision]), precision)
	}
	return b
}

// appendFloat prints a floating-point number as Java does.
func appendFloat(b []byte, x float64, bits int) []byte {
	switch {
	case math.IsNaN(x):
		return append(b, "NaN"...)
	case math.IsInf(x, 1):
		return append(b, "Infinity"...)
	case math.IsInf(x, -1):
		return append(b, "-Infinity"...)
	case x == 0 || math.Abs(x) >= 1e-3 && math.Abs(x) < 1e7:
		from := len(b)
		b = strconv.AppendFloat(b, x, 'f', -1, bits)
		if !strings.Contains(string(b[from:]), ".") {
			b = append(b, ".0"...)
		}
		return b
	}
	text := strconv.FormatFloat(x, 'E', -1, bits)
	if a := math.Abs(x); a >= 1e7 && a < 1<<63 && a == math.Trunc(a) {
		text = wholeFloat(x, bits)
	}
	mantissa, exponent, _ := strings.Cut(text, "E")
	b = append(b, mantissa...)
	if !strings.Contains(mantissa, ".") {
		b = append(b, ".0"...)
	}
	e, _ := strconv.Atoi(exponent)
	return strconv.AppendInt(append(b, 'E'), int64(e), 10)
}

// wholeFloat prints a large whole number: as in Java before 19, with all digits but those that its bits say nothing of.
func wholeFloat(x float64, bits int) string {
	significant := 53
	if bits == 32 {
		significant = 24
	}
	_, exponent := math.Frexp(x)
	n, rest := uint64(math.Abs(x)), 0
	if p := exponent - 1 - significant - 1; exponent-1 > significant && p > 1 {
		rest = p * 30103 / 100000
		unit := pow10[rest]
		n = (n + unit/2) / unit
	}
	digits := strings.TrimRight(strconv.FormatUint(n, 10), "0")
	all := len(strconv.FormatUint(n, 10)) + rest
	out := digits[:1]
	if len(digits) > 1 {
		out += "." + digits[1:]
	}
	if x < 0 {
		out = "-" + out
	}
	return out + "E" + strconv.Itoa(all-1)
}

func appendDecimal(b []byte, x wide, scale int) []byte {
	var digits []byte
	var room [48]byte
	if int64(x[1]) < 0 {
		b = append(b, '-')
		x = negate(x)
	}
	if x[1] == 0 {
		digits = strconv.AppendUint(room[:0], x[0], 10)
	} else {
		digits = column.Big(x).Append(room[:0], 10)
	}
	if scale == 0 {
		return append(b, digits...)
	}
	if len(digits) <= scale {
		b = append(b, '0', '.')
		for range scale - len(digits) {
			b = append(b, '0')
		}
		return append(b, digits...)
	}
	b = append(b, digits[:len(digits)-scale]...)
	return append(append(b, '.'), digits[len(digits)-scale:]...)
}

func toTime(zone *time.Location, from, to types.Type) conversion {
	if from.Kind() == types.Time && to.Kind() == types.Date || from.Kind() == types.Date && to.Kind() == types.Time {
		return nil
	}
	local := from.Kind() == types.TimestampLTZ
	return func(v *column.Vector, row int, out *column.Vector, n int) error {
		var at time.Time
		switch from.Kind() {
		case types.Date:
			at = time.Unix(v.Int(row)*86400, 0).UTC()
		case types.Time:
			at = time.UnixMilli(v.Int(row)).UTC()
		default:
			at = instant(v, row, from)
		}
		if local && to.Kind() != types.TimestampLTZ {
			at = wall(at.In(zone), time.UTC)
		} else if !local && to.Kind() == types.TimestampLTZ {
			at = wall(at, zone)
		}
		storeTime(out, row, at, to)
		return nil
	}
}

// wall returns the same date and clock in another zone.
func wall(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
}

// storeTime writes a time, in UTC, as a datetime type.
func storeTime(out *column.Vector, row int, at time.Time, t types.Type) {
	switch t.Kind() {
	case types.Date:
		out.Words[row] = uint64(floorDiv(at.Unix(), 86400))
	case types.Time:
		ms := floorMod(at.Unix(), 86400)*1000 + int64(at.Nanosecond())/1_000_000
		if p := t.Precision(); p < 3 {
			ms -= ms % int64(pow10[3-p])
		}
		out.Words[row] = uint64(ms)
	default:
		nanos := int64(at.Nanosecond())
		nanos -= nanos % int64(pow10[9-min(t.Precision(), 9)])
		switch unit := column.TimeUnit(t.Precision()); unit {
		case 1_000_000_000:
			out.Wide[row] = add128(mulWords(at.Unix(), unit), widen(nanos))
		default:
			out.Words[row] = uint64(at.Unix()*unit + nanos/(1_000_000_000/unit))
		}
	}
}
