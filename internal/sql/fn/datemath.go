package fn

import (
	"strings"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// temporal are the functions that compute with times.
func temporal() []*Function {
	return []*Function{
		{Name: "TIMESTAMPADD", Doc: "the time with so many units added", Infer: inferTimestampAdd, Bind: bindTimestampAdd,
			Examples: [][2]string{{"TIMESTAMPADD(WEEK, 1, DATE '2003-01-02')", "2003-01-09"}, {"TIMESTAMPADD(MONTH, -1, TIMESTAMP '2017-03-31 22:58:58.998')", "2017-02-28 22:58:58.998"}}},
		{Name: "TIMESTAMPDIFF", Doc: "how many whole units the second time is after the first", Infer: inferTimestampDiff, Bind: bindTimestampDiff,
			Examples: [][2]string{{"TIMESTAMPDIFF(DAY, TIMESTAMP '2003-01-02 10:00:00', TIMESTAMP '2003-01-03 10:00:00')", "1"}, {"TIMESTAMPDIFF(MONTH, DATE '2016-06-15', TIMESTAMP '2018-06-16 11:11:11')", "24"}}},
		{Name: "MINUS_DATE", Doc: "the interval from the second time to the first: (a - b) DAY, or another unit", Syntax: Special, Infer: inferMinusDate, Bind: bindMinusDate,
			Print: func(args []string, result types.Type) string { return "(" + args[0] + " - " + args[1] + ")" }},
		{Name: "OVERLAPS", Doc: "whether two periods, each of a begin and an end or a length, have a moment in common", Syntax: Special, Infer: inferOverlaps, Bind: bindOverlaps,
			Print: func(args []string, _ types.Type) string {
				return args[0] + " OVERLAPS " + args[1]
			}, Examples: [][2]string{{"(TIME '2:55:00', INTERVAL '1' HOUR) OVERLAPS (TIME '3:30:00', INTERVAL '2' HOUR)", "TRUE"},
				{"(TIME '9:00:00', TIME '10:00:00') OVERLAPS (TIME '10:15:00', INTERVAL '3' HOUR)", "FALSE"}}},
	}
}

func inferTimestampAdd(s *Session, args []Arg) (Signature, error) {
	if err := count(args, 3, 3); err != nil {
		return Signature{}, err
	}
	u, ok := units[args[0].Symbol]
	if !ok || unitMillis(u) == 0 && unitMonths(u) == 0 && u != unitMicro {
		return Signature{}, wrong("%q is no unit of time that can be added", args[0].Symbol)
	}
	n, t := args[1].Type, args[2].Type
	if !n.IsInteger() && n.Kind() != types.Null {
		return Signature{}, wrong("the number of units must be an integer, but is %s", n)
	}
	if !t.IsDatetime() && t.Kind() != types.Null {
		return Signature{}, wrong("%s is no time", t)
	}
	sig := Signature{}
	result := t
	if t.Kind() == types.Null {
		result = types.TimestampOf(3)
		sig.Args = []types.Type{{}, {}, result}
	}
	if n.Kind() == types.Null {
		if sig.Args == nil {
			sig.Args = make([]types.Type, 3)
		}
		sig.Args[1] = types.New(types.Int)
	}
	if t.Kind() == types.Date && u >= unitHour {
		result = types.TimestampOf(6)
		sig.Args = []types.Type{{}, {}, result.WithNullable(t.Nullable())}
	}
	sig.Result = result.WithAttribute(types.NoAttribute).WithNullable(n.Nullable() || t.Nullable())
	return sig, nil
}

func bindTimestampAdd(s *Session, args []Arg, result types.Type) (Kernel, error) {
	u := units[args[0].Symbol]
	interval := types.IntervalOf(types.DayToSecond, 2, 6)
	by := unitMillis(u)
	if months := unitMonths(u); months > 0 {
		interval, by = types.IntervalOf(types.YearToMonth, 2, 0), months
	}
	t := args[2].Type
	plus := bindTimePlus(t, interval, false, false)
	if t.Kind() == types.Time && unitMonths(u) > 0 {
		plus, _ = bindSame(s, args[2:], result)
	}
	var counts column.Vector
	two := make([]*column.Vector, 2)
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		counts.Reset(column.Word, n)
		in, r := args[1].Ints(), counts.Ints()
		for i := range n {
			if by == 0 {
				r[i] = in[i] / 1000 // microseconds
			} else {
				r[i] = in[i] * by
			}
		}
		two[0], two[1] = args[2], &counts
		return plus(c, two, sel, n, out)
	}, nil
}

