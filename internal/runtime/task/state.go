package task

// tick tells those who go by the clock what time it is: once a step, so that a record need not read it.
func (t *Task) tick() {
	if len(t.timed) == 0 {
		return
	}
	now := t.cfg.Scheduler.Now().UnixMilli()
	for _, n := range t.timed {
		n.ctx.NowMillis = max(n.ctx.NowMillis, now)
		if n.ctx.Store != nil {
			n.ctx.Store.Tick(now)
		}
	}
}

// noteTimed finds the operators that go by the clock: by processing time, or with state that has a time to live.
func (t *Task) noteTimed() {
	for _, n := range t.nodes {
		if n.ctx.WantsTime || n.ctx.Store != nil && n.ctx.Store.NeedsTime() {
			t.timed = append(t.timed, n)
		}
	}
	t.tick()
}

// closeStores gives back what the operators kept in state.
func (t *Task) closeStores() {
	for _, n := range t.nodes {
		if n.ctx.Store == nil {
			continue
		}
		if err := n.ctx.Store.Close(); err != nil {
			t.cfg.Logger.Warn("closing the state of an operator failed", "operator", n.ctx.Name, "err", err)
		}
	}
}
