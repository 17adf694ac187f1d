package format_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/format"
	"github.com/weirstream/weir/internal/buildtags"
	"github.com/weirstream/weir/types"
)

func field(name string, t types.Type) types.Field { return types.Field{Name: name, Type: t} }

// goldenColumns and goldenRows are what Flink 2.3 was given to write.
func goldenColumns() []types.Field {
	return []types.Field{
		field("i", types.New(types.Int)), field("b", types.New(types.Boolean)), field("ti", types.New(types.TinyInt)), field("bi", types.New(types.BigInt)), field("f", types.New(types.Float)),
		field("d", types.New(types.Double)), field("de", types.DecimalOf(10, 2)), field("s", types.String()), field("byt", types.Bytes()), field("da", types.New(types.Date)), field("ti2", types.New(types.Time)),
		field("ts3", types.TimestampOf(3)), field("ts6", types.TimestampOf(6)), field("ltz", types.TimestampLTZOf(3)), field("ar", types.ArrayOf(types.String())),
		field("ro", types.RowOf(field("a", types.New(types.Int)), field("b", types.String()))),
	}
}

func goldenRows() []values.Row {
	nulls := make([]any, 16)
	nulls[0] = 3
	return []values.Row{
		values.R(1, true, 1, -5, 1.5, 1e10, "100.00", "plain", "abc", "2020-01-02", "10:11:12", "2020-01-01 00:00:00.000", "2020-01-01 01:02:03.12", "2020-01-01 01:02:03.123", []any{"a", "b c", nil}, []any{1, "x y"}),
		values.R(2, false, 2, 5, float64(float32(0.1)), 1e-4, "0", `with "quote", comma`, "", "1969-12-31", "00:00:00", "1969-12-31 23:59:59.999", "2020-01-01 01:02:00.000001", "2020-01-01 01:02:00", []any{"a;b", `q"q`}, []any{2, ""}),
		{Values: nulls},
		values.R(4, true, 1, 1, 16777220, 123456789.125, "0.01", "", []byte{0, 255, 128}, "9999-12-31", "23:59:59", "2020-01-01 00:00:00.1", "2020-01-01 01:02:03.123456", "2020-01-01 01:02:03.1", []any{"x"}, []any{nil, "null"}),
		values.R(5, true, 1, 1, float64(float32(1e-5)), 1e7, "12345.60", "exactly_twenty_four_chars", "x", "2020-01-02", "10:11:00", "2020-01-01 00:00:00.12", "2020-01-01 01:02:03", "2020-01-01 01:02:03", []any{""}, []any{5, "a,b"}),
		values.R(6, true, 1, 1, float64(float32(3.402823e38)), 9999999, "-7.50", "café 中\n\tx", "x", "2020-01-02", "10:11:00", "2020-01-01 00:00:00.12", "2020-01-01 01:02:03", "2020-01-01 01:02:03", []any{"tab\t"}, []any{5, `back\slash/`}),
	}
}

const goldenCSV = `1,true,1,-5,1.5,1.0E10,1E+2,plain,YWJj,2020-01-02,10:11:12,"2020-01-01 00:00:00","2020-01-01 01:02:03.12","2020-01-01 01:02:03.123Z","a;b c;","1;x y"
2,false,2,5,0.1,1.0E-4,0,"with ""quote"", comma",,1969-12-31,00:00:00,"1969-12-31 23:59:59.999","2020-01-01 01:02:00.000001","2020-01-01 01:02:00Z","a;b;q""q",2;
3,,,,,,,,,,,,,,,
4,true,1,1,1.677722E7,1.23456789125E8,0.01,,"AP+A",9999-12-31,23:59:59,"2020-01-01 00:00:00.1","2020-01-01 01:02:03.123456","2020-01-01 01:02:03.1Z",x,;null
5,true,1,1,1.0E-5,1.0E7,12345.6,"exactly_twenty_four_chars",eA==,2020-01-02,10:11:00,"2020-01-01 00:00:00.12","2020-01-01 01:02:03","2020-01-01 01:02:03Z",,"5;a,b"
6,true,1,1,3.402823E38,9999999.0,-7.5,"café 中
	x",eA==,2020-01-02,10:11:00,"2020-01-01 00:00:00.12","2020-01-01 01:02:03","2020-01-01 01:02:03Z","tab	","5;back\slash/"
`

