package exec

import (
	"fmt"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// overLag computes LAG for rows that come in order: it keeps the last values of each key, as many as LAG goes back.
type overLag struct {
	call   *OverCall
	offset int
	rows   *statebackend.Rows
	stored *Stored

	kept    column.Batch
	read    column.Vector
	whole   column.Vector
	at      []int32
	matches []int32
	found   []statebackend.RowRef
	refs    [1]statebackend.Ref
	one     [1]int32
}

// maxLag is the farthest that LAG goes back on unbounded input.
const maxLag = 1 << 16

func newOverLag(c *OverCall, sp *statebackend.Space, number int) (*overLag, error) {
	l := &overLag{call: c, offset: 1}
	if len(c.Args) > 1 {
		a := &c.Args[1]
		if a.Col >= 0 || a.Const.Null || a.Const.Int() < 0 || a.Const.Int() > maxLag {
			return nil, fault.New(fault.SQLUnsupported, "LAG on unbounded input goes back by a literal from 0 to %d", maxLag)
		}
		l.offset = int(a.Const.Int())
	}
	l.stored = NewStored([]types.Field{{Name: "value", Type: c.Args[0].Type.Null()}})
	l.rows = statebackend.NewRows(sp, fmt.Sprintf("values before %d", number), statebackend.RowSchema{Columns: l.stored.Specs()})
	l.matches, l.found = make([]int32, l.offset+1), make([]statebackend.RowRef, l.offset+1)
	return l, nil
}

// compute writes the results of n rows of b, that of row i being of the key refs[i], and keeps their values.
func (l *overLag) compute(b *column.Batch, refs []statebackend.Ref, n int, out *column.Vector) {
	values := vectorOf(&l.call.Args[0], b)
	l.whole.Reset(out.Form, 0)
	l.whole.Append(values, AllRows(n), 0)
	other := column.ConstOf(column.NullValue(), l.call.Args[0].Type.Null())
	if len(l.call.Args) > 2 {
		other = vectorOf(&l.call.Args[2], b)
	}
	l.whole.Append(other, AllRows(n), n)
	total := 2 * n
	l.kept.Cols, l.kept.N = append(l.kept.Cols[:0], values), n
	cols := l.stored.Of(&l.kept, nil, nil)
	at := room(&l.at, n)
	for row := range n {
		if l.offset == 0 {
			at[row] = int32(row)
			continue
		}
		l.refs[0], l.one[0] = refs[row], int32(row)
		var cursor statebackend.RowCursor
		have, _ := l.rows.Probe(l.refs[:], nil, &cursor, l.matches, l.found)
		at[row] = int32(n + row)
		if have >= l.offset {
			l.stored.Read(l.rows, 0, 0, l.found[:1], &l.read)
			l.whole.Append(&l.read, AllRows(1), total)
			at[row] = int32(total)
			total++
			l.rows.Delete(l.refs[:], l.found[:1])
		}
		l.rows.Append(refs, l.one[:], cols, nil, nil)
	}
	out.Gather(&l.whole, at)
}
