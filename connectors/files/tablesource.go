package files

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/format"
	"github.com/weirstream/weir/types"
)

// tableSource reads the rows of a table from files.
type tableSource struct {
	source
	form   *format.Format
	schema *format.Schema
	rows   int // that a batch has at most
	// width is the number of columns of a batch.
	width int
	// fixed are the columns that are the same in all rows of a file.
	fixed []fixedColumn
	base  string
	keys  []string // of the partitions, all of them
	// letters is the directory for records that are malformed; "" if they fail the job.
	letters string
	// pattern is what the paths of files must match; nil for anything. prune are conditions on partitions.
	pattern *regexp.Regexp
	prune   []pruning
}

// pruning is a condition on the values of a partition column.
type pruning struct {
	tables.Predicate
	key   int // of keys
	typ   types.Type
	empty string // the text that stands for null
}

// keep says which files are read.
func (s tableSource) keep(file string) bool {
	if s.pattern != nil && !s.pattern.MatchString(filepath.ToSlash(file)) {
		return false
	}
	return len(s.keys) == 0 || s.inPartitions(filepath.Dir(file), len(s.keys))
}

// enter says which directories are looked into.
func (s tableSource) enter(dir string) bool { return len(s.keys) == 0 || s.inPartitions(dir, 0) }

// inPartitions reports whether a directory is, by at least so many of its parts, one of partitions that are wanted.
func (s *tableSource) inPartitions(dir string, least int) bool {
	rel, err := filepath.Rel(s.base, dir)
	if err != nil {
		return false
	}
	n := 0
	if rel != "." {
		n = strings.Count(filepath.ToSlash(rel), "/") + 1
	}
	if n < least {
		return false
	}
	values, ok := partitionValues(rel, s.keys[:min(n, len(s.keys))])
	if !ok {
		return false
	}
	for _, p := range s.prune {
		if p.key >= len(values) {
			continue
		}
		text := values[p.key]
		// A value that is wrong for its type fails the reader, who says so.
		if v := format.Constant(p.typ, text, text == p.empty); v != nil && !p.Holds(v.Value(0), p.typ) {
			return false
		}
	}
	return true
}

// fixedColumn is a partition's value, or a metadata column.
type fixedColumn struct {
	at    int // in the batch
	typ   types.Type
	name  string
	key   int    // of keys; -1 for metadata
	meta  string // the key of metadata
	empty string // the text that stands for null
}

// batchRows is how many rows a batch has at most.
const batchRows = 1024

func (s tableSource) NewReader(ctx connector.ReaderContext) (connector.Reader[*column.Batch], error) {
	if s.form.Blocks != nil {
		return &blockReader{intake: intake{ctx: ctx}, s: s, cur: &blockLoad{}, ahead: &blockLoad{}}, nil
	}
	d, err := s.form.Decoder(s.schema)
	if err != nil {
		return nil, err
	}
	return &tableReader{reader: reader{intake: intake{ctx: ctx}, o: s.o, hold: true}, s: s, decoder: d}, nil
}

// tableReader decodes what its feed reads. A record may go on in the next chunk: then its beginning is carried over.
type tableReader struct {
	reader
	s       tableSource
	decoder format.Decoder
	batch   column.Batch // what is decoded
	out     column.Batch // with the fixed columns
	data    []byte       // what is carried, and the current chunk
	loaded  bool         // data has the current chunk
	used    int          // of data
	split   *split       // that fixed belongs to
	fixed   []*column.Vector
	skipped int64 // as told before
	letters *letters
	failing bool // the place of what is wrong is being looked for
	failure error
}

