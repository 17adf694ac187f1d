package table

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/sql/exec"
	"github.com/weirstream/weir/internal/xsync"
	"github.com/weirstream/weir/types"
)

// keptResult is the sink of a durable query: a changelog in objects, in two phases. What a checkpoint has is written before it; when it is complete, the index is made to name it, and its rows go to whoever reads the
// result. Commits come in order, of one writer, and have numbers, so that one that comes again is known.
type keptResult struct {
	store  storage.Storage
	fields []types.Field
	queue  *rowQueue

	mu    xsync.Mutex
	index resultIndex
	// fresh are the rows of pieces that were prepared by this process and are not committed.
	fresh map[int64]*column.Batch
}

// indexObject has the JSON of a resultIndex.
const indexObject = "index.json"

// resultIndex names what the result consists of, in order.
type resultIndex struct {
	// Last is the number of the latest commit, counted from 1.
	Last int64
	// Columns are the names and types, to know a result of other columns.
	Columns string
	Pieces  []resultPiece
}

type resultPiece struct {
	Name string
	Rows int
}

// resultCommit is a committable.
type resultCommit struct {
	Number int64
	Name   string
	Rows   int
}

// keepResult returns the sink of a query whose result is kept in s, and puts what the result had before into q. The job must not have started.
func keepResult(ctx context.Context, s storage.Storage, q *rowQueue) (*keptResult, error) {
	k := &keptResult{store: s, fields: q.fields, queue: q, fresh: map[int64]*column.Batch{}, index: resultIndex{Columns: rowOfFields(q.fields)}}
	b, err := read(ctx, s, indexObject)
	if fault.CodeOf(err) == fault.StorageNotFound {
		return k, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &k.index)
	}
	if err != nil {
		return nil, err
	}
	if now := rowOfFields(q.fields); k.index.Columns != now {
		return nil, fault.New(fault.SQLJobChanged, "the result in %s has the columns %s, and the query %s", s, k.index.Columns, now)
	}
	reader := exec.NewRowDecoder(k.fields)
	for _, p := range k.index.Pieces {
		rows, err := k.load(ctx, reader, p.Name)
		if err != nil {
			return nil, err
		}
		q.put(rows)
	}
	return k, k.clean(ctx)
}

func rowOfFields(fields []types.Field) string { return types.RowOf(fields...).String() }

func (k *keptResult) load(ctx context.Context, reader *exec.RowDecoder, name string) (*column.Batch, error) {
	data, err := read(ctx, k.store, name)
	if err != nil {
		return nil, err
	}
	b, err := reader.Rows(data)
	if err != nil {
		return nil, fault.New(fault.StorageFailed, "%s in %s is damaged: %w", name, k.store, err)
	}
	return b, nil
}

// NewWriter implements connector.Sink.
func (k *keptResult) NewWriter(_ connector.WriterContext, restored [][]byte) (connector.Writer[*column.Batch], error) {
	w := &resultWriter{queueWriter: queueWriter{k.queue}, k: k}
	k.mu.Lock()
	defer k.mu.Unlock()
	w.last = k.index.Last
	for _, s := range restored {
		if err := json.Unmarshal(s, &w.last); err != nil {
			return nil, err
		}
	}
	clear(k.fresh)
	return w, nil
}

// NewCommitter implements connector.CommittingSink.
func (k *keptResult) NewCommitter(connector.WriterContext) (connector.Committer, error) {
	return resultCommitter{k}, nil
}

// resultWriter writes pieces.
type resultWriter struct {
	queueWriter
	k    *keptResult
	last int64
	data []byte
	rows *column.Batch
}

var (
	_ connector.CommittingSink[*column.Batch] = (*keptResult)(nil)
	_ connector.PreparingWriter               = (*resultWriter)(nil)
	_ connector.StatefulWriter                = (*resultWriter)(nil)
	_ connector.ReadyWriter                   = (*resultWriter)(nil)
)

// Write implements connector.Writer.
func (w *resultWriter) Write(b *column.Batch, _ int64) error {
	if w.rows == nil {
		w.rows = &column.Batch{}
		w.rows.Reset(column.Forms(w.k.fields))
	}
	rows := make([]int32, b.Rows())
	for i := range rows {
		rows[i] = int32(b.Row(i))
		w.data = exec.AppendRow(w.data, b, int(rows[i]))
	}
	w.rows.Append(b, rows)
	return nil
}

// PrepareCommit implements connector.PreparingWriter.
func (w *resultWriter) PrepareCommit() ([]connector.Committable, error) {
	if w.rows == nil || w.rows.N == 0 {
		return nil, nil
	}
	w.last++
	c := resultCommit{Number: w.last, Name: pieceName(w.last), Rows: w.rows.N}
	if err := write(context.Background(), w.k.store, c.Name, w.data); err != nil {
		return nil, err
	}
	w.k.mu.Lock()
	w.k.fresh[c.Number] = w.rows
	w.k.mu.Unlock()
	w.data, w.rows = w.data[:0], nil
	b, err := json.Marshal(c)
	return []connector.Committable{b}, err
}

