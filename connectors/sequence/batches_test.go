package sequence

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/fault"
)

func numbered(o BatchOptions) connector.Source[string] {
	o.Open = func() (Filler, error) {
		return func(b *column.Batch, numbers []int64) error {
			b.Reset([]column.Form{column.Word})
			b.Cols[0].Reset(column.Word, len(numbers))
			copy(b.Cols[0].Ints(), numbers)
			b.N = len(numbers)
			return nil
		}, nil
	}
	return connectortest.Rows(Batches(o))
}

func texts(n int) (all []string) {
	for i := range n {
		all = append(all, strconv.Itoa(i))
	}
	return all
}

func TestBatchesSuite(t *testing.T) {
	for name, o := range map[string]BatchOptions{
		"fast":      {Count: 120, Rows: 10},
		"rated":     {Count: 60, Rows: 10, RatePerSecond: 1000},
		"slow":      {Count: 20, Rows: 10, RatePerSecond: 100},
		"none":      {Empty: true},
		"unbounded": {Rows: 10},
	} {
		t.Run(name, func(t *testing.T) {
			want := texts(int(o.Count))
			if name == "unbounded" {
				// Which numbers come first depends on the order of the readers; there is a test for one.
				run := connectortest.NewRun(t, numbered(o), connectortest.RunOptions{})
				if ok, err := run.Until(1000); !ok || err != nil || !slices.Equal(run.Values()[:1000], texts(1000)) {
					t.Errorf("%v, %v: %q", ok, err, run.Values())
				}
				return
			}
			connectortest.TestSource(t, connectortest.SourceSuite[string]{New: func(*testing.T) connector.Source[string] { return numbered(o) }, Want: want})
		})
	}
}

// TestBatchesMerged: whoever is restored with the shares of several readers makes the rows in order, also when one share is behind the others.
func TestBatchesMerged(t *testing.T) {
	o := BatchOptions{Count: 2000, Rows: 7}
	for seed := range uint64(10) {
		run := connectortest.NewRun(t, numbered(o), connectortest.RunOptions{Parallelism: 3, Seed: seed})
		if _, err := run.Until(700); err != nil {
			t.Fatal(err)
		}
		c := run.Snapshot()
		done := slices.Clone(run.Values())
		run.Cancel()
		run = connectortest.NewRun(t, numbered(o), connectortest.RunOptions{From: c})
		if err := run.Finish(); err != nil {
			t.Fatal(err)
		}
		last := -1
		for _, v := range run.Values() {
			n, err := strconv.Atoi(v)
			if err != nil || n <= last {
				t.Fatalf("seed %d: %s came behind %d", seed, v, last)
			}
			last = n
		}
		if len(done)+len(run.Values()) != 2000 {
			t.Fatalf("seed %d: %d rows and %d", seed, len(done), len(run.Values()))
		}
	}
}

// TestBatchesRate: after so much time as many rows as are due have come, of all readers together.
func TestBatchesRate(t *testing.T) {
	for _, parallelism := range []int{1, 2, 4} {
		run := connectortest.NewRun(t, numbered(BatchOptions{RatePerSecond: 2000}), connectortest.RunOptions{Parallelism: parallelism})
		before := 0
		for range 5 {
			if err := run.Advance(time.Second); err != nil {
				t.Fatal(err)
			}
			n := len(run.Values())
			if got := n - before; got < 1980 || got > 2020 {
				t.Errorf("parallelism %d: %d rows in a second", parallelism, got)
			}
			before = n
		}
		run.Cancel()
	}
}

func TestBatchesErrors(t *testing.T) {
	for i, o := range []BatchOptions{{}, {Count: -1}, {Rows: -1}, {RatePerSecond: -1}} {
		src := numbered(o)
		want := fault.OptionInvalid
		if i == 0 {
			src, want = connectortest.Rows(Batches(o)), fault.GraphNilFunction
		}
		if err := src.(connector.Checker).Check(t.Context()); fault.CodeOf(err) != want {
			t.Errorf("%d: %v", i, err)
		}
	}
	broken := BatchOptions{Count: 10, Open: func() (Filler, error) {
		return func(*column.Batch, []int64) error { return fault.New(fault.SourceFailed, "broken") }, nil
	}}
	run := connectortest.NewRun(t, Batches(broken), connectortest.RunOptions{})
	if err := run.Finish(); fault.CodeOf(err) != fault.SourceFailed {
		t.Error(err)
	}
}
