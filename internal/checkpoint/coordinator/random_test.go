package coordinator

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/fault"
)

// TestRandom plays seeded sequences of events, sensible and not, and checks K1 to K10 against the effects alone, with a model that keeps no more than what was
// seen. Each thing that may happen must have happened in many of the runs.
func TestRandom(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(3000) {
		w := newWorld(seed, seen)
		if err := w.play(150); err != nil {
			t.Fatalf("seed %d, %+v: %v\n%s", seed, w.cfg, err, strings.Join(w.trace[max(0, len(w.trace)-60):], "\n"))
		}
	}
	for _, what := range []string{
		"trigger", "periodic", "store", "commit", "savepoint behind a later commit", "subsumed", "subsumed while storing", "abort", "timeout", "store timeout",
		"decline", "fail", "drain failed", "discard", "answer", "answer error", "refused", "queued", "ignored", "stopped with pending", "restored", "finished while waited for",
		"no task left", "stop completed", "pause kept",
	} {
		if seen[what] < 20 {
			t.Errorf("%q happened %d times: the test does not show much about it", what, seen[what])
		}
	}
}

// open is a checkpoint that was triggered and has not ended, as the model sees it.
type open struct {
	trigger Trigger
	at      int64
	owing   map[Task]bool
	store   bool
	token   int64 // 0: nobody asked
}

type world struct {
	cfg   Config // as New settles it
	c     *Coordinator
	r     *rand.Rand
	seen  map[string]int
	trace []string

	now        int64
	running    bool
	failing    bool
	stopping   bool // a StopWithSavepoint is open or has completed
	tasks      map[Task]bool
	open       map[int64]*open
	asked      map[int64]Requested // without answer, by token; the kind tells what it waits for
	token      int64
	lastID     int64
	lastCommit int64
	lastDone   int64 // highest completed id
	ended      map[int64]bool
	completed  map[int64]bool // checkpoints not discarded
	failures   int
	periodicAt int64 // the earliest time for a periodic one by Interval
	pauseEnds  int64
}

func newWorld(seed uint64, seen map[string]int) *world {
	r := rand.New(rand.NewPCG(seed, 5))
	cfg := Config{
		Interval: int64(r.IntN(3)) * 10, MinPause: int64(r.IntN(2)) * int64(r.IntN(15)), Timeout: 15 + int64(r.IntN(40)), MaxConcurrent: r.IntN(4),
		Tolerable: r.IntN(4) - 1, Retain: r.IntN(4), Unaligned: r.IntN(4) == 0, AlignedTimeout: int64(r.IntN(3)),
	}
	last := int64(r.IntN(3))
	w := &world{
		c: New(cfg, last), r: r, seen: seen, lastID: last, cfg: cfg.settled(),
		open: map[int64]*open{}, asked: map[int64]Requested{}, ended: map[int64]bool{}, completed: map[int64]bool{}, pauseEnds: math.MinInt64,
	}
	return w
}

func (w *world) saw(what string) { w.seen[what]++ }

func (w *world) play(steps int) error {
	for range steps {
		if err := w.step(w.event()); err != nil {
			return err
		}
	}
	if w.running {
		if err := w.step(Stopped{}); err != nil {
			return err
		}
	}
	if len(w.asked) > 0 || len(w.open) > 0 {
		return fmt.Errorf("K7: behind the end %d requests have no answer, %d checkpoints no end", len(w.asked), len(w.open))
	}
	return nil
}

// event draws what happens next: mostly what makes checkpoints go on.
func (w *world) event() Event {
	r := w.r
	w.now += int64(r.IntN(3))
	if !w.running && r.IntN(3) > 0 {
		if r.IntN(3) == 0 {
			return w.restore()
		}
		var e Running
		for task := range r.IntN(5) {
			e.Tasks = append(e.Tasks, Task(task))
		}
		return e
	}
	id := w.anyID()
	task := w.anyTask(id)
	switch n := r.IntN(100); {
	case n < 40:
		return Acked{id, task, int64(r.IntN(9))}
	case n < 62:
		return Stored{id}
	case n < 76:
		at, ok := w.c.Next()
		if ok && r.IntN(3) == 0 {
			w.now = max(w.now, at)
		}
		return Tick{}
	case n < 88:
		w.token++
		kind := Kind(r.IntN(2))
		if r.IntN(6) == 0 {
			kind = StopWithSavepoint
		}
		return Requested{Token: w.token, Kind: kind, Target: fmt.Sprint(w.token), Drain: r.IntN(2) == 0}
	case n < 90:
		return Declined{id, task, errors.New("declined")}
	case n < 92:
		return StoreFailed{ID: id}
	case n < 94:
		return TaskFinished{task}
	case n < 96 || w.failing && n < 98:
		return Stopped{errors.New("stopped")}
	case n < 97:
		return w.restore()
	case n < 98:
		return Running{}
	default:
		return Acked{ID: int64(r.IntN(200)), Task: Task(r.IntN(9))}
	}
}

