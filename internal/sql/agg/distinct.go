package agg

import (
	"fmt"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/statebackend"
)

// distinct is the values of some arguments that the groups have seen. All calls that are distinct in the same arguments share it: a value has a bit for each of them, or rather for each filter,
// or a count if rows can be taken back.
//
// Its keys are the number of the group and the values. So a group that has expired, and is made anew with another number, has seen nothing, and keys are short whatever the groups' keys are.
type distinct struct {
	args  []int
	nulls bool  // that nulls are values like others
	picks []int // those that are made here, by bit
	table *statebackend.GroupTable
	cell  *statebackend.Cell
	off   uintptr
	// Where groups are forgotten: the values of a group hang together, from head in its row.
	head, next uintptr

	numbers []uint64
	groups  []uint64
	chunk   statebackend.GroupChunk
	refs    []statebackend.Ref
	bases   []unsafe.Pointer
	masks   []uint64
	rows    []int32
	fresh   []int32
	gone    []statebackend.Ref
}

// maxFilters is how many bits a distinct has.
const maxFilters = 64

// distinct returns the pick of those rows of a pick that are distinct in the arguments of a call, none of which is null.
func (s *Set) distinct(c *Call, of int) (int, error) { return s.distinctIn(c, of, false) }

// distinctIn is distinct where there may be nulls, which are equal to each other.
func (s *Set) distinctIn(c *Call, of int, nulls bool) (int, error) {
	var args []int
	for _, a := range c.Args {
		if a.Col < 0 {
			continue
		}
		n := s.argument(a)
		s.form(n)
		if !slices.Contains(args, n) {
			args = append(args, n)
		}
	}
	slices.Sort(args)
	if s.number < 0 {
		s.number = s.words
		s.words++
	}
	at := slices.IndexFunc(s.distincts, func(d distinct) bool {
		return slices.Equal(d.args, args) && d.nulls == nulls && len(d.picks) < maxFilters
	})
	if at < 0 {
		at = len(s.distincts)
		s.distincts = append(s.distincts, distinct{args: args, nulls: nulls})
	}
	d := &s.distincts[at]
	for _, p := range d.picks {
		if s.picks[p].of == of {
			return p, nil
		}
	}
	s.picks = append(s.picks, pick{of: of, filter: -1, value: -1, distinct: at + 1, bit: len(d.picks)})
	d.picks = append(d.picks, len(s.picks)-1)
	return len(s.picks) - 1, nil
}

func (s *Set) declareDistinct(store *statebackend.Store, t *statebackend.GroupTable, ttl *statebackend.TTL) {
	if s.number < 0 {
		return
	}
	s.numbers.declare(store)
	for i := range s.distincts {
		d := &s.distincts[i]
		specs := []statebackend.ColumnSpec{{Type: statebackend.WordColumn}}
		for _, a := range d.args {
			spec := statebackend.ColumnSpec{Type: statebackend.BytesColumn, Nullable: d.nulls}
			switch s.form(a) {
			case column.Word:
				spec.Type = statebackend.WordColumn
			case column.Wide:
				spec.Type = statebackend.WideColumn
			}
			specs = append(specs, spec)
		}
		words := 1
		if s.retract {
			words = len(d.picks)
		}
		d.table = statebackend.NewGroupTable(store, fmt.Sprintf("distinct values %d", i), specs, nil)
		d.table.GroupFrom(s.numbers.hashOf)
		d.cell = d.table.Accumulators("seen", words, ttl)
		d.off = d.cell.AccumulatorOffset()
		if s.forgets {
			d.table.Space().Anchor()
			d.next, d.head = d.table.Space().Reserve(8), t.Space().Reserve(8)
		}
	}
}

// Made prepares the groups that rows have made. It is called after each lookup, for the cell was edited.
func (s *Set) Made(rows []int32, refs []statebackend.Ref, bases []unsafe.Pointer) {
	for _, r := range rows { // what an expired group has left
		for i := range s.bags {
			s.bags[i].rows.Cell().Clear(refs[r])
			if o := s.bags[i].owing; o != nil {
				o.rows.Cell().Clear(refs[r])
			}
		}
		for i := range s.trees {
			s.trees[i].rows.Cell().Clear(refs[r])
		}
	}
	if s.number >= 0 && len(rows) > 0 {
		s.numbers.give(rows, refs, bases, s.off+8*uintptr(s.number))
	}
}

