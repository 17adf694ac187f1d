package savepoint_test

import (
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/savepoint"
	"github.com/weirstream/weir/state"
)

const (
	count  = 3000
	keys   = 50
	period = 1000 // of timers
)

// tally has state of three kinds, and gives out at the end of each period, by a timer, what it has of a key.
type tally struct {
	sum   *state.Value[int64]
	last  *state.List[int64]
	parts *state.Map[int64, int64]
}

func newTally() *tally {
	return &tally{state.NewValue[int64]("sum"), state.NewList[int64]("last"), state.NewMap[int64, int64]("parts")}
}

func (t *tally) States() []state.State { return []state.State{t.sum, t.last, t.parts} }

func (t *tally) Process(ctx *weir.KeyedContext[string], n int64, _ *weir.Collector[string]) error {
	t.sum.Update(func(v *int64, _ bool) { *v += n })
	t.last.Set(append(slices.Collect(t.last.All()), n)[max(0, t.last.Len()-1):])
	t.parts.Update(n/keys%3, func(v *int64, _ bool) { *v++ })
	ctx.RegisterEventTimeTimer((n/period + 1) * period)
	return nil
}

func (t *tally) OnTimer(ctx *weir.KeyedContext[string], at int64, out *weir.Collector[string]) error {
	if at == count {
		sum, _ := t.sum.Get()
		out.Collect(fmt.Sprint(ctx.Key(), sum, slices.Collect(t.last.All()), t.all()))
	}
	return nil
}

func (t *tally) all() map[int64]int64 {
	all := map[int64]int64{}
	for k, v := range t.parts.All() {
		all[k] = v
	}
	return all
}

func keyOf(n int64) string { return fmt.Sprint("key-", n%keys) }

// held is what a key has.
type held struct {
	Key   string
	Sum   int64
	Last  []int64
	Parts map[int64]int64
}

func (h *held) add(n int64) {
	h.Sum += n
	h.Last = append(h.Last, n)
	h.Last = h.Last[max(0, len(h.Last)-2):]
	h.Parts[n/keys%3]++
}

// after is what each key has of the numbers from a first to before a last, on top of what there was.
func after(was map[string]*held, from, to int64) map[string]*held {
	for n := from; n < to; n++ {
		h := was[keyOf(n)]
		if h == nil {
			h = &held{Key: keyOf(n), Parts: map[int64]int64{}}
			was[keyOf(n)] = h
		}
		h.add(n)
	}
	return was
}

// (a tally that reads and writes the whole of a key, with the declarations of the job's function.)
type whole struct{ *tally }

func (w whole) Read(key string, out func(held)) error {
	sum, _ := w.sum.Get()
	out(held{key, sum, slices.Collect(w.last.All()), w.all()})
	return nil
}

func (w whole) Write(_ string, h held) error {
	w.sum.Set(h.Sum)
	w.last.Set(h.Last)
	for k, v := range h.Parts {
		w.parts.Put(k, v)
	}
	return nil
}

func reader() savepoint.KeyedReader[string, held] { return whole{newTally()} }
func writer() savepoint.KeyedWriter[string, held] { return whole{newTally()} }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func options(dir string, parallelism int) weir.Options {
	return weir.Options{Parallelism: parallelism, MaxParallelism: 16, Logger: quiet, ChunkRows: 16, Restart: weir.NoRestart(), Checkpoints: weir.Checkpoints{Dir: "file://" + dir + "/checkpoints?sync=false"}}
}

// job runs the numbers through tallies; each is called with every number. rest is an operator that the savepoint need not have.
func job(o weir.Options, rest bool, each func(int64)) (*weir.Environment, func() []string) {
	env := weir.NewEnvironment(o)
	numbers := weir.Generate(env, sequence.Options{Count: count}, func(i int64) int64 { each(i); return i }).UID("numbers").Parallelism(1)
	timed := numbers.AssignTimestampsAndWatermarks(eventtime.ForMonotonousTimestamps[int64]().WithTimestampAssigner(func(v, _ int64) int64 { return v })).UID("times").Parallelism(1)
	var mu sync.Mutex
	var lines []string
	weir.ProcessKeyedWith(weir.KeyBy(timed, keyOf), func() weir.KeyedProcessFunction[string, int64, string] { return newTally() }).UID("tally").ForEach(func(s string, _ int64) error {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, s)
		return nil
	}).UID("lines")
	if rest {
		weir.KeyBy(timed, func(n int64) int64 { return n % 7 }).Reduce(func(a, b int64) int64 { return a + b }).UID("rest").Discard().UID("rest-sink")
	}
	return env, func() []string { slices.Sort(lines); return lines }
}

