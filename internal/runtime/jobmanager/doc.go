// Package jobmanager runs one job over task managers, with which it speaks only wire messages.
//
// [Machine] decides: a pure state machine from [Event] to [Effect], without clock, goroutine or I/O. [JobManager] is the thin shell around it: one
// process of the scheduler that takes mail, steps the machine, and carries its effects out: it sends messages and hosts the
// enumerators of the job's sources.
//
// # Life of a job
//
//	INITIALIZING  the machine is made
//	CREATED       enumerators start, one after another in the order of vertices; task managers register slots
//	RUNNING       every task is deployed at once; ends when all tasks have finished and all enumerators are closed
//	RESTARTING    after a failure that the restart strategy bears: as FAILING, and then CREATED again
//	FAILING       after the first failure: barriers aborted, enumerators closed, tasks canceled
//	CANCELLING    the same, asked for by the user
//	FINISHED, FAILED, CANCELED
//
// # Invariants
//
// [Machine.Check] checks them; the code cites the numbers where it keeps them.
//
//	J1  A job ends once: when every task is terminal and every enumerator is closed. In the step that ends it each registered task manager is
//	    sent Release, and after it no message is sent, but a Release to a task manager that registers too late.
//	J2  FINISHED means that every task finished. FAILED has the first failure as its cause; later ones are kept beside it. CANCELED means that a
//	    cancel was asked for before any failure.
//	J3  Nothing is deployed before every enumerator has started and there are slots for the whole job; then everything is, in one step.
//	J4  Subtask i of every vertex of a slot sharing group is in the same slot, and no slot is used by two groups or two such i.
//	J5  Out of CREATED and RUNNING, no task is in a state from which it could go on running: each is terminal or has been sent Cancel, and
//	    every enumerator is closed or has been told to close.
//	J6  Commit is sent to a task at most once, after it has said that it is ready, and only when every task of the job is finished or ready:
//	    so no writer of a region can fail behind a commit of its own.
//	J7  At most one barrier is under way, only while RUNNING, and it waits for at least one task. It waits only for tasks that are running and
//	    still write: finished ones do not count, nor do those that are ready to commit, since all their input has ended.
//	J8  What an enumerator sends to a reader arrives in the order of its calls, nothing of it before the reader has started, and
//	    nothing behind NoMoreSplits but events.
//	J9  A message about an attempt that is not the current one, or that says what is known or overtaken, changes nothing but the trace.
//	J10 A failure that is in one region, a part that no edge connects to the others, takes down that region alone, if the strategy bears it; the job
//	    stays RUNNING. J3 and J5 then hold for the region. No checkpoint and no barrier is under way meanwhile.
//
// # Non-obvious
//
//   - A task that was told to cancel may have finished meanwhile. It counts as CANCELED: the job no longer asks for its result.
//   - Enumerators take part in the end of the job. A bounded job whose tasks have all finished is still RUNNING until its enumerators are closed, because
//     an error of Close fails the job, and a FINISHED job cannot fail.
//   - A job can end before a task manager's Register has arrived: canceled at once, or with an enumerator that cannot start. The late Register is answered by
//     Release, also when the process has ended, or the task manager would keep the job for ever.
//   - The job manager's process survives runtime.Goexit in an enumerator: everything that is left to do stands in fields, so that a new process can go on
//     where the old one was torn off.
package jobmanager
