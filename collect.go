package weir

import (
	"context"
	"iter"
	"sync"

	"github.com/weirstream/weir/connector"
)

// Collect ends the stream in the caller's hands: ranging over the result executes the environment, with the given job name, and yields each record as it arrives. A
// consumer that is slow holds the job back. Leaving the loop cancels the job. If the job fails, or ctx ends, the last pair is a zero value and the error.
//
// The sequence can be ranged over once, since an environment is one job. Other sinks of the environment run along.
func (s *Stream[T]) Collect(ctx context.Context, name string) iter.Seq2[T, error] {
	q := &collected[T]{signal: make(chan struct{}, 1)}
	s.SinkTo("collect", q).Parallelism(1)
	return func(yield func(T, error) bool) {
		var zero T
		client, err := s.env.ExecuteAsync(ctx, name)
		if err != nil {
			yield(zero, err)
			return
		}
		stop := context.AfterFunc(ctx, client.Cancel)
		defer stop()
		defer func() { // also when the loop's body panics
			client.Cancel()
			q.close()
			_, _ = client.Wait(context.Background()) // what went wrong has been yielded, or the loop was left
		}()
		for {
			batch := q.take()
			for _, v := range batch {
				if !yield(v, nil) {
					return
				}
			}
			if len(batch) > 0 {
				continue
			}
			select {
			case <-q.signal:
			case <-client.Done():
				for _, v := range q.take() {
					if !yield(v, nil) {
						return
					}
				}
				if _, err := client.Wait(context.Background()); err != nil {
					yield(zero, err)
				}
				return
			}
		}
	}
}

const (
	collectBatch = 256  // records handed over at once
	collectLimit = 4096 // records waiting for the consumer
)

// collected is a sink that hands records to another goroutine.
type collected[T any] struct {
	signal chan struct{} // has a token when there may be something to take

	mu      sync.Mutex
	waiting []T
	wake    func()
	closed  bool
}

func (q *collected[T]) NewWriter(connector.WriterContext, [][]byte) (connector.Writer[T], error) {
	return &collectWriter[T]{q: q}, nil
}

func (q *collected[T]) take() []T {
	q.mu.Lock()
	batch, wake := q.waiting, q.wake
	q.waiting = nil
	q.mu.Unlock()
	if len(batch) >= collectLimit && wake != nil {
		wake()
	}
	return batch
}

func (q *collected[T]) close() {
	q.mu.Lock()
	q.closed, q.waiting = true, nil
	wake := q.wake
	q.mu.Unlock()
	if wake != nil {
		wake()
	}
}

type collectWriter[T any] struct {
	q     *collected[T]
	batch []T
}

var _ connector.ReadyWriter = (*collectWriter[int])(nil)

func (w *collectWriter[T]) Write(v T, _ int64) error {
	w.batch = append(w.batch, v)
	if len(w.batch) >= collectBatch {
		return w.Flush(false)
	}
	return nil
}

func (w *collectWriter[T]) Flush(bool) error {
	if len(w.batch) == 0 {
		return nil
	}
	w.q.mu.Lock()
	if !w.q.closed {
		w.q.waiting = append(w.q.waiting, w.batch...)
	}
	w.q.mu.Unlock()
	clear(w.batch)
	w.batch = w.batch[:0]
	select {
	case w.q.signal <- struct{}{}:
	default:
	}
	return nil
}

func (w *collectWriter[T]) Close() error { return nil }

// Ready implements connector.ReadyWriter.
func (w *collectWriter[T]) Ready() bool {
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	return w.q.closed || len(w.q.waiting) < collectLimit
}

// OnReady implements connector.ReadyWriter.
func (w *collectWriter[T]) OnReady(wake func()) {
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	w.q.wake = wake
}
