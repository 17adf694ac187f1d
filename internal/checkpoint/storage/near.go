package storage

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/internal/xsync"
)

// NewNear returns far with copies in near of what is written to it by Create: Open reads the copy, if there is one, and asks far only where there is none or it cannot be read. All else is that of far: what is listed, whether an
// object is durable, and which names exist. A copy that cannot be written is given up, and the object is read from far; so is one that is cut short or has other bytes than were written, and the read that finds that is answered from far.
//
// near belongs to the result alone, begins empty, and need not outlive the process. It serves restarts within the process, which then read no far storage. Objects of far are removed through the result, or not at all, and a name is not written again with other bytes by anybody else.
func NewNear(far, near Storage) Storage {
	return &nearby{far: far, near: near, copies: &copies{sums: map[string]*sums{}}}
}

type nearby struct {
	far, near Storage
	dir       string // from the root
	copies    *copies
}

// copies knows what was written to each copy, by its name from the root.
type copies struct {
	mu   xsync.Mutex
	sums map[string]*sums
}

// sums are the hashes of a copy, for each piece of sumBytes.
type sums struct {
	size   int64
	pieces []uint64
}

const sumBytes = 1 << 20

func (c *copies) get(name string) *sums {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sums[name]
}

// set notes what a copy consists of, nil if there is none any more.
func (c *copies) set(name string, s *sums) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s == nil {
		delete(c.sums, name)
		return
	}
	c.sums[name] = s
}

var (
	_ Cleaner = (*nearby)(nil)
	_ Locker  = (*nearby)(nil)
)

// TryLock implements [Locker].
func (n *nearby) TryLock() (func(), error) { return TryLock(n.far) }

func (n *nearby) String() string { return n.far.String() }

func (n *nearby) Sub(dir string) Storage {
	return &nearby{n.far.Sub(dir), n.near.Sub(dir), Join(n.dir, dir), n.copies}
}

func (n *nearby) Create(ctx context.Context, name string) (Writer, error) {
	far, err := n.far.Create(ctx, name)
	if err != nil {
		return nil, err
	}
	w := &nearWriter{Writer: far, copies: n.copies, name: Join(n.dir, name)}
	if err := n.forget(ctx, name); err == nil { // of before, should it be there
		w.near, _ = n.near.Create(ctx, name)
	}
	return w, nil
}

func (n *nearby) CreateNew(ctx context.Context, name string) (Writer, error) {
	_ = n.forget(ctx, name) // it may have been removed from far by others
	return n.far.CreateNew(ctx, name)
}

// forget removes copies. One that stays is not known any more, so nobody reads it.
func (n *nearby) forget(ctx context.Context, names ...string) error {
	for _, name := range names {
		n.copies.set(Join(n.dir, name), nil)
	}
	return n.near.Remove(ctx, names...)
}

func (n *nearby) Open(ctx context.Context, name string) (Reader, error) {
	s := n.copies.get(Join(n.dir, name))
	if s == nil {
		return n.far.Open(ctx, name)
	}
	r, err := n.near.Open(ctx, name)
	switch {
	case err != nil:
		return n.far.Open(ctx, name)
	case r.Size() != s.size:
		_ = r.Close() // it was only read
		_ = n.forget(ctx, name)
		return n.far.Open(ctx, name)
	}
	return &nearReader{ctx: ctx, of: n, name: name, near: r, sums: s, right: make([]atomic.Bool, len(s.pieces))}, nil
}

func (n *nearby) List(ctx context.Context, dir string) ([]Object, error) {
	return n.far.List(ctx, dir)
}

// Remove removes the copies too. One that stays does no harm, as nobody asks for it.
func (n *nearby) Remove(ctx context.Context, names ...string) error {
	_ = n.forget(ctx, names...)
	return n.far.Remove(ctx, names...)
}

func (n *nearby) Clean(ctx context.Context, before time.Time) (int, error) {
	return Clean(ctx, n.far, before)
}

// nearReader reads a copy, and compares each piece with what was written when it is first read. At the first trouble it goes on with the object in far.
type nearReader struct {
	ctx   context.Context
	of    *nearby
	name  string
	near  Reader
	sums  *sums
	right []atomic.Bool // by piece

	mu  xsync.Mutex
	far Reader // nil as long as the copy is good
}

