package statebackend

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirstream/weir/internal/invariants"
)

// keptRow is a row of the oracles.
type keptRow struct {
	text     string
	row      testRow
	time     int64
	counters [2]uint64
	sort     []uint64
}

// randomSchema draws a schema, now and then one with so many columns that the bits of nulls are several bytes or words.
func randomSchema(rng *rand.Rand) RowSchema {
	return RowSchema{Columns: randomSpecs(rng, []int{8, 8, 8, 8, 8, 8, 8, 40}[rng.IntN(8)]), Counters: rng.IntN(3), Time: rng.IntN(2) == 0, Retract: rng.IntN(3) > 0}
}

func TestRowsAreLists(t *testing.T) {
	for seed := range uint64(80) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { testRows(t, rand.New(rand.NewPCG(seed, 2))) })
	}
}

// rowsTest is a row store beside lists of rows by key. Some keys have accumulators too.
type rowsTest struct {
	*testing.T
	rng      *rand.Rand
	specs    []ColumnSpec
	schema   RowSchema
	spilling bool
	variety  int

	store  *Store
	shed   func()
	table  *testTable
	rows   *Rows
	oracle map[string][]keptRow
	now    int64
	past   int64 // rows of an earlier time have expired
}

func (t *rowsTest) open() {
	t.store, t.shed = chunkStore(t.T, t.spilling)
	t.table = newTestTable(t.store, t.specs, nil, 0)
	t.table.Accumulators("acc", 1, nil)
	t.rows = NewRows(t.table.space, "rows", t.schema)
	t.rows.SetHorizon(t.past)
}

func testRows(t *testing.T, rng *rand.Rand) {
	x := &rowsTest{T: t, rng: rng, specs: randomSpecs(rng, 2), schema: randomSchema(rng), spilling: rng.IntN(3) == 0}
	x.variety = []int{2, 10, 200}[rng.IntN(3)]
	x.oracle = map[string][]keptRow{}
	x.past = -1 << 63
	x.open()
	for range 60 {
		x.now += rng.Int64N(20)
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
				content := x.contents(len(keys))
				rows.Append(refs, nil, testColumns(rng, x.schema.Columns, content), make([]int64, len(keys)), nil)
				table.Remove(refs[:len(refs)/2], nil)
			})
		}
	}
	for k := range x.oracle {
		x.live(k)
	}
	if !x.spilling {
		var total, found int
		for _, rows := range x.oracle {
			total += len(rows)
		}
		for r := range x.table.space.All {
			found += len(x.probe([]Ref{r}, nil, 1000)[0])
		}
		if total != found {
			t.Fatalf("%d rows, want %d", found, total)
		}
	}
}

func (t *rowsTest) contents(n int) []testRow {
	rows := make([]testRow, n)
	for i := range rows {
		rows[i] = randomRow(t.rng, t.schema.Columns, 6)
	}
	return rows
}

// live returns the rows of a key that have not expired.
func (t *rowsTest) live(key string) []keptRow {
	t.oracle[key] = slices.DeleteFunc(t.oracle[key], func(r keptRow) bool { return t.schema.Time && r.time < t.past })
	return t.oracle[key]
}

// probe returns the rows found for each row of a chunk, with a buffer of some size.
func (t *rowsTest) probe(refs []Ref, sel []int32, buffer int) [][]RowRef {
	all := make([][]RowRef, len(refs))
	var cursor RowCursor
	matches, found := make([]int32, buffer), make([]RowRef, buffer)
	for more := true; more; {
		var n int
		n, more = t.rows.Probe(refs, sel, &cursor, matches, found)
		if more && n != buffer {
			t.Fatalf("%d rows found with room for %d, and more to come", n, buffer)
		}
		for i, row := range matches[:n] {
			all[row] = append(all[row], found[i])
		}
	}
	return all
}

