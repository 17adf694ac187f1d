// Command conformance runs Flink's own tests, written as lines of JSON, against Weir, and says for each what became of it.
//
//	go run ./tests/conformance [--json] [--quiet] FILE.jsonl...
//
// A file has sets of built-in functions, of aggregate functions, or of single expressions: README.md tells the formats. For each case there is a line: ok, "fail: why" or "skip: why";
// then come totals by family and by file. The exit code is 1 if a case failed.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// result is what became of a case.
type result struct {
	File   string `json:"file"`
	Family string `json:"family"`
	Case   string `json:"case"`
	// Status is ok, fail or skip; Why says why it is not ok.
	Status string `json:"status"`
	Why    string `json:"why,omitempty"`
	// Chance tells of a case whose result depends on which of several sources is read first.
	Chance bool `json:"-"`
}

const (
	ok   = "ok"
	fail = "fail"
	skip = "skip"
)

func main() {
	asJSON := flag.Bool("json", false, "print lines of JSON")
	quiet := flag.Bool("quiet", false, "print only what is not ok, and the totals")
	flag.Parse()
	all, err := run(flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	}
	if report(os.Stdout, all, *asJSON, *quiet) > 0 {
		os.Exit(1)
	}
}

// run runs the cases of some files.
func run(files []string) ([]result, error) {
	var all []result
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<26)
		for n := 1; lines.Scan(); n++ {
			if len(lines.Bytes()) == 0 {
				continue
			}
			var s set
			if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
				_ = f.Close()
				return nil, fmt.Errorf("%s, line %d: %w", name, n, err)
			}
			for _, r := range s.run() {
				r.File, r.Family = filepath.Base(name), s.Class
				all = append(all, r)
			}
		}
		err = lines.Err()
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return all, nil
}

// report prints results and totals, and returns how many failed.
func report(w io.Writer, all []result, asJSON, quiet bool) int {
	failed := 0
	type total map[string]int
	families, files := map[string]total{}, map[string]total{}
	count := func(of map[string]total, key, status string) {
		if of[key] == nil {
			of[key] = total{}
		}
		of[key][status]++
	}
	for _, r := range all {
		if r.Status == fail {
			failed++
		}
		count(families, r.File+" "+r.Family, r.Status)
		count(files, r.File, r.Status)
		switch {
		case asJSON:
			b, _ := json.Marshal(r)
			fmt.Fprintf(w, "%s\n", b)
		case quiet && r.Status == ok:
		case r.Why != "":
			fmt.Fprintf(w, "%s: %s  [%s] %s\n", r.Status, r.Why, r.Family, r.Case)
		default:
			fmt.Fprintf(w, "%s  [%s] %s\n", r.Status, r.Family, r.Case)
		}
	}
	if asJSON {
		return failed
	}
	for _, of := range []map[string]total{families, files} {
		fmt.Fprintln(w)
		for _, key := range slices.Sorted(maps.Keys(of)) {
			t := of[key]
			fmt.Fprintf(w, "%5d ok %5d fail %5d skip  %s\n", t[ok], t[fail], t[skip], key)
		}
	}
	return failed
}
