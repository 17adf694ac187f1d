package connectortest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/weirstream/weir/connector"
)

// SinkSuite says what [TestSink] is to test.
type SinkSuite[T any] struct {
	// New makes a sink, and a function that returns what others see of its output, one text for each record, in any order. It is called for each test and must
	// begin with no output.
	New func(t *testing.T) (sink connector.Sink[T], visible func() []string)
	// Records are what is written; Want is what is then visible, in any order.
	Records []T
	Want    []string
	// Leftovers, unless nil, returns what the sink of the last New has stored and nobody sees.
	Leftovers func() []string
}

// TestSink checks a sink against the contract: that what was written is visible after it was flushed at the end or, for a sink in two phases, committed, exactly once,
// however it is cut by checkpoints; and for the latter that nothing is visible before, that committing again changes nothing, and that a
// writer that is closed early leaves nothing.
func TestSink[T any](t *testing.T, s SinkSuite[T]) {
	slices.Sort(s.Want)
	for p := 1; p <= 3; p++ {
		t.Run(fmt.Sprintf("parallelism=%d", p), func(t *testing.T) {
			for _, cuts := range []int{0, 1, 3} {
				s.testComplete(t, p, cuts)
			}
		})
	}
	t.Run("nothing", func(t *testing.T) {
		sink, visible := s.New(t)
		w := NewWriters(t, sink, 2)
		if c, ok := sink.(connector.CommittingSink[T]); ok {
			s.commit(t, c, w.Prepare(true))
		} else {
			w.Flush(true)
		}
		w.Close()
		compare(t, visible(), nil)
	})
	t.Run("early close", s.testEarlyClose)
	t.Run("commit again", s.testCommitAgain)
}

// testComplete writes all records, with so many checkpoints in between.
func (s SinkSuite[T]) testComplete(t *testing.T, parallelism, cuts int) {
	t.Helper()
	sink, visible := s.New(t)
	w := NewWriters(t, sink, parallelism)
	committing, _ := sink.(connector.CommittingSink[T])
	rest := s.Records
	for i := range cuts + 1 {
		n := len(rest) / (cuts + 1 - i)
		w.Write(rest[:n]...)
		rest = rest[n:]
		end := i == cuts
		if committing == nil {
			w.Flush(end)
			continue
		}
		before := len(visible())
		committables := w.Prepare(end)
		if now := len(visible()); now != before {
			t.Fatalf("%d records became visible before they were committed", now-before)
		}
		s.commit(t, committing, committables)
	}
	w.Close()
	compare(t, visible(), s.Want)
	s.noLeftovers(t)
}

func (s SinkSuite[T]) commit(t *testing.T, sink connector.CommittingSink[T], committables []connector.Committable) {
	t.Helper()
	c, err := sink.NewCommitter(NewWriterContext(0, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Commit(t.Context(), committables); err != nil {
		t.Fatalf("commit: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatalf("close of the committer: %v", err)
	}
}

func (s SinkSuite[T]) testEarlyClose(t *testing.T) {
	sink, visible := s.New(t)
	if _, ok := sink.(connector.CommittingSink[T]); !ok {
		t.Skip("the sink has one phase")
	}
	w := NewWriters(t, sink, 2)
	w.Write(s.Records...)
	w.Flush(false)
	w.Close()
	compare(t, visible(), nil)
	s.noLeftovers(t)
}

func (s SinkSuite[T]) testCommitAgain(t *testing.T) {
	sink, visible := s.New(t)
	c, ok := sink.(connector.CommittingSink[T])
	if !ok {
		t.Skip("the sink has one phase")
	}
	w := NewWriters(t, sink, 2)
	half := len(s.Records) / 2
	w.Write(s.Records[:half]...)
	first := w.Prepare(false)
	s.commit(t, c, first)
	w.Write(s.Records[half:]...)
	second := w.Prepare(true)
	// As after a crash: a new committer is given what was committed and what was not.
	s.commit(t, c, slices.Concat(first, second))
	compare(t, visible(), s.Want)
	for range 2 {
		s.commit(t, c, slices.Concat(second, first))
		compare(t, visible(), s.Want)
	}
	w.Close()
	compare(t, visible(), s.Want)
	s.noLeftovers(t)
}

func (s SinkSuite[T]) noLeftovers(t *testing.T) {
	t.Helper()
	if s.Leftovers == nil {
		return
	}
	if left := s.Leftovers(); len(left) > 0 {
		t.Fatalf("left behind: %q", left)
	}
}
