// Package eventtime holds the plain values of event time: timestamps and watermarks.
//
// Timestamps are milliseconds since the Unix epoch, as in Flink. A watermark t on a stream says that no record with a
// timestamp at or below t is expected any more; a record that comes all the same is late.
package eventtime

import (
	"math"
	"time"
)

const (
	// NoTimestamp is the timestamp of a record that has none.
	NoTimestamp int64 = math.MinInt64
	// MinWatermark is the watermark of an input that has told none yet.
	MinWatermark int64 = math.MinInt64
	// MaxWatermark is sent at the end of bounded input: event time is complete.
	MaxWatermark int64 = math.MaxInt64
)

// FromTime returns the timestamp of t, cut to the millisecond.
func FromTime(t time.Time) int64 { return t.UnixMilli() }

// ToTime returns the UTC time of a timestamp. [NoTimestamp] gives the zero time.
func ToTime(ts int64) time.Time {
	if ts == NoTimestamp {
		return time.Time{}
	}
	return time.UnixMilli(ts).UTC()
}

// Mark is a watermark placed in front of a row of a chunk: row-at-a-time evaluation would have sent it just before
// that row. Row equal to the number of rows places it behind the last.
type Mark struct {
	Row       int
	Watermark int64
}
