// Command nexmark runs all Nexmark queries over a million events in many ways, and compares what each comes to with sums that do not come from Weir.
//
//	go run ./tests/nexmark
//	go run ./tests/nexmark -queries q5,q9 -ways streaming
//	go run ./tests/nexmark -gateway http://127.0.0.1:8083 -count-char some.java.Class
//
// A query runs at parallelism 1, 2 and 4: streaming, whole and stopped with a savepoint in the middle and restored, and in batch mode, each with state in memory and in lsm. In golden.txt is how many rows its result has, and a
// sum of the rows' hashes that does not depend on their order: those of hand-written loops over the same events, which share no code with Weir, and of Apache Flink, where -gateway is the way to its SQL gateway: there each query
// runs in batch mode into CSV files, which are then summed up. The events are the bit-exact ones of Beam's generator, at 10,000 a second of event time.
//
// Ties in time go to who comes first, which is certain with a parallelism of 1 alone. So above that, and for Flink, q18 is compared by auction, bidder and time, and q19 by auction, price and rank, where every row must be a bid. Of
// q10 the files' lines are compared, in their partitions; of q12, whose windows are those of processing time, the sum of its counts: in batch
// mode, as a window that is open when the events end gives no rows in streaming mode, here and in Flink.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/internal/cli/nexmarkbench"
)

func main() {
	o := options{out: os.Stdout}
	queries := flag.String("queries", "", "which queries, with commas; all if empty")
	flag.StringVar(&o.ways, "ways", "", "only the ways whose name has this in it")
	flag.Int64Var(&o.events, "events", 1_000_000, "how many events; of other numbers than those in the golden file the ways are only compared with each other")
	flag.StringVar(&o.golden, "golden", "tests/nexmark/golden.txt", "the file with the sums")
	flag.StringVar(&o.gateway, "gateway", "", "run Flink through its SQL gateway in place of Weir")
	flag.StringVar(&o.countChar, "count-char", "", "the class of the function count_char of q14, for Flink")
	flag.Parse()
	o.queries = nexmarkbench.Queries()
	if *queries != "" {
		o.queries = strings.Split(*queries, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

type options struct {
	queries            []string
	ways, golden       string
	gateway, countChar string
	events             int64
	out                io.Writer
}

// rate is how many events there are in a second of event time.
const rate = 10_000

// mostTries is how often a query is run that is to be stopped in the middle.
const mostTries = 5

// way is one way of running a query.
type way struct {
	name string
	nexmarkbench.Config
}

// ways are all of them.
func ways() (list []way) {
	for _, state := range []string{"memory", "lsm"} {
		for _, p := range []int{1, 2, 4} {
			c := nexmarkbench.Config{Parallelism: p, State: state, MiniBatch: true, Rate: rate, Verify: true}
			if state == "lsm" {
				c.Memory = 512 << 20
			}
			halted, batch := c, c
			halted.Halt, batch.Batch = true, true
			for _, w := range []way{{"streaming", c}, {"restored", halted}, {"batch", batch}} {
				w.name = fmt.Sprintf("%s, parallelism %d, %s", w.name, p, state)
				list = append(list, w)
			}
		}
	}
	return list
}

// run runs all queries, and reports whether nothing differs.
func run(ctx context.Context, o options) (bool, error) {
	golden, err := readGolden(o.golden, o.events)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "nexmark")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	var runs, restored, differ int
	for _, q := range o.queries {
		begin := time.Now()
		outcomes := map[string][]string{} // the sums of each kind, and where they came out
		note := func(where string, sums []sum) {
			for _, s := range sums {
				key := q + " " + s.kind
				if golden[key] == "" && o.gateway == "" {
					golden[key] = s.text // the other ways must come to the same
				}
				if golden[key] != s.text {
					differ++
					outcomes[key] = append(outcomes[key], fmt.Sprintf("%s: %s, and not %s", where, s.text, golden[key]))
				}
			}
		}
		n := 0
		if o.gateway != "" {
			sums, err := flink(ctx, o, dir, q)
			if err != nil {
				fmt.Fprintf(o.out, "%s: %v\n", q, err)
				differ++
				continue
			}
			n++
			note("Flink", sums)
			for _, s := range sums {
				fmt.Fprintf(o.out, "%s %s %s\n", q, s.kind, s.text)
			}
		} else {
			for _, w := range ways() {
				if !strings.Contains(w.name, o.ways) {
					continue
				}
				w.Events, w.Dir = o.events, dir
				var sums []sum
				halted := false
				for tries := 0; tries == 0 || w.Halt && !halted && tries < mostTries; tries++ { // a quick query may be over before it is stopped
					if sums, halted, err = weir(ctx, q, w); err != nil {
						return false, cmp.Or(ctx.Err(), fmt.Errorf("%s, %s: %w", q, w.name, err))
					}
				}
				if n++; halted {
					restored++
				}
				note(w.name, sums)
			}
		}
		runs += n
		verdict := "equal"
		for _, kind := range slices.Sorted(keys(outcomes)) {
			verdict = "differs"
			fmt.Fprintf(o.out, "%s\n  %s\n", kind, strings.Join(outcomes[kind], "\n  "))
		}
		fmt.Fprintf(o.out, "%s: %d runs, %s, %.1f s\n", q, n, verdict, time.Since(begin).Seconds())
	}
	fmt.Fprintf(o.out, "nexmark: %d queries of %d events, %d runs, %d of them restored, %d sums differ\n", len(o.queries), o.events, runs, restored, differ)
	return differ == 0, nil
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// readGolden reads the sums of so many events: lines of query, kind and what it comes to, behind a line with the number of events.
func readGolden(path string, events int64) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	golden, mine := map[string]string{}, false
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "#":
		case words[0] == "events":
			mine = words[1] == fmt.Sprint(events)
		case mine:
			golden[words[0]+" "+words[1]] = strings.Join(words[2:], " ")
		}
	}
	return golden, nil
}
