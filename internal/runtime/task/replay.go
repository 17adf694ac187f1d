package task

import (
	"context"
	"slices"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/snapshot"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
)

// ending is where an edge ends in the chain: at its head, or, where the edge is chained now and was not in the checkpoint, inside.
type ending struct {
	node        int // that reads it
	parent      int // position in the chain of the operator it comes from; -1 at the head
	position    int // in Vertex.Inputs; -1 inside
	producer    string
	producers   int
	partitioner dataflow.Partitioner
	factory     operator.EdgeFactory
	in          operator.Input
	records     operator.Recorder
}

// recorder returns what writes down the edge's chunks.
func (e *ending) recorder() (operator.Recorder, error) {
	if e.records == nil {
		f, ok := e.factory.(operator.Recordable)
		if !ok {
			return nil, fault.New(fault.CheckpointLeftOver, "records were on their way over an edge that now carries what cannot be recorded: go on from a savepoint, which has none on their way")
		}
		r, err := f.Recorder()
		if err != nil {
			return nil, err
		}
		e.records = r
	}
	return e.records, nil
}

// replayed is a chunk that was on its way when the checkpoint was taken that the task was restored from. It comes before anything from the gate.
type replayed struct {
	to      *ending
	from    int // subtask of the producer, -1 if that is not known any more
	channel int // of the gate; -1 if there is none, and no marks
	chunk   operator.Chunk
}

// restoreChannels reads what was on its way. All operators are open.
func (t *Task) restoreChannels() error {
	from := t.cfg.Checkpoints.Storage
	if root := t.cfg.Restore.GetRoot(); root != "" {
		var err error
		if from, err = storage.Open(root); err != nil {
			return err
		}
	}
	r := snapshot.NewReader(t.ctx, func(ctx context.Context, name string) (snapshot.Source, error) { return from.Open(ctx, name) })
	defer r.Close()
	for i, n := range t.nodes {
		for _, c := range t.restoredPart(n).GetChannels() {
			if err := t.restoreChannel(i, c, r); err != nil {
				t.Fail(i, err)
				return t.failure
			}
		}
	}
	if t.valve != nil && t.valve.Combined() > eventtime.MinWatermark {
		t.signals = append(t.signals, signal{signalWatermark, 0, t.valve.Combined()}) // it may have been worked off in part
	}
	return nil
}

func (t *Task) restoreChannel(node int, c *manifest.Channel, r *snapshot.Reader) error {
	to, err := t.endingOf(node, c)
	if err != nil {
		return err
	}
	if to == nil {
		if len(c.GetSegments()) == 0 || t.cfg.Checkpoints.Drop {
			return nil
		}
		return fault.New(fault.CheckpointLeftOver, "records from the operator with uid %s were on their way to this one, which has no input from there any more", c.GetProducer())
	}
	channel := t.channelOf(to, c)
	if channel >= 0 && c.GetHasWatermark() {
		t.valve.Watermark(channel, c.GetWatermark())
	}
	if len(c.GetSegments()) == 0 {
		return nil
	}
	keep, err := t.keepOf(to, c)
	if err != nil {
		return err
	}
	keep.Marks = channel >= 0
	recorder, err := to.recorder()
	if err != nil {
		return err
	}
	if now := recorder.Schema(); c.GetSchema() != now {
		return fault.New(fault.StateSchema, "the records of its input are %s, and those that were on their way in the checkpoint %s", now, c.GetSchema())
	}
	subtask := -1
	if channel >= 0 {
		subtask = int(c.GetFrom())
	}
	for _, seg := range c.GetSegments() {
		data, err := r.Segment(seg)
		if err != nil {
			return err
		}
		for range seg.GetEntries() {
			var chunk operator.Chunk
			if chunk, data, err = recorder.Read(data, keep); err != nil {
				return err
			}
			if chunk.Rows()+chunk.MarkCount() > 0 {
				t.recovered = append(t.recovered, replayed{to, subtask, channel, chunk})
			}
		}
		if len(data) > 0 {
			return fault.New(fault.StateDamaged, "%d bytes are left behind the recorded chunks", len(data))
		}
	}
	return nil
}