// SnapshotState implements connector.StatefulWriter.
func (w *resultWriter) SnapshotState(int64) ([][]byte, error) {
	b, err := json.Marshal(w.last)
	return [][]byte{b}, err
}

// pieceName is of one attempt alone: what an attempt that failed has written is never taken for another's.
func pieceName(n int64) string {
	var unique [6]byte
	rand.Read(unique[:]) // never fails
	return fmt.Sprintf("rows-%d-%s", n, hex.EncodeToString(unique[:]))
}

type resultCommitter struct{ k *keptResult }

func (resultCommitter) Close() error { return nil }

// Commit implements connector.Committer.
func (c resultCommitter) Commit(ctx context.Context, committables []connector.Committable) error {
	for _, b := range committables {
		var piece resultCommit
		if err := json.Unmarshal(b, &piece); err != nil {
			return err
		}
		if err := c.k.commit(ctx, piece); err != nil {
			return err
		}
	}
	return nil
}

func (k *keptResult) commit(ctx context.Context, c resultCommit) error {
	k.mu.Lock()
	index, rows := k.index, k.fresh[c.Number]
	k.mu.Unlock()
	if c.Number <= index.Last {
		return nil
	}
	reader := exec.NewRowDecoder(k.fields)
	if rows == nil {
		var err error
		if rows, err = k.load(ctx, reader, c.Name); err != nil {
			return err
		}
	}
	pieces := append(append([]resultPiece(nil), index.Pieces...), resultPiece{c.Name, c.Rows})
	pieces, old, err := k.merge(ctx, reader, pieces, c.Number)
	if err != nil {
		return err
	}
	index.Pieces, index.Last = pieces, c.Number
	b, err := json.Marshal(index)
	if err == nil {
		err = write(ctx, k.store, indexObject, b)
	}
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.index = index
	delete(k.fresh, c.Number)
	k.mu.Unlock()
	k.queue.put(rows)
	return k.store.Remove(ctx, old...)
}

// merge puts the last pieces together as long as one is at least half as large as the one before it, so that there are never many, and a row is written again a few times at most. Rows that were taken back go.
func (k *keptResult) merge(ctx context.Context, reader *exec.RowDecoder, pieces []resultPiece, number int64) (merged []resultPiece, old []string, err error) {
	for n := len(pieces); n >= 2 && pieces[n-2].Rows <= 2*pieces[n-1].Rows; n = len(pieces) {
		var all [][]byte
		for _, p := range pieces[n-2:] {
			data, err := read(ctx, k.store, p.Name)
			if err != nil {
				return nil, nil, err
			}
			all = append(all, data)
		}
		data, rows, err := net(reader, all)
		if err != nil {
			return nil, nil, err
		}
		p := resultPiece{pieceName(number), rows}
		if err := write(ctx, k.store, p.Name, data); err != nil {
			return nil, nil, err
		}
		old = append(old, pieces[n-2].Name, pieces[n-1].Name)
		if pieces = append(pieces[:n-2:n-2], p); rows == 0 {
			old, pieces = append(old, p.Name), pieces[:n-2]
		}
	}
	return pieces, old, nil
}

// net leaves out rows that are added and taken back later.
func net(reader *exec.RowDecoder, pieces [][]byte) (data []byte, n int, err error) {
	var rows [][]byte // nil for one that has gone
	added := map[string][]int{}
	for _, piece := range pieces {
		for len(piece) > 0 {
			size, err := reader.Next(piece)
			if err != nil {
				return nil, 0, err
			}
			row := piece[:size]
			piece = piece[size:]
			kind, values := types.RowKind(row[0]), string(row[1:])
			at := added[values]
			switch {
			case kind == types.Insert || kind == types.UpdateAfter:
				added[values] = append(at, len(rows))
				rows = append(rows, row)
			case len(at) > 0:
				rows[at[len(at)-1]] = nil
				added[values] = at[:len(at)-1]
			default:
				rows = append(rows, row)
			}
		}
	}
	var out bytes.Buffer
	for _, r := range rows {
		if r == nil {
			continue
		}
		n++
		// What was an update's other half may have gone.
		kind := types.Insert
		if k := types.RowKind(r[0]); k == types.UpdateBefore || k == types.Delete {
			kind = types.Delete
		}
		out.WriteByte(byte(kind))
		out.Write(r[1:])
	}
	return out.Bytes(), n, nil
}

// clean removes pieces that no commit will ask for: those of attempts that came to nothing. It must be done before the job starts, and keeps those with higher numbers, which a checkpoint may still have to commit.
func (k *keptResult) clean(ctx context.Context) error {
	objects, err := k.store.List(ctx, "")
	if err != nil {
		return err
	}
	kept := map[string]bool{indexObject: true}
	for _, p := range k.index.Pieces {
		kept[p.Name] = true
	}
	var old []string
	for _, o := range objects {
		var n int64
		if _, err := fmt.Sscanf(o.Name, "rows-%d-", &n); !kept[o.Name] && strings.HasPrefix(o.Name, "rows-") && err == nil && n <= k.index.Last {
			old = append(old, o.Name)
		}
	}
	return k.store.Remove(ctx, old...)
}
