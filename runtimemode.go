package weir

import (
	"strconv"
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
)

// RuntimeMode says whether a job gives results as its input comes, or once, when it has all come. On bounded input both come to the same final results.
//
// In batch mode the input of keyed operators is grouped by key, in memory and, beyond [Options.BatchMemory], in a temporary file, and processed key by key; so a function must not expect anything of a key
// before the records of another. What differs from streaming:
//
//   - Rolling operators ([KeyedStream.Reduce], [Sum], [Aggregate], [CountBy], ...) emit their last value of each key, with the timestamp of the key's last record, and nothing before.
//   - The only watermark is the last one: watermark generators are ignored, while timestamps are still assigned. No record is late. Within a key, Context.Watermark is eventtime.MinWatermark while records come,
//     and eventtime.MaxWatermark when timers do.
//   - Where a key's records have all come, its event-time timers fire in their order, with those that they set; then its processing-time timers, whatever their time, which may set none of their own time any more. Then its state is forgotten.
//   - Keyed functions see the records of a key in the order of their timestamps, and of equal ones in that in which they came, over both inputs if there are two. Rolling and window operators that keep one accumulator take them as they come.
//     Operators without a key see records as they come.
//   - A broadcast stream is read to its end before what is read beside it.
//   - There are no checkpoints, nor what goes by them: [Options.Checkpoints] is ignored with a notice, but for Restore, which is an error, and [Options.StateBackend] is ignored. After a failure the job begins anew, if [Options.Restart] says so. Sinks in two phases
//     commit when the job has succeeded.
type RuntimeMode uint8

const (
	// Streaming is the default: results come as soon as they can.
	Streaming RuntimeMode = iota
	// Batch needs bounded sources: one that is not is an error with the code graph.unbounded-source.
	Batch
	// Automatic is Batch if all sources are bounded, and else Streaming.
	Automatic
)

// String returns the name as Flink's option execution.runtime-mode spells it.
func (m RuntimeMode) String() string {
	switch m {
	case Streaming:
		return "STREAMING"
	case Batch:
		return "BATCH"
	case Automatic:
		return "AUTOMATIC"
	}
	return "RuntimeMode(" + strconv.Itoa(int(m)) + ")"
}

// chooseMode decides by the sources whether the graph runs in batch mode.
func (e *Environment) chooseMode() error {
	var unbounded []string
	for _, op := range e.graph.Operators {
		if op.Source && !op.Bounded {
			unbounded = append(unbounded, strconv.Quote(op.Name))
		}
	}
	mode := e.options.RuntimeMode
	e.graph.Batch = mode == Batch || mode == Automatic && len(unbounded) == 0
	if mode == Batch && len(unbounded) > 0 {
		return fault.New(fault.GraphUnbounded, "Options.RuntimeMode is Batch, but these sources have no end: %s", strings.Join(unbounded, ", "))
	}
	return nil
}

// batch returns how the tasks of a batch job keep their input, and what is left for state.
func (e *Environment) batch(plan *dataflow.Plan, memory int64) (operator.BatchConfig, int64) {
	c := operator.BatchConfig{Memory: e.options.BatchMemory, Dir: e.options.StateDir}
	if c.Memory == 0 && memory > 0 {
		memory /= 2
		waiting := int64(0)
		for _, v := range plan.Vertices {
			for _, in := range v.Inputs {
				if in.Partitioner == dataflow.Hash || in.Partitioner == dataflow.Broadcast {
					waiting += int64(v.Parallelism)
					break
				}
			}
		}
		c.Memory = memory / max(waiting, 1)
	}
	return c, memory
}