func (w *world) restore() Event {
	e := Restored{}
	for id := range w.completed {
		e.Retained = append(e.Retained, id)
		e.ID = max(e.ID, id)
	}
	if w.r.IntN(4) == 0 { // from a savepoint of elsewhere
		e.ID = w.lastID + int64(w.r.IntN(3))
	}
	return e
}

// anyID is mostly that of something pending.
func (w *world) anyID() int64 {
	p := w.c.Pending()
	if len(p) == 0 || w.r.IntN(12) == 0 {
		return w.lastID - int64(w.r.IntN(3)) + 1
	}
	return p[w.r.IntN(len(p))].ID
}

// anyTask is mostly one that the checkpoint waits for.
func (w *world) anyTask(id int64) Task {
	if o := w.open[id]; o != nil && w.r.IntN(8) > 0 {
		for task := range Task(5) {
			if o.owing[task] {
				return task
			}
		}
	}
	return Task(w.r.IntN(5))
}

// step gives an event to the coordinator and its effects to the model.
func (w *world) step(e Event) error {
	w.trace = append(w.trace, fmt.Sprintf("%d > %v", w.now, e))
	effects := w.c.Step(w.now, e)
	for _, f := range effects {
		w.trace = append(w.trace, "    "+f.String())
	}
	if err := w.c.Check(); err != nil {
		return err
	}
	known, err := w.take(e)
	if err != nil {
		return err
	}
	ignored := len(effects) > 0 && isIgnored(effects[0])
	if known == ignored {
		return fmt.Errorf("K10: ignored %v, expected %v", ignored, !known)
	}
	if ignored {
		w.saw("ignored")
	}
	failuresBefore, wasFailing := w.failures, w.failing
	drained := false
	for _, f := range effects {
		if err := w.see(e, f, &drained); err != nil {
			return fmt.Errorf("%v: %w", f, err)
		}
	}
	if err := w.failed(e, effects, failuresBefore, wasFailing, drained); err != nil {
		return err
	}
	return w.settled(e)
}

func isIgnored(e Effect) bool { _, ok := e.(Ignored); return ok }

// take changes the model by the event, and reports whether it means something.
func (w *world) take(e Event) (known bool, err error) {
	switch e := e.(type) {
	case Restored:
		if w.running {
			return false, nil
		}
		w.lastID = max(w.lastID, e.ID)
		w.saw("restored")
	case Running:
		if w.running {
			return false, nil
		}
		w.running, w.failing, w.stopping, w.tasks = true, false, false, map[Task]bool{}
		for _, task := range e.Tasks {
			w.tasks[task] = true
		}
		w.periodicAt = w.now + w.cfg.Interval
	case Stopped:
		if !w.running {
			return false, nil
		}
		if len(w.open) > 0 {
			w.saw("stopped with pending")
		}
		w.running = false
	case Requested:
		w.asked[e.Token] = e
	case Acked:
		o := w.open[e.ID]
		if o == nil || !o.owing[e.Task] {
			return false, nil
		}
		delete(o.owing, e.Task)
	case Declined:
		o := w.open[e.ID]
		return o != nil && o.owing[e.Task], nil
	case TaskFinished:
		if !w.running || !w.tasks[e.Task] {
			return false, nil
		}
		delete(w.tasks, e.Task)
		for _, o := range w.open {
			if o.owing[e.Task] {
				w.saw("finished while waited for")
				delete(o.owing, e.Task)
			}
		}
		if len(w.tasks) == 0 {
			w.saw("no task left")
		}
	case Stored:
		return w.open[e.ID] != nil && w.open[e.ID].store, nil
	case StoreFailed:
		return w.open[e.ID] != nil && w.open[e.ID].store, nil
	}
	return true, nil
}

