package task

import "github.com/weirstream/weir/internal/operator"

// Inspect calls f with the context of an operator of the chain, given by its number in the graph, on the task's process between two records. It is not called if the task ends before,
// nor if the operator is not of this chain. It may be called from any goroutine.
func (t *Task) Inspect(op int, f func(*operator.Context)) {
	for i, id := range t.cfg.Vertex.Operators {
		if id == op {
			t.Post(func() { f(t.nodes[i].ctx) })
			return
		}
	}
}

// Subtask is the number of the task's subtask, from 0, and Vertex that of its chain in the plan.
func (t *Task) Subtask() int { return t.cfg.Subtask }

// Runs tells whether the operator is of this chain.
func (t *Task) Runs(op int) bool {
	for _, id := range t.cfg.Vertex.Operators {
		if id == op {
			return true
		}
	}
	return false
}
