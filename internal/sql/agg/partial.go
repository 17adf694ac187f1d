package agg

// Two phases: in front of an exchange the rows of each batch are folded into partial results, one row for each group, and behind it these are merged into the groups. Nothing is kept in the first phase from one batch
// to the next, and the state of the second is what it would be without the first.
//
// A partial result is columns: the words and strings of the primitives, then, for what counts distinct values only, the values with a mask that says which filters they have passed. A group with several such values has
// as many rows, of which all but the first have nothing in the columns of primitives.

import (
	"bytes"
	"fmt"
	"slices"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// Partial says whether calls can be computed in two phases: then fields are the columns of their partial results. exact tells that the results are the same to the last bit: sums of floating-point numbers
// depend on the order in which they are added.
func Partial(calls []*Call, input []types.Field, o Options) (fields []types.Field, exact, ok bool) {
	s, err := compile(calls, input, o)
	if err != nil || !s.divides() {
		return nil, false, false
	}
	exact = true
	for i := range s.prims {
		switch s.prims[i].op {
		case sumFloat, moments:
			exact = false
		}
	}
	return s.partialFields(), exact, true
}

// divides reports whether what is known of the rows of a batch can be told by columns.
func (s *Set) divides() bool {
	if len(s.bags) > 0 || len(s.trees) > 0 || len(s.customs) > 0 {
		return false
	}
	return !s.retract || s.Divisible()
}

// folded reports whether a primitive is computed in the first phase: others are of values that have not been seen before, which the second one knows.
func (s *Set) folded(p *prim) bool { return s.picks[p.pick].distinct == 0 }

var opNames = [...]string{"count", "sum", "sum", "sum", "sum", "max", "max", "max", "max", "min", "first", "first", "first", "last", "last", "last", "moments", "custom"}

// partialFields are the columns of partial results.
func (s *Set) partialFields() (fields []types.Field) {
	word := types.New(types.BigInt).NotNull()
	for i := range s.prims {
		p := &s.prims[i]
		if !s.folded(p) {
			continue
		}
		name := fmt.Sprintf("%s$%d", opNames[p.op], i)
		words, text := p.op.room()
		for w := range words {
			f := types.Field{Name: name, Type: word}
			if words > 1 || text {
				f.Name = fmt.Sprintf("%s$%d", name, w)
			}
			fields = append(fields, f)
		}
		if text {
			fields = append(fields, types.Field{Name: name, Type: types.Bytes().NotNull()})
		}
	}
	for i := range s.distincts {
		d := &s.distincts[i]
		for j, a := range d.args {
			f := types.Field{Name: fmt.Sprintf("distinct$%d$%d", i, j), Type: s.args[a].t}
			if s.form(a) == column.Text {
				f.Type = types.Bytes().WithNullable(f.Type.Nullable())
			}
			fields = append(fields, f)
		}
		fields = append(fields, types.Field{Name: fmt.Sprintf("distinct$%d", i), Type: word})
	}
	return fields
}

// Local folds the rows of batches into partial results.
type Local struct {
	set    *Set
	stride int // words of a group
	// plain are the primitives whose partial result of one row is written without folding; all tells that they all are.
	plain  []bool
	all    bool
	own    []column.Vector
	cols   []*column.Vector
	alone  bool
	memory []uint64
	bases  []unsafe.Pointer // by row
	values []localValues    // by distinct
	groups int
	extra  []int32 // the groups of the rows behind those of the groups
	next   []int32 // by row of the result: the next one of the same group, 0 for none
	last   []int32 // by group
}

// localValues are the distinct values of the groups of a batch.
type localValues struct {
	find   BatchGroups
	keys   []statebackend.Column
	group  []uint64 // by row
	hashes []uint64
	number []int32 // by row: that of its value
	first  []int32 // of each value: a row that has it
	masks  []uint64
	at     []int32 // where it stands in the result
}

// NewLocal returns what folds rows of the given columns for calls, with the options that [Partial] was given.
func NewLocal(calls []*Call, input []types.Field, o Options) (*Local, error) {
	s, err := compile(calls, input, o)
	if err != nil {
		return nil, err
	}
	l := &Local{set: s, stride: s.words + s.strings, values: make([]localValues, len(s.distincts)), own: make([]column.Vector, len(s.partialFields())), all: true}
	for i := range s.prims {
		p := &s.prims[i]
		plain := !s.folded(p)
		switch p.op {
		case count, sum, most, first, last, mostText, leastText, firstText, lastText:
			plain = true
		}
		l.plain, l.all = append(l.plain, plain), l.all && plain
	}
	return l, nil
}

// Fold takes rows of a batch into n groups: row r into group[r]. Each group has one of the first n rows of the result, the [Local.Columns]; behind them come more, whose groups it returns. The batch is lent until the
// columns have been read.
//
// Where group is nil, each row has a group of its own, and its place in the batch, so that there are rows in the result that have no meaning, where the batch has some.
func (l *Local) Fold(b *column.Batch, rows, group []int32, n int) (extra []int32) {
	s := l.set
	if l.alone = group == nil; l.alone {
		n = b.N
	}
	l.groups, l.extra = n, l.extra[:0]
	s.local = s.local[:0]
	s.Begin(b)
	s.choose(rows)
	if !l.alone || !l.all {
		l.fold(b, rows, group, n)
	}
	if len(s.distincts) == 0 {
		return nil
	}
	l.next = slices.Grow(l.next[:0], n)[:n]
	clear(l.next)
	for i := range s.distincts {
		d := &s.distincts[i]
		d.room(b.N)
		if with := s.mask(d, rows); !l.alone {
			l.gather(&l.values[i], d, with, group, b.N)
		}
	}
	return l.extra
}

// fold computes primitives in memory.
func (l *Local) fold(b *column.Batch, rows, group []int32, n int) {
	s := l.set
	need := n * l.stride
	if cap(l.memory) < need+1 {
		l.memory = make([]uint64, max(need+1, 1024*l.stride+1))
	}
	l.memory = l.memory[:need+1] // so that a group without any word has an address
	clear(l.memory)
	if cap(l.bases) < b.N {
		l.bases = make([]unsafe.Pointer, max(b.N, 1024))
	}
	l.bases = l.bases[:b.N]
	first := unsafe.Pointer(unsafe.SliceData(l.memory))
	for _, r := range rows {
		g := r
		if group != nil {
			g = group[r]
		}
		l.bases[r] = unsafe.Add(first, 8*l.stride*int(g))
	}
	var one unsafe.Pointer
	if n == 1 && !l.alone {
		one = first
	}
	for i := range s.prims {
		p := &s.prims[i]
		if !s.folded(p) || l.alone && l.plain[i] {
			continue
		}
		if rows := s.picks[p.pick].rows; len(rows) > 0 {
			s.update(p, rows, l.bases, one)
		}
	}
}

// gather finds the values of a distinct in rows that have one, and their places.
func (l *Local) gather(v *localValues, d *distinct, rows, group []int32, n int) {
	s := l.set
	if len(v.group) < n {
		c := max(n, 1024)
		v.group, v.hashes, v.number = make([]uint64, c), make([]uint64, c), make([]int32, c)
	}
	for _, r := range rows {
		v.group[r] = uint64(group[r])
	}
	v.keys = append(v.keys[:0], statebackend.Column{Words: v.group[:n]})
	for _, a := range d.args {
		v.keys = append(v.keys, storedColumn(s.args[a].v))
	}
	statebackend.HashColumns(v.keys, rows, v.hashes[:n])
	v.first = v.find.Assign(v.keys, v.hashes, rows, v.number)
	v.masks = slices.Grow(v.masks[:0], len(v.first))[:len(v.first)]
	clear(v.masks)
	for _, r := range rows {
		v.masks[v.number[r]] |= d.masks[r]
	}
	l.last = slices.Grow(l.last[:0], l.groups)[:l.groups]
	for g := range l.last {
		l.last[g] = -1
	}
	v.at = v.at[:0]
	for _, r := range v.first {
		g := group[r]
		at := g
		if was := l.last[g]; was >= 0 {
			if at = l.next[was]; at == 0 {
				at = int32(l.groups + len(l.extra))
				l.extra = append(l.extra, g)
				l.next[was] = at
				l.next = append(l.next, 0)
			}
		}
		l.last[g] = at
		v.at = append(v.at, at)
	}
}

// storedColumn is a flat vector as a column of state.
func storedColumn(v *column.Vector) statebackend.Column {
	c := statebackend.Column{Valid: v.Valid}
	switch v.Form {
	case column.Word:
		c.Words = v.Words
	case column.Wide:
		c.Wide = v.Wide
	default:
		c.Views, c.Buffers = v.Views, v.Buffers
	}
	return c
}

// Columns are those of the result of the last Fold, valid until the next.
func (l *Local) Columns() []*column.Vector {
	s, n := l.set, l.groups
	total := n + len(l.extra)
	first := unsafe.Pointer(unsafe.SliceData(l.memory))
	l.cols = l.cols[:0]
	own := func() *column.Vector {
		v := &l.own[len(l.cols)]
		l.cols = append(l.cols, v)
		return v
	}
	for i := range s.prims {
		p := &s.prims[i]
		if !s.folded(p) {
			continue
		}
		if l.alone && l.plain[i] {
			l.row(p, total, own)
			continue
		}
		words, text := p.op.room()
		for w := range words {
			v := own()
			v.Reset(column.Word, total)
			at := l.memory[p.word+w:]
			for g := range n {
				v.Words[g] = at[g*l.stride]
			}
			clear(v.Words[n:total])
		}
		if text {
			v := own()
			v.Reset(column.Text, total)
			for g := range n {
				v.SetBytes(g, s.text(unsafe.Add(first, 8*l.stride*g), p.text))
			}
			clear(v.Views[n:total])
		}
	}
	for i := range s.distincts {
		d, found := &s.distincts[i], &l.values[i]
		for _, a := range d.args {
			if l.alone {
				l.cols = append(l.cols, s.args[a].v)
				continue
			}
			emitValues(own(), s.args[a].v, found, total)
		}
		v := own()
		v.Reset(column.Word, total)
		if l.alone {
			copy(v.Words, d.masks[:total])
			continue
		}
		clear(v.Words)
		for e, at := range found.at {
			v.Words[at] = found.masks[e]
		}
	}
	return l.cols
}

// row writes the partial results of a primitive of each row for itself.
func (l *Local) row(p *prim, n int, own func() *column.Vector) {
	s := l.set
	rows := s.picks[p.pick].rows
	v := own()
	v.Reset(column.Word, n)
	if len(rows) < n {
		clear(v.Words)
	}
	switch p.op {
	case count:
		for _, r := range rows {
			v.Words[r] = uint64(s.sign(r))
		}
	case sum:
		words := s.args[p.arg].v.Words
		for _, r := range rows {
			v.Words[r] = uint64(s.sign(r)) * words[r]
		}
	case most:
		words := s.args[p.arg].v.Words
		for _, r := range rows {
			v.Words[r] = words[r] ^ p.flip
		}
	default: // the value stands beside the word that tells that there is one
		for _, r := range rows {
			v.Words[r] = 1
		}
		l.cols = append(l.cols, s.args[p.arg].v)
	}
}

// emitValues writes the distinct values of an argument to their places, and something elsewhere.
func emitValues(out, from *column.Vector, found *localValues, total int) {
	out.Reset(from.Form, total)
	switch from.Form {
	case column.Word:
		clear(out.Words)
		for e, at := range found.at {
			out.Words[at] = from.Words[found.first[e]]
		}
	case column.Wide:
		clear(out.Wide)
		for e, at := range found.at {
			out.Wide[at] = from.Wide[found.first[e]]
		}
	default:
		clear(out.Views)
		for e, at := range found.at {
			if r := int(found.first[e]); !from.Null(r) {
				out.SetBytes(int(at), from.Bytes(r))
			}
		}
	}
	if from.Valid != nil {
		for e, at := range found.at {
			if from.Null(int(found.first[e])) {
				out.SetNull(int(at), total)
			}
		}
	}
}

// text and setText are the strings of groups, in a table or of a Local.
func (s *Set) text(at unsafe.Pointer, i int) []byte {
	if s.cell != nil {
		return s.cell.AccumulatorString(at, i)
	}
	w := *wordAt(at, s.off+8*uintptr(s.words+i))
	return s.local[w>>32:][:uint32(w)]
}

func (s *Set) setText(at unsafe.Pointer, i int, b []byte) {
	if s.cell != nil {
		s.cell.SetAccumulatorString(at, i, b)
		return
	}
	*wordAt(at, s.off+8*uintptr(s.words+i)) = uint64(len(s.local))<<32 | uint64(len(b))
	s.local = append(s.local, b...)
}

// partial is how a set reads partial results.
type partial struct {
	at    int
	prims []int // by primitive: its first column, -1 if it is not folded
	sets  []int // by distinct: its first column
	flat  []column.Vector
	v     []*column.Vector // of the batch, flat
}

// readPartial prepares for partial results.
func (s *Set) readPartial(o Options) error {
	of, err := compile(s.calls, s.input, Options{Retract: o.Retract, Live: o.PartialLive})
	if err != nil {
		return err
	}
	r := &partial{at: o.PartialAt}
	at := 0
	columns := map[prim]int{} // without their places in memory
	bare := func(p prim) prim {
		p.word, p.text = 0, 0
		return p
	}
	for _, p := range of.prims {
		if of.folded(&p) {
			words, text := p.op.room()
			columns[bare(p)] = at
			if at += words; text {
				at++
			}
		}
	}
	for i := range of.distincts {
		r.sets = append(r.sets, at)
		at += len(of.distincts[i].args) + 1
	}
	for _, p := range s.prims {
		c, ok := columns[bare(p)]
		if !ok {
			c = -1
		}
		r.prims = append(r.prims, c)
	}
	r.flat, r.v = make([]column.Vector, at), make([]*column.Vector, at)
	s.partial = r
	return nil
}

func (s *Set) beginPartial(b *column.Batch) {
	r := s.partial
	for i := range r.v {
		r.v[i] = b.Cols[r.at+i].Flatten(b.N, &r.flat[i])
	}
	for i := range s.args {
		if a := &s.args[i]; a.once != nil { // constants do not travel, but what is distinct may be computed of them
			a.read(a.once, b.N)
		}
	}
	s.signs = nil
}

// updatePartial merges partial results into groups.
func (s *Set) updatePartial(rows []int32, bases []unsafe.Pointer, one unsafe.Pointer) {
	r := s.partial
	for i := range s.prims {
		if at := r.prims[i]; at >= 0 {
			s.mergeColumns(&s.prims[i], r.v[at:], rows, bases, one)
		}
	}
	for i := range s.distincts {
		d := &s.distincts[i]
		d.room(len(bases))
		at := r.sets[i]
		for j, a := range d.args {
			s.args[a].v = r.v[at+j]
		}
		masks := r.v[at+len(d.args)].Words
		d.rows = d.rows[:0]
		for _, row := range rows {
			if d.masks[row] = masks[row]; masks[row] != 0 {
				d.rows = append(d.rows, row)
			}
		}
		s.see(d, d.rows, bases)
		for j := range s.prims {
			p := &s.prims[j]
			if s.picks[p.pick].distinct != i+1 {
				continue
			}
			if rows := s.picks[p.pick].rows; len(rows) > 0 {
				s.update(p, rows, bases, one)
			}
		}
	}
}

// mergeColumns merges partial results of a primitive, which are its words and string as columns.
func (s *Set) mergeColumns(p *prim, v []*column.Vector, rows []int32, bases []unsafe.Pointer, one unsafe.Pointer) {
	off := s.off + 8*uintptr(p.word)
	a := v[0].Words
	switch p.op {
	case count, sum:
		if one != nil {
			n := uint64(0)
			for _, r := range rows {
				n += a[r]
			}
			*wordAt(one, off) += n
			return
		}
		for _, r := range rows {
			*wordAt(bases[r], off) += a[r]
		}
	case sumFloat:
		x := v[0].Floats()
		for _, r := range rows {
			*floatAt(bases[r], off) += x[r]
		}
	case sum128:
		for _, r := range rows {
			x := [2]uint64{a[r], v[1].Words[r]}
			add(bases[r], unsafe.Pointer(&x), off, 0, 2)
		}
	case sum192:
		for _, r := range rows {
			x := [3]uint64{a[r], v[1].Words[r], v[2].Words[r]}
			add(bases[r], unsafe.Pointer(&x), off, 0, 3)
		}
	case most, mostFloat:
		mostOf(off, a, 0, rows, bases, one)
	case mostWide:
		for _, r := range rows {
			q, x := (*[3]uint64)(unsafe.Add(bases[r], off)), [3]uint64{a[r], v[1].Words[r], v[2].Words[r]}
			if x[0] != 0 && (q[0] == 0 || int64(x[2]) > int64(q[2]) || x[2] == q[2] && x[1] > q[1]) {
				*q = x
			}
		}
	case moments:
		for _, r := range rows {
			if v[1].Words[r] == 0 {
				continue
			}
			x := [5]uint64{a[r], v[1].Words[r], v[2].Words[r], v[3].Words[r], v[4].Words[r]}
			(*spreadOf)(unsafe.Add(bases[r], off)).merge((*spreadOf)(unsafe.Pointer(&x)))
		}
	case mostText, leastText:
		want := 1
		if p.op == leastText {
			want = -1
		}
		for _, r := range rows {
			if a[r] == 0 {
				continue
			}
			b := v[1].Views[r].Content(v[1].Buffers)
			if has := wordAt(bases[r], off); *has == 0 || bytes.Compare(b, s.text(bases[r], p.text)) == want {
				*has = 1
				s.setText(bases[r], p.text, b)
			}
		}
	default:
		for _, r := range rows {
			has := wordAt(bases[r], off)
			if a[r] == 0 || p.op < last && *has != 0 {
				continue
			}
			*has = 1
			switch p.op {
			case first, last:
				*wordAt(bases[r], off+8) = v[1].Words[r]
			case firstWide, lastWide:
				*(*[2]uint64)(unsafe.Add(bases[r], off+8)) = [2]uint64{v[1].Words[r], v[2].Words[r]}
			default:
				s.setText(bases[r], p.text, v[1].Views[r].Content(v[1].Buffers))
			}
		}
	}
}
