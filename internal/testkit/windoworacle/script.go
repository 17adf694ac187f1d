package windoworacle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/window"
)

// Row is the element of all scripts, keyed by Key.
type Row struct{ Key, Value int64 }

// Script is a windowed operator and what happens to it.
type Script struct {
	Spec window.Spec[Row]
	// SideOutput is whether there is an output for late rows; if not, they are dropped and counted.
	SideOutput bool
	Function   Function
	// Start is the processing time at the beginning.
	Start int64
	Steps []Step
}

// Function is the kind of function that evaluates a window. The outcome is the same for all; [Result] has a method for each.
type Function uint8

const (
	// Reduce adds the values up, row by row.
	Reduce Function = iota
	// Aggregate keeps count, sum, least and greatest value.
	Aggregate
	// Process sees all elements.
	Process
)

// String names the kind.
func (f Function) String() string { return [...]string{"reduce", "aggregate", "process"}[f] }

// Step is one thing that happens.
type Step struct {
	Kind StepKind
	// Row is the row of an [Element].
	Row Row
	// Time is the row's timestamp, the watermark, or the processing time. Watermarks and processing times that do not advance have no effect.
	Time int64
}

// StepKind says what happens.
type StepKind uint8

const (
	// Element is a row that arrives.
	Element StepKind = iota
	// Watermark is a watermark that arrives.
	Watermark
	// ProcessingTime is the clock, which has advanced. Timers up to and with its time come due.
	ProcessingTime
)

// String returns the step on one line.
func (s Step) String() string {
	switch s.Kind {
	case Watermark:
		return fmt.Sprintf("watermark %d", s.Time)
	case ProcessingTime:
		return fmt.Sprintf("clock %d", s.Time)
	default:
		return fmt.Sprintf("row key=%d value=%d at %d", s.Row.Key, s.Row.Value, s.Time)
	}
}

// String returns the script, one step a line.
func (s Script) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v, %v, sideOutput=%t, clock %d\n", s.Spec, s.Function, s.SideOutput, s.Start)
	for i, step := range s.Steps {
		fmt.Fprintf(&b, "%3d %v\n", i, step)
	}
	return b.String()
}

// Shrink leaves out steps of a script as long as fails still reports true for the rest. fails must be true for the script itself.
func Shrink(s Script, fails func(Script) bool) Script {
	for n := len(s.Steps); n > 0; n /= 2 {
		for i := 0; i+n <= len(s.Steps); {
			shorter := s
			shorter.Steps = slices.Delete(slices.Clone(s.Steps), i, i+n)
			if fails(shorter) {
				s = shorter
			} else {
				i += n
			}
		}
	}
	return s
}
