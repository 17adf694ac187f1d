package optest

import (
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
)

// Record is what came out.
type Record[T any] struct {
	Value     T
	Timestamp int64
	// Watermark is the operator's when the record came.
	Watermark int64
}

// Capture collects the records of an output: of the main one if name is empty, else of a side output. It is called before Open.
func Capture[T any](h *Harness, name string) *[]Record[T] {
	records := new([]Record[T])
	Receive(h, name, func(r Record[T]) { *records = append(*records, r) })
	return records
}

// Receive is Capture for records that are lent: f looks at each while it is there.
func Receive[T any](h *Harness, name string, f func(Record[T])) {
	port := operator.ValuePort(func(v T, ts int64) {
		h.emitted++
		f(Record[T]{v, ts, h.ctx.CurrentWatermark})
		h.mayStop()
	})
	if name == "" {
		h.wiring.Main = port
	} else {
		h.wiring.Side[name] = port
	}
}

// Input feeds an input of the operator over a real edge.
type Input[T any] struct {
	h      *Harness
	number int
	edge   *operator.Edge[T]
	port   *operator.Port[T]
	out    operator.Output
	in     operator.Input
	queue  []operator.Chunk
	marked int64 // the last watermark
	waits  bool  // nothing came behind it yet
}

// NewInput makes the next input of the operator. hash is that of a record's key; nil for an input that is not keyed. It is called after Open.
func NewInput[T any](h *Harness, hash func(T) uint64) (*Input[T], error) {
	in := &Input[T]{h: h, number: len(h.inputs), edge: &operator.Edge[T]{KeyHash: hash}, marked: eventtime.MinWatermark}
	partitioner := dataflow.Forward
	if hash != nil {
		partitioner = dataflow.Hash
	}
	port, out, err := in.edge.NewOutput(operator.OutputConfig{
		Host: h.host, Writers: []operator.ChannelWriter{(*inputWriter[T])(in)}, Targets: []int{0}, Consumer: h.o.Name, Consumers: 1, MaxParallelism: h.o.MaxParallelism,
		ChunkRows: h.o.ChunkRows, ChunkBytes: 1 << 20, Partitioner: partitioner, Rand: func(n int) int { return 0 },
	})
	if err != nil {
		return nil, err
	}
	in.port, in.out = port.(*operator.Port[T]), out
	h.inputs = append(h.inputs, in)
	return in, in.bind()
}

func (in *Input[T]) bind() (err error) {
	in.in, err = in.edge.NewInput(in.h.ctx, in.h.inst.Inputs()[in.number])
	return err
}

func (in *Input[T]) rebind() {
	if err := in.bind(); err != nil {
		in.h.host.Fail(0, err)
	}
}

// Push adds a record. It reaches the operator when the chunk is full, when a record of another input comes, or with the next Watermark, Clock or Flush.
func (in *Input[T]) Push(v T, ts int64) {
	for i, other := range in.h.inputs {
		if i != in.number {
			other.flush()
		}
	}
	in.waits = false
	in.port.Value(v, ts)
	in.work()
}

// Watermark adds a watermark to the records of the operator's only input: it stands in the chunk. One that does not advance has no effect.
func (in *Input[T]) Watermark(t int64) {
	if t <= in.marked {
		return
	}
	if in.waits { // two marks at one place would become one
		in.flush()
	}
	in.marked, in.waits = t, true
	in.out.Watermark(t)
	in.work()
}

func (in *Input[T]) flush() {
	in.out.Flush()
	in.work()
}

// work hands over the chunks that are complete.
func (in *Input[T]) work() {
	for len(in.queue) > 0 {
		c := in.queue[0]
		in.queue = in.queue[1:]
		in.process(c)
	}
}

func (in *Input[T]) process(c operator.Chunk) {
	h := in.h
	row := 0
	h.pause()
	for mark := 0; ; mark++ {
		to, watermark := c.Rows(), int64(0)
		if mark < c.MarkCount() {
			to, watermark = c.Mark(mark)
		}
		for row < to && h.host.err == nil {
			h.mayStop()
			row = in.in.Process(c, row, to)
			h.pause()
		}
		if mark >= c.MarkCount() || h.host.err != nil {
			return
		}
		h.watermark(watermark)
	}
}

// inputWriter is the channel between the edge's two ends.
type inputWriter[T any] Input[T]

func (w *inputWriter[T]) Push(e operator.Element) (recycled operator.Chunk, room bool) {
	if e.Chunk != nil {
		w.queue = append(w.queue, e.Chunk)
	}
	return nil, true
}

func (w *inputWriter[T]) HasRoom() bool { return true }
