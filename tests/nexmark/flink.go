package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/weirstream/weir/internal/cli/nexmarkbench"
	"github.com/weirstream/weir/internal/testkit/flinksql"
)

// columnsOf finds the columns of the table that a query writes to.
var columnsOf = regexp.MustCompile(`(?m)^CREATE TABLE q\d+ (\(.*\)) (?:PARTITIONED BY .*)?WITH`)

// patience is how long a query may take in Flink.
const patience = 10 * time.Minute

// csv are the options of a table of files that keeps null apart from text without characters.
const csv = "'connector' = 'filesystem', 'path' = 'file://%s', 'format' = 'csv', 'csv.null-literal' = '<null>'"

// flink runs a query in Flink, in batch mode, and sums up the files that it writes.
func flink(ctx context.Context, o options, dir, q string) ([]sum, error) {
	if q == "q12" {
		return nil, nil // Flink has no windows of processing time in batch mode, and in streaming mode the last ones give no rows
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out := filepath.Join(dir, "flink-"+q)
	if err := os.MkdirAll(out, 0o777); err != nil {
		return nil, err
	}
	defer os.RemoveAll(out)
	rows := filepath.Join(out, "rows")
	script, err := nexmarkbench.Script{Events: o.events, Rate: rate, Sink: fmt.Sprintf(csv, rows), Output: out}.Text(q)
	if err != nil {
		return nil, err
	}
	s, err := flinksql.Open(ctx, o.gateway, map[string]string{"execution.runtime-mode": "batch", "parallelism.default": "1", "table.dml-sync": "true", "table.local-time-zone": "UTC"})
	if err != nil {
		return nil, err
	}
	defer s.Close(context.WithoutCancel(ctx))
	if o.countChar != "" {
		script = "CREATE TEMPORARY FUNCTION count_char AS '" + o.countChar + "';\n" + script
	}
	for statement := range strings.SplitSeq(comments.ReplaceAllString(script, "")+"\n", ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := s.Run(ctx, statement); err != nil {
			return nil, fmt.Errorf("%s: %w", statement, err)
		}
	}
	if q == "q10" {
		text, err := files(filepath.Join(out, "q10"))
		return []sum{{"files", text}}, err
	}
	found := columnsOf.FindStringSubmatch(script)
	if found == nil {
		return nil, fmt.Errorf("the script of %s has no table that it writes to", q)
	}
	v := &nexmarkbench.Verifier{Columns: parts[q]}
	read := nexmarkbench.Config{Events: o.events, Rate: rate, Parallelism: 1, MiniBatch: true, Verify: true, Verifier: v, Dir: dir}
	read.Statements = "CREATE TABLE flink " + found[1] + " WITH (" + fmt.Sprintf(csv, rows) + ");\nCREATE TABLE summed " + found[1] + " WITH (${SINK});\nINSERT INTO summed SELECT * FROM flink;"
	if _, err := nexmarkbench.Run(ctx, "files", read); err != nil {
		return nil, err
	}
	if v.Columns != nil {
		return []sum{{"part", text(v)}}, nil
	}
	return []sum{{"rows", text(v)}}, nil
}

// comments are those of a script.
var comments = regexp.MustCompile(`--[^\n]*`)
