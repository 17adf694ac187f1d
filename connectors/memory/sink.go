package memory

import (
	"context"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
)

// SinkFunc returns a sink that calls fn for each record, with its timestamp or eventtime.NoTimestamp. Each writer calls it within its own task, so several call it at the
// same time if the sink is parallel. An error fails the job.
func SinkFunc[T any](fn func(v T, ts int64) error) connector.Sink[T] { return funcSink[T]{fn} }

// Discard returns a sink that throws records away.
func Discard[T any]() connector.Sink[T] { return funcSink[T]{func(T, int64) error { return nil }} }

type funcSink[T any] struct{ fn func(v T, ts int64) error }

var _ connector.Checker = funcSink[int]{}

// Check reports a nil function.
func (s funcSink[T]) Check(context.Context) error {
	if s.fn == nil {
		return fault.New(fault.GraphNilFunction, "the sink's function is nil")
	}
	return nil
}

func (s funcSink[T]) NewWriter(connector.WriterContext, [][]byte) (connector.Writer[T], error) {
	return funcWriter[T](s), nil
}

type funcWriter[T any] struct{ fn func(v T, ts int64) error }

func (w funcWriter[T]) Write(v T, ts int64) error { return w.fn(v, ts) }

func (w funcWriter[T]) Flush(bool) error { return nil }

func (w funcWriter[T]) Close() error { return nil }
