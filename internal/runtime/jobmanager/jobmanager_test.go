package jobmanager

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/runtime/sched"
	"github.com/weirstream/weir/internal/wire"
	"github.com/weirstream/weir/internal/xsync"
)

// listing is a source whose enumerator hands out splits one by one, and then ends the readers. Its hooks, by method name, run
// first and may fail.
type listing struct {
	splits int
	hooks  map[string]func(*lister) error

	made, closed atomic.Int32
	open         atomic.Pointer[lister]
}

type lister struct {
	source *listing
	ctx    connector.EnumeratorContext
	next   int
	events []string
}

func (s *listing) NewEnumerator(ctx connector.EnumeratorContext, restored []byte) (connector.Enumerator, error) {
	l := &lister{source: s, ctx: ctx}
	if err := l.hook("NewEnumerator"); err != nil {
		return nil, err
	}
	s.made.Add(1)
	s.open.Store(l)
	return l, nil
}

func (l *lister) hook(method string) error {
	if h := l.source.hooks[method]; h != nil {
		return h(l)
	}
	return nil
}

func (l *lister) Start() error                { return l.hook("Start") }
func (l *lister) AddReader(subtask int) error { return l.hook("AddReader") }
func (l *lister) HandleSplitRequest(subtask int) error {
	if l.next == l.source.splits {
		l.ctx.NoMoreSplits(subtask)
	} else {
		l.ctx.Assign(subtask, connector.Split{ID: fmt.Sprint(l.next)})
		l.next++
	}
	return l.hook("HandleSplitRequest")
}
func (l *lister) HandleSourceEvent(subtask int, event []byte) error {
	l.events = append(l.events, string(event))
	l.ctx.SendEvent(subtask, append([]byte("re: "), event...))
	return l.hook("HandleSourceEvent")
}
func (l *lister) AddSplitsBack([]connector.Split, int) error { return nil }
func (l *lister) Snapshot(int64) ([]byte, error)             { return nil, nil }
func (l *lister) Close() error {
	l.source.closed.Add(1)
	return l.hook("Close")
}

// manager is a task manager in little: a process that takes messages and answers as a real one would, without running anything. A source reads
// splits until there are no more; any other task ends when all sources have.
type manager struct {
	name  string
	job   *cluster
	waker sched.Waker
	mu    struct {
		xsync.Mutex
		in  []*wire.ToTaskManager
		log []string
	}
}

func (m *manager) post(msg *wire.ToTaskManager) {
	m.mu.Lock()
	m.mu.in = append(m.mu.in, msg)
	m.mu.log = append(m.mu.log, describe(msg))
	m.mu.Unlock()
	m.waker.Wake()
}

func (m *manager) log() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mu.log)
}

func (m *manager) run(p sched.Proc) {
	m.job.jm.Deliver(&wire.ToJobManager{Message: &wire.ToJobManager_Register_{
		Register: &wire.ToJobManager_Register{TaskManager: m.name, Slots: 2}}}, m.name)
	for {
		m.mu.Lock()
		var msg *wire.ToTaskManager
		if len(m.mu.in) > 0 {
			msg, m.mu.in = m.mu.in[0], m.mu.in[1:]
		}
		m.mu.Unlock()
		switch {
		case msg == nil:
			p.Park()
		case msg.GetRelease() != nil:
			return
		default:
			m.handle(msg)
		}
	}
}

func (m *manager) report(a *wire.Attempt, state string, err error) {
	s := &wire.ToJobManager_TaskState{Attempt: a, State: state, Failure: wire.FromError(err)}
	if state == "FINISHED" {
		s.Accumulators = []*wire.Accumulator{{Name: "ended", Kind: "counter", Count: 1, Sum: 1}}
	}
	m.job.jm.Deliver(&wire.ToJobManager{Message: &wire.ToJobManager_TaskState_{TaskState: s}}, m.name)
}

