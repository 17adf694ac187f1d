package weir

import (
	"context"

	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
)

// Graph is the graph that the environment builds. It is for package table, which adds operators of its own to it; AddCheck is told of their sources and sinks.
func (e *Environment) Graph() *dataflow.Graph { return e.graph }

// AddCheck adds what is asked, before the job starts, whether it can run: see connector.Checker. It is for package table.
func (e *Environment) AddCheck(op *dataflow.Operator, fn func(context.Context) error) {
	e.checks = append(e.checks, check{op, fn})
}

// Attach adds an operator that reads a stream, by a factory of its own. It is for package table, whose operators are not those of this package.
func Attach[T any](s *Stream[T], kind string, factory operator.Factory, outType string) *dataflow.Operator {
	return s.env.add(spec{kind: kind, factory: factory, outType: outType}, s.in())
}

// StreamOf returns what an operator of the environment's graph emits, records of type T. It is for package table.
func StreamOf[T any](env *Environment, op *dataflow.Operator) *Stream[T] { return outputOf[T](env, op) }
