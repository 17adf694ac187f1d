package statebackend

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestOrderedRowsAreSortedLists(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { testOrdered(t, rand.New(rand.NewPCG(seed, 3))) })
	}
}

// orderedTest is an ordered row store beside sorted lists of rows by key.
type orderedTest struct {
	*testing.T
	rng      *rand.Rand
	specs    []ColumnSpec
	schema   OrderedSchema
	spilling bool
	variety  int
	shape    int // of the times: 0 random, 1 rising, 2 few different ones

	store   *Store
	shed    func()
	table   *testTable
	rows    *Ordered
	oracle  map[string][]keptRow
	armed   map[string]uint64
	now     uint64
	expires bool // Expire is called, and not Due and Arm
}

func (t *orderedTest) open() {
	t.store, t.shed = chunkStore(t.T, t.spilling)
	t.table = newTestTable(t.store, t.specs, nil, 0)
	t.rows = NewOrdered(t.table.space, "rows", t.schema)
}

func testOrdered(t *testing.T, rng *rand.Rand) {
	x := &orderedTest{T: t, rng: rng, specs: randomSpecs(rng, 2), spilling: rng.IntN(3) == 0, expires: rng.IntN(2) == 0}
	x.schema = OrderedSchema{RowSchema: randomSchema(rng), Sort: 1 + rng.IntN(MaxSortWords), Due: rng.IntN(2) == 0}
	x.schema.Columns = randomSpecs(rng, []int{3, 3, 3, 3, 3, 3, 3, 30}[rng.IntN(8)])
	x.variety = []int{2, 10, 200}[rng.IntN(3)]
	x.shape = rng.IntN(3)
	x.oracle, x.armed = map[string][]keptRow{}, map[string]uint64{}
	x.now = 1 << 20
	x.open()
	for range 60 {
		x.now += rng.Uint64N(50)
		keys := make([]testRow, chunkSize(rng))
		for i := range keys {
			keys[i] = randomRow(rng, x.specs, x.variety)
		}
		x.step(keys)
		x.store.BreatheRows(len(keys))
		if rng.IntN(4) == 0 {
			x.shed()
		}
		if rng.IntN(20) == 0 {
			old := x.store
			rows, table := x.rows, x.table
			x.open()
			copyStore(t, old, x.store, func() {
				refs := table.lookup(rng, keys, nil)
				rows.Insert(refs, nil, x.sorts(len(keys)), testColumns(rng, x.schema.Columns, x.contents(len(keys))), nil, nil)
				rows.DeleteTo(refs, nil, x.now-20)
				table.Remove(refs[:len(refs)/2], nil)
			})
		}
	}
	if !x.spilling {
		total, found := 0, 0
		for _, rows := range x.oracle {
			total += len(rows)
		}
		for r := range x.table.space.All {
			counts := []uint32{0}
			x.rows.Count([]Ref{r}, nil, counts)
			found += int(counts[0])
		}
		if total != found {
			t.Fatalf("%d rows, want %d", found, total)
		}
	}
}

func (t *orderedTest) contents(n int) []testRow {
	rows := make([]testRow, n)
	for i := range rows {
		rows[i] = randomRow(t.rng, t.schema.Columns, 6)
	}
	return rows
}

func (t *orderedTest) sorts(n int) [][]uint64 {
	words := make([][]uint64, t.schema.Sort)
	for j := range words {
		words[j] = make([]uint64, n)
		for i := range n {
			switch {
			case j > 0:
				words[j][i] = t.rng.Uint64N(3)
			case t.shape == 1:
				words[j][i] = t.now + uint64(i)/4
			case t.shape == 2:
				words[j][i] = t.now/16 + t.rng.Uint64N(4)
			default:
				words[j][i] = t.now + t.rng.Uint64N(100)
			}
		}
	}
	return words
}

// scan returns the rows found for each row of a chunk, with a buffer of some size.
func (t *orderedTest) scan(refs []Ref, sel []int32, scan OrderedScan, buffer int) [][]RowRef {
	all := make([][]RowRef, len(refs))
	var cursor OrderedCursor
	matches, found := make([]int32, buffer), make([]RowRef, buffer)
	for more := true; more; {
		var n int
		n, more = t.rows.Scan(refs, sel, scan, &cursor, matches, found)
		if more && n != buffer {
			t.Fatalf("%d rows found with room for %d, and more to come", n, buffer)
		}
		for i, row := range matches[:n] {
			all[row] = append(all[row], found[i])
		}
	}
	return all
}

