package fn

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

const (
	defaultTime = "yyyy-MM-dd HH:mm:ss"
	defaultDate = "yyyy-MM-dd"
)

// timeTexts are the functions between times and strings.
func timeTexts() []*Function {
	return []*Function{
		{Name: "DATE_FORMAT", Doc: "the time (or a string with one) printed by a pattern of Java's DateTimeFormatter", Fails: true, Infer: takes("(S/T)S", nullableText), Bind: bindDateFormat,
			Examples: [][2]string{{"DATE_FORMAT(TIMESTAMP '2020-01-02 03:04:05', 'yyyy-MM-dd')", "2020-01-02"}, {"DATE_FORMAT('2018-03-14 01:02:03', 'yyyy/MM/dd HH:mm')", "2018/03/14 01:02"},
				{"DATE_FORMAT(TIMESTAMP '2020-01-02 13:04:05.678', 'EEE d MMM yy h:mm a SSS')", "Thu 2 Jan 20 1:04 PM 678"}}},
		{Name: "TO_TIMESTAMP", Doc: "the timestamp that a string has, by a pattern of Java's DateTimeFormatter (yyyy-MM-dd HH:mm:ss); null if there is none", Fails: true, Infer: takes("S?S", always(types.TimestampOf(3))), Bind: bindToTimestamp,
			Examples: [][2]string{{"TO_TIMESTAMP('2017-09-15 00:00:00')", "2017-09-15 00:00:00.000"}, {"TO_TIMESTAMP('2000020210', 'yyyyMMddHH')", "2000-02-02 10:00:00.000"}, {"TO_TIMESTAMP('invalid value', 'yyyy-MM-dd')", "NULL"}}},
		{Name: "TO_TIMESTAMP_LTZ", Doc: "the time of a number since the epoch, in units by the precision: seconds (0) to nanoseconds (9), milliseconds (3) if there is none, or of a string by a pattern and in a zone (UTC); null if there is none, or not in the years 0 to 9999. A string without a pattern that is no timestamp is an error", Fails: true,
			Infer: inferToLTZ, Bind: bindToLTZ, Examples: [][2]string{{"TO_TIMESTAMP_LTZ(100, 0)", "1970-01-01 00:01:40.000"}, {"TO_TIMESTAMP_LTZ(1234, 3)", "1970-01-01 00:00:01.234"},
				{"TO_TIMESTAMP_LTZ('2023-01-01 00:00:00', 'yyyy-MM-dd HH:mm:ss', 'Asia/Shanghai')", "2022-12-31 16:00:00.000"}}},
		{Name: "TO_DATE", Doc: "the date that a string has, by a pattern of Java's SimpleDateFormat (yyyy-MM-dd); null if there is none", Fails: true, Infer: takes("S?S", always(types.New(types.Date))), Bind: bindToDate,
			Examples: [][2]string{{"TO_DATE('2017-09-15')", "2017-09-15"}, {"TO_DATE('15/09/17', 'dd/MM/yy')", "2017-09-15"}, {"TO_DATE('x')", "NULL"}}},
		{Name: "UNIX_TIMESTAMP", Doc: "the seconds since the epoch: now, or of the time in a string, by a pattern of Java's SimpleDateFormat (yyyy-MM-dd HH:mm:ss) and in the session's zone", Volatility: Dynamic, Fails: true,
			Infer: takes("?SS", strictBigint), Bind: bindUnixTimestamp, Examples: [][2]string{{"UNIX_TIMESTAMP('2015-07-24 10:00:00')", "1437732000"}}},
		{Name: "FROM_UNIXTIME", Doc: "the time of seconds since the epoch printed by a pattern of Java's SimpleDateFormat (yyyy-MM-dd HH:mm:ss) in the session's zone", Fails: true, Infer: takes("I?S", nullableText), Bind: bindFromUnixtime,
			Examples: [][2]string{{"FROM_UNIXTIME(44)", "1970-01-01 00:00:44"}, {"FROM_UNIXTIME(3, 'yyyy-MM')", "1970-01"}}},
		{Name: "CONVERT_TZ", Doc: "the time in a string, from one zone to another; null if there is none", Infer: takes("SSS", nullableText), Bind: bound(convertTZ),
			Examples: [][2]string{{"CONVERT_TZ('1970-01-01 00:00:00', 'UTC', 'America/Los_Angeles')", "1969-12-31 16:00:00"}}},
	}
}

