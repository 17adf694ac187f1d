package weir

import (
	"context"

	"github.com/weirstream/weir/internal/dataflow"
)

// Graph is the graph that the environment builds. It is for package table, which adds operators of its own to it; AddCheck is told of their sources and sinks.
func (e *Environment) Graph() *dataflow.Graph { return e.graph }

// AddCheck adds what is asked, before the job starts, whether it can run: see connector.Checker. It is for package table.
func (e *Environment) AddCheck(op *dataflow.Operator, fn func(context.Context) error) {
	e.checks = append(e.checks, check{op, fn})
}
