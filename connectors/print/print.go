// Package print is a sink that prints each record on a line.
//
// Lines of several writers never mix within a line. Where the sink runs in parallel, a line begins with the number of its writer, as "2> ". Output is buffered while input keeps
// coming, and written when it pauses.
//
// The sink is at least once: after a restore, records behind the checkpoint are printed again.
package print

import (
	"context"
	"io"
	"strconv"
	"sync"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
)

// Options says how to print. All may be left zero.
type Options struct {
	// Label is printed before each line, as "label> ", or "label:2> " where the sink runs in parallel.
	Label string
}

// bufferBytes is how much is buffered before it is written without a pause in the input.
const bufferBytes = 64 << 10

// To returns a sink that prints to w, each record as fmt's %v would. Writers share w under a lock of this sink; a writer that others use as well must take concurrent calls.
func To[T any](w io.Writer, o Options) connector.Sink[T] {
	return sink[T]{&output{w: w}, o}
}

// output is the writer that all subtasks in this process share.
type output struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *output) write(b []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := o.w.Write(b)
	return err
}

type sink[T any] struct {
	out *output
	o   Options
}

var _ connector.Checker = sink[int]{}

// Check reports a nil writer.
func (s sink[T]) Check(context.Context) error {
	if s.out.w == nil {
		return fault.New(fault.OptionInvalid, "print: the writer is nil")
	}
	return nil
}

func (s sink[T]) NewWriter(ctx connector.WriterContext, _ [][]byte) (connector.Writer[T], error) {
	return &writer[T]{lineBuffer: lineBuffer{out: s.out, prefix: s.o.prefix(ctx)}, text: connector.TextOf[T]()}, nil
}

// prefix is what a writer prints in front of each line.
func (o Options) prefix(ctx connector.WriterContext) string {
	prefix := o.Label
	if ctx.Parallelism() > 1 {
		if prefix != "" {
			prefix += ":"
		}
		prefix += strconv.Itoa(ctx.Subtask() + 1)
	}
	if prefix != "" {
		prefix += "> "
	}
	return prefix
}

type writer[T any] struct {
	lineBuffer
	text func([]byte, T) []byte
}

func (w *writer[T]) Write(v T, _ int64) error {
	w.buf = append(w.buf, w.prefix...)
	w.buf = w.text(w.buf, v)
	return w.end()
}

// lineBuffer holds the lines of one writer.
type lineBuffer struct {
	out    *output
	prefix string
	buf    []byte // whole lines, but while one is made
}

// end ends a line.
func (w *lineBuffer) end() error {
	w.buf = append(w.buf, '\n')
	if len(w.buf) >= bufferBytes {
		return w.Flush(false)
	}
	return nil
}

func (w *lineBuffer) Flush(bool) error {
	if len(w.buf) == 0 {
		return nil
	}
	err := w.out.write(w.buf)
	w.buf = w.buf[:0]
	if err != nil {
		return fault.New(fault.SinkFailed, "print: %w", err)
	}
	return nil
}

func (w *lineBuffer) Close() error { return nil }
