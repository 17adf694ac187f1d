package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/testkit/leak"
	"github.com/weirstream/weir/weirtest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// patient are options for tests that are not about time: a minute is more than any lookup takes.
var patient = options{Capacity: 8, Timeout: time.Minute, Retries: 20}

// expected is the report on lines, made in the plainest way. find gives the network of a client.
func expected(lines []string, find func(client string) string) string {
	of := map[string]*traffic{}
	for _, line := range lines {
		r, ok := parseLine(line)
		if !ok {
			continue
		}
		name := find(r.Client)
		if of[name] == nil {
			of[name] = &traffic{Network: name}
		}
		of[name].Requests++
		of[name].Bytes += r.Bytes
	}
	rep := &report{}
	for _, t := range of {
		rep.sums = append(rep.sums, *t)
	}
	return rep.text()
}

func known(client string) string {
	if name, ok := networkOf(netip.MustParseAddr(client)); ok {
		return name
	}
	return unknown
}

func (rep *report) text() string {
	var b bytes.Buffer
	rep.write(&b)
	return b.String()
}

func carried(t *testing.T, n int) []string {
	t.Helper()
	text, err := os.ReadFile("../accesslog/testdata/access.log")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")[:n]
}

// job builds the job on lines and a server.
func job(env *weir.Environment, lines []string, base string, o options) (*weir.Stream[located], *report) {
	found, sums := build(weir.FromSlice(env, lines), func() weir.AsyncFunction[request, located] { return newLookup(base, o.Capacity) }, o)
	return found, collect(sums)
}

func quiet(mode weir.RuntimeMode, parallelism, rows int) *weir.Environment {
	return weir.NewEnvironment(weir.Options{RuntimeMode: mode, Parallelism: parallelism, ChunkRows: rows, Logger: slog.New(slog.DiscardHandler)})
}

// TestEveryShape asks a server that takes its time, for some lookups more than for others, and refuses every third.
func TestEveryShape(t *testing.T) {
	lines := carried(t, 250)
	want := expected(lines, known)
	if n := strings.Count(want, "\n"); n != len(networks)+2 {
		t.Fatalf("not every network has traffic:\n%s", want)
	}
	for _, mode := range []weir.RuntimeMode{weir.Streaming, weir.Batch} {
		for _, parallelism := range []int{1, 2, 4} {
			for _, rows := range []int{1, 7, 1024} {
				t.Run(fmt.Sprintf("%v/parallelism=%d/rows=%d", mode, parallelism, rows), func(t *testing.T) {
					var lookups atomic.Int64
					server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						n := lookups.Add(1)
						for range n % 50 {
							runtime.Gosched()
						}
						if n%3 == 0 {
							http.Error(w, "busy", http.StatusServiceUnavailable)
							return
						}
						answer(w, r)
					}))
					defer server.Close()
					o := patient
					o.Ordered = rows == 7
					env := quiet(mode, parallelism, rows)
					_, rep := job(env, lines, server.URL, o)
					if _, err := env.Execute(context.Background(), t.Name()); err != nil {
						t.Fatal(err)
					}
					if got := rep.text(); got != want {
						t.Errorf("got\n%s\nwant\n%s", got, want)
					}
				})
			}
		}
	}
}

