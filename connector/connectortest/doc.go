// Package connectortest tests connectors: it has a small engine that runs a source, a context to run a writer in, and two suites,
// [TestSource] and [TestSink], that every connector should pass. [TestTwoPhase] is for sinks that commit: it runs a model of a job with checkpoints and crashes.
//
// The engine runs on the goroutine of the test and keeps the threading rules of package connector. By default it is deterministic: time is virtual, work given to
// Async runs inline, and a seed chooses what happens next among all that could. With Goroutines, work runs on goroutines and
// time is real, for connectors that talk to something outside.
package connectortest
