package weirtest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/coordinator"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/runtime/local"
	"github.com/weirstream/weir/internal/runtime/sched"
	"github.com/weirstream/weir/internal/wire"
)

// ExactlyOnce tests a job of a user: what it writes must not depend on what befalls it. build makes the job and returns its result, from sources that can be read again, such as
// [weir.FromSlice]. It is run once undisturbed, and then under seeds (see [Seeds]) with crashes, failures, a slow storage that fails at times, lost messages, and another parallelism behind each crash, see
// [Sim.Survive]; each time the result must be the same, in any order.
//
//	func TestMyJob(t *testing.T) {
//		weirtest.ExactlyOnce(t, func(env *weir.Environment) *weir.Stream[string] { return pipeline(weir.FromSlice(env, input)) })
//	}
//
// The result of the job must not depend on the order of records from several channels, on processing time, or on which records are late: no exactly-once engine can help there.
func ExactlyOnce[T any](t *testing.T, build func(env *weir.Environment) *weir.Stream[T]) {
	t.Helper()
	calm := New(t, 1)
	undisturbed := NewLedger[T](calm)
	env := weir.NewEnvironment(weir.Options{Logger: quiet})
	undisturbed.End(build(env))
	calm.Run(env)
	want := texts(undisturbed.Committed())
	Seeds(t, func(s *Sim) {
		ledger := NewLedger[T](s)
		s.Survive(func(env *weir.Environment) { ledger.End(build(env)) })
		s.Same(texts(ledger.Committed()), want)
	})
}

func texts[T any](values []T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = fmt.Sprintf("%+v", v)
	}
	return all
}

// Same fails the seed unless got has what want has, each as often, in any order. It says what is missing and what is too much.
func (s *Sim) Same(got, want []string) {
	s.t.Helper()
	count := map[string]int{}
	for _, v := range want {
		count[v]++
	}
	for _, v := range got {
		count[v]--
	}
	var differ []string
	for v, n := range count {
		if n > 0 {
			differ = append(differ, fmt.Sprintf("%s is missing (%d)", v, n))
		} else if n < 0 {
			differ = append(differ, fmt.Sprintf("%s comes too often (%d)", v, -n))
		}
	}
	if slices.Sort(differ); len(differ) > 0 {
		const most = 5
		s.Errorf("%d results, want %d: %q", len(got), len(want), differ[:min(most, len(differ))])
	}
}

// Survive runs a job to its end through what the seed has in store: in each life of the process the parallelism and other options of [Sim.Options] are drawn anew, checkpoints are taken every few milliseconds,
// some of them unaligned, writing them takes its time and fails at times, messages about them are lost, and writers of a [Ledger] are slow or fail. At random moments the process crashes: all that was in memory is gone; or the job is stopped with a savepoint. The next life
// begins with the latest complete checkpoint, or that savepoint. build is called for each life.
//
// Operators should have uids: the shape of the job differs from life to life.
func (s *Sim) Survive(build func(env *weir.Environment)) {
	s.t.Helper()
	s.survive(build, s.rng.IntN(4), 20_000, 3)
}

// StopAndGoOn is Survive for a job that is stopped with a savepoint again and again, and goes on from there each time; now and then it crashes while it stops.
func (s *Sim) StopAndGoOn(build func(env *weir.Environment)) {
	s.t.Helper()
	s.survive(build, 2+s.rng.IntN(4), 4_000, 1)
}

// survive runs a job through so many lives that end by a crash or, one of oneIn, with a savepoint, no more than so many steps into the life, and one that comes to its end.
func (s *Sim) survive(build func(env *weir.Environment), crashes int, most float64, oneIn int) {
	s.t.Helper()
	kept := storage.NewMemory()
	s.troubled = true
	for life := 0; ; life++ {
		if life > 0 {
			s.nextLife(life)
		}
		p := s.program(kept, build, life)
		s.job = local.Submit(s.sim, base.JobID(fmt.Sprintf("simulated-%d", life)), p)
		if !s.live(int64(math.Exp(s.rng.Float64() * math.Log(most)))) {
			if life < crashes {
				if s.rng.IntN(oneIn) == 0 {
					s.stopWithSavepoint()
				}
				continue
			}
			s.troubled = false // the last life must come to its end
			s.live(0)
		}
		if err := s.Wait(); err != nil {
			s.Fatalf("life %d: %v", life, err)
		}
		return
	}
}

