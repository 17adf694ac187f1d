package weir_test

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/internal/testkit/leak"
	"github.com/weirstream/weir/weirtest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// quiet keeps the log of jobs that are meant to fail out of the test's output.
var quiet = slog.New(slog.DiscardHandler)

// bag gathers what comes to a sink. Lists of one group are in the order of arrival.
type bag struct {
	mu     sync.Mutex
	groups map[string][]string
}

func newBag() *bag { return &bag{groups: map[string][]string{}} }

func (b *bag) add(group, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.groups[group] = append(b.groups[group], text)
}

func (b *bag) len() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, g := range b.groups {
		n += len(g)
	}
	return n
}

// line is what test programs come down to.
type line struct{ Group, Text string }

// into ends a stream in the bag.
func (b *bag) into(s *weir.Stream[line]) {
	s.ForEach(func(v line, _ int64) error {
		b.add(v.Group, v.Text)
		return nil
	})
}

// into ends a stream of anything in a bag, in one group.
func into[T any](s *weir.Stream[T]) *bag {
	b := newBag()
	s.ForEach(func(v T, _ int64) error {
		b.add("", fmt.Sprint(v))
		return nil
	})
	return b
}

func (b *bag) sorted() map[string][]string {
	out := map[string][]string{}
	for g, texts := range b.groups {
		out[g] = slices.Sorted(slices.Values(texts))
	}
	return out
}

func execute(t testing.TB, env *weir.Environment) *weir.JobResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := env.Execute(ctx, t.Name())
	if err != nil {
		t.Fatalf("%v", err)
	}
	if r.Status != weir.StatusFinished {
		t.Fatalf("the job is %v", r.Status)
	}
	return r
}

// shapes runs a test for every parallelism, chunk size, and with chaining off.
func shapes(t *testing.T, run func(t *testing.T, o weir.Options)) {
	for _, p := range []int{1, 2, 4, 7} {
		for _, rows := range []int{1, 7, 1024} {
			for _, off := range []bool{false, true} {
				t.Run(fmt.Sprintf("parallelism %d, rows %d, unchained %v", p, rows, off), func(t *testing.T) {
					run(t, weir.Options{Parallelism: p, ChunkRows: rows, DisableChaining: off, Logger: quiet})
				})
			}
		}
	}
}

// trade is a record with a bit of everything.
type trade struct {
	ID    int64
	Name  string
	Price float64
	At    time.Time
	Tags  []string
}

func trades(n int) []trade {
	all := make([]trade, n)
	for i := range all {
		all[i] = trade{
			ID: int64(i), Name: fmt.Sprint("name-", i*i%13), Price: float64((i*7919)%1000) / 4,
			At: time.UnixMilli(int64(i)).UTC(), Tags: []string{fmt.Sprint(i % 3), "x"}[:1+i%2],
		}
	}
	return all
}

func (v trade) String() string {
	return fmt.Sprint(v.ID, " ", v.Name, " ", v.Price, " ", v.At.UnixMilli(), " ", v.Tags)
}

// program is a job with an answer that does not depend on how it is run.
type program struct {
	name string
	// ordered tells that the order within each group counts: its records come from one producer.
	ordered bool
	build   func(env *weir.Environment) *weir.Stream[line]
	// want is the answer, computed plainly; parallelism matters where records are copied.
	want func(parallelism int) map[string][]string
}

func plain[T any](s *weir.Stream[T]) *weir.Stream[line] {
	return weir.Map(s, func(v T) line { return line{"", fmt.Sprint(v)} })
}

func one[T any](values []T) func(int) map[string][]string {
	return func(int) map[string][]string {
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = fmt.Sprint(v)
		}
		return map[string][]string{"": texts}
	}
}

func byName(v trade) string { return v.Name }

// rolling is the answer of a keyed rolling aggregation.
func rolling[A any](in []trade, add func(acc A, fresh bool, v trade) A) func(int) map[string][]string {
	return func(int) map[string][]string {
		accs, want := map[string]A{}, map[string][]string{}
		for _, v := range in {
			acc, known := accs[v.Name]
			acc = add(acc, !known, v)
			accs[v.Name] = acc
			want[v.Name] = append(want[v.Name], fmt.Sprint(acc))
		}
		return want
	}
}

