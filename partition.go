package weir

import (
	"iter"
	"slices"

	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/window"
)

// PartitionWindow is all that one subtask sees of a bounded stream: it is evaluated once, when the input has ended. Of unbounded input nothing ever comes.
type PartitionWindow[T any] struct{ s *Stream[T] }

// FullWindowPartition takes all records of each subtask together. What a subtask sees is decided by what stands before: see [Stream.Rebalance] and its kin. For the records of each key see
// [KeyedStream.FullWindowPartition].
func (s *Stream[T]) FullWindowPartition() *PartitionWindow[T] { return &PartitionWindow[T]{s} }

// FullWindowPartition takes all records of each key together: a window that fires when bounded input ends.
func (k *KeyedStream[K, T]) FullWindowPartition() *WindowedStream[K, T] {
	return k.Window(window.GlobalsUntilEnd[T]())
}

// MapPartition calls fn once in each subtask with all its records, in the order in which they came.
func MapPartition[T, U any](p *PartitionWindow[T], fn func(elements iter.Seq[T], out *Collector[U]) error) *Stream[U] {
	need(p.s.env, "mapPartition", fn)
	return addPartition(p, "mapPartition", fn, fn)
}

// SortPartition emits the records of each subtask in order: compare returns a negative number if a comes before b, and 0 if they may stand as they came.
func SortPartition[T any](p *PartitionWindow[T], compare func(a, b T) int) *Stream[T] {
	need(p.s.env, "sortPartition", compare)
	return addPartition(p, "sortPartition", func(elements iter.Seq[T], out *Collector[T]) error {
		for _, v := range slices.SortedStableFunc(elements, compare) {
			out.Collect(v)
		}
		return nil
	}, compare)
}

// ReducePartition combines the records of each subtask into one. A subtask without records gives nothing.
func ReducePartition[T any](p *PartitionWindow[T], combine func(kept, v T) T) *Stream[T] {
	need(p.s.env, "reducePartition", combine)
	return addPartition(p, "reducePartition", func(elements iter.Seq[T], out *Collector[T]) error {
		var kept T
		some := false
		for v := range elements {
			if some {
				v = combine(kept, v)
			}
			kept, some = v, true
		}
		if some {
			out.Collect(kept)
		}
		return nil
	}, combine)
}

// AggregatePartition emits the result of all records of each subtask, also where there are none.
func AggregatePartition[T, A, R any](p *PartitionWindow[T], a Aggregator[T, A, R]) *Stream[R] {
	need(p.s.env, "aggregatePartition", a.Create, a.Add, a.Result)
	return addPartition(p, "aggregatePartition", func(elements iter.Seq[T], out *Collector[R]) error {
		acc := a.Create()
		for v := range elements {
			acc = a.Add(acc, v)
		}
		out.Collect(a.Result(acc))
		return nil
	}, a.Create, a.Add, a.Result)
}

func addPartition[T, U any](p *PartitionWindow[T], kind string, fn func(iter.Seq[T], *Collector[U]) error, user ...any) *Stream[U] {
	env := p.s.env
	return outputOf[U](env, env.add(spec{
		kind: kind, outType: typeText[U](), states: []dataflow.StateDecl{{Name: "records", Kind: "list", Schema: typeText[T]()}},
		factory: &operator.FullPartition[T, U]{User: user, Fn: func(_ *operator.Context, elements iter.Seq[T], out *Collector[U]) error {
			return fn(elements, out)
		}},
	}, p.s.in()))
}
