package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/pages"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/statebackend/lsm"
	"github.com/weirstream/weir/types"
)

// change is a row of a changelog in tests.
type change struct {
	kind types.RowKind
	row  []column.Value
}

func (c change) String() string { return c.kind.String() + rowText(c.row) }

func rowText(row []column.Value) string {
	var b strings.Builder
	b.WriteByte('(')
	for i, v := range row {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(valueText(v))
	}
	b.WriteByte(')')
	return b.String()
}

func valueText(v column.Value) string {
	switch {
	case v.Null:
		return "null"
	case v.Text != "":
		return v.Text
	case v.List != nil:
		parts := []string{}
		for _, e := range v.List {
			parts = append(parts, valueText(e))
		}
		return fmt.Sprint(parts)
	case v.Wide != [2]uint64{}:
		return fmt.Sprint(v.Wide)
	}
	return fmt.Sprint(v.Int())
}

// batchOf makes a batch of changes, see testBatch.
func batchOf(r *rand.Rand, fields []types.Field, changes []change) *column.Batch {
	rows := make([]testRow, len(changes))
	for i, c := range changes {
		rows[i] = testRow{kind: c.kind, values: c.row}
	}
	return testBatch(r, fields, rows)
}

// changesOf reads a batch.
func changesOf(b *column.Batch) (out []change) {
	for i := range b.Rows() {
		row := b.Row(i)
		c := change{kind: b.Kind(row)}
		for _, v := range b.Cols {
			x := v.Value(row)
			x.Text = strings.Clone(x.Text)
			c.row = append(c.row, x)
		}
		out = append(out, c)
	}
	return out
}

// bag is a table as a multiset of rows.
type bag map[string]int

// apply applies a change, and reports whether the row that it takes away was there.
func (t bag) apply(c change) bool {
	k := rowText(c.row)
	if c.kind.Adds() {
		t[k]++
		return true
	}
	if t[k]--; t[k] == 0 {
		delete(t, k)
	}
	return t[k] >= 0
}

func (t bag) String() string {
	var lines []string
	for k, n := range t {
		lines = append(lines, fmt.Sprintf("%d x %s", n, k))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// rig drives an operator with batches.
type rig struct {
	t      testing.TB
	h      *optest.Harness
	r      *rand.Rand
	inputs []*optest.Input[*column.Batch]
	fields [][]types.Field
	out    []change // since it was last taken
}

func newRig(t testing.TB, o optest.Options, f operator.Factory, fields ...[]types.Field) *rig {
	t.Helper()
	g := &rig{t: t, h: optest.New(o), r: o.Rand, fields: fields}
	if g.r == nil {
		g.r = rand.New(rand.NewPCG(1, 1))
	}
	optest.Receive(g.h, "", func(r optest.Record[*column.Batch]) { g.out = append(g.out, changesOf(r.Value)...) })
	if err := g.h.Open(f); err != nil {
		t.Fatal(err)
	}
	for range fields {
		in, err := optest.NewInput[*column.Batch](g.h, nil)
		if err != nil {
			t.Fatal(err)
		}
		g.inputs = append(g.inputs, in)
	}
	return g
}

// push gives changes to an input, as one batch, and returns what came out since it was last called.
func (g *rig) push(input int, changes ...change) []change {
	if len(changes) > 0 {
		g.inputs[input].Push(batchOf(g.r, g.fields[input], changes), 0)
		g.h.Flush()
	}
	return g.take()
}

func (g *rig) take() []change {
	g.t.Helper()
	if err := g.h.Err(); err != nil {
		g.t.Fatal(err)
	}
	out := g.out
	g.out = nil
	return out
}

func (g *rig) watermark(t int64) []change {
	g.t.Helper()
	g.h.Watermark(t)
	return g.take()
}

func (g *rig) finish() []change {
	g.t.Helper()
	g.h.Finish()
	out := g.take()
	if err := g.h.Close(); err != nil {
		g.t.Fatal(err)
	}
	return out
}

var (
	testBigint  = types.New(types.BigInt)
	testSession = &fn.Session{}
)

func fieldOf(name string, t types.Type) types.Field { return types.Field{Name: name, Type: t} }

// callOf makes a call of a function or operator.
func callOf(t testing.TB, name string, args ...expr.Expr) expr.Expr {
	t.Helper()
	f := fn.Builtin.Scalar(name)
	sig, err := f.Infer(testSession, expr.Args(args))
	if err != nil {
		t.Fatal(err)
	}
	return &expr.Call{Fn: f, Args: args, T: sig.Result}
}

func refOf(fields []types.Field, i int) expr.Expr {
	return &expr.Ref{Index: i, Name: fields[i].Name, T: fields[i].Type}
}

// spilling keeps state on disk, but for a little.
func spilling(t testing.TB) operator.StateConfig {
	memory := pages.NewAccount("memory", 200<<10, nil)
	return operator.StateConfig{Account: memory, Spill: lsm.New(lsm.Options{Dir: t.TempDir(), Memory: memory})}
}
