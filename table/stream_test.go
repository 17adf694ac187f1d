package table

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

type click struct {
	User  string
	Price *int64 `sql:"cost"`
	N     int
	At    int64 `sql:"-"`
}

func clicks(env *weir.Environment) *weir.Stream[click] {
	var all []click
	for i := range int64(5000) {
		c := click{User: fmt.Sprint("user-", i%7), N: int(i), At: 1000 * (i - i%3*2)} // a little out of order
		if i%5 != 0 {
			c.Price = &i
		}
		all = append(all, c)
	}
	return weir.FromSlice(env, all).AssignTimestampsAndWatermarks(eventtime.ForBoundedOutOfOrderness[click](10 * time.Second).WithTimestampAssigner(func(c click, _ int64) int64 { return c.At }))
}

func TestStreams(t *testing.T) {
	type perMinute struct {
		User  string
		Cost  *int64
		Ends  time.Time `sql:"window_end"`
		Count int64
	}
	for _, parallelism := range []int{1, 3} {
		env := weir.NewEnvironment(weir.Options{Parallelism: parallelism})
		tables := NewEnvironment(Options{})
		if err := FromStream(tables, "clicks", clicks(env), StreamOptions{Rowtime: "ts"}); err != nil {
			t.Fatal(err)
		}
		s, err := ToStream[perMinute](tables, env, "SELECT `User`, SUM(cost) AS cost, window_end, COUNT(*) AS `count` FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY `User`, window_start, window_end")
		if err != nil {
			t.Fatal(err)
		}
		// The stream goes on: a Go function, and SQL again.
		twice := weir.Map(s, func(m perMinute) perMinute { m.Count *= 2; return m })
		if err := FromStream(tables, "minutes", twice, StreamOptions{}); err != nil {
			t.Fatal(err)
		}
		type total struct {
			User  string
			Count int64
		}
		totals, err := ToChangelog[total](tables, env, "SELECT `User`, SUM(`Count`) AS `count` FROM minutes GROUP BY `User`")
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int64{}
		for c, err := range totals.Collect(t.Context(), "totals") {
			if err != nil {
				t.Fatal(err)
			}
			switch c.Kind {
			case types.Insert, types.UpdateAfter:
				got[c.Value.User] = c.Value.Count
			}
		}
		want := map[string]int64{}
		for i := range 5000 {
			want[fmt.Sprint("user-", i%7)] += 2
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("parallelism %d: %v, want %v", parallelism, got, want)
		}
	}
}

// TestStreamTimes checks that rows of a query on a stream's event time become records with that time, behind the watermarks of the stream.
func TestStreamTimes(t *testing.T) {
	env := weir.NewEnvironment(weir.Options{Parallelism: 1})
	tables := NewEnvironment(Options{})
	if err := FromStream(tables, "clicks", clicks(env), StreamOptions{Rowtime: "ts"}); err != nil {
		t.Fatal(err)
	}
	type row struct {
		N    int64
		Cost *int64
		TS   time.Time
	}
	s, err := ToStream[row](tables, env, "SELECT N, cost, ts FROM clicks WHERE N < 20")
	if err != nil {
		t.Fatal(err)
	}
	type timed struct {
		Row row
		At  int64
	}
	stamped := weir.MapFunc(s, func(ctx *weir.Context, r row) (timed, error) { return timed{r, ctx.Timestamp()}, nil })
	var numbers []int64
	for r, err := range stamped.Collect(t.Context(), "times") {
		if err != nil {
			t.Fatal(err)
		}
		i := r.Row.N
		if at := 1000 * (i - i%3*2); r.At != at || r.Row.TS.UnixMilli() != at {
			t.Errorf("record %d has the time %d, its row %v, want %d", i, r.At, r.Row.TS, at)
		}
		if (r.Row.Cost == nil) != (i%5 == 0) {
			t.Errorf("record %d has the cost %v", i, r.Row.Cost)
		}
		numbers = append(numbers, i)
	}
	slices.Sort(numbers)
	if len(numbers) != 20 || numbers[0] != 0 || numbers[19] != 19 {
		t.Errorf("records %v", numbers)
	}
}

