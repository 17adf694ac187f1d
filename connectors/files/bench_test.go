package files

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir/connector"
)

// loop runs one reader as an engine would, with workers on goroutines and nothing else, so that the benchmark measures the reader.
type loop struct {
	connector.ReaderContext
	src   connector.Source[string]
	calls chan func()
	wants bool
	r     connector.Reader[string]
}

func newLoop(src connector.Source[string]) *loop {
	return &loop{src: src, calls: make(chan func(), 16)}
}

func (l *loop) Parallelism() int     { return 1 }
func (l *loop) Subtask() int         { return 0 }
func (l *loop) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
func (l *loop) Wake()                {}
func (l *loop) RequestSplit()        { l.wants = true }

func (l *loop) Async(_ time.Duration, work func(context.Context), then func()) {
	go func() {
		work(context.Background())
		l.calls <- then
	}()
}

// enumeratorLoop is the enumerator's side of a loop.
type enumeratorLoop struct {
	connector.EnumeratorContext
	loop *loop
}

func (l enumeratorLoop) Parallelism() int     { return 1 }
func (l enumeratorLoop) Logger() *slog.Logger { return l.loop.Logger() }

func (l enumeratorLoop) CallAsync(_ time.Duration, work func(context.Context) (any, error), then func(any, error) error) {
	v, err := work(context.Background())
	if err := then(v, err); err != nil {
		panic(err)
	}
}

func (l enumeratorLoop) Assign(_ int, splits ...connector.Split) { must(l.loop.r.AddSplits(splits)) }
func (l enumeratorLoop) NoMoreSplits(int)                        { must(l.loop.r.NoMoreSplits()) }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (l *loop) run(b *testing.B) int {
	e, err := l.src.NewEnumerator(enumeratorLoop{loop: l}, nil)
	must(err)
	l.r, err = l.src.NewReader(l)
	must(err)
	must(e.Start())
	must(e.AddReader(0))
	must(l.r.Start())
	var stop atomic.Uint32
	n := 0
	out := connector.NewOutput(func(string, int64) { n++ }, nil, nil, &stop)
	for {
		if l.wants {
			l.wants = false
			must(e.HandleSplitRequest(0))
		}
		status, err := l.r.Poll(out)
		must(err)
		switch {
		case status == connector.EndOfInput:
			must(l.r.Close())
			must(e.Close())
			return n
		case status == connector.NothingAvailable && !l.wants:
			(<-l.calls)()
		}
		select {
		case f := <-l.calls:
			f()
		default:
		}
	}
}
