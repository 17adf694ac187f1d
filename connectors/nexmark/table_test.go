package nexmark

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

func tableOf(t testing.TB, f *tables.Factory, columns []types.Field, options map[string]string) *tables.Table {
	t.Helper()
	filled, err := f.Fill(options)
	if err != nil {
		t.Fatal(err)
	}
	return &tables.Table{Name: "`default`.`t`", Columns: columns, Options: filled, Zone: time.UTC}
}

func sourceOf(t testing.TB, f *tables.Factory, columns []types.Field, options map[string]string) *tables.Source {
	t.Helper()
	s, err := f.Source(tableOf(t, f, columns, options))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// eventTexts are the first events as RowText prints them.
func eventTexts(n, rate int64) (texts []string) {
	var b column.Batch
	NewGenerator(rate).Fill(&b, 0, 1, int(n))
	for row := range b.N {
		texts = append(texts, connectortest.RowText(&b, row))
	}
	return texts
}

func TestTableSuite(t *testing.T) {
	connectortest.TestSource(t, connectortest.SourceSuite[string]{
		New: func(t *testing.T) connector.Source[string] {
			o := sequence.BatchOptions{Count: 250, Rows: 13, Open: func() (sequence.Filler, error) { return filler(NewGenerator(1000), []int{0, 1, 2, 3}), nil }}
			return connectortest.Rows(sequence.Batches(o))
		},
		Want: eventTexts(250, 1000),
	})
}

// TestTable reads by name, in another order, all that the options say.
func TestTable(t *testing.T) {
	all := Fields()
	s := sourceOf(t, Table(), []types.Field{all[3], all[0]}, map[string]string{"events.num": "5000", "next-event.rate": "777"})
	if s.Scan.Boundedness() != connector.Bounded {
		t.Error("5000 events are not bounded")
	}
	var want column.Batch
	NewGenerator(777).Fill(&want, 0, 1, 5000)
	pick := func(k ...int) (texts []string) {
		b := &column.Batch{N: want.N}
		for _, i := range k {
			b.Cols = append(b.Cols, want.Cols[i])
		}
		for row := range b.N {
			texts = append(texts, connectortest.RowText(b, row))
		}
		return texts
	}
	read := func(s *tables.Source) []string {
		// Nobody asks the reader to stop here, so batches may be large.
		run := connectortest.NewRun(t, connectortest.Rows(s.Scan), connectortest.RunOptions{})
		if err := run.Finish(); err != nil {
			t.Fatal(err)
		}
		return run.Values()
	}
	if got := read(s); !slices.Equal(got, pick(3, 0)) {
		t.Errorf("%d rows that are not those of the generator", len(got))
	}
	p, err := s.Project([]int{1})
	if err != nil {
		t.Fatal(err)
	}
	if got := read(p); !slices.Equal(got, pick(0)) {
		t.Errorf("projected: %d rows that are not those of the generator", len(got))
	}
	if s := sourceOf(t, Table(), all, nil); s.Scan.Boundedness() != connector.ContinuousUnbounded {
		t.Error("without events.num it is bounded")
	}
}

func TestTableErrors(t *testing.T) {
	all := Fields()
	wrong := all[0]
	wrong.Type = types.String()
	for want, f := range map[string]func() error{
		"did you mean 'events.num'": func() error { _, err := Table().Fill(map[string]string{"event.num": "1"}); return err },
		"not a whole number":        func() error { _, err := Table().Fill(map[string]string{"events.num": "many"}); return err },
		"less than zero": func() error {
			_, err := Table().Source(tableOf(t, Table(), all, map[string]string{"events.num": "-1"}))
			return err
		},
		"less than one": func() error {
			_, err := Table().Source(tableOf(t, Table(), all, map[string]string{"next-event.rate": "0"}))
			return err
		},
		"has the column `x`": func() error {
			_, err := Table().Source(tableOf(t, Table(), []types.Field{{Name: "x", Type: types.String()}}, nil))
			return err
		},
		"has the type STRING": func() error { _, err := Table().Source(tableOf(t, Table(), []types.Field{wrong}, nil)); return err },
		"two columns":         func() error { _, err := SideInput().Source(tableOf(t, SideInput(), all, nil)); return err },
		"not between 0": func() error {
			_, err := SideInput().Source(tableOf(t, SideInput(), sideFields(), map[string]string{"rows": "-5"}))
			return err
		},
	} {
		if err := f(); fault.CodeOf(err) != fault.OptionInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func sideFields() []types.Field {
	return []types.Field{{Name: "key", Type: types.New(types.BigInt)}, {Name: "value", Type: types.String()}}
}

func TestSideInput(t *testing.T) {
	s := sourceOf(t, SideInput(), sideFields(), map[string]string{"rows": "70000"})
	find := func(columns []int, sel []int32, keys ...*column.Vector) string {
		t.Helper()
		l, err := s.Lookup(columns)
		if err != nil {
			t.Fatal(err)
		}
		u, err := l.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var out column.Batch
		out.Reset(column.Forms(sideFields()))
		// What is found is added to what is there.
		if _, err := u.Find(t.Context(), []*column.Vector{numbers(7), texts("7")}[:len(columns)], nil, 0, &out); err != nil {
			t.Fatal(err)
		}
		matches, err := u.Find(t.Context(), keys, sel, 4, &out)
		if err != nil {
			t.Fatal(err)
		}
		var rows []string
		for row := range out.N {
			rows = append(rows, connectortest.RowText(&out, row))
		}
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(matches, rows)
	}
	nulls := numbers(5, 6, 7, 8)
	nulls.SetNull(1, 4)
	for _, c := range []struct{ got, want string }{
		{find([]int{0}, nil, numbers(69999, -1, 0, 70000)), `[0 2] [69999,"69999" 0,"0"]`},
		{find([]int{0}, []int32{1, 2}, numbers(69999, -1, 0, 70000)), `[2] [0,"0"]`},
		{find([]int{0}, nil, nulls), `[0 2 3] [5,"5" 7,"7" 8,"8"]`},
		{find([]int{1}, nil, texts("12", "012", "x", "66000")), `[0 3] [12,"12" 66000,"66000"]`},
		{find([]int{1, 0}, []int32{0, 1}, texts("12", "13", "", ""), numbers(12, 14, 0, 0)), `[0] [12,"12"]`},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
	var want []string
	for i := range 40 {
		want = append(want, fmt.Sprintf("%d,%q", i, fmt.Sprint(i)))
	}
	connectortest.TestSource(t, connectortest.SourceSuite[string]{
		New: func(t *testing.T) connector.Source[string] {
			return connectortest.Rows(sourceOf(t, SideInput(), sideFields(), map[string]string{"rows": "40"}).Scan)
		},
		Want: want,
	})
}

func numbers(vs ...int64) *column.Vector {
	v := new(column.Vector)
	v.Reset(column.Word, len(vs))
	copy(v.Ints(), vs)
	return v
}

func texts(vs ...string) *column.Vector {
	v := new(column.Vector)
	v.Reset(column.Text, len(vs))
	for i, s := range vs {
		v.SetString(i, s)
	}
	return v
}

// BenchmarkRead measures the whole source, and what the size of a batch does to who reads all of it.
func BenchmarkRead(b *testing.B) {
	for _, rows := range []int{256, 512, 1024, 2048, 4096} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			fill := filler(NewGenerator(10_000), []int{0, 1, 2, 3})
			var batch column.Batch
			ids := make([]int64, rows)
			first, sum := int64(0), uint64(0)
			for b.Loop() {
				for i := range ids {
					ids[i] = first + int64(i)
				}
				first += int64(rows)
				if err := fill(&batch, ids); err != nil {
					b.Fatal(err)
				}
				for _, f := range batch.Cols[3].Children {
					for row := range rows {
						if f.Form == column.Word {
							sum += f.Words[row]
						} else if s := f.Bytes(row); len(s) > 0 {
							sum += uint64(s[len(s)-1])
						}
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/event")
			_ = sum
		})
	}
}