// taken runs the job to somewhere behind the middle and ends it with a savepoint. It returns how many numbers it has.
func taken(t *testing.T, dir string) (*savepoint.Savepoint, int64) {
	t.Helper()
	reached, once := make(chan struct{}), sync.Once{}
	env, _ := job(options(dir, 2), true, func(i int64) {
		if i >= count/2 {
			once.Do(func() { close(reached) })
			time.Sleep(2 * time.Millisecond)
		}
	})
	client, err := env.ExecuteAsync(t.Context(), "tallies")
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	var path string
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		path, err = client.StopWithSavepoint(t.Context(), dir+"/savepoints", false)
		if fault.CodeOf(err) != fault.JobNotRunning || time.Now().After(deadline) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := savepoint.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	for h, err := range savepoint.ReadKeyed(t.Context(), s, "tally", reader) {
		if err != nil {
			t.Fatal(err)
		}
		n = max(n, slices.Max(h.Last)+1)
	}
	if n < count/2 || n >= count {
		t.Fatalf("the savepoint has %d numbers", n)
	}
	return s, n
}

func linesOf(all map[string]*held) (lines []string) {
	for _, h := range all {
		lines = append(lines, fmt.Sprint(h.Key, h.Sum, h.Last, h.Parts))
	}
	slices.Sort(lines)
	return lines
}

