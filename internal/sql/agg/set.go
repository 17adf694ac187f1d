package agg

import (
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// Set is the calls of an operator, compiled for one instance of it.
//
// For each batch the operator calls [Set.Begin]. Then, for some of its rows at a time, it finds their groups, calls [Set.Update] with the addresses of these, and reads results with [Set.Emit], before
// or after.
type Set struct {
	calls   []*Call
	input   []types.Field
	retract bool
	forgets bool
	queue   bool
	args    []argument
	picks   []pick
	prims   []prim
	results []result
	words   int
	strings int

	cell *statebackend.Cell
	off  uintptr // of the words in a group's row
	// live is the count of rows, a primitive that is there if the input retracts.
	live int
	// What is needed to tell values apart that were seen: the word of a group's number, -1 if nothing is distinct, and where numbers come from.
	number    int
	numbers   numbering
	distincts []distinct
	bags      []bag
	trees     []tree
	customs   []custom
	clears    bool
	err       error

	// partial is set if batches have partial results.
	partial *partial
	// local has the strings of a set without a table, that of a Local.
	local []byte

	// Of the batch at hand: what to add for a row, nil if that is 1 for all.
	signs     []int64
	signSpace []int64
}

// argument is a column of the input, or a constant, that is read.
type argument struct {
	col   int
	value column.Value
	t     types.Type
	flat  column.Vector
	once  *column.Vector
	// shape is that of values that are arrays, maps or rows, and kept as bytes.
	shape   *column.Shape
	scratch []byte
	v       *column.Vector // of the batch, flat
}

// read takes the argument of n rows.
func (a *argument) read(v *column.Vector, n int) {
	if v.Form <= column.Text {
		v = v.Flatten(n, &a.flat)
	} else if a.shape != nil {
		v = a.encode(v, n)
	}
	a.v = v
}

// pick is some of the rows at hand: those of another pick for which a filter is true, or that have a value.
type pick struct {
	of     int // the pick from which these are, -1 for all rows
	filter int // the argument that must be true, -1 for none
	value  int // the argument that must have a value, -1 for none
	// distinct is, counted from 1, what has the values that were seen: only rows count that bring a new one, or take the last of one away. bit is this pick's among those there.
	distinct int
	bit      int
	rows     []int32
	space    []int32
}

// op is what a primitive does.
type op uint8

const (
	count    op = iota // of rows
	sum                // of words as integers, which wrap around
	sumFloat           // of words as floating-point numbers
	sum128             // of words, exactly, in two words
	sum192             // of wide words, exactly, in three words
	most               // the greatest word, as an unsigned number, after flipping bits
	mostFloat
	mostWide // a word that tells that there is one, then the value
	mostText // as mostWide, with a string
	leastText
	first // a word that tells that there is one, then the value: of form Word, Wide or Text
	firstWide
	firstText
	last
	lastWide
	lastText
	moments  // a spreadOf
	ofCustom // a word that tells that there is an accumulator, and the accumulator as a string
)

// room is how many words a primitive has, and whether it has a string.
func (o op) room() (words int, text bool) {
	switch o {
	case sum128, first, last:
		return 2, false
	case sum192, mostWide, firstWide, lastWide:
		return 3, false
	case moments:
		return 5, false
	case mostText, leastText, firstText, lastText, ofCustom:
		return 1, true
	}
	return 1, false
}

// prim is something that is kept for each group. It needs some words, and perhaps a string.
type prim struct {
	op   op
	pick int
	arg  int
	flip uint64 // for most: what the bits of a value are flipped with
	word int    // its first word
	text int    // its string
	// custom is the number of a function of a program.
	custom int
}

// compile makes the set of some calls.
func compile(calls []*Call, input []types.Field, o Options) (*Set, error) {
	s := &Set{calls: calls, input: input, retract: o.Retract, forgets: o.Forget, queue: o.Queue, clears: o.Clears, live: -1, number: -1}
	s.picks = append(s.picks, pick{of: -1, filter: -1, value: -1})
	if o.Retract || o.Live {
		s.live = s.prim(prim{op: count})
	}
	for _, c := range calls {
		r, err := s.add(c)
		if err != nil {
			return nil, err
		}
		s.results = append(s.results, r)
	}
	return s, nil
}

// Options say how a set is used.
type Options struct {
	// Retract tells that the input may take rows back.
	Retract bool
	// Queue tells that rows are taken back in the order in which they came, as from a frame that moves on.
	Queue bool
	// Clears tells that rows are taken back only all at once, after which the operator calls [Set.Reset]. Then functions of programs need not be able to.
	Clears bool
	// Live has the rows of each group counted also if none is taken back; see [Set.Live].
	Live bool
	// Forget tells that groups are removed while they have rows: the operator calls [Set.Forget] before, and its table is anchored.
	Forget bool
	// Partial tells that batches have partial results of a [Local] instead of rows: their columns begin at PartialAt. The calls and the input stay those of the rows. PartialLive tells that the [Local] has Live set.
	Partial, PartialLive bool
	PartialAt            int
}

// New compiles calls for an instance. Calls that [Resolve] has made do not fail.
func New(calls []*Call, input []types.Field, o Options) (*Set, error) {
	s, err := compile(calls, input, o)
	if err == nil && o.Partial {
		err = s.readPartial(o)
	}
	return s, err
}

// Declare declares the state of the groups of a table, and further tables of the store.
func (s *Set) Declare(store *statebackend.Store, t *statebackend.GroupTable, ttl *statebackend.TTL) {
	s.cell = t.MixedAccumulators("accumulators", max(s.words, 1), s.strings, ttl)
	s.off = s.cell.AccumulatorOffset()
	s.declareDistinct(store, t, ttl)
	for i := range s.bags {
		s.bags[i].declare(s, t.Space(), i)
	}
	for i := range s.trees {
		s.trees[i].declare(s, t.Space(), i)
	}
}

// Cell is what the operator edits before Update.
func (s *Set) Cell() *statebackend.Cell { return s.cell }

// Calls are the calls.
func (s *Set) Calls() []*Call { return s.calls }

// Grows tells that each row changes a result of its group: rows are counted, and none is taken back.
func (s *Set) Grows() bool {
	if s.retract {
		return false
	}
	for i := range s.results {
		if s.results[i].form != plain {
			continue
		}
		if p := &s.prims[s.results[i].prim]; p.op == count && p.pick == 0 {
			return true
		}
	}
	return false
}

// argument returns the number of an argument.
func (s *Set) argument(a Arg) int {
	for i := range s.args {
		if b := &s.args[i]; b.col == a.Col && (a.Col >= 0 || b.t.Equal(a.Type) && b.value.Equal(a.Const)) {
			return i
		}
	}
	t := a.Type
	if a.Col >= 0 {
		t = s.input[a.Col].Type
	}
	n := argument{col: a.Col, value: a.Const, t: t}
	if a.Col < 0 {
		n.once = column.ConstOf(a.Const, a.Type)
	}
	s.args = append(s.args, n)
	return len(s.args) - 1
}

// pick returns the number of a pick.
func (s *Set) pick(of, filter, value int) int {
	for i := range s.picks {
		if p := &s.picks[i]; i > 0 && p.of == of && p.filter == filter && p.value == value && p.distinct == 0 {
			return i
		}
	}
	s.picks = append(s.picks, pick{of: of, filter: filter, value: value})
	return len(s.picks) - 1
}

// prim returns the number of a primitive.
func (s *Set) prim(p prim) int {
	for i, q := range s.prims {
		if p.word, p.text = q.word, q.text; p == q {
			return i
		}
	}
	p.word, p.text = s.words, s.strings
	words, text := p.op.room()
	s.words += words
	if text {
		s.strings++
	}
	s.prims = append(s.prims, p)
	return len(s.prims) - 1
}

// rows returns the pick of a call: those for which its filter is true, and in which the given arguments have values.
func (s *Set) rows(c *Call, values []Arg) int {
	at := 0
	if c.Filter >= 0 {
		at = s.pick(0, s.argument(Arg{Col: c.Filter}), -1)
	}
	for _, a := range values {
		if a.Col < 0 && !a.Const.Null || a.Col >= 0 && !s.input[a.Col].Type.Nullable() {
			continue
		}
		at = s.pick(at, -1, s.argument(a))
	}
	return at
}

// Begin takes a batch. It is lent until the last Update.
func (s *Set) Begin(b *column.Batch) {
	if s.partial != nil {
		s.beginPartial(b)
		return
	}
	for i := range s.args {
		a := &s.args[i]
		v := a.once
		if a.col >= 0 {
			v = b.Cols[a.col]
		}
		a.read(v, b.N)
	}
	s.signs = nil
	if s.retract && b.Kinds != nil {
		if cap(s.signSpace) < b.N {
			s.signSpace = make([]int64, max(b.N, 1024))
		}
		s.signs = s.signSpace[:b.N]
		for i, k := range b.Kinds[:b.N] {
			s.signs[i] = 1
			if !k.Adds() {
				s.signs[i] = -1
			}
		}
	}
}

// Err is what is wrong with the groups that were emitted: the error fails the job.
func (s *Set) Err() error { return s.err }

// Update takes rows of the batch into their groups: row r into refs[r], which is at bases[r], and for which the cell was edited. one is the address of the group of all rows, if there is but one, and else nil.
func (s *Set) Update(rows []int32, refs []statebackend.Ref, bases []unsafe.Pointer, one unsafe.Pointer) {
	if s.partial != nil {
		s.updatePartial(rows, bases, one)
		return
	}
	s.choose(rows)
	for i := range s.distincts {
		s.seen(&s.distincts[i], rows, bases)
	}
	for i := range s.prims {
		p := &s.prims[i]
		if rows := s.picks[p.pick].rows; len(rows) > 0 {
			s.update(p, rows, bases, one)
		}
	}
	for i := range s.bags {
		s.bags[i].update(s, refs)
	}
	for i := range s.trees {
		s.trees[i].update(s, refs)
	}
}

// choose computes the picks.
func (s *Set) choose(rows []int32) {
	s.picks[0].rows = rows
	for i := 1; i < len(s.picks); i++ {
		p := &s.picks[i]
		if p.distinct > 0 {
			continue
		}
		from := s.picks[p.of].rows
		if cap(p.space) < len(from) {
			p.space = make([]int32, max(len(from), 1024))
		}
		to, n := p.space[:len(from)], 0
		var valid []uint64
		if p.filter >= 0 {
			v := s.args[p.filter].v
			words := v.Words
			if valid = v.Valid; valid == nil {
				for _, r := range from {
					to[n] = r
					n += int(words[r] & 1)
				}
			} else {
				for _, r := range from {
					to[n] = r
					n += int(words[r] & (valid[r>>6] >> (r & 63)) & 1)
				}
			}
			p.rows = to[:n]
			continue
		}
		v := s.args[p.value].v
		if !v.Nulls() {
			p.rows = from
			continue
		}
		if v.Form > column.Text {
			for _, r := range from {
				if !v.Null(int(r)) {
					to[n] = r
					n++
				}
			}
		} else {
			valid = v.Valid
			for _, r := range from {
				to[n] = r
				n += int(valid[r>>6] >> (r & 63) & 1)
			}
		}
		p.rows = to[:n]
	}
}

// Live returns the number of rows in the group at base, of an input that retracts or with [Options.Live].
func (s *Set) Live(base unsafe.Pointer) int64 {
	return *(*int64)(unsafe.Add(base, s.off+8*uintptr(s.prims[s.live].word)))
}

// Reversible tells that rows can be taken back in any order, after which the groups are what they would be without them: sums of floating-point numbers are not, and neither is what depends on the order.
func (s *Set) Reversible() bool {
	for i := range s.prims {
		switch s.prims[i].op {
		case count, sum, sum128, sum192:
		default:
			return false
		}
	}
	return len(s.bags) == 0
}

// Inner appends those words of the group at base that may differ between two groups with the same results, and from which they follow: sums and counts of averages, and, if sums is set, what SUM has counted.
func (s *Set) Inner(base unsafe.Pointer, sums bool, words []uint64) []uint64 {
	add := func(prim int, n int) {
		if prim >= 0 {
			off := s.off + 8*uintptr(s.prims[prim].word)
			for i := range n {
				words = append(words, *wordAt(base, off+8*uintptr(i)))
			}
		}
	}
	for i := range s.results {
		switch r := &s.results[i]; r.form {
		case meanInt, meanFloat:
			add(r.prim, 1)
			add(r.count, 1)
		case meanOf128:
			add(r.prim, 2)
			add(r.count, 1)
		case meanOf192:
			add(r.prim, 3)
			add(r.count, 1)
		case plain, sumOf128, sumOf192:
			if sums {
				add(r.count, 1)
			}
		}
	}
	return words
}

// Signs are 1 for each row of the batch that adds and -1 for each that takes back, nil if all add.
func (s *Set) Signs() []int64 { return s.signs }

// Reset forgets what is known of the group at base, from which all rows were taken back.
func (s *Set) Reset(base unsafe.Pointer) {
	number := uint64(0)
	if s.number >= 0 {
		number = *wordAt(base, s.off+8*uintptr(s.number))
	}
	s.cell.ResetAccumulators(base)
	if s.number >= 0 {
		*wordAt(base, s.off+8*uintptr(s.number)) = number
	}
}

// Zero returns the address of a group without rows, to be read only.
func (s *Set) Zero() unsafe.Pointer {
	room := make([]uint64, int(s.off)/8+s.words+1+2*s.strings)
	return unsafe.Pointer(unsafe.SliceData(room))
}

func unsupported(c *Call, format string, args ...any) error {
	return fault.New(fault.SQLUnsupported, "%s "+format, append([]any{c.Function}, args...)...)
}
