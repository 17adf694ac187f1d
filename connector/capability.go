package connector

// NonParallel is an optional capability of sources: one whose NonParallel reports true has a single split, so a reader beyond the first
// would end at once. The facade runs it with parallelism 1 unless the user says otherwise; more readers are wasteful, not wrong.
type NonParallel interface {
	NonParallel() bool
}

// RealTime is an optional capability of a [ReaderContext]. If RealTime reports true, the context's clock is the machine's, and a reader may pace
// itself by the operating system's clock in place of delays given to Async. A context without it, or in simulation, has time of its own.
type RealTime interface {
	RealTime() bool
}
