package exec

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// slowWindows keeps the rows of all windows.
type slowWindows struct {
	f    *WindowAggregate
	open map[[2]int64]map[string][][]column.Value
	late int64
	// sessions are those of each key.
	sessions map[string][]*slowSession
}

type slowSession struct {
	start, end int64
	rows       [][]column.Value
}

func (s *slowWindows) addToSession(row []column.Value, watermark int64) {
	t := row[s.f.Window.Time].Int()
	x := &slowSession{t, t + s.f.Window.Size, nil}
	k := s.key(row)
	var apart []*slowSession
	for _, y := range s.sessions[k] {
		if t > y.end || t+s.f.Window.Size < y.start {
			apart = append(apart, y)
			continue
		}
		x.start, x.end, x.rows = min(x.start, y.start), max(x.end, y.end), append(x.rows, y.rows...)
	}
	if x.end-1 <= watermark {
		s.late++
		return
	}
	x.rows = append(x.rows, row)
	s.sessions[k] = append(apart, x)
}

func (s *slowWindows) key(row []column.Value) string {
	var key []column.Value
	for _, k := range s.f.Keys {
		key = append(key, row[k])
	}
	return text(key)
}

// closeSessions makes the sessions that are complete windows.
func (s *slowWindows) closeSessions(watermark int64) {
	for k, all := range s.sessions {
		s.sessions[k] = slices.DeleteFunc(all, func(x *slowSession) bool {
			if x.end-1 > watermark {
				return false
			}
			s.put([2]int64{x.start, x.end}, k, x.rows...)
			return true
		})
	}
}

func (s *slowWindows) put(w [2]int64, key string, rows ...[]column.Value) {
	if s.open[w] == nil {
		s.open[w] = map[string][][]column.Value{}
	}
	s.open[w][key] = append(s.open[w][key], rows...)
}

// windowsOf lists the windows of a time.
func windowsOf(w *logical.WindowSpec, t int64) (all [][2]int64) {
	size, slide := w.Size, w.Slide
	if w.Kind == logical.Tumble || w.Kind == logical.Cumulate {
		slide = w.Size
	}
	start := w.Offset - 100*slide
	for start+slide <= t {
		start += slide
	}
	if w.Kind == logical.Cumulate {
		for end := start + w.Slide; end <= start+w.Size; end += w.Slide {
			if end > t {
				all = append(all, [2]int64{start, end})
			}
		}
		return all
	}
	for ; start+size > t; start -= slide {
		all = append(all, [2]int64{start, start + size})
	}
	return all
}

func (s *slowWindows) add(row []column.Value, watermark int64) {
	var windows [][2]int64
	if s.f.Window.Kind == logical.Session && !s.f.WindowAttached {
		s.addToSession(row, watermark)
		return
	}
	if s.f.WindowAttached {
		windows = [][2]int64{{row[s.f.StartCol].Int(), row[s.f.EndCol].Int()}}
	} else {
		windows = windowsOf(&s.f.Window, row[s.f.Window.Time].Int())
	}
	taken := len(windows) == 0
	for _, w := range windows {
		if w[1]-1 <= watermark {
			continue
		}
		taken = true
		s.put(w, s.key(row), row)
	}
	if !taken {
		s.late++
	}
}

// fire returns the windows that are complete, each with its rows of output.
func (s *slowWindows) fire(watermark int64) (out [][]string) {
	s.closeSessions(watermark)
	var due [][2]int64
	for w := range s.open {
		if w[1]-1 <= watermark {
			due = append(due, w)
		}
	}
	slices.SortFunc(due, func(a, b [2]int64) int { return cmp.Or(cmp.Compare(a[1], b[1]), cmp.Compare(a[0], b[0])) })
	last := int64(math.MinInt64)
	for _, w := range due {
		if w[1] != last {
			out = append(out, nil)
			last = w[1]
		}
		for _, rows := range s.open[w] {
			var r []column.Value
			for _, k := range s.f.Keys {
				r = append(r, rows[0][k])
			}
			for _, c := range s.f.Calls {
				r = append(r, slowAggregate(c, aggregateFields, rows))
			}
			r = append(r, column.IntValue(w[0]), column.IntValue(w[1]), column.IntValue(w[1]-1))
			out[len(out)-1] = append(out[len(out)-1], text(r))
		}
		delete(s.open, w)
	}
	return out
}

