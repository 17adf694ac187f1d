package statebackend

import (
	"sync"
	"unsafe"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/invariants"
	"github.com/weirstream/weir/internal/pages"
)

// KeyLayout is the form of a space's keys: a number of 64-bit words, then, if Bytes is set, bytes of any length.
type KeyLayout struct {
	Words int
	Bytes bool
}

// MaxKeyWords is the largest number of words of a key.
const MaxKeyWords = 12

// Ref names a key of a space while it has state: its key group, counted from the store's first, and its row there. It is good until the key is removed, or, with a
// spill, until the store is given the time to make room.
type Ref uint64

func makeRef(group int, row uint32) Ref { return Ref(group)<<32 | Ref(row) }

// Group is the key group, counted from the first of the store.
func (r Ref) Group() int { return int(r >> 32) }

// Row is the row within the key group.
func (r Ref) Row() uint32 { return uint32(r) }

// Space is a table of keys, each with a row of cells. All cells are declared before the first key comes.
//
// A row is: the hash by which it is found; a word of flags; the words of the key; the bytes of the key; the cells.
type Space struct {
	name   string
	number int
	store  *Store
	layout KeyLayout
	cells  []*Cell
	width  int // bytes of a row
	subs   []*sub
	heap   *pages.Heap
	keys   int
	ttl    bool // some cell has a time to live and is cleaned in the background
	// mark has the flags of a change: that the row is dirty and used, and the epoch of the store.
	mark uint64
	// marks are the copies of it that handles have, each with the bit of its cell.
	marks []*uint64
	// version changes when a key is added, removed or moved and when a snapshot is taken, so that scopes look theirs up again. It is never 0.
	version uint64
	// maxParallelism and first are those of the store's configuration.
	maxParallelism uint64
	first          uint64
	short          shortKeys
	// parent is the map whose entries these are, timers what orders the keys if they are timers.
	parent *Cell
	timers *Timers
	sealed bool
	vacant int  // rows of no key
	child  bool // of the entries of a map, which come and go with their key
	pinned bool // never spilled
	// anchored rows are never moved.
	anchored bool
	clean    struct{ sub, row int }
	// form is another one that is restored, nil for none.
	form   *Form
	rehash func(words []uint64, bytes []byte) (keyHash, hash uint64)
	// keySchema and namespace are what DescribeKey was told.
	keySchema string
	namespace []string
	// sharing guards the heap while key groups are restored on several goroutines, and is nil at other times.
	sharing *sync.Mutex
	// touched keeps Touch from being optimised away.
	touched uint64
}

const (
	rowHash  = 0
	rowFlags = 8
	rowKey   = 16

	// The low bits of the flags tell which cells are present.
	presentBits = 1<<48 - 1
	flagLive    = 1 << 48 // the row belongs to a key
	flagDirty   = 1 << 49 // it differs from what the spill has
	flagUsed    = 1 << 50 // it was used since the spill last looked
	flagStored  = 1 << 51 // the spill has something of the key
	// The high bits are the epoch of the last change, see changes.go.
	epochShift = 52
	epochBits  = 1<<64 - 1<<epochShift
)

// shortKeys are the commonest layouts of keys, for which there are short ways.
type shortKeys uint8

const (
	longKeys shortKeys = iota
	oneWordKeys
	twoWordKeys
	bytesKeys
)

// sub is the part of a space that one key group has.
//
// Slots hold the low 32 bits of the hash and the row's number plus one; 0 is empty. The place of an entry follows from these bits alone, so that growing never looks at rows.
type sub struct {
	slots unsafe.Pointer
	mask  uint64
	rows  *pages.Vec
	// used has a bit for each row that was looked up since the clock passed it, stored is the number of keys that the spill has: only where there is a spill.
	used   []uint64
	stored int
	free   []uint32
	live   int
	gone   *goneKeys // what has left the key group, of a store that tracks changes
	_      [24]byte  // to fill two lines of the cache: a look-up needs the first
}