func bindDateFormat(s *Session, args []Arg, result types.Type) (Kernel, error) {
	t := args[0].Type
	if t.IsChar() || t.Kind() == types.Null {
		return bindTextFormat(s)
	}
	zone := newClock(zoneOf(s))
	if t.Kind() != types.TimestampLTZ {
		zone = newClock(time.UTC)
	}
	read, nanos := localMillis(t, zoneOf(s)), subNanos(t)
	patterns := &formats{}
	if p, ok := literal(args, 1); ok {
		if f, err := patterns.get([]byte(p)); err == nil && f.finest > 0 {
			return formatWindows(f, read, zone), nil
		}
	}
	var made []byte
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			f, err := patterns.get(args[1].Bytes(row))
			if err != nil {
				return err
			}
			made = f.append(made[:0], read(args[0], row), nanos(args[0], row), zone)
			out.SetBytes(row, made)
		}
		return nil
	}, nil
}

// formatWindows formats by one pattern whose result stays the same for some time: times near each other are formatted once.
func formatWindows(f *timeFormat, read func(v *column.Vector, row int) int64, zone *clock) Kernel {
	var made []byte
	from, to := int64(1), int64(0)
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		var view column.View
		placed := false
		for i := range size(sel, n) {
			row := at(sel, i)
			ms := read(args[0], row)
			if ms < from || ms >= to {
				from = floorDiv(ms, f.finest) * f.finest
				to = from + f.finest
				made = f.append(made[:0], ms, floorMod(ms, 1000)*1_000_000, zone)
				placed = false
			}
			if !placed {
				out.SetBytes(row, made)
				view, placed = out.Views[row], true
				continue
			}
			out.Views[row] = view
		}
		return nil
	}
}

func bindTextFormat(s *Session) (Kernel, error) {
	from, err := newTimeFormat(defaultTime, true)
	if err != nil {
		return nil, err
	}
	patterns, zone := &formats{lax: true}, newClock(time.UTC)
	var made []byte
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			to, err := patterns.get(args[1].Bytes(row))
			if err != nil {
				return err
			}
			ms, nanos, _, ok := from.parse(string(args[0].Bytes(row)))
			if !ok {
				out.SetNull(row, n)
				continue
			}
			made = to.append(made[:0], ms, nanos, zone)
			out.SetBytes(row, made)
		}
		return nil
	}, nil
}

func bindToTimestamp(s *Session, args []Arg, result types.Type) (Kernel, error) {
	patterns := &formats{}
	write := storeMillis(result, time.UTC)
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			ms, ok := int64(0), false
			if len(args) == 1 {
				var t time.Time
				if t, ok = ParseTimestamp(string(args[0].Bytes(row))); ok {
					ms = t.UnixMilli()
				}
			} else if f, err := patterns.get(args[1].Bytes(row)); err == nil {
				text := string(args[0].Bytes(row))
				if ms, _, _, ok = f.parse(text); !ok {
					ms, ok = plainTimestamp(text)
				}
			}
			if !ok {
				out.SetNull(row, n)
				continue
			}
			write(out, row, ms)
		}
		return nil
	}, nil
}

