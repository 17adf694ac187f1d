// Command wordcount counts words as they arrive: of a file, or of lines that a server sends.
package main

import (
	"bufio"
	_ "embed"
	"flag"
	"fmt"
	"iter"
	"os"
	"strings"
	"sync"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/connectors/socket"
)

//go:embed testdata/opticks.txt
var opticks string

func main() { os.Exit(run()) }

func run() int {
	file := flag.String("file", "", "text to count, plain, gzip or zstd (default: Newton's Opticks)")
	address := flag.String("socket", "", "count the lines of a server, as localhost:9999, instead of a file")
	parallelism := flag.Int("parallelism", 1, "subtasks of each operator")
	top := flag.Int("top", 0, "print only the N most frequent words, at the end")
	explain := flag.Bool("explain", false, "print the plan and exit")
	flag.Parse()

	env := weir.NewEnvironment(weir.Options{Parallelism: *parallelism})
	var lines *weir.Stream[string]
	switch {
	case *address != "":
		lines = weir.FromSocket(env, socket.Options{Address: *address})
	case *file != "":
		lines = weir.FromFiles(env, files.Options{Path: *file})
	default:
		lines = weir.FromSeq(env, func() iter.Seq[string] { return strings.Lines(opticks) })
	}
	counts := build(lines.Name("lines"))
	if *top == 0 {
		counts.Print()
	}
	var mu sync.Mutex
	totals := ranking{}
	counts.ForEach(func(c count, _ int64) error {
		mu.Lock()
		defer mu.Unlock()
		totals.add(c)
		return nil
	}).Name("totals")

	if *explain {
		text, err := env.Explain()
		if err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			return 1
		}
		fmt.Print(text)
		return 0
	}
	code := env.Main("wordcount")
	if code != weir.ExitFinished {
		return code
	}
	out := bufio.NewWriter(os.Stdout)
	if *top > 0 {
		write(out, totals.top(*top))
	} else {
		fmt.Fprintln(out, "\nThe 20 most frequent words:")
		write(out, totals.top(20))
	}
	out.Flush()
	return code
}