func named(s *weir.Stream[trade]) *weir.Stream[line] {
	return weir.Map(s, func(v trade) line { return line{v.Name, fmt.Sprint(v)} })
}

type joiner struct {
	left, right map[int64]bool
}

func (j *joiner) Open(*weir.Context) error {
	j.left, j.right = map[int64]bool{}, map[int64]bool{}
	return nil
}

func (j *joiner) Process1(_ *weir.Context, v int64, out *weir.Collector[int64]) error {
	j.left[v] = true
	if j.right[v] {
		out.Collect(v)
	}
	return nil
}

func (j *joiner) Process2(_ *weir.Context, v int64, out *weir.Collector[int64]) error {
	j.right[v] = true
	if j.left[v] {
		out.Collect(v)
	}
	return nil
}

var oddTag = weir.NewOutputTag[string]("odd")

func programs() []program {
	in := trades(300)
	numbers := make([]int64, 400)
	for i := range numbers {
		numbers[i] = int64(i)
	}
	where := func(keep func(int64) bool) (kept []int64) {
		for _, n := range numbers {
			if keep(n) {
				kept = append(kept, n)
			}
		}
		return kept
	}
	numbered := func(env *weir.Environment) *weir.Stream[int64] { return weir.FromSequence(env, 0, 399) }
	source := func(env *weir.Environment) *weir.Stream[trade] { return weir.FromValues(env, in...) }
	keyed := func(env *weir.Environment) *weir.KeyedStream[string, trade] { return weir.KeyBy(source(env), byName) }
	return []program{
		{"values", true, func(env *weir.Environment) *weir.Stream[line] { return plain(source(env).Global()) }, one(in)},
		{"slice", false, func(env *weir.Environment) *weir.Stream[line] { return plain(weir.FromSlice(env, in)) }, one(in)},
		{"seq", true, func(env *weir.Environment) *weir.Stream[line] {
			return plain(weir.FromSeq(env, func() iter.Seq[trade] { return slices.Values(in) }).Global())
		}, one(in)},
		{"map", false, func(env *weir.Environment) *weir.Stream[line] {
			return plain(weir.Map(numbered(env), func(v int64) int64 { return v * 2 }).Filter(func(v int64) bool { return v%3 != 0 }))
		}, func(int) map[string][]string {
			var w []string
			for _, n := range numbers {
				if 2*n%3 != 0 {
					w = append(w, fmt.Sprint(2*n))
				}
			}
			return map[string][]string{"": w}
		}},
		{"mapFunc", false, func(env *weir.Environment) *weir.Stream[line] {
			return plain(weir.MapFunc(numbered(env), func(ctx *weir.Context, v int64) (int64, error) {
				if ctx.Timestamp() != eventtime.NoTimestamp || ctx.Watermark() != eventtime.MinWatermark {
					return 0, fmt.Errorf("timestamp %d, watermark %d", ctx.Timestamp(), ctx.Watermark())
				}
				return v, nil
			}))
		}, one(numbers)},
		{"flatMap", false, func(env *weir.Environment) *weir.Stream[line] {
			seq := weir.FlatMap(numbered(env), func(v int64) iter.Seq[int64] {
				return func(yield func(int64) bool) {
					for i := range v % 4 {
						if !yield(v*10 + i) {
							return
						}
					}
				}
			})
			return plain(weir.FlatMapTo(seq, func(v int64, out *weir.Collector[int64]) {
				out.Collect(v)
				out.CollectAt(-v, 5)
			}))
		}, func(int) map[string][]string {
			var w []string
			for _, n := range numbers {
				for i := range n % 4 {
					w = append(w, fmt.Sprint(n*10+i), fmt.Sprint(-(n*10 + i)))
				}
			}
			return map[string][]string{"": w}
		}},
		{"process with side output", false, func(env *weir.Environment) *weir.Stream[line] {
			even := weir.Process(numbered(env), func(ctx *weir.Context, v int64, out *weir.Collector[int64]) error {
				if v%2 == 0 {
					out.Collect(v)
					return nil
				}
				oddTag.Emit(ctx, fmt.Sprint("odd ", v))
				return nil
			})
			odd := weir.Map(weir.SideOutput(even, oddTag), func(s string) line { return line{"odd", s} })
			return weir.Map(even, func(v int64) line { return line{"even", fmt.Sprint(v)} }).Union(odd)
		}, func(int) map[string][]string {
			w := map[string][]string{}
			for _, n := range numbers {
				if n%2 == 0 {
					w["even"] = append(w["even"], fmt.Sprint(n))
				} else {
					w["odd"] = append(w["odd"], fmt.Sprint("odd ", n))
				}
			}
			return w
		}},
		{"several readers", false, func(env *weir.Environment) *weir.Stream[line] {
			s := numbered(env)
			a := weir.Map(s, func(v int64) line { return line{"a", fmt.Sprint(v)} })
			b := weir.Map(s.Filter(func(v int64) bool { return v%2 == 0 }), func(v int64) line { return line{"b", fmt.Sprint(v)} })
			c := weir.Map(s.Rebalance(), func(v int64) line { return line{"c", fmt.Sprint(v)} })
			return a.Union(b, c)
		}, func(int) map[string][]string {
			all := one(numbers)(1)[""]
			return map[string][]string{"a": all, "b": one(where(func(n int64) bool { return n%2 == 0 }))(1)[""], "c": all}
		}},
		{"union with itself", false, func(env *weir.Environment) *weir.Stream[line] {
			s := numbered(env)
			return plain(s.Union(s))
		}, func(int) map[string][]string { return one(append(numbers[:400:400], numbers...))(1) }},
		{"union of four", false, func(env *weir.Environment) *weir.Stream[line] {
			s := numbered(env)
			u := s.Union(numbered(env).Rebalance(), weir.FromValues(env, numbers...), s.Filter(func(int64) bool { return false }))
			return plain(u)
		}, func(int) map[string][]string { return one(slices.Concat(numbers, numbers, numbers))(1) }},
		{"reduce", true, func(env *weir.Environment) *weir.Stream[line] {
			return named(keyed(env).Reduce(func(kept, v trade) trade {
				kept.ID += v.ID
				kept.Tags = v.Tags
				return kept
			}))
		}, rolling(in, func(acc trade, fresh bool, v trade) trade {
			if fresh {
				return v
			}
			acc.ID += v.ID
			acc.Tags = v.Tags
			return acc
		})},
		{"sum", true, func(env *weir.Environment) *weir.Stream[line] {
			return named(weir.Sum(keyed(env), func(v *trade) *float64 { return &v.Price }))
		}, rolling(in, func(acc trade, fresh bool, v trade) trade {
			if fresh {
				return v
			}
			acc.Price += v.Price
			return acc
		})},
		{"min", true, func(env *weir.Environment) *weir.Stream[line] {
			return named(weir.Min(keyed(env), func(v *trade) *float64 { return &v.Price }))
		}, rolling(in, func(acc trade, fresh bool, v trade) trade {
			if fresh {
				return v
			}
			acc.Price = min(acc.Price, v.Price)
			return acc
		})},
		{"max", true, func(env *weir.Environment) *weir.Stream[line] {
			return named(weir.Max(keyed(env), func(v *trade) *float64 { return &v.Price }))
		}, rolling(in, func(acc trade, fresh bool, v trade) trade {
			if fresh {
				return v
			}
			acc.Price = max(acc.Price, v.Price)
			return acc
		})},
		{"minBy", true, func(env *weir.Environment) *weir.Stream[line] {
			return named(weir.MinBy(keyed(env), func(v trade) float64 { return v.Price }))
		}, rolling(in, func(acc trade, fresh bool, v trade) trade {
			if fresh || v.Price < acc.Price {
				return v
			}
			return acc
		})},
		{"maxBy", true, func(env *weir.Environment) *weir.Stream[line] {
			return named(weir.MaxBy(keyed(env), func(v trade) float64 { return v.Price }))
		}, rolling(in, func(acc trade, fresh bool, v trade) trade {
			if fresh || v.Price > acc.Price {
				return v
			}
			return acc
		})},
		{"aggregate", true, func(env *weir.Environment) *weir.Stream[line] {
			type mean struct {
				Name string
				Sum  float64
				N    int
			}
			return weir.Map(weir.Aggregate(keyed(env), weir.Aggregator[trade, mean, mean]{
				Create: func() mean { return mean{} },
				Add:    func(a mean, v trade) mean { return mean{v.Name, a.Sum + v.Price, a.N + 1} },
				Result: func(a mean) mean { return a },
			}), func(v mean) line { return line{v.Name, fmt.Sprint([]any{v.Sum, v.N})} })
		}, rolling(in, func(acc []any, fresh bool, v trade) []any {
			if fresh {
				return []any{v.Price, 1}
			}
			return []any{acc[0].(float64) + v.Price, acc[1].(int) + 1}
		})},
		{"countBy", true, func(env *weir.Environment) *weir.Stream[line] {
			return weir.Map(weir.CountBy(source(env), byName), func(c weir.Count[string]) line { return line{c.Key, fmt.Sprint(c.N)} })
		}, rolling(in, func(acc int, _ bool, _ trade) int { return acc + 1 })},
		{"order per key", true, func(env *weir.Environment) *weir.Stream[line] {
			s := weir.ProcessKeyed(keyed(env), func(ctx *weir.Context, key string, v trade, out *weir.Collector[trade]) error {
				if key != v.Name {
					return fmt.Errorf("key %q of %v", key, v)
				}
				out.Collect(v)
				return nil
			})
			// Hash edges keep the order of a key; so does a forward edge.
			s = weir.KeyBy(s, byName).Reduce(func(_, v trade) trade { return v })
			return named(s.Filter(func(trade) bool { return true }))
		}, rolling(in, func(_ trade, _ bool, v trade) trade { return v })},
		{"three shuffles", true, func(env *weir.Environment) *weir.Stream[line] {
			a := weir.KeyBy(source(env), func(v trade) int64 { return v.ID % 5 }).Reduce(func(_, v trade) trade { return v })
			b := weir.KeyBy(a, func(v trade) string { return v.Name }).Reduce(func(_, v trade) trade { return v })
			return weir.Map(weir.CountBy(b, func(v trade) bool { return v.ID%2 == 0 }), func(c weir.Count[bool]) line {
				return line{fmt.Sprint(c.Key), fmt.Sprint(c.N)}
			})
		}, func(int) map[string][]string {
			w := map[string][]string{}
			for i := range in {
				key := fmt.Sprint(i%2 == 0)
				w[key] = append(w[key], fmt.Sprint(len(w[key])+1))
			}
			return w
		}},
		{"odd keys", false, func(env *weir.Environment) *weir.Stream[line] {
			floats := []float64{math.NaN(), 0, math.Copysign(0, -1), -math.NaN(), 1, math.Inf(1), 1}
			return weir.Map(weir.CountBy(weir.FromValues(env, floats...), func(v float64) float64 { return v }), func(c weir.Count[float64]) line {
				return line{strings.TrimPrefix(fmt.Sprint(c.Key), "-"), fmt.Sprint(c.N)}
			})
		}, func(int) map[string][]string {
			return map[string][]string{"NaN": {"1", "2"}, "0": {"1", "2"}, "1": {"1", "2"}, "+Inf": {"1"}}
		}},
		{"keys of structs and times", false, func(env *weir.Environment) *weir.Stream[line] {
			type key struct {
				At   time.Time
				Pair [2]string
			}
			berlin := time.FixedZone("x", 3600)
			s := weir.CountBy(source(env), func(v trade) key {
				at := time.UnixMilli(v.ID % 4)
				if v.ID%8 < 4 {
					at = at.In(berlin) // the same instant is the same key
				}
				return key{at, [2]string{v.Name, ""}}
			})
			return weir.Map(s, func(c weir.Count[key]) line {
				return line{fmt.Sprint(c.Key.At.UnixMilli(), c.Key.Pair), fmt.Sprint(c.N)}
			})
		}, func(int) map[string][]string {
			w := map[string][]string{}
			for _, v := range in {
				g := fmt.Sprint(v.ID%4, [2]string{v.Name, ""})
				w[g] = append(w[g], fmt.Sprint(len(w[g])+1))
			}
			return w
		}},
		{"in place", true, func(env *weir.Environment) *weir.Stream[line] {
			// Readers of one stream do not see what others change, nor does kept state.
			kept := keyed(env).ReduceInto(func(kept, v *trade) {
				kept.Price += v.Price
				kept.ID = v.ID
			})
			text := func(group string) func(v trade) line {
				return func(v trade) line { return line{group + v.Name, fmt.Sprint(v.ID, " ", v.Price)} }
			}
			first := weir.Map(kept.Update(func(v *trade) { v.Price = -1 }), text("first "))
			second := weir.Map(kept.FilterRef(func(v *trade) bool { return v.ID%2 == 0 }).Update(func(v *trade) { v.ID *= 10 }), text("second "))
			third := weir.Map(kept, text("third "))
			last := weir.Map(kept.Filter(func(trade) bool { return true }).Update(func(v *trade) { v.ID = 7 }), text("last "))
			return first.Union(second, third, last)
		}, func(int) map[string][]string {
			w, price := map[string][]string{}, map[string]float64{}
			for _, v := range in {
				price[v.Name] += v.Price
				add := func(group string, id int64, price float64) {
					w[group+v.Name] = append(w[group+v.Name], fmt.Sprint(id, " ", price))
				}
				add("first ", v.ID, -1)
				if v.ID%2 == 0 {
					add("second ", v.ID*10, price[v.Name])
				}
				add("third ", v.ID, price[v.Name])
				add("last ", 7, price[v.Name])
			}
			return w
		}},
		{"made in place", false, func(env *weir.Environment) *weir.Stream[line] {
			s := weir.GenerateInto(env, sequence.Options{Count: 400}, func(i int64, v *int64) { *v = i })
			return plain(s.Union(s.Update(func(v *int64) { *v *= 1000 })).FilterRef(func(v *int64) bool { return *v%7 != 0 }))
		}, func(p int) map[string][]string {
			all := where(func(n int64) bool { return n%7 != 0 })
			for _, n := range numbers {
				if n*1000%7 != 0 {
					all = append(all, n*1000)
				}
			}
			return one(all)(p)
		}},
		{"coMap", false, func(env *weir.Environment) *weir.Stream[line] {
			return weir.CoMap(weir.Connect(numbered(env), source(env)),
				func(v int64) line { return line{"1", fmt.Sprint(v)} },
				func(v trade) line { return line{"2", fmt.Sprint(v)} })
		}, func(int) map[string][]string {
			return map[string][]string{"1": one(numbers)(1)[""], "2": one(in)(1)[""]}
		}},
		{"coFlatMap", false, func(env *weir.Environment) *weir.Stream[line] {
			return weir.CoFlatMap(weir.Connect(numbered(env), numbered(env).Rescale()),
				func(v int64, out *weir.Collector[line]) {
					for range v % 3 {
						out.Collect(line{"1", fmt.Sprint(v)})
					}
				},
				func(v int64, out *weir.Collector[line]) {
					if v%2 == 0 {
						out.Collect(line{"2", fmt.Sprint(v)})
					}
				})
		}, func(int) map[string][]string {
			w := map[string][]string{}
			for _, n := range numbers {
				for range n % 3 {
					w["1"] = append(w["1"], fmt.Sprint(n))
				}
				if n%2 == 0 {
					w["2"] = append(w["2"], fmt.Sprint(n))
				}
			}
			return w
		}},
		{"coProcess", false, func(env *weir.Environment) *weir.Stream[line] {
			return weir.CoProcess(weir.Connect(numbered(env), source(env)),
				func(_ *weir.Context, v int64, out *weir.Collector[line]) error {
					out.Collect(line{"1", fmt.Sprint(v)})
					return nil
				},
				func(_ *weir.Context, v trade, out *weir.Collector[line]) error {
					out.Collect(line{"2", fmt.Sprint(v)})
					return nil
				})
		}, func(int) map[string][]string {
			return map[string][]string{"1": one(numbers)(1)[""], "2": one(in)(1)[""]}
		}},
		{"keyed join", false, func(env *weir.Environment) *weir.Stream[line] {
			self := func(v int64) int64 { return v }
			third := numbered(env).Filter(func(v int64) bool { return v%3 == 0 })
			half := numbered(env).Filter(func(v int64) bool { return v%2 == 0 })
			return plain(weir.CoProcessWith(weir.ConnectKeyed(weir.KeyBy(third, self), weir.KeyBy(half, self)),
				func() weir.CoProcessFunction[int64, int64, int64] { return &joiner{} }))
		}, func(p int) map[string][]string { return one(where(func(n int64) bool { return n%6 == 0 }))(p) }},
		{"all partitioners", false, func(env *weir.Environment) *weir.Stream[line] {
			pass := func(v int64) int64 { return v }
			s := weir.Map(numbered(env).Rebalance(), pass).Parallelism(3)
			s = weir.Map(s.Rescale(), pass)
			s = weir.Map(s.Shuffle(), pass)
			s = weir.Map(s.PartitionCustom(func(v int64, n int) int { return int(v) % n }), pass)
			s = weir.Map(s.Forward(), pass)
			s = weir.Map(s.Global(), pass)
			return plain(s.Broadcast())
		}, func(p int) map[string][]string {
			var all []int64
			for range p {
				all = append(all, numbers...)
			}
			return one(all)(p)
		}},
	}
}

