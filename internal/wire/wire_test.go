package wire

import (
	"errors"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
)

// overWire sends m through its encoding.
func overWire[M proto.Message](t *testing.T, m, into M) M {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	if err := proto.Unmarshal(b, into); err != nil {
		t.Fatalf("unmarshal: %v", err)
	}
	return into
}

func TestFailureRoundTrip(t *testing.T) {
	full := fault.New(fault.SourceFileCorrupt, "unexpected end").WithOperator("Source: lines", 3).WithPlace("words.txt.gz:17").WithStack("goroutine 1")
	inner := fault.New(fault.SinkFileWrite, "no space").WithOperator("Sink: out", 1).WithPlace("/out/a").WithStack("stack of the sink")
	for _, tc := range []struct {
		name string
		err  error
		// want is the text after the trip; "" means unchanged.
		want string
	}{
		{name: "all fields", err: full},
		{name: "code alone", err: fault.New(fault.JobMismatch, "hash 1, not 2")},
		{name: "operator without subtask", err: fault.New(fault.SourceGlob, "[a").WithOperator("files", 0)},
		{name: "no code", err: errors.New("boom"), want: `function.error: boom`},
		{name: "wrapped", err: fmt.Errorf("opening: %w", fault.New(fault.SourceFileMissing, "a.txt")),
			want: "source.file-missing: opening: a.txt (check the path)"},
		{name: "marks of an inner error", err: fault.New(fault.SinkFailed, "closing: %w", inner),
			want: fault.New(fault.SinkFailed, "closing: %w", inner).WithOperator("Sink: out", 1).WithPlace("/out/a").Error()},
		{name: "not UTF-8", err: errors.New("bad \xff byte"), want: "function.error: bad \uFFFD byte"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := overWire(t, FromError(tc.err), new(Failure)).Err()
			want := tc.want
			if want == "" {
				want = tc.err.Error()
			}
			if got.Error() != want {
				t.Errorf("text:\n got %s\nwant %s", got, want)
			}
			if c := fault.CodeOf(tc.err); c != "" && fault.CodeOf(got) != c {
				t.Errorf("code %q, want %q", fault.CodeOf(got), c)
			}
			if fault.StackOf(got) != fault.StackOf(tc.err) {
				t.Errorf("stack %q, want %q", fault.StackOf(got), fault.StackOf(tc.err))
			}
			gotOp, gotSub := fault.OperatorOf(got)
			if op, sub := fault.OperatorOf(tc.err); op != gotOp || sub != gotSub {
				t.Errorf("operator %q/%d, want %q/%d", gotOp, gotSub, op, sub)
			}
			// A second trip changes nothing more.
			if again := FromError(got).Err(); again.Error() != got.Error() {
				t.Errorf("second trip: %s", again)
			}
		})
	}
}

func TestNoFailure(t *testing.T) {
	if FromError(nil) != nil {
		t.Error("nil became a failure")
	}
	if err := (*Failure)(nil).Err(); err != nil {
		t.Errorf("no failure became %v", err)
	}
	if got := fault.CodeOf((&Failure{Message: "x"}).Err()); got != fault.FunctionError {
		t.Errorf("a failure without code got %q", got)
	}
}

func TestAttemptRoundTrip(t *testing.T) {
	id := base.AttemptID{Subtask: base.SubtaskID{Vertex: 2, Index: 7}, Attempt: 3}
	got := overWire(t, FromAttempt("job-1", id), new(Attempt))
	if got.ID() != id || got.JobID() != "job-1" {
		t.Errorf("got %v of %q", got.ID(), got.JobID())
	}
	if (*Attempt)(nil).ID() != (base.AttemptID{}) {
		t.Error("a missing attempt names one")
	}
}

func TestSplitsRoundTrip(t *testing.T) {
	in := []connector.Split{{ID: "a", State: []byte{1, 2}}, {ID: "b"}}
	out := ToSplits(FromSplits(in))
	if len(out) != 2 || out[0].ID != "a" || string(out[0].State) != "\x01\x02" || out[1].ID != "b" || out[1].State != nil {
		t.Errorf("got %v", out)
	}
	if got := ToSplits(nil); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestMergeAccumulators(t *testing.T) {
	part := func(values ...float64) *Accumulator {
		a := &Accumulator{Name: "n", Kind: "histogram", Buckets: map[int64]int64{}}
		for _, v := range values {
			a.Merge(&Accumulator{Count: 1, Sum: v, Min: v, Max: v, Buckets: map[int64]int64{int64(v): 1}})
		}
		return a
	}
	// Every way to cut the values into two parts gives the same whole, empty parts included.
	values := []float64{5, -3, 0, 5, 8}
	want := part(values...)
	if want.Count != 5 || want.Sum != 15 || want.Min != -3 || want.Max != 8 || want.Buckets[5] != 2 {
		t.Fatalf("whole: %v", want)
	}
	for cut := range len(values) + 1 {
		got, other := part(values[:cut]...), part(values[cut:]...)
		before := other.Clone()
		got.Merge(other)
		if !proto.Equal(got, want) {
			t.Errorf("cut at %d: got %v, want %v", cut, got, want)
		}
		if !proto.Equal(other, before) {
			t.Errorf("cut at %d: the argument was changed to %v", cut, other)
		}
		got.Buckets[5] = 100
		if other.Buckets[5] == 100 {
			t.Errorf("cut at %d: buckets are shared", cut)
		}
	}
}
