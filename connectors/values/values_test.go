package values

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

func field(name string, t types.Type) types.Field { return types.Field{Name: name, Type: t} }

// allTypes has a column for each kind of value.
func allTypes() []types.Field {
	pair := types.RowOf(field("x", types.New(types.Int)), field("y", types.String()))
	return []types.Field{
		field("b", types.New(types.Boolean)), field("i", types.New(types.TinyInt)), field("l", types.New(types.BigInt)), field("f", types.New(types.Float)), field("d", types.New(types.Double)),
		field("m", types.DecimalOf(10, 2)), field("w", types.DecimalOf(38, 10)), field("s", types.String()), field("y", types.Bytes()), field("da", types.New(types.Date)),
		field("ti", types.Of(types.Time, 3, 0)), field("t3", types.TimestampOf(3)), field("t9", types.TimestampOf(9)), field("tl", types.TimestampLTZOf(3)),
		field("iv", types.IntervalOf(types.DayToSecond, 2, 3)), field("ar", types.ArrayOf(types.String())), field("ma", types.MapOf(types.String(), types.New(types.Int))),
		field("ms", types.MultisetOf(types.String())), field("r", pair),
	}
}

func allValues() []Row {
	at := time.Date(2020, 1, 1, 1, 2, 3, 123456789, time.FixedZone("x", 3600))
	return []Row{
		R(true, 1, int64(-5), 1.5, 1e10, "100.00", "0.0000001", "text", []byte{1, 255}, "2020-01-02", "10:11:12", "2020-01-01 00:00:00", at, at, 90*time.Second, []any{"a", nil},
			[]any{"k", 1, "n", nil}, []any{"q", 2}, []any{1, "x y"}),
		{Kind: types.Delete, Values: make([]any, 19)},
	}
}

func TestPrinted(t *testing.T) {
	s := NewStore()
	s.Put("t", allValues()...)
	f := s.Table()
	options, err := f.Fill(map[string]string{"changelog-mode": "I,D", "sink.direct": "true"})
	if err != nil {
		t.Fatal(err)
	}
	table := &tables.Table{Name: "`c`.`d`.`t`", Columns: allTypes(), Options: options}
	src, err := f.Source(table)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := f.Sink(table)
	if err != nil {
		t.Fatal(err)
	}
	w := connectortest.NewWriters(t, sink.Sink, 1)
	// The batch is lent, so it is written where it is emitted.
	run := connectortest.NewRun(t, tee{src.Scan, w}, connectortest.RunOptions{})
	if err := run.Finish(); err != nil {
		t.Fatal(err)
	}
	nulls := strings.TrimSuffix(strings.Repeat("null, ", 19), ", ")
	want := []string{
		"+I[true, 1, -5, 1.5, 1.0E10, 100.00, 1.000E-7, text, [1, -1], 2020-01-02, 10:11:12, 2020-01-01T00:00, 2020-01-01T01:02:03.123456789, 2020-01-01T00:02:03.123Z, PT1M30S, [a, null], " +
			"{k=1, n=null}, {q=2}, +I[1, x y]]",
		"-D[" + nulls + "]",
	}
	if got := s.Texts("t"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := s.Written("t")[0].Values[2]; got.Int() != -5 {
		t.Errorf("%v", got)
	}
}

type tee struct {
	connector.Source[*column.Batch]
	w *connectortest.Writers[*column.Batch]
}

func (s tee) NewReader(ctx connector.ReaderContext) (connector.Reader[*column.Batch], error) {
	r, err := s.Source.NewReader(ctx)
	return teeReader{r, s.w}, err
}

type teeReader struct {
	connector.Reader[*column.Batch]
	w *connectortest.Writers[*column.Batch]
}

func (r teeReader) Poll(out *connector.Output[*column.Batch]) (connector.Status, error) {
	emitted := connector.NewOutput(func(b *column.Batch, _ int64) { r.w.Write(b) }, nil, nil, new(atomic.Uint32))
	return r.Reader.Poll(emitted)
}

func TestSource(t *testing.T) {
	columns := []types.Field{field("i", types.New(types.BigInt)), field("s", types.String())}
	var rows []Row
	var want []string
	for i := range 50 {
		rows = append(rows, R(i, fmt.Sprint("text number ", i)))
		want = append(want, fmt.Sprintf("%d,%q", i, fmt.Sprint("text number ", i)))
	}
	s := NewStore()
	s.Put("rows", rows...)
	open := func(t *testing.T, bounded string) connector.Source[string] {
		options, err := s.Table().Fill(map[string]string{"data-id": "rows", "batch-size": "7", "bounded": bounded})
		if err != nil {
			t.Fatal(err)
		}
		src, err := s.Table().Source(&tables.Table{Name: "t", Columns: columns, Options: options})
		if err != nil {
			t.Fatal(err)
		}
		return connectortest.Rows(src.Scan)
	}
	connectortest.TestSource(t, connectortest.SourceSuite[string]{New: func(t *testing.T) connector.Source[string] { return open(t, "true") }, Want: want})
	run := connectortest.NewRun(t, open(t, "false"), connectortest.RunOptions{})
	if err := run.Settle(); err != nil || len(run.Values()) != 50 || run.Ended() {
		t.Errorf("an unbounded table: %v, %d rows, ended %v", err, len(run.Values()), run.Ended())
	}
}

func TestSink(t *testing.T) {
	columns := []types.Field{field("i", types.New(types.BigInt))}
	var batches []*column.Batch
	var want []string
	for i := range 20 {
		b, err := Batch(columns, R(2*i), Row{types.UpdateAfter, []any{2*i + 1}})
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b)
		want = append(want, fmt.Sprintf("+I[%d]", 2*i), fmt.Sprintf("+U[%d]", 2*i+1))
	}
	for _, direct := range []string{"true", "false"} {
		t.Run("direct="+direct, func(t *testing.T) {
			connectortest.TestSink(t, connectortest.SinkSuite[*column.Batch]{
				New: func(t *testing.T) (connector.Sink[*column.Batch], func() []string) {
					s := NewStore()
					sink, err := s.Table().Sink(&tables.Table{Name: "t", Columns: columns, Options: map[string]string{"sink.direct": direct}})
					if err != nil {
						t.Fatal(err)
					}
					return sink.Sink, func() []string { return s.Texts("t") }
				},
				Records: batches,
				Want:    want,
			})
		})
	}
}