func TestStreamsThatCannotBe(t *testing.T) {
	env := weir.NewEnvironment(weir.Options{Parallelism: 1})
	tables := NewEnvironment(Options{})
	refuse := func(err error, code fault.Code, part string) {
		t.Helper()
		if fault.CodeOf(err) != code || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want %s with %q", err, code, part)
		}
	}
	s := clicks(env)
	refuse(FromStream(tables, "chans", weir.Map(s, func(click) chan int { return nil }), StreamOptions{}), fault.OptionInvalid, "chan int")
	if err := FromStream(tables, "clicks", s, StreamOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := ToStream[int64](tables, env, "SELECT COUNT(*) FROM clicks")
	refuse(err, fault.OptionInvalid, "ToChangelog")
	_, err = ToStream[int64](tables, env, "SELECT nobody FROM clicks")
	refuse(err, fault.SQLUnknownColumn, "nobody")
	_, err = ToStream[int16](tables, env, "SELECT N FROM clicks")
	refuse(err, fault.OptionInvalid, "int16")
	refuse(Insert(tables, env, "SELECT N FROM clicks"), fault.SQLUnsupported, "ToStream")
	other := weir.NewEnvironment(weir.Options{Parallelism: 1})
	refuse(FromStream(tables, "others", clicks(other), StreamOptions{}), fault.GraphForeignStream, "one program")
	r, err := tables.ExecuteSQL(t.Context(), "SELECT N FROM clicks")
	if err == nil {
		for _, e := range r.Rows(t.Context()) {
			err = e
		}
	}
	refuse(err, fault.SQLTable, "table.ToStream")
	_, err = tables.ExecuteSQL(t.Context(), "CREATE TABLE g (ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS SOURCE_WATERMARK()) WITH ('connector' = 'datagen', 'number-of-rows' = '3')")
	if err == nil {
		_, err = tables.Explain(t.Context(), "SELECT * FROM g")
	}
	refuse(err, fault.SQLTable, "SOURCE_WATERMARK")
}

func TestInsertOfStream(t *testing.T) {
	dir := t.TempDir()
	env := weir.NewEnvironment(weir.Options{Parallelism: 1})
	tables := NewEnvironment(Options{})
	if err := FromStream(tables, "clicks", clicks(env), StreamOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := tables.ExecuteSQL(t.Context(), "CREATE TABLE files (u STRING, n BIGINT) WITH ('connector' = 'filesystem', 'path' = '"+dir+"', 'format' = 'csv')"); err != nil {
		t.Fatal(err)
	}
	if err := Insert(tables, env, "INSERT INTO files SELECT `User`, N FROM clicks WHERE N < 3"); err != nil {
		t.Fatal(err)
	}
	if _, err := env.Execute(t.Context(), "insert"); err != nil {
		t.Fatal(err)
	}
	back, err := readBack(t, dir)
	if err != nil || !slices.Equal(back, []string{"user-0 0", "user-1 1", "user-2 2"}) {
		t.Errorf("the files have %v, %v", back, err)
	}
}

func readBack(t *testing.T, dir string) (rows []string, err error) {
	t.Helper()
	type row struct {
		U string
		N int64
	}
	env := NewEnvironment(Options{Parallelism: 1})
	if _, err := env.ExecuteSQL(t.Context(), "CREATE TABLE files (u STRING, n BIGINT) WITH ('connector' = 'filesystem', 'path' = '"+dir+"', 'format' = 'csv')"); err != nil {
		return nil, err
	}
	r, err := env.ExecuteSQL(t.Context(), "SELECT * FROM files")
	if err != nil {
		return nil, err
	}
	for v, err := range Values[row](t.Context(), r) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, fmt.Sprint(v.U, " ", v.N))
	}
	slices.Sort(rows)
	return rows, nil
}