func TestPrograms(t *testing.T) {
	shapes(t, func(t *testing.T, o weir.Options) {
		for _, p := range programs() {
			env := weir.NewEnvironment(o)
			b := newBag()
			b.into(p.build(env))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if _, err := env.Execute(ctx, p.name); err != nil {
				t.Errorf("%s: %v", p.name, err)
			}
			cancel()
			b.compare(t, p, o.Parallelism)
		}
	})
}

func (b *bag) compare(t testing.TB, p program, parallelism int) {
	t.Helper()
	got, want := b.groups, p.want(parallelism)
	if !p.ordered {
		w := newBag()
		w.groups = want
		got, want = b.sorted(), w.sorted()
	}
	if !maps.EqualFunc(got, want, slices.Equal[[]string]) {
		for g := range want {
			if !slices.Equal(got[g], want[g]) {
				t.Errorf("%s: group %q has %d, want %d:\n got %.300q\nwant %.300q", p.name, g, len(got[g]), len(want[g]), got[g], want[g])
				return
			}
		}
		t.Errorf("%s: there are groups beside those wanted: %q", p.name, slices.Sorted(maps.Keys(got)))
	}
}

// The same programs under the seeded scheduler, where credits are tiny at times and tasks run in any order.
func TestProgramsInSimulation(t *testing.T) {
	for _, p := range programs() {
		t.Run(p.name, func(t *testing.T) {
			for seed := range uint64(6) {
				s := weirtest.New(t, seed)
				o := s.Options()
				env := weir.NewEnvironment(o)
				b := newBag()
				b.into(p.build(env))
				s.Run(env)
				b.compare(t, p, o.Parallelism)
				s.Close()
			}
		})
	}
}

