package files

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/weirstream/weir/connector"
)

// writeBytes is how much is buffered before it is written to the file.
const writeBytes = 64 << 10

// writer writes one file at a time.
type writer[T any] struct {
	o   SinkOptions[T]
	ctx connector.WriterContext

	// series says how the files are called; lock keeps others off it, and is nil where nothing can be locked.
	series series
	suffix string
	lock   *os.File

	// part is nil if no file is begun. buf holds records for it that are not written yet; at limit bytes something is to be done about it.
	part  *part
	buf   []byte
	limit int
	// opened is when the file was begun; wrote counts its records up to the last look of the timer, and active is when they had last grown.
	opened, active time.Time
	records, wrote int64
	ticking        bool

	// rolled are complete files that PrepareCommit has not returned yet; outstanding is told those that it has.
	rolled      []pending
	outstanding *outstanding
}

var (
	_ connector.PreparingWriter = (*writer[int])(nil)
	_ connector.StatefulWriter  = (*writer[int])(nil)
)

func newWriter[T any](s sink[T], ctx connector.WriterContext, restored [][]byte) (*writer[T], error) {
	// Committables outlive the process, and with it the directory that a relative path begins at.
	dir, err := filepath.Abs(s.o.Dir)
	if err != nil {
		return nil, writeError(s.o.Dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, writeError(dir, err)
	}
	w := &writer[T]{o: s.o, ctx: ctx, suffix: s.o.Suffix + s.o.Compression.suffix(), outstanding: s.outstanding}
	for _, b := range restored {
		if err := w.restore(b, dir); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	if w.lock == nil {
		w.series = newSeries(dir, s.o.Prefix, ctx.Subtask())
		if w.lock, err = w.series.lock(); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// restore removes what the writer of a series left behind after its checkpoint, and goes on with the first series that is in this sink's directory. A series that has
// a writer is let alone: it belongs to another job that began at the same checkpoint, or to a task that is not known to be dead.
func (w *writer[T]) restore(state []byte, dir string) error {
	s, err := decodeSeries(state)
	if err != nil {
		return err
	}
	if s.Dir = moved(s.Dir, s.Dir, dir); !exists(s.Dir) {
		return nil
	}
	lock, err := s.lock()
	if err != nil {
		return err
	}
	if lock == nil {
		w.ctx.Logger().Info("the files of an earlier writer are left as they are, as it may still run", "dir", s.Dir, "prefix", s.Prefix)
		return nil
	}
	err = s.removeLeftovers()
	if err == nil && w.lock == nil && s.Dir == dir && strings.HasPrefix(s.Prefix, w.o.Prefix+"-") {
		w.series, w.lock = s, lock
		return nil
	}
	return errors.Join(err, s.unlock(lock))
}

func (w *writer[T]) Write(v T, _ int64) error {
	if w.part == nil {
		if err := w.open(); err != nil {
			return err
		}
	}
	w.buf = w.o.Encode(w.buf, v)
	w.records++
	if len(w.buf) >= w.limit {
		return w.drain()
	}
	return nil
}

func (w *writer[T]) open() error {
	var err error
	w.part, w.series.Next, err = createPart(w.series.Dir, w.series.Prefix, w.suffix, w.series.Next, w.o.Compression)
	if err != nil {
		w.part = nil
		return err
	}
	w.opened = w.ctx.Now()
	w.active, w.records, w.wrote = w.opened, 0, 0
	w.setLimit()
	w.tick()
	return nil
}

func (w *writer[T]) setLimit() {
	w.limit = int(max(1, min(writeBytes, w.o.RollBytes-w.part.Size)))
}

// drain writes the buffer to the file, and completes it if it is large enough.
func (w *writer[T]) drain() error {
	err := w.part.write(w.buf)
	w.buf = w.buf[:0]
	if err != nil {
		return err
	}
	if w.part.Size >= w.o.RollBytes {
		return w.roll()
	}
	w.setLimit()
	return nil
}

// roll completes the file. One that fails is left to Close.
func (w *writer[T]) roll() error {
	if len(w.buf) > 0 {
		err := w.part.write(w.buf)
		w.buf = w.buf[:0]
		if err != nil {
			return err
		}
	}
	if err := w.part.finish(); err != nil {
		return err
	}
	w.rolled = append(w.rolled, w.part.pending)
	w.part = nil
	return nil
}

// tick looks after a while whether the file has become old or inactive. It stops when there is none.
func (w *writer[T]) tick() {
	if w.ticking {
		return
	}
	w.ticking = true
	period := max(10*time.Millisecond, min(time.Second, w.o.RollInterval/4, w.o.Inactivity/4))
	w.ctx.Schedule(period, func() error {
		w.ticking = false
		if w.part == nil {
			return nil
		}
		now := w.ctx.Now()
		if w.records != w.wrote {
			w.wrote, w.active = w.records, now
		}
		if now.Sub(w.opened) >= w.o.RollInterval || now.Sub(w.active) >= w.o.Inactivity {
			return w.roll()
		}
		w.tick()
		return nil
	})
}

// Flush has nothing to do: nobody sees the file before it is committed, and the buffer is bounded.
func (w *writer[T]) Flush(bool) error { return nil }

// PrepareCommit completes the file being written, and returns all that are complete.
func (w *writer[T]) PrepareCommit() ([]connector.Committable, error) {
	if w.part != nil {
		if err := w.roll(); err != nil {
			return nil, err
		}
	}
	if len(w.rolled) == 0 {
		return nil, nil
	}
	if err := syncDir(w.series.Dir); err != nil {
		return nil, writeError(w.series.Dir, err)
	}
	committables := make([]connector.Committable, len(w.rolled))
	for i, p := range w.rolled {
		b, err := json.Marshal(p)
		if err != nil {
			return nil, err
		}
		committables[i] = b
	}
	w.outstanding.add(w.rolled)
	w.rolled = nil
	return committables, nil
}

// SnapshotState returns the series. It is called after PrepareCommit, when no file is being written.
func (w *writer[T]) SnapshotState(int64) ([][]byte, error) {
	b, err := json.Marshal(w.series)
	return [][]byte{b}, err
}

// Close removes what was not prepared.
func (w *writer[T]) Close() error {
	var errs []error
	if w.part != nil {
		errs = append(errs, w.part.remove())
		w.part = nil
	}
	for _, p := range w.rolled {
		errs = append(errs, p.remove())
	}
	w.rolled = nil
	if w.lock != nil {
		errs = append(errs, w.series.unlock(w.lock))
		w.lock = nil
	}
	return errors.Join(errs...)
}
