package weir

import (
	"context"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/runtime/local"
)

// WatermarkStrategy sets how the source that made the stream gives timestamps to its records and makes watermarks. Each split (a file, a partition) has a generator of
// its own, and the source's watermark is the lowest among its splits that are not idle; so disorder between splits that are read at the same time makes no record late. (Files are read
// one after another: a file whose records are older than those of the one before has them late.) It replaces the timestamps, not the watermarks, of the source's reader.
//
//	lines := weir.FromFiles(env, o).WatermarkStrategy(
//		eventtime.ForBoundedOutOfOrderness[string](5 * time.Second).
//			WithTimestampAssigner(func(line string, _ int64) int64 { return timeOf(line) }))
//
// The stream must be a source's own; behind other operators use [Stream.AssignTimestampsAndWatermarks].
func (s *Stream[T]) WatermarkStrategy(strategy eventtime.Strategy[T]) *Stream[T] {
	return s.configure("WatermarkStrategy", func(op *dataflow.Operator) {
		f, ok := op.Factory.(*operator.SourceOperator[T])
		switch {
		case !op.Source:
			s.env.fail(fault.New(fault.GraphInvalid, "WatermarkStrategy was called on operator %q, which is no source: use AssignTimestampsAndWatermarks", op.Name))
		case ok:
			f.Strategy = &strategy
			s.env.checkStrategy(op, strategy.Check())
		}
	})
}

// AssignTimestampsAndWatermarks gives timestamps to the records and makes watermarks. It replaces timestamps, watermarks and idleness from further up, but for the end of bounded
// input. Each subtask makes watermarks from the records it sees; where the source can, [Stream.WatermarkStrategy] is better. Alignment belongs to
// sources: a strategy with it is an error here.
func (s *Stream[T]) AssignTimestampsAndWatermarks(strategy eventtime.Strategy[T]) *Stream[T] {
	out := transform[T, T](s.in(), "timestamps", &operator.Watermarks[T]{Strategy: strategy, Interval: s.env.options.AutoWatermarkInterval})
	s.env.checkStrategy(out.op, strategy.Check())
	if a, aligned := strategy.Alignment(); aligned {
		s.env.checkStrategy(out.op, fault.New(fault.OptionInvalid, "watermark alignment group %q was given behind a source, where nothing can be paused: give it to the source by WatermarkStrategy", a.Group))
	}
	return out
}

// checkStrategy has what is wrong with the strategy of an operator reported before the job starts, under the name that the operator has by then.
func (e *Environment) checkStrategy(op *dataflow.Operator, err error) {
	var errs []error
	switch all := err.(type) {
	case nil:
	case interface{ Unwrap() []error }:
		errs = all.Unwrap()
	default:
		errs = []error{err}
	}
	for _, err := range errs {
		e.checks = append(e.checks, check{op, func(context.Context) error { return err }})
	}
}

// OperatorWatermark is where one subtask of an operator stands in event time, and what holds it there. Its String is that in a sentence.
type OperatorWatermark = local.OperatorWatermark

// WatermarkCause is one step on the way to what holds a watermark back.
type WatermarkCause = local.WatermarkCause

// Watermarks tells of every subtask of every operator how far event time has come, and what holds it back: which input, from which subtask, down to the split. It is what tasks have published
// when they last paused, or, while they are busy, within the last Options.FlushTimeout; what they say of each other may differ by as much. Tasks that have not begun are left out.
// The order is that of the plan.
func (c *JobClient) Watermarks() []OperatorWatermark { return c.job.Watermarks(c.scheduler.Now()) }
