package table

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

func readAll[T any](t *testing.T, sql string) ([]T, error) {
	t.Helper()
	env := NewEnvironment(Options{Parallelism: 1})
	r, err := env.ExecuteSQL(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for v, err := range Values[T](t.Context(), r) {
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

func TestValues(t *testing.T) {
	type place struct {
		City string
		Zip  *int32
	}
	type row struct {
		ID        int64
		UserName  string
		Small     int16
		Ratio     float64
		Price     float64
		PriceText string `sql:"amount"`
		At        time.Time
		Day       time.Time
		Wait      time.Duration
		Data      []byte
		Gone      *string
		Missing   []string
		Tags      []string
		Counts    map[string]int64
		Place     place
		Other     chan int `sql:"-"`
	}
	got, err := readAll[row](t, `SELECT CAST(7 AS INT) AS id, 'ann' AS user_name, CAST(3 AS TINYINT) AS small, CAST(1.5 AS FLOAT) AS ratio, CAST(2.25 AS DECIMAL(10, 2)) AS price, CAST(2.5 AS DECIMAL(10, 2)) AS amount,
		TIMESTAMP '2024-05-06 07:08:09.123456789' AS `+"`at`"+`, DATE '2024-05-06' AS `+"`day`"+`, INTERVAL '90' SECOND AS wait, x'0102' AS data, CAST(NULL AS STRING) AS gone, CAST(NULL AS ARRAY<STRING>) AS missing,
		ARRAY['a', 'b'] AS tags, MAP['x', CAST(1 AS BIGINT), 'y', CAST(2 AS BIGINT)] AS counts, CAST(ROW('Ulm', 89073) AS ROW<city STRING, zip INT>) AS place, 1 AS unused`)
	if err != nil {
		t.Fatal(err)
	}
	zip := int32(89073)
	want := row{
		ID: 7, UserName: "ann", Small: 3, Ratio: 1.5, Price: 2.25, PriceText: "2.50", At: time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC), Day: time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC),
		Wait: 90 * time.Second, Data: []byte{1, 2}, Tags: []string{"a", "b"}, Counts: map[string]int64{"x": 1, "y": 2}, Place: place{"Ulm", &zip},
	}
	if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	one, err := readAll[*int64](t, `SELECT v FROM (VALUES (1), (CAST(NULL AS INT))) AS t (v)`)
	if err != nil || len(one) != 2 || *one[0] != 1 || one[1] != nil {
		t.Errorf("one column: %v, %v", one, err)
	}
}

func TestValuesThatDoNotFit(t *testing.T) {
	type named struct{ Nme string }
	type narrow struct{ V int16 }
	refuse := func(err error, code fault.Code, parts ...string) {
		t.Helper()
		if fault.CodeOf(err) != code {
			t.Errorf("%v, want %s", err, code)
			return
		}
		for _, p := range parts {
			if !strings.Contains(err.Error(), p) {
				t.Errorf("%v says nothing of %q", err, p)
			}
		}
	}
	_, err := readAll[named](t, `SELECT 'x' AS name`)
	refuse(err, fault.OptionInvalid, "field Nme", "did you mean `name`")
	_, err = readAll[narrow](t, `SELECT 1 AS v`)
	refuse(err, fault.OptionInvalid, "`v`", "INT", "int16")
	_, err = readAll[int64](t, `SELECT 1 AS a, 2 AS b`)
	refuse(err, fault.OptionInvalid, "2 columns")
	got, err := readAll[int64](t, `SELECT v FROM (VALUES (5), (CAST(NULL AS INT))) AS t (v)`)
	refuse(err, fault.ExpressionValue, "`v`", "NULL")
	if len(got) != 1 || got[0] != 5 {
		t.Errorf("before the null came %v", got)
	}
	_, err = readAll[int64](t, `SELECT COUNT(*) AS n FROM (VALUES (5)) AS t (v)`)
	refuse(err, fault.OptionInvalid, "table.Changes")
}

func TestChanges(t *testing.T) {
	env := NewEnvironment(Options{Parallelism: 1})
	if err := env.Set("table.exec.mini-batch.enabled", "false"); err != nil {
		t.Fatal(err)
	}
	r, err := env.ExecuteSQL(t.Context(), `SELECT k, COUNT(*) AS n FROM (VALUES ('a'), ('b'), ('a')) AS t (k) GROUP BY k`)
	if err != nil {
		t.Fatal(err)
	}
	type count struct {
		K string
		N int64
	}
	state := map[string]int64{}
	for c, err := range Changes[count](context.Background(), r) {
		if err != nil {
			t.Fatal(err)
		}
		switch c.Kind {
		case types.Insert, types.UpdateAfter:
			state[c.Value.K] = c.Value.N
		case types.Delete:
			delete(state, c.Value.K)
		}
	}
	if !reflect.DeepEqual(state, map[string]int64{"a": 2, "b": 1}) {
		t.Errorf("%v", state)
	}
}