func (r *tableReader) Poll(out *connector.Output[*column.Batch]) (connector.Status, error) {
	defer r.endAll(out)
	for range 8 {
		switch {
		case r.failure != nil:
			return connector.EndOfInput, r.failure
		case r.failing:
			return connector.NothingAvailable, nil
		case out.Stop():
			return connector.MoreAvailable, nil
		}
		if !r.loaded {
			ok, err := r.load()
			if err != nil {
				return connector.EndOfInput, err
			}
			if !ok {
				if r.noMore && len(r.queue) == 0 && len(r.open) == 0 {
					return connector.EndOfInput, nil
				}
				return connector.NothingAvailable, nil
			}
			continue
		}
		if err := r.decode(out); err != nil {
			return connector.EndOfInput, err
		}
	}
	return connector.MoreAvailable, nil
}

// load goes on to the chunk that waits, if there is one.
func (r *tableReader) load() (bool, error) {
	if r.cur.split != nil && !r.cur.end && r.ahead == nil || !r.advance() {
		return false, nil
	}
	if r.s.letters != "" && r.cur.split.pos == fresh {
		if err := forgetLetters(r.s.letters, r.cur.split); err != nil {
			return false, err
		}
	}
	r.carried = len(r.data)
	r.next = -r.carried
	r.data = append(r.data, r.cur.text...)
	if r.cur.own != nil {
		r.free, r.cur.own = r.cur.own, nil
	}
	r.used, r.loaded = 0, true
	return true, nil
}

// decode emits some rows of what is loaded.
func (r *tableReader) decode(out *connector.Output[*column.Batch]) error {
	n, err := r.decoder.Decode(&r.batch, r.data[r.used:], r.cur.end, r.s.rows)
	// The position is moved before the rows are emitted: a snapshot taken while they are on their way counts them.
	r.used += n
	r.next = r.used - r.carried
	if r.batch.N > 0 {
		if err := r.emitBatch(out); err != nil {
			return err
		}
	}
	if err != nil && r.s.letters != "" {
		return r.putAside(err)
	}
	if err != nil {
		r.fail(err)
		return nil
	}
	if n > 0 && r.used < len(r.data) {
		return nil
	}
	// What failed behind the text shows after it.
	if r.cur.err != nil {
		return r.cur.err
	}
	if rest := len(r.data) - r.used; rest > r.o.MaxLineBytes {
		at := r.cur.off + int64(r.next)
		path := r.cur.split.path
		r.locate(func(ctx context.Context) error { return tooLong(ctx, path, at, r.o.MaxLineBytes) })
		return nil
	}
	r.tellSkipped()
	r.data = r.data[:copy(r.data, r.data[r.used:])]
	r.loaded = false
	if r.cur.end {
		r.data, r.carried = r.data[:0], 0
		return r.closeLetters()
	}
	return nil
}

// putAside goes behind the record at the cursor, which is malformed, and puts it into the dead letters of the split.
func (r *tableReader) putAside(what error) error {
	rest := r.data[r.used:]
	size := r.decoder.Extent(rest, r.cur.end)
	if size == 0 {
		return fault.New(fault.InternalInvariant, "a record without an end was found to be malformed")
	}
	if r.letters == nil {
		var err error
		if r.letters, err = openLetters(r.s.letters, r.cur.split, r.cur.off+int64(r.next)); err != nil {
			return err
		}
	}
	if err := r.letters.add(letter{File: r.cur.split.path, Byte: r.cur.off + int64(r.next), Error: message(what), Record: string(trimEnd(rest[:size]))}); err != nil {
		return err
	}
	r.used += size
	r.next = r.used - r.carried
	r.count(1)
	return nil
}

func (r *tableReader) closeLetters() error {
	if r.letters == nil {
		return nil
	}
	l := r.letters
	r.letters = nil
	return l.close()
}

// Snapshot makes sure that the dead letters in front of the positions stay.
func (r *tableReader) Snapshot(checkpoint int64) ([]connector.Split, error) {
	if r.letters != nil {
		if err := r.letters.flush(); err != nil {
			return nil, err
		}
	}
	return r.reader.Snapshot(checkpoint)
}

func (r *tableReader) Close() error {
	return errors.Join(r.closeLetters(), r.reader.Close())
}

