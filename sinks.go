package weir

import (
	"io"
	"os"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/connectors/memory"
	"github.com/weirstream/weir/connectors/print"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
)

// SinkOf is the operator at the end of a stream. Its methods configure it, as those of [Stream] do.
type SinkOf[T any] struct{ s *Stream[T] }

func addSink[T any](s *Stream[T], kind string, factory operator.Factory, nonParallel bool) *SinkOf[T] {
	op := s.env.add(spec{kind: "sink:" + kind, name: kind, factory: factory, sink: true, nonParallel: nonParallel}, s.in())
	return &SinkOf[T]{&Stream[T]{env: s.env, op: op}}
}

// SinkTo ends the stream in a sink. kind says what it is, as "kafka"; it is part of the operator's identity.
func (s *Stream[T]) SinkTo(kind string, sink connector.Sink[T]) *SinkOf[T] {
	if sink == nil {
		s.env.fail(fault.New(fault.GraphNilFunction, "sink %q is nil", kind))
		return addSink(s, kind, operator.Factory(operator.Discard[T]{}), false)
	}
	f := &operator.SinkOperator[T]{Sink: sink}
	k := addSink(s, kind, operator.Factory(f), false)
	s.env.checks = append(s.env.checks, check{k.s.op, f.Check})
	return k
}

// Print writes each record to standard output, as fmt prints it, a line each. With a parallelism above 1 a line begins with the number of the subtask, as "2> ".
func (s *Stream[T]) Print() *SinkOf[T] { return s.PrintTo(os.Stdout, "") }

// PrintTo is Print to another writer, and with a label in front unless it is empty. Subtasks write whole lines, one at a time.
func (s *Stream[T]) PrintTo(w io.Writer, label string) *SinkOf[T] {
	return s.SinkTo("print", print.To[T](w, print.Options{Label: label}))
}

// Discard drops every record.
func (s *Stream[T]) Discard() *SinkOf[T] {
	return addSink(s, "discard", operator.Factory(operator.Discard[T]{}), false)
}

// ToFiles writes to files that appear when they are complete: see [files.SinkOptions].
func (s *Stream[T]) ToFiles(o files.SinkOptions[T]) *SinkOf[T] {
	return s.SinkTo("files", files.Sink(o))
}

// ForEach calls fn for each record with its timestamp. Subtasks call it at the same time. An error fails the job.
func (s *Stream[T]) ForEach(fn func(v T, ts int64) error) *SinkOf[T] {
	need(s.env, "forEach", fn)
	return s.SinkTo("forEach", memory.SinkFunc(fn))
}

// Name is [Stream.Name].
func (k *SinkOf[T]) Name(name string) *SinkOf[T] { k.s.Name(name); return k }

// UID is [Stream.UID].
func (k *SinkOf[T]) UID(uid string) *SinkOf[T] { k.s.UID(uid); return k }

// Parallelism is [Stream.Parallelism].
func (k *SinkOf[T]) Parallelism(n int) *SinkOf[T] { k.s.Parallelism(n); return k }

// DisableChaining is [Stream.DisableChaining].
func (k *SinkOf[T]) DisableChaining() *SinkOf[T] { k.s.DisableChaining(); return k }

// SlotSharingGroup is [Stream.SlotSharingGroup].
func (k *SinkOf[T]) SlotSharingGroup(group string) *SinkOf[T] { k.s.SlotSharingGroup(group); return k }
