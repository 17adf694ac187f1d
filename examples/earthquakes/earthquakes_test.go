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

// expected is the report on the entries of a text, made in the plainest way: all earthquakes of a day are kept, and the watermark is looked at for each entry.
func expected(t *testing.T, text string) *report {
	t.Helper()
	type dayOf struct {
		region string
		start  int64
	}
	rep := &report{}
	of := map[dayOf][]quake{}
	told := map[dayOf]bool{}
	tell := func(d dayOf) {
		told[d] = true
		best := of[d][0]
		for _, q := range of[d] {
			if q.Magnitude > best.Magnitude || q.Magnitude == best.Magnitude && q.At < best.At {
				best = q
			}
		}
		rep.told = append(rep.told, daily{d.region, d.start, tally{int64(len(of[d])), best}})
	}
	newest, watermark := int64(math.MinInt64), int64(math.MinInt64)
	for line := range linesOf(text) {
		q, kind, err := parseLine(line)
		if err != nil {
			t.Fatal(err)
		}
		if kind != "earthquake" {
			continue
		}
		d := dayOf{q.Region, q.At / day.Milliseconds() * day.Milliseconds()}
		switch last := d.start + day.Milliseconds() - 1; {
		case last+patience.Milliseconds() <= watermark:
			rep.late = append(rep.late, q)
		case last <= watermark:
			of[d] = append(of[d], q)
			tell(d)
		default:
			of[d] = append(of[d], q)
		}
		newest = max(newest, q.At)
		watermark = newest - outOfOrder.Milliseconds() - 1
		for d := range of {
			if !told[d] && d.start+day.Milliseconds()-1 <= watermark {
				tell(d)
			}
		}
	}
	for d := range of {
		if !told[d] {
			tell(d)
		}
	}
	return rep
}

// check compares what was told and what was late, and not only what is printed of it.
func check(t interface{ Errorf(string, ...any) }, got, want *report) {
	byQuake := func(a, b quake) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Place, b.Place)) }
	byDay := func(a, b daily) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Day, b.Day), cmp.Compare(a.Quakes, b.Quakes))
	}
	for _, rep := range []*report{got, want} {
		slices.SortFunc(rep.told, byDay)
		slices.SortFunc(rep.late, byQuake)
	}
	if !slices.Equal(got.told, want.told) {
		t.Errorf("told %d times, want %d: got\n%s\nwant\n%s", len(got.told), len(want.told), got.text(), want.text())
	}
	if !slices.Equal(got.late, want.late) {
		t.Errorf("late are %d earthquakes, want %d: %v", len(got.late), len(want.late), got.late)
	}
	if got, want := got.text(), want.text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func (rep *report) text() string {
	var b bytes.Buffer
	rep.write(&b, math.MaxInt)
	return b.String()
}

// days is how many regions and days were told.
func (rep *report) days() (n int) {
	for _, r := range rep.regions() {
		n += len(r.byDay)
	}
	return n
}

func TestEveryShape(t *testing.T) {
	want := expected(t, carried)
	if len(want.late) == 0 || len(want.told) == want.days() {
		t.Fatal("no entry is late, or none corrects a day")
	}
	for _, parallelism := range []int{1, 2, 4} {
		for _, rows := range []int{1, 7, 1024} {
			t.Run(fmt.Sprintf("parallelism=%d/rows=%d", parallelism, rows), func(t *testing.T) {
				env := weir.NewEnvironment(weir.Options{Parallelism: parallelism, ChunkRows: rows, Logger: slog.New(slog.DiscardHandler)})
				rep := collect(build(weir.FromFiles(env, files.Options{Path: "testdata/quakes.csv"}).Parallelism(1)))
				result, err := env.Execute(context.Background(), t.Name())
				if err != nil {
					t.Fatal(err)
				}
				check(t, rep, want)
				if n, want := result.Accumulators["no earthquakes"].Count, int64(strings.Count(carried, ",explosion,")+strings.Count(carried, ",quarry blast,")); n != want {
					t.Errorf("%d entries are no earthquakes, want %d", n, want)
				}
			})
		}
	}
}

// TestBatch runs the job in batch mode, where no entry is late: it tells what a stream tells of the entries in the order of time.
func TestBatch(t *testing.T) {
	inOrder := slices.Collect(linesOf(carried))
	slices.SortStableFunc(inOrder, func(a, b string) int {
		first, _, err := parseLine(a)
		second, _, other := parseLine(b)
		if err != nil || other != nil {
			t.Fatal(err, other)
		}
		return cmp.Compare(first.At, second.At)
	})
	want := expected(t, strings.Join(inOrder, "\n"))
	if len(want.late) > 0 || len(want.told) != want.days() {
		t.Fatal("an entry is late in the order of time")
	}
	for _, parallelism := range []int{1, 4} {
		for _, mode := range []weir.RuntimeMode{weir.Streaming, weir.Batch} {
			lines := slices.Collect(linesOf(carried))
			if mode == weir.Streaming {
				lines = inOrder
			}
			env := weir.NewEnvironment(weir.Options{RuntimeMode: mode, Parallelism: parallelism, Logger: slog.New(slog.DiscardHandler)})
			rep := collect(build(weir.FromSlice(env, lines).Parallelism(1)))
			if _, err := env.Execute(context.Background(), t.Name()); err != nil {
				t.Fatal(err)
			}
			check(t, rep, want)
		}
	}
}

func TestSimulated(t *testing.T) {
	// Entries of each part of the week: only so are there late ones.
	var some []string
	for i, line := range slices.Collect(linesOf(carried)) {
		if i%6 == 0 {
			some = append(some, line)
		}
	}
	want := expected(t, strings.Join(some, "\n"))
	if len(want.late) == 0 || len(want.told) == want.days() {
		t.Fatal("no entry is late, or none corrects a day")
	}
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		rep := collect(build(weir.FromSlice(env, some).Parallelism(1)))
		s.Run(env)
		check(s, rep, want)
	})
}

func TestBadLineFailsTheJob(t *testing.T) {
	const good = `2018-02-01T00:00:00.000Z,2018-02-01T01:00:00.000Z,1.5,earthquake,"1km N of Here, CA"`
	for _, line := range []string{"", "a,b", strings.Replace(good, "2018-", "once-", 1), strings.Replace(good, "1.5", "big", 1), good[:len(good)-1]} {
		env := weir.NewEnvironment(weir.Options{Parallelism: 2, Logger: slog.New(slog.DiscardHandler)})
		collect(build(weir.FromValues(env, good, line).Parallelism(1)))
		_, err := env.Execute(context.Background(), t.Name())
		if !errors.Is(err, fault.New(fault.FunctionError, "")) || !strings.Contains(err.Error(), `operator "parse"`) {
			t.Errorf("%q: got error %v, want one of operator parse", line, err)
		}
	}
}

func TestRegionOf(t *testing.T) {
	for place, want := range map[string]string{
		"4km W of Castaic, CA": "California", "10km NE of Aguanga, California": "California", "Banda Sea": "Banda Sea", "3km S of A, B, Alaska": "Alaska", "9km W of X, MX": "Mexico", "": "",
	} {
		if got := regionOf(place); got != want {
			t.Errorf("%q: got %q, want %q", place, got, want)
		}
	}
}
