package format

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// AppendFloat appends a floating-point number of 32 or 64 bits as Java prints it: 1.0, 1.0E10, NaN, -Infinity.
func AppendFloat(dst []byte, f float64, bitSize int) []byte {
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case f == 0 || abs >= 1e-3 && abs < 1e7:
		start := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, bitSize)
		for _, c := range dst[start:] {
			if c == '.' {
				return dst
			}
		}
		return append(dst, '.', '0')
	}
	var scratch [32]byte
	text := strconv.AppendFloat(scratch[:0], f, 'e', -1, bitSize)
	e := len(text) - 1
	for text[e] != 'e' {
		e--
	}
	dst = append(dst, text[:e]...)
	if e < 3 {
		dst = append(dst, '.', '0')
	}
	dst = append(dst, 'E')
	exponent := text[e+1:]
	if exponent[0] == '-' {
		dst = append(dst, '-')
	}
	exponent = exponent[1:]
	if exponent[0] == '0' {
		exponent = exponent[1:]
	}
	return append(dst, exponent...)
}

// decimalStyle is how a DECIMAL is printed.
type decimalStyle struct {
	// strip removes zeros at the end.
	strip bool
	// plain never has an exponent. Else numbers below a millionth have one, and multiples of ten whose zeros were stripped.
	plain bool
}

// appendUnscaled appends the digits of a wide number without its sign, and reports whether it is negative.
func appendUnscaled(dst []byte, w [2]uint64) (digits []byte, negative bool) {
	if int64(w[1]) < 0 {
		negative = true
		var borrow uint64
		w[0], borrow = bits.Sub64(0, w[0], 0)
		w[1], _ = bits.Sub64(0, w[1], borrow)
	}
	const e19 = 10_000_000_000_000_000_000
	if w[1] == 0 {
		return strconv.AppendUint(dst, w[0], 10), negative
	}
	var parts [3]uint64
	n := 0
	for w[1] != 0 {
		high := w[1] / e19
		low, rest := bits.Div64(w[1]%e19, w[0], e19)
		parts[n], w = rest, [2]uint64{low, high}
		n++
	}
	dst = strconv.AppendUint(dst, w[0], 10)
	for n--; n >= 0; n-- {
		start := len(dst)
		dst = append(dst, "0000000000000000000"...)
		for i, x := start+18, parts[n]; x > 0; i, x = i-1, x/10 {
			dst[i] = '0' + byte(x%10)
		}
	}
	return dst, negative
}

