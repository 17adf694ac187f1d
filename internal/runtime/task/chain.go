package task

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/temporal"
)

// node is one operator of the chain.
type node struct {
	ctx      *operator.Context
	instance operator.Instance
	children []child
	joins    *joins // of a node that several edges of the chain lead to; else nil
	outputs  []operator.Output
	edges    []edgeFunctions
	replaces bool
	holds    operator.Holding // nil: watermarks and idleness pass
	opened   bool
	done     int64 // the last watermark worked off
	emitted  int64 // the last watermark passed on
	idle     bool  // what stands behind was told so
	// What follows is for naming a panic.
	entries []uintptr // of its inputs
	users   []string
	fused   int // how many nodes behind it, by way of next, run in the same emit function
	next    int // the child that reads the main output, if there is but one
	targets []target
	tees    []tee
}

// edgeFunctions are user functions that run where a chain ends: key selectors and custom partitioners. They belong to the consumer.
type edgeFunctions struct {
	consumer string
	entries  []uintptr
	users    []string
}

func (n *node) emitWatermark(w int64) {
	n.emitted = w
	for _, o := range n.outputs {
		o.Watermark(w)
	}
}

// build makes the chain from its end to its head.
func (t *Task) build() error {
	v, plan := t.cfg.Vertex, t.cfg.Plan
	position := make(map[int]int, len(v.Operators))
	for i, op := range v.Operators {
		position[op] = i
	}
	t.nodes = make([]*node, len(v.Operators))
	for i, id := range v.Operators {
		op := plan.Graph.Operators[id]
		ctx := operator.NewContext()
		ctx.Job, ctx.Name, ctx.UID, ctx.Node = t.cfg.Job, op.Name, plan.UIDs[id], i
		ctx.Subtask, ctx.Parallelism = t.cfg.Subtask, v.Parallelism
		ctx.MaxParallelism = plan.Resolved[id].MaxParallelism
		ctx.KeyGroups = base.RangeOf(t.cfg.Subtask, v.Parallelism, ctx.MaxParallelism)
		ctx.Batch = plan.Graph.Batch
		ctx.Bounded, ctx.Params = t.cfg.Bounded, t.cfg.Params
		ctx.Paced, ctx.Durable = t.cfg.Pace != nil, t.cfg.Checkpoints.Storage != nil
		ctx.Stop, ctx.Host, ctx.State = &t.stop, t, t.cfg.State
		t.nodes[i] = &node{ctx: ctx, done: eventtime.MinWatermark, emitted: eventtime.MinWatermark}
	}
	for i, id := range v.Operators {
		if edges := edgesTo(v, id); edges > 1 {
			t.nodes[i].joins = newJoins(edges)
		}
	}
	t.handRestored()
	for i := len(v.Operators) - 1; i >= 0; i-- {
		if err := t.buildNode(i, position); err != nil {
			return err
		}
	}
	return t.buildInputs()
}

