package weir

import (
	"context"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/dataflow"
)

// Graph is the graph that the environment builds. It is for package table, which adds operators of its own to it; AddCheck is told of their sources and sinks.
func (e *Environment) Graph() *dataflow.Graph { return e.graph }

// AddCheck adds what is asked, before the job starts, whether it can run: see connector.Checker. It is for package table.
func (e *Environment) AddCheck(op *dataflow.Operator, fn func(context.Context) error) {
	e.checks = append(e.checks, check{op, fn})
}

// Used reports whether the environment has been executed: nothing can be added any more.
func (e *Environment) Used() error {
	if e.used {
		return fault.New(fault.GraphUsed, "the environment of job %q has been executed before", e.graph.Name)
	}
	return nil
}
