package leak

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m) }

// straggler waits until it is released.
func straggler(release <-chan struct{}) { <-release }

func TestMainNamesTheGoroutine(t *testing.T) {
	release := make(chan struct{})
	passed := func() int { go straggler(release); return 0 }

	var out strings.Builder
	if code := run(passed, &out, 0, nil); code != 1 {
		t.Errorf("status %d with a goroutine left, want 1", code)
	}
	for _, want := range []string{"leak.straggler", "leak_test.go:", "created by"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &out)
		}
	}

	out.Reset()
	except := Except("github.com/weirstream/weir/internal/testkit/leak.straggler", "it is the subject of this test")
	if code := run(passed, &out, 0, []Exception{except}); code != 0 || out.Len() != 0 {
		t.Errorf("status %d with an excepted goroutine, want 0; it says %q", code, &out)
	}
	if code := run(func() int { return 3 }, &out, 0, nil); code != 3 || out.Len() != 0 {
		t.Errorf("status %d after tests that failed with 3; it says %q", code, &out)
	}
	close(release)
	if code := run(func() int { return 0 }, &out, Patience, nil); code != 0 {
		t.Errorf("status %d with nothing left: %s", code, &out)
	}
}

// recorder is a testing.TB that remembers errors and runs cleanups when told.
type recorder struct {
	testing.TB
	cleanups []func()
	errors   []string
}

func (r *recorder) Helper()          {}
func (r *recorder) Failed() bool     { return len(r.errors) > 0 }
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}
func (r *recorder) end() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
}

func TestCheck(t *testing.T) {
	early, release := make(chan struct{}), make(chan struct{})
	go straggler(early)
	defer close(early)

	clean := &recorder{TB: t}
	check(clean, Patience, nil)
	done := make(chan struct{})
	go straggler(done)
	clean.Cleanup(func() { time.AfterFunc(20*time.Millisecond, func() { close(done) }) })
	clean.end()
	if clean.Failed() {
		t.Errorf("a goroutine that ends in time, or was there before, is reported: %q", clean.errors)
	}

	leaky := &recorder{TB: t}
	check(leaky, 0, nil)
	go straggler(release)
	leaky.end()
	close(release)
	if len(leaky.errors) != 1 || strings.Count(leaky.errors[0], "created by") != 1 || !strings.Contains(leaky.errors[0], "leak.straggler") {
		t.Errorf("want one report with one goroutine, got %q", leaky.errors)
	}
}

func TestExceptNeedsReason(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an exception without a reason was accepted")
		}
	}()
	Except("some.function", "")
}