const firstSlots = 32

// Space adds a space of the given name. Names are unique within a store.
func (s *Store) Space(name string, layout KeyLayout) *Space {
	if layout.Words > MaxKeyWords {
		s.cfg.Fail(fault.New(fault.InternalInvariant, "state %q has keys of %d words", name, layout.Words))
	}
	sp := &Space{name: name, number: len(s.spaces), store: s, layout: layout, heap: pages.NewHeap(s.account), version: 1, mark: s.mark()}
	sp.maxParallelism, sp.first = uint64(s.cfg.MaxParallelism), uint64(s.cfg.Groups.First)
	switch layout {
	case KeyLayout{Words: 1}:
		sp.short = oneWordKeys
	case KeyLayout{Words: 2}:
		sp.short = twoWordKeys
	case KeyLayout{Bytes: true}:
		sp.short = bytesKeys
	}
	sp.subs = make([]*sub, s.cfg.Groups.Len())
	sp.width = rowKey + 8*layout.Words
	if layout.Bytes {
		sp.width += viewSize
	}
	s.spaces = append(s.spaces, sp)
	return sp
}

// Rehash sets how the hash of a key, and the hash by which it is found, follow from its words and bytes. Restoring needs it.
func (sp *Space) Rehash(f func(words []uint64, bytes []byte) (keyHash, hash uint64)) { sp.rehash = f }

// DescribeKey says what the keys mean: the schema of the key, as package codec writes it, and the names of the words in front of it. Snapshots keep it, so that others than the program can read them.
func (sp *Space) DescribeKey(schema string, namespace ...string) {
	sp.keySchema, sp.namespace = schema, namespace
}

// KeySchema and Namespace return what DescribeKey was told; "" and nil if it was not.
func (sp *Space) KeySchema() string   { return sp.keySchema }
func (sp *Space) Namespace() []string { return sp.namespace }

// Name is the name of the space.
func (sp *Space) Name() string { return sp.name }

// Store is the store that the space is part of.
func (sp *Space) Store() *Store { return sp.store }

// Number is the position of the space in its store.
func (sp *Space) Number() int { return sp.number }

// Layout is the form of the keys.
func (sp *Space) Layout() KeyLayout { return sp.layout }

// Cells returns the cells in the order in which they were declared.
func (sp *Space) Cells() []*Cell { return sp.cells }

// Len is the number of keys in memory.
func (sp *Space) Len() int { return sp.keys }

func (sp *Space) reserve(c *Cell, size uintptr) {
	if sp.sealed {
		sp.store.cfg.Fail(fault.New(fault.InternalInvariant, "state %q is declared after the first key", c.name))
	}
	c.space, c.bit, c.off = sp, 1<<len(sp.cells), uintptr(sp.width)
	if len(sp.cells) == 48 {
		sp.store.cfg.Fail(fault.New(fault.StateDeclared, "operator %q declares more than 48 states for a key", sp.store.cfg.Operator))
	}
	sp.width += int(size+7) &^ 7
	sp.cells = append(sp.cells, c)
	if c.ttl != nil {
		sp.ttl, sp.store.ttl = sp.ttl || !c.ttl.NoCleanup, true
	}
}

func (sp *Space) sub(group int) *sub {
	s := sp.subs[group]
	if s == nil {
		sp.sealed = true
		s = &sub{slots: pages.Alloc(firstSlots * 8), mask: firstSlots - 1, rows: pages.NewVec(sp.width, sp.store.account)}
		sp.store.account.Add(firstSlots * 8)
		if sp.spills() {
			s.used = make([]uint64, 1)
		}
		if sp.store.changes.epoch > 0 && !sp.child {
			s.rows.Track()
		}
		sp.subs[group] = s
	}
	return s
}

