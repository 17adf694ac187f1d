package weir_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/fault"
)

var errPoison = errors.New("cannot digest this")

// failingJob runs a job that is begun anew twice, and returns its client and error.
func failingJob(t *testing.T, o weir.Options, build func(env *weir.Environment)) (*weir.JobClient, error) {
	t.Helper()
	o.Restart, o.Logger = weir.FixedDelayRestart(2, time.Millisecond), quiet
	env := weir.NewEnvironment(o)
	build(env)
	client, err := env.ExecuteAsync(t.Context(), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Wait(t.Context())
	return client, err
}

// TestPoisonedRecord wants a record at which the job fails each time to be named: by its place in the source where the function stands behind that, and else by itself.
func TestPoisonedRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "words.txt")
	if err := os.WriteFile(path, []byte("one\r\ntwo\nthree\npoison\nfour\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	digest := func(_ *weir.Context, word string) (string, error) {
		if word == "poison" {
			return "", errPoison
		}
		return word, nil
	}
	gag := func(_ *weir.Context, i int64) (int64, error) {
		if i == 70_123 {
			panic("gag")
		}
		return i, nil
	}
	type bite struct {
		Taste string
		N     int64
	}
	numbers := func(env *weir.Environment) *weir.Stream[int64] {
		return weir.FromSequence(env, 1, 100_000).Parallelism(1)
	}
	bites := func(env *weir.Environment) *weir.KeyedStream[int64, bite] {
		return weir.KeyBy(weir.Map(numbers(env), func(i int64) bite { return bite{strings.Repeat("x", int(i%3)*200), i} }), func(b bite) int64 { return b.N % 10 })
	}
	chew := func(ctx *weir.Context, key int64, b bite, out *weir.Collector[bite]) error {
		if b.N == 777 {
			return errPoison
		}
		return nil
	}
	for _, c := range []struct {
		name, operator, place string
		code                  fault.Code
		o                     weir.Options
		build                 func(env *weir.Environment)
	}{
		{"file", "digest", path + ", the line at byte 15", fault.FunctionError, weir.Options{}, func(env *weir.Environment) {
			weir.MapFunc(weir.FromFiles(env, files.Options{Path: path}), digest).Name("digest").Discard()
		}},
		{"slice", "digest", "element 2 of the slice", fault.FunctionError, weir.Options{}, func(env *weir.Environment) {
			weir.MapFunc(weir.FromSlice(env, []string{"a", "b", "poison", "c"}), digest).Name("digest").Discard()
		}},
		{"panic", "gag", "number 70123 of the sequence", fault.FunctionPanic, weir.Options{}, func(env *weir.Environment) {
			weir.MapFunc(numbers(env), gag).Name("gag").Discard()
		}},
		{"panic behind an exchange", "gag", "record 70123", fault.FunctionPanic, weir.Options{Parallelism: 2}, func(env *weir.Environment) {
			weir.MapFunc(numbers(env).Rebalance(), gag).Name("gag").Discard()
		}},
		{"keyed", "chew", "record {Taste: N:777}", fault.FunctionError, weir.Options{}, func(env *weir.Environment) {
			weir.ProcessKeyed(bites(env), chew).Name("chew").Discard()
		}},
		{"batch", "chew", "record {Taste: N:777}", fault.FunctionError, weir.Options{RuntimeMode: weir.Batch}, func(env *weir.Environment) {
			weir.ProcessKeyed(bites(env), chew).Name("chew").Discard()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := failingJob(t, c.o, c.build)
			if fault.CodeOf(err) != fault.JobPoisoned || fault.PlaceOf(err) != c.place || !strings.Contains(err.Error(), "3 times in a row: "+string(c.code)) {
				t.Errorf("at %q: %v", fault.PlaceOf(err), err)
			}
			if op, subtask := fault.OperatorOf(err); op != c.operator || subtask == 0 {
				t.Errorf("in operator %q, subtask %d", op, subtask)
			}
			if c.code == fault.FunctionError && !errors.Is(err, errPoison) {
				t.Errorf("not the user's error: %v", err)
			}
			for _, f := range client.Failures() {
				if fault.CodeOf(f.Err) != c.code || fault.PlaceOf(f.Err) != c.place {
					t.Errorf("failure %v", f)
				}
			}
		})
	}
}

// TestFailures wants all failures of a job to be told, the latest first, as many as are kept.
func TestFailures(t *testing.T) {
	begin := time.Now()
	for kept, want := range map[int]int{0: 3, 2: 2, 1: 1} {
		attempt := 0
		client, err := failingJob(t, weir.Options{FailureHistory: kept}, func(env *weir.Environment) {
			weir.MapFunc(weir.FromSequence(env, 1, 10), func(_ *weir.Context, i int64) (int64, error) {
				if i == 1 {
					attempt++
				}
				if i == int64(attempt) {
					return 0, fmt.Errorf("trouble %d", attempt)
				}
				return i, nil
			}).Name("unsteady").Discard()
		})
		all := client.Failures()
		if len(all) != want || fault.CodeOf(err) != fault.FunctionError {
			t.Fatalf("kept %d: %d failures, %v: %v", kept, len(all), all, err)
		}
		for i, f := range all {
			if f.Attempt != 3-i || !strings.Contains(f.Err.Error(), fmt.Sprint("trouble ", 3-i)) || !strings.Contains(f.Task, "unsteady") || !strings.HasSuffix(f.Task, "(1/1)") ||
				f.Time.Before(begin.Add(-time.Second)) || f.Time.After(time.Now().Add(time.Second)) {
				t.Errorf("kept %d: failure %d is %v", kept, i, f)
			}
			if !strings.Contains(err.Error(), fmt.Sprint("trouble ", 3-i)) {
				t.Errorf("the error does not tell of failure %d: %v", 3-i, err)
			}
		}
		if forgotten := strings.Contains(err.Error(), "failures before these"); forgotten != (want < 3) {
			t.Errorf("kept %d: %v", kept, err)
		}
	}
}