// tally adds to accumulators of each kind.
type tally struct{ seen int64 }

func (f *tally) Process(ctx *weir.Context, v int64, out *weir.Collector[int64]) error {
	f.seen++
	ctx.Counter("records").Add(1)
	ctx.Counter("up and down").Add(1 - v%2*2)
	ctx.Measure("sum", weir.MeasureSum).Add(float64(v))
	ctx.Measure("average", weir.MeasureAverage).Add(float64(v))
	ctx.Measure("minimum", weir.MeasureMinimum).Add(float64(v))
	ctx.Measure("maximum", weir.MeasureMaximum).Add(float64(v))
	ctx.Histogram("last digit").Add(v % 10)
	return nil
}

func (f *tally) Finish(_ *weir.Context, out *weir.Collector[int64]) error {
	out.Collect(f.seen)
	return nil
}

func TestAccumulators(t *testing.T) {
	shapes(t, func(t *testing.T, o weir.Options) {
		env := weir.NewEnvironment(o)
		out := into(weir.ProcessWith(weir.FromSequence(env, 1, 1000).Rebalance(), func() weir.ProcessFunction[int64, int64] { return &tally{} }))
		r := execute(t, env)
		digits := map[int64]int64{}
		for d := range int64(10) {
			digits[d] = 100
		}
		for name, want := range map[string]weir.AccumulatorValue{
			"records": {Count: 1000}, "up and down": {Count: 0}, "sum": {Count: 1000, Float: 500500}, "average": {Count: 1000, Float: 500.5},
			"minimum": {Count: 1000, Float: 1}, "maximum": {Count: 1000, Float: 1000}, "last digit": {Count: 1000, Buckets: digits},
		} {
			got, ok := r.Accumulators[name]
			if !ok || got.Count != want.Count || got.Float != want.Float || !maps.Equal(got.Buckets, want.Buckets) {
				t.Errorf("%s: %+v, want %+v", name, got, want)
			}
		}
		if len(out.groups[""]) != o.Parallelism {
			t.Errorf("Finish was called in %d subtasks", len(out.groups[""]))
		}
	})
}