func (t *rowsTest) step(keys []testRow) {
	rng, op := t.rng, t.rng.IntN(12)
	if op >= 5 && t.variety < 200 { // each of these has many rows
		keys = keys[:min(len(keys), 5)]
	}
	sel := someRows(rng, len(keys))
	chosen := selected(sel, len(keys))
	switch {
	case op < 5:
		refs := t.table.lookup(rng, keys, sel)
		content := t.contents(len(keys))
		times := make([]int64, len(keys))
		for i := range times {
			times[i] = t.now - rng.Int64N(5)
		}
		out := make([]RowRef, len(keys))
		t.rows.Append(refs, sel, testColumns(rng, t.schema.Columns, content), times, out)
		for _, row := range chosen {
			k := keys[row].text(t.specs)
			t.oracle[k] = append(t.oracle[k], keptRow{text: content[row].text(t.schema.Columns), row: content[row], time: times[row]})
		}
	case op < 8:
		refs := t.find(keys, sel)
		t.compare(keys, chosen, t.probe(refs, sel, []int{1, 3, 1000}[rng.IntN(3)]))
	case op < 9:
		refs := t.find(keys, sel)
		var of []Ref
		var gone []RowRef
		deleted := map[RowRef]bool{}
		for row, found := range t.probe(refs, sel, 1000) {
			for _, r := range found {
				if rng.IntN(3) == 0 {
					of, gone = append(of, refs[row]), append(gone, r)
					deleted[r] = true
				}
			}
		}
		for row, found := range t.probe(refs, sel, 1000) {
			k := keys[row].text(t.specs)
			if kept := t.live(k); len(found) == len(kept) && len(kept) > 0 {
				var left []keptRow
				for i, r := range found {
					if !deleted[r] {
						left = append(left, kept[i])
					}
				}
				defer func() { t.oracle[k] = left }()
			}
		}
		t.rows.Delete(of, gone)
		t.table.Release(refs, sel)
	case op < 10 && t.schema.Retract:
		t.retract(keys, sel, chosen)
	case op < 11 && t.schema.Counters > 0:
		t.count(keys, sel)
	case t.schema.Time:
		t.past = max(t.past, t.now-50)
		t.rows.SetHorizon(t.past)
		t.rows.Sweep(rng.IntN(2000))
	default:
		refs := t.find(keys[:1], nil)
		t.table.Remove(refs, nil)
		delete(t.oracle, keys[0].text(t.specs))
	}
}

func (t *rowsTest) find(keys []testRow, sel []int32) []Ref {
	refs := make([]Ref, len(keys))
	t.table.Find(t.table.chunk(t.rng, keys, sel), refs, nil)
	return refs
}

func (t *rowsTest) compare(keys []testRow, chosen []int32, all [][]RowRef) {
	t.Helper()
	for _, row := range chosen {
		want := t.live(keys[row].text(t.specs))
		got := readRows(t.rows.rowLayout, all[row])
		if len(got) != len(want) {
			t.Fatalf("row %d: %d rows, want %d", row, len(got), len(want))
		}
		times := make([]int64, len(got))
		if t.schema.Time {
			t.rows.ReadTimes(all[row], times)
		}
		for i := range got {
			if text := got[i].text(t.schema.Columns); text != want[i].text || t.schema.Time && times[i] != want[i].time {
				t.Fatalf("row %d: %s at %d, want %s at %d", row, text, times[i], want[i].text, want[i].time)
			}
		}
		for c := range t.schema.Counters {
			counters := make([]uint64, len(got))
			t.rows.ReadCounters(c, all[row], counters)
			for i := range got {
				if counters[i] != want[i].counters[c] {
					t.Fatalf("row %d: counter %d, want %d", row, counters[i], want[i].counters[c])
				}
			}
		}
	}
}