// see checks one effect.
func (w *world) see(e Event, f Effect, drained *bool) error {
	switch f := f.(type) {
	case Trigger:
		return w.seeTrigger(f)
	case Store:
		o := w.open[f.ID]
		if o == nil || o.store || len(o.owing) > 0 {
			return fmt.Errorf("K2: not to be stored: %+v", o)
		}
		o.store = true
		w.saw("store")
	case Complete:
		return w.seeComplete(e, f)
	case Abort:
		o := w.open[f.ID]
		if o == nil || w.ended[f.ID] {
			return fmt.Errorf("K2: not open")
		}
		return w.seeAbort(e, f, o, drained)
	case Discard:
		if !w.completed[f.ID] {
			return fmt.Errorf("K9: not completed, or discarded before")
		}
		delete(w.completed, f.ID)
		if len(w.completed) < w.cfg.Retain {
			return fmt.Errorf("K9: %d are left", len(w.completed))
		}
		for id := range w.completed {
			if id < f.ID {
				return fmt.Errorf("K9: %d is older", id)
			}
		}
		w.saw("discard")
	case Answer:
		return w.seeAnswer(f)
	case FailJob:
		if w.failing || !w.running {
			return fmt.Errorf("K8: the job fails already, or does not run")
		}
		w.failing = true
		w.saw("fail")
	}
	return nil
}

func (w *world) seeTrigger(f Trigger) error {
	switch {
	case f.ID != w.lastID+1:
		return fmt.Errorf("K1: the last id is %d", w.lastID)
	case !w.running || w.failing || w.stopping || len(w.tasks) == 0:
		return fmt.Errorf("K4: running=%v failing=%v stopping=%v tasks=%v", w.running, w.failing, w.stopping, w.tasks)
	case len(w.open) >= w.cfg.MaxConcurrent:
		return fmt.Errorf("K5: %d are pending", len(w.open))
	case f.Unaligned != (w.cfg.Unaligned && f.Kind == Checkpoint) || f.AlignedTimeout != 0 && !f.Unaligned:
		return fmt.Errorf("unaligned")
	}
	o := &open{trigger: f, at: w.now, owing: map[Task]bool{}}
	for task := range w.tasks {
		o.owing[task] = true
	}
	if f.Target == "" { // nobody asked
		if f.Kind != Checkpoint || w.cfg.Interval == 0 || w.now < w.periodicAt || w.now < w.pauseEnds {
			return fmt.Errorf("K6: periodic, not before %d and %d", w.periodicAt, w.pauseEnds)
		}
		for _, r := range w.asked {
			if w.openFor(r.Token) == nil {
				return fmt.Errorf("K6: periodic, in front of %v", r)
			}
		}
		if w.pauseEnds > w.periodicAt {
			w.saw("pause kept")
		}
		w.periodicAt = w.now + w.cfg.Interval
		w.saw("periodic")
	} else {
		r, ok := w.request(f.Target)
		if !ok || r.Kind != f.Kind || f.Drain != (r.Drain && r.Kind == StopWithSavepoint) || w.openFor(r.Token) != nil {
			return fmt.Errorf("K7: asked was %v", r)
		}
		for _, other := range w.asked {
			ahead := other.Kind != Checkpoint && r.Kind == Checkpoint || (other.Kind != Checkpoint) == (r.Kind != Checkpoint) && other.Token < r.Token
			if ahead && w.openFor(other.Token) == nil {
				return fmt.Errorf("%v was overtaken", other)
			}
		}
		if r.Token < w.token {
			w.saw("queued")
		}
		o.token = r.Token
	}
	w.open[f.ID] = o
	w.lastID = f.ID
	w.stopping = f.Kind == StopWithSavepoint
	w.saw("trigger")
	return nil
}

func (w *world) request(target string) (Requested, bool) {
	for _, r := range w.asked {
		if r.Target == target {
			return r, true
		}
	}
	return Requested{}, false
}

func (w *world) openFor(token int64) *open {
	for _, o := range w.open {
		if o.token == token {
			return o
		}
	}
	return nil
}