func (t *orderedTest) find(keys []testRow, sel []int32) []Ref {
	refs := make([]Ref, len(keys))
	t.table.Find(t.table.chunk(t.rng, keys, sel), refs, nil)
	return refs
}

func bySort(a, b keptRow) int { return slices.Compare(a.sort, b.sort) }

func (t *orderedTest) add(key string, r keptRow) {
	rows := t.oracle[key]
	i := len(rows)
	for i > 0 && bySort(rows[i-1], r) > 0 {
		i--
	}
	t.oracle[key] = slices.Insert(rows, i, r)
}

// remove takes rows of a key out of the oracle.
func (t *orderedTest) remove(key string, gone func(i int, r keptRow) bool) (n int) {
	var left []keptRow
	for i, r := range t.oracle[key] {
		if gone(i, r) {
			n++
		} else {
			left = append(left, r)
		}
	}
	if t.oracle[key] = left; len(left) == 0 {
		delete(t.oracle, key)
		delete(t.armed, key)
	}
	return n
}

func (t *orderedTest) step(keys []testRow) {
	rng, op := t.rng, t.rng.IntN(14)
	if op >= 5 && t.variety < 200 {
		keys = keys[:min(len(keys), 5)]
	}
	sel := someRows(rng, len(keys))
	chosen := selected(sel, len(keys))
	texts := make([]string, len(keys))
	for i, k := range keys {
		texts[i] = k.text(t.specs)
	}
	switch {
	case op < 5:
		t.insert(keys, sel, chosen, texts)
	case op < 8:
		t.compare(keys, sel, chosen, texts)
	case op < 9:
		t.delete(keys, sel, chosen, texts)
	case op < 10:
		t.replace(keys, sel, chosen, texts)
	case op < 11:
		t.retract(keys, sel, chosen, texts)
	case op < 12 && t.schema.Due:
		t.due()
	case op < 13:
		refs := t.find(keys, nil)
		from, to := make([]uint64, len(keys)), make([]uint64, len(keys))
		want := 0
		to0 := t.now - rng.Uint64N(60)
		prefix := rng.IntN(2) == 0
		for i := range keys {
			from[i], to[i] = t.bounds()
			if prefix {
				from[i], to[i] = 0, to0
			}
			want += t.remove(texts[i], func(_ int, r keptRow) bool { return r.sort[0] >= from[i] && r.sort[0] <= to[i] })
			if rows := t.oracle[texts[i]]; len(rows) > 0 && prefix && t.schema.Due {
				if _, ok := t.armed[texts[i]]; !ok {
					t.armed[texts[i]] = rows[0].sort[0]
				}
			}
		}
		var n int
		if prefix {
			n = t.rows.DeleteTo(refs, nil, to0)
		} else {
			n = t.rows.DeleteRange(refs, nil, from, to)
		}
		if n != want {
			t.Fatalf("%d rows deleted, want %d", n, want)
		}
		t.table.Release(refs, nil)
	default:
		refs := t.find(keys[:1], nil)
		t.table.Remove(refs, nil)
		delete(t.oracle, texts[0])
		delete(t.armed, texts[0])
	}
}

func (t *orderedTest) insert(keys []testRow, sel, chosen []int32, texts []string) {
	refs := t.table.lookup(t.rng, keys, sel)
	content, sort := t.contents(len(keys)), t.sorts(len(keys))
	times := make([]int64, len(keys))
	for i := range times {
		times[i] = t.rng.Int64N(1000)
	}
	t.rows.Insert(refs, sel, sort, testColumns(t.rng, t.schema.Columns, content), times, nil)
	for _, row := range chosen {
		r := keptRow{text: content[row].text(t.schema.Columns), row: content[row], time: times[row]}
		for _, words := range sort {
			r.sort = append(r.sort, words[row])
		}
		t.add(texts[row], r)
		if at, ok := t.armed[texts[row]]; t.schema.Due && (!ok || r.sort[0] < at) {
			t.armed[texts[row]] = r.sort[0]
		}
	}
}

