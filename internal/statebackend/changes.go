package statebackend

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/weirstream/weir/internal/defect"
	"github.com/weirstream/weir/internal/pages"
)

// A store that tracks changes can tell what has changed between two of its snapshots, key by key.
//
// Its epochs are numbered from 1, and each snapshot ends one. A change to a key puts the epoch into the high bits of the row's flags, in place of the one before; so what has changed since a snapshot
// are the rows with later epochs, whichever snapshot that is, and nothing has to be cleared when one is taken or given up. The bits hold the epoch modulo 4096: a row that was not changed for so long is taken
// to be changed once more than it was, and written for nothing. Pages that were not written are passed over.
//
// What leaves memory leaves a trace in a log of its key group: keys that are removed, and changed keys that go to the spill. When a log comes to hold more than about half as many keys as the key group, it
// is given up, and the key group has to be written as a whole.
type changes struct {
	// epoch is the one under way, 0 for a store that tracks nothing.
	epoch uint64
	// confirmed is the snapshot since which changes are told, by the epoch that it ended; 0 for none.
	confirmed uint64
	logs      bool // there is a snapshot since which changes may be asked for
}

// since is whether a row with these flags may have changed since any snapshot that changes may be asked for.
func (c *changes) since(flags uint64) bool {
	return changedIn(flags, c.epoch, c.epoch-max(c.confirmed, 1))
}

// changedIn is whether a row has changed in the last so many epochs, of which the given one is the last.
func changedIn(flags, epoch, epochs uint64) bool {
	return (epoch-flags>>epochShift)&(1<<(64-epochShift)-1) < epochs
}

// mostEpochs is how many epochs can be told apart.
const mostEpochs = 1<<(64-epochShift) - 1

// setFlags sets flags of a row, the epoch among them.
func setFlags(row unsafe.Pointer, set uint64) {
	f := flagsOf(row)
	*f = *f&^epochBits | set
}

// change notes that a row is changed, and that it has the cells of the given bits.
func (sp *Space) change(row unsafe.Pointer, bits uint64) { setFlags(row, bits|sp.mark) }

func (s *Store) mark() uint64 { return flagDirty | flagUsed | s.changes.epoch<<epochShift }

// Track has the store keep track of changes, for [Snapshot.Changes]. It is called before the first key comes.
func (s *Store) Track() { s.setEpoch(1) }

// Tracks reports whether the store keeps track of changes.
func (s *Store) Tracks() bool { return s.changes.epoch > 0 }

func (s *Store) setEpoch(epoch uint64) {
	s.changes.epoch = epoch
	mark := s.mark()
	for _, sp := range s.spaces {
		sp.mark = mark
		for _, m := range sp.marks {
			*m = *m&presentBits | mark
		}
	}
}

// Confirm makes the snapshot that ended the given epoch the one since which later snapshots tell changes: it is durable. Snapshots are confirmed in their order.
func (s *Store) Confirm(epoch uint64) {
	if epoch <= s.changes.confirmed || epoch >= s.changes.epoch {
		return
	}
	s.changes.confirmed = epoch
	for _, sp := range s.spaces {
		for _, sub := range sp.subs {
			if sub != nil && sub.gone != nil {
				sub.gone.forget(epoch, s.account)
			}
		}
	}
}

// goneKeys are the keys that have left the memory of a key group, in the order in which they went: for each the hash in 8 bytes, the length of the key as uvarint, and the key.
type goneKeys struct {
	buf  []byte
	cuts []goneCut
	// lost is the last epoch of which there is no log.
	lost uint64
}

// goneCut is where the keys of an epoch begin, and how many they are.
type goneCut struct {
	epoch uint64
	at    int
	keys  int
}

// leastGone is how many keys a log may have in any case.
const leastGone = 64

// logGone notes that a key leaves memory.
func (sp *Space) logGone(r Ref) {
	if sp.child {
		return
	}
	st, s := sp.store, sp.subs[r.Group()]
	if g := s.gone; g != nil && g.lost == st.changes.epoch {
		return
	}
	st.key = sp.AppendKey(st.key[:0], r)
	sp.logKey(s, sp.Hash(r), st.key)
}

func (sp *Space) logKey(s *sub, hash uint64, key []byte) {
	st := sp.store
	epoch := st.changes.epoch
	if s.gone == nil {
		s.gone = &goneKeys{}
	}
	g := s.gone
	if g.lost == epoch || defect.Is("deletions-not-logged") {
		return
	}
	if n := len(g.cuts); n == 0 || g.cuts[n-1].epoch != epoch {
		g.cuts = append(g.cuts, goneCut{epoch, len(g.buf), 0})
	}
	keys := 1
	for _, c := range g.cuts {
		keys += c.keys
	}
	if keys > (s.live+s.stored)/2+leastGone {
		st.account.Add(-int64(cap(g.buf)))
		*g = goneKeys{lost: epoch}
		return
	}
	g.cuts[len(g.cuts)-1].keys++
	before := cap(g.buf)
	g.buf = binary.LittleEndian.AppendUint64(g.buf, hash)
	g.buf = binary.AppendUvarint(g.buf, uint64(len(key)))
	g.buf = append(g.buf, key...)
	if n := cap(g.buf) - before; n != 0 {
		st.account.Add(int64(n))
	}
	if len(g.cuts) > mostCuts { // no snapshot is confirmed
		g.cuts[1].keys += g.cuts[0].keys
		g.cuts[1].at = g.cuts[0].at
		g.cuts = slices.Delete(g.cuts, 0, 1)
	}
}

