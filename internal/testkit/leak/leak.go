// Package leak fails tests that leave goroutines behind.
//
// Every package that may start goroutines has
//
//	func TestMain(m *testing.M) { leak.Main(m) }
//
// in its tests, which checks once at the end, and may call [Check] in single tests to learn which of them leaks. A goroutine that is
// about to end is waited for, up to [Patience]; what is still there is reported with its stack and the place that started it.
//
// A goroutine that cannot be ended, such as one of a library without Close, is excepted by name, with a reason: see [Except].
package leak

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Patience is how long a goroutine may take to end after the test that started it: long enough for a loaded machine under the
// race detector.
const Patience = 5 * time.Second

// Exception is a goroutine that is allowed to stay.
type Exception struct {
	option goleak.Option
}

// Except allows goroutines with the given function anywhere on their stack, as
// "github.com/twmb/franz-go/pkg/kgo.(*Client).reapConnectionsLoop". The reason says why it cannot be ended; without one Except
// panics.
func Except(function, reason string) Exception {
	if function == "" || reason == "" {
		panic(errors.New("leak.Except needs the name of a function and a reason"))
	}
	return Exception{option: goleak.IgnoreAnyFunction(function)}
}

// Main runs the tests of a package and exits: with their status if they failed, with 1 if they passed and left a goroutine behind.
func Main(m *testing.M, exceptions ...Exception) {
	os.Exit(run(m.Run, os.Stderr, Patience, exceptions))
}

// run is Main with its surroundings as arguments.
func run(tests func() int, stderr io.Writer, patience time.Duration, exceptions []Exception) int {
	code := tests()
	if code != 0 {
		return code // a test that failed may well have left something: the failure is the news
	}
	if err := find(patience, options(exceptions)); err != nil {
		fmt.Fprintf(stderr, "FAIL: goroutines left after all tests: %v\n", err)
		return 1
	}
	return 0
}

// Check fails t if goroutines that were not there when Check was called are still there when t has ended, with the cleanups that it
// registered after the call. A test that failed already is not checked. Check must not be used in tests that run in parallel with
// others, since it would blame t for their goroutines.
func Check(t testing.TB, exceptions ...Exception) {
	t.Helper()
	check(t, Patience, exceptions)
}

func check(t testing.TB, patience time.Duration, exceptions []Exception) {
	t.Helper()
	before := append(options(exceptions), goleak.IgnoreCurrent())
	t.Cleanup(func() {
		t.Helper()
		if t.Failed() {
			return
		}
		if err := find(patience, before); err != nil {
			t.Errorf("goroutines left: %v", err)
		}
	})
}

func options(exceptions []Exception) []goleak.Option {
	var opts []goleak.Option
	for _, e := range exceptions {
		opts = append(opts, e.option)
	}
	return opts
}

// find looks for goroutines until there are none or patience is over. One call of goleak.Find waits less than half a second, which
// is too little for a loaded machine.
func find(patience time.Duration, opts []goleak.Option) error {
	deadline := time.Now().Add(patience)
	for {
		err := goleak.Find(opts...)
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}
