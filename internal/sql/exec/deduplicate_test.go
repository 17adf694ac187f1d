package exec

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/types"
)

func TestDeduplicateKeepsOneRowOfEachKey(t *testing.T) {
	fields := []types.Field{fieldOf("k", testBigint), fieldOf("ts", types.TimestampOf(3)), fieldOf("s", types.String()), fieldOf("k2", types.String()), fieldOf("a", types.ArrayOf(testBigint))}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := &Deduplicate{Input: fields, Keys: [][]int{{0}, {3, 0}}[r.IntN(2)], Time: []int{-1, 1}[r.IntN(2)], KeepLast: r.IntN(2) == 0, UpdateBefore: r.IntN(2) == 0, PerRow: r.IntN(2) == 0, Final: r.IntN(4) == 0}
		ttl := int64(0)
		o := optest.Options{Rand: r, Restores: 10, Start: 1000}
		if r.IntN(4) == 0 {
			ttl = 40
			f.TTL = time.Duration(ttl) * time.Millisecond
		}
		if f.Final {
			o.Restores = 0
		}
		if r.IntN(20) == 0 && ttl == 0 {
			o.State = spilling(t)
		}
		name := fmt.Sprintf("seed %d, %+v", seed, *f)
		g := newRig(t, o, f, fields)
		kept := map[string]change{} // the slow way
		written := map[string]int64{}
		told := map[string]string{} // by what was told
		texts := []string{"a", "some text that is longer than a view", "another text that is longer than a view"}
		now := o.Start
		for range 30 {
			var in []change
			var want []change
			changed := map[string]change{}
			for range 1 + r.IntN(10) {
				c := change{row: []column.Value{column.IntValue(int64(r.IntN(6))), column.IntValue(int64(r.IntN(9))), column.TextValue(texts[r.IntN(3)]), column.TextValue(texts[r.IntN(2)]), {List: []column.Value{column.IntValue(int64(r.IntN(2)))}}}}
				if r.IntN(9) == 0 {
					c.row[1] = column.NullValue()
				}
				if r.IntN(9) == 0 {
					c.row[0] = column.NullValue()
				}
				in = append(in, c)
				key := keyText(c.row, f.Keys)
				was, ok := kept[key]
				if ok && ttl > 0 && written[key] <= now-ttl {
					ok = false
					delete(kept, key)
				}
				if ok && !f.KeepLast && (f.Time < 0 || !earlier(c.row[1], was.row[1])) || ok && f.KeepLast && f.Time >= 0 && earlier(c.row[1], was.row[1]) {
					continue
				}
				if _, ok := changed[key]; !ok {
					changed[key] = was
				}
				if f.PerRow {
					if ok && f.UpdateBefore {
						want = append(want, change{types.UpdateBefore, was.row})
					}
					kind := types.Insert
					if ok {
						kind = types.UpdateAfter
					}
					want = append(want, change{kind, c.row})
				}
				kept[key], written[key] = c, now
			}
			got := g.push(0, in...)
			if f.PerRow && !f.Final && fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s\n%v gave\n%v, want\n%v", name, in, got, want)
			}
			if f.Final && !(f.Time < 0 && !f.KeepLast) && len(got) > 0 {
				t.Fatalf("%s: %v before the end", name, got)
			}
			apply(t, name, told, got, f)
			if !f.Final && !f.PerRow && len(got) > 2*len(changed) {
				t.Fatalf("%s: %v for %d keys", name, got, len(changed))
			}
			for key, c := range kept {
				if !f.Final && told[key] != rowText(c.row) {
					t.Fatalf("%s: key %s is told as %s, want %v", name, key, told[key], c)
				}
			}
			if r.IntN(3) == 0 {
				now += int64(r.IntN(30))
				g.h.Clock(now, false)
			}
		}
		apply(t, name, told, g.finish(), f)
		for key, c := range kept {
			if told[key] != rowText(c.row) && (!f.Final || ttl == 0) {
				t.Fatalf("%s: in the end key %s is told as %s, want %v", name, key, told[key], c)
			}
		}
	}
}

func keyText(row []column.Value, keys []int) string {
	var k []column.Value
	for _, c := range keys {
		k = append(k, row[c])
	}
	return rowText(k)
}

func earlier(a, b column.Value) bool {
	if a.Null || b.Null {
		return a.Null && !b.Null
	}
	return a.Int() < b.Int()
}

// apply applies changes of rows by key.
func apply(t *testing.T, name string, told map[string]string, got []change, f *Deduplicate) {
	t.Helper()
	for i, c := range got {
		key := keyText(c.row, f.Keys)
		switch c.kind {
		case types.UpdateBefore:
			if told[key] != rowText(c.row) || got[i+1].kind != types.UpdateAfter {
				t.Fatalf("%s: %v takes back what is %s", name, c, told[key])
			}
			continue
		case types.Delete:
			t.Fatalf("%s: %v", name, c)
		case types.Insert:
			if _, ok := told[key]; ok && f.TTL == 0 {
				t.Fatalf("%s: %v comes again", name, c)
			}
		}
		told[key] = rowText(c.row)
	}
}
