package memory

import (
	"context"
	"encoding/binary"
	"iter"
	"runtime/debug"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
)

// Seq returns a source of the values of the sequence that seq makes; bounded, in that the job ends when the sequence does. It is one sequence, so one reader reads it all. seq is
// called once per run of the job: after a restore the sequence is run from its start again, and what was emitted before is skipped.
//
// The sequence runs within the reader's task, which does nothing else while it waits for a value: a sequence that blocks holds up checkpoints and
// cancellation. What waits for the outside world wants a connector.
func Seq[T any](seq func() iter.Seq[T]) connector.Source[T] { return seqSource[T]{seq} }

type seqSource[T any] struct{ seq func() iter.Seq[T] }

var (
	_ connector.Checker     = seqSource[int]{}
	_ connector.NonParallel = seqSource[int]{}
)

func (s seqSource[T]) Boundedness() connector.Boundedness { return connector.Bounded }

func (s seqSource[T]) NonParallel() bool { return true }

// Check reports a nil function.
func (s seqSource[T]) Check(context.Context) error {
	if s.seq == nil {
		return fault.New(fault.GraphNilFunction, "the function that makes the sequence is nil")
	}
	return nil
}

func (s seqSource[T]) NewEnumerator(ctx connector.EnumeratorContext, restored []byte) (connector.Enumerator, error) {
	return connector.FixedSplits(ctx, restored, func(int) []connector.Split { return []connector.Split{seqSplit(0)} })
}

func (s seqSource[T]) NewReader(ctx connector.ReaderContext) (connector.Reader[T], error) {
	return &seqReader[T]{ctx: ctx, seq: s.seq}, nil
}

// sequence is the id of the only split.
const sequence = "sequence"

// seqSplit is the sequence from which done values were emitted.
func seqSplit(done uint64) connector.Split {
	return connector.Split{ID: sequence, State: binary.AppendUvarint(nil, done)}
}

type seqReader[T any] struct {
	ctx connector.ReaderContext
	seq func() iter.Seq[T]

	// assigned is set when this reader has the sequence, ended when the sequence has.
	assigned, ended, noMore bool
	done                    uint64
	// skip is how many values of the run are still to be skipped.
	skip uint64
	next func() (T, bool)
	stop func()
	// stack is where the sequence panicked.
	stack string
}

func (r *seqReader[T]) Start() error { return nil }

func (r *seqReader[T]) Poll(out *connector.Output[T]) (connector.Status, error) {
	if !r.assigned || r.ended {
		if r.noMore {
			return connector.EndOfInput, nil
		}
		return connector.NothingAvailable, nil
	}
	if r.next == nil {
		r.next, r.stop = iter.Pull(r.traced(r.seq()))
	}
	split := out.Split(sequence)
	for n := 0; n < maxRecords && !out.Stop(); n++ {
		v, ok, err := r.pull()
		if err != nil {
			return connector.EndOfInput, err
		}
		if !ok {
			r.ended = true
			out.EndSplit(sequence)
			break
		}
		if r.skip > 0 {
			r.skip--
			continue
		}
		r.done++
		split.Collect(v)
	}
	return connector.MoreAvailable, nil
}

// traced notes the stack of a sequence that panics: it is one of its own, and gone when next has thrown the panic on.
func (r *seqReader[T]) traced(seq iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		returned := false
		defer func() {
			if !returned {
				r.stack = string(debug.Stack())
			}
		}()
		seq(yield)
		returned = true
	}
}

// pull returns the next value. A panic of the sequence becomes an error with its stack.
func (r *seqReader[T]) pull() (v T, ok bool, err error) {
	defer func() {
		if r.stack == "" {
			return
		}
		if p := recover(); p != nil {
			err = fault.New(fault.FunctionPanic, "panic: %v", p).WithStack(r.stack)
		}
	}()
	v, ok = r.next()
	return v, ok, nil
}

func (r *seqReader[T]) AddSplits(splits []connector.Split) error {
	for _, c := range splits {
		done, n := binary.Uvarint(c.State)
		if n <= 0 {
			return fault.New(fault.TypeDecode, "the state of split %q is damaged", c.ID)
		}
		r.assigned, r.done, r.skip = true, done, done
	}
	r.ctx.Wake()
	return nil
}

func (r *seqReader[T]) NoMoreSplits() error {
	r.noMore = true
	r.ctx.Wake()
	return nil
}

func (r *seqReader[T]) HandleSourceEvent([]byte) error { return nil }

func (r *seqReader[T]) Snapshot(int64) ([]connector.Split, error) {
	if !r.assigned || r.ended {
		return nil, nil
	}
	return []connector.Split{seqSplit(r.done)}, nil
}

// Close ends the sequence: its deferred calls run.
func (r *seqReader[T]) Close() error {
	if r.stop != nil {
		r.stop()
	}
	return nil
}
