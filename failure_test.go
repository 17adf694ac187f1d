package weir_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/testkit/leak"
)

var errMine = errors.New("my own error")

// harm is how a function fails.
type harm int

const (
	panics harm = iota
	exits
	returnsError
)

func (h harm) code() fault.Code {
	return [...]fault.Code{fault.FunctionPanic, fault.FunctionExit, fault.FunctionError}[h]
}

// strike fails as h says. Its name must be on the stack.
//
//go:noinline
func strike(h harm) error {
	switch h {
	case panics:
		panic("boom")
	case exits:
		runtime.Goexit()
	}
	return fmt.Errorf("wrapped: %w", errMine)
}

// at strikes at the fifth record.
func at(h harm, v int64) error {
	if v == 5 {
		return strike(h)
	}
	return nil
}

// life is a process function that strikes in one of its methods.
type life struct {
	h     harm
	where string
}

func (f *life) in(where string) error {
	if f.where == where {
		return strike(f.h)
	}
	return nil
}

func (f *life) Open(*weir.Context) error { return f.in("Open") }
func (f *life) Close() error             { return f.in("Close") }
func (f *life) OnWatermark(*weir.Context, int64, *weir.Collector[int64]) error {
	return f.in("OnWatermark")
}
func (f *life) Finish(*weir.Context, *weir.Collector[int64]) error { return f.in("Finish") }
func (f *life) Process(_ *weir.Context, v int64, out *weir.Collector[int64]) error {
	out.Collect(v)
	if v == 5 {
		return f.in("Process")
	}
	return nil
}

// texts strikes when it is printed.
type texts struct {
	V int64
	H harm
}

func (x texts) String() string {
	_ = at(x.H, x.V)
	return fmt.Sprint(x.V)
}

type failing struct {
	name string
	// build makes an operator called "culprit" between s and what it returns; one that ends the stream returns nil.
	build func(s *weir.Stream[int64], h harm) *weir.Stream[int64]
	// mayReturn tells that the function can return an error.
	mayReturn bool
}

