package storage

import (
	"context"
	"time"
)

// NewNear returns far with copies in near of what is written to it by Create: Open reads the copy, if there is one, and asks far only where there is none or it cannot be opened. All else is that of far: what is listed, whether an
// object is durable, and which names exist. A copy that cannot be written is given up, and the object is read from far.
//
// near belongs to the result alone, begins empty, and need not outlive the process. It serves restarts within the process, which then read no far storage. Objects of far are removed through the result, or not at all, and a name is not written again with other bytes by anybody else.
func NewNear(far, near Storage) Storage { return &nearby{far: far, near: near} }

type nearby struct{ far, near Storage }

var _ Cleaner = (*nearby)(nil)

func (n *nearby) String() string { return n.far.String() }

func (n *nearby) Sub(dir string) Storage { return &nearby{n.far.Sub(dir), n.near.Sub(dir)} }

func (n *nearby) Create(ctx context.Context, name string) (Writer, error) {
	far, err := n.far.Create(ctx, name)
	if err != nil {
		return nil, err
	}
	w := &nearWriter{Writer: far}
	if err := n.near.Remove(ctx, name); err == nil { // of before, should it be there
		w.near, _ = n.near.Create(ctx, name)
	}
	return w, nil
}

func (n *nearby) CreateNew(ctx context.Context, name string) (Writer, error) {
	_ = n.near.Remove(ctx, name) // it may have been removed from far by others
	return n.far.CreateNew(ctx, name)
}

func (n *nearby) Open(ctx context.Context, name string) (Reader, error) {
	if r, err := n.near.Open(ctx, name); err == nil {
		return r, nil
	}
	return n.far.Open(ctx, name)
}

func (n *nearby) List(ctx context.Context, dir string) ([]Object, error) {
	return n.far.List(ctx, dir)
}

// Remove removes the copies too. One that stays does no harm, as nobody asks for it.
func (n *nearby) Remove(ctx context.Context, names ...string) error {
	_ = n.near.Remove(ctx, names...)
	return n.far.Remove(ctx, names...)
}

func (n *nearby) Clean(ctx context.Context, before time.Time) (int, error) {
	return Clean(ctx, n.far, before)
}

// nearWriter writes an object and its copy.
type nearWriter struct {
	Writer
	near Writer // nil if there is no copy
}

func (w *nearWriter) Write(p []byte) (int, error) {
	done, err := w.Writer.Write(p)
	if w.near != nil {
		if _, nearErr := w.near.Write(p); err != nil || nearErr != nil {
			w.forget()
		}
	}
	return done, err
}

// Close completes the copy when the object is complete: never is there one without the other.
func (w *nearWriter) Close() error {
	err := w.Writer.Close()
	if w.near != nil && err == nil {
		_ = w.near.Close() // without it there is no copy
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
