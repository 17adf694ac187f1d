package task

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/snapshot"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/defect"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/statebackend"
)

// CheckpointConfig says where tasks write their part of a checkpoint.
type CheckpointConfig struct {
	// Storage is that of the job; nil for none: barriers then carry no state.
	Storage storage.Storage
	// Inline is how many bytes of a task's state go with the manifest and make no file.
	Inline int
	// Compress compresses state.
	Compress bool
	// Incremental writes what has changed since the last checkpoint that is complete, and refers to the files of earlier ones for the rest.
	Incremental bool
	// Drop lets state be left behind that the program has no place for.
	Drop bool
	// AtLeastOnce has tasks not wait for the barriers of all channels: records may be in the state of a checkpoint and come again behind a restore.
	AtLeastOnce bool
	// InFlight bounds, in bytes, what an unaligned checkpoint may have of records on their way to a task; 0 for no bound. Above it the checkpoint is declined.
	InFlight int64
	// LeaveFrom is how many bytes a state has at least that a store with a spill leaves in the files that it is restored from; 0 for what package snapshot takes.
	LeaveFrom int64
}

// frozen is the state of a task where a checkpoint cuts its stream, on its way to the storage.
type frozen struct {
	id    int64
	state *manifest.TaskState
	snaps []*statebackend.Snapshot // by node; nil for a node without state
	taken atomic.Bool              // by whoever releases the snapshots
	base  *written                 // what the snapshots tell changes since; nil for nothing
	// channels is what was on its way to the task, of an unaligned checkpoint.
	channels []*recorded
}

// written is what this task has written for a checkpoint, with all that it refers to: later ones may tell changes since then.
type written struct {
	id     int64
	epochs []uint64            // by node, of the snapshots
	parts  []*manifest.Subtask // by node
}

// release gives up the snapshots, if nobody else has taken them.
func (f *frozen) release() {
	if !f.taken.CompareAndSwap(false, true) {
		return
	}
	f.drop()
}

func (f *frozen) drop() {
	for _, s := range f.snaps {
		if s != nil {
			_ = s.Release() // of a view that was only read
		}
	}
}

// Barrier lets a barrier into the stream of a source's task, or has a task that has finished and waits for leave to commit take part in the checkpoint. It may be called from any goroutine.
func (t *Task) Barrier(id int64, unaligned bool, alignedTimeout time.Duration, stop operator.StopMode) {
	var take func()
	take = func() {
		switch {
		case t.source != nil && t.replays(): // that belongs in front of the barrier
			t.behindReplay = append(t.behindReplay, take)
		case t.finished && slices.ContainsFunc(t.writing, func(f *frozen) bool { return f.id == id }): // asked twice, as a source and as one that waits to commit: its answer is on its way
		case t.finished && id <= t.passed: // its answer was lost, and what it would say now is of another moment
			t.cfg.Listener.BarrierDecline(id, fault.New(fault.CheckpointDeclined, "task %s has answered before", t.cfg.Attempt))
		case t.finished:
			t.acknowledge(t.freeze(id, true))
		case t.finishing: // it goes on with the stream of its last records, and is part of the checkpoint when these are through
			t.lastBarrier = max(t.lastBarrier, id)
		case t.source != nil:
			t.noteStop(id, stop)
			if t.stopMode(id) == operator.Drain {
				t.drain()
				return
			}
			t.notice(id, unaligned, alignedTimeout)
			t.early = t.passBarrier(id)
			t.ackBarrier()
		}
	}
	t.Post(take)
}

// passBarrier sends the barrier on, and freezes the state where it stands.
func (t *Task) passBarrier(id int64) *frozen {
	t.cfg.Scheduler.Trace("barrier", id, int64(t.cfg.Attempt.Subtask.Vertex)<<32|int64(t.cfg.Subtask))
	for i, n := range t.nodes {
		before := t.enter(i)
		n.instance.Flush()
		t.calling = before
	}
	f := t.freeze(id, false)
	t.signalBarrier(id)
	return f
}

func (t *Task) signalBarrier(id int64) {
	unaligned, timeout := t.passes(id)
	for _, o := range t.outputs {
		o.Signal(operator.Element{Kind: operator.Barrier, Checkpoint: id, Stop: t.stopMode(id), Unaligned: unaligned, AlignedTimeout: timeout})
	}
}

