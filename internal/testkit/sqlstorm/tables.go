package sqlstorm

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/weirstream/weir/internal/sql/oracle"
	"github.com/weirstream/weir/types"
)

// Table is a table of a case.
type Table struct {
	Name    string
	Columns []Column
	// Delay is that of the watermark of the column ts, in seconds; -1 for none.
	Delay   int
	Changes []oracle.Change
	Batch   int
	Updates bool
	// Upserts tells that the table has the primary key id, and updates come without the row that they replace.
	Upserts bool
	// Versions tells that the table has the primary key id, of which each row is a version.
	Versions bool
}

// Column is a column of a table.
type Column struct {
	Name string
	Type types.Type
}

// typeOf are the types of all columns that tables have, by their names: what is called the same has the same type.
var typeOf = map[string]types.Type{
	"id": types.New(types.BigInt).NotNull(),
	"k":  types.New(types.Int),
	"s":  types.String(),
	"x":  types.New(types.Int),
	"y":  types.New(types.BigInt),
	"n":  types.DecimalOf(10, 2),
	"d":  types.New(types.Double),
	"b":  types.New(types.Boolean),
	"ts": types.TimestampOf(3),
}

func columns(names string) (list []Column) {
	for _, n := range strings.Fields(names) {
		list = append(list, Column{n, typeOf[n]})
	}
	return list
}

// newTables returns those that queries are made over: t and u are only added to and have event time, u and w without late rows; v has no time; and c has updates and deletes, too, as p, which has a primary key. r has versions of its keys.
func newTables(seed uint64) []*Table {
	r := rand.New(rand.NewPCG(seed, 0x7ab1e5))
	list := []*Table{
		{Name: "t", Columns: columns("id k s x y n d b ts"), Delay: r.IntN(4)},
		{Name: "u", Columns: columns("id k s x n ts"), Delay: 12},
		{Name: "w", Columns: columns("id k s y b ts"), Delay: 12},
		{Name: "v", Columns: columns("id k s y d b"), Delay: -1},
		{Name: "c", Columns: columns("id k s x y"), Delay: -1, Updates: true},
		{Name: "p", Columns: columns("id k s x n"), Delay: -1, Updates: true, Upserts: true},
		{Name: "r", Columns: columns("id k s x ts"), Delay: 12, Versions: true},
	}
	for _, t := range list {
		t.Batch = 1 + r.IntN(4)
		rows := []int{0, 1, 3, 8, 20, 40}[min(5, r.IntN(7))]
		if r.IntN(60) == 0 {
			rows, t.Batch = 150, 64
		}
		keys, at := 1+r.IntN(6), int64(1_577_836_800_000)
		var live []oracle.Row
		for i := range rows {
			row := oracle.Row{}
			if r.IntN(3) > 0 {
				at += int64(r.IntN(4000))
			}
			for _, c := range t.Columns {
				row = append(row, randomValue(r, c, int64(i+1), keys, at))
			}
			if t.Versions {
				row[0] = int64(r.IntN(keys))
			}
			if !t.Updates {
				t.Changes = append(t.Changes, oracle.Change{Kind: types.Insert, Row: row})
				continue
			}
			switch pick := r.IntN(4); {
			case pick < 2 || len(live) == 0:
				t.Changes = append(t.Changes, oracle.Change{Kind: types.Insert, Row: row})
				live = append(live, row)
			case pick == 2:
				old := r.IntN(len(live))
				row[0] = live[old][0]
				if !t.Upserts {
					t.Changes = append(t.Changes, oracle.Change{Kind: types.UpdateBefore, Row: live[old]})
				}
				t.Changes = append(t.Changes, oracle.Change{Kind: types.UpdateAfter, Row: row})
				live[old] = row
			default:
				old := r.IntN(len(live))
				t.Changes = append(t.Changes, oracle.Change{Kind: types.Delete, Row: live[old]})
				live = slices.Delete(live, old, old+1)
			}
		}
	}
	return list
}

// randomValue is a value of a column: few different ones, and now and then none.
func randomValue(r *rand.Rand, c Column, id int64, keys int, at int64) any {
	if c.Type.Nullable() && c.Name != "ts" && r.IntN(6) == 0 {
		return nil
	}
	switch c.Name {
	case "id":
		return id
	case "k": // one of few, of which the first are the most
		return int64(min(r.IntN(keys), r.IntN(keys)))
	case "s":
		return []string{"a", "b", "ab", "", "Bc", "äö"}[r.IntN(6)]
	case "x":
		return int64(r.IntN(12) - 3)
	case "y":
		if r.IntN(12) == 0 {
			return int64(3_000_000_000)
		}
		return int64(r.IntN(30) - 5)
	case "n":
		return big.NewRat(int64(r.IntN(2000)-300), 100)
	case "d":
		return float64(r.IntN(40)-8) / 4
	case "b":
		return r.IntN(2) == 0
	}
	late := int64(0)
	switch r.IntN(8) {
	case 0:
		late = int64(r.IntN(10_000))
	case 1, 2:
		late = int64(r.IntN(2500))
	}
	return oracle.Time((at - late) / 250 * 250 * 1e6)
}

// Schema is what stands in parentheses in CREATE TABLE.
func (t *Table) Schema() string {
	var list []string
	for _, c := range t.Columns {
		list = append(list, c.Name+" "+c.Type.SQL())
	}
	if t.Delay >= 0 {
		list = append(list, fmt.Sprintf("WATERMARK FOR ts AS ts - INTERVAL '%d' SECOND", t.Delay))
	}
	if t.Upserts || t.Versions {
		list = append(list, "PRIMARY KEY (id) NOT ENFORCED")
	}
	return strings.Join(list, ", ")
}
