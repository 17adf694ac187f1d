package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/internal/testkit/leak"
	"github.com/weirstream/weir/weirtest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// expected is the report of a log, made in the plainest way, and the bytes of each client as a file has them.
func expected(text string) (printed string, tsv []string, requests int64) {
	rep := &report{}
	hits, traffic, largest := map[hit]int64{}, map[string]int64{}, map[string]entry{}
	for line := range linesOf(text) {
		e, err := parse(line)
		if err != nil {
			rep.malformed = append(rep.malformed, badLine{line, err.Error()})
			continue
		}
		requests++
		hits[hit{e.Path, e.Status / 100}]++
		traffic[e.Client] += e.Bytes
		if l, ok := largest[e.Path]; !ok || e.Bytes > l.Bytes {
			largest[e.Path] = e
		}
	}
	for h, n := range hits {
		rep.hits = append(rep.hits, weir.Count[hit]{Key: h, N: n})
	}
	for client, n := range traffic {
		rep.traffic = append(rep.traffic, entry{Client: client, Bytes: n})
		tsv = append(tsv, fmt.Sprintf("%s\t%d", client, n))
	}
	rep.largest = slices.Collect(maps.Values(largest))
	slices.Sort(tsv)
	return rep.text(), tsv, requests
}

func (rep *report) text() string {
	var b bytes.Buffer
	rep.write(&b)
	return b.String()
}

func TestEveryShape(t *testing.T) {
	want, wantFile, requests := expected(carried)
	for _, mode := range []weir.RuntimeMode{weir.Streaming, weir.Batch} {
		for _, parallelism := range []int{1, 2, 4, 7} {
			for _, rows := range []int{1, 7, 1024} {
				t.Run(fmt.Sprintf("%v/parallelism=%d/rows=%d", mode, parallelism, rows), func(t *testing.T) {
					env := weir.NewEnvironment(weir.Options{RuntimeMode: mode, Parallelism: parallelism, ChunkRows: rows, Logger: slog.New(slog.DiscardHandler)})
					r := build(weir.FromFiles(env, files.Options{Path: "testdata/access.log"}))
					dir := t.TempDir()
					toFiles(r.Traffic, dir)
					rep := collect(r)
					result, err := env.Execute(context.Background(), t.Name())
					if err != nil {
						t.Fatal(err)
					}
					if got := rep.text(); got != want {
						t.Errorf("got\n%s\nwant\n%s", got, want)
					}
					if got := readAll(t, dir); !slices.Equal(got, wantFile) {
						t.Errorf("the files hold %d lines, want %d: %q", len(got), len(wantFile), got)
					}
					var statuses int64
					for _, n := range result.Accumulators["status"].Buckets {
						statuses += n
					}
					if n := result.Accumulators["requests"].Count; n != requests || statuses != requests {
						t.Errorf("counted %d requests and %d statuses, want %d", n, statuses, requests)
					}
					if n := result.Accumulators["malformed"].Count; n != int64(len(rep.malformed)) {
						t.Errorf("counted %d malformed lines, want %d", n, len(rep.malformed))
					}
				})
			}
		}
	}
}

// readAll returns the sorted lines of all files in dir.
func readAll(t *testing.T, dir string) (lines []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "bytes-*.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, slices.Collect(linesOf(string(text)))...)
	}
	slices.Sort(lines)
	return lines
}

func TestSimulated(t *testing.T) {
	text := strings.Join(strings.SplitAfter(carried, "\n")[:300], "")
	want, _, requests := expected(text)
	if requests == 300 {
		t.Fatal("no line is malformed")
	}
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		rep := collect(build(weir.FromSlice(env, slices.Collect(linesOf(text))).Parallelism(1)))
		s.Run(env)
		if got := rep.text(); got != want {
			s.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestParse(t *testing.T) {
	const good = `192.0.2.7 - ada [03/Mar/2025:08:01:02 +0100] "GET /a?b=c HTTP/1.1" 200 12 "-" "say \"hi\""`
	want := entry{
		Client: "192.0.2.7", Time: time.Date(2025, 3, 3, 7, 1, 2, 0, time.UTC), Method: "GET", Path: "/a", Status: 200, Bytes: 12, Agent: `say \"hi\"`,
	}
	if got, err := parse(good); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, c := range []struct {
		old, new string
		want     error
	}{
		{good, " ", errEmpty},
		{"192.0.2.7", "host.example", errClient},
		{"03/Mar", "33/Mar", errTime},
		{"] ", "", errTime},
		{"GET /a?b=c HTTP/1.1", `\x16\x03\x01`, errRequest},
		{"GET /a?b=c HTTP/1.1\"", "GET /a", errRequest},
		{" 200 ", " 2OO ", errStatus},
		{" 200 ", " 999 ", errStatus},
		{" 12 ", " -12 ", errBytes},
		{` "say \"hi\""`, "", errAgent},
		{`hi\""`, "hi", errAgent},
		{` "-" "say \"hi\""`, "", errAgent},
	} {
		line := strings.Replace(good, c.old, c.new, 1)
		if _, err := parse(line); err != c.want {
			t.Errorf("%s: got error %v, want %v", line, err, c.want)
		}
	}
	for i := range good {
		if e, err := parse(good[:i]); err == nil {
			t.Errorf("%s: got %+v, want an error", good[:i], e)
		}
	}
}