// freeze takes the state of all operators. It returns nil if the task has failed.
func (t *Task) freeze(id int64, finished bool) *frozen {
	f := &frozen{id: id, state: &manifest.TaskState{Finished: finished}, base: t.confirmed}
	t.passed = max(t.passed, id)
	if t.cfg.Checkpoints.Storage == nil {
		return f
	}
	for i, n := range t.nodes {
		if t.failure != nil {
			break
		}
		before := t.enter(i)
		sub, snap, err := t.freezeNode(n, id, finished)
		t.calling = before
		if err != nil {
			t.Fail(i, err)
		}
		f.snaps = append(f.snaps, snap)
		f.state.Operators = append(f.state.Operators, &manifest.TaskOperator{Uid: string(n.ctx.UID), Parts: []*manifest.Subtask{sub}})
	}
	if t.failure != nil {
		f.release()
		return nil
	}
	if t.cfg.Checkpoints.Incremental && !finished {
		f.state.Keeps = t.keeps(id)
	}
	return f
}

// keeps is the oldest checkpoint that later ones of this task may be based on.
func (t *Task) keeps(id int64) int64 {
	if t.confirmed != nil {
		return t.confirmed.id
	}
	for _, w := range t.acked {
		id = min(id, w.id)
	}
	for _, f := range t.writing {
		id = min(id, f.id)
	}
	return id
}

// noteWritten keeps what was written for a checkpoint until it is known whether that is complete.
func (t *Task) noteWritten(f *frozen, epochs []uint64) {
	if !t.cfg.Checkpoints.Incremental || f.state.Root != "" || f.state.Finished {
		return
	}
	w := &written{id: f.id, epochs: epochs}
	for _, op := range f.state.Operators {
		w.parts = append(w.parts, &manifest.Subtask{Spaces: op.Parts[0].Spaces})
	}
	t.acked = append(t.acked, w)
	if defect.Is("changes-since-unconfirmed") {
		t.confirm(f.id)
	}
}

// confirm makes a checkpoint the one that later ones tell changes since.
func (t *Task) confirm(id int64) {
	i := slices.IndexFunc(t.acked, func(w *written) bool { return w.id == id })
	if i < 0 || t.confirmed != nil && t.confirmed.id > id {
		return
	}
	t.confirmed = t.acked[i]
	t.acked = slices.DeleteFunc(t.acked, func(w *written) bool { return w.id <= id })
	for i, n := range t.nodes {
		if i < len(t.confirmed.epochs) && t.confirmed.epochs[i] > 0 {
			n.ctx.Store.Confirm(t.confirmed.epochs[i])
		}
	}
}

func (t *Task) freezeNode(n *node, id int64, finished bool) (*manifest.Subtask, *statebackend.Snapshot, error) {
	sub := &manifest.Subtask{Index: int32(t.cfg.Subtask), Finished: finished, Watermark: n.done, EmittedWatermark: n.emitted}
	sub.HasWatermark = t.stopMode(id) != operator.Drain // the end of all time is none to go on from
	if n.holds != nil {
		sub.Watermark = n.emitted
	}
	if s, ok := n.instance.(operator.Snapshotter); ok && !finished {
		if err := s.PrepareSnapshot(); err != nil {
			return sub, nil, err
		}
	}
	if c, ok := n.instance.(operator.Checkpointed); ok {
		part, err := c.Checkpoint(id, finished)
		if err != nil {
			return sub, nil, err
		}
		for _, s := range part.Splits {
			sub.Splits = append(sub.Splits, &manifest.Split{Id: s.ID, State: s.State})
		}
		sub.WriterStates = part.Writers
		for _, c := range part.Committables {
			sub.Committables = append(sub.Committables, c)
		}
	}
	if n.ctx.Store == nil || finished {
		return sub, nil, nil
	}
	snap, err := n.ctx.Store.Snapshot()
	return sub, snap, err
}

// acknowledge writes what was frozen, away from the task, and then tells the job manager.
func (t *Task) acknowledge(f *frozen) {
	switch {
	case f == nil: // the task has failed
		return
	case t.cfg.Checkpoints.Storage == nil:
		t.cfg.Listener.BarrierAck(f.id, nil)
		return
	}
	if defect.Is("commit-before-complete") {
		t.committable = max(t.committable, f.id)
		t.commitDue()
	}
	t.writing = append(t.writing, f)
	epochs := make([]uint64, len(f.snaps))
	for i, s := range f.snaps {
		if s != nil {
			epochs[i] = s.Epoch()
		}
	}
	var ack []byte
	var err error
	t.async(0, 0, func(ctx context.Context) {
		if !f.taken.CompareAndSwap(false, true) {
			return
		}
		defer f.drop()
		if ack, err = t.write(ctx, f); err != nil && defect.Is("failed-write-acknowledged") {
			ack, err = manifest.EncodeTask(f.state)
		}
	}, func() {
		t.writing = slices.DeleteFunc(t.writing, func(g *frozen) bool { return g == f })
		if err != nil {
			err = fault.New(fault.CheckpointDeclined, "task %s could not write its state: %w", t.cfg.Attempt, err)
			t.cfg.Listener.BarrierDecline(f.id, err)
			return
		}
		t.noteWritten(f, epochs)
		t.cfg.Listener.BarrierAck(f.id, ack)
	})
}

