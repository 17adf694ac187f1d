// Package blackhole is the connector 'blackhole': a table that takes rows and keeps nothing.
//
// It takes updates as their new rows alone. A row counts when all its columns are there as a sink with an encoder would need them: dictionaries and constants are written out, nested ones too.
package blackhole

import (
	"sync/atomic"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/types"
)

// Counter counts the rows that the writers of this process have taken. It may be read at any time.
type Counter struct{ rows atomic.Int64 }

// Rows is the number of rows so far, those of attempts that failed included.
func (c *Counter) Rows() int64 { return c.rows.Load() }

// Table is the connector.
func Table() *tables.Factory { return Counting(new(Counter)) }

// Counting is the connector with a counter that the caller reads.
func Counting(c *Counter) *tables.Factory {
	return &tables.Factory{
		Name: "blackhole",
		Doc:  "Takes rows and keeps nothing.",
		Sink: func(*tables.Table) (*tables.Sink, error) {
			return &tables.Sink{Sink: sink{c}, Changelog: func(requested types.Changelog) types.Changelog { return requested.Without(types.UpdateBefore) }}, nil
		},
	}
}

type sink struct{ counter *Counter }

func (s sink) NewWriter(connector.WriterContext, [][]byte) (connector.Writer[*column.Batch], error) {
	return &writer{counter: s.counter}, nil
}

type writer struct {
	counter *Counter
	flat    column.Vector
}

func (w *writer) Write(b *column.Batch, _ int64) error {
	for _, c := range b.Cols {
		w.flatten(c, b)
	}
	w.counter.rows.Add(int64(b.Rows()))
	return nil
}

// flatten writes a column out, of rows that count alone, into memory that the next column uses again.
func (w *writer) flatten(v *column.Vector, b *column.Batch) {
	switch {
	case v.Index == nil && !v.Const:
		if v.Form == column.Tuple {
			for _, c := range v.Children {
				w.flatten(c, b)
			}
		}
	case b.Sel == nil || v.Form > column.Text:
		v.Flatten(b.N, &w.flat)
	case v.Index == nil:
		v.Flatten(len(b.Sel), &w.flat)
	default:
		w.pick(v, b.Sel)
	}
}

// pick writes out some rows of a dictionary.
func (w *writer) pick(v *column.Vector, sel []int32) {
	into, from := &w.flat, v.Base
	into.Reset(v.Form, len(sel))
	switch v.Form {
	case column.Word:
		for i, row := range sel {
			into.Words[i] = from.Words[v.Index[row]]
		}
	case column.Wide:
		for i, row := range sel {
			into.Wide[i] = from.Wide[v.Index[row]]
		}
	case column.Text:
		for i, row := range sel {
			into.Views[i] = from.Views[v.Index[row]]
		}
	}
	if from.Valid != nil {
		valid := into.AllValid(len(sel))
		for i, row := range sel {
			if at := v.Index[row]; from.Valid[at>>6]>>(at&63)&1 == 0 {
				valid[i>>6] &^= 1 << (i & 63)
			}
		}
	}
}

func (w *writer) Flush(bool) error { return nil }

func (w *writer) Close() error { return nil }
