package temporal

// Idleness finds out that an input is silent without a look at the clock for each record: it compares counters from time to time. It is a pure state machine.
//
// Silence counts from the first check that finds no new record, so that an input is never called idle before it has been silent for the timeout.
type Idleness struct {
	// Timeout is in nanoseconds.
	Timeout int64
	count   int64
	since   int64
	silent  bool // since is set
}

// Check is given the number of records so far and a clock in nanoseconds, which stands still while silence says nothing. It reports whether the input has been silent for
// longer than the timeout.
func (i *Idleness) Check(count, clock int64) bool {
	switch {
	case count != i.count:
		i.count, i.silent = count, false
		return false
	case !i.silent:
		i.silent, i.since = true, clock
		return false
	}
	return clock-i.since > i.Timeout
}

// Stopwatch measures how long something has been stopped.
type Stopwatch struct {
	total, since int64
	stopped      bool
}

// Stop starts the measuring at now. Stopping twice is the same as once.
func (w *Stopwatch) Stop(now int64) {
	if !w.stopped {
		w.stopped, w.since = true, now
	}
}

// Go ends it.
func (w *Stopwatch) Go(now int64) {
	if w.stopped {
		w.stopped = false
		w.total += now - w.since
	}
}

// Stopped reports whether it is stopped.
func (w *Stopwatch) Stopped() bool { return w.stopped }

// Total is how long it has been stopped so far, at now.
func (w *Stopwatch) Total(now int64) int64 {
	if w.stopped {
		return w.total + now - w.since
	}
	return w.total
}