// stamps records what each record and each watermark sees.
type stamps struct {
	mu       *sync.Mutex
	log      *[]string
	handlers bool
}

func (f *stamps) Process(ctx *weir.Context, v int64, out *weir.Collector[int64]) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	*f.log = append(*f.log, fmt.Sprintf("%d@%d behind %s", v, ctx.Timestamp(), watermark(ctx.Watermark())))
	out.Collect(v)
	return nil
}

func (f *stamps) OnWatermark(ctx *weir.Context, w int64, _ *weir.Collector[int64]) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Watermark() != w || ctx.Timestamp() != w {
		return fmt.Errorf("watermark %d, the context has %d and timestamp %d", w, ctx.Watermark(), ctx.Timestamp())
	}
	if f.handlers {
		*f.log = append(*f.log, "watermark "+watermark(w))
	}
	return nil
}

func watermark(w int64) string {
	switch w {
	case eventtime.MinWatermark:
		return "none"
	case eventtime.MaxWatermark:
		return "end"
	}
	return fmt.Sprint(w)
}

// Wherever chunks are cut, each record sees the watermark that row-at-a-time evaluation would have shown it, and each watermark is handled once.
func TestWatermarksDoNotDependOnChunks(t *testing.T) {
	times := make([]int64, 500)
	for i := range times {
		times[i] = int64(i*3 - i%7*5) // jumps back at times
	}
	const bound = 4
	var want []string
	highest, w := eventtime.MinWatermark, eventtime.MinWatermark
	for _, ts := range times {
		want = append(want, fmt.Sprintf("%d@%d behind %s", ts, ts, watermark(w)))
		if ts > highest {
			highest, w = ts, ts-bound-1
			want = append(want, "watermark "+watermark(w))
		}
	}
	want = append(want, "watermark end")
	for _, rows := range []int{1, 7, 1024} {
		for _, bytes := range []int{256, 0} {
			for _, shape := range []string{"chained", "unchained", "keyed", "two hops"} {
				env := weir.NewEnvironment(weir.Options{ChunkRows: rows, ChannelBytes: bytes, Logger: quiet, DisableChaining: shape == "unchained"})
				var log []string
				s := weir.FromValues(env, times...).WithTimestamps(func(v int64) int64 { return v }, bound*time.Millisecond)
				switch shape {
				case "two hops":
					s = weir.Map(s.Filter(func(int64) bool { return true }).StartNewChain(), func(v int64) int64 { return v }).StartNewChain()
					s = s.Rebalance()
				case "keyed":
					s = weir.KeyBy(s, func(v int64) int64 { return v % 5 }).Reduce(func(_, v int64) int64 { return v })
				}
				weir.ProcessWith(s, func() weir.ProcessFunction[int64, int64] { return &stamps{&sync.Mutex{}, &log, true} }).Discard()
				execute(t, env)
				if !slices.Equal(log, want) {
					i := 0
					for i < min(len(log), len(want)) && log[i] == want[i] {
						i++
					}
					t.Errorf("%s, rows %d, bytes %d: %d entries, want %d; from %d on %q, want %q", shape, rows, bytes, len(log), len(want), i,
						log[i:min(i+3, len(log))], want[i:min(i+3, len(want))])
				}
			}
		}
	}
}

