package statebackend

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/fault"
)

// formerContent is the content of a row as earlier builds kept it.
func formerContent(specs []ColumnSpec, row testRow) []byte {
	var nulls, columns, long []byte
	if slices.ContainsFunc(specs, func(c ColumnSpec) bool { return c.Nullable }) {
		nulls = make([]byte, (len(specs)+63)/64*8)
	}
	fixed := len(nulls)
	for _, c := range specs {
		fixed += []int{8, 16, 16}[c.Type]
	}
	for i, c := range specs {
		v := row[i]
		switch {
		case v.null:
			nulls[i/8] |= 1 << (i % 8)
			columns = append(columns, make([]byte, []int{8, 16, 16}[c.Type])...)
		case c.Type == WordColumn:
			columns = binary.LittleEndian.AppendUint64(columns, v.w[0])
		case c.Type == WideColumn:
			columns = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(columns, v.w[0]), v.w[1])
		case len(v.s) <= 12:
			columns = append(binary.LittleEndian.AppendUint32(columns, uint32(len(v.s))), v.s...)
			columns = append(columns, make([]byte, 12-len(v.s))...)
		default:
			columns = append(binary.LittleEndian.AppendUint32(columns, uint32(len(v.s))), v.s[:4]...)
			columns = binary.LittleEndian.AppendUint64(columns, uint64(fixed+len(long)))
			long = append(append(long, v.s...), make([]byte, -len(v.s)&7)...)
		}
	}
	return append(append(nulls, columns...), long...)
}

// formerRow is a row of a payload.
type formerRow struct {
	row   testRow
	dead  bool
	time  int64
	words []uint64 // counters, and sort words
}

func appendFormer(dst []byte, specs []ColumnSpec, rows []formerRow) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(rows)))
	for _, r := range rows {
		dst = binary.AppendVarint(append(dst, map[bool]byte{true: 1}[r.dead]), r.time)
		for _, w := range r.words {
			dst = binary.LittleEndian.AppendUint64(dst, w)
		}
		content := formerContent(specs, r.row)
		dst = append(binary.AppendUvarint(dst, uint64(len(content))), content...)
	}
	return dst
}

// bothStores is a table with a row store and an ordered one.
type bothStores struct {
	store   *Store
	table   *testTable
	rows    *Rows
	ordered *Ordered
}

func newBothStores(t *testing.T, schema RowSchema, spilling bool) *bothStores {
	x := &bothStores{}
	x.store, _ = chunkStore(t, spilling)
	x.table = newTestTable(x.store, []ColumnSpec{{}}, nil, 0)
	x.rows = NewRows(x.table.space, "rows", schema)
	x.table.Accumulators("acc", 2, nil)
	x.ordered = NewOrdered(x.table.space, "ordered", OrderedSchema{RowSchema: schema, Sort: 2, Due: true})
	return x
}

// formerCells is what a checkpoint of an earlier build says of the cells.
func (x *bothStores) formerCells() (stored []StoredCell) {
	for _, c := range x.table.space.cells {
		s := c.Stored()
		s.Schema = strings.Replace(s.Schema, ";packed)", ")", 1)
		stored = append(stored, s)
	}
	return stored
}

// texts are the rows of a key of both stores, with times, counters and sort words.
func (x *bothStores) texts(refs []Ref) (rows, ordered []string) {
	found, matches := make([]RowRef, 100), make([]int32, 100)
	text := func(l *rowLayout, found []RowRef) (all []string) {
		times := make([]int64, len(found))
		if l.schema.Time {
			l.ReadTimes(found, times)
		}
		for i, r := range readRows(l, found) {
			words := make([]uint64, l.schema.Counters)
			for c := range words {
				l.ReadCounters(c, found[i:i+1], words[c:])
			}
			all = append(all, fmt.Sprint(r.text(l.schema.Columns), times[i], words))
		}
		return all
	}
	n, _ := x.rows.Probe(refs, nil, &RowCursor{}, matches, found)
	rows = text(x.rows.rowLayout, found[:n])
	n, _ = x.ordered.Scan(refs, nil, OrderedScan{}, &OrderedCursor{}, matches, found)
	return rows, text(x.ordered.rowLayout, found[:n])
}

func TestRowsOfEarlierBuilds(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 13))
		schema := anySchema(rng)
		x := newBothStores(t, schema, seed%3 == 0)
		restorer, err := x.table.space.Restorer(x.table.space.layout, x.formerCells(), false)
		if err != nil {
			t.Fatal(err)
		}
		other := newBothStores(t, schema, false)
		var keys []testRow
		wantRows, wantOrdered := map[int][]string{}, map[int][]string{}
		for k := range 20 {
			keys = append(keys, testRow{{w: [2]uint64{uint64(k)}}})
			var rows, ordered []formerRow
			for i := range rng.IntN(9) + 1 {
				r := formerRow{row: randomRow(rng, schema.Columns, 40), dead: i > 0 && rng.IntN(4) == 0}
				if schema.Time {
					r.time = rng.Int64() - rng.Int64()
				}
				for range schema.Counters {
					r.words = append(r.words, rng.Uint64())
				}
				text := r.row.text(schema.Columns)
				if !r.dead {
					wantRows[k] = append(wantRows[k], fmt.Sprint(text, r.time, slices.Concat([]uint64{}, r.words)))
				}
				rows = append(rows, r)
				r.words = append(slices.Clone(r.words), uint64(i), rng.Uint64())
				if !r.dead {
					wantOrdered[k] = append(wantOrdered[k], fmt.Sprint(text, r.time, r.words))
				}
				ordered = append(ordered, r)
			}
			payload := appendFormer([]byte{0, 0}, schema.Columns, rows)
			payload = append(payload, 2, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0)
			payload = appendFormer(payload, schema.Columns, ordered)
			key := other.table.space.AppendKey(nil, other.table.lookup(rng, keys[k:], nil)[0])
			if k%2 == 0 {
				err = restorer.Put(key, payload, true)
			} else {
				err = restorer.Add(key, payload)
			}
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, schema, err)
			}
		}
		// What is restored goes on as rows of this build.
		last := newBothStores(t, schema, false)
		copyStore(t, x.store, last.store, nil)
		for _, x := range []*bothStores{x, last} {
			for k := range keys {
				rows, ordered := x.texts(x.table.lookup(rng, keys[k:k+1], nil))
				if !slices.Equal(rows, wantRows[k]) || !slices.Equal(ordered, wantOrdered[k]) {
					t.Fatalf("seed %d, %s: key %d has\n%q\n%q, want\n%q\n%q", seed, schema, k, rows, ordered, wantRows[k], wantOrdered[k])
				}
			}
		}
	}
}

