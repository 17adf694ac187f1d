package weir

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/catalog"
	"github.com/weirstream/weir/internal/checkpoint/coordinator"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/runtime/jobmanager"
	"github.com/weirstream/weir/internal/runtime/local"
	"github.com/weirstream/weir/internal/runtime/restart"
)

// Checkpoints says how a job is made to survive failures. From time to time, barriers go through the streams; where one has come through a task, the task's state is written down, without
// stopping it. A checkpoint is complete when all tasks have, and then sinks in two phases make visible what they have written up to it. After a failure the job goes on from the latest
// complete one: sources read again from there, so that every record counts in state exactly once, and in the output of sinks in two phases, too.
type Checkpoints struct {
	// Dir is where checkpoints are kept: a directory, or a URL such as s3://bucket/prefix in programs that call Register of package backends/s3. It belongs to one job: a local directory is locked while the job runs, and another run on the same machine that is given it is refused with the code checkpoint.in-use. A small object is written there and removed when the
	// job begins, so that one that cannot be written to is refused then. Default: none, and no checkpoints.
	Dir string
	// Mode is how often a record counts in state after a failure. Default: ExactlyOnce.
	Mode CheckpointMode
	// Unaligned lets barriers overtake what waits in front of operators, so that a checkpoint does not take longer when there is backpressure, as Flink's execution.checkpointing.unaligned.enabled. What was overtaken is written down with the
	// checkpoint, and comes first when the job goes on from there, also at another parallelism. Operators with an input that is forward, rescaled or broadcast from another task, as those behind a union, still align. Savepoints always do, and have nothing on its
	// way. It goes with ExactlyOnce and one checkpoint at a time. Default: false.
	Unaligned bool
	// AlignedTimeout is how long an unaligned checkpoint tries to align, from the time when its barriers begin, before they overtake, as Flink's execution.checkpointing.aligned-checkpoint-timeout. Default: 0, they overtake at once.
	AlignedTimeout time.Duration
	// InFlightBytes bounds what an unaligned checkpoint may have on the way to one subtask, encoded. One that would have more fails, and counts as such, see TolerableFailures. Default 256 MiB.
	InFlightBytes int64
	// Interval is the time from one checkpoint to the next. Default: only those that are asked for, by [JobClient.Checkpoint], and one when the input has ended.
	Interval time.Duration
	// MinPause is the least time between the end of a checkpoint and the start of the next.
	MinPause time.Duration
	// Timeout is how long a checkpoint may take before it is given up. Default 10 minutes.
	Timeout time.Duration
	// MaxConcurrent is how many checkpoints may be under way at the same time. Default 1.
	MaxConcurrent int
	// TolerableFailures is how many checkpoints may fail one after another before the job does. Default 0; -1 means any number.
	TolerableFailures int
	// Retain is how many complete checkpoints are kept. Default 1.
	Retain int
	// Compress compresses state.
	Compress bool
	// Incremental has checkpoints write only the keys whose state has changed since the last complete checkpoint, and those that were deleted, and refer to the files of earlier ones for the rest, as Flink's
	// execution.checkpointing.incremental does for RocksDB; here it goes for both backends. Key groups are written as a whole in turn, so that a base and its changes do not come to much more than
	// the state and a half; one that only grows is not. Savepoints, and the first checkpoint of a job or behind a failure, are always whole. Files of several checkpoints are then needed to restore one, so a single folder
	// chk-N cannot be copied elsewhere by itself. Default: false, as in Flink, and since a job that changes most of its state from one checkpoint to the next gains nothing.
	Incremental bool
	// LocalRecovery keeps copies of the files of checkpoints below Options.StateDir while the job runs, so that after a failure it reads its state from there and not from Dir, as Flink's execution.state-recovery.from-local. It is for a Dir that
	// is a store or a disk elsewhere, and takes as much of the local disk as the retained checkpoints have of Dir. Where a copy cannot be written or read, or is found to be damaged, the file in Dir is read. A program that is run again reads from Dir. Default: false.
	LocalRecovery bool
	// Resume makes the job go on from the latest complete checkpoint in Dir, if there is one: running the program again goes on where it was. The checkpoints then stay when the job has finished
	// or was canceled, so that running it once more does nothing twice. Without it the job begins anew, Dir must hold no checkpoint, and they are deleted at the end, unless it fails.
	Resume bool
	// Restore is the checkpoint or savepoint that the job begins with, rather than with the latest in Dir: the folder that holds its _metadata.
	Restore string
	// RestoreMode says to whom the files of Restore belong from then on. Default: NoClaim.
	RestoreMode RestoreMode
	// AllowNonRestoredState lets state be left behind that the program has no place for.
	AllowNonRestoredState bool
}

