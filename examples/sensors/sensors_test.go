package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/testkit/leak"
	"github.com/weirstream/weir/weirtest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// expected is the report on the readings of a text, made in the plainest way.
func expected(t *testing.T, text string) (printed string, late int) {
	t.Helper()
	rep := &report{late: map[string]int{}}
	of := map[string]*summary{}
	for _, s := range carriedSites {
		of[s.Sensor] = &summary{Sensor: s.Sensor, Place: s.Place, Min: math.MaxInt64, Max: math.MinInt64, FirstAlarm: math.MaxInt64}
	}
	newest := int64(math.MinInt64)
	for line := range linesOf(text) {
		r, err := parse(nil, line)
		if err != nil {
			t.Fatal(err)
		}
		if newest != math.MinInt64 && r.At < newest-outOfOrder.Milliseconds() {
			rep.late[r.Sensor]++
			late++
			continue
		}
		newest = max(newest, r.At)
		s := of[r.Sensor]
		s.Readings++
		s.Sum += r.Milli
		s.Min, s.Max = min(s.Min, r.Milli), max(s.Max, r.Milli)
		if l, ok := carriedRules[r.Sensor]; ok && (r.Milli < l.Low || r.Milli > l.High) {
			s.Alarms++
			s.FirstAlarm = min(s.FirstAlarm, r.At)
		}
	}
	for _, s := range of {
		rep.summaries = append(rep.summaries, *s)
	}
	return rep.text(), late
}

func (rep *report) text() string {
	var b bytes.Buffer
	rep.write(&b)
	return b.String()
}

// job builds the job on a stream of lines with the carried rules and sites.
func job(lines *weir.Stream[string]) *report {
	env := lines.Environment()
	return collect(build(lines, weir.FromValues(env, carriedRules), weir.FromSlice(env, carriedSites)))
}

func TestEveryShape(t *testing.T) {
	want, late := expected(t, carried)
	if late == 0 {
		t.Fatal("no reading is late")
	}
	for _, parallelism := range []int{1, 2, 4, 7} {
		for _, rows := range []int{1, 7, 1024} {
			t.Run(fmt.Sprintf("parallelism=%d/rows=%d", parallelism, rows), func(t *testing.T) {
				env := weir.NewEnvironment(weir.Options{Parallelism: parallelism, ChunkRows: rows, Logger: slog.New(slog.DiscardHandler)})
				rep := job(weir.FromFiles(env, files.Options{Path: "testdata/readings.csv"}).Parallelism(1))
				result, err := env.Execute(context.Background(), t.Name())
				if err != nil {
					t.Fatal(err)
				}
				if got := rep.text(); got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
				if n := result.Accumulators["late"].Count; n != int64(late) {
					t.Errorf("counted %d late readings, want %d", n, late)
				}
			})
		}
	}
}

// TestBatch runs the job in batch mode, where no reading is late: it reports what a stream reports of the readings in the order of time.
func TestBatch(t *testing.T) {
	inOrder := slices.Collect(linesOf(carried))
	slices.SortStableFunc(inOrder, func(a, b string) int {
		first, err := parse(nil, a)
		second, other := parse(nil, b)
		if err != nil || other != nil {
			t.Fatal(err, other)
		}
		return cmp.Compare(first.At, second.At)
	})
	want, late := expected(t, strings.Join(inOrder, "\n"))
	if late > 0 {
		t.Fatal("a reading is late in the order of time")
	}
	for _, parallelism := range []int{1, 4} {
		for _, mode := range []weir.RuntimeMode{weir.Streaming, weir.Batch} {
			lines := slices.Collect(linesOf(carried))
			if mode == weir.Streaming {
				lines = inOrder
			}
			env := weir.NewEnvironment(weir.Options{RuntimeMode: mode, Parallelism: parallelism, Logger: slog.New(slog.DiscardHandler)})
			rep := job(weir.FromSlice(env, lines).Parallelism(1))
			if _, err := env.Execute(context.Background(), t.Name()); err != nil {
				t.Fatal(err)
			}
			if got := rep.text(); got != want {
				t.Errorf("%v: got\n%s\nwant\n%s", mode, got, want)
			}
		}
	}
}

func TestSimulated(t *testing.T) {
	text := strings.Join(strings.SplitAfter(carried, "\n")[:300], "")
	want, late := expected(t, text)
	if late == 0 {
		t.Fatal("no reading is late")
	}
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		rep := job(weir.FromSlice(env, slices.Collect(linesOf(text))).Parallelism(1))
		s.Run(env)
		if got := rep.text(); got != want {
			s.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// TestByHand feeds the three inputs one by one: readings wait for the rules, and what is late is told by the readings before it.
func TestByHand(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		lines, lineStream := weirtest.Input[string](s, env)
		allowed, ruleStream := weirtest.Input[rules](s, env)
		sites, siteStream := weirtest.Input[site](s, env)
		r := build(lineStream, ruleStream, siteStream)
		late := weirtest.Capture(s, r.Late)
		summaries := weirtest.Capture(s, r.Summaries)
		s.Start(env)

		lines.Push("2025-01-01T00:00:10Z,a,20", "2025-01-01T00:00:05Z,a,21", "2025-01-01T00:00:04.999Z,a,22")
		s.Settle()
		if got := late.Values(); len(got) != 1 || got[0].Milli != 22_000 {
			s.Errorf("late is %v, want the third reading", got)
		}
		lines.End()
		sites.Push(site{"a", "here"})
		sites.End()
		s.Settle()
		allowed.Push(rules{"a": {0, 20_500}})
		allowed.End()
		if err := s.Wait(); err != nil {
			s.Fatalf("%v", err)
		}
		at := int64(1735689605000)
		if got, want := summaries.Values(), []summary{{"a", "here", 2, 41_000, 20_000, 21_000, 1, at}}; !slices.Equal(got, want) {
			s.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestBadLineFailsTheJob(t *testing.T) {
	for _, line := range []string{"", "a,b", "noon,a,1", "2025-01-01T00:00:10Z,a,warm"} {
		env := weir.NewEnvironment(weir.Options{Parallelism: 2, Logger: slog.New(slog.DiscardHandler)})
		job(weir.FromValues(env, "2025-01-01T00:00:10Z,a,20", line))
		_, err := env.Execute(context.Background(), t.Name())
		if !errors.Is(err, fault.New(fault.FunctionError, "")) || !strings.Contains(err.Error(), `operator "parse"`) {
			t.Errorf("%q: got error %v, want one of operator parse", line, err)
		}
	}
}