func TestWindowAggregate(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { testWindowAggregate(t, rand.New(rand.NewPCG(seed, 8)), false) })
	}
}

func testWindowAggregate(t *testing.T, rng *rand.Rand, twice bool) {
	f := &WindowAggregate{
		Session: &fn.Session{Zone: time.UTC}, Input: aggregateFields, Keys: [][]int{{}, {0}, {1}, {0, 1}}[rng.IntN(4)], Consumes: types.AppendOnly,
		Properties: []logical.WindowProperty{logical.WindowStart, logical.WindowEnd, logical.WindowRowtime},
	}
	f.Window = logical.WindowSpec{Kind: logical.WindowKind(rng.IntN(4)), Time: field("t")}
	if twice && f.Window.Kind == logical.Session {
		f.Window.Kind = logical.Hop
	}
	switch f.Window.Kind {
	case logical.Tumble:
		f.Window.Size = []int64{1, 10, 100}[rng.IntN(3)]
	case logical.Hop:
		f.Window.Slide = []int64{1, 10, 30}[rng.IntN(3)]
		f.Window.Size = f.Window.Slide * (1 + rng.Int64N(4))
		if rng.IntN(4) == 0 {
			f.Window.Size += f.Window.Slide / 3
		}
		if rng.IntN(6) == 0 {
			f.Window.Size = max(f.Window.Slide/2, 1)
		}
	case logical.Cumulate:
		f.Window.Slide = []int64{1, 10, 30}[rng.IntN(3)]
		f.Window.Size = f.Window.Slide * (1 + rng.Int64N(5))
	}
	if f.Window.Kind == logical.Session {
		f.Window.Size = []int64{1, 5, 15, 100, 200}[rng.IntN(5)]
	} else if rng.IntN(3) == 0 {
		f.Window.Offset = rng.Int64N(2*f.Window.Size) - f.Window.Size
	}
	attached := rng.IntN(5) == 0
	if attached {
		f.WindowAttached, f.StartCol, f.EndCol = true, field("t"), field("e")
	}
	for _, c := range aggregateCalls(t, false) {
		if rng.IntN(6) == 0 {
			f.Calls = append(f.Calls, c)
		}
	}
	if rng.IntN(2) == 0 {
		f.Calls = slices.DeleteFunc(f.Calls, func(c *agg.Call) bool { return c.Function != "COUNT" && c.Function != "SUM" || c.Distinct })
	}
	ordered := func(c *agg.Call) bool {
		return strings.Contains(c.Function, "AGG") || strings.HasSuffix(c.Function, "_VALUE")
	}
	if f.Window.Kind != logical.Tumble && !attached { // slices and sessions have an order of their own
		f.Calls = slices.DeleteFunc(f.Calls, ordered)
	}
	run := *f
	push := func(m *testOperator, b *column.Batch) []testRow { return m.push(t, 0, b) }
	if twice {
		l := &LocalAggregate{Session: f.Session, Input: aggregateFields, Keys: slices.Clone(f.Keys), Calls: f.Calls, Consumes: f.Consumes, Windowed: true, Window: &f.Window}
		if attached {
			l.Keys, l.Window = append(l.Keys, f.StartCol, f.EndCol), nil
		}
		p := inPhases(t, rng, l)
		f.Calls = l.Calls
		run = *f
		run.Input, run.Keys, run.Partial = p.fields, firstOf(len(f.Keys)), aggregateFields
		if attached {
			run.StartCol, run.EndCol = len(f.Keys), len(f.Keys)+1
			run.Window.Time = run.StartCol
		}
		push = func(m *testOperator, b *column.Batch) []testRow { return p.push(t, m, b) }
	}
	m := openOperator(t, optest.Options{Rand: rng, Restores: 8, Stops: 30, Again: rng.IntN(2) == 0, State: randomBackend(t, rng)}, &run, 1)
	s := &slowWindows{f: f, open: map[[2]int64]map[string][][]column.Value{}, sessions: map[string][]*slowSession{}}
	now, watermark := int64(0), int64(math.MinInt64)
	keys := []int{1, 5, 60}[rng.IntN(3)]
	for range 40 {
		var rows []testRow
		for range 1 + rng.IntN(40) {
			now += rng.Int64N(3)
			if rng.IntN(200) == 0 {
				now += 200
			}
			row := randomAggregateRow(rng, keys)
			row[field("t")] = column.IntValue(now - rng.Int64N([]int64{1, 10, 60}[rng.IntN(3)]))
			if attached {
				start := now / 20 * 20
				row[f.StartCol], row[f.EndCol] = column.IntValue(start-rng.Int64N(2)*20), column.IntValue(start+20)
			}
			rows = append(rows, testRow{types.Insert, row})
			s.add(row, watermark)
		}
		if out := push(m, testBatch(rng, aggregateFields, rows)); len(out) > 0 {
			t.Fatalf("%v before the watermark", out)
		}
		if rng.IntN(2) == 0 {
			watermark = max(watermark, now-rng.Int64N(30))
			checkWindows(t, m, s, watermark)
		}
	}
	checkWindows(t, m, s, math.MaxInt64)
	if late := m.Counter("numLateRecordsDropped"); late != s.late {
		t.Fatalf("%d late, want %d", late, s.late)
	}
}

