// Package optest drives one instance of an operator without a task: records in chunks of a given size, watermarks among them, a virtual clock, and as much malice as a real task
// may show, which is to raise Stop between any two records or timers, and to end an instance and go on with another one from a snapshot of its state.
//
// A test makes a [Harness], says where records go with [Capture], gives it the operator's factory with Open, and makes the inputs with [NewInput]. Everything happens in the
// test's goroutine, in an order that follows from the random source.
package optest
