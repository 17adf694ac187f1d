package jobmanager

import (
	"fmt"
	"strings"
)

// maxSuppressed bounds how many failures are kept beside the first: a thousand tasks that lose the same peer fail a thousand times.
const maxSuppressed = 8

// Failure is the error of a job that failed. It unwraps to the first failure alone, so that code, operator and stack are those of the
// cause.
type Failure struct {
	// Cause is the first failure.
	Cause error
	// Suppressed are failures that came after it, while the job was being taken down, in the order they came; at most eight.
	Suppressed []error
	// More counts those that came after these.
	More int
	// Before are the failures that the job was begun anew after, the oldest first. Forgotten counts those that are older still.
	Before    []Exception
	Forgotten int
}

// Error returns the cause, then a line for each other failure, and one for each of those before, of which equal ones are told once.
func (f *Failure) Error() string {
	if len(f.Suppressed) == 0 && len(f.Before) == 0 && f.Forgotten == 0 {
		return f.Cause.Error()
	}
	var b strings.Builder
	b.WriteString(f.Cause.Error())
	for _, err := range f.Suppressed {
		fmt.Fprintf(&b, "\n  also: %v", err)
	}
	if f.More > 0 {
		fmt.Fprintf(&b, "\n  and %d more", f.More)
	}
	for i := len(f.Before) - 1; i >= 0; {
		last := f.Before[i]
		text, first := last.Err.Error(), last.Attempt
		for i--; i >= 0 && f.Before[i].Err.Error() == text; i-- {
			first = f.Before[i].Attempt
		}
		if first == last.Attempt {
			fmt.Fprintf(&b, "\n  before, attempt %d: %s", first, text)
		} else {
			fmt.Fprintf(&b, "\n  before, attempts %d to %d: %s", first, last.Attempt, text)
		}
	}
	if f.Forgotten > 0 {
		fmt.Fprintf(&b, "\n  and %d failures before these", f.Forgotten)
	}
	return b.String()
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }

func (f *Failure) add(err error) {
	if len(f.Suppressed) == maxSuppressed {
		f.More++
		return
	}
	f.Suppressed = append(f.Suppressed, err)
}
