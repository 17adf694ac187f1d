package fn

import (
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// unit is a unit of time in EXTRACT, FLOOR, CEIL, TIMESTAMPADD and TIMESTAMPDIFF.
type unit uint8

const (
	unitMillennium unit = iota
	unitCentury
	unitDecade
	unitYear
	unitISOYear
	unitQuarter
	unitMonth
	unitWeek
	unitDay
	unitDOW
	unitISODOW
	unitDOY
	unitHour
	unitMinute
	unitSecond
	unitMilli
	unitMicro
	unitNano
	unitEpoch
)

// units are their names.
var units = map[string]unit{
	"MILLENNIUM": unitMillennium, "CENTURY": unitCentury, "DECADE": unitDecade, "YEAR": unitYear, "ISOYEAR": unitISOYear, "QUARTER": unitQuarter, "MONTH": unitMonth, "WEEK": unitWeek,
	"DAY": unitDay, "DOW": unitDOW, "ISODOW": unitISODOW, "DOY": unitDOY, "HOUR": unitHour, "MINUTE": unitMinute, "SECOND": unitSecond, "MILLISECOND": unitMilli, "MICROSECOND": unitMicro,
	"NANOSECOND": unitNano, "EPOCH": unitEpoch,
	"SQL_TSI_YEAR": unitYear, "SQL_TSI_QUARTER": unitQuarter, "SQL_TSI_MONTH": unitMonth, "SQL_TSI_WEEK": unitWeek, "SQL_TSI_DAY": unitDay, "SQL_TSI_HOUR": unitHour,
	"SQL_TSI_MINUTE": unitMinute, "SQL_TSI_SECOND": unitSecond, "SQL_TSI_MICROSECOND": unitMicro, "SQL_TSI_FRAC_SECOND": unitMicro,
	"YEARS": unitYear, "QUARTERS": unitQuarter, "MONTHS": unitMonth, "WEEKS": unitWeek, "DAYS": unitDay, "HOURS": unitHour, "MINUTES": unitMinute, "SECONDS": unitSecond,
	"FRAC_SECOND": unitMicro,
}

// unitMillis is how long a unit is that always has the same length.
func unitMillis(u unit) int64 {
	switch u {
	case unitWeek:
		return 7 * dayMillis
	case unitDay:
		return dayMillis
	case unitHour:
		return 3_600_000
	case unitMinute:
		return 60_000
	case unitSecond:
		return 1000
	case unitMilli:
		return 1
	}
	return 0
}

// unitMonths is how many months a unit has.
func unitMonths(u unit) int64 {
	switch u {
	case unitYear:
		return 12
	case unitQuarter:
		return 3
	case unitMonth:
		return 1
	case unitDecade:
		return 120
	case unitCentury:
		return 1200
	case unitMillennium:
		return 12000
	}
	return 0
}

// extracts are EXTRACT and its shortcuts.
func extracts() []*Function {
	all := []*Function{{
		Name: "EXTRACT", Doc: "the given unit of a time or an interval, as a number", Syntax: Special, Infer: inferExtract,
		Print: func(args []string, _ types.Type) string { return "EXTRACT(" + args[0] + " FROM " + args[1] + ")" },
		Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return extract(s, units[args[0].Symbol], args[1].Type, 1), nil
		},
		Examples: [][2]string{{"EXTRACT(DAY FROM DATE '2006-06-05')", "5"}, {"EXTRACT(WEEK FROM DATE '1996-11-10')", "45"}, {"EXTRACT(DOW FROM DATE '2006-06-04')", "1"},
			{"EXTRACT(MINUTE FROM INTERVAL '3:05' HOUR TO MINUTE)", "5"}, {"EXTRACT(EPOCH FROM DATE '1970-01-02')", "86400"}},
	}}
	for _, f := range []struct {
		name, doc, example, want string
		symbol                   string
	}{
		{"YEAR", "the year", "YEAR(DATE '1994-09-27')", "1994", "YEAR"}, {"QUARTER", "the quarter, 1 to 4", "QUARTER(DATE '1994-09-27')", "3", "QUARTER"}, {"MONTH", "the month, 1 to 12", "MONTH(DATE '1994-09-27')", "9", "MONTH"},
		{"WEEK", "the week of the year, 1 to 53", "WEEK(DATE '1994-09-27')", "39", "WEEK"}, {"DAYOFYEAR", "the day of the year, 1 to 366", "DAYOFYEAR(DATE '1994-09-27')", "270", "DOY"},
		{"DAYOFMONTH", "the day of the month, 1 to 31", "DAYOFMONTH(DATE '1994-09-27')", "27", "DAY"}, {"DAYOFWEEK", "the day of the week, 1 (Sunday) to 7", "DAYOFWEEK(DATE '1994-09-27')", "3", "DOW"},
		{"HOUR", "the hour, 0 to 23", "HOUR(TIMESTAMP '1994-09-27 13:14:15')", "13", "HOUR"}, {"MINUTE", "the minute, 0 to 59", "MINUTE(TIMESTAMP '1994-09-27 13:14:15')", "14", "MINUTE"},
		{"SECOND", "the second, 0 to 59", "SECOND(TIMESTAMP '1994-09-27 13:14:15')", "15", "SECOND"},
	} {
		all = append(all, &Function{
			Name: f.name, Doc: f.doc, Examples: [][2]string{{f.example, f.want}},
			Infer: func(s *Session, args []Arg) (Signature, error) {
				if err := count(args, 1, 1); err != nil {
					return Signature{}, err
				}
				return inferExtract(s, []Arg{{Symbol: f.symbol}, args[0]})
			},
			Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
				return extract(s, units[f.symbol], args[0].Type, 0), nil
			},
		})
	}
	return all
}