// RestoreMode says to whom a checkpoint or savepoint belongs that a job begins with, as Flink's execution.savepoint-restore-mode.
type RestoreMode uint8

const (
	// NoClaim leaves it to its owner. The job never removes anything of it, and from its first checkpoint on, which is whole, needs nothing of it.
	NoClaim RestoreMode = iota
	// Claim makes it the job's own: its files are removed when Checkpoints.Retain newer checkpoints are complete, but for those that other checkpoints in the same place refer to. If the job ends before that, they stay. It must not be
	// restored by two jobs then, and needs Checkpoints.Dir.
	Claim
)

// String returns "NO_CLAIM" or "CLAIM".
func (m RestoreMode) String() string {
	switch m {
	case NoClaim:
		return "NO_CLAIM"
	case Claim:
		return "CLAIM"
	}
	return fmt.Sprintf("mode(%d)", uint8(m))
}

// CheckpointMode is how often a record counts in state after a failure, as Flink's execution.checkpointing.mode.
type CheckpointMode uint8

const (
	// ExactlyOnce has an operator with several inputs wait, input by input, until the barrier of a checkpoint has come on all of them.
	ExactlyOnce CheckpointMode = iota
	// AtLeastOnce lets operators go on with all inputs while barriers come. No input ever waits for another. But records that came behind a barrier on one input, before that of the last one was there, are in the
	// state of the checkpoint, and are read again after a failure: they then count twice, in state and in the output of any sink. Savepoints are taken the same way. Where every operator has one input from one subtask, nothing is
	// doubled.
	AtLeastOnce
)

// String returns "EXACTLY_ONCE" or "AT_LEAST_ONCE".
func (m CheckpointMode) String() string {
	switch m {
	case ExactlyOnce:
		return "EXACTLY_ONCE"
	case AtLeastOnce:
		return "AT_LEAST_ONCE"
	}
	return fmt.Sprintf("mode(%d)", uint8(m))
}

// inlineState is how many bytes of a task's state go with the manifest, as Flink's state.storage.fs.memory-threshold.
const inlineState = 20 << 10

// inFlightBytes is the default of Checkpoints.InFlightBytes.
const inFlightBytes = 256 << 20

// RestartStrategy says what happens after a failure. If parts of the job are not connected by any stream, as several INSERTs of a SQL script that read different tables, only the one that failed begins anew, and the others go on. The zero value is ExponentialDelay for jobs with checkpoints, and NoRestart for others, as in Flink.
type RestartStrategy struct{ config *restart.Config }

// NoRestart lets the first failure end the job.
func NoRestart() RestartStrategy { return restartOf(restart.Default(restart.None)) }

// FixedDelayRestart begins the job anew so many times, each time after the delay.
func FixedDelayRestart(attempts int, delay time.Duration) RestartStrategy {
	c := restart.Default(restart.FixedDelay)
	c.Attempts, c.Delay = attempts, int64(delay)
	return restartOf(c)
}

// FailureRateRestart begins the job anew after the delay, unless more than so many failures come within the interval.
func FailureRateRestart(failures int, interval, delay time.Duration) RestartStrategy {
	c := restart.Default(restart.FailureRate)
	c.MaxFailuresPerInterval, c.FailureRateInterval, c.Delay = failures, int64(interval), int64(delay)
	return restartOf(c)
}

// ExponentialDelayRestart begins the job anew any number of times. The first delay is initial, each further one is half as long again, up to most; when the job has run well for an hour the
// delay is initial again. Delays vary by a tenth, by chance.
func ExponentialDelayRestart(initial, most time.Duration) RestartStrategy {
	c := restart.Default(restart.ExponentialDelay)
	c.InitialBackoff, c.MaxBackoff = int64(initial), int64(most)
	return restartOf(c)
}

func restartOf(c restart.Config) RestartStrategy { return RestartStrategy{&c} }

// String names the strategy as Flink's option restart-strategy.type does.
func (r RestartStrategy) String() string {
	if r.config == nil {
		return "default"
	}
	return r.config.Kind.String()
}

