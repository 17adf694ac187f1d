package task

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/operator"
)

// notes is an operator that notes what it is given, and where its state is taken.
type notes struct {
	operator.Base
	ctx    *operator.Context
	values []int
	marks  []int64
	cut    int // how many values came before the checkpoint, -1 before it
	on     func()
	frozen func()
	// inParts has the next watermark be worked off in two parts, between which it is called.
	inParts func()
}

func (n *notes) New(ctx *operator.Context, _ operator.Wiring) (operator.Instance, error) {
	n.ctx = ctx
	return n, nil
}

func (n *notes) Inputs() []any {
	return []any{operator.ValuePort(func(v int, _ int64) {
		n.values = append(n.values, v)
		if n.on != nil {
			n.on()
		}
	})}
}

func (n *notes) Watermark(w int64) bool {
	n.marks = append(n.marks, w)
	if n.inParts != nil {
		n.inParts()
		return true
	}
	return false
}

func (n *notes) Checkpoint(int64, bool) (operator.Part, error) {
	n.cut = len(n.values)
	if n.frozen != nil {
		n.frozen()
	}
	return operator.Part{}, nil
}

// noting is a world whose operator notes, and which takes checkpoints.
func noting(t *testing.T, channels int, n *notes, kept storage.Storage, restore *manifest.TaskState, limit int64) *world {
	t.Helper()
	n.cut = -1
	return worldOf(t, channels, n, func(c *Config) {
		c.Checkpoints, c.Restore = CheckpointConfig{Storage: kept, Inline: 64, InFlight: limit}, restore
	})
}

// barrier pushes one.
func (w *world) barrier(channel int, id int64, timeout time.Duration) {
	w.gate.Channel(channel).Push(operator.Element{Kind: operator.Barrier, Checkpoint: id, Unaligned: true, AlignedTimeout: timeout})
}

// Records lie in channels before barriers, some are taken first, some channels end, the time to align is none or some. Of each channel the operator's state has what it was given before the checkpoint, and the checkpoint has the rest in order;
// a task that is restored from it is given just that, before what comes from the gate.
func TestUnalignedAtRandom(t *testing.T) {
	inFlight, all := 0, 0
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 7))
		channels := 1 + rng.IntN(3)
		timeout := time.Duration(rng.IntN(3)) * time.Millisecond
		kept := storage.NewMemory()
		n := &notes{}
		w := noting(t, channels, n, kept, nil, 0)
		n.on = func() {
			if rng.IntN(3) == 0 {
				w.task.OutputFull() // the chunk is left where it is
			}
		}
		w.task.Start()
		run := func() {
			if rng.IntN(3) > 0 {
				return
			}
			for end := w.sim.Steps() + rng.Int64N(6); w.sim.Steps() < end; {
				if err := w.sim.Run(func() bool { return w.sim.Steps() >= end }); err != nil {
					return // there is nothing to do
				}
			}
		}
		before := make([][]int, channels)
		next := 0
		some := func(i int, note bool) {
			for range rng.IntN(4) {
				var what []int
				for range 1 + rng.IntN(3) {
					next++
					v := next*10 + i
					what = append(what, v)
					if note {
						before[i] = append(before[i], v)
					}
				}
				w.send(t, i, what...)
				run()
			}
		}
		for _, i := range rng.Perm(channels) {
			some(i, true)
		}
		ended := rng.IntN(channels + 1)
		if channels == 1 {
			ended = 1
		}
		for _, i := range rng.Perm(channels) {
			some(i, true)
			if i == ended {
				w.gate.Channel(i).Push(operator.Element{Kind: operator.End})
			} else {
				w.barrier(i, 1, timeout)
				some(i, false)
			}
			run()
		}
		w.settle(t)
		if len(w.listener.acks) != 1 || w.listener.err != nil {
			t.Fatalf("seed %d: %d acknowledgments, %v", seed, len(w.listener.acks), w.listener.err)
		}
		for i, want := range before {
			got := ofChannel(n.values[:n.cut], i)
			if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
				t.Fatalf("seed %d, channel %d: the state has %v, the channel had %v", seed, i, got, want)
			}
		}
		state, err := manifest.DecodeTask(w.listener.acked[0])
		if err != nil {
			t.Fatal(err)
		}
		m := &notes{}
		again := noting(t, channels, m, kept, state, 0)
		for i := range channels {
			again.send(t, i, 1_000_000+i)
		}
		again.task.Start()
		again.settle(t)
		if again.listener.err != nil {
			t.Fatalf("seed %d: %v", seed, again.listener.err)
		}
		replayed := m.values[:len(m.values)-channels]
		for i, want := range before {
			got := append(ofChannel(n.values[:n.cut], i), ofChannel(replayed, i)...)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, channel %d: state and checkpoint have %v, the channel had %v", seed, i, got, want)
			}
		}
		inFlight += len(replayed)
		all += len(slices.Concat(before...))
	}
	if inFlight < all/10 || inFlight > all*9/10 {
		t.Errorf("%d of %d records were on their way", inFlight, all)
	}
}

