package statebackend

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/weirstream/weir/internal/base"
)

// testValue is a value of any column type.
type testValue struct {
	null bool
	w    [2]uint64
	s    string
}

// testRow is a row as the oracles have it; it can be a key of a map by its text.
type testRow []testValue

func (r testRow) text(specs []ColumnSpec) string {
	var b strings.Builder
	for i, v := range r {
		switch {
		case v.null:
			b.WriteString("null|")
		case specs[i].Type == WordColumn:
			fmt.Fprintf(&b, "%d|", v.w[0])
		case specs[i].Type == WideColumn:
			fmt.Fprintf(&b, "%d,%d|", v.w[0], v.w[1])
		default:
			fmt.Fprintf(&b, "%q|", v.s)
		}
	}
	return b.String()
}

func randomSpecs(rng *rand.Rand, most int) []ColumnSpec {
	specs := make([]ColumnSpec, 1+rng.IntN(most))
	for i := range specs {
		specs[i] = ColumnSpec{Type: ColumnType(rng.IntN(3)), Nullable: rng.IntN(3) == 0}
	}
	return specs
}

// randomRow draws a row; small values have few different ones.
func randomRow(rng *rand.Rand, specs []ColumnSpec, variety int) testRow {
	r := make(testRow, len(specs))
	for i, c := range specs {
		switch {
		case c.Nullable && rng.IntN(4) == 0:
			r[i].null = true
		case c.Type == BytesColumn:
			r[i].s = testString(i, rng.IntN(variety))
		default:
			r[i].w = [2]uint64{uint64(rng.IntN(variety)), 0}
			if c.Type == WideColumn {
				r[i].w[1] = uint64(rng.IntN(2))
			}
		}
	}
	return r
}

// testString is the string of a number in a column: of 0 to 40 bytes, and sometimes of hundreds or thousands.
func testString(col, number int) string {
	n := (5*number + 7*col) % 43
	if n > 40 {
		n = []int{300, 3000}[n-41]
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + (number+i)%26)
	}
	return string(b)
}

// testColumns makes columns of rows. What stands in the place of nulls, and behind short strings, is rubbish.
func testColumns(rng *rand.Rand, specs []ColumnSpec, rows []testRow) []Column {
	cols := make([]Column, len(specs))
	for j, c := range specs {
		col := &cols[j]
		if c.Nullable && rng.IntN(8) > 0 || slices.ContainsFunc(rows, func(r testRow) bool { return r[j].null }) {
			col.Valid = make([]uint64, len(rows)/64+1)
			for i, r := range rows {
				if !r[j].null {
					col.Valid[i/64] |= 1 << (i % 64)
				}
			}
		}
		switch c.Type {
		case WordColumn:
			col.Words = make([]uint64, len(rows))
		case WideColumn:
			col.Wide = make([][2]uint64, len(rows))
		default:
			col.Views = make([]View, len(rows))
			col.Buffers = [][]byte{nil, nil}
		}
		for i, r := range rows {
			v := r[j]
			if v.null {
				v.w = [2]uint64{rng.Uint64(), rng.Uint64()}
			}
			switch c.Type {
			case WordColumn:
				col.Words[i] = v.w[0]
			case WideColumn:
				col.Wide[i] = v.w
			default:
				n := rng.IntN(2)
				col.Views[i] = MakeView([]byte(v.s), n, len(col.Buffers[n]))
				col.Buffers[n] = append(col.Buffers[n], v.s...)
				if len(v.s) <= viewInline {
					m := inlineMasks[len(v.s)]
					col.Views[i].Head |= rng.Uint64() &^ m.Head
					col.Views[i].Tail |= rng.Uint64() &^ m.Tail
				}
				if v.null {
					col.Views[i] = View{Head: rng.Uint64(), Tail: rng.Uint64()}
				}
			}
		}
	}
	return cols
}

// readRows reads all columns of rows back.
func readRows(l *rowLayout, rows []RowRef) []testRow {
	out := make([]testRow, len(rows))
	for i := range out {
		out[i] = make(testRow, len(l.schema.Columns))
	}
	valid := make([]uint64, len(rows)/64+1)
	for j, c := range l.schema.Columns {
		l.ReadValid(j, rows, valid)
		words, wide, views := make([]uint64, len(rows)), make([][2]uint64, len(rows)), make([]View, len(rows))
		var buffer []byte
		switch c.Type {
		case WordColumn:
			l.ReadWords(j, rows, words)
		case WideColumn:
			l.ReadWide(j, rows, wide)
		default:
			buffer = l.ReadStrings(j, rows, views, []byte("head"), 2)
		}
		for i := range rows {
			v := &out[i][j]
			if v.null = valid[i/64]>>(i%64)&1 == 0; v.null {
				continue
			}
			switch c.Type {
			case WordColumn:
				v.w[0] = words[i]
			case WideColumn:
				v.w = wide[i]
			default:
				var scratch [16]byte
				col := Column{Views: views, Buffers: [][]byte{nil, nil, buffer}}
				v.s = string(col.Bytes(i, &scratch))
			}
		}
	}
	return out
}

// someRows is a selection of n rows: nil, or each with some chance.
func someRows(rng *rand.Rand, n int) []int32 {
	if rng.IntN(2) == 0 {
		return nil
	}
	sel := []int32{}
	for row := range int32(n) {
		if rng.IntN(3) > 0 {
			sel = append(sel, row)
		}
	}
	return sel
}

