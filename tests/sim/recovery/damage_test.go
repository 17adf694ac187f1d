package recovery

import (
	"cmp"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/backends/lsm"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/catalog"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/runtime/local"
	"github.com/weirstream/weir/internal/runtime/sched"
)

var (
	damageFor  = flag.Duration("damage", 0, "how long TestDamage goes on; 0 for some dozens of damages")
	damageSeed = flag.Uint64("damageseed", 0, "what TestDamage draws from; 0 for the time")
)

// outcome is a sink in two phases that can be copied, as the disk of a crashed machine can.
type outcome struct {
	next      uint64
	prepared  map[uint64][]string
	committed []string
}

func (o *outcome) clone() *outcome {
	return &outcome{o.next, maps.Clone(o.prepared), slices.Clone(o.committed)}
}

func (o *outcome) NewWriter(connector.WriterContext, [][]byte) (connector.Writer[string], error) {
	return &outcomeWriter{o: o}, nil
}
func (o *outcome) NewCommitter(connector.WriterContext) (connector.Committer, error) { return o, nil }
func (o *outcome) Close() error                                                      { return nil }

func (o *outcome) Commit(_ context.Context, all []connector.Committable) error {
	for _, c := range all {
		if len(c) != 8 {
			return fault.New(fault.TypeDecode, "a committable of %d bytes", len(c))
		}
		id := binary.BigEndian.Uint64(c)
		o.committed = append(o.committed, o.prepared[id]...)
		delete(o.prepared, id)
	}
	return nil
}

type outcomeWriter struct {
	o      *outcome
	buffer []string
}

func (w *outcomeWriter) Write(v string, _ int64) error { w.buffer = append(w.buffer, v); return nil }
func (w *outcomeWriter) Flush(bool) error              { return nil }
func (w *outcomeWriter) Close() error                  { return nil }
func (w *outcomeWriter) PrepareCommit() ([]connector.Committable, error) {
	if len(w.buffer) == 0 {
		return nil, nil
	}
	w.o.next++
	w.o.prepared[w.o.next], w.buffer = w.buffer, nil
	return []connector.Committable{binary.BigEndian.AppendUint64(nil, w.o.next)}, nil
}

// start makes the job over a storage and an outcome, with the state in memory, or below it in dir.
func start(t *testing.T, rng *rand.Rand, kept storage.Storage, dir string, o *outcome) (*local.Program, error) {
	t.Helper()
	opts := weir.Options{Parallelism: 1 + rng.IntN(3), MaxParallelism: 128, ChunkRows: 8, Logger: slog.New(slog.DiscardHandler), Restart: weir.NoRestart()}
	if dir != "" {
		opts.StateBackend, opts.StateDir, opts.Memory = lsm.Backend(), dir, 1<<40
	}
	env := weir.NewEnvironment(opts)
	build(env, events).SinkTo("outcome", o).Name("outcome").UID("outcome")
	p, err := env.Program(t.Context(), "damaged")
	if err != nil {
		t.Fatal(err)
	}
	if p.LeaveFrom = 1; dir != "" {
		p.StateMemory = []int64{1 << 30, 1 << 30, 64 << 10}[rng.IntN(3)]
	}
	p.Pace = func() time.Duration { return time.Duration(1+rng.IntN(500)) * time.Microsecond }
	return p, weir.UseStorage(t.Context(), p, kept, weir.Checkpoints{Interval: 5 * time.Millisecond, Retain: 2, Resume: true, TolerableFailures: -1})
}