func inferTimestampDiff(s *Session, args []Arg) (Signature, error) {
	if err := count(args, 3, 3); err != nil {
		return Signature{}, err
	}
	u, ok := units[args[0].Symbol]
	if !ok || unitMillis(u) == 0 && unitMonths(u) == 0 && u != unitMicro && u != unitNano {
		return Signature{}, wrong("%q is no unit of time that can be counted", args[0].Symbol)
	}
	for _, a := range args[1:] {
		if k := a.Type.Kind(); k != types.Null && !a.Type.IsDatetime() {
			return Signature{}, wrong("%s is no time", a.Type)
		}
	}
	if a, b := args[1].Type.Kind(), args[2].Type.Kind(); a != types.Null && b != types.Null {
		for _, alone := range []types.Kind{types.TimestampLTZ, types.Time} {
			if alone == types.Time && unitMonths(u) > 0 && a != types.TimestampLTZ && b != types.TimestampLTZ {
				continue // a time is one of the first day of 1970
			}
			if (a == alone) != (b == alone) {
				return Signature{}, wrong("%s and %s cannot be compared: cast one of them", args[1].Type, args[2].Type)
			}
		}
	}
	k := types.Int
	if u == unitMicro || u == unitNano {
		k = types.BigInt
	}
	return Signature{Result: types.New(k).WithNullable(args[1].Type.Nullable() || args[2].Type.Nullable())}, nil
}

func bindTimestampDiff(s *Session, args []Arg, result types.Type) (Kernel, error) {
	u := units[args[0].Symbol]
	a, b := localMillis(args[1].Type, zoneOf(s)), localMillis(args[2].Type, zoneOf(s))
	kind := result.Kind()
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			if args[1].Null(row) || args[2].Null(row) {
				continue
			}
			out.Words[row] = uint64(wrap(countUnits(u, a(args[1], row), b(args[2], row)), kind))
		}
		return nil
	}, nil
}

// countUnits returns how many whole units b is after a.
func countUnits(u unit, a, b int64) int64 {
	if months := unitMonths(u); months > 0 {
		return monthsBetween(b, a) / months
	}
	switch u {
	case unitMicro:
		return (b - a) * 1000
	case unitNano:
		return (b - a) * 1_000_000
	}
	return (b - a) / unitMillis(u)
}

// monthsBetween returns how many whole months a is after b.
func monthsBetween(a, b int64) int64 {
	if a < b {
		return -monthsBetween(b, a)
	}
	dayA, dayB := floorDiv(a, dayMillis), floorDiv(b, dayMillis)
	ya, ma, _ := civil(dayA)
	yb, mb, _ := civil(dayB)
	n := (ya*12 + int64(ma)) - (yb*12 + int64(mb))
	if moved := addMonths(dayB, n); moved > dayA || moved == dayA && floorMod(a, dayMillis) < floorMod(b, dayMillis) {
		n--
	}
	return n
}

