package statebackend

import (
	"slices"
	"strings"
	"sync"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
)

// StoredCell is what a snapshot says of a cell. KeyWords and KeyBytes are the form of a map's keys.
type StoredCell struct {
	Name              string
	Kind              Kind
	Schema, KeySchema string
	KeyWords          int
	KeyBytes          bool
}

// Stored describes the cell for a snapshot.
func (c *Cell) Stored() StoredCell {
	s := StoredCell{Name: c.name, Kind: c.kind, Schema: c.schema, KeySchema: c.keySchema}
	if c.entries != nil {
		s.KeyWords, s.KeyBytes = c.entries.layout.Words-1, c.entries.layout.Bytes
	}
	return s
}

// Restorer puts the keys of a snapshot into a space. It belongs to one goroutine, before the operator opens.
type Restorer struct {
	sp     *Space
	cells  []*Cell
	plan   []restoredCell
	same   bool  // the cells are those of the space, in their order and form
	form   *Form // the keys are in another one; nil if they are not
	fork   bool  // the store is given time by who has made the fork, see Fork
	stored int   // keys that Change has found to be stored, for Join; of a fork only
	group  int   // the key group, counted from the store's first, that all keys belong to, -1 for any
	// unplaced is set between Bulk and Placed: the rows of the key group from placed on are not in the index.
	unplaced bool
	placed   uint32
	touched  uint64 // for the compiler, see placeFrom
	words    [MaxKeyWords]uint64
	from     [MaxKeyWords]uint64 // those of another form
	// payload is here so that it need not go to the heap for each key.
	payload payloadReader
}

// restoredCell is how a cell of a snapshot is read.
type restoredCell struct {
	stored  StoredCell
	cell    *Cell
	convert func(dst, src []byte) ([]byte, error) // nil: the form is the same
	dst     []byte
}

// Restorer returns what restores keys of the given layout with the given cells. Cells find each other by name. It refuses keys of another form, a state of another kind, and values that cannot
// be read as the type that the state has now; and, unless drop is set, a state that is not declared any more. Each error names operator, state and, where it is about a type, the field.
func (sp *Space) Restorer(layout KeyLayout, stored []StoredCell, drop bool) (*Restorer, error) {
	op := sp.store.cfg.Operator
	var form *Form
	if layout != sp.layout && sp.form != nil && sp.form.Convert != nil && layout == sp.form.Layout {
		form = sp.form
	}
	if layout != sp.layout && form == nil {
		return nil, fault.New(fault.StateSchema, "the keys of state %q of operator %q have another form than in the checkpoint: the type of the key has changed", sp.name, op)
	}
	r := &Restorer{sp: sp, same: form == nil, form: form, group: -1}
	var lost []string
	for i, s := range stored {
		c := sp.cellNamed(s.Name)
		r.same = r.same && c != nil && i < len(sp.cells) && c == sp.cells[i] && c.schema == s.Schema
		p := restoredCell{stored: s, cell: c}
		switch {
		case c == nil && form != nil && slices.Contains(form.Leaves, s.Name):
		case c == nil && !drop:
			lost = append(lost, s.Name)
		case c == nil && s.Kind != ValueKind && s.Kind != ListKind && s.Kind != MapKind:
			return nil, fault.New(fault.StateSchema, "state %q of operator %q, of kind %v, is not declared any more and cannot be left out", s.Name, op, s.Kind)
		case c == nil:
		case c.kind != s.Kind:
			return nil, fault.New(fault.StateSchema, "state %q of operator %q is a %v, and was a %v in the checkpoint", s.Name, op, c.kind, s.Kind)
		case c.kind == MapKind && c.keySchema != s.KeySchema:
			return nil, fault.New(fault.StateSchema, "state %q of operator %q: the keys of the map are %s, and were %s in the checkpoint", s.Name, op, c.keySchema, s.KeySchema)
		case c.schema != s.Schema:
			if c.migrate == nil {
				return nil, fault.New(fault.StateSchema, "state %q of operator %q is %s, and was %s in the checkpoint", s.Name, op, c.schema, s.Schema)
			}
			var err error
			if p.convert, err = c.migrate(s.Schema); err != nil {
				return nil, fault.New(fault.StateSchema, "state %q of operator %q: %w", s.Name, op, err)
			}
		}
		r.cells = append(r.cells, c)
		r.plan = append(r.plan, p)
	}
	if len(lost) > 0 {
		return nil, fault.New(fault.CheckpointLeftOver, "operator %q does not declare the states %s any more, and the checkpoint has something in them", op, strings.Join(lost, ", "))
	}
	return r, nil
}

func (sp *Space) cellNamed(name string) *Cell {
	for _, c := range sp.cells {
		if c.name == name {
			return c
		}
	}
	return nil
}

