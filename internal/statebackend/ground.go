package statebackend

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"sort"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/defect"
	"github.com/weirstream/weir/internal/xsync"
)

// The ground of a store is what lies in the files of the checkpoint that it was restored from: keys that were not looked up yet stay there, and are read one by one when they are. It lies below the spill, and is one itself for the store: a key
// that the spill has hides the same key of the ground. Nothing is ever written to it; a key that is removed is marked dead.
//
// Of each key group there is one segment, by the hashes of its keys, cut into blocks of some KiB between two hashes. What is kept in memory is for each block its first hash, its place and a hash of its bytes, some 30 bytes for 4 KiB, and a filter of 12 bits for each key.
type ground struct {
	store  *Store
	inner  Spill
	groups map[groundAt]*groundGroup
	files  *groundFiles
	buf    []byte
}

type groundAt struct{ space, group int }

// GroundFile is a file on a local disk that a store is restored from. ReadAt may be called from several goroutines.
type GroundFile interface {
	io.ReaderAt
	io.Closer
}

// groundFiles are open as long as the store or a view of it is.
type groundFiles struct {
	mu   xsync.Mutex
	open []GroundFile
	uses int
}

func (f *groundFiles) hold() {
	f.mu.Lock()
	f.uses++
	f.mu.Unlock()
}

func (f *groundFiles) release() (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.uses--; f.uses > 0 {
		return nil
	}
	for _, file := range f.open {
		err = errors.Join(err, file.Close())
	}
	f.open = nil
	return err
}

// GroundIndex says where the entries of a segment lie.
type GroundIndex struct {
	blocks []groundBlock
	size   int64 // bytes of the segment
	keys   int
	// filter has four bits of one word for each key: a key that is not there need not be looked for, but for one in 30.
	filter []uint64
}

// groundFilterBits are the bits of the filter for each key.
const groundFilterBits = 12

// bitsOf are the word of the filter and the bits in it of a hash.
func (x *GroundIndex) bitsOf(hash uint64) (word int, mask uint64) {
	hash = (hash ^ hash>>32) * 0x9E3779B97F4A7C15
	hash ^= hash >> 29
	w, _ := bits.Mul64(hash, uint64(len(x.filter)))
	return int(w), 1<<(hash&63) | 1<<(hash>>6&63) | 1<<(hash>>12&63) | 1<<(hash>>18&63)
}

func (x *GroundIndex) mayHave(hash uint64) bool {
	word, mask := x.bitsOf(hash)
	return x.filter[word]&mask == mask
}

// bytes is what the index takes of memory.
func (x *GroundIndex) bytes() int64 {
	return int64(len(x.blocks))*groundBlockCost + int64(len(x.filter))*8
}

// groundBlock has the entries from first on, all of a hash. Key number is that of the first.
type groundBlock struct {
	first  uint64
	sum    uint64
	offset int64
	number uint32
}

// groundGroup is a key group of a space.
type groundGroup struct {
	*GroundIndex
	sp     *Space
	group  int
	file   GroundFile
	name   string
	offset int64 // of the segment
	// dead has a bit for each key that is not there any more; nil if there is none. It is copied before the next change if shared is set.
	dead   []uint64
	shared bool
}

const (
	groundBlockBytes = 4 << 10
	groundBlockCost  = 32 // bytes of memory for each block
)

// Grounded reports whether key groups can be restored by leaving their keys where they are, see Index: the store has a spill, so that a key which is not in memory is looked for elsewhere, and each key of the checkpoint is one of the space in the same form.
func (r *Restorer) Grounded() bool {
	for _, c := range r.sp.cells {
		if c.kind > MapKind { // others have something to be built of each key
			return false
		}
	}
	return r.same && r.sp.spills() && !r.sp.ttl && len(r.sp.cells) > 0
}

// Indexer sees where keys lie. It may be used on several goroutines, also while the Restorer that it is from restores.
type Indexer struct{ from Restorer }

// Indexer returns an indexer of the space's keys, of which some are to be left. It needs [Restorer.Grounded].
func (r *Restorer) Indexer() *Indexer {
	if st := r.sp.store; !isGround(st.spill) {
		st.spill = &ground{store: st, inner: st.spill, groups: map[groundAt]*groundGroup{}, files: &groundFiles{uses: 1}}
	}
	return &Indexer{*r}
}

func isGround(s Spill) bool {
	_, ok := s.(*ground)
	return ok
}

