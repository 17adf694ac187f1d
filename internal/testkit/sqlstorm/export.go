package sqlstorm

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirstream/weir/internal/sql/oracle"
	"github.com/weirstream/weir/types"
)

// exported is a line of queries.jsonl.
type exported struct {
	Seed  uint64   `json:"seed"`
	SQL   string   `json:"sql"`
	Types []string `json:"types"`
	Rows  []string `json:"rows"`
}

// Export writes what another engine needs to run queries in batch mode beside the oracle: a CSV file for each table with its last rows, tables.sql, which creates them, and queries.jsonl, with a line for each query: seed,
// text, types of the columns, and the rows that the oracle says, sorted. All queries are over the same tables.
func Export(dir string, queries int, first uint64) (written int, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	tables := newTables(exportSeed)
	var ddl strings.Builder
	for _, t := range tables {
		c := &Case{Tables: tables, Query: "SELECT * FROM " + t.Name}
		rows, _, err := c.evaluate(true)
		if err != nil {
			return 0, err
		}
		final := &Table{Columns: t.Columns}
		for _, r := range rows {
			final.Changes = append(final.Changes, oracle.Change{Kind: types.Insert, Row: r})
		}
		path := filepath.Join(dir, t.Name+".csv")
		if err := os.WriteFile(path, []byte(final.csv()), 0o644); err != nil {
			return 0, err
		}
		fmt.Fprintf(&ddl, "CREATE TABLE %s (%s) WITH ('connector' = 'filesystem', 'path' = 'file://%s', 'format' = 'csv', 'csv.null-literal' = 'NULL');\n", t.Name, t.Schema(), path)
	}
	if err := os.WriteFile(filepath.Join(dir, "tables.sql"), []byte(ddl.String()), 0o644); err != nil {
		return 0, err
	}
	f, err := os.Create(filepath.Join(dir, "queries.jsonl"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	enc := json.NewEncoder(f)
	enc.SetEscapeHTML(false)
	for i := range uint64(queries) {
		query, _ := generate(newChoices(first + i))
		c := &Case{Tables: tables, Query: query}
		rows, fields, err := c.evaluate(true)
		if err != nil {
			continue // undetermined, or not known to the oracle
		}
		line := exported{Seed: first + i, SQL: query, Rows: []string{}}
		for _, field := range fields {
			line.Types = append(line.Types, field.Type.String())
		}
		for _, r := range rows {
			line.Rows = append(line.Rows, r.Text())
		}
		slices.Sort(line.Rows)
		if err := enc.Encode(line); err != nil {
			return written, err
		}
		written++
	}
	return written, f.Close()
}

// exportSeed is one of tables with some rows each.
const exportSeed = 145