// endingOf finds where the edge of a channel ends now; nil if it is gone.
func (t *Task) endingOf(node int, c *manifest.Channel) (*ending, error) {
	if at := int(c.GetInput()); node == 0 && at >= 0 && at < len(t.endings) && t.endings[at].producer == c.GetProducer() {
		return t.endings[at], nil
	}
	for _, e := range t.endings {
		if e.node == node && e.producer == c.GetProducer() {
			return e, nil
		}
	}
	plan, v := t.cfg.Plan, t.cfg.Vertex
	for _, e := range v.Chained {
		if e.To != v.Operators[node] || string(plan.UIDs[e.From]) != c.GetProducer() {
			continue
		}
		f, ok := e.Factory.(operator.EdgeFactory)
		inputs := t.nodes[node].instance.Inputs()
		if !ok || e.Input >= len(inputs) {
			return nil, fault.New(fault.InternalInvariant, "operator %q has no input %d or its edge no factory", t.nodes[node].ctx.Name, e.Input)
		}
		in, err := f.NewInput(t.nodes[node].ctx, inputs[e.Input])
		if err != nil {
			return nil, err
		}
		to := &ending{
			node: node, parent: slices.Index(v.Operators, e.From), position: -1, producer: c.GetProducer(), producers: v.Parallelism, partitioner: dataflow.Forward, factory: f, in: in,
		}
		t.endings = append(t.endings, to)
		return to, nil
	}
	return nil, nil
}

// channelOf returns the channel of the gate that carries on what a recorded one had, -1 if there is none.
func (t *Task) channelOf(to *ending, c *manifest.Channel) int {
	v := t.cfg.Vertex
	if to.position < 0 || int(c.GetProducers()) != to.producers || int(c.GetConsumers()) != v.Parallelism || c.GetPartitioner() != to.partitioner.String() {
		return -1
	}
	first := 0
	for _, e := range v.Inputs[:to.position] {
		first += len(t.cfg.Plan.Sources(e, t.cfg.Subtask))
	}
	i := slices.Index(t.cfg.Plan.Sources(v.Inputs[to.position], t.cfg.Subtask), int(c.GetFrom()))
	if i < 0 {
		return -1
	}
	return first + i
}

// keepOf returns which records of a channel are for this subtask. Where the number of subtasks is that of the checkpoint, all are.
func (t *Task) keepOf(to *ending, c *manifest.Channel) (k operator.Keep, err error) {
	chosen := func(name string) bool { return name == dataflow.Hash.String() || name == dataflow.Custom.String() }
	now, was, head := to.partitioner.String(), c.GetPartitioner(), t.nodes[0].ctx
	switch {
	case now != was && (chosen(now) || chosen(was)):
		return k, fault.New(fault.CheckpointLeftOver, "records were on their way to this operator over a %s edge, which is a %s edge now: go on from a savepoint, which has none on their way", was, now)
	case int(c.GetConsumers()) == t.cfg.Vertex.Parallelism:
	case to.partitioner == dataflow.Hash:
		k.Hash = func(hash uint64) bool { return head.KeyGroups.Contains(base.KeyGroup(hash, head.MaxParallelism)) }
	case to.partitioner == dataflow.Custom:
		k.Channels = t.cfg.Vertex.Parallelism
		k.Channel = func(channel int) bool { return channel == t.cfg.Subtask }
	}
	return k, nil
}

// takeReplayed starts on the next chunk that the task was restored with.
func (t *Task) takeReplayed() {
	next := t.recovered[0]
	t.recovered[0] = replayed{}
	t.recovered = t.recovered[1:]
	t.cfg.Scheduler.Trace("replay", int64(next.channel), int64(next.chunk.Rows()))
	t.current = cursor{chunk: next.chunk, channel: next.channel, replayed: &next}
	t.advanceReplayed()
}

// advanceReplayed goes on with a replayed chunk. It may go to an operator inside the chain.
func (t *Task) advanceReplayed() {
	before := t.enter(t.current.replayed.to.parent)
	t.advance()
	t.calling = before
}

// endReplayed comes when a replayed chunk is done.
func (t *Task) endReplayed() {
	if len(t.recovered) > 0 {
		return
	}
	behind := t.behindReplay
	t.recovered, t.behindReplay = nil, nil
	for _, f := range behind {
		if t.failure == nil {
			f()
		}
	}
}

// replays reports whether something that the task was restored with is still to come.
func (t *Task) replays() bool { return len(t.recovered) > 0 || t.current.replayed != nil }