// With ';' as delimiter, '|' between elements, '\' as escape and NULL for null.
const goldenCSV2 = `1;true;1;-5;1.5;1.0E10;1E+2;plain;YWJj;"2020-01-02";"10:11:12";"2020-01-01 00:00:00";"2020-01-01 01:02:03.12";"2020-01-01 01:02:03.123Z";"a|b c|NULL";"1|x y"
2;false;2;5;0.1;1.0E-4;0;"with ""quote"", comma";;"1969-12-31";"00:00:00";"1969-12-31 23:59:59.999";"2020-01-01 01:02:00.000001";"2020-01-01 01:02:00Z";"a;b|q""q";"2|"
3;NULL;NULL;NULL;NULL;NULL;NULL;NULL;NULL;NULL;NULL;NULL;NULL;NULL;NULL;NULL
4;true;1;1;1.677722E7;1.23456789125E8;0.01;;"AP+A";"9999-12-31";"23:59:59";"2020-01-01 00:00:00.1";"2020-01-01 01:02:03.123456";"2020-01-01 01:02:03.1Z";x;NULL|null
5;true;1;1;1.0E-5;1.0E7;12345.6;"exactly_twenty_four_chars";eA==;"2020-01-02";"10:11:00";"2020-01-01 00:00:00.12";"2020-01-01 01:02:03";"2020-01-01 01:02:03Z";;"5|a,b"
6;true;1;1;3.402823E38;9999999.0;-7.5;"café 中
	x";eA==;"2020-01-02";"10:11:00";"2020-01-01 00:00:00.12";"2020-01-01 01:02:03";"2020-01-01 01:02:03Z";"tab	";"5|back\\slash/"
`

const goldenJSON = `{"i":1,"b":true,"ti":1,"bi":-5,"f":1.5,"d":1.0E10,"de":1E+2,"s":"plain","byt":"YWJj","da":"2020-01-02","ti2":"10:11:12","ts3":"2020-01-01 00:00:00","ts6":"2020-01-01 01:02:03.12","ltz":"2020-01-01 01:02:03.123Z","ar":["a","b c",null],"ro":{"a":1,"b":"x y"}}
{"i":2,"b":false,"ti":2,"bi":5,"f":0.1,"d":1.0E-4,"de":0,"s":"with \"quote\", comma","byt":"","da":"1969-12-31","ti2":"00:00:00","ts3":"1969-12-31 23:59:59.999","ts6":"2020-01-01 01:02:00.000001","ltz":"2020-01-01 01:02:00Z","ar":["a;b","q\"q"],"ro":{"a":2,"b":""}}
{"i":3,"b":null,"ti":null,"bi":null,"f":null,"d":null,"de":null,"s":null,"byt":null,"da":null,"ti2":null,"ts3":null,"ts6":null,"ltz":null,"ar":null,"ro":null}
{"i":4,"b":true,"ti":1,"bi":1,"f":1.677722E7,"d":1.23456789125E8,"de":0.01,"s":"","byt":"AP+A","da":"9999-12-31","ti2":"23:59:59","ts3":"2020-01-01 00:00:00.1","ts6":"2020-01-01 01:02:03.123456","ltz":"2020-01-01 01:02:03.1Z","ar":["x"],"ro":{"a":null,"b":"null"}}
{"i":5,"b":true,"ti":1,"bi":1,"f":1.0E-5,"d":1.0E7,"de":12345.6,"s":"exactly_twenty_four_chars","byt":"eA==","da":"2020-01-02","ti2":"10:11:00","ts3":"2020-01-01 00:00:00.12","ts6":"2020-01-01 01:02:03","ltz":"2020-01-01 01:02:03Z","ar":[""],"ro":{"a":5,"b":"a,b"}}
{"i":6,"b":true,"ti":1,"bi":1,"f":3.402823E38,"d":9999999.0,"de":-7.5,"s":"café 中\n\tx","byt":"eA==","da":"2020-01-02","ti2":"10:11:00","ts3":"2020-01-01 00:00:00.12","ts6":"2020-01-01 01:02:03","ltz":"2020-01-01 01:02:03Z","ar":["tab\t"],"ro":{"a":5,"b":"back\\slash/"}}
`

