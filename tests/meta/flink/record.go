package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/weirstream/weir/internal/testkit/flinksql"
	"github.com/weirstream/weir/internal/testkit/sqlstorm"
)

// recorded is a line of a record: what Flink said to a query.
type recorded struct {
	Seed, Tables uint64
	Mode, SQL    string
	Types, Rows  []string          `json:",omitempty"`
	Refusal      *flinksql.Refusal `json:",omitempty"`
}

// record is what Flink said; nil if it came to no end.
func (c *compared) record() *recorded {
	r := &recorded{Seed: c.seed, Tables: c.tables, Mode: c.mode, SQL: c.sql, Types: c.flink.types, Rows: c.flink.rows}
	if c.flink.err != nil && !errors.As(c.flink.err, &r.Refusal) {
		return nil
	}
	return r
}

// writeRecord writes a compressed record.
func writeRecord(path string, list []*recorded) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z := gzip.NewWriter(f)
	enc := json.NewEncoder(z)
	enc.SetEscapeHTML(false)
	for _, r := range list {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return z.Close()
}

// readRecord reads one.
func readRecord(path string) (list []*recorded, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for dec := json.NewDecoder(z); ; {
		r := &recorded{}
		if err := dec.Decode(r); err != nil {
			if errors.Is(err, io.EOF) {
				return list, nil
			}
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, r)
	}
}

// replay compares Weir with what Flink said.
func replay(ctx context.Context, list []*recorded, dir string, workers int, done func(*compared)) error {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	at := 0
	for w := range max(workers, 1) {
		wg.Go(func() {
			r := &sqlstorm.Runner{Dir: filepath.Join(dir, fmt.Sprint(w))}
			for {
				mu.Lock()
				i := at
				at++
				mu.Unlock()
				if i >= len(list) || ctx.Err() != nil {
					return
				}
				c, err := sqlstorm.Peer(list[i].Tables, list[i].Seed, list[i].Mode == "batch")
				if err == nil {
					c.Query = list[i].SQL
					out := answered(ctx, r, c, list[i].Mode)
					out.seed, out.tables = list[i].Seed, list[i].Tables
					out.flink.types, out.flink.rows = list[i].Types, list[i].Rows
					if list[i].Refusal != nil {
						out.flink.err = list[i].Refusal
					}
					mu.Lock()
					done(out)
					mu.Unlock()
					continue
				}
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
				return
			}
		})
	}
	wg.Wait()
	return errors.Join(failed, ctx.Err())
}

// answered has Weir's answer to a case.
func answered(ctx context.Context, r *sqlstorm.Runner, c *sqlstorm.Case, mode string) *compared {
	out := &compared{mode: mode, sql: c.Query}
	rows, columns, err := r.Answer(ctx, c, mode == "batch")
	out.weir.rows, out.weir.err = rows, err
	for _, f := range columns {
		out.weir.types = append(out.weir.types, f.Type.SQL())
	}
	return out
}
