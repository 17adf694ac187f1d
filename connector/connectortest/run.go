package connectortest

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir/connector"
)

// RunOptions says how a source is run. All may be left zero.
type RunOptions struct {
	// Parallelism is the number of readers; 1 if zero.
	Parallelism int
	// From is where to go on; nil for a fresh start.
	From *Checkpoint
	// Seed chooses the order of what may happen in any order. It has no effect with Goroutines.
	Seed uint64
	// Goroutines runs work on goroutines, in real time.
	Goroutines bool
	// StopAfter asks each Poll to return after that many records; 0 for not before it wants to.
	StopAfter int
	// SnapshotWithin takes a checkpoint from within the emission of that record, counted from 1, as an engine does whose task waits for room in the middle of a
	// record. Run.Within returns it. 0 for none.
	SnapshotWithin int
	// Log takes what the connector logs; nothing does if it is nil.
	Log *slog.Logger
}

// Checkpoint is the state of a source: of the enumerator, and of all readers.
type Checkpoint struct {
	Enumerator []byte
	Splits     []connector.Split
}

// Record is one that a reader emitted.
type Record[T any] struct {
	Value     T
	Timestamp int64
	Subtask   int
}

const (
	// MaxPoll is how many records one Poll may emit.
	MaxPoll = 1 << 16
	// MaxAfterStop is how many it may emit after it was asked to stop.
	MaxAfterStop = 64
	// patience is how long a run with goroutines waits for something to happen.
	patience = 30 * time.Second
)

// Run is a source that runs. It belongs to the goroutine of the test.
type Run[T any] struct {
	t   testing.TB
	o   RunOptions
	src connector.Source[T]
	rnd *rand.Rand

	enumerator connector.Enumerator
	enumCtx    *component
	readers    []*reader[T]
	// mail holds calls that one side makes at the other, in order.
	mail []func()

	now     time.Time
	works   []*work // inline: by time, then in order of the calls
	running sync.WaitGroup

	mu struct {
		sync.Mutex
		done []func() // goroutines: continuations
	}
	notify chan struct{}

	// limit stops the run at a number of records; 0 if there is none.
	limit   int
	records []Record[T]
	within  *Checkpoint
	// sent are splits that were assigned and not delivered yet.
	sent   []connector.Split
	err    error
	closed bool
}

// component is what the engine knows of the enumerator or a reader.
type component struct {
	name   string
	ctx    context.Context
	cancel context.CancelFunc
	inside bool
	closed bool
}

type reader[T any] struct {
	component
	connector.Reader[T]
	subtask   int
	out       *connector.Output[T]
	stop      atomic.Uint32
	woken     atomic.Bool
	ended     bool
	noMore    bool
	polled    int // records of the current Poll
	afterStop int
	assigned  []connector.Split
	tells     bool            // it has asked for the output of a split
	over      map[string]bool // splits it has ended
}

type work struct {
	at   time.Time
	of   *component
	run  func(context.Context)
	then func()
}

