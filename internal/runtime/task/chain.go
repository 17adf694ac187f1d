package task

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"

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
	children []int // positions in the chain
	outputs  []operator.Output
	edges    []edgeFunctions
	replaces bool
	opened   bool
	emitted  int64 // the last watermark passed on
	entries  []uintptr
	users    []uintptr
}

// edgeFunctions are user functions that run where a chain ends: key selectors and custom partitioners. They belong to the consumer.
type edgeFunctions struct {
	consumer string
	users    []uintptr
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
		ctx.Bounded, ctx.Params = t.cfg.Bounded, t.cfg.Params
		ctx.Stop, ctx.Host = &t.stop, t
		t.nodes[i] = &node{ctx: ctx, emitted: eventtime.MinWatermark}
	}
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
	add := func(e *dataflow.Edge, emit any) error {
		f, ok := e.Factory.(operator.EdgeFactory)
		if !ok {
			return fault.New(fault.InternalInvariant, "the edge from %q has no factory but %T", op.Name, e.Factory)
		}
		emits[e.Output] = append(emits[e.Output], emit)
		tees[e.Output] = f
		return nil
	}
	for _, e := range v.Chained {
		if e.From != id {
			continue
		}
		child := position[e.To]
		n.children = append(n.children, child)
		inputs := t.nodes[child].instance.Inputs()
		if e.Input >= len(inputs) {
			return fault.New(fault.InternalInvariant, "operator %q has no input %d", t.nodes[child].ctx.Name, e.Input)
		}
		if err := add(e, inputs[e.Input]); err != nil {
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
		targets := plan.Targets(pe, t.cfg.Subtask)
		consumer := plan.Vertices[pe.To]
		random := t.cfg.Scheduler.Rand(fmt.Sprintf("edge %d subtask %d", pe.Edge.ID, t.cfg.Subtask))
		emit, out, err := f.NewOutput(operator.OutputConfig{
			Host: t, Writers: t.cfg.Writers(pe, targets), Targets: targets,
			Consumers: consumer.Parallelism, MaxParallelism: consumer.MaxParallelism, Subtask: t.cfg.Subtask,
			ChunkRows: t.cfg.ChunkRows, ChunkBytes: t.cfg.ChunkBytes, Partitioner: pe.Partitioner, Rand: random.IntN,
		})
		if err != nil {
			return err
		}
		if err := add(pe.Edge, emit); err != nil {
			return err
		}
		n.outputs = append(n.outputs, out)
		t.outputs = append(t.outputs, out)
		if u, ok := pe.Edge.Factory.(interface{ Functions() []any }); ok {
			n.edges = append(n.edges, edgeFunctions{plan.Graph.Operators[pe.Edge.To].Name, entriesOf(u.Functions())})
		}
	}
	w := operator.Wiring{Side: map[string]any{}}
	for output, list := range emits {
		emit := list[0]
		if len(list) > 1 {
			emit = tees[output].Tee(list)
		}
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
	t.building = i
	instance, err := f.New(n.ctx, w)
	if err != nil {
		t.Fail(i, err)
		return t.failure
	}
	t.building = -1
	n.instance = instance
	n.entries, n.users = entriesOf(instance.Inputs()), entriesOf(instance.Functions())
	if r, ok := instance.(operator.Replacing); ok {
		n.replaces = r.Replaces()
	}
	if l, ok := instance.(operator.Limited); ok {
		l.OnReady(t.Wake)
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
		t.source = s
		return nil
	}
	inputs := head.instance.Inputs()
	for _, pe := range v.Inputs {
		f, ok := pe.Edge.Factory.(operator.EdgeFactory)
		if !ok || pe.Edge.Input >= len(inputs) {
			return fault.New(fault.InternalInvariant, "operator %q has no input %d or its edge no factory", head.ctx.Name, pe.Edge.Input)
		}
		in, err := f.NewInput(head.ctx, inputs[pe.Edge.Input])
		if err != nil {
			return err
		}
		t.inputs = append(t.inputs, in)
		t.ports = append(t.ports, pe.Edge.Input)
		channels := len(plan.Sources(pe, t.cfg.Subtask))
		t.openPorts[pe.Edge.Input] += channels
		t.open += channels
	}
	t.valve = temporal.NewValve(t.open)
	t.aligner = checkpoint.NewAligner(t.open)
	t.cfg.Gate.SetReader(t, func() {
		t.urgent.Store(true)
		t.stop.Store(1)
	})
	return nil
}

func (t *Task) nodeOf(c operator.Commits) int {
	return slices.IndexFunc(t.nodes, func(n *node) bool { return n.instance == any(c) })
}

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

// fused returns the node whose user function stands among entries: at itself, or one behind it that runs in the same emit function.
func (t *Task) fused(at int, entries []uintptr) int {
	n := t.nodes[at]
	owns := func(n *node) bool {
		return slices.ContainsFunc(n.users, func(u uintptr) bool { return slices.Contains(entries, u) })
	}
	for !owns(n) && len(n.children) == 1 {
		next := n.children[0]
		if n = t.nodes[next]; owns(n) {
			return next
		}
	}
	return at
}

// culprit finds the operator whose user function stands on the stack. It follows the emit functions from the head of the chain inwards, and returns the
// deepest node reached; or, where the function of an edge stands above that, the name of its consumer.
func (t *Task) culprit(pcs []uintptr) (edge string, at int) {
	var entries []uintptr // outermost first
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		entries = append(entries, f.Entry)
		if !more {
			break
		}
	}
	slices.Reverse(entries)
	if t.building >= 0 {
		return "", t.building
	}
	at = 0
	var candidates []int
	if len(t.nodes) > 0 {
		candidates = []int{0}
		if t.source != nil { // a source has no emit function: what it calls is its child's
			candidates = t.nodes[0].children
		}
	}
	var last []uintptr
	for i, entry := range entries {
		var match []int
		for _, c := range candidates {
			if slices.Contains(t.nodes[c].entries, entry) {
				match = append(match, c)
			}
		}
		if len(match) == 0 {
			continue
		}
		at = match[0]
		for _, m := range match { // twins are told apart by what runs inside them
			if slices.ContainsFunc(t.nodes[m].users, func(u uintptr) bool { return slices.Contains(entries[i:], u) }) {
				at = m
				break
			}
		}
		candidates = t.nodes[at].children
		last = entries[i:]
	}
	if last == nil {
		last = entries
	}
	if at >= len(t.nodes) {
		return "", at
	}
	at = t.fused(at, last)
	for _, e := range t.nodes[at].edges {
		if slices.ContainsFunc(e.users, func(u uintptr) bool { return slices.Contains(last, u) }) {
			return e.consumer, at
		}
	}
	return "", at
}
