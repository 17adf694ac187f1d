package exec

import (
	"reflect"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// TestKeptRows writes rows of all forms, and reads them whole and cut anywhere.
func TestKeptRows(t *testing.T) {
	text, number := column.TextValue, column.IntValue
	fields := []types.Field{
		{Name: "a", Type: types.New(types.BigInt)}, {Name: "b", Type: types.String()}, {Name: "c", Type: types.DecimalOf(38, 2)},
		{Name: "d", Type: types.ArrayOf(types.String())}, {Name: "e", Type: types.MapOf(types.String(), types.New(types.Int))},
		{Name: "f", Type: types.RowOf(types.Field{Name: "x", Type: types.New(types.Int)}, types.Field{Name: "y", Type: types.ArrayOf(types.New(types.Int))})},
	}
	null := column.NullValue()
	rows := [][]column.Value{
		{number(-7), text("it\x00s"), {Wide: [2]uint64{5, 6}}, {List: []column.Value{text("p"), null}}, {List: []column.Value{text("k"), number(1), text("l"), null}}, {List: []column.Value{number(3), {List: []column.Value{number(4)}}}}},
		{null, null, null, null, null, null},
		{number(0), text(""), {Wide: [2]uint64{}}, {List: []column.Value{}}, {List: []column.Value{}}, {List: []column.Value{null, {List: []column.Value{}}}}},
	}
	b := &column.Batch{}
	b.Reset(column.Forms(fields))
	for n, r := range rows {
		for c, v := range r {
			shape := column.ShapeOf(fields[c].Type)
			b.Cols[c].AppendValue(v, &shape, n)
		}
	}
	b.N, b.Kinds = len(rows), []types.RowKind{types.Insert, types.UpdateBefore, types.Delete}
	var data []byte
	ends := map[int]bool{0: true}
	for i := range rows {
		data = AppendRow(data, b, i)
		ends[len(data)] = true
	}
	decoder := NewRowDecoder(fields)
	got, err := decoder.Rows(data)
	if err != nil || got.N != len(rows) || !reflect.DeepEqual(got.Kinds, b.Kinds) {
		t.Fatal(err, got)
	}
	for i, r := range rows {
		for c, want := range r {
			if v := got.Cols[c].Value(i); !reflect.DeepEqual(v, want) && (len(v.List) > 0 || len(want.List) > 0 || v.Null != want.Null) {
				t.Errorf("row %d, column %d: %v, want %v", i, c, v, want)
			}
		}
	}
	if n, err := decoder.Next(data); err != nil || !ends[n] || n == 0 {
		t.Error(n, err)
	}
	for cut := range data {
		if _, err := decoder.Rows(data[:cut]); (err == nil) != ends[cut] {
			t.Errorf("cut at %d of %d: %v", cut, len(data), err)
		}
	}
}
