package statebackend

import (
	"math/bits"
	"unsafe"

	"github.com/weirstream/weir/fault"
)

// Spill is storage for the keys of a store that do not fit in memory. A key is there or in memory as a whole, with all that hangs on it; in memory it may be newer.
//
// The store asks it for keys that it does not have in memory, and tells it to make room when it is above its account's limit: the spill then calls [Store.Shed]. Keys and
// payloads have the form of [Space.AppendKey] and [Space.AppendPayload]; hash is that of [Space.Hash], from which the place of a key may follow. All methods are called on
// the store's goroutine.
type Spill interface {
	// Load returns what is kept of a key of a space: nil if nothing is, an empty slice that is not nil for a key without cells. The slice is good until the next call.
	Load(sp *Space, group int, hash uint64, key []byte) (payload []byte, err error)
	// Removed tells that a stored key has no state any more.
	Removed(sp *Space, group int, hash uint64, key []byte) error
	// Evict makes room: it takes about so many bytes of keys out of memory, and tells how many.
	Evict(bytes int64) (freed int64, err error)
	// Sweep looks through some of the stored keys, other ones each time, and removes those for which [Space.Forget] returns true.
	Sweep(keys int) error
	// Freeze returns a view of what is stored, for a snapshot.
	Freeze() (SpillView, error)
	// Close gives up all that is stored, when the last view is released.
	Close() error
}

// SpillView is what a spill holds at the time of a snapshot. It may be read and released from one other goroutine, also after the spill was closed.
type SpillView interface {
	// Entries calls yield for each stored key of a space and key group, by hash and then by key, until it returns false. The slices are good during the call.
	Entries(sp int, group int, yield func(hash uint64, key, payload []byte) bool) error
	// Find returns what is stored of a key, as [Spill.Load] does. It is quick if it is called in the order of Entries.
	Find(sp, group int, hash uint64, key []byte) (payload []byte, err error)
	Release() error
}

// spills is whether keys of the space may be in the spill. The entries of maps are part of their key.
func (sp *Space) spills() bool { return sp.store.spill != nil && !sp.child && !sp.pinned }

// use notes that a row was looked up.
func (s *sub) use(row uint32) {
	if s.used != nil {
		s.used[row>>6] |= 1 << (row & 63)
	}
}

// unuse is called for a new row. It counts as used when it is looked up again, so that keys that are seen once do not drive out those that are in use.
func (s *sub) unuse(row uint32) {
	if s.used != nil {
		s.used[row>>6] &^= 1 << (row & 63)
	}
}

// load brings a key from the spill into memory.
func (sp *Space) load(group int, hash uint64, words []uint64, b []byte) (Ref, bool) {
	st := sp.store
	st.key = appendKey(st.key[:0], words, sp.layout.Bytes, b)
	payload, err := st.spill.Load(sp, group, hash, st.key)
	if err != nil {
		st.cfg.Fail(err)
		return 0, false
	}
	if payload == nil {
		return 0, false
	}
	r := makeRef(group, sp.add(sp.sub(group), hash, words, b))
	if len(sp.cells) == 0 {
		sp.Mark(r)
	} else if err := sp.SetPayload(r, payload, nil); err != nil {
		st.cfg.Fail(fault.New(fault.StateDamaged, "state %q of operator %q: %w", sp.name, st.cfg.Operator, err))
	}
	f := flagsOf(sp.Edit(r))
	*f = *f&^(flagDirty|epochBits) | flagStored | st.changes.confirmed<<epochShift // as it was when the last snapshot was taken, or its key is in the log
	st.rest -= len(payload) >> restShift
	st.loads++
	return r, true
}

// restShift makes loading 16 KiB count as much as 64 keys visited, so that memory is looked at before much of it is taken.
const restShift = 8

// unstore tells the spill that a key is removed.
func (sp *Space) unstore(r Ref) {
	st := sp.store
	st.key = sp.AppendKey(st.key[:0], r)
	st.check(st.spill.Removed(sp, r.Group(), sp.Hash(r), st.key))
	sp.subs[r.Group()].stored--
	st.stored--
}

// Loads is how many keys were brought back from the spill.
func (s *Store) Loads() int { return s.loads }

