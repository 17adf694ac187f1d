// Command teeth shows that the simulation finds defects: it runs the tests of tests/sim/recovery with each defect of package internal/defect compiled in, until a seed fails.
//
//	go run ./tests/sim/teeth -seeds 1000
//
// It prints a line for each defect, and ends with "sim-teeth: 16 defects, 0 missed". The exit code is 1 if one was missed.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/weirstream/weir/internal/defect"
)

func main() {
	seeds := flag.Int("seeds", 1000, "how many seeds a defect may survive")
	flag.Parse()
	missed, err := run(*seeds)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sim-teeth:", err)
		os.Exit(1)
	}
	fmt.Printf("sim-teeth: %d defects, %d missed\n", len(defect.Names), missed)
	if missed > 0 {
		os.Exit(1)
	}
}

var failing = regexp.MustCompile(`seed=(\d+)`)

func run(seeds int) (missed int, err error) {
	dir, err := os.MkdirTemp("", "weir-teeth")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "recovery.test")
	build := exec.Command("go", "test", "-tags", "defects", "-c", "-o", binary, "./tests/sim/recovery")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return 0, err
	}
	for _, name := range defect.Names {
		cmd := exec.Command(binary, "-test.run", "^TestExactlyOnce$", "-weir.seeds", strconv.Itoa(seeds), "-test.failfast", "-test.timeout", "20m")
		cmd.Env = append(os.Environ(), "WEIR_DEFECT="+name)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		switch m := failing.FindSubmatch(out); {
		case err == nil:
			missed++
			fmt.Printf("%-30s missed in %d seeds\n", name, seeds)
		case !errors.As(err, &exit):
			return missed, err
		case m == nil:
			return missed, fmt.Errorf("%s: the test broke off: %s", name, out)
		default:
			fmt.Printf("%-30s found by seed %s\n", name, m[1])
		}
	}
	return missed, nil
}