// plainTimestamp reads what does not have the form of a pattern, but is year-month-day and, behind a space, hours:minutes:seconds with a fraction, as local milliseconds: the year has four digits, the others
// have one or two, and a day or hour too many is one of the next month or day.
func plainTimestamp(s string) (ms int64, ok bool) {
	day, clock, timed := strings.Cut(strings.TrimSpace(s), " ")
	numbers := func(s, by string) (x [3]int, ok bool) {
		parts := strings.Split(s, by)
		if len(parts) != 3 {
			return x, false
		}
		for i, p := range parts {
			if len(p) == 0 || len(p) > 4 || len(p) > 2 && (i > 0 || by == ":") {
				return x, false
			}
			n, err := strconv.ParseUint(p, 10, 16)
			if err != nil {
				return x, false
			}
			x[i] = int(n)
		}
		return x, true
	}
	d, ok := numbers(day, "-")
	if !ok || strings.IndexByte(day, '-') != 4 || d[1] < 1 || d[1] > 12 || d[2] < 1 || d[2] > 31 {
		return 0, false
	}
	at := time.Date(d[0], time.Month(d[1]), d[2], 0, 0, 0, 0, time.UTC)
	if timed {
		clock, fraction, dotted := strings.Cut(strings.TrimSpace(clock), ".")
		t, ok := numbers(clock, ":")
		part, good := nanos(fraction)
		if !ok || dotted && (!good || fraction == "" || len(fraction) > 9) {
			return 0, false
		}
		at = at.Add(time.Duration(t[0])*time.Hour + time.Duration(t[1])*time.Minute + time.Duration(t[2])*time.Second + part)
	}
	return at.UnixMilli(), true
}

func inferToLTZ(s *Session, args []Arg) (Signature, error) {
	t := types.TimestampLTZOf(3)
	if len(args) > 0 && (args[0].Type.IsChar() || args[0].Type.Kind() == types.Null && len(args) > 1 && args[1].Type.IsChar()) {
		if name, ok := literal(args, 2); ok {
			if _, err := Zone(name); err != nil {
				return Signature{}, wrong("%q is no time zone", name)
			}
		}
		return takes("S?SS", always(t))(s, args)
	}
	if len(args) > 1 && args[1].Literal != nil && !args[1].Literal.Null && args[1].Type.IsInteger() {
		digits := args[1].Literal.Int()
		if digits < 0 || digits > 9 {
			return Signature{}, badDigits(digits)
		}
		t = types.TimestampLTZOf(max(3, int(digits)))
	}
	return takes("N?I", always(t))(s, args)
}

func badDigits(digits int64) error {
	return badValue("the precision of TO_TIMESTAMP_LTZ is %d, but must be from 0 to 9", digits)
}

// The first and the last second of the years that TO_TIMESTAMP_LTZ knows, 0 to 9999.
const firstSecond, lastSecond = -62167219200, 253402300799

func bindToLTZ(s *Session, args []Arg, result types.Type) (Kernel, error) {
	if args[0].Type.IsChar() {
		patterns, zones := &formats{}, map[string]*clock{"UTC": newClock(time.UTC)}
		return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
			for i := range size(sel, n) {
				row := at(sel, i)
				pattern, name := []byte(defaultTime), "UTC"
				if len(args) > 1 {
					pattern = args[1].Bytes(row)
				}
				if len(args) > 2 {
					name = string(args[2].Bytes(row))
				}
				if zones[name] == nil {
					zone, err := Zone(name)
					if err != nil {
						out.SetNull(row, n)
						continue
					}
					if len(zones) >= maxZones {
						clear(zones)
					}
					zones[strings.Clone(name)] = newClock(zone)
				}
				ms, zoned, ok := int64(0), false, false
				if len(args) == 1 {
					var t time.Time
					if t, ok = ParseTimestamp(string(args[0].Bytes(row))); !ok {
						return badValue("%q is no timestamp", short(string(args[0].Bytes(row))))
					}
					ms = t.UnixMilli()
				} else {
					f, err := patterns.get(pattern)
					if err != nil {
						return err
					}
					text := string(args[0].Bytes(row))
					if ms, _, zoned, ok = f.parse(text); !ok {
						ms, ok = plainTimestamp(text)
					}
				}
				if !ok {
					out.SetNull(row, n)
					continue
				}
				if !zoned {
					ms = zones[name].instant(ms)
				}
				out.Words[row] = uint64(ms)
			}
			return nil
		}, nil
	}
	exact, cut, read := args[0].Type.IsInteger(), args[0].Type.IsExact(), floats(args[0].Type)
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
	rows:
		for i := range size(sel, n) {
			row := at(sel, i)
			for _, a := range args {
				if a.Null(row) {
					continue rows
				}
			}
			digits := int64(3)
			if len(args) > 1 {
				digits = args[1].Int(row)
			}
			if digits < 0 || digits > 9 {
				return badDigits(digits)
			}
			x := int64(0)
			switch {
			case exact:
				x = args[0].Int(row)
			case cut:
				x = floatInt(math.Trunc(read(args[0], row)))
			default: // in milliseconds at least
				x = floatInt(read(args[0], row) * math.Pow10(max(0, 3-int(digits))))
				digits = max(digits, 3)
			}
			unit := int64(pow10[digits])
			seconds := floorDiv(x, unit)
			if seconds < firstSecond || seconds > lastSecond {
				out.SetNull(row, n)
				continue
			}
			storeTime(out, row, time.Unix(seconds, floorMod(x, unit)*int64(pow10[9-digits])).UTC(), result)
		}
		return nil
	}, nil
}

