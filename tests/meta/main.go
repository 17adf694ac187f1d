// Command meta runs random scripts through the operators of windows and joins, and random queries of SQL, and compares what comes out with slow and obvious versions of them.
//
//	go run ./tests/meta -scripts 10000 -joins 2000
//	go run ./tests/meta -queries 20000
//
// A query runs streaming and in batch mode, with a parallelism of 1 and 3, with a change a row and with one a batch, stopped and restored, with state in memory and on disk; it must come to what the oracle says. One that
// differs is shrunk, and printed as a file for tests/sql. The last line is "meta: 20000 queries, 0 differ".
//
// Each script runs at chunks of 1, 7 and 1024 rows, with the operator asked to stop between any two records, ended and restored from a snapshot in the middle, and in
// part with its state on disk. The command prints a line a family and ends with "meta: 10000 window scripts, 2000 interval joins, 2000 window joins, 2000 coGroups, 0 differ". Of what
// differs it prints the smallest script it finds, and the exit code is 1.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/weirstream/weir/internal/testkit/sqlstorm"
)

func main() {
	scripts := flag.Int("scripts", 10_000, "how many scripts of windows")
	joins := flag.Int("joins", 2_000, "how many scripts of each kind of join")
	seed := flag.Uint64("seed", 1, "the first seed")
	queries := flag.Int("queries", 0, "how many queries of SQL; if any, nothing else is run")
	while := flag.Duration("for", 0, "how long queries run at most, 0 for as long as they need")
	export := flag.String("export", "", "write the queries, their tables and what the oracle says to this directory, for another engine, and run nothing")
	flag.Parse()
	if *export != "" {
		n, err := sqlstorm.Export(*export, *queries, *seed)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Printf("meta: %d of %d queries written\n", n, *queries)
		return
	}
	if *queries > 0 {
		ok, err := runSQL(os.Stdout, *queries, *seed, *while)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		if !ok {
			os.Exit(1)
		}
		return
	}
	if !run(os.Stdout, *scripts, *joins, *seed, true) {
		os.Exit(1)
	}
}

// family is one kind of script.
type family struct {
	name string
	runs int
	// check runs the script of a seed, and returns what differs, "" if nothing does.
	check func(seed uint64) string
}

// run runs all families and reports whether nothing differs.
func run(w io.Writer, scripts, joins int, seed uint64, timing bool) bool {
	families := []family{
		{"window scripts", scripts, func(seed uint64) string { return checkWindows(seed, windowScript(seed)) }},
		{"interval joins", joins, checkIntervals},
		{"window joins", joins, func(seed uint64) string { return checkJoins(seed, pairs) }},
		{"coGroups", joins, func(seed uint64) string { return checkJoins(seed, groups) }},
	}
	text, all := "", 0
	for _, f := range families {
		differ, begin := 0, time.Now()
		for i := range f.runs {
			if diff := f.check(seed + uint64(i)); diff != "" {
				if differ++; differ <= 3 {
					fmt.Fprintf(w, "%s, seed %d:\n%s\n", f.name, seed+uint64(i), diff)
				}
			}
		}
		took := ""
		if timing {
			took = fmt.Sprintf(", %.1f s", time.Since(begin).Seconds())
		}
		fmt.Fprintf(w, "%s: %d, %d differ%s\n", f.name, f.runs, differ, took)
		text += fmt.Sprintf("%d %s, ", f.runs, f.name)
		all += differ
	}
	fmt.Fprintf(w, "%d restored, %d on disk\n", restored, spilled)
	fmt.Fprintf(w, "meta: %s%d differ\n", text, all)
	return all == 0
}
