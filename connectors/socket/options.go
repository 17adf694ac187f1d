package socket

import (
	"context"
	"net"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
)

// Options says where to read from. All but Address may be left zero.
type Options struct {
	// Address is host:port.
	Address string
	// Reconnect makes the source connect again when a connection cannot be made or ends.
	Reconnect bool
	// ReconnectDelay is the time to wait before that; 500 ms if zero.
	ReconnectDelay time.Duration
	// MaxRetries is how many attempts in a row may fail; 0 for any number.
	MaxRetries int
	// Delimiter ends a line; "\n" if empty, and then a "\r" before it is dropped.
	Delimiter string
	// MaxLineBytes is the longest line allowed; 1 MiB if zero. A longer one fails the job.
	MaxLineBytes int
	// DialTimeout is how long making a connection may take; 10 s if zero.
	DialTimeout time.Duration
}

// Lines returns an unbounded source of the lines that a server sends. Its timestamps are left to the job.
func Lines(o Options) connector.Source[string] {
	if o.ReconnectDelay == 0 {
		o.ReconnectDelay = 500 * time.Millisecond
	}
	if o.Delimiter == "" {
		o.Delimiter = "\n"
	}
	if o.MaxLineBytes == 0 {
		o.MaxLineBytes = 1 << 20
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = 10 * time.Second
	}
	return source{o}
}

type source struct{ o Options }

var (
	_ connector.Checker     = source{}
	_ connector.NonParallel = source{}
)

// Boundedness reports that the stream has no known end, though it ends if the server closes the connection.
func (s source) Boundedness() connector.Boundedness { return connector.ContinuousUnbounded }

func (s source) NonParallel() bool { return true }

// Check looks at the options alone. It makes no connection: a server that serves one would be used up by it.
func (s source) Check(ctx context.Context) error {
	_, port, err := net.SplitHostPort(s.o.Address)
	if err != nil {
		return fault.New(fault.OptionInvalid, "socket source: Address %q is not host:port", s.o.Address)
	}
	if _, err := net.DefaultResolver.LookupPort(ctx, "tcp", port); err != nil || port == "" || port == "0" {
		return fault.New(fault.OptionInvalid, "socket source: Address %q has no valid port", s.o.Address)
	}
	switch {
	case s.o.ReconnectDelay < 0:
		return fault.New(fault.OptionInvalid, "socket source: ReconnectDelay is %v, less than zero", s.o.ReconnectDelay)
	case s.o.MaxRetries < 0:
		return fault.New(fault.OptionInvalid, "socket source: MaxRetries is %d, less than zero", s.o.MaxRetries)
	case s.o.MaxLineBytes < 0:
		return fault.New(fault.OptionInvalid, "socket source: MaxLineBytes is %d, less than zero", s.o.MaxLineBytes)
	case s.o.DialTimeout < 0:
		return fault.New(fault.OptionInvalid, "socket source: DialTimeout is %v, less than zero", s.o.DialTimeout)
	}
	return nil
}

func (s source) NewEnumerator(ctx connector.EnumeratorContext, restored []byte) (connector.Enumerator, error) {
	return connector.FixedSplits(ctx, restored, func(int) []connector.Split {
		return []connector.Split{{ID: s.o.Address}}
	})
}

func (s source) NewReader(ctx connector.ReaderContext) (connector.Reader[string], error) {
	return &reader{o: s.o, ctx: ctx, link: &link{}}, nil
}