// write writes the state of the task. It runs away from the task.
func (t *Task) write(ctx context.Context, f *frozen) ([]byte, error) {
	c := t.cfg.Checkpoints
	to, name := c.Storage, fmt.Sprintf("v%d-s%d-a%d", t.cfg.Attempt.Subtask.Vertex, t.cfg.Subtask, t.cfg.Attempt.Attempt)
	if t.cfg.Target != nil {
		f.state.Root = t.cfg.Target(f.id)
	}
	if root := f.state.Root; root != "" {
		var err error
		if to, err = storage.Open(root); err != nil {
			return nil, err
		}
	} else {
		name = fmt.Sprintf("chk-%d/%s", f.id, name)
	}
	if f.state.Root != "" {
		return t.writeSavepoint(ctx, f, to)
	}
	w := snapshot.NewWriter(ctx, snapshot.Options{
		Name: name, Inline: c.Inline, Compress: c.Compress, Checkpoint: f.id, Now: t.cfg.Scheduler.Now,
		Create: func(ctx context.Context, name string) (snapshot.File, error) { return to.Create(ctx, name) },
	})
	defer w.Abort()
	for i, snap := range f.snaps {
		if snap == nil {
			continue
		}
		if defect.Is("state-behind-barrier") {
			late, err := t.nodes[i].ctx.Store.Snapshot()
			if err != nil {
				return nil, err
			}
			defer late.Release()
			snap = late
		}
		var base *manifest.Subtask
		if f.base != nil && f.state.Root == "" && i < len(f.base.epochs) && snap.Since() > 0 && snap.Since() == f.base.epochs[i] {
			base = f.base.parts[i]
		}
		if err := w.Store(snap, f.state.Operators[i].Parts[0], base); err != nil {
			return nil, err
		}
	}
	for _, c := range f.channels {
		for _, p := range c.pieces {
			seg, err := w.Chunks(p.data, p.chunks)
			if err != nil {
				return nil, err
			}
			c.meta.Segments = append(c.meta.Segments, seg)
		}
		part := f.state.Operators[c.to.node].Parts[0]
		part.Channels = append(part.Channels, c.meta)
	}
	written, file, err := w.Close()
	if err != nil {
		return nil, err
	}
	f.state.Written = written
	if file {
		f.state.Files = []string{w.Name()}
	}
	return manifest.EncodeTask(f.state)
}

// writeSavepoint writes the state of the task as a part of a savepoint. Should it fail, it takes back what it has written.
func (t *Task) writeSavepoint(ctx context.Context, f *frozen, to storage.Storage) ([]byte, error) {
	create := func(ctx context.Context, name string) (snapshot.File, error) { return to.Create(ctx, name) }
	for i, snap := range f.snaps {
		if snap == nil {
			continue
		}
		op := f.state.Operators[i]
		files, written, err := snapshot.Savepoint(ctx, create, op.Uid, snap, op.Parts[0])
		f.state.Files, f.state.Written = append(f.state.Files, files...), f.state.Written+written
		if err != nil {
			if err := to.Remove(context.WithoutCancel(ctx), f.state.Files...); err != nil {
				t.cfg.Logger.Warn("files of a savepoint could not be removed", "err", err)
			}
			return nil, err
		}
	}
	return manifest.EncodeTask(f.state)
}

// releaseFrozen gives up what nobody has begun to write.
func (t *Task) releaseFrozen() {
	for _, f := range t.writing {
		f.release()
	}
	t.dropEarly()
}

// dropEarly gives up the state of a checkpoint that another one has overtaken.
func (t *Task) dropEarly() {
	if t.early != nil {
		t.early.release()
		t.early = nil
	}
}

// Completed tells that a checkpoint is durable: what was prepared up to it is committed. If it was a savepoint behind which the job ends, stop is set. It may be called from any goroutine.
func (t *Task) Completed(id int64, stop bool) {
	t.Post(func() {
		t.confirm(id)
		t.committable = max(t.committable, id)
		if stop {
			t.endHere()
		}
		t.commitDue()
	})
}

// Commit tells that all writers of the job have finished, where there are no checkpoints. It may be called from any goroutine.
func (t *Task) Commit() { t.Completed(math.MaxInt64, false) }

// commitAttempts is how often a commit is tried; the pauses between grow from 100 ms.
const commitAttempts = 6

