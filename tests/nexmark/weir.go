package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/weirstream/weir/internal/cli/nexmarkbench"
)

// sum is what a result comes to: of the whole rows, of those with the columns of the loops ("loops"), of some columns ("part"), of a column's values ("total"), or of files ("files").
type sum struct{ kind, text string }

// parts are the columns by which a result is compared where ties in time decide.
var parts = map[string][]string{
	"q18": {"auction", "bidder", "dateTime"},
	"q19": {"auction", "price", "rank_number"},
}

// asLoops are queries with the columns that the hand-written loops put out, where these are others than the query's: q7's has two swapped, as Nexmark's own text has, and q23's leaves some out for others.
var asLoops = map[string]string{
	"q7": `CREATE TABLE loops (auction BIGINT, bidder BIGINT, price BIGINT, moment TIMESTAMP(3), extra STRING) WITH (${SINK});
INSERT INTO loops
SELECT B.auction, B.price, B.bidder, B.dateTime, B.extra
FROM bid B
JOIN (
  SELECT MAX(price) AS maxprice, window_end AS endtime
  FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(dateTime), INTERVAL '10' SECOND))
  GROUP BY window_start, window_end
) B1
ON B.price = B1.maxprice
WHERE B.dateTime BETWEEN B1.endtime - INTERVAL '10' SECOND AND B1.endtime;`,
	"q23": `CREATE TABLE loops (bidder BIGINT, price BIGINT, person BIGINT, initialBid BIGINT, reserve BIGINT, moment TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category BIGINT,
  s1 STRING, s2 STRING, s3 STRING, s4 STRING, s5 STRING, s6 STRING, s7 STRING, s8 STRING, s9 STRING, s10 STRING, s11 STRING, s12 STRING) WITH (${SINK});
INSERT INTO loops
SELECT B.bidder, B.price, P.id, A.initialBid, A.reserve, A.dateTime, A.expires, A.seller, A.category,
  B.channel, B.url, B.extra, P.name, P.emailAddress, P.creditCard, P.city, P.state, P.extra, A.itemName, A.description, A.extra
FROM bid B
JOIN person P ON P.id = B.bidder
JOIN auction A ON A.seller = B.bidder;`,
}

// bidColumns are those of q19 that are of one bid.
var bidColumns = []string{"auction", "bidder", "price", "channel", "url", "dateTime", "extra"}

// weir runs a query in a way.
func weir(ctx context.Context, q string, w way) (sums []sum, halted bool, err error) {
	if w.Halt {
		w.HaltAfter = w.Events / 2
	}
	if q == "q10" {
		if w.Output, err = os.MkdirTemp(w.Dir, "q10-"); err != nil {
			return nil, false, err
		}
		defer os.RemoveAll(w.Output)
	}
	verifiers := []*nexmarkbench.Verifier{{}}
	tied := parts[q] != nil
	if tied {
		part := &nexmarkbench.Verifier{Columns: parts[q]}
		verifiers = []*nexmarkbench.Verifier{{}, part}
		if w.Parallelism > 1 {
			verifiers = verifiers[1:]
		}
	}
	if q == "q12" {
		verifiers[0].Total = "bid_count"
	}
	for _, v := range verifiers {
		w.Verifier = v
		r, err := nexmarkbench.Run(ctx, q, w.Config)
		if err != nil {
			return nil, false, err
		}
		halted = halted || r.Halted
		switch {
		case q == "q10":
			text, err := files(filepath.Join(w.Output, "q10"))
			if err != nil {
				return nil, false, err
			}
			sums = append(sums, sum{"files", text})
		case q == "q12" && w.Batch:
			sums = append(sums, sum{"total", fmt.Sprint(v.Sum)})
		case q == "q12": // windows that are open when the events end give no rows
			sums = append(sums, sum{"within", fmt.Sprint(v.Sum >= 0 && v.Sum <= w.Events)})
		case v.Columns != nil:
			sums = append(sums, sum{"part", text(v)})
		default:
			sums = append(sums, sum{"rows", text(v)})
		}
	}
	if asLoops[q] != "" {
		w.Verifier, w.Statements = &nexmarkbench.Verifier{}, strings.ReplaceAll(asLoops[q], "dateTime", "`dateTime`")
		if _, err := nexmarkbench.Run(ctx, q, w.Config); err != nil {
			return nil, false, err
		}
		sums = append(sums, sum{"loops", text(w.Verifier)})
	}
	if q == "q19" {
		strangers, err := strangers(ctx, w)
		if err != nil {
			return nil, false, err
		}
		sums = append(sums, sum{"strangers", fmt.Sprint(strangers)})
	}
	return sums, halted, nil
}

func text(v *nexmarkbench.Verifier) string { return fmt.Sprintf("%d %016x", v.Rows, v.Checksum) }

// bids are the hashes of all bids, by the number of events.
var bids = map[int64]map[uint64]int{}

// strangers counts the rows of q19 that are no bids, or stand there more often than they were bid.
func strangers(ctx context.Context, w way) (int, error) {
	if bids[w.Events] == nil {
		all := map[uint64]int{}
		plain := nexmarkbench.Config{Events: w.Events, Rate: w.Rate, Dir: w.Dir, Parallelism: 1, MiniBatch: true, Verify: true}
		plain.Verifier = &nexmarkbench.Verifier{Columns: bidColumns, Each: func(h uint64, _ bool) { all[h]++ }}
		plain.Statements = "CREATE TABLE bids (auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, `dateTime` TIMESTAMP(3), extra VARCHAR) WITH (${SINK});\n" +
			"INSERT INTO bids SELECT auction, bidder, price, channel, url, `dateTime`, extra FROM bid;"
		if _, err := nexmarkbench.Run(ctx, "bids", plain); err != nil {
			return 0, err
		}
		bids[w.Events] = all
	}
	rows := map[uint64]int{}
	w.Verifier = &nexmarkbench.Verifier{Columns: bidColumns, Each: func(h uint64, adds bool) {
		if adds {
			rows[h]++
		} else {
			rows[h]--
		}
	}}
	if _, err := nexmarkbench.Run(ctx, "q19", w.Config); err != nil {
		return 0, err
	}
	n := 0
	for h, count := range rows {
		if count < 0 || count > bids[w.Events][h] {
			n++
		}
	}
	return n, nil
}

// files sums up the lines of all files below a directory, each with the partition that it is in.
func files(dir string) (string, error) {
	lines, total := 0, uint64(0)
	partitions := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name := filepath.Base(path)
		if err != nil || d.IsDir() || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
			return err
		}
		partition, err := filepath.Rel(dir, filepath.Dir(path))
		if err != nil {
			return err
		}
		partition = strings.ReplaceAll(partition, "%3A", ":")
		partitions[partition] = true
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			h := sha256.Sum256([]byte(partition + "\n" + strings.TrimSpace(line)))
			lines++
			for i := range 8 {
				total += uint64(h[i]) << (8 * i)
			}
		}
		return nil
	})
	return fmt.Sprintf("%d %016x in %d partitions", lines, total, len(partitions)), err
}
