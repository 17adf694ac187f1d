package exec

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/types"
)

func TestConstraints(t *testing.T) {
	texts := []string{"", "a", "äb", "abc", "a text that is longer than a view has room for"}
	want := map[string]string{"": "  ", "a": "a ", "äb": "äb", "abc": "ab", texts[4]: "a "} // CHAR(2)
	fields := []types.Field{
		fieldOf("n", testBigint.NotNull()), fieldOf("c", types.Of(types.Char, 2, 0)),
		fieldOf("r", types.ArrayOf(types.RowOf(fieldOf("x", testBigint.NotNull()), fieldOf("y", types.Of(types.Char, 2, 0))))),
	}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 4))
		f := &Constraints{ConstraintRules{r.IntN(3) > 0, LengthRule(r.IntN(3)), NestedRule(r.IntN(3))}, fields}
		name := fmt.Sprintf("seed %d, %+v", seed, f.ConstraintRules)
		if !f.Any() {
			t.Fatal(name, "nothing to look at")
		}
		g := newRig(t, optest.Options{Rand: r, Start: 1000}, f, fields)
		for range 15 {
			rarely := 1 + r.IntN(60)
			null := func(v column.Value) column.Value {
				if r.IntN(rarely) == 0 {
					return column.NullValue()
				}
				return v
			}
			var given, out []change
			fails := false
			for range 1 + r.IntN(40) {
				text := func() column.Value {
					if r.IntN(rarely) == 0 {
						return column.TextValue(texts[r.IntN(len(texts))])
					}
					return column.TextValue("ab")
				}
				row := []column.Value{null(column.IntValue(1)), null(text()), null(column.Value{List: []column.Value{null(column.Value{List: []column.Value{null(column.IntValue(2)), null(text())}})}})}
				c := change{kind: types.RowKind(r.IntN(4)), row: row}
				given = append(given, c)
				// The obvious way.
				fit := func(v column.Value) column.Value {
					if v.Null || want[v.Text] == "" || want[v.Text] == v.Text || f.Length == LengthIgnore {
						return v
					}
					fails = fails || f.Length == LengthError
					return column.TextValue(want[v.Text])
				}
				bad := row[0].Null
				w := change{c.kind, []column.Value{row[0], row[1], row[2]}}
				deep := f.Nested == NestedAll && !row[2].Null && !row[2].List[0].Null
				bad = bad || deep && row[2].List[0].List[0].Null
				if bad && f.DropNulls {
					continue // and the lengths of such a row do not matter, but for those before the null
				}
				fails = fails || bad
				w.row[1] = fit(row[1])
				if deep {
					w.row[2] = column.Value{List: []column.Value{{List: []column.Value{row[2].List[0].List[0], fit(row[2].List[0].List[1])}}}}
				}
				out = append(out, w)
			}
			if f.Length == LengthError && f.DropNulls {
				break // see TestConstraintErrors
			}
			if fails {
				g.inputs[0].Push(batchOf(r, fields, given), 0)
				if err := g.h.Err(); fault.CodeOf(err) != fault.SQLSink || len(g.out) > 0 {
					t.Fatalf("%s: %v gave %v and %v", name, given, g.out, err)
				}
				break
			}
			if got := g.push(0, given...); fmt.Sprint(got) != fmt.Sprint(out) {
				t.Fatalf("%s: %v gave\n%v, want\n%v", name, given, got, out)
			}
		}
	}
}

func TestConstraintErrors(t *testing.T) {
	binary := types.Of(types.Binary, 2, 0)
	for _, c := range []struct {
		of    types.Type
		value column.Value
		want  string
	}{
		{testBigint.NotNull(), column.NullValue(), `sql.sink-schema: the column "a" is NOT NULL`},
		{types.ArrayOf(binary), column.Value{List: []column.Value{column.TextValue("ab"), column.TextValue("a")}}, `sql.sink-schema: the column "a[1]" is BINARY(2), but a string of length 1`},
		{types.RowOf(fieldOf("x", types.MapOf(testBigint, testBigint.NotNull()))), column.Value{List: []column.Value{{List: []column.Value{column.IntValue(1), column.NullValue()}}}}, `the column "a.x[value]" is NOT NULL`},
	} {
		fields := []types.Field{fieldOf("a", c.of)}
		g := newRig(t, optest.Options{Rand: rand.New(rand.NewPCG(1, 1)), Start: 1000}, &Constraints{ConstraintRules{Length: LengthError, Nested: NestedAll}, fields}, fields)
		g.inputs[0].Push(batchOf(g.r, fields, []change{{row: []column.Value{c.value}}}), 0)
		if err := g.h.Err(); err == nil || !strings.Contains(err.Error(), c.want) || len(g.out) > 0 {
			t.Errorf("%s: %v, want %s", c.of, err, c.want)
		}
	}
}