func (m *manager) handle(msg *wire.ToTaskManager) {
	c := m.job
	switch {
	case msg.GetDeploy() != nil:
		a := msg.GetDeploy().Attempt
		c.deployed(a, m)
		m.report(a, "INITIALIZING", nil)
		m.report(a, "RUNNING", nil)
		if err := c.failure(a); err != nil {
			m.report(a, "FAILED", err)
		} else if a.Vertex == 0 {
			c.jm.Deliver(&wire.ToJobManager{Message: &wire.ToJobManager_ReaderStarted_{
				ReaderStarted: &wire.ToJobManager_ReaderStarted{Attempt: a}}}, m.name)
			if c.chatty {
				c.jm.Deliver(&wire.ToJobManager{Message: &wire.ToJobManager_ReaderEvent_{
					ReaderEvent: &wire.ToJobManager_ReaderEvent{Attempt: a, Event: []byte("hi")}}}, m.name)
			}
			m.requestSplit(a)
		}
	case msg.GetAssignSplits() != nil:
		m.requestSplit(msg.GetAssignSplits().Attempt)
	case msg.GetNoMoreSplits() != nil:
		if !c.endless {
			m.report(msg.GetNoMoreSplits().Attempt, "FINISHED", nil)
			c.sourceEnded()
		}
	case msg.GetCancel() != nil:
		m.report(msg.GetCancel().Attempt, "CANCELED", nil)
	case msg.GetTriggerBarrier() != nil:
		c.passBarrier(msg.GetTriggerBarrier().Checkpoint)
	case msg.GetCommit() != nil:
		m.report(msg.GetCommit().Attempt, "FINISHED", nil)
	}
}

func (m *manager) requestSplit(a *wire.Attempt) {
	m.job.jm.Deliver(&wire.ToJobManager{Message: &wire.ToJobManager_SplitRequest_{
		SplitRequest: &wire.ToJobManager_SplitRequest{Attempt: a}}}, m.name)
}

// cluster is a job manager and its task managers, for a job of two sources, two mappers and two sinks with committers.
type cluster struct {
	jm       *JobManager
	managers map[string]*manager
	failing  map[base.SubtaskID]error // tasks that fail as soon as they run
	endless  bool                     // sources go on behind their last split
	chatty   bool                     // readers send an event
	onDone   atomic.Int32
	mu       struct {
		xsync.Mutex
		tasks   []*wire.Attempt
		where   []*manager
		sources int
		acked   map[int64]bool
	}
}

func (c *cluster) failure(a *wire.Attempt) error { return c.failing[a.ID().Subtask] }

func (c *cluster) deployed(a *wire.Attempt, m *manager) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.tasks = append(c.mu.tasks, a)
	c.mu.where = append(c.mu.where, m)
}

func (c *cluster) eachTask(f func(a *wire.Attempt, m *manager)) {
	c.mu.Lock()
	tasks, where := slices.Clone(c.mu.tasks), slices.Clone(c.mu.where)
	c.mu.Unlock()
	for i, a := range tasks {
		f(a, where[i])
	}
}

// sourceEnded ends the mappers when the last source has ended, and has the sinks ask to commit.
func (c *cluster) sourceEnded() {
	c.mu.Lock()
	c.mu.sources++
	last := c.mu.sources == 2
	c.mu.Unlock()
	if !last {
		return
	}
	c.eachTask(func(a *wire.Attempt, m *manager) {
		switch a.Vertex {
		case 1:
			m.report(a, "FINISHED", nil)
		case 2:
			c.jm.Deliver(&wire.ToJobManager{Message: &wire.ToJobManager_ReadyToCommit_{
				ReadyToCommit: &wire.ToJobManager_ReadyToCommit{Attempt: a}}}, m.name)
		}
	})
}

// passBarrier acknowledges for all tasks at the first trigger.
func (c *cluster) passBarrier(checkpoint int64) {
	c.mu.Lock()
	first := !c.mu.acked[checkpoint]
	c.mu.acked[checkpoint] = true
	c.mu.Unlock()
	if !first {
		return
	}
	c.eachTask(func(a *wire.Attempt, m *manager) {
		c.jm.Deliver(&wire.ToJobManager{Message: &wire.ToJobManager_BarrierAck_{
			BarrierAck: &wire.ToJobManager_BarrierAck{Attempt: a, Checkpoint: checkpoint}}}, m.name)
	})
}

