package weir_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/runtime/local"
	"github.com/weirstream/weir/internal/runtime/sched"
	"github.com/weirstream/weir/internal/testkit/leak"
	"github.com/weirstream/weir/weirtest"
)

// started runs a job in the background.
func started(t *testing.T, env *weir.Environment) *weir.JobClient {
	t.Helper()
	client, err := env.ExecuteAsync(t.Context(), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// ended waits for a job; it must not take long.
func ended(t *testing.T, client *weir.JobClient) (*weir.JobResult, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := client.Wait(ctx)
	if ctx.Err() != nil {
		t.Fatalf("the job goes on: %+v", r.Tasks)
	}
	return r, err
}

// until waits for something to become true.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s never comes", what)
		}
	}
}

// unending is a process function that emits without end in one of its methods.
type unending struct{ where string }

func (f unending) emit(where string, v int64, out *weir.Collector[int64]) error {
	out.Collect(v)
	for f.where == where {
		out.Collect(v)
	}
	return nil
}

func (f unending) Process(_ *weir.Context, v int64, out *weir.Collector[int64]) error {
	return f.emit("Process", v, out)
}
func (f unending) OnWatermark(_ *weir.Context, _ int64, out *weir.Collector[int64]) error {
	return f.emit("OnWatermark", 0, out)
}
func (f unending) Finish(_ *weir.Context, out *weir.Collector[int64]) error {
	return f.emit("Finish", 0, out)
}

// Whatever a job is doing, canceling ends it, and nothing is left.
func TestCancel(t *testing.T) {
	type S = *weir.Stream[int64]
	fast := func(env *weir.Environment) S {
		return weir.Generate(env, sequence.Options{}, func(i int64) int64 { return i })
	}
	with := func(where string) func(env *weir.Environment) S {
		return func(env *weir.Environment) S {
			return weir.ProcessWith(weir.FromValues[int64](env, 1, 2), func() weir.ProcessFunction[int64, int64] { return unending{where} })
		}
	}
	for name, build := range map[string]func(env *weir.Environment) S{
		"unbounded": fast,
		"slow sink": func(env *weir.Environment) S {
			return fast(env).Rebalance().Filter(func(int64) bool { time.Sleep(time.Millisecond); return true })
		},
		"slow function in the chain": func(env *weir.Environment) S {
			return fast(env).Filter(func(int64) bool { time.Sleep(time.Millisecond); return true })
		},
		"waiting for time": func(env *weir.Environment) S {
			return weir.Generate(env, sequence.Options{RatePerSecond: 0.5}, func(i int64) int64 { return i })
		},
		"paced": func(env *weir.Environment) S {
			return weir.Generate(env, sequence.Options{RatePerSecond: 2000}, func(i int64) int64 { return i })
		},
		"endless sequence as a source": func(env *weir.Environment) S {
			return weir.FromSeq(env, func() iter.Seq[int64] {
				return func(yield func(int64) bool) {
					for i := int64(0); yield(i); i++ {
					}
				}
			})
		},
		"flatMap, endless sequence": func(env *weir.Environment) S {
			return weir.FlatMap(fast(env), func(v int64) iter.Seq[int64] {
				return func(yield func(int64) bool) {
					for yield(v) {
					}
				}
			})
		},
		"flatMap, endless collector": func(env *weir.Environment) S {
			return weir.FlatMapTo(fast(env), func(v int64, out *weir.Collector[int64]) {
				for {
					out.Collect(v)
				}
			})
		},
		"flatMap, endless and filtered": func(env *weir.Environment) S {
			s := weir.FlatMapTo(fast(env), func(v int64, out *weir.Collector[int64]) {
				for v = range 10 {
					out.Collect(v)
				}
				for {
					out.CollectAt(-1, v)
				}
			})
			return s.Filter(func(v int64) bool { return v >= 0 })
		},
		"endless side output": func(env *weir.Environment) S {
			tag := weir.NewOutputTag[int64]("side")
			s := weir.Process(fast(env), func(ctx *weir.Context, v int64, _ *weir.Collector[int64]) error {
				for {
					tag.Emit(ctx, v)
				}
			})
			return weir.SideOutput(s, tag)
		},
		"endless coFlatMap": func(env *weir.Environment) S {
			return weir.CoFlatMap(weir.Connect(fast(env), fast(env)), func(v int64, out *weir.Collector[int64]) {
				for {
					out.Collect(v)
				}
			}, func(int64, *weir.Collector[int64]) {})
		},
		"endless process":     with("Process"),
		"endless OnWatermark": with("OnWatermark"),
		"endless Finish":      with("Finish"),
	} {
		for _, unchained := range []bool{false, true} {
			for _, slow := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, unchained %v, slow %v", name, unchained, slow), func(t *testing.T) {
					leak.Check(t)
					env := weir.NewEnvironment(weir.Options{DisableChaining: unchained, Logger: quiet})
					var n atomic.Int64
					build(env).ForEach(func(int64, int64) error {
						n.Add(1)
						if slow {
							time.Sleep(time.Millisecond)
						}
						return nil
					})
					client := started(t, env)
					until(t, "a record", func() bool { return n.Load() > 0 })
					client.Cancel()
					client.Cancel()
					r, err := ended(t, client)
					if fault.CodeOf(err) != fault.JobCanceled || r.Status != weir.StatusCanceled {
						t.Errorf("%v: %v", r, err)
					}
					for _, task := range r.Tasks {
						if task.State != "CANCELED" && task.State != "FINISHED" {
							t.Errorf("task %q is %s", task.Name, task.State)
						}
					}
				})
			}
		}
	}
}