func failings() []failing {
	type S = *weir.Stream[int64]
	type C = *weir.Collector[int64]
	key := func(v int64) int64 { return v % 3 }
	keyBy := func(s S) *weir.KeyedStream[int64, int64] { return weir.KeyBy(s, key) }
	all := []failing{
		{"map", func(s S, h harm) S {
			return weir.Map(s, func(v int64) int64 { _ = at(h, v); return v })
		}, false},
		{"mapFunc", func(s S, h harm) S {
			return weir.MapFunc(s, func(_ *weir.Context, v int64) (int64, error) { return v, at(h, v) })
		}, true},
		{"filter", func(s S, h harm) S { return s.Filter(func(v int64) bool { _ = at(h, v); return true }) }, false},
		{"filterRef", func(s S, h harm) S { return s.FilterRef(func(v *int64) bool { _ = at(h, *v); return true }) }, false},
		{"update", func(s S, h harm) S { return s.Update(func(v *int64) { _ = at(h, *v) }) }, false},
		{"flatMap", func(s S, h harm) S {
			return weir.FlatMap(s, func(v int64) iter.Seq[int64] {
				_ = at(h, v)
				return func(yield func(int64) bool) { yield(v) }
			})
		}, false},
		{"flatMap's sequence", func(s S, h harm) S {
			return weir.FlatMap(s, func(v int64) iter.Seq[int64] {
				return func(yield func(int64) bool) {
					if yield(v) {
						_ = at(h, v)
					}
				}
			})
		}, false},
		{"flatMapTo", func(s S, h harm) S {
			return weir.FlatMapTo(s, func(v int64, out C) { out.Collect(v); _ = at(h, v) })
		}, false},
		{"timestamps", func(s S, h harm) S {
			return s.WithTimestamps(func(v int64) int64 { _ = at(h, v); return v }, 0)
		}, false},
		{"process", func(s S, h harm) S {
			return weir.Process(s, func(_ *weir.Context, v int64, out C) error { out.Collect(v); return at(h, v) })
		}, true},
		{"key selector", func(s S, h harm) S {
			return weir.KeyBy(s, func(v int64) int64 { _ = at(h, v); return 0 }).Reduce(func(_, v int64) int64 { return v })
		}, false},
		{"reduce", func(s S, h harm) S { return keyBy(s).Reduce(func(_, v int64) int64 { _ = at(h, v); return v }) }, false},
		{"reduceInto", func(s S, h harm) S { return keyBy(s).ReduceInto(func(kept, v *int64) { _ = at(h, *v); *kept = *v }) }, false},
		{"sum", func(s S, h harm) S {
			return weir.Sum(keyBy(s), func(v *int64) *int64 { _ = at(h, *v); return v })
		}, false},
		{"min", func(s S, h harm) S {
			return weir.Min(keyBy(s), func(v *int64) *int64 { _ = at(h, *v); return v })
		}, false},
		{"maxBy", func(s S, h harm) S {
			return weir.MaxBy(keyBy(s), func(v int64) int64 { _ = at(h, v); return v })
		}, false},
		{"keyedProcess", func(s S, h harm) S {
			return weir.ProcessKeyed(keyBy(s), func(_ *weir.Context, _, v int64, out C) error { out.Collect(v); return at(h, v) })
		}, true},
		{"custom partitioner", func(s S, h harm) S {
			return s.PartitionCustom(func(v int64, n int) int { _ = at(h, v); return 0 }).Filter(func(int64) bool { return true })
		}, false},
		{"coMap's second", func(s S, h harm) S {
			return weir.CoMap(weir.Connect(weir.FromValues(s.Environment(), "x"), s), func(string) int64 { return 0 }, func(v int64) int64 { _ = at(h, v); return v })
		}, false},
		{"coFlatMap's first", func(s S, h harm) S {
			return weir.CoFlatMap(weir.Connect(s, weir.FromValues(s.Environment(), "x")), func(v int64, out C) { _ = at(h, v); out.Collect(v) }, func(string, C) {})
		}, false},
		{"coProcess", func(s S, h harm) S {
			return weir.CoProcess(weir.Connect(s, weir.FromValues(s.Environment(), "x")),
				func(_ *weir.Context, v int64, out C) error { out.Collect(v); return at(h, v) },
				func(*weir.Context, string, C) error { return nil })
		}, true},
		{"forEach", func(s S, h harm) S {
			s.ForEach(func(v int64, _ int64) error { return at(h, v) }).Name("culprit")
			return nil
		}, true},
		{"print's String", func(s S, h harm) S {
			weir.Map(s, func(v int64) texts { return texts{v, h} }).PrintTo(&strings.Builder{}, "").Name("culprit")
			return nil
		}, false},
		{"file sink's Encode", func(s S, h harm) S {
			dir, err := os.MkdirTemp("", "weir-test-*")
			if err != nil {
				return nil
			}
			s.ToFiles(files.SinkOptions[int64]{Dir: dir, Encode: func(dst []byte, v int64) []byte {
				os.RemoveAll(dir) // the open file is written all the same
				_ = at(h, v)
				return append(dst, "x\n"...)
			}}).Name("culprit")
			return nil
		}, false},
		{"factory", func(s S, h harm) S {
			return weir.ProcessWith(s, func() weir.ProcessFunction[int64, int64] { _ = strike(h); return &life{} })
		}, false},
	}
	for _, part := range []string{"Create", "Add", "Result"} {
		all = append(all, failing{"aggregate's " + part, func(s S, h harm) S {
			in := func(where string) {
				if where == part {
					_ = strike(h)
				}
			}
			return weir.Aggregate(keyBy(s), weir.Aggregator[int64, int64, int64]{
				Create: func() int64 { in("Create"); return 0 },
				Add:    func(a, v int64) int64 { in("Add"); return a + v },
				Result: func(a int64) int64 { in("Result"); return a },
			})
		}, false})
	}
	for _, where := range []string{"Open", "Process", "OnWatermark", "Finish", "Close"} {
		all = append(all, failing{"process function's " + where, func(s S, h harm) S {
			return weir.ProcessWith(s, func() weir.ProcessFunction[int64, int64] { return &life{h, where} })
		}, true})
	}
	return all
}

