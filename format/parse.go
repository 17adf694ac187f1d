package format

import (
	"bytes"
	"encoding/base64"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// stringOf is the bytes as a string, for calls that do not keep it.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// trim removes what Java's trim does: all up to the blank, at both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && b[0] <= ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] <= ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// parseInt reads a whole number of so many bits.
func parseInt(b []byte, bitSize int) (int64, bool) {
	s := b
	negative := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	if len(s) == 0 || len(s) > 18 {
		n, err := strconv.ParseInt(stringOf(b), 10, bitSize)
		return n, err == nil
	}
	var n int64
	for _, c := range s {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + int64(d)
	}
	if negative {
		n = -n
	}
	if bitSize < 64 && n>>(bitSize-1) != n>>63 {
		return 0, false
	}
	return n, true
}

func bitsOf(k types.Kind) int {
	switch k {
	case types.TinyInt:
		return 8
	case types.SmallInt:
		return 16
	case types.Int:
		return 32
	}
	return 64
}

var powers = func() (p [19]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()

// parseDecimal reads a number as the unscaled value of a DECIMAL, rounded half away from zero. A number that is too large for the precision does not fit.
func parseDecimal(b []byte, precision, scale int) (w [2]uint64, fits, ok bool) {
	s := b
	negative := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	var n uint64
	digits, fraction, point := 0, 0, false
	for _, c := range s {
		if c == '.' && !point {
			point = true
			continue
		}
		d := c - '0'
		if d > 9 || digits == 18 {
			return slowDecimal(b, precision, scale)
		}
		n = n*10 + uint64(d)
		digits++
		if point {
			fraction++
		}
	}
	if digits == 0 {
		return w, false, false
	}
	if fraction > scale {
		unit := powers[fraction-scale]
		n = (n + unit/2) / unit
		w[0] = n
	} else if up := scale - fraction; up <= 18 {
		w[1], w[0] = bits.Mul64(n, powers[up])
	} else {
		return slowDecimal(b, precision, scale)
	}
	if precision <= 18 {
		fits = w[1] == 0 && w[0] < powers[precision]
	} else {
		fits = less(w, pow10(precision))
	}
	if negative {
		w = negated(w)
	}
	return w, fits, true
}

func less(a, b [2]uint64) bool { return a[1] < b[1] || a[1] == b[1] && a[0] < b[0] }

func negated(w [2]uint64) [2]uint64 {
	low, borrow := bits.Sub64(0, w[0], 0)
	high, _ := bits.Sub64(0, w[1], borrow)
	return [2]uint64{low, high}
}

// pow10 is ten to the n, up to 38.
func pow10(n int) [2]uint64 {
	if n <= 18 {
		return [2]uint64{powers[n], 0}
	}
	high, low := bits.Mul64(powers[18], powers[min(n-18, 18)])
	for n -= 36; n > 0; n-- {
		var carry uint64
		carry, low = bits.Mul64(low, 10)
		high = high*10 + carry
	}
	return [2]uint64{low, high}
}

// slowDecimal reads numbers that are long or have an exponent.
func slowDecimal(b []byte, precision, scale int) (w [2]uint64, fits, ok bool) {
	mantissa, exponent := b, int64(0)
	if i := bytes.IndexAny(b, "eE"); i >= 0 {
		var good bool
		if exponent, good = parseInt(b[i+1:], 32); !good {
			return w, false, false
		}
		mantissa = b[:i]
	}
	whole, fraction, point := bytes.Cut(mantissa, []byte{'.'})
	if point {
		exponent -= int64(len(fraction))
	}
	text := string(whole) + string(fraction)
	if len(text) > 1000 || len(trim([]byte(text))) != len(text) || bytes.IndexByte(mantissa, '_') >= 0 {
		return w, false, false
	}
	n, good := new(big.Int).SetString(text, 10)
	if !good {
		return w, false, false
	}
	if n.Sign() == 0 {
		return w, true, true
	}
	switch up := exponent + int64(scale); {
	case up > 100:
		return w, false, true
	case up < -2000:
		return w, true, true
	case up >= 0:
		n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(up), nil))
	default:
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(-up), nil)
		half := new(big.Int).Rsh(unit, 1)
		if n.Sign() < 0 {
			half.Neg(half)
		}
		n.Quo(n.Add(n, half), unit)
	}
	if len(new(big.Int).Abs(n).String()) > precision {
		return w, false, true
	}
	w, fits = column.WideOf(n)
	return w, fits, true
}

// number reads one to three digits, and says how many there were.
func number(b []byte, most int) (n, digits int) {
	for digits < len(b) && digits < most && b[digits]-'0' <= 9 {
		n = n*10 + int(b[digits]-'0')
		digits++
	}
	return n, digits
}

