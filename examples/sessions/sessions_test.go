package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/internal/testkit/leak"
	"github.com/weirstream/weir/weirtest"
)

func TestMain(m *testing.M) { leak.Main(m) }

const (
	logFile = "../accesslog/testdata/access.log"
	top     = 10
)

// expected finds the sessions in lines in the plainest way: the requests of each visitor are sorted by time, and cut where there is a gap. It is for lines of which none is late.
func expected(lines iter.Seq[string]) (sessions []session, printed string, requests, malformed int64) {
	of := map[string][]request{}
	for line := range lines {
		r, err := parseLine(line)
		if err != nil {
			malformed++
			continue
		}
		requests++
		of[r.Visitor] = append(of[r.Visitor], r)
	}
	for visitor, all := range of {
		slices.SortStableFunc(all, func(a, b request) int { return cmp.Compare(a.At, b.At) })
		for begin, i := 0, 1; i <= len(all); i++ {
			if i < len(all) && all[i].At-all[i-1].At <= gap.Milliseconds() {
				continue
			}
			s := session{Visitor: visitor, Start: all[begin].At, End: all[i-1].At}
			for _, r := range all[begin:i] {
				s.Requests++
				s.Bytes += r.Bytes
				if r.page() {
					if s.Pages == 0 {
						s.First = r
					}
					s.Last = r
					s.Pages++
				}
			}
			sessions = append(sessions, s)
			begin = i
		}
	}
	days := map[int64][]session{}
	for _, s := range sessions {
		over := time.UnixMilli(s.End).Add(gap - time.Millisecond).UTC().Truncate(day).UnixMilli()
		days[over] = append(days[over], s)
	}
	rep := &report{}
	for _, start := range slices.Sorted(maps.Keys(days)) {
		rep.days = append(rep.days, sumUp(start, slices.Values(days[start]), top))
	}
	return sessions, rep.text(), requests, malformed
}

func (rep *report) text() string {
	var b bytes.Buffer
	rep.write(&b)
	return b.String()
}

