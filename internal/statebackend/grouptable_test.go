package statebackend

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirstream/weir/internal/invariants"
	"unsafe"
)

// groupOracle is count and sum of each key, and when the key was last looked up.
type groupOracle map[string]*struct{ count, sum, at int64 }

func TestGroupTableIsAMap(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { testGroupTable(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func testGroupTable(t *testing.T, rng *rand.Rand) {
	specs := randomSpecs(rng, []int{1, 2, 3, 16}[rng.IntN(4)])
	var dist []int
	if rng.IntN(3) == 0 {
		dist = []int{rng.IntN(len(specs))}
	}
	var ttl *TTL
	if rng.IntN(3) == 0 {
		ttl = &TTL{Millis: 100}
	}
	bad := []uint64{0, 0, 0xffff, 0xffffffff}[rng.IntN(4)]
	spilling := rng.IntN(3) == 0
	open := func() (*Store, func(), *testTable, *Cell) {
		s, shed := chunkStore(t, spilling)
		table := newTestTable(s, specs, dist, bad)
		return s, shed, table, table.Accumulators("acc", 2, ttl)
	}
	s, shed, table, acc := open()
	oracle := groupOracle{}
	variety := []int{3, 40, 1000}[rng.IntN(3)]
	now := int64(1000)
	alive := func(o *struct{ count, sum, at int64 }) bool { return o != nil && (ttl == nil || o.at+ttl.Millis > now) }
	for range 80 {
		now += rng.Int64N(20)
		s.Tick(now)
		keys := make([]testRow, chunkSize(rng))
		for i := range keys {
			keys[i] = randomRow(rng, specs, variety)
		}
		sel := someRows(rng, len(keys))
		rows := selected(sel, len(keys))
		refs := make([]Ref, len(keys))
		c := table.chunk(rng, keys, sel)
		switch op := rng.IntN(10); {
		case op < 6:
			fresh := table.Lookup(c, refs, nil)
			var want []int32
			for _, row := range rows {
				k := keys[row].text(specs)
				if !alive(oracle[k]) {
					want = append(want, row)
					oracle[k] = &struct{ count, sum, at int64 }{}
				}
				oracle[k].at = now
				oracle[k].count++
				oracle[k].sum += int64(row)
			}
			slices.Sort(fresh)
			if !slices.Equal(fresh, want) {
				t.Fatalf("fresh %v, want %v", fresh, want)
			}
			bases := make([]unsafe.Pointer, len(keys))
			table.Edit(acc, refs, sel, bases)
			for _, row := range rows {
				a := accumulators(bases[row], acc)
				a[0]++
				a[1] += int64(row)
			}
		case op < 8:
			absent := table.Find(c, refs, nil)
			for _, row := range rows {
				o := oracle[keys[row].text(specs)]
				if (refs[row] != NoRef) != alive(o) || slices.Contains(absent, row) == alive(o) {
					t.Fatalf("row %d: found %v, want %v", row, refs[row] != NoRef, alive(o))
				}
				if alive(o) {
					checkGroup(t, table, acc, refs[row], o.count, o.sum)
				}
			}
		case op < 9:
			rows = rows[:min(len(rows), 20)]
			c.Sel = rows
			table.Find(c, refs, nil)
			table.Remove(refs, rows)
			for _, row := range rows {
				delete(oracle, keys[row].text(specs))
			}
		default:
			table.Lookup(c, refs, nil) // groups that get no state
			table.Release(refs, sel)
			for _, row := range rows {
				if k := keys[row].text(specs); !alive(oracle[k]) {
					delete(oracle, k)
				} else {
					oracle[k].at = now
				}
			}
		}
		s.BreatheRows(len(rows))
		if rng.IntN(4) == 0 {
			shed()
		}
		if rng.IntN(12) == 0 {
			s2, shed2, table2, acc2 := open()
			s2.Tick(now)
			copyStore(t, s, s2, func() {
				clear(refs)
				all := table.lookup(rng, keys, nil)
				bases := make([]unsafe.Pointer, len(keys))
				table.Edit(acc, all, nil, bases)
				for _, b := range bases {
					accumulators(b, acc)[0] = -1
				}
				table.Remove(all[:len(all)/2], nil)
			})
			s, shed, table, acc = s2, shed2, table2, acc2
		}
	}
	checkGroups(t, rng, table, acc, oracle, alive, spilling)
}

func checkGroup(t *testing.T, table *testTable, acc *Cell, r Ref, count, sum int64) {
	t.Helper()
	if a := *accumulators(table.space.Row(r), acc); a != [2]int64{count, sum} {
		t.Fatalf("accumulators %v, want %v", a, [2]int64{count, sum})
	}
}

// checkGroups goes over all groups and reads their keys back.
func checkGroups(t *testing.T, rng *rand.Rand, table *testTable, acc *Cell, oracle groupOracle, alive func(*struct{ count, sum, at int64 }) bool, spilling bool) {
	found := map[string]bool{}
	for g := range table.space.subs {
		for from := uint32(0); ; {
			refs, next := table.Groups(g, from, 1+rng.IntN(5), nil)
			for _, r := range refs {
				row := make(testRow, len(table.columns))
				table.cut(table.space.Words(r), table.space.Bytes(r), func(i int, null bool, w []uint64, s []byte) {
					row[i].null, row[i].s = null, string(s)
					copy(row[i].w[:], w)
				})
				k := row.text(table.columns)
				if o := oracle[k]; alive(o) {
					checkGroup(t, table, acc, r, o.count, o.sum)
					found[k] = true
				} else if o == nil && *flagsOf(table.space.Row(r))&presentBits != 0 {
					t.Fatalf("group %s should not be there", k)
				}
			}
			if from = next; from == 0 {
				break
			}
		}
	}
	maps.DeleteFunc(oracle, func(_ string, o *struct{ count, sum, at int64 }) bool { return !alive(o) })
	if !spilling && len(found) != len(oracle) {
		t.Fatalf("%d groups, want %d", len(found), len(oracle))
	}
}

func TestGroupTableAllocatesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for _, specs := range [][]ColumnSpec{{{}}, {{}, {}}, {{}, {Nullable: true}, {Type: WideColumn}}, {{Type: BytesColumn}}, {{Type: BytesColumn}, {}, {Type: BytesColumn, Nullable: true}}} {
		s, _ := chunkStore(t, false)
		table := newTestTable(s, specs, nil, 0)
		acc := table.Accumulators("acc", 2, nil)
		keys := make([]testRow, 1000)
		for i := range keys {
			keys[i] = randomRow(rng, specs, 300)
		}
		c := table.chunk(rng, keys, nil)
		part := table.chunk(rng, keys, []int32{3, 5, 900})
		refs, fresh, bases := make([]Ref, 1000), make([]int32, 0, 1000), make([]unsafe.Pointer, 1000)
		n := testing.AllocsPerRun(20, func() {
			table.Lookup(c, refs, fresh)
			table.Edit(acc, refs, nil, bases)
			table.Lookup(part, refs, fresh)
			table.Find(c, refs, fresh)
			table.Remove(refs[:10], nil)
		})
		if n != 0 && !invariants.Enabled {
			t.Errorf("%v: %v allocations", specs, n)
		}
	}
}
