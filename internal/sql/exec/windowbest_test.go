package exec

import (
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/types"
)

// TestWindowBest checks that every row passes that the filter must let through, in order, and that it leaves out what is behind an earlier row of its window.
func TestWindowBest(t *testing.T) {
	fields := []types.Field{fieldOf("v", testBigint), fieldOf("ts", types.TimestampOf(3))}
	const size, offset = 20, 7
	left := 0
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 5))
		f := &WindowBest{Fields: fields, Value: 0, Time: 1, Max: r.IntN(2) == 0, Size: size, Offset: offset}
		g := newRig(t, optest.Options{Rand: r}, f, fields)
		better := func(a, b int64) bool { return f.Max && a > b || !f.Max && a < b }
		best, watermark := map[int64]int64{}, int64(0)
		g.watermark(0)
		for range 60 {
			if r.IntN(4) == 0 {
				watermark += 1 + int64(r.IntN(15))
				if out := g.watermark(watermark); len(out) > 0 {
					t.Fatalf("seed %d: a watermark gives %v", seed, out)
				}
				continue
			}
			var in, want []change
			for range 1 + r.IntN(8) {
				v, ts := int64(r.IntN(40)-20), watermark+int64(r.IntN(60)-10)
				row := change{row: []column.Value{column.IntValue(v), column.IntValue(ts)}}
				start := floorDiv(ts-offset, size)*size + offset
				b, known := best[start]
				switch {
				case r.IntN(10) == 0:
					row.row[r.IntN(2)] = column.NullValue()
				case start+size-1 <= watermark:
				case !known || !better(b, v):
					best[start] = v
				case ts != start:
					in = append(in, row)
					left++
					continue
				}
				in, want = append(in, row), append(want, row)
			}
			out := g.push(0, in...)
			if len(out) != len(want) {
				t.Fatalf("seed %d: of %v pass\n%v, want\n%v", seed, in, out, want)
			}
			for i := range out {
				if out[i].String() != want[i].String() {
					t.Fatalf("seed %d: of %v pass\n%v, want\n%v", seed, in, out, want)
				}
			}
		}
		g.finish()
	}
	if left < 1000 {
		t.Errorf("only %d rows are left out", left)
	}
}