// validate returns all that is wrong with the options, whatever the storage has.
func (c Checkpoints) validate() error {
	var errs []error
	if c.Dir == "" && (c.Interval != 0 || c.Resume) {
		errs = append(errs, fault.New(fault.OptionInvalid, "Options.Checkpoints has no Dir: say where checkpoints are kept"))
	}
	if c.Mode > AtLeastOnce {
		errs = append(errs, fault.New(fault.OptionInvalid, "Options.Checkpoints.Mode is %v: use ExactlyOnce or AtLeastOnce", c.Mode))
	}
	if c.Unaligned && c.Mode == AtLeastOnce {
		errs = append(errs, fault.New(fault.OptionInvalid, "Options.Checkpoints has Unaligned and the mode AtLeastOnce: unaligned checkpoints need ExactlyOnce"))
	}
	if c.AlignedTimeout > 0 && !c.Unaligned {
		errs = append(errs, fault.New(fault.OptionInvalid, "Options.Checkpoints.AlignedTimeout is %v without Unaligned: it says when barriers overtake", c.AlignedTimeout))
	}
	if c.LocalRecovery && c.Dir == "" {
		errs = append(errs, fault.New(fault.OptionInvalid, "Options.Checkpoints has LocalRecovery and no Dir: there are no checkpoints to have copies of"))
	}
	if c.InFlightBytes < 0 {
		errs = append(errs, fault.New(fault.OptionInvalid, "Options.Checkpoints.InFlightBytes is %d, it must not be negative", c.InFlightBytes))
	}
	switch {
	case c.RestoreMode > Claim:
		errs = append(errs, fault.New(fault.OptionInvalid, "Options.Checkpoints.RestoreMode is %v: use NoClaim or Claim", c.RestoreMode))
	case c.RestoreMode == Claim && c.Restore == "":
		errs = append(errs, fault.New(fault.OptionInvalid, "Options.Checkpoints.RestoreMode is %v, and there is nothing to restore", c.RestoreMode))
	case c.RestoreMode == Claim && c.Dir == "":
		errs = append(errs, fault.New(fault.OptionInvalid, "Options.Checkpoints.RestoreMode is %v, and there is no Dir for newer checkpoints", c.RestoreMode))
	}
	if c.Resume && c.Restore != "" {
		errs = append(errs, fault.New(fault.OptionInvalid, "Options.Checkpoints has both Resume and Restore: a job begins with one of them"))
	}
	return errors.Join(append(errs, c.coordinator().Validate())...)
}

func (c Checkpoints) coordinator() coordinator.Config {
	return coordinator.Config{
		Interval: int64(c.Interval), MinPause: int64(c.MinPause), Timeout: int64(c.Timeout), MaxConcurrent: c.MaxConcurrent, Tolerable: c.TolerableFailures, Retain: c.Retain,
		Unaligned: c.Unaligned, AlignedTimeout: int64(c.AlignedTimeout),
	}
}

// recovery adds to a program how it takes checkpoints, and with what it begins.
func (e *Environment) recovery(ctx context.Context, p *local.Program) error {
	c := e.options.Checkpoints
	if e.graph.Batch {
		if c.Restore != "" {
			return fault.New(fault.OptionInvalid, "Checkpoints.Restore is set, but the job runs in batch mode, which has no checkpoints to begin with: use Streaming")
		}
		if c.Dir != "" {
			e.options.Logger.Info("checkpoints are off: a batch job begins anew after a failure", "job", p.Plan.Graph.Name)
		}
		c = Checkpoints{}
	}
	strategy := restart.Default(restart.None)
	if c.Dir != "" {
		strategy = restart.Default(restart.ExponentialDelay)
	}
	if e.options.Restart.config != nil {
		strategy = *e.options.Restart.config
	}
	if err := errors.Join(strategy.Validate(), c.validate()); err != nil {
		return err
	}
	p.Recovery = jobmanager.Recovery{Restart: strategy, History: e.options.FailureHistory, JobName: p.Plan.Graph.Name, Keep: c.Resume, Clock: func() int64 { return time.Now().UnixMilli() }}
	p.Inline, p.Compress, p.DropState, p.Incremental = inlineState, c.Compress, c.AllowNonRestoredState, c.Incremental
	if c.Dir != "" {
		s, err := openStorage(c.Dir)
		if err != nil {
			return err
		}
		unlock, err := lock(ctx, s)
		if err != nil {
			return err
		}
		p.AtEnd = append(p.AtEnd, unlock)
		if err := e.begin(ctx, p, s, c); err != nil {
			for _, end := range slices.Backward(p.AtEnd) {
				end()
			}
			return err
		}
		return nil
	}
	if c.Restore != "" {
		return restoreFrom(ctx, p, c)
	}
	return nil
}

// begin has a program use the storage of its Checkpoints.Dir, which is locked.
func (e *Environment) begin(ctx context.Context, p *local.Program, s storage.Storage, c Checkpoints) (err error) {
	if c.LocalRecovery {
		if s, err = e.nearby(p, s); err != nil {
			return err
		}
	}
	if err := UseStorage(ctx, p, s, c); err != nil || c.Restore == "" {
		return err
	}
	return restoreFrom(ctx, p, c)
}

