package table

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirstream/weir"
)

// TestFilesystem writes the bids of Nexmark as its query 10 does, and reads them again.
func TestFilesystem(t *testing.T) {
	dir := t.TempDir()
	const columns = "(price BIGINT, `dateTime` TIMESTAMP(3), extra STRING, dt STRING, hm STRING) PARTITIONED BY (dt, hm)"
	_, err := run(t, `
CREATE TABLE nexmark (bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, `+"`dateTime`"+` TIMESTAMP(3), extra VARCHAR>, event_type INT)
WITH ('connector' = 'nexmark', 'events.num' = '20000', 'next-event.rate' = '100');
CREATE TABLE q10 `+columns+` WITH ('connector' = 'filesystem', 'path' = 'file://`+dir+`', 'format' = 'csv',
  'sink.partition-commit.trigger' = 'partition-time', 'sink.partition-commit.delay' = '1 min', 'sink.partition-commit.policy.kind' = 'success-file',
  'partition.time-extractor.timestamp-pattern' = '$dt $hm:00');
INSERT INTO q10
SELECT bid.price, bid.`+"`dateTime`"+`, bid.extra, DATE_FORMAT(bid.`+"`dateTime`"+`, 'yyyy-MM-dd'), DATE_FORMAT(bid.`+"`dateTime`"+`, 'HH:mm') FROM nexmark WHERE event_type = 2`)
	if err != nil {
		t.Fatal(err)
	}
	success, err := filepath.Glob(filepath.Join(dir, "dt=2015-07-15", "hm=*", "_SUCCESS"))
	if err != nil || len(success) != 4 {
		t.Errorf("%q, %v", success, err)
	}
	lines := 0
	parts, err := filepath.Glob(filepath.Join(dir, "dt=2015-07-15", "hm=00%3A0?", "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(text), "\n")
	}
	if lines != 18400 {
		t.Errorf("%d lines", lines)
	}
	got, err := run(t, `
SET 'execution.runtime-mode' = 'batch';
CREATE TABLE q10 `+columns+` WITH ('connector' = 'filesystem', 'path' = '`+dir+`', 'format' = 'csv');
SELECT COUNT(*) AS n, MIN(`+"`dateTime`"+`) AS first_bid, MAX(dt || ' ' || hm) AS last_minute, COUNT(DISTINCT extra) AS texts FROM q10`)
	if want := "op\tn\tfirst_bid\tlast_minute\ttexts\n+I\t18400\t2015-07-15 00:00:00.040\t2015-07-15 00:03\t18400\n"; err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

// TestFilesystemParquet writes partitions of Parquet, and reads some of them, of some rows, in several subtasks.
func TestFilesystemParquet(t *testing.T) {
	dir := t.TempDir()
	const columns = "(id INT NOT NULL, name STRING, price DECIMAL(20, 2), since TIMESTAMP(3), tags ARRAY<STRING>, part STRING) PARTITIONED BY (part)"
	_, err := run(t, `
CREATE TABLE g (id INT NOT NULL) WITH ('connector' = 'datagen', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '5000', 'rows-per-second' = '1000000');
CREATE TABLE p `+columns+` WITH ('connector' = 'filesystem', 'path' = '`+dir+`', 'format' = 'parquet', 'parquet.block.size' = '20 kb', 'parquet.compression' = 'zstd');
INSERT INTO p SELECT id, IF(MOD(id, 5) = 0, NULL, 'name ' || CAST(id AS STRING)), id * 1.25, TIMESTAMPADD(SECOND, id, TIMESTAMP '2024-01-01 00:00:00'), ARRAY['a', CAST(id AS STRING)],
  CAST(MOD(id, 3) AS STRING) FROM g`)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := filepath.Glob(filepath.Join(dir, "part=*", "part-*"))
	if err != nil || len(parts) != 3 {
		t.Fatalf("%q, %v", parts, err)
	}
	for query, want := range map[string]string{
		"SELECT COUNT(*) AS n, SUM(price) AS s, MAX(since) AS m, COUNT(name) AS c FROM p":                "n\ts\tm\tc\n+I\t5000\t15628125.00\t2024-01-01 01:23:20.000\t4000\n",
		"SELECT COUNT(*) AS n, MIN(tags[2]) AS t, MAX(id) AS m FROM p WHERE part = '1' AND id > 4990":    "n\tt\tm\n+I\t3\t4993\t4999\n",
		"SELECT name, part FROM p WHERE id IN (7, 4998) ORDER BY id":                                     "name\tpart\n+I\tname 7\t1\n+I\tname 4998\t0\n",
		"SELECT COUNT(*) AS n FROM p WHERE part = '9'":                                                   "n\n+I\t0\n",
		"SELECT COUNT(*) AS n FROM p WHERE since < TIMESTAMP '2024-01-01 00:01:00' AND name IS NOT NULL": "n\n+I\t48\n",
	} {
		got, err := run(t, `
SET 'execution.runtime-mode' = 'batch';
CREATE TABLE p `+columns+` WITH ('connector' = 'filesystem', 'path' = '`+dir+`', 'format' = 'parquet');
`+query)
		if want = "op\t" + want; err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", query, got, err, want)
		}
	}
}

// TestFilesystemErrors: a record that is malformed fails the job with file and line, or the job tells how many were put aside.
func TestFilesystemErrors(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.csv")
	if err := os.WriteFile(in, []byte("1\nx\n2\ny\nz\n3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	insert := func(option string) (result *weir.JobResult, err error) {
		script := "CREATE TABLE t (i INT) WITH ('connector' = 'filesystem', 'path' = '" + in + "', 'format' = 'csv'" + option + "); CREATE TABLE o (i INT) WITH ('connector' = 'blackhole'); INSERT INTO o SELECT i FROM t"
		err = NewEnvironment(Options{}).Script(t.Context(), "test.sql", script, func(_ string, r *Result) (err error) {
			if r.Job != nil {
				result, err = r.Job.Wait(t.Context())
			}
			return err
		})
		return result, err
	}
	if _, err := insert(""); err == nil || !strings.Contains(err.Error(), in+":2: ") {
		t.Error(err)
	}
	result, err := insert(", 'source.dead-letter.path' = '" + filepath.Join(dir, "dead") + "'")
	if err != nil || !strings.Contains(result.String(), "3 records malformed and left out") || result.Accumulators["numRecordsInErrors"].Count != 3 {
		t.Error(result, err)
	}
}