// seen computes the picks that are made of what has been seen.
func (s *Set) seen(d *distinct, rows []int32, bases []unsafe.Pointer) {
	d.room(len(bases))
	s.see(d, s.mask(d, rows), bases)
}

// room makes room for so many rows.
func (d *distinct) room(n int) {
	if cap(d.masks) < n {
		n = max(n, 1024)
		d.numbers, d.groups, d.masks, d.chunk.Hashes = make([]uint64, n), make([]uint64, n), make([]uint64, n), make([]uint64, n)
		d.refs, d.bases = make([]statebackend.Ref, n), make([]unsafe.Pointer, n)
	}
}

// mask writes which of the picks before those of d have each row, and returns the rows that some have.
func (s *Set) mask(d *distinct, rows []int32) []int32 {
	masks := d.masks[:cap(d.masks)]
	for _, r := range rows {
		masks[r] = 0
	}
	all := false
	for bit, p := range d.picks {
		from := s.picks[s.picks[p].of].rows
		all = all || len(from) == len(rows)
		for _, r := range from {
			masks[r] |= 1 << bit
		}
	}
	if !all {
		d.rows = d.rows[:0]
		for _, r := range rows {
			if masks[r] != 0 {
				d.rows = append(d.rows, r)
			}
		}
		rows = d.rows
	}
	return rows
}

// see fills the picks of d with those of the rows, which have their masks, that bring or take away a value.
func (s *Set) see(d *distinct, rows []int32, bases []unsafe.Pointer) {
	for _, p := range d.picks {
		s.picks[p].rows = s.picks[p].space[:0]
	}
	if len(rows) == 0 {
		return
	}
	s.find(d, rows, bases)
	if s.retract {
		s.seenCounts(d, rows)
	} else {
		s.seenBits(d, rows)
	}
	for _, p := range d.picks {
		s.picks[p].space = s.picks[p].rows
	}
}

// find finds the rows' values.
func (s *Set) find(d *distinct, rows []int32, bases []unsafe.Pointer) {
	off := s.off + 8*uintptr(s.number)
	for _, r := range rows {
		n := *wordAt(bases[r], off)
		d.numbers[r] = n
		d.groups[r] = s.numbers.hashOf(n)
	}
	n := len(bases)
	keys := append(d.chunk.Keys[:0], statebackend.Column{Words: d.numbers[:n]})
	for _, a := range d.args {
		keys = append(keys, storedColumn(s.args[a].v))
	}
	d.chunk = statebackend.GroupChunk{Hashes: d.chunk.Hashes[:n], GroupHashes: d.groups[:n], Keys: keys, Sel: rows}
	statebackend.HashColumns(keys, rows, d.chunk.Hashes)
	d.fresh = d.table.Lookup(&d.chunk, d.refs[:n], d.fresh[:0])
	d.table.Edit(d.cell, d.refs[:n], rows, d.bases[:n])
	if s.forgets {
		for _, r := range d.fresh {
			d.hang(d.refs[r], d.bases[r], bases[r])
		}
	}
}

// hang hangs a value on its group.
func (d *distinct) hang(r statebackend.Ref, row, group unsafe.Pointer) {
	head := wordAt(group, d.head)
	*wordAt(row, d.next), *head = *head, uint64(r)+1
}

// Restored takes up what was restored. It is called before anything else, if groups are forgotten.
func (s *Set) Restored(t *statebackend.GroupTable) {
	if s.number < 0 {
		return
	}
	groups := map[uint64]statebackend.Ref{}
	sp := t.Space()
	for r := range sp.All {
		groups[*wordAt(sp.Row(r), s.off+8*uintptr(s.number))] = r
	}
	for i := range s.distincts {
		d := &s.distincts[i]
		for r := range d.table.Space().All {
			if g, ok := groups[d.table.Space().Word(r, 0)]; ok {
				d.hang(r, d.table.Space().Edit(r), sp.Edit(g))
			}
		}
	}
}

// Forget forgets the values that groups have seen, which are then removed.
func (s *Set) Forget(t *statebackend.GroupTable, refs []statebackend.Ref) {
	for i := range s.distincts {
		d := &s.distincts[i]
		sp := d.table.Space()
		gone := d.gone[:0]
		for _, r := range refs {
			for n := *wordAt(t.Space().Row(r), d.head); n != 0; n = *wordAt(sp.Row(statebackend.Ref(n-1)), d.next) {
				gone = append(gone, statebackend.Ref(n-1))
			}
		}
		d.table.Remove(gone, nil)
		d.gone = gone
	}
}

