package exec

import (
	"math"
	"strconv"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// MultiJoin is the inner join of several changelogs by the same key: all rows of all inputs are kept, and a row of one finds its partners in all others. What it emits is what [Join]s over one another would, but nothing of
// what they would keep in between is kept, and a row whose key lacks partners in some input costs no more than finding that.
type MultiJoin struct {
	Session *fn.Session
	Inputs  []JoinInput
	// NullSafe tells of each key whether null is equal to null; nil for no key.
	NullSafe []bool
	// Residual is the rest of the condition, over the columns of all inputs; nil for none.
	Residual expr.Expr
	// UpdateBefore is whether -U rows are emitted.
	UpdateBefore bool
	// TTL is how long a row is kept, in processing time; 0 for ever.
	TTL time.Duration
	// Final is as in [Join].
	Final bool
}

// JoinInput is an input of a [MultiJoin].
type JoinInput struct {
	Fields []types.Field
	// Keys are the columns that must be equal in all inputs, of types with the same form.
	Keys []int
	// Consumes is what the input may hold.
	Consumes types.Changelog
	// Unique tells that it has at most one row a key at any time.
	Unique bool
}

// multiInstance finds the partners of rows among several sides.
type multiInstance struct {
	*joinInstance
	bases  []int // of each side's columns in the output
	width  int
	levels []joinLevel
	others []int // the sides that are searched, in order
	out    []column.Batch
}

// joinLevel is a side on the way from a row to all its partners.
type joinLevel struct {
	matches []int32 // which row of the level before each found one belongs to
	rows    []int32 // which row of the chunk
	found   []statebackend.RowRef
	// refs are the rows of the sides of all levels up to this one.
	refs [][]statebackend.RowRef
	keys []statebackend.Ref
}

// New implements [operator.Factory].
func (f *MultiJoin) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	j := &joinInstance{
		f: &Join{Session: f.Session, Kind: logical.Inner, NullSafe: f.NullSafe, Residual: f.Residual, UpdateBefore: f.UpdateBefore, Final: f.Final}, waits: f.Final, ctx: ctx, store: store, emit: Output(w),
		call: fn.Call{Watermark: math.MinInt64, Random: ctx.Host.Random}, sides: make([]joinSide, len(f.Inputs)),
	}
	m := &multiInstance{joinInstance: j, levels: make([]joinLevel, len(f.Inputs)-1), out: make([]column.Batch, len(f.Inputs))}
	j.multi = m
	for i := range m.levels {
		l := &m.levels[i]
		l.matches, l.rows, l.found = make([]int32, BatchRows), make([]int32, BatchRows), make([]statebackend.RowRef, BatchRows)
		l.keys, l.refs = make([]statebackend.Ref, BatchRows), make([][]statebackend.RowRef, i+1)
		for k := range i {
			l.refs[k] = make([]statebackend.RowRef, BatchRows)
		}
		l.refs[i] = l.found
	}
	var specs []statebackend.ColumnSpec
	for s, in := range f.Inputs {
		if len(in.Keys) != len(f.Inputs[0].Keys) {
			return nil, fault.New(fault.InternalInvariant, "join %q has %d and %d keys", ctx.Name, len(f.Inputs[0].Keys), len(in.Keys))
		}
		if err := j.addSide(s, in.Fields, in.Keys, in.Consumes, in.Unique, f.TTL, nil); err != nil {
			return nil, err
		}
		m.bases = append(m.bases, m.width)
		m.width += len(in.Fields)
		own := j.sides[s].keys.Specs()
		if s == 0 {
			specs = append(specs, own...)
		}
		for k := range specs {
			if specs[k].Type != own[k].Type {
				return nil, fault.New(fault.InternalInvariant, "join %q compares %s with %s", ctx.Name, f.Inputs[0].Fields[f.Inputs[0].Keys[k]].Type, in.Fields[in.Keys[k]].Type)
			}
			specs[k].Nullable = j.f.nullSafe(k) && (specs[k].Nullable || own[k].Nullable)
		}
	}
	if err := j.prepare(m.width); err != nil {
		return nil, err
	}
	j.table = statebackend.NewGroupTable(store, "join", specs, nil)
	for s := range j.sides {
		side := &j.sides[s]
		side.rows = statebackend.NewRows(j.table.Space(), "input"+strconv.Itoa(s), statebackend.RowSchema{Columns: side.stored.Specs(), Time: side.timed, Retract: side.retracts})
		side.store = side.rows
		j.ports = append(j.ports, Input(func(b *column.Batch) { j.take(s, b) }))
	}
	return j, nil
}