// Index looks through the entries of a segment of a key group, counted from the store's first: key and payload, each behind its length. It returns nil without an error if the entries are not in the order of their hashes, as those of a store
// without spill are not. keys is how many they are said to be, at most.
func (n *Indexer) Index(group int, data []byte, keys int64) (*GroundIndex, error) {
	f := n.from
	if err := f.Holds(group); err != nil {
		return nil, err
	}
	f.group = group
	x := &GroundIndex{size: int64(len(data)), filter: make([]uint64, min(max(keys, 0), int64(len(data)))*groundFilterBits/64+1)}
	start, last := 0, uint64(0)
	for at := 0; at < len(data); {
		key, rest, err := cutBytes(data[at:])
		if err == nil {
			_, rest, err = cutBytes(rest)
		}
		if err != nil {
			return nil, f.damaged(err)
		}
		k, err := f.locate(key)
		if err != nil {
			return nil, err
		}
		switch {
		case x.keys == 0:
			x.blocks = append(x.blocks, groundBlock{first: k.hash})
		case k.hash < last:
			return nil, nil
		case at-start >= groundBlockBytes && k.hash != last:
			x.blocks[len(x.blocks)-1].sum = xxh3.Hash(data[start:at])
			x.blocks = append(x.blocks, groundBlock{first: k.hash, offset: int64(at), number: uint32(x.keys)})
			start = at
		}
		last = k.hash
		x.keys++
		word, mask := x.bitsOf(k.hash)
		x.filter[word] |= mask
		at = len(data) - len(rest)
	}
	if x.keys > 0 {
		x.blocks[len(x.blocks)-1].sum = xxh3.Hash(data[start:])
	}
	x.blocks = slices.Clip(x.blocks)
	return x, nil
}

// Keys is how many keys the segment has.
func (x *GroundIndex) Keys() int { return x.keys }

// Leave restores a key group, of which there is nothing yet, by leaving its keys where they lie: from offset on in a file, which belongs to the store from then on. x is of an [Restorer.Indexer], name is for errors. The same file may come several
// times.
func (r *Restorer) Leave(group int, x *GroundIndex, file GroundFile, name string, offset int64) {
	sp, st := r.sp, r.sp.store
	if sp.sharing != nil {
		sp.sharing.Lock()
		defer sp.sharing.Unlock()
	}
	g := st.spill.(*ground)
	if !slices.Contains(g.files.open, file) {
		g.files.open = append(g.files.open, file)
	}
	if x.keys == 0 {
		return
	}
	g.groups[groundAt{sp.number, group}] = &groundGroup{GroundIndex: x, sp: sp, group: group, file: file, name: name, offset: offset}
	st.account.Add(x.bytes())
	sp.sub(group).stored += x.keys
	st.stored += x.keys
}

// killLeft removes a key from those that were left, if it is among them.
func (r *Restorer) killLeft(at located) error {
	sp, st := r.sp, r.sp.store
	g, ok := st.spill.(*ground)
	if !ok {
		return nil
	}
	in := g.at(sp, at.group)
	if in == nil {
		return nil
	}
	st.key = appendKey(st.key[:0], at.words, sp.layout.Bytes, at.bytes)
	_, n, err := in.find(in.dead, at.hash, st.key, &g.buf)
	if n >= 0 {
		in.kill(n)
		sp.sub(at.group).stored--
		st.stored--
	}
	return err
}

// Change restores a key that has changed since what was left: it hides what lies there of it.
func (r *Restorer) Change(key, payload []byte) error {
	at, err := r.locate(key)
	if err != nil {
		return err
	}
	sp, st := r.sp, r.sp.store
	if !r.fork {
		st.Breathe()
	}
	s := sp.sub(at.group)
	row, ok := r.seek(s, at)
	ref := makeRef(at.group, row)
	if ok {
		r.clear(ref)
	} else {
		ref = makeRef(at.group, sp.add(s, at.hash, at.words, at.bytes))
		*flagsOf(sp.Edit(ref)) |= flagStored // it may be: then it must be removed there with the key
		s.stored++
		if r.fork {
			r.stored++
		} else {
			st.stored++
		}
	}
	if err := sp.setPayload(&r.payload, ref, payload, sp.cells); err != nil {
		return r.damaged(err)
	}
	return nil
}

func (g *groundGroup) damaged(err error) error {
	return fault.New(fault.StateDamaged, "state %q of operator %q, in %s, which the job was restored from: %w", g.sp.name, g.sp.store.cfg.Operator, g.name, err)
}

