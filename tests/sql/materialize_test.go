package sql

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/table"
	"github.com/weirstream/weir/types"
)

// TestSinkByAnotherKey writes a query, whose changes are spread by one key, to a table with another one: of the changes of its key the last one must be the one that holds.
func TestSinkByAnotherKey(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		store := values.NewStore()
		env := table.NewEnvironment(table.Options{Parallelism: 3, MaxParallelism: 16})
		env.AddConnector(store.Table())
		if err := env.Set("table.exec.mini-batch.enabled", "false"); err != nil {
			t.Fatal(err)
		}
		// Each order is of a customer, and moves from one to the next: the table has the orders by their customer.
		var rows []values.Row
		at, owner := map[int]int{}, map[int]int{}
		for i := range 300 {
			order := r.IntN(40)
			customer := r.IntN(60)
			if was, taken := owner[customer]; taken && was != order {
				continue
			}
			if old, ok := at[order]; ok {
				delete(owner, old)
			}
			at[order], owner[customer] = customer, order
			rows = append(rows, values.Row{Values: []any{int32(order), int32(customer), int64(i)}})
		}
		store.Put("moves", rows...)
		for _, ddl := range []string{
			"CREATE TABLE moves (id INT, customer INT, v BIGINT) WITH ('connector' = 'values', 'batch-size' = '2')",
			"CREATE TABLE `out` (customer INT, id INT, PRIMARY KEY (customer) NOT ENFORCED) WITH ('connector' = 'values', 'sink.changelog-mode' = 'I,UA,D')",
		} {
			if _, err := env.ExecuteSQL(t.Context(), ddl); err != nil {
				t.Fatal(err)
			}
		}
		res, err := env.ExecuteSQL(t.Context(), "INSERT INTO `out` SELECT CAST(MOD(MAX(v * 1000 + customer), 1000) AS INT) AS customer, id FROM moves GROUP BY id")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := res.Job.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, row := range store.Written("out") {
			key := fmt.Sprint(row.Values[0].Int())
			switch row.Kind {
			case types.Delete:
				delete(got, key)
			case types.UpdateBefore:
				t.Fatalf("seed %d: %v", seed, row)
			default:
				got[key] = fmt.Sprint(row.Values[1].Int())
			}
		}
		want := map[string]string{}
		for order, customer := range at {
			want[fmt.Sprint(customer)] = fmt.Sprint(order)
		}
		if a, b := fmt.Sprint(got), fmt.Sprint(want); a != b {
			t.Fatalf("seed %d:\n%s\nwant\n%s", seed, a, b)
		}
	}
}
