package table

import (
	"context"
	"reflect"
	"strings"
	"time"
	"unsafe"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/exec"
	"github.com/weirstream/weir/internal/sql/lower"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/internal/sql/physical"
	"github.com/weirstream/weir/types"
)

// StreamOptions say more about a stream that becomes a table.
type StreamOptions struct {
	// Rowtime is the name of a column TIMESTAMP_LTZ(3) behind the others, which has the time of each record. It is the table's event time, and the watermarks are the stream's. "" for none.
	Rowtime string
	// PrimaryKey are columns whose values tell rows apart, as the program promises.
	PrimaryKey []string
}

// FromStream makes a stream a temporary table of a name, to be read by [ToStream], [ToChangelog] and [Insert]: they add to the program that the stream belongs to, which all streams of an environment must. Other statements cannot
// read it, since they run as jobs of their own.
//
// T is a struct whose exported fields are the columns, or a value of one column called f0. The columns are named by the tag `sql:"name"`, or as the fields are; fields with the tag `sql:"-"` are left out. Types are
// those of [Func1] and int, a BIGINT; a pointer is a column that may be NULL. Records are rows in the stream's order; a record is copied before the next one comes.
func FromStream[T any](e *Environment, name string, s *weir.Stream[T], o StreamOptions) error {
	rows, err := recordsOf[T]()
	if err != nil {
		return fault.New(fault.OptionInvalid, "the stream cannot be the table %s: %w", name, plain(err))
	}
	if o.Rowtime != "" {
		rows.fields = append(rows.fields, types.Field{Name: o.Rowtime, Type: types.TimestampLTZOf(3)})
		rows.rowtime = true
	}
	if err := e.joinProgram(s.Environment()); err != nil {
		return err
	}
	source := &streamSource{name: name, fields: rows.fields, attach: func() *dataflow.Operator {
		op := weir.Attach(s, "sql:FromStream", &fromRecords[T]{rows}, types.RowOf(rows.fields...).String())
		op.Name = "Table: " + name
		return op
	}}
	connector := "stream " + name
	e.AddConnector(&tables.Factory{Name: connector, Doc: "a stream of the program", Source: func(*tables.Table) (*tables.Source, error) {
		return &tables.Source{Scan: source, Watermarks: true}, nil
	}})
	var ddl strings.Builder
	ddl.WriteString("CREATE TEMPORARY TABLE " + types.Quote(name) + " (")
	for i, f := range rows.fields {
		if i > 0 {
			ddl.WriteString(", ")
		}
		ddl.WriteString(types.Quote(f.Name) + " " + f.Type.SQL())
	}
	if o.Rowtime != "" {
		ddl.WriteString(", WATERMARK FOR " + types.Quote(o.Rowtime) + " AS SOURCE_WATERMARK()")
	}
	if len(o.PrimaryKey) > 0 {
		var key []string
		for _, c := range o.PrimaryKey {
			key = append(key, types.Quote(c))
		}
		ddl.WriteString(", PRIMARY KEY (" + strings.Join(key, ", ") + ") NOT ENFORCED")
	}
	ddl.WriteString(") WITH ('connector' = '" + strings.ReplaceAll(connector, "'", "''") + "')")
	_, err = e.ExecuteSQL(context.Background(), ddl.String())
	return err
}

// ToStream adds a query to the program that the environment's streams belong to, and returns its rows as records, by the rules of [Values]. A query with updates is refused with option.invalid: see [ToChangelog].
// The time of a record is that of the query's column of event time, if it has one, and the watermarks are the query's.
func ToStream[T any](e *Environment, program *weir.Environment, query string) (*weir.Stream[T], error) {
	return toStream(e, program, query, false, func() func(types.RowKind, *T) *T {
		return func(_ types.RowKind, v *T) *T { return v }
	})
}