// lockTries is how often a storage that another run has is asked for: a job of this process that has ended gives it back a moment later.
const (
	lockTries = 100
	lockPause = 20 * time.Millisecond
)

// lock makes a job the only one that keeps checkpoints in a storage, where that can tell.
func lock(ctx context.Context, s storage.Storage) (unlock func(), err error) {
	for range lockTries {
		if unlock, err = storage.TryLock(s); err != nil {
			return nil, fault.New(fault.CheckpointNotStored, "no checkpoint could be written to %s: %w", s, err)
		}
		if unlock != nil {
			return unlock, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(lockPause):
		}
	}
	return nil, fault.New(fault.CheckpointInUse, "another run that has not ended keeps its checkpoints in %s", s)
}

// nearby returns a storage with copies on the local disk, which are removed when the job has ended. Where they lie follows from where the storage is, so that a job finds and removes what it left when its process was killed.
func (e *Environment) nearby(p *local.Program, s storage.Storage) (storage.Storage, error) {
	digest := sha256.Sum256([]byte(s.String()))
	dir := filepath.Join(cmp.Or(e.options.StateDir, os.TempDir()), "weir-copies-"+hex.EncodeToString(digest[:8]))
	if err := os.RemoveAll(dir); err != nil {
		return nil, fault.New(fault.OptionInvalid, "Options.StateDir cannot be used for copies of checkpoints: %w", err)
	}
	near, err := storage.OpenLocalWith(dir, storage.LocalOptions{NoSync: true})
	if err != nil {
		return nil, err
	}
	p.AtEnd = append(p.AtEnd, func() {
		if err := os.RemoveAll(dir); err != nil {
			p.Logger.Warn("copies of checkpoints could not be removed", "dir", dir, "err", err)
		}
	})
	return storage.NewNear(s, near), nil
}

// checkName is an object that is written where checkpoints are kept, and removed, when a job begins.
const checkName = "_check"

// UseStorage makes a program keep its checkpoints in a storage, and begin with the latest there if c.Resume says so. It is for test kits, which have storages of their own.
func UseStorage(ctx context.Context, p *local.Program, s storage.Storage, c Checkpoints) error {
	config := c.coordinator()
	p.Storage, p.Recovery.Checkpoints, p.Recovery.Keep = s, &config, c.Resume
	p.AtLeastOnce = c.Mode == AtLeastOnce
	if p.InFlight = c.InFlightBytes; p.InFlight == 0 {
		p.InFlight = inFlightBytes
	}
	found, err := catalog.List(ctx, s)
	if err != nil {
		return err
	}
	p.Recovery.LastID = found.LastID
	if n := len(found.Complete); n > 0 && !c.Resume && c.Restore == "" {
		return fault.New(fault.CheckpointExists, "%s has %d complete checkpoints, the latest is %s", s, n, catalog.Folder(found.Complete[n-1]))
	}
	if err := storage.Check(ctx, s, checkName); err != nil {
		return fault.New(fault.CheckpointNotStored, "no checkpoint could be written to %s: %w", s, err)
	}
	if !c.Resume {
		return nil
	}
	latest, err := catalog.Latest(ctx, s, found)
	if err != nil || latest == nil {
		return err
	}
	if err := jobmanager.CheckRestore(p.Plan, latest, strings.TrimSuffix(s.String(), "/")+"/"+catalog.Folder(latest.Id), c.AllowNonRestoredState); err != nil {
		return err
	}
	p.Recovery.Restore = latest
	for _, id := range found.Complete {
		m := latest
		if id != latest.Id {
			if m, err = catalog.Load(ctx, s, catalog.Folder(id)); err != nil {
				continue // it stays where it is, and is not counted
			}
		}
		p.Recovery.Retained = append(p.Recovery.Retained, m)
	}
	if err := catalog.Sweep(ctx, s, found, p.Recovery.Retained); err != nil {
		p.Logger.Warn("files of checkpoints that never completed could not be removed", "err", err)
	}
	return nil
}

func restoreFrom(ctx context.Context, p *local.Program, c Checkpoints) error {
	root, folder := catalog.Locate(c.Restore)
	s, err := storage.Open(root)
	if err != nil {
		return err
	}
	m, err := catalog.Load(ctx, s, folder)
	if err != nil {
		return err
	}
	if err := jobmanager.CheckRestore(p.Plan, m, c.Restore, c.AllowNonRestoredState); err != nil {
		return err
	}
	p.Recovery.Restore, p.Recovery.RestoreRoot = m, root
	p.Recovery.LastID = max(p.Recovery.LastID, m.Id)
	if c.RestoreMode == Claim {
		p.Recovery.Claimed, err = catalog.Own(ctx, s, folder, m)
	}
	return err
}

