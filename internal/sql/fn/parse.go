package fn

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

func badText(b string, t types.Type) error {
	if len(b) > 100 {
		b = b[:100] + "..."
	}
	return fault.New(fault.ExpressionValue, "%q is no %s", b, t.WithNullable(true).SQL())
}

// fromText reads values from strings, without the spaces around them.
func fromText(zone *time.Location, to types.Type) conversion {
	var parse func(s string, row int, out *column.Vector, n int) bool
	switch {
	case to.IsBytes():
		return toBytes(to)
	case to.Kind() == types.Boolean:
		parse = func(s string, row int, out *column.Vector, n int) bool {
			switch strings.ToLower(s) {
			case "t", "true", "y", "yes", "1":
				out.Words[row] = 1
			case "f", "false", "n", "no", "0":
				out.Words[row] = 0
			default:
				return false
			}
			return true
		}
	case to.IsInteger():
		parse = func(s string, row int, out *column.Vector, n int) bool {
			x, ok := parseInt(s)
			out.Words[row] = uint64(x)
			return ok && wrap(x, to.Kind()) == x
		}
	case to.IsApprox():
		parse = func(s string, row int, out *column.Vector, n int) bool {
			bits := 64
			if to.Kind() == types.Float {
				bits = 32
			}
			x, err := strconv.ParseFloat(s, bits)
			if e, ok := err.(*strconv.NumError); ok && e.Err == strconv.ErrRange {
				err = nil // Infinity, as Java has it
			}
			if strings.ContainsAny(s, "_xXpP") {
				return false
			}
			out.Words[row] = math.Float64bits(x)
			return err == nil
		}
	case to.Kind() == types.Decimal:
		isWide := column.FormOf(to) == column.Wide
		parse = func(s string, row int, out *column.Vector, n int) bool {
			if strings.ContainsAny(s, "/_xXpPbBoO") || len(s) > 400 {
				return false
			}
			if _, exp, ok := strings.Cut(strings.ToLower(s), "e"); ok {
				if e, err := strconv.Atoi(exp); err != nil || e > 400 || e < -400 {
					return false
				}
			}
			r, ok := new(big.Rat).SetString(s)
			if !ok {
				return false
			}
			w, ok := column.WideOf(divideRound(new(big.Int).Mul(r.Num(), bigPow(to.Scale())), r.Denom()))
			return ok && storeDecimal(out, row, n, w, to.Precision(), isWide)
		}
	case to.Kind() == types.Date:
		parse = func(s string, row int, out *column.Vector, n int) bool {
			if i := strings.IndexByte(s, ' '); i >= 0 {
				s = s[:i]
			}
			at, ok := parseDate(s)
			storeTime(out, row, at, to)
			return ok
		}
	case to.Kind() == types.Time:
		parse = func(s string, row int, out *column.Vector, n int) bool {
			d, ok := parseClock(s)
			storeTime(out, row, time.Unix(0, 0).UTC().Add(d), to)
			return ok
		}
	case to.IsTimestamp():
		parse = func(s string, row int, out *column.Vector, n int) bool {
			at, ok := ParseTimestamp(s)
			if to.Kind() == types.TimestampLTZ {
				at = wall(at, zone)
			}
			storeTime(out, row, at, to)
			return ok
		}
	default:
		return nil
	}
	trimmed := to.Kind() != types.Boolean && !to.IsTimestamp() // as Flink has it
	return func(v *column.Vector, row int, out *column.Vector, n int) error {
		b := v.Bytes(row)
		s := unsafe.String(unsafe.SliceData(b), len(b))
		if trimmed {
			s = strings.TrimSpace(s)
		}
		if !parse(s, row, out, n) {
			return badText(strings.Clone(s), to)
		}
		return nil
	}
}

// parseInt reads an integer; digits behind a point are cut off.
func parseInt(s string) (int64, bool) {
	if whole, rest, ok := strings.Cut(s, "."); ok {
		for i := range len(rest) {
			if rest[i] < '0' || rest[i] > '9' {
				return 0, false
			}
		}
		if s = whole; s == "" || s == "-" || s == "+" {
			return 0, rest != ""
		}
	}
	x, err := strconv.ParseInt(s, 10, 64)
	return x, err == nil
}

// parseDate reads year-month-day; month and day may have one digit or be missing.
func parseDate(s string) (time.Time, bool) {
	var f = [3]int{0, 1, 1}
	if s == "" || s[0] == '-' {
		return time.Time{}, false
	}
	for i := range f {
		part, rest, more := strings.Cut(s, "-")
		x, err := strconv.Atoi(part)
		if err != nil || x < 0 || len(part) > 4 || part[0] == '+' {
			return time.Time{}, false
		}
		f[i] = x
		if !more {
			break
		}
		if i == 2 {
			return time.Time{}, false
		}
		s = rest
	}
	at := time.Date(f[0], time.Month(f[1]), f[2], 0, 0, 0, 0, time.UTC)
	return at, at.Month() == time.Month(f[1]) && at.Day() == f[2]
}

// parseClock reads hours, minutes, seconds and a fraction, of which all but the hours may be missing.
func parseClock(s string) (time.Duration, bool) {
	s, fraction, dotted := strings.Cut(s, ".")
	var total time.Duration
	limits := [3]int{23, 59, 59}
	units := [3]time.Duration{time.Hour, time.Minute, time.Second}
	seen := 0
	for i := range 3 {
		seen++
		part, rest, more := strings.Cut(s, ":")
		x, err := strconv.Atoi(part)
		if err != nil || x < 0 || x > limits[i] || part[0] == '+' {
			return 0, false
		}
		total += time.Duration(x) * units[i]
		if !more {
			break
		}
		if i == 2 {
			return 0, false
		}
		s = rest
	}
	if dotted && seen < 3 {
		return 0, false
	}
	if dotted && fraction != "" {
		x, ok := nanos(fraction)
		if !ok {
			return 0, false
		}
		total += x
	}
	return total, true
}

// nanos reads the digits behind the point of a second; those after the ninth do not count.
func nanos(s string) (time.Duration, bool) {
	var x time.Duration
	unit := 100 * time.Millisecond
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		x += time.Duration(s[i]-'0') * unit
		unit /= 10
	}
	return x, true
}

// ParseTimestamp reads year-month-day and, behind a space, hours:minutes:seconds with a fraction; without these it is midnight. A day that the month lacks is taken for its last.
func ParseTimestamp(s string) (time.Time, bool) {
	day, clock, timed := strings.Cut(s, " ")
	if strings.Count(day, "-") != 2 {
		return time.Time{}, false
	}
	at, ok := parseDate(day)
	if !ok {
		i := strings.LastIndexByte(day, '-')
		d, err := strconv.Atoi(day[i+1:])
		if at, ok = parseDate(day[:i]); !ok || err != nil || d < 28 || d > 31 || day[i+1] == '+' {
			return at, false
		}
		at = at.AddDate(0, 1, -1)
	}
	if !timed {
		return at, true
	}
	if strings.Count(clock, ":") != 2 {
		return at, false
	}
	d, ok := parseClock(clock)
	return at.Add(d), ok
}