// ToChangelog is [ToStream] for any query: records say what each row does.
func ToChangelog[T any](e *Environment, program *weir.Environment, query string) (*weir.Stream[Change[T]], error) {
	return toStream(e, program, query, true, func() func(types.RowKind, *T) *Change[T] {
		var c Change[T]
		return func(k types.RowKind, v *T) *Change[T] {
			c.Kind, c.Value = k, *v
			return &c
		}
	})
}

func toStream[T, R any](e *Environment, program *weir.Environment, query string, updates bool, record func() func(types.RowKind, *T) *R) (*weir.Stream[R], error) {
	p, err := e.programPlan(program, query)
	if err != nil {
		return nil, err
	}
	end, ok := p.program.Ends[0].(*physical.Result)
	if !ok {
		return nil, fault.New(fault.SQLUnsupported, "an INSERT has no rows: add it by Insert")
	}
	if end.Changelog.Updates() && !updates {
		return nil, fault.New(fault.OptionInvalid, "the query has updates (%s), so its rows alone do not say what the result is: ask for table.ToChangelog", end.Changelog)
	}
	r := &Result{Columns: end.Fields, session: p.session}
	if _, err := newStructs(reflect.TypeFor[T](), r); err != nil {
		return nil, err
	}
	var last *dataflow.Operator
	err = e.addToProgram(p, program, func(op *dataflow.Operator) operator.Factory {
		last = op
		return &toRecords[T, R]{result: r, record: record}
	})
	if err != nil {
		return nil, err
	}
	return weir.StreamOf[R](program, last), nil
}

// Insert adds an INSERT, or a statement set, to the program that the environment's streams belong to.
func Insert(e *Environment, program *weir.Environment, statement string) error {
	p, err := e.programPlan(program, statement)
	if err != nil {
		return err
	}
	if _, ok := p.program.Ends[0].(*physical.Result); ok {
		return fault.New(fault.SQLUnsupported, "a query's rows must go somewhere: read them by ToStream, or INSERT them")
	}
	return e.addToProgram(p, program, nil)
}

// joinProgram notes the program that the streams of the environment belong to.
func (e *Environment) joinProgram(program *weir.Environment) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.program != nil && e.program != program {
		return fault.New(fault.GraphForeignStream, "the tables of an environment are streams of one program, and another one has some already")
	}
	e.program = program
	return nil
}

// programPlan plans a statement for a program.
func (e *Environment) programPlan(program *weir.Environment, statement string) (*plan, error) {
	if err := e.joinProgram(program); err != nil {
		return nil, err
	}
	src := &ast.Source{Text: statement}
	st, err := parse.Statement(src)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	ctx := context.Background()
	p, err := e.planStatement(ctx, src, st)
	if err != nil {
		return nil, err
	}
	return p, e.restorePlan(ctx, p, program.Options().Checkpoints, e.added+1)
}

// addToProgram adds the operators of a plan. result makes what takes the rows of a query.
func (e *Environment) addToProgram(p *plan, program *weir.Environment, result func(*dataflow.Operator) operator.Factory) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.added++
	if program.Options().Checkpoints.Dir != "" {
		if err := p.keep(program, e.added); err != nil {
			return err
		}
	}
	p.divide()
	return e.lower(program, p, e.lowering(p, program, func(c *lower.Config) {
		c.Statement, c.Records = e.added, result
		c.Parallelism = max(program.Options().Parallelism, 1)
	}))
}

// streamSource is the scan of a table that is a stream: the operator that makes rows of its records.
type streamSource struct {
	name   string
	fields []types.Field
	attach func() *dataflow.Operator
	op     *dataflow.Operator
}

// Attached implements [lower.Attached].
func (s *streamSource) Attached() *dataflow.Operator {
	if s.op == nil {
		s.op = s.attach()
	}
	return s.op
}

// Boundedness implements connector.Source. The program says at its end whether it is bounded.
func (s *streamSource) Boundedness() connector.Boundedness { return connector.ContinuousUnbounded }

// NewEnumerator implements connector.Source.
func (s *streamSource) NewEnumerator(connector.EnumeratorContext, []byte) (connector.Enumerator, error) {
	return nil, s.refuse()
}