// stopWithSavepoint asks the job to end with a savepoint. It may not come to that in time: then the process crashes in the middle of it. Either way, the next life goes on from the latest that is complete.
func (s *Sim) stopWithSavepoint() {
	s.t.Helper()
	s.job.Checkpoint(coordinator.StopWithSavepoint, "file://"+s.t.TempDir()+"/savepoint?sync=false", false, func(_ int64, err error) {
		if err == nil && s.job.State() != dataflow.JobRunning { // told in the step that ends the job
			s.stops++
		}
	})
	s.live(1 + s.rng.Int64N(10_000))
}

// StateBackend has [Sim.Survive] and [Sim.StopAndGoOn] keep the job's state by the given backend in all lives of some seeds, with plenty of memory or with next to none; in the others it is in memory. What such a life is restored from
// may stay where it lies, as it does on a local disk, however little it is.
func (s *Sim) StateBackend(b weir.StateBackend) { s.spilling = b }

// spill chooses where a life keeps its state. It draws apart from all else, so that a seed goes on as it does without.
func (s *Sim) spill(o *weir.Options, life int) (memory int64) {
	rng := rand.New(rand.NewPCG(s.seed, 0x591))
	if s.spilling.String() == "memory" || rng.IntN(3) > 0 {
		return 0
	}
	rng = rand.New(rand.NewPCG(s.seed, 0x592+uint64(life)))
	o.StateBackend, o.StateDir, o.Memory = s.spilling, s.t.TempDir(), 1<<40
	return []int64{1 << 30, 1 << 30, 64 << 10}[rng.IntN(3)]
}

// Stops is how often the job has ended with a savepoint in [Sim.Survive].
func (s *Sim) Stops() int { return s.stops }

// nextLife begins anew with another scheduler.
func (s *Sim) nextLife(life int) {
	s.pastTrace, s.pastSteps = s.Trace(), s.Steps()
	s.sim.Close()
	s.sim = sched.NewSim(s.seed + uint64(life)<<32)
	if s.logTo != nil {
		s.logTo(fmt.Sprintf("--- life %d", life))
		s.sim.LogTo(s.logTo)
	}
}

// live runs the job, with checkpoints every so often, until it has ended or, unless steps is 0, so many steps later. It reports whether the job has ended.
func (s *Sim) live(steps int64) (over bool) {
	s.t.Helper()
	every, asked := 20+int64(math.Exp(s.rng.Float64()*math.Log(3000))), false
	end, next := s.sim.Steps()+steps, s.sim.Steps()+every
	for {
		err := s.sim.Run(func() bool {
			select {
			case <-s.job.Done():
				over = true
			default:
			}
			return over || s.sim.Steps() >= next || steps > 0 && s.sim.Steps() >= end
		})
		if err != nil {
			s.Fatalf("the job does not end: %v", err)
		}
		if over || steps > 0 && s.sim.Steps() >= end {
			return over
		}
		next = s.sim.Steps() + every
		if !asked {
			asked = true
			s.job.Checkpoint(coordinator.Checkpoint, "", false, func(int64, error) { asked = false })
		}
	}
}