// inferMinusDate takes two times and a symbol: the unit of the interval.
func inferMinusDate(s *Session, args []Arg) (Signature, error) {
	if err := count(args, 3, 3); err != nil {
		return Signature{}, err
	}
	u, ok := units[args[2].Symbol]
	if !ok || unitMillis(u) == 0 && unitMonths(u) == 0 {
		return Signature{}, wrong("%q is no unit of an interval", args[2].Symbol)
	}
	for _, a := range args[:2] {
		if k := a.Type.Kind(); k != types.Null && !a.Type.IsDatetime() {
			return Signature{}, wrong("%s is no time", a.Type)
		}
	}
	res := types.Second
	for name, r := range map[unit]types.Resolution{unitYear: types.Year, unitMonth: types.Month, unitDay: types.Day, unitHour: types.Hour, unitMinute: types.Minute, unitSecond: types.Second} {
		if name == u {
			res = r
		}
	}
	fraction := 0
	if res == types.Second {
		fraction = 6
	}
	return Signature{Result: types.IntervalOf(res, 2, fraction).WithNullable(args[0].Type.Nullable() || args[1].Type.Nullable())}, nil
}

func bindMinusDate(s *Session, args []Arg, result types.Type) (Kernel, error) {
	a, b := localMillis(args[0].Type, zoneOf(s)), localMillis(args[1].Type, zoneOf(s))
	months := result.Kind() == types.IntervalYearMonth
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			if args[0].Null(row) || args[1].Null(row) {
				continue
			}
			x, y := a(args[0], row), b(args[1], row)
			if months {
				out.Words[row] = uint64(monthsBetween(x, y))
			} else {
				out.Words[row] = uint64(x - y)
			}
		}
		return nil
	}, nil
}

// sides are the four arguments of OVERLAPS: the fields of two rows.
func sides(args []Arg) []Arg {
	var all []Arg
	for _, a := range args {
		for _, f := range a.Type.Fields() {
			all = append(all, Arg{Type: f.Type})
		}
	}
	return all
}

func inferOverlaps(s *Session, args []Arg) (Signature, error) {
	if err := count(args, 2, 2); err != nil {
		return Signature{}, err
	}
	args = sides(args)
	if len(args) != 4 {
		return Signature{}, wrong("OVERLAPS stands between two pairs of times: (a, b) OVERLAPS (c, d)")
	}
	for i, a := range args {
		ok := a.Type.IsDatetime() || i%2 == 1 && a.Type.IsInterval()
		if !ok || args[0].Type.Kind() != args[2].Type.Kind() {
			return Signature{}, wrong("OVERLAPS takes two periods of one kind, each a time with a time or an interval: %s is wrong", a.Type)
		}
	}
	return boolean(args), nil
}

func bindOverlaps(s *Session, args []Arg, result types.Type) (Kernel, error) {
	zone := zoneOf(s)
	args = sides(args)
	begin := [2]func(*column.Vector, int) int64{localMillis(args[0].Type, zone), localMillis(args[2].Type, zone)}
	end := [2]func(begin int64, v *column.Vector, row int) int64{}
	for i := range end {
		t := args[2*i+1].Type
		switch {
		case t.Kind() == types.IntervalYearMonth:
			end[i] = func(begin int64, v *column.Vector, row int) int64 {
				day := floorDiv(begin, dayMillis)
				return begin + (addMonths(day, v.Int(row))-day)*dayMillis
			}
		case t.IsInterval():
			end[i] = func(begin int64, v *column.Vector, row int) int64 { return begin + v.Int(row) }
		default:
			read := localMillis(t, zone)
			end[i] = func(_ int64, v *column.Vector, row int) int64 { return read(v, row) }
		}
	}
	var four [4]*column.Vector
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range four {
			four[i] = args[i/2].Children[i%2]
		}
		args = four[:]
	rows:
		for i := range size(sel, n) {
			row := at(sel, i)
			for _, a := range args {
				if a.Null(row) {
					out.SetNull(row, n)
					continue rows
				}
			}
			var from, to [2]int64
			for k := range 2 {
				from[k] = begin[k](args[2*k], row)
				to[k] = end[k](from[k], args[2*k+1], row)
				from[k], to[k] = min(from[k], to[k]), max(from[k], to[k])
			}
			setBool(out, row, from[0] <= to[1] && from[1] <= to[0])
		}
		return nil
	}, nil
}