// fail runs a job that must fail, and returns its error.
func fail(t *testing.T, env *weir.Environment) (*weir.JobResult, error) {
	t.Helper()
	client, err := env.ExecuteAsync(t.Context(), "job")
	if err != nil {
		t.Fatalf("the job was not started: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := client.Wait(ctx)
	switch {
	case ctx.Err() != nil:
		client.Cancel()
		t.Fatalf("the job hangs: %v", r.Tasks)
	case err == nil:
		t.Fatal("the job has not failed")
	case r.Status != weir.StatusFailed:
		t.Fatalf("the job is %v: %v", r.Status, err)
	}
	return r, err
}

func check(t *testing.T, h harm, err error, operator string) {
	t.Helper()
	if fault.CodeOf(err) != h.code() && !(h == returnsError && fault.CodeOf(err) == fault.SinkFailed) {
		t.Errorf("the code is %q, want %q: %v", fault.CodeOf(err), h.code(), err)
	}
	if op, subtask := fault.OperatorOf(err); op != operator || subtask != 1 {
		t.Errorf("subtask %d of %q is blamed: %v\n%s", subtask, op, err, fault.StackOf(err))
	}
	switch stack := fault.StackOf(err); {
	case h == returnsError:
		if !errors.Is(err, errMine) {
			t.Errorf("errors.Is does not find the user's error in %v", err)
		}
	case !strings.Contains(stack, "weir_test.strike") || !strings.Contains(stack, "failure_test.go"):
		t.Errorf("the stack does not show the function:\n%s", stack)
	case h == panics && !strings.Contains(err.Error(), "boom"):
		t.Errorf("the value of the panic is not told: %v", err)
	}
}

// Whatever user function fails, in a chain or alone, its operator is named, and nothing stays behind.
func TestFailingFunctions(t *testing.T) {
	for _, f := range failings() {
		for _, h := range []harm{panics, exits, returnsError} {
			if h == returnsError && !f.mayReturn {
				continue
			}
			for _, unchained := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s, unchained %v", f.name, h.code(), unchained), func(t *testing.T) {
					leak.Check(t)
					env := weir.NewEnvironment(weir.Options{DisableChaining: unchained, Logger: quiet})
					pass := func(v int64) int64 { return v }
					s := weir.Map(weir.FromSequence(env, 0, 3000), pass).Name("before")
					s.Discard().Name("beside")
					if c := f.build(s, h); c != nil {
						weir.Map(c.Name("culprit"), pass).Name("behind").Discard().Name("end")
					}
					_, err := fail(t, env)
					check(t, h, err, "culprit")
				})
			}
		}
	}
}

func TestFailingSources(t *testing.T) {
	for _, h := range []harm{panics, exits} {
		for name, make := range map[string]func(env *weir.Environment) *weir.Stream[int64]{
			"generate": func(env *weir.Environment) *weir.Stream[int64] {
				return weir.Generate(env, sequence.Options{}, func(i int64) int64 { _ = at(h, i); return i })
			},
			"rated": func(env *weir.Environment) *weir.Stream[int64] {
				return weir.Generate(env, sequence.Options{RatePerSecond: 1000}, func(i int64) int64 { _ = at(h, i); return i })
			},
			"generateInto": func(env *weir.Environment) *weir.Stream[int64] {
				return weir.GenerateInto(env, sequence.Options{}, func(i int64, v *int64) { _ = at(h, i) })
			},
			"seq": func(env *weir.Environment) *weir.Stream[int64] {
				return weir.FromSeq(env, func() iter.Seq[int64] {
					return func(yield func(int64) bool) {
						for i := int64(0); yield(i); i++ {
							_ = at(h, i)
						}
					}
				})
			},
			"seq's function": func(env *weir.Environment) *weir.Stream[int64] {
				return weir.FromSeq(env, func() iter.Seq[int64] { _ = strike(h); return nil })
			},
		} {
			t.Run(fmt.Sprint(name, " ", h.code()), func(t *testing.T) {
				leak.Check(t)
				env := weir.NewEnvironment(weir.Options{Logger: quiet})
				make(env).Name("culprit").Filter(func(int64) bool { return true }).Discard()
				_, err := fail(t, env)
				if h == exits && strings.HasPrefix(name, "seq") && name != "seq's function" {
					// The sequence has a stack of its own, which is gone with runtime.Goexit.
					if op, _ := fault.OperatorOf(err); op != "culprit" || fault.CodeOf(err) != h.code() {
						t.Error(err)
					}
					return
				}
				check(t, h, err, "culprit")
			})
		}
	}
}