func inferExtract(s *Session, args []Arg) (Signature, error) {
	if err := count(args, 2, 2); err != nil {
		return Signature{}, err
	}
	u, ok := units[args[0].Symbol]
	if !ok {
		return Signature{}, wrong("%q is no unit of time", args[0].Symbol)
	}
	t := args[1].Type
	switch {
	case t.Kind() == types.Null:
	case t.Kind() == types.Time && (u < unitHour || u == unitMicro || u == unitNano), t.Kind() == types.Date && (u == unitMicro || u == unitNano), t.Kind() == types.IntervalYearMonth && (u > unitMonth || u == unitISOYear), t.Kind() == types.IntervalDayTime && (u < unitDay || u > unitDay && u < unitHour):
		return Signature{}, wrong("%s has no %s", t, args[0].Symbol)
	case !t.IsDatetime() && !t.IsInterval():
		return Signature{}, wrong("%s is no time", t)
	}
	return Signature{Result: types.New(types.BigInt).WithNullable(t.Nullable())}, nil
}

// extract is the kernel of EXTRACT of argument i.
func extract(s *Session, u unit, t types.Type, i int) Kernel {
	if t.IsInterval() {
		of := intervalPart(u, t.Kind() == types.IntervalYearMonth)
		return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
			for k := range size(sel, n) {
				row := at(sel, k)
				out.Words[row] = uint64(of(args[i].Int(row)))
			}
			return nil
		}
	}
	if t.Kind() == types.Timestamp && t.Precision() <= 3 && u >= unitHour && u <= unitSecond {
		div, mod := unitMillis(u), int64(60)
		if u == unitHour {
			mod = 24
		}
		return extractClock(i, div, mod)
	}
	read := localMillis(t, zoneOf(s))
	switch u {
	case unitMilli, unitMicro, unitNano:
		nanos := subNanos(t)
		div := map[unit]int64{unitMilli: 1_000_000, unitMicro: 1000, unitNano: 1}[u]
		return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
			for k := range size(sel, n) {
				row := at(sel, k)
				out.Words[row] = uint64(nanos(args[i], row) / div)
			}
			return nil
		}
	case unitEpoch:
		if t.Kind() == types.TimestampLTZ {
			read = localMillis(t, time.UTC)
		}
	}
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		lastDay, last := int64(-1<<62), int64(0)
		for k := range size(sel, n) {
			row := at(sel, k)
			if args[i].Null(row) {
				continue
			}
			ms := read(args[i], row)
			if u >= unitHour {
				out.Words[row] = uint64(clockPart(u, ms))
				continue
			}
			day := floorDiv(ms, dayMillis)
			if day != lastDay {
				lastDay, last = day, datePart(u, day)
			}
			out.Words[row] = uint64(last)
		}
		return nil
	}
}

// extractClock is HOUR, MINUTE or SECOND of a TIMESTAMP of milliseconds.
func extractClock(i int, div, mod int64) Kernel {
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		in, r := args[i].Ints(), out.Ints()
		from, to, last := int64(1), int64(0), int64(0)
		for k := range size(sel, n) {
			row := at(sel, k)
			ms := in[row]
			if ms < from || ms >= to {
				from = floorDiv(ms, div) * div
				to, last = from+div, floorMod(floorDiv(ms, div), mod)
			}
			r[row] = last
		}
		return nil
	}
}

func clockPart(u unit, ms int64) int64 {
	switch u {
	case unitHour:
		return floorMod(ms, dayMillis) / 3_600_000
	case unitMinute:
		return floorMod(ms, 3_600_000) / 60_000
	case unitSecond:
		return floorMod(ms, 60_000) / 1000
	}
	return floorDiv(ms, 1000)
}

