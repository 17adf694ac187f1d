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

// SplitPauser is an optional capability of a [Reader]: it can leave single splits aside while it reads others. A reader that has several splits at once needs it where the source is
// aligned with others (eventtime.Strategy.WithWatermarkAlignment). Reading of a lone split is paused by not calling Poll.
type SplitPauser interface {
	// PauseOrResumeSplits stops or goes on reading the splits with the given ids: between a pause and a resume, Poll emits none of the split's records. Ids of splits that have
	// ended are ignored. It is called like the methods of Reader, between two calls of Poll, and Poll is called after it.
	PauseOrResumeSplits(pause, resume []string) error
}

// Positioned is an optional capability of a [Reader]: it can say where in its source a record stands, so that a record that fails the job can be found.
type Positioned interface {
	// Position names the place of the record that was emitted last, or is being emitted: as "words.txt, at byte 1234". It is the same whenever that record is read, also after a restart. "" means that it is not known.
	// It is called after a function behind the source has failed, within the call of Poll that emitted the record.
	Position() string
}

// SplitsInTurn is an optional capability of a [Reader] that goes from one split to the next, as through a list of files: a split that it was assigned counts for the watermark only
// once it is begun, by the first call of [Output.Split]. Without it, a split holds back the watermark from when it is assigned, so that others cannot get ahead of
// records that are still to be read.
type SplitsInTurn interface {
	SplitsInTurn() bool
}

// Counting is an optional capability of a [ReaderContext]: the reader can add to counters that the job shows, in its result and while it runs. Count is called for what is rare, as it looks the name up.
type Counting interface {
	// Count adds n to a counter of the job, and to that of this source, which has the source's name and a point in front.
	Count(name string, n int64)
}

// ErrorsCounter is the counter of records that a source has left out because they are malformed.
const ErrorsCounter = "numRecordsInErrors"
