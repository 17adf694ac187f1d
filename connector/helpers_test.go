package connector

import (
	"fmt"
	"slices"
	"testing"

	"github.com/weirstream/weir/fault"
)

func TestSplitsEncoding(t *testing.T) {
	for _, splits := range [][]Split{nil, {{}}, {{ID: "a"}, {ID: "b", State: []byte{0, 1, 2}}}} {
		b := AppendSplits([]byte("before"), splits)
		b = append(b, "behind"...)
		got, rest, err := DecodeSplits(b[len("before"):])
		if err != nil || string(rest) != "behind" {
			t.Fatalf("got %v, %q", err, rest)
		}
		if !slices.EqualFunc(got, splits, func(a, b Split) bool { return a.ID == b.ID && string(a.State) == string(b.State) }) {
			t.Errorf("got %v, want %v", got, splits)
		}
		b = AppendSplits(nil, splits)
		for n := range b {
			if _, _, err := DecodeSplits(b[:n]); fault.CodeOf(err) != fault.TypeDecode {
				t.Errorf("cut to %d bytes: got %v", n, err)
			}
		}
	}
}

func FuzzDecodeSplits(f *testing.F) {
	f.Add(AppendSplits(nil, []Split{{ID: "a", State: []byte("state")}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		splits, rest, err := DecodeSplits(b)
		if err != nil {
			return
		}
		again, _, err := DecodeSplits(AppendSplits(nil, splits))
		if err != nil || len(again) != len(splits) || len(rest) > len(b) {
			t.Fatalf("%v: %v", err, again)
		}
	})
}

// assignments is the context of an enumerator, and keeps what it assigns.
type assignments struct {
	EnumeratorContext
	parallelism int
	got         []string
}

func (a *assignments) Parallelism() int { return a.parallelism }

func (a *assignments) Assign(subtask int, splits ...Split) {
	for _, s := range splits {
		a.got = append(a.got, fmt.Sprintf("%s to %d", s.ID, subtask))
	}
}

func (a *assignments) NoMoreSplits(subtask int) {
	a.got = append(a.got, fmt.Sprintf("end to %d", subtask))
}

func TestFixedSplits(t *testing.T) {
	start := func(parallelism int, restored []byte) (Enumerator, *assignments) {
		ctx := &assignments{parallelism: parallelism}
		e, err := FixedSplits(ctx, restored, func(n int) []Split {
			return []Split{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "d"}}[:n]
		})
		if err != nil {
			t.Fatal(err)
		}
		return e, ctx
	}
	check := func(e Enumerator, ctx *assignments, subtask int, want ...string) {
		t.Helper()
		ctx.got = nil
		if err := e.AddReader(subtask); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(ctx.got, want) {
			t.Errorf("got %q, want %q", ctx.got, want)
		}
	}
	e, ctx := start(4, nil)
	check(e, ctx, 1, "b to 1", "end to 1")
	// The reader fails, and comes again.
	check(e, ctx, 1, "end to 1")
	if err := e.AddSplitsBack([]Split{{ID: "b"}}, 1); err != nil {
		t.Fatal(err)
	}
	check(e, ctx, 1, "b to 1", "end to 1")
	check(e, ctx, 3, "d to 3", "end to 3")

	state, err := e.Snapshot(1)
	if err != nil {
		t.Fatal(err)
	}
	e, ctx = start(1, state)
	check(e, ctx, 0, "a to 0", "c to 0", "end to 0")
	if state, err = e.Snapshot(1); err != nil || state == nil {
		t.Fatalf("got %v, %v", state, err)
	}
	e, ctx = start(2, state)
	check(e, ctx, 0, "end to 0")
	check(e, ctx, 1, "end to 1")
}
