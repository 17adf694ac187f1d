package connectortest

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/connector"
)

// store is the world that the processes of a job share: transactions by name, and what was committed.
type store struct {
	staged    map[string][]int
	committed map[string]bool
	visible   []int
	names     int
}

// flaws are the defects that a storeSink can have.
type flaws struct {
	commitTwice      bool // committing again doubles
	commitOnce       bool // committing again fails
	early            bool // visible when prepared
	earlyFlush       bool // visible when flushed
	forgetState      bool // what a writer retains is not in its state
	firstState       bool // of several states, one is restored
	memory           bool // what is prepared is in the process, and not in the store
	skipFirst        bool // only the last committable counts
	publishStaged    bool // a commit publishes whatever is staged
	reuseNames       bool // names begin anew with each writer
	noFinalFlush     bool // what is retained is not prepared at the end
	leave            bool // what a crash left is not removed
	changeOnSnapshot bool // a snapshot empties the writer
}

// storeSink is a sink in two phases that retains odd records in its state until the next checkpoint, if told to.
type storeSink struct {
	st      *store
	f       flaws
	retains bool
	// local is what the process knows.
	local map[string][]int
}

type storeWriter struct {
	s    *storeSink
	name string
	next int
	buf  []int
	held []int
	end  bool
}

func (s *storeSink) NewWriter(ctx connector.WriterContext, restored [][]byte) (connector.Writer[int], error) {
	w := &storeWriter{s: s}
	for i, b := range restored {
		name, rest, _ := strings.Cut(string(b), ":")
		next, n := binary.Uvarint([]byte(rest))
		for key := range maps.Clone(s.st.staged) {
			var k int
			if prefix, number, ok := strings.Cut(key, "/"); ok && prefix == name && !s.f.leave {
				if _, err := fmt.Sscan(number, &k); err == nil && k >= int(next) {
					delete(s.st.staged, key)
				}
			}
		}
		if w.name == "" {
			w.name, w.next = name, int(next)
		}
		if s.f.firstState && i > 0 {
			continue
		}
		for rest = rest[n:]; rest != ""; rest = rest[n:] {
			var v uint64
			v, n = binary.Uvarint([]byte(rest))
			w.held = append(w.held, int(v))
		}
	}
	if w.name == "" {
		s.st.names++
		w.name = fmt.Sprint("w", s.st.names)
	}
	if s.f.reuseNames {
		w.name, w.next = fmt.Sprint("w", ctx.Subtask()), 0
	}
	return w, nil
}

func (w *storeWriter) Write(v int, _ int64) error {
	w.buf = append(w.buf, v)
	return nil
}

func (w *storeWriter) Flush(end bool) error {
	w.end = end
	if w.s.f.earlyFlush {
		w.s.st.visible = append(w.s.st.visible, w.buf...)
		w.buf = nil
	}
	return nil
}