// NewRun starts a source. The test fails if the source breaks a rule of the contract; errors that the source returns are for the test to judge. The
// run is canceled when the test ends.
func NewRun[T any](t testing.TB, src connector.Source[T], o RunOptions) *Run[T] {
	t.Helper()
	if o.Parallelism == 0 {
		o.Parallelism = 1
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	r := &Run[T]{
		t: t, o: o, src: src,
		rnd:    rand.New(rand.NewPCG(o.Seed, 0)),
		now:    time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		notify: make(chan struct{}, 1),
	}
	t.Cleanup(r.Cancel)
	r.enumCtx = newComponent("enumerator")
	var state []byte
	if o.From != nil {
		state = append([]byte{}, o.From.Enumerator...)
	}
	r.call(r.enumCtx, func() (err error) {
		r.enumerator, err = src.NewEnumerator(enumeratorContext[T]{r}, state)
		return err
	})
	if r.err != nil {
		return r
	}
	r.call(r.enumCtx, r.enumerator.Start)
	for k := range o.Parallelism {
		var splits []connector.Split
		if o.From != nil {
			for i := k; i < len(o.From.Splits); i += o.Parallelism {
				splits = append(splits, o.From.Splits[i])
			}
		}
		r.startReader(k, splits)
	}
	return r
}

func newComponent(name string) *component {
	ctx, cancel := context.WithCancel(context.Background())
	return &component{name: name, ctx: ctx, cancel: cancel}
}

func (r *Run[T]) startReader(k int, restored []connector.Split) {
	if r.err != nil {
		return
	}
	rd := &reader[T]{component: *newComponent("reader"), subtask: k, over: map[string]bool{}}
	rd.woken.Store(true)
	rd.assigned = slices.Clone(restored)
	rd.out = connector.NewOutput(func(v T, ts int64) { r.emit(rd, v, ts) }, nil, hooks[T]{r, rd}, &rd.stop)
	if k < len(r.readers) {
		r.readers[k] = rd
	} else {
		r.readers = append(r.readers, rd)
	}
	r.call(&rd.component, func() (err error) {
		rd.Reader, err = r.src.NewReader(readerContext[T]{r, rd})
		return err
	})
	if rd.Reader == nil || r.err != nil {
		return
	}
	r.mail = append(r.mail, func() {
		r.call(r.enumCtx, func() error { return r.enumerator.AddReader(k) })
	})
	r.call(&rd.component, rd.Start)
	if len(restored) > 0 {
		r.call(&rd.component, func() error { return rd.AddSplits(cloneSplits(restored)) })
	}
}

func (r *Run[T]) emit(rd *reader[T], v T, ts int64) {
	if !rd.inside {
		r.t.Errorf("reader %d emitted a record outside of Poll", rd.subtask)
	}
	r.records = append(r.records, Record[T]{v, ts, rd.subtask})
	if rd.polled++; rd.polled > MaxPoll {
		r.t.Fatalf("reader %d: one Poll emitted more than %d records", rd.subtask, MaxPoll)
	}
	if rd.stop.Load() != 0 {
		if rd.afterStop++; rd.afterStop > MaxAfterStop {
			r.t.Fatalf("reader %d: Poll went on for %d records after it was asked to stop", rd.subtask, MaxAfterStop)
		}
	}
	if len(r.records) == r.o.SnapshotWithin {
		r.within = r.checkpoint()
	}
	if len(r.records) == r.limit || rd.polled == r.o.StopAfter {
		rd.stop.Store(1)
	}
}

// call calls a method of a component, and keeps the first error.
func (r *Run[T]) call(c *component, f func() error) {
	if c.closed || r.err != nil {
		return
	}
	if c.inside {
		r.t.Fatalf("%s: a method is called within another", c.name)
	}
	c.inside = true
	err := f()
	c.inside = false
	if err != nil {
		r.err = err
	}
}

// Records are those emitted so far.
func (r *Run[T]) Records() []Record[T] { return r.records }

// Values are the values of the records emitted so far.
func (r *Run[T]) Values() []T {
	vs := make([]T, len(r.records))
	for i, rec := range r.records {
		vs[i] = rec.Value
	}
	return vs
}

// Finish runs the source to its end, or to the first error, which it returns.
func (r *Run[T]) Finish() error {
	r.t.Helper()
	for r.Step() {
	}
	return r.err
}

// Until runs the source until n records are emitted, and reports whether they were before it ended. Sources that stop late emit some more.
func (r *Run[T]) Until(n int) (bool, error) {
	r.t.Helper()
	r.limit = n
	defer func() { r.limit = 0 }()
	for len(r.records) < n {
		if !r.Step() {
			return false, r.err
		}
	}
	return true, r.err
}

// Settle runs the source until nothing is left to do at the current time. It is of no use with Goroutines.
func (r *Run[T]) Settle() error {
	r.t.Helper()
	for r.stepNow() {
	}
	return r.err
}

// Advance settles, and lets virtual time pass, with all that falls due within it.
func (r *Run[T]) Advance(d time.Duration) error {
	r.t.Helper()
	end := r.now.Add(d)
	for {
		if err := r.Settle(); err != nil {
			return err
		}
		if len(r.works) == 0 || r.works[0].at.After(end) {
			r.now = end
			return nil
		}
		r.now = r.works[0].at
	}
}

// Ended reports whether all readers are at the end of their input.
func (r *Run[T]) Ended() bool {
	return !slices.ContainsFunc(r.readers, func(rd *reader[T]) bool { return !rd.ended })
}

// Step does one thing. It reports false at the end of all input, and after an error.
func (r *Run[T]) Step() bool {
	r.t.Helper()
	for {
		if r.err != nil || r.Ended() {
			return false
		}
		if r.stepNow() {
			return r.err == nil
		}
		switch {
		case r.o.Goroutines:
			r.await()
		case len(r.works) > 0:
			r.now = r.works[0].at
		default:
			r.t.Fatalf("the source is stuck: no reader can go on, none has asked to be woken, and no work is under way")
		}
	}
}

// stepNow does one of the things that can be done at the current time. Each kind is as likely as any other.
func (r *Run[T]) stepNow() bool {
	if r.err != nil {
		return false
	}
	var can []func()
	if len(r.mail) > 0 {
		can = append(can, r.deliver)
	}
	for _, rd := range r.readers {
		if !rd.ended && rd.woken.Load() {
			can = append(can, func() { r.poll(rd) })
		}
	}
	if len(r.works) > 0 && !r.works[0].at.After(r.now) {
		can = append(can, r.work)
	}
	if f := r.takeDone(); f != nil {
		can = []func(){f}
	}
	if len(can) == 0 {
		return false
	}
	can[r.rnd.IntN(len(can))]()
	return true
}

func (r *Run[T]) deliver() {
	f := r.mail[0]
	r.mail = r.mail[1:]
	f()
}

func (r *Run[T]) poll(rd *reader[T]) {
	rd.woken.Store(false)
	rd.stop.Store(0)
	rd.polled, rd.afterStop = 0, 0
	r.call(&rd.component, func() error {
		status, err := rd.Poll(rd.out)
		if err != nil {
			return err
		}
		switch status {
		case connector.MoreAvailable:
			rd.woken.Store(true)
		case connector.EndOfInput:
			rd.ended = true
			rd.checkEnded(r.t)
			if !rd.noMore && r.src.Boundedness() == connector.Bounded {
				r.t.Errorf("reader %d of a bounded source ended before NoMoreSplits", rd.subtask)
			}
		case connector.NothingAvailable:
		default:
			r.t.Errorf("reader %d: Poll returned the unknown status %d", rd.subtask, status)
		}
		return nil
	})
}

func (r *Run[T]) work() {
	w := r.works[0]
	r.works = r.works[1:]
	if w.of.closed {
		return
	}
	w.run(w.of.ctx)
	w.then()
}

// async runs work after delay, and then on the loop.
func (r *Run[T]) async(c *component, delay time.Duration, run func(context.Context), then func()) {
	if !r.o.Goroutines {
		w := &work{at: r.now.Add(max(delay, 0)), of: c, run: run, then: then}
		i, _ := slices.BinarySearchFunc(r.works, w, func(a, b *work) int {
			if a.at.After(b.at) {
				return 1
			}
			return -1
		})
		r.works = slices.Insert(r.works, i, w)
		return
	}
	ctx := c.ctx
	r.running.Go(func() {
		if delay > 0 {
			timer := time.NewTimer(delay)
			defer timer.Stop()
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		}
		if ctx.Err() != nil {
			return
		}
		run(ctx)
		r.mu.Lock()
		r.mu.done = append(r.mu.done, func() {
			if ctx.Err() == nil {
				then()
			}
		})
		r.mu.Unlock()
		r.signal()
	})
}

func (r *Run[T]) takeDone() func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.mu.done) == 0 {
		return nil
	}
	f := r.mu.done[0]
	r.mu.done = r.mu.done[1:]
	return f
}