func (r *nearReader) Size() int64 { return r.sums.size }

// Local tells that small pieces are read as well as large ones.
func (r *nearReader) Local() bool { return IsLocal(r.near) && r.instead() == nil }

func (r *nearReader) ReadAt(p []byte, off int64) (int, error) {
	q, end, err := Clip(r.name, p, off, r.sums.size)
	if err != nil {
		return 0, err
	}
	if r.instead() == nil && r.copied(q, off) {
		return len(q), end
	}
	if err := Ended(r.ctx, "read", r.name); err != nil {
		return 0, err
	}
	far, err := r.giveUp()
	if err != nil {
		return 0, err
	}
	return far.ReadAt(p, off)
}

// copied reads from the copy. It reports false if that is not what was written.
func (r *nearReader) copied(q []byte, off int64) bool {
	var piece []byte
	for len(q) > 0 {
		i := off / sumBytes
		from, to := i*sumBytes, min((i+1)*sumBytes, r.sums.size)
		part := q[:min(int64(len(q)), to-off)]
		switch {
		case len(part) == int(to-from):
			if !r.whole(i, part) {
				return false
			}
		case !r.right[i].Load():
			if piece == nil {
				piece = make([]byte, sumBytes)
			}
			if !r.whole(i, piece[:to-from]) {
				return false
			}
			copy(part, piece[off-from:])
		default:
			if n, _ := r.near.ReadAt(part, off); n < len(part) {
				return false
			}
		}
		q, off = q[len(part):], off+int64(len(part))
	}
	return true
}

// whole reads a piece of the copy, and reports whether it is what was written.
func (r *nearReader) whole(i int64, piece []byte) bool {
	n, _ := r.near.ReadAt(piece, i*sumBytes)
	right := n == len(piece) && xxh3.Hash(piece) == r.sums.pieces[i]
	if right {
		r.right[i].Store(true)
	}
	return right
}

// instead is the object in far, if the copy was given up.
func (r *nearReader) instead() Reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.far
}

func (r *nearReader) giveUp() (Reader, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.far == nil {
		_ = r.of.forget(r.ctx, r.name)
		far, err := r.of.far.Open(r.ctx, r.name)
		if err != nil {
			return nil, err
		}
		r.far = far
	}
	return r.far, nil
}

func (r *nearReader) Close() error {
	err := r.near.Close()
	if far := r.instead(); far != nil {
		return far.Close()
	}
	return err
}

// nearWriter writes an object and its copy.
type nearWriter struct {
	Writer
	near   Writer // nil if there is no copy
	copies *copies
	name   string // from the root
	sums   sums
	hash   xxh3.Hasher // of the last piece
}

func (w *nearWriter) Write(p []byte) (int, error) {
	done, err := w.Writer.Write(p)
	if w.near != nil {
		w.sum(p)
		if _, nearErr := w.near.Write(p); err != nil || nearErr != nil {
			w.forget()
		}
	}
	return done, err
}

func (w *nearWriter) sum(p []byte) {
	for len(p) > 0 {
		n := min(len(p), int(sumBytes-w.sums.size%sumBytes))
		_, _ = w.hash.Write(p[:n]) // never fails
		p = p[n:]
		if w.sums.size += int64(n); w.sums.size%sumBytes == 0 {
			w.endPiece()
		}
	}
}

func (w *nearWriter) endPiece() {
	w.sums.pieces = append(w.sums.pieces, w.hash.Sum64())
	w.hash.Reset()
}

// Close completes the copy when the object is complete: never is there one without the other.
func (w *nearWriter) Close() error {
	err := w.Writer.Close()
	if w.near != nil && err == nil {
		if w.sums.size%sumBytes != 0 {
			w.endPiece()
		}
		if w.near.Close() == nil { // without it there is no copy
			w.copies.set(w.name, &w.sums)
		}
		w.near = nil
	}
	w.forget()
	return err
}

func (w *nearWriter) Abort() {
	w.Writer.Abort()
	w.forget()
}

func (w *nearWriter) forget() {
	if w.near != nil {
		w.near.Abort()
		w.near = nil
	}
}
