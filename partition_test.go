package weir_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/testkit/leak"
)

// sent is a number with the subtask that sent it.
type sent struct {
	From int
	V    int64
}

// travel sends n numbers from producers to consumers, and returns what each consumer got of each producer, in order.
func travel(t *testing.T, o weir.Options, producers, consumers int, n int64, partition func(*weir.Stream[sent]) *weir.Stream[sent]) [][][]int64 {
	t.Helper()
	o.Logger = quiet
	env := weir.NewEnvironment(o)
	s := weir.Process(weir.FromSequence(env, 0, n-1).Parallelism(producers), func(ctx *weir.Context, v int64, out *weir.Collector[sent]) error {
		if ctx.Parallelism() != producers {
			return fmt.Errorf("parallelism %d", ctx.Parallelism())
		}
		out.Collect(sent{ctx.Subtask(), v})
		return nil
	}).Parallelism(producers)
	got := make([][][]int64, consumers)
	for i := range got {
		got[i] = make([][]int64, producers)
	}
	weir.Process(partition(s), func(ctx *weir.Context, v sent, out *weir.Collector[sent]) error {
		got[ctx.Subtask()][v.From] = append(got[ctx.Subtask()][v.From], v.V) // each subtask has its own
		return nil
	}).Parallelism(consumers).StartNewChain().Discard().Parallelism(consumers)
	execute(t, env)
	for c := range got {
		for p, values := range got[c] {
			if !slices.IsSorted(values) {
				t.Errorf("consumer %d has the records of producer %d in another order: %.100v", c, p, values)
			}
		}
	}
	return got
}

func count(values [][]int64) (n int) {
	for _, v := range values {
		n += len(v)
	}
	return n
}

func TestPartitioners(t *testing.T) {
	const n = 1000
	for _, shape := range [][2]int{{1, 1}, {1, 4}, {4, 1}, {2, 4}, {4, 2}, {2, 7}, {7, 2}, {3, 3}, {7, 7}} {
		producers, consumers := shape[0], shape[1]
		for _, rows := range []int{1, 7, 1024} {
			o := weir.Options{ChunkRows: rows}
			t.Run(fmt.Sprintf("%d to %d, rows %d", producers, consumers, rows), func(t *testing.T) {
				all := func(got [][][]int64, copies int) {
					t.Helper()
					seen := map[int64]int{}
					for _, c := range got {
						for _, values := range c {
							for _, v := range values {
								seen[v]++
							}
						}
					}
					for v := range int64(n) {
						if seen[v] != copies {
							t.Fatalf("%d came %d times, want %d", v, seen[v], copies)
						}
					}
				}

				got := travel(t, o, producers, consumers, n, (*weir.Stream[sent]).Rebalance)
				all(got, 1)
				for p := range producers {
					for c := range consumers {
						// The source deals its numbers out in equal parts, and each producer goes round.
						if k, least := len(got[c][p]), n/producers/consumers; k < least || k > least+2 {
							t.Errorf("rebalance: consumer %d has %d records of producer %d, want about %d", c, k, p, least)
						}
					}
				}

				got = travel(t, o, producers, consumers, n, (*weir.Stream[sent]).Broadcast)
				all(got, consumers)
				for c := range consumers {
					if count(got[c]) != n {
						t.Errorf("broadcast: consumer %d has %d", c, count(got[c]))
					}
				}

				got = travel(t, o, producers, consumers, n, (*weir.Stream[sent]).Global)
				all(got, 1)
				if count(got[0]) != n {
					t.Errorf("global: the first consumer has %d", count(got[0]))
				}

				got = travel(t, o, producers, consumers, n, (*weir.Stream[sent]).Shuffle)
				all(got, 1)
				for c := range consumers {
					if k := count(got[c]); k < n/consumers/2 || k > n/consumers*2 {
						t.Errorf("shuffle: consumer %d has %d of %d", c, k, n)
					}
				}

				got = travel(t, o, producers, consumers, n, func(s *weir.Stream[sent]) *weir.Stream[sent] {
					return s.PartitionCustom(func(v sent, subtasks int) int { return int(v.V) * int(v.V) % subtasks })
				})
				all(got, 1)
				for c := range consumers {
					for _, values := range got[c] {
						for _, v := range values {
							if int(v*v)%consumers != c {
								t.Fatalf("custom: %d is at consumer %d", v, c)
							}
						}
					}
				}

				got = travel(t, o, producers, consumers, n, (*weir.Stream[sent]).Rescale)
				all(got, 1)
				rescaled(t, got, producers, consumers)

				if producers == consumers {
					got = travel(t, o, producers, consumers, n, (*weir.Stream[sent]).Forward)
					all(got, 1)
					for c := range consumers {
						if len(got[c][c]) != count(got[c]) {
							t.Errorf("forward: consumer %d has records of other producers", c)
						}
					}
				}
			})
		}
	}
}

