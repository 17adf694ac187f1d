// Package checkpoint holds the protocols of checkpoints as pure state machines.
//
// [Aligner] decides what a task does with the barriers of its channels. When checkpoints are taken, and what they consist of, is decided in the packages below.
package checkpoint

// Decision is what a task does about a barrier.
type Decision uint8

const (
	// Ignore: the barrier belongs to a checkpoint that is over.
	Ignore Decision = iota
	// Hold the channel: it waits for the others.
	Hold
	// PassEarly: let the barrier out at once, ahead of what is queued; channels are not held.
	PassEarly
	// Wait: nothing is to be done. The barrier has been passed on, and another channel's copy of it arrived; or the task does not align.
	Wait
	// Complete: every channel has brought the barrier. Pass it on, unless that was done, and let all held channels go.
	Complete
)

// Aligner follows the barriers of the channels of one task. It is a pure state machine.
//
//   - A1. A held channel is let go only by Complete, or when a newer checkpoint begins.
//   - A2. Ended channels are not waited for.
//   - A3. Checkpoint numbers grow: an older barrier is ignored.
//   - A4. Without alignment no channel is held, and the barrier completes as it does with it.
type Aligner struct {
	seen    []bool
	ended   []bool
	current int64
	passed  bool
	active  bool
	loose   bool // no alignment
}

// NewAligner returns an aligner over n channels.
func NewAligner(n int) *Aligner { return &Aligner{seen: make([]bool, n), ended: make([]bool, n)} }

// AtLeastOnce makes the aligner hold no channel: what comes behind a barrier, before those of the other channels are there, is in the state of the checkpoint, and comes again behind a restore.
func (a *Aligner) AtLeastOnce() *Aligner {
	a.loose = true
	return a
}

// Barrier takes a barrier from a channel. restarted tells that the barrier begins a newer checkpoint while one was pending: all channels are let go first.
func (a *Aligner) Barrier(channel int, checkpoint int64, unaligned bool) (d Decision, restarted bool) {
	if checkpoint < a.current || checkpoint == a.current && (!a.active || a.seen[channel]) {
		return Ignore, false // keeps A3
	}
	if checkpoint > a.current {
		restarted = a.active
		clear(a.seen)
		a.current, a.active, a.passed = checkpoint, true, false
	}
	a.seen[channel] = true
	if a.complete() {
		a.active = false
		return Complete, restarted
	}
	if unaligned {
		if a.passed {
			return Wait, restarted
		}
		a.passed = true
		return PassEarly, restarted
	}
	if a.loose {
		return Wait, restarted // keeps A4
	}
	return Hold, restarted
}

// Passed reports whether the barrier of the current checkpoint was passed on early.
func (a *Aligner) Passed() bool { return a.passed }

// Current is the checkpoint whose barrier came last, and whether it is still pending.
func (a *Aligner) Current() (checkpoint int64, pending bool) { return a.current, a.active }

// End notes that a channel has ended, and reports whether the pending checkpoint is complete by that.
func (a *Aligner) End(channel int) (complete bool) {
	a.ended[channel] = true
	if a.active && a.complete() {
		a.active = false
		return true
	}
	return false
}

func (a *Aligner) complete() bool {
	for i := range a.seen {
		if !a.seen[i] && !a.ended[i] {
			return false
		}
	}
	return true
}
