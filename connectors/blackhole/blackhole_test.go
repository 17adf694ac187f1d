package blackhole

import (
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/connectortest"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/internal/buildtags"
	"github.com/weirstream/weir/types"
)

func open(t testing.TB, c *Counter) (*tables.Sink, connector.Writer[*column.Batch]) {
	t.Helper()
	s, err := Counting(c).Sink(&tables.Table{Name: "t"})
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Sink.NewWriter(connectortest.NewWriterContext(0, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, w
}

// batch has a flat, a constant and three dictionary columns of n rows, the last two with texts and nulls, and a row whose field is a dictionary.
func batch(n int) *column.Batch {
	rnd := rand.New(rand.NewPCG(1, 1))
	base := func(form column.Form, nulls bool) *column.Vector {
		v := new(column.Vector)
		v.Reset(form, 10)
		for i := range 10 {
			switch form {
			case column.Word:
				v.Words[i] = rnd.Uint64()
			case column.Wide:
				v.Wide[i] = [2]uint64{rnd.Uint64(), rnd.Uint64()}
			case column.Text:
				v.SetString(i, "a text that does not fit its view"[:rnd.IntN(33)])
			}
		}
		if nulls {
			v.SetNull(3, 10)
		}
		return v
	}
	index := make([]int32, n)
	for i := range index {
		index[i] = rnd.Int32N(10)
	}
	flat, constant := new(column.Vector), new(column.Vector)
	flat.Reset(column.Word, n)
	constant.SetConst(base(column.Text, false), 0)
	dictionary := func(form column.Form, nulls bool) *column.Vector {
		return &column.Vector{Form: form, Index: index, Base: base(form, nulls)}
	}
	row := &column.Vector{Form: column.Tuple, Children: []*column.Vector{dictionary(column.Wide, false)}}
	return &column.Batch{N: n, Cols: []*column.Vector{flat, constant, dictionary(column.Word, false), dictionary(column.Text, true), dictionary(column.Wide, true), row}}
}

func TestCounts(t *testing.T) {
	var c Counter
	s, w := open(t, &c)
	if got := s.Changelog(types.Retracts); got != types.Upserts {
		t.Errorf("of a retracting changelog it takes %v", got)
	}
	b := batch(1000)
	for _, sel := range [][]int32{nil, {}, {0}, {3, 5, 999}} {
		b.Sel = sel
		if err := w.Write(b, 0); err != nil {
			t.Fatal(err)
		}
	}
	if c.Rows() != 1004 {
		t.Errorf("%d rows", c.Rows())
	}
	if err := w.Flush(true); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestFlattens looks at what a selected dictionary is written out to.
func TestFlattens(t *testing.T) {
	w := &writer{counter: new(Counter)}
	b := batch(200)
	b.Sel = []int32{1, 7, 8, 100, 199}
	for _, v := range b.Cols[2:5] {
		w.flatten(v, b)
		w.flat.Buffers = v.Base.Buffers
		for i, row := range b.Sel {
			if got, want := w.flat.Value(i), v.Value(int(row)); !got.Equal(want) {
				t.Errorf("form %d, row %d: %v, want %v", v.Form, row, got, want)
			}
		}
	}
}

func TestAllocations(t *testing.T) {
	if buildtags.Race {
		t.Skip("the race detector allocates")
	}
	_, w := open(t, new(Counter))
	b, sels := batch(1000), [][]int32{nil, {3, 5}}
	write := func() {
		for _, sel := range sels {
			b.Sel = sel
			if err := w.Write(b, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	write()
	if n := testing.AllocsPerRun(10, write); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
