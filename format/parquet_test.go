package format

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

func parquetSchema(t testing.TB, columns []types.Field, options map[string]string) *Schema {
	t.Helper()
	f := Parquet()
	filled, err := (&tables.Factory{Name: f.Name, Options: f.Options}).Fill(options)
	if err != nil {
		t.Fatal(err)
	}
	s := &Schema{Table: "t", Columns: columns, Options: filled}
	if err := f.Blocks.Check(s); err != nil {
		t.Fatal(err)
	}
	return s
}

// randomValue is a value of a type, drawn so that it is one.
func randomValue(r *rand.Rand, t types.Type) column.Value {
	if t.Nullable() && r.IntN(4) == 0 {
		return column.NullValue()
	}
	signed := func(bits int) int64 { return int64(r.Uint64()) >> (64 - 1 - r.IntN(bits)) }
	switch t.Kind() {
	case types.Boolean:
		return column.BoolValue(r.IntN(2) == 0)
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		return column.IntValue(signed(bitsOf(t.Kind())))
	case types.Float:
		return column.FloatValue(float64(float32(r.NormFloat64())))
	case types.Double:
		return column.FloatValue(r.NormFloat64())
	case types.Decimal:
		n := int64(r.Uint64N(powers[min(t.Precision(), 18)]))
		if r.IntN(2) == 0 {
			n = -n
		}
		if column.FormOf(t) == column.Wide {
			w := [2]uint64{uint64(n), uint64(n >> 63)}
			if r.IntN(2) == 0 {
				w = timesPow10(w, t.Precision()-18)
			}
			return column.Value{Wide: w}
		}
		return column.IntValue(n)
	case types.Date:
		return column.IntValue(int64(r.IntN(100000) - 50000))
	case types.Time:
		return column.IntValue(int64(r.IntN(86400000)))
	case types.Timestamp, types.TimestampLTZ:
		digits := int64(powers[t.Precision()])
		seconds, part := r.Int64N(1e10)-5e9, r.Int64N(digits)
		if unit := column.TimeUnit(t.Precision()); unit < 1e9 {
			return column.IntValue(seconds*unit + part*(unit/digits))
		}
		return column.Value{Wide: wideTime(seconds, part*(1e9/digits))}
	case types.Array:
		v := column.Value{}
		for range r.IntN(4) {
			v.List = append(v.List, randomValue(r, t.Elem()))
		}
		return v
	case types.Map, types.Multiset:
		v := column.Value{}
		key, value := pairTypes(t)
		for range r.IntN(4) {
			v.List = append(v.List, randomValue(r, key.WithNullable(false)), randomValue(r, value))
		}
		return v
	case types.Row:
		v := column.Value{}
		for _, f := range t.Fields() {
			v.List = append(v.List, randomValue(r, f.Type))
		}
		return v
	}
	return column.TextValue(fmt.Sprint(r.IntN(1<<(4*r.IntN(6)))) + "………………"[:3*r.IntN(6)])
}

// parquetTypes are one or more of each kind.
func parquetTypes() []types.Field {
	n := types.New
	list := []types.Type{
		n(types.Boolean), n(types.TinyInt), n(types.SmallInt), n(types.Int).NotNull(), n(types.BigInt), n(types.Float), n(types.Double).NotNull(),
		types.DecimalOf(5, 2), types.DecimalOf(18, 0).NotNull(), types.DecimalOf(19, 3), types.DecimalOf(38, 10), types.String(), types.String().NotNull(), n(types.Date), n(types.Time),
		types.TimestampOf(0), types.TimestampOf(3), types.TimestampOf(6).NotNull(), types.TimestampOf(9), types.TimestampLTZOf(3), types.TimestampLTZOf(7),
		types.ArrayOf(n(types.Int)), types.ArrayOf(types.String().NotNull()).NotNull(), types.MapOf(types.String().NotNull(), n(types.BigInt)), types.MultisetOf(types.String().NotNull()),
		types.RowOf(types.Field{Name: "z", Type: n(types.Int)}, types.Field{Name: "a", Type: types.String()}),
		types.RowOf(types.Field{Name: "x", Type: n(types.Int).NotNull()}).NotNull(),
		types.ArrayOf(types.ArrayOf(types.RowOf(types.Field{Name: "p", Type: types.String()}, types.Field{Name: "q", Type: types.MapOf(n(types.Int).NotNull(), types.ArrayOf(n(types.Double)))}))),
	}
	fields := make([]types.Field, len(list))
	for i, t := range list {
		fields[i] = types.Field{Name: fmt.Sprintf("c%d", len(list)-i), Type: t}
	}
	return fields
}

