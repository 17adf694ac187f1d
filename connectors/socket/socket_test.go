package socket

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/fault"
)

// server serves one connection after the other: each by the next of scripts, and closes it after that. Then it refuses.
type server struct {
	l       net.Listener
	running sync.WaitGroup
}

func serve(t *testing.T, scripts ...func(net.Conn)) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{l: l}
	s.running.Go(func() {
		for _, script := range scripts {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			script(conn)
			// A client that has gone is no failure of the server.
			_ = conn.Close()
		}
		_ = l.Close()
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.running.Wait()
	})
	return s
}

func (s *server) address() string { return s.l.Addr().String() }

// say returns a script that sends pieces, each on its own.
func say(pieces ...string) func(net.Conn) {
	return func(c net.Conn) {
		for _, p := range pieces {
			if _, err := io.WriteString(c, p); err != nil {
				return
			}
		}
	}
}

// hold returns a script that sends text, and then waits until the client goes.
func hold(text string) func(net.Conn) {
	return func(c net.Conn) {
		say(text)(c)
		_, _ = io.Copy(io.Discard, c)
	}
}

func newRun(t *testing.T, o Options) *connectortest.Run[string] {
	t.Helper()
	return connectortest.NewRun(t, Lines(o), connectortest.RunOptions{Parallelism: 2, Goroutines: true})
}

func TestSource(t *testing.T) {
	var pieces, want []string
	for i := range 40 {
		line := strings.Repeat("x", i*i%17) + fmt.Sprint(i)
		want = append(want, line)
		pieces = append(pieces, line[:len(line)/2], line[len(line)/2:], "\r\n"[i%2:])
	}
	connectortest.TestSource(t, connectortest.SourceSuite[string]{
		New: func(t *testing.T) connector.Source[string] {
			return Lines(Options{Address: serve(t, say(pieces...)).address()})
		},
		Want:       want,
		Goroutines: true,
		AtMostOnce: true,
	})
}

// Without Reconnect the stream ends when the server closes the connection, and what was behind the last delimiter is a line.
func TestServerCloses(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, say("one\n\ntwo"))
	r := connectortest.NewRun(t, Lines(Options{Address: s.address()}), connectortest.RunOptions{
		Goroutines: true, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	if got := r.Values(); !slices.Equal(got, []string{"one", "", "two"}) || !r.Ended() {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(log.String(), `level=INFO msg="server closed the connection"`) {
		t.Errorf("log: %s", log.String())
	}
	if c := r.Snapshot(); len(c.Splits) > 0 {
		t.Errorf("an ended stream has splits: %v", c.Splits)
	}
}

// Lines come at once, while the connection stays open and the buffer is not full; cancellation then ends the read that waits.
func TestLinesComeAtOnce(t *testing.T) {
	s := serve(t, hold("one\ntwo\nthr"))
	r := newRun(t, Options{Address: s.address()})
	if _, err := r.Until(2); err != nil {
		t.Fatal(err)
	}
	if got := r.Values(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("got %q", got)
	}
	r.Cancel()
	s.running.Wait() // the client has gone
}

func TestDelimiter(t *testing.T) {
	for _, test := range []struct {
		delimiter string
		pieces    []string
		want      []string
	}{
		{"", []string{"a\r\nb\n"}, []string{"a", "b"}},
		{";", []string{"a\r;b\n;", "c"}, []string{"a\r", "b\n", "c"}},
		{"<>", []string{"a<", ">b<><>c", "<"}, []string{"a", "b", "", "c<"}},
	} {
		r := newRun(t, Options{Address: serve(t, say(test.pieces...)).address(), Delimiter: test.delimiter})
		if err := r.Finish(); err != nil {
			t.Fatal(err)
		}
		if got := r.Values(); !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.delimiter, got, test.want)
		}
	}
}

func TestLongLines(t *testing.T) {
	long := strings.Repeat("0123456789", 20_000)
	r := newRun(t, Options{Address: serve(t, say(long, "\nshort\n")).address()})
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	if got := r.Values(); !slices.Equal(got, []string{long, "short"}) {
		t.Errorf("got %d lines", len(got))
	}
	for _, text := range []string{"short\n" + long + "\n", "short\n" + long} {
		r = newRun(t, Options{Address: serve(t, say(text)).address(), MaxLineBytes: 1000})
		if err := r.Finish(); fault.CodeOf(err) != fault.SourceLineTooLong || !strings.Contains(err.Error(), "line 2 from 127.0.0.1") {
			t.Errorf("got %v", err)
		}
	}
}

// refusing returns an address at which nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

