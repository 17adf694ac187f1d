package cli

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/snapshot"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/statebackend"
)

const groups = 8

func hash(key string) uint64 { return base.HashCombine(base.HashSeed, base.LaneString(key)) }

// sums are what depends on how files are compressed.
var sums = regexp.MustCompile(`\b[0-9a-f]{16}\b|bytes 0 to \d+`)

type account struct {
	Owner string
	Cents int64
}

// fill gives a store state of all kinds.
func fill(s *statebackend.Store) {
	w, _ := codec.WordsFor[string]()
	sp := s.Space("keyed state", statebackend.KeyLayout{Words: w.N, Bytes: w.Bytes})
	sp.DescribeKey("string")
	at := statebackend.NewScope(sp)
	value := statebackend.NewValue[account](at, "account", nil)
	list := statebackend.NewList[int32](at, "last", &statebackend.TTL{Millis: 1000})
	byDay := statebackend.NewMap[int64, []string](at, "by day", nil)
	timers := statebackend.NewTimers(s, "event-time timers", 2, sp.Layout())
	timers.Space().DescribeKey("string", "time", "window_start", "window_end")
	statebackend.AddList(s, "rules", statebackend.Broadcast, func() iter.Seq[string] { return slices.Values([]string{"a", "b"}) }, func([]string) error { return nil })
	s.Tick(5000)
	for i, key := range []string{"ann", "bob", "cid"} {
		at.Set(hash(key), []byte(key))
		value.Set(account{strings.ToUpper(key), int64(i) * 100})
		for n := range i + 1 {
			list.Add(int32(n))
		}
		if i == 1 {
			byDay.Put(20, []string{"x", "y"})
			byDay.Put(-3, nil)
		}
		timers.Add(hash(key), int64(7000+i), []uint64{1000, 2000}, nil, []byte(key))
	}
	at.Unset()
}

// write keeps a savepoint and a checkpoint of the same state in a directory.
func write(t *testing.T, dir string) {
	s, err := statebackend.New(statebackend.Config{Operator: "sum", Groups: base.KeyGroupRange{First: 0, Last: groups - 1}, MaxParallelism: groups})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fill(s)
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	disk, err := storage.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	keep := func(to storage.Storage, name, kind string, id int64, sub *manifest.Subtask) {
		var plans [][]byte
		if kind == "savepoint" {
			packed, err := manifest.PackPlan([]byte("{\"version\": 1, \"source\": {\"statement\": \"INSERT INTO t SELECT 1\", \"catalog\": \"c\", \"database\": \"d\", \"options\": {}, \"objects\": {}}}\n"))
			if err != nil {
				t.Fatal(err)
			}
			plans = [][]byte{packed}
		}
		b, err := manifest.Encode(&manifest.Manifest{Id: id, Kind: kind, Job: "0123", JobName: "accounts", Created: 1700000000000, Plans: plans, Operators: []*manifest.Operator{
			{Uid: "source", Name: "orders", Parallelism: 1, MaxParallelism: groups, Enumerator: []byte("pos"), HasEnumerator: true, Subtasks: []*manifest.Subtask{{Finished: true, Splits: []*manifest.Split{{Id: "0"}}}}},
			{Uid: "sum", Name: "sum per account", Parallelism: 1, MaxParallelism: groups, Subtasks: []*manifest.Subtask{sub}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := storage.WriteAll(t.Context(), to, name, b); err != nil {
			t.Fatal(err)
		}
	}
	sub := &manifest.Subtask{}
	folder := disk.Sub("savepoint")
	if _, _, err := snapshot.Savepoint(t.Context(), func(ctx context.Context, name string) (snapshot.File, error) { return folder.Create(ctx, name) }, "sum", snap, sub); err != nil {
		t.Fatal(err)
	}
	keep(folder, "_metadata", "savepoint", 3, sub)
	sub = &manifest.Subtask{}
	w := snapshot.NewWriter(t.Context(), snapshot.Options{Name: "chk-7/data", Create: func(ctx context.Context, name string) (snapshot.File, error) { return disk.Create(ctx, name) }})
	if err := w.Store(snap, sub, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	keep(disk, "chk-7/_metadata", "checkpoint", 7, sub)
}

// The scripts in testdata run commands on a savepoint and a checkpoint of the same state. "flip FILE" changes a byte of a file, "remove FILE" takes one away.
func TestInspect(t *testing.T) {
	dir := t.TempDir()
	write(t, dir)
	datadriven.RunTest(t, "testdata/inspect", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "flip", "remove":
			name := filepath.Join(dir, filepath.FromSlash(strings.TrimSpace(d.Input)))
			b, err := os.ReadFile(name)
			if err != nil {
				return err.Error()
			}
			if d.Cmd == "remove" {
				return fmt.Sprint(os.Remove(name))
			}
			b[len(b)/2] ^= 1
			return fmt.Sprint(os.WriteFile(name, b, 0o666))
		}
		var out, errs bytes.Buffer
		args := strings.Split(strings.TrimSpace(strings.ReplaceAll(d.Input, "$DIR", dir)), "\n")
		code := Run(append([]string{d.Cmd}, args...), &out, &errs)
		if code != 0 {
			fmt.Fprintf(&out, "exit %d: %s", code, errs.String())
		}
		return sums.ReplaceAllString(strings.ReplaceAll(out.String(), dir, "$DIR"), "0000")
	})
}
