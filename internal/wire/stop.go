package wire

// What TriggerBarrier.stop says of the end of the job.
const (
	GoOn  int32 = iota // records follow the barrier
	Stop               // nothing follows, unless the savepoint is given up
	Drain              // so, and all input has ended in front of the barrier
)