// A failure elsewhere ends what emits without end, too.
func TestFailureEndsEndlessFunction(t *testing.T) {
	for _, unchained := range []bool{false, true} {
		leak.Check(t)
		env := weir.NewEnvironment(weir.Options{DisableChaining: unchained, Logger: quiet})
		s := weir.ProcessWith(weir.FromValues[int64](env, 1), func() weir.ProcessFunction[int64, int64] { return unending{"Process"} })
		n := 0
		s.ForEach(func(int64, int64) error {
			if n++; n == 1000 {
				return errMine
			}
			return nil
		}).Name("sink")
		r, err := ended(t, started(t, env))
		if op, _ := fault.OperatorOf(err); op != "sink" || !errors.Is(err, errMine) || r.Status != weir.StatusFailed {
			t.Errorf("unchained %v: %v", unchained, err)
		}
	}
}

func TestExecuteUntilItsContextEnds(t *testing.T) {
	leak.Check(t)
	env := weir.NewEnvironment(weir.Options{Logger: quiet})
	ctx, cancel := context.WithCancel(t.Context())
	weir.Generate(env, sequence.Options{}, func(i int64) int64 { return i }).ForEach(func(v int64, _ int64) error {
		if v == 1000 {
			cancel()
		}
		return nil
	})
	r, err := env.Execute(ctx, "job")
	if fault.CodeOf(err) != fault.JobCanceled || r.Status != weir.StatusCanceled || r.RecordsRead() < 1000 {
		t.Errorf("%v: %v", r, err)
	}
}

