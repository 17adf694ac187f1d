package coordinator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxNamed is how many tasks an error names.
const maxNamed = 10

// Missing is the error of tasks that a checkpoint has waited for in vain. It is the cause of a checkpoint.timeout error.
type Missing struct {
	// Tasks have not acknowledged, in increasing order.
	Tasks []Task
	text  string
}

// Error names the first tasks and counts the others.
func (m *Missing) Error() string { return m.text }

func (c *Coordinator) missing(p *pending) *Missing {
	tasks := slices.Sorted(maps.Keys(p.owing))
	var names []string
	for _, t := range tasks[:min(len(tasks), maxNamed)] {
		names = append(names, c.cfg.Name(t))
	}
	text := fmt.Sprintf("%d of %d tasks did not acknowledge: %s", len(tasks), p.tasks, strings.Join(names, ", "))
	if more := len(tasks) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return &Missing{tasks, text}
}
