//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/backends/lsm"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/state"
)

const (
	records = 5000
	keys    = 37
)

func keyOf(i int64) string { return fmt.Sprintf("key-%02d", i*7919%keys) }

// total is a value, with columns for its fields.
type total struct {
	Count int64
	Sum   float64
}

// keeper has one state of each kind, and a timer for each key.
type keeper struct {
	total *state.Value[total]
	last  *state.List[int64]
	parts *state.Map[int64, string]
	seen  *atomic.Int64
}

func (k *keeper) States() []state.State { return []state.State{k.total, k.last, k.parts} }

func (k *keeper) Process(ctx *weir.KeyedContext[string], i int64, _ *weir.Collector[string]) error {
	k.total.Update(func(t *total, _ bool) { t.Count, t.Sum = t.Count+1, t.Sum+float64(i)/2 })
	if k.last.Len() == 3 {
		k.last.Set(slices.Collect(k.last.All())[1:])
	}
	k.last.Add(i)
	k.parts.Put(i%5, fmt.Sprint("number ", i))
	ctx.RegisterEventTimeTimer(1_000_000)
	k.seen.Add(1)
	return nil
}

// expected is what the state comes to, by a loop.
type expected struct {
	total total
	last  []int64
	parts map[int64]string
}

func loop() map[string]*expected {
	all := map[string]*expected{}
	for i := range int64(records) {
		e := all[keyOf(i)]
		if e == nil {
			e = &expected{parts: map[int64]string{}}
			all[keyOf(i)] = e
		}
		e.total.Count++
		e.total.Sum += float64(i) / 2
		if e.last = append(e.last, i); len(e.last) > 3 {
			e.last = e.last[1:]
		}
		e.parts[i%5] = fmt.Sprint("number ", i)
	}
	return all
}

// savepoint runs the job until it has seen all records, and returns a savepoint of it.
func savepoint(t *testing.T, o weir.Options) string {
	t.Helper()
	dir := t.TempDir()
	o.Parallelism, o.Logger, o.Restart = 2, slog.New(slog.DiscardHandler), weir.NoRestart()
	o.Checkpoints.Dir = filepath.Join(dir, "checkpoints")
	env := weir.NewEnvironment(o)
	var seen atomic.Int64
	numbers := weir.Generate(env, sequence.Options{RatePerSecond: 100_000}, func(i int64) int64 { return i }).UID("numbers").Parallelism(1)
	some := numbers.Filter(func(i int64) bool { return i < records }).UID("some").Parallelism(1)
	weir.ProcessKeyedWith(weir.KeyBy(some, keyOf), func() weir.KeyedProcessFunction[string, int64, string] {
		return &keeper{state.NewValue[total]("total"), state.NewList[int64]("last"), state.NewMap[int64, string]("parts"), &seen}
	}).UID("kept").Discard()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client, err := env.ExecuteAsync(ctx, "duckdb")
	if err != nil {
		t.Fatal(err)
	}
	for seen.Load() < records {
		select {
		case <-client.Done():
			_, err := client.Wait(ctx)
			t.Fatal("the job has ended: ", err)
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
	path, err := client.StopWithSavepoint(ctx, filepath.Join(dir, "savepoints"), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	return path
}

// DuckDB reads values, lists, maps and timers of a savepoint, of either backend, with the types and names of the program, and comes to what a loop comes to.
func TestSavepoint(t *testing.T) {
	for name, backend := range map[string]weir.StateBackend{"memory": {}, "lsm": lsm.Backend()} {
		t.Run(name, func(t *testing.T) { read(t, savepoint(t, weir.Options{StateBackend: backend, StateDir: t.TempDir()})) })
	}
}

func read(t *testing.T, path string) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	want := loop()
	table := func(name string) string {
		return "read_parquet('" + filepath.Join(path, "kept", name) + "-*.parquet')"
	}
	query := func(q string, row func(scan func(...any))) {
		t.Helper()
		rows, err := db.QueryContext(t.Context(), q)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		defer rows.Close()
		for rows.Next() {
			row(func(to ...any) {
				if err := rows.Scan(to...); err != nil {
					t.Fatalf("%s: %v", q, err)
				}
			})
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	query("SELECT key, value.Count, value.Sum FROM "+table("keyed-state/total"), func(scan func(...any)) {
		var key string
		var got total
		scan(&key, &got.Count, &got.Sum)
		if e := want[key]; e == nil || got != e.total {
			t.Errorf("total of %s: %v", key, got)
		}
		n++
	})
	if n != keys {
		t.Errorf("%d totals", n)
	}
	lists := map[string][]int64{}
	query(`SELECT key, value FROM `+table("keyed-state/last")+` ORDER BY key, "index"`, func(scan func(...any)) {
		var key string
		var v int64
		scan(&key, &v)
		lists[key] = append(lists[key], v)
	})
	maps := map[string]map[int64]string{}
	query("SELECT key, map_key, value FROM "+table("keyed-state/parts"), func(scan func(...any)) {
		var key, v string
		var k int64
		scan(&key, &k, &v)
		if maps[key] == nil {
			maps[key] = map[int64]string{}
		}
		maps[key][k] = v
	})
	for key, e := range want {
		if !slices.Equal(lists[key], e.last) {
			t.Errorf("list of %s: %v, want %v", key, lists[key], e.last)
		}
		if fmt.Sprint(maps[key]) != fmt.Sprint(e.parts) {
			t.Errorf("map of %s: %v, want %v", key, maps[key], e.parts)
		}
	}
	query("SELECT COUNT(DISTINCT key), COUNT(*) FROM "+table("event-time-timers"), func(scan func(...any)) {
		var distinct, all int64
		if scan(&distinct, &all); distinct != keys || all != keys {
			t.Errorf("%d timers of %d keys", all, distinct)
		}
	})
	// States of one operator join by their key.
	query("SELECT SUM(t.value.Count) FROM "+table("keyed-state/total")+" t JOIN "+table("keyed-state/parts")+" p USING (key) WHERE p.map_key = 0", func(scan func(...any)) {
		var sum, all int64
		scan(&sum)
		for _, e := range want {
			if _, ok := e.parts[0]; ok {
				all += e.total.Count
			}
		}
		if sum != all {
			t.Errorf("the join comes to %d, want %d", sum, all)
		}
	})
}