// NewReader implements connector.Source.
func (s *streamSource) NewReader(connector.ReaderContext) (connector.Reader[*column.Batch], error) {
	return nil, s.refuse()
}

// Check implements connector.Checker.
func (s *streamSource) Check(context.Context) error { return s.refuse() }

func (s *streamSource) refuse() error {
	return fault.New(fault.SQLTable, "the table %s is a stream of a program, which a job of its own cannot read: use table.ToStream or table.Insert", types.Quote(s.name))
}

// records is how the fields of records become columns.
type records struct {
	fields  []types.Field
	puts    []putter
	rowtime bool
}

// putter writes the value at p to a row of a column with room for n rows.
type putter struct {
	offset uintptr
	put    func(c *column.Vector, row, n int, p unsafe.Pointer)
}

func recordsOf[T any]() (*records, error) {
	r, t := &records{}, reflect.TypeFor[T]()
	add := func(name string, t reflect.Type, offset uintptr) error {
		column, put, err := putterOfGo(t)
		r.fields = append(r.fields, types.Field{Name: name, Type: column})
		r.puts = append(r.puts, putter{offset, put})
		return err
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return r, add("f0", t, 0)
	}
	for f := range t.Fields() {
		name, tagged := f.Tag.Lookup("sql")
		if !f.IsExported() || name == "-" {
			continue
		}
		if !tagged {
			name = f.Name
		}
		if err := add(name, f.Type, f.Offset); err != nil {
			return nil, err
		}
	}
	if r.fields == nil {
		return nil, fault.New(fault.OptionInvalid, "the Go type %v has no exported fields, which are the columns", t)
	}
	return r, nil
}

// putterOfGo returns the type of the column that a field is, and how it is written there.
func putterOfGo(t reflect.Type) (types.Type, func(c *column.Vector, row, n int, p unsafe.Pointer), error) {
	if t.Kind() == reflect.Pointer {
		sql, put, err := putterOfGo(t.Elem())
		return sql.Null(), func(c *column.Vector, row, n int, p unsafe.Pointer) {
			if at := *(*unsafe.Pointer)(p); at != nil {
				put(c, row, n, at)
				return
			}
			c.SetNull(row, n)
		}, err
	}
	of := t
	if t.Kind() == reflect.Int {
		of = reflect.TypeFor[int64]()
	}
	g := goTypeOf(of)
	if g.err != nil {
		return g.t, nil, g.err
	}
	words := func(word func(p unsafe.Pointer) uint64) func(c *column.Vector, row, n int, p unsafe.Pointer) {
		return func(c *column.Vector, row, _ int, p unsafe.Pointer) { c.Words[row] = word(p) }
	}
	sql := g.t.NotNull()
	switch {
	case t == reflect.TypeFor[time.Time]():
		return sql, words(func(p unsafe.Pointer) uint64 { return column.TimeValue(*(*time.Time)(p), 6).Word }), nil
	case t == reflect.TypeFor[[]byte]():
		return sql, func(c *column.Vector, row, _ int, p unsafe.Pointer) { c.SetBytes(row, *(*[]byte)(p)) }, nil
	}
	switch t.Kind() {
	case reflect.String:
		return sql, func(c *column.Vector, row, _ int, p unsafe.Pointer) { c.SetString(row, *(*string)(p)) }, nil
	case reflect.Bool:
		return sql, words(func(p unsafe.Pointer) uint64 { return column.BoolValue(*(*bool)(p)).Word }), nil
	case reflect.Int8:
		return sql, words(func(p unsafe.Pointer) uint64 { return uint64(*(*int8)(p)) }), nil
	case reflect.Int16:
		return sql, words(func(p unsafe.Pointer) uint64 { return uint64(*(*int16)(p)) }), nil
	case reflect.Int32:
		return sql, words(func(p unsafe.Pointer) uint64 { return uint64(*(*int32)(p)) }), nil
	case reflect.Float32:
		return sql, words(func(p unsafe.Pointer) uint64 { return column.FloatValue(float64(*(*float32)(p))).Word }), nil
	case reflect.Float64:
		return sql, words(func(p unsafe.Pointer) uint64 { return column.FloatValue(*(*float64)(p)).Word }), nil
	}
	return sql, words(func(p unsafe.Pointer) uint64 { return uint64(*(*int64)(p)) }), nil
}