func carried(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(logFile)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func sorted(all []session) []session {
	slices.SortFunc(all, func(a, b session) int {
		return cmp.Or(cmp.Compare(a.Visitor, b.Visitor), cmp.Compare(a.Start, b.Start))
	})
	return all
}

func TestEveryShape(t *testing.T) {
	sessions, want, requests, malformed := expected(slices.Values(carried(t)))
	if malformed == 0 || len(sessions) < 100 {
		t.Fatalf("%d sessions, %d malformed lines", len(sessions), malformed)
	}
	for _, mode := range []weir.RuntimeMode{weir.Streaming, weir.Batch} {
		for _, parallelism := range []int{1, 2, 4} {
			for _, rows := range []int{1, 7, 1024} {
				t.Run(fmt.Sprintf("%v/parallelism=%d/rows=%d", mode, parallelism, rows), func(t *testing.T) {
					env := weir.NewEnvironment(weir.Options{RuntimeMode: mode, Parallelism: parallelism, ChunkRows: rows, Logger: slog.New(slog.DiscardHandler)})
					each, days := build(weir.FromFiles(env, files.Options{Path: logFile}).Parallelism(1), top)
					rep := collect(days)
					var got []session
					each.ForEach(func(s session, _ int64) error {
						got = append(got, s)
						return nil
					}).Parallelism(1)
					result, err := env.Execute(context.Background(), t.Name())
					if err != nil {
						t.Fatal(err)
					}
					if !slices.Equal(sorted(got), sorted(sessions)) {
						t.Errorf("%d sessions, want %d; or others", len(got), len(sessions))
					}
					if got := rep.text(); got != want {
						t.Errorf("got\n%s\nwant\n%s", got, want)
					}
					if a := result.Accumulators; a["requests"].Count != requests || a["malformed"].Count != malformed {
						t.Errorf("counted %d requests and %d malformed lines, want %d and %d", a["requests"].Count, a["malformed"].Count, requests, malformed)
					}
				})
			}
		}
	}
}

// TestSimulated shuffles lines within the bound, so that requests come between those that make sessions touch.
func TestSimulated(t *testing.T) {
	lines := carried(t)[:400]
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		type arriving struct {
			line string
			at   int64
		}
		var all []arriving
		for _, line := range lines {
			r, err := parseLine(line)
			if err != nil {
				continue
			}
			all = append(all, arriving{line, r.At + s.Rand().Int64N(outOfOrder.Milliseconds())})
		}
		slices.SortStableFunc(all, func(a, b arriving) int { return cmp.Compare(a.at, b.at) })
		var mixed []string
		for _, a := range all {
			mixed = append(mixed, a.line)
		}
		sessions, want, _, _ := expected(slices.Values(mixed))
		env := s.Environment()
		each, days := build(weir.FromSlice(env, mixed).Parallelism(1), top)
		rep := collect(days)
		got := weirtest.Capture(s, each)
		s.Run(env)
		if !slices.Equal(sorted(got.Values()), sorted(sessions)) {
			s.Errorf("%d sessions, want %d; or others", got.Len(), len(sessions))
		}
		if got := rep.text(); got != want {
			s.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// TestByHand shows when a session is told: not before the watermark has passed its gap.
func TestByHand(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		feed, lines := weirtest.Input[string](s, env)
		sessions, days := build(lines, top)
		got, summaries := weirtest.Capture(s, sessions), weirtest.Capture(s, days)
		s.Start(env)
		get := func(visitor, clock, path string) {
			feed.Push(fmt.Sprintf(`%s - - [03/Mar/2025:%s +0000] "GET %s HTTP/1.1" 200 10 "-" "-"`, visitor, clock, path))
			s.Settle()
		}
		get("a", "10:00:00", "/")
		get("a", "10:29:59", "/late.css")
		get("b", "11:00:58", "/") // a's session is over, but a line of it may still come
		if got.Len() != 0 {
			s.Errorf("told too early: %v", got.Values())
		}
		get("b", "11:00:59", "/x") // brings the watermark to 10:59:58.999
		if v := got.Values(); len(v) != 1 || v[0].Visitor != "a" || v[0].duration() != 29*time.Minute+59*time.Second || v[0].Pages != 1 || v[0].Requests != 2 {
			s.Errorf("got %v, want the session of a", v)
		}
		get("b", "11:00:59", "/y") // at the same time as the page before
		feed.End()
		if err := s.Wait(); err != nil {
			s.Fatalf("%v", err)
		}
		if v := got.Values(); len(v) == 2 && (v[1].Visitor != "b" || v[1].First.Path != "/" || v[1].Last.Path != "/y") {
			s.Errorf("got %v, want a session of b from / to /y", v[1])
		}
		if v := summaries.Values(); got.Len() != 2 || len(v) != 1 || v[0].Sessions != 2 || v[0].Single != 1 {
			s.Errorf("got %v and %v, want two sessions in a day", got.Values(), v)
		}
	})
}

func TestParse(t *testing.T) {
	const good = `192.0.2.7 - ada [03/Mar/2025:08:01:02 +0100] "GET /a?b=c HTTP/1.1" 200 12 "-" "x"`
	want := request{Visitor: "192.0.2.7", At: time.Date(2025, 3, 3, 7, 1, 2, 0, time.UTC).UnixMilli(), Path: "/a", Status: 200, Bytes: 12}
	if got, err := parseLine(good); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, old := range []string{"192.0.2.7 ", "03/Mar", "] ", "GET ", "/a", `HTTP/1.1"`, "200", "12"} {
		if r, err := parseLine(strings.Replace(good, old, "", 1)); err == nil {
			t.Errorf("without %q: got %+v, want an error", old, r)
		}
	}
}