func (s *Set) seenBits(d *distinct, rows []int32) {
	for _, r := range rows {
		p := wordAt(d.bases[r], d.off)
		was := *p
		news := d.masks[r] &^ was
		if news == 0 {
			continue
		}
		*p = was | news
		for ; news != 0; news &= news - 1 {
			p := &s.picks[d.picks[bits.TrailingZeros64(news)]]
			p.rows = append(p.rows, r)
		}
	}
}

// seenCounts counts. Values of which nothing is left are forgotten.
func (s *Set) seenCounts(d *distinct, rows []int32) {
	for _, r := range rows {
		sign := s.sign(r)
		for mask := d.masks[r]; mask != 0; mask &= mask - 1 {
			bit := bits.TrailingZeros64(mask)
			n := intAt(d.bases[r], d.off+8*uintptr(bit))
			if sign < 0 && *n == 0 {
				continue
			}
			if *n += sign; *n == 0 || *n == 1 && sign > 0 {
				p := &s.picks[d.picks[bit]]
				p.rows = append(p.rows, r)
			}
		}
	}
	if s.signs == nil || s.forgets {
		return
	}
	d.fresh = d.fresh[:0]
rows:
	for _, r := range rows {
		for bit := range d.picks {
			if *intAt(d.bases[r], d.off+8*uintptr(bit)) != 0 {
				continue rows
			}
		}
		d.fresh = append(d.fresh, r)
	}
	if len(d.fresh) > 0 {
		d.table.Remove(d.refs, d.fresh)
	}
}

// numbering gives groups numbers, of which none is given twice: the key group and a count that goes on in it.
type numbering struct {
	table  *statebackend.GroupTable
	cell   *statebackend.Cell
	first  int
	hashes []uint64 // the least hash of each key group

	chunk statebackend.GroupChunk
	refs  []statebackend.Ref
	bases []unsafe.Pointer
}

// numberBits is how many bits of a number are the count.
const numberBits = 40

func (m *numbering) declare(store *statebackend.Store) {
	cfg := store.Config()
	m.first = cfg.Groups.First
	m.hashes = make([]uint64, cfg.MaxParallelism)
	for g := range m.hashes {
		m.hashes[g], _ = bits.Div64(uint64(g), uint64(cfg.MaxParallelism-1), uint64(cfg.MaxParallelism))
	}
	m.table = statebackend.NewGroupTable(store, "numbers of groups", []statebackend.ColumnSpec{{Type: statebackend.WordColumn}}, nil)
	m.table.GroupFrom(func(g uint64) uint64 { return m.hashes[g] })
	m.cell = m.table.Accumulators("last number", 1, nil)
}

// hashOf is a hash in the key group of a number.
func (m *numbering) hashOf(number uint64) uint64 { return m.hashes[number>>numberBits] }

// give writes new numbers to the groups of rows, at an offset.
func (m *numbering) give(rows []int32, refs []statebackend.Ref, bases []unsafe.Pointer, off uintptr) {
	n := len(rows)
	if cap(m.refs) < n {
		m.chunk = statebackend.GroupChunk{Hashes: make([]uint64, n), GroupHashes: make([]uint64, n), Keys: []statebackend.Column{{Words: make([]uint64, n)}}}
		m.refs, m.bases = make([]statebackend.Ref, n), make([]unsafe.Pointer, n)
	}
	c := &m.chunk
	m.refs, m.bases, c.Hashes, c.GroupHashes, c.Keys[0].Words = m.refs[:n], m.bases[:n], c.Hashes[:n], c.GroupHashes[:n], c.Keys[0].Words[:n]
	for i, r := range rows {
		g := refs[r].Group() + m.first
		c.Keys[0].Words[i], c.GroupHashes[i] = uint64(g), m.hashes[g]
	}
	statebackend.HashColumns(c.Keys, nil, c.Hashes)
	m.table.Lookup(c, m.refs, nil)
	m.table.Edit(m.cell, m.refs, nil, m.bases)
	last := m.cell.AccumulatorOffset()
	for i, r := range rows {
		p := wordAt(m.bases[i], last)
		*p++
		*wordAt(bases[r], off) = c.Keys[0].Words[i]<<numberBits | *p
	}
}
