package jobmanager

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/testkit/leak"
	"github.com/weirstream/weir/internal/wire"
)

func TestMain(m *testing.M) { leak.Main(m) }

// stage is an operator of a test's job. Stages are not chained, so that each is a vertex, in their order.
type stage struct {
	name        string
	parallelism int
	source      bool
	group       string
	factory     any
}

// planOf makes a job: each stage reads the one before it, unless it is a source.
func planOf(t *testing.T, stages ...stage) *dataflow.Plan {
	t.Helper()
	g := &dataflow.Graph{Name: "test", Parallelism: 1, DisableChaining: true}
	for i, s := range stages {
		op := &dataflow.Operator{
			ID: i, UID: s.name, Kind: "test", Name: s.name, Source: s.source, Bounded: s.source, Parallelism: s.parallelism,
			SlotSharingGroup: s.group, OutType: "int", Factory: s.factory,
			Sink: i+1 == len(stages) || stages[i+1].source,
		}
		if op.Sink {
			op.OutType = ""
		}
		if op.Factory == nil {
			op.Factory = struct{}{}
		}
		g.Operators = append(g.Operators, op)
		if s.source {
			continue
		}
		g.Edges = append(g.Edges, &dataflow.Edge{
			ID: len(g.Edges), From: i - 1, To: i, Partitioner: dataflow.Rebalance, PartitionerSet: true, Type: "int", Factory: struct{}{},
		})
	}
	plan, err := g.Plan()
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	// Vertices are numbered in topological order; the tests name them by the order of stages.
	for i, v := range plan.Vertices {
		if v.Head() != i {
			t.Fatalf("vertex %d is operator %d", i, v.Head())
		}
	}
	return plan
}

// TestScripts runs the protocol scripts: events in, effects out. Each step also checks the invariants J1 to J9.
//
//	job [checkpoints] [retain=n] [concurrent=n] [tolerable=n] [timeout=seconds] [restarts=n] [history=n] [keep] [again]
//	                             makes a job; a line per stage: name parallelism [source] [group=g]. again begins with what the job before it has left
//	step                         a line per event, see parseEvents
//	running [managers=n]         start to RUNNING with the output left out, on n task managers with just enough slots
//	tasks                        prints where the tasks stand
//	history                      prints the failures, the latest first
//	accumulators                 prints the merged accumulators
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var s script
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return s.run(t, d)
		})
	})
}

type script struct {
	plan    *dataflow.Plan
	m       *Machine
	now     int64 // nanoseconds
	attempt int   // that tasks have where a script does not say
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "job":
		var stages []stage
		for line := range strings.Lines(d.Input) {
			f := strings.Fields(line)
			n, err := strconv.Atoi(f[1])
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			st := stage{name: f[0], parallelism: n}
			for _, arg := range f[2:] {
				if g, ok := strings.CutPrefix(arg, "group="); ok {
					st.group = g
				} else {
					st.source = arg == "source"
				}
			}
			stages = append(stages, st)
		}
		s.plan = planOf(t, stages...)
		before := s.m
		s.m = NewMachine("job-1", s.plan, "hash")
		s.now, s.attempt = 0, 1
		if len(d.CmdArgs) > 0 {
			s.m.Recover(recoveryOf(t, d, before))
		}
		return fmt.Sprintf("slots=%d tasks=%d\n", s.plan.Slots, s.plan.Subtasks())

	case "history":
		var b strings.Builder
		for _, x := range s.m.History() {
			fmt.Fprintf(&b, "attempt %d at %ds, %q on %q: %v\n", x.Attempt, x.At/1e9, x.Task, x.TaskManager, x.Err)
			for _, c := range x.Concurrent {
				fmt.Fprintf(&b, "  attempt %d at %ds, %q on %q: %v\n", c.Attempt, c.At/1e9, c.Task, c.TaskManager, c.Err)
			}
			if x.More > 0 {
				fmt.Fprintf(&b, "  and %d more\n", x.More)
			}
		}
		return b.String()

	case "step":
		var b strings.Builder
		for line := range strings.Lines(d.Input) {
			line = strings.TrimSpace(line)
			if line == "" {
				continue
			}
			fmt.Fprintf(&b, "> %s\n", line)
			for _, e := range s.parseEvents(t, d, line) {
				for _, effect := range s.step(t, e) {
					fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(effectText(t, effect), "\n", "\n  "))
				}
			}
		}
		return b.String()

	case "running":
		managers := 1
		d.MaybeScanArgs(t, "managers", &managers)
		bringUp(s.plan, managers, func(e Event) []Effect { return s.step(t, e) })
		return fmt.Sprintf("job: %v\n", s.m.State())

	case "tasks":
		var b strings.Builder
		for _, ts := range s.m.Tasks() {
			fmt.Fprintf(&b, "%v %-12s %-6s %s\n", ts.Attempt, ts.State, ts.TaskManager, ts.Name)
		}
		return b.String()

	case "accumulators":
		var b strings.Builder
		all := s.m.Accumulators()
		for _, name := range slices.Sorted(maps.Keys(all)) {
			a := all[name]
			fmt.Fprintf(&b, "%s: %s count=%d sum=%g min=%g max=%g\n", name, a.Kind, a.Count, a.Sum, a.Min, a.Max)
		}
		return b.String()
	}
	d.Fatalf(t, "unknown command %s", d.Cmd)
	return ""
}

