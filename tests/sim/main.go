// Command sim runs whole jobs under the simulated scheduler: every test of the module that calls weirtest.Seeds, with the given number of seeds.
//
//	go run ./tests/sim -seeds 200
//
// It prints a line a package and the output of what failed, and ends with "sim: 200 seeds, 0 failed". A seed counts as failed if it failed in any package. The exit code
// is 1 if one failed, if a package could not be built or broke off, or if a test did not run all its seeds.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	seeds := flag.Int("seeds", 200, "how many seeds each test runs, each twice")
	verbose := flag.Bool("v", false, "print what the tests print")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run ./tests/sim [-seeds 200] [packages]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *seeds < 1 {
		fmt.Fprintln(os.Stderr, "sim: -seeds must be at least 1")
		os.Exit(2)
	}
	ok, err := run(os.Stdout, *seeds, *verbose, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "sim:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(out io.Writer, seeds int, verbose bool, patterns []string) (ok bool, err error) {
	tests, err := seeded(patterns)
	if err != nil {
		return false, err
	}
	if len(tests) == 0 {
		return false, errors.New("no test runs under seeds")
	}
	args := []string{"test", "-json", "-count=1", "-vet=off", "-timeout=3h", "-run", pattern(tests)}
	cmd := exec.Command("go", append(args, slices.Sorted(maps.Keys(tests))...)...)
	cmd.Env = append(os.Environ(), fmt.Sprint("WEIR_SEEDS=", seeds))
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	s := newSummary(out, seeds, verbose, tests)
	err = s.read(events)
	waitErr := cmd.Wait()
	if err != nil {
		return false, err
	}
	if !s.close(waitErr) {
		return false, nil
	}
	return true, nil
}

// short is a package as it can be given to the go command at the root of the module.
func short(pkg string) string {
	if rest, ok := strings.CutPrefix(pkg, "github.com/weirstream/weir"); ok {
		return "." + cmp.Or(rest, "/")
	}
	return pkg
}
