package task

import (
	"slices"
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/defect"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/runtime/sched"
)

// pieceBytes is about how many bytes of recorded chunks make a segment.
const pieceBytes = 1 << 20

// overtaking is a task's part in a checkpoint that may be unaligned. Its barriers stay where they are in the channels, and are announced. When the time to align is over, the task passes the barrier on, and records what lies before the
// barriers in its channels: what is left of the chunk at hand, what is queued before a barrier that is announced, and each chunk that is taken from a channel whose barrier is not.
type overtaking struct {
	// able is false where the task always aligns: an input of it is pointwise or broadcast, and what is on its way there could not be dealt out to other subtasks; or an edge cannot be recorded.
	able      bool
	id        int64 // the newest unaligned checkpoint that was heard of
	deadline  int64
	timer     sched.Timer
	recording *recording // of the pending checkpoint; nil for none
	list      []operator.Element
}

// recording is what lies before the barriers of a checkpoint.
type recording struct {
	id       int64
	replayed []*recorded // of what the task was restored with and has not come to
	channels []*recorded
	bytes    int64
}

// recorded is a channel's part of a recording.
type recorded struct {
	to     *ending
	meta   *manifest.Channel
	whole  bool
	pieces []piece
}

type piece struct {
	data   []byte
	chunks int64
}

// overtakes reports whether what is on its way to a vertex can be part of a checkpoint.
func overtakes(v *dataflow.Vertex) bool {
	return !slices.ContainsFunc(v.Inputs, func(e *dataflow.PlanEdge) bool {
		return e.Partitioner.Pointwise() || e.Partitioner == dataflow.Broadcast
	})
}

// notice takes in how long a checkpoint tries to align, as a barrier of it tells.
func (t *Task) notice(id int64, unaligned bool, timeout time.Duration) {
	o := &t.overtaking
	if !unaligned || id < o.id {
		return
	}
	deadline := t.cfg.Scheduler.Nanos() + int64(timeout)
	if id == o.id && deadline >= o.deadline {
		return
	}
	o.id, o.deadline = id, deadline
	t.stopTimer()
	if o.able && timeout > 0 {
		o.timer = t.cfg.Scheduler.AfterFunc(timeout, func() { t.Post(func() { t.timeUp(id) }) })
	}
}

// timeUp comes when the timer of a checkpoint has struck.
func (t *Task) timeUp(id int64) {
	if o := &t.overtaking; o.id == id {
		o.deadline = min(o.deadline, t.cfg.Scheduler.Nanos())
		t.overtakeDue(id)
	}
}

func (t *Task) stopTimer() {
	if t.overtaking.timer != nil {
		t.overtaking.timer.Stop()
		t.overtaking.timer = nil
	}
}

// passes returns what is passed on of how a checkpoint aligns: the time that is left for it.
func (t *Task) passes(id int64) (unaligned bool, timeout time.Duration) {
	if id != t.overtaking.id {
		return false, 0
	}
	return true, max(0, time.Duration(t.overtaking.deadline-t.cfg.Scheduler.Nanos()))
}

// announced takes in what lies in a channel: an unaligned barrier, or the end of the channel while it is recorded, or too much behind a barrier.
func (t *Task) announced(channel int, e operator.Element) {
	id, pending := t.aligner.Current()
	switch {
	case e.Kind == operator.Data:
		t.overflow(channel, id, pending)
		return
	case e.Kind != operator.Barrier && !(pending && t.aligner.Passed()):
		return
	case e.Kind != operator.Barrier:
		e.Checkpoint = id
	default:
		t.notice(e.Checkpoint, e.Unaligned, e.AlignedTimeout)
		if !t.overtaking.able {
			return
		}
	}
	decision, restarted := t.aligner.Announce(channel, e.Checkpoint)
	if restarted {
		t.restartBarrier()
	}
	if decision != checkpoint.Ignore && t.aligner.Passed() {
		t.recordQueued(channel)
	}
	if decision == checkpoint.Complete {
		t.ackBarrier()
		return
	}
	t.overtakeDue(e.Checkpoint)
}

// overflow comes where the task always aligns and a channel that it holds has taken more than it can keep. The checkpoint is given up: its barrier is passed on, so that nobody else holds a channel for it, and the channels go on.
func (t *Task) overflow(channel int, id int64, pending bool) {
	if !pending || !t.aligner.Arrived(channel) || t.aligner.Overtake(id) == checkpoint.Ignore {
		return
	}
	t.stopTimer()
	t.releaseChannels()
	t.signalBarrier(id)
	t.cfg.Listener.BarrierDecline(id, fault.New(fault.CheckpointDeclined, "task %s waited for the barriers of its inputs while too much came behind the first: it cannot be overtaken there", t.cfg.Attempt))
}

// restartBarrier gives up the checkpoint that was pending, as a newer one has begun.
func (t *Task) restartBarrier() {
	t.releaseChannels()
	t.dropEarly()
	t.overtaking.recording = nil
}

// overtakeDue lets a checkpoint overtake what is queued, if its time to align is over.
func (t *Task) overtakeDue(id int64) {
	o := &t.overtaking
	if !o.able || id != o.id || t.cfg.Scheduler.Nanos() < o.deadline {
		return
	}
	decision := t.aligner.Overtake(id)
	if decision == checkpoint.Ignore {
		return
	}
	t.stopTimer()
	t.releaseChannels()
	t.early = t.passBarrier(id)
	complete := decision == checkpoint.Complete
	t.record(id)
	for i := range t.cfg.Gate.Channels() {
		if t.aligner.Arrived(i) || !t.recordQueued(i) {
			continue
		}
		if d, _ := t.aligner.Announce(i, id); d == checkpoint.Complete {
			complete = true
		}
	}
	if complete {
		t.ackBarrier()
	}
}