func (s *script) step(t *testing.T, e Event) []Effect {
	effects := s.m.StepAt(s.now, e)
	if err := s.m.Check(); err != nil {
		t.Fatalf("behind %v: %v", e, err)
	}
	return effects
}

// bringUp takes a new job to RUNNING with every task and reader started.
func bringUp(plan *dataflow.Plan, managers int, step func(Event) []Effect) {
	step(Start{})
	for v, vertex := range plan.Vertices {
		if plan.Graph.Operators[vertex.Head()].Source {
			step(EnumeratorStarted{v})
		}
	}
	for i := range managers {
		step(TaskManagerRegistered{fmt.Sprintf("tm-%d", i+1), (plan.Slots + managers - 1) / managers})
	}
	for _, state := range []dataflow.TaskState{dataflow.TaskInitializing, dataflow.TaskRunning} {
		for _, id := range attemptsOf(plan) {
			step(TaskChanged{Attempt: id, State: state})
		}
	}
	for _, id := range attemptsOf(plan) {
		if plan.Graph.Operators[plan.Vertices[id.Subtask.Vertex].Head()].Source {
			step(ReaderStarted{id})
		}
	}
}

func attemptsOf(plan *dataflow.Plan) []base.AttemptID {
	var ids []base.AttemptID
	for v, vertex := range plan.Vertices {
		for i := range vertex.Parallelism {
			ids = append(ids, base.AttemptID{Subtask: base.SubtaskID{Vertex: v, Index: i}, Attempt: 1})
		}
	}
	return ids
}

