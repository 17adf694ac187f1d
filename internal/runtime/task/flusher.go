package task

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/internal/runtime/sched"
	"github.com/weirstream/weir/internal/xsync"
)

// Flusher makes busy tasks send what is pending once in a while: the flush timeout. It runs a timer only while some task is not parked; parked
// tasks have nothing pending.
type Flusher struct {
	scheduler sched.Scheduler
	period    time.Duration
	running   atomic.Bool
	mu        struct {
		xsync.Mutex
		tasks []*Task
	}
}

// NewFlusher returns a flusher that ticks every period while tasks are busy.
func NewFlusher(s sched.Scheduler, period time.Duration) *Flusher {
	return &Flusher{scheduler: s, period: period}
}

// Add has the flusher look after a task.
func (f *Flusher) Add(t *Task) {
	f.mu.Lock()
	f.mu.tasks = append(f.mu.tasks, t)
	f.mu.Unlock()
	f.Touch()
}

// Remove forgets a task.
func (f *Flusher) Remove(t *Task) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.tasks = slices.DeleteFunc(f.mu.tasks, func(x *Task) bool { return x == t })
}

// Touch is called by a task that has just become active.
func (f *Flusher) Touch() {
	if !f.running.Load() && f.running.CompareAndSwap(false, true) {
		f.scheduler.AfterFunc(f.period, f.tick)
	}
}

func (f *Flusher) tick() {
	if f.flush() {
		f.scheduler.AfterFunc(f.period, f.tick)
		return
	}
	f.running.Store(false)
	if f.anyActive() { // became active between the look and the store
		f.Touch()
	}
}

func (f *Flusher) flush() (any bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.mu.tasks {
		if t.active.Load() {
			any = true
			t.setFlushDue()
		}
	}
	return any
}

func (f *Flusher) anyActive() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.mu.tasks, func(t *Task) bool { return t.active.Load() })
}