func ofChannel(values []int, channel int) (some []int) {
	for _, v := range values {
		if v%10 == channel {
			some = append(some, v)
		}
	}
	return some
}

// Watermarks go on: those that had come out of a channel, of which one may have been worked off in part, and those among the records on their way.
func TestUnalignedWatermarks(t *testing.T) {
	for _, c := range []struct {
		second  int // watermark of the second channel, at first
		inParts bool
		before  []int64 // what the task has begun to work off when the state is taken
		behind  []int64 // what the restored one works off
	}{
		{50, false, nil, []int64{50}},
		{150, false, nil, []int64{100, 150}},
		{150, true, []int64{100}, []int64{100, 150}},
	} {
		kept, n := storage.NewMemory(), &notes{}
		w := noting(t, 2, n, kept, nil, 0)
		w.task.Start()
		w.send(t, 1, -c.second)
		w.settle(t)
		push := func() {
			n.on, n.inParts = nil, nil
			w.barrier(0, 1, 0)
		}
		if c.inParts {
			n.inParts = push
		} else {
			n.on = push
		}
		w.send(t, 0, 10, -100, 20, -200, 30)
		var before []int64
		n.frozen = func() { before = slices.Clone(n.marks) }
		w.settle(t)
		w.barrier(1, 1, 0)
		w.settle(t)
		state, err := manifest.DecodeTask(w.listener.acked[0])
		if err != nil {
			t.Fatal(err)
		}
		m := &notes{}
		again := noting(t, 2, m, kept, state, 0)
		again.task.Start()
		again.settle(t)
		if n.cut != 1 || !slices.Equal(before, c.before) || !slices.Equal(m.values, []int{20, 30}) || !slices.Equal(m.marks, c.behind) {
			t.Errorf("%+v: the state was taken behind %d records and the watermarks %d; restored: %v, %d", c, n.cut, before, m.values, m.marks)
		}
	}
}

// More on its way than the limit: the checkpoint is declined, and the stream goes on, as does the next checkpoint.
func TestInFlightLimit(t *testing.T) {
	kept, n := storage.NewMemory(), &notes{}
	w := noting(t, 2, n, kept, nil, 20)
	for i := range 50 {
		w.send(t, 0, i*10)
	}
	w.barrier(0, 1, 0)
	w.task.Start()
	w.settle(t)
	if len(w.listener.declined) != 1 || fault.CodeOf(w.listener.declined[0]) != fault.CheckpointDeclined {
		t.Fatalf("declined: %v", w.listener.declined)
	}
	w.barrier(1, 1, 0)
	w.settle(t)
	if len(w.listener.acks) != 0 || len(n.values) != 50 {
		t.Errorf("%d acknowledgments, %d records", len(w.listener.acks), len(n.values))
	}
	w.barrier(0, 2, 0)
	w.barrier(1, 2, 0)
	w.settle(t)
	if fmt.Sprint(w.listener.acks) != "[2]" {
		t.Errorf("acknowledged: %v", w.listener.acks)
	}
}

// An aligned timeout runs from the first announcement: a task that gets all barriers in time has nothing on its way, and one that does not passes the barrier on when it is over.
func TestAlignedTimeout(t *testing.T) {
	kept, n := storage.NewMemory(), &notes{}
	w := noting(t, 2, n, kept, nil, 0)
	w.task.Start()
	w.barrier(0, 1, time.Second)
	w.send(t, 0, 10)
	if err := w.sim.Advance(time.Second - 1); err != nil || n.cut >= 0 || len(n.values) != 0 {
		t.Fatalf("the state was taken at %d, a held channel gave %v, %v", n.cut, n.values, err)
	}
	if err := w.sim.Advance(1); err != nil || n.cut != 0 || len(n.values) != 1 {
		t.Fatalf("the state was taken at %d, %d records came behind it, %v", n.cut, len(n.values), err)
	}
	w.barrier(1, 1, time.Second)
	w.settle(t)
	w.barrier(0, 2, time.Second)
	w.barrier(1, 2, time.Second)
	w.settle(t)
	if fmt.Sprint(w.listener.acks) != "[1 2]" || len(w.listener.declined) > 0 {
		t.Errorf("acknowledged %v, declined %v", w.listener.acks, w.listener.declined)
	}
}
