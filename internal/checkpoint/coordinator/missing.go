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
	// Tasks have not acknowledged, in increasing order. Of those, Reached are the ones that the barrier has come to, since all that send to them have: they hold it themselves, or are held by the backpressure of what is behind them.
	Tasks, Reached []Task
	text           string
}

// Error names the first that the barrier has come to and those behind them, and counts the others.
func (m *Missing) Error() string { return m.text }

func (c *Coordinator) missing(p *pending) *Missing {
	m := &Missing{Tasks: slices.Sorted(maps.Keys(p.owing))}
	var behind []Task
	for _, t := range m.Tasks {
		if slices.ContainsFunc(c.cfg.Upstream(t), func(u Task) bool { return p.owing[u] }) {
			behind = append(behind, t)
		} else {
			m.Reached = append(m.Reached, t)
		}
	}
	m.text = fmt.Sprintf("%d of %d tasks did not acknowledge: %s", len(m.Tasks), p.tasks, c.names(m.Reached, maxNamed))
	if most := maxNamed - len(m.Reached); len(behind) > 0 && most > 0 {
		m.text += "; and behind: " + c.names(behind, most)
	} else if len(behind) > 0 {
		m.text += fmt.Sprintf("; and %d behind", len(behind))
	}
	return m
}

// names names the first of some tasks and counts the others.
func (c *Coordinator) names(tasks []Task, most int) string {
	var names []string
	for _, t := range tasks[:min(len(tasks), most)] {
		names = append(names, c.cfg.Name(t))
	}
	text := strings.Join(names, ", ")
	if more := len(tasks) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
