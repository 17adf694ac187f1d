// Command killsql runs a durable script of SQL many times with `weir run --checkpoint-dir`, kills it with SIGKILL at random moments, gives the same command again each time until it has finished, and
// compares the tables that it has written with those of a run that nobody disturbed: row by row, none missing, none twice. The script reads CSV, plain and compressed, with quotes over several
// lines, and writes partitioned Parquet: the rows themselves, and sums of windows.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/internal/testkit/killed"
)

func main() {
	runs := flag.Int("runs", 30, "runs, each killed at least once")
	rows := flag.Int("rows", 200_000, "rows of the input")
	seed := flag.Uint64("seed", 0, "seed of the moments; 0 draws one")
	binary := flag.String("weir", "", "the program weir; built from ./cmd/weir if it is not given")
	flag.Parse()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	differ, err := run(*binary, *runs, *rows, *seed)
	if err != nil {
		fmt.Fprintln(os.Stderr, "killsql:", err)
		os.Exit(1)
	}
	fmt.Printf("killsql: %d runs, %d differ\n", *runs, differ)
	if differ > 0 {
		os.Exit(1)
	}
}

type ladder struct {
	dir, binary string
	rng         *rand.Rand
}

func run(binary string, runs, rows int, seed uint64) (differ int, err error) {
	dir, err := os.MkdirTemp("", "weir-killsql")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	l := ladder{dir: dir, binary: binary, rng: rand.New(rand.NewPCG(seed, 1))}
	if binary == "" {
		l.binary = filepath.Join(dir, "weir")
		build := exec.Command("go", "build", "-o", l.binary, "./cmd/weir")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return 0, fmt.Errorf("building cmd/weir: %w", err)
		}
	}
	if err := l.makeInput(rows); err != nil {
		return 0, err
	}
	start := time.Now()
	want, _, err := l.once("undisturbed", 0)
	took := time.Since(start)
	if err != nil {
		return 0, err
	}
	fmt.Printf("seed %d: the undisturbed run takes %v and writes %d rows\n", seed, took.Round(time.Millisecond), len(want))
	kills := 0
	for i := range runs {
		var got []string
		killed := 0
		// A run that was over before its moment came counts for nothing: the next one's comes sooner.
		for within := took; killed == 0; within = max(within/2, 10*time.Millisecond) {
			if got, killed, err = l.once(fmt.Sprint("run-", i), within); err != nil {
				return differ, fmt.Errorf("run %d: %w", i, err)
			}
		}
		kills += killed
		if !slices.Equal(got, want) {
			differ++
			fmt.Printf("run %d, killed %d times, differs: %s\n", i, killed, difference(want, got))
		}
	}
	fmt.Printf("killed %d times\n", kills)
	return differ, nil
}

const inColumns = "(id BIGINT, since TIMESTAMP(3), shop STRING, price DECIMAL(10, 2), note STRING"

