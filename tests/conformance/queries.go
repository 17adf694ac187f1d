package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/table"
	"github.com/weirstream/weir/types"
)

// deadline is how long a query may take.
const deadline = 20 * time.Second

// tableRow is a row of a changelog as the files have it.
type tableRow struct {
	K string `json:"k"`
	V []any  `json:"v"`
}

// session returns an environment with a table of the set's columns and the given rows. A column whose type cannot be read is left out: its type is not valid.
func (s *set) session(i item, name string, rows func(t []types.Type, zone *time.Location) ([]values.Row, error)) (*table.Environment, error) {
	env := table.NewEnvironment(table.Options{Parallelism: 1})
	zone := time.UTC
	for _, config := range []map[string]string{s.Config, i.Config} {
		for key, value := range config {
			if err := env.Set(key, value); err != nil {
				return nil, err
			}
			if key == "table.local-time-zone" {
				z, err := fn.Zone(value)
				if err != nil {
					return nil, err
				}
				zone = z
			}
		}
	}
	var columns []string
	var ts []types.Type
	for _, f := range s.Fields {
		t, err := readType(f.Type)
		if err == nil {
			columns = append(columns, types.Quote(f.Name)+" "+typeText(t.SQL()))
		}
		ts = append(ts, t)
	}
	list, err := rows(ts, zone)
	if err != nil {
		return nil, err
	}
	store := values.NewStore()
	store.Put(name, list...)
	env.AddConnector(store.Table())
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	_, err = env.ExecuteSQL(ctx, "CREATE TABLE "+name+" ("+strings.Join(columns, ", ")+") WITH ('connector' = 'values', 'changelog-mode' = 'I,UB,UA,D')")
	return env, err
}

// rowsOf are the rows of the set's table.
func (s *set) rowsOf(ts []types.Type, zone *time.Location) ([]values.Row, error) {
	kinds := map[string]types.RowKind{"+I": types.Insert, "-U": types.UpdateBefore, "+U": types.UpdateAfter, "-D": types.Delete}
	var list []values.Row
	for _, raw := range s.Rows {
		var r tableRow
		if err := json.Unmarshal(raw, &r); err != nil {
			return nil, err
		}
		if len(r.V) != len(ts) {
			return nil, fmt.Errorf("a row has %d values for %d columns", len(r.V), len(ts))
		}
		row := values.Row{Kind: kinds[r.K]}
		for k, x := range r.V {
			if !ts[k].Valid() {
				continue
			}
			v, err := readValue(x, ts[k], zone)
			if err != nil {
				return nil, err
			}
			row.Values = append(row.Values, v)
		}
		list = append(list, row)
	}
	return list, nil
}

// selected checks an expression over the table testTable of one row, cast to STRING.
func (s *set) selected(sql string, i item) error {
	env, err := s.session(i, "testTable", func(ts []types.Type, zone *time.Location) ([]values.Row, error) {
		row := values.Row{}
		for k, f := range s.Fields {
			if !ts[k].Valid() {
				continue
			}
			var x struct{ Value any }
			if err := json.Unmarshal(f.Value, &x); err != nil {
				return nil, err
			}
			v, err := readValue(x.Value, ts[k], zone)
			if err != nil {
				v = column.NullValue() // who reads such a column fails
			}
			row.Values = append(row.Values, v)
		}
		return []values.Row{row}, nil
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	result, err := env.ExecuteSQL(ctx, "SELECT CAST("+sql+" AS STRING) FROM testTable")
	if err != nil {
		return err
	}
	content, err := final(ctx, result)
	if err != nil {
		return err
	}
	if len(content) != 1 {
		return fmt.Errorf("there are %d rows", len(content))
	}
	got := "NULL"
	if v := content[0].Values[0]; !v.Null {
		got = v.Text
	}
	if want := texts(i.Expected)[0]; got != want {
		return fmt.Errorf("%q, want %q", got, want)
	}
	return nil
}

// aggregate runs a query over the set's rows, and compares what it has in the end, in any order, or that it fails.
func (s *set) aggregate(sql string, i item) error {
	env, err := s.session(i, "T", s.rowsOf)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	result, err := env.ExecuteSQL(ctx, sql)
	var content []table.Row
	ran := err == nil
	if err == nil {
		content, err = final(ctx, result)
	}
	if i.Kind == "error" {
		switch {
		case err == nil:
			return fmt.Errorf("there is no error; want: %s", i.Message)
		case i.Phase == "runtime" && !ran:
			return fmt.Errorf("refused before it is run: %w", err)
		case i.Phase == "validation" && ran:
			return fmt.Errorf("refused only when it is run: %w", err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if len(result.Columns) != len(i.Types) {
		return fmt.Errorf("there are %d columns, want %d", len(result.Columns), len(i.Types))
	}
	var ts []types.Type
	for k, c := range result.Columns {
		t, err := readType(i.Types[k])
		if err != nil {
			return err
		}
		if have := c.Type.WithAttribute(types.NoAttribute); !have.Equal(t) {
			return fmt.Errorf("column %d has the type %s, want %s", k+1, have, t)
		}
		ts = append(ts, t)
	}
	var expected []tableRow
	if err := json.Unmarshal(i.Expected, &expected); err != nil {
		return err
	}
	for _, want := range expected {
		var vs []column.Value
		for k, x := range want.V {
			v, err := readValue(x, ts[k], time.UTC)
			if err != nil {
				return err
			}
			vs = append(vs, v)
		}
		at := index(content, ts, vs)
		if at < 0 {
			return fmt.Errorf("there is no row %v; there are %s", want.V, printed(content, ts))
		}
		content = append(content[:at], content[at+1:]...)
	}
	if len(content) > 0 {
		return fmt.Errorf("there are more rows: %s", printed(content, ts))
	}
	return nil
}

// final returns the rows that are there in the end.
func final(ctx context.Context, r *table.Result) ([]table.Row, error) {
	var ts []types.Type
	for _, c := range r.Columns {
		ts = append(ts, c.Type)
	}
	var content []table.Row
	for row, err := range r.Rows(ctx) {
		if err != nil {
			return nil, err
		}
		if row.Kind.Adds() {
			content = append(content, row)
			continue
		}
		if at := index(content, ts, row.Values); at >= 0 {
			content = append(content[:at], content[at+1:]...)
		} else {
			return nil, fmt.Errorf("a row is taken back that is not there: %s", printed([]table.Row{row}, ts))
		}
	}
	return content, nil
}

func index(rows []table.Row, ts []types.Type, vs []column.Value) int {
next:
	for at, r := range rows {
		for k, v := range r.Values {
			if !same(ts[k], v, vs[k]) {
				continue next
			}
		}
		return at
	}
	return -1
}

func printed(rows []table.Row, ts []types.Type) string {
	var all []string
	for _, r := range rows {
		var vs []string
		for k, v := range r.Values {
			vs = append(vs, show(v, ts[k]))
		}
		all = append(all, "("+strings.Join(vs, ", ")+")")
	}
	return strings.Join(all, " ")
}