func (r *Run[T]) signal() {
	select {
	case r.notify <- struct{}{}:
	default:
	}
}

// await waits until a worker is done or a reader is woken.
func (r *Run[T]) await() {
	r.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.notify:
	case <-timer.C:
		r.t.Fatalf("nothing happened for %v: a reader that has nothing must be woken", patience)
	}
}

// Snapshot takes a checkpoint. What the enumerator has assigned reaches the readers before.
func (r *Run[T]) Snapshot() *Checkpoint {
	r.t.Helper()
	for len(r.mail) > 0 && r.err == nil {
		r.deliver()
	}
	return r.checkpoint()
}

// snapshotSpread takes a checkpoint as barriers do: the enumerator's state first, then that of one reader after the other; readers go on meanwhile, with what they have. It returns also the records that
// the checkpoint covers. What the enumerator assigns after its snapshot waits until all readers have theirs.
func (r *Run[T]) snapshotSpread() (*Checkpoint, []T) {
	r.t.Helper()
	for len(r.mail) > 0 && r.err == nil {
		r.deliver()
	}
	c := &Checkpoint{Splits: cloneSplits(r.sent)}
	if r.err == nil {
		var err error
		if c.Enumerator, err = r.enumerator.Snapshot(1); err != nil {
			r.t.Fatalf("snapshot of the enumerator: %v", err)
		}
	}
	var covered []T
	for _, k := range r.rnd.Perm(len(r.readers)) {
		rd := r.readers[k]
		splits, err := rd.Snapshot(1)
		if err != nil {
			r.t.Fatalf("snapshot of reader %d: %v", k, err)
		}
		c.Splits = append(c.Splits, cloneSplits(splits)...)
		for _, rec := range r.records {
			if rec.Subtask == k {
				covered = append(covered, rec.Value)
			}
		}
		for range r.rnd.IntN(20) {
			r.stepReaders()
		}
	}
	if r.err != nil {
		r.t.Fatalf("no snapshot of a source that failed: %v", r.err)
	}
	r.checkUnique(c)
	return c, covered
}

