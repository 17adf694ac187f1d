package sqlstorm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirstream/weir/internal/sql/oracle"
	"github.com/weirstream/weir/types"
)

// Peer returns the case of a seed for a comparison with another engine: its query, over the tables of another seed. In batch mode tables with updates have just their last rows; in streaming mode a
// watermark comes behind each row, as it does in Flink if it is 200 ms or more ahead of the last one, so that the same rows are late.
func Peer(tables, query uint64, batch bool) (*Case, error) {
	c := &Case{Tables: newTables(tables)}
	c.Query, c.Key = generate(newChoices(query))
	for _, t := range c.Tables {
		t.Batch = 1
		if !batch || !t.Updates {
			continue
		}
		rows, _, err := (&Case{Tables: c.Tables, Query: "SELECT * FROM " + t.Name}).evaluate(true)
		if err != nil {
			return nil, err
		}
		t.Updates, t.Upserts, t.Changes = false, false, nil
		for _, r := range rows {
			t.Changes = append(t.Changes, oracle.Change{Kind: types.Insert, Row: r})
		}
	}
	return c, nil
}

// Undetermined reports whether the case has no certain result: what ties decide, or the order of rows that have none.
func (c *Case) Undetermined(batch bool) bool {
	_, _, err := c.evaluate(batch)
	return errors.Is(err, oracle.ErrUndetermined)
}

// Answer runs the case with a parallelism of 1, and returns its rows, sorted, each as text with commas, and its columns. It does not ask the oracle.
func (r *Runner) Answer(ctx context.Context, c *Case, batch bool) (rows []string, columns []types.Field, err error) {
	rows, err = r.run(ctx, c, Way{Parallelism: 1, Batch: batch}, &columns)
	return rows, columns, err
}

// Files writes a file for each table, and returns the statements that create them in Flink: CSV for rows that are only added, JSON lines in the form of Debezium for changes.
func (c *Case) Files(dir string) (ddl []string, err error) {
	for _, t := range c.Tables {
		name, text, format := t.Name+".csv", t.csv(), "'format' = 'csv', 'csv.null-literal' = 'NULL'"
		if t.Updates {
			name, format = t.Name+".json", "'format' = 'debezium-json'"
			if text, err = t.debezium(); err != nil {
				return nil, err
			}
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return nil, err
		}
		ddl = append(ddl, fmt.Sprintf("CREATE TEMPORARY TABLE %s (%s) WITH ('connector' = 'filesystem', 'path' = 'file://%s', %s)", t.Name, t.Schema(), path, format))
	}
	return ddl, nil
}

// csv has a line for each row. Null is NULL, and text is quoted.
func (t *Table) csv() string {
	var b strings.Builder
	for _, ch := range t.Changes {
		for i, v := range ch.Row {
			if i > 0 {
				b.WriteByte(',')
			}
			if s, ok := v.(string); ok {
				fmt.Fprintf(&b, "%q", s)
			} else {
				b.WriteString(oracle.Text(v))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// debezium has a line for each change; an update has the old row and the new one.
func (t *Table) debezium() (string, error) {
	var b strings.Builder
	old := map[string]oracle.Row{} // the rows there are, by their id
	for i, ch := range t.Changes {
		id := oracle.Text(ch.Row[slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == "id" })])
		line := map[string]any{"before": nil, "after": nil}
		switch {
		case ch.Kind == types.UpdateBefore:
			if i+1 == len(t.Changes) || t.Changes[i+1].Kind != types.UpdateAfter {
				return "", fmt.Errorf("row %d of %s is taken back, and nothing comes for it", i, t.Name)
			}
			continue
		case ch.Kind == types.UpdateAfter:
			line["op"], line["before"], line["after"] = "u", t.object(old[id]), t.object(ch.Row)
			old[id] = ch.Row
		case ch.Kind.Adds():
			line["op"], line["after"] = "c", t.object(ch.Row)
			old[id] = ch.Row
		default:
			line["op"], line["before"] = "d", t.object(ch.Row)
			delete(old, id)
		}
		text, err := json.Marshal(line)
		if err != nil {
			return "", err
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	return b.String(), nil
}

// object is a row as JSON.
func (t *Table) object(r oracle.Row) map[string]any {
	o := map[string]any{}
	for i, c := range t.Columns {
		switch v := r[i].(type) {
		case nil, string, bool, int64, float64:
			o[c.Name] = v
		default:
			o[c.Name] = json.Number(oracle.Text(v))
			if c.Type.Kind() != types.Decimal {
				o[c.Name] = oracle.Text(v)
			}
		}
	}
	return o
}
