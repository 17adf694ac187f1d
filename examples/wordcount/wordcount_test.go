package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/internal/testkit/leak"
	"github.com/weirstream/weir/weirtest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// expected counts words in the plainest way.
func expected(text string) ranking {
	r := ranking{}
	for _, w := range strings.FieldsFunc(text, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
		r[strings.ToLower(w)]++
	}
	return r
}

func check(t interface{ Errorf(string, ...any) }, got, want ranking) {
	if a, b := got.top(len(got)), want.top(len(want)); !slices.Equal(a, b) {
		t.Errorf("%d words, want %d; the most frequent are %v, want %v", len(a), len(b), got.top(5), want.top(5))
	}
}

func TestWholeText(t *testing.T) {
	want := expected(opticks)
	for _, mode := range []weir.RuntimeMode{weir.Streaming, weir.Batch} {
		for _, parallelism := range []int{1, 2, 4, 7} {
			for _, rows := range []int{1, 7, 1024} {
				t.Run(fmt.Sprintf("%v/parallelism=%d/rows=%d", mode, parallelism, rows), func(t *testing.T) {
					env := weir.NewEnvironment(weir.Options{RuntimeMode: mode, Parallelism: parallelism, ChunkRows: rows, Logger: slog.New(slog.DiscardHandler)})
					var mu sync.Mutex
					got := ranking{}
					build(weir.FromFiles(env, files.Options{Path: "testdata/opticks.txt"})).ForEach(func(c count, _ int64) error {
						mu.Lock()
						defer mu.Unlock()
						got.add(c)
						return nil
					})
					if _, err := env.Execute(context.Background(), t.Name()); err != nil {
						t.Fatal(err)
					}
					check(t, got, want)
				})
			}
		}
	}
}

func TestSimulated(t *testing.T) {
	lines := strings.SplitAfterN(opticks, "\n", 301)
	text := strings.Join(lines[:300], "")
	path := t.TempDir() + "/text.txt"
	if err := writeFile(path, text); err != nil {
		t.Fatal(err)
	}
	want := expected(text)
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		out := weirtest.Capture(s, build(weir.FromFiles(env, files.Options{Path: path})))
		s.Run(env)
		got := ranking{}
		for _, c := range out.Values() {
			got.add(c)
		}
		check(s, got, want)
	})
}

func writeFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }
