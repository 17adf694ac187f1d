package task

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/defect"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/runtime/sched"
	"github.com/weirstream/weir/internal/temporal"
	"github.com/weirstream/weir/internal/xsync"
)

// Gate is the reading end of a task's channels. Its implementation is exchange.Gate.
type Gate interface {
	Channels() int
	SetReader(w sched.Waker, onAnnounced func())
	Poll() (channel int, e operator.Element, ok bool)
	Announced() (channel int, e operator.Element, ok bool)
	List(channel int, checkpoint int64, dst []operator.Element) (elements []operator.Element, whole bool)
	Recycle(channel int, chunk operator.Chunk)
	Hold(channel int, held, grows bool)
	Close()
}

// Listener is told what happens to a task. Its methods are called on the task's process and must not block.
type Listener interface {
	// State tells of each state the task enters. err comes with FAILED, accumulators with final states.
	State(s dataflow.TaskState, err error, accumulators []*operator.Accumulator)
	ReaderStarted()
	SplitRequest()
	ReaderEvent(event []byte)
	WatermarkReport(group string, maxDrift, watermark int64)
	// BarrierAck tells that the task has passed the barrier on and its state is durable; state is an encoded manifest.TaskState, nil without storage.
	BarrierAck(checkpoint int64, state []byte)
	BarrierDecline(checkpoint int64, err error)
	ReadyToCommit()
}

// Config is what a task needs. It is not changed.
type Config struct {
	Job       base.JobID
	Attempt   base.AttemptID
	Plan      *dataflow.Plan
	Vertex    *dataflow.Vertex
	Subtask   int
	Scheduler sched.Scheduler
	Listener  Listener
	Logger    *slog.Logger
	Params    map[string]string
	// Gate is nil for sources. ChannelInput is, for each channel, the position of its edge in Vertex.Inputs.
	Gate         Gate
	ChannelInput []int
	// Writers returns the channels of an output edge in the order of the plan's targets.
	Writers func(e *dataflow.PlanEdge, targets []int) []operator.ChannelWriter
	// ChunkRows and ChunkBytes bound a chunk.
	ChunkRows, ChunkBytes int
	// Flusher makes the task send what is pending from time to time while it is not parked; nil for none.
	Flusher *Flusher
	// Bounded is whether all sources of the job end by themselves.
	Bounded bool
	// State says how operators keep state.
	State operator.StateConfig
	// Checkpoints says where state is written, Restore is what to begin with; nil at a fresh start.
	Checkpoints CheckpointConfig
	Restore     *manifest.TaskState
	// Target returns the URL of the storage of a savepoint, "" for a checkpoint; nil if there are no savepoints.
	Target func(id int64) string
	// Pace, unless nil, is asked how long a source waits before it is polled again; then it emits as little as it can at a time. It is for simulations.
	Pace func() time.Duration
}

// Task is one running chain. Cancel, Post, Barrier, Metrics and Wake may be called from any goroutine; all else is its own process's.
type Task struct {
	cfg   Config
	proc  sched.Proc
	waker atomic.Pointer[sched.Waker]

	nodes   []*node
	outputs []operator.Output
	endings []*ending // by position in Vertex.Inputs; behind these, edges inside the chain that something is replayed to
	ports   []int     // input number of the head, by position in Vertex.Inputs
	limited []limited // from the end of the chain to its head
	// following is memory of follow.
	following []signal
	source    operator.Source
	commits   []operator.Commits

	// stop is polled between records; the rest says why.
	stop     atomic.Uint32
	canceled atomic.Bool
	urgent   atomic.Bool // mail or an announcement waits for the record to end
	flushDue atomic.Bool
	active   atomic.Bool
	mailed   atomic.Int32
	mail     struct {
		xsync.Mutex
		letters []func()
	}
	ctx    context.Context
	cancel context.CancelFunc

	state   dataflow.TaskState
	failure error
	// working is the input or source that is pushing a record into the chain.
	working     any
	valve       *temporal.Valve
	aligner     *checkpoint.Aligner
	idleSource  bool
	openPorts   map[int]int // channels not ended, by input number
	open        int         // channels not ended
	current     cursor
	signals     []signal
	sourceEnded bool
	paceUntil   int64
	finishing   bool
	finished    bool
	committing  bool
	committable int64 // the last checkpoint up to which may be committed
	commitRuns  bool
	passed      int64 // the last checkpoint that the task has taken part in
	lastBarrier int64 // that came while the last records went through; 0 for none
	writing     []*frozen
	acked       []*written // checkpoints that may become complete, in their order
	confirmed   *written   // the last one that is; nil for none
	early       *frozen    // the state where an unaligned barrier overtook the stream
	overtaking  overtaking
	recovered   []replayed // what the task was restored with and has not come to
	// behindReplay waits until nothing is left to replay.
	behindReplay []func()
	overdraft    int64 // bytes sent when the overdraft of a record began; -1 for none
	stopping     stopping
	calling      int // the node that is being made, or of which a method runs other than by a record; -1 for none
	closed       int // nodes of which Close was called
	timed        []*node
	random       *rand.Rand
	accs         []*operator.Accumulator

	metrics   metrics
	splitting operator.Timed // the source, if it makes watermarks by split
	times     times
	batch     batch
}

// cursor is the place in the chunk being worked on.
type cursor struct {
	chunk   operator.Chunk
	channel int
	row     int
	mark    int
	// replayed is nil for what came from the gate.
	replayed *replayed
}

type signalKind uint8

const (
	signalWatermark signalKind = iota
	signalFinish
	// signalEndInput is for the head alone; value is the number of its input.
	signalEndInput
	// signalReplay gives the head of a batch job's chain what has waited.
	signalReplay
)

// signal is work that runs through the chain node by node.
type signal struct {
	kind  signalKind
	node  int
	value int64
}

