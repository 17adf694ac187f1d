package statebackend

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
)

// GroupTable is a space whose keys are rows of columns, looked up a chunk at a time. Accumulators and rows hang on its cells like any state, so that they are taken into
// snapshots, restored and spilled with their key.
//
// Like all of a store it belongs to one goroutine. A [Ref] that a lookup gives is good until its key is removed or released, or the store may make room ([Store.Breathe],
// [Store.BreatheRows]): operators give it that time between two chunks.
type GroupTable struct {
	space   *Space
	columns []ColumnSpec
	dist    []int
	values  int  // words of the columns
	words   int  // words of the key, those for nulls included, as far as they are kept as words
	nulls   int  // words of null bits
	packed  bool // the key's bytes are made up of several parts
	strings []int
	ttl     *Cell // the accumulators that have a time to live
	block   groupBlock
	key     []byte
	scratch [16]byte
	touched uint64
	absent  absentRow
	from    func(word uint64) (keyHash uint64)
}

// maxGroupWords is how many words of a group's key are kept as words: one less than there can be, so that a timer can have such a key.
const maxGroupWords = MaxKeyWords - 1

// NoRef is the reference to a key that is not there.
const NoRef = Ref(math.MaxUint64)

// GroupChunk is the keys of a chunk, lent for the time of a call.
type GroupChunk struct {
	// Hashes are the hashes of the rows' keys, over all key columns.
	Hashes []uint64
	// GroupHashes are the hashes from which the key groups follow, if those are of some of the key columns only; nil if they are the same.
	GroupHashes []uint64
	Keys        []Column
	// Sel are the numbers of the rows that count, nil for all.
	Sel []int32
}

// NewGroupTable adds a table of the given name. distribution are the key columns that decide the key group, in the order in which they are hashed, nil for all.
// All cells are declared before the first lookup.
func NewGroupTable(s *Store, name string, key []ColumnSpec, distribution []int) *GroupTable {
	t := &GroupTable{columns: slices.Clone(key), dist: distribution}
	nullable := false
	for i, c := range key {
		switch c.Type {
		case WordColumn:
			t.values++
		case WideColumn:
			t.values += 2
		default:
			t.strings = append(t.strings, i)
		}
		nullable = nullable || c.Nullable
	}
	if nullable {
		t.nulls = (len(key) + 63) / 64
	}
	t.words = t.values + t.nulls
	t.packed = len(t.strings) > 1
	if t.words > maxGroupWords {
		t.words, t.packed = maxGroupWords, true
	}
	t.block.words = make([]uint64, blockRows*max(t.values+t.nulls, 1))
	t.space = s.Space(name, KeyLayout{Words: t.words, Bytes: t.packed || len(t.strings) > 0})
	t.space.Rehash(t.rehash)
	return t
}

// Space holds the groups.
func (t *GroupTable) Space() *Space { return t.space }

// Len is the number of groups in memory.
func (t *GroupTable) Len() int { return t.space.keys }

// Columns describes the key.
func (t *GroupTable) Columns() []ColumnSpec { return t.columns }

// Accumulators declares a cell of some words for each group, which are zero at first. With a time to live, of which [TTL.OnRead] and [TTL.ReturnExpired] do not count,
// each Lookup of a group renews it, and a group that has expired is fresh; one cell of a table can have that.
func (t *GroupTable) Accumulators(name string, words int, ttl *TTL) *Cell {
	c := &Cell{name: name, kind: ValueKind, schema: fmt.Sprintf("words(%d)", words), ttl: ttl, fixed: true, size: 8 * uintptr(words)}
	c.encode = func(dst []byte, v unsafe.Pointer) ([]byte, error) {
		for _, w := range unsafe.Slice((*uint64)(v), words) {
			dst = binary.LittleEndian.AppendUint64(dst, w)
		}
		return dst, nil
	}
	c.decode = func(src []byte, v unsafe.Pointer) error {
		if len(src) != 8*words {
			return errPayload
		}
		for i := range words {
			*(*uint64)(unsafe.Add(v, 8*i)) = binary.LittleEndian.Uint64(src[8*i:])
		}
		return nil
	}
	t.space.reserve(c, c.valueSize())
	if ttl != nil {
		t.renews(c)
	}
	return c
}

// renews notes the cell whose time to live begins anew with each lookup.
func (t *GroupTable) renews(c *Cell) {
	if t.ttl != nil {
		t.space.store.cfg.Fail(fault.New(fault.StateDeclared, "operator %q declares two accumulators with a time to live for the groups %q", t.space.store.cfg.Operator, t.space.name))
	}
	t.ttl = c
}

