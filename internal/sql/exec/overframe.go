package exec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// overFrame is a frame with bounds before and behind the current row, over rows of a key that are all there.
type overFrame struct {
	from, to logical.Bound
	rows     bool
	order    []logical.SortKey

	lo, hi  []int32 // of each row: its frame, up to before hi
	doubled column.Batch
}

// newOverFrame returns nil for frames that begin at the first row and end at the current one, or have all rows.
func newOverFrame(name string, from, to logical.Bound, rows bool, order []logical.SortKey, input []types.Field) (*overFrame, error) {
	if from.Unbounded && (to.Unbounded || to.Offset == 0) {
		return nil, nil
	}
	f := &overFrame{from: from, to: to, rows: rows, order: order}
	if !rows && (from.Offset != 0 || to.Offset != 0) {
		if len(order) != 1 || column.FormOf(input[order[0].Column].Type) != column.Word || input[order[0].Column].Type.IsApprox() {
			return nil, fault.New(fault.SQLUnsupported, "%q has a frame of RANGE with an offset that is not ordered by one number or time: use ROWS", name)
		}
	}
	return f, nil
}

// bounds computes the frames of n rows in order.
func (f *overFrame) bounds(b *column.Batch, peers []int32, n int) {
	lo, hi := room(&f.lo, n), room(&f.hi, n)
	clamp := func(v int64) int32 { return int32(max(0, min(v, int64(n)))) }
	behind := 0 // the first row that is not equal to the one at hand
	for i := range n {
		lo[i], hi[i] = 0, int32(n)
		if f.rows {
			if !f.from.Unbounded {
				lo[i] = clamp(int64(i) + f.from.Offset)
			}
			if !f.to.Unbounded {
				hi[i] = max(lo[i], clamp(int64(i)+f.to.Offset+1))
			}
			continue
		}
		if int(peers[i]) == i {
			for behind = i + 1; behind < n && int(peers[behind]) == i; behind++ {
			}
		}
		if !f.from.Unbounded {
			lo[i] = peers[i]
		}
		if !f.to.Unbounded {
			hi[i] = int32(behind)
		}
	}
	if f.rows || f.from.Offset == 0 && f.to.Offset == 0 {
		return
	}
	// Both bounds move on with the rows. Rows without a value have each other.
	k := f.order[0]
	v := b.Cols[k.Column]
	first, last := 0, n // of those with a value
	for first < n && v.Null(first) {
		first++
	}
	for last > first && v.Null(last-1) {
		last--
	}
	away := func(i, j int) int64 { // how far row j is behind row i
		if k.Descending {
			i, j = j, i
		}
		return addTime(v.Int(j), -v.Int(i))
	}
	a, z := first, first
	for i := first; i < last; i++ {
		for a < last && away(i, a) < f.from.Offset {
			a++
		}
		for z < last && away(i, z) <= f.to.Offset {
			z++
		}
		if !f.from.Unbounded {
			lo[i] = int32(a)
		}
		if !f.to.Unbounded {
			hi[i] = max(lo[i], int32(z))
		}
	}
}

// framed computes the results of rows of a key, each with a frame of its own. Nothing is accumulated before and after.
func (m *overUpdating) framed(l *overList) {
	n, f := len(l.rows), m.frame
	f.bounds(&l.batch, l.peers, n)
	// Each row is there twice: to be taken in, and to be taken back.
	width := len(m.f.Input)
	widen(&f.doubled, width)
	for c, v := range f.doubled.Cols[:width] {
		v.Reset(m.forms[c], 0)
		v.Append(l.batch.Cols[c], AllRows(n), 0)
		v.Append(l.batch.Cols[c], AllRows(n), n)
	}
	f.doubled.N = 2 * n
	kinds := f.doubled.OwnKinds(2 * n)
	for i := range kinds {
		if kinds[i] = types.Insert; i >= n {
			kinds[i] = types.Delete
		}
	}
	m.ids = AllRows(2 * n)
	refs, bases := room(&m.rowRefs, 2*n), room(&m.rowBases, 2*n)
	for i := range refs {
		refs[i], bases[i] = m.key[0], m.base[0]
	}
	m.set.Begin(&f.doubled)
	update := func(lo, hi int) {
		if lo < hi {
			m.set.Update(m.ids[lo:hi], refs, bases, m.base[0])
		}
	}
	a, z := 0, 0 // what is accumulated
	for i := range n {
		lo, hi := int(f.lo[i]), int(f.hi[i])
		if m.anew && lo != a { // what cannot go back exactly begins anew
			update(n+a, n+z)
			m.settled()
			a, z = lo, lo
		}
		update(z, max(z, hi))
		z = max(z, hi)
		update(n+a, n+min(lo, z))
		if a = lo; a >= z {
			z = a
			m.settled()
		}
		m.put(l, i, i+1)
	}
	update(n+a, n+z)
	m.settled()
}
