package storage

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/weirstream/weir/fault"
)

// Op is an operation on a storage that a [Fault] may befall.
type Op uint8

const (
	OpCreate Op = iota // Create and CreateNew
	OpCommit           // Close of a writer
	OpOpen
	OpRead // one ReadAt
	OpList
	OpRemove // asked once for each name
)

// String returns the name of the operation in lower case.
func (o Op) String() string {
	return [...]string{"create", "commit", "open", "read", "list", "remove"}[o]
}

// FaultKind is what happens to an operation.
type FaultKind uint8

const (
	// NoFault: the operation does what it should.
	NoFault FaultKind = iota
	// Fail: it fails before it has done anything.
	Fail
	// FailAfter: it is done, and the caller hears an error: the answer of a server was lost.
	FailAfter
	// Torn: on commit the object becomes visible with its first Bytes bytes, and the caller hears of no error: a disk that lied about fsync. On open the reader sees only these.
	// Other operations take it as NoFault.
	Torn
	// Flip: as Torn, but the object is whole and the lowest bit of the byte at offset Bytes, taken modulo the size, is inverted.
	Flip
)

// Fault is what befalls one operation. The zero value is none.
type Fault struct {
	Kind FaultKind
	// Bytes belongs to Torn and Flip.
	Bytes int64
	// Err is the error of Fail and FailAfter; if nil, one with code [fault.StorageFailed].
	Err error
	// Wait, if not nil, is called before anything else: it lets time pass as the caller's scheduler does. Its error ends the operation before it has done anything.
	Wait func(ctx context.Context) error
}

// NewFaulty returns s with faults. decide is called once at the beginning of each operation, with the name from where s begins, also below Sub: for OpList that of the folder. It says what happens. Since
// nothing else is drawn or counted, the same decisions in the same order give the same faults. A writer of the result keeps its object in memory until Close.
//
// decide must be safe for concurrent use if the storage is used so.
func NewFaulty(s Storage, decide func(op Op, name string) Fault) Storage {
	return &faulty{base: s, decide: decide}
}

type faulty struct {
	base   Storage
	decide func(op Op, name string) Fault
	dir    string
}

var _ Cleaner = (*faulty)(nil)

// meet asks for the fault of an operation and does the part that comes before it.
func (f *faulty) meet(ctx context.Context, op Op, name string) (Fault, error) {
	d := f.decide(op, name)
	if d.Err == nil {
		d.Err = fault.New(fault.StorageFailed, "%s %s: a fault that was asked for", op, name)
	}
	if d.Wait != nil {
		if err := d.Wait(ctx); err != nil {
			return d, err
		}
	}
	if d.Kind == Fail {
		return d, d.Err
	}
	return d, nil
}

// after returns the error of an operation that returned err.
func (d Fault) after(err error) error {
	if err == nil && d.Kind == FailAfter {
		return d.Err
	}
	return err
}

// damage returns the bytes that a disk makes of b, which it does not change.
func (d Fault) damage(b []byte) []byte {
	switch {
	case d.Kind == Torn:
		return b[:min(max(d.Bytes, 0), int64(len(b)))]
	case d.Kind == Flip && len(b) > 0:
		b = slices.Clone(b)
		b[uint64(d.Bytes)%uint64(len(b))] ^= 1
	}
	return b
}

func (f *faulty) String() string { return f.base.String() }

func (f *faulty) Sub(dir string) Storage {
	return &faulty{base: f.base.Sub(dir), decide: f.decide, dir: Join(f.dir, dir)}
}

func (f *faulty) Create(ctx context.Context, name string) (Writer, error) {
	return f.begin(ctx, name, f.base.Create)
}

func (f *faulty) CreateNew(ctx context.Context, name string) (Writer, error) {
	return f.begin(ctx, name, f.base.CreateNew)
}

func (f *faulty) begin(ctx context.Context, name string, create func(context.Context, string) (Writer, error)) (Writer, error) {
	full := Join(f.dir, name)
	d, err := f.meet(ctx, OpCreate, full)
	if err != nil {
		return nil, err
	}
	w, err := create(ctx, name)
	if err != nil {
		return nil, err
	}
	if d.Kind == FailAfter { // a writer that nobody closes
		w.Abort()
		return nil, d.Err
	}
	return &faultyWriter{ctx: ctx, faulty: f, base: w, name: full}, nil
}

func (f *faulty) Open(ctx context.Context, name string) (Reader, error) {
	full := Join(f.dir, name)
	d, err := f.meet(ctx, OpOpen, full)
	if err != nil {
		return nil, err
	}
	r, err := f.base.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := d.after(nil); err != nil {
		r.Close()
		return nil, err
	}
	if d.Kind == Torn || d.Kind == Flip {
		b := make([]byte, r.Size())
		if n, err := r.ReadAt(b, 0); n < len(b) {
			r.Close()
			return nil, err
		}
		r.Close()
		r = &memoryReader{ctx: ctx, name: full, bytes: d.damage(b)}
	}
	return &faultyReader{ctx: ctx, faulty: f, Reader: r, name: full}, nil
}

func (f *faulty) List(ctx context.Context, dir string) ([]Object, error) {
	d, err := f.meet(ctx, OpList, Join(f.dir, dir))
	if err != nil {
		return nil, err
	}
	list, err := f.base.List(ctx, dir)
	if err := d.after(err); err != nil {
		return nil, err
	}
	return list, nil
}

func (f *faulty) Remove(ctx context.Context, names ...string) error {
	var first error
	for _, name := range names {
		d, err := f.meet(ctx, OpRemove, Join(f.dir, name))
		if err == nil {
			err = d.after(f.base.Remove(ctx, name))
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// Clean cleans what is beneath, without a fault.
func (f *faulty) Clean(ctx context.Context, before time.Time) (int, error) {
	return Clean(ctx, f.base, before)
}

// faultyWriter keeps the bytes, since only Close learns how many of them there will be.
type faultyWriter struct {
	ctx    context.Context
	faulty *faulty
	base   Writer
	name   string
	bytes  []byte
	done   bool
	err    error
}

func (w *faultyWriter) Write(p []byte) (int, error) {
	if w.done {
		return 0, Closed(w.name)
	}
	if err := Ended(w.ctx, "write", w.name); err != nil {
		return 0, err
	}
	w.bytes = append(w.bytes, p...)
	return len(p), nil
}

func (w *faultyWriter) Close() error {
	if !w.done {
		w.done, w.err = true, w.commit()
		w.base.Abort()
	}
	return w.err
}

func (w *faultyWriter) commit() error {
	d, err := w.faulty.meet(w.ctx, OpCommit, w.name)
	if err != nil {
		return err
	}
	if _, err := w.base.Write(d.damage(w.bytes)); err != nil {
		return err
	}
	return d.after(w.base.Close())
}

func (w *faultyWriter) Abort() {
	if !w.done {
		w.done, w.err = true, Closed(w.name)
		w.base.Abort()
	}
}

type faultyReader struct {
	Reader
	ctx    context.Context
	faulty *faulty
	name   string
}

// Local is that of the reader beneath.
func (r *faultyReader) Local() bool { return IsLocal(r.Reader) }

func (r *faultyReader) ReadAt(p []byte, off int64) (int, error) {
	d, err := r.faulty.meet(r.ctx, OpRead, r.name)
	if err != nil {
		return 0, err
	}
	n, err := r.Reader.ReadAt(p, off)
	if err == nil || err == io.EOF {
		if d.Kind == FailAfter {
			return 0, d.Err
		}
	}
	return n, err
}