func TestLookup(t *testing.T) {
	columns := []types.Field{field("i", types.New(types.BigInt)), field("s", types.String())}
	s := NewStore()
	s.Put("t", R(1, "a"), R(2, "b"), R(1, "c"), R(nil, "d"))
	options, err := s.Table().Fill(nil)
	if err != nil {
		t.Fatal(err)
	}
	src, err := s.Table().Source(&tables.Table{Name: "t", Columns: columns, Options: options})
	if err != nil {
		t.Fatal(err)
	}
	l, err := src.Lookup([]int{0})
	if err != nil {
		t.Fatal(err)
	}
	u, err := l.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := Batch(columns[:1], R(2), R(nil), R(7), R(1))
	if err != nil {
		t.Fatal(err)
	}
	var out column.Batch
	out.Reset(column.Forms(columns))
	matches, err := u.Find(t.Context(), keys.Cols, nil, 4, &out)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for row := range out.N {
		got = append(got, connectortest.RowText(&out, row))
	}
	if text := fmt.Sprint(matches, got); text != `[0 3 3] [2,"b" 1,"a" 1,"c"]` {
		t.Error(text)
	}
}

func TestErrors(t *testing.T) {
	s := NewStore()
	s.Put("t", Row{types.Delete, []any{1}})
	for text, c := range map[string]struct {
		options map[string]string
		column  types.Type
	}{
		"no rows under the name \"x\"": {map[string]string{"data-id": "x"}, types.New(types.Int)},
		"is -D, which":                 {nil, types.New(types.Int)},
		"\"Q\" is none of I":           {map[string]string{"changelog-mode": "Q"}, types.New(types.Int)},
		"less than one":                {map[string]string{"batch-size": "0"}, types.New(types.Int)},
		"row 1, column `c`":            {nil, types.String()},
	} {
		options, err := s.Table().Fill(c.options)
		if err == nil {
			_, err = s.Table().Source(&tables.Table{Name: "t", Columns: []types.Field{field("c", c.column)}, Options: options})
		}
		if fault.CodeOf(err) != fault.OptionInvalid || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %q", err, text)
		}
	}
	for _, c := range []struct {
		x any
		t types.Type
	}{
		{"1.234", types.DecimalOf(10, 2)}, {"12345", types.DecimalOf(4, 0)}, {"x", types.DecimalOf(4, 0)}, {1.5, types.New(types.Int)}, {"soon", types.TimestampOf(3)}, {[]any{1}, types.MapOf(types.String(), types.String())},
		{1, types.ArrayOf(types.String())}, {[]any{1}, types.ArrayOf(types.String())}, {true, types.TimestampOf(3)}, {1, types.New(types.Boolean)},
	} {
		if v, err := ValueOf(c.x, c.t); fault.CodeOf(err) != fault.ExpressionValue {
			t.Errorf("%v as %v: %v, %v", c.x, c.t, v, err)
		}
	}
}
