package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"unsafe"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/weirstream/weir/fault"
)

// chunk is a piece of a split's text: whole lines, but for the last of a file, which may lack its end.
type chunk struct {
	split *split
	text  string
	// own is the memory of text, where it is lent.
	own  []byte
	info fs.FileInfo
	// off is the offset of text in the file.
	off int64
	// end is set in the last chunk of a split; err is what happened behind text, and ends the split too.
	end bool
	err error
}

// feed reads a split chunk by chunk. next is called by one worker at a time, close by the reader at any time.
type feed struct {
	o          Options
	split      *split
	path       string
	start, end int64
	pos        int64

	// Who changes busy from false to true may touch what follows. A worker sets it back, and looks at closed after that; close sets closed before it looks at
	// busy. So whoever comes second closes the file, and neither waits.
	busy, closed atomic.Bool

	file *os.File
	info fs.FileInfo
	r    io.Reader
	zr   *zstd.Decoder
	// packed says that r decompresses.
	packed bool
	// buf[:n] was read and not handed over; it starts at offset off of the file, at the start of a line.
	buf []byte
	n   int
	off int64
	// spare is the buffer that is filled next, where buffers are lent; nil if one has to be made.
	spare []byte
	// skip is set while the rest of a line that belongs to the range before is skipped.
	skip bool
	eof  bool
}

// newFeed starts reading s behind the last line emitted. buf is used if it is large enough.
func newFeed(o Options, s *split, buf []byte) *feed {
	return &feed{o: o, split: s, path: s.path, start: s.start, end: s.end, pos: s.pos, buf: buf}
}

// close releases the file, now or when the worker is done with it.
func (f *feed) close() {
	f.closed.Store(true)
	f.release()
}

func (f *feed) release() {
	if f.closed.Load() && f.busy.CompareAndSwap(false, true) {
		f.closeFile()
	}
}

func (f *feed) closeFile() {
	if f.zr != nil {
		f.zr.Close()
		f.zr = nil
	}
	if f.file != nil {
		// The file was only read, so that a failure to close it loses nothing.
		_ = f.file.Close()
		f.file = nil
	}
}

// next reads the next chunk.
func (f *feed) next(ctx context.Context) chunk {
	c := chunk{split: f.split}
	if !f.busy.CompareAndSwap(false, true) {
		return c // closed meanwhile: nobody takes the chunk
	}
	defer f.release()
	defer f.busy.Store(false)
	if f.file == nil {
		c.err = f.open(ctx)
	}
	if c.err == nil {
		f.fill(ctx, &c)
	}
	if c.end || c.err != nil {
		f.closeFile()
	}
	return c
}

func (f *feed) open(ctx context.Context) error {
	file, err := os.Open(f.path)
	if err != nil {
		return unreadable(f.path, err)
	}
	f.file = file
	info, err := file.Stat()
	if err != nil {
		return unreadable(f.path, err)
	}
	if !info.Mode().IsRegular() {
		return fault.New(fault.SourceFileUnreadable, "it is not a regular file").WithPlace(f.path)
	}
	f.info = info
	kind, err := sniff(file, f.path)
	if err != nil {
		return err
	}
	// One byte more than the file, so that one look tells its end; a small file should not cost a large buffer.
	if want := int(min(info.Size()+1, int64(f.o.BlockBytes))); len(f.buf) < want || kind != plain {
		f.buf = make([]byte, max(want, min(f.o.BlockBytes, 4<<10), len(f.buf)))
	}
	if f.pos == fresh {
		f.off = f.start
		if f.start > 0 && !f.o.raw {
			// The byte before the range tells whether a line starts with it.
			f.off, f.skip = f.start-1, true
		}
	} else {
		f.off = f.pos
	}
	f.packed = kind != plain
	switch kind {
	case gzipped:
		f.r, err = gzip.NewReader(file)
	case zstandard:
		// One goroutine less: the worker decodes by itself.
		f.zr, err = zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		f.r = f.zr
	default:
		if info.Size() < f.off || f.end > info.Size() {
			return fault.New(fault.SourceFileUnreadable, "it has %d bytes, fewer than when it was first read", info.Size()).WithPlace(f.path)
		}
		f.r = file
		if f.o.raw && f.end != toEnd {
			f.r = io.LimitReader(file, f.end-f.off)
		}
		if _, err := file.Seek(f.off, io.SeekStart); err != nil {
			return unreadable(f.path, err)
		}
		return nil
	}
	if err != nil {
		return f.readError(err)
	}
	return f.discard(ctx, f.off)
}

// discard skips n bytes of decompressed text.
func (f *feed) discard(ctx context.Context, n int64) error {
	for n > 0 && ctx.Err() == nil {
		step := min(n, 1<<20)
		if _, err := io.CopyN(io.Discard, f.r, step); err != nil {
			return f.readError(err)
		}
		n -= step
	}
	return ctx.Err()
}

// fill reads until the buffer is full or the file ends, and hands over the whole lines.
func (f *feed) fill(ctx context.Context, c *chunk) {
	for ctx.Err() == nil {
		err := f.read()
		if f.o.raw {
			c.end = f.eof && err == nil
			if err != nil {
				c.err = f.readError(err)
			}
			c.hand(f, f.n)
			return
		}
		if f.skip {
			f.skipLine()
			if f.skip && err == nil && !f.eof {
				continue
			}
		}
		whole := bytes.LastIndexByte(f.buf[:f.n], '\n') + 1
		if f.eof && err == nil {
			whole = f.n
		}
		whole, c.end = f.cut(whole)
		c.end = c.end || f.eof && err == nil
		long := f.longLine(whole)
		switch {
		case long >= 0:
			whole, c.end = long, false
			c.err = tooLong(ctx, f.path, f.off+int64(whole), f.o.MaxLineBytes)
		case c.end:
		case err != nil:
			c.err = f.readError(err)
		case f.n-whole > f.o.MaxLineBytes+len("\r\n"):
			c.err = tooLong(ctx, f.path, f.off+int64(whole), f.o.MaxLineBytes)
		case whole == 0:
			// A line longer than the buffer.
			f.buf = append(f.buf, make([]byte, len(f.buf))...)
			continue
		}
		c.hand(f, whole)
		return
	}
	c.err = ctx.Err()
}

