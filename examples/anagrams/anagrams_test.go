package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/internal/testkit/leak"
	"github.com/weirstream/weir/weirtest"
)

const opticks = "../wordcount/testdata/opticks.txt"

func TestMain(m *testing.M) { leak.Main(m) }

// expected finds the families of a text in the plainest way.
func expected(text string) []family {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) })
	slices.Sort(words)
	of := map[string][]string{}
	for _, w := range slices.Compact(words) {
		if utf8.RuneCountInString(w) >= minLetters {
			of[letters(w)] = append(of[letters(w)], w)
		}
	}
	rep := &report{}
	for l, words := range of {
		if len(words) > 1 {
			rep.all = append(rep.all, family{l, words})
		}
	}
	return rep.families()
}

func read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(opticks)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryShape(t *testing.T) {
	want := expected(read(t))
	if len(want) < 20 {
		t.Fatalf("%d families, want some more", len(want))
	}
	for _, mode := range []weir.RuntimeMode{weir.Streaming, weir.Batch} {
		for _, parallelism := range []int{1, 2, 4, 7} {
			for _, rows := range []int{1, 7, 1024} {
				t.Run(fmt.Sprintf("%v/parallelism=%d/rows=%d", mode, parallelism, rows), func(t *testing.T) {
					env := weir.NewEnvironment(weir.Options{RuntimeMode: mode, Parallelism: parallelism, ChunkRows: rows, Logger: slog.New(slog.DiscardHandler)})
					// Small splits, so that several subtasks read.
					rep := collect(build(weir.FromFiles(env, files.Options{Path: opticks, SplitBytes: 64 << 10})))
					if _, err := env.Execute(context.Background(), t.Name()); err != nil {
						t.Fatal(err)
					}
					if got := rep.families(); !reflect.DeepEqual(got, want) {
						t.Errorf("got %d families, want %d: %v, want %v", len(got), len(want), got, want)
					}
				})
			}
		}
	}
}

func TestSimulated(t *testing.T) {
	text := strings.Join(strings.SplitAfter(read(t), "\n")[200:400], "")
	want := expected(text)
	if len(want) == 0 {
		t.Fatal("no anagrams in the part")
	}
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		rep := collect(build(weir.FromSeq(env, func() iter.Seq[string] { return strings.Lines(text) })))
		s.Run(env)
		if got := rep.families(); !reflect.DeepEqual(got, want) {
			s.Errorf("got %v, want %v", got, want)
		}
	})
}

// TestFilesAreSorted writes the families to files, whose parts, put one after the other, are in order: ranges of the alphabet sort in parallel.
func TestFilesAreSorted(t *testing.T) {
	dir := t.TempDir()
	env := weir.NewEnvironment(weir.Options{Parallelism: 4, Logger: slog.New(slog.DiscardHandler)})
	build(weir.FromFiles(env, files.Options{Path: opticks})).ToFiles(files.SinkOptions[family]{Dir: dir, Encode: func(dst []byte, f family) []byte {
		return fmt.Appendf(dst, "%s\n", f.Letters)
	}})
	if _, err := env.Execute(context.Background(), t.Name()); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, f := range expected(read(t)) {
		want = append(want, f.Letters)
	}
	slices.SortFunc(want, cmp.Compare[string])
	paths, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	for _, path := range paths {
		part, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, part...)
	}
	if got := strings.Split(string(bytes.TrimSpace(text)), "\n"); !slices.Equal(got, want) {
		t.Errorf("%d files hold %q, want %q", len(paths), got, want)
	}
}
