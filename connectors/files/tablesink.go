package files

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/format"
	"github.com/weirstream/weir/types"
)

// tableSink writes the rows of a table into files, those of each partition into a directory of its own. It is exactly once as [Sink] is, with the same files.
type tableSink struct {
	dir    string
	form   *format.Format
	schema *format.Schema
	// keys are the partition columns, at their places in a batch.
	keys        []types.Field
	at          []int
	defaultName string

	compression                    Compression
	rollBytes                      int64
	rollInterval, inactivity, look time.Duration
	overwrite                      bool

	commit commitOptions

	outstanding *outstanding
	progress    *progress
}

// commitOptions say how complete partitions are announced.
type commitOptions struct {
	// success is the name of the file that is put into a complete partition, "" if there is none.
	success string
	// byTime commits by partition-time; else processing time decides.
	byTime  bool
	delay   time.Duration
	extract extractor
}

var _ connector.CommittingSink[*column.Batch] = (*tableSink)(nil)

func (s *tableSink) Check(context.Context) error { return checkWritable(s.dir) }

// maxBuffered is how many bytes a writer of a format of blocks has in memory at most, in all of its files. When there would be more, blocks end.
const maxBuffered = 256 << 20

// maxOpen is how many files a writer has open at most. When there would be more, it completes all.
const maxOpen = 128

// tableWriter writes one file at a time into each partition.
type tableWriter struct {
	s       *tableSink
	ctx     connector.WriterContext
	encoder format.Encoder
	series  series
	lock    *os.File
	ended   bool

	texts []format.Text // of the partition columns
	open  map[string]*openFile
	// last is the file of the row before, and lastKey its partition's values; key those of this row.
	last         *openFile
	lastKey, key []byte
	byKey        map[string]*openFile
	ticking      bool
	free         [][]byte
	// run are rows that go to one file, of a format of blocks; buffered is what these files hold in memory.
	run      []int32
	buffered int64

	rolled     []pending
	partitions map[string]partition
	touched    map[string]bool // partitions with files of this job, to be overwritten
}

// openFile is a file being written. A partition without one has part nil.
type openFile struct {
	path string // below the directory of the table
	part *part
	buf  []byte
	// block writes the part, if the format is one of blocks.
	block format.BlockWriter
	// opened is when the file was begun; wrote counts its rows up to the last look of the timer, and active is when they had last grown.
	opened, active time.Time
	rows, wrote    int64
}

// tableState is what a writer keeps in a checkpoint.
type tableState struct {
	Series     series      `json:"series"`
	Partitions []partition `json:"partitions,omitempty"`
}

// tableCommittable is what a writer prepares at a checkpoint.
type tableCommittable struct {
	Base  string    `json:"base"`
	Files []pending `json:"files,omitempty"`
	// Keep, unless it is empty, begins the names of the files of this job: all others are removed from the directories in Replace.
	Keep    string   `json:"keep,omitempty"`
	Replace []string `json:"replace,omitempty"`
	Mark    *mark    `json:"mark,omitempty"`
}

