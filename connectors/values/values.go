// Package values is the connector 'values': tables in memory, of rows given in Go, and of rows that a job has written.
//
// The rows of a table are those of its [Store] under the name that the option 'data-id' says, or else under the table's own name. A store lives in its process: a job in several processes, or one that
// is restored in another, does not find it.
package values

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/format"
	"github.com/weirstream/weir/types"
)

// Row is a row of a changelog, with a Go value for each column: see [ValueOf].
type Row struct {
	Kind   types.RowKind
	Values []any
}

// R is an inserted row.
func R(values ...any) Row { return Row{Values: values} }

// Written is a row that a job has written.
type Written struct {
	Kind   types.RowKind
	Values []column.Value
	// Text is the row as the connector print shows it: +I[1, a].
	Text string
}

// Store is a set of rows by names. It may be used by several goroutines.
type Store struct {
	mu      sync.Mutex
	given   map[string][]Row
	written map[string][]Written
	// prepared are rows that wait for their checkpoint, by what their committable says.
	prepared map[string]prepared
	next     int
}

type prepared struct {
	name string
	rows []Written
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{given: map[string][]Row{}, written: map[string][]Written{}, prepared: map[string]prepared{}}
}

// Put sets the rows of a name, for tables that are read. The slice is the store's from then on.
func (s *Store) Put(name string, rows ...Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given[name] = rows
}

// Written returns the rows written under a name: those of one writer in their order.
func (s *Store) Written(name string) []Written {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.written[name])
}

// Texts returns what [Store.Written] does as texts.
func (s *Store) Texts(name string) []string {
	rows := s.Written(name)
	texts := make([]string, len(rows))
	for i, r := range rows {
		texts[i] = r.Text
	}
	return texts
}

func (s *Store) add(name string, rows []Written) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written[name] = append(s.written[name], rows...)
}

// Table is the connector on this store.
func (s *Store) Table() *tables.Factory {
	return &tables.Factory{
		Name: "values",
		Doc:  "Tables in memory.",
		Options: []tables.Option{
			{Key: "data-id", Doc: "The name of the rows in the store; the table's own if it is not given."},
			{Key: "bounded", Kind: tables.Boolean, Default: "true", Doc: "Whether the source ends behind the last row."},
			{Key: "changelog-mode", Default: "I", Doc: "What rows may do: I, UB, UA and D, separated by commas."},
			{Key: "batch-size", Kind: tables.Number, Default: "1024", Doc: "How many rows a batch of the source has at most."},
			{Key: "limit", Kind: tables.Number, Default: "-1", Doc: "How many rows the source gives before it waits; -1 for all. A job that is restored from this one goes on with the others."},
			{Key: "rows-per-second", Kind: tables.Number, Default: "0", Doc: "How many rows the source gives in a second; 0 for as fast as possible."},
			{Key: "produces-delete-by-key", Kind: tables.Boolean, Default: "false", Doc: "Whether deleted rows of the source have the primary key only."},
			{Key: "source-watermarks", Kind: tables.Boolean, Default: "false", Doc: "Whether the table may have SOURCE_WATERMARK(): there is no watermark before the last row then."},
			{Key: "readable-metadata", Doc: "Metadata columns that the table may declare, as name:TYPE, separated by commas. Rows have their values behind the others, sorted by name."},
			{Key: "writable-metadata", Doc: "Metadata columns that the table may declare and that are written, as name:TYPE, separated by commas. Written rows have their values behind the others, sorted by name."},
			{Key: "sink.supports-delete-by-key", Kind: tables.Boolean, Default: "false", Doc: "Whether the primary key of a deleted row is enough for the sink."},
			{Key: "sink.direct", Kind: tables.Boolean, Default: "false", Doc: "Whether rows are seen at once, and not when a checkpoint or the job is complete."},
			{Key: "sink.changelog-mode", Doc: "What the sink takes; all that the query makes if it is not given."},
		},
		Source: s.source,
		Sink:   s.sink,
		MetadataOf: func(options map[string]string) ([]types.Field, error) {
			list, err := metadata("readable-metadata", options)
			if err != nil {
				return nil, err
			}
			written, err := metadata("writable-metadata", options)
			return append(list, written...), err
		},
	}
}

// nameOf is what the rows of a table are called.
func nameOf(t *tables.Table) string {
	if id, ok := t.Options["data-id"]; ok {
		return id
	}
	name := t.Name
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	return strings.Trim(name, "`")
}