// AccumulatorOffset is where a cell's words begin in the rows that Edit gives.
func (c *Cell) AccumulatorOffset() uintptr { return c.valueOff() }

// Lookup writes refs[row], the group of each row of the chunk, and makes those that are not there. It appends the rows that made a group to fresh and returns it: the
// accumulators of such a group are zero. A group without any state is kept until Release.
func (t *GroupTable) Lookup(c *GroupChunk, refs []Ref, fresh []int32) []int32 {
	return t.each(c, refs, fresh, true)
}

// Find writes refs[row], the group of each row, or NoRef where there is none. It appends the rows without a group to absent and returns it.
func (t *GroupTable) Find(c *GroupChunk, refs []Ref, absent []int32) []int32 {
	return t.each(c, refs, absent, false)
}

func (t *GroupTable) each(c *GroupChunk, refs []Ref, out []int32, insert bool) []int32 {
	n := len(c.Hashes)
	if c.Sel != nil {
		n = len(c.Sel)
	}
	for lo := 0; lo < n; lo += blockRows {
		hi := min(lo+blockRows, n)
		b := t.fill(c, lo, hi)
		to := b.refs[:hi-lo]
		if c.Sel == nil {
			to = refs[lo:hi]
		}
		t.probe(b, to)
		out = t.settle(b, to, out, insert)
		if t.space.spills() {
			t.use(to)
		}
		if c.Sel != nil {
			for i, row := range c.Sel[lo:hi] {
				refs[row] = to[i]
			}
		}
	}
	return out
}

// settle finds or makes the groups of the rows that probe has not found.
func (t *GroupTable) settle(b *groupBlock, refs []Ref, out []int32, insert bool) []int32 {
	sp := t.space
	for _, i := range b.missed[:b.misses] {
		row := b.row(int(i))
		group, hash := sp.Group(b.groups[i]), b.hashes[i]
		words, key := t.keyOf(b, int(i))
		switch {
		case insert:
			r, fresh := sp.Insert(group, hash, words, key)
			if refs[i] = r; fresh {
				out = append(out, row)
				if t.ttl != nil { // so that the group is not taken to have expired below
					*(*int64)(unsafe.Add(sp.Edit(r), t.ttl.off)) = sp.store.now
				}
			}
		default:
			r, ok := sp.Find(group, hash, words, key)
			if !ok {
				out = append(out, row)
				r = NoRef
			}
			refs[i] = r
		}
	}
	if t.ttl != nil {
		out = t.renew(b, refs, out, insert)
	}
	return out
}

// use notes that the groups were looked up.
func (t *GroupTable) use(refs []Ref) {
	for _, r := range refs {
		if r != NoRef {
			t.space.subs[r.Group()].use(r.Row())
		}
	}
}

// renew begins the time of the groups anew, after emptying those that have expired.
func (t *GroupTable) renew(b *groupBlock, refs []Ref, out []int32, insert bool) []int32 {
	sp, c := t.space, t.ttl
	for i, r := range refs {
		if r == NoRef {
			continue
		}
		row := sp.Row(r)
		if *flagsOf(row)&flagLive == 0 { // it has expired for a row before
			refs[i] = NoRef
			out = append(out, b.row(i))
			continue
		}
		if c.expired(*(*int64)(unsafe.Add(row, c.off))) {
			c.clear(r)
			out = append(out, b.row(i))
			if !insert {
				refs[i] = NoRef
				sp.Release(r)
				continue
			}
		}
		if insert {
			row = sp.Edit(r)
			*(*int64)(unsafe.Add(row, c.off)) = sp.store.now
			sp.change(row, 0)
		}
	}
	return out
}

// Edit writes bases[row], the address of each row's group, and notes that the cell, of this table, will be written. A cell's words begin at its AccumulatorOffset. The addresses
// are good until the next change of the table or snapshot. All refs of the selection (nil for all) are groups.
func (t *GroupTable) Edit(cell *Cell, refs []Ref, sel []int32, bases []unsafe.Pointer) {
	n := len(refs)
	if sel != nil {
		n = len(sel)
	}
	for lo := 0; lo < n; lo += blockRows {
		hi := min(lo+blockRows, n)
		if sel != nil {
			t.editSelected(cell, refs, sel[lo:hi], bases)
		} else {
			t.edit(cell, refs[lo:hi], bases[lo:hi])
		}
	}
}

// edit is Edit for some rows: the addresses first, then a touch of what will be written, so that cache misses overlap.
func (t *GroupTable) edit(cell *Cell, refs []Ref, bases []unsafe.Pointer) {
	subs, off, set := t.space.subs, cell.valueOff(), cell.bit|t.space.mark
	bases = bases[:len(refs)]
	for i, r := range refs {
		bases[i] = subs[r.Group()].rows.Edit(r.Row())
	}
	seen := uint64(0)
	for _, p := range bases {
		seen ^= *(*uint64)(unsafe.Add(p, off))
	}
	t.touched = seen
	for _, p := range bases {
		setFlags(p, set)
	}
}