// combine emits what the rows of a chunk of side s make with rows of all other sides.
func (m *multiInstance) combine(s int, b *column.Batch, sel []int32, refs []statebackend.Ref) {
	if b.Kinds != nil && !m.f.UpdateBefore {
		sel = m.withoutBefore(b)
	}
	m.others = m.others[:0]
	tally := room(&m.tally, b.N)
	for o := range m.sides {
		if o == s {
			continue
		}
		m.others = append(m.others, o)
		m.sides[o].rows.Count(refs, sel, tally)
		if sel = m.without(sel, b.N, func(row int32) bool { return tally[row] == 0 }); len(sel) == 0 {
			return
		}
	}
	m.search(s, b, 0, sel, refs)
}

// search goes through the rows of the side of a level that have the keys refs[row], for the rows of sel, nil for all.
func (m *multiInstance) search(s int, b *column.Batch, level int, sel []int32, refs []statebackend.Ref) {
	l := &m.levels[level]
	var cursor statebackend.RowCursor
	for more := true; more && !m.ctx.Failed; {
		var n int
		if n, more = m.sides[m.others[level]].rows.Probe(refs, sel, &cursor, l.matches, l.found); n == 0 {
			continue
		}
		if level == 0 {
			copy(l.rows, l.matches[:n])
		} else {
			before := &m.levels[level-1]
			for i, at := range l.matches[:n] {
				l.rows[i] = before.rows[at]
			}
			for k, from := range before.refs {
				to := l.refs[k]
				for i, at := range l.matches[:n] {
					to[i] = from[at]
				}
			}
		}
		if level == len(m.others)-1 {
			m.put(s, b, l, n)
			continue
		}
		for i, at := range l.matches[:n] {
			l.keys[i] = refs[at]
		}
		m.search(s, b, level+1, nil, l.keys[:n])
	}
}

// put emits n rows of the last level, as far as the condition is true of them.
func (m *multiInstance) put(s int, b *column.Batch, l *joinLevel, n int) {
	out := &m.out[s]
	widen(out, m.width)
	out.N, out.Sel, out.Kinds = n, nil, nil
	if m.residual == nil {
		m.gather(s, b, l, n, nil, false)
	} else {
		m.gather(s, b, l, n, m.reads, true)
		kept, err := m.residual.Select(&m.call, out, nil)
		if err != nil {
			m.ctx.Fail(err)
			return
		}
		if len(kept) == 0 {
			return
		}
		if len(kept) < n {
			for i, k := range kept {
				l.rows[i] = l.rows[k]
				for _, refs := range l.refs {
					refs[i] = refs[k]
				}
			}
			n = len(kept)
			out.N = n
			m.gather(s, b, l, n, nil, false)
		} else {
			m.gather(s, b, l, n, m.reads, false)
		}
	}
	if b.Kinds != nil {
		out.OwnKinds(n)
		for i, row := range l.rows[:n] {
			out.Kinds[i] = b.Kinds[row]
		}
	}
	m.emit(out)
}

// gather makes columns of the output: all if marked is nil, else those whose mark is as wanted.
func (m *multiInstance) gather(s int, b *column.Batch, l *joinLevel, n int, marked []bool, want bool) {
	own, out := &m.sides[s], &m.out[s]
	for c := range own.fields {
		if at := m.bases[s] + c; marked == nil || marked[at] == want {
			out.Cols[at].Pick(b.Cols[c], l.rows[:n])
		}
	}
	for k, o := range m.others {
		other := &m.sides[o]
		for c := range other.fields {
			if at := m.bases[o] + c; marked == nil || marked[at] == want {
				m.gatherOther(own, other, c, b, l.rows[:n], l.refs[k][:n], out.Cols[at])
			}
		}
	}
}
