package local

import (
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/runtime/task"
)

// Two sources lead into a join, chained to a sink; the first one's chain has a map.
func joinPlan(t *testing.T) *dataflow.Plan {
	t.Helper()
	g := &dataflow.Graph{Parallelism: 1, Operators: []*dataflow.Operator{
		{ID: 0, Kind: "source:a", Name: "left", Source: true, Bounded: true, Parallelism: 2},
		{ID: 1, Kind: "map", Name: "wait", Parallelism: 2},
		{ID: 2, Kind: "source:b", Name: "right", Source: true, Bounded: true},
		{ID: 3, Kind: "join", Name: "both"},
		{ID: 4, Kind: "sink:x", Name: "out", Sink: true},
	}, Edges: []*dataflow.Edge{
		{ID: 0, From: 0, To: 1, Input: 0},
		{ID: 1, From: 1, To: 3, Input: 0, Partitioner: dataflow.Rebalance, PartitionerSet: true},
		{ID: 2, From: 2, To: 3, Input: 1, Partitioner: dataflow.Rebalance, PartitionerSet: true},
		{ID: 3, From: 3, To: 4},
	}}
	p, err := g.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestExplain(t *testing.T) {
	p := joinPlan(t)
	start := time.Unix(1000, 0)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	node := func(w, emitted int64, since int, makes bool) task.NodeTime {
		return task.NodeTime{Watermark: w, Emitted: emitted, Since: at(since), Makes: makes}
	}
	vertex := func(op int) int { return p.VertexOf[op] }
	world := func() map[string]*task.Times {
		return map[string]*task.Times{
			"left 0": {Vertex: vertex(0), Subtask: 0, Nodes: []task.NodeTime{node(9000, 9000, 1, true), node(9000, 9000, 1, false)},
				Splits: []operator.SplitTime{{ID: "l0", Watermark: 9000, Since: at(1)}}},
			"left 1": {Vertex: vertex(0), Subtask: 1, Nodes: []task.NodeTime{node(7000, 7000, 2, true), node(7000, 7000, 2, false)},
				Splits: []operator.SplitTime{{ID: "l1", Watermark: 8000, Since: at(3)}, {ID: "l2", Watermark: 7000, Since: at(2)}}},
			"right 0": {Vertex: vertex(2), Subtask: 0, Nodes: []task.NodeTime{node(8000, 8000, 3, true)},
				Splits: []operator.SplitTime{{Watermark: 8000, Since: at(3)}}},
			"both 0": {Vertex: vertex(3), Subtask: 0, Nodes: []task.NodeTime{node(7000, 7000, 4, false), node(7000, 7000, 4, false)},
				Channels: []task.ChannelTime{{Watermark: 9000, Since: at(1)}, {Watermark: 7000, Since: at(2)}, {Watermark: 8000, Since: at(3)}}},
		}
	}
	for _, c := range []struct {
		name   string
		change func(w map[string]*task.Times)
		who    string
		want   string
	}{
		{"a split", func(map[string]*task.Times) {}, "out",
			`sink "out" subtask 0: 1970-01-01T00:00:07Z for 6s, held by input 1 from map "wait" subtask 1, split "l2" of source "left" subtask 1 (for 8s)`},
		{"the second input", func(w map[string]*task.Times) { w["both 0"].Channels[1].Watermark = 8500 }, "both",
			`join "both" subtask 0: 1970-01-01T00:00:07Z for 6s, held by input 2 from source "right" subtask 0, the reader (at 1970-01-01T00:00:08Z for 7s)`},
		{"an ended input does not hold", func(w map[string]*task.Times) {
			w["both 0"].Channels[1].Ended = true
			w["both 0"].Channels[2].Behind = true
		}, "both",
			`join "both" subtask 0: 1970-01-01T00:00:07Z for 6s, held by input 1 from map "wait" subtask 0, split "l0" of source "left" subtask 0 (at 1970-01-01T00:00:09Z for 9s)`},
		{"idle inputs", func(w map[string]*task.Times) {
			for i := range w["both 0"].Channels {
				w["both 0"].Channels[i].Idle = true
			}
			w["both 0"].Nodes[0].Idle, w["both 0"].Nodes[0].IdleSince = true, at(8)
		}, "out", `sink "out" subtask 0: 1970-01-01T00:00:07Z for 6s, held by the silence of join "both" subtask 0 (idle for 2s)`},
		{"work in the chain before", func(w map[string]*task.Times) { w["both 0"].Nodes[0].Watermark = 7500 }, "out",
			`sink "out" subtask 0: 1970-01-01T00:00:07Z for 6s, held by unfinished work of join "both" subtask 0 (at 1970-01-01T00:00:07.5Z for 6s)`},
		{"work in another task", func(w map[string]*task.Times) { w["left 1"].Nodes[1].Watermark = 7500 }, "both",
			`join "both" subtask 0: 1970-01-01T00:00:07Z for 6s, held by input 1 from map "wait" subtask 1, unfinished work (at 1970-01-01T00:00:07.5Z for 8s)`},
		{"queued records", func(w map[string]*task.Times) {
			w["left 1"].Nodes[1] = node(eventtime.MaxWatermark, eventtime.MaxWatermark, 5, false)
		}, "both", `join "both" subtask 0: 1970-01-01T00:00:07Z for 6s, held by input 1 from map "wait" subtask 1 (end of input is on its way)`},
		{"an assigner", func(w map[string]*task.Times) { w["left 1"].Nodes[1].Makes = true }, "both",
			`join "both" subtask 0: 1970-01-01T00:00:07Z for 6s, held by input 1 from map "wait" subtask 1, the records (for 8s)`},
		{"a task that has not begun", func(w map[string]*task.Times) { delete(w, "left 1") }, "both",
			`join "both" subtask 0: 1970-01-01T00:00:07Z for 6s, held by input 1 from map "wait" subtask 1`},
	} {
		w := world()
		c.change(w)
		var times []task.Times
		for _, key := range []string{"right 0", "both 0", "left 1", "left 0"} {
			if w[key] != nil {
				times = append(times, *w[key])
			}
		}
		all := explain(p, times, at(10))
		i := slices.IndexFunc(all, func(w OperatorWatermark) bool { return w.Name == c.who })
		if got := all[i].String(); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
