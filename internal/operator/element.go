package operator

import (
	"time"

	"github.com/weirstream/weir/internal/dataflow"
)

// Chunk is a batch of records on its way over an edge. It belongs to one reader at a time; the reader gives it back to the channel it came from, where
// the writer may take it again.
type Chunk interface {
	// Rows is the number of records.
	Rows() int
	// MarkCount is the number of watermarks placed among the rows.
	MarkCount() int
	// Mark returns the i-th mark: a watermark that stands in front of a row.
	Mark(i int) (row int, watermark int64)
	// Reset empties the chunk and drops what it points to.
	Reset()
}

// Kind is what an element is.
type Kind uint8

const (
	// Data is a chunk of records and marks.
	Data Kind = iota
	// Idle says that the channel has nothing to tell about time until Active.
	Idle
	// Active ends Idle. A chunk with rows does so too.
	Active
	// Barrier separates the records of two checkpoints.
	Barrier
	// End says that nothing comes after it.
	End
)

// Element is what travels on a channel: a chunk or a signal.
type Element struct {
	Kind Kind
	// Unaligned barriers may be acted on while they lie behind chunks, AlignedTimeout after they were sent: the chunks before them are then part of the checkpoint.
	Unaligned bool
	// Stop says whether anything comes behind a barrier.
	Stop  StopMode
	Chunk Chunk
	// Bytes is what the chunk pins.
	Bytes int
	// Checkpoint numbers a barrier.
	Checkpoint     int64
	AlignedTimeout time.Duration
}

// StopMode is what a barrier says of the end of the job. The numbers are those of package wire.
type StopMode uint8

const (
	// GoOn: records follow.
	GoOn StopMode = iota
	// Stop: it is that of the savepoint behind which the job ends, and nothing follows unless the savepoint is given up.
	Stop
	// Drain: so, and all input has ended in front of it.
	Drain
)

// ChannelWriter is the writing end of a channel from one producer subtask to one consumer subtask. Only the producer's task uses it.
type ChannelWriter interface {
	// Push hands over an element. It never blocks and never refuses; room tells whether another data element may follow. recycled is a chunk the
	// reader has given back, or nil.
	Push(e Element) (recycled Chunk, room bool)
	// HasRoom reports whether a data element may be pushed. When it reports false, the writer's task is woken once that changes.
	HasRoom() bool
}

// Output is an edge's end at the producing task.
type Output interface {
	// Room reports whether all channels take another chunk.
	Room() bool
	// Flush sends what is pending.
	Flush()
	// Watermark places a mark in every channel's pending chunk.
	Watermark(t int64)
	// Signal flushes and then sends a signal on every channel.
	Signal(e Element)
	// Counts returns the records and bytes sent so far.
	Counts() (records, bytes int64)
}

// Input is an edge's end at the consuming task.
type Input interface {
	// Process pushes rows [from, to) of c into the chain until Stop is raised, and returns the first row not pushed.
	Process(c Chunk, from, to int) int
}

// Placed is an optional capability of inputs and sources: they can name the record that is being processed, for an error.
type Placed interface {
	// Place is called within Process or Poll. "" means that it is not known.
	Place() string
}

// OutputConfig is what a task gives to an output.
type OutputConfig struct {
	Host Host
	// Writers are the channels, in the order of the plan's targets. Targets are the subtasks they lead to.
	Writers []ChannelWriter
	Targets []int
	// Consumer is the consumer's name, Consumers its parallelism, MaxParallelism its number of key groups.
	Consumer       string
	Consumers      int
	MaxParallelism int
	// Subtask is the producer's, from 0.
	Subtask int
	// ChunkRows and ChunkBytes bound a chunk.
	ChunkRows  int
	ChunkBytes int
	// Partitioner as in the plan.
	Partitioner dataflow.Partitioner
	// Rand draws for shuffle, and where round-robin begins.
	Rand func(n int) int
}

// EdgeFactory makes the typed ends of an edge. Its implementation is [Edge].
type EdgeFactory interface {
	// NewOutput returns a *Port[T] and the output behind it.
	NewOutput(cfg OutputConfig) (port any, out Output, err error)
	// NewInput wraps one of an instance's Inputs.
	NewInput(ctx *Context, port any) (Input, error)
	// Tee returns a port that passes each record to all ports, in order.
	Tee(ports []any) any
}