// start brings a cluster up on a scheduler. Two task managers have four slots; the job needs two.
func start(t *testing.T, s sched.Scheduler, source *listing, change func(*cluster)) *cluster {
	t.Helper()
	plan := planOf(t,
		stage{name: "src", parallelism: 2, source: true, factory: source},
		stage{name: "mid", parallelism: 2},
		stage{name: "out", parallelism: 2},
	)
	c := &cluster{managers: map[string]*manager{}}
	c.mu.acked = map[int64]bool{}
	if change != nil {
		change(c)
	}
	names := []string{"tm-1", "tm-2"}
	for _, name := range names {
		c.managers[name] = &manager{name: name, job: c}
	}
	c.jm = New(Config{
		Job: "job-1", Plan: plan, GraphHash: "hash", Scheduler: s, StuckAfter: 50 * time.Millisecond,
		Send: func(to string, m *wire.ToTaskManager) { c.managers[to].post(m) },
		OnDone: func(state dataflow.JobState, err error) {
			if !state.Terminal() || (err != nil) != (state != dataflow.JobFinished) {
				t.Errorf("OnDone(%v, %v)", state, err)
			}
			c.onDone.Add(1)
		},
	})
	for _, name := range names {
		m := c.managers[name]
		m.mu.Lock()
		m.waker = s.Go(name, m.run)
		m.mu.Unlock()
	}
	return c
}

// wait waits for the job and for all that the scheduler runs: it would hang if the job left something behind.
func (c *cluster) wait(t *testing.T, s *sched.Real) {
	t.Helper()
	select {
	case <-c.jm.Done():
	case <-time.After(20 * time.Second):
		t.Fatalf("the job is still %v: %v", c.jm.State(), c.jm.Tasks())
	}
	if n := c.onDone.Load(); n != 1 {
		t.Errorf("OnDone was called %d times", n)
	}
	s.Wait() // for the task managers too: each is released, also one that registers when the job is over
}

func checkFinished(t *testing.T, c *cluster, source *listing) {
	t.Helper()
	if c.jm.State() != dataflow.JobFinished || c.jm.Err() != nil {
		t.Fatalf("job is %v: %v", c.jm.State(), c.jm.Err())
	}
	assigned := 0
	for _, m := range c.managers {
		for _, line := range m.log() {
			if strings.HasPrefix(line, "assign ") {
				assigned++
			}
		}
	}
	if assigned != source.splits {
		t.Errorf("%d splits were assigned, want %d", assigned, source.splits)
	}
	for _, ts := range c.jm.Tasks() {
		if ts.State != dataflow.TaskFinished || ts.TaskManager == "" {
			t.Errorf("task %+v", ts)
		}
	}
	if a := c.jm.Accumulators()["ended"]; a.GetCount() != 6 {
		t.Errorf("accumulator %v", a)
	}
	if source.made.Load() != 1 || source.closed.Load() != 1 {
		t.Errorf("enumerator was made %d times and closed %d times", source.made.Load(), source.closed.Load())
	}
}

func TestFinishes(t *testing.T) {
	s := sched.NewReal()
	source := &listing{splits: 25}
	c := start(t, s, source, func(c *cluster) { c.chatty = true })
	c.wait(t, s)
	checkFinished(t, c, source)
	if got := source.open.Load().events; !slices.Equal(got, []string{"hi", "hi"}) {
		t.Errorf("events %q", got)
	}
	// A barrier of a job that is over is answered at once.
	called := false
	c.jm.TriggerBarrier(false, func(id int64, err error) {
		called = id == 0 && fault.CodeOf(err) == fault.JobNotRunning
	})
	if !called {
		t.Error("a barrier behind the end was not refused")
	}
	c.jm.Cancel()
	if c.jm.State() != dataflow.JobFinished {
		t.Errorf("job became %v", c.jm.State())
	}
}

// TestSimulated runs the whole shell under seeds, each twice: a seed decides everything. Some are canceled on the way.
func TestSimulated(t *testing.T) {
	run := func(seed uint64) (uint64, dataflow.JobState) {
		s := sched.NewSim(seed)
		defer s.Close()
		source := &listing{splits: int(seed % 7), hooks: map[string]func(*lister) error{
			// Discovery through the clock: nothing is assigned before it has come back.
			"Start": func(l *lister) error {
				l.ctx.CallAsync(time.Duration(seed%5)*time.Millisecond,
					func(context.Context) (any, error) { return "found", nil },
					func(result any, err error) error { l.events = append(l.events, fmt.Sprint(result, err)); return nil })
				return nil
			},
		}}
		c := start(t, s, source, nil)
		if seed%4 == 0 {
			s.AfterFunc(time.Duration(seed)*time.Microsecond, c.jm.Cancel)
		}
		done := func() bool {
			select {
			case <-c.jm.Done():
				return true
			default:
				return false
			}
		}
		if err := s.Run(done); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		switch state := c.jm.State(); {
		case state == dataflow.JobCanceled && seed%4 == 0:
		default:
			checkFinished(t, c, source)
		}
		return s.TraceHash(), c.jm.State()
	}
	ends := map[dataflow.JobState]int{}
	for seed := range uint64(200) {
		hash, state := run(seed)
		ends[state]++
		if again, _ := run(seed); again != hash {
			t.Errorf("seed %d: the second run had another trace", seed)
		}
	}
	if ends[dataflow.JobFinished] == 0 || ends[dataflow.JobCanceled] == 0 {
		t.Errorf("ends %v", ends)
	}
}

