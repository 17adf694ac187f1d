package temporal

import (
	"fmt"
	"strings"

	"github.com/weirstream/weir/eventtime"
)

// Valve combines the watermarks of the channels of a task: the lowest among the active ones counts. It is a pure state machine.
//
//   - V1. The combined watermark never goes back.
//   - V2. It never passes the watermark of an active channel that has caught up with it.
//   - V3. A channel that was idle counts again only once its watermark has come to the combined one: what it says before cannot be true for all.
//   - V4. The valve is idle when every channel that has not ended is idle.
//   - V5. When every channel has ended, event time is complete, also where channels were idle at their end.
type Valve struct {
	channels []valveChannel
	combined int64
	idle     bool
}

type valveChannel struct {
	watermark int64
	idle      bool
	ended     bool
	aligned   bool // counts for the minimum
}

// NewValve returns a valve over n channels that have told nothing yet.
func NewValve(n int) *Valve {
	v := &Valve{channels: make([]valveChannel, n), combined: eventtime.MinWatermark}
	for i := range v.channels {
		v.channels[i] = valveChannel{watermark: eventtime.MinWatermark, aligned: true}
	}
	return v
}

// Combined is the current watermark.
func (v *Valve) Combined() int64 { return v.combined }

// Idle reports whether no channel tells anything about time.
func (v *Valve) Idle() bool { return v.idle }

// Channels is the number of channels.
func (v *Valve) Channels() int { return len(v.channels) }

// Channel returns where channel i stands. behind tells that it was idle and does not count yet, since it has not come to the combined watermark.
func (v *Valve) Channel(i int) (watermark int64, idle, ended, behind bool) {
	c := &v.channels[i]
	return c.watermark, c.idle, c.ended, !c.aligned && !c.idle && !c.ended
}

// Watermark takes a watermark of channel i and reports whether the combined one has advanced. A watermark that goes back is ignored.
func (v *Valve) Watermark(i int, t int64) (advanced bool) {
	c := &v.channels[i]
	if t <= c.watermark {
		return false
	}
	was := c.watermark
	c.watermark = t
	if c.idle {
		return false
	}
	if !c.aligned {
		if t < v.combined {
			return false
		}
		c.aligned = true // keeps V3
		return v.combine()
	}
	if was > v.combined {
		return false // another channel holds the minimum
	}
	return v.combine()
}

// SetIdle notes whether channel i is idle, and reports whether the combined watermark has advanced and whether Idle has changed.
func (v *Valve) SetIdle(i int, idle bool) (advanced, changed bool) {
	c := &v.channels[i]
	if c.idle == idle || c.ended {
		return false, false
	}
	c.idle = idle
	c.aligned = !idle && c.watermark >= v.combined
	return v.settle()
}

// End notes that channel i has ended.
func (v *Valve) End(i int) (advanced, changed bool) {
	c := &v.channels[i]
	if c.ended {
		return false, false
	}
	c.ended, c.idle, c.aligned = true, false, false
	return v.settle()
}

func (v *Valve) settle() (advanced, changed bool) {
	idle, open := true, false
	for i := range v.channels {
		c := &v.channels[i]
		if !c.ended {
			open = true
			idle = idle && c.idle
		}
	}
	idle = idle && open
	changed = idle != v.idle
	v.idle = idle
	switch {
	case !open:
		advanced = v.combined < eventtime.MaxWatermark
		v.combined = eventtime.MaxWatermark // keeps V5
	case !idle:
		advanced = v.combine()
	}
	return advanced, changed
}

func (v *Valve) combine() bool {
	lowest, any := eventtime.MaxWatermark, false
	for i := range v.channels {
		if c := &v.channels[i]; c.aligned {
			any = true
			lowest = min(lowest, c.watermark)
		}
	}
	if !any || lowest <= v.combined {
		return false // keeps V1
	}
	v.combined = lowest
	return true
}

// String tells each channel's watermark, for people and tests.
func (v *Valve) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", watermarkText(v.combined))
	if v.idle {
		b.WriteString(" idle")
	}
	b.WriteString(" [")
	for i, c := range v.channels {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(watermarkText(c.watermark))
		switch {
		case c.ended:
			b.WriteString("(ended)")
		case c.idle:
			b.WriteString("(idle)")
		case !c.aligned:
			b.WriteString("(behind)")
		}
	}
	b.WriteByte(']')
	return b.String()
}

func watermarkText(t int64) string {
	switch t {
	case eventtime.MinWatermark:
		return "none"
	case eventtime.MaxWatermark:
		return "end"
	}
	return fmt.Sprint(t)
}
