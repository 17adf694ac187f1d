package nexmark

import (
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

// batchRows is how many events a batch has. Its bids, with their texts, take about 150 KB.
const batchRows = 1024

// Table is the connector 'nexmark': the stream of events as a table with the columns of [Fields], or some of them, found by their names. Every event is generated in full, whatever is read of it.
//
// Subtask i of n reads the events i, i+n, i+2n and so on. One that is restored with the shares of several merges them by the events' numbers, and so by their times.
func Table() *tables.Factory {
	return &tables.Factory{
		Name: "nexmark",
		Doc:  "The events of the Nexmark benchmark, bit by bit those of Apache Beam's generator.",
		Options: []tables.Option{
			{Key: "events.num", Kind: tables.Number, Default: "0", Doc: "The number of events; 0 for no end."},
			{Key: "next-event.rate", Kind: tables.Number, Default: "10000", Doc: "Events in a second of event time."},
			{Key: "rate.limited", Kind: tables.Boolean, Default: "false", Doc: "Whether events come at that rate, and not as fast as they can be made."},
		},
		Source: source,
	}
}

func source(t *tables.Table) (*tables.Source, error) {
	events, err := t.Number("events.num")
	if err != nil {
		return nil, err
	}
	rate, err := t.Number("next-event.rate")
	if err != nil {
		return nil, err
	}
	switch {
	case events < 0:
		return nil, fault.New(fault.OptionInvalid, "option 'events.num': %d is less than zero", events)
	case rate < 1:
		return nil, fault.New(fault.OptionInvalid, "option 'next-event.rate': %d is less than one", rate)
	}
	columns := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		if columns[i], err = columnOf(t, c); err != nil {
			return nil, err
		}
	}
	scan := func(columns []int) *tables.Source {
		o := sequence.BatchOptions{Count: events, Rows: batchRows, Open: func() (sequence.Filler, error) { return filler(NewGenerator(rate), columns), nil }}
		if t.Flag("rate.limited") {
			o.RatePerSecond = float64(rate)
		}
		return &tables.Source{Scan: sequence.Batches(o)}
	}
	s := scan(columns)
	s.Project = func(some []int) (*tables.Source, error) {
		picked := make([]int, len(some))
		for i, k := range some {
			picked[i] = columns[k]
		}
		return scan(picked), nil
	}
	return s, nil
}

// columnOf returns which of [Fields] a column of the table is.
func columnOf(t *tables.Table, c types.Field) (int, error) {
	var names []string
	for i, f := range Fields() {
		if f.Name != c.Name {
			names = append(names, f.Name)
			continue
		}
		if !like(c.Type, f.Type) {
			return 0, fault.New(fault.OptionInvalid, "column %s of table %s has the type %s, but the connector \"nexmark\" makes %s", types.Quote(c.Name), t.Name, c.Type.SQL(), f.Type.SQL())
		}
		return i, nil
	}
	return 0, fault.New(fault.OptionInvalid, "table %s has the column %s; those of the connector \"nexmark\" are %s", t.Name, types.Quote(c.Name), strings.Join(names, ", "))
}

// like reports whether a is b, but for nullability and the lengths of strings.
func like(a, b types.Type) bool {
	if a.Kind() != b.Kind() || len(a.Fields()) != len(b.Fields()) {
		return false
	}
	for i, f := range a.Fields() {
		if f.Name != b.Fields()[i].Name || !like(f.Type, b.Fields()[i].Type) {
			return false
		}
	}
	return a.IsChar() || a.Precision() == b.Precision()
}

func filler(g *Generator, columns []int) sequence.Filler {
	var all column.Batch
	return func(b *column.Batch, events []int64) error {
		g.FillEvents(&all, events)
		b.N, b.Sel, b.Kinds, b.Cols = all.N, nil, nil, b.Cols[:0]
		for _, k := range columns {
			b.Cols = append(b.Cols, all.Cols[k])
		}
		return nil
	}
}