func checkWindows(t *testing.T, m *testOperator, s *slowWindows, watermark int64) {
	t.Helper()
	from := len(m.out)
	m.Watermark(watermark)
	if err := m.Err(); err != nil {
		t.Fatal(err)
	}
	got := m.out[from:]
	for _, want := range s.fire(watermark) {
		var have []string
		for len(have) < len(want) && len(got) > 0 {
			have = append(have, text(got[0].values))
			got = got[1:]
		}
		slices.Sort(have)
		slices.Sort(want)
		if !slices.Equal(have, want) {
			t.Fatalf("watermark %d, window %+v, calls %v:\n%v\nwant\n%v", watermark, s.f.Window, names(s.f.Calls), have, want)
		}
	}
	if len(got) > 0 {
		t.Fatalf("watermark %d: %d rows too many: %v", watermark, len(got), got)
	}
}

// TestWindowsOfProcessingTime has a row every few milliseconds of the clock.
func TestWindowsOfProcessingTime(t *testing.T) {
	for kind := logical.Tumble; kind <= logical.Session; kind++ {
		for _, final := range []bool{false, true} {
			t.Run(fmt.Sprint(kind, final), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(uint64(kind), 5))
				f := &WindowAggregate{
					Session: &fn.Session{Zone: time.UTC}, Input: aggregateFields, Keys: []int{0}, Consumes: types.AppendOnly, Final: final,
					Window:     logical.WindowSpec{Kind: kind, Time: field("t"), Size: 100, Slide: 20, Proctime: true},
					Properties: []logical.WindowProperty{logical.WindowStart, logical.WindowEnd, logical.WindowRowtime},
					Calls:      []*agg.Call{aggregate(t, "COUNT", types.New(types.BigInt).NotNull(), "", false, false), aggregate(t, "MAX", types.New(types.Int), "", false, false, "i")},
				}
				m := openOperator(t, optest.Options{Rand: rng, Start: 1000, Restores: 10}, f, 1)
				slow := *f // the same windows of event time, which is the clock's
				s := &slowWindows{f: &slow, open: map[[2]int64]map[string][][]column.Value{}, sessions: map[string][]*slowSession{}}
				var want [][]string
				for now := int64(1000); now < 3000; {
					now += rng.Int64N(12)
					if rng.IntN(30) == 0 {
						now += 150
					}
					m.Clock(now, false)
					if !final {
						want = append(want, s.fire(now-1)...)
					}
					row := randomAggregateRow(rng, 3)
					m.push(t, 0, testBatch(rng, aggregateFields, []testRow{{types.Insert, row}}))
					row = slices.Clone(row)
					row[field("t")] = column.IntValue(now)
					s.add(row, math.MinInt64)
				}
				m.Finish()
				if final {
					want = append(want, s.fire(math.MaxInt64)...)
				}
				var all, got []string
				for _, w := range want {
					all = append(all, w...)
				}
				for _, r := range m.out {
					got = append(got, text(r.values))
				}
				slices.Sort(all)
				slices.Sort(got)
				if len(all) == 0 || !slices.Equal(got, all) {
					t.Fatalf("%d rows, want %d: %v\n%v", len(got), len(all), got, all)
				}
			})
		}
	}
}