// program makes the job of a life.
func (s *Sim) program(kept storage.Storage, build func(env *weir.Environment), life int) *local.Program {
	s.t.Helper()
	o := s.Options()
	o.MaxParallelism = 128
	o.Restart = weir.FixedDelayRestart(math.MaxInt32, time.Duration(s.rng.IntN(20))*time.Millisecond)
	memory := s.spill(&o, life)
	env := weir.NewEnvironment(o)
	build(env)
	p, err := env.Program(context.Background(), s.t.Name())
	if err != nil {
		s.Fatalf("life %d: %v", life, err)
	}
	slow := time.Duration(s.rng.IntN(3)) * time.Duration(s.rng.IntN(20)) * time.Millisecond
	rng := rand.New(rand.NewPCG(s.seed, uint64(life)))
	started := false
	faulty := storage.NewFaulty(kept, func(op storage.Op, _ string) storage.Fault {
		if !started {
			return storage.Fault{}
		}
		return s.storageFault(rng, op, slow)
	})
	c := weir.Checkpoints{
		Interval: time.Duration(1+s.rng.IntN(30)) * time.Millisecond, Timeout: 300 * time.Millisecond, TolerableFailures: -1, Resume: true, Retain: 1 + s.rng.IntN(3),
	}
	if s.rng.IntN(2) == 0 { // at once, or soon, or rarely
		c.Unaligned, c.AlignedTimeout = true, time.Duration(s.rng.IntN(2)*s.rng.IntN(10))*time.Millisecond
		if s.rng.IntN(10) == 0 {
			c.InFlightBytes = 1 + s.rng.Int64N(300)
		}
	}
	var where storage.Storage = faulty
	if s.rng.IntN(3) == 0 {
		where = storage.NewNear(faulty, storage.NewFaulty(storage.NewMemory(), func(op storage.Op, _ string) storage.Fault { return s.copyFault(rng, op) }))
	}
	err = weir.UseStorage(context.Background(), p, where, c)
	if err != nil {
		s.Fatalf("life %d: %v", life, err)
	}
	started = true
	p.Compress = s.rng.IntN(2) == 0
	p.Incremental = s.rng.IntN(3) > 0
	if s.rng.IntN(2) == 0 {
		p.Inline = 0
	}
	if memory > 0 {
		p.StateMemory, p.LeaveFrom = memory, 1
		p.Compress = p.Compress && life%2 == 0
	}
	if s.slowSink = 0; s.rng.IntN(3) == 0 {
		s.slowSink = time.Duration(1+s.rng.IntN(1000)) * time.Microsecond
	}
	pace := int64(1 + s.rng.IntN(3000))
	p.Pace = func() time.Duration { return time.Duration(1+rng.Int64N(pace)) * time.Microsecond }
	if s.rng.IntN(3) == 0 {
		p.Lose = func(m proto.Message) bool { return s.troubled && aboutCheckpoints(m) && rng.IntN(15) == 0 }
	}
	return p
}

func (s *Sim) storageFault(rng *rand.Rand, op storage.Op, slow time.Duration) (f storage.Fault) {
	switch op {
	case storage.OpCreate, storage.OpCommit:
		if slow > 0 {
			f.Wait = func(ctx context.Context) error { return sched.Sleep(ctx, time.Duration(rng.Int64N(int64(slow)))) }
		}
	case storage.OpRemove:
	default:
		return f
	}
	if s.troubled {
		switch rng.IntN(40) {
		case 0:
			f.Kind = storage.Fail
		case 1:
			f.Kind = storage.FailAfter
		}
	}
	return f
}

// copyFault is storageFault for copies, which may also be damaged without anybody knowing.
func (s *Sim) copyFault(rng *rand.Rand, op storage.Op) storage.Fault {
	f := s.storageFault(rng, op, 0)
	if f.Kind == storage.NoFault && op == storage.OpCommit && rng.IntN(4) == 0 {
		f.Kind, f.Bytes = storage.Torn, rng.Int64N(1000)
		if rng.IntN(2) == 0 {
			f.Kind = storage.Flip
		}
	}
	return f
}