func collect[T any](t *testing.T, seq iter.Seq2[T, error]) (all []T) {
	t.Helper()
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// What a job has written is read, by key and by state, in the program and in a job of its own.
func TestRead(t *testing.T) {
	s, n := taken(t, t.TempDir())
	want := after(map[string]*held{}, 0, n)
	got := map[string]*held{}
	for _, h := range collect(t, savepoint.ReadKeyed(t.Context(), s, "tally", reader)) {
		got[h.Key] = &h
	}
	if !slices.Equal(linesOf(got), linesOf(want)) {
		t.Errorf("read %q, want %q", linesOf(got), linesOf(want))
	}
	for _, e := range collect(t, savepoint.Values[string, int64](t.Context(), s, "tally", "sum")) {
		if e.Value != want[e.Key].Sum {
			t.Errorf("%s has %d, want %d", e.Key, e.Value, want[e.Key].Sum)
		}
	}
	lists := collect(t, savepoint.Lists[string, int64](t.Context(), s, "tally", "last"))
	for _, e := range lists {
		if !slices.Equal(e.Value, want[e.Key].Last) {
			t.Errorf("%s has %d, want %d", e.Key, e.Value, want[e.Key].Last)
		}
	}
	parts := collect(t, savepoint.Maps[string, int64, int64](t.Context(), s, "tally", "parts"))
	for _, e := range parts {
		if !maps.Equal(e.Value, want[e.Key].Parts) {
			t.Errorf("%s has %d, want %d", e.Key, e.Value, want[e.Key].Parts)
		}
	}
	if len(lists) != keys || len(parts) != keys {
		t.Errorf("%d lists and %d maps", len(lists), len(parts))
	}
	clear(got)
	env := weir.NewEnvironment(weir.Options{Parallelism: 3, Logger: quiet})
	for _, h := range collect(t, savepoint.FromKeyed(env, s, "tally", reader).Collect(t.Context(), "reading")) {
		if got[h.Key] != nil {
			t.Errorf("%s comes twice", h.Key)
		}
		got[h.Key] = &h
	}
	if !slices.Equal(linesOf(got), linesOf(want)) {
		t.Errorf("a job reads %q, want %q", linesOf(got), linesOf(want))
	}
	var told []string
	for _, op := range s.Operators() {
		for _, st := range op.States {
			told = append(told, strings.Join([]string{op.UID, st.Name, st.Kind, st.Key, st.MapKey, st.Value}, " "))
		}
	}
	if want := []string{"tally sum value string  int64", "tally last list string  int64", "tally parts map string int64 int64"}; len(told) < 3 || !slices.Equal(told[:3], want) {
		t.Errorf("the states are %q", told)
	}
}

// A job goes on from what was made of its savepoint: with other values, without some keys and an operator, and with its timers and its place in the input.
func TestTransform(t *testing.T) {
	dir := t.TempDir()
	s, n := taken(t, dir)
	changed := func(yield func(held, error) bool) {
		for h, err := range savepoint.ReadKeyed(t.Context(), s, "tally", reader) {
			if h.Sum, h.Parts = 2*h.Sum, map[int64]int64{7: 1}; h.Key == "key-3" && err == nil {
				continue
			}
			if !yield(h, err) {
				return
			}
		}
	}
	b := savepoint.From(s)
	savepoint.PutKeyed(b, "tally", changed, func(h held) string { return h.Key }, writer)
	b.Remove("rest")
	path, err := b.Write(t.Context(), dir+"/made")
	if err != nil {
		t.Fatal(err)
	}
	want := after(map[string]*held{}, 0, n)
	delete(want, "key-3")
	for _, h := range want {
		h.Sum, h.Parts = 2*h.Sum, map[int64]int64{7: 1}
	}
	want = after(want, n, count)
	for _, parallelism := range []int{1, 3} {
		o := options(t.TempDir(), parallelism)
		o.Checkpoints.Restore = path
		first := int64(-1)
		env, lines := job(o, false, func(i int64) {
			if first < 0 {
				first = i
			}
		})
		if _, err := env.Execute(t.Context(), "tallies"); err != nil {
			t.Fatal(err)
		}
		if got := lines(); first != n || !slices.Equal(got, linesOf(want)) {
			t.Errorf("from %d on: %q, want %q", first, got, linesOf(want))
		}
	}
}

// A job begins with state that was made of a stream, and has no other.
func TestBootstrap(t *testing.T) {
	dir := t.TempDir()
	source := weir.NewEnvironment(weir.Options{Parallelism: 2, Logger: quiet})
	values := weir.Map(weir.FromSequence(source, 0, keys-1), func(i int64) held {
		return held{keyOf(i), 1_000_000, []int64{-1}, map[int64]int64{9: i}}
	}).Collect(t.Context(), "bootstrap")
	b := savepoint.New(16)
	savepoint.PutKeyed(b, "tally", values, func(h held) string { return h.Key }, writer)
	path, err := b.Write(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]*held{}
	for i := range int64(keys) {
		want[keyOf(i)] = &held{keyOf(i), 1_000_000, []int64{-1}, map[int64]int64{9: i}}
	}
	want = after(want, 0, count)
	o := options(dir, 2)
	o.Checkpoints.Restore = path
	env, lines := job(o, true, func(int64) {})
	if _, err := env.Execute(t.Context(), "tallies"); err != nil {
		t.Fatal(err)
	}
	if got := lines(); !slices.Equal(got, linesOf(want)) {
		t.Errorf("%q, want %q", got, linesOf(want))
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	s, _ := taken(t, dir)
	if _, err := savepoint.Open(t.Context(), dir+"/nothing"); fault.CodeOf(err) != fault.CheckpointNotFound {
		t.Errorf("no savepoint: %v", err)
	}
	first := func(seq func(func(error) bool)) (err error) {
		seq(func(e error) bool { err = e; return e == nil })
		return err
	}
	values := func(uid, name string) error {
		return first(func(yield func(error) bool) {
			for _, err := range savepoint.Values[string, int64](t.Context(), s, uid, name) {
				if !yield(err) {
					return
				}
			}
		})
	}
	if err := values("nobody", "sum"); fault.CodeOf(err) != fault.OptionInvalid || !strings.Contains(err.Error(), "tally") {
		t.Errorf("no operator: %v", err)
	}
	if err := values("tally", "none"); fault.CodeOf(err) != fault.StateDeclared {
		t.Errorf("no state: %v", err)
	}
	if err := values("tally", "last"); fault.CodeOf(err) != fault.StateSchema {
		t.Errorf("a list read as a value: %v", err)
	}
	err := first(func(yield func(error) bool) {
		for _, err := range savepoint.Values[int64, int64](t.Context(), s, "tally", "sum") {
			if !yield(err) {
				return
			}
		}
	})
	if fault.CodeOf(err) != fault.StateSchema {
		t.Errorf("keys of another type: %v", err)
	}
	wrong := fmt.Errorf("no more")
	b := savepoint.From(s)
	savepoint.PutKeyed(b, "tally", func(yield func(held, error) bool) { yield(held{}, wrong) }, func(h held) string { return h.Key }, writer)
	if _, err := b.Write(t.Context(), dir+"/failed"); err == nil || !strings.Contains(err.Error(), "no more") {
		t.Errorf("values that fail: %v", err)
	}
	b = savepoint.From(s)
	b.Remove("nobody")
	if _, err := b.Write(t.Context(), dir+"/failed"); fault.CodeOf(err) != fault.OptionInvalid {
		t.Errorf("an operator that is not there: %v", err)
	}
}
