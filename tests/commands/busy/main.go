// Command busy runs a job of one kind or another until it is interrupted, for the tests of signals and exit codes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/connectors/sequence"
)

func main() { os.Exit(run()) }

func run() int {
	kind := flag.String("job", "generator", "generator: keys of an endless sequence; files: words of a folder that is watched; slow: an endless sequence, a millisecond of work each; "+
		"stuck: a function that never returns; finish, fail, panic: jobs that end by themselves")
	dir := flag.String("dir", "", "folder to watch")
	parallelism := flag.Int("parallelism", 1, "subtasks of each operator")
	flag.Parse()
	env := weir.NewEnvironment(weir.Options{Parallelism: *parallelism})
	endless := func(o sequence.Options) *weir.Stream[int64] {
		return weir.Generate(env, o, func(i int64) int64 { return i })
	}
	byKey := func(v int64) int64 { return v % 1000 }
	var seen atomic.Int64
	ready := func(weir.Count[int64], int64) error {
		// The test waits for this line: the job runs, and records have come to its end.
		if seen.Add(1) == 1000 {
			fmt.Println("ready")
		}
		return nil
	}
	switch *kind {
	case "generator":
		weir.CountBy(endless(sequence.Options{}), byKey).ForEach(ready)
	case "files":
		words := weir.FlatMap(weir.FromFiles(env, files.Options{Path: *dir, Watch: true}), strings.FieldsSeq)
		weir.CountBy(words, func(w string) int64 { return int64(len(w)) }).ForEach(ready)
	case "slow":
		slow := weir.Map(endless(sequence.Options{}), func(v int64) int64 {
			for i := range int64(300_000) {
				v ^= i * v
			}
			return v
		})
		weir.CountBy(slow, byKey).ForEach(ready)
	case "stuck":
		block, _ := io.Pipe()
		weir.MapFunc(endless(sequence.Options{}), func(_ *weir.Context, v int64) (int64, error) {
			fmt.Println("ready")
			_, err := block.Read(make([]byte, 1))
			return v, err
		}).Name("waits").Discard()
	case "finish", "fail", "panic":
		some := weir.MapFunc(weir.FromSequence(env, 1, 100_000), func(_ *weir.Context, v int64) (int64, error) {
			switch {
			case *kind == "fail" && v == 50_000:
				return 0, errors.New("no more")
			case *kind == "panic" && v == 50_000:
				return []int64{}[v-50_000], nil
			}
			return v, nil
		}).Name("counting")
		weir.CountBy(some, byKey).Discard()
	default:
		fmt.Fprintf(os.Stderr, "there is no job %q\n", *kind)
		return 2
	}
	return env.Main("busy")
}
