package table

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/physical"
	"github.com/weirstream/weir/types"
)

// Row is a row of a result.
type Row struct {
	// Kind is what the row does to the result: an insert, unless the query updates what it has returned.
	Kind types.RowKind
	// Values are the columns' values; see [Result.Columns] for their types.
	Values []column.Value
}

// Result is what a statement returned: rows at once, or those of a running query, or none.
type Result struct {
	// Columns describe the rows, nil if there can be none.
	Columns []types.Field
	// Changelog is what rows may do.
	Changelog types.Changelog
	// Order is how the rows of the result lie, if the query ends with ORDER BY; a changelog brings them as they change, and who shows the table puts them in order.
	Order []Order
	// Job is the job that an INSERT, or a query when its rows are asked for, has started; nil otherwise.
	Job *weir.JobClient
	// Name is the job's name.
	Name string

	rows    []Row
	session *fn.Session
	start   func(ctx context.Context) (*weir.JobClient, *rowQueue, error)
	queue   *rowQueue // once the job has started
	durable bool
}

// Order is a column that rows are ordered by.
type Order struct {
	// Column counts from 0.
	Column                int
	Descending, NullsLast bool
}

// orderOf is that of the rows of a plan.
func orderOf(end physical.Node) (all []Order) {
	end = end.Of().Inputs[0]
	var keys []logical.SortKey
	switch n := end.(type) {
	case *physical.SortLimit:
		keys = n.Keys
	case *physical.Sort:
		keys = n.Keys
	}
	for _, k := range keys {
		all = append(all, Order{Column: k.Column, Descending: k.Descending, NullsLast: k.NullsLast})
	}
	return all
}

// IsQuery reports whether rows come from a job, which starts when they are asked for.
func (r *Result) IsQuery() bool { return r.start != nil }

// Start starts the job of a query, for those who want to watch it; asking for rows does it otherwise. ctx bounds only the checks before the start. The rows must be asked for then. A result that is no query has nothing to start.
func (r *Result) Start(ctx context.Context) error {
	if r.start == nil || r.queue != nil {
		return nil
	}
	client, q, err := r.start(ctx)
	if err == nil {
		r.Job, r.queue = client, q
	}
	return err
}

// Rows returns the rows. For a query it runs the job, once: rows come as they are computed, a consumer that is slow holds the job back, and leaving the loop cancels it. If the job fails, or ctx
// ends, the last pair is a zero Row and the error.
func (r *Result) Rows(ctx context.Context) iter.Seq2[Row, error] {
	if r.start == nil {
		return func(yield func(Row, error) bool) {
			for _, row := range r.rows {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
	return func(yield func(Row, error) bool) {
		for b, err := range r.Batches(ctx) {
			if err != nil {
				yield(Row{}, err)
				return
			}
			for i := range b.N {
				row := Row{Kind: b.Kind(i), Values: make([]column.Value, len(b.Cols))}
				for c, v := range b.Cols {
					row.Values[c] = v.Value(i)
				}
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// Batches is Rows of a query in batches, which are the caller's, with flat columns and no selection.
func (r *Result) Batches(ctx context.Context) iter.Seq2[*column.Batch, error] {
	return func(yield func(*column.Batch, error) bool) {
		if r.start == nil {
			return
		}
		if err := r.Start(ctx); err != nil {
			yield(nil, err)
			return
		}
		client, q := r.Job, r.queue
		stop := context.AfterFunc(ctx, func() {
			if r.durable {
				Pause(client)
			}
			client.Cancel()
		})
		defer stop()
		defer func() {
			client.Cancel()
			q.close()
			_, _ = client.Wait(context.Background())
		}()
		for {
			taken := q.take()
			for _, b := range taken {
				if !yield(b, nil) {
					return
				}
			}
			if len(taken) > 0 {
				continue
			}
			select {
			case <-q.signal:
			case <-client.Done():
				for _, b := range q.take() {
					if !yield(b, nil) {
						return
					}
				}
				if _, err := client.Wait(context.Background()); err != nil {
					yield(nil, err)
				}
				return
			}
		}
	}
}

// Pause takes a checkpoint of a durable job that is to be canceled, so that it goes on from there and not from its last one. What comes in the way, as the end of the job, or ten seconds, is no error.
func Pause(job *weir.JobClient) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, _ = job.Checkpoint(ctx)
}

// queueRows is how many rows wait for the consumer before the job is held back.
const queueRows = 8192

// rowQueue is a sink that hands batches to another goroutine.
type rowQueue struct {
	fields []types.Field
	signal chan struct{} // has a token when there may be something to take

	mu      sync.Mutex
	waiting []*column.Batch
	rows    int
	wake    func()
	closed  bool
}

func newRowQueue(fields []types.Field) *rowQueue {
	return &rowQueue{fields: fields, signal: make(chan struct{}, 1)}
}

// NewWriter implements connector.Sink.
func (q *rowQueue) NewWriter(connector.WriterContext, [][]byte) (connector.Writer[*column.Batch], error) {
	return &queueWriter{q: q}, nil
}

func (q *rowQueue) take() []*column.Batch {
	q.mu.Lock()
	taken, wake, full := q.waiting, q.wake, q.rows >= queueRows
	q.waiting, q.rows = nil, 0
	q.mu.Unlock()
	if full && wake != nil {
		wake()
	}
	return taken
}

func (q *rowQueue) close() {
	q.mu.Lock()
	q.closed, q.waiting, q.rows = true, nil, 0
	wake := q.wake
	q.mu.Unlock()
	if wake != nil {
		wake()
	}
}

type queueWriter struct{ q *rowQueue }

var _ connector.ReadyWriter = (*queueWriter)(nil)

func (w *queueWriter) Write(b *column.Batch, _ int64) error {
	own := &column.Batch{}
	own.Reset(column.Forms(w.q.fields))
	rows := b.Sel
	if rows == nil {
		rows = make([]int32, b.N)
		for i := range rows {
			rows[i] = int32(i)
		}
	}
	own.Append(b, rows)
	w.q.put(own)
	return nil
}

// put gives a batch away.
func (q *rowQueue) put(b *column.Batch) {
	q.mu.Lock()
	if !q.closed {
		q.waiting = append(q.waiting, b)
		q.rows += b.N
	}
	q.mu.Unlock()
	select {
	case q.signal <- struct{}{}:
	default:
	}
}

func (w *queueWriter) Flush(bool) error { return nil }
func (w *queueWriter) Close() error     { return nil }

// Ready implements connector.ReadyWriter.
func (w *queueWriter) Ready() bool {
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	return w.q.closed || w.q.rows < queueRows
}

// OnReady implements connector.ReadyWriter.
func (w *queueWriter) OnReady(wake func()) {
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	w.q.wake = wake
}