// TestCancel cancels an endless job while asynchronous work of its enumerator waits for its context.
func TestCancel(t *testing.T) {
	s := sched.NewReal()
	entered := make(chan struct{})
	source := &listing{hooks: map[string]func(*lister) error{"Start": func(l *lister) error {
		l.ctx.CallAsync(0, func(ctx context.Context) (any, error) {
			close(entered)
			<-ctx.Done()
			return nil, ctx.Err()
		}, func(any, error) error { return errors.New("a continuation ran behind the end of its context") })
		l.ctx.CallAsync(time.Hour, func(context.Context) (any, error) {
			t.Error("work whose time had not come was run")
			return nil, nil
		}, nil)
		return nil
	}}}
	c := start(t, s, source, func(c *cluster) { c.endless = true })
	<-entered
	begin := time.Now()
	c.jm.Cancel()
	c.jm.Cancel()
	c.wait(t, s)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("cancel took %v", took)
	}
	if c.jm.State() != dataflow.JobCanceled || fault.CodeOf(c.jm.Err()) != fault.JobCanceled {
		t.Errorf("job is %v: %v", c.jm.State(), c.jm.Err())
	}
	if source.closed.Load() != 1 {
		t.Errorf("enumerator was closed %d times", source.closed.Load())
	}
}

// TestStuck ends a job although work of its enumerator does not heed its context.
func TestStuck(t *testing.T) {
	s := sched.NewReal()
	entered, release := make(chan struct{}), make(chan struct{})
	source := &listing{hooks: map[string]func(*lister) error{"Start": func(l *lister) error {
		l.ctx.CallAsync(0, func(context.Context) (any, error) {
			close(entered)
			<-release
			return nil, nil
		}, nil)
		return nil
	}}}
	c := start(t, s, source, func(c *cluster) { c.endless = true })
	<-entered
	c.jm.Cancel()
	<-c.jm.Done()
	close(release)
	c.wait(t, s)
	if source.closed.Load() != 1 {
		t.Errorf("enumerator was closed %d times", source.closed.Load())
	}
}