var monthDays = [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// parseDate reads a date as yyyy-MM-dd, and returns what is behind it.
func parseDate(b []byte) (days int64, rest []byte, ok bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative || len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	year, n := number(b, 9)
	if n < 4 || n >= len(b) || b[n] != '-' {
		return 0, nil, false
	}
	b = b[n+1:]
	month, n := number(b, 2)
	if n != 2 || len(b) < 3 || b[2] != '-' || month < 1 || month > 12 {
		return 0, nil, false
	}
	day, n := number(b[3:], 2)
	if n != 2 || day < 1 || day > monthDays[month] || month == 2 && day == 29 && !leap(year) {
		return 0, nil, false
	}
	if negative {
		year = -year
	}
	return daysOf(int64(year), month, day), b[5:], true
}

func leap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

// parseClock reads a time of the day as HH:mm:ss with a fraction of up to nine digits, and returns what is behind it. brief allows it to end with the minutes.
func parseClock(b []byte, brief bool) (second int, nanos int64, rest []byte, ok bool) {
	hour, n := number(b, 2)
	if n != 2 || len(b) < 5 || b[2] != ':' || hour > 23 {
		return 0, 0, nil, false
	}
	minute, n := number(b[3:], 2)
	if n != 2 || minute > 59 {
		return 0, 0, nil, false
	}
	second, b = hour*3600+minute*60, b[5:]
	if len(b) == 0 || b[0] != ':' {
		return second, 0, b, brief
	}
	sec, n := number(b[1:], 2)
	if n != 2 || sec > 59 {
		return 0, 0, nil, false
	}
	second, b = second+sec, b[3:]
	if len(b) == 0 || b[0] != '.' {
		return second, 0, b, true
	}
	f, n := number(b[1:], 9)
	if n == 0 {
		return 0, 0, nil, false
	}
	return second, int64(f) * int64(powers[9-n]), b[1+n:], true
}

// parseTimestamp reads date, separator and time, and a Z if there is to be one.
func parseTimestamp(b []byte, separator byte, zulu bool) (seconds, nanos int64, ok bool) {
	days, b, ok := parseDate(b)
	if !ok || len(b) == 0 || b[0] != separator {
		return 0, 0, false
	}
	second, nanos, b, ok := parseClock(b[1:], separator == 'T')
	if !ok || zulu != (len(b) == 1 && b[0] == 'Z') || !zulu && len(b) > 0 {
		return 0, 0, false
	}
	return days*86400 + int64(second), nanos, true
}

// put parses a text and writes it to a row. It reports whether the text was right.
type put func(v *column.Vector, row int, text []byte) bool

// putterOf returns what parses the texts of a type, as both CSV and JSON have them; nil for composed types. separator is that within timestamps.
func putterOf(t types.Type, separator byte) put {
	switch t.Kind() {
	case types.Boolean:
		return func(v *column.Vector, row int, text []byte) bool {
			var x uint64
			if bytes.EqualFold(trim(text), []byte("true")) {
				x = 1
			}
			putWord(v, row, x)
			return true
		}
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.IntervalDayTime, types.IntervalYearMonth:
		size := bitsOf(t.Kind())
		return func(v *column.Vector, row int, text []byte) bool {
			n, ok := parseInt(trim(text), size)
			if ok {
				putWord(v, row, uint64(n))
			}
			return ok
		}
	case types.Float, types.Double:
		size := 64
		if t.Kind() == types.Float {
			size = 32
		}
		return func(v *column.Vector, row int, text []byte) bool {
			f, err := strconv.ParseFloat(stringOf(trim(text)), size)
			if err != nil && !math.IsInf(f, 0) {
				return false
			}
			putWord(v, row, math.Float64bits(f))
			return true
		}
	case types.Decimal:
		return decimalPutter(t)
	case types.Char, types.Varchar:
		return func(v *column.Vector, row int, text []byte) bool {
			putText(v, row, text)
			return true
		}
	case types.Binary, types.Varbinary:
		return putBase64
	case types.Date:
		return func(v *column.Vector, row int, text []byte) bool {
			days, rest, ok := parseDate(trim(text))
			if ok = ok && len(rest) == 0; ok {
				putWord(v, row, uint64(days))
			}
			return ok
		}
	case types.Time:
		return func(v *column.Vector, row int, text []byte) bool {
			second, nanos, rest, ok := parseClock(trim(text), true)
			if ok = ok && len(rest) == 0; ok {
				putWord(v, row, uint64(second)*1000+uint64(nanos/1e6))
			}
			return ok
		}
	case types.Timestamp, types.TimestampLTZ:
		return timestampPutter(t, separator)
	}
	return nil
}

func decimalPutter(t types.Type) put {
	precision, scale, shape := t.Precision(), t.Scale(), column.ShapeOf(t)
	return func(v *column.Vector, row int, text []byte) bool {
		w, fits, ok := parseDecimal(trim(text), precision, scale)
		switch {
		case !ok:
		case !fits:
			putNull(v, &shape, row)
		case shape.Form == column.Wide:
			putWide(v, row, w)
		default:
			putWord(v, row, w[0])
		}
		return ok
	}
}

func putBase64(v *column.Vector, row int, text []byte) bool {
	own, number := v.Room()
	from := len(own)
	out, err := base64.StdEncoding.AppendDecode(own, text)
	if err != nil {
		return false
	}
	s := out[from:]
	if row >= len(v.Views) {
		v.Views = sized(v.Views, row+1)
	}
	v.Views[row] = column.MakeView(s, number, from)
	v.SetRoom(out)
	setValid(v, row)
	return true
}

func timestampPutter(t types.Type, separator byte) put {
	unit := column.TimeUnit(t.Precision())
	cut := int64(powers[9-min(t.Precision(), 9)])
	zulu := t.Kind() == types.TimestampLTZ
	return func(v *column.Vector, row int, text []byte) bool {
		seconds, nanos, ok := parseTimestamp(trim(text), separator, zulu)
		if !ok {
			return false
		}
		nanos -= nanos % cut
		if unit < 1e9 {
			putWord(v, row, uint64(seconds*unit+nanos/(1e9/unit)))
			return true
		}
		negative := seconds < 0
		high, low := bits.Mul64(uint64(max(seconds, -seconds)), 1e9)
		w := [2]uint64{low, high}
		if negative {
			w = negated(w)
		}
		var carry uint64
		w[0], carry = bits.Add64(w[0], uint64(nanos), 0)
		w[1] += carry
		putWide(v, row, w)
		return true
	}
}