func TestRefused(t *testing.T) {
	address := refusing(t)
	if err := Lines(Options{Address: address}).(connector.Checker).Check(t.Context()); err != nil {
		t.Errorf("the check made a connection: %v", err)
	}
	err := newRun(t, Options{Address: address}).Finish()
	if fault.CodeOf(err) != fault.SourceSocketRefused || !strings.Contains(err.Error(), address) {
		t.Errorf("got %v", err)
	}
}

// In virtual time: the number of attempts, and the delay between them.
func TestRetries(t *testing.T) {
	var log bytes.Buffer
	src := Lines(Options{Address: refusing(t), Reconnect: true, ReconnectDelay: time.Minute, MaxRetries: 3})
	r := connectortest.NewRun(t, src, connectortest.RunOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err := r.Advance(3*time.Minute - 1); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "cannot connect"); n != 3 {
		t.Errorf("%d attempts within 3 minutes:\n%s", n, log.String())
	}
	if err := r.Advance(1); fault.CodeOf(err) != fault.SourceSocketRefused {
		t.Errorf("got %v", err)
	}
}

func TestReconnect(t *testing.T) {
	s := serve(t, say("one\ntw"), say(), say("three\n"), hold("four\n"))
	r := newRun(t, Options{Address: s.address(), Reconnect: true, ReconnectDelay: time.Millisecond})
	if _, err := r.Until(4); err != nil {
		t.Fatal(err)
	}
	if got := r.Values(); !slices.Equal(got, []string{"one", "tw", "three", "four"}) {
		t.Errorf("got %q", got)
	}
}

// A connection that breaks may break within a line, so what is left is not emitted.
func TestConnectionBreaks(t *testing.T) {
	s := serve(t, func(c net.Conn) {
		say("one\ntw")(c)
		var b [1]byte
		_, _ = c.Read(b[:]) // until the client has the line
		if err := c.(*net.TCPConn).SetLinger(0); err != nil {
			t.Error(err)
		}
	})
	r := newRun(t, Options{Address: s.address()})
	if _, err := r.Until(1); err != nil {
		t.Fatal(err)
	}
	// The source never writes; here it says that the line has come.
	l := r.Reader(0).(*reader).link
	l.mu.Lock()
	_, err := l.mu.conn.Write([]byte{1})
	l.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Finish(); fault.CodeOf(err) != fault.SourceSocketClosed || !strings.Contains(err.Error(), s.address()) {
		t.Errorf("got %v", err)
	}
	if got := r.Values(); !slices.Equal(got, []string{"one"}) {
		t.Errorf("got %q", got)
	}
}

// A restored source connects anew.
func TestRestore(t *testing.T) {
	s := serve(t, hold("one\ntwo\n"), hold("three\n"))
	r := newRun(t, Options{Address: s.address()})
	if _, err := r.Until(1); err != nil {
		t.Fatal(err)
	}
	c := r.Snapshot()
	r.Cancel()
	r = connectortest.NewRun(t, Lines(Options{Address: s.address()}), connectortest.RunOptions{Parallelism: 3, Goroutines: true, From: c})
	if _, err := r.Until(1); err != nil {
		t.Fatal(err)
	}
	if got := r.Values(); !slices.Equal(got, []string{"three"}) {
		t.Errorf("got %q", got)
	}
}

// Cancellation ends a dial that waits. The address is one that does not answer, or that the network says at once is not there.
func TestCancelDial(t *testing.T) {
	start := time.Now()
	r := newRun(t, Options{Address: "192.0.2.1:9", Reconnect: true, ReconnectDelay: time.Hour, DialTimeout: time.Hour})
	r.Cancel()
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		o    Options
		want fault.Code
	}{
		{Options{}, fault.OptionInvalid},
		{Options{Address: "localhost"}, fault.OptionInvalid},
		{Options{Address: "localhost:"}, fault.OptionInvalid},
		{Options{Address: "localhost:0"}, fault.OptionInvalid},
		{Options{Address: "localhost:70000"}, fault.OptionInvalid},
		{Options{Address: "localhost:-1"}, fault.OptionInvalid},
		{Options{Address: "a:b:c"}, fault.OptionInvalid},
		{Options{Address: "localhost:9999", ReconnectDelay: -1}, fault.OptionInvalid},
		{Options{Address: "localhost:9999", MaxRetries: -1}, fault.OptionInvalid},
		{Options{Address: "localhost:9999", MaxLineBytes: -1}, fault.OptionInvalid},
		{Options{Address: "localhost:9999", DialTimeout: -1}, fault.OptionInvalid},
		{Options{Address: "localhost:9999"}, ""},
		{Options{Address: ":9999"}, ""},
		{Options{Address: "[::1]:9999"}, ""},
	} {
		if got := fault.CodeOf(Lines(test.o).(connector.Checker).Check(t.Context())); got != test.want {
			t.Errorf("%+v: got %q, want %q", test.o, got, test.want)
		}
	}
}