// New returns a task that has not started. Its chain is built on its own process, since that runs user code.
func New(cfg Config) *Task {
	t := &Task{cfg: cfg, openPorts: map[int]int{}, state: dataflow.TaskDeploying, calling: -1, overdraft: -1}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Start starts the task's process.
func (t *Task) Start() {
	name := fmt.Sprintf("task %v %s", t.cfg.Attempt, t.cfg.Vertex.Name)
	w := t.cfg.Scheduler.Go(name, t.run)
	t.waker.Store(&w)
	w.Wake() // whatever was posted before the waker was known
}

// Attempt is the task's id.
func (t *Task) Attempt() base.AttemptID { return t.cfg.Attempt }

// Wake implements [operator.Host] and [sched.Waker].
func (t *Task) Wake() {
	if w := t.waker.Load(); w != nil {
		(*w).Wake()
	}
}

// Cancel ends the task at the next record boundary, or inside an emit that waits.
func (t *Task) Cancel() {
	t.canceled.Store(true)
	t.cancel()
	t.raise()
}

func (t *Task) raise() {
	t.stop.Store(1)
	t.Wake()
}

// Post runs f on the task's process between two records. It is not run if the task ends before.
func (t *Task) Post(f func()) {
	t.mail.Lock()
	t.mail.letters = append(t.mail.letters, f)
	t.mail.Unlock()
	t.mailed.Add(1)
	t.urgent.Store(true)
	t.raise()
}

// setFlushDue makes a busy task send what is pending.
func (t *Task) setFlushDue() {
	t.flushDue.Store(true)
	t.stop.Store(1)
}

// OutputFull implements [operator.Host].
func (t *Task) OutputFull() { t.stop.Store(1) }

type outcome uint8

const (
	progress outcome = iota
	idle
	blocked
	done
)

func (t *Task) run(p sched.Proc) {
	t.proc = p
	t.active.Store(true)
	t.metrics.begin(t.cfg.Scheduler.Nanos())
	returned := false
	defer func() {
		switch r := recover(); r.(type) {
		case nil:
			if !returned { // runtime.Goexit
				t.failPanic(fault.FunctionExit, "runtime.Goexit was called")
			}
		case sched.Killed:
			panic(r)
		case canceledInEmit:
		default:
			if err, ok := r.(*fault.Error); ok { // the engine says what is wrong with how it is used
				t.failPanic(fault.CodeOf(err), err.Message())
				break
			}
			t.failPanic(fault.FunctionPanic, fmt.Sprint("panic: ", r))
		}
		t.end()
	}()
	t.loop()
	returned = true
}

func (t *Task) loop() {
	t.become(dataflow.TaskInitializing)
	if err := t.build(); err != nil {
		t.Fail(-1, err)
		return
	}
	if t.cfg.Restore.GetFinished() {
		t.become(dataflow.TaskRunning)
		t.skipToEnd()
		t.commitDue()
		t.steps()
		return
	}
	if t.cfg.Restore != nil {
		if err := t.restoreStores(); err != nil {
			return
		}
	}
	t.noteTimed()
	for i, n := range t.nodes {
		t.enter(i)
		err := n.instance.Open()
		t.calling = -1
		if err != nil {
			t.Fail(n.ctx.Node, err)
			return
		}
		n.opened = true
		if t.canceled.Load() {
			return
		}
	}
	t.become(dataflow.TaskRunning)
	if t.cfg.Restore != nil {
		if err := t.resume(); err != nil {
			t.Fail(0, err)
			return
		}
	}
	t.commitDue()
	t.times.dirty = true
	t.publishTimes()
	if t.source != nil {
		t.cfg.Listener.ReaderStarted()
	}
	t.steps()
}

// steps steps until the task is done.
func (t *Task) steps() {
	t.stop.Store(1) // for what was announced before the gate knew its reader
	yielded := false
	for {
		switch t.step() {
		case progress:
			yielded = false
			t.proc.Yield()
		case idle:
			if !yielded { // so that chunks do not shrink from hop to hop
				yielded = true
				t.proc.YieldIdle()
				continue
			}
			yielded = false
			t.flush()
			t.park(idle)
		case blocked:
			t.flush()
			t.park(blocked)
		case done:
			return
		}
	}
}

// park waits until there is something to do. The flusher leaves parked tasks alone.
func (t *Task) park(why outcome) {
	if t.failure != nil || t.stop.Load() != 0 {
		return
	}
	t.active.Store(false)
	t.metrics.pause(t.cfg.Scheduler.Nanos(), why)
	t.proc.Park()
	t.metrics.resume(t.cfg.Scheduler.Nanos())
	t.active.Store(true)
	if t.cfg.Flusher != nil {
		t.cfg.Flusher.Touch()
	}
}

// step does a bounded piece of work. Keeps T1.
func (t *Task) step() outcome {
	t.tick()
	if t.stop.Load() != 0 {
		t.stop.Store(0)
		t.attend()
	}
	if t.failure != nil || t.canceled.Load() {
		return done
	}
	if t.stopping.stopped {
		return idle
	}
	if !t.room() {
		return blocked // keeps T3
	}
	t.overdraft = -1
	if len(t.limited) > 0 {
		if o := t.prepare(); o != idle {
			return o
		}
	}
	switch {
	case len(t.signals) > 0:
		t.propagate()
		return progress
	case t.current.replayed != nil:
		t.advanceReplayed()
		return progress
	case t.current.chunk != nil:
		t.advance()
		return progress
	case t.finished:
		return t.commit()
	case len(t.recovered) > 0:
		t.takeReplayed()
		return progress
	case t.source != nil:
		return t.poll()
	case t.open == 0 && !t.finishing: // no producer leads here, as behind a global edge
		t.endOfInput()
		return progress
	}
	channel, e, ok := t.cfg.Gate.Poll()
	if !ok {
		return idle
	}
	t.take(channel, e)
	return progress
}

// limited is an instance that can be full, or has work of its own; one of the two may be nil.
type limited struct {
	node   int
	limit  operator.Limited
	worker operator.Working
}

// prepare looks whether all instances take records, and lets the last of the chain work that has something to do. It returns idle if there is nothing in the way of
// the next element. An instance that emits into one that is in the middle of a signal has to wait.
func (t *Task) prepare() outcome {
	for _, l := range t.limited {
		if l.worker != nil && (len(t.signals) == 0 || l.node > t.signals[0].node) {
			t.enter(l.node)
			did := l.worker.Work()
			t.calling = -1
			if did {
				return progress
			}
		}
		if l.limit != nil && !l.limit.Ready() {
			return blocked
		}
	}
	return idle
}

// attend looks at everything that Stop may stand for.
func (t *Task) attend() {
	t.urgent.Store(false)
	if t.mailed.Load() > 0 {
		t.mail.Lock()
		letters := t.mail.letters
		t.mail.letters = nil
		t.mail.Unlock()
		t.mailed.Add(int32(-len(letters)))
		for _, f := range letters {
			if t.failure == nil {
				f()
			}
		}
	}
	if t.flushDue.Swap(false) {
		t.flush()
	}
	if t.cfg.Gate != nil && !t.stopping.stopped {
		for t.failure == nil {
			channel, e, ok := t.cfg.Gate.Announced()
			if !ok {
				break
			}
			t.announced(channel, e)
		}
	}
}

func (t *Task) room() bool {
	for _, o := range t.outputs {
		if !o.Room() {
			return false
		}
	}
	return true
}

// flush makes visible what is pending. Keeps T4.
func (t *Task) flush() {
	for i, n := range t.nodes {
		if n.opened {
			before := t.enter(i)
			n.instance.Flush()
			t.calling = before
		}
	}
	for _, o := range t.outputs {
		o.Flush()
	}
	t.publishTimes()
}

// poll lets the reader emit some records.
func (t *Task) poll() outcome {
	if t.paused() {
		return idle
	}
	if t.cfg.Pace != nil {
		if now := t.cfg.Scheduler.Nanos(); now < t.paceUntil {
			return idle
		} else if d := t.cfg.Pace(); d > 0 {
			t.paceUntil = now + int64(d)
			t.cfg.Scheduler.AfterFunc(d, t.Wake)
		}
	}
	t.working = t.source
	status, err := t.source.Poll()
	t.working = nil
	if err != nil {
		t.Fail(0, err)
		return progress
	}
	emitted := t.source.Emitted()
	if t.idleSource && emitted > t.metrics.recordsIn.Load() {
		t.EmitIdle(0, false) // said aloud, since the records may all be filtered out
	}
	t.times.dirty = true
	t.metrics.recordsIn.Store(emitted)
	t.publish()
	switch status {
	case connector.NothingAvailable:
		if t.stop.Load() != 0 {
			return progress
		}
		return idle
	case connector.EndOfInput:
		t.sourceEnded = true
		t.endOfInput()
	}
	return progress
}

// endOfInput starts what happens when nothing more comes in: event time is complete, then every node finishes.
func (t *Task) endOfInput() {
	t.finishing = true
	t.signals = append(t.signals, signal{signalWatermark, 0, eventtime.MaxWatermark}, signal{signalFinish, 0, 0})
}

// take starts on an element.
func (t *Task) take(channel int, e operator.Element) {
	t.cfg.Scheduler.Trace("take", int64(channel), int64(e.Kind)<<32|int64(e.Bytes))
	switch e.Kind {
	case operator.Data:
		t.metrics.bytesIn.Add(int64(e.Bytes))
		if t.overtaking.recording != nil {
			t.recordTaken(channel, e.Chunk)
		}
		t.current = cursor{chunk: e.Chunk, channel: channel}
		if e.Chunk.Rows() > 0 {
			t.settle(t.valve.SetIdle(channel, false))
		}
		if len(t.signals) == 0 {
			t.advance()
		}
	case operator.Idle:
		t.settle(t.valve.SetIdle(channel, true))
	case operator.Active:
		t.settle(t.valve.SetIdle(channel, false))
	case operator.Barrier:
		t.barrier(channel, e)
	case operator.End:
		t.endChannel(channel)
	}
}

func (t *Task) settle(advanced, changed bool) {
	t.times.dirty = true
	if changed {
		t.idleNode(0, t.valve.Idle())
	}
	if advanced && t.batch.group == nil {
		t.signals = append(t.signals, signal{signalWatermark, 0, t.valve.Combined()})
	}
}

func (t *Task) endChannel(channel int) {
	t.settle(t.valve.End(channel))
	if t.aligner.End(channel) {
		t.completeBarrier()
	}
	port := t.ports[t.cfg.ChannelInput[channel]]
	if t.batch.group != nil {
		t.endGrouped(port)
		return
	}
	t.openPorts[port]--
	if t.openPorts[port] == 0 {
		t.signals = append(t.signals, signal{signalEndInput, 0, int64(port)}) // behind the watermark that the end brings
	}
	t.open--
	if t.open == 0 {
		t.finishing = true
		t.signals = append(t.signals, signal{signalFinish, 0, 0})
	}
}

// advance works on the current chunk until it is done, Stop is raised, or a mark starts a signal that takes more than one part.
func (t *Task) advance() {
	c := &t.current
	rows, marks := c.chunk.Rows(), c.chunk.MarkCount()
	replayed := c.replayed
	var input operator.Input
	if replayed == nil {
		input = t.endings[t.cfg.ChannelInput[c.channel]].in
	} else {
		input = replayed.to.in
	}
	for {
		to := rows
		for c.mark < marks {
			row, w := c.chunk.Mark(c.mark)
			if row > c.row {
				to = row
				break
			}
			c.mark++
			t.times.dirty = true
			if t.valve.Watermark(c.channel, w) && t.batch.group == nil {
				t.signals = append(t.signals, signal{signalWatermark, 0, t.valve.Combined()})
				t.propagate()
				if len(t.signals) > 0 || t.stop.Load() != 0 {
					return
				}
			}
		}
		if c.row >= rows {
			break
		}
		from := c.row
		t.working = input
		c.row = input.Process(c.chunk, from, to)
		t.working = nil
		if t.source == nil {
			t.metrics.recordsIn.Add(int64(c.row - from))
		}
		if t.stop.Load() != 0 && (c.row < rows || c.mark < marks) {
			return
		}
	}
	chunk, channel := c.chunk, c.channel
	t.current = cursor{}
	if replayed != nil {
		t.endReplayed()
	} else {
		t.cfg.Gate.Recycle(channel, chunk)
	}
	t.publish()
}

// propagate works on the signal in front, node by node, until all are done or Stop is raised. Keeps T2.
func (t *Task) propagate() {
	for len(t.signals) > 0 {
		s := t.signals[0]
		n := t.nodes[s.node]
		switch s.kind {
		case signalWatermark:
			if n.replaces && s.value != eventtime.MaxWatermark {
				t.drop()
				continue
			}
			if s.value > n.done { // a restored operator may have seen it
				n.ctx.CurrentWatermark = s.value
				t.times.dirty = true
				t.enter(s.node)
				more := n.instance.Watermark(s.value)
				t.calling = -1
				if more {
					if t.stop.Load() != 0 {
						return
					}
					continue
				}
				n.done = s.value
			}
			if n.holds != nil && n.holds.Holds() {
				t.drop()
				continue
			}
			if s.value > n.emitted {
				n.emitWatermark(s.value)
			}
		case signalReplay:
			if t.replay() {
				if t.stop.Load() != 0 {
					return
				}
				continue
			}
			t.drop()
			if t.failure != nil || t.stop.Load() != 0 {
				return
			}
			continue
		case signalEndInput:
			t.enter(0)
			n.instance.EndInput(int(s.value))
			t.calling = -1
			t.drop()
			continue
		case signalFinish:
			t.enter(s.node)
			more := n.instance.Finish()
			t.calling = -1
			if more {
				if t.stop.Load() != 0 {
					return
				}
				continue
			}
		}
		if t.failure != nil {
			return
		}
		t.follow(s)
		if len(t.signals) == 0 {
			switch {
			case !t.finishing || s.kind != signalFinish:
			case t.stopping.draining:
				t.drained()
			default:
				t.finish()
			}
			return
		}
		if t.stop.Load() != 0 {
			return
		}
	}
}

// follow replaces the signal in front by the same one for each child. The list keeps its memory: there is a signal for every watermark.
func (t *Task) follow(s signal) {
	children := t.nodes[s.node].children
	next := t.following[:0]
	for _, to := range children {
		switch {
		case s.kind == signalFinish:
			if t.complete(to) {
				next = append(next, signal{s.kind, to.at, s.value})
			}
		default:
			if w, news := t.hear(to, s.value); news {
				next = append(next, signal{s.kind, to.at, w})
			}
		}
	}
	t.following = next
	switch len(next) {
	case 0:
		t.drop()
	case 1:
		t.signals[0] = next[0]
	default:
		t.signals = slices.Replace(t.signals, 0, 1, next...)
	}
}

// drop removes the signal in front.
func (t *Task) drop() {
	copy(t.signals, t.signals[1:])
	t.signals = t.signals[:len(t.signals)-1]
}

// finish comes after the last node has finished: outputs end.
func (t *Task) finish() {
	if t.failure != nil {
		return
	}
	for _, c := range t.commits {
		node := t.nodeOf(c)
		t.enter(node)
		err := c.Prepare()
		t.calling = -1
		if err != nil {
			t.Fail(node, err)
			return
		}
	}
	for _, o := range t.outputs {
		o.Signal(operator.Element{Kind: operator.End})
	}
	t.publish()
	t.finished = true
}

// commit waits for leave to commit what is prepared, and for what is being written, and ends.
func (t *Task) commit() outcome {
	if t.lastBarrier != 0 {
		id := t.lastBarrier
		t.lastBarrier = 0
		t.acknowledge(t.freeze(id, true))
		return progress
	}
	if len(t.writing) > 0 || t.commitRuns {
		return idle
	}
	if !t.uncommitted() {
		return done
	}
	if !t.committing {
		t.committing = true
		t.cfg.Listener.ReadyToCommit()
	}
	return idle
}

// barrier takes a barrier that has arrived.
func (t *Task) barrier(channel int, e operator.Element) {
	t.noteStop(e.Checkpoint, e.Stop)
	t.notice(e.Checkpoint, e.Unaligned, e.AlignedTimeout)
	decision, restarted := t.aligner.Barrier(channel, e.Checkpoint)
	if restarted {
		t.restartBarrier()
	}
	if r := t.overtaking.recording; r != nil && r.id == e.Checkpoint {
		r.channels[channel].whole = true
	}
	switch decision {
	case checkpoint.Hold:
		t.cfg.Gate.Hold(channel, !defect.Is("no-alignment"), e.Unaligned && !t.overtaking.able)
		t.overtakeDue(e.Checkpoint)
	case checkpoint.Complete:
		t.aligned(e.Checkpoint)
	}
}

func (t *Task) completeBarrier() {
	id, _ := t.aligner.Current()
	t.aligned(id)
}

// aligned comes when all channels have brought a barrier.
func (t *Task) aligned(id int64) {
	if !t.aligner.Passed() {
		t.stopTimer()
		if t.stopMode(id) == operator.Drain {
			t.drain()
			return
		}
		t.early = t.passBarrier(id)
	}
	t.ackBarrier()
}

func (t *Task) ackBarrier() {
	t.releaseChannels()
	f := t.early
	t.early = nil
	channels := t.inFlight()
	if f != nil {
		f.channels = channels
	}
	t.acknowledge(f)
	if f != nil {
		t.stopBehind(f.id)
	}
}

func (t *Task) releaseChannels() {
	if t.cfg.Gate == nil {
		return
	}
	for i := range t.cfg.Gate.Channels() {
		t.cfg.Gate.Hold(i, false, false)
	}
}

func (t *Task) become(s dataflow.TaskState) {
	next, err := t.state.Become(s)
	if err != nil {
		t.cfg.Logger.Error("task state", "task", t.cfg.Attempt.String(), "err", err)
		return
	}
	t.state = next
	var accs []*operator.Accumulator
	if s.Terminal() {
		for _, a := range t.accs {
			accs = append(accs, a.Clone())
		}
	}
	t.cfg.Listener.State(s, t.failure, accs)
}

// end closes everything and reports the final state. Keeps T5.
func (t *Task) end() {
	t.cancel()
	if t.failure != nil {
		for _, n := range t.nodes {
			n.ctx.Failed = true
		}
	}
	complete := t.finished && !t.uncommitted()
	over := false
	defer func() {
		if !over { // runtime.Goexit in a Close: the rest is closed all the same
			t.end()
		}
	}()
	for t.closed < len(t.nodes) {
		n := t.nodes[t.closed]
		t.closed++
		if n.instance == nil {
			continue
		}
		if err := t.closeNode(n, complete); err != nil {
			if t.failure == nil && complete {
				t.Fail(n.ctx.Node, err)
			} else {
				t.cfg.Logger.Warn("closing an operator failed", "operator", n.ctx.Name, "err", err)
			}
		}
	}
	t.stopTimer()
	t.releaseFrozen()
	if t.batch.group != nil {
		t.batch.group.Close()
	}
	t.closeStores()
	if t.cfg.Gate != nil {
		t.cfg.Gate.Close()
	}
	t.active.Store(false)
	if t.cfg.Flusher != nil {
		t.cfg.Flusher.Remove(t)
	}
	if t.source != nil {
		t.metrics.recordsIn.Store(t.source.Emitted()) // also when the reader was torn out of an emit
	}
	t.publish()
	if len(t.nodes) > 0 && t.nodes[len(t.nodes)-1].opened {
		t.times.dirty = true
		t.publishTimes()
	}
	t.metrics.end(t.cfg.Scheduler.Nanos())
	switch {
	case t.failure != nil:
		t.become(dataflow.TaskFailed)
	case complete:
		t.become(dataflow.TaskFinished)
	default:
		t.become(dataflow.TaskCanceling)
		t.become(dataflow.TaskCanceled)
	}
	over = true
}

// closeNode closes an operator. A panic is an error like any other; runtime.Goexit goes on behind it, and fails a job that was complete.
func (t *Task) closeNode(n *node, complete bool) (err error) {
	returned := false
	defer func() {
		r := recover()
		if _, killed := r.(sched.Killed); killed {
			panic(r)
		}
		switch {
		case r != nil:
			err = fault.New(fault.FunctionPanic, "panic: %v", r).WithStack(string(debug.Stack()))
		case !returned && complete:
			t.Fail(n.ctx.Node, fault.New(fault.FunctionExit, "runtime.Goexit was called").WithStack(string(debug.Stack())))
		}
	}()
	err = n.instance.Close()
	returned = true
	return err
}

// failPanic records a panic or Goexit of user code. It is called with the stack of the culprit still in place.
func (t *Task) failPanic(code fault.Code, what string) {
	pcs := make([]uintptr, 512)
	pcs = pcs[:runtime.Callers(2, pcs)]
	if t.failure != nil {
		return
	}
	name, node := t.culprit(pcs)
	err := fault.New(code, "%s", what).WithStack(string(debug.Stack()))
	if name == "" {
		name = t.cfg.Vertex.Name
		if node < len(t.nodes) {
			name = t.nodes[node].ctx.Name
		}
	}
	t.failure = t.placed(err.WithOperator(name, t.cfg.Subtask+1))
}

// placed adds to an error of user code which record was being processed, as far as that is known.
func (t *Task) placed(err *fault.Error) *fault.Error {
	p, ok := t.working.(operator.Placed)
	if !ok || err.Place() != "" || !strings.HasPrefix(string(err.Code()), "function.") {
		return err
	}
	place := p.Place()
	if place == "" {
		return err
	}
	return err.WithPlace(place)
}