// fromRecords gathers records in batches, which leave when they are full, before a watermark, and when the input pauses.
type fromRecords[T any] struct{ rows *records }

type fromInstance[T any] struct {
	operator.Base
	rows  *records
	next  func(*column.Batch)
	batch column.Batch
	forms []column.Form
	port  *operator.Port[T]
}

// New implements [operator.Factory].
func (f *fromRecords[T]) New(_ *operator.Context, w operator.Wiring) (operator.Instance, error) {
	i := &fromInstance[T]{rows: f.rows, next: exec.Output(w), forms: column.Forms(f.rows.fields)}
	i.reset()
	i.port = operator.RefPort(false, i.take)
	return i, nil
}

func (i *fromInstance[T]) Inputs() []any { return []any{i.port} }

func (i *fromInstance[T]) reset() {
	i.batch.Reset(i.forms)
	for c, v := range i.batch.Cols {
		v.Reset(i.forms[c], exec.BatchRows)
	}
}

func (i *fromInstance[T]) take(v *T, ts int64) {
	row := i.batch.N
	for c := range i.rows.puts {
		p := &i.rows.puts[c]
		p.put(i.batch.Cols[c], row, exec.BatchRows, unsafe.Add(unsafe.Pointer(v), p.offset))
	}
	if i.rows.rowtime {
		c := i.batch.Cols[len(i.rows.puts)]
		if ts == eventtime.NoTimestamp {
			c.SetNull(row, exec.BatchRows)
		} else {
			c.Words[row] = uint64(ts)
		}
	}
	if i.batch.N++; i.batch.N == exec.BatchRows {
		i.Flush()
	}
}

// Flush implements [operator.Instance].
func (i *fromInstance[T]) Flush() {
	if i.batch.N > 0 {
		i.batch.Sel, i.batch.Kinds = nil, nil
		i.next(&i.batch)
		i.reset()
	}
}

// Watermark implements [operator.Instance].
func (i *fromInstance[T]) Watermark(int64) bool { i.Flush(); return false }

// Finish implements [operator.Instance].
func (i *fromInstance[T]) Finish() bool { i.Flush(); return false }

// toRecords makes records of the rows of a query.
type toRecords[T, R any] struct {
	result *Result
	// record makes, for one subtask, what makes a record of a row; the record is good until the next one.
	record func() func(types.RowKind, *T) *R
}

type toInstance struct {
	operator.Base
	port *exec.Port
}

// New implements [operator.Factory].
func (f *toRecords[T, R]) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	d, err := newStructs(reflect.TypeFor[T](), f.result)
	if err != nil {
		return nil, err
	}
	next := operator.PortOf[R](w)
	rowtime := -1
	for i, c := range f.result.Columns {
		if c.Type.Attribute() == types.Rowtime {
			rowtime = i
		}
	}
	var v T
	record := f.record()
	return &toInstance{port: exec.Input(func(b *column.Batch) {
		if ctx.Failed {
			return
		}
		if err := d.begin(b); err != nil {
			ctx.Fail(err)
			return
		}
		for _, row := range exec.Selected(b) {
			var none T
			v = none
			if err := d.row(int(row), unsafe.Pointer(&v)); err != nil {
				ctx.Fail(err)
				return
			}
			ts := eventtime.NoTimestamp
			if rowtime >= 0 && !b.Cols[rowtime].Null(int(row)) {
				ts = column.TimeOf(b.Cols[rowtime].Value(int(row)), f.result.Columns[rowtime].Type.Precision()).UnixMilli()
			}
			next.Ref(record(b.Kind(int(row)), &v), ts)
		}
	})}, nil
}

func (i *toInstance) Inputs() []any { return []any{i.port} }
