// Package coordinator decides about the checkpoints of one job: when one is triggered, when it is complete, when it has failed, and when its files may go.
//
// [Coordinator] is a pure state machine from [Event] to [Effect], without clock, goroutine or I/O; the job manager carries the effects out. What it decides is
// what Flink's CheckpointCoordinator decides with the same settings, but for what stands under Differences.
//
// # Life of a checkpoint
//
//	triggered  Trigger is out; tasks acknowledge with Acked, or refuse with Declined
//	storing    Store is out: no task is waited for any more; Stored or StoreFailed answers
//	completed  Complete is out
//	aborted    Abort is out: declined, not stored, not complete in time, subsumed, or the job has stopped
//
// # Kinds
//
// A [Checkpoint] is periodic or asked for. It is what the job is restored from after a failure. The newest Retain of them are kept.
//
// A [Savepoint] belongs to the user: it is never subsumed, not counted among the retained ones, and never discarded. The job is not restored from it after a
// failure, so it makes nothing visible outside: tasks do not commit for it (see Complete), and it does not subsume checkpoints triggered before it.
//
// A [StopWithSavepoint] is a savepoint behind which the job ends, so tasks commit for it. If the job fails between its completion and its end, it must be
// restored from that savepoint, or what was committed for it is done twice: the caller counts it as the newest completed one until a later one is.
//
// # Invariants
//
// [Coordinator.Check] checks what can be seen between two steps; the random test checks the rest against the effects. The code cites the numbers where it
// keeps them.
//
//	K1   Ids strictly increase: over all kinds, over restarts of the job, and behind every id the job was restored from.
//	K2   An id ends once, by Complete or by Abort, and only if it was triggered. Complete comes only behind Stored, Stored counts only behind Store, and
//	     Store comes once, when every task that had to acknowledge has done so or finished. Behind Abort there is no Store.
//	K3   Complete with Commit comes in increasing order of ids: checkpoints triggered before it that are still pending are aborted as subsumed in the same
//	     step. Savepoints are not subsumed, and may complete behind a later checkpoint, without Commit.
//	K4   Nothing is triggered while the job does not run, when no task is left to acknowledge, behind FailJob, or behind a StopWithSavepoint unless
//	     that one has failed and the job goes on.
//	K5   At most MaxConcurrent are pending, of all kinds together, storing ones included.
//	K6   A periodic checkpoint is triggered no sooner than Interval behind the start of the job and behind the periodic one before it, and no sooner than MinPause
//	     behind the end of any pending one. Checkpoints that are asked for and savepoints wait for neither.
//	K7   Every Requested is answered by exactly one Answer: with the error that ended it, or with the id that is complete.
//	K8   FailJob comes when more than Tolerable checkpoints in a row have failed: declined, not stored, not in time. Savepoints, subsumed ones, those under way when
//	     the job stops, and those with a lower id than one that has completed do not count. Whatever completes, savepoints included, starts the count over, and so
//	     does FailJob; a restart of the job does not. FailJob also comes when a StopWithSavepoint that drains fails: see below. It comes at most once for each Running.
//	K9   Discard is for completed checkpoints alone, each once, never the newest. Behind the first Complete of a checkpoint at most Retain are left.
//	K10  An event about what is not known, or is over, changes nothing but the trace: Ignored.
//
// # Differences
//
//   - A failed StopWithSavepoint lets the job go on, and periodic checkpoints with it. If it drains, sources have said that no input will come and windows have
//     fired for it: the job cannot go on from there, and FailJob takes it back to its last checkpoint.
//   - The minimum pause counts from the end of every pending one, also of one that has failed. Flink counts from completed ones.
//   - Periodic checkpoints that could not be triggered in time do not pile up: at most one is due. The first is due one interval after the start, where Flink
//     draws a time between the minimum pause and the interval.
//   - The timeout covers storing too, so that a store that hangs is told.
//   - Savepoints keep to MaxConcurrent, where Flink lets aligned ones exceed it.
package coordinator