// goldenSchema is that of goldenRows, which an earlier build has written to testdata/rows-former.txt: the schemas of the row store and of the ordered one, and the payload of a key.
var goldenSchema = RowSchema{
	Columns:  []ColumnSpec{{}, {Type: BytesColumn, Nullable: true}, {Type: WideColumn, Nullable: true}, {Type: BytesColumn}, {Nullable: true}},
	Counters: 1, Time: true, Retract: true,
}

var goldenRows = []testRow{
	{{w: [2]uint64{1}}, {s: "twelve bytes"}, {w: [2]uint64{3, 4}}, {s: ""}, {w: [2]uint64{5}}},
	{{w: [2]uint64{1 << 63}}, {null: true}, {null: true}, {s: "thirteen byte"}, {null: true}},
	{{}, {s: "a string that is long"}, {}, {s: "and one more that is long"}, {}},
}

func TestGoldenRows(t *testing.T) {
	stored, err := os.ReadFile("testdata/rows-former.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(stored), "\n")
	payload, err := hex.DecodeString(lines[2])
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 14))
	x := newBothStores(t, goldenSchema, false)
	cells := x.formerCells()
	if cells[0].Schema != lines[0] || cells[2].Schema != lines[1] {
		t.Fatalf("schemas %s and %s, want %s", cells[0].Schema, cells[2].Schema, lines[:2])
	}
	restorer, err := x.table.space.Restorer(x.table.space.layout, cells, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := restorer.Put(binary.BigEndian.AppendUint64(nil, 7), payload, true); err != nil {
		t.Fatal(err)
	}
	refs := x.table.lookup(rng, []testRow{{{w: [2]uint64{7}}}}, nil)
	rows, ordered := x.texts(refs)
	var wantRows, wantOrdered []string
	for i, r := range goldenRows {
		wantRows = append(wantRows, fmt.Sprint(r.text(goldenSchema.Columns), 100+i, []int{20 + i}))
		wantOrdered = append(wantOrdered, fmt.Sprint(r.text(goldenSchema.Columns), 100+i, []int{0, i / 2, 50 - i}))
	}
	wantOrdered[0], wantOrdered[1] = wantOrdered[1], wantOrdered[0] // by their sort words
	if !slices.Equal(rows, wantRows) || !slices.Equal(ordered, wantOrdered) {
		t.Fatalf("restored\n%q\n%q, want\n%q\n%q", rows, ordered, wantRows, wantOrdered)
	}
	if missing := x.rows.Retract(append(refs, refs[0], refs[0]), nil, testColumns(rng, goldenSchema.Columns, goldenRows), nil); len(missing) > 0 {
		t.Errorf("rows %v are not found by their content", missing)
	}
}

// Damaged content of an earlier build is an error, and rows of another schema or of a layout to come are refused.
func TestRowsOfOtherSchemas(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 15))
	x := newBothStores(t, goldenSchema, false)
	for i, change := range map[int]func(string) string{
		0: func(s string) string { return strings.Replace(s, ";packed)", ";packed2)", 1) },
		2: func(s string) string { return strings.Replace(s, "word", "wide", 1) },
	} {
		cells := x.formerCells()
		cells[i].Schema = change(x.table.space.cells[i].schema)
		if _, err := x.table.space.Restorer(x.table.space.layout, cells, false); fault.CodeOf(err) != fault.StateSchema || !strings.Contains(err.Error(), cells[i].Schema) {
			t.Errorf("rows of %s: %v", cells[i].Schema, err)
		}
	}
	rows := []formerRow{{row: goldenRows[0], words: []uint64{1}}, {row: goldenRows[2], words: []uint64{1}}}
	payload := appendFormer([]byte{0, 0}, goldenSchema.Columns, rows)
	for n := range 4 * len(payload) {
		damaged := slices.Clone(payload)
		if n < len(payload) {
			damaged = damaged[:n]
		} else {
			damaged[n%len(payload)] ^= byte(1 + rng.IntN(255))
		}
		x := newBothStores(t, goldenSchema, false)
		restorer, err := x.table.space.Restorer(x.table.space.layout, x.formerCells(), false)
		if err != nil {
			t.Fatal(err)
		}
		if err := restorer.Put(binary.BigEndian.AppendUint64(nil, 7), damaged, true); err == nil {
			x.texts(x.table.lookup(rng, []testRow{{{w: [2]uint64{7}}}}, nil)) // what is still a payload can be read
		} else if fault.CodeOf(err) != fault.StateDamaged {
			t.Fatal(err)
		}
	}
}