// Put restores a key, or replaces what was restored of it. fresh promises that the key is not there.
func (r *Restorer) Put(key, payload []byte, fresh bool) error {
	at, err := r.locate(key)
	if err != nil {
		return err
	}
	sp := r.sp
	if !r.fork {
		sp.store.Breathe()
	}
	s := sp.sub(at.group)
	row, there := uint32(0), false
	if !fresh {
		if row, there = r.seek(s, at); there {
			r.clear(makeRef(at.group, row))
		} else if err := r.removeStored(s, at); err != nil {
			return err
		}
	}
	r.told(at)
	switch {
	case there:
	case r.unplaced && s.hasRoom():
		row = sp.addRow(s, at.hash, at.words, at.bytes)
	default:
		r.Placed()
		row = sp.add(s, at.hash, at.words, at.bytes)
	}
	ref := makeRef(at.group, row)
	if len(sp.cells) == 0 {
		sp.Mark(ref)
		return nil
	}
	if r.same {
		err = sp.setPayload(&r.payload, ref, payload, sp.cells)
	} else {
		err = r.setPayload(ref, payload)
		sp.Release(ref)
	}
	if err != nil {
		return r.damaged(err)
	}
	return nil
}

// Add restores a part of a key: states, elements of lists or entries of maps that it does not have yet. Parts may come in any order.
func (r *Restorer) Add(key, payload []byte) error {
	r.group = -1
	at, err := r.locate(key)
	if err != nil {
		return err
	}
	sp := r.sp
	sp.store.Breathe()
	r.told(at)
	ref, _ := sp.Insert(at.group, at.hash, at.words, at.bytes)
	if len(sp.cells) == 0 {
		sp.Mark(ref)
		return nil
	}
	err = r.setPayload(ref, payload)
	sp.Release(ref)
	if err != nil {
		return r.damaged(err)
	}
	return nil
}

// TouchMost is for how many keys Touch does something.
const TouchMost = touchRows

// Touch looks up some keys that Put or Delete gets next, so that the processor waits for their memory together and not one after the other. It changes nothing; what is wrong with a key, these tell.
func (r *Restorer) Touch(keys [][]byte) {
	sp := r.sp
	if isGround(sp.store.spill) { // most keys are in files, and not in memory
		return
	}
	var all [TouchMost]touched
	n := 0
	for _, key := range keys[:min(len(keys), TouchMost)] {
		if at, err := r.locate(key); err == nil {
			all[n] = sp.touchSlot(at.group, at.hash)
			n++
		}
	}
	sp.touchRows(all[:n])
}

// Delete takes back a key that was restored.
func (r *Restorer) Delete(key []byte) error {
	at, err := r.locate(key)
	if err != nil {
		return err
	}
	return r.remove(at)
}

// located is a key of a snapshot: its key group, counted from the store's first, and what finds it there. words and bytes are good until the next key.
type located struct {
	group         int
	keyHash, hash uint64
	words         []uint64
	bytes         []byte
}

func (r *Restorer) locate(key []byte) (at located, err error) {
	sp := r.sp
	at.words = r.words[:sp.layout.Words]
	layout, words := sp.layout, at.words
	if r.form != nil {
		layout, words = r.form.Layout, r.from[:r.form.Layout.Words]
	}
	b, rest, err := layout.cutKey(key, words)
	if err != nil || len(rest) != 0 {
		return at, r.damaged(errPayload)
	}
	if r.form != nil {
		if err := r.form.Convert(at.words, words); err != nil {
			return at, fault.New(fault.StateSchema, "state %q of operator %q: %w", sp.name, sp.store.cfg.Operator, err)
		}
	}
	at.bytes = b
	keyHash, hash := sp.rehash(at.words, b)
	at.keyHash = keyHash
	group := base.KeyGroup(keyHash, int(sp.maxParallelism))
	if at.group, at.hash = group-int(sp.first), hash; at.group < 0 || at.group >= len(sp.subs) || r.group >= 0 && at.group != r.group {
		return at, r.damaged(fault.New(fault.StateDamaged, "a key of key group %d stands among those of others", group))
	}
	return at, nil
}

// told tells the operator of a key in another form.
func (r *Restorer) told(at located) {
	if r.form != nil && r.form.Restored != nil {
		r.form.Restored(at.keyHash, at.words, at.bytes)
	}
}

// seek is [Space.seek], also while others restore.
func (r *Restorer) seek(s *sub, at located) (row uint32, ok bool) {
	if r.fork && r.sp.layout.Bytes {
		r.sp.sharing.Lock()
		defer r.sp.sharing.Unlock()
	}
	return r.sp.seek(s, at.hash, at.words, at.bytes)
}

// clear empties what is in memory of a key.
func (r *Restorer) clear(ref Ref) {
	if r.fork && r.sp.heaped() {
		r.sp.sharing.Lock()
		defer r.sp.sharing.Unlock()
	}
	for _, c := range r.sp.cells {
		c.clear(ref)
	}
}

// remove takes back a key that was restored, wherever it is.
func (r *Restorer) remove(at located) error {
	s := r.sp.sub(at.group)
	if row, ok := r.seek(s, at); ok {
		r.drop(makeRef(at.group, row))
		return nil
	}
	return r.removeStored(s, at)
}

