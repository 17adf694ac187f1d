package weir_test

import (
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/fault"
)

// A job in each mode takes checkpoints and, undisturbed, counts every record once. An unknown mode is refused.
func TestCheckpointMode(t *testing.T) {
	type count struct{ Key, Sum int64 }
	const records, keys = 1000, 7
	want := map[int64]int64{}
	for n := int64(1); n <= records; n++ {
		want[n%keys] += n
	}
	for mode, name := range []string{"EXACTLY_ONCE", "AT_LEAST_ONCE", "mode(2)"} {
		m := weir.CheckpointMode(mode)
		if m.String() != name {
			t.Errorf("mode %d is %v, want %s", mode, m, name)
		}
		env := weir.NewEnvironment(weir.Options{Parallelism: 3, ChunkRows: 4, Checkpoints: weir.Checkpoints{Dir: t.TempDir(), Interval: time.Millisecond, Mode: m}})
		counts := weir.Map(weir.FromSequence(env, 1, records).Rebalance(), func(n int64) count { return count{n % keys, n} })
		sums := weir.KeyBy(counts, func(c count) int64 { return c.Key }).Reduce(func(a, b count) count { return count{a.Key, a.Sum + b.Sum} })
		results, last := 0, map[int64]int64{}
		var err error
		for c, e := range sums.Collect(t.Context(), name) {
			if err = e; err != nil {
				break
			}
			results++
			last[c.Key] = max(last[c.Key], c.Sum)
		}
		if m > weir.AtLeastOnce {
			if fault.CodeOf(err) != fault.OptionInvalid {
				t.Errorf("%v: %v", m, err)
			}
			continue
		}
		if err != nil || results != records {
			t.Fatalf("%v: %d results, want %d: %v", m, results, records, err)
		}
		for k, sum := range want {
			if last[k] != sum {
				t.Errorf("%v: key %d has %d, want %d", m, k, last[k], sum)
			}
		}
	}
}

// Options of unaligned checkpoints that do not go together are refused.
func TestUnalignedOptions(t *testing.T) {
	for what, c := range map[string]weir.Checkpoints{
		"at least once":                     {Unaligned: true, Mode: weir.AtLeastOnce},
		"a timeout without unaligned":       {AlignedTimeout: time.Second},
		"a negative timeout":                {Unaligned: true, AlignedTimeout: -1},
		"a negative limit":                  {Unaligned: true, InFlightBytes: -1},
		"several checkpoints under way":     {Unaligned: true, MaxConcurrent: 2},
		"an aligned one with all but a dir": {Unaligned: true, Interval: time.Second},
	} {
		if c.Interval == 0 {
			c.Dir = t.TempDir()
		}
		env := weir.NewEnvironment(weir.Options{Checkpoints: c})
		weir.FromSequence(env, 1, 3).Discard()
		if _, err := env.Execute(t.Context(), "refused"); fault.CodeOf(err) != fault.OptionInvalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}
