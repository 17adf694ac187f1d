package files

import (
	"context"
	"io/fs"
	"os"
	"slices"
	"sync/atomic"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/format"
)

// blocksAhead is how many batches a worker reads at once.
const blocksAhead = 16

// blockLoad is what a worker has read of a split.
type blockLoad struct {
	split   *split
	info    fs.FileInfo
	batches [blocksAhead]column.Batch
	// pos has for each of n batches the row of the file behind it.
	pos [blocksAhead]int64
	n   int
	// end is set when the split has no more; err is what happened behind the batches.
	end bool
	err error
}

// blockFeed reads a split of a format of blocks. next is called by one worker at a time, close by the reader at any time; busy and closed are those of a feed.
type blockFeed struct {
	s            tableSource
	split        *split
	pos          int64
	busy, closed atomic.Bool

	file  *os.File
	info  fs.FileInfo
	r     format.BlockReader
	block int   // the next one
	row   int64 // of the file, at which it begins
	in    bool  // within the block before
}

func (f *blockFeed) close() {
	f.closed.Store(true)
	f.release()
}

func (f *blockFeed) release() {
	if f.closed.Load() && f.busy.CompareAndSwap(false, true) {
		f.closeFile()
	}
}

func (f *blockFeed) closeFile() {
	// Files were only read, so that a failure to close one loses nothing.
	if f.r != nil {
		_ = f.r.Close()
		f.r = nil
	}
	if f.file != nil {
		_ = f.file.Close()
		f.file = nil
	}
}

// next fills l.
func (f *blockFeed) next(ctx context.Context, l *blockLoad) {
	l.split, l.n, l.end, l.err = f.split, 0, false, nil
	if !f.busy.CompareAndSwap(false, true) {
		return // closed meanwhile: nobody takes what is read
	}
	defer f.release()
	defer f.busy.Store(false)
	if f.file == nil {
		l.err = f.open()
	}
	if l.err == nil {
		l.err = f.fill(ctx, l)
	}
	if e, ok := l.err.(*fault.Error); ok && e.Place() == "" {
		l.err = e.WithPlace(f.split.path)
	}
	l.info = f.info
	if l.end || l.err != nil {
		f.closeFile()
	}
}

func (f *blockFeed) open() (err error) {
	if f.file, err = os.Open(f.split.path); err != nil {
		return unreadable(f.split.path, err)
	}
	if f.info, err = f.file.Stat(); err != nil {
		return unreadable(f.split.path, err)
	}
	f.r, err = f.s.form.Blocks.Open(f.s.schema, f.file, f.info.Size())
	return err
}

// fill reads until l is full, or the split has ended.
func (f *blockFeed) fill(ctx context.Context, l *blockLoad) error {
	blocks := f.r.Blocks()
	for l.n < len(l.batches) && ctx.Err() == nil {
		if f.in {
			b := &l.batches[l.n]
			if err := f.r.Read(b, f.s.rows); err != nil {
				return err
			}
			if b.N > 0 {
				f.pos += int64(b.N)
				l.pos[l.n] = f.pos
				l.n++
				continue
			}
			f.in = false
		}
		if f.block == len(blocks) {
			l.end = true
			return nil
		}
		b := blocks[f.block]
		first := f.row
		f.row += b.Rows
		f.block++
		if b.Skip || b.Rows == 0 || b.Offset < f.split.start || f.split.end != toEnd && b.Offset >= f.split.end || f.pos >= f.row {
			continue
		}
		f.pos = max(f.pos, first)
		if err := f.r.Begin(f.block-1, f.pos-first); err != nil {
			return err
		}
		f.in = true
	}
	return ctx.Err()
}

// blockReader emits what one load has while a worker fills another.
type blockReader struct {
	intake
	s tableSource

	// open are the splits being read or emitted, oldest first.
	open []*split
	feed *blockFeed
	// fetching is set while a worker fills ahead; full when it has.
	fetching, full bool
	cur, ahead     *blockLoad
	next           int // batch of cur

	out   column.Batch
	fixed []*column.Vector
	of    *split // that fixed belongs to
	begun bool   // the output of cur's split was asked for
	ended []string
}

var (
	_ connector.SplitsInTurn          = (*blockReader)(nil)
	_ connector.Reader[*column.Batch] = (*blockReader)(nil)
)

func (r *blockReader) SplitsInTurn() bool { return true }

func (r *blockReader) Start() error {
	r.fetch()
	return nil
}

func (r *blockReader) AddSplits(splits []connector.Split) error {
	err := r.add(splits)
	r.fetch()
	return err
}

// fetch has the next batches read, unless some are being read or wait.
func (r *blockReader) fetch() {
	if r.fetching || r.full {
		return
	}
	if r.feed == nil {
		s := r.take()
		if s == nil {
			return
		}
		r.open = append(r.open, s)
		r.feed = &blockFeed{s: r.s, split: s, pos: max(s.pos, 0)}
	}
	r.fetching = true
	f, l := r.feed, r.ahead
	r.ctx.Async(0, func(ctx context.Context) { f.next(ctx, l) }, func() {
		r.fetching, r.full = false, true
		if l.end || l.err != nil {
			r.feed = nil
		}
	})
}

func (r *blockReader) Poll(out *connector.Output[*column.Batch]) (connector.Status, error) {
	defer r.tellEnded(out)
	for range 2 * blocksAhead {
		if out.Stop() {
			return connector.MoreAvailable, nil
		}
		if l := r.cur; r.next < l.n {
			// The position is moved before the rows are emitted: a snapshot taken while they are on their way counts them.
			l.split.pos = l.pos[r.next]
			b := &l.batches[r.next]
			r.next++
			if err := r.emit(out, b); err != nil {
				return connector.EndOfInput, err
			}
			continue
		}
		if r.cur.err != nil {
			return connector.EndOfInput, r.cur.err
		}
		if r.cur.end {
			r.cur.end = false
			r.ended = append(r.ended, r.cur.split.id())
			r.begun = false
			r.open = slices.DeleteFunc(r.open, func(s *split) bool { return s == r.cur.split })
		}
		if !r.full {
			if r.noMore && len(r.queue) == 0 && len(r.open) == 0 {
				return connector.EndOfInput, nil
			}
			r.fetch()
			return connector.NothingAvailable, nil
		}
		r.cur, r.ahead, r.next, r.full = r.ahead, r.cur, 0, false
		if r.cur.err == nil {
			r.fetch()
		}
	}
	return connector.MoreAvailable, nil
}

func (r *blockReader) tellEnded(out *connector.Output[*column.Batch]) {
	for _, id := range r.ended {
		out.EndSplit(id)
	}
	r.ended = r.ended[:0]
}

func (r *blockReader) emit(out *connector.Output[*column.Batch], b *column.Batch) (err error) {
	r.tellEnded(out)
	if r.of != r.cur.split {
		if r.fixed, err = r.s.fix(r.cur.split.path, r.cur.info); err != nil {
			return err
		}
		r.of = r.cur.split
	}
	out.Split(r.cur.split.id()).CollectAt(r.s.with(&r.out, b, r.fixed), eventtime.NoTimestamp)
	return nil
}

func (r *blockReader) HandleSourceEvent([]byte) error { return nil }

func (r *blockReader) Snapshot(int64) ([]connector.Split, error) {
	splits := make([]connector.Split, 0, len(r.open)+len(r.queue))
	for _, s := range slices.Concat(r.open, r.queue) {
		splits = append(splits, s.encode())
	}
	return splits, nil
}

func (r *blockReader) Close() error {
	if r.feed != nil {
		r.feed.close()
	}
	return nil
}
