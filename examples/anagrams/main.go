// Command anagrams finds the words of a text that are anagrams of each other.
package main

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
)

func main() { os.Exit(run()) }

func run() int {
	file := flag.String("file", "examples/wordcount/testdata/opticks.txt", "text to read, plain, gzip or zstd")
	parallelism := flag.Int("parallelism", 1, "subtasks of each operator")
	flag.Parse()

	env := weir.NewEnvironment(weir.Options{Parallelism: *parallelism})
	rep := collect(build(weir.FromFiles(env, files.Options{Path: *file}).Name("text")))
	code := env.Main("anagrams")
	if code == weir.ExitFinished {
		out := bufio.NewWriter(os.Stdout)
		for _, f := range rep.families() {
			fmt.Fprintln(out, strings.Join(f.Words, " "))
		}
		out.Flush()
	}
	return code
}

// report is what the job has found. Sinks of all subtasks add to it.
type report struct {
	mu  sync.Mutex
	all []family
}

// collect ends a stream in a report, which is complete when the job has finished.
func collect(s *weir.Stream[family]) *report {
	rep := &report{}
	s.ForEach(func(f family, _ int64) error {
		rep.mu.Lock()
		defer rep.mu.Unlock()
		rep.all = append(rep.all, f)
		return nil
	}).Name("report")
	return rep
}

// families returns them with the largest first, then those of the longest words, then by their words.
func (rep *report) families() []family {
	slices.SortFunc(rep.all, func(a, b family) int {
		return cmp.Or(cmp.Compare(len(b.Words), len(a.Words)), cmp.Compare(len(b.Letters), len(a.Letters)), slices.Compare(a.Words, b.Words))
	})
	return rep.all
}