// count tells the job how many records were left out.
func (r *tableReader) count(n int64) {
	if c, ok := r.ctx.(connector.Counting); ok {
		c.Count(connector.ErrorsCounter, n)
	}
}

// Position is not known: a function that fails has been given many rows at once.
func (r *tableReader) Position() string { return "" }

// endAll tells the output of splits that have ended.
func (r *tableReader) endAll(out *connector.Output[*column.Batch]) {
	for _, id := range r.ended {
		out.EndSplit(id)
	}
	r.ended = r.ended[:0]
}

func (r *tableReader) emitBatch(out *connector.Output[*column.Batch]) error {
	r.endAll(out)
	if r.id == "" {
		r.id = r.cur.split.id()
	}
	if r.split != r.cur.split {
		fixed, err := r.s.fix(r.cur.split.path, r.cur.info)
		if err != nil {
			return err
		}
		r.split, r.fixed = r.cur.split, fixed
	}
	out.Split(r.id).CollectAt(r.s.with(&r.out, &r.batch, r.fixed), eventtime.NoTimestamp)
	return nil
}

// with returns what was decoded with the fixed columns, in out if there are any.
func (s *tableSource) with(out, decoded *column.Batch, fixed []*column.Vector) *column.Batch {
	if len(s.fixed) == 0 {
		return decoded
	}
	out.N, out.Cols = decoded.N, append(out.Cols[:0], decoded.Cols...)
	for len(out.Cols) < s.width {
		out.Cols = append(out.Cols, nil)
	}
	for i, f := range s.fixed {
		out.Cols[f.at] = fixed[i]
	}
	return out
}

// fix makes the columns that all rows of a file share.
func (s *tableSource) fix(path string, info fs.FileInfo) (fixed []*column.Vector, err error) {
	for _, f := range s.fixed {
		var text string
		if f.key >= 0 {
			rel, err := filepath.Rel(s.base, path)
			if err != nil {
				return nil, unreadable(path, err)
			}
			values, ok := partitionValues(rel, s.keys)
			if !ok {
				return nil, fault.New(fault.SourceFileUnreadable, "its directory names no partition of the table").WithPlace(path)
			}
			text = values[f.key]
		} else {
			switch f.meta {
			case "file.path":
				text = path
			case "file.name":
				text = filepath.Base(path)
			case "file.size":
				text = strconv.FormatInt(info.Size(), 10)
			case "file.modification-time":
				text = info.ModTime().UTC().Format("2006-01-02 15:04:05.000Z")
			}
		}
		v := format.Constant(f.typ, text, f.key >= 0 && text == f.empty)
		if v == nil {
			return nil, fault.New(fault.SourceMalformed, "partition column %s: %q is not a valid %s", types.Quote(f.name), text, f.typ.SQL()).WithPlace(path)
		}
		fixed = append(fixed, v)
	}
	return fixed, nil
}

// tellSkipped logs how many records were skipped since it did last.
func (r *tableReader) tellSkipped() {
	if n := r.decoder.Skipped(); n > r.skipped {
		r.ctx.Logger().Warn("malformed records were skipped", "file", r.cur.split.path, "records", n-r.skipped)
		r.count(n - r.skipped)
		r.skipped = n
	}
}

// fail ends the job with what is wrong with the record at the cursor, when its line is known.
func (r *tableReader) fail(what error) {
	at, path := r.cur.off+int64(r.next), r.cur.split.path
	r.locate(func(ctx context.Context) error {
		place := path
		if line, err := lineAt(ctx, path, at); err == nil {
			place += ":" + strconv.FormatInt(line, 10)
		}
		if f, ok := what.(*fault.Error); ok {
			return f.WithPlace(place)
		}
		return what
	})
}

func (r *tableReader) locate(find func(context.Context) error) {
	r.failing = true
	var failure error
	r.ctx.Async(0, func(ctx context.Context) { failure = find(ctx) }, func() { r.failure = failure })
}

var _ connector.Reader[*column.Batch] = (*tableReader)(nil)