// Group returns the key group of a key's hash, counted from the store's first.
func (sp *Space) Group(keyHash uint64) int {
	g := base.KeyGroup(keyHash, int(sp.maxParallelism)) - int(sp.first)
	if invariants.Enabled {
		invariants.Check(g >= 0 && g < len(sp.subs), "key group %d of operator %q is not in the range %v of this subtask", g+sp.store.cfg.Groups.First, sp.store.cfg.Operator, sp.store.cfg.Groups)
	}
	return g
}

func (s *sub) slot(i uint64) *uint64 { return (*uint64)(unsafe.Add(s.slots, i*8)) }

func flagsOf(row unsafe.Pointer) *uint64 { return (*uint64)(unsafe.Add(row, rowFlags)) }

// seek returns the row of a key in memory, if it is there.
func (sp *Space) seek(s *sub, hash uint64, words []uint64, bytes []byte) (uint32, bool) {
	if sp.short == oneWordKeys {
		return s.seekWord(hash, words[0])
	}
	tag := hash & 0xFFFFFFFF
	for i := hash & s.mask; ; i = (i + 1) & s.mask {
		slot := *s.slot(i)
		if slot == 0 {
			return 0, false
		}
		if slot>>32 == tag {
			row := uint32(slot) - 1
			if sp.matches(s.rows.At(row), hash, words, bytes) {
				return row, true
			}
		}
	}
}

// seekWord is seek for keys of one word.
func (s *sub) seekWord(hash, word uint64) (uint32, bool) {
	slots, mask, rows := s.slots, s.mask, s.rows
	tag := hash & 0xFFFFFFFF
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := *(*uint64)(unsafe.Add(slots, i*8))
		if slot>>32 == tag && slot != 0 {
			row := uint32(slot) - 1
			if *(*uint64)(unsafe.Add(rows.At(row), rowKey)) == word {
				return row, true
			}
		} else if slot == 0 {
			return 0, false
		}
	}
}

func (sp *Space) matches(p unsafe.Pointer, hash uint64, words []uint64, bytes []byte) bool {
	if *(*uint64)(p) != hash {
		return false
	}
	for i, w := range words {
		if *(*uint64)(unsafe.Add(p, rowKey+8*uintptr(i))) != w {
			return false
		}
	}
	return !sp.layout.Bytes || viewEqual(sp.heap, unsafe.Add(p, rowKey+8*uintptr(len(words))), bytes)
}

// Find returns the key, if it has state. group is that of the key's hash, see Group; hash finds the key within: the key's hash, or, where the key has a namespace, that hash
// combined with it.
func (sp *Space) Find(group int, hash uint64, words []uint64, bytes []byte) (Ref, bool) {
	s := sp.subs[group]
	if s != nil {
		if row, ok := sp.seek(s, hash, words, bytes); ok {
			s.use(row)
			return makeRef(group, row), true
		}
		if s.stored > 0 {
			return sp.load(group, hash, words, bytes)
		}
	}
	return 0, false
}

// Insert returns the key, which is made if it is not there: fresh then tells so. A key without any state is forgotten by Release.
func (sp *Space) Insert(group int, hash uint64, words []uint64, bytes []byte) (r Ref, fresh bool) {
	s := sp.subs[group]
	if s == nil {
		s = sp.sub(group)
	} else if row, ok := sp.seek(s, hash, words, bytes); ok {
		s.use(row)
		return makeRef(group, row), false
	}
	if s.stored > 0 {
		if r, ok := sp.load(group, hash, words, bytes); ok {
			return r, false
		}
	}
	return makeRef(group, sp.add(s, hash, words, bytes)), true
}

// add makes a row for a key that has none.
func (sp *Space) add(s *sub, hash uint64, words []uint64, bytes []byte) uint32 {
	if !s.hasRoom() {
		sp.grow(s)
	}
	row := sp.addRow(s, hash, words, bytes)
	s.place(hash, row)
	return row
}

// hasRoom reports whether the index has room for one key more.
func (s *sub) hasRoom() bool { return uint64(s.live+1)*8 <= (s.mask+1)*7 }

