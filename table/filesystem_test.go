package table

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
