package weir_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/fault"
)

// A part of a job that nothing connects to the rest fails and begins anew alone: the rest reads each record once.
func TestRegions(t *testing.T) {
	const count = 3000
	for _, c := range []struct {
		name        string
		checkpoints bool
	}{{"checkpoints", true}, {"none", false}} {
		t.Run(c.name, func(t *testing.T) {
			o := weir.Options{Parallelism: 2, ChunkRows: 16, Logger: quiet, Restart: weir.FixedDelayRestart(5, time.Millisecond)}
			if c.checkpoints {
				o.Checkpoints = weir.Checkpoints{Dir: "file://" + t.TempDir() + "?sync=false", Interval: 5 * time.Millisecond, TolerableFailures: -1}
			}
			env := weir.NewEnvironment(o)
			pipe := func(name string, failures int64) (j *journal, seen *atomic.Int64) {
				j, seen = newJournal(), &atomic.Int64{}
				var failed atomic.Int64
				numbers := weir.MapFunc(weir.FromSequence(env, 0, count-1).Name(name+" numbers"), func(_ *weir.Context, i int64) (int64, error) {
					n := seen.Add(1)
					if n%10 == 0 {
						time.Sleep(100 * time.Microsecond)
					}
					if f := failed.Load(); f < failures && n > (f+1)*count/4 && failed.CompareAndSwap(f, f+1) {
						return 0, errors.New("out of breath")
					}
					return i, nil
				}).Name(name)
				weir.Map(weir.KeyBy(numbers, func(i int64) int64 { return i % 7 }).Reduce(func(_, i int64) int64 { return i }), func(i int64) int64 { return i }).SinkTo("journal", j).Name(name + " journal")
				return j, seen
			}
			steady, read := pipe("steady", 0)
			shaky, again := pipe("shaky", 3)
			client := started(t, env)
			if _, err := ended(t, client); err != nil {
				t.Fatal(err)
			}
			if n := read.Load(); n != count {
				t.Errorf("the part that did not fail has read %d records of %d", n, count)
			}
			if n := again.Load(); n <= count && !c.checkpoints {
				t.Errorf("the part that failed has read %d records of %d", n, count)
			}
			want := make([]int64, count)
			for i := range want {
				want[i] = int64(i)
			}
			for name, j := range map[string]*journal{"steady": steady, "shaky": shaky} {
				if got := j.values(); !slices.Equal(got, want) {
					t.Errorf("%s: %d values are committed", name, len(got))
				}
			}
			failures := client.Failures()
			if len(failures) != 3 || client.Restarts() != 3 {
				t.Fatalf("%d restarts, failures %v", client.Restarts(), failures)
			}
			for i, f := range failures {
				if op, _ := fault.OperatorOf(f.Err); op != "shaky" || !strings.Contains(f.Task, "shaky") || f.Attempt != 3-i {
					t.Errorf("failure %d is %v", i, f)
				}
			}
		})
	}
}
