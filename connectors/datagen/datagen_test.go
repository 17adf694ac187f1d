package datagen

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/buildtags"
	"github.com/weirstream/weir/types"
)

func col(name string, t types.Type) types.Field { return types.Field{Name: name, Type: t} }

func sourceOf(columns []types.Field, options map[string]string) (*tables.Source, error) {
	filled, err := Table().Fill(options)
	if err != nil {
		return nil, err
	}
	return Table().Source(&tables.Table{Name: "t", Columns: columns, Options: filled, Zone: time.FixedZone("x", 3600)})
}

// rows makes the first rows of a table as a batch.
func rows(t testing.TB, columns []types.Field, n int, options map[string]string) *column.Batch {
	t.Helper()
	if _, err := sourceOf(columns, options); err != nil {
		t.Fatal(err)
	}
	filled, err := Table().Fill(options)
	if err != nil {
		t.Fatal(err)
	}
	p := &planner{table: &tables.Table{Name: "t", Columns: columns, Options: filled, Zone: time.FixedZone("x", 3600)}, known: map[string]bool{}}
	fields := make([]*field, len(columns))
	for i, c := range columns {
		if fields[i], err = p.field(c.Name, c.Type, uint64(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	numbers := make([]int64, n)
	for i := range numbers {
		numbers[i] = int64(i)
	}
	b := new(column.Batch)
	if err := filler(fields, func() time.Time { return time.Date(2026, 1, 2, 23, 30, 0, 5e6, time.UTC) })(b, numbers); err != nil {
		t.Fatal(err)
	}
	return b
}

func all() []types.Field {
	return []types.Field{
		col("b", types.New(types.Boolean)), col("i8", types.New(types.TinyInt)), col("i16", types.New(types.SmallInt)), col("i", types.New(types.Int)), col("l", types.New(types.BigInt)), col("f", types.New(types.Float)),
		col("d", types.New(types.Double)), col("m", types.DecimalOf(10, 2)), col("w", types.DecimalOf(38, 5)), col("s", types.String()), col("c", types.Of(types.Char, 5, 0)), col("y", types.Bytes()),
		col("da", types.New(types.Date)), col("ti", types.Of(types.Time, 3, 0)), col("ts", types.TimestampOf(3)), col("t9", types.TimestampOf(9)), col("tl", types.TimestampLTZOf(3)),
		col("iv", types.IntervalOf(types.DayToSecond, 2, 3)), col("iy", types.IntervalOf(types.YearToMonth, 4, 0)), col("ar", types.ArrayOf(types.New(types.Int))), col("ma", types.MapOf(types.String(), types.New(types.Int))),
		col("ms", types.MultisetOf(types.New(types.Int))), col("r", types.RowOf(col("x", types.New(types.Int)), col("y", types.ArrayOf(types.String())))),
	}
}

// TestRanges: values are of their type, within what the options say, and not all the same.
func TestRanges(t *testing.T) {
	const n = 2000
	b := rows(t, all(), n, map[string]string{
		"fields.i.min": "-3", "fields.i.max": "3", "fields.d.min": "1", "fields.d.max": "2", "fields.m.min": "0", "fields.m.max": "9.99", "fields.s.length": "20", "fields.y.length": "8", "fields.y.var-len": "true",
		"fields.ts.max-past": "1 h", "fields.l.null-rate": "0.25", "fields.ar.length": "4", "fields.ar.element.max": "10", "fields.ar.element.min": "10", "fields.r.x.min": "5", "fields.r.x.max": "6", "fields.r.y.element.length": "2",
		"fields.ma.key.length": "1", "fields.r.null-rate": "0.5",
	})
	columns := all()
	at := func(name string) *column.Vector {
		return b.Cols[slices.IndexFunc(columns, func(f types.Field) bool { return f.Name == name })]
	}
	within := func(name string, low, high float64) {
		t.Helper()
		v, seen := at(name), map[uint64]bool{}
		for row := range n {
			if v.Null(row) {
				continue
			}
			x := float64(v.Int(row))
			if name == "d" || name == "f" {
				x = v.Float(row)
			}
			if x < low || x > high {
				t.Fatalf("%s: %v", name, x)
			}
			seen[v.Word(row)] = true
		}
		if len(seen) < 2 {
			t.Errorf("%s is always the same", name)
		}
	}
	within("b", 0, 1)
	within("i8", -128, 127)
	within("i16", math.MinInt16, math.MaxInt16)
	within("i", -3, 3)
	within("l", math.MinInt64, math.MaxInt64)
	within("f", 0, math.MaxFloat32)
	within("d", 1, 2)
	within("m", 0, 999)
	within("iv", 0, 10_000*365*86_400_000)
	within("iy", 0, 120_000)
	now := time.Date(2026, 1, 3, 0, 30, 0, 5e6, time.UTC).UnixMilli() // as the zone's clocks show it
	within("ts", float64(now-3_600_000), float64(now))
	if x := at("da").Int(0); x != 20456 { // 2026-01-03
		t.Errorf("the date %d", x)
	}
	if x := at("ti").Int(0); x != 30*60_000+5 {
		t.Errorf("the time %d", x)
	}
	if x := at("tl").Int(0); x != now-3_600_000 {
		t.Errorf("the moment %d", x)
	}
	nulls, none := 0, 0
	for row := range n {
		if at("l").Null(row) {
			nulls++
		}
		if at("r").Null(row) {
			none++
		}
		if s := string(at("s").Bytes(row)); len(s) != 20 || strings.Trim(s, "0123456789abcdef") != "" {
			t.Fatalf("the text %q", s)
		}
		if s := at("c").Bytes(row); len(s) != 5 {
			t.Fatalf("the text %q", s)
		}
		if s := at("y").Bytes(row); len(s) < 1 || len(s) > 8 {
			t.Fatalf("the bytes %q", s)
		}
		if x := fmt.Sprint(at("ar").Value(row)); strings.Count(x, " 10 ") != 4 {
			t.Fatalf("the array %s", x)
		}
		if x := at("ms").Value(row).List; len(x) != 6 || x[1].Int() < 1 || x[1].Int() > 10 {
			t.Fatalf("the multiset %v", x)
		}
		if r := at("r").Value(row); !r.Null && (r.List[0].Int() < 5 || r.List[0].Int() > 6 || len(r.List[1].List) != 3 || len(r.List[1].List[0].Text) != 2) {
			t.Fatalf("the row %v", r)
		}
	}
	if nulls < n/5 || nulls > n*3/10 || none < n*2/5 || none > n*3/5 {
		t.Errorf("%d and %d nulls", nulls, none)
	}
}

func TestSequences(t *testing.T) {
	columns := []types.Field{col("i", types.New(types.Int)), col("d", types.New(types.Double)), col("m", types.DecimalOf(10, 2)), col("w", types.DecimalOf(38, 20)), col("s", types.String()), col("r", types.New(types.BigInt))}
	options := map[string]string{"rows-per-second": "100000", "fields.r.null-rate": "1"}
	for i, name := range []string{"i", "d", "m", "w", "s"} {
		options["fields."+name+".kind"] = "sequence"
		options["fields."+name+".start"] = fmt.Sprint(10 * i)
		options["fields."+name+".end"] = fmt.Sprint(10*i + 30 - i)
	}
	var want []string
	for i := range 27 {
		want = append(want, fmt.Sprintf("%d,%d,%d,%d%s,\"%d\",null", i, int64(math.Float64bits(float64(10+i))), 100*(20+i), 30+i, strings.Repeat("0", 20), 40+i))
	}
	connectortest.TestSource(t, connectortest.SourceSuite[string]{
		New: func(t *testing.T) connector.Source[string] {
			s, err := sourceOf(columns, options)
			if err != nil {
				t.Fatal(err)
			}
			return connectortest.Rows(s.Scan)
		},
		Want: want,
	})
	// The number of rows may end it sooner; a part of the columns has the same values.
	options["number-of-rows"] = "5"
	s, err := sourceOf(columns, options)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Project([]int{4, 0})
	if err != nil {
		t.Fatal(err)
	}
	run := connectortest.NewRun(t, connectortest.Rows(p.Scan), connectortest.RunOptions{})
	if err := run.Finish(); err != nil || strings.Join(run.Values(), "|") != `"40",0|"41",1|"42",2|"43",3|"44",4` {
		t.Errorf("%v, %q", err, run.Values())
	}
}

func TestBounds(t *testing.T) {
	columns := all()[:1]
	for _, c := range []struct {
		options map[string]string
		bounded connector.Boundedness
	}{{nil, connector.ContinuousUnbounded}, {map[string]string{"number-of-rows": "0"}, connector.Bounded}, {map[string]string{"number-of-rows": "7"}, connector.Bounded}} {
		s, err := sourceOf(columns, c.options)
		if err != nil {
			t.Fatal(err)
		}
		if s.Scan.Boundedness() != c.bounded {
			t.Errorf("%v: %v", c.options, s.Scan.Boundedness())
		}
	}
}

func TestErrors(t *testing.T) {
	columns := []types.Field{col("i", types.New(types.Int)), col("s", types.Of(types.Varchar, 5, 0)), col("b", types.New(types.Boolean)), col("n", types.New(types.Int).NotNull()), col("c", types.Of(types.Char, 3, 0)), col("a", types.ArrayOf(types.New(types.Int))), col("t", types.TimestampOf(3))}
	for text, options := range map[string]map[string]string{
		"less than one":            {"rows-per-second": "0"},
		"less than zero":           {"number-of-rows": "-1"},
		"there is no field `x`":    {"fields.x.min": "1"},
		"a field has kind":         {"fields.i.minimum": "1"},
		"no meaning for this":      {"fields.b.min": "1"},
		"neither sequence nor":     {"fields.i.kind": "counter"},
		"needs the option":         {"fields.i.kind": "sequence", "fields.i.start": "1"},
		"in front of its start":    {"fields.i.kind": "sequence", "fields.i.start": "5", "fields.i.end": "1"},
		"goes beyond INT":          {"fields.i.kind": "sequence", "fields.i.start": "5", "fields.i.end": "3000000000"},
		"cannot be a sequence":     {"fields.b.kind": "sequence", "fields.b.start": "0", "fields.b.end": "1"},
		"cannot be between":        {"fields.i.min": "5", "fields.i.max": "4"},
		"is not a whole number":    {"fields.i.min": "x"},
		"not between 1 and 5":      {"fields.s.length": "6"},
		"neither 'true'":           {"fields.s.var-len": "yes"},
		"whose length is fixed":    {"fields.c.var-len": "true"},
		"not between 0 and 1":      {"fields.i.null-rate": "2"},
		"NOT NULL":                 {"fields.n.null-rate": "0.1"},
		"not random":               {"fields.a.kind": "sequence"},
		"not between 0 and 10000":  {"fields.a.length": "100000"},
		"cannot be a sequence\x00": {"fields.a.element.kind": "sequence", "fields.a.element.start": "0", "fields.a.element.end": "1"},
		"not a duration":           {"fields.t.max-past": "long"},
	} {
		if _, err := sourceOf(columns, options); fault.CodeOf(err) != fault.OptionInvalid || !strings.Contains(err.Error(), strings.Trim(text, "\x00")) {
			t.Errorf("%v: %v, want %q", options, err, text)
		}
	}
}

func TestAllocations(t *testing.T) {
	if buildtags.Race {
		t.Skip("the race detector allocates")
	}
	p := &planner{table: &tables.Table{Options: map[string]string{}}, known: map[string]bool{}}
	var fields []*field
	for i, c := range all() {
		if c.Name == "w" || c.Name == "t9" {
			continue // numbers beyond 64 bits are made by math/big
		}
		f, err := p.field(c.Name, c.Type, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		fields = append(fields, f)
	}
	fill, b, numbers := filler(fields, func() time.Time { return time.Unix(1e9, 0) }), new(column.Batch), make([]int64, 500)
	step := func() {
		if err := fill(b, numbers); err != nil {
			t.Fatal(err)
		}
	}
	step()
	if n := testing.AllocsPerRun(10, step); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
