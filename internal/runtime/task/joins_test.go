package task

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/runtime/exchange"
	"github.com/weirstream/weir/internal/runtime/sched"
)

// branch passes records on. One that makes its own watermarks takes a record of 100 and more for a watermark, of 99 for idleness, and of 98 for the end of that.
type branch struct {
	operator.Base
	makes bool
	ctx   *operator.Context
	next  func(int, int64)
}

func (b branch) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	b.ctx, b.next = ctx, operator.Next[int](w)
	return b, nil
}

func (b branch) Inputs() []any {
	return []any{operator.ValuePort(func(v int, ts int64) {
		switch {
		case !b.makes || v < 98:
			b.next(v, ts)
		case v >= 100:
			b.ctx.Host.EmitWatermark(b.ctx.Node, int64(v))
		default:
			b.ctx.Host.EmitIdle(b.ctx.Node, v == 99)
		}
	})}
}

func (b branch) Replaces() bool { return b.makes }

// meeting notes what comes to its two inputs.
type meeting struct {
	operator.Base
	log []string
}

func (m *meeting) New(*operator.Context, operator.Wiring) (operator.Instance, error) { return m, nil }

func (m *meeting) Inputs() []any {
	port := func(name string) any {
		return operator.ValuePort(func(v int, _ int64) {
			if v < 98 {
				m.note("%s%d", name, v)
			}
		})
	}
	return []any{port("l"), port("r")}
}

func (m *meeting) note(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf(format, args...))
}
func (m *meeting) Watermark(t int64) bool { m.note("watermark %d", t); return false }
func (m *meeting) EndInput(i int)         { m.note("end %d", i) }
func (m *meeting) Finish() bool           { m.note("finish"); return false }

// diamond makes a task of a head, two branches, of which the second makes its own watermarks, and a node that joins these. The first branch leads to the left input, as does the head itself; the second leads to the right one.
func diamond(t *testing.T) (*world, *meeting) {
	t.Helper()
	m, edge := &meeting{}, &operator.Edge[int]{}
	forward := func(id, from, to, input int) *dataflow.Edge {
		return &dataflow.Edge{ID: id, From: from, To: to, Input: input, Partitioner: dataflow.Forward, PartitionerSet: true, Factory: edge}
	}
	g := &dataflow.Graph{Parallelism: 1, Operators: []*dataflow.Operator{
		{ID: 0, Kind: "source", Name: "source", Source: true, Bounded: true, Chaining: dataflow.ChainNever},
		{ID: 1, Kind: "head", Name: "head", Factory: branch{}},
		{ID: 2, Kind: "left", Name: "left", Factory: branch{}},
		{ID: 3, Kind: "right", Name: "right", Factory: branch{makes: true}},
		{ID: 4, Kind: "join", Name: "join", Sink: true, Factory: m, ChainInputs: true},
	}, Edges: []*dataflow.Edge{forward(0, 0, 1, 0), forward(1, 1, 2, 0), forward(2, 1, 3, 0), forward(3, 1, 4, 0), forward(4, 2, 4, 0), forward(5, 3, 4, 1)}}
	plan, err := g.Plan()
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Vertices) != 2 || plan.Vertices[1].Name != "head -> (left, right -> Sink: join)" {
		t.Fatalf("vertices %d, the last is %q", len(plan.Vertices), plan.Vertices[len(plan.Vertices)-1].Name)
	}
	w := &world{sim: sched.NewSim(1), gate: exchange.NewGate(1, 1<<20), listener: &listener{}}
	t.Cleanup(w.sim.Close)
	w.task = New(Config{
		Plan: plan, Vertex: plan.Vertices[1], Scheduler: w.sim, Listener: w.listener, Logger: slog.New(slog.DiscardHandler),
		Gate: w.gate, ChannelInput: []int{0}, ChunkRows: 8, ChunkBytes: 1 << 16,
	})
	return w, m
}

// A node that joins branches of its chain hears the lowest of their watermarks, once, whichever branch moves it; a branch that is idle does not count; and it ends when all have.
func TestBranchesMeet(t *testing.T) {
	w, m := diamond(t)
	w.task.Start()
	for _, step := range []struct {
		what string
		send []int
		want []string
	}{
		{"a record goes along each edge", []int{1}, []string{"l1", "r1", "l1"}},
		{"one branch is behind", []int{-5, 2}, []string{"l2", "r2", "l2"}},
		{"it has not caught up", []int{-200}, nil},
		{"it moves", []int{100, 150}, []string{"watermark 100", "watermark 150"}},
		{"it is idle, so the others count", []int{99}, []string{"watermark 200"}},
		{"the others go on", []int{-250}, []string{"watermark 250"}},
		{"it is active and behind", []int{98, 240, -260}, []string{"watermark 260"}},
		{"it has caught up", []int{270, -300, 280}, []string{"watermark 270", "watermark 280"}},
	} {
		w.send(t, 0, step.send...)
		w.settle(t)
		if !slices.Equal(m.log, step.want) {
			t.Errorf("%s: %q, want %q", step.what, m.log, step.want)
		}
		m.log = nil
	}
	w.gate.Channel(0).Push(operator.Element{Kind: operator.Barrier, Checkpoint: 1})
	w.gate.Channel(0).Push(operator.Element{Kind: operator.End})
	w.settle(t)
	if want := []string{"watermark 9223372036854775807", "end 0", "end 1", "finish"}; !slices.Equal(m.log, want) {
		t.Errorf("the end: %q, want %q", m.log, want)
	}
	if !slices.Equal(w.listener.acks, []int64{1}) || w.listener.err != nil {
		t.Errorf("barriers %v, error %v", w.listener.acks, w.listener.err)
	}
}
