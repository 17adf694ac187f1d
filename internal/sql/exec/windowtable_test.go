package exec

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

func TestWindowTableFunction(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, w := range []logical.WindowSpec{
		{Kind: logical.Tumble, Size: 10}, {Kind: logical.Tumble, Size: 7, Offset: -3}, {Kind: logical.Hop, Size: 25, Slide: 10}, {Kind: logical.Hop, Size: 3, Slide: 10},
		{Kind: logical.Cumulate, Size: 20, Slide: 5}, {Kind: logical.Cumulate, Size: 20, Slide: 5, Offset: 7},
	} {
		w.Time = field("t")
		f := &WindowTableFunction{Session: &fn.Session{Zone: time.UTC}, Input: aggregateFields, Window: w}
		m := openOperator(t, optest.Options{Rand: rng}, f, 1)
		for range 10 {
			var rows []testRow
			var want []string
			for range 1 + rng.IntN(30) {
				r := testRow{types.RowKind(rng.IntN(4)), randomAggregateRow(rng, 5)}
				at := rng.Int64N(200) - 100
				r.values[w.Time] = column.IntValue(at)
				rows = append(rows, r)
				for _, b := range windowsOf(&w, at) {
					want = append(want, r.kind.String()+text(append(slices.Clone(r.values), column.IntValue(b[0]), column.IntValue(b[1]), column.IntValue(b[1]-1))))
				}
			}
			var got []string
			for _, r := range m.push(t, 0, testBatch(rng, aggregateFields, rows)) {
				got = append(got, r.kind.String()+text(r.values))
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("%+v: %v\nwant %v", w, got, want)
			}
		}
	}
}

func TestWindowsWithoutTimeFail(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	row := randomAggregateRow(rng, 1)
	row[field("t")] = column.NullValue()
	m := openOperator(t, optest.Options{}, &WindowTableFunction{
		Session: &fn.Session{}, Input: aggregateFields, Window: logical.WindowSpec{Time: field("t"), Size: 10},
	}, 1)
	m.in[0].Push(testBatch(rng, aggregateFields, []testRow{{types.Insert, row}}), 0)
	if err := m.Err(); fault.CodeOf(err) != fault.WindowNoTimestamp {
		t.Fatal(err)
	}
}

// TestWindowsOfZone has a day that is 25 hours long.
func TestWindowsOfZone(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	input := []types.Field{{Name: "at", Type: types.TimestampLTZOf(3)}}
	f := &WindowTableFunction{Session: &fn.Session{Zone: zone}, Input: input, Window: logical.WindowSpec{Size: 24 * 3_600_000}}
	m := openOperator(t, optest.Options{}, f, 1)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, at := range []string{"2026-10-25T00:00:00+02:00", "2026-10-25T23:59:59+01:00"} {
		instant, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		got := m.push(t, 0, testBatch(rng, input, []testRow{{types.Insert, []column.Value{column.IntValue(instant.UnixMilli())}}}))
		day := time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC).UnixMilli() // as the clock shows it
		last := time.Date(2026, 10, 25, 23, 59, 59, 999e6, zone).UnixMilli()
		for i, want := range []int64{day, day + 86_400_000, last} {
			if n := got[0].values[1+i].Int(); n != want {
				t.Errorf("%s: column %d is %d, want %d", at, i, n, want)
			}
		}
	}
}

func TestExpand(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	f := &Expand{Input: aggregateFields, Keys: []int{0, 1}, Sets: [][]int{{0, 1}, {1}, {}}, IDs: []int64{0, 2, 3}}
	m := openOperator(t, optest.Options{Rand: rng}, f, 1)
	for range 10 {
		var rows []testRow
		for range 1 + rng.IntN(20) {
			rows = append(rows, testRow{types.RowKind(rng.IntN(4)), randomAggregateRow(rng, 5)})
		}
		got := m.push(t, 0, testBatch(rng, aggregateFields, rows))
		for s := range f.Sets {
			for i, r := range rows {
				want := append(slices.Clone(r.values), column.IntValue(f.IDs[s]))
				for k, c := range f.Keys {
					if !slices.Contains(f.Sets[s], k) {
						want[c] = column.NullValue()
					}
				}
				if g := got[s*len(rows)+i]; g.kind != r.kind || text(g.values) != text(want) {
					t.Fatalf("set %d: %v, want %v %v", s, g, r.kind, want)
				}
			}
		}
	}
}
