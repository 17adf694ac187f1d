package statebackend

import (
	"fmt"
	"unsafe"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/pages"
)

type off = pages.Off

// Snapshot is the state of a store at one moment. Taking it copies no state; it may be read and released from one other goroutine while the store goes on.
type Snapshot struct {
	store  *Store
	spaces []spaceSnapshot
	spill  SpillView
	lists  []ListSnapshot
	// epoch is the one that the snapshot ended, and since that of the snapshot since which it tells changes; 0 where there is none.
	epoch, since uint64
	giveWay      func() // nil for none
	// sorting is where rows are sorted, kept from one key group to the next.
	sorting [2][]hashedRow
}

type spaceSnapshot struct {
	sp   *Space
	subs []*pages.VecSnapshot // nil for a key group without keys
	heap *pages.HeapSnapshot
	keys []int // how many each key group has, in memory and in the spill
	// gone are the keys that have left each key group, and lost the last epoch of which it knows none; nil where nothing has.
	gone [][]byte
	lost []uint64
}

func (s spaceSnapshot) At(o off) unsafe.Pointer { return s.heap.At(o) }

// Snapshot takes a snapshot.
func (s *Store) Snapshot() (*Snapshot, error) {
	snap := &Snapshot{store: s, spaces: []spaceSnapshot{}, epoch: s.changes.epoch, since: s.changes.confirmed}
	for _, sp := range s.spaces {
		sp.version++ // rows must be copied before they are written again
		ss := spaceSnapshot{sp: sp, subs: make([]*pages.VecSnapshot, len(sp.subs)), keys: make([]int, len(sp.subs)), heap: sp.heap.Freeze()}
		for g, sub := range sp.subs {
			if sub != nil {
				ss.subs[g], ss.keys[g] = sub.rows.Freeze(), sub.live+sub.stored
				if sub.gone != nil && snap.since > 0 {
					ss.takeGone(g, sub.gone, snap.since)
				}
			}
		}
		snap.spaces = append(snap.spaces, ss)
	}
	s.snapshots.Add(1)
	if s.changes.epoch > 0 {
		s.setEpoch(s.changes.epoch + 1)
		s.changes.logs = true
	}
	if s.spill != nil {
		view, err := s.spill.Freeze()
		if err != nil {
			snap.Release()
			return nil, err
		}
		snap.spill = view
	}
	for _, l := range s.lists {
		snap.lists = append(snap.lists, l.snapshot())
	}
	return snap, nil
}

func (s *spaceSnapshot) takeGone(group int, g *goneKeys, since uint64) {
	if s.gone == nil {
		s.gone, s.lost = make([][]byte, len(s.subs)), make([]uint64, len(s.subs))
	}
	s.gone[group], s.lost[group] = g.from(since), g.lost
}

// Release gives up the snapshot. It may be called more than once.
func (n *Snapshot) Release() error {
	if n.spaces != nil {
		defer n.store.snapshots.Add(-1) // when the pages are free: until then the store's memory looks fuller than it is
	}
	for _, s := range n.spaces {
		s.heap.Release()
		for _, sub := range s.subs {
			if sub != nil {
				sub.Release()
			}
		}
	}
	n.spaces, n.sorting = nil, [2][]hashedRow{}
	if n.spill != nil {
		view := n.spill
		n.spill = nil
		return view.Release()
	}
	return nil
}

// Spaces returns the spaces whose keys have state of their own: the entries of maps are part of their key's.
func (n *Snapshot) Spaces() []*Space {
	var all []*Space
	for _, s := range n.spaces {
		if !s.sp.child {
			all = append(all, s.sp)
		}
	}
	return all
}

// Keys is about how many keys a space has in a key group: one that has both a row and a place in the spill may count twice.
func (n *Snapshot) Keys(sp *Space, group int) int { return n.spaces[sp.number].keys[group] }

// Groups are the key groups of the store.
func (n *Snapshot) Groups() base.KeyGroupRange { return n.store.cfg.Groups }

// Lists returns the operator state.
func (n *Snapshot) Lists() []ListSnapshot { return n.lists }

// snapshotReader reads rows of one snapshot.
type snapshotReader struct {
	spaceSnapshot
	all []spaceSnapshot
}

func (s snapshotReader) entryRow(c *Cell, group int, row uint32) unsafe.Pointer {
	return s.all[c.entries.number].subs[group].At(row)
}
func (s snapshotReader) entryHeap(c *Cell) heapReader { return s.all[c.entries.number] }

// Entries calls yield for each key of a space in a key group (counted from the store's first), until it returns false. The slices are good during the call. The keys of a store
// with a spill come in the order of their hashes, others in the order of rows.
func (n *Snapshot) Entries(sp *Space, group int, yield func(key, payload []byte) bool) error {
	s := n.spaces[sp.number]
	rows := s.subs[group]
	if n.spill != nil {
		return n.entriesAll(sp, group, yield)
	}
	reader := rowReader(snapshotReader{s, n.spaces}) // made an interface once, and not for each row
	var key, payload []byte
	if rows != nil {
		ahead, touched := newAhead(sp, reader), uint32(0)
		for i := range rows.Len() {
			if ahead != nil && i >= touched {
				touched = ahead.changed(rows, i, rows.Len(), n.epoch, mostEpochs+1)
			}
			row := rows.At(i)
			flags := *flagsOf(row)
			if flags&flagLive == 0 {
				continue
			}
			if flags&presentBits == 0 {
				continue
			}
			key = s.appendKey(key[:0], row)
			var err error
			if payload, err = sp.appendPayload(payload[:0], reader, group, row); err != nil {
				return err
			}
			if !yield(key, payload) {
				return nil
			}
		}
	}
	return nil
}

func (s spaceSnapshot) appendKey(dst []byte, row unsafe.Pointer) []byte {
	sp := s.sp
	words := unsafe.Slice((*uint64)(unsafe.Add(row, rowKey)), sp.layout.Words)
	if !sp.layout.Bytes {
		return appendKey(dst, words, false, nil)
	}
	v := unsafe.Add(row, rowKey+8*uintptr(sp.layout.Words))
	if n := viewLen(v); n > viewInline {
		return appendKey(dst, words, true, unsafe.Slice((*byte)(s.heap.At(viewOff(v))), n))
	}
	return appendKey(dst, words, true, viewBytes(nil, v))
}

// GiveWay has the snapshot call f while it looks for the next key to yield, at least once in each millisecond of work: for a reader that lets others have the processor. What is done for the keys that are yielded is the reader's to count.
func (n *Snapshot) GiveWay(f func()) { n.giveWay = f }

func (n *Snapshot) turn() {
	if n.giveWay != nil {
		n.giveWay()
	}
}

// Warm has the operating system find memory for the copies of pages that the store will make while the snapshot lives, so that the store need not wait for that. It may be called from the goroutine that reads the snapshot, now and then.
func (n *Snapshot) Warm() { pages.Warm(int(min(n.store.account.Used()/warmShare, mostWarm))) }

const (
	// warmShare is which part of the store's memory is made ready, and mostWarm how many bytes at most.
	warmShare = 4
	mostWarm  = 32 << 20
)

// Restore puts in a key that Entries gave, for a space of the same key layout. cells as in SetPayload.
func (sp *Space) Restore(key, payload []byte) error {
	r := Restorer{sp: sp, same: true, group: -1}
	return r.Put(key, payload, true)
}

// String tells what the snapshot holds.
func (n *Snapshot) String() string {
	return fmt.Sprintf("snapshot of %d spaces of operator %q", len(n.spaces), n.store.cfg.Operator)
}