// retract retracts rows that are there or not. Which of several equal rows goes is not said, so that the oracle follows the store.
func (t *rowsTest) retract(keys []testRow, sel, chosen []int32) {
	rng := t.rng
	refs := t.find(keys, sel)
	content := t.contents(len(keys))
	for _, row := range chosen {
		if kept := t.live(keys[row].text(t.specs)); len(kept) > 0 && rng.IntN(3) > 0 {
			content[row] = kept[rng.IntN(len(kept))].row
		}
	}
	missing := t.rows.Retract(refs, sel, testColumns(rng, t.schema.Columns, content), nil)
	var want []int32
	for _, row := range chosen {
		k := keys[row].text(t.specs)
		text := content[row].text(t.schema.Columns)
		i := slices.IndexFunc(t.live(k), func(r keptRow) bool { return r.text == text })
		if i < 0 {
			want = append(want, row)
			continue
		}
		t.oracle[k] = slices.Delete(t.oracle[k], i, i+1)
	}
	if !slices.Equal(missing, want) {
		t.Fatalf("missing %v, want %v", missing, want)
	}
	refs = t.find(keys, sel)
	for row, found := range t.probe(refs, sel, 1000) {
		k := keys[row].text(t.specs)
		kept := t.live(k)
		var got, want []string
		for _, r := range readRows(t.rows.rowLayout, found) {
			got = append(got, r.text(t.schema.Columns))
		}
		for _, r := range kept {
			want = append(want, r.text)
		}
		if sel != nil && !slices.Contains(sel, int32(row)) {
			continue
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("row %d: rows %v, want %v", row, got, want)
		}
		t.adopt(k, found)
	}
	t.table.Release(refs, sel)
}

// adopt takes over the order, times and counters of a key's rows.
func (t *rowsTest) adopt(key string, found []RowRef) {
	rows := readRows(t.rows.rowLayout, found)
	times := make([]int64, len(rows))
	if t.schema.Time {
		t.rows.ReadTimes(found, times)
	}
	kept := make([]keptRow, len(rows))
	for i, r := range rows {
		kept[i] = keptRow{text: r.text(t.schema.Columns), row: r, time: times[i]}
	}
	for c := range t.schema.Counters {
		counters := make([]uint64, len(rows))
		t.rows.ReadCounters(c, found, counters)
		for i := range kept {
			kept[i].counters[c] = counters[i]
		}
	}
	t.oracle[key] = kept
}

// count sets counters and checks Count.
func (t *rowsTest) count(keys []testRow, sel []int32) {
	c := t.rng.IntN(t.schema.Counters)
	refs := t.find(keys, sel)
	var of []Ref
	var rows []RowRef
	var values []uint64
	for row, found := range t.probe(refs, sel, 1000) {
		k := keys[row].text(t.specs)
		kept := t.live(k)
		for i, r := range found {
			of, rows, values = append(of, refs[row]), append(rows, r), append(values, t.rng.Uint64())
			kept[i].counters[c] = values[len(values)-1]
		}
	}
	t.rows.SetCounters(of, rows, c, values)
	counts := make([]uint32, len(keys))
	t.rows.Count(refs, sel, counts)
	for _, row := range selected(sel, len(keys)) {
		if n := len(t.live(keys[row].text(t.specs))); !t.schema.Time && int(counts[row]) != n {
			t.Fatalf("count %d, want %d", counts[row], n)
		}
	}
}

// A key with many rows finds the one to retract by an index; the test is in that, so that a loop over all rows would take minutes.
func TestRetractFromALargeKey(t *testing.T) {
	s, _ := chunkStore(t, false)
	table := newTestTable(s, []ColumnSpec{{}}, nil, 0)
	rows := NewRows(table.space, "rows", RowSchema{Columns: []ColumnSpec{{}, {Type: BytesColumn}}, Retract: true})
	rng := rand.New(rand.NewPCG(3, 3))
	const n = 50000
	refs := make([]Ref, 1000)
	key := table.lookup(rng, []testRow{{{}}}, nil)[0]
	for i := range refs {
		refs[i] = key
	}
	chunk := func(lo int) []Column {
		content := make([]testRow, 1000)
		for i := range content {
			content[i] = testRow{{w: [2]uint64{uint64(lo + i)}}, {s: fmt.Sprintf("a longer string %d", lo+i)}}
		}
		return testColumns(rng, rows.schema.Columns, content)
	}
	for lo := 0; lo < n; lo += 1000 {
		rows.Append(refs, nil, chunk(lo), nil, nil)
		if lo%5000 == 4000 { // half of what came so far
			if missing := rows.Retract(refs, nil, chunk(lo/2/1000*1000), nil); len(missing) != 0 {
				t.Fatalf("%d: %d rows are missing", lo, len(missing))
			}
			rows.Append(refs, nil, chunk(lo/2/1000*1000), nil, nil)
		}
	}
	order := rng.Perm(n / 1000)
	full := table.space.heap.Used()
	for i, k := range order {
		if i == len(order)*3/4 && table.space.heap.Used() > full/2 {
			t.Errorf("%d bytes are used of %d after three quarters of the rows went", table.space.heap.Used(), full)
		}
		if missing := rows.Retract(refs, nil, chunk(1000*k), nil); len(missing) != 0 {
			t.Fatalf("%d: %d rows are missing", i, len(missing))
		}
		if missing := rows.Retract(refs, nil, chunk(1000*k), nil); len(missing) != 1000 {
			t.Fatalf("%d: %d rows are missing the second time", i, len(missing))
		}
	}
	if used := table.space.heap.Used(); used != 0 {
		t.Errorf("%d bytes are left", used)
	}
}

