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
}

// Error returns the cause, then a line for each other failure.
func (f *Failure) Error() string {
	if len(f.Suppressed) == 0 {
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
