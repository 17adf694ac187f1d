package main

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the list of known shortfalls anew")

// TestSamples runs the samples. What is not ok must be in the list of known shortfalls, and what is in the list must not be ok: the list only gets shorter.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	all, err := run(files)
	if err != nil {
		t.Fatal(err)
	}
	const list = "testdata/shortfalls.txt"
	var short []string
	chance := map[string]bool{}
	for _, r := range all {
		line := r.File + " " + r.Family + " " + strings.Join(strings.Fields(r.Case), " ")
		chance[line] = r.Chance
		if r.Status != ok {
			short = append(short, line)
		}
	}
	slices.Sort(short)
	short = slices.Compact(short)
	if *rewrite {
		if err := os.WriteFile(list, []byte(strings.Join(short, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	known := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	for _, s := range short {
		if !slices.Contains(known, s) && !chance[s] {
			t.Errorf("no longer ok: %s", s)
		}
	}
	for _, k := range known {
		if !slices.Contains(short, k) && !chance[k] {
			t.Errorf("is ok now, take it off %s: %s", list, k)
		}
	}
	if len(all) < 500 {
		t.Errorf("there are only %d cases", len(all))
	}
}

// TestReport checks that a result that is not right is told: a case with a wrong expectation fails.
func TestReport(t *testing.T) {
	for _, c := range []struct{ line, status string }{
		{`{"class":"c","fields":[],"cases":[{"sql":"1 + 1","expected":"2"}]}`, ok},
		{`{"class":"c","fields":[],"cases":[{"sql":"1 + 1","expected":"3"}]}`, fail},
		{`{"class":"c","fields":[],"errors":[{"sql":"1 + 1","message":"x"}]}`, fail},
		{`{"class":"c","fields":[],"errors":[{"sql":"1 + TRUE","message":"x"}]}`, ok},
		{`{"class":"c","fields":[{"name":"f0","type":"INT","value":{"value":1}}],"items":[{"kind":"result","sql":"f0","expected":[{"value":1}],"types":["INT"]}]}`, ok},
		{`{"class":"c","fields":[{"name":"f0","type":"INT","value":{"value":1}}],"items":[{"kind":"result","sql":"f0","expected":[{"value":1}],"types":["INT NOT NULL"]}]}`, fail},
		{`{"class":"c","fields":[{"name":"f0","type":"INT","value":{"value":1}}],"items":[{"kind":"result","sql":"f0","expected":[{"value":2}],"types":["INT"]}]}`, fail},
		{`{"class":"c","fields":[{"name":"f0","type":"INT","value":{"value":0}}],"items":[{"kind":"error","sql":"1 / f0","phase":"validation"}]}`, fail},
		{`{"class":"c","fields":[{"name":"f0","type":"INT","value":{"value":0}}],"items":[{"kind":"error","sql":"1 / f0","phase":"runtime"}]}`, ok},
	} {
		name := filepath.Join(t.TempDir(), "x.jsonl")
		if err := os.WriteFile(name, []byte(c.line+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		all, err := run([]string{name})
		if err != nil || len(all) != 1 || all[0].Status != c.status {
			t.Errorf("%s: %v %v, want %s", c.line, all, err, c.status)
		}
	}
}
