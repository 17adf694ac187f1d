package socket

import (
	"bytes"
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/weirstream/weir/fault"
)

// link holds the connection, so that the reader can close it while a worker makes it or reads from it.
type link struct {
	mu struct {
		sync.Mutex
		conn   net.Conn
		closed bool
	}
}

// set keeps a new connection. A reader that was closed meanwhile has no use for it.
func (l *link) set(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.conn = conn
	if l.mu.closed {
		l.dropLocked()
	}
}

// drop closes the connection. One that was lost, or is given up, has no failure that matters.
func (l *link) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropLocked()
}

func (l *link) dropLocked() {
	if l.mu.conn != nil {
		_ = l.mu.conn.Close()
		l.mu.conn = nil
	}
}

// close closes the connection for good.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.closed = true
	l.dropLocked()
}

// stream reads from one connection. Only the worker uses it.
type stream struct {
	o         Options
	delimiter []byte
	conn      net.Conn
	// buf[:n] was received, and holds no whole line between two calls of next.
	buf []byte
	n   int
	// line is the number, from 1, of the line that buf starts with.
	line int64
}

// dial makes the connection of l.
func dial(ctx context.Context, o Options, l *link) (*stream, error) {
	d := net.Dialer{Timeout: o.DialTimeout}
	conn, err := d.DialContext(ctx, "tcp", o.Address)
	if err != nil {
		return nil, fault.New(fault.SourceSocketRefused, "%w", err).WithPlace(o.Address)
	}
	l.set(conn)
	return &stream{o: o, delimiter: []byte(o.Delimiter), conn: conn, buf: make([]byte, 64<<10), line: 1}, nil
}

// next waits until at least one line is there, and returns all that are, each with its delimiter. With an error, of which io.EOF is one, it returns
// what was left. It ends at once when ctx does.
func (s *stream) next(ctx context.Context) (string, error) {
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	defer stop()
	for {
		if s.n == len(s.buf) {
			s.buf = append(s.buf, make([]byte, len(s.buf))...)
		}
		n, err := s.conn.Read(s.buf[s.n:])
		s.n += n
		whole := s.n
		if err != io.EOF {
			// A connection that broke may have broken within a line: what is left is no line then.
			whole = 0
			if i := bytes.LastIndex(s.buf[:s.n], s.delimiter); i >= 0 {
				whole = i + len(s.delimiter)
			}
		}
		if long := s.longLine(); long > 0 {
			return "", fault.New(fault.SourceLineTooLong, "the line is longer than %d bytes", s.o.MaxLineBytes).
				WithPlace("line " + strconv.FormatInt(long, 10) + " from " + s.o.Address)
		}
		if whole > 0 || err != nil {
			text := string(s.buf[:whole])
			s.line += int64(strings.Count(text, s.o.Delimiter))
			s.n = copy(s.buf, s.buf[whole:s.n])
			return text, err
		}
	}
}

// longLine returns the number of the first line received that is too long, or 0.
func (s *stream) longLine() int64 {
	if s.n <= s.o.MaxLineBytes {
		return 0
	}
	line := s.line
	for rest := s.buf[:s.n]; len(rest) > 0; line++ {
		var first []byte
		first, rest, _ = bytes.Cut(rest, s.delimiter)
		if s.o.Delimiter == "\n" {
			first = bytes.TrimSuffix(first, []byte{'\r'})
		}
		if len(first) > s.o.MaxLineBytes {
			return line
		}
	}
	return 0
}