// bounds draws bounds of the first sort word.
func (t *orderedTest) bounds() (from, to uint64) {
	base := t.now
	if t.shape == 2 {
		base /= 16
	}
	from = base - 500 + t.rng.Uint64N(700)
	return from, from + t.rng.Uint64N(300) - 20
}

func (t *orderedTest) compare(keys []testRow, sel, chosen []int32, texts []string) {
	refs := t.find(keys, sel)
	scan := OrderedScan{Backward: t.rng.IntN(2) == 0, Limit: t.rng.IntN(2) * t.rng.IntN(20)}
	if t.rng.IntN(2) == 0 {
		scan.From, scan.To = make([]uint64, len(keys)), make([]uint64, len(keys))
		for i := range keys {
			scan.From[i], scan.To[i] = t.bounds()
		}
	}
	if t.rng.IntN(4) == 0 {
		scan.From = nil
	}
	if t.rng.IntN(4) == 0 {
		scan.To = nil
	}
	all := t.scan(refs, sel, scan, []int{1, 3, 1000}[t.rng.IntN(3)])
	for _, row := range chosen {
		var want []keptRow
		for _, r := range t.oracle[texts[row]] {
			if (scan.From == nil || r.sort[0] >= scan.From[row]) && (scan.To == nil || r.sort[0] <= scan.To[row]) {
				want = append(want, r)
			}
		}
		if scan.Backward {
			slices.Reverse(want)
		}
		if scan.Limit > 0 && len(want) > scan.Limit {
			want = want[:scan.Limit]
		}
		t.same(all[row], want)
	}
	counts, first, ok := make([]uint32, len(keys)), make([]uint64, len(keys)), make([]bool, len(keys))
	t.rows.Count(refs, sel, counts)
	t.rows.First(refs, sel, first, ok)
	for _, row := range chosen {
		want := t.oracle[texts[row]]
		if int(counts[row]) != len(want) || ok[row] != (len(want) > 0) || ok[row] && first[row] != want[0].sort[0] {
			t.Fatalf("row %d: count %d, first %d, want %d rows", row, counts[row], first[row], len(want))
		}
	}
}

func (t *orderedTest) same(found []RowRef, want []keptRow) {
	t.Helper()
	got := readRows(t.rows.rowLayout, found)
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	times := make([]int64, len(got))
	if t.schema.Time {
		t.rows.ReadTimes(found, times)
	}
	words := make([]uint64, len(got))
	for j := range t.schema.Sort {
		t.rows.ReadSort(j, found, words)
		for i := range got {
			if words[i] != want[i].sort[j] {
				t.Fatalf("row %d of %d: sort word %d is %d, want %d", i, len(got), j, words[i], want[i].sort[j])
			}
		}
	}
	for i := range got {
		if text := got[i].text(t.schema.Columns); text != want[i].text || t.schema.Time && times[i] != want[i].time {
			t.Fatalf("row %d: %s at %d, want %s at %d", i, text, times[i], want[i].text, want[i].time)
		}
	}
}

func (t *orderedTest) delete(keys []testRow, sel, chosen []int32, texts []string) {
	refs := t.find(keys, sel)
	all := t.scan(refs, sel, OrderedScan{}, 1000)
	var of []Ref
	var gone []RowRef
	done := map[string]bool{}
	for _, row := range chosen {
		if done[texts[row]] {
			continue
		}
		done[texts[row]] = true
		t.remove(texts[row], func(i int, _ keptRow) bool {
			if t.rng.IntN(3) > 0 {
				return false
			}
			of, gone = append(of, refs[row]), append(gone, all[row][i])
			return true
		})
	}
	order := t.rng.Perm(len(of))
	of2, gone2 := make([]Ref, len(of)), make([]RowRef, len(of))
	for i, j := range order {
		of2[i], gone2[i] = of[j], gone[j]
	}
	t.rows.Delete(of2, gone2)
	t.table.Release(refs, sel)
}