func (s *tableSink) NewWriter(ctx connector.WriterContext, restored [][]byte) (connector.Writer[*column.Batch], error) {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return nil, writeError(s.dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, writeError(dir, err)
	}
	w := &tableWriter{s: s, ctx: ctx, open: map[string]*openFile{}, byKey: map[string]*openFile{}, partitions: map[string]partition{}, touched: map[string]bool{}}
	if s.form.Blocks == nil {
		if w.encoder, err = s.form.Encoder(s.schema); err != nil {
			return nil, err
		}
	}
	for _, k := range s.keys {
		w.texts = append(w.texts, format.PartitionText(k.Type))
	}
	s.progress.forget(ctx.Subtask())
	for _, b := range restored {
		if err := w.restore(b, dir); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	if w.lock == nil {
		w.series = newSeries(dir, s.prefix(ctx), ctx.Subtask())
		if w.lock, err = w.series.lock(); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// prefix begins the names of files.
func (s *tableSink) prefix(ctx connector.WriterContext) string {
	if s.overwrite {
		return s.keep(ctx) + "w"
	}
	return "part"
}

// keep begins the names of the files of one run of an overwriting job.
func (s *tableSink) keep(ctx connector.WriterContext) string {
	return "part-" + strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, ctx.JobID()) + "-"
}

// restore is as that of a writer without partitions, but looks into all of them.
func (w *tableWriter) restore(b []byte, dir string) error {
	var state tableState
	if err := json.Unmarshal(b, &state); err != nil {
		return fault.New(fault.TypeDecode, "the state of a file sink's writer is damaged: %w", err)
	}
	text, err := json.Marshal(state.Series)
	if err != nil {
		return err
	}
	s, err := decodeSeries(text)
	if err != nil {
		return err
	}
	for _, p := range state.Partitions {
		w.partitions[p.Path] = p
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
	err = s.removeLeftoversBelow()
	if err == nil && w.lock == nil && s.Dir == dir && strings.HasPrefix(s.Prefix, w.s.prefix(w.ctx)+"-") {
		w.series, w.lock = s, lock
		return nil
	}
	return errors.Join(err, s.unlock(lock))
}

// removeLeftoversBelow is removeLeftovers for all directories below that of the series, too.
func (s *series) removeLeftoversBelow() error {
	next := s.Next
	err := filepath.WalkDir(s.Dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return writeError(path, err)
		case !d.IsDir():
			return nil
		}
		part := series{Dir: path, Prefix: s.Prefix, Next: s.Next}
		err = part.removeLeftovers()
		next = max(next, part.Next)
		return err
	})
	s.Next = next
	return err
}

func (w *tableWriter) Write(b *column.Batch, _ int64) error {
	if w.encoder == nil {
		return w.writeBlocks(b)
	}
	var err error
	for i := range b.Rows() {
		row := b.Row(i)
		f := w.last
		if f == nil || len(w.texts) > 0 {
			if f, err = w.file(b, row); err != nil {
				return err
			}
		}
		if f.part == nil {
			if err := w.begin(f); err != nil {
				return err
			}
		}
		if f.buf, err = w.encoder.Append(f.buf, b, row); err != nil {
			return err
		}
		f.rows++
		if len(f.buf) >= writeBytes {
			if err := w.drain(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeBlocks is Write for formats of blocks: rows in a row that go to one file go there together.
func (w *tableWriter) writeBlocks(b *column.Batch) (err error) {
	n := b.Rows()
	for i := 0; i < n; {
		f := w.last
		if f == nil || len(w.texts) > 0 {
			if f, err = w.file(b, b.Row(i)); err != nil {
				return err
			}
		}
		w.run = append(w.run[:0], int32(b.Row(i)))
		for i++; i < n; i++ {
			if len(w.texts) > 0 {
				if next, err := w.file(b, b.Row(i)); err != nil {
					return err
				} else if next != f {
					break
				}
			}
			w.run = append(w.run, int32(b.Row(i)))
		}
		if f.part == nil {
			if err := w.begin(f); err != nil {
				return err
			}
		}
		before := f.block.Buffered()
		if err := f.block.Append(b, w.run); err != nil {
			return blockError(f, err)
		}
		f.rows += int64(len(w.run))
		w.buffered += f.block.Buffered() - before
		if w.buffered > maxBuffered {
			if err := w.flushBlocks(); err != nil {
				return err
			}
		}
		if f.part.Size+f.block.Buffered() >= w.s.rollBytes {
			if err := w.roll(f); err != nil {
				return err
			}
		}
	}
	return nil
}

func blockError(f *openFile, err error) error {
	if _, ok := err.(*fault.Error); ok {
		return err
	}
	return writeError(f.part.path(), err)
}

// flushBlocks ends the blocks of all files.
func (w *tableWriter) flushBlocks() error {
	for _, f := range w.open {
		if f.part == nil {
			continue
		}
		if err := f.block.Flush(); err != nil {
			return blockError(f, err)
		}
	}
	w.buffered = 0
	return nil
}

// file returns the file of a row's partition.
func (w *tableWriter) file(b *column.Batch, row int) (*openFile, error) {
	w.key = w.key[:0]
	for i, text := range w.texts {
		v := b.Cols[w.s.at[i]]
		if v.Null(row) {
			w.key = binary.LittleEndian.AppendUint32(w.key, math.MaxUint32)
			continue
		}
		start := len(w.key)
		w.key = text(w.key, v, row)
		// The length behind each value keeps different partitions apart.
		w.key = binary.LittleEndian.AppendUint32(w.key, uint32(len(w.key)-start))
	}
	if w.last != nil && string(w.key) == string(w.lastKey) {
		return w.last, nil
	}
	f := w.byKey[string(w.key)]
	if f == nil {
		values, names := make([]string, len(w.texts)), make([]string, len(w.texts))
		for i, text := range w.texts {
			if v := b.Cols[w.s.at[i]]; !v.Null(row) {
				values[i] = string(text(nil, v, row))
			}
			if values[i] == "" {
				values[i] = w.s.defaultName
			}
			names[i] = w.s.keys[i].Name
		}
		path := partitionPath(names, values)
		if f = w.open[path]; f == nil {
			f = &openFile{path: path}
			w.open[path] = f
		}
		w.byKey[string(w.key)] = f
		if err := w.enter(path, values); err != nil {
			return nil, err
		}
	}
	w.last, w.lastKey = f, append(w.lastKey[:0], w.key...)
	return f, nil
}

// enter notes that rows are written to a partition.
func (w *tableWriter) enter(path string, values []string) error {
	if w.s.overwrite {
		w.touched[path] = true
	}
	if w.s.commit.success == "" || len(w.texts) == 0 {
		return nil
	}
	if _, ok := w.partitions[path]; ok && !w.s.progress.isDone(path) {
		return nil
	}
	p := partition{Path: path, Created: w.ctx.Now().UnixMilli(), Complete: math.MaxInt64}
	if w.s.commit.byTime {
		at, err := w.s.commit.extract.time(values)
		if err != nil {
			return err
		}
		p.Complete = at.Add(w.s.commit.delay).UnixMilli()
	}
	w.partitions[path] = p
	w.s.progress.reopen(path)
	return nil
}

// begin begins a file in a partition.
func (w *tableWriter) begin(f *openFile) error {
	if len(w.open) > maxOpen {
		if err := w.rollAll(func(o *openFile) bool { return o != f }); err != nil {
			return err
		}
	}
	dir := filepath.Join(w.series.Dir, f.path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return writeError(dir, err)
	}
	var err error
	f.part, w.series.Next, err = createPart(dir, w.series.Prefix, w.s.compression.suffix(), w.series.Next, w.s.compression)
	if err != nil {
		f.part = nil
		return err
	}
	if w.encoder == nil {
		if f.block, err = w.s.form.Blocks.Create(w.s.schema, counter{f.part}); err != nil {
			return blockError(f, err)
		}
	}
	w.open[f.path] = f
	f.opened = w.ctx.Now()
	f.active, f.rows, f.wrote = f.opened, 0, 0
	if f.buf == nil {
		if n := len(w.free); n > 0 {
			f.buf, w.free = w.free[n-1], w.free[:n-1]
		}
	}
	w.tick()
	return nil
}

func (w *tableWriter) drain(f *openFile) error {
	err := f.part.write(f.buf)
	f.buf = f.buf[:0]
	if err == nil && f.part.Size >= w.s.rollBytes {
		err = w.roll(f)
	}
	return err
}

// roll completes a file. One that fails is left to Close.
func (w *tableWriter) roll(f *openFile) error {
	if f.block != nil {
		w.buffered -= f.block.Buffered()
		if err := f.block.Close(); err != nil {
			return blockError(f, err)
		}
		f.block = nil
	}
	if len(f.buf) > 0 {
		err := f.part.write(f.buf)
		f.buf = f.buf[:0]
		if err != nil {
			return err
		}
	}
	if err := f.part.finish(); err != nil {
		return err
	}
	w.rolled = append(w.rolled, f.part.pending)
	w.free = append(w.free, f.buf)
	f.part, f.buf = nil, nil
	return nil
}

// rollAll completes the files that which reports, in no order, and forgets those that are complete.
func (w *tableWriter) rollAll(which func(*openFile) bool) error {
	for path, f := range w.open {
		if !which(f) {
			continue
		}
		if f.part != nil {
			if err := w.roll(f); err != nil {
				return err
			}
		}
		delete(w.open, path)
	}
	// Partitions come and go; what is not open is looked up again.
	clear(w.byKey)
	w.last, w.lastKey = nil, w.lastKey[:0]
	w.free = w.free[:min(len(w.free), 4)]
	return nil
}

// tick looks after a while which files have become old or inactive. It stops when there is none.
func (w *tableWriter) tick() {
	if w.ticking {
		return
	}
	w.ticking = true
	w.ctx.Schedule(w.s.look, func() error {
		w.ticking = false
		now := w.ctx.Now()
		again := false
		for _, f := range w.open {
			if f.part == nil {
				continue
			}
			again = true
			if f.rows != f.wrote {
				f.wrote, f.active = f.rows, now
			}
			if now.Sub(f.opened) >= w.s.rollInterval || now.Sub(f.active) >= w.s.inactivity {
				if err := w.roll(f); err != nil {
					return err
				}
			}
		}
		if again {
			w.tick()
		}
		return nil
	})
}

// Flush has nothing to do: nobody sees files before they are committed.
func (w *tableWriter) Flush(endOfInput bool) error {
	w.ended = w.ended || endOfInput
	return nil
}

// PrepareCommit completes all files.
func (w *tableWriter) PrepareCommit() ([]connector.Committable, error) {
	if err := w.rollAll(func(*openFile) bool { return true }); err != nil {
		return nil, err
	}
	c := tableCommittable{Base: w.series.Dir, Files: w.rolled}
	synced := map[string]bool{}
	for _, p := range w.rolled {
		// New directories above that of the file are made durable with it.
		for dir := p.Dir; !synced[dir]; dir = filepath.Dir(dir) {
			synced[dir] = true
			if err := syncDir(dir); err != nil {
				return nil, writeError(dir, err)
			}
			if dir == w.series.Dir {
				break
			}
		}
	}
	if w.s.overwrite {
		c.Keep = w.s.keep(w.ctx)
		for path := range w.touched {
			c.Replace = append(c.Replace, path)
		}
		if len(w.texts) == 0 && w.ended {
			c.Replace = []string{""}
		}
		slices.Sort(c.Replace)
	}
	if w.s.commit.success != "" && len(w.texts) > 0 {
		c.Mark = w.mark()
	}
	if len(c.Files) == 0 && len(c.Replace) == 0 && c.Mark == nil {
		return nil, nil
	}
	b, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	w.s.outstanding.add(w.rolled)
	w.rolled = nil
	return []connector.Committable{b}, nil
}

func (w *tableWriter) mark() *mark {
	m := &mark{Subtask: w.ctx.Subtask(), Of: w.ctx.Parallelism(), Watermark: w.ctx.Watermark()}
	if w.ended {
		m.Watermark = math.MaxInt64
	}
	now := w.ctx.Now().UnixMilli()
	for path, p := range w.partitions {
		if w.s.progress.isDone(path) {
			delete(w.partitions, path)
			continue
		}
		p.Due = !w.s.commit.byTime && (w.ended || w.s.commit.delay == 0 || now > p.Created+w.s.commit.delay.Milliseconds())
		m.Partitions = append(m.Partitions, p)
	}
	slices.SortFunc(m.Partitions, func(a, b partition) int { return strings.Compare(a.Path, b.Path) })
	return m
}

func (w *tableWriter) SnapshotState(int64) ([][]byte, error) {
	state := tableState{Series: w.series}
	for _, p := range w.partitions {
		state.Partitions = append(state.Partitions, p)
	}
	slices.SortFunc(state.Partitions, func(a, b partition) int { return strings.Compare(a.Path, b.Path) })
	b, err := json.Marshal(state)
	return [][]byte{b}, err
}

// Close removes what was not prepared.
func (w *tableWriter) Close() error {
	var errs []error
	for _, f := range w.open {
		if f.part != nil {
			errs = append(errs, f.part.remove())
			f.part = nil
		}
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

func (s *tableSink) NewCommitter(ctx connector.WriterContext) (connector.Committer, error) {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return nil, writeError(s.dir, err)
	}
	return tableCommitter{s, committer{ctx.Logger(), s.outstanding, dir}}, nil
}

type tableCommitter struct {
	s     *tableSink
	files committer
}

// Commit gives files their names, in place of others if the job overwrites, and then announces partitions that are complete.
func (c tableCommitter) Commit(ctx context.Context, committables []connector.Committable) error {
	for _, b := range committables {
		var t tableCommittable
		if err := json.Unmarshal(b, &t); err != nil {
			return fault.New(fault.TypeDecode, "a committable of a file sink is damaged: %w", err)
		}
		base := moved(t.Base, t.Base, c.files.dir)
		for _, path := range t.Replace {
			if err := c.replace(filepath.Join(base, path), t.Keep); err != nil {
				return err
			}
		}
		dirs := map[string]bool{}
		for _, p := range t.Files {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			now := p.movedFrom(t.Base, c.files.dir)
			if err := c.files.commit(now); err != nil {
				return err
			}
			c.s.outstanding.remove(p)
			dirs[now.Dir] = true
		}
		for dir := range dirs {
			if err := syncDir(dir); err != nil {
				return commitError(dir, err)
			}
		}
		if t.Mark != nil {
			c.s.progress.apply(*t.Mark)
			if err := c.announce(base); err != nil {
				return err
			}
		}
	}
	return nil
}

// replace removes the files of a directory that are not of this job.
func (c tableCommitter) replace(dir, keep string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return commitError(dir, err)
	}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || strings.HasPrefix(name, ".") || strings.HasPrefix(name, keep) {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return commitError(path, err)
		}
	}
	return nil
}

// announce puts the success file into the partitions that are complete.
func (c tableCommitter) announce(base string) error {
	complete := c.s.progress.take(base, c.s.outstanding.hasIn)
	for _, path := range complete {
		dir := filepath.Join(base, path)
		name := filepath.Join(dir, c.s.commit.success)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
		if errors.Is(err, fs.ErrNotExist) {
			continue // who reads the output has taken the partition away
		}
		if err == nil {
			err = f.Close()
		}
		if err == nil {
			err = syncDir(dir)
		}
		if err != nil {
			return commitError(name, err)
		}
	}
	c.s.progress.announced(complete)
	return nil
}

func (c tableCommitter) Close() error { return nil }
