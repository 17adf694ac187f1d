// Package task runs one chain in one subtask as a step machine.
//
// A task is a process of the scheduler seam. It takes one element from its gate (or lets its source's reader emit some records), pushes it
// through the chain, and looks around between any two records: mail, cancellation, unaligned barriers, full outputs. What
// touches operators or state happens on this process only, so operators need no locks.
//
//   - T1. A step is bounded: it ends at the next record boundary after Stop is raised. What is left of a chunk waits under a cursor.
//   - T2. Signals run through the chain in parts: a node that has more to do is called again in a later step, and the signal goes on behind it after that.
//   - T3. No element is taken while an output has no room. One record may overdraw a channel by a chunk; beyond that the task
//     parks inside the emit, where cancellation is seen, and where an unaligned barrier lets the record finish by overdrawing further.
//   - T4. Before the task parks, everything pending is sent, as far as channels have room.
//   - T5. Every state is reported once, the final one last, after everything is closed.
package task
