package socket

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
)

// maxLines bounds the lines that one Poll emits.
const maxLines = 4096

// reader emits the lines of one piece of text while a worker waits for the next.
type reader struct {
	o    Options
	ctx  connector.ReaderContext
	link *link

	assigned, noMore bool
	stream           *stream
	// failed counts the attempts to connect that failed in a row.
	failed int

	// text[next:] is to be emitted; ahead came meanwhile.
	text  string
	next  int
	ahead *received
	ended bool
	err   error
}

// received is what a worker brought.
type received struct {
	text string
	err  error
}

func (r *reader) Start() error { return nil }

func (r *reader) AddSplits(splits []connector.Split) error {
	if len(splits) > 0 && !r.assigned {
		r.assigned = true
		r.connect(false)
	}
	return nil
}

func (r *reader) NoMoreSplits() error {
	r.noMore = true
	r.ctx.Wake()
	return nil
}

func (r *reader) connect(again bool) {
	delay := r.o.ReconnectDelay
	if !again {
		delay = 0
	}
	o, l := r.o, r.link
	var s *stream
	var err error
	r.ctx.Async(delay, func(ctx context.Context) { s, err = dial(ctx, o, l) }, func() { r.handleDial(s, err) })
}

func (r *reader) handleDial(s *stream, err error) {
	if err == nil {
		r.ctx.Logger().Debug("connected", "address", r.o.Address)
		r.stream, r.failed = s, 0
		r.receive()
		return
	}
	r.failed++
	if !r.o.Reconnect || r.o.MaxRetries > 0 && r.failed > r.o.MaxRetries {
		r.err = err
		return
	}
	r.ctx.Logger().Warn("cannot connect; trying again", "address", r.o.Address, "after", r.o.ReconnectDelay, "error", err)
	r.connect(true)
}

// receive has a worker wait for more.
func (r *reader) receive() {
	s := r.stream
	var c received
	r.ctx.Async(0, func(ctx context.Context) { c.text, c.err = s.next(ctx) }, func() {
		r.ahead = &c
		r.advance()
	})
}

// advance goes on to what was received, if all before was emitted.
func (r *reader) advance() {
	if r.ahead == nil || r.next < len(r.text) {
		return
	}
	err := r.ahead.err
	r.text, r.next, r.ahead = r.ahead.text, 0, nil
	if err == nil {
		r.receive()
		return
	}
	r.link.drop()
	switch {
	case fault.CodeOf(err) != "":
		r.err = err
	case r.o.Reconnect:
		r.ctx.Logger().Warn("the connection ended; connecting again", "address", r.o.Address, "after", r.o.ReconnectDelay, "error", err)
		r.connect(true)
	case errors.Is(err, io.EOF):
		r.ctx.Logger().Info("server closed the connection", "address", r.o.Address)
		r.ended = true
	default:
		r.err = fault.New(fault.SourceSocketClosed, "the connection broke: %w", err).WithPlace(r.o.Address)
	}
}

func (r *reader) Poll(out *connector.Output[string]) (connector.Status, error) {
	if !r.assigned {
		return r.without(), nil
	}
	split := out.Split(r.o.Address)
	for n := 0; n < maxLines && !out.Stop(); n++ {
		if r.next == len(r.text) {
			r.advance()
		}
		if r.next < len(r.text) {
			line := r.line()
			split.Collect(line)
			continue
		}
		switch {
		case r.err != nil:
			return connector.EndOfInput, r.err
		case r.ended:
			out.EndSplit(r.o.Address)
			return connector.EndOfInput, nil
		}
		return connector.NothingAvailable, nil
	}
	return connector.MoreAvailable, nil
}

// without is what Poll returns as long as the reader has no connection to look after.
func (r *reader) without() connector.Status {
	if r.noMore {
		return connector.EndOfInput
	}
	return connector.NothingAvailable
}

// line takes the next line from the text. Only the last of a connection may lack its delimiter.
func (r *reader) line() string {
	line := r.text[r.next:]
	i := strings.Index(line, r.o.Delimiter)
	if i < 0 {
		r.next = len(r.text)
		return line
	}
	r.next += i + len(r.o.Delimiter)
	line = line[:i]
	if r.o.Delimiter == "\n" {
		line = strings.TrimSuffix(line, "\r")
	}
	return line
}

func (r *reader) HandleSourceEvent([]byte) error { return nil }

func (r *reader) Snapshot(int64) ([]connector.Split, error) {
	if !r.assigned || r.ended {
		return nil, nil
	}
	return []connector.Split{{ID: r.o.Address}}, nil
}

func (r *reader) Close() error {
	r.link.close()
	return nil
}