// One function in two places: the place is told all the same.
func TestTwins(t *testing.T) {
	next := func(v int64) int64 {
		if v == 100 {
			_ = strike(panics)
		}
		return v + 1
	}
	for first, want := range map[int64]string{100: "first", 99: "second", 98: "third"} {
		t.Run("in a row: "+want, func(t *testing.T) {
			env := weir.NewEnvironment(weir.Options{Logger: quiet})
			s := weir.FromValues(env, first)
			for _, name := range []string{"first", "second", "third"} {
				s = weir.Map(s, next).Name(name)
			}
			s.Discard()
			_, err := fail(t, env)
			check(t, panics, err, want)
		})
	}
	for i, want := range []string{"first", "second", "third"} {
		t.Run("side by side: "+want, func(t *testing.T) {
			env := weir.NewEnvironment(weir.Options{Logger: quiet})
			s := weir.FromValues[int64](env, 1)
			calls := 0
			shared := func(v int64) int64 {
				if calls++; calls == i+1 {
					_ = strike(panics)
				}
				return v
			}
			for _, name := range []string{"first", "second", "third"} {
				weir.Map(s, shared).Name(name).Discard()
			}
			_, err := fail(t, env)
			check(t, panics, err, want)
		})
		t.Run("made in a loop: "+want, func(t *testing.T) {
			env := weir.NewEnvironment(weir.Options{Logger: quiet})
			s := weir.FromValues[int64](env, 1)
			for k, name := range []string{"first", "second", "third"} {
				s.ForEach(func(int64, int64) error {
					if k == i {
						_ = strike(panics)
					}
					return nil
				}).Name(name)
			}
			_, err := fail(t, env)
			check(t, panics, err, want)
		})
	}
}

// A function called by another operator's function is the other operator's fault only if that called it.
func TestPanicBehindAnOpenFunction(t *testing.T) {
	env := weir.NewEnvironment(weir.Options{Logger: quiet})
	s := weir.FlatMapTo(weir.FromValues[int64](env, 4, 5), func(v int64, out *weir.Collector[int64]) { out.Collect(v) }).Name("outer")
	weir.Map(s, func(v int64) int64 { _ = at(panics, v); return v }).Name("inner").Discard()
	_, err := fail(t, env)
	check(t, panics, err, "inner")
}

func TestAccumulatorOfTwoKinds(t *testing.T) {
	leak.Check(t)
	env := weir.NewEnvironment(weir.Options{Logger: quiet})
	weir.Process(ints(env), func(ctx *weir.Context, v int64, out *weir.Collector[int64]) error {
		ctx.Counter("n").Add(1)
		ctx.Measure("n", weir.MeasureSum).Add(1)
		return nil
	}).Name("culprit").Discard()
	_, err := fail(t, env)
	if op, _ := fault.OperatorOf(err); fault.CodeOf(err) != fault.OptionInvalid || op != "culprit" || !strings.Contains(err.Error(), `"n"`) {
		t.Error(err)
	}
}

// An error of one subtask ends all: the others are canceled, and its subtask is named.
func TestOneSubtaskFails(t *testing.T) {
	for _, h := range []harm{panics, exits, returnsError} {
		for _, unchained := range []bool{false, true} {
			leak.Check(t)
			env := weir.NewEnvironment(weir.Options{Parallelism: 4, DisableChaining: unchained, Logger: quiet})
			s := weir.Generate(env, sequence.Options{}, func(i int64) int64 { return i })
			weir.Process(s, func(ctx *weir.Context, v int64, out *weir.Collector[int64]) error {
				if ctx.Subtask() == 2 && v > 100 {
					return strike(h)
				}
				out.Collect(v)
				return nil
			}).Name("culprit").Discard()
			r, err := fail(t, env)
			if op, subtask := fault.OperatorOf(err); op != "culprit" || subtask != 3 || fault.CodeOf(err) != h.code() {
				t.Errorf("subtask %d of %q: %v", subtask, op, err)
			}
			states := map[string]int{}
			for _, task := range r.Tasks {
				states[task.State]++
			}
			if states["FAILED"] != 1 || states["CANCELED"] != len(r.Tasks)-1 {
				t.Errorf("the tasks are %v", states)
			}
		}
	}
}

