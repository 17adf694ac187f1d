package task

import (
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/internal/operator"
)

// stopping is a task's part in the savepoint behind which its job ends. Behind its barrier the task does nothing: no record, no timer, no result of an asynchronous call comes through until it is told that the savepoint is
// complete, and it ends, or that it will not be, and it goes on. If the job is to be drained, the chain comes to its end in front of the barrier, as it does behind the last record.
type stopping struct {
	savepoint int64 // as the first barrier of it has told; 0 for none
	drain     bool
	givenUp   int64 // the last one that will not be complete
	draining  bool  // the chain is coming to its end; the barrier follows
	stopped   bool
	held      []func() // what came meanwhile
}

// noteStop takes in what a barrier says of the end of the job.
func (t *Task) noteStop(id int64, mode operator.StopMode) {
	if s := &t.stopping; mode != operator.GoOn && id > s.savepoint && id > s.givenUp {
		s.savepoint, s.drain = id, mode == operator.Drain
	}
}

// stopMode is what is passed on with a barrier.
func (t *Task) stopMode(id int64) operator.StopMode {
	switch s := &t.stopping; {
	case id != s.savepoint || id <= s.givenUp:
		return operator.GoOn
	case s.drain:
		return operator.Drain
	default:
		return operator.Stop
	}
}

// drain lets the chain come to its end. Its state is taken behind that, and the barrier sent on: see drained.
func (t *Task) drain() {
	t.stopping.draining, t.finishing = true, true
	t.signals = append(t.signals, signal{signalWatermark, 0, eventtime.MaxWatermark})
	for port := range len(t.openPorts) {
		if t.openPorts[port] > 0 {
			t.signals = append(t.signals, signal{signalEndInput, 0, int64(port)})
		}
	}
	t.signals = append(t.signals, signal{signalFinish, 0, 0})
}

// drained comes when the chain has come to its end.
func (t *Task) drained() {
	if t.failure != nil {
		return
	}
	t.stopping.draining = false
	t.publish()
	t.early = t.passBarrier(t.stopping.savepoint)
	t.ackBarrier()
}

// stopBehind stops the task behind the barrier that it has just sent on, if the job is to end there.
func (t *Task) stopBehind(id int64) {
	if t.stopMode(id) != operator.GoOn && t.failure == nil {
		t.stopping.stopped = true
	}
}

// unlessStopped calls f, or keeps it for when the task goes on.
func (t *Task) unlessStopped(f func()) {
	if t.stopping.stopped {
		t.stopping.held = append(t.stopping.held, f)
		return
	}
	f()
}

// endHere ends a task that has stopped: the savepoint is complete.
func (t *Task) endHere() {
	if t.stopping.stopped {
		t.stopping.stopped, t.stopping.held = false, nil
		t.finishing, t.finished = true, true
	}
}

// Aborted tells that a savepoint behind which the job was to end will not be complete: a task that has stopped goes on. It may be called from any goroutine.
func (t *Task) Aborted(id int64) {
	t.Post(func() {
		s := &t.stopping
		s.givenUp = max(s.givenUp, id)
		if !s.stopped || s.savepoint > id || s.drain { // a job that drains fails
			return
		}
		held := s.held
		s.stopped, s.held = false, nil
		for _, f := range held {
			if t.failure == nil {
				f()
			}
		}
	})
}
