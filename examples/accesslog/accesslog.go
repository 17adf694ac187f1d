package main

import (
	"cmp"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

// entry is a line of the log.
type entry struct {
	Client string
	Time   time.Time
	Method string
	Path   string
	Status int
	Bytes  int64
	Agent  string
}

// badLine is a line that is none.
type badLine struct {
	Line   string
	Reason string
}

// hit is a path and the class of a status: 2 for 200 to 299.
type hit struct {
	Path  string
	Class int
}

// results are the streams that the job ends in. Each has its records once, when the log has ended.
type results struct {
	Hits      *weir.Stream[weir.Count[hit]]
	Traffic   *weir.Stream[entry] // Client and Bytes count: all that the client has got
	Largest   *weir.Stream[entry] // one of each path
	Malformed *weir.Stream[badLine]
}

// malformed is where lines go that are no entries.
var malformed = weir.NewOutputTag[badLine]("malformed")

// build analyses the lines of a log.
func build(lines *weir.Stream[string]) results {
	entries := weir.ProcessWith(lines, func() weir.ProcessFunction[string, entry] { return new(parser) }).Name("parse")

	hits := weir.MapFunc(entries, func(ctx *weir.Context, e entry) (hit, error) {
		ctx.Histogram("status").Add(int64(e.Status))
		return hit{e.Path, e.Status / 100}, nil
	}).Name("hits")
	counts := weir.CountBy(hits, func(h hit) hit { return h }).Name("hits by path").UID("hits-by-path")

	byClient := weir.KeyBy(entries, func(e entry) string { return e.Client })
	traffic := weir.Sum(byClient, func(e *entry) *int64 { return &e.Bytes }).Name("bytes by client").UID("bytes-by-client")

	byPath := weir.KeyBy(entries, func(e entry) string { return e.Path })
	largest := weir.MaxBy(byPath, func(e entry) int64 { return e.Bytes }).Name("largest by path").UID("largest-by-path")

	return results{
		Hits: last(counts, func(c weir.Count[hit]) hit { return c.Key }, func(a, b weir.Count[hit]) int {
			return cmp.Or(cmp.Compare(a.Key.Path, b.Key.Path), cmp.Compare(a.Key.Class, b.Key.Class))
		}),
		Traffic:   last(traffic, func(e entry) string { return e.Client }, func(a, b entry) int { return cmp.Compare(a.Client, b.Client) }),
		Largest:   last(largest, func(e entry) string { return e.Path }, func(a, b entry) int { return cmp.Compare(a.Path, b.Path) }),
		Malformed: weir.SideOutput(entries, malformed),
	}
}

// parser makes entries of lines.
type parser struct{ requests, malformed *weir.Counter }

// Open looks the counters up once instead of at each line.
func (p *parser) Open(ctx *weir.Context) error {
	p.requests, p.malformed = ctx.Counter("requests"), ctx.Counter("malformed")
	return nil
}

func (p *parser) Process(ctx *weir.Context, line string, out *weir.Collector[entry]) error {
	e, err := parse(line)
	if err != nil {
		p.malformed.Add(1)
		malformed.Emit(ctx, badLine{line, err.Error()})
		return nil
	}
	p.requests.Add(1)
	out.Collect(e)
	return nil
}

// last passes on the last record of each key, sorted, when the input has ended. A keyed operator emits a result for each record that comes in; on bounded
// input the last one of a key is the one that counts. Forward keeps the records of a key together.
func last[T any, K comparable](s *weir.Stream[T], key func(T) K, compare func(a, b T) int) *weir.Stream[T] {
	return weir.ProcessWith(s.Forward(), func() weir.ProcessFunction[T, T] {
		return &latest[T, K]{key: key, compare: compare, kept: map[K]T{}}
	}).Name("last")
}

type latest[T any, K comparable] struct {
	key     func(T) K
	compare func(a, b T) int
	kept    map[K]T
}

func (l *latest[T, K]) Process(_ *weir.Context, v T, _ *weir.Collector[T]) error {
	l.kept[l.key(v)] = v
	return nil
}

func (l *latest[T, K]) Finish(_ *weir.Context, out *weir.Collector[T]) error {
	for _, v := range slices.SortedFunc(maps.Values(l.kept), l.compare) {
		out.Collect(v)
	}
	return nil
}

// What can be wrong with a line.
var (
	errEmpty   = errors.New("empty line")
	errClient  = errors.New("no client address")
	errTime    = errors.New("no time")
	errRequest = errors.New("no request")
	errStatus  = errors.New("no status")
	errBytes   = errors.New("no size")
	errAgent   = errors.New("no referer and agent")
)

// parse reads a line in the combined log format:
//
//	client ident user [day/month/year:hour:minute:second zone] "method path protocol" status bytes "referer" "agent"
func parse(line string) (e entry, err error) {
	if strings.TrimSpace(line) == "" {
		return e, errEmpty
	}
	client, rest, _ := strings.Cut(line, " ")
	if _, err := netip.ParseAddr(client); err != nil {
		return e, errClient
	}
	e.Client = client
	_, rest, _ = strings.Cut(rest, " [") // ident and user
	at, rest, ok := strings.Cut(rest, "] ")
	if e.Time, err = time.Parse("02/Jan/2006:15:04:05 -0700", at); err != nil || !ok {
		return e, errTime
	}
	e.Time = e.Time.UTC()
	request, rest, ok := quoted(rest)
	words := strings.Split(request, " ")
	if !ok || len(words) != 3 || !strings.HasPrefix(words[1], "/") {
		return e, errRequest
	}
	e.Method = words[0]
	e.Path, _, _ = strings.Cut(words[1], "?")
	status, rest, _ := strings.Cut(strings.TrimPrefix(rest, " "), " ")
	if e.Status, err = strconv.Atoi(status); err != nil || e.Status < 100 || e.Status > 599 {
		return e, errStatus
	}
	size, rest, _ := strings.Cut(rest, " ")
	if size != "-" { // as servers write 0
		if e.Bytes, err = strconv.ParseInt(size, 10, 64); err != nil || e.Bytes < 0 {
			return e, errBytes
		}
	}
	_, rest, ok = quoted(rest)
	if !ok {
		return e, errAgent
	}
	if e.Agent, _, ok = quoted(strings.TrimPrefix(rest, " ")); !ok {
		return e, errAgent
	}
	return e, nil
}

// quoted cuts a text in double quotes off the front of s. A backslash keeps a quote from ending it.
func quoted(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[1:i], s[i+1:], true
		}
	}
	return "", s, false
}