func (w *world) seeComplete(e Event, f Complete) error {
	o := w.open[f.ID]
	stored, ok := e.(Stored)
	if o == nil || !o.store || !ok || stored.ID != f.ID || o.trigger.Kind != f.Kind || f.Duration != w.now-o.at {
		return fmt.Errorf("K2: not to be completed: %+v", o)
	}
	if f.Commit != (f.Kind != Savepoint) {
		return fmt.Errorf("K3: commit")
	}
	if f.Commit {
		for id, other := range w.open {
			if id < f.ID && other.trigger.Kind == Checkpoint {
				return fmt.Errorf("K3: %d is still pending", id)
			}
		}
		if f.ID <= w.lastCommit {
			return fmt.Errorf("K3: %d was committed", w.lastCommit)
		}
		w.lastCommit = f.ID
		w.saw("commit")
	} else if f.ID < w.lastCommit {
		w.saw("savepoint behind a later commit")
	}
	if f.Kind == Checkpoint {
		w.completed[f.ID] = true
	}
	if f.Kind == StopWithSavepoint {
		w.saw("stop completed")
	}
	w.failures = 0
	w.lastDone = max(w.lastDone, f.ID)
	w.end(f.ID)
	return nil
}

// seeAbort checks that an abort has a cause that fits, and counts failures.
func (w *world) seeAbort(e Event, f Abort, o *open, drained *bool) error {
	kind := o.trigger.Kind
	counts := true
	late := w.now >= o.at+w.cfg.Timeout
	switch e := e.(type) {
	case Stopped:
		counts = false
	case Stored: // of a later one
		if kind != Checkpoint || e.ID <= f.ID || fault.CodeOf(f.Err) != fault.CheckpointSubsumed {
			return fmt.Errorf("K3: subsumed?")
		}
		counts = false
		w.saw("subsumed")
		if o.store {
			w.saw("subsumed while storing")
		}
	case Tick:
		if !late {
			return fmt.Errorf("not late: since %d", o.at)
		}
		var missing *Missing
		if errors.As(f.Err, &missing) == o.store {
			return fmt.Errorf("names tasks: %v", missing)
		}
		if o.store {
			w.saw("store timeout")
		} else {
			for _, task := range missing.Tasks {
				if !o.owing[task] {
					return fmt.Errorf("names %d, which has acknowledged", task)
				}
			}
			if len(missing.Tasks) != len(o.owing) || !slices.IsSorted(missing.Tasks) {
				return fmt.Errorf("names %v of %v", missing.Tasks, o.owing)
			}
			w.saw("timeout")
		}
	case Declined:
		if e.ID != f.ID {
			return fmt.Errorf("another was declined")
		}
		w.saw("decline")
	case StoreFailed:
		if e.ID != f.ID {
			return fmt.Errorf("another was not stored")
		}
	default:
		return fmt.Errorf("no cause")
	}
	w.saw("abort")
	if counts && kind == StopWithSavepoint && o.trigger.Drain {
		*drained = true
	}
	if counts && kind == Checkpoint && f.ID > w.lastDone && !w.failing {
		w.failures++
	}
	if kind == StopWithSavepoint {
		w.stopping = false
	}
	w.end(f.ID)
	return nil
}

func (w *world) end(id int64) {
	delete(w.open, id)
	w.ended[id] = true
	w.pauseEnds = w.now + w.cfg.MinPause
}

func (w *world) seeAnswer(f Answer) error {
	if _, ok := w.asked[f.Token]; !ok {
		return fmt.Errorf("K7: not asked, or answered before")
	}
	if f.ID != 0 && !w.ended[f.ID] || f.Err == nil && f.ID == 0 || w.openFor(f.Token) != nil {
		return fmt.Errorf("K7: answered too soon")
	}
	delete(w.asked, f.Token)
	switch {
	case f.Err == nil:
		w.saw("answer")
	case f.ID == 0:
		w.saw("refused")
	default:
		w.saw("answer error")
	}
	return nil
}

