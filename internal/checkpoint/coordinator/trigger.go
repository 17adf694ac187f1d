package coordinator

import (
	"maps"
	"math"
	"slices"

	"github.com/weirstream/weir/fault"
)

// request takes a wish for a checkpoint or savepoint in: it is refused at once, or waits its turn. Keeps K7.
func (c *Coordinator) request(e Requested) {
	refuse := func(err error) { c.emit(Answer{Token: e.Token, Err: err}) }
	switch {
	case e.Kind > StopWithSavepoint:
		refuse(fault.New(fault.OptionInvalid, "%v is not known", e.Kind))
	case !c.running:
		refuse(fault.New(fault.JobNotRunning, "no %v can be taken while not all tasks run", e.Kind))
	case len(c.queue) >= maxQueued:
		refuse(fault.New(fault.CheckpointRequests, "%d requests for checkpoints and savepoints wait", len(c.queue)))
	default:
		c.enqueue(e)
	}
}

// enqueue keeps the order of those that wait: savepoints go in front of checkpoints, among them the first comes first.
func (c *Coordinator) enqueue(e Requested) {
	at := len(c.queue)
	if e.Kind != Checkpoint {
		if first := slices.IndexFunc(c.queue, func(r Requested) bool { return r.Kind == Checkpoint }); first >= 0 {
			at = first
		}
	}
	c.queue = slices.Insert(c.queue, at, e)
}

func (c *Coordinator) refuseQueued(err error) {
	for _, r := range c.queue {
		c.emit(Answer{Token: r.Token, Err: err})
	}
	c.queue = nil
}

// settle triggers what has become possible. Keeps K4, K5 and K6.
func (c *Coordinator) settle() {
	if c.running && len(c.tasks) == 0 {
		c.refuseQueued(fault.New(fault.JobNotRunning, "every task has come to the end of its input"))
	}
	for c.may() {
		switch {
		case len(c.queue) > 0:
			r := c.queue[0]
			c.queue = slices.Delete(c.queue, 0, 1)
			c.trigger(&pending{kind: r.Kind, drain: r.Drain && r.Kind == StopWithSavepoint, asked: true, token: r.Token}, r.Target)
		default:
			if at, ok := c.periodic(); !ok || c.now < at {
				return
			}
			c.nextPeriodic = add(c.now, c.cfg.Interval)
			c.trigger(&pending{kind: Checkpoint}, "")
		}
	}
}

// may reports whether anything may be triggered now, apart from the time.
func (c *Coordinator) may() bool {
	return c.running && !c.failing && !c.stopping() && len(c.tasks) > 0 && len(c.pending) < c.cfg.MaxConcurrent
}

// stopping reports whether a StopWithSavepoint is under way or has completed.
func (c *Coordinator) stopping() bool {
	return c.stopped || slices.ContainsFunc(c.pending, func(p *pending) bool { return p.kind == StopWithSavepoint })
}

// periodic returns when the next periodic checkpoint may be triggered, and whether there is one before the end of time.
func (c *Coordinator) periodic() (at int64, ok bool) {
	at = max(c.nextPeriodic, c.pauseEnds)
	return at, c.cfg.Interval > 0 && at < math.MaxInt64
}

// trigger begins p with the next id: keeps K1.
func (c *Coordinator) trigger(p *pending, target string) {
	c.lastID++
	p.id, p.started, p.owing, p.tasks = c.lastID, c.now, maps.Clone(c.tasks), len(c.tasks)
	c.pending = append(c.pending, p)
	e := Trigger{ID: p.id, Kind: p.kind, Drain: p.drain, Target: target}
	if p.kind == Checkpoint {
		e.Unaligned, e.AlignedTimeout = c.cfg.Unaligned, c.cfg.AlignedTimeout
	}
	c.emit(e)
}

// Next returns when a Tick is due, and whether one is. It may change with every step. A Tick that comes sooner does no harm.
func (c *Coordinator) Next() (at int64, ok bool) {
	for _, p := range c.pending {
		if deadline := add(p.started, c.cfg.Timeout); !ok || deadline < at {
			at, ok = deadline, true
		}
	}
	if periodic, some := c.periodic(); some && c.may() && (!ok || periodic < at) {
		at, ok = periodic, true
	}
	return at, ok
}