func selected(sel []int32, n int) []int32 {
	if sel != nil {
		return sel
	}
	all := make([]int32, n)
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

func chunkSize(rng *rand.Rand) int { return []int{1, 7, 7, 7, 1000}[rng.IntN(5)] }

// mapSpill keeps keys in a map.
type mapSpill struct {
	store *Store
	data  map[string]spilledKey
}

type spilledKey struct {
	space, group int
	hash         uint64
	key, payload []byte
}

func (m *mapSpill) name(sp, group int, key []byte) string {
	return string(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(sp)), uint32(group))) + string(key)
}

func (m *mapSpill) Load(sp *Space, group int, _ uint64, key []byte) ([]byte, error) {
	if e, ok := m.data[m.name(sp.Number(), group, key)]; ok {
		return append([]byte{}, e.payload...), nil
	}
	return nil, nil
}

func (m *mapSpill) Removed(sp *Space, group int, _ uint64, key []byte) error {
	delete(m.data, m.name(sp.Number(), group, key))
	return nil
}

func (m *mapSpill) Evict(bytes int64) (int64, error) {
	return m.store.Shed(bytes, func(sp *Space, group int, hash uint64, key, payload []byte) error {
		m.data[m.name(sp.Number(), group, key)] = spilledKey{sp.Number(), group, hash, slices.Clone(key), slices.Clone(payload)}
		return nil
	})
}

func (m *mapSpill) Freeze() (SpillView, error) { return mapView(maps.Clone(m.data)), nil }
func (m *mapSpill) Sweep(int) error            { return nil }
func (m *mapSpill) Close() error               { return nil }

type mapView map[string]spilledKey

func (v mapView) Release() error { return nil }

func (v mapView) Find(sp, group int, _ uint64, key []byte) ([]byte, error) {
	if e, ok := v[(&mapSpill{}).name(sp, group, key)]; ok {
		return append([]byte{}, e.payload...), nil
	}
	return nil, nil
}

func (v mapView) Entries(sp, group int, yield func(hash uint64, key, payload []byte) bool) error {
	var all []spilledKey
	for _, e := range v {
		if e.space == sp && e.group == group {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b spilledKey) int { return cmp.Or(cmp.Compare(a.hash, b.hash), bytes.Compare(a.key, b.key)) })
	for _, e := range all {
		if !yield(e.hash, e.key, e.payload) {
			break
		}
	}
	return nil
}

// chunkStore returns a store, with a spill if spilling is set; shed then takes keys out of memory.
func chunkStore(t testing.TB, spilling bool) (s *Store, shed func()) {
	cfg := Config{Operator: "test", Groups: base.KeyGroupRange{First: 16, Last: 31}, MaxParallelism: 32}
	if spilling {
		cfg.Spill = func(s *Store) (Spill, error) { return &mapSpill{store: s, data: map[string]spilledKey{}}, nil }
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		if used := s.Account().Used(); used != 0 {
			t.Errorf("%d bytes are counted after Close", used)
		}
	})
	return s, func() {
		if spilling {
			if _, err := s.spill.Evict(1 << 12); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// inGroups turns a hash into one whose key group the test's store has.
func inGroups(hash uint64) uint64 { return hash | 1<<63 }

// copyStore takes a snapshot of a store, lets the caller change the store, and puts the snapshot into another one.
func copyStore(t testing.TB, from, to *Store, meanwhile func()) {
	snap, err := from.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if meanwhile != nil {
		meanwhile()
	}
	for _, sp := range snap.Spaces() {
		for g := range sp.subs {
			err := snap.Entries(sp, g, func(key, payload []byte) bool {
				if err := to.Spaces()[sp.Number()].Restore(key, payload); err != nil {
					t.Fatal(err)
				}
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := snap.Release(); err != nil {
		t.Fatal(err)
	}
}

// testTable is a group table whose hashes the test makes, and can make bad.
type testTable struct {
	*GroupTable
	bad uint64 // bits of the hash that are the same for all keys
}

func newTestTable(s *Store, specs []ColumnSpec, dist []int, bad uint64) *testTable {
	t := &testTable{NewGroupTable(s, "groups", specs, dist), bad}
	t.space.Rehash(func(words []uint64, b []byte) (keyHash, hash uint64) {
		keyHash, hash = t.rehash(words, b)
		return inGroups(keyHash), inGroups(hash) &^ bad
	})
	return t
}

func (t *testTable) chunk(rng *rand.Rand, keys []testRow, sel []int32) *GroupChunk {
	c := &GroupChunk{Keys: testColumns(rng, t.columns, keys), Sel: sel, Hashes: make([]uint64, len(keys))}
	HashColumns(c.Keys, nil, c.Hashes)
	if t.dist != nil || t.bad != 0 {
		c.GroupHashes = slices.Clone(c.Hashes)
	}
	if t.dist != nil {
		var dist []Column
		for _, i := range t.dist {
			dist = append(dist, c.Keys[i])
		}
		HashColumns(dist, nil, c.GroupHashes)
	}
	for i := range c.Hashes {
		c.Hashes[i] = inGroups(c.Hashes[i]) &^ t.bad
		if c.GroupHashes != nil {
			c.GroupHashes[i] = inGroups(c.GroupHashes[i])
		}
	}
	return c
}

func (t *testTable) lookup(rng *rand.Rand, keys []testRow, sel []int32) []Ref {
	refs := make([]Ref, len(keys))
	for i := range refs {
		refs[i] = NoRef
	}
	t.Lookup(t.chunk(rng, keys, sel), refs, nil)
	return refs
}

func accumulators(base unsafe.Pointer, c *Cell) *[2]int64 {
	return (*[2]int64)(unsafe.Add(base, c.AccumulatorOffset()))
}