// read reads blocks from i on, at least one, and more as far as they come to so many bytes. It returns the first block behind.
func (g *groundGroup) read(i int, buf []byte, most int64) (data []byte, next int, err error) {
	from := g.blocks[i].offset
	end := func(j int) int64 {
		if j+1 < len(g.blocks) {
			return g.blocks[j+1].offset
		}
		return g.size
	}
	next = i
	for next < len(g.blocks) && (next == i || end(next)-from <= most) {
		next++
	}
	n := int(end(next-1) - from)
	buf = slices.Grow(buf[:0], n)[:n]
	if m, err := g.file.ReadAt(buf, g.offset+from); m < n {
		return nil, next, fault.New(fault.StateDisk, "state %q of operator %q cannot be read from %s, which the job was restored from: %w", g.sp.name, g.sp.store.cfg.Operator, g.name, err)
	}
	for j := i; j < next; j++ {
		if xxh3.Hash(buf[g.blocks[j].offset-from:end(j)-from]) != g.blocks[j].sum {
			return nil, next, g.damaged(fmt.Errorf("it was changed while the job ran: bytes %d to %d are not what they were when it began", g.offset+g.blocks[j].offset, g.offset+end(j)))
		}
	}
	return buf, next, nil
}

// find returns the payload of a key and its number, -1 if it is not there. buf is used for reading.
func (g *groundGroup) find(dead []uint64, hash uint64, key []byte, buf *[]byte) (payload []byte, number int, err error) {
	if !g.mayHave(hash) {
		return nil, -1, nil
	}
	i := sort.Search(len(g.blocks), func(i int) bool { return g.blocks[i].first > hash }) - 1
	if i < 0 {
		return nil, -1, nil
	}
	data, _, err := g.read(i, *buf, 0)
	if err != nil {
		return nil, -1, err
	}
	if cap(data) > cap(*buf) && cap(data) <= mostGroundBuffer {
		*buf = data
	}
	for n := int(g.blocks[i].number); len(data) > 0; n++ {
		k, rest, err := cutBytes(data)
		if err == nil {
			payload, rest, err = cutBytes(rest)
		}
		if err != nil {
			return nil, -1, g.damaged(err)
		}
		if string(k) == string(key) {
			if isDead(dead, n) {
				return nil, -1, nil
			}
			return payload, n, nil
		}
		data = rest
	}
	return nil, -1, nil
}

func isDead(dead []uint64, n int) bool { return dead != nil && dead[n>>6]>>(n&63)&1 != 0 }

const (
	mostGroundBuffer = 64 << 10
	groundReadBytes  = 256 << 10
)

var _ Spill = (*ground)(nil)

func (g *ground) at(sp *Space, group int) *groundGroup { return g.groups[groundAt{sp.number, group}] }

// Load implements [Spill].
func (g *ground) Load(sp *Space, group int, hash uint64, key []byte) ([]byte, error) {
	payload, err := g.inner.Load(sp, group, hash, key)
	if payload != nil || err != nil {
		return payload, err
	}
	if in := g.at(sp, group); in != nil {
		payload, _, err = in.find(in.dead, hash, key, &g.buf)
	}
	return payload, err
}

// Removed implements [Spill].
func (g *ground) Removed(sp *Space, group int, hash uint64, key []byte) error {
	if in := g.at(sp, group); in != nil {
		_, n, err := in.find(in.dead, hash, key, &g.buf)
		if err != nil {
			return err
		}
		if n >= 0 {
			in.kill(n)
		}
	}
	return g.inner.Removed(sp, group, hash, key)
}

func (g *groundGroup) kill(n int) {
	switch {
	case g.dead == nil:
		g.dead = make([]uint64, (g.keys+63)/64)
	case g.shared:
		g.dead = slices.Clone(g.dead)
	}
	g.shared = false
	g.dead[n>>6] |= 1 << (n & 63)
}

// Evict implements [Spill].
func (g *ground) Evict(bytes int64) (int64, error) { return g.inner.Evict(bytes) }

// Sweep implements [Spill]. Keys that expire are not left in the ground, see Grounded.
func (g *ground) Sweep(keys int) error { return g.inner.Sweep(keys) }

// Freeze implements [Spill].
func (g *ground) Freeze() (SpillView, error) {
	inner, err := g.inner.Freeze()
	if err != nil {
		return nil, err
	}
	v := &groundView{inner: inner, files: g.files, groups: make(map[groundAt]*groundGroup, len(g.groups))}
	for at, in := range g.groups {
		in.shared = true
		then := *in
		v.groups[at] = &then
	}
	g.files.hold()
	return v, nil
}