// rescaled checks that edges are pointwise: each subtask of the larger side has one partner, those of one partner are neighbours, and partners have about as many.
func rescaled(t *testing.T, got [][][]int64, producers, consumers int) {
	t.Helper()
	partners := make([][]int, max(producers, consumers))
	for c := range consumers {
		for p := range producers {
			if len(got[c][p]) == 0 {
				continue
			}
			if consumers >= producers {
				partners[c] = append(partners[c], p)
			} else {
				partners[p] = append(partners[p], c)
			}
		}
	}
	shares := map[int]int{}
	for i, p := range partners {
		if len(p) != 1 || i > 0 && p[0] < partners[i-1][0] {
			t.Fatalf("rescale: %v", partners)
		}
		shares[p[0]]++
	}
	least, most := len(partners), 0
	for _, n := range shares {
		least, most = min(least, n), max(most, n)
	}
	if most-least > 1 || len(shares) != min(producers, consumers) {
		t.Errorf("rescale: %v", partners)
	}
	if consumers >= producers {
		for p := range producers {
			least, most := 1<<30, 0
			for c := range consumers {
				if k := len(got[c][p]); k > 0 {
					least, most = min(least, k), max(most, k)
				}
			}
			if most-least > 1 {
				t.Errorf("rescale: producer %d gives from %d to %d", p, least, most)
			}
		}
	}
}

// Records of a key are where the key group says, for every parallelism.
func TestHashPartitioning(t *testing.T) {
	for _, p := range []int{1, 2, 4, 7} {
		env := weir.NewEnvironment(weir.Options{Parallelism: p, MaxParallelism: 100, Logger: quiet})
		k := weir.KeyBy(weir.FromSequence(env, 0, 999), func(v int64) int64 { return v % 50 })
		b := newBag()
		b.into(weir.ProcessKeyed(k, func(ctx *weir.Context, key, v int64, out *weir.Collector[line]) error {
			out.Collect(line{fmt.Sprint(key), fmt.Sprint(ctx.Subtask())})
			return nil
		}))
		execute(t, env)
		used := map[string]bool{}
		for key := range int64(50) {
			at := b.groups[fmt.Sprint(key)]
			if len(at) != 20 || len(slices.Compact(slices.Clone(at))) != 1 {
				t.Errorf("parallelism %d: key %d was at %q", p, key, at)
				continue
			}
			used[at[0]] = true
		}
		if len(used) != p {
			t.Errorf("parallelism %d: 50 keys use %d subtasks", p, len(used))
		}
	}
	if base.SubtaskOf(99, 7, 100) != 6 {
		t.Error("the last key group is not at the last subtask")
	}
}

func TestPartitionOutOfRange(t *testing.T) {
	for _, choice := range []int{-1, 3, 1 << 40} {
		leak.Check(t)
		env := weir.NewEnvironment(weir.Options{Parallelism: 3, Logger: quiet})
		s := weir.FromSequence(env, 0, 999).PartitionCustom(func(v int64, n int) int {
			if v == 500 {
				return choice
			}
			return 0
		})
		s.Discard().Name("taker")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		r, err := env.Execute(ctx, "job")
		cancel()
		if fault.CodeOf(err) != fault.PartitionRange || r.Status != weir.StatusFailed || !strings.Contains(err.Error(), fmt.Sprint("channel ", choice, " of 3")) {
			t.Errorf("%v: %v", r, err)
		}
		if op, subtask := fault.OperatorOf(err); op != "taker" || subtask == 0 {
			t.Errorf("subtask %d of %q is blamed: %v", subtask, op, err)
		}
	}
}
