// Package operator is the contract between operators and the task that runs them, and the built-in operators.
//
// A task runs one chain. Inside a chain typed records are pushed from operator to operator through [Port]s: closures of type func(v T, ts int64) or func(v *T, ts int64);
// chunks ([Rows]) exist only where a chain ends at an edge. Signals (watermarks, idleness, end of input) are handed to
// each operator by the task in chain order, between records.
//
// # Wiring
//
// A chain is built from its end: [Factory.New] is given the ports of what stands behind the operator ([Wiring]) and returns an [Instance] whose
// Inputs are its own ports. Ports are typed, but pass through untyped code as any; the graph's types make the assertions hold.
//
// # Rules for operators
//
//   - O1. All methods and emit functions of an instance run on its task, one at a time.
//   - O2. A record given by value is the callee's. One given by reference is the callee's until it returns, to change only if its port says Mutates. What a record points to is
//     shared and not changed.
//   - O3. An operator reports an error with [Context.Fail] and goes on to drop records; it does not panic. The task ends at the next record boundary.
//   - O4. Work that can grow without bound is done in parts: Watermark and Finish return more=true to be called again.
//   - O5. User functions are called directly from the emit function of their operator: the task names the operator that
//     panicked by the functions on the stack, so that nothing is noted per record, but for which of several branches it takes.
package operator
