package connectortest

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/connector"
)

// inside fails the test if a context is used outside of its component's methods.
func (r *Run[T]) inside(c *component, method string) {
	if !c.inside && !c.closed {
		r.t.Errorf("%s was called outside of the %s's methods", method, c.name)
	}
}

type enumeratorContext[T any] struct{ r *Run[T] }

func (c enumeratorContext[T]) Parallelism() int { return c.r.o.Parallelism }

func (c enumeratorContext[T]) Logger() *slog.Logger { return c.r.o.Log }

// post has f called at the reader, unless it was replaced or closed by then.
func (c enumeratorContext[T]) post(method string, subtask int, f func(rd *reader[T]) error) {
	r := c.r
	r.inside(r.enumCtx, method)
	if subtask < 0 || subtask >= r.o.Parallelism {
		r.t.Fatalf("%s: there is no reader %d", method, subtask)
	}
	r.mail = append(r.mail, func() {
		rd := r.readers[subtask]
		r.call(&rd.component, func() error { return f(rd) })
		rd.woken.Store(true)
	})
}

func (c enumeratorContext[T]) Assign(subtask int, splits ...connector.Split) {
	c.r.sent = append(c.r.sent, splits...)
	c.post("Assign", subtask, func(rd *reader[T]) error {
		c.r.sent = c.r.sent[len(splits):] // mail is in order
		if rd.noMore {
			c.r.t.Errorf("reader %d was assigned splits after NoMoreSplits", subtask)
		}
		rd.assigned = append(rd.assigned, splits...)
		return rd.AddSplits(cloneSplits(splits))
	})
}

func (c enumeratorContext[T]) NoMoreSplits(subtask int) {
	c.post("NoMoreSplits", subtask, func(rd *reader[T]) error {
		if rd.noMore {
			c.r.t.Errorf("reader %d was told NoMoreSplits twice", subtask)
		}
		rd.noMore = true
		return rd.NoMoreSplits()
	})
}

func (c enumeratorContext[T]) SendEvent(subtask int, event []byte) {
	event = slices.Clone(event)
	c.post("SendEvent", subtask, func(rd *reader[T]) error { return rd.HandleSourceEvent(event) })
}

func (c enumeratorContext[T]) CallAsync(delay time.Duration, run func(context.Context) (any, error), then func(any, error) error) {
	r := c.r
	r.inside(r.enumCtx, "CallAsync")
	var result any
	var err error
	r.async(r.enumCtx, delay, func(ctx context.Context) { result, err = run(ctx) }, func() {
		r.call(r.enumCtx, func() error { return then(result, err) })
	})
}

func (c enumeratorContext[T]) Fail(err error) {
	c.r.inside(c.r.enumCtx, "Fail")
	if c.r.err == nil {
		c.r.err = err
	}
}

type readerContext[T any] struct {
	r  *Run[T]
	rd *reader[T]
}

var _ connector.RealTime = readerContext[int]{}

func (c readerContext[T]) Subtask() int { return c.rd.subtask }

func (c readerContext[T]) Parallelism() int { return c.r.o.Parallelism }

func (c readerContext[T]) Logger() *slog.Logger { return c.r.o.Log }

func (c readerContext[T]) RealTime() bool { return c.r.o.Goroutines }

func (c readerContext[T]) RequestSplit() {
	r, rd := c.r, c.rd
	r.inside(&rd.component, "RequestSplit")
	r.mail = append(r.mail, func() {
		if !rd.closed {
			r.call(r.enumCtx, func() error { return r.enumerator.HandleSplitRequest(rd.subtask) })
		}
	})
}

func (c readerContext[T]) SendEvent(event []byte) {
	r, rd := c.r, c.rd
	r.inside(&rd.component, "SendEvent")
	event = slices.Clone(event)
	r.mail = append(r.mail, func() {
		if !rd.closed {
			r.call(r.enumCtx, func() error { return r.enumerator.HandleSourceEvent(rd.subtask, event) })
		}
	})
}

func (c readerContext[T]) Wake() {
	c.rd.woken.Store(true)
	c.r.signal()
}

func (c readerContext[T]) Async(delay time.Duration, run func(context.Context), then func()) {
	r, rd := c.r, c.rd
	r.inside(&rd.component, "Async")
	r.async(&rd.component, delay, run, func() {
		if then != nil {
			r.call(&rd.component, func() error { then(); return nil })
		}
		rd.woken.Store(true)
	})
}

func (c readerContext[T]) Now() time.Time {
	if c.r.o.Goroutines {
		return time.Now()
	}
	return c.r.now
}

// hooks takes what a reader, or one of its splits, tells about time, and watches that it names only splits that it has.
type hooks[T any] struct {
	r  *Run[T]
	rd *reader[T]
}

func (hooks[T]) Watermark(int64) {}

func (hooks[T]) Idle(bool) {}

// OpenSplit implements [connector.SplitHooks].
func (h hooks[T]) OpenSplit(id string) *connector.Output[T] {
	rd := h.rd
	rd.tells = true
	switch {
	case rd.over[id]:
		h.r.t.Errorf("reader %d emits records of split %q, which it has ended", rd.subtask, id)
	case !slices.ContainsFunc(rd.assigned, func(s connector.Split) bool { return s.ID == id }):
		h.r.t.Errorf("reader %d emits records of split %q, which it was not assigned", rd.subtask, id)
	}
	return connector.NewOutput(func(v T, ts int64) { h.r.emit(rd, v, ts) }, nil, h, &rd.stop)
}

// EndSplit implements [connector.SplitHooks].
func (h hooks[T]) EndSplit(id string) { h.rd.over[id] = true }

// checkEnded looks, at the end of a reader's input, whether every split has ended, if the reader tells splits apart: one that has not would hold back the watermark.
func (rd *reader[T]) checkEnded(t testing.TB) {
	for _, s := range rd.assigned {
		if rd.tells && !rd.over[s.ID] {
			t.Errorf("reader %d came to its end without Output.EndSplit(%q)", rd.subtask, s.ID)
		}
	}
}