func datePart(u unit, day int64) int64 {
	y, m, d := civil(day)
	switch u {
	case unitMillennium:
		return since(y, 1000)
	case unitCentury:
		return since(y, 100)
	case unitDecade:
		return floorDiv(y, 10)
	case unitYear:
		return y
	case unitISOYear:
		iso, _ := isoWeek(day)
		return iso
	case unitQuarter:
		return int64(m+2) / 3
	case unitMonth:
		return int64(m)
	case unitWeek:
		_, week := isoWeek(day)
		return week
	case unitDay:
		return int64(d)
	case unitDOW:
		return weekday(day)%7 + 1
	case unitISODOW:
		return weekday(day)
	case unitDOY:
		return day - dayOf(y, 1, 1) + 1
	}
	return 0
}

// since numbers centuries and millennia: the first begins with the year 1.
func since(year, n int64) int64 {
	if year > 0 {
		return (year + n - 1) / n
	}
	return year/n - 1
}

// intervalPart returns how a unit of an interval, of months or of milliseconds, is computed.
func intervalPart(u unit, months bool) func(x int64) int64 {
	var div, mod int64 = 1, 0
	switch {
	case months:
		switch u {
		case unitMonth:
			mod = 12
		case unitQuarter:
			return func(x int64) int64 { return x%12/3 + 1 }
		default:
			div = unitMonths(u)
		}
	case u == unitEpoch:
		div = 1000
	case u == unitMicro, u == unitNano:
		return func(x int64) int64 { return x % 60_000 * 1000 }
	default:
		div = unitMillis(u)
		mod = map[unit]int64{unitHour: 24, unitMinute: 60, unitSecond: 60, unitMilli: 60_000}[u]
	}
	return func(x int64) int64 {
		x /= div
		if mod > 0 {
			x %= mod
		}
		return x
	}
}

// floorTime is FLOOR(x TO unit), or CEIL if up.
func floorTime(zone *time.Location, t types.Type, name string, up bool) Kernel {
	u := units[name]
	if t.Kind() == types.Time && u <= unitDay { // it is less than a day
		return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
			copy(out.Words, args[0].Words[:n])
			return nil
		}
	}
	read, write := localMillis(t, zone), storeMillis(t, zone)
	whole := up && t.Kind() == types.Date && u == unitDay
	var fine func(v *column.Vector, row int) int64 // what is less than a millisecond
	if up && t.Kind() == types.Timestamp && t.Precision() > 3 && u == unitMilli {
		nanos := subNanos(t)
		fine = func(v *column.Vector, row int) int64 { return nanos(v, row) % 1_000_000 }
	}
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for k := range size(sel, n) {
			row := at(sel, k)
			if args[0].Null(row) {
				continue
			}
			ms := read(args[0], row)
			switch {
			case whole: // as in Flink, the end of a day is the next one
				ms++
			case fine != nil && fine(args[0], row) > 0:
				ms++
			}
			write(out, row, floorMillis(u, ms, up))
		}
		return nil
	}
}

// floorMillis cuts a local time to a unit, or goes up to its next begin. Units of months and more go up only by the date, as in Flink: a time on the first day of one stays there.
func floorMillis(u unit, ms int64, up bool) int64 {
	if size := unitMillis(u); size > 0 && u != unitWeek {
		x := floorDiv(ms, size) * size
		if up && x < ms {
			x += size
		}
		return x
	}
	day := floorDiv(ms, dayMillis)
	y, m, _ := civil(day)
	begin, next := day, day
	switch u {
	case unitWeek:
		begin = day - weekday(day)%7
		next = begin + 7
	case unitISOYear:
		iso, _ := isoWeek(day)
		begin, next = isoBegin(iso), isoBegin(iso+1)
	case unitMillennium, unitCentury, unitDecade, unitYear, unitQuarter, unitMonth:
		size := unitMonths(u)
		months := y*12 + int64(m) - 1
		shift := int64(0)
		if u == unitMillennium || u == unitCentury {
			shift = 12 // they begin with the year 1
		}
		first := floorDiv(months-shift, size)*size + shift
		begin = dayOf(floorDiv(first, 12), int(floorMod(first, 12))+1, 1)
		first += size
		next = dayOf(floorDiv(first, 12), int(floorMod(first, 12))+1, 1)
	}
	if up && begin < day {
		begin = next
	}
	return begin * dayMillis
}

// isoBegin is the Monday of the first week of a year.
func isoBegin(year int64) int64 {
	fourth := dayOf(year, 1, 4)
	return fourth - weekday(fourth) + 1
}