// removeStored is remove for a key that is not in memory.
func (r *Restorer) removeStored(s *sub, at located) error {
	if r.fork { // nothing of the key group has gone to disk yet, and what was left there need not come back to go
		r.sp.sharing.Lock()
		defer r.sp.sharing.Unlock()
		return r.killLeft(at)
	}
	if s.stored > 0 {
		if ref, ok := r.sp.load(at.group, at.hash, at.words, at.bytes); ok {
			r.drop(ref)
		}
	}
	return nil
}

// drop takes a key out of memory.
func (r *Restorer) drop(ref Ref) {
	sp := r.sp
	if r.fork {
		sp.sharing.Lock()
		defer sp.sharing.Unlock()
	}
	if len(sp.cells) == 0 {
		*flagsOf(sp.Edit(ref)) &^= 1 // see Mark
	}
	sp.Remove(ref)
}

// In says that the keys that follow are all of one key group, counted from the store's first, and makes room for so many. A key of another is refused.
func (r *Restorer) In(group, keys int) error {
	if err := r.Holds(group); err != nil {
		return err
	}
	r.group = group
	if keys > 0 {
		r.sp.expect(r.sp.sub(group), keys)
	}
	return nil
}

// Bulk says that fresh keys follow, many of them, of the key group of In, until Placed: they are put where they can be found only then. Where the store might look for them meanwhile, it makes no difference.
func (r *Restorer) Bulk() {
	if s := r.sp.sub(r.group); r.fork && r.same && len(s.free) == 0 {
		r.unplaced, r.placed = true, s.rows.Len()
	}
}

// Placed ends what Bulk began.
func (r *Restorer) Placed() {
	if r.unplaced {
		r.unplaced = false
		r.touched = r.sp.sub(r.group).placeFrom(r.placed)
	}
}

// Holds returns an error for a key group that is not one of the store.
func (r *Restorer) Holds(group int) error {
	if group < 0 || group >= len(r.sp.subs) {
		return r.damaged(fault.New(fault.StateDamaged, "key group %d is not one of the subtask", group+int(r.sp.first)))
	}
	return nil
}

// Room is how many bytes the store's memory has left, by its setting.
func (r *Restorer) Room() int64 { return -r.sp.store.account.Over() }

// Apart reports whether key groups can be restored on several goroutines at a time, see Fork: they can where a key is one row with values. What lists and maps consist of lies in one place for all key groups.
func (r *Restorer) Apart() bool {
	if !r.same {
		return false
	}
	for _, c := range r.sp.cells {
		if c.kind != ValueKind {
			return false
		}
	}
	return true
}

// Fork returns restorers for n goroutines. Each fills key groups that no other touches. Until they are joined, nothing else uses the space, and the store makes no room.
func (r *Restorer) Fork(n int) []*Restorer {
	r.sp.sharing = &sync.Mutex{}
	forks := make([]*Restorer, n)
	for i := range forks {
		f, sp := *r, *r.sp
		sp.keys, sp.vacant = 0, 0
		f.sp, f.fork, f.payload = &sp, true, payloadReader{}
		forks[i] = &f
	}
	return forks
}

// Join adds what the restorers of a Fork have done, and gives the store the time to make room. They can go on afterwards.
func (r *Restorer) Join(forks []*Restorer) {
	sp := r.sp
	for _, f := range forks {
		sp.keys, sp.vacant, sp.sealed = sp.keys+f.sp.keys, sp.vacant+f.sp.vacant, sp.sealed || f.sp.sealed
		f.sp.keys, f.sp.vacant = 0, 0
		sp.store.stored += f.stored
		f.stored = 0
	}
	sp.version++
	sp.store.breathe()
}

// Joined ends what Fork began, after the last Join.
func (r *Restorer) Joined() { r.sp.sharing = nil }

func (r *Restorer) damaged(err error) error {
	return fault.New(fault.StateDamaged, "state %q of operator %q: %w", r.sp.name, r.sp.store.cfg.Operator, err)
}

// setPayload is SetPayload where cells have gone, changed or moved.
func (r *Restorer) setPayload(ref Ref, payload []byte) error {
	p := &payloadReader{src: payload}
	for len(p.src) > 0 && p.err == nil {
		i, stamped := p.uvarint(), p.byte()
		if p.err != nil || i >= uint64(len(r.plan)) {
			return errPayload
		}
		p.stamped = stamped == 1
		c := &r.plan[i]
		if c.cell == nil {
			c.skip(p)
			continue
		}
		p.convert = c
		if c.convert == nil {
			p.convert = nil
		}
		if err := c.cell.restore(ref, p); err != nil {
			return err
		}
		p.convert = nil
	}
	return p.err
}

// skip reads over what a payload has for a state that is gone.
func (c *restoredCell) skip(p *payloadReader) {
	n := uint64(1)
	if c.stored.Kind != ValueKind {
		n = p.uvarint()
	}
	for ; n > 0 && p.err == nil; n-- {
		if c.stored.Kind == MapKind {
			if len(p.src) < 8*c.stored.KeyWords {
				p.err = errPayload
				return
			}
			p.src = p.src[8*c.stored.KeyWords:]
			if c.stored.KeyBytes {
				var err error
				if _, p.src, err = cutBytes(p.src); err != nil {
					p.err = err
				}
			}
		}
		p.entry(0)
	}
}
