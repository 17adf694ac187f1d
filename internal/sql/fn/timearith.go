package fn

import (
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

const dayMillis = 24 * 60 * 60 * 1000

// bindTimePlus adds an interval to a time, or subtracts it. swapped: the interval is the first argument.
func bindTimePlus(t, interval types.Type, minus, swapped bool) Kernel {
	months := interval.Kind() == types.IntervalYearMonth
	var unit int64 // of the time's values in a millisecond
	if t.IsTimestamp() {
		unit = column.TimeUnit(t.Precision()) / 1000
	}
	isWide := column.FormOf(t) == column.Wide
	kind := t.Kind()
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		at, by := args[0], args[1]
		if swapped {
			at, by = by, at
		}
		Rows(sel, n, func(row int) {
			d := by.Int(row)
			if minus {
				d = -d
			}
			switch {
			case kind == types.Time:
				out.Words[row] = uint64(floorMod(at.Int(row)+d, dayMillis))
			case kind == types.Date && months:
				out.Words[row] = uint64(addMonths(at.Int(row), d))
			case kind == types.Date:
				out.Words[row] = uint64(at.Int(row) + d/dayMillis) // whole days
			case months && isWide:
				x := at.Wide[row]
				day, rest := divDay(x)
				moved := mulWords(addMonths(day, d), dayMillis*1_000_000)
				out.Wide[row] = add128(moved, widen(rest))
			case months:
				day := floorDiv(at.Int(row), dayMillis*unit)
				out.Words[row] = uint64(at.Int(row) + (addMonths(day, d)-day)*dayMillis*unit)
			case isWide:
				out.Wide[row] = add128(at.Wide[row], mulWords(d, unit))
			default:
				out.Words[row] = uint64(at.Int(row) + d*unit)
			}
		})
		return nil
	}
}

// divDay splits nanoseconds since the epoch into days and the rest.
func divDay(x wide) (day, nanos int64) {
	seconds, rest := split(x)
	day = floorDiv(seconds, 86400)
	return day, (seconds-day*86400)*1_000_000_000 + rest
}

// split splits nanoseconds since the epoch into seconds and the rest, which is not negative.
func split(x wide) (seconds, nanos int64) {
	if x[1] == uint64(int64(x[0])>>63) {
		s := floorDiv(int64(x[0]), 1_000_000_000)
		return s, int64(x[0]) - s*1_000_000_000
	}
	at := column.TimeOf(column.Value{Wide: x}, 9)
	return at.Unix(), int64(at.Nanosecond())
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// addMonths adds months to a day since the epoch; a day that the month does not have becomes its last.
func addMonths(day, months int64) int64 {
	y, m, d := time.Unix(day*86400, 0).UTC().Date()
	total := int64(y)*12 + int64(m) - 1 + months
	year, month := int(floorDiv(total, 12)), time.Month(floorMod(total, 12)+1)
	last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return time.Date(year, month, min(d, last), 0, 0, 0, 0, time.UTC).Unix() / 86400
}