// aboutCheckpoints tells messages that may be lost: those of which a job expects others to follow.
func aboutCheckpoints(m proto.Message) bool {
	switch m := m.(type) {
	case *wire.ToTaskManager:
		return m.GetTriggerBarrier() != nil || m.GetCheckpointComplete() != nil && !m.GetCheckpointComplete().GetStop()
	case *wire.ToJobManager:
		return m.GetBarrierAck() != nil || m.GetBarrierDecline() != nil
	}
	return false
}

// Ledger is the end of a stream for jobs that crash: a sink in two phases, whose output is kept in the test.
type Ledger[T any] struct {
	sim       *Sim
	next      uint64
	prepared  map[uint64][]T
	done      map[uint64]bool
	committed []T
}

// NewLedger returns an empty ledger. It outlives the job.
func NewLedger[T any](s *Sim) *Ledger[T] {
	return &Ledger[T]{sim: s, prepared: map[uint64][]T{}, done: map[uint64]bool{}}
}

// End ends a stream in the ledger.
func (l *Ledger[T]) End(s *weir.Stream[T]) { s.SinkTo("ledger", l).Name("ledger").UID("ledger") }

// Committed is what was committed, in the order of commits.
func (l *Ledger[T]) Committed() []T { return l.committed }

var _ connector.CommittingSink[int] = (*Ledger[int])(nil)

// NewWriter implements [connector.Sink].
func (l *Ledger[T]) NewWriter(connector.WriterContext, [][]byte) (connector.Writer[T], error) {
	return &ledgerWriter[T]{ledger: l}, nil
}

// NewCommitter implements [connector.CommittingSink].
func (l *Ledger[T]) NewCommitter(connector.WriterContext) (connector.Committer, error) {
	return ledgerCommitter[T]{l}, nil
}

type ledgerWriter[T any] struct {
	ledger *Ledger[T]
	buffer []T
	// until is when a slow one takes the next record, and wake what it calls then.
	until time.Time
	wake  func()
}

// Ready and OnReady implement [connector.ReadyWriter].
func (w *ledgerWriter[T]) Ready() bool         { return !w.ledger.sim.Now().Before(w.until) }
func (w *ledgerWriter[T]) OnReady(wake func()) { w.wake = wake }

func (w *ledgerWriter[T]) Write(v T, _ int64) error {
	if s := w.ledger.sim; s.troubled && s.rng.IntN(500) == 0 {
		return fault.New(fault.SinkFailed, "a failure that the simulation made up")
	}
	if s := w.ledger.sim; s.slowSink > 0 {
		d := time.Duration(1 + s.rng.Int64N(int64(s.slowSink)))
		w.until = s.Now().Add(d)
		s.sim.AfterFunc(d, w.wake)
	}
	w.buffer = append(w.buffer, v)
	return nil
}

func (w *ledgerWriter[T]) Flush(bool) error { return nil }
func (w *ledgerWriter[T]) Close() error     { return nil }

// PrepareCommit implements [connector.PreparingWriter].
func (w *ledgerWriter[T]) PrepareCommit() ([]connector.Committable, error) {
	if len(w.buffer) == 0 {
		return nil, nil
	}
	l := w.ledger
	l.next++
	l.prepared[l.next] = w.buffer
	w.buffer = nil
	return []connector.Committable{binary.BigEndian.AppendUint64(nil, l.next)}, nil
}

type ledgerCommitter[T any] struct{ ledger *Ledger[T] }

// Commit implements [connector.Committer].
func (c ledgerCommitter[T]) Commit(ctx context.Context, committables []connector.Committable) error {
	l := c.ledger
	for _, b := range committables {
		if err := sched.Sleep(ctx, time.Duration(l.sim.rng.IntN(2))*time.Millisecond); err != nil {
			return err
		}
		id := binary.BigEndian.Uint64(b)
		if l.done[id] {
			continue
		}
		l.done[id] = true
		l.committed = append(l.committed, l.prepared[id]...)
		delete(l.prepared, id)
	}
	return nil
}

func (ledgerCommitter[T]) Close() error { return nil }
