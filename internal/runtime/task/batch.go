package task

import (
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
)

// batch is how a task of a batch job reads its inputs.
type batch struct {
	on bool
	// group keeps the inputs that have to wait; nil if there are none.
	group *operator.Grouping
	keyed bool
	// first are the input numbers of the broadcast streams, openFirst their channels that have not ended.
	first     map[int]bool
	openFirst int
	ended     []int // input numbers that have ended, of which the head is told behind the replay
}

// grouping finds out whether the head has inputs that must wait: for those of their key, or for a broadcast stream.
func (t *Task) grouping() {
	t.batch.on = t.cfg.Plan.Graph.Batch
	if !t.batch.on {
		return
	}
	t.batch.first = map[int]bool{}
	others := false
	for _, pe := range t.cfg.Vertex.Inputs {
		switch pe.Partitioner {
		case dataflow.Hash:
			t.batch.keyed = true
		case dataflow.Broadcast:
			t.batch.first[pe.Edge.Input] = true
		default:
			others = true
		}
	}
	for _, pe := range t.cfg.Vertex.Inputs {
		if pe.Partitioner != dataflow.Broadcast {
			delete(t.batch.first, pe.Edge.Input) // a union with a stream that is not broadcast
		}
	}
	if t.batch.keyed || others && len(t.batch.first) > 0 {
		t.batch.group = operator.NewGrouping(t.nodes[0].ctx, t.nodes[0].instance, t.batch.keyed)
	}
}

// input makes the reading end of an edge of the head.
func (t *Task) input(pe *dataflow.PlanEdge, f operator.EdgeFactory, port any) (operator.Input, error) {
	ctx := t.nodes[0].ctx
	if t.batch.group == nil || t.batch.first[pe.Edge.Input] {
		t.batch.openFirst += len(t.cfg.Plan.Sources(pe, t.cfg.Subtask))
		return f.NewInput(ctx, port)
	}
	b, ok := f.(operator.BatchEdgeFactory)
	if !ok {
		return nil, fault.New(fault.InternalInvariant, "an edge to %q cannot be read in batch mode: its factory is %T", ctx.Name, f)
	}
	return b.NewGroupedInput(ctx, port, t.batch.group)
}

// endGrouped is what the end of a channel brings where inputs wait: when the last broadcast channel has ended, those that are not keyed are read, and when all have, the keyed ones.
func (t *Task) endGrouped(port int) {
	b := &t.batch
	t.openPorts[port]--
	t.open--
	replay := t.open == 0
	if b.first[port] {
		if t.openPorts[port] == 0 {
			t.signals = append(t.signals, signal{signalEndInput, 0, int64(port)})
		}
		b.openFirst--
		replay = replay || b.openFirst == 0 && !b.keyed
	} else if t.openPorts[port] == 0 {
		b.ended = append(b.ended, port)
	}
	if replay {
		t.signals = append(t.signals, signal{signalReplay, 0, 0})
	}
	if t.open > 0 {
		return
	}
	t.finishing = true
	t.signals = append(t.signals, signal{signalWatermark, 0, eventtime.MaxWatermark})
	for _, port := range b.ended {
		t.signals = append(t.signals, signal{signalEndInput, 0, int64(port)})
	}
	t.signals = append(t.signals, signal{signalFinish, 0, 0})
}

// replay gives the head what has waited. It reports whether there is more.
func (t *Task) replay() (more bool) {
	t.enter(0)
	t.working = t.batch.group
	more = t.batch.group.Replay()
	t.working = nil
	t.calling = -1
	return more
}
