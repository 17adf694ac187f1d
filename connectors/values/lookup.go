package values

import (
	"context"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/tables"
)

// lookup finds rows by comparing all of them: tables in memory are for tests, and small.
type lookup struct {
	all  *column.Batch
	keys []int
}

func (l *lookup) Open(context.Context) (tables.Lookuper, error) { return &lookuper{lookup: l}, nil }

type lookuper struct {
	*lookup
	matches, rows []int32
}

func (l *lookuper) Close() error { return nil }

func (l *lookuper) Find(_ context.Context, keys []*column.Vector, sel []int32, n int, out *column.Batch) ([]int32, error) {
	l.matches, l.rows = l.matches[:0], l.rows[:0]
	if sel == nil {
		for row := range n {
			l.find(keys, int32(row))
		}
	} else {
		for _, row := range sel {
			l.find(keys, row)
		}
	}
	out.Append(l.all, l.rows)
	return l.matches, nil
}

func (l *lookuper) find(keys []*column.Vector, row int32) {
	wanted := make([]column.Value, len(keys))
	for i, k := range keys {
		if wanted[i] = k.Value(int(row)); wanted[i].Null {
			return
		}
	}
	for at := range l.all.N {
		same := true
		for i, k := range l.keys {
			same = same && l.all.Cols[k].Value(at).Equal(wanted[i])
		}
		if same {
			l.matches, l.rows = append(l.matches, row), append(l.rows, int32(at))
		}
	}
}
