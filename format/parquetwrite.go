package format

import (
	"encoding/binary"
	"io"
	"math/big"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/types"
)

// parquetWriter writes rows as a file.
type parquetWriter struct {
	w       *parquet.GenericWriter[any]
	columns []parquetSource
	at      []int // where they are in a batch
	leaves  []*parquetSink
	// buffered is about how much is in memory, of at most limit.
	buffered, limit int64
}

// parquetSink takes the values of a column of the file.
type parquetSink struct {
	to     *parquet.ColumnWriter
	values []parquet.Value
	size   int64
}

func (s *parquetSink) put(x parquet.Value, rep, def int) {
	s.values = append(s.values, x.Level(rep, def, 0))
	s.size += 8
}

// parquetSource writes a value of a row, or a null, to the leaves of a column. def is the definition level of what the column is in.
type parquetSource func(v *column.Vector, row, rep, def int)

// ordered is a group whose fields keep their order: those of the library are sorted by name.
type ordered struct {
	parquet.Group
	fields []parquet.Field
}

func (g *ordered) Fields() []parquet.Field { return g.fields }

func orderedGroup(fields []types.Field, nodes []parquet.Node) parquet.Node {
	g := &ordered{Group: parquet.Group{}}
	for i, n := range nodes {
		name := fields[i].Name
		g.Group[name] = n
		g.fields = append(g.fields, parquet.Group{name: n}.Fields()[0])
	}
	return g
}

func createParquet(s *Schema, w io.Writer) (_ BlockWriter, err error) {
	defer guard(&err)
	p := &parquetWriter{}
	b := &parquetBuilder{w: p, int64Times: s.flag("write.int64.timestamp"), unit: s.Options["timestamp.time.unit"], dictionary: s.flag("enable.dictionary")}
	if p.limit, err = tables.ParseMemory(s.Options["block.size"]); err != nil {
		return nil, err
	}
	page, err := tables.ParseMemory(s.Options["page.size"])
	if err != nil {
		return nil, err
	}
	nodes := make([]parquet.Node, len(s.Columns))
	for i, c := range s.Columns {
		var put parquetSource
		nodes[i], put = b.column(c.Type, 0)
		p.columns, p.at = append(p.columns, put), append(p.at, s.at(i))
	}
	schema := parquet.NewSchema("weir_schema", orderedGroup(s.Columns, nodes))
	settings := []parquet.WriterOption{schema, parquet.Compression(parquetCodec(s.Options["compression"])), parquet.CreatedBy("weir", "1", ""), parquet.PageBufferSize(int(page)), parquet.DataPageStatistics(true)}
	for _, path := range schema.Columns() {
		// The library compares these as if they had no sign, and readers would believe it.
		if leaf, _ := schema.Lookup(path...); leaf.Node.Type().Kind() == parquet.FixedLenByteArray {
			settings = append(settings, parquet.SkipPageBounds(path...), parquet.SkipPageStatistics(path...))
		}
	}
	p.w = parquet.NewGenericWriter[any](w, settings...)
	for i, c := range p.w.ColumnWriters() {
		p.leaves[i].to = c
	}
	return p, nil
}

