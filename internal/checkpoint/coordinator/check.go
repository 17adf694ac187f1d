package coordinator

import "fmt"

// Check reports the first invariant that does not hold between two steps, or nil. It is for tests and invariant builds.
func (c *Coordinator) Check() error {
	last, stops := int64(0), 0
	for _, p := range c.pending {
		if p.id <= last || p.id > c.lastID {
			return fmt.Errorf("K1: %d is pending behind %d, the last id is %d", p.id, last, c.lastID)
		}
		last = p.id
		if p.storing != (len(p.owing) == 0) {
			return fmt.Errorf("K2: %d waits for %d tasks, storing=%v", p.id, len(p.owing), p.storing)
		}
		for t := range p.owing {
			if !c.tasks[t] {
				return fmt.Errorf("K2: %d waits for task %d, which does not run", p.id, t)
			}
		}
		if stops > 0 {
			return fmt.Errorf("K4: %d was triggered behind a stop-with-savepoint", p.id)
		}
		if p.kind == StopWithSavepoint {
			stops++
		}
	}
	if !c.running && len(c.pending)+len(c.queue)+len(c.tasks) > 0 {
		return fmt.Errorf("K4: the job does not run, with %d pending, %d waiting", len(c.pending), len(c.queue))
	}
	if len(c.pending) > c.cfg.MaxConcurrent {
		return fmt.Errorf("K5: %d are pending", len(c.pending))
	}
	if len(c.queue) > 0 && c.may() {
		return fmt.Errorf("K7: %v waits for nothing", c.queue[0])
	}
	if c.cfg.Tolerable >= 0 && c.failures > c.cfg.Tolerable {
		return fmt.Errorf("K8: %d failures", c.failures)
	}
	for i, id := range c.retained {
		if i > 0 && id <= c.retained[i-1] || id > c.lastID {
			return fmt.Errorf("K9: retained are %d, the last id is %d", c.retained, c.lastID)
		}
	}
	return nil
}