// The index is made anew in the middle of a chunk that is appended: each of its rows is there once.
func TestIndexGrowsWithinAChunk(t *testing.T) {
	s, _ := chunkStore(t, false)
	table := newTestTable(s, []ColumnSpec{{}}, nil, 0)
	rows := NewRows(table.space, "rows", RowSchema{Columns: []ColumnSpec{{}}, Retract: true})
	rng := rand.New(rand.NewPCG(3, 4))
	keys, cols := make([]testRow, 1000), []Column{{Words: make([]uint64, 1000)}}
	for i := range keys {
		keys[i], cols[0].Words[i] = testRow{{}}, uint64(i)
	}
	refs := table.lookup(rng, keys, nil)
	rows.Append(refs, selected(nil, 40), cols, nil, nil)
	if missing := rows.Retract(refs, []int32{7}, cols, nil); len(missing) > 0 {
		t.Fatal("the first is missing")
	}
	rows.Append(refs, nil, cols, nil, nil)
	sel := append(selected(nil, 1000)[500:], selected(nil, 1000)[500:]...)
	if missing := rows.Retract(refs, sel, cols, nil); !slices.Equal(missing, sel[500:]) {
		t.Errorf("%d rows are missing, want those that were retracted twice", len(missing))
	}
}

func TestDamagedRowsAreRefused(t *testing.T) {
	schema := RowSchema{Columns: []ColumnSpec{{}, {Type: BytesColumn, Nullable: true}, {Type: WideColumn}}, Counters: 1, Time: true, Retract: true}
	fill := func() (*Store, *testTable, *Ordered) {
		s, _ := chunkStore(t, false)
		table := newTestTable(s, []ColumnSpec{{}}, nil, 0)
		NewRows(table.space, "rows", schema)
		o := NewOrdered(table.space, "ordered", OrderedSchema{RowSchema: schema, Sort: 2, Due: true})
		return s, table, o
	}
	_, table, o := fill()
	rng := rand.New(rand.NewPCG(4, 4))
	refs := table.lookup(rng, []testRow{{{}}, {{}}, {{}}}, nil)
	content := []testRow{randomRow(rng, schema.Columns, 16), {{}, {s: "a string that is not short"}, {}}, randomRow(rng, schema.Columns, 16)}
	cols := testColumns(rng, schema.Columns, content)
	table.space.cells[0].hang.(*Rows).Append(refs, nil, cols, nil, nil)
	o.Insert(refs, nil, [][]uint64{{3, 2, 1}, {1, 1, 1}}, cols, nil, nil)
	payload, err := table.space.AppendPayload(nil, refs[0])
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 * len(payload) {
		damaged := slices.Clone(payload)
		if n < len(payload) {
			damaged = damaged[:n]
		} else {
			damaged[n%len(payload)] ^= byte(1 + rng.IntN(255))
		}
		_, table, o := fill()
		refs := table.lookup(rng, []testRow{{{}}}, nil)
		if err := table.space.SetPayload(refs[0], damaged, nil); err != nil {
			continue
		}
		// What is still a payload can be read without harm.
		rows := table.space.cells[0].hang.(*Rows)
		var cursor RowCursor
		matches, found := make([]int32, 10), make([]RowRef, 10)
		k, _ := rows.Probe(refs, nil, &cursor, matches, found)
		readRows(rows.rowLayout, found[:k])
		k, _ = o.Scan(refs, nil, OrderedScan{}, &OrderedCursor{}, matches, found)
		readRows(o.rowLayout, found[:k])
	}
}