func (t *Task) buildNode(i int, position map[int]int) error {
	v, plan := t.cfg.Vertex, t.cfg.Plan
	id, n := v.Operators[i], t.nodes[i]
	op := plan.Graph.Operators[id]
	emits := map[string][]any{}
	tees := map[string]operator.EdgeFactory{}
	targets := map[string][]target{}
	add := func(e *dataflow.Edge, to target, emit any) error {
		f, ok := e.Factory.(operator.EdgeFactory)
		if !ok {
			return fault.New(fault.InternalInvariant, "the edge from %q has no factory but %T", op.Name, e.Factory)
		}
		emits[e.Output] = append(emits[e.Output], emit)
		tees[e.Output] = f
		targets[e.Output] = append(targets[e.Output], to)
		return nil
	}
	for _, e := range v.Chained {
		if e.From != id {
			continue
		}
		child := position[e.To]
		n.children = append(n.children, t.link(child, e.Input))
		inputs := t.nodes[child].instance.Inputs()
		if e.Input >= len(inputs) {
			return fault.New(fault.InternalInvariant, "operator %q has no input %d", t.nodes[child].ctx.Name, e.Input)
		}
		if err := add(e, target{true, child}, inputs[e.Input]); err != nil {
			return err
		}
	}
	for _, pe := range v.Outputs {
		if pe.Edge.From != id {
			continue
		}
		f, ok := pe.Edge.Factory.(operator.EdgeFactory)
		if !ok {
			return fault.New(fault.InternalInvariant, "the edge from %q has no factory but %T", op.Name, pe.Edge.Factory)
		}
		subtasks := plan.Targets(pe, t.cfg.Subtask)
		consumer := plan.Vertices[pe.To]
		random := t.cfg.Scheduler.Rand(fmt.Sprintf("edge %d subtask %d", pe.Edge.ID, t.cfg.Subtask))
		emit, out, err := f.NewOutput(operator.OutputConfig{
			Host: t, Writers: t.cfg.Writers(pe, subtasks), Targets: subtasks,
			Consumer: plan.Graph.Operators[pe.Edge.To].Name, Consumers: consumer.Parallelism, MaxParallelism: consumer.MaxParallelism, Subtask: t.cfg.Subtask,
			ChunkRows: t.cfg.ChunkRows, ChunkBytes: t.cfg.ChunkBytes, Partitioner: pe.Partitioner, Rand: random.IntN,
		})
		if err != nil {
			return err
		}
		if err := add(pe.Edge, target{false, len(n.edges)}, emit); err != nil {
			return err
		}
		n.outputs = append(n.outputs, out)
		t.outputs = append(t.outputs, out)
		functions := edgeFunctions{consumer: plan.Graph.Operators[pe.Edge.To].Name, entries: entriesOf([]any{emit})}
		if u, ok := pe.Edge.Factory.(interface{ Functions() []any }); ok {
			functions.users = namesOf(u.Functions())
		}
		n.edges = append(n.edges, functions)
	}
	if main := targets[""]; len(main) == 1 && main[0].child {
		n.next = main[0].index
	}
	w := operator.Wiring{Side: map[string]any{}}
	for output, list := range emits {
		emit := list[0]
		if len(list) > 1 {
			emit = tees[output].Tee(list)
			if port, ok := emit.(interface{ Branch() int }); ok {
				n.tees = append(n.tees, tee{port, targets[output]})
			}
		}
		n.targets = append(n.targets, targets[output]...)
		if output == "" {
			w.Main = emit
		} else {
			w.Side[output] = emit
		}
	}
	f, ok := op.Factory.(operator.Factory)
	if !ok {
		return fault.New(fault.InternalInvariant, "operator %q has no factory but %T", op.Name, op.Factory)
	}
	t.enter(i)
	instance, err := f.New(n.ctx, w)
	if err != nil {
		t.Fail(i, err)
		return t.failure
	}
	t.calling = -1
	n.instance = instance
	n.entries, n.users = entriesOf(instance.Inputs()), namesOf(instance.Functions())
	for _, in := range instance.Inputs() {
		if f, ok := in.(interface{ Fused() int }); ok {
			n.fused = max(n.fused, f.Fused())
		}
	}
	if r, ok := instance.(operator.Replacing); ok {
		n.replaces = r.Replaces()
	}
	n.holds, _ = instance.(operator.Holding)
	l := limited{node: i}
	l.worker, _ = instance.(operator.Working)
	if l.limit, _ = instance.(operator.Limited); l.limit != nil {
		l.limit.OnReady(t.Wake)
	}
	if l.worker != nil || l.limit != nil {
		t.limited = append(t.limited, l)
	}
	if c, ok := instance.(operator.Commits); ok {
		t.commits = append(t.commits, c)
	}
	return nil
}

func (t *Task) buildInputs() error {
	v, plan := t.cfg.Vertex, t.cfg.Plan
	head := t.nodes[0]
	if s, ok := head.instance.(operator.Source); ok {
		t.batch.on = plan.Graph.Batch
		t.source = s
		t.splitting, _ = s.(operator.Timed)
		return nil
	}
	t.grouping()
	inputs := head.instance.Inputs()
	for _, pe := range v.Inputs {
		f, ok := pe.Edge.Factory.(operator.EdgeFactory)
		if !ok || pe.Edge.Input >= len(inputs) {
			return fault.New(fault.InternalInvariant, "operator %q has no input %d or its edge no factory", head.ctx.Name, pe.Edge.Input)
		}
		in, err := t.input(pe, f, inputs[pe.Edge.Input])
		if err != nil {
			return err
		}
		t.endings = append(t.endings, &ending{
			parent: -1, position: len(t.endings), producer: string(plan.UIDs[pe.Edge.From]), producers: plan.Vertices[pe.From].Parallelism, partitioner: pe.Partitioner, factory: f, in: in,
		})
		t.ports = append(t.ports, pe.Edge.Input)
		channels := len(plan.Sources(pe, t.cfg.Subtask))
		t.openPorts[pe.Edge.Input] += channels
		t.open += channels
	}
	t.valve = temporal.NewValve(t.open)
	t.aligner = checkpoint.NewAligner(t.open)
	if t.cfg.Checkpoints.AtLeastOnce {
		t.aligner.AtLeastOnce()
	}
	t.overtaking.able = !t.cfg.Checkpoints.AtLeastOnce && !t.batch.on && overtakes(v)
	t.cfg.Gate.SetReader(t, func() {
		t.urgent.Store(true)
		t.stop.Store(1)
	})
	return nil
}