// TestEnumeratorFails lets each piece of user code return an error, panic, and end its goroutine.
func TestEnumeratorFails(t *testing.T) {
	boom := errors.New("boom")
	ways := []struct {
		name string
		fail func() error
		code fault.Code
		// stack is whether the failure carries one.
		stack bool
	}{
		{"error", func() error { return boom }, fault.SourceFailed, false},
		{"coded error", func() error { return fault.New(fault.SourceGlob, "[a") }, fault.SourceGlob, false},
		{"wrapped coded error", func() error { return fmt.Errorf("listing: %w", fault.New(fault.SourceGlob, "[a")) }, fault.SourceGlob, false},
		{"panic", func() error { panic("boom") }, fault.FunctionPanic, true},
		{"panic with an error", func() error { panic(boom) }, fault.FunctionPanic, true},
		{"Goexit", func() error { runtime.Goexit(); return nil }, fault.FunctionExit, true},
	}
	// Where the user code stands. It must run in the hook itself, or be called from one.
	places := map[string]func(fail func() error) map[string]func(*lister) error{
		"CallAsync work": func(fail func() error) map[string]func(*lister) error {
			return map[string]func(*lister) error{"AddReader": func(l *lister) error {
				l.ctx.CallAsync(0, func(context.Context) (any, error) { return nil, fail() }, func(_ any, err error) error { return err })
				return nil
			}}
		},
		"CallAsync work without continuation": func(fail func() error) map[string]func(*lister) error {
			return map[string]func(*lister) error{"AddReader": func(l *lister) error {
				l.ctx.CallAsync(0, func(context.Context) (any, error) { return nil, fail() }, nil)
				return nil
			}}
		},
		"continuation": func(fail func() error) map[string]func(*lister) error {
			return map[string]func(*lister) error{"AddReader": func(l *lister) error {
				l.ctx.CallAsync(time.Millisecond, func(context.Context) (any, error) { return 1, nil }, func(any, error) error { return fail() })
				return nil
			}}
		},
		"Fail": func(fail func() error) map[string]func(*lister) error {
			return map[string]func(*lister) error{"AddReader": func(l *lister) error { l.ctx.Fail(fail()); return nil }}
		},
	}
	for _, method := range []string{"NewEnumerator", "Start", "AddReader", "HandleSplitRequest", "HandleSourceEvent", "Close"} {
		places[method] = func(fail func() error) map[string]func(*lister) error {
			return map[string]func(*lister) error{method: func(*lister) error { return fail() }}
		}
	}
	for place, hooks := range places {
		for _, way := range ways {
			t.Run(place+"/"+way.name, func(t *testing.T) {
				s := sched.NewReal()
				source := &listing{splits: 3, hooks: hooks(way.fail)}
				c := start(t, s, source, func(c *cluster) {
					c.chatty = true
					// A failure of Close counts when the job would have finished; the others must not depend on an end.
					c.endless = place != "Close"
				})
				c.wait(t, s)
				err := c.jm.Err()
				if c.jm.State() != dataflow.JobFailed {
					t.Fatalf("job is %v: %v", c.jm.State(), err)
				}
				if fault.CodeOf(err) != way.code {
					t.Errorf("code %q, want %q: %v", fault.CodeOf(err), way.code, err)
				}
				if op, _ := fault.OperatorOf(err); op != "src" {
					t.Errorf("operator %q: %v", op, err)
				}
				if stack := fault.StackOf(err); way.stack && !strings.Contains(stack, "TestEnumeratorFails") {
					t.Errorf("the stack does not lead to user code:\n%s", stack)
				}
				if (way.name == "error" || way.name == "panic with an error") && !errors.Is(err, boom) {
					t.Errorf("the cause is lost: %v", err)
				}
				if source.closed.Load() != source.made.Load() {
					t.Errorf("made %d, closed %d", source.made.Load(), source.closed.Load())
				}
				if place == "NewEnumerator" || place == "Start" {
					for _, m := range c.managers {
						if i := slices.IndexFunc(m.log(), func(l string) bool { return l != "release" }); i >= 0 {
							t.Errorf("a job that could not start sent %q", m.log()[i])
						}
					}
				}
			})
		}
	}
}

// TestGoexitSimulated: in simulation too, the process goes on behind runtime.Goexit.
func TestGoexitSimulated(t *testing.T) {
	s := sched.NewSim(1)
	defer s.Close()
	source := &listing{splits: 3, hooks: map[string]func(*lister) error{
		"HandleSplitRequest": func(l *lister) error { runtime.Goexit(); return nil },
	}}
	c := start(t, s, source, nil)
	if err := s.Run(func() bool { return c.onDone.Load() == 1 }); err != nil {
		t.Fatal(err)
	}
	if fault.CodeOf(c.jm.Err()) != fault.FunctionExit {
		t.Errorf("got %v", c.jm.Err())
	}
}

// TestTaskFails: the failure of a task reaches Err with operator, subtask and stack.
func TestTaskFails(t *testing.T) {
	s := sched.NewReal()
	source := &listing{splits: 3}
	c := start(t, s, source, func(c *cluster) {
		c.endless = true
		c.failing = map[base.SubtaskID]error{
			{Vertex: 1, Index: 1}: fault.New(fault.FunctionPanic, "index out of range").WithOperator("mid", 2).WithStack("goroutine 7"),
		}
	})
	c.wait(t, s)
	err := c.jm.Err()
	if c.jm.State() != dataflow.JobFailed || fault.CodeOf(err) != fault.FunctionPanic || fault.StackOf(err) != "goroutine 7" {
		t.Errorf("job is %v: %v", c.jm.State(), err)
	}
	if op, subtask := fault.OperatorOf(err); op != "mid" || subtask != 2 {
		t.Errorf("operator %q (subtask %d)", op, subtask)
	}
}