// Checkpoint takes a checkpoint now, and returns its number when it is complete.
func (c *JobClient) Checkpoint(ctx context.Context) (int64, error) {
	return c.request(ctx, coordinator.Checkpoint, "", false)
}

func (c *JobClient) request(ctx context.Context, kind coordinator.Kind, target string, drain bool) (int64, error) {
	type answer struct {
		id  int64
		err error
	}
	answers := make(chan answer, 1)
	c.job.Checkpoint(kind, target, drain, func(id int64, err error) { answers <- answer{id, err} })
	select {
	case a := <-answers:
		return a.id, a.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// Savepoint writes the state of the job to a new folder below dir, a directory or URL as in Checkpoints.Dir, and returns the folder's path when it is complete: for Checkpoints.Restore of this program or a
// later version of it. Keyed state and timers lie there as Parquet files, one for each state of an operator and subtask, with a row for each entry, which other tools can read. It belongs to the caller: the job neither deletes it nor is restored from it after a failure. The job must have a storage for checkpoints, and goes on. What sinks in two phases have
// prepared by then is part of it, and is committed by a job that is restored from it, as it is by this one with its next checkpoint.
func (c *JobClient) Savepoint(ctx context.Context, dir string) (string, error) {
	target, err := c.savepointIn(dir)
	if err != nil {
		return "", err
	}
	_, err = c.request(ctx, coordinator.Savepoint, target, false)
	return target, err
}

// savepointIn returns a new folder below dir.
func (c *JobClient) savepointIn(dir string) (string, error) {
	if dir == "" {
		return "", fault.New(fault.OptionInvalid, "a savepoint is given no directory")
	}
	if !strings.Contains(dir, ":") { // a program that goes on from it may stand elsewhere
		abs, err := filepath.Abs(dir)
		if err != nil {
			return "", fault.New(fault.OptionInvalid, "the directory of a savepoint: %w", err)
		}
		dir = abs
	}
	var unique [6]byte
	rand.Read(unique[:]) // never fails
	return storage.Below(dir, "savepoint-"+c.ID()[:6]+"-"+hex.EncodeToString(unique[:])), nil
}

// StopWithSavepoint ends the job with a savepoint below dir, as [JobClient.Savepoint] makes one, and returns the savepoint's path when the job has ended as FINISHED. Sources stop at the savepoint's barrier; behind it no
// record, timer or asynchronous result has any effect, sinks in two phases commit all that was written in front of it, and the tasks end, but windows and timers that are not due do not fire. A job that begins with the savepoint
// goes on exactly there. So does the same program with Checkpoints.Resume, as long as the savepoint stays where it is.
//
// With drain, all input is taken to have ended: event time comes to its end in front of the barrier, so that windows and event-time timers fire, and operators finish. That is for ending a job for good:
// what a job that begins with such a savepoint gets after that belongs into windows that have been given out.
//
// If the savepoint fails, the error says why, and the job goes on; one that drains cannot, and fails, to be restarted from its latest checkpoint if its strategy allows. If the job fails when the savepoint is complete and before all
// tasks have ended, the error has the code checkpoint.stop-failed and comes with the path: the job is restarted from that savepoint, and goes on. When ctx ends, StopWithSavepoint returns, and the job may end all the same.
func (c *JobClient) StopWithSavepoint(ctx context.Context, dir string, drain bool) (string, error) {
	target, err := c.savepointIn(dir)
	if err != nil {
		return "", err
	}
	if _, err := c.request(ctx, coordinator.StopWithSavepoint, target, drain); err != nil {
		if fault.CodeOf(err) == fault.CheckpointStopFailed {
			return target, err
		}
		return "", err
	}
	select {
	case <-c.Done():
		return target, nil
	case <-ctx.Done():
		return target, context.Cause(ctx)
	}
}

// CheckpointStats counts the checkpoints and savepoints of a job in this process: Completed and Failed ones, and of the latest complete one its number (Last, 0 if there is none), what it wrote (Bytes), how long it
// was under way (Took) and when it was complete (At); Recent are the times that up to 1,024 of the latest took, the latest last.
type CheckpointStats = jobmanager.CheckpointStats

// CheckpointStats returns what has become of the job's checkpoints so far.
func (c *JobClient) CheckpointStats() CheckpointStats { return c.job.CheckpointStats() }

// Restarts is how often the job, or a part of it that nothing connects to the rest, was begun anew after a failure.
func (c *JobClient) Restarts() int { return c.job.Restarts() }