// parseChangelog reads I,UB,UA,D.
func parseChangelog(key, s string) (c types.Changelog, err error) {
	for _, part := range strings.Split(s, ",") {
		at := slices.Index([]string{"I", "UB", "UA", "D"}, strings.ToUpper(strings.TrimSpace(part)))
		if at < 0 {
			return 0, fault.New(fault.OptionInvalid, "option '%s': %q is none of I, UB, UA, D", key, part)
		}
		c = c.With(types.RowKind(at))
	}
	return c, nil
}

// metadata are the metadata columns of a table's option, sorted by name.
func metadata(key string, options map[string]string) (list []types.Field, err error) {
	depth := 0
	for part := range strings.FieldsFuncSeq(options[key], func(c rune) bool {
		switch c {
		case '(', '<':
			depth++
		case ')', '>':
			depth--
		}
		return c == ',' && depth == 0
	}) {
		name, _, ok := strings.Cut(part, ":")
		if !ok {
			return nil, fault.New(fault.OptionInvalid, "option '%s': %q is not name:TYPE", key, part)
		}
		list = append(list, types.Field{Name: strings.TrimSpace(name)})
	}
	slices.SortFunc(list, func(a, b types.Field) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// arranged puts the values of rows into the order of the table's columns.
func arranged(t *tables.Table, rows []Row) ([]Row, error) {
	if t.MetadataKeys == nil {
		return rows, nil
	}
	list, err := metadata("readable-metadata", t.Options)
	if err != nil {
		return nil, err
	}
	physical := 0
	for _, k := range t.MetadataKeys {
		if k == "" {
			physical++
		}
	}
	out := make([]Row, len(rows))
	for i, r := range rows {
		if len(r.Values) != physical+len(list) {
			return nil, fault.New(fault.OptionInvalid, "row %d has %d values for %d columns and %d of metadata", i+1, len(r.Values), physical, len(list))
		}
		out[i].Kind = r.Kind
		next := 0
		for _, k := range t.MetadataKeys {
			at := next
			if k == "" {
				next++
			} else {
				at = physical + slices.IndexFunc(list, func(f types.Field) bool { return f.Name == k })
			}
			out[i].Values = append(out[i].Values, r.Values[at])
		}
	}
	return out, nil
}

func (s *Store) source(t *tables.Table) (*tables.Source, error) {
	mode, err := parseChangelog("changelog-mode", t.Options["changelog-mode"])
	if err != nil {
		return nil, err
	}
	size, err := t.Number("batch-size")
	if err != nil {
		return nil, err
	}
	rate, err := t.Number("rows-per-second")
	if err != nil {
		return nil, err
	}
	limit, err := t.Number("limit")
	if err != nil {
		return nil, err
	}
	if size < 1 {
		return nil, fault.New(fault.OptionInvalid, "option 'batch-size': %d is less than one", size)
	}
	name := nameOf(t)
	s.mu.Lock()
	rows, ok := s.given[name]
	s.mu.Unlock()
	if !ok {
		return nil, fault.New(fault.OptionInvalid, "there are no rows under the name %q for the table %s", name, t.Name)
	}
	if rows, err = arranged(t, rows); err != nil {
		return nil, err
	}
	all, err := Batch(t.Columns, rows...)
	if err != nil {
		return nil, err
	}
	for i, r := range rows {
		if !mode.Has(r.Kind) {
			return nil, fault.New(fault.OptionInvalid, "row %d of %q is %v, which the option 'changelog-mode' = '%s' does not allow", i+1, name, r.Kind, t.Options["changelog-mode"])
		}
	}
	src := &tables.Source{Changelog: mode, KeyDeletes: t.Flag("produces-delete-by-key"), Watermarks: t.Flag("source-watermarks"), Parallelism: 1}
	src.Scan = sequence.Batches(sequence.BatchOptions{
		Count: int64(all.N), Empty: all.N == 0, Stay: !t.Flag("bounded"), Rows: int(size), RatePerSecond: float64(max(rate, 0)), Limit: max(limit, 0),
		Open: func() (sequence.Filler, error) {
			var pick []int32
			return func(b *column.Batch, numbers []int64) error {
				pick = pick[:0]
				for _, n := range numbers {
					pick = append(pick, int32(n))
				}
				b.Reset(column.Forms(t.Columns))
				b.Append(all, pick)
				return nil
			}, nil
		},
	})
	if !mode.Updates() { // else the rows are a history, and not what the table has
		src.Lookup = func(keys []int) (tables.Lookup, error) { return &lookup{all: all, keys: keys}, nil }
	}
	return src, nil
}

func (s *Store) sink(t *tables.Table) (*tables.Sink, error) {
	mode := types.Retracts
	if text, ok := t.Options["sink.changelog-mode"]; ok {
		var err error
		if mode, err = parseChangelog("sink.changelog-mode", text); err != nil {
			return nil, err
		}
	}
	out := &tables.Sink{KeyDeletes: t.Flag("sink.supports-delete-by-key"), Changelog: func(requested types.Changelog) types.Changelog { return requested & mode }}
	to := sink{store: s, name: nameOf(t), columns: t.Columns, order: metadataLast(t)}
	if to.order != nil {
		to.columns = nil
		for _, c := range to.order {
			to.columns = append(to.columns, t.Columns[c])
		}
	}
	if t.Flag("sink.direct") {
		out.Sink = to
	} else {
		out.Sink = committing{to}
	}
	return out, nil
}

// metadataLast are the columns of a table with those of metadata behind the others, sorted by key; nil if there are none.
func metadataLast(t *tables.Table) (order []int) {
	if t.MetadataKeys == nil {
		return nil
	}
	for i := range t.Columns {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(t.MetadataKeys[a], t.MetadataKeys[b]) })
	return order
}

// sink shows rows when they are flushed.
type sink struct {
	store   *Store
	name    string
	columns []types.Field
	// order are the places of the columns in what is written; nil if they are the same.
	order []int
}

func (s sink) NewWriter(connector.WriterContext, [][]byte) (connector.Writer[*column.Batch], error) {
	return &direct{s.writer()}, nil
}

func (s sink) writer() writer { return writer{sink: s, print: format.RowPrinter(s.columns)} }

type writer struct {
	sink
	print func([]byte, *column.Batch, int) []byte
	rows  []Written
}

func (w *writer) Write(b *column.Batch, _ int64) error {
	if w.order != nil {
		in := *b
		in.Cols = make([]*column.Vector, len(w.order))
		for i, c := range w.order {
			in.Cols[i] = b.Cols[c]
		}
		b = &in
	}
	for i := range b.Rows() {
		row := b.Row(i)
		r := Written{Kind: b.Kind(row), Text: string(w.print(nil, b, row))}
		for _, c := range b.Cols {
			r.Values = append(r.Values, c.Value(row))
		}
		w.rows = append(w.rows, r)
	}
	return nil
}

func (w *writer) Close() error { return nil }

type direct struct{ writer }

func (w *direct) Write(b *column.Batch, ts int64) error {
	if err := w.writer.Write(b, ts); err != nil {
		return err
	}
	return w.Flush(false)
}

func (w *direct) Flush(bool) error {
	w.store.add(w.name, w.rows)
	w.rows = nil
	return nil
}

// committing is a sink in two phases: rows are seen when their checkpoint, or the job, is complete.
type committing struct{ sink }

var _ connector.CommittingSink[*column.Batch] = committing{}

func (s committing) NewWriter(connector.WriterContext, [][]byte) (connector.Writer[*column.Batch], error) {
	return &preparing{s.writer()}, nil
}

func (s committing) NewCommitter(connector.WriterContext) (connector.Committer, error) {
	return committer{s.store}, nil
}

type preparing struct{ writer }

var _ connector.PreparingWriter = (*preparing)(nil)

func (w *preparing) Flush(bool) error { return nil }

func (w *preparing) PrepareCommit() ([]connector.Committable, error) {
	if len(w.rows) == 0 {
		return nil, nil
	}
	s := w.store
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	id := strconv.Itoa(s.next)
	s.prepared[id] = prepared{w.name, w.rows}
	w.rows = nil
	return []connector.Committable{connector.Committable(id)}, nil
}

type committer struct{ store *Store }

// Commit shows what is prepared. What is not there was committed before.
func (c committer) Commit(_ context.Context, committables []connector.Committable) error {
	s := c.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range committables {
		if p, ok := s.prepared[string(b)]; ok {
			s.written[p.name] = append(s.written[p.name], p.rows...)
			delete(s.prepared, string(b))
		}
	}
	return nil
}

func (c committer) Close() error { return nil }