func TestExecuteWithAContextThatHasEnded(t *testing.T) {
	leak.Check(t)
	env := weir.NewEnvironment(weir.Options{Logger: quiet})
	weir.Generate(env, sequence.Options{}, func(i int64) int64 { return i }).Discard()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := env.Execute(ctx, "job"); fault.CodeOf(err) != fault.JobCanceled && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The job goes on when a Wait ends, statuses follow one another, and what comes after the end changes nothing.
func TestJobClient(t *testing.T) {
	leak.Check(t)
	env := weir.NewEnvironment(weir.Options{Parallelism: 2, Logger: quiet})
	release := make(chan struct{})
	weir.FromSequence(env, 1, 10).ForEach(func(int64, int64) error {
		<-release
		return nil
	})
	client := started(t, env)
	if len(client.ID()) != 32 || client.Name() != t.Name() {
		t.Errorf("id %q, name %q", client.ID(), client.Name())
	}
	order := []weir.JobStatus{weir.StatusInitializing, weir.StatusCreated, weir.StatusRunning, weir.StatusFinished}
	last := 0
	see := func() weir.JobStatus {
		s := client.Status()
		i := slices.Index(order, s)
		if i < last {
			t.Errorf("%s follows %s", s, order[last])
		}
		last = i
		return s
	}
	until(t, "RUNNING", func() bool { return see() == weir.StatusRunning })
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if r, err := client.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) || r.Status != weir.StatusRunning || r.ID != client.ID() {
		t.Errorf("%v: %v", r, err)
	}
	select {
	case <-client.Done():
		t.Error("the job is done")
	default:
	}
	close(release)
	r, err := ended(t, client)
	if err != nil || r.Status != weir.StatusFinished || r.RecordsRead() != 10 {
		t.Errorf("%v: %v", r, err)
	}
	client.Cancel()
	again, err := client.Wait(t.Context())
	if err != nil || again != r || see() != weir.StatusFinished {
		t.Errorf("%v: %v", again, err)
	}
	<-client.Done()
}

// submit starts a job with its inner handle, for barriers.
func submit(t *testing.T, env *weir.Environment) (*local.Job, *sched.Real) {
	t.Helper()
	p, err := env.Program(t.Context(), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	s := sched.NewReal()
	job := local.Submit(s, "test", p)
	t.Cleanup(func() {
		job.Cancel()
		<-job.Done()
		s.Wait()
	})
	return job, s
}

// allRun waits until every task runs, and barriers are taken.
func allRun(t *testing.T, job *local.Job) {
	t.Helper()
	until(t, "RUNNING", func() bool {
		all := job.Metrics()
		for _, m := range all {
			if m.State.String() != "RUNNING" {
				return false
			}
		}
		return len(all) > 0
	})
}

// barrier sends a barrier through and returns how long it took.
func barrier(t *testing.T, job *local.Job, unaligned bool) time.Duration {
	t.Helper()
	done := make(chan error, 1)
	begun := time.Now()
	job.TriggerBarrier(unaligned, func(_ int64, err error) { done <- err })
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("the barrier does not come through: %+v", job.Metrics())
	}
	return time.Since(begun)
}

// attention is how long control may take: design section 5, with a sink that takes a millisecond for a record.
const attention = 20 * time.Millisecond

// Mail, unaligned barriers and cancellation get through in time behind a sink that takes 1 ms a record, with channels full and tasks blocked in front of it, also
// within a record that becomes 100,000. The best of some tries counts, since the machine does other things as well.
func TestAttention(t *testing.T) {
	type S = *weir.Stream[int64]
	fast := func(env *weir.Environment) S {
		return weir.Generate(env, sequence.Options{}, func(i int64) int64 { return i })
	}
	slow := func(s S) {
		s.ForEach(func(int64, int64) error { time.Sleep(time.Millisecond); return nil })
	}
	for name, build := range map[string]func(env *weir.Environment){
		"one task in front": func(env *weir.Environment) { slow(fast(env).Rebalance()) },
		"three tasks in front": func(env *weir.Environment) {
			s := weir.Map(fast(env).Rebalance(), func(v int64) int64 { return v }).StartNewChain()
			slow(weir.KeyBy(s, func(v int64) int64 { return v }).Reduce(func(_, v int64) int64 { return v }).Rebalance())
		},
		"a record becomes 100,000": func(env *weir.Environment) {
			s := weir.FlatMapTo(fast(env).Rebalance(), func(v int64, out *weir.Collector[int64]) {
				for range 100_000 {
					out.Collect(v)
				}
			})
			slow(s.Rebalance())
		},
		"a sequence of 100,000 in the source's chain": func(env *weir.Environment) {
			s := weir.FlatMap(fast(env), func(v int64) iter.Seq[int64] {
				return func(yield func(int64) bool) {
					for i := range int64(100_000) {
						if !yield(i) {
							return
						}
					}
				}
			})
			slow(s.Rebalance())
		},
	} {
		for rows, p := range map[int]int{0: 1, 1024: 2, 7: 1} {
			t.Run(fmt.Sprintf("%s, parallelism %d, rows %d", name, p, rows), func(t *testing.T) {
				leak.Check(t)
				begin := func() *local.Job {
					env := weir.NewEnvironment(weir.Options{Parallelism: p, ChunkRows: rows, Logger: quiet})
					build(env)
					job, _ := submit(t, env)
					allRun(t, job)
					until(t, "a full channel", func() bool {
						blocked := 0
						for _, m := range job.Metrics() {
							if m.Blocked > 0 {
								blocked++
							}
						}
						return blocked >= p
					})
					return job
				}
				job := begin()
				best := time.Hour
				for try := 0; try < 10 && best > attention; try++ {
					best = min(best, barrier(t, job, true))
				}
				if best > attention {
					t.Errorf("an unaligned barrier takes %v at best", best)
				}
				best = time.Hour
				for try := 0; try < 10 && best > attention; try++ {
					if try > 0 {
						job = begin()
					}
					begun := time.Now()
					job.Cancel()
					<-job.Done()
					best = min(best, time.Since(begun))
				}
				if best > attention {
					t.Errorf("cancellation takes %v at best", best)
				}
			})
		}
	}
}

