package invariants

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

// message runs f and returns what it panicked with, or "".
func message(f func()) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprint(p)
		}
	}()
	f()
	return ""
}

// expect fails the test unless f panics with a message that holds want; in builds without assertions f must not panic.
func expect(t *testing.T, want string, f func()) {
	t.Helper()
	got := message(f)
	switch {
	case !Enabled && got != "":
		t.Errorf("panic %q in a build without assertions", got)
	case Enabled && !strings.Contains(got, want):
		t.Errorf("panic %q, want one with %q", got, want)
	case Enabled && want == "" && got != "":
		t.Errorf("unexpected panic %q", got)
	}
}

func TestCheck(t *testing.T) {
	expect(t, "", func() { Check(true, "fine") })
	expect(t, "3 readers, at most 1", func() { Check(false, "%d readers, at most %d", 3, 1) })
}

func TestCloseChecker(t *testing.T) {
	var c CloseChecker
	expect(t, "", c.AssertOpen)
	expect(t, "not closed", c.AssertClosed)
	expect(t, "", c.Close)
	expect(t, "", c.AssertClosed)
	expect(t, "TestCloseChecker", c.AssertOpen)
	expect(t, "TestCloseChecker", c.Close)
}

// TestFree shows that assertions cost nothing where they are off: no size, no allocation for boxed arguments.
func TestFree(t *testing.T) {
	if Enabled {
		t.Skip("assertions are on in this build")
	}
	if size := unsafe.Sizeof(CloseChecker{}); size != 0 {
		t.Errorf("CloseChecker takes %d bytes", size)
	}
	n := 1 << 20
	name := strings.Repeat("x", 3)
	if allocs := testing.AllocsPerRun(100, func() {
		n++
		Check(n < 0, "n is %d, name is %q", n, name)
	}); allocs != 0 {
		t.Errorf("Check allocates %v times", allocs)
	}
}