// clocks are the functions of the current time. In streaming they have that of the record, in batch that of the query's start.
func clocks() []*Function {
	var all []*Function
	for _, f := range []struct {
		name, doc string
		t         types.Type
		always    bool // also in batch that of the record
		aliases   []string
	}{
		{"CURRENT_DATE", "the current date, in the session's time zone", types.New(types.Date), false, nil},
		{"CURRENT_TIME", "the current time of day, in the session's time zone", types.Of(types.Time, 0, 0), false, nil},
		{"LOCALTIME", "the current time of day, in the session's time zone", types.Of(types.Time, 0, 0), false, nil},
		{"CURRENT_TIMESTAMP", "the current time", types.TimestampLTZOf(3), false, nil},
		{"NOW", "the current time", types.TimestampLTZOf(3), false, nil},
		{"LOCALTIMESTAMP", "the current time, in the session's time zone", types.TimestampOf(3), false, nil},
		{"CURRENT_ROW_TIMESTAMP", "the current time, in batch, too, that of the record", types.TimestampLTZOf(3), true, nil},
		{"PROCTIME", "the processing time of the record, as a time attribute", types.TimestampLTZOf(3).WithAttribute(types.Proctime), true, nil},
		{"PROCTIME_MATERIALIZE", "the processing time of the record, as a value", types.TimestampLTZOf(3), true, nil},
	} {
		all = append(all, &Function{
			Name: f.name, Doc: f.doc, Aliases: f.aliases, Volatility: Dynamic,
			Infer: func(s *Session, args []Arg) (Signature, error) {
				if f.name == "PROCTIME_MATERIALIZE" {
					return Signature{Result: f.t.NotNull()}, count(args, 1, 1)
				}
				return Signature{Result: f.t.NotNull()}, count(args, 0, 0)
			},
			Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
				zone := newClock(zoneOf(s))
				return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
					now := c.Now
					if s != nil && s.Batch && !f.always {
						now = s.Start.UnixMilli()
					}
					switch f.t.Kind() {
					case types.Date:
						now = floorDiv(zone.local(now), dayMillis)
					case types.Time:
						now = floorMod(zone.local(now), dayMillis)
						now -= now % 1000
					case types.Timestamp:
						now = zone.local(now)
					}
					r := out.Ints()
					for i := range r[:n] {
						r[i] = now
					}
					return nil
				}, nil
			},
		})
	}
	return append(all, &Function{
		Name: "SOURCE_WATERMARK", Doc: "in the declaration of a watermark: that the source gives watermarks by itself", Volatility: Volatile,
		Infer: func(s *Session, args []Arg) (Signature, error) {
			return Signature{Result: types.TimestampLTZOf(3)}, count(args, 0, 0)
		},
		Bind: func(*Session, []Arg, types.Type) (Kernel, error) {
			return nil, wrong("SOURCE_WATERMARK() has no value: it stands by itself in WATERMARK FOR .. AS SOURCE_WATERMARK()")
		},
	}, &Function{
		Name: "CURRENT_WATERMARK", Doc: "the watermark that has come, as a value of the given time attribute's type; null before the first", Volatility: Dynamic, Nulls: NullCustom,
		Infer: func(s *Session, args []Arg) (Signature, error) {
			if err := count(args, 1, 1); err != nil {
				return Signature{}, err
			}
			if t := args[0].Type; !t.IsTimestamp() || t.Attribute() != types.Rowtime {
				return Signature{}, wrong("CURRENT_WATERMARK takes a column that carries the event time, but %s does not", strings.TrimSpace(t.String()))
			}
			return Signature{Result: args[0].Type.WithAttribute(types.NoAttribute).Null()}, nil
		},
		Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			write := storeMillis(result, time.UTC)
			return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				for i := range n {
					if c.Watermark == -1<<63 {
						out.SetNull(i, n)
						continue
					}
					write(out, i, c.Watermark)
				}
				return nil
			}, nil
		},
	})
}