// What is emitted behind the failure comes to nobody's function, and a failing Close does not hide the first error.
func TestFirstFailureCounts(t *testing.T) {
	env := weir.NewEnvironment(weir.Options{Logger: quiet})
	var behind atomic.Int64
	s := weir.ProcessWith(weir.FromSequence(env, 0, 1000), func() weir.ProcessFunction[int64, int64] { return &closes{} }).Name("culprit")
	s.ForEach(func(v int64, _ int64) error {
		behind.Add(1)
		if v == 5 {
			return errMine
		}
		return nil
	}).Name("sink")
	_, err := fail(t, env)
	if op, _ := fault.OperatorOf(err); op != "sink" || !errors.Is(err, errMine) {
		t.Error(err)
	}
	if behind.Load() != 11 {
		t.Errorf("the sink got %d records", behind.Load())
	}
}

type closes struct{}

func (closes) Process(_ *weir.Context, v int64, out *weir.Collector[int64]) error {
	out.Collect(v)
	out.Collect(v)
	return nil
}
func (closes) Close() error { panic("in Close") }

// A disk that fails under the file sink fails the job, names what failed, and leaves nothing under a final name.
func TestFileSinkFails(t *testing.T) {
	finals := func(t *testing.T, dir string) (names []string) {
		entries, err := os.ReadDir(dir)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") {
				names = append(names, e.Name())
			}
		}
		return names
	}
	lines := func(env *weir.Environment) *weir.Stream[string] {
		return weir.Map(weir.FromSequence(env, 0, 20_000), func(v int64) string { return fmt.Sprint(v, strings.Repeat("-", 100)) })
	}
	t.Run("folder vanishes", func(t *testing.T) {
		leak.Check(t)
		dir := filepath.Join(t.TempDir(), "out")
		env := weir.NewEnvironment(weir.Options{Logger: quiet, Parallelism: 2})
		lines(env).Filter(func(v string) bool {
			if strings.HasPrefix(v, "100-") {
				os.RemoveAll(dir)
			}
			return true
		}).ToFiles(files.SinkOptions[string]{Dir: dir, RollBytes: 1000}).Name("out")
		_, err := fail(t, env)
		if op, _ := fault.OperatorOf(err); op != "out" || !slices.Contains([]fault.Code{fault.SinkFileWrite, fault.SinkFileCommit, fault.SinkFileLost}, fault.CodeOf(err)) {
			t.Error(err)
		}
		if left := finals(t, dir); len(left) > 0 {
			t.Errorf("left %q", left)
		}
	})
	t.Run("another operator fails", func(t *testing.T) {
		leak.Check(t)
		dir := t.TempDir()
		env := weir.NewEnvironment(weir.Options{Logger: quiet, Parallelism: 2})
		lines(env).Filter(func(v string) bool {
			if strings.HasPrefix(v, "19999-") {
				_ = strike(panics)
			}
			return true
		}).Name("culprit").ToFiles(files.SinkOptions[string]{Dir: dir, RollBytes: 10_000})
		_, err := fail(t, env)
		if fault.CodeOf(err) != fault.FunctionPanic {
			t.Error(err)
		}
		if left := finals(t, dir); len(left) > 0 {
			t.Errorf("left %q", left)
		}
	})
	t.Run("nothing fails", func(t *testing.T) {
		dir := t.TempDir()
		env := weir.NewEnvironment(weir.Options{Logger: quiet, Parallelism: 2})
		lines(env).ToFiles(files.SinkOptions[string]{Dir: dir, RollBytes: 100_000})
		execute(t, env)
		env = weir.NewEnvironment(weir.Options{Logger: quiet, Parallelism: 3})
		back := into(weir.FromFiles(env, files.Options{Path: dir}))
		execute(t, env)
		if n := back.len(); n != 20_001 {
			t.Errorf("%d lines came back", n)
		}
	})
}

// limit is a type with methods to pass as functions.
type limit struct{ h harm }

