package jobmanager

import (
	"context"
	"errors"
	"path"
	"slices"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/coordinator"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/runtime/sched"
)

// setTimer has the machine ticked when it wants to be. Only on the process.
func (j *JobManager) setTimer() {
	j.mu.Lock()
	at, ok := j.mu.machine.Next()
	j.mu.Unlock()
	if !ok || j.ended {
		if j.timer != nil {
			j.timer.Stop()
			j.timer = nil
		}
		return
	}
	if j.timer != nil {
		if j.timerAt == at {
			return
		}
		j.timer.Stop()
	}
	j.timerAt = at
	j.timer = j.cfg.Scheduler.AfterFunc(time.Duration(max(at-j.cfg.Scheduler.Nanos(), 0)), func() {
		j.post(func() {
			j.timer = nil
			j.handle(Tick{})
		})
	})
}

// Checkpoint asks for a checkpoint or savepoint. done, unless nil, is called once, on the job manager's process, with its id when it is complete, or with the reason why it is not. It must
// not block. If the job is over, done is called before Checkpoint returns.
func (j *JobManager) Checkpoint(kind coordinator.Kind, target string, drain bool, done func(id int64, err error)) {
	accepted := j.post(func() {
		j.lastToken++
		j.requests[j.lastToken] = done
		j.handle(CheckpointRequested{j.lastToken, kind, target, drain})
	})
	if !accepted && done != nil {
		done(0, fault.New(fault.JobNotRunning, "the job is %v", j.State()))
	}
}

func (j *JobManager) answerCheckpoint(e CheckpointAnswered) {
	done := j.requests[e.Token]
	delete(j.requests, e.Token)
	if done != nil {
		done(e.ID, e.Err)
	}
}

// snapshotEnumerators takes the state of all enumerators that are open. What they assign afterwards is handled behind it.
func (j *JobManager) snapshotEnumerators(id int64) {
	states := map[int][]byte{}
	var failed error
	defer func() { j.handle(EnumeratorsSnapshotted{id, states, failed}) }()
	for vertex := range j.cfg.Plan.Vertices {
		h := j.enumerators[vertex]
		if h == nil || h.broken || h.closing || failed != nil {
			continue
		}
		h.guard("Snapshot", func() error {
			state, err := h.enumerator.Snapshot(id)
			states[vertex] = state
			return err
		}, func(err error) { failed = err })
	}
}

// storeManifest writes a manifest away from the process.
func (j *JobManager) storeManifest(e StoreManifest) {
	var err error
	j.away(func(ctx context.Context) { err = j.writeManifest(ctx, e) }, func() { j.handle(ManifestStored{e.ID, err}) })
}

func (j *JobManager) writeManifest(ctx context.Context, e StoreManifest) error {
	b, err := manifest.Encode(e.Manifest)
	if err != nil {
		return err
	}
	s, err := j.storage(e.Target)
	if err != nil {
		return err
	}
	if err := storage.WriteNew(ctx, s, manifestName(e.ID, e.Target), b); err != nil || !e.Pointer {
		return err
	}
	if b, err = manifest.Encode(pointerTo(e.Manifest, e.Target)); err != nil {
		return err
	}
	return storage.WriteNew(ctx, j.cfg.Storage, manifestName(e.ID, ""), b)
}

// removeAttempts is how often the removal of a manifest is tried; the pauses between grow from removePause.
const (
	removeAttempts = 5
	removePause    = 50 * time.Millisecond
)

// deleteFiles removes files in their order, so that a manifest goes before what it refers to. If it does not go, the rest stays: there must not be a manifest without its files, as a job that is begun again would be restored from it.
func (j *JobManager) deleteFiles(e DeleteFiles) {
	var err, kept error // kept is why the manifest is not known to be gone
	j.away(func(ctx context.Context) {
		var s storage.Storage
		if s, err = j.storage(e.Target); err != nil {
			kept = err
			return
		}
		for _, f := range e.Files {
			if path.Base(f) != manifest.FileName {
				err = errors.Join(err, s.Remove(ctx, f))
				continue
			}
			if kept = removeManifest(ctx, s, f); kept != nil {
				err = errors.Join(err, kept)
				return
			}
		}
	}, func() {
		if err != nil {
			j.log.Warn("files of a checkpoint could not be removed", "error", err)
		}
		if e.Void > 0 {
			j.handle(ManifestRemoved{e.Void, kept})
		}
	})
}

func removeManifest(ctx context.Context, s storage.Storage, name string) (err error) {
	for i := range removeAttempts {
		if i > 0 {
			if err := sched.Sleep(ctx, time.Duration(i)*removePause); err != nil {
				return err
			}
		}
		if err = s.Remove(ctx, name); err == nil || !fault.Retryable(err) {
			return err
		}
	}
	return err
}

// storage returns that of a savepoint, or of the job if target is "".
func (j *JobManager) storage(target string) (storage.Storage, error) {
	if target == "" {
		return j.cfg.Storage, nil
	}
	return storage.Open(target)
}

// away runs work away from the process, and then calls then on it, if it still goes on. The work is waited for at the end of the job by whoever waits for the scheduler.
func (j *JobManager) away(work func(context.Context), then func()) {
	j.cfg.Scheduler.Async(context.Background(), "jobmanager storage", 0, func(ctx context.Context) {
		work(ctx)
		j.post(then)
	})
}

func (j *JobManager) checkpointCompleted(e CheckpointCompleted) {
	j.log.Debug("checkpoint complete", "id", e.ID, "kind", e.Kind.String(), "bytes", e.Bytes, "took", time.Duration(e.Duration).String())
	j.cfg.Scheduler.Trace("checkpoint complete", e.ID, 0)
	j.mu.Lock()
	defer j.mu.Unlock()
	c := &j.mu.checkpoints
	c.Completed++
	if c.Recent = append(c.Recent, time.Duration(e.Duration)); len(c.Recent) > recentCheckpoints {
		c.Recent = slices.Delete(c.Recent, 0, 1)
	}
	c.Last, c.Bytes, c.Took, c.At = int64(e.ID), e.Bytes, time.Duration(e.Duration), j.cfg.Scheduler.Now()
}

func (j *JobManager) checkpointFailed(e CheckpointFailed) {
	if fault.CodeOf(e.Err) != fault.JobNotRunning { // it ends with the job
		j.log.Warn("checkpoint failed", "id", e.ID, "error", e.Err)
	}
	j.cfg.Scheduler.Trace("checkpoint failed", e.ID, 0)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.checkpoints.Failed++
}