// In parallel the watermark of each subtask grows, stays behind what is still to come, and ends.
func TestWatermarksInParallel(t *testing.T) {
	shapes(t, func(t *testing.T, o weir.Options) {
		env := weir.NewEnvironment(o)
		s := weir.FromSequence(env, 0, 2000).WithTimestamps(func(v int64) int64 { return v }, 0)
		b := newBag()
		b.into(weir.ProcessWith(weir.KeyBy(s, func(v int64) int64 { return v % 50 }).Reduce(func(_, v int64) int64 { return v }),
			func() weir.ProcessFunction[int64, line] { return &growing{last: eventtime.MinWatermark} }))
		execute(t, env)
		if len(b.groups["end"]) != o.Parallelism || len(b.groups["late"]) > 0 && o.Parallelism == 1 {
			t.Errorf("%d subtasks came to the end, late: %q", len(b.groups["end"]), b.groups["late"])
		}
	})
}

type growing struct{ last int64 }

func (f *growing) Process(ctx *weir.Context, v int64, out *weir.Collector[line]) error {
	if ctx.Watermark() != f.last {
		return fmt.Errorf("the watermark is %d, the last one handled %d", ctx.Watermark(), f.last)
	}
	if ctx.Timestamp() <= ctx.Watermark() {
		out.Collect(line{"late", fmt.Sprint(v)})
	}
	return nil
}