// Close implements [Spill].
func (g *ground) Close() error {
	for _, in := range g.groups {
		g.store.account.Add(-in.bytes())
	}
	g.groups = nil
	return errors.Join(g.inner.Close(), g.files.release())
}

// groundView is a ground at one moment, with the spill above it.
type groundView struct {
	inner  SpillView
	groups map[groundAt]*groundGroup
	files  *groundFiles // nil once released
	buf    []byte
}

// Find implements [SpillView].
func (v *groundView) Find(sp, group int, hash uint64, key []byte) ([]byte, error) {
	payload, err := v.inner.Find(sp, group, hash, key)
	if payload != nil || err != nil {
		return payload, err
	}
	if in := v.groups[groundAt{sp, group}]; in != nil {
		payload, _, err = in.find(in.dead, hash, key, &v.buf)
	}
	return payload, err
}

// Release implements [SpillView].
func (v *groundView) Release() error {
	err := v.inner.Release()
	if v.files != nil {
		files := v.files
		v.files = nil
		err = errors.Join(err, files.release())
	}
	return err
}

// Entries implements [SpillView]: what the spill has comes between what lies below it, by hash, and hides the same keys there.
func (v *groundView) Entries(sp, group int, yield func(hash uint64, key, payload []byte) bool) error {
	in := v.groups[groundAt{sp, group}]
	if in == nil || defect.Is("left-keys-forgotten") {
		return v.inner.Entries(sp, group, yield)
	}
	w := groundWalk{groundGroup: in}
	var held []groundEntry // of the hash that the spill is at
	var at uint64
	ended := false
	give := func(e groundEntry) bool {
		ended = ended || !yield(e.hash, e.key, e.payload)
		return !ended
	}
	// below gives what lies below a hash, and holds what has this hash.
	below := func(hash uint64) bool {
		if len(held) > 0 && at != hash {
			for _, e := range held {
				if !give(e) {
					return false
				}
			}
			held = held[:0]
		}
		for at = hash; w.next(); {
			switch {
			case w.entry.hash > hash:
				w.back()
				return true
			case w.entry.hash == hash:
				held = append(held, groundEntry{hash, slices.Clone(w.entry.key), slices.Clone(w.entry.payload)})
			case !give(w.entry):
				return false
			}
		}
		return w.err == nil
	}
	err := v.inner.Entries(sp, group, func(hash uint64, key, payload []byte) bool {
		if !below(hash) {
			return false
		}
		held = slices.DeleteFunc(held, func(e groundEntry) bool { return string(e.key) == string(key) })
		return give(groundEntry{hash, key, payload})
	})
	for _, e := range held {
		if err != nil || w.err != nil || !give(e) {
			break
		}
	}
	for err == nil && !ended && w.next() && give(w.entry) {
	}
	return errors.Join(err, w.err)
}

type groundEntry struct {
	hash         uint64
	key, payload []byte
}

// groundWalk goes through the keys of a group that are not dead, by hash. entry is good until the next but one.
type groundWalk struct {
	*groundGroup
	buf, data []byte
	block     int // the next to be read
	number    int // of the next key
	again     bool
	words     [MaxKeyWords]uint64
	entry     groundEntry
	err       error
}

// back has next give the same entry once more.
func (w *groundWalk) back() { w.again = true }

func (w *groundWalk) next() bool {
	if w.again {
		w.again = false
		return true
	}
	for w.err == nil {
		if len(w.data) == 0 {
			if w.block == len(w.blocks) {
				return false
			}
			w.number = int(w.blocks[w.block].number)
			if w.data, w.block, w.err = w.read(w.block, w.buf, groundReadBytes); w.err != nil {
				return false
			}
			if cap(w.data) > cap(w.buf) {
				w.buf = w.data
			}
		}
		key, rest, err := cutBytes(w.data)
		var payload []byte
		if err == nil {
			payload, rest, err = cutBytes(rest)
		}
		if err != nil {
			w.err = w.damaged(err)
			return false
		}
		w.data = rest
		n := w.number
		w.number++
		if isDead(w.dead, n) {
			continue
		}
		words := w.words[:w.sp.layout.Words]
		b, _, err := w.sp.CutKey(key, words)
		if err != nil {
			w.err = w.damaged(err)
			return false
		}
		_, hash := w.sp.rehash(words, b)
		w.entry = groundEntry{hash, key, payload}
		return true
	}
	return false
}