// Stored is the number of keys that the spill has.
func (s *Store) Stored() int { return s.stored }

// makeRoom is called between two keys to come back below the account's limit.
//
// What is evicted leaves room within pages, which serves the next keys, so the account does not fall by it. While an eighth of the memory is such room nothing goes; if the account is far over its
// limit all the same, because something else has grown, pages are given back.
//
// While there is a snapshot no page comes back by that, and each key that goes costs a copy of one. So what only the snapshot holds is waited for: it is enough then that there is some room for the next keys.
func (s *Store) makeRoom() {
	over := s.account.Pressure()
	if over <= 0 {
		return
	}
	used, want := s.account.Used(), over
	enough := used / 8
	if s.snapshots.Load() > 0 {
		if want = s.account.Lasting(); want <= 0 {
			enough = (used - s.account.Retired()) / 32
		}
	}
	if slack := s.Slack(); slack > enough {
		switch {
		case over < used/64 || s.snapshots.Load() > 0 || s.walking():
			return
		case s.compact(over) && over < used/8:
			return
		case slack > used/2: // nothing is gained by more of it
			return
		}
	}
	step := min(leastShed, fewKeys*(used-s.account.Retired())/int64(s.Keys()+1))
	if want > used/64 { // too small a step is overtaken by what comes meanwhile
		step = min(want, mostShed)
	}
	freed, err := s.spill.Evict(step)
	switch {
	case err != nil:
		s.cfg.Fail(err)
	case freed > 0:
	case want > max(used/8, hopeless) && over < used: // what is left cannot go, and is too much by itself
		s.cfg.Fail(fault.New(fault.StateMemory, "the timers and other state of operator %q that cannot go to disk have come to %d MiB, %d MiB more than the memory setting leaves for them", s.cfg.Operator, used>>20, over>>20))
	default: // others have the memory
		s.rest = 16 * restAccesses
	}
}

// walking is whether a loop over a map's entries is under way, which knows their rows.
func (s *Store) walking() bool {
	for _, sp := range s.spaces {
		if sp.parent != nil && sp.parent.walks != nil {
			return true
		}
	}
	return false
}

// hopeless is how far above its limit a store may stay that has nothing more to evict.
const hopeless = 8 << 20

// leastShed and mostShed are how many bytes are evicted at once, and the least is no more than so many keys of mean size have: the task takes no records meanwhile. A key costs some microseconds, and while there is a snapshot
// the copy of a page. More must go than can come until the next time, which are restAccesses keys.
const (
	fewKeys   = 2 * restAccesses
	leastShed = 256 << 10
	mostShed  = 4 << 20
)

// Slack is how many bytes of the pages are free for new rows and objects.
func (s *Store) Slack() (n int64) {
	for _, sp := range s.spaces {
		n += int64(sp.vacant*sp.width) + sp.heap.Held() - sp.heap.Used()
	}
	return n
}

// clockHand is where the search for keys that were not used lately goes on: at some rows of a key group. It visits the same rows of all key groups
// before the next ones, so that room is made in all groups alike: a new key goes where its group has room.
type clockHand struct {
	space, word, sub int  // word is that of the used bits of the key group
	more             bool // some key group has more of them
}

// handWords is how many words of used bits, of 64 rows each, are visited at a time.
const handWords = 4

// Shed takes keys out of memory that were not looked up since the last time it came by, until about so many bytes are free, or it has seen all keys twice. Keys that differ from what
// the spill has are given to write first; the slices are good during the call. A key that a scope points at stays. If write fails, its key stays too, and Shed returns the error.
func (s *Store) Shed(bytes int64, write func(sp *Space, group int, hash uint64, key, payload []byte) error) (freed int64, err error) {
	h := &s.hand
	for rounds := 0; rounds < 3; {
		sp := s.spaces[h.space]
		if sub := sp.subs[h.sub]; sub != nil && h.word < len(sub.used) {
			h.more = h.more || h.word+handWords < len(sub.used)
			for w := h.word; w < min(h.word+handWords, len(sub.used)); w++ {
				n, err := sp.shed(h.sub, w, write)
				if freed += n; err != nil {
					return freed, err
				}
			}
		}
		if h.sub++; h.sub < len(sp.subs) {
			if freed >= bytes {
				return freed, nil
			}
			continue
		}
		h.sub = 0
		if h.word += handWords; !h.more {
			h.word = 0
			if h.space++; h.space == len(s.spaces) {
				h.space = 0
				rounds++
			}
		}
		h.more = false
	}
	return freed, nil
}