func (t *GroupTable) editSelected(cell *Cell, refs []Ref, sel []int32, bases []unsafe.Pointer) {
	subs, off, set := t.space.subs, cell.valueOff(), cell.bit|t.space.mark
	for _, row := range sel {
		r := refs[row]
		bases[row] = subs[r.Group()].rows.Edit(r.Row())
	}
	seen := uint64(0)
	for _, row := range sel {
		seen ^= *(*uint64)(unsafe.Add(bases[row], off))
	}
	t.touched = seen
	for _, row := range sel {
		setFlags(bases[row], set)
	}
}

// View writes bases[row], the address of each row's group for reading, until the next change of the table.
func (t *GroupTable) View(refs []Ref, sel []int32, bases []unsafe.Pointer) {
	subs := t.space.subs
	forRows(sel, len(refs), func(row int32) { bases[row] = subs[refs[row].Group()].rows.At(refs[row].Row()) })
}

// Remove removes the groups with all that hangs on them. A group may be named more than once.
func (t *GroupTable) Remove(refs []Ref, sel []int32) {
	forRows(sel, len(refs), func(row int32) {
		if r := refs[row]; t.live(r) {
			t.space.Remove(r)
		}
	})
}

// Release forgets those of the groups that have no state: that were made by Lookup and got none, or lost it. A group may be named more than once.
func (t *GroupTable) Release(refs []Ref, sel []int32) {
	forRows(sel, len(refs), func(row int32) {
		if r := refs[row]; t.live(r) {
			t.space.Release(r)
		}
	})
}

func (t *GroupTable) live(r Ref) bool { return r != NoRef && t.space.live(r) }

// live reports whether a reference names a key now, be it another one than it once did.
func (sp *Space) live(r Ref) bool {
	s := sp.subs[r.Group()]
	return s != nil && r.Row() < s.rows.Len() && *flagsOf(s.rows.At(r.Row()))&flagLive != 0
}

// Groups appends up to limit groups of a key group, counted from the store's first, that are in memory, from the given position on: 0 at first. It returns where to go on, 0 after the last.
func (t *GroupTable) Groups(group int, from uint32, limit int, refs []Ref) ([]Ref, uint32) {
	s := t.space.subs[group]
	if s == nil {
		return refs, 0
	}
	for row := from; row < s.rows.Len(); row++ {
		if limit == 0 {
			return refs, row
		}
		if *flagsOf(s.rows.At(row))&flagLive != 0 {
			refs = append(refs, makeRef(group, row))
			limit--
		}
	}
	return refs, 0
}

// BreatheRows gives the store the time to clean up and to make room after so many rows; see Breathe.
func (s *Store) BreatheRows(rows int) {
	if s.rest -= rows; s.rest <= 0 {
		s.breathe()
	}
}

// GroupFrom makes the key group follow from the first column, which is one of words without null: it is that of the hash that f returns. Chunks have that hash in GroupHashes.
func (t *GroupTable) GroupFrom(f func(word uint64) (keyHash uint64)) { t.from = f }

// rehash computes the hashes of a key when it is restored.
func (t *GroupTable) rehash(words []uint64, b []byte) (keyHash, hash uint64) {
	lanes := t.lanes(words, b)
	over := func(columns func(yield func(int))) uint64 {
		h := base.HashSeed
		columns(func(i int) {
			for _, l := range lanes[i] {
				h = base.HashCombine(h, l)
			}
		})
		return h
	}
	hash = over(func(yield func(int)) {
		for i := range t.columns {
			yield(i)
		}
	})
	switch {
	case t.from != nil:
		return t.from(words[0]), hash
	case t.dist == nil:
		return hash, hash
	}
	return over(func(yield func(int)) {
		for _, i := range t.dist {
			yield(i)
		}
	}), hash
}

// lanes returns what each column of a key is hashed as.
func (t *GroupTable) lanes(words []uint64, b []byte) [][]uint64 {
	lanes := make([][]uint64, len(t.columns))
	t.cut(words, b, func(i int, null bool, w []uint64, s []byte) {
		switch {
		case null:
			lanes[i] = []uint64{base.LaneNull}
		case t.columns[i].Type == BytesColumn:
			lanes[i] = []uint64{base.LaneBytes(s)}
		default:
			lanes[i] = slices.Clone(w)
		}
	})
	return lanes
}
