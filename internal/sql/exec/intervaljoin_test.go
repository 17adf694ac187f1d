package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

func TestIntervalJoin(t *testing.T) {
	stamp := types.TimestampOf(3).NotNull().WithAttribute(types.Rowtime)
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := &IntervalJoin{
			Session: testSession, Left: append(sideFields("l"), fieldOf("ts", stamp)), Right: append(sideFields("r"), fieldOf("ts", stamp)), Kind: joinKinds[seed%4], LeftTime: 6, RightTime: 6,
			Lower: time.Duration(r.IntN(20)-15) * time.Millisecond,
		}
		f.Upper = f.Lower + time.Duration(r.IntN(15))*time.Millisecond
		switch r.IntN(3) {
		case 0:
			f.LeftKeys, f.RightKeys, f.NullSafe = []int{0, 5}, []int{0, 5}, []bool{r.IntN(2) == 0, true}
		case 1:
			f.LeftKeys, f.RightKeys = []int{0}, []int{0}
		}
		if r.IntN(2) == 0 {
			all := slices.Concat(f.Left, f.Right)
			f.Residual = callOf(t, "<=", refOf(all, 1), refOf(all, 8))
		}
		o := optest.Options{Rand: r, Restores: 10}
		if r.IntN(20) == 0 {
			o.State = spilling(t)
		}
		name := fmt.Sprintf("seed %d, %+v", seed, *f)
		g := newRig(t, o, f, f.Left, f.Right)
		oracle := &joinTest{f: &Join{Left: f.Left, Right: f.Right, Kind: f.Kind, LeftKeys: f.LeftKeys, RightKeys: f.RightKeys, NullSafe: f.NullSafe, Residual: f.Residual}}
		oracle.also = func(l, r []column.Value) bool {
			d := l[6].Int() - r[6].Int()
			return d >= f.Lower.Milliseconds() && d <= f.Upper.Milliseconds()
		}
		got := bag{}
		take := func(changes []change) {
			for _, c := range changes {
				if c.kind != types.Insert {
					t.Fatalf("%s: %v", name, c)
				}
				got.apply(c)
			}
		}
		watermark := int64(0)
		g.watermark(0)
		for range 40 {
			if r.IntN(4) == 0 {
				watermark += int64(r.IntN(12))
				take(g.watermark(watermark))
				continue
			}
			s := r.IntN(2)
			var in []change
			for range 1 + r.IntN(10) {
				in = append(in, change{row: append(randomSide(r, 4, 6), column.IntValue(watermark+1+int64(r.IntN(20))))})
				oracle.sides[s] = append(oracle.sides[s], in[len(in)-1].row)
			}
			take(g.push(s, in...))
		}
		take(g.finish())
		if a, b := got.String(), oracle.result().String(); a != b {
			t.Fatalf("%s\ngot\n%s\nwant\n%s", name, a, b)
		}
		if n := g.h.Context().Store.Keys(); n != 0 {
			t.Fatalf("%s: %d keys are left", name, n)
		}
	}
}

func TestIntervalJoinOfLateRows(t *testing.T) {
	fields := []types.Field{fieldOf("k", testBigint.NotNull()), fieldOf("ts", types.TimestampOf(3))}
	row := func(k, ts int64) change { return change{row: []column.Value{column.IntValue(k), column.IntValue(ts)}} }
	f := &IntervalJoin{Session: testSession, Left: fields, Right: fields, Kind: logical.FullOuter, LeftKeys: []int{0}, RightKeys: []int{0}, LeftTime: 1, RightTime: 1, Lower: -10 * time.Millisecond, Upper: 10 * time.Millisecond}
	g := newRig(t, optest.Options{}, f, fields, fields)
	var got []string
	note := func(out []change) { got = append(got, fmt.Sprint(out)) }
	note(g.push(0, row(1, 100)))
	note(g.watermark(109))
	note(g.push(1, row(1, 95), row(1, 89))) // both are late, and one finds the row that is kept still
	note(g.push(1, row(1, 99)))             // late as well, and not kept
	note(g.push(1, row(1, 101)))
	note(g.watermark(110))
	note(g.push(0, row(1, 105), row(2, 50)))
	note(g.watermark(111))
	note(g.finish())
	want := "[] [] [+I(1 100 1 95) +I(null null 1 89)] [+I(1 100 1 99)] [+I(1 100 1 101)] [] [+I(1 105 1 101) +I(2 50 null null)] [] []"
	if s := strings.Join(got, " "); s != want {
		t.Fatalf("%s\nwant\n%s", s, want)
	}
}

func TestIntervalJoinInProcessingTime(t *testing.T) {
	fields := []types.Field{fieldOf("k", testBigint.NotNull()), fieldOf("pt", types.TimestampLTZOf(3).WithAttribute(types.Proctime))}
	row := func(k int64) change { return change{row: []column.Value{column.IntValue(k), column.IntValue(7)}} }
	f := &IntervalJoin{Session: testSession, Left: fields, Right: fields, Kind: logical.LeftOuter, LeftKeys: []int{0}, RightKeys: []int{0}, LeftTime: 1, RightTime: 1, Lower: -10 * time.Millisecond, Upper: 4 * time.Millisecond, Proctime: true}
	g := newRig(t, optest.Options{Start: 1000}, f, fields, fields)
	var got []string
	note := func(out []change) { got = append(got, fmt.Sprint(out)) }
	note(g.push(0, row(1), row(2)))
	g.h.Clock(1010, false)
	note(g.push(1, row(1)))
	g.h.Clock(1011, false)
	note(g.push(1, row(2)))
	g.h.Clock(1015, false)
	note(g.push(0, row(1), row(2), row(3)))
	g.h.Clock(1040, false)
	note(g.take())
	note(g.finish())
	want := "[] [+I(1 7 1 7)] [+I(2 7 null null)] [+I(2 7 2 7)] [+I(1 7 null null) +I(3 7 null null)] []"
	if s := strings.Join(got, " "); s != want {
		t.Fatalf("%s\nwant\n%s", s, want)
	}
	if n := g.h.Context().Store.Keys(); n != 0 {
		t.Fatalf("%d keys are left", n)
	}
}