// parseEvents reads one line of a step. A task is v0/1, or v0/1#2 for another attempt than the first; v0/* and * stand for several.
//
//	start   cancel   register tm slots   lost tm [why]   barrier n [unaligned]
//	enumerator v0 started | failed why | closed [why]
//	assign v0/1 split...   no-more-splits v0/1   event v0/1 text
//	task v0/1 STATE [why] [name=count...]   ready v0/1   ack v0/1 n [state...]
//	clock seconds   attempt n   tick   request token [savepoint | stop [target]]   snapshotted n [v0=state...] | n failed why   stored n [why]   decline v0/1 n why
//	reader v0/1 started | request | watermark group drift n | event text
//
// A why may begin with the code that it has in place of function.error, as [state.damaged]. The state of an ack is that of taskState.
func (s *script) parseEvents(t *testing.T, d *datadriven.TestData, line string) []Event {
	f := strings.Fields(line)
	rest := func(i int) string { return strings.Join(f[min(i, len(f)):], " ") }
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		if err != nil {
			d.Fatalf(t, "%s: %v", line, err)
		}
		return n
	}
	failure := func(i int) error {
		if rest(i) == "" {
			return nil
		}
		if code, ok := strings.CutPrefix(f[i], "["); ok {
			return fault.New(fault.Code(strings.TrimSuffix(code, "]")), "%s", rest(i+1))
		}
		return fault.New(fault.FunctionError, "%s", rest(i))
	}
	each := func(make func(base.AttemptID) Event) []Event {
		var events []Event
		for _, id := range s.match(t, d, f[1]) {
			events = append(events, make(id))
		}
		return events
	}
	switch f[0] {
	case "start":
		return []Event{Start{}}
	case "cancel":
		return []Event{CancelRequested{}}
	case "register":
		return []Event{TaskManagerRegistered{f[1], number(f[2])}}
	case "lost":
		return []Event{TaskManagerLost{f[1], failure(2)}}
	case "barrier":
		return []Event{BarrierRequested{base.CheckpointID(number(f[1])), rest(2) == "unaligned"}}
	case "enumerator":
		v := number(strings.TrimPrefix(f[1], "v"))
		switch f[2] {
		case "started":
			return []Event{EnumeratorStarted{v}}
		case "failed":
			return []Event{EnumeratorFailed{v, failure(3)}}
		case "closed":
			return []Event{EnumeratorClosed{v, failure(3)}}
		}
	case "assign":
		var splits []connector.Split
		for _, id := range f[2:] {
			splits = append(splits, connector.Split{ID: id})
		}
		return each(func(a base.AttemptID) Event { return SplitsAssigned{a.Subtask.Vertex, a.Subtask.Index, splits} })
	case "no-more-splits":
		return each(func(a base.AttemptID) Event { return SplitsEnded{a.Subtask.Vertex, a.Subtask.Index} })
	case "event":
		return each(func(a base.AttemptID) Event {
			return EnumeratorSent{a.Subtask.Vertex, a.Subtask.Index, []byte(rest(2))}
		})
	case "ready":
		return each(func(a base.AttemptID) Event { return ReadyToCommit{a} })
	case "ack":
		return each(func(a base.AttemptID) Event {
			return BarrierAcked{Attempt: a, Checkpoint: base.CheckpointID(number(f[2])), State: taskState(t, a, f[3:])}
		})
	case "decline":
		return each(func(a base.AttemptID) Event {
			return BarrierDeclined{a, base.CheckpointID(number(f[2])), failure(3)}
		})
	case "clock":
		s.now = int64(number(f[1])) * 1e9
		return nil
	case "attempt":
		s.attempt = number(f[1])
		return nil
	case "tick", "request", "snapshotted", "stored", "removed":
		return []Event{checkpointEvent(d, t, f, number, failure)}
	case "reader":
		return each(func(a base.AttemptID) Event {
			switch f[2] {
			case "started":
				return ReaderStarted{a}
			case "request":
				return SplitRequested{a}
			case "watermark": // group drift watermark
				e := WatermarkReported{a, f[3], int64(number(f[4])), eventtime.MaxWatermark}
				if f[5] != "end" {
					e.Watermark = int64(number(f[5]))
				}
				return e
			default:
				return ReaderSent{a, []byte(rest(3))}
			}
		})
	case "task":
		var state dataflow.TaskState
		if err := state.UnmarshalText([]byte(f[2])); err != nil {
			d.Fatalf(t, "%s: %v", line, err)
		}
		return each(func(a base.AttemptID) Event {
			e := TaskChanged{Attempt: a, State: state}
			if state == dataflow.TaskFailed {
				e.Err = failure(3)
				return e
			}
			for _, arg := range f[3:] {
				name, value, _ := strings.Cut(arg, "=")
				kind := "counter"
				if k, n, ok := strings.Cut(name, ":"); ok {
					kind, name = k, n
				}
				n := number(value)
				e.Accumulators = append(e.Accumulators, &wire.Accumulator{
					Name: name, Kind: kind, Count: int64(n), Sum: float64(n), Min: float64(n), Max: float64(n)})
			}
			return e
		})
	}
	d.Fatalf(t, "cannot read: %s", line)
	return nil
}

// match returns the attempts that a pattern stands for. What names a single task need not exist.
func (s *script) match(t *testing.T, d *datadriven.TestData, pattern string) []base.AttemptID {
	all := attemptsOf(s.plan)
	for i := range all {
		all[i].Attempt = s.attempt
	}
	if pattern == "*" {
		return all
	}
	var id base.AttemptID
	if n, _ := fmt.Sscanf(pattern, "v%d/%d#%d", &id.Subtask.Vertex, &id.Subtask.Index, &id.Attempt); n >= 2 {
		if n == 2 {
			id.Attempt = s.attempt
		}
		return []base.AttemptID{id}
	}
	var ids []base.AttemptID
	vertex, ok := strings.CutSuffix(pattern, "/*")
	for _, id := range all {
		if ok && fmt.Sprintf("v%d", id.Subtask.Vertex) == vertex {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		d.Fatalf(t, "no task is %s", pattern)
	}
	return ids
}