func TestParquetRoundTrip(t *testing.T) {
	columns := parquetTypes()
	for seed, options := range []map[string]string{
		nil, {"compression": "zstd", "page.size": "1 kb", "block.size": "20 kb"}, {"compression": "gzip", "write.int64.timestamp": "true", "timestamp.time.unit": "nanos"},
		{"enable.dictionary": "false", "compression": "uncompressed", "page.size": "2 kb"},
	} {
		r := rand.New(rand.NewPCG(uint64(seed), 5))
		s := parquetSchema(t, columns, options)
		var file bytes.Buffer
		w, err := createParquet(s, &file)
		if err != nil {
			t.Fatal(err)
		}
		const total = 1500
		var want [][]column.Value
		var b column.Batch
		for len(want) < total {
			b.Reset(nil)
			b.Cols, b.N = nil, 64
			var rows []int32
			for i := range 64 {
				rows = append(rows, int32(i))
				want = append(want, nil)
			}
			for _, c := range columns {
				v, shape := new(column.Vector), column.ShapeOf(c.Type)
				for i := range 64 {
					x := randomValue(r, c.Type)
					v.AppendValue(x, &shape, i)
					at := len(want) - 64 + i
					want[at] = append(want[at], x)
				}
				b.Cols = append(b.Cols, v)
			}
			if err := w.Append(&b, rows); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if (len(parquetBlocks(t, s, file.Bytes())) > 1) != (options["block.size"] != "") {
			t.Errorf("%v: %d blocks", options, len(parquetBlocks(t, s, file.Bytes())))
		}
		for _, some := range [][]int{nil, {3, 0}, {21, 27, 11}} {
			p := *s
			if some != nil {
				p.At = make([]int, len(columns))
				for i := range p.At {
					p.At[i] = -1
				}
				for at, c := range some {
					p.At[c] = at
				}
			}
			for _, skip := range []int{0, 700} {
				got := readParquet(t, &p, file.Bytes(), 37+seed, skip)
				if len(got) != len(want)-skip {
					t.Fatalf("%v: %d rows, want %d", options, len(got), len(want)-skip)
				}
				for i, row := range got {
					for c, x := range row {
						from := c
						if some != nil {
							from = some[c]
						}
						if y := want[skip+i][from]; !x.Equal(y) {
							t.Fatalf("%v: row %d of %s: %+v, want %+v", options, i, columns[from].Type.SQL(), x, y)
						}
					}
				}
			}
		}
	}
}

func parquetBlocks(t testing.TB, s *Schema, file []byte) []Block {
	t.Helper()
	r, err := openParquet(s, bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return r.Blocks()
}

// readParquet reads all rows behind some, but those of blocks that are to be skipped. What is read stays good while more is read.
func readParquet(t testing.TB, s *Schema, file []byte, step, skip int) [][]column.Value {
	t.Helper()
	r, err := openParquet(s, bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]column.Value
	var two [2]column.Batch
	var before *column.Batch
	take := func() {
		for i := 0; before != nil && i < before.N; i++ {
			row := make([]column.Value, len(before.Cols))
			for c, v := range before.Cols {
				row[c] = v.Value(i)
			}
			rows = append(rows, row)
		}
		before = nil
	}
	for i, block := range r.Blocks() {
		if int64(skip) >= block.Rows || block.Skip {
			skip -= min(skip, int(block.Rows))
			continue
		}
		if err := r.Begin(i, int64(skip)); err != nil {
			t.Fatal(err)
		}
		skip = 0
		for k := 0; ; k++ {
			b := &two[k%2]
			if err := r.Read(b, step); err != nil {
				t.Fatal(s.Options, i, k, err)
			}
			take()
			if b.N == 0 {
				break
			}
			before = b
		}
	}
	take()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestParquetSkips: a row group is skipped only if it has no row for the conditions, and one that has none by its bounds is skipped.
func TestParquetSkips(t *testing.T) {
	columns := parquetTypes()[:21]
	s := parquetSchema(t, columns, map[string]string{"write.int64.timestamp": "true", "timestamp.time.unit": "nanos"})
	r := rand.New(rand.NewPCG(3, 3))
	skipped := 0
	for range 30 {
		var file bytes.Buffer
		w, err := createParquet(s, &file)
		if err != nil {
			t.Fatal(err)
		}
		var b column.Batch
		const rows = 3
		for _, c := range columns {
			v, shape := new(column.Vector), column.ShapeOf(c.Type)
			for i := range rows {
				v.AppendValue(randomValue(r, c.Type), &shape, i)
			}
			b.Cols = append(b.Cols, v)
		}
		if err := w.Append(&b, []int32{0, 1, 2}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for i, c := range columns {
			for op := tables.Equal; op <= tables.IsNotNull; op++ {
				p := tables.Predicate{Column: i, Op: op, Values: []column.Value{randomValue(r, c.Type.NotNull())}}
				holds := false
				for row := range rows {
					holds = holds || p.Holds(b.Cols[i].Value(row), c.Type)
				}
				with := *s
				with.Where = []tables.Predicate{p}
				skip := parquetBlocks(t, &with, file.Bytes())[0].Skip
				if skip && holds {
					t.Errorf("%s: skipped", p.Describe("x", c.Type))
				}
				if skip {
					skipped++
				}
			}
		}
	}
	if skipped < 500 {
		t.Errorf("only %d were skipped", skipped)
	}
}

func TestParquetOtherColumns(t *testing.T) {
	s := parquetSchema(t, []types.Field{{Name: "a", Type: types.New(types.Int)}, {Name: "b", Type: types.String()}}, nil)
	var file bytes.Buffer
	w, err := createParquet(s, &file)
	if err != nil {
		t.Fatal(err)
	}
	var b column.Batch
	for i := range 2 {
		v, shape := new(column.Vector), column.ShapeOf(s.Columns[i].Type)
		v.AppendValue(column.Value{Word: 7, Text: "seven"}, &shape, 0)
		b.Cols = append(b.Cols, v)
	}
	if err := w.Append(&b, []int32{0}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	other := parquetSchema(t, []types.Field{{Name: "b", Type: types.String()}, {Name: "new", Type: types.ArrayOf(types.New(types.Int))}, {Name: "a", Type: types.New(types.BigInt)}}, nil)
	if got := fmt.Sprintf("%+v", readParquet(t, other, file.Bytes(), 10, 0)); got != "[[{Null:false Word:0 Wide:[0 0] Text:seven List:[]} {Null:true Word:0 Wide:[0 0] Text: List:[]} {Null:false Word:7 Wide:[0 0] Text: List:[]}]]" {
		t.Error(got)
	}
	wrong := parquetSchema(t, []types.Field{{Name: "b", Type: types.New(types.Date)}}, nil)
	if _, err := openParquet(wrong, bytes.NewReader(file.Bytes()), int64(file.Len())); fault.CodeOf(err) != fault.SourceMalformed {
		t.Error(err)
	}
	for n := range file.Len() {
		if _, err := openParquet(s, io.NewSectionReader(bytes.NewReader(file.Bytes()), 0, int64(n)), int64(n)); fault.CodeOf(err) != fault.SourceFileCorrupt {
			t.Fatal(n, err)
		}
	}
}