// TestTriggerBarrier: barriers complete while the job runs, and are numbered.
func TestTriggerBarrier(t *testing.T) {
	s := sched.NewReal()
	c := start(t, s, &listing{}, func(c *cluster) { c.endless = true })
	for {
		answer := make(chan error, 1)
		var number int64
		c.jm.TriggerBarrier(true, func(id int64, err error) { number = id; answer <- err })
		err := <-answer
		if err == nil {
			if number < 1 {
				t.Errorf("number %d", number)
			}
			break
		}
		if fault.CodeOf(err) != fault.JobNotRunning { // refused until all tasks run
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	c.jm.Cancel()
	c.wait(t, s)
}

// TestTaskManagerLost: the job fails with the cause, and does not wait for what is gone.
func TestTaskManagerLost(t *testing.T) {
	s := sched.NewReal()
	c := start(t, s, &listing{}, func(c *cluster) { c.endless = true })
	running := func() bool {
		return !slices.ContainsFunc(c.jm.Tasks(), func(ts TaskStatus) bool { return ts.State != dataflow.TaskRunning })
	}
	for !running() {
		time.Sleep(time.Millisecond)
	}
	lost := c.jm.Tasks()[0].TaskManager
	c.jm.TaskManagerLost(lost, errors.New("connection reset"))
	// The job sends nothing to what is gone; the process that plays it is ended here.
	c.managers[lost].post(&wire.ToTaskManager{Message: &wire.ToTaskManager_Release_{Release: &wire.ToTaskManager_Release{Job: "job-1"}}})
	c.wait(t, s)
	if err := c.jm.Err(); fault.CodeOf(err) != fault.TaskManagerLost || !strings.Contains(err.Error(), "connection reset") {
		t.Errorf("job is %v: %v", c.jm.State(), err)
	}
}

// TestRefusedMessages: what cannot be read or belongs to another job changes nothing.
func TestRefusedMessages(t *testing.T) {
	s := sched.NewReal()
	c := start(t, s, &listing{}, func(c *cluster) { c.endless = true })
	state := func(job, state string) *wire.ToJobManager {
		return &wire.ToJobManager{Message: &wire.ToJobManager_TaskState_{TaskState: &wire.ToJobManager_TaskState{
			Attempt: &wire.Attempt{Job: job, Number: 1}, State: state}}}
	}
	for _, m := range []*wire.ToJobManager{{}, state("job-2", "FAILED"), state("job-1", "EXPLODED")} {
		c.jm.Deliver(m, "tm-1")
		if e, err := eventOf("job-1", m, "tm-1"); err == nil {
			t.Errorf("%v was taken as %v", m, e)
		}
	}
	c.jm.Cancel()
	c.wait(t, s)
	if c.jm.State() != dataflow.JobCanceled {
		t.Errorf("job is %v: %v", c.jm.State(), c.jm.Err())
	}
}

// TestRegisterBehindTheEnd: a task manager whose Register comes when the process has ended is released, once.
func TestRegisterBehindTheEnd(t *testing.T) {
	s := sched.NewReal()
	c := start(t, s, &listing{}, nil)
	c.wait(t, s)
	late := &manager{name: "tm-9", job: c, waker: s.Go("late", func(sched.Proc) {})}
	c.managers["tm-9"] = late
	for range 2 {
		c.jm.Deliver(&wire.ToJobManager{Message: &wire.ToJobManager_Register_{
			Register: &wire.ToJobManager_Register{TaskManager: "tm-9", Slots: 1}}}, "tm-9")
	}
	if got := late.log(); !slices.Equal(got, []string{"release"}) {
		t.Errorf("it was sent %q", got)
	}
	s.Wait()
}

func TestFailureText(t *testing.T) {
	f := &Failure{Cause: errors.New("first")}
	for i := range maxSuppressed + 3 {
		f.add(fmt.Errorf("later %d", i))
	}
	text := f.Error()
	if !strings.HasPrefix(text, "first\n  also: later 0\n") || !strings.HasSuffix(text, "\n  also: later 7\n  and 3 more") {
		t.Errorf("got:\n%s", text)
	}
	if !errors.Is(f, f.Cause) || errors.Is(f, f.Suppressed[0]) {
		t.Error("a failure unwraps to its cause alone")
	}
}
