package weir

import (
	"iter"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/connectors/memory"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/connectors/socket"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
)

// FromSource reads a source. kind says what it is, as "kafka"; it is part of the operator's identity. Timestamps and watermarks are the reader's own, unless
// [Stream.WatermarkStrategy] follows.
func FromSource[T any](e *Environment, kind string, source connector.Source[T]) *Stream[T] {
	return fromSource(e, kind, source, spec{})
}

func fromSource[T any](e *Environment, kind string, source connector.Source[T], s spec) *Stream[T] {
	s.kind, s.name, s.outType, s.source = "source:"+kind, kind, typeText[T](), true
	if source == nil {
		e.fail(fault.New(fault.GraphNilFunction, "source %q is nil", kind))
		return outputOf[T](e, e.add(s))
	}
	f := &operator.SourceOperator[T]{Source: source, WatermarkInterval: e.options.AutoWatermarkInterval, AllowUnalignedSplits: e.options.AllowUnalignedSourceSplits}
	s.factory, s.bounded = f, source.Boundedness() == connector.Bounded
	op := e.add(s)
	e.checks = append(e.checks, check{op, f.Check})
	return outputOf[T](e, op)
}

// FromValues is a bounded stream of the given values.
func FromValues[T any](e *Environment, values ...T) *Stream[T] {
	return fromSource(e, "values", memory.Values(values...), spec{nonParallel: true})
}

// FromSlice is a bounded stream of the elements of a slice, which must not be changed while the job runs. With a parallelism above 1 each subtask reads a part.
func FromSlice[T any](e *Environment, values []T) *Stream[T] {
	return fromSource(e, "slice", memory.Slice(values), spec{})
}

// FromSequence is a bounded stream of the numbers from first to last, both included.
func FromSequence(e *Environment, first, last int64) *Stream[int64] {
	return fromSource(e, "sequence", sequence.From(first, last), spec{})
}

// FromSeq is a stream of the values of an iterator. seq is called for the job's one reader; what it waits for, the job's other sources do not, but its own chain does.
func FromSeq[T any](e *Environment, seq func() iter.Seq[T]) *Stream[T] {
	need(e, "seq", seq)
	if seq == nil {
		seq = func() iter.Seq[T] { return func(func(T) bool) {} }
	}
	return fromSource(e, "seq", memory.Seq(seq), spec{nonParallel: true})
}

// FromFiles is a stream of the lines of files: see [files.Options]. Lines are parts of larger blocks: who keeps a piece of one for long clones it. State clones its keys and
// records itself.
func FromFiles(e *Environment, o files.Options) *Stream[string] {
	return fromSource(e, "files", files.Lines(o), spec{})
}

// FromSocket is a stream of lines that a server sends: see [socket.Options].
func FromSocket(e *Environment, o socket.Options) *Stream[string] {
	return fromSource(e, "socket", socket.Lines(o), spec{nonParallel: true})
}

// Generate is a stream of fn(0), fn(1), ... at a rate and up to a count, each index once over all subtasks: see [sequence.Options].
func Generate[T any](e *Environment, o sequence.Options, fn func(i int64) T) *Stream[T] {
	need(e, "generate", fn)
	return fromSource(e, "generate", sequence.Generate(o, fn), spec{})
}

// GenerateInto is [Generate] with a function that makes each record in place. It saves copying large records. fn must set every field: it sees what an earlier
// record left there.
func GenerateInto[T any](e *Environment, o sequence.Options, fn func(i int64, v *T)) *Stream[T] {
	need(e, "generate", fn)
	return fromSource(e, "generate", sequence.GenerateInto(o, fn), spec{})
}