func (t *orderedTest) replace(keys []testRow, sel, chosen []int32, texts []string) {
	refs := t.find(keys, sel)
	all := t.scan(refs, sel, OrderedScan{}, 1000)
	content := t.contents(len(keys))
	var of []Ref
	var old []RowRef
	var rows []int32
	done := map[string]bool{}
	for _, row := range chosen {
		kept := t.oracle[texts[row]]
		if done[texts[row]] || len(kept) == 0 {
			continue
		}
		done[texts[row]] = true
		i := t.rng.IntN(len(kept))
		of, old, rows = append(of, refs[row]), append(old, all[row][i]), append(rows, row)
		kept[i].row, kept[i].text, kept[i].time = content[row], content[row].text(t.schema.Columns), int64(row)
	}
	times := make([]int64, len(keys))
	for i := range times {
		times[i] = int64(i)
	}
	t.rows.Replace(of, old, rows, testColumns(t.rng, t.schema.Columns, content), times, old)
	for i, row := range rows {
		kept := t.oracle[texts[row]]
		if got := readRows(t.rows.rowLayout, old[i:i+1])[0].text(t.schema.Columns); !slices.ContainsFunc(kept, func(r keptRow) bool { return r.text == got }) {
			t.Fatalf("replaced by %s", got)
		}
	}
}

func (t *orderedTest) retract(keys []testRow, sel, chosen []int32, texts []string) {
	refs := t.find(keys, sel)
	content, sort := t.contents(len(keys)), t.sorts(len(keys))
	for _, row := range chosen {
		if kept := t.oracle[texts[row]]; len(kept) > 0 && t.rng.IntN(4) > 0 {
			r := kept[t.rng.IntN(len(kept))]
			content[row] = r.row
			for j := range sort {
				sort[j][row] = r.sort[j]
			}
		}
	}
	missing := t.rows.Retract(refs, sel, sort, testColumns(t.rng, t.schema.Columns, content), nil)
	var want []int32
	for _, row := range chosen {
		text, found := content[row].text(t.schema.Columns), false
		t.remove(texts[row], func(_ int, r keptRow) bool { // the first equal one goes
			for j := range sort {
				if sort[j][row] != r.sort[j] {
					return false
				}
			}
			hit := !found && r.text == text
			found = found || hit
			return hit
		})
		if !found {
			want = append(want, row)
		}
	}
	if !slices.Equal(missing, want) {
		t.Fatalf("missing %v, want %v", missing, want)
	}
	t.table.Release(refs, sel)
}

// due takes due keys, or lets rows expire, up to some time.
func (t *orderedTest) due() {
	until := t.now + t.rng.Uint64N(60) - 30
	if t.shape == 2 {
		until = until/16 + t.rng.Uint64N(3)
	}
	if t.expires {
		for t.rows.Expire(until, 1+t.rng.IntN(100)) {
		}
		for k := range t.oracle {
			if at, ok := t.armed[k]; !ok || at > until {
				continue
			}
			delete(t.armed, k)
			t.remove(k, func(_ int, r keptRow) bool { return r.sort[0] <= until })
			if rows := t.oracle[k]; len(rows) > 0 {
				t.armed[k] = rows[0].sort[0]
			}
		}
		return
	}
	var got, want []string
	var refs []Ref
	out := make([]Ref, 1+t.rng.IntN(100))
	for n := len(out); n == len(out); {
		n = t.rows.Due(until, out)
		refs = append(refs, out[:n]...)
	}
	for k, at := range t.armed {
		if at <= until {
			want = append(want, k)
			delete(t.armed, k)
		}
	}
	var arm []Ref
	var times []uint64
	for _, r := range refs {
		k := t.keyText(r)
		got = append(got, k)
		if t.rng.IntN(2) == 0 {
			arm, times = append(arm, r), append(times, t.now+t.rng.Uint64N(100))
			t.armed[k] = times[len(times)-1]
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("due %v, want %v", got, want)
	}
	t.rows.Arm(arm, times)
}

func (t *orderedTest) keyText(r Ref) string {
	row := make(testRow, len(t.specs))
	t.table.cut(t.table.space.Words(r), t.table.space.Bytes(r), func(i int, null bool, w []uint64, s []byte) {
		row[i].null, row[i].s = null, string(s)
		copy(row[i].w[:], w)
	})
	return row.text(t.specs)
}
