package operator

import "time"

// SplitTime is where a split stands in event time.
type SplitTime struct {
	// ID is the split's; "" stands for what the reader emits outside of splits.
	ID        string
	Watermark int64
	// Since is when the watermark was first seen to be what it is.
	Since time.Time
	// Idle splits do not count; paused ones are not read, since they are ahead of their alignment group. StateSince is when they became so.
	Idle, Paused bool
	StateSince   time.Time
}

// Timed is an optional capability of sources: they make watermarks for each split, and can be aligned with others.
type Timed interface {
	// Splits appends the splits that count, or will when they are active again. now is the engine's clock.
	Splits(now time.Time, dst []SplitTime) []SplitTime
	// Align says how far the source may go. An error fails the task.
	Align(limit int64) error
	// Paused reports whether the source is too far ahead: Poll is not called until Align has let it go on. since is when it was paused.
	Paused() (paused bool, since time.Time)
}

// BlockedClock is an optional capability of a [Host].
type BlockedClock interface {
	// Blocked is how long the task has waited for room in its outputs.
	Blocked() time.Duration
}

// WatermarkReporter is an optional capability of a [Host].
type WatermarkReporter interface {
	// ReportWatermark tells the job manager how far the source of an alignment group has come, eventtime.MaxWatermark while it has nothing to tell. The answer
	// comes by Timed.Align. maxDrift is in milliseconds.
	ReportWatermark(group string, maxDrift, watermark int64)
}