// addRow is add without a place in the index, where there must be room for it.
func (sp *Space) addRow(s *sub, hash uint64, words []uint64, bytes []byte) uint32 {
	var row uint32
	if n := len(s.free); n > 0 {
		row = s.free[n-1]
		s.free = s.free[:n-1]
		sp.vacant--
	} else {
		row = s.rows.Append()
		if s.used != nil && int(row>>6) == len(s.used) {
			s.used = append(s.used, 0)
		}
	}
	s.unuse(row)
	p := s.rows.Edit(row)
	*(*uint64)(p) = hash
	*flagsOf(p) = flagLive | sp.mark
	for i, w := range words {
		*(*uint64)(unsafe.Add(p, rowKey+8*uintptr(i))) = w
	}
	if sp.layout.Bytes {
		sp.setBytes(unsafe.Add(p, rowKey+8*uintptr(len(words))), bytes)
	}
	s.live++
	sp.keys++
	sp.version++
	return row
}

// heaped reports whether something may hang on the cells of a row.
func (sp *Space) heaped() bool {
	for _, c := range sp.cells {
		if c.kind != ValueKind || !c.fixed {
			return true
		}
	}
	return false
}

func (sp *Space) setBytes(view unsafe.Pointer, bytes []byte) {
	if sp.sharing != nil && len(bytes) > viewInline {
		sp.sharing.Lock()
		defer sp.sharing.Unlock()
	}
	viewSet(sp.heap, view, bytes)
}

// expect makes room in the index for so many keys more.
func (sp *Space) expect(s *sub, keys int) {
	n := s.mask + 1
	for uint64(s.live+keys+1)*8 > n*7 {
		n *= 2
	}
	if n > s.mask+1 {
		sp.growTo(s, n)
	}
}

func (s *sub) place(hash uint64, row uint32) {
	i := hash & s.mask
	for *s.slot(i) != 0 {
		i = (i + 1) & s.mask
	}
	*s.slot(i) = hash<<32 | uint64(row+1)
}

// placeFrom gives all rows from one on their places. It reads some slots before it writes any, so that the memory is waited for once; touched is of what it read.
func (s *sub) placeFrom(row uint32) (touched uint64) {
	const most = 16
	var hashes [most]uint64
	for end := s.rows.Len(); row < end; {
		n := min(end-row, most)
		for i := range n {
			hashes[i] = *(*uint64)(s.rows.At(row + i))
			touched |= *s.slot(hashes[i] & s.mask)
		}
		for i := range n {
			s.place(hashes[i], row+i)
		}
		row += n
	}
	return touched
}

func (sp *Space) grow(s *sub) { sp.growTo(s, 2*(s.mask+1)) }

func (sp *Space) growTo(s *sub, size uint64) {
	old, n := s.slots, s.mask+1
	s.slots, s.mask = pages.Alloc(int(size*8)), size-1
	sp.store.account.Add(int64((size - n) * 8))
	for i := range n {
		slot := *(*uint64)(unsafe.Add(old, i*8))
		if slot == 0 {
			continue
		}
		j := slot >> 32 & s.mask
		for *s.slot(j) != 0 {
			j = (j + 1) & s.mask
		}
		*s.slot(j) = slot
	}
	pages.Free(old, int(n*8))
}

// drop takes a row out of the index and frees what hangs on it.
func (sp *Space) drop(group int, row uint32) {
	s := sp.subs[group]
	p := s.rows.Edit(row)
	hash := *(*uint64)(p)
	i := hash & s.mask
	want := hash<<32 | uint64(row+1)
	for *s.slot(i) != want {
		i = (i + 1) & s.mask
	}
	s.unplace(i)
	if sp.layout.Bytes {
		viewFree(sp.heap, unsafe.Add(p, rowKey+8*uintptr(sp.layout.Words)))
	}
	clear(unsafe.Slice((*byte)(p), sp.width))
	s.free = append(s.free, row)
	sp.vacant++
	s.live--
	sp.keys--
	sp.version++
}