// crashed runs the job until it has complete checkpoints and some steps more.
func crashed(t *testing.T, rng *rand.Rand, kept storage.Storage, dir string) *outcome {
	o := &outcome{prepared: map[uint64][]string{}}
	p, err := start(t, rng, kept, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	p.Inline = []int{0, 20 << 10}[rng.IntN(2)]
	p.Compress = rng.IntN(2) == 0
	p.Incremental = rng.IntN(2) == 0
	sim := sched.NewSim(rng.Uint64())
	defer sim.Close()
	job := local.Submit(sim, base.JobID("crashed"), p)
	steps := 2000 + rng.Int64N(3000)
	if err := sim.Run(func() bool {
		select {
		case <-job.Done():
			return true
		default:
		}
		return sim.Steps() > steps
	}); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestDamage damages an object of a crashed job's checkpoints, or two: cuts it, flips a bit, overwrites, clears, appends or swaps some bytes, exchanges it with another, or removes it. The job then refuses to begin, or to go on, with a code that tells so; or
// its results are right.
func TestDamage(t *testing.T) {
	seed := cmp.Or(*damageSeed, uint64(time.Now().UnixNano()))
	rng := rand.New(rand.NewPCG(seed, 3))
	want := slices.Sorted(slices.Values(expected(events)))
	end := time.Now().Add(*damageFor)
	below := t.TempDir()
	right, refused := 0, map[fault.Code]int{}
	for round := 0; round < 5 || time.Now().Before(end); round++ {
		kept := storage.NewMemory()
		dir := []string{"", below}[rng.IntN(2)]
		o := crashed(t, rng, kept, dir)
		found, err := catalog.List(t.Context(), kept)
		if err != nil {
			t.Fatal(err)
		}
		if len(found.Complete) == 0 {
			continue
		}
		for range 10 {
			damaged, what := damage(t, rng, kept)
			got, err := recoverFrom(t, rng, damaged, dir, o.clone())
			switch code := fault.CodeOf(err); {
			case err == nil && slices.Equal(got, want):
				right++
			case err == nil:
				t.Fatalf("seed %d: %s: the results are wrong", seed, what)
			case strings.HasPrefix(string(code), "checkpoint.") || code == fault.StateDamaged || code == fault.StorageNotFound:
				refused[code]++
			default:
				t.Fatalf("seed %d: %s: %v", seed, what, err)
			}
		}
	}
	t.Logf("seed %d: %d right, refused: %v", seed, right, refused)
	if len(refused) == 0 {
		t.Errorf("seed %d: no damage was found", seed)
	}
}

func damage(t *testing.T, rng *rand.Rand, from storage.Storage) (storage.Storage, string) {
	t.Helper()
	to := storage.NewMemory()
	objects, err := from.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, o := range objects {
		b, err := storage.ReadAll(t.Context(), from, o.Name)
		if err != nil {
			t.Fatal(err)
		}
		all[o.Name] = slices.Clone(b)
	}
	victim, other := objects[rng.IntN(len(objects))].Name, objects[rng.IntN(len(objects))].Name
	what := ""
	if b, c := all[victim], all[other]; len(b) > 0 && len(c) > 0 {
		at, there := rng.IntN(len(b)), rng.IntN(len(c))
		n := 1 + rng.IntN(1<<rng.IntN(10))
		switch rng.IntN(9) {
		case 0:
			all[victim], what = b[:at], "cut"
		case 1:
			b[at] ^= 1 << rng.IntN(8)
			what = "bit"
		case 2:
			for j := range b[at:min(at+n, len(b))] {
				b[at+j] = byte(rng.Uint32())
			}
			what = "overwritten"
		case 3:
			there = rng.IntN(len(b))
			b[at], b[there] = b[there], b[at]
			what = "swapped"
		case 4: // pieces of two objects, or of one
			n = min(n, len(b)-at, len(c)-there)
			piece := slices.Clone(b[at : at+n])
			copy(b[at:], slices.Clone(c[there:there+n]))
			copy(c[there:], piece)
			what = "pieces swapped with " + other
		case 5:
			all[victim], all[other], what = c, b, "swapped with "+other
		case 6:
			all[victim], what = append(b, c[there:min(there+n, len(c))]...), "grown"
		case 7:
			clear(b[at:min(at+n, len(b))])
			what = "cleared"
		case 8:
			if strings.HasSuffix(victim, manifest.FileName) { // without its manifest a checkpoint never was
				break
			}
			delete(all, victim)
			what = "removed"
		}
		what = fmt.Sprintf("%s in %s at %d, %d bytes", what, victim, at, n)
	}
	for _, o := range objects {
		if b, ok := all[o.Name]; ok {
			if err := storage.WriteAll(t.Context(), to, o.Name, b); err != nil {
				t.Fatal(err)
			}
		}
	}
	return to, what
}

func recoverFrom(t *testing.T, rng *rand.Rand, kept storage.Storage, dir string, o *outcome) ([]string, error) {
	t.Helper()
	p, err := start(t, rng, kept, dir, o)
	if err != nil {
		return nil, err
	}
	sim := sched.NewSim(rng.Uint64())
	defer sim.Close()
	job := local.Submit(sim, base.JobID("damaged"), p)
	if err := sim.Run(func() bool {
		select {
		case <-job.Done():
			return sim.Live() == 0
		default:
			return false
		}
	}); err != nil {
		t.Fatalf("the job does not end: %v", err)
	}
	return slices.Sorted(slices.Values(o.committed)), job.Err()
}
