package memory

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
)

func texts(n int) (values, want []string) {
	for i := range n {
		values = append(values, fmt.Sprintf("value %d", i))
	}
	return values, slices.Clone(values)
}

func TestSlice(t *testing.T) {
	for _, n := range []int{0, 1, 3, 40} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			values, want := texts(n)
			connectortest.TestSource(t, connectortest.SourceSuite[string]{
				New:          func(*testing.T) connector.Source[string] { return Slice(values) },
				Want:         want,
				WithinRecord: true,
			})
		})
	}
}

func TestValuesInOrder(t *testing.T) {
	r := connectortest.NewRun(t, Values(3, 1, 2), connectortest.RunOptions{})
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	if got := r.Values(); !slices.Equal(got, []int{3, 1, 2}) {
		t.Fatalf("got %v", got)
	}
}

func TestSeq(t *testing.T) {
	values, want := texts(40)
	connectortest.TestSource(t, connectortest.SourceSuite[string]{
		New: func(*testing.T) connector.Source[string] {
			return Seq(func() iter.Seq[string] { return slices.Values(values) })
		},
		Want:         want,
		WithinRecord: true,
	})
}

// A sequence that is not read to its end is ended all the same.
func TestSeqIsStopped(t *testing.T) {
	stopped := 0
	src := Seq(func() iter.Seq[int] {
		return func(yield func(int) bool) {
			defer func() { stopped++ }()
			for i := 0; yield(i); i++ {
			}
		}
	})
	r := connectortest.NewRun(t, src, connectortest.RunOptions{})
	if _, err := r.Until(10_000); err != nil {
		t.Fatal(err)
	}
	r.Cancel()
	if stopped != 1 {
		t.Fatalf("the sequence was stopped %d times", stopped)
	}
}

func TestSliceOfAnotherSize(t *testing.T) {
	r := connectortest.NewRun(t, Values(1, 2, 3, 4), connectortest.RunOptions{})
	if _, err := r.Until(1); err != nil {
		t.Fatal(err)
	}
	r = connectortest.NewRun(t, Values(1, 2), connectortest.RunOptions{From: r.Snapshot()})
	if err := r.Finish(); fault.CodeOf(err) != fault.TypeDecode {
		t.Fatalf("got %v", err)
	}
}

func TestSinkFunc(t *testing.T) {
	values, want := texts(10)
	connectortest.TestSink(t, connectortest.SinkSuite[string]{
		New: func(*testing.T) (connector.Sink[string], func() []string) {
			var got []string
			return SinkFunc(func(v string, _ int64) error {
				got = append(got, v)
				return nil
			}), func() []string { return slices.Clone(got) }
		},
		Records: values,
		Want:    want,
	})
}

func TestSinkFuncError(t *testing.T) {
	broken := errors.New("broken")
	w, err := SinkFunc(func(int, int64) error { return broken }).NewWriter(connectortest.NewWriterContext(0, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(1, eventtime.NoTimestamp); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
}

func TestDiscard(t *testing.T) {
	connectortest.TestSink(t, connectortest.SinkSuite[int]{
		New: func(*testing.T) (connector.Sink[int], func() []string) {
			return Discard[int](), func() []string { return nil }
		},
		Records: []int{1, 2, 3},
	})
}

func TestNilFunctions(t *testing.T) {
	for _, c := range []any{SinkFunc[int](nil), Seq[int](nil)} {
		if err := c.(connector.Checker).Check(t.Context()); fault.CodeOf(err) != fault.GraphNilFunction {
			t.Errorf("%T: got %v", c, err)
		}
	}
}