func (t *Task) nodeOf(c operator.Commits) int {
	return slices.IndexFunc(t.nodes, func(n *node) bool { return n.instance == any(c) })
}

// entriesOf returns where the code of functions and ports begins.
func entriesOf(functions []any) []uintptr {
	var entries []uintptr
	for _, f := range functions {
		if p, ok := f.(interface{ Entries() []any }); ok {
			entries = append(entries, entriesOf(p.Entries())...)
			continue
		}
		if v := reflect.ValueOf(f); v.Kind() == reflect.Func && !v.IsNil() {
			entries = append(entries, v.Pointer())
		}
	}
	return entries
}

// namesOf returns the names of functions as they stand on a stack. A method value is a wrapper, which does not stand there itself.
func namesOf(functions []any) []string {
	var names []string
	for _, pc := range entriesOf(functions) {
		if f := runtime.FuncForPC(pc); f != nil {
			names = append(names, strings.TrimSuffix(f.Name(), "-fm"))
		}
	}
	return names
}

// target is what a node hands records to: a child, by its position in the chain, or one of the node's edges.
type target struct {
	child bool
	index int
}

// tee is a port that hands records to several targets, in their order.
type tee struct {
	port    interface{ Branch() int }
	targets []target
}

// enter notes whose method is called other than by a record, and returns what was noted before.
func (t *Task) enter(node int) (before int) {
	before, t.calling = t.calling, node
	return before
}

var taskPackage = reflect.TypeFor[Task]().PkgPath() + "."

// userFrames returns the frames of a stack from the place where the task last called into the chain to the panic, outermost first.
func userFrames(pcs []uintptr) []runtime.Frame {
	var stack []runtime.Frame
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		stack = append(stack, f)
		if !more {
			break
		}
	}
	slices.Reverse(stack)
	begin := 0
	for i, f := range stack {
		switch {
		case f.Function == "runtime.gopanic" || f.Function == "runtime.Goexit":
			return stack[begin:i]
		case strings.HasPrefix(f.Function, taskPackage):
			begin = i
		}
	}
	return stack[begin:]
}

// culprit finds the operator whose user function stands on the stack. It follows the emit functions inwards, and returns the deepest node reached; or, where that
// is the function of an edge, the name of its consumer.
func (t *Task) culprit(pcs []uintptr) (edge string, at int) {
	if len(t.nodes) == 0 {
		return "", 0
	}
	stack := userFrames(pcs)
	at, known := max(t.calling, 0), t.calling >= 0 || t.source != nil // a source has no emit function: what it calls is what follows it
	run := []int{at}                                                  // nodes that share an emit function
	candidates := []target{{true, 0}}
	if known {
		candidates = t.nodes[at].targets
	}
	inner := stack
	for i, f := range stack {
		var match []target
		for _, c := range candidates {
			var entries []uintptr
			if c.child {
				entries = t.nodes[c.index].entries
			} else {
				entries = t.nodes[at].edges[c.index].entries
			}
			if slices.Contains(entries, f.Entry) {
				match = append(match, c)
			}
		}
		if len(match) == 0 {
			continue
		}
		inner = stack[i:]
		next := t.pick(at, match)
		if !next.child {
			if e := t.nodes[at].edges[next.index]; stands(e.users, inner) {
				return e.consumer, at
			}
			break
		}
		run = t.fused(next.index)
		at = run[len(run)-1]
		candidates = t.nodes[at].targets
	}
	for _, n := range run {
		if stands(t.nodes[n].users, inner) {
			return "", n
		}
	}
	return "", run[0]
}

// fused returns the nodes that run in the emit function of one, itself first.
func (t *Task) fused(at int) []int {
	run := []int{at}
	for range t.nodes[at].fused {
		at = t.nodes[at].next
		run = append(run, at)
	}
	return run
}

// pick chooses among targets of a node that share their code: the one that the node's tee handed the record to.
func (t *Task) pick(from int, match []target) target {
	for _, x := range t.nodes[from].tees {
		if b := x.port.Branch(); b >= 0 && b < len(x.targets) && slices.Contains(match, x.targets[b]) {
			return x.targets[b]
		}
	}
	return match[0]
}

func stands(names []string, stack []runtime.Frame) bool {
	return slices.ContainsFunc(stack, func(f runtime.Frame) bool { return slices.Contains(names, f.Function) })
}
