package vec_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/types"
)

// bids is a batch as Nexmark's bids are: price, dateTime, channel, url.
func bids(n int) (*binder, *column.Batch) {
	b := &binder{session: &fn.Session{}, fields: []types.Field{{Name: "price", Type: bigint}, {Name: "ts", Type: types.TimestampOf(3)}, {Name: "channel", Type: types.String()}, {Name: "url", Type: types.String()}}}
	r := rand.New(rand.NewPCG(11, 12))
	in := &column.Batch{N: n}
	for range b.fields {
		in.Cols = append(in.Cols, &column.Vector{})
	}
	for i, form := range []column.Form{column.Word, column.Word, column.Text, column.Text} {
		in.Cols[i].Reset(form, n)
	}
	channels := []string{"Apple", "Google", "Facebook", "Baidu", "channel-1234"}
	for i := range n {
		in.Cols[0].Words[i] = uint64(r.Int64N(100_000_000))
		in.Cols[1].Words[i] = uint64(1_700_000_000_000 + int64(i)/10)
		in.Cols[2].SetString(i, channels[r.IntN(5)])
		url := fmt.Sprintf("https://www.nexmark.com/%x/%x/%x/item.htm?query=1", r.IntN(1<<16), r.IntN(1<<16), r.IntN(1<<16))
		if r.IntN(2) == 0 {
			url += fmt.Sprintf("&channel_id=%d", r.Int32())
		}
		in.Cols[3].SetString(i, url)
	}
	return b, in
}

var nexmark = map[string]string{
	"decimal":        "0.908 * price",
	"condition":      "0.908 * price > 1000000 AND 0.908 * price < 50000000",
	"hour":           "CASE WHEN HOUR(ts) >= 8 AND HOUR(ts) <= 18 THEN 'dayTime' WHEN HOUR(ts) <= 6 OR HOUR(ts) >= 20 THEN 'nightTime' ELSE 'otherTime' END",
	"day":            "DATE_FORMAT(ts, 'yyyy-MM-dd')",
	"minute":         "DATE_FORMAT(ts, 'HH:mm')",
	"millisecond":    "DATE_FORMAT(ts, 'yyyy-MM-dd HH:mm:ss.SSS')",
	"lower":          "LOWER(channel)",
	"lower in":       "LOWER(channel) IN ('apple', 'google', 'facebook', 'baidu')",
	"split":          "SPLIT_INDEX(url, '/', 3)",
	"regexp":         "REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2)",
	"channel":        "CASE WHEN LOWER(channel) = 'apple' THEN '0' WHEN LOWER(channel) = 'google' THEN '1' WHEN LOWER(channel) = 'facebook' THEN '2' WHEN LOWER(channel) = 'baidu' THEN '3' ELSE REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2) END",
	"mod":            "MOD(price, 123) = 0",
	"like":           "url LIKE '%channel_id=%'",
	"cast to string": "CAST(price AS STRING)",
	"concat":         "channel || '-' || url",
}

// TestNexmarkAllocs checks that what Nexmark's queries compute allocates nothing for a batch.
func TestNexmarkAllocs(t *testing.T) {
	b, in := bids(1000)
	for name, text := range nexmark {
		e, err := b.bind(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p, err := vec.Compile(e, b.session)
		if err != nil {
			t.Fatal(err)
		}
		call := &fn.Call{}
		run := func() { _, err = p.Eval(call, in, nil) }
		run()
		if got := testing.AllocsPerRun(10, run); got != 0 || err != nil {
			t.Errorf("%s allocates %v times a batch, %v", name, got, err)
		}
	}
}

// BenchmarkNexmark gives the time of a batch of 1000 rows.
func BenchmarkNexmark(bench *testing.B) {
	b, in := bids(1000)
	for name, text := range nexmark {
		bench.Run(name, func(bench *testing.B) {
			e, err := b.bind(text)
			if err != nil {
				bench.Fatal(err)
			}
			p, err := vec.Compile(e, b.session)
			if err != nil {
				bench.Fatal(err)
			}
			call := &fn.Call{}
			bench.ReportAllocs()
			for bench.Loop() {
				if _, err := p.Eval(call, in, nil); err != nil {
					bench.Fatal(err)
				}
			}
		})
	}
}