func bindToDate(s *Session, args []Arg, result types.Type) (Kernel, error) {
	patterns := &formats{lax: true}
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			pattern := []byte(defaultDate)
			if len(args) > 1 {
				pattern = args[1].Bytes(row)
			}
			ok := false
			if len(args) == 1 {
				var t time.Time
				day := strings.TrimSpace(string(args[0].Bytes(row)))
				if i := strings.IndexByte(day, ' '); i > 0 {
					day = day[:i]
				}
				if t, ok = parseDate(day); ok {
					out.Words[row] = uint64(floorDiv(t.Unix(), 86400))
				}
			} else if f, err := patterns.get(pattern); err == nil {
				var ms int64
				if ms, _, _, ok = f.parse(string(args[0].Bytes(row))); ok {
					out.Words[row] = uint64(floorDiv(ms, dayMillis))
				}
			}
			if !ok {
				out.SetNull(row, n)
			}
		}
		return nil
	}, nil
}

func bindUnixTimestamp(s *Session, args []Arg, result types.Type) (Kernel, error) {
	patterns, zone := &formats{lax: true}, newClock(zoneOf(s))
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			if len(args) == 0 {
				now := c.Now
				if s != nil && s.Batch {
					now = s.Start.UnixMilli()
				}
				out.Words[row] = uint64(floorDiv(now, 1000))
				continue
			}
			pattern := []byte(defaultTime)
			if len(args) > 1 {
				pattern = args[1].Bytes(row)
			}
			f, err := patterns.get(pattern)
			if err != nil {
				return err
			}
			ms, _, zoned, ok := f.parse(string(args[0].Bytes(row)))
			if ok && !zoned {
				ms = zone.instant(ms)
			}
			if !ok {
				out.Words[row] = 1 << 63 // as in Flink: the least number
				continue
			}
			out.Words[row] = uint64(floorDiv(ms, 1000))
		}
		return nil
	}, nil
}

func bindFromUnixtime(s *Session, args []Arg, result types.Type) (Kernel, error) {
	patterns, zone := &formats{lax: true}, newClock(zoneOf(s))
	var made []byte
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			pattern := []byte(defaultTime)
			if len(args) > 1 {
				pattern = args[1].Bytes(row)
			}
			f, err := patterns.get(pattern)
			if err != nil {
				return err
			}
			seconds := args[0].Int(row)
			if seconds > 1<<43 || seconds < -1<<43 {
				return badValue("the time of %d seconds since the epoch is too far away", seconds)
			}
			made = f.append(made[:0], zone.local(seconds*1000), 0, zone)
			out.SetBytes(row, made)
		}
		return nil
	}, nil
}

// maxZones is how many zones a kernel remembers: a table may have any number of names.
const maxZones = 1000

func convertTZ() Kernel {
	format, err := newTimeFormat(defaultTime, true)
	zones := map[string]*clock{}
	get := func(name []byte) *clock {
		if c := zones[string(name)]; c != nil {
			return c
		}
		zone, err := Zone(string(name))
		if err != nil {
			zone = time.UTC
		}
		if len(zones) >= maxZones {
			clear(zones)
		}
		c := newClock(zone)
		zones[string(name)] = c
		return c
	}
	return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
		if err != nil {
			return b, false
		}
		ms, _, _, ok := format.parse(string(args[0].Bytes(row)))
		if !ok {
			return b, false
		}
		to := get(args[2].Bytes(row))
		return format.append(b, to.local(get(args[1].Bytes(row)).instant(ms)), 0, to), true
	})
}
