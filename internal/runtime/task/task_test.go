package task

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/runtime/exchange"
	"github.com/weirstream/weir/internal/runtime/sched"
	"github.com/weirstream/weir/internal/testkit/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// listener notes what a task tells.
type listener struct {
	states   []dataflow.TaskState
	err      error
	acks     []int64
	acked    [][]byte
	declined []error
}

func (l *listener) State(s dataflow.TaskState, err error, _ []*operator.Accumulator) {
	l.states = append(l.states, s)
	if err != nil {
		l.err = err
	}
}
func (l *listener) ReaderStarted()     {}
func (l *listener) SplitRequest()      {}
func (l *listener) ReaderEvent([]byte) {}

func (l *listener) WatermarkReport(string, int64, int64) {}
func (l *listener) BarrierDecline(_ int64, err error)    { l.declined = append(l.declined, err) }

func (l *listener) BarrierAck(id int64, state []byte) {
	l.acks, l.acked = append(l.acks, id), append(l.acked, state)
}
func (l *listener) ReadyToCommit() {}

// probe is an operator that notes what it is given. Its Watermark asks to be called again as often as parts says.
type probe struct {
	operator.Base
	ctx   *operator.Context
	parts int
	left  int
	log   []string
	do    func(v int)
}

func (p *probe) note(s string) { p.log = append(p.log, s) }

func (p *probe) New(ctx *operator.Context, _ operator.Wiring) (operator.Instance, error) {
	p.ctx = ctx
	return p, nil
}

func (p *probe) Inputs() []any {
	return []any{operator.ValuePort(func(v int, _ int64) {
		p.note("record")
		if p.do != nil {
			p.do(v)
		}
	})}
}

func (p *probe) Open() error { p.note("open"); return nil }
func (p *probe) Watermark(int64) bool {
	if p.left == 0 {
		p.left = p.parts
	}
	p.left--
	p.note("watermark")
	return p.left > 0
}
func (p *probe) EndInput(int) { p.note("end") }
func (p *probe) Finish() bool { p.note("finish"); return false }
func (p *probe) Close() error { p.note("close"); return nil }

// world is a task of one operator behind a gate, which the test feeds.
type world struct {
	sim      *sched.Sim
	gate     *exchange.Gate
	task     *Task
	listener *listener
	probe    *probe
}

// newWorld makes a task behind channels, of which each belongs to a producer of its own.
func newWorld(t *testing.T, channels, parts int) *world {
	t.Helper()
	p := &probe{parts: max(parts, 1)}
	w := worldOf(t, channels, p, func(*Config) {})
	w.probe = p
	return w
}

// worldOf is newWorld for any operator and configuration.
func worldOf(t *testing.T, channels int, f operator.Factory, set func(*Config)) *world {
	t.Helper()
	edge := &operator.Edge[int]{}
	g := &dataflow.Graph{Parallelism: 1, Operators: []*dataflow.Operator{
		{ID: 0, Kind: "source", Name: "source", Source: true, Bounded: true, Parallelism: channels},
		{ID: 1, Kind: "probe", Name: "probe", Sink: true, Factory: f},
	}, Edges: []*dataflow.Edge{{ID: 0, From: 0, To: 1, Partitioner: dataflow.Rebalance, PartitionerSet: true, Factory: edge}}}
	plan, err := g.Plan()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{sim: sched.NewSim(1), gate: exchange.NewGate(channels, 1<<20), listener: &listener{}}
	t.Cleanup(w.sim.Close)
	cfg := Config{
		Plan: plan, Vertex: plan.Vertices[1], Scheduler: w.sim, Listener: w.listener, Logger: slog.New(slog.DiscardHandler),
		Gate: w.gate, ChannelInput: make([]int, channels), ChunkRows: 8, ChunkBytes: 1 << 16,
	}
	set(&cfg)
	w.task = New(cfg)
	return w
}