// stepReaders polls a reader that can go on, or does its work if that is first in line.
func (r *Run[T]) stepReaders() {
	if len(r.works) > 0 && !r.works[0].at.After(r.now) && r.works[0].of != r.enumCtx && r.rnd.IntN(2) == 0 {
		r.work()
		return
	}
	rd := r.readers[r.rnd.IntN(len(r.readers))]
	if !rd.ended && rd.woken.Load() && r.err == nil {
		r.poll(rd)
	}
}

// Within returns the checkpoint that RunOptions.SnapshotWithin asked for; nil if there were fewer records.
func (r *Run[T]) Within() *Checkpoint { return r.within }

func (r *Run[T]) checkpoint() *Checkpoint {
	r.t.Helper()
	if r.err != nil {
		r.t.Fatalf("no snapshot of a source that failed: %v", r.err)
	}
	c := &Checkpoint{Splits: cloneSplits(r.sent)}
	var err error
	if c.Enumerator, err = r.enumerator.Snapshot(1); err != nil {
		r.t.Fatalf("snapshot of the enumerator: %v", err)
	}
	for _, rd := range r.readers {
		splits, err := rd.Snapshot(1)
		if err != nil {
			r.t.Fatalf("snapshot of reader %d: %v", rd.subtask, err)
		}
		c.Splits = append(c.Splits, cloneSplits(splits)...)
	}
	r.checkUnique(c)
	return c
}

func (r *Run[T]) checkUnique(c *Checkpoint) {
	ids := map[string]bool{}
	for _, s := range c.Splits {
		if ids[s.ID] {
			r.t.Errorf("the checkpoint has split %q twice", s.ID)
		}
		ids[s.ID] = true
	}
}

// Fail makes a reader fail, and start again with the splits that were assigned since the run began. What it had emitted is forgotten.
func (r *Run[T]) Fail(subtask int) {
	r.t.Helper()
	for len(r.mail) > 0 && r.err == nil {
		r.deliver()
	}
	rd := r.readers[subtask]
	r.closeReader(rd)
	r.records = slices.DeleteFunc(r.records, func(rec Record[T]) bool { return rec.Subtask == subtask })
	r.call(r.enumCtx, func() error { return r.enumerator.AddSplitsBack(cloneSplits(rd.assigned), subtask) })
	r.startReader(subtask, nil)
}

// Cancel ends the run. It waits for all work under way, and fails the test if that does not end.
func (r *Run[T]) Cancel() {
	r.t.Helper()
	if r.closed {
		return
	}
	r.closed = true
	for _, rd := range r.readers {
		r.closeReader(rd)
	}
	r.enumCtx.cancel()
	if r.enumerator != nil {
		if err := r.enumerator.Close(); err != nil && r.err == nil {
			r.t.Errorf("closing the enumerator: %v", err)
		}
	}
	r.enumCtx.closed = true
	done := make(chan struct{})
	go func() {
		r.running.Wait()
		close(done)
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		stacks := make([]byte, 1<<20)
		r.t.Errorf("work does not end with its context:\n%s", stacks[:runtime.Stack(stacks, true)])
	}
}

func (r *Run[T]) closeReader(rd *reader[T]) {
	rd.cancel()
	if rd.Reader != nil && !rd.closed {
		if err := rd.Close(); err != nil && r.err == nil {
			r.t.Errorf("closing reader %d: %v", rd.subtask, err)
		}
	}
	rd.closed = true
}

func cloneSplits(splits []connector.Split) []connector.Split {
	splits = slices.Clone(splits)
	for i := range splits {
		splits[i].State = slices.Clone(splits[i].State)
	}
	return splits
}

// Reader returns the reader of a subtask, for tests of its own package.
func (r *Run[T]) Reader(subtask int) connector.Reader[T] { return r.readers[subtask].Reader }
