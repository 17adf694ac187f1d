package fn

import (
	"math"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // so that zones are known where the system has none

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// civil returns the date of a day since the epoch, in the Gregorian calendar at all times.
func civil(day int64) (year int64, month, dom int) {
	z := day + 719468
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	year, month, dom = yoe+era*400, int(mp)+3, int(doy-(153*mp+2)/5+1)
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, dom
}

// dayOf returns the day since the epoch of a date, whose month is from 1 to 12 and whose day may be any number.
func dayOf(year int64, month, dom int) int64 {
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yoe := year - era*400
	mp := int64(month+9) % 12
	doy := (153*mp+2)/5 + int64(dom) - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

func daysIn(year int64, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// weekday is 1 for Monday to 7 for Sunday.
func weekday(day int64) int64 { return floorMod(day+3, 7) + 1 }

// isoWeek returns the year and the number of a day's week, which begins on Monday and belongs to the year of its Thursday.
func isoWeek(day int64) (year, week int64) {
	thursday := day - weekday(day) + 4
	year, _, _ = civil(thursday)
	return year, (thursday-dayOf(year, 1, 1))/7 + 1
}

// Zone returns the time zone of a name that Java knows: an id such as Europe/Berlin, UTC, GMT+2, UTC-03:30, +08:00.
func Zone(name string) (*time.Location, error) {
	rest := name
	for _, prefix := range []string{"GMT", "UTC", "UT"} {
		if strings.HasPrefix(rest, prefix) {
			rest = rest[len(prefix):]
			break
		}
	}
	if rest == "" || rest == "Z" || rest == "0" {
		return time.UTC, nil
	}
	if rest[0] == '+' || rest[0] == '-' {
		hours, minutes, ok := strings.Cut(rest[1:], ":")
		if !ok && len(hours) > 2 {
			hours, minutes = hours[:len(hours)-2], hours[len(hours)-2:]
		}
		h, err := strconv.ParseUint(hours, 10, 8)
		m, err2 := uint64(0), error(nil)
		if minutes != "" {
			m, err2 = strconv.ParseUint(minutes, 10, 8)
		}
		if err != nil || err2 != nil || h > 23 || m > 59 {
			return nil, badValue("%q is no time zone: write it as Europe/Berlin, or GMT+02:00", name)
		}
		offset := int(h)*3600 + int(m)*60
		if rest[0] == '-' {
			offset = -offset
		}
		return time.FixedZone(name, offset), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, badValue("%q is no time zone: write it as Europe/Berlin, or GMT+02:00", name)
	}
	return zone, nil
}

func zoneOf(s *Session) *time.Location {
	if s == nil || s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}

// clock converts between instants and local times of a zone, in milliseconds since the epoch. It remembers the last offset, and is not for concurrent use.
type clock struct {
	zone     *time.Location
	utc      bool
	from, to int64 // of the offset, in milliseconds
	offset   int64
}

func newClock(zone *time.Location) *clock {
	return &clock{zone: zone, utc: zone == time.UTC, from: 1, to: 0}
}

// local returns the local time of an instant.
func (c *clock) local(ms int64) int64 {
	if c.utc {
		return ms
	}
	if ms < c.from || ms >= c.to {
		at := time.UnixMilli(ms).In(c.zone)
		_, seconds := at.Zone()
		from, to := at.ZoneBounds()
		c.offset, c.from, c.to = int64(seconds)*1000, math.MinInt64, math.MaxInt64
		if !from.IsZero() {
			c.from = from.UnixMilli()
		}
		if !to.IsZero() {
			c.to = to.UnixMilli()
		}
	}
	return ms + c.offset
}

// instant returns when a local time is.
func (c *clock) instant(local int64) int64 {
	if c.utc {
		return local
	}
	day := floorDiv(local, dayMillis)
	y, m, d := civil(day)
	rest := local - day*dayMillis
	return time.Date(int(y), time.Month(m), d, 0, 0, int(rest/1000), int(rest%1000)*1_000_000, c.zone).UnixMilli()
}

// localMillis returns how the local time of a DATE, TIME or timestamp is read, in milliseconds since the epoch, fractions cut off.
func localMillis(t types.Type, zone *time.Location) func(v *column.Vector, row int) int64 {
	switch t.Kind() {
	case types.Date:
		return func(v *column.Vector, row int) int64 { return v.Int(row) * dayMillis }
	case types.Time:
		return (*column.Vector).Int
	}
	read := (*column.Vector).Int
	switch column.TimeUnit(t.Precision()) {
	case 1_000_000:
		read = func(v *column.Vector, row int) int64 { return floorDiv(v.Int(row), 1000) }
	case 1_000_000_000:
		read = func(v *column.Vector, row int) int64 {
			s, nanos := split(v.WideAt(row))
			return s*1000 + nanos/1_000_000
		}
	}
	if t.Kind() != types.TimestampLTZ || zone == time.UTC {
		return read
	}
	c := newClock(zone)
	return func(v *column.Vector, row int) int64 { return c.local(read(v, row)) }
}

// subNanos returns how the nanoseconds within the second of a time are read.
func subNanos(t types.Type) func(v *column.Vector, row int) int64 {
	switch {
	case t.Kind() == types.Date:
		return func(*column.Vector, int) int64 { return 0 }
	case t.Kind() == types.Time || column.TimeUnit(t.Precision()) == 1000:
		return func(v *column.Vector, row int) int64 { return floorMod(v.Int(row), 1000) * 1_000_000 }
	case column.TimeUnit(t.Precision()) == 1_000_000:
		return func(v *column.Vector, row int) int64 { return floorMod(v.Int(row), 1_000_000) * 1000 }
	}
	return func(v *column.Vector, row int) int64 {
		_, nanos := split(v.WideAt(row))
		return nanos
	}
}

// storeMillis returns how milliseconds, local for TIMESTAMP_LTZ, are written as a datetime type.
func storeMillis(t types.Type, zone *time.Location) func(out *column.Vector, row int, local int64) {
	switch t.Kind() {
	case types.Date:
		return func(out *column.Vector, row int, local int64) { out.Words[row] = uint64(floorDiv(local, dayMillis)) }
	case types.Time:
		return func(out *column.Vector, row int, local int64) { out.Words[row] = uint64(floorMod(local, dayMillis)) }
	}
	c := newClock(time.UTC)
	if t.Kind() == types.TimestampLTZ {
		c = newClock(zone)
	}
	unit := column.TimeUnit(t.Precision()) / 1000
	if unit > 1000 {
		return func(out *column.Vector, row int, local int64) { out.Wide[row] = mulWords(c.instant(local), unit) }
	}
	return func(out *column.Vector, row int, local int64) { out.Words[row] = uint64(c.instant(local) * unit) }
}
