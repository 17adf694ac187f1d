package table

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/weirstream/weir/internal/codec"
)

type tree struct {
	Value int
	Left  *tree
}

type odd struct {
	A  []string
	B  *[]byte
	C  map[string][]int16
	D  [3]float32
	E  **uint8
	F  time.Time
	G  [][]*string
	H  []struct{}
	I  map[int8]struct{}
	J  [5]byte
	K  complex128
	L  tree
	M  big.Int
	N  uint64
	O  bool
	P  [][2]map[string]*float64
	Q  struct{}
	R  int32
	S  []byte
	T  [0]int
	U  *map[string]bool
	V  []uint16
	AA [2][]string
}

// A value that went into columns and back has the same encoding.
func TestColumns(t *testing.T) {
	text, number, raw := "text", uint8(200), []byte{}
	deep, half, table := &number, 0.5, map[string]bool{"x": true}
	same(t, odd{})
	same(t, odd{
		A: []string{}, B: &raw, C: map[string][]int16{"a": nil, "b": {}, "c": {-1, 2, 3}}, D: [3]float32{1, float32(math.NaN()), float32(math.Inf(-1))},
		E: &deep, F: time.Date(-9000, 1, 2, 3, 4, 5, 999999999, time.FixedZone("", -4711)), G: [][]*string{nil, {}, {nil, &text, nil}, {&text}},
		H: make([]struct{}, 3), I: map[int8]struct{}{-3: {}, 4: {}}, J: [5]byte{1, 2, 3, 4, 255}, K: complex(1, -2), L: tree{1, &tree{2, nil}}, M: *big.NewInt(-1 << 60),
		N: math.MaxUint64, O: true, P: [][2]map[string]*float64{{nil, {"x": &half, "y": nil}}, {{}, nil}}, R: math.MinInt32, S: []byte("raw\xff"), U: &table, V: []uint16{0, 65535},
		AA: [2][]string{{"p", "q"}, nil},
	})
	same(t, time.Unix(math.MaxInt64, 5))
	same(t, []string{"a", "", "b"})
	same(t, map[[2]int8]string{{1, 2}: "x"})
	same(t, struct{}{})
	same(t, []bool(nil))
	same(t, &text)
	for _, n := range []int64{0, -1, math.MaxInt64, math.MinInt64} {
		same(t, n)
	}
}

func same[V any](t *testing.T, v V) {
	t.Helper()
	cd, err := codec.For[V]()
	if err != nil {
		t.Fatal(err)
	}
	want, err := cd.Encode(nil, &v)
	if err != nil {
		t.Fatal(err)
	}
	s, err := codec.ParseSchema(cd.Schema())
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{}
	c := b.of(s)
	schema := parquet.NewSchema("t", group([]string{"value"}, []parquet.Node{c.node}))
	if n := len(schema.Columns()); n != b.leaves {
		t.Fatalf("%v has %d columns, not %d", reflect.TypeFor[V](), n, b.leaves)
	}
	w := &cells{leaves: make([][]parquet.Value, b.leaves), pos: make([]int, b.leaves)}
	if rest, err := c.shred(w, want, 0, 0); err != nil || len(rest) > 0 {
		t.Fatalf("%s: %v, %d bytes are left", s, err, len(rest))
	}
	var file bytes.Buffer
	pw := parquet.NewGenericWriter[any](&file, schema)
	for i, col := range pw.ColumnWriters() {
		if n, err := col.WriteRowValues(w.leaves[i]); n != 1 || err != nil {
			t.Fatal(fmt.Sprint(i, n, err))
		}
	}
	if err := pw.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	rows := f.RowGroups()[0].Rows()
	defer rows.Close()
	buf := make([]parquet.Row, 1)
	if n, _ := rows.ReadRows(buf); n != 1 {
		t.Fatal("no row")
	}
	r := &cells{leaves: make([][]parquet.Value, b.leaves), pos: make([]int, b.leaves)}
	buf[0].Range(func(i int, values []parquet.Value) bool { r.leaves[i] = values; return true })
	got, err := c.build(r, nil, 0)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s:\n%x comes back as\n%x (%v)", s, want, got, err)
	}
	for n := range want { // what is cut short is refused
		w := &cells{leaves: make([][]parquet.Value, b.leaves), pos: make([]int, b.leaves)}
		if rest, err := c.shred(w, want[:n], 0, 0); err == nil && len(rest) == 0 && n < len(want) {
			t.Fatalf("%s: %d of %d bytes are taken for a value", s, n, len(want))
		}
	}
}