// A snapshot is read by another goroutine while rows come and go: it has what was there.
func TestSnapshotOfRowsWhileTheyChange(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	s, _ := chunkStore(t, false)
	table := newTestTable(s, []ColumnSpec{{}}, nil, 0)
	schema := RowSchema{Columns: []ColumnSpec{{}, {Type: BytesColumn, Nullable: true}}, Retract: true, Time: true}
	rows := NewRows(table.space, "rows", schema)
	ordered := NewOrdered(table.space, "ordered", OrderedSchema{RowSchema: schema, Sort: 1, Due: true})
	keys, content := make([]testRow, 300), make([]testRow, 300)
	for i := range keys {
		keys[i], content[i] = testRow{{w: [2]uint64{uint64(i % 37)}}}, randomRow(rng, schema.Columns, 16)
	}
	cols := testColumns(rng, schema.Columns, content)
	times := make([]uint64, 300)
	change := func(i int) {
		refs := table.lookup(rng, keys, nil)
		for j := range times {
			times[j] = uint64(100*i) + rng.Uint64N(300)
		}
		rows.Append(refs, nil, cols, nil, nil)
		ordered.Insert(refs, nil, [][]uint64{times}, cols, nil, nil)
		rows.Retract(refs, []int32{1, 2, 3, 50, 70, 200}, cols, nil)
		ordered.DeleteTo(refs[:100], nil, uint64(100*i)-500)
	}
	payloads := func(n *Snapshot) (all []string) {
		for g := range table.space.subs {
			if err := n.Entries(table.space, g, func(key, payload []byte) bool {
				all = append(all, string(key)+string(payload))
				return true
			}); err != nil {
				t.Error(err)
			}
		}
		return all
	}
	for i := range 30 {
		change(10 + i)
		snap, err := s.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		want := payloads(snap)
		done := make(chan []string)
		go func() { done <- payloads(snap) }()
		change(10 + i)
		table.Remove(table.lookup(rng, keys[:5], nil), nil)
		if got := <-done; !slices.Equal(got, want) {
			t.Fatalf("%d: the snapshot has changed", i)
		}
		if err := snap.Release(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRowsAllocateNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	s, _ := chunkStore(t, false)
	specs := []ColumnSpec{{}}
	table := newTestTable(s, specs, nil, 0)
	schema := RowSchema{Columns: []ColumnSpec{{}, {Type: BytesColumn}, {Type: BytesColumn, Nullable: true}}, Retract: true, Time: true}
	rows := NewRows(table.space, "rows", schema)
	keys, content := make([]testRow, 1000), make([]testRow, 1000)
	for i := range keys {
		keys[i], content[i] = randomRow(rng, specs, 100), randomRow(rng, schema.Columns, 16)
	}
	c, cols := table.chunk(rng, keys, nil), testColumns(rng, schema.Columns, content)
	refs, fresh, times, out := make([]Ref, 1000), make([]int32, 0, 1000), make([]int64, 1000), make([]RowRef, 1000)
	matches, found := make([]int32, 8000), make([]RowRef, 8000)
	words, views, buffer := make([]uint64, 8000), make([]View, 8000), make([]byte, 0, 8000*300)
	n := testing.AllocsPerRun(20, func() {
		table.Lookup(c, refs, fresh)
		rows.Append(refs, nil, cols, times, out)
		var cursor RowCursor
		n, _ := rows.Probe(refs, nil, &cursor, matches, found)
		rows.ReadWords(0, found[:n], words)
		rows.ReadStrings(1, found[:n], views, buffer, 0)
		rows.Retract(refs, nil, cols, fresh)
	})
	if n != 0 && !invariants.Enabled {
		t.Errorf("%v allocations", n)
	}
}