// mostCuts is how many epochs a log tells apart; the keys of older ones count as those of the next.
const mostCuts = 64

// from returns the keys that have gone after an epoch.
func (g *goneKeys) from(epoch uint64) []byte {
	if g == nil {
		return nil
	}
	for _, c := range g.cuts {
		if c.epoch > epoch {
			return g.buf[c.at:len(g.buf):len(g.buf)]
		}
	}
	return nil
}

// forget drops the keys of an epoch and those before. Snapshots may read them still.
func (g *goneKeys) forget(epoch uint64, a *pages.Account) {
	n := 0
	for n < len(g.cuts) && g.cuts[n].epoch <= epoch {
		n++
	}
	if n == 0 {
		return
	}
	at := len(g.buf)
	if n < len(g.cuts) {
		at = g.cuts[n].at
	}
	before := cap(g.buf)
	g.buf = g.buf[at:] // what is before it goes when it has to grow
	a.Add(int64(cap(g.buf) - before))
	g.cuts = slices.Delete(g.cuts, 0, n)
	for i := range g.cuts {
		g.cuts[i].at -= at
	}
}

func (g *goneKeys) close(a *pages.Account) {
	if g != nil {
		a.Add(-int64(cap(g.buf)))
		g.buf = nil
	}
}

// Epoch is the number of the snapshot among those of its store that tracks changes, 0 for another.
func (n *Snapshot) Epoch() uint64 { return n.epoch }

// Since is the Epoch of the snapshot since which Changes tells, 0 for none.
func (n *Snapshot) Since() uint64 { return n.since }

// Changes calls yield for each key of a space in a key group that has changed since the snapshot that was the last confirmed one: deleted tells that it is gone. A key may come more than once: what comes
// last counts; and some that have not changed may come, too. It returns false, without calling yield, if it cannot tell, and the key group has to be taken as a whole.
func (n *Snapshot) Changes(sp *Space, group int, yield func(key, payload []byte, deleted bool) bool) (told bool, err error) {
	s := n.spaces[sp.number]
	if n.since == 0 || n.epoch-n.since > mostEpochs || s.lost != nil && s.lost[group] > n.since {
		return false, nil
	}
	if s.gone != nil && len(s.gone[group]) > 0 {
		if more, err := n.goneKeys(sp, group, s.gone[group], yield); !more || err != nil {
			return true, err
		}
	}
	rows := s.subs[group]
	if rows == nil {
		return true, nil
	}
	reader := rowReader(snapshotReader{s, n.spaces}) // made an interface once, and not for each row
	var key, payload []byte
	epochs := n.epoch - n.since
	ahead, touched := newAhead(sp, reader), uint32(0)
	turn := uint32(turnLen)
	for i := uint32(0); i < rows.Len(); {
		next, unchanged := rows.Unchanged(i, epochs)
		if unchanged {
			i = next
			continue
		}
		if i >= turn {
			turn = i + turnLen
			n.turn()
		}
		for ; i < next; i++ {
			if ahead != nil && i >= touched {
				touched = ahead.changed(rows, i, next, n.epoch, epochs)
			}
			row := rows.At(i)
			flags := *flagsOf(row)
			if flags&flagLive == 0 || !changedIn(flags, n.epoch, epochs) {
				continue
			}
			key = s.appendKey(key[:0], row)
			payload = payload[:0]
			gone := flags&presentBits == 0
			if !gone {
				if payload, err = sp.appendPayload(payload, reader, group, row); err != nil {
					return true, err
				}
			}
			if !yield(key, payload, gone) {
				return true, nil
			}
		}
	}
	return true, nil
}

// goneKeys is Changes for what is in a log: what the spill does not have is gone.
func (n *Snapshot) goneKeys(sp *Space, group int, log []byte, yield func(key, payload []byte, deleted bool) bool) (more bool, err error) {
	type logged struct {
		hash uint64
		key  []byte
	}
	var all []logged
	for len(log) > 0 {
		k := logged{hash: binary.LittleEndian.Uint64(log)}
		size, w := binary.Uvarint(log[8:])
		log = log[8+w:]
		k.key, log = log[:size:size], log[size:]
		if n.spill == nil {
			if !yield(k.key, nil, true) {
				return false, nil
			}
			continue
		}
		all = append(all, k)
	}
	all, _ = sortInTurns(all, nil, func(a, b logged) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		return bytes.Compare(a.key, b.key)
	}, n.turn)
	for i, k := range all {
		if i > 0 && k.hash == all[i-1].hash && bytes.Equal(k.key, all[i-1].key) {
			continue
		}
		payload, err := n.spill.Find(sp.number, group, k.hash, k.key)
		if err != nil {
			return false, err
		}
		if !yield(k.key, payload, payload == nil) {
			return false, nil
		}
	}
	return true, nil
}