// appendDecimal appends a DECIMAL of the given unscaled value.
func appendDecimal(dst []byte, w [2]uint64, scale int, style decimalStyle) []byte {
	var scratch [48]byte
	digits, negative := appendUnscaled(scratch[:0], w)
	if style.strip {
		if len(digits) == 1 && digits[0] == '0' {
			return append(dst, '0')
		}
		for digits[len(digits)-1] == '0' {
			digits = digits[:len(digits)-1]
			scale--
		}
	}
	if negative {
		dst = append(dst, '-')
	}
	exponent := len(digits) - 1 - scale
	switch {
	case !style.plain && (scale < 0 || exponent < -6):
		dst = append(dst, digits[0])
		if len(digits) > 1 {
			dst = append(dst, '.')
			dst = append(dst, digits[1:]...)
		}
		dst = append(dst, 'E')
		if exponent >= 0 {
			dst = append(dst, '+')
		}
		return strconv.AppendInt(dst, int64(exponent), 10)
	case scale <= 0:
		dst = append(dst, digits...)
		for range -scale {
			dst = append(dst, '0')
		}
		return dst
	}
	if whole := len(digits) - scale; whole > 0 {
		dst = append(dst, digits[:whole]...)
		dst = append(dst, '.')
		return append(dst, digits[whole:]...)
	}
	dst = append(dst, '0', '.')
	for range scale - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// wideOf widens a value of form Word.
func wideOf(v int64) [2]uint64 { return [2]uint64{uint64(v), uint64(v >> 63)} }

// civil returns the date of a number of days since 1970, in the proleptic Gregorian calendar.
func civil(days int64) (year int64, month, day int) {
	z := days + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = int(doy - (153*mp+2)/5 + 1)
	month = int(mp + 3)
	year = yoe + era*400
	if mp >= 10 {
		month -= 12
		year++
	}
	return year, month, day
}

// daysOf is the inverse of civil.
func daysOf(year int64, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := floorDiv(year, 400)
	yoe := year - era*400
	doy := int64((153*(month-3)+2)/5 + day - 1)
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func appendDate(dst []byte, days int64) []byte {
	year, month, day := civil(days)
	if year < 0 {
		dst = append(dst, '-')
		year = -year
	} else if year > 9999 {
		dst = append(dst, '+')
	}
	if year <= 9999 {
		dst = append(dst, '0'+byte(year/1000), '0'+byte(year/100%10), '0'+byte(year/10%10), '0'+byte(year%10))
	} else {
		dst = strconv.AppendInt(dst, year, 10)
	}
	return append(dst, '-', '0'+byte(month/10), '0'+byte(month%10), '-', '0'+byte(day/10), '0'+byte(day%10))
}

// clockStyle is how a time of the day is printed.
type clockStyle uint8

const (
	// shortest has as few digits of the fraction as it takes, and always the seconds: 10:00:00, 10:00:00.12.
	shortest clockStyle = iota
	// javaLocal has 0, 3, 6 or 9 digits of the fraction, and no seconds if there are none: 10:00, 10:00:00.120.
	javaLocal
	// javaInstant is as javaLocal, with the seconds always.
	javaInstant
)

func appendClock(dst []byte, second int, nanos int64, style clockStyle) []byte {
	hour, minute, sec := second/3600, second/60%60, second%60
	dst = append(dst, '0'+byte(hour/10), '0'+byte(hour%10), ':', '0'+byte(minute/10), '0'+byte(minute%10))
	if style == javaLocal && sec == 0 && nanos == 0 {
		return dst
	}
	dst = append(dst, ':', '0'+byte(sec/10), '0'+byte(sec%10))
	if nanos == 0 {
		return dst
	}
	digits := 9
	step := 1
	if style != shortest {
		step = 3
	}
	for unit := []int64{0, 10, 100, 1000}[step]; nanos%unit == 0; nanos /= unit {
		digits -= step
	}
	dst = append(dst, '.')
	start := len(dst)
	dst = append(dst, "000000000"[:digits]...)
	for i := start + digits - 1; nanos > 0; i-- {
		dst[i] = '0' + byte(nanos%10)
		nanos /= 10
	}
	return dst
}

// secondsOf returns the seconds since the epoch and the nanoseconds of a TIMESTAMP.
func secondsOf(v *column.Vector, row int, precision int) (seconds, nanos int64) {
	switch column.TimeUnit(precision) {
	case 1_000:
		ms := v.Int(row)
		seconds = floorDiv(ms, 1000)
		return seconds, (ms - seconds*1000) * 1e6
	case 1_000_000:
		us := v.Int(row)
		seconds = floorDiv(us, 1e6)
		return seconds, (us - seconds*1e6) * 1e3
	}
	w := v.WideAt(row)
	if int64(w[0])>>63 == int64(w[1]) {
		ns := int64(w[0])
		seconds = floorDiv(ns, 1e9)
		return seconds, ns - seconds*1e9
	}
	negative := int64(w[1]) < 0
	if negative {
		var borrow uint64
		w[0], borrow = bits.Sub64(0, w[0], 0)
		w[1], _ = bits.Sub64(0, w[1], borrow)
	}
	q, r := bits.Div64(w[1]%1e9, w[0], 1e9)
	seconds, nanos = int64(q), int64(r)
	if negative {
		seconds = -seconds
		if nanos > 0 {
			seconds, nanos = seconds-1, 1e9-nanos
		}
	}
	return seconds, nanos
}

func appendTimestamp(dst []byte, seconds, nanos int64, separator byte, style clockStyle) []byte {
	days := floorDiv(seconds, 86400)
	dst = appendDate(dst, days)
	dst = append(dst, separator)
	return appendClock(dst, int(seconds-days*86400), nanos, style)
}

// Text appends the text of a value of a vector of any kind, in a row of it.
type Text func(dst []byte, v *column.Vector, row int) []byte

// Printer returns what prints values of a type as Flink's print connector does, which is how Java does: null, 1.0E10, 2020-01-01T10:00, [a, b], {k=v}, +I[1, a].
func Printer(t types.Type) Text {
	p := printer(t)
	return func(dst []byte, v *column.Vector, row int) []byte {
		if v.Null(row) {
			return append(dst, "null"...)
		}
		return p(dst, v, row)
	}
}

// printer prints values that are not null.
func printer(t types.Type) Text {
	switch t.Kind() {
	case types.Null:
		return func(dst []byte, _ *column.Vector, _ int) []byte { return append(dst, "null"...) }
	case types.Boolean:
		return appendBool
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		return appendInt
	case types.Float:
		return func(dst []byte, v *column.Vector, row int) []byte { return AppendFloat(dst, v.Float(row), 32) }
	case types.Double:
		return func(dst []byte, v *column.Vector, row int) []byte { return AppendFloat(dst, v.Float(row), 64) }
	case types.Decimal:
		return decimalText(t, decimalStyle{})
	case types.Binary, types.Varbinary:
		return func(dst []byte, v *column.Vector, row int) []byte {
			dst = append(dst, '[')
			for i, b := range v.Bytes(row) {
				if i > 0 {
					dst = append(dst, ", "...)
				}
				dst = strconv.AppendInt(dst, int64(int8(b)), 10)
			}
			return append(dst, ']')
		}
	case types.Date:
		return func(dst []byte, v *column.Vector, row int) []byte { return appendDate(dst, v.Int(row)) }
	case types.Time:
		return timeText(javaLocal)
	case types.Timestamp:
		return timestampText(t, 'T', javaLocal, false)
	case types.TimestampLTZ, types.TimestampTZ:
		return timestampText(t, 'T', javaInstant, true)
	case types.IntervalDayTime:
		return func(dst []byte, v *column.Vector, row int) []byte { return appendDuration(dst, v.Int(row)) }
	case types.IntervalYearMonth:
		return func(dst []byte, v *column.Vector, row int) []byte { return appendPeriod(dst, v.Int(row)) }
	case types.Array, types.Map, types.Multiset:
		return manyPrinter(t)
	case types.Row, types.Structured:
		return rowPrinter(t)
	}
	return appendText
}

func appendBool(dst []byte, v *column.Vector, row int) []byte {
	return strconv.AppendBool(dst, v.Word(row) != 0)
}

func appendInt(dst []byte, v *column.Vector, row int) []byte {
	return strconv.AppendInt(dst, v.Int(row), 10)
}

func appendText(dst []byte, v *column.Vector, row int) []byte { return append(dst, v.Bytes(row)...) }

func decimalText(t types.Type, style decimalStyle) Text {
	scale := t.Scale()
	if column.FormOf(t) == column.Wide {
		return func(dst []byte, v *column.Vector, row int) []byte {
			return appendDecimal(dst, v.WideAt(row), scale, style)
		}
	}
	return func(dst []byte, v *column.Vector, row int) []byte {
		return appendDecimal(dst, wideOf(v.Int(row)), scale, style)
	}
}

func timeText(style clockStyle) Text {
	return func(dst []byte, v *column.Vector, row int) []byte {
		ms := v.Int(row)
		return appendClock(dst, int(ms/1000), ms%1000*1e6, style)
	}
}

func timestampText(t types.Type, separator byte, style clockStyle, zulu bool) Text {
	precision := t.Precision()
	return func(dst []byte, v *column.Vector, row int) []byte {
		seconds, nanos := secondsOf(v, row, precision)
		dst = appendTimestamp(dst, seconds, nanos, separator, style)
		if zulu {
			dst = append(dst, 'Z')
		}
		return dst
	}
}

// appendDuration prints milliseconds as Java's Duration: PT26H3M4.5S.
func appendDuration(dst []byte, ms int64) []byte {
	if ms == 0 {
		return append(dst, "PT0S"...)
	}
	dst = append(dst, 'P', 'T')
	if h := ms / 3_600_000; h != 0 {
		dst = append(strconv.AppendInt(dst, h, 10), 'H')
	}
	if m := ms / 60_000 % 60; m != 0 {
		dst = append(strconv.AppendInt(dst, m, 10), 'M')
	}
	rest := ms % 60_000
	if rest == 0 {
		return dst
	}
	if rest < 0 {
		dst = append(dst, '-')
		rest = -rest
	}
	dst = strconv.AppendInt(dst, rest/1000, 10)
	if f := rest % 1000; f != 0 {
		dst = append(dst, '.', '0'+byte(f/100), '0'+byte(f/10%10), '0'+byte(f%10))
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return append(dst, 'S')
}

// appendPeriod prints months as Java's Period: P1Y2M.
func appendPeriod(dst []byte, months int64) []byte {
	if months == 0 {
		return append(dst, "P0D"...)
	}
	dst = append(dst, 'P')
	if y := months / 12; y != 0 {
		dst = append(strconv.AppendInt(dst, y, 10), 'Y')
	}
	if m := months % 12; m != 0 {
		dst = append(strconv.AppendInt(dst, m, 10), 'M')
	}
	return dst
}

// manyPrinter prints arrays, maps and multisets. A multiset is a map to the number of each element.
func manyPrinter(t types.Type) Text {
	if t.Kind() == types.Array {
		elem := Printer(t.Elem())
		return func(dst []byte, v *column.Vector, row int) []byte {
			f, i := v.At(row)
			from, to := f.Range(i)
			dst = append(dst, '[')
			for at := from; at < to; at++ {
				if at > from {
					dst = append(dst, ", "...)
				}
				dst = elem(dst, f.Children[0], at)
			}
			return append(dst, ']')
		}
	}
	key, value := pairTypes(t)
	printKey, printValue := Printer(key), Printer(value)
	return func(dst []byte, v *column.Vector, row int) []byte {
		f, i := v.At(row)
		from, to := f.Range(i)
		dst = append(dst, '{')
		for at := from; at < to; at++ {
			if at > from {
				dst = append(dst, ", "...)
			}
			dst = printKey(dst, f.Children[0], at)
			dst = append(dst, '=')
			dst = printValue(dst, f.Children[1], at)
		}
		return append(dst, '}')
	}
}

// pairTypes are the types of keys and values of a map, or of elements and their number of a multiset.
func pairTypes(t types.Type) (key, value types.Type) {
	if t.Kind() == types.Multiset {
		return t.Elem(), types.New(types.Int)
	}
	return t.Key(), t.Elem()
}

func rowPrinter(t types.Type) Text {
	fields := make([]Text, len(t.Fields()))
	for i, f := range t.Fields() {
		fields[i] = Printer(f.Type)
	}
	return func(dst []byte, v *column.Vector, row int) []byte {
		f, i := v.At(row)
		dst = append(dst, "+I["...)
		for k, field := range fields {
			if k > 0 {
				dst = append(dst, ", "...)
			}
			dst = field(dst, f.Children[k], i)
		}
		return append(dst, ']')
	}
}

// RowPrinter returns what prints a row of a batch with the given columns as Flink's print connector does: +I[1, a]. The row is its number in the vectors.
func RowPrinter(columns []types.Field) func(dst []byte, b *column.Batch, row int) []byte {
	fields := make([]Text, len(columns))
	for i, c := range columns {
		fields[i] = Printer(c.Type)
	}
	return func(dst []byte, b *column.Batch, row int) []byte {
		dst = append(dst, b.Kind(row).String()...)
		dst = append(dst, '[')
		for i, field := range fields {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = field(dst, b.Cols[i], row)
		}
		return append(dst, ']')
	}
}

// PartitionText returns what prints values of a type, not null, as they stand in the name of a partition's directory: as SQL casts them to a text.
func PartitionText(t types.Type) Text {
	switch t.Kind() {
	case types.Time:
		return timeText(shortest)
	case types.Timestamp, types.TimestampLTZ:
		return timestampText(t, ' ', shortest, false)
	case types.Decimal:
		return decimalText(t, decimalStyle{plain: true})
	}
	return printer(t)
}
