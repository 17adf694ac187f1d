// Package defect holds deliberate defects of the engine, which show that the simulation finds such. They exist only in builds with the tag defects, and of these the environment variable WEIR_DEFECT
// chooses one. Elsewhere [Is] is false, and the compiler removes what depends on it. "make sim-teeth" tries them all.
package defect

// Names lists the defects.
var Names = []string{
	"commit-before-complete",       // sinks commit at the barrier
	"no-alignment",                 // a task goes on reading a channel whose barrier has come
	"barrier-overtakes-record",     // what an unaligned barrier overtakes is not recorded, and then belongs to no checkpoint
	"timer-lost",                   // timers are not restored
	"key-group-dropped",            // at another parallelism a key group of each subtask is lost
	"committables-forgotten",       // what was prepared is not committed behind a restore
	"commit-dropped-while-running", // what is being committed is not in the checkpoints taken meanwhile
	"state-behind-barrier",         // state is frozen when it is written, not where the barrier stands
	"splits-dropped",               // at a lower parallelism splits of the former subtasks are lost
	"enumerator-forgotten",         // enumerators begin anew behind a restore
	"complete-on-first-ack",        // the first acknowledgment completes a checkpoint
	"requests-forgotten",           // asynchronous requests in flight are not part of a checkpoint
	"deletions-not-logged",         // an incremental checkpoint does not know of deleted keys
	"changes-since-unconfirmed",    // an incremental checkpoint tells changes since one that need not have become complete
	"failed-write-acknowledged",    // a task whose write has failed acknowledges all the same
	"left-keys-forgotten",          // a checkpoint has nothing of the keys that still lie in the files of the one before
}