// With ISO-8601, plain decimals and without nulls.
const goldenJSON2 = `{"i":1,"b":true,"ti":1,"bi":-5,"f":1.5,"d":1.0E10,"de":100.00,"s":"plain","byt":"YWJj","da":"2020-01-02","ti2":"10:11:12","ts3":"2020-01-01T00:00:00","ts6":"2020-01-01T01:02:03.12","ltz":"2020-01-01T01:02:03.123Z","ar":["a","b c",null],"ro":{"a":1,"b":"x y"}}
{"i":2,"b":false,"ti":2,"bi":5,"f":0.1,"d":1.0E-4,"de":0.00,"s":"with \"quote\", comma","byt":"","da":"1969-12-31","ti2":"00:00:00","ts3":"1969-12-31T23:59:59.999","ts6":"2020-01-01T01:02:00.000001","ltz":"2020-01-01T01:02:00Z","ar":["a;b","q\"q"],"ro":{"a":2,"b":""}}
{"i":3}
{"i":4,"b":true,"ti":1,"bi":1,"f":1.677722E7,"d":1.23456789125E8,"de":0.01,"s":"","byt":"AP+A","da":"9999-12-31","ti2":"23:59:59","ts3":"2020-01-01T00:00:00.1","ts6":"2020-01-01T01:02:03.123456","ltz":"2020-01-01T01:02:03.1Z","ar":["x"],"ro":{"b":"null"}}
{"i":5,"b":true,"ti":1,"bi":1,"f":1.0E-5,"d":1.0E7,"de":12345.60,"s":"exactly_twenty_four_chars","byt":"eA==","da":"2020-01-02","ti2":"10:11:00","ts3":"2020-01-01T00:00:00.12","ts6":"2020-01-01T01:02:03","ltz":"2020-01-01T01:02:03Z","ar":[""],"ro":{"a":5,"b":"a,b"}}
{"i":6,"b":true,"ti":1,"bi":1,"f":3.402823E38,"d":9999999.0,"de":-7.50,"s":"café 中\n\tx","byt":"eA==","da":"2020-01-02","ti2":"10:11:00","ts3":"2020-01-01T00:00:00.12","ts6":"2020-01-01T01:02:03","ltz":"2020-01-01T01:02:03Z","ar":["tab\t"],"ro":{"a":5,"b":"back\\slash/"}}
`

// schema returns a schema of all columns with checked options.
func schema(t testing.TB, f *format.Format, columns []types.Field, options map[string]string) *format.Schema {
	t.Helper()
	filled, err := (&fakeFactory{f}).fill(options)
	if err != nil {
		t.Fatal(err)
	}
	return &format.Schema{Table: "t", Columns: columns, Options: filled}
}

type fakeFactory struct{ *format.Format }

func (f *fakeFactory) fill(options map[string]string) (map[string]string, error) {
	return (&tables.Factory{Name: f.Name, Options: f.Options}).Fill(options)
}

func encode(t testing.TB, f *format.Format, s *format.Schema, b *column.Batch) []byte {
	t.Helper()
	e, err := f.Encoder(s)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for i := range b.Rows() {
		if out, err = e.Append(out, b, b.Row(i)); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// decode reads all of data, in pieces of a size that ends anywhere, and with batches of so many rows.
func decode(t testing.TB, f *format.Format, s *format.Schema, data []byte, piece, limit int) (rows []string, err error) {
	t.Helper()
	d, err := f.Decoder(s)
	if err != nil {
		t.Fatal(err)
	}
	var b column.Batch
	var have []byte
	for at := 0; ; {
		final := at == len(data)
		for {
			n, err := d.Decode(&b, have, final, limit)
			for row := range b.N {
				rows = append(rows, connectortest.RowText(&b, row))
			}
			if err != nil {
				return rows, err
			}
			have = have[n:]
			if n == 0 || len(have) == 0 {
				break
			}
		}
		if final {
			if len(have) > 0 {
				t.Fatalf("%q is left", have)
			}
			return rows, nil
		}
		n := min(piece, len(data)-at)
		have = append(bytes.Clone(have), data[at:at+n]...)
		at += n
	}
}

func rowTexts(b *column.Batch) (rows []string) {
	for row := range b.N {
		rows = append(rows, connectortest.RowText(b, row))
	}
	return rows
}

func diff(t *testing.T, what, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := "(none)", "(none)"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Errorf("%s, line %d:\n got %s\nwant %s", what, i+1, a, b)
			return
		}
	}
}

