package live

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/table"
	"github.com/weirstream/weir/types"
)

func textRow(kind types.RowKind, values ...string) table.TextRow {
	r := table.TextRow{Kind: kind}
	for _, v := range values {
		r.Values, r.Null = append(r.Values, strings.TrimPrefix(v, "NULL")), append(r.Null, v == "NULL")
	}
	return r
}

func fields() []types.Field {
	return []types.Field{{Name: "k", Type: types.New(types.BigInt)}, {Name: "name", Type: types.String()}}
}

// TestChangelog applies random changes in random pieces, and compares the table with a bag of rows.
func TestChangelog(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		all := NewTable(&table.Result{Columns: fields(), Changelog: types.Retracts})
		var bag []string
		var changes []table.TextRow
		for range random.IntN(3000) {
			k, v := fmt.Sprint(random.IntN(30)), fmt.Sprint(random.IntN(3))
			if random.IntN(8) == 0 {
				v = "NULL"
			}
			switch row := k + "|" + v; {
			case len(bag) > 0 && random.IntN(3) == 0:
				at := random.IntN(len(bag))
				old := strings.Split(bag[at], "|")
				bag[at] = row
				changes = append(changes, textRow(types.UpdateBefore, old...), textRow(types.UpdateAfter, k, v))
			case len(bag) > 0 && random.IntN(5) < 2:
				at := random.IntN(len(bag))
				changes = append(changes, textRow(types.Delete, strings.Split(bag[at], "|")...))
				bag = slices.Delete(bag, at, at+1)
			default:
				bag = append(bag, row)
				changes = append(changes, textRow(types.Insert, k, v))
			}
		}
		for len(changes) > 0 {
			n := min(1+random.IntN(100), len(changes))
			all.Apply(changes[:n])
			changes = changes[n:]
		}
		var got []string
		for _, r := range all.List() {
			got = append(got, strings.Join(r, "|"))
		}
		slices.Sort(got)
		slices.Sort(bag)
		if !slices.Equal(got, bag) || all.Rows() != len(bag) {
			t.Fatalf("seed %d: %d rows, %d of them\n%v\nwant %d\n%v", seed, all.Rows(), len(got), got, len(bag), bag)
		}
	}
}

func TestUpdatesStayInPlace(t *testing.T) {
	all := NewTable(&table.Result{Columns: fields(), Changelog: types.Retracts})
	all.Apply([]table.TextRow{textRow(types.Insert, "1", "a"), textRow(types.Insert, "2", "b"), textRow(types.Insert, "3", "c")})
	all.Apply([]table.TextRow{textRow(types.UpdateBefore, "1", "a"), textRow(types.UpdateBefore, "3", "c"), textRow(types.UpdateAfter, "1", "x"), textRow(types.UpdateAfter, "3", "y")})
	if got := fmt.Sprint(all.List()); got != "[[1 x] [2 b] [3 y]]" {
		t.Error(got)
	}
}

func TestLines(t *testing.T) {
	r := &table.Result{Columns: fields(), Order: []table.Order{{Column: 0, Descending: true}}}
	all := NewTable(r)
	all.Apply([]table.TextRow{textRow(types.Insert, "9", "bell\a, esc\x1b[2J, \u202eturned"), textRow(types.Insert, "NULL", "日本語の長い名前です"), textRow(types.Insert, "10", "plain")})
	for width, want := range map[int]string{
		0: `   k  name
────  ───────────────────────────────────
NULL  日本語の長い名前です
  10  plain
   9  bell\a, esc\x1b[2J, \u202eturned`,
		20: `   k  name
────  ──────────────
NULL  日本語の長い…
  10  plain
   9  bell\a, esc\x…`,
	} {
		want = strings.Replace(want, "───────────────────────────────────", strings.Repeat("─", 32), 1)
		if got := strings.Join(all.Lines(all.List(), width, false), "\n"); got != want {
			t.Errorf("width %d:\n%s\nwant\n%s", width, got, want)
		}
	}
}