func (w *storeWriter) PrepareCommit() ([]connector.Committable, error) {
	out := w.buf
	w.buf = nil
	if w.s.retains {
		fresh := out
		out, w.held = w.held, nil
		for _, v := range fresh {
			if v%2 == 1 && (!w.end || w.s.f.noFinalFlush) {
				w.held = append(w.held, v)
			} else {
				out = append(out, v)
			}
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	key := fmt.Sprint(w.name, "/", w.next)
	w.next++
	switch {
	case w.s.f.early:
		w.s.st.visible = append(w.s.st.visible, out...)
		return nil, nil
	case w.s.f.memory:
		w.s.local[key] = out
	default:
		w.s.st.staged[key] = out
	}
	return []connector.Committable{connector.Committable(key)}, nil
}

func (w *storeWriter) SnapshotState(int64) ([][]byte, error) {
	b := binary.AppendUvarint([]byte(w.name+":"), uint64(w.next))
	if !w.s.f.forgetState {
		for _, v := range w.held {
			b = binary.AppendUvarint(b, uint64(v))
		}
	}
	if w.s.f.changeOnSnapshot {
		w.held = nil
	}
	return [][]byte{b}, nil
}

func (w *storeWriter) Close() error { return nil }

func (s *storeSink) NewCommitter(connector.WriterContext) (connector.Committer, error) {
	return storeCommitter{s}, nil
}

type storeCommitter struct{ s *storeSink }

func (c storeCommitter) Commit(_ context.Context, cs []connector.Committable) error {
	st := c.s.st
	if c.s.f.skipFirst {
		cs = cs[len(cs)-1:]
	}
	for _, b := range cs {
		key := string(b)
		if c.s.f.publishStaged {
			for _, key := range slices.Sorted(maps.Keys(st.staged)) {
				st.publish(key)
			}
		}
		if c.s.f.commitOnce && st.committed[key] {
			return fmt.Errorf("no transaction %s", key)
		}
		if vs, ok := c.s.local[key]; ok {
			st.staged[key] = vs
			delete(c.s.local, key)
		}
		if c.s.f.commitTwice && st.committed[key] {
			st.visible = append(st.visible, 0)
		}
		st.publish(key)
	}
	return nil
}

func (c storeCommitter) Close() error { return nil }

func (st *store) publish(key string) {
	st.visible = append(st.visible, st.staged[key]...)
	delete(st.staged, key)
	st.committed[key] = true
}

func storeSuite(f flaws, retains bool) TwoPhaseSuite[int] {
	return TwoPhaseSuite[int]{
		New: func(testing.TB) TwoPhase[int] {
			st := &store{staged: map[string][]int{}, committed: map[string]bool{}}
			return TwoPhase[int]{
				Sink: func() connector.CommittingSink[int] {
					return &storeSink{st: st, f: f, retains: retains, local: map[string][]int{}}
				},
				Read:      func() ([]int, error) { return st.visible, nil },
				Leftovers: func() []string { return slices.Collect(maps.Keys(st.staged)) },
			}
		},
		Record:  func(i int) int { return i },
		Retains: retains,
	}
}

func TestTwoPhaseOfAGoodSink(t *testing.T) {
	t.Run("prepares all", func(t *testing.T) { TestTwoPhase(t, storeSuite(flaws{}, false)) })
	t.Run("retains", func(t *testing.T) { TestTwoPhase(t, storeSuite(flaws{}, true)) })
}

// Each defect is found within the runs that a suite makes by itself, and called what it is.
func TestTwoPhaseFindsDefects(t *testing.T) {
	for _, test := range []struct {
		name    string
		f       flaws
		retains bool
		want    []string
	}{
		{"commit doubles", flaws{commitTwice: true}, false, []string{"is visible twice"}},
		{"commit again fails", flaws{commitOnce: true}, false, []string{"no transaction"}},
		{"visible when prepared", flaws{early: true}, false, []string{"is visible before it was committed"}},
		{"visible when flushed", flaws{earlyFlush: true}, false, []string{"is visible before it was committed"}},
		{"state forgotten", flaws{forgetState: true}, true, []string{"was committed and is not visible"}},
		{"state changed by a snapshot", flaws{changeOnSnapshot: true}, true, []string{"was committed and is not visible"}},
		{"one of several states", flaws{firstState: true}, true, []string{"was committed and is not visible"}},
		{"all is retained, and nobody may know", flaws{}, true, nil},
		{"prepared in memory", flaws{memory: true}, false, []string{"was committed and is not visible"}},
		{"committables ignored", flaws{skipFirst: true}, false, []string{"was committed and is not visible"}},
		{"output of the dead", flaws{publishStaged: true}, false, []string{"is visible before it was committed", "is visible twice"}},
		{"names used again", flaws{reuseNames: true}, false, []string{"was committed and is not visible", "is visible before it was committed", "is visible twice"}},
		{"no flush at the end", flaws{noFinalFlush: true}, true, []string{"was committed and is not visible"}},
		{"leftovers", flaws{leave: true}, false, []string{"left behind"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			suite := storeSuite(test.f, test.retains)
			found := 0
			for seed := range uint64(200) {
				said := judgedRun(t.Context(), suite, seed)
				if said == "" {
					continue
				}
				found++
				if !slices.ContainsFunc(test.want, func(w string) bool { return strings.Contains(said, w) }) {
					t.Fatalf("seed %d: got %s", seed, said)
				}
			}
			t.Logf("%d of 200 runs find it", found)
			if len(test.want) > 0 && found == 0 {
				t.Error("no run finds it")
			}
		})
	}
	t.Run("what is retained is missing without Retains", func(t *testing.T) {
		suite := storeSuite(flaws{}, true)
		suite.Retains = false
		if said := judgedRun(t.Context(), suite, 1); !strings.Contains(said, "was committed and is not visible") {
			t.Errorf("got %q", said)
		}
	})
}

// contextJudge is a judge with a context.
type contextJudge struct {
	judge
	ctx context.Context
}

func (j *contextJudge) Context() context.Context { return j.ctx }

func judgedRun(ctx context.Context, s TwoPhaseSuite[int], seed uint64) string {
	j := &contextJudge{ctx: ctx}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.run(j, seed)
	}()
	<-done
	return strings.Join(j.said, "\n")
}

// A run is the same each time.
func TestTwoPhaseSeeds(t *testing.T) {
	suite := storeSuite(flaws{commitTwice: true}, false)
	for seed := range uint64(20) {
		if a, b := judgedRun(t.Context(), suite, seed), judgedRun(t.Context(), suite, seed); a != b {
			t.Fatalf("seed %d: %s\nand then: %s", seed, a, b)
		}
	}
}
