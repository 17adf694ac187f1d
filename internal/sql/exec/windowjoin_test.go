package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/types"
)

func TestWindowJoin(t *testing.T) {
	stamp := types.TimestampOf(3).NotNull()
	late := 0
	for seed := range uint64(180) {
		r := rand.New(rand.NewPCG(seed, 1))
		window := []types.Field{fieldOf("window_start", stamp), fieldOf("window_end", stamp)}
		f := &WindowJoin{
			Session: testSession, Left: append(sideFields("l"), window...), Right: append(sideFields("r"), window...), Kind: joinKinds[seed%6], LeftWindow: [2]int{6, 7}, RightWindow: [2]int{6, 7},
		}
		shift := int64(0)
		if r.IntN(3) == 0 {
			f.Local, f.Session = true, &fn.Session{Zone: time.FixedZone("", 7200)}
			shift = 7200_000
		}
		switch r.IntN(3) {
		case 0:
			f.LeftKeys, f.RightKeys, f.NullSafe = []int{0, 5}, []int{0, 5}, []bool{r.IntN(2) == 0, true}
		case 1:
			f.LeftKeys, f.RightKeys = []int{0}, []int{0}
		}
		if r.IntN(2) == 0 {
			all := slices.Concat(f.Left, f.Right)
			f.Residual = callOf(t, "<=", refOf(all, 1), refOf(all, 9))
		}
		o := optest.Options{Rand: r, Restores: 10}
		if r.IntN(20) == 0 {
			o.State = spilling(t)
		}
		name := fmt.Sprintf("seed %d, kind %d, keys %v", seed, f.Kind, f.LeftKeys)
		g := newRig(t, o, f, f.Left, f.Right)
		windows := map[[2]int64]*joinTest{}
		want, got := bag{}, bag{}
		watermark := int64(-1)
		g.watermark(watermark)
		take := func(changes []change) {
			for _, c := range changes {
				if c.kind != types.Insert {
					t.Fatalf("%s: %v", name, c)
				}
				got.apply(c)
			}
		}
		dropped := int64(0)
		for range 40 {
			if r.IntN(4) == 0 {
				watermark += int64(r.IntN(12))
				take(g.watermark(watermark))
				continue
			}
			s := r.IntN(2)
			var in []change
			for range 1 + r.IntN(10) {
				end := max(0, watermark-3) + int64(r.IntN(30))
				end -= end % 5
				start := end - []int64{5, 10}[r.IntN(2)]
				in = append(in, change{row: append(randomSide(r, 4, 6), column.IntValue(start+shift), column.IntValue(end+shift))})
				if end-1 <= watermark {
					late++
					dropped++
					continue
				}
				w := windows[[2]int64{start, end}]
				if w == nil {
					w = &joinTest{f: &Join{Left: f.Left, Right: f.Right, Kind: f.Kind, LeftKeys: f.LeftKeys, RightKeys: f.RightKeys, NullSafe: f.NullSafe, Residual: f.Residual}}
					windows[[2]int64{start, end}] = w
				}
				w.sides[s] = append(w.sides[s], in[len(in)-1].row)
			}
			if out := g.push(s, in...); len(out) > 0 {
				t.Fatalf("%s: %v came before its window's end", name, out)
			}
		}
		take(g.finish())
		for _, w := range windows {
			for row, n := range w.result() {
				want[row] += n
			}
		}
		if a, b := got.String(), want.String(); a != b {
			t.Fatalf("%s\ngot\n%s\nwant\n%s", name, a, b)
		}
		if n := g.h.Counter("numLateRecordsDropped"); n != dropped {
			t.Fatalf("%s: %d rows were late, want %d", name, n, dropped)
		}
		if n := g.h.Context().Store.Keys(); n != 0 {
			t.Fatalf("%s: %d keys are left", name, n)
		}
	}
	if late == 0 {
		t.Fatal("no row was late")
	}
}
