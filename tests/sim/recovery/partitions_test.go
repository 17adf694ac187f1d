package recovery

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/weirtest"
)

// partitions sends numbers over every kind of edge to a slow end. Each operator has a parallelism of its own, drawn anew in each life, so that edges for which none is chosen are rebalanced in one life and chained in another.
func partitions(s *weirtest.Sim, env *weir.Environment, count int64) *weir.Stream[string] {
	rng := s.Rand()
	step := func(in *weir.Stream[int64], name string) *weir.Stream[int64] {
		return weir.Map(in, func(n int64) int64 { return n }).Name(name).UID(name).Parallelism(1 + rng.IntN(3))
	}
	all := weir.FromSequence(env, 0, count-1).Name("numbers").UID("numbers")
	all = step(all.Rebalance(), "rebalanced")
	all = step(all, "as-it-comes")
	all = step(all.PartitionCustom(func(n int64, subtasks int) int { return int(n/3) % subtasks }), "custom")
	all = step(all.Shuffle(), "shuffled")
	all = step(all, "as-it-comes-again")
	keyed := weir.ProcessKeyed(weir.KeyBy(all, func(n int64) int64 { return n % 5 }), func(_ *weir.Context, _, n int64, out *weir.Collector[int64]) error {
		out.Collect(n)
		return nil
	}).Name("keyed").UID("keyed")
	all = step(step(keyed.Global(), "global"), "behind")
	slow := weir.OrderedWait(all.Rebalance(), func(ctx context.Context, n int64) ([]int64, error) {
		return []int64{n}, weirtest.Sleep(ctx, time.Millisecond)
	}, weir.AsyncOptions[int64, int64]{Capacity: 1}).Name("slow").UID("slow")
	return weir.Map(slow, func(n int64) string { return fmt.Sprint(n) }).Name("text").UID("text")
}

// TestPartitions has records on their way over all kinds of edges, and other edges in the next life.
func TestPartitions(t *testing.T) {
	const count = 150
	var want []string
	for n := range count {
		want = append(want, fmt.Sprint(n))
	}
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		ledger := weirtest.NewLedger[string](s)
		s.Survive(func(env *weir.Environment) { ledger.End(partitions(s, env, count)) })
		s.Same(ledger.Committed(), want)
	})
}