// commitDue commits, one sink after the other, what there is leave for.
func (t *Task) commitDue() {
	if t.commitRuns {
		return
	}
	for _, c := range t.commits {
		if work, done := c.Due(t.committable); work != nil {
			t.commitRuns = true
			t.tryCommit(c, work, done, 0)
			return
		}
	}
}

func (t *Task) tryCommit(c operator.Commits, work func(context.Context) error, done func(), attempt int) {
	var err error
	node := t.nodeOf(c)
	t.async(node, time.Duration(attempt)*100*time.Millisecond, func(ctx context.Context) { err = work(ctx) }, func() {
		switch {
		case err == nil:
			done()
			t.commitRuns = false
			t.commitDue()
		case fault.Retryable(err) && attempt+1 < commitAttempts:
			t.cfg.Logger.Warn("commit failed, trying again", "task", t.cfg.Attempt.String(), "attempt", attempt+1, "err", err)
			t.tryCommit(c, work, done, attempt+1)
		default:
			code := fault.CodeOf(err)
			if code == "" {
				code = fault.SinkFailed
			}
			t.Fail(node, fault.New(code, "what was written could not be committed, in attempt %d: %w", attempt+1, err))
		}
	})
}

func (t *Task) uncommitted() bool {
	return slices.ContainsFunc(t.commits, func(c operator.Commits) bool { return c.Uncommitted() })
}

// restoredPart returns what a checkpoint has for an operator, nil if it has nothing or there is none.
func (t *Task) restoredPart(n *node) *manifest.Subtask {
	for _, op := range t.cfg.Restore.GetOperators() {
		if op.GetUid() == string(n.ctx.UID) && len(op.GetParts()) > 0 {
			return op.Parts[0]
		}
	}
	return nil
}

// handRestored puts into the contexts what instances take when they are made.
func (t *Task) handRestored() {
	for _, n := range t.nodes {
		sub := t.restoredPart(n)
		if sub == nil {
			continue
		}
		p := &operator.Part{Writers: sub.WriterStates}
		for _, s := range sub.Splits {
			p.Splits = append(p.Splits, connector.Split{ID: s.Id, State: s.State})
		}
		for _, c := range sub.Committables {
			if !defect.Is("committables-forgotten") {
				p.Committables = append(p.Committables, c)
			}
		}
		n.ctx.Restored = p
		if sub.HasWatermark {
			n.ctx.CurrentWatermark, n.done, n.emitted = sub.Watermark, sub.Watermark, sub.EmittedWatermark
		}
	}
}

// restoreStores fills the stores, after all states are declared and before any operator opens.
func (t *Task) restoreStores() error {
	c := t.cfg.Checkpoints
	from := c.Storage
	if root := t.cfg.Restore.GetRoot(); root != "" {
		var err error
		if from, err = storage.Open(root); err != nil {
			t.Fail(-1, err)
			return err
		}
	}
	r := snapshot.NewReader(t.ctx, func(ctx context.Context, name string) (snapshot.Source, error) { return from.Open(ctx, name) })
	defer r.Close()
	if c.LeaveFrom > 0 {
		r.LeaveFrom(c.LeaveFrom)
	}
	for i, n := range t.nodes {
		sub := t.restoredPart(n)
		if sub == nil || len(sub.Spaces)+len(sub.Lists) == 0 {
			continue
		}
		if n.ctx.Store == nil {
			if c.Drop {
				continue
			}
			t.Fail(i, fault.New(fault.CheckpointLeftOver, "the operator keeps no state any more, and the checkpoint has some"))
			return t.failure
		}
		if err := r.Restore(n.ctx.Store, sub, c.Drop); err != nil {
			t.Fail(i, err)
			return t.failure
		}
	}
	return nil
}

// resume passes on what the restored task had told: watermarks to its outputs, splits to its reader.
func (t *Task) resume() error {
	for _, n := range t.nodes {
		if n.emitted > eventtime.MinWatermark {
			n.emitWatermark(n.emitted)
		}
	}
	if r := t.nodes[0].ctx.Restored; t.source != nil && r != nil && len(r.Splits) > 0 {
		if err := t.source.AddSplits(r.Splits); err != nil {
			return err
		}
	}
	return t.restoreChannels()
}

// skipToEnd is the whole run of a task that had come to its end by the checkpoint.
func (t *Task) skipToEnd() {
	t.limited, t.source = nil, nil
	for _, n := range t.nodes {
		n.emitWatermark(eventtime.MaxWatermark)
	}
	for _, o := range t.outputs {
		o.Signal(operator.Element{Kind: operator.End})
	}
	t.finishing, t.finished = true, true
}