// send pushes records and marks into a channel: numbers from 0 are records, negative ones marks of the number turned round.
func (w *world) send(t *testing.T, channel int, what ...int) {
	t.Helper()
	port, out, err := (&operator.Edge[int]{}).NewOutput(operator.OutputConfig{
		Host: w.task, Writers: []operator.ChannelWriter{w.gate.Channel(channel)}, Targets: []int{0}, Consumers: 1, MaxParallelism: 128,
		ChunkRows: 1024, ChunkBytes: 1 << 16, Partitioner: dataflow.Rebalance, Rand: func(int) int { return 0 },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range what {
		if v < 0 {
			out.Watermark(int64(-v))
		} else {
			port.(*operator.Port[int]).Value(v, 0)
		}
	}
	out.Flush()
}

func (w *world) settle(t *testing.T) {
	t.Helper()
	if err := w.sim.Settle(); err != nil {
		t.Fatal(err)
	}
}

func (w *world) expect(t *testing.T, what string, want ...string) {
	t.Helper()
	w.settle(t)
	if !slices.Equal(w.probe.log, want) {
		t.Errorf("%s: %q, want %q", what, w.probe.log, want)
	}
	w.probe.log = nil
}

func TestLife(t *testing.T) {
	w := newWorld(t, 2, 3)
	w.task.Start()
	w.expect(t, "start", "open")
	w.send(t, 0, 1, -5, 2)
	w.expect(t, "one channel", "record", "record")
	w.send(t, 1, -4, 3)
	w.expect(t, "a watermark in three parts", "watermark", "watermark", "watermark", "record")
	w.gate.Channel(0).Push(operator.Element{Kind: operator.Barrier, Checkpoint: 1})
	w.send(t, 0, 4)
	w.expect(t, "a held channel")
	w.send(t, 1, 5)
	w.gate.Channel(1).Push(operator.Element{Kind: operator.Barrier, Checkpoint: 1})
	w.expect(t, "aligned", "record", "record")
	w.gate.Channel(1).Push(operator.Element{Kind: operator.Barrier, Checkpoint: 2})
	w.gate.Channel(1).Push(operator.Element{Kind: operator.End})
	w.settle(t)
	w.gate.Channel(0).Push(operator.Element{Kind: operator.End})
	w.expect(t, "ends complete the barrier and event time", "watermark", "watermark", "watermark", "end", "finish", "close")
	if !slices.Equal(w.listener.acks, []int64{1, 2}) {
		t.Errorf("barriers %v", w.listener.acks)
	}
	if want := []dataflow.TaskState{dataflow.TaskInitializing, dataflow.TaskRunning, dataflow.TaskFinished}; !slices.Equal(w.listener.states, want) || w.listener.err != nil {
		t.Errorf("states %v, error %v", w.listener.states, w.listener.err)
	}
	if alive := w.sim.Alive(); len(alive) > 0 {
		t.Errorf("left: %q", alive)
	}
}

// Without alignment a channel whose barrier has come goes on, and the barrier is passed on with the last copy of it.
func TestAtLeastOnce(t *testing.T) {
	for _, loose := range []bool{false, true} {
		w := newWorld(t, 2, 1)
		w.task.cfg.Checkpoints.AtLeastOnce = loose
		w.task.Start()
		w.gate.Channel(0).Push(operator.Element{Kind: operator.Barrier, Checkpoint: 1})
		w.send(t, 0, 1, 2)
		if want := []string{"open", "record", "record"}; loose {
			w.expect(t, "behind a barrier", want...)
		} else {
			w.expect(t, "behind a barrier", want[0])
		}
		if len(w.listener.acks) != 0 {
			t.Errorf("at least once %v: acknowledged before the last barrier: %v", loose, w.listener.acks)
		}
		w.gate.Channel(1).Push(operator.Element{Kind: operator.Barrier, Checkpoint: 1})
		w.settle(t)
		if !slices.Equal(w.listener.acks, []int64{1}) {
			t.Errorf("at least once %v: barriers %v", loose, w.listener.acks)
		}
	}
}

// Mail runs between two records of a chunk, in the order in which it came, and a failure there is the last thing that happens.
func TestMail(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.probe.do = func(v int) {
		if v == 2 {
			w.task.Post(func() { w.probe.note("first") })
			w.task.Post(func() { w.probe.note("second") })
		}
		if v == 4 {
			w.task.Post(func() { w.task.Fail(0, fault.New(fault.SinkFailed, "by mail")) })
			w.task.Post(func() { w.probe.note("never") })
		}
	}
	w.task.Start()
	w.send(t, 0, 1, 2, 3, 4, 5)
	w.expect(t, "mail", "open", "record", "record", "first", "second", "record", "record", "close")
	if op, subtask := fault.OperatorOf(w.listener.err); op != "probe" || subtask != 1 || fault.CodeOf(w.listener.err) != fault.SinkFailed {
		t.Errorf("%v", w.listener.err)
	}
	if last := w.listener.states[len(w.listener.states)-1]; last != dataflow.TaskFailed {
		t.Errorf("the task is %v", last)
	}
	w.task.Post(func() { t.Error("mail was run behind the end") })
	w.settle(t)
}

// Cancellation is seen at the next record, and nothing is finished.
func TestCancelBetweenRecords(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.probe.do = func(v int) {
		if v == 2 {
			w.task.Cancel()
		}
	}
	w.task.Start()
	w.send(t, 0, 1, 2, 3, -7)
	w.expect(t, "cancel", "open", "record", "record", "close")
	if want := []dataflow.TaskState{dataflow.TaskInitializing, dataflow.TaskRunning, dataflow.TaskCanceling, dataflow.TaskCanceled}; !slices.Equal(w.listener.states, want) {
		t.Errorf("states %v", w.listener.states)
	}
}

// A task that was canceled before it ran opens no more than one operator, and closes it.
func TestCancelBeforeStart(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.task.Cancel()
	w.task.Start()
	w.expect(t, "cancel", "open", "close")
	if last := w.listener.states[len(w.listener.states)-1]; last != dataflow.TaskCanceled {
		t.Errorf("the task is %v", last)
	}
}

// An unaligned barrier is taken in the middle of a chunk.
func TestUnalignedBarrierWithinAChunk(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.probe.do = func(v int) {
		if v == 2 {
			w.gate.Channel(0).Push(operator.Element{Kind: operator.Barrier, Checkpoint: 9, Unaligned: true})
		}
		if (v > 2) != (len(w.listener.acks) == 1) {
			t.Errorf("record %d: barriers %v", v, w.listener.acks)
		}
	}
	w.task.Start()
	w.send(t, 0, 1, 2, 3, 4)
	w.expect(t, "records", "open", "record", "record", "record", "record")
}

// Busy, idle and blocked time add up to the time since the task began, also while it waits.
func TestTimesAddUp(t *testing.T) {
	w := newWorld(t, 1, 1)
	m := &w.task.metrics
	now := func() int64 { return w.sim.Nanos() }
	after := func(d time.Duration) {
		t.Helper()
		if err := w.sim.Advance(d); err != nil {
			t.Fatal(err)
		}
	}
	check := func(busy, idle, blocked time.Duration) {
		t.Helper()
		if got := w.task.Metrics(); got.Busy != busy || got.Idle != idle || got.Blocked != blocked {
			t.Errorf("busy %v, idle %v, blocked %v; want %v, %v, %v", got.Busy, got.Idle, got.Blocked, busy, idle, blocked)
		}
	}
	check(0, 0, 0)
	m.begin(now())
	after(5)
	check(5, 0, 0)
	m.pause(now(), idle)
	after(10)
	check(5, 10, 0)
	m.resume(now())
	after(1)
	m.pause(now(), blocked)
	after(100)
	check(6, 10, 100)
	m.resume(now())
	m.end(now())
	after(1000)
	check(6, 10, 100)
}

// busy is an instance with work of its own.
type busy struct {
	left, done int
	over       int64
}

func (b *busy) Work() bool {
	if b.done == b.left {
		return false
	}
	b.done++
	return true
}

func (b *busy) Ready() bool      { return b.done == b.left }
func (b *busy) OnReady(func())   {}
func (b *busy) Overdrawn() int64 { return b.over }

// What emits into an operator that is in the middle of a signal waits; what is behind it may go on. An instance that is not ready keeps those before it from working.
func TestPrepare(t *testing.T) {
	before, behind := &busy{left: 1}, &busy{left: 1}
	task := &Task{
		signals: []signal{{signalWatermark, 1, 5}},
		limited: []limited{{2, behind, behind}, {0, nil, before}},
	}
	for i, want := range []struct {
		o              outcome
		before, behind int
		signals        []signal
	}{
		{progress, 0, 1, task.signals}, {idle, 0, 1, task.signals}, {progress, 1, 1, nil}, {idle, 1, 1, nil},
	} {
		task.signals = want.signals
		if got := task.prepare(); got != want.o || before.done != want.before || behind.done != want.behind {
			t.Errorf("%d: %v, %d before, %d behind", i, got, before.done, behind.done)
		}
	}
	before.left, behind.left = 2, 2
	task.limited[0].worker = nil
	if got := task.prepare(); got != blocked || before.done != 1 {
		t.Errorf("%v, %d before", got, before.done)
	}
}

// What an instance takes beyond its limit counts against the limit of a record, from where the record first met it.
func TestOverdraftOfAnInstance(t *testing.T) {
	b := &busy{over: 1000}
	task := &Task{limited: []limited{{0, b, nil}}, overdraft: -1}
	if got := task.overdrawn(); got != 0 {
		t.Errorf("%d bytes at first", got)
	}
	b.over += 70
	if got := task.overdrawn(); got != 70 {
		t.Errorf("%d bytes are overdrawn, want 70", got)
	}
}

// prepared is a sink in two phases that has something to commit.
type prepared struct {
	probe
	committed bool
}

func (p *prepared) New(ctx *operator.Context, _ operator.Wiring) (operator.Instance, error) {
	p.ctx = ctx
	return p, nil
}
func (p *prepared) Prepare() error                                      { return nil }
func (p *prepared) Uncommitted() bool                                   { return !p.committed }
func (p *prepared) Checkpoint(int64, bool) (operator.Part, error)       { return operator.Part{}, nil }
func (p *prepared) Due(int64) (func(ctx context.Context) error, func()) { return nil, func() {} }

// A task that comes to its end while a checkpoint begins is asked twice to take part: as it was when the checkpoint began, and as one that waits for leave to commit. It answers once, however long writing its state takes.
func TestAskedTwice(t *testing.T) {
	slow := storage.NewFaulty(storage.NewMemory(), func(op storage.Op, _ string) (f storage.Fault) {
		if op == storage.OpCreate {
			f.Wait = func(ctx context.Context) error { return sched.Sleep(ctx, time.Second) }
		}
		return f
	})
	p := &prepared{}
	w := worldOf(t, 1, p, func(c *Config) { c.Checkpoints = CheckpointConfig{Storage: slow} })
	w.task.Start()
	w.gate.Channel(0).Push(operator.Element{Kind: operator.End})
	w.settle(t)
	w.task.Barrier(1, false, 0, operator.Stop)
	w.task.Barrier(1, false, 0, operator.Stop)
	w.settle(t)
	if err := w.sim.Advance(time.Minute); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(w.listener.acks) != "[1]" || len(w.listener.declined) > 0 {
		t.Errorf("acknowledged %v, declined %v", w.listener.acks, w.listener.declined)
	}
	w.task.Barrier(1, false, 0, operator.Stop) // the answer was lost
	w.settle(t)
	if len(w.listener.acks) != 1 || len(w.listener.declined) != 1 {
		t.Errorf("acknowledged %v, declined %v", w.listener.acks, w.listener.declined)
	}
}
