package exec

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/pages"
	"github.com/weirstream/weir/internal/statebackend/lsm"
	"github.com/weirstream/weir/types"
)

// testRow is a row of a changelog as tests know it.
type testRow struct {
	kind   types.RowKind
	values []column.Value
}

// text is a form of values that is equal where they are.
func text(values []column.Value) string {
	var b []byte
	for _, v := range values {
		b = appendText(b, v)
	}
	return string(b)
}

func appendText(b []byte, v column.Value) []byte {
	if v.Null {
		return append(b, "null|"...)
	}
	b = strconv.AppendUint(b, v.Word, 10)
	b = strconv.AppendUint(append(b, ','), v.Wide[0], 10)
	b = strconv.AppendUint(append(b, ','), v.Wide[1], 10)
	b = append(append(append(b, ','), v.Text...), '[')
	for _, e := range v.List {
		b = appendText(b, e)
	}
	return append(b, "]|"...)
}

// testBatch makes a batch of rows: with gaps that a selection leaves out, and constant or dictionary vectors, now and then.
func testBatch(rng *rand.Rand, fields []types.Field, rows []testRow) *column.Batch {
	b := new(column.Batch)
	var at []int // the row at each place, -1 for a gap
	gaps := rng.IntN(3) == 0
	for i := range rows {
		for gaps && rng.IntN(3) == 0 {
			at = append(at, -1)
		}
		at = append(at, i)
		if gaps {
			b.Sel = append(b.Sel, int32(len(at)-1))
		}
	}
	b.N = len(at)
	for c, f := range fields {
		shape := column.ShapeOf(f.Type)
		flat := new(column.Vector)
		flat.Reset(shape.Form, 0)
		same := true
		for n, i := range at {
			v := rows[max(i, 0)].values[c]
			flat.AppendValue(v, &shape, n)
			same = same && v.Equal(rows[0].values[c])
		}
		switch {
		case same && rng.IntN(2) == 0:
			one := new(column.Vector)
			one.SetConst(flat, 0)
			b.Cols = append(b.Cols, one)
		case rng.IntN(5) == 0:
			index := make([]int32, len(at))
			base := new(column.Vector)
			back := make([]int32, len(at))
			for i := range index {
				index[i] = int32(len(at) - 1 - i)
				back[i] = int32(len(at) - 1 - i)
			}
			base.Gather(flat, back)
			b.Cols = append(b.Cols, &column.Vector{Form: shape.Form, Index: index, Base: base})
		default:
			b.Cols = append(b.Cols, flat)
		}
	}
	for _, r := range rows {
		if r.kind != types.Insert {
			kinds := b.OwnKinds(b.N)
			for n, i := range at {
				kinds[n] = rows[max(i, 0)].kind
			}
			break
		}
	}
	return b
}

// rowsOf reads a batch.
func rowsOf(b *column.Batch) (rows []testRow) {
	for i := range b.Rows() {
		n := b.Row(i)
		r := testRow{kind: b.Kind(n)}
		for _, c := range b.Cols {
			r.values = append(r.values, c.Value(n))
		}
		rows = append(rows, r)
	}
	return rows
}

// testOperator drives an operator of batches.
type testOperator struct {
	*optest.Harness
	in  []*optest.Input[*column.Batch]
	out []testRow
	// at is the watermark at which each row of out came.
	at []int64
}

func openOperator(t testing.TB, o optest.Options, f operator.Factory, inputs int) *testOperator {
	t.Helper()
	m := &testOperator{Harness: optest.New(o)}
	optest.Receive(m.Harness, "", func(r optest.Record[*column.Batch]) {
		rows := rowsOf(r.Value)
		m.out = append(m.out, rows...)
		for range rows {
			m.at = append(m.at, r.Watermark)
		}
	})
	if err := m.Open(f); err != nil {
		t.Fatal(err)
	}
	for range inputs {
		in, err := optest.NewInput[*column.Batch](m.Harness, nil)
		if err != nil {
			t.Fatal(err)
		}
		m.in = append(m.in, in)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// push gives a batch to an input, and returns what comes out.
func (m *testOperator) push(t testing.TB, input int, b *column.Batch) []testRow {
	t.Helper()
	from := len(m.out)
	m.in[input].Push(b, 0)
	m.Flush()
	if err := m.Err(); err != nil {
		t.Fatal(err)
	}
	return m.out[from:]
}

// randomBackend is the memory backend, or now and then one that moves keys to disk all the time.
func randomBackend(t testing.TB, rng *rand.Rand) operator.StateConfig {
	if rng.IntN(5) > 0 {
		return operator.StateConfig{}
	}
	return evicting(t)
}

// evicting is a backend that moves keys to disk all the time.
func evicting(t testing.TB) operator.StateConfig {
	memory := pages.NewAccount("memory", 1<<10, nil)
	return operator.StateConfig{Account: pages.NewAccount("state", 0, memory), Spill: lsm.New(lsm.Options{Memory: memory, Dir: t.TempDir()})}
}