// failed checks that the job fails when it must. Keeps no more than the count.
func (w *world) failed(e Event, effects []Effect, before int, wasFailing, drained bool) error {
	fails := slices.ContainsFunc(effects, func(f Effect) bool { _, ok := f.(FailJob); return ok })
	tooMany := w.cfg.Tolerable >= 0 && w.failures > w.cfg.Tolerable
	if fails != (!wasFailing && (tooMany || drained)) {
		return fmt.Errorf("K8: fails=%v, %d failures before, %d after, drain failed: %v", fails, before, w.failures, drained)
	}
	if fails {
		w.failures = 0
		if drained {
			w.saw("drain failed")
		}
	}
	return nil
}

// settled checks that nothing was left undone.
func (w *world) settled(e Event) error {
	switch {
	case !w.running && len(w.open)+len(w.asked) > 0:
		return fmt.Errorf("K7: the job has stopped, open are %d, asked %d", len(w.open), len(w.asked))
	case len(w.completed) > max(w.cfg.Retain, 1):
		return fmt.Errorf("K9: %d are kept", len(w.completed))
	}
	for id, o := range w.open {
		if _, tick := e.(Tick); tick && w.now >= o.at+w.cfg.Timeout {
			return fmt.Errorf("%d is late, and was not aborted", id)
		}
		if len(o.owing) == 0 && !o.store {
			return fmt.Errorf("K2: %d should be stored", id)
		}
	}
	can := w.running && !w.failing && !w.stopping && len(w.tasks) > 0 && len(w.open) < w.cfg.MaxConcurrent
	for _, r := range w.asked {
		if can && w.openFor(r.Token) == nil {
			return fmt.Errorf("K7: %v waits for nothing", r)
		}
	}
	due := max(w.periodicAt, w.pauseEnds)
	if can && w.cfg.Interval > 0 && w.now >= due {
		return fmt.Errorf("K6: a periodic one was due at %d", due)
	}
	return w.next(e, can, due)
}

// next checks Next: the first deadline or the periodic checkpoint, whichever comes first.
func (w *world) next(e Event, can bool, due int64) error {
	want, wantOK := int64(0), false
	for _, o := range w.open {
		if d := o.at + w.cfg.Timeout; !wantOK || d < want {
			want, wantOK = d, true
		}
	}
	if can && w.cfg.Interval > 0 && (!wantOK || due < want) {
		want, wantOK = due, true
	}
	if at, ok := w.c.Next(); at != want || ok != wantOK {
		return fmt.Errorf("next is %d, %v, want %d, %v", at, ok, want, wantOK)
	}
	return nil
}

// TestExtremes gives settings and times at their limits: nothing overflows into a tick that comes again and again.
func TestExtremes(t *testing.T) {
	values := []int64{math.MinInt64, -1, 0, 1, math.MaxInt64}
	r := rand.New(rand.NewPCG(7, 7))
	value := func() int64 { return values[r.IntN(len(values))] }
	for range 5000 {
		c := New(Config{
			Interval: value(), MinPause: value(), Timeout: value(), MaxConcurrent: int(value()), Tolerable: int(value()), Retain: int(value()),
			Unaligned: r.IntN(2) == 0, AlignedTimeout: value(),
		}, value()/2)
		c.Step(0, Running{[]Task{1}})
		now := int64(0)
		for i := range 20 {
			c.Step(now, Requested{Token: int64(i), Kind: Kind(r.IntN(5))})
			if at, ok := c.Next(); ok && at > now {
				now = at
			}
			for _, f := range c.Step(now, Tick{}) {
				_ = f.String()
			}
			if err := c.Check(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestQueueIsBounded shows that requests that cannot be served do not pile up without end.
func TestQueueIsBounded(t *testing.T) {
	c := New(Config{}, 0)
	c.Step(0, Running{[]Task{1}})
	refused := 0
	for token := range int64(maxQueued + 10) {
		for _, f := range c.Step(0, Requested{Token: token}) {
			if a, ok := f.(Answer); ok && fault.CodeOf(a.Err) == fault.CheckpointRequests {
				refused++
			}
		}
	}
	if refused != 9 { // one is under way
		t.Errorf("%d refused, want 9", refused)
	}
	answers := 0
	for _, f := range c.Step(1, Stopped{}) {
		if _, ok := f.(Answer); ok {
			answers++
		}
	}
	if answers != maxQueued+1 {
		t.Errorf("%d answers, want %d", answers, maxQueued+1)
	}
}