func (p *parquetWriter) Append(b *column.Batch, rows []int32) (err error) {
	defer guard(&err)
	for len(rows) > 0 {
		some := rows[:min(len(rows), 1024)]
		rows = rows[len(some):]
		for i, put := range p.columns {
			v := b.Cols[p.at[i]]
			for _, row := range some {
				put(v, int(row), 0, 0)
			}
		}
		for _, l := range p.leaves {
			if _, err := l.to.WriteRowValues(l.values); err != nil {
				return err
			}
			p.buffered += l.size
			l.values, l.size = l.values[:0], 0
		}
		if p.buffered >= p.limit {
			if err := p.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *parquetWriter) Buffered() int64 { return p.buffered }

func (p *parquetWriter) Flush() (err error) {
	defer guard(&err)
	p.buffered = 0
	return p.w.Flush()
}

func (p *parquetWriter) Close() (err error) {
	defer guard(&err)
	return p.w.Close()
}

// parquetBuilder makes the columns of a file, one leaf after the other.
type parquetBuilder struct {
	w          *parquetWriter
	int64Times bool
	unit       string
	dictionary bool
}

// column returns the node of a type, and what writes its values. rep is the repetition level of what it is in.
func (b *parquetBuilder) column(t types.Type, rep int) (parquet.Node, parquetSource) {
	first := len(b.w.leaves)
	node, put := b.required(t, rep)
	leaves := b.w.leaves[first:len(b.w.leaves):len(b.w.leaves)]
	if !t.Nullable() {
		return parquet.Required(node), func(v *column.Vector, row, rep, def int) { put(v, row, rep, def) }
	}
	return parquet.Optional(node), func(v *column.Vector, row, rep, def int) {
		if !v.Null(row) {
			put(v, row, rep, def+1)
			return
		}
		for _, l := range leaves {
			l.put(parquet.NullValue(), rep, def)
		}
	}
}

func (b *parquetBuilder) required(t types.Type, rep int) (parquet.Node, parquetSource) {
	switch t.Kind() {
	case types.Array:
		first := len(b.w.leaves)
		elem, put := b.column(t.Elem(), rep+1)
		return parquet.List(elem), b.list(first, rep, func(v *column.Vector, at, rep, def int) { put(v.Children[0], at, rep, def) })
	case types.Map, types.Multiset:
		keyType, valueType := pairTypes(t)
		first := len(b.w.leaves)
		key, putKey := b.column(keyType.WithNullable(false), rep+1)
		value, putValue := b.column(valueType, rep+1)
		return parquet.Map(key, value), b.list(first, rep, func(v *column.Vector, at, rep, def int) {
			putKey(v.Children[0], at, rep, def)
			putValue(v.Children[1], at, rep, def)
		})
	case types.Row, types.Structured:
		fields := t.Fields()
		nodes, puts := make([]parquet.Node, len(fields)), make([]parquetSource, len(fields))
		for i, f := range fields {
			nodes[i], puts[i] = b.column(f.Type, rep)
		}
		return orderedGroup(fields, nodes), func(v *column.Vector, row, rep, def int) {
			f, i := v.At(row)
			for k, put := range puts {
				put(f.Children[k], i, rep, def)
			}
		}
	}
	node, value := b.leaf(t)
	if k := t.Kind(); b.dictionary && (k == types.Char || k == types.Varchar) {
		node = parquet.Encoded(node, &parquet.RLEDictionary)
	}
	sink := &parquetSink{}
	b.w.leaves = append(b.w.leaves, sink)
	text := column.FormOf(t) == column.Text
	return node, func(v *column.Vector, row, rep, def int) {
		f, i := v.At(row)
		sink.put(value(f, i), rep, def)
		if text {
			sink.size += int64(f.Views[i].Len())
		}
	}
}

// list writes the entries of a list or map. The leaves from first on are those below it.
func (b *parquetBuilder) list(first, depth int, entry func(v *column.Vector, at, rep, def int)) parquetSource {
	leaves := b.w.leaves[first:len(b.w.leaves):len(b.w.leaves)]
	return func(v *column.Vector, row, rep, def int) {
		f, i := v.At(row)
		from, to := f.Range(i)
		if from == to {
			for _, l := range leaves {
				l.put(parquet.NullValue(), rep, def)
			}
		}
		for at := from; at < to; at++ {
			entry(f, at, rep, def+1)
			rep = depth + 1
		}
	}
}

// decimalBytes is how many bytes a decimal of so many digits takes.
func decimalBytes(precision int) int {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
	return most.BitLen()/8 + 1
}

// leaf returns the node of a type that is not composed, and what makes its values of a flat vector.
func (b *parquetBuilder) leaf(t types.Type) (parquet.Node, func(v *column.Vector, i int) parquet.Value) {
	int32s := func(v *column.Vector, i int) parquet.Value { return parquet.Int32Value(int32(v.Words[i])) }
	switch t.Kind() {
	case types.Boolean:
		return parquet.Leaf(parquet.BooleanType), func(v *column.Vector, i int) parquet.Value { return parquet.BooleanValue(v.Words[i] != 0) }
	case types.TinyInt:
		return parquet.Int(8), int32s
	case types.SmallInt:
		return parquet.Int(16), int32s
	case types.Int:
		return parquet.Leaf(parquet.Int32Type), int32s
	case types.BigInt:
		return parquet.Leaf(parquet.Int64Type), func(v *column.Vector, i int) parquet.Value { return parquet.Int64Value(int64(v.Words[i])) }
	case types.Float:
		return parquet.Leaf(parquet.FloatType), func(v *column.Vector, i int) parquet.Value { return parquet.FloatValue(float32(v.Floats()[i])) }
	case types.Double:
		return parquet.Leaf(parquet.DoubleType), func(v *column.Vector, i int) parquet.Value { return parquet.DoubleValue(v.Floats()[i]) }
	case types.Decimal:
		switch {
		case t.Precision() <= 9:
			return parquet.Decimal(t.Scale(), t.Precision(), parquet.Int32Type), int32s
		case t.Precision() <= 18:
			return parquet.Decimal(t.Scale(), t.Precision(), parquet.Int64Type), func(v *column.Vector, i int) parquet.Value { return parquet.Int64Value(int64(v.Words[i])) }
		}
		size := decimalBytes(t.Precision())
		return parquet.Decimal(t.Scale(), t.Precision(), parquet.FixedLenByteArrayType(size)), func(v *column.Vector, i int) parquet.Value {
			var full [16]byte
			binary.BigEndian.PutUint64(full[:], v.Wide[i][1])
			binary.BigEndian.PutUint64(full[8:], v.Wide[i][0])
			return parquet.FixedLenByteArrayValue(full[16-size:])
		}
	case types.Char, types.Varchar:
		return parquet.String(), byteArray
	case types.Date:
		return parquet.Date(), int32s
	case types.Time:
		return parquet.TimeAdjusted(parquet.Millisecond, true), int32s
	case types.Timestamp, types.TimestampLTZ:
		if !b.int64Times {
			return parquet.Leaf(parquet.Int96Type), int96Of(t)
		}
		unit, per := parquet.Microsecond, int64(1e6)
		switch b.unit {
		case "millis":
			unit, per = parquet.Millisecond, 1e3
		case "nanos":
			unit, per = parquet.Nanosecond, 1e9
		}
		precision := t.Precision()
		return parquet.TimestampAdjusted(unit, t.Kind() == types.TimestampLTZ), func(v *column.Vector, i int) parquet.Value {
			s, nanos := secondsOf(v, i, precision)
			return parquet.Int64Value(s*per + nanos/(1e9/per))
		}
	}
	return parquet.Leaf(parquet.ByteArrayType), byteArray
}

func byteArray(v *column.Vector, i int) parquet.Value {
	return parquet.ByteArrayValue(v.Views[i].Content(v.Buffers))
}

func int96Of(t types.Type) func(v *column.Vector, i int) parquet.Value {
	precision := t.Precision()
	return func(v *column.Vector, i int) parquet.Value {
		s, nanos := secondsOf(v, i, precision)
		day := floorDiv(s, 86400)
		nanos += (s - day*86400) * 1e9
		return parquet.Int96Value(deprecated.Int96{uint32(nanos), uint32(uint64(nanos) >> 32), uint32(day + julianEpoch)})
	}
}