func TestGolden(t *testing.T) {
	columns := goldenColumns()
	b, err := values.Batch(columns, goldenRows()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		f       *format.Format
		options map[string]string
		text    string
		exact   bool // what is read is what was written
	}{
		{"csv", format.CSV(), nil, goldenCSV, false},
		{"csv with options", format.CSV(), map[string]string{"field-delimiter": ";", "array-element-delimiter": "|", "escape-character": `\`, "null-literal": "NULL"}, goldenCSV2, false},
		{"json", format.JSON(), nil, goldenJSON, true},
		{"json with options", format.JSON(), map[string]string{"timestamp-format.standard": "ISO-8601", "encode.decimal-as-plain-number": "true", "encode.ignore-null-fields": "true"}, goldenJSON2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := schema(t, c.f, columns, c.options)
			diff(t, "written", string(encode(t, c.f, s, b)), c.text)
			if c.exact {
				for piece := 1; piece < 400; piece += 37 {
					rows, err := decode(t, c.f, s, []byte(c.text), piece, 1+piece%5)
					if err != nil {
						t.Fatal(err)
					}
					diff(t, "read", strings.Join(rows, "\n"), strings.Join(rowTexts(b), "\n"))
				}
			}
		})
	}
}

// TestCSVRead has what Flink 2.3 was given to read, and what it made of it.
func TestCSVRead(t *testing.T) {
	columns := []types.Field{field("i", types.New(types.Int)), field("s", types.String()), field("t", types.TimestampOf(3))}
	const text = "1,abc,2020-01-01 00:00:00\n2,,\n,\"x \"\"q\"\" y\",2020-01-01T01:02:03.5\n 4 , sp ,2020-01-01 01:02:03.123\n"
	lenient := schema(t, format.CSV(), columns, map[string]string{"ignore-parse-errors": "true"})
	for piece := 1; piece < 100; piece += 7 {
		rows, err := decode(t, format.CSV(), lenient, []byte(text), piece, 2)
		if want := "1,\"abc\",1577836800000\n2,\"\",null\nnull,\"x \\\"q\\\" y\",null\n4,\" sp \",1577840523123"; err != nil || strings.Join(rows, "\n") != want {
			t.Fatalf("pieces of %d: %v, %q", piece, err, rows)
		}
	}
	strict := schema(t, format.CSV(), columns, nil)
	if rows, err := decode(t, format.CSV(), strict, []byte(text), 1000, 100); fault.CodeOf(err) != fault.SourceMalformed || len(rows) != 1 || !strings.Contains(err.Error(), "column `t`: \"\" is not a valid TIMESTAMP(3)") {
		t.Errorf("%v, %q", err, rows)
	}
	// What is not read is not looked at.
	texts := *strict
	texts.At = []int{-1, 0, -1}
	if rows, err := decode(t, format.CSV(), &texts, []byte(text), 10, 100); err != nil || strings.Join(rows, "|") != `"abc"|""|"x \"q\" y"|" sp "` {
		t.Errorf("%v, %q", err, rows)
	}
	if rows, err := decode(t, format.CSV(), strict, []byte("1,abc\n"), 10, 100); fault.CodeOf(err) != fault.SourceMalformed || !strings.Contains(err.Error(), "2 fields, and the table 3") {
		t.Errorf("%v, %q", err, rows)
	}
	arrays := schema(t, format.CSV(), []types.Field{columns[0], field("a", types.ArrayOf(types.String())), columns[1]}, map[string]string{"ignore-parse-errors": "true", "allow-comments": "true"})
	if rows, err := decode(t, format.CSV(), arrays, []byte("#c\n1,a;b;,x\n\n2,,\"a,b\"\r\n#d"), 3, 100); err != nil || strings.Join(rows, "|") != `1,("a" "b" ""),"x"|2,(),"a,b"` {
		t.Errorf("%v, %q", err, rows)
	}
}

// TestJSONRead is as TestCSVRead.
func TestJSONRead(t *testing.T) {
	columns := []types.Field{
		field("i", types.New(types.Int)), field("s", types.String()), field("t", types.TimestampOf(3)), field("b", types.New(types.Boolean)), field("d", types.DecimalOf(4, 2)),
		field("a", types.ArrayOf(types.String())), field("m", types.MapOf(types.String(), types.New(types.Int))), field("r", types.RowOf(field("x", types.New(types.Int)), field("y", types.String()))),
	}
	const text = `{"i":1.7,"s":5,"t":"2020-01-01 00:00:00","b":"TRUE","d":"1.255","a":["x",1,null],"m":{"k":1},"r":{"x":1,"y":"z"},"u":1}
{"i":"7","s":{"q":1},"t":"2020-01-01 00:00:00.5","b":0,"d":1e2,"a":null,"r":{"x":null}}

{"s":true}
{"s":"\u00e9\ud83d\ude00\ud800\n", "u" : [ {"q":[]} , 1e5 , {} ] , "i":null}`
	want := `1,"5",1577836800000,1,126,("x" "1" null),("k" 1),(1 "z")
7,"{\"q\":1}",1577836800500,0,null,null,null,(null null)
null,"true",null,null,null,null,null,null
null,"é😀�\n",null,null,null,null,null,null`
	s := schema(t, format.JSON(), columns, nil)
	for piece := 1; piece < 300; piece += 31 {
		rows, err := decode(t, format.JSON(), s, []byte(text), piece, 3)
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "rows", strings.Join(rows, "\n"), want)
	}
	for line, message := range map[string]string{
		`[]`:                 "does not begin an object",
		`{`:                  `'}' is missing`,
		`{"i":}`:             "malformed",
		`{"i":1,}`:           "name of a member",
		`{"i":1,`:            "behind a comma",
		`{"i":01}`:           "malformed",
		`{"i":"x"}`:          "column `i`: \"x\" is not a valid INT",
		`{"i":3000000000}`:   "column `i`",
		`{"i":1} x`:          "something follows",
		`{"s":"a`:            "no end",
		`{"s":"\q"}`:         "escape",
		`{"s":"\u12"}`:       "escape",
		`{"t":"2020-13-01"}`: "column `t`",
		`{"a":{}}`:           "column `a`",
		`{"a":["x"}`:         "comma",
		`{"m":[]}`:           "column `m`",
		`{"r":1}`:            "column `r`",
		`{"r":{"x":"q"}}`:    "column `x`",
		`{"u":[1,}`:          "malformed",
		`{"u":` + strings.Repeat("[", 5000) + `}`: "too deep",
		`{x:1}`:     "name of a member",
		`{"i" 1}`:   `':' is missing`,
		`{"s":nul}`: "malformed",
	} {
		if rows, err := decode(t, format.JSON(), s, []byte(`{"i":1}`+"\n"+line+"\n"), 10000, 100); fault.CodeOf(err) != fault.SourceMalformed || !strings.Contains(err.Error(), message) || len(rows) != 1 {
			t.Errorf("%.50s: %v, %q", line, err, rows)
		}
	}
	missing := schema(t, format.JSON(), columns[:2], map[string]string{"fail-on-missing-field": "true"})
	if _, err := decode(t, format.JSON(), missing, []byte(`{"i":1}`), 100, 10); err == nil || !strings.Contains(err.Error(), `"s" is missing`) {
		t.Error(err)
	}
	lenient := schema(t, format.JSON(), columns, map[string]string{"ignore-parse-errors": "true"})
	d, err := format.JSON().Decoder(lenient)
	if err != nil {
		t.Fatal(err)
	}
	var b column.Batch
	if _, err := d.Decode(&b, []byte("{\"i\":\"x\",\"a\":[1],\"r\":{\"x\":[],\"y\":\"q\"}}\nnonsense\n{\"i\":5,\"s\":\"x}\n{\"i\":2}\n"), true, 100); err != nil || d.Skipped() != 2 {
		t.Errorf("%v, %d skipped", err, d.Skipped())
	}
	if got := strings.Join(rowTexts(&b), "|"); got != `null,null,null,null,null,("1"),null,(null "q")|2,null,null,null,null,null,null,null` {
		t.Error(got)
	}
}

// random makes a value of a type, nil one time out of five where it may be.
func random(rnd *rand.Rand, t types.Type, depth int) any {
	if rnd.IntN(5) == 0 {
		return nil
	}
	text := func() string {
		alphabet := []string{"a", "b", "\"", ",", " ", "\\", "é", "中", "😀", "x", "7", "-", "\t", "#", "'"}
		var s strings.Builder
		for range rnd.IntN(40) {
			s.WriteString(alphabet[rnd.IntN(len(alphabet))])
		}
		return s.String()
	}
	switch t.Kind() {
	case types.Boolean:
		return rnd.IntN(2) == 0
	case types.TinyInt:
		return int8(rnd.Uint32())
	case types.SmallInt:
		return int16(rnd.Uint32())
	case types.Int:
		return int32(rnd.Uint32())
	case types.BigInt:
		return int64(rnd.Uint64()) >> rnd.IntN(64)
	case types.Float:
		return float64(float32(rnd.NormFloat64()))
	case types.Double:
		return rnd.NormFloat64() * float64(rnd.Uint64()>>rnd.IntN(64))
	case types.Decimal:
		digits := fmt.Sprintf("%0*d", t.Scale()+1, rnd.Uint64N(1_000_000_000_000_000)>>rnd.IntN(50))
		sign := [2]string{"", "-"}[rnd.IntN(2)]
		return sign + digits[:len(digits)-t.Scale()] + "." + digits[len(digits)-t.Scale():]
	case types.Char, types.Varchar:
		return text()
	case types.Binary, types.Varbinary:
		return []byte(text())
	case types.Date, types.Time, types.Timestamp, types.TimestampLTZ:
		return time.Unix(rnd.Int64N(253402300800+62135596800)-62135596800, rnd.Int64N(1e9)).UTC()
	case types.Array:
		list := []any{}
		for range rnd.IntN(4) {
			list = append(list, random(rnd, t.Elem(), depth+1))
		}
		return list
	case types.Map:
		list := []any{}
		for i := range rnd.IntN(4) {
			list = append(list, fmt.Sprint(i, text()), random(rnd, t.Elem(), depth+1))
		}
		return list
	}
	list := []any{}
	for _, f := range t.Fields() {
		list = append(list, random(rnd, f.Type, depth+1))
	}
	return list
}

func flatColumns() []types.Field {
	return []types.Field{
		field("b", types.New(types.Boolean)), field("i8", types.New(types.TinyInt)), field("i16", types.New(types.SmallInt)), field("i", types.New(types.Int)), field("l", types.New(types.BigInt)),
		field("f", types.New(types.Float)), field("d", types.New(types.Double)), field("m", types.DecimalOf(18, 3)), field("w", types.DecimalOf(38, 10)), field("s", types.String()), field("y", types.Bytes()),
		field("da", types.New(types.Date)), field("ti", types.Of(types.Time, 3, 0)), field("t0", types.TimestampOf(0)), field("t3", types.TimestampOf(3)), field("t6", types.TimestampOf(6)),
		field("t9", types.TimestampOf(9)), field("tl", types.TimestampLTZOf(9)),
	}
}

// TestRoundTrip: what is written is read again, whatever it is.
func TestRoundTrip(t *testing.T) {
	nested := append(flatColumns(),
		field("ar", types.ArrayOf(types.ArrayOf(types.New(types.Int)))), field("ma", types.MapOf(types.String(), types.TimestampOf(3))),
		field("ro", types.RowOf(field("x", types.ArrayOf(types.String())), field("y", types.RowOf(field("z", types.DecimalOf(30, 5)))))))
	for _, c := range []struct {
		name    string
		f       *format.Format
		columns []types.Field
		options map[string]string
	}{
		{"csv", format.CSV(), flatColumns(), map[string]string{"null-literal": "n/a"}},
		{"csv with escapes", format.CSV(), flatColumns(), map[string]string{"null-literal": "n/a", "escape-character": `\`, "quote-character": "'", "field-delimiter": `\t`, "write-bigdecimal-in-scientific-notation": "false"}},
		{"json", format.JSON(), nested, nil},
		{"json with options", format.JSON(), nested, map[string]string{"timestamp-format.standard": "ISO-8601", "encode.ignore-null-fields": "true", "encode.decimal-as-plain-number": "true"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := schema(t, c.f, c.columns, c.options)
			for seed := range uint64(10) {
				rnd := rand.New(rand.NewPCG(seed, 5))
				var rows []values.Row
				for range 60 {
					var row values.Row
					for _, f := range c.columns {
						row.Values = append(row.Values, random(rnd, f.Type, 0))
					}
					rows = append(rows, row)
				}
				b, err := values.Batch(c.columns, rows...)
				if err != nil {
					t.Fatal(err)
				}
				text := encode(t, c.f, s, b)
				got, err := decode(t, c.f, s, text, 1+rnd.IntN(3000), 1+rnd.IntN(50))
				if err != nil {
					t.Fatalf("seed %d: %v\n%s", seed, err, text)
				}
				diff(t, fmt.Sprint("seed ", seed), strings.Join(got, "\n"), strings.Join(rowTexts(b), "\n"))
			}
		})
	}
}

func TestRaw(t *testing.T) {
	columns := []types.Field{field("s", types.String())}
	b, err := values.Batch(columns, values.R("a,b"), values.R("c"))
	if err != nil {
		t.Fatal(err)
	}
	s := schema(t, format.Raw(), columns, nil)
	text := encode(t, format.Raw(), s, b)
	if string(text) != "a,b\nc\n" {
		t.Errorf("%q", text)
	}
	rows, err := decode(t, format.Raw(), s, text[:len(text)-1], 2, 1)
	if err != nil || strings.Join(rows, "|") != `"a,b"|"c"` {
		t.Errorf("%v, %q", err, rows)
	}
}

func TestErrors(t *testing.T) {
	one := []types.Field{field("a", types.New(types.Int))}
	for text, f := range map[string]func() error{
		"there is no format": func() error { _, err := format.Find("cvs"); return err },
		"exclude each other": func() error {
			_, err := format.CSV().Encoder(schema(t, format.CSV(), one, map[string]string{"disable-quote-character": "true", "quote-character": "'"}))
			return err
		},
		"not a single character": func() error {
			_, err := format.CSV().Decoder(schema(t, format.CSV(), one, map[string]string{"field-delimiter": "||"}))
			return err
		},
		"different characters": func() error {
			_, err := format.CSV().Decoder(schema(t, format.CSV(), one, map[string]string{"field-delimiter": `"`}))
			return err
		},
		"no form for the column `m`": func() error {
			_, err := format.CSV().Encoder(schema(t, format.CSV(), []types.Field{field("m", types.MapOf(types.String(), types.String()))}, nil))
			return err
		},
		"keys of a map": func() error {
			_, err := format.JSON().Decoder(schema(t, format.JSON(), []types.Field{field("m", types.MapOf(types.New(types.Int), types.String()))}, nil))
			return err
		},
		"one column": func() error { _, err := format.Raw().Decoder(schema(t, format.Raw(), one, nil)); return err },
	} {
		if err := f(); fault.CodeOf(err) != fault.OptionInvalid || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %q", err, text)
		}
	}
	// A null as the key of a map shows only when it comes.
	columns := []types.Field{field("m", types.MapOf(types.String(), types.New(types.Int)))}
	b, err := values.Batch(columns, values.R([]any{nil, 1, "k", 2}))
	if err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[string]string{"FAIL": "", "DROP": `{"m":{"k":2}}`, "LITERAL": `{"m":{"null":1,"k":2}}`} {
		e, err := format.JSON().Encoder(schema(t, format.JSON(), columns, map[string]string{"map-null-key.mode": mode}))
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Append(nil, b, 0)
		if want == "" && fault.CodeOf(err) != fault.SinkFailed || want != "" && string(got) != want+"\n" {
			t.Errorf("%s: %s, %v", mode, got, err)
		}
	}
}

// bidColumns and bids are rows as those of Nexmark's query 10.
func bidColumns() []types.Field {
	number := types.New(types.BigInt)
	return []types.Field{field("auction", number), field("bidder", number), field("price", number), field("dateTime", types.TimestampOf(3)), field("extra", types.String())}
}

func bids(t testing.TB, n int) *column.Batch {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, 1))
	var rows []values.Row
	for i := range n {
		rows = append(rows, values.R(1000+rnd.IntN(1000), 1000+rnd.IntN(100000), rnd.IntN(100000000), time.UnixMilli(1436918400000+int64(i)).UTC(), strings.Repeat("extra^_", 9)))
	}
	b, err := values.Batch(bidColumns(), rows...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAllocations(t *testing.T) {
	if buildtags.Race {
		t.Skip("the race detector allocates")
	}
	b := bids(t, 1000)
	for _, f := range []*format.Format{format.CSV(), format.JSON()} {
		s := schema(t, f, bidColumns(), nil)
		e, err := f.Encoder(s)
		if err != nil {
			t.Fatal(err)
		}
		d, err := f.Decoder(s)
		if err != nil {
			t.Fatal(err)
		}
		text := encode(t, f, s, b)
		buf := make([]byte, 0, len(text))
		var back column.Batch
		both := func() {
			buf = buf[:0]
			for row := range b.N {
				buf, _ = e.Append(buf, b, row)
			}
			if n, err := d.Decode(&back, buf, true, 2000); err != nil || n != len(buf) || back.N != 1000 {
				t.Fatal(n, err)
			}
		}
		both()
		if n := testing.AllocsPerRun(10, both); n > 4 {
			t.Errorf("%s: %v allocations for 1000 rows", f.Name, n)
		}
	}
}

func BenchmarkFormats(b *testing.B) {
	batch := bids(b, 1000)
	for _, f := range []*format.Format{format.CSV(), format.JSON()} {
		s := schema(b, f, bidColumns(), nil)
		text := encode(b, f, s, batch)
		b.Run("encode/"+f.Name, func(b *testing.B) {
			e, err := f.Encoder(s)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(text)))
			buf := make([]byte, 0, len(text))
			for b.Loop() {
				buf = buf[:0]
				for row := range batch.N {
					if buf, err = e.Append(buf, batch, row); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		b.Run("decode/"+f.Name, func(b *testing.B) {
			d, err := f.Decoder(s)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(text)))
			var back column.Batch
			for b.Loop() {
				if _, err := d.Decode(&back, text, true, 1000); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// checkPieces fails if a text is read differently in pieces, by any format.
func checkPieces(t *testing.T, text []byte, piece int) {
	for _, form := range format.Formats() {
		if form.Decoder == nil {
			continue
		}
		for _, options := range []map[string]string{{}, {"ignore-parse-errors": "true"}, {"escape-character": `\`, "allow-comments": "true", "null-literal": "NULL"}} {
			filled, err := (&fakeFactory{form}).fill(options)
			if err != nil {
				continue // not of this format
			}
			columns := goldenColumns()
			if form.Name == "raw" {
				columns = columns[7:8]
			}
			s := &format.Schema{Table: "t", Columns: columns, Options: filled}
			whole, err1 := decode(t, form, s, text, len(text)+1, 10)
			parts, err2 := decode(t, form, s, text, len(text)/20+piece+1, 3)
			if fmt.Sprint(whole) != fmt.Sprint(parts) || (err1 == nil) != (err2 == nil) {
				t.Fatalf("%s: %q, %v\nin pieces: %q, %v", form.Name, whole, err1, parts, err2)
			}
		}
	}
}

var corpus = []string{goldenCSV, goldenJSON, "1,\"x", `{"s":"\ud800`, "a\r\n\"\"\"", "#\n,,,\n"}

// FuzzDecode: no text can make a decoder panic, or read differently in pieces.
func FuzzDecode(f *testing.F) {
	for _, text := range corpus {
		f.Add([]byte(text), uint8(7))
	}
	f.Fuzz(func(t *testing.T, text []byte, piece uint8) { checkPieces(t, text, int(piece)) })
}

// TestMutations is a short FuzzDecode with changes that come close to the formats.
func TestMutations(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 9))
	for range 300 {
		text := []byte(corpus[rnd.IntN(len(corpus))])
		for range 1 + rnd.IntN(6) {
			if len(text) == 0 {
				break
			}
			i, j := rnd.IntN(len(text)), rnd.IntN(len(text))
			switch rnd.IntN(4) {
			case 0:
				text[i] = byte(rnd.Uint32())
			case 1:
				text = append(text[:i], text[i+1:]...)
			case 2:
				const special = "\"\\,{}[]:n\n;#|"
				text = append(text[:i:i], append([]byte{special[rnd.IntN(len(special))]}, text[i:]...)...)
			case 3:
				text = append(text, text[min(i, j):max(i, j)]...)
			}
		}
		checkPieces(t, text, rnd.IntN(20))
	}
}