// makeInput writes files in the order of time, each row a little out of it.
func (l *ladder) makeInput(rows int) error {
	const files = 6
	at := time.Date(2025, 3, 3, 0, 0, 0, 0, time.UTC)
	id := 0
	for f := range files {
		var b bytes.Buffer
		for range rows / files {
			at = at.Add(time.Duration(l.rng.IntN(1000)) * time.Millisecond)
			t := at.Add(-time.Duration(l.rng.IntN(5000)) * time.Millisecond)
			note := []string{"", "plain", `"with ""quotes"""`, "\"over\ntwo lines\""}[l.rng.IntN(4)]
			fmt.Fprintf(&b, "%d,%s,shop %d,%d.%02d,%s\n", id, t.Format("2006-01-02 15:04:05.000"), l.rng.IntN(7), l.rng.IntN(1000), l.rng.IntN(100), note)
			id++
		}
		path, text := filepath.Join(l.dir, "in", fmt.Sprintf("%02d.csv", f)), b.Bytes()
		if f%3 == 2 {
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			if _, err := w.Write(text); err != nil {
				return err
			}
			if err := w.Close(); err != nil {
				return err
			}
			path, text = path+".gz", packed.Bytes()
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// script is the one that is run, and its output's tables.
func (l *ladder) script(out string) (script, tables string) {
	tables = fmt.Sprintf(`
CREATE TABLE copied (id BIGINT, price DECIMAL(10, 2), note STRING, shop STRING) PARTITIONED BY (shop)
WITH ('connector' = 'filesystem', 'path' = '%[1]s/copied', 'format' = 'parquet', 'parquet.block.size' = '64 kb', 'sink.rolling-policy.file-size' = '300 kb', 'sink.partition-commit.policy.kind' = 'success-file');
CREATE TABLE sums (since TIMESTAMP(3), shop STRING, n BIGINT, total DECIMAL(38, 2), day_of STRING) PARTITIONED BY (day_of)
WITH ('connector' = 'filesystem', 'path' = '%[1]s/sums', 'format' = 'parquet');
`, out)
	return fmt.Sprintf(`
SET 'execution.checkpointing.interval' = '20 ms';
CREATE TABLE sales %s, WATERMARK FOR since AS since - INTERVAL '5' SECOND) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'csv');
%s
EXECUTE STATEMENT SET BEGIN
INSERT INTO copied SELECT id, price, note, shop FROM sales;
INSERT INTO sums SELECT window_start, shop, COUNT(*), SUM(price), DATE_FORMAT(window_start, 'yyyy-MM-dd') FROM TABLE(TUMBLE(TABLE sales, DESCRIPTOR(since), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, shop;
END;
`, inColumns, filepath.Join(l.dir, "in"), tables), tables
}

// once runs the script until it has finished, killing it at moments within a time, at least once unless the time is 0. It returns the rows of what it wrote, sorted.
func (l *ladder) once(name string, within time.Duration) (rows []string, kills int, err error) {
	out := filepath.Join(l.dir, name)
	defer os.RemoveAll(out)
	if err := os.MkdirAll(out, 0o777); err != nil {
		return nil, 0, err
	}
	text, tables := l.script(out)
	script := filepath.Join(out, "script.sql")
	if err := os.WriteFile(script, []byte(text), 0o666); err != nil {
		return nil, 0, err
	}
	kills, err = killed.Run(l.rng, within, 10, func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, l.binary, "run", "--parallelism", "2", "--checkpoint-dir", filepath.Join(out, "checkpoints"), script)
	})
	if err != nil {
		return nil, kills, err
	}
	rows, err = l.read(out, tables)
	return rows, kills, err
}

// read returns all rows of the tables that the script has written.
func (l *ladder) read(out, tables string) ([]string, error) {
	if names, err := filepath.Glob(filepath.Join(out, "copied", "shop=*", "_SUCCESS")); err != nil || len(names) != 7 {
		return nil, fmt.Errorf("%d of 7 partitions are announced: %w", len(names), err)
	}
	var rows []string
	for _, table := range []string{"copied", "sums"} {
		cmd := exec.Command(l.binary, "run", "--format", "csv", "-")
		cmd.Stdin = strings.NewReader("SET 'execution.runtime-mode' = 'batch';" + tables + "SELECT * FROM " + table + ";")
		var log bytes.Buffer
		cmd.Stderr = &log
		b, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w\n%s", table, err, log.String())
		}
		for line := range strings.Lines(string(b)) {
			rows = append(rows, table+": "+line)
		}
	}
	slices.Sort(rows)
	return rows, nil
}

// difference tells the first row that one has more often than the other.
func difference(want, got []string) string {
	for i := 0; ; i++ {
		switch {
		case i == len(want) && i == len(got):
			return "nothing"
		case i == len(want) || i < len(got) && got[i] < want[i]:
			return "too often: " + got[i]
		case i == len(got) || want[i] < got[i]:
			return "too few: " + want[i]
		}
	}
}