// unplace empties slot i and moves back the entries behind it that would not be found any more.
func (s *sub) unplace(i uint64) {
	for j := i; ; {
		j = (j + 1) & s.mask
		slot := *s.slot(j)
		if slot == 0 {
			break
		}
		home := slot >> 32 & s.mask
		if (j-home)&s.mask >= (j-i)&s.mask {
			*s.slot(i) = slot
			i = j
		}
	}
	*s.slot(i) = 0
}

// Release forgets the key if none of its cells is present.
func (sp *Space) Release(r Ref) {
	s := sp.subs[r.Group()]
	if s == nil {
		return // the store is closed
	}
	p := s.rows.At(r.Row())
	flags := *flagsOf(p)
	if flags&presentBits != 0 || flags&flagLive == 0 {
		return
	}
	if flags&flagStored != 0 {
		sp.unstore(r)
	}
	if sp.store.changes.logs {
		sp.logGone(r)
	}
	sp.drop(r.Group(), r.Row())
}

// Remove clears all cells of the key and forgets it.
func (sp *Space) Remove(r Ref) {
	for _, c := range sp.cells {
		c.clear(r)
	}
	sp.Release(r)
}

// Mark makes a key present that has no cell, or whose first cell is written through Row: it stays until it is removed.
func (sp *Space) Mark(r Ref) { sp.change(sp.Edit(r), 1) }

// Row returns the row for reading. It is good until the next change of the space.
func (sp *Space) Row(r Ref) unsafe.Pointer { return sp.subs[r.Group()].rows.At(r.Row()) }

// Edit returns the row for writing, until the next key is added or a snapshot is taken.
func (sp *Space) Edit(r Ref) unsafe.Pointer { return sp.subs[r.Group()].rows.Edit(r.Row()) }

// Word returns a word of the key.
func (sp *Space) Word(r Ref, i int) uint64 {
	return *(*uint64)(unsafe.Add(sp.Row(r), rowKey+8*uintptr(i)))
}

// Words returns the words of the key, in memory of the space.
func (sp *Space) Words(r Ref) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Add(sp.Row(r), rowKey)), sp.layout.Words)
}

// Bytes returns the bytes of the key, in memory of the space.
func (sp *Space) Bytes(r Ref) []byte {
	if !sp.layout.Bytes {
		return nil
	}
	return viewBytes(sp.heap, unsafe.Add(sp.Row(r), rowKey+8*uintptr(sp.layout.Words)))
}

// Hash returns the hash by which the key is found.
func (sp *Space) Hash(r Ref) uint64 { return *(*uint64)(sp.Row(r)) }

// All calls yield for each key in memory, by key group and row, until it returns false. yield must not add keys; it may remove the one it is given.
func (sp *Space) All(yield func(Ref) bool) {
	for g, s := range sp.subs {
		if s == nil {
			continue
		}
		for row := range s.rows.Len() {
			if *flagsOf(s.rows.At(row))&flagLive != 0 && !yield(makeRef(g, row)) {
				return
			}
		}
	}
}

// touchKeys is from how many keys on a space is taken to be larger than the processor's cache.
const touchKeys = 1 << 14

// touchRows is how many keys are waited for together, touchBytes how much of a row.
const (
	touchRows  = 64
	touchBytes = 128
)

// touched is a place in the slots of a key group.
type touched struct {
	sub  *sub
	hash uint64
	slot uint64 // its content
}

// touchSlot loads the first slot of a hash, without looking at it: what follows does not wait for it.
func (sp *Space) touchSlot(group int, hash uint64) (t touched) {
	if t.sub, t.hash = sp.subs[group], hash; t.sub != nil {
		t.slot = *t.sub.slot(hash & t.sub.mask)
	}
	return t
}

