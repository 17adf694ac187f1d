package print

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
)

func lines(b *bytes.Buffer) []string {
	var all []string
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		if _, rest, ok := strings.Cut(line, "> "); ok {
			line = rest
		}
		all = append(all, line)
	}
	return all
}

func TestSink(t *testing.T) {
	connectortest.TestSink(t, connectortest.SinkSuite[int]{
		New: func(*testing.T) (connector.Sink[int], func() []string) {
			var b bytes.Buffer
			return To[int](&b, Options{}), func() []string { return lines(&b) }
		},
		Records: []int{5, 6, 7, 8, 9},
		Want:    []string{"5", "6", "7", "8", "9"},
	})
}

type point struct{ X, Y int }

type named struct{ n int }

func (n named) String() string { return fmt.Sprintf("<%d>", n.n) }

type pointer struct{ n int }

func (p *pointer) String() string { return fmt.Sprint(p.n) }

type failure struct{}

func (failure) Error() string  { return "error text" }
func (failure) String() string { return "string text" }

func printed[T any](t *testing.T, v T, o Options, task, tasks int) string {
	t.Helper()
	var b bytes.Buffer
	w, err := To[T](&b, o).NewWriter(connectortest.NewWriterContext(task, tasks), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(v, eventtime.NoTimestamp); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 0 {
		t.Errorf("printed before Flush: %q", b.String())
	}
	if err := w.Flush(false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func sameAsFmt[T any](t *testing.T, v T) {
	t.Helper()
	if got, want := printed(t, v, Options{}, 0, 1), fmt.Sprintln(v); got != want {
		t.Errorf("%T: got %q, want %q", v, got, want)
	}
}

func TestText(t *testing.T) {
	sameAsFmt(t, "a text")
	sameAsFmt(t, -1)
	sameAsFmt(t, int8(-1))
	sameAsFmt(t, int32(-1))
	sameAsFmt(t, int64(-1))
	sameAsFmt(t, uint64(1))
	sameAsFmt(t, byte('x'))
	sameAsFmt(t, 1.5)
	sameAsFmt(t, 1e30)
	sameAsFmt(t, true)
	sameAsFmt(t, point{1, 2})
	sameAsFmt(t, &point{1, 2})
	sameAsFmt(t, named{1})
	sameAsFmt(t, &pointer{1})
	sameAsFmt(t, (*pointer)(nil))
	sameAsFmt(t, failure{})
	sameAsFmt(t, []int{1, 2})
	sameAsFmt(t, map[string]int{"b": 1, "a": 2})
	sameAsFmt(t, time.Minute)
	sameAsFmt(t, time.Unix(0, 0).UTC())
	sameAsFmt[any](t, nil)
	sameAsFmt[any](t, "x")
	sameAsFmt[fmt.Stringer](t, named{1})
}

func TestPrefix(t *testing.T) {
	for _, test := range []struct {
		label       string
		task, tasks int
		want        string
	}{
		{"", 0, 1, "v\n"},
		{"", 0, 2, "1> v\n"},
		{"", 1, 2, "2> v\n"},
		{"out", 0, 1, "out> v\n"},
		{"out", 1, 2, "out:2> v\n"},
	} {
		if got := printed(t, "v", Options{Label: test.label}, test.task, test.tasks); got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
}

// The race detector watches the buffer, which is written under the sink's lock alone.
func TestLinesDoNotMix(t *testing.T) {
	var b bytes.Buffer
	s := To[string](&b, Options{})
	var tasks sync.WaitGroup
	for k := range 4 {
		w, err := s.NewWriter(connectortest.NewWriterContext(k, 4), nil)
		if err != nil {
			t.Fatal(err)
		}
		tasks.Go(func() {
			for i := range 20_000 {
				if err := w.Write(strings.Repeat(string(rune('a'+k)), 10), 0); err != nil {
					t.Error(err)
				}
				if i%1000 == 0 {
					if err := w.Flush(false); err != nil {
						t.Error(err)
					}
				}
			}
			if err := w.Flush(true); err != nil {
				t.Error(err)
			}
		})
	}
	tasks.Wait()
	n := 0
	for line := range strings.Lines(b.String()) {
		n++
		k := line[0] - '1'
		if want := fmt.Sprintf("%d> %s\n", k+1, strings.Repeat(string(rune('a'+k)), 10)); line != want {
			t.Fatalf("line %d is %q", n, line)
		}
	}
	if n != 80_000 {
		t.Fatalf("%d lines", n)
	}
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

func TestErrors(t *testing.T) {
	cause := errors.New("no paper")
	w, err := To[int](broken{cause}, Options{}).NewWriter(connectortest.NewWriterContext(0, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(1, 0); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(false); fault.CodeOf(err) != fault.SinkFailed || !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	if err := To[int](nil, Options{}).(connector.Checker).Check(t.Context()); fault.CodeOf(err) != fault.OptionInvalid {
		t.Errorf("got %v", err)
	}
}

// Nothing is allocated per record.
func BenchmarkPrint(b *testing.B) {
	w, err := To[string](discard{}, Options{}).NewWriter(connectortest.NewWriterContext(1, 2), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write("a line of some length", 0); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
