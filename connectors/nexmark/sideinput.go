package nexmark

import (
	"context"
	"strconv"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/fault"
)

// SideInput is the connector 'nexmark-side-input': a table of a number and its text, for the numbers below the option 'rows'. It can be looked up, in memory, and scanned.
func SideInput() *tables.Factory {
	return &tables.Factory{
		Name:    "nexmark-side-input",
		Doc:     "The side input of Nexmark's query 13: the numbers from 0 on, each with its text.",
		Options: []tables.Option{{Key: "rows", Kind: tables.Number, Default: "10000", Doc: "The number of rows."}},
		Source:  sideInput,
	}
}

// maxRows keeps the texts so short that they lie in their views.
const maxRows = 1_000_000_000_000

func sideInput(t *tables.Table) (*tables.Source, error) {
	rows, err := t.Number("rows")
	if err != nil {
		return nil, err
	}
	if rows < 0 || rows > maxRows {
		return nil, fault.New(fault.OptionInvalid, "option 'rows': %d is not between 0 and %d", rows, int64(maxRows))
	}
	if len(t.Columns) != 2 || !t.Columns[0].Type.IsInteger() || !t.Columns[1].Type.IsChar() {
		return nil, fault.New(fault.OptionInvalid, "table %s must have two columns, a BIGINT and a STRING, for the connector \"nexmark-side-input\"", t.Name)
	}
	return &tables.Source{
		Scan: sequence.Batches(sequence.BatchOptions{Count: rows, Empty: rows == 0, Open: func() (sequence.Filler, error) {
			s := newSide(rows)
			return func(b *column.Batch, numbers []int64) error {
				b.Reset(column.Forms(t.Columns))
				s.append(b, numbers)
				return nil
			}, nil
		}}),
		Lookup: func(keys []int) (tables.Lookup, error) { return &sideLookup{rows: rows, keys: keys}, nil },
	}, nil
}

// side makes rows of the side input.
type side struct {
	rows int64
	// views has the texts of the first rows.
	views []column.View
}

// cachedRows bounds the texts that are kept: 1 MB.
const cachedRows = 1 << 16

func newSide(rows int64) *side {
	s := &side{rows: rows, views: make([]column.View, min(rows, cachedRows))}
	for i := range s.views {
		s.views[i] = numberView(int64(i))
	}
	return s
}

func numberView(n int64) column.View {
	var text [column.InlineBytes]byte
	return column.MakeView(strconv.AppendInt(text[:0], n, 10), 0, 0)
}

func (s *side) view(n int64) column.View {
	if n < int64(len(s.views)) {
		return s.views[n]
	}
	return numberView(n)
}

// append adds rows, by their numbers, to those of a batch.
func (s *side) append(b *column.Batch, numbers []int64) {
	number, text := b.Cols[0], b.Cols[1]
	for _, n := range numbers {
		number.Words = append(number.Words[:b.N], uint64(n))
		text.Views = append(text.Views[:b.N], s.view(n))
		b.N++
	}
}

type sideLookup struct {
	rows int64
	keys []int
}

func (l *sideLookup) Open(context.Context) (tables.Lookuper, error) {
	return &sideLookuper{side: newSide(l.rows), keys: l.keys}, nil
}

type sideLookuper struct {
	*side
	keys    []int
	numbers []int64
	matches []int32
}

func (l *sideLookuper) Close() error { return nil }

func (l *sideLookuper) Find(_ context.Context, keys []*column.Vector, sel []int32, n int, out *column.Batch) ([]int32, error) {
	l.matches, l.numbers = l.matches[:0], l.numbers[:0]
	if len(l.keys) == 1 && l.keys[0] == 0 && !keys[0].Nulls() {
		l.findNumbers(keys[0].Ints(), sel, n)
	} else if sel == nil {
		for row := range n {
			l.findRow(keys, int32(row))
		}
	} else {
		for _, row := range sel {
			l.findRow(keys, row)
		}
	}
	l.append(out, l.numbers)
	return l.matches, nil
}

// findNumbers is the common case: the key is the number.
func (l *sideLookuper) findNumbers(keys []int64, sel []int32, n int) {
	if sel == nil {
		for row, key := range keys[:n] {
			if uint64(key) < uint64(l.rows) {
				l.matches, l.numbers = append(l.matches, int32(row)), append(l.numbers, key)
			}
		}
		return
	}
	for _, row := range sel {
		if key := keys[row]; uint64(key) < uint64(l.rows) {
			l.matches, l.numbers = append(l.matches, row), append(l.numbers, key)
		}
	}
}

// findRow finds the row that fits all keys of one row.
func (l *sideLookuper) findRow(keys []*column.Vector, row int32) {
	number := int64(-1)
	for i, k := range l.keys {
		v := keys[i]
		if v.Null(int(row)) {
			return
		}
		var is int64
		if k == 0 {
			is = v.Int(int(row))
		} else {
			text := v.Bytes(int(row))
			n, err := strconv.ParseInt(string(text), 10, 64)
			if err != nil || strconv.FormatInt(n, 10) != string(text) {
				return
			}
			is = n
		}
		if uint64(is) >= uint64(l.rows) || number >= 0 && number != is {
			return
		}
		number = is
	}
	if number >= 0 {
		l.matches, l.numbers = append(l.matches, row), append(l.numbers, number)
	}
}