// shed is Shed for the rows of a word of used bits of a key group.
func (sp *Space) shed(group, word int, write func(sp *Space, group int, hash uint64, key, payload []byte) error) (freed int64, err error) {
	s := sp.subs[group]
	idle := ^s.used[word]
	s.used[word] = 0
	for ; idle != 0; idle &= idle - 1 {
		row := uint32(word<<6 | bits.TrailingZeros64(idle))
		if row >= s.rows.Len() {
			break
		}
		r := makeRef(group, row)
		flags := *flagsOf(sp.Row(r))
		if flags&flagLive == 0 || sp.pointedAt(r) {
			continue
		}
		before := sp.weight()
		if flags&presentBits == 0 {
			sp.Release(r)
		} else if err := sp.evict(r, flags, write); err != nil {
			return freed, err
		}
		freed += int64(sp.width+slotSize) + before - sp.weight()
	}
	return freed, nil
}

const slotSize = 8

// pointedAt is whether a scope has looked the key up.
func (sp *Space) pointedAt(r Ref) bool {
	for _, scope := range sp.store.scopes {
		if scope.space == sp && scope.state == scopePresent && scope.ref == r {
			return true
		}
	}
	return false
}

// weight is the bytes that hang on the rows of the space.
func (sp *Space) weight() int64 {
	n := sp.heap.Used()
	for _, c := range sp.cells {
		if c.entries != nil {
			n += c.entries.heap.Used() + int64(c.entries.keys*(c.entries.width+slotSize))
		}
	}
	return n
}

// evict takes a key out of memory.
func (sp *Space) evict(r Ref, flags uint64, write func(sp *Space, group int, hash uint64, key, payload []byte) error) (err error) {
	st, s := sp.store, sp.subs[r.Group()]
	if flags&flagDirty != 0 {
		st.key = sp.AppendKey(st.key[:0], r)
		if st.payload, err = sp.AppendPayload(st.payload[:0], r); err != nil {
			return err
		}
		if err := write(sp, r.Group(), sp.Hash(r), st.key, st.payload); err != nil {
			return err
		}
		if flags&flagStored == 0 {
			s.stored++
			st.stored++
		}
	}
	if st.changes.logs && st.changes.since(flags) {
		sp.logGone(r)
	}
	for _, c := range sp.cells {
		if c.kind != ValueKind || !c.fixed {
			c.clear(r)
		}
	}
	sp.drop(r.Group(), r.Row())
	return nil
}

// entriesAll merges the keys of a group in memory with those that only the spill has, by hash.
func (n *Snapshot) entriesAll(sp *Space, group int, yield func(key, payload []byte) bool) error {
	s := n.spaces[sp.number]
	rows := n.sorting[0][:0]
	if v := s.subs[group]; v != nil {
		if cap(rows) < int(v.Len()) {
			rows = make([]hashedRow, 0, v.Len()+v.Len()/8)
		}
		for i := range v.Len() {
			if i%turnLen == turnLen-1 {
				n.turn()
			}
			if row := v.At(i); *flagsOf(row)&flagLive != 0 {
				rows = append(rows, hashedRow{*(*uint64)(unsafe.Add(row, rowHash)), i})
			}
		}
	}
	rows, n.sorting[1] = sortInTurns(rows, n.sorting[1], byHash, n.turn)
	n.sorting[0] = rows
	m := &spillMerge{from: s, reader: snapshotReader{s, n.spaces}, sp: sp, group: group, rows: rows, yield: yield}
	m.ahead = newAhead(sp, m.reader)
	err := n.spill.Entries(sp.number, group, m.stored)
	if m.err == nil && err == nil && !m.ended {
		m.before(0, true)
	}
	if m.err != nil {
		return m.err
	}
	return err
}
