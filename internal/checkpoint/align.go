// Package checkpoint holds the protocols of checkpoints as pure state machines.
//
// [Aligner] decides what a task does with the barriers of its channels. When checkpoints are taken, and what they consist of, is decided in the packages below.
package checkpoint

// Decision is what a task does about a barrier.
type Decision uint8

const (
	// Ignore: the barrier belongs to a checkpoint that is over, or nothing is new about it.
	Ignore Decision = iota
	// Hold the channel: it waits for the others.
	Hold
	// PassEarly: let the barrier out at once, ahead of what is queued, and let all held channels go.
	PassEarly
	// Wait: nothing is to be held. The barrier has been passed on, and another channel's copy of it arrived or was announced; or the task does not align; or a barrier is announced that the task will wait for.
	Wait
	// Complete: every channel has brought the barrier. Pass it on, unless that was done, and let all held channels go.
	Complete
)

// Aligner follows the barriers of the channels of one task. It is a pure state machine.
//
// A barrier arrives when all before it in its channel has been taken. It may be announced before that, while it lies in the channel behind others. Overtake turns a pending checkpoint unaligned: the barrier is passed on, and
// what lies before the others' copies belongs to the checkpoint too. From then on an announcement is as good as an arrival, as the channel can tell what lies before its barrier.
//
//   - A1. A held channel is let go only by Complete or PassEarly, or when a newer checkpoint begins.
//   - A2. Ended channels are not waited for.
//   - A3. Checkpoint numbers grow: an older barrier is ignored.
//   - A4. Without alignment no channel is held, and the barrier completes as it does with it.
//   - A5. A checkpoint passes early at most once, and no channel is held behind that.
type Aligner struct {
	channels []alignChannel
	current  int64
	passed   bool
	active   bool
	loose    bool // no alignment
}

// alignChannel is what is known of a channel; but for ended, of the current checkpoint.
type alignChannel struct{ announced, arrived, ended bool }

// NewAligner returns an aligner over n channels.
func NewAligner(n int) *Aligner { return &Aligner{channels: make([]alignChannel, n)} }

// AtLeastOnce makes the aligner hold no channel: what comes behind a barrier, before those of the other channels are there, is in the state of the checkpoint, and comes again behind a restore.
func (a *Aligner) AtLeastOnce() *Aligner {
	a.loose = true
	return a
}

// Barrier takes a barrier that has arrived on a channel. restarted tells that the barrier begins a newer checkpoint while one was pending: all channels are let go first.
func (a *Aligner) Barrier(channel int, checkpoint int64) (d Decision, restarted bool) {
	fresh, restarted := a.begin(checkpoint)
	known := a.brought(channel)
	if checkpoint == a.current {
		a.channels[channel].arrived = true
	}
	switch {
	case !fresh || known:
		return Ignore, restarted // keeps A3
	case a.complete():
		a.active = false
		return Complete, restarted
	case a.passed || a.loose:
		return Wait, restarted // keeps A4 and A5
	}
	return Hold, restarted
}

// Announce takes in that a barrier lies in a channel, or the channel's end with no barrier before it. It may be told again. restarted is as with Barrier.
func (a *Aligner) Announce(channel int, checkpoint int64) (d Decision, restarted bool) {
	fresh, restarted := a.begin(checkpoint)
	if !fresh || a.brought(channel) || a.channels[channel].announced {
		return Ignore, restarted
	}
	a.channels[channel].announced = true
	if a.passed && a.complete() {
		a.active = false
		return Complete, restarted
	}
	return Wait, restarted
}

// Overtake turns a checkpoint unaligned. It answers PassEarly, or Complete if nothing more is waited for then, or Ignore if the checkpoint is not pending or was passed on.
func (a *Aligner) Overtake(checkpoint int64) Decision {
	if checkpoint != a.current || !a.active || a.passed {
		return Ignore // keeps A5
	}
	a.passed = true
	if a.complete() {
		a.active = false
		return Complete
	}
	return PassEarly
}

// begin makes a checkpoint the current one, if it is newer, and reports whether it is pending.
func (a *Aligner) begin(checkpoint int64) (fresh, restarted bool) {
	if checkpoint <= a.current {
		return checkpoint == a.current && a.active, false
	}
	restarted = a.active
	for i := range a.channels {
		a.channels[i].announced, a.channels[i].arrived = false, false
	}
	a.current, a.active, a.passed = checkpoint, true, false
	return true, restarted
}

// brought reports whether a channel is not waited for any more.
func (a *Aligner) brought(channel int) bool {
	c := a.channels[channel]
	return c.arrived || c.ended || a.passed && c.announced
}

// Arrived reports whether the barrier of the current checkpoint has arrived on a channel, or the channel has ended: nothing in it belongs to the checkpoint.
func (a *Aligner) Arrived(channel int) bool {
	return a.channels[channel].arrived || a.channels[channel].ended
}

// Passed reports whether the barrier of the current checkpoint was passed on early.
func (a *Aligner) Passed() bool { return a.passed }

// Current is the checkpoint whose barrier came last, and whether it is still pending.
func (a *Aligner) Current() (checkpoint int64, pending bool) { return a.current, a.active }

// End notes that a channel has ended, and reports whether the pending checkpoint is complete by that.
func (a *Aligner) End(channel int) (complete bool) {
	a.channels[channel].ended = true
	if a.active && a.complete() {
		a.active = false
		return true
	}
	return false
}

func (a *Aligner) complete() bool {
	for i := range a.channels {
		if !a.brought(i) {
			return false
		}
	}
	return true
}