// An aligned barrier stays behind the records that were sent before it.
func TestAlignedBarrierKeepsItsPlace(t *testing.T) {
	for _, p := range []int{1, 3} {
		leak.Check(t)
		env := weir.NewEnvironment(weir.Options{Parallelism: p, ChunkRows: 10, ChannelBytes: 256, Logger: quiet})
		var made, taken atomic.Int64
		step := make(chan struct{})
		weir.Generate(env, sequence.Options{}, func(i int64) int64 { made.Add(1); return i }).Rebalance().ForEach(func(int64, int64) error {
			<-step
			taken.Add(1)
			return nil
		})
		job, _ := submit(t, env)
		allRun(t, job)
		until(t, "a full channel", func() bool {
			n := made.Load()
			time.Sleep(5 * time.Millisecond)
			return n > 10 && n == made.Load()
		})
		before := made.Load()
		done := make(chan int64, 1)
		job.TriggerBarrier(false, func(_ int64, err error) {
			if err != nil {
				t.Error(err)
			}
			done <- taken.Load()
		})
		time.Sleep(5 * time.Millisecond)
		select {
		case n := <-done:
			t.Errorf("parallelism %d: the barrier has passed when %d of %d records had", p, n, before)
		default:
		}
		close(step)
		select {
		case n := <-done:
			// The records that were being taken when the others had passed are counted a moment later.
			if n < before-int64(p) {
				t.Errorf("parallelism %d: the barrier has passed when %d of %d records had", p, n, before)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the barrier does not come through")
		}
	}
}

// Barriers of both kinds, one after the other, through a job that runs to its end: each is answered, and no record is lost or doubled.
func TestBarriersChangeNothing(t *testing.T) {
	for seed := range uint64(20) {
		s := weirtest.New(t, seed)
		o := s.Options()
		env := weir.NewEnvironment(o)
		left := weir.KeyBy(weir.FromSequence(env, 0, 999), func(v int64) int64 { return v % 10 }).Reduce(func(_, v int64) int64 { return v })
		right := weir.FlatMapTo(weir.FromSequence(env, 0, 99), func(v int64, out *weir.Collector[int64]) {
			for i := range int64(10) {
				out.Collect(v*10 + i)
			}
		}).Rebalance()
		out := into(weir.CoMap(weir.Connect(left, right), func(v int64) int64 { return v }, func(v int64) int64 { return v + 1000 }).Rebalance())
		s.Start(env)
		for i := range 5 {
			s.Barrier(i%2 == 0)
			s.Advance(time.Duration(s.Rand().IntN(200)) * time.Microsecond)
		}
		if err := s.Wait(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		seen := map[string]int{}
		for _, text := range out.groups[""] {
			seen[text]++
		}
		for v := range 2000 {
			if seen[fmt.Sprint(v)] != 1 {
				t.Fatalf("seed %d: %d came %d times", seed, v, seen[fmt.Sprint(v)])
			}
		}
		s.Close()
	}
}