// record begins to record what belongs to a checkpoint whose state has just been frozen: first what the task has in hand.
func (t *Task) record(id int64) {
	if t.early == nil || t.cfg.Checkpoints.Storage == nil {
		return
	}
	r := &recording{id: id}
	t.overtaking.recording = r
	plan, v := t.cfg.Plan, t.cfg.Vertex
	for i, input := range v.Inputs {
		for _, from := range plan.Sources(input, t.cfg.Subtask) {
			c := &recorded{to: t.endings[i], meta: t.channelMeta(t.endings[i], from), whole: t.aligner.Arrived(len(r.channels))}
			if w, _, _, _ := t.valve.Channel(len(r.channels)); w > eventtime.MinWatermark {
				c.meta.Watermark, c.meta.HasWatermark = w, true
			}
			r.channels = append(r.channels, c)
		}
	}
	switch c := t.current; {
	case c.chunk == nil:
	case c.replayed != nil:
		t.recordReplayed(*c.replayed, c.row, c.mark)
	default:
		t.recordChunk(r.channels[c.channel], c.chunk, c.row, c.mark)
	}
	for _, c := range t.recovered {
		t.recordReplayed(c, 0, 0)
	}
}

// recordReplayed records what is left of a chunk that the task was restored with.
func (t *Task) recordReplayed(c replayed, row, mark int) {
	r := t.overtaking.recording
	if r == nil {
		return // declined
	}
	n := len(r.replayed)
	if n == 0 || r.replayed[n-1].to != c.to || int(r.replayed[n-1].meta.From) != c.from {
		r.replayed = append(r.replayed, &recorded{to: c.to, meta: t.channelMeta(c.to, c.from)})
		n++
	}
	t.recordChunk(r.replayed[n-1], c.chunk, row, mark)
}

// channelMeta says what a channel is, so that another plan can find its place.
func (t *Task) channelMeta(to *ending, from int) *manifest.Channel {
	return &manifest.Channel{
		Input: int32(to.position), From: int32(from), Producer: to.producer, Producers: int32(to.producers), Consumers: int32(t.cfg.Vertex.Parallelism), Partitioner: to.partitioner.String(),
	}
}

// recordTaken records a chunk that has just been taken from a channel whose barrier is still to come.
func (t *Task) recordTaken(channel int, chunk operator.Chunk) {
	if c := t.overtaking.recording.channels[channel]; !c.whole {
		t.recordChunk(c, chunk, 0, 0)
	}
}

// recordQueued records what lies in a channel before the barrier or the end, and reports whether that is all of it. If not, nothing is recorded: it will be when it is taken, or when the barrier is announced.
func (t *Task) recordQueued(channel int) (whole bool) {
	id, _ := t.aligner.Current()
	o := &t.overtaking
	o.list, whole = t.cfg.Gate.List(channel, id, o.list[:0])
	defer clear(o.list)
	if !whole || o.recording == nil {
		return whole
	}
	c := o.recording.channels[channel]
	if c.whole {
		return true
	}
	c.whole = true
	for _, e := range o.list {
		if e.Kind == operator.Data && o.recording != nil {
			t.recordChunk(c, e.Chunk, 0, 0)
		}
	}
	return true
}

// recordChunk appends what is left of a chunk. If that fails, or comes to more than a checkpoint may have, the checkpoint is declined.
func (t *Task) recordChunk(to *recorded, chunk operator.Chunk, row, mark int) {
	if defect.Is("barrier-overtakes-record") {
		return
	}
	o := &t.overtaking
	recorder, err := to.to.recorder()
	if err != nil {
		t.decline(err)
		return
	}
	to.meta.Schema = recorder.Schema()
	if n := len(to.pieces); n == 0 || len(to.pieces[n-1].data) >= pieceBytes {
		to.pieces = append(to.pieces, piece{})
	}
	p := &to.pieces[len(to.pieces)-1]
	before := len(p.data)
	data, err := recorder.Append(p.data, chunk, row, mark)
	if err != nil {
		t.decline(err)
		return
	}
	p.data = data
	p.chunks++
	o.recording.bytes += int64(len(data) - before)
	if limit := t.cfg.Checkpoints.InFlight; limit > 0 && o.recording.bytes > limit {
		t.decline(fault.New(fault.CheckpointDeclined, "task %s has more than %d bytes of records on their way to it, which is as much as an unaligned checkpoint may have of one task", t.cfg.Attempt, limit))
	}
}

// decline gives up the checkpoint that is being recorded. Its barrier has been passed on, and what is left to come of it is taken as if it went on.
func (t *Task) decline(err error) {
	id := t.overtaking.recording.id
	t.overtaking.recording = nil
	t.dropEarly()
	if fault.CodeOf(err) != fault.CheckpointDeclined {
		err = fault.New(fault.CheckpointDeclined, "task %s could not record what is on its way to it: %w", t.cfg.Attempt, err)
	}
	t.cfg.Listener.BarrierDecline(id, err)
}

// inFlight takes what was recorded for a checkpoint that all barriers have come of.
func (t *Task) inFlight() []*recorded {
	r := t.overtaking.recording
	t.overtaking.recording = nil
	if r == nil {
		return nil
	}
	all := append(r.replayed, r.channels...)
	return slices.DeleteFunc(all, func(c *recorded) bool { return len(c.pieces) == 0 && !c.meta.HasWatermark })
}