func (l limit) change(v *int64)    { _ = at(l.h, *v) }
func (l limit) keep(v *int64) bool { _ = at(l.h, *v+1000); return true }
func (l *limit) key(v int64) int64 { _ = at(l.h, v+2000); return v }

// Operators that share an emit function, functions that are methods, and functions that stand in two places are told apart.
func TestCulpritsOfSharedCode(t *testing.T) {
	l := &limit{panics}
	same := func(v *int64) { _ = at(panics, *v) }
	add := func(n int64) func(v *int64) { return func(v *int64) { *v += n } }
	key := func(v int64) int64 { _ = at(panics, v); return v }
	for _, c := range []struct {
		name  string
		value int64
		build func(s *weir.Stream[int64]) *weir.Stream[int64]
		want  string
	}{
		{"first of a fused chain", 5, func(s *weir.Stream[int64]) *weir.Stream[int64] {
			return s.Update(l.change).Name("a").FilterRef(l.keep).Name("b").Update(add(1)).Name("c")
		}, "a"},
		{"second of a fused chain", -995, func(s *weir.Stream[int64]) *weir.Stream[int64] {
			return s.Update(l.change).Name("a").FilterRef(l.keep).Name("b").Update(add(1)).Name("c")
		}, "b"},
		{"key selector behind a fused chain", -1995, func(s *weir.Stream[int64]) *weir.Stream[int64] {
			s = s.Update(l.change).Name("a").FilterRef(l.keep).Name("b")
			return weir.KeyBy(s, l.key).Reduce(func(_, v int64) int64 { return v }).Name("c")
		}, "c"},
		{"one function in two updates", 4, func(s *weir.Stream[int64]) *weir.Stream[int64] {
			return s.Update(same).Name("a").Update(add(1)).Name("b").Update(same).Name("c").Update(add(1)).Name("d")
		}, "c"},
		{"more updates than are fused", -995, func(s *weir.Stream[int64]) *weir.Stream[int64] {
			for i := range 7 {
				s = s.Update(add(0)).Name(fmt.Sprint("before ", i)).FilterRef(func(*int64) bool { return true }).Name(fmt.Sprint("then ", i))
			}
			return s.FilterRef(l.keep).Name("culprit").Update(add(1)).Name("behind")
		}, "culprit"},
		{"a chain behind a fork", -995, func(s *weir.Stream[int64]) *weir.Stream[int64] {
			s = s.Update(add(0)).Name("a")
			s.Update(add(1)).Name("b").FilterRef(l.keep).Name("not").Discard()
			return s.Update(add(0)).Name("c").FilterRef(l.keep).Name("culprit")
		}, "culprit"},
		{"one key selector in a row", 4, func(s *weir.Stream[int64]) *weir.Stream[int64] {
			s = weir.KeyBy(s, key).Reduce(func(_, v int64) int64 { return v }).Name("a").Update(add(1)).Name("b")
			return weir.KeyBy(s, key).Reduce(func(_, v int64) int64 { return v }).Name("c")
		}, "c"},
		{"one key selector side by side", 5, func(s *weir.Stream[int64]) *weir.Stream[int64] {
			weir.KeyBy(s.Filter(func(int64) bool { return false }), key).Reduce(func(_, v int64) int64 { return v }).Name("a").Discard()
			weir.KeyBy(s, func(v int64) int64 { return v }).Reduce(func(_, v int64) int64 { return v }).Name("b").Discard()
			return weir.KeyBy(s, key).Reduce(func(_, v int64) int64 { return v }).Name("c")
		}, "c"},
		{"key selector within its operator", 5, func(s *weir.Stream[int64]) *weir.Stream[int64] {
			calls := 0
			twice := func(v int64) int64 {
				if calls++; calls == 2 { // the first call is the edge's, the second the operator's: it is one operator
					_ = at(panics, v)
				}
				return v
			}
			s = weir.KeyBy(s, twice).Reduce(func(_, v int64) int64 { return v }).Name("a")
			return weir.KeyBy(s, twice).Reduce(func(_, v int64) int64 { return v }).Name("b")
		}, "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := weir.NewEnvironment(weir.Options{Logger: quiet})
			c.build(weir.FromValues(env, c.value)).Discard()
			_, err := fail(t, env)
			check(t, panics, err, c.want)
		})
	}
}