// TestInFlight asks a server that answers none of the first lookups before as many are there as there may be, and then the last one first.
func TestInFlight(t *testing.T) {
	lines := slices.DeleteFunc(carried(t, 60), func(line string) bool { _, ok := parseLine(line); return !ok })
	var want []located
	for _, line := range lines {
		r, _ := parseLine(line)
		want = append(want, located{r, known(r.Client)})
	}
	for _, ordered := range []bool{true, false} {
		t.Run(fmt.Sprintf("ordered=%v", ordered), func(t *testing.T) {
			o := patient
			o.Ordered = ordered
			answered := make([]chan struct{}, o.Capacity+1) // the first lookup is 1
			for i := range answered {
				answered[i] = make(chan struct{})
			}
			var lookups, now, tooMany atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n := int(lookups.Add(1))
				if now.Add(1) > int64(o.Capacity) {
					tooMany.Add(1)
				}
				defer now.Add(-1)
				if n < o.Capacity {
					<-answered[n+1]
				}
				answer(w, r)
				if n <= o.Capacity {
					close(answered[n])
				}
			}))
			defer server.Close()
			env := quiet(weir.Streaming, 1, 0)
			found, _ := job(env, lines, server.URL, o)
			var got []located
			found.ForEach(func(l located, _ int64) error {
				got = append(got, l)
				return nil
			})
			if _, err := env.Execute(context.Background(), t.Name()); err != nil {
				t.Fatal(err)
			}
			if tooMany.Load() > 0 {
				t.Errorf("%d lookups began while %d others were under way", tooMany.Load(), o.Capacity)
			}
			if !ordered {
				slices.SortFunc(got, compare)
				want = slices.SortedFunc(slices.Values(want), compare)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got\n%v\nwant\n%v", got, want)
			}
		})
	}
}

func compare(a, b located) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }

// TestNoAnswer asks a server that never answers.
func TestNoAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	lines := carried(t, 5)
	env := quiet(weir.Streaming, 2, 0)
	_, rep := job(env, lines, server.URL, options{Capacity: 5, Timeout: 2 * time.Millisecond, Retries: 3})
	if _, err := env.Execute(context.Background(), t.Name()); err != nil {
		t.Fatal(err)
	}
	if got, want := rep.text(), expected(lines, func(string) string { return noAnswer }); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestUnavailable asks a server that always refuses: as often as it may, and then goes on without.
func TestUnavailable(t *testing.T) {
	var lookups atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		lookups.Add(1)
		http.Error(w, "busy", http.StatusTooManyRequests)
	}))
	defer server.Close()
	lines := slices.DeleteFunc(carried(t, 20), func(line string) bool { _, ok := parseLine(line); return !ok })
	o := patient
	o.Retries = 1
	env := quiet(weir.Streaming, 2, 0)
	_, rep := job(env, lines, server.URL, o)
	if _, err := env.Execute(context.Background(), t.Name()); err != nil {
		t.Fatal(err)
	}
	if got, want := rep.text(), expected(lines, func(string) string { return unavailable }); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if n := int(lookups.Load()); n != 2*len(lines) {
		t.Errorf("%d lookups, want 2 for each of %d lines", n, len(lines))
	}
}

func TestWrongAnswerFailsTheJob(t *testing.T) {
	for _, h := range []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) },
		func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") },
	} {
		server := httptest.NewServer(h)
		env := quiet(weir.Streaming, 2, 0)
		job(env, carried(t, 20), server.URL, patient)
		_, err := env.Execute(context.Background(), t.Name())
		if !errors.Is(err, fault.New(fault.FunctionError, "")) || !strings.Contains(err.Error(), `operator "look up"`) {
			t.Errorf("got error %v, want one of operator look up", err)
		}
		server.Close()
	}
}

// slow takes virtual time instead of asking a server, for some clients more than there is.
type slow struct{}

func (slow) takes(client string) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(client))
	return time.Duration(h.Sum32()%1500) * time.Millisecond
}

func (l slow) Invoke(ctx context.Context, r request) ([]located, error) {
	if err := weirtest.Sleep(ctx, l.takes(r.Client)); err != nil {
		return nil, err
	}
	return []located{{r, known(r.Client)}}, nil
}

func TestSimulated(t *testing.T) {
	lines := carried(t, 150)
	o := options{Capacity: 10, Timeout: time.Second, Retries: 2}
	want := expected(lines, func(client string) string {
		if (slow{}).takes(client) >= o.Timeout {
			return noAnswer
		}
		return known(client)
	})
	if !strings.Contains(want, noAnswer) {
		t.Fatal("no client takes too long")
	}
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		o.Ordered = s.Rand().IntN(2) == 0
		_, sums := build(weir.FromSlice(env, lines), func() weir.AsyncFunction[request, located] { return slow{} }, o)
		rep := collect(sums)
		s.Run(env)
		if got := rep.text(); got != want {
			s.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}
