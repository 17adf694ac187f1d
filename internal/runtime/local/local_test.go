package local_test

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/runtime/local"
	"github.com/weirstream/weir/internal/runtime/sched"
	"github.com/weirstream/weir/internal/testkit/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func submit(t *testing.T, s sched.Scheduler, build func(env *weir.Environment)) *local.Job {
	t.Helper()
	env := weir.NewEnvironment(weir.Options{Parallelism: 2, Logger: slog.New(slog.DiscardHandler)})
	build(env)
	p, err := env.Program(t.Context(), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	return local.Submit(s, "test", p)
}

func numbers(env *weir.Environment, n int64) *weir.Stream[int64] {
	return weir.Generate(env, sequence.Options{Count: n}, func(i int64) int64 { return i })
}

func TestBarrierOfAJobThatHasEnded(t *testing.T) {
	leak.Check(t)
	s := sched.NewReal()
	job := submit(t, s, func(env *weir.Environment) { numbers(env, 10).Discard() })
	<-job.Done()
	s.Wait()
	if job.State() != dataflow.JobFinished || job.Err() != nil {
		t.Errorf("%v: %v", job.State(), job.Err())
	}
	var got error
	job.TriggerBarrier(true, func(_ int64, err error) { got = err })
	if fault.CodeOf(got) != fault.JobNotRunning {
		t.Errorf("got %v", got)
	}
	job.Cancel()
	if job.State() != dataflow.JobFinished {
		t.Errorf("the job is %v", job.State())
	}
}

// A barrier under way when the job ends is answered.
func TestBarrierOfAJobThatIsCanceled(t *testing.T) {
	for seed := range uint64(30) {
		s := sched.NewSim(seed)
		job := submit(t, s, func(env *weir.Environment) { numbers(env, 0).Rebalance().Discard() })
		ended := func() bool {
			select {
			case <-job.Done():
				return true
			default:
				return false
			}
		}
		running := func() bool { return job.State() == dataflow.JobRunning }
		if err := s.Run(running); err != nil {
			t.Fatal(err)
		}
		answers := 0
		for range 3 {
			job.TriggerBarrier(seed%2 == 0, func(int64, error) { answers++ })
		}
		job.Cancel()
		if err := s.Run(ended); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if answers != 3 || fault.CodeOf(job.Err()) != fault.JobCanceled {
			t.Errorf("seed %d: %d answers, %v", seed, answers, job.Err())
		}
		s.Close()
	}
}

// The error of user code is the value that it returned, though it has been told by messages.
func TestErrIsTheUsersError(t *testing.T) {
	mine := errors.New("mine")
	for seed := range uint64(30) {
		s := sched.NewSim(seed)
		job := submit(t, s, func(env *weir.Environment) {
			numbers(env, 0).Rebalance().ForEach(func(v int64, _ int64) error {
				if v > 50 {
					return mine
				}
				return nil
			}).Name("sink")
		})
		err := s.Run(func() bool {
			select {
			case <-job.Done():
				return true
			default:
				return false
			}
		})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if op, _ := fault.OperatorOf(job.Err()); !errors.Is(job.Err(), mine) || op != "sink" {
			t.Errorf("seed %d: %v", seed, job.Err())
		}
		s.Close()
	}
}