// hand moves the first n bytes of the buffer to the chunk.
func (c *chunk) hand(f *feed, n int) {
	c.off, c.info = f.off, f.info
	f.off += int64(n)
	if f.o.lend && n > 0 {
		c.text, c.own = unsafe.String(&f.buf[0], n), f.buf
		next := f.spare
		if len(next) < len(f.buf) {
			next = make([]byte, len(f.buf))
		}
		f.n = copy(next, f.buf[n:f.n])
		f.buf, f.spare = next, nil
		return
	}
	c.text = string(f.buf[:n])
	f.n = copy(f.buf, f.buf[n:f.n])
}

// read fills the buffer. It returns what went wrong, with what was read before in the buffer.
func (f *feed) read() error {
	for f.n < len(f.buf) && !f.eof {
		n, err := f.r.Read(f.buf[f.n:])
		f.n += n
		switch {
		case err == io.EOF:
			f.eof = true
		case err != nil:
			return err
		}
	}
	return nil
}

// skipLine drops what is left of the line that started before the range.
func (f *feed) skipLine() {
	n := f.n
	if i := bytes.IndexByte(f.buf[:f.n], '\n'); i >= 0 {
		n, f.skip = i+1, false
	}
	f.off += int64(n)
	f.n = copy(f.buf, f.buf[n:f.n])
}

// cut leaves of whole bytes the lines that start within the range, and reports whether these are the last of it.
func (f *feed) cut(whole int) (int, bool) {
	if f.end == toEnd || f.off+int64(whole) < f.end {
		return whole, false
	}
	last := int(f.end - 1 - f.off)
	if last < 0 {
		return 0, true
	}
	if i := bytes.IndexByte(f.buf[last:whole], '\n'); i >= 0 {
		return last + i + 1, true
	}
	// Only the last line of a file has no end.
	return whole, true
}

// longLine returns where in whole bytes the first line starts that is too long, or -1. Only a chunk that is longer than a line may be is looked at.
func (f *feed) longLine(whole int) int {
	if whole <= f.o.MaxLineBytes {
		return -1
	}
	for at := 0; at < whole; {
		line := f.buf[at:whole]
		next := whole
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			next = at + i + 1
			line = bytes.TrimSuffix(line[:i], []byte{'\r'})
		}
		if len(line) > f.o.MaxLineBytes {
			return at
		}
		at = next
	}
	return -1
}

// readError returns the coded error for a failed read. What is not a failure of the file itself comes from the decompressor.
func (f *feed) readError(err error) error {
	if _, ok := errors.AsType[*os.PathError](err); ok || !f.packed {
		return unreadable(f.path, err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fault.New(fault.SourceFileCorrupt, "the compressed data is cut short: %w", err).WithPlace(f.path)
	}
	return fault.New(fault.SourceFileCorrupt, "the compressed data is damaged: %w", err).WithPlace(f.path)
}

// tooLong returns the error for a line that starts at offset off. To name the line, the file is read once more: that costs nothing while all is well.
func tooLong(ctx context.Context, path string, off int64, limit int) error {
	place := path
	if line, err := lineAt(ctx, path, off); err == nil {
		place += ":" + strconv.FormatInt(line, 10)
	}
	return fault.New(fault.SourceLineTooLong, "the line is longer than %d bytes", limit).WithPlace(place)
}

// lineAt returns the number, from 1, of the line at an offset of a file.
func lineAt(ctx context.Context, path string, off int64) (int64, error) {
	f := newFeed(Options{BlockBytes: 64 << 10}, &split{path: path, end: toEnd}, nil)
	defer f.closeFile()
	if err := f.open(ctx); err != nil {
		return 0, err
	}
	line := int64(1)
	for rest := off; rest > 0; {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		n, err := f.r.Read(f.buf[:min(rest, int64(len(f.buf)))])
		line += int64(bytes.Count(f.buf[:n], []byte{'\n'}))
		rest -= int64(n)
		if err != nil && rest > 0 {
			return 0, err
		}
	}
	return line, nil
}

// compression is how a file is compressed.
type compression uint8

const (
	plain compression = iota
	gzipped
	zstandard
)

// sniff tells how a file is compressed, by its first bytes. A name that promises more than the content keeps is an error.
func sniff(f *os.File, path string) (compression, error) {
	var head [4]byte
	n, err := f.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return plain, unreadable(path, err)
	}
	ext := filepath.Ext(path)
	switch {
	case n >= 2 && head[0] == 0x1f && head[1] == 0x8b:
		return gzipped, nil
	case n == 4 && string(head[:]) == "\x28\xb5\x2f\xfd",
		// A file of several frames may begin with one that says how long they are.
		n == 4 && ext == ".zst" && head[0]&0xf0 == 0x50 && string(head[1:]) == "\x2a\x4d\x18":
		return zstandard, nil
	case ext == ".gz":
		return plain, fault.New(fault.SourceFileCorrupt, "the name ends in .gz, but the content is not gzip").WithPlace(path)
	case ext == ".zst":
		return plain, fault.New(fault.SourceFileCorrupt, "the name ends in .zst, but the content is not zstd").WithPlace(path)
	}
	return plain, nil
}