func (f *growing) OnWatermark(_ *weir.Context, w int64, out *weir.Collector[line]) error {
	if w <= f.last {
		return fmt.Errorf("the watermark goes from %d to %d", f.last, w)
	}
	f.last = w
	if w == eventtime.MaxWatermark {
		out.Collect(line{"end", ""})
	}
	return nil
}

// Of two sources the slower one's watermark counts, unless it is idle; an idle one that comes back behind must catch up first.
func TestIdleness(t *testing.T) {
	for _, rows := range []int{1, 7, 1024} {
		for seed := range uint64(10) {
			s := weirtest.New(t, seed)
			env := weir.NewEnvironment(weir.Options{ChunkRows: rows, Logger: quiet})
			a, as := weirtest.Input[int64](s, env)
			b, bs := weirtest.Input[int64](s, env)
			var log []string
			f := &stamps{mu: &sync.Mutex{}, log: &log, handlers: true}
			weir.ProcessWith(as.Union(bs), func() weir.ProcessFunction[int64, int64] { return f }).Discard()
			s.Start(env)
			step := func(what string, do func(), want ...string) {
				t.Helper()
				log = nil
				do()
				s.Settle()
				if !slices.Equal(log, want) {
					t.Fatalf("seed %d, rows %d, %s: %q, want %q", seed, rows, what, log, want)
				}
			}
			step("one alone", func() { a.PushAt(1, 10); a.Watermark(10) }, "1@10 behind none")
			step("both", func() { b.Watermark(5) }, "watermark 5")
			step("idle", func() { b.Idle() }, "watermark 10")
			step("on without it", func() { a.Watermark(20) }, "watermark 20")
			step("back, behind", func() { b.PushAt(2, 12); b.Watermark(15) }, "2@12 behind 20")
			step("it does not hold", func() { a.Watermark(25) }, "watermark 25")
			step("caught up", func() { b.Watermark(30) })
			step("holds again", func() { a.Watermark(40) }, "watermark 30")
			step("on", func() { b.Watermark(50) }, "watermark 40")
			step("one idle again", func() { b.Idle() })
			step("all idle", func() { a.Idle() })
			step("end while idle", func() { a.End(); b.End() }, "watermark end")
		}
	}
}

// A record ends idleness also where none comes through: what it says about time counts again.
func TestFilteredRecordEndsIdleness(t *testing.T) {
	for seed := range uint64(5) {
		for _, unchained := range []bool{false, true} {
			s := weirtest.New(t, seed)
			env := weir.NewEnvironment(weir.Options{DisableChaining: unchained, Logger: quiet})
			a, as := weirtest.Input[int64](s, env)
			b, bs := weirtest.Input[int64](s, env)
			var log []string
			f := &stamps{mu: &sync.Mutex{}, log: &log, handlers: true}
			weir.ProcessWith(as.Union(bs.Filter(func(v int64) bool { return v > 0 })), func() weir.ProcessFunction[int64, int64] { return f }).Discard()
			s.Start(env)
			for _, step := range []func(){
				func() { b.Idle() }, func() { a.Watermark(10) }, func() { b.PushAt(-1, 15) }, func() { b.Watermark(20) }, func() { a.Watermark(30) },
			} {
				step()
				s.Settle()
			}
			if want := []string{"watermark 10", "watermark 20"}; !slices.Equal(log, want) {
				t.Errorf("seed %d, unchained %v: %q, want %q", seed, unchained, log, want)
			}
			s.Close()
		}
	}
}
