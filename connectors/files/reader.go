package files

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/connector"
)

// maxLines bounds the lines that one Poll emits.
const maxLines = 4096

// reader emits the lines of one chunk while a worker reads the next.
type reader struct {
	intake
	o Options

	// open are the splits being read or emitted, oldest first.
	open []*split
	// feed reads the last of open; nil if none is being read. buf is left by the one before.
	feed *feed
	buf  []byte
	// free is memory of a chunk that nobody needs any more, where it is lent.
	free []byte
	// fetching is set while a worker is in feed; ahead is what it brought while cur was being emitted.
	fetching bool
	ahead    *chunk

	// cur is being emitted; its text up to next was.
	cur  chunk
	next int
	// carried is how much of the chunks before belongs to a record that was not whole, for readers of tables; next is negative within it.
	carried int
	// hold leaves it to Poll to go on to the next chunk.
	hold bool

	// id is that of the split being emitted, "" if it was not asked for yet; ended are splits of which the output is not told yet.
	id    string
	ended []string
}

var _ connector.SplitsInTurn = (*reader)(nil)

// SplitsInTurn tells that files are read one after another.
func (r *reader) SplitsInTurn() bool { return true }

func (r *reader) Start() error {
	r.request()
	return nil
}

func (r *reader) AddSplits(splits []connector.Split) error {
	err := r.add(splits)
	r.fetch()
	return err
}

// fetch starts reading the next chunk, unless one is being read or waits.
func (r *reader) fetch() {
	if r.fetching || r.ahead != nil {
		return
	}
	if r.feed == nil {
		s := r.take()
		if s == nil {
			return
		}
		r.open = append(r.open, s)
		r.feed, r.buf = newFeed(r.o, s, r.buf), nil
	}
	r.fetching = true
	f := r.feed
	if f.spare == nil {
		f.spare, r.free = r.free, nil
	}
	var c chunk
	r.ctx.Async(0, func(ctx context.Context) { c = f.next(ctx) }, func() { r.handleChunk(c) })
}

func (r *reader) handleChunk(c chunk) {
	r.fetching = false
	if c.end || c.err != nil {
		r.buf, r.feed = r.feed.buf, nil
	}
	r.ahead = &c
	if r.next == len(r.cur.text) && r.cur.err == nil && !r.hold {
		r.advance()
	}
}

// advance goes on to the chunk that waits, and has the next one read.
func (r *reader) advance() bool {
	r.sync()
	if r.cur.end {
		r.ended = append(r.ended, r.cur.split.id())
		r.id = ""
		r.open = slices.DeleteFunc(r.open, func(s *split) bool { return s == r.cur.split })
		r.cur = chunk{}
		r.next = 0
	}
	if r.ahead == nil {
		return false
	}
	r.cur, r.next, r.ahead = *r.ahead, 0, nil
	if r.cur.err == nil {
		r.fetch()
	}
	return true
}

// sync brings the position of the split being emitted up to date. A chunk without text says nothing of the position: that of the chunk before it holds.
func (r *reader) sync() {
	if r.cur.text != "" || r.carried > 0 {
		r.cur.split.pos = r.cur.off + int64(r.next)
	}
}

func (r *reader) Poll(out *connector.Output[string]) (connector.Status, error) {
	defer r.tellEnded(out)
	for budget := maxLines; budget > 0 && !out.Stop(); {
		if r.next == len(r.cur.text) {
			if r.cur.err != nil {
				return connector.EndOfInput, r.cur.err
			}
			if r.advance() {
				continue
			}
			if r.noMore && len(r.queue) == 0 && len(r.open) == 0 {
				return connector.EndOfInput, nil
			}
			return connector.NothingAvailable, nil
		}
		budget -= r.emit(r.output(out), budget)
	}
	return connector.MoreAvailable, nil
}

// output returns the output of the split being emitted. Those before it have ended by then.
func (r *reader) output(out *connector.Output[string]) *connector.Output[string] {
	r.tellEnded(out)
	if r.id == "" {
		r.id = r.cur.split.id()
	}
	return out.Split(r.id)
}

func (r *reader) tellEnded(out *connector.Output[string]) {
	for _, id := range r.ended {
		out.EndSplit(id)
	}
	r.ended = r.ended[:0]
}

// emit emits at most budget lines of the current chunk. The position is moved before a line is emitted: a snapshot taken while the line is on its way counts it.
func (r *reader) emit(out *connector.Output[string], budget int) (n int) {
	text := r.cur.text
	for n < budget && r.next < len(text) && !out.Stop() {
		line := text[r.next:]
		size := len(line)
		if i := strings.IndexByte(line, '\n'); i >= 0 {
			size = i + 1
			if line = line[:i]; i > 0 && line[i-1] == '\r' {
				line = line[:i-1]
			}
		}
		r.next += size
		out.Collect(line)
		n++
	}
	return n
}

var _ connector.Positioned = (*reader)(nil)

// Position names the file and the byte at which the line emitted last begins, counted in the text, also of a compressed file.
func (r *reader) Position() string {
	if r.cur.split == nil || r.next == 0 || r.next > len(r.cur.text) {
		return ""
	}
	begin := strings.LastIndexByte(r.cur.text[:r.next-1], '\n') + 1
	return fmt.Sprintf("%s, the line at byte %d", r.cur.split.path, r.cur.off+int64(begin))
}

func (r *reader) HandleSourceEvent([]byte) error { return nil }

func (r *reader) Snapshot(int64) ([]connector.Split, error) {
	r.sync()
	splits := make([]connector.Split, 0, len(r.open)+len(r.queue))
	for _, s := range slices.Concat(r.open, r.queue) {
		splits = append(splits, s.encode())
	}
	return splits, nil
}

func (r *reader) Close() error {
	if r.feed != nil {
		r.feed.close()
	}
	return nil
}