// touchRows loads the rows of some slots, or of those near them that their hashes lead to.
func (sp *Space) touchRows(all []touched) {
	seen, last := uint64(0), uintptr(min(sp.width, touchBytes)-8)
	for i := range all {
		t := &all[i]
		tag, slot := t.hash&0xFFFFFFFF, t.slot
		for j := t.hash; slot != 0 && slot>>32 != tag; slot = *t.sub.slot(j & t.sub.mask) {
			j++
		}
		if slot != 0 {
			row := t.sub.rows.At(uint32(slot) - 1)
			seen ^= *(*uint64)(unsafe.Add(row, rowKey)) ^ *(*uint64)(unsafe.Add(row, last))
		}
	}
	sp.touched = seen
}

// Touch looks up some keys' hashes, all at once, so that the processor waits for their memory together and not one after the other. It changes nothing.
func (sp *Space) Touch(hashes []uint64) {
	if sp.keys < touchKeys {
		return
	}
	var t [touchRows]touched
	for len(hashes) > 0 {
		part := hashes[:min(len(hashes), len(t))]
		hashes = hashes[len(part):]
		for i, h := range part {
			t[i] = sp.touchSlot(sp.Group(h), h)
		}
		sp.touchRows(t[:len(part)])
	}
}

func (sp *Space) close() {
	for i, s := range sp.subs {
		if s != nil {
			s.close(sp.store.account)
			sp.subs[i] = nil
		}
	}
	sp.heap.Close()
	sp.keys = 0
	if sp.timers != nil {
		sp.timers.close()
	}
}

// Clear removes all keys. It looks first in the key group of hint, the hash of a key, if that is one of the store's.
func (sp *Space) Clear(hint uint64) {
	if sp.keys == 0 {
		return
	}
	if g := base.KeyGroup(hint, int(sp.maxParallelism)) - int(sp.first); g >= 0 && g < len(sp.subs) {
		sp.clearGroup(g)
	}
	for g := 0; sp.keys > 0 && g < len(sp.subs); g++ {
		sp.clearGroup(g)
	}
}

func (sp *Space) clearGroup(group int) {
	s := sp.subs[group]
	if s == nil {
		return
	}
	for row := s.rows.Len(); s.live > 0 && row > 0; row-- { // rows that became free last are used first
		if *flagsOf(s.rows.At(row - 1))&flagLive != 0 {
			sp.Remove(makeRef(group, row-1))
		}
	}
}

// Reserve adds n bytes to every row that belong to the operator: they are zero in a new row, and neither snapshotted nor spilled. It returns where they begin.
func (sp *Space) Reserve(n int) uintptr {
	off := uintptr(sp.width)
	sp.width += (n + 7) &^ 7
	return off
}

// Pin keeps all rows of the space in memory, also where there is a spill.
func (sp *Space) Pin() { sp.pinned = true }

// Anchor keeps all rows of the space in memory, as Pin, and where they are: a [Ref] is good until its key is removed, and may be kept by the operator.
func (sp *Space) Anchor() { sp.pinned, sp.anchored = true, true }

// NextFrom returns the first key in memory at or behind a place, by key group and row.
func (sp *Space) NextFrom(at Ref) (Ref, bool) {
	row := at.Row()
	for g := at.Group(); g < len(sp.subs); g++ {
		if s := sp.subs[g]; s != nil {
			for ; row < s.rows.Len(); row++ {
				if *flagsOf(s.rows.At(row))&flagLive != 0 {
					return makeRef(g, row), true
				}
			}
		}
		row = 0
	}
	return 0, false
}

// MakeRef names a row of a key group, counted from the store's first.
func MakeRef(group int, row uint32) Ref { return makeRef(group, row) }

// TouchIn is Touch for keys with a namespace of one word.
func (sp *Space) TouchIn(hashes []uint64, ns uint64) {
	if sp.keys < touchKeys {
		return
	}
	var t [touchRows]touched
	for len(hashes) > 0 {
		part := hashes[:min(len(hashes), len(t))]
		hashes = hashes[len(part):]
		for i, h := range part {
			t[i] = sp.touchSlot(sp.Group(h), base.HashCombine(h, ns))
		}
		sp.touchRows(t[:len(part)])
	}
}
