package exec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/types"
)

// Edge makes the ends of an edge that carries batches. A batch that leaves its chain is copied into a chunk, by column; a chunk goes into the next chain as a batch as long as the marks in it allow.
type Edge struct {
	// Fields are the columns.
	Fields []types.Field
	// Key are the columns by which a hash edge spreads the rows.
	Key []int
}

var _ operator.EdgeFactory = (*Edge)(nil)

// Chunk is a batch on its way over an edge, with marks.
type Chunk struct {
	Batch column.Batch
	marks []eventtime.Mark
	forms []column.Form
}

// Rows implements [operator.Chunk].
func (c *Chunk) Rows() int { return c.Batch.N }

// MarkCount implements [operator.Chunk].
func (c *Chunk) MarkCount() int { return len(c.marks) }

// Mark implements [operator.Chunk].
func (c *Chunk) Mark(i int) (int, int64) { return c.marks[i].Row, c.marks[i].Watermark }

// Reset implements [operator.Chunk].
func (c *Chunk) Reset() {
	c.Batch.Reset(c.forms)
	c.marks = c.marks[:0]
}

func (c *Chunk) mark(t int64) {
	if last := len(c.marks) - 1; last >= 0 && c.marks[last].Row == c.Batch.N {
		c.marks[last].Watermark = t
		return
	}
	c.marks = append(c.marks, eventtime.Mark{Row: c.Batch.N, Watermark: t})
}

// bytes is what the chunk's values take, without those of nested values.
func (c *Chunk) bytes() int {
	n := 0
	for _, v := range c.Batch.Cols {
		n += vectorBytes(v, c.Batch.N)
	}
	return n
}

func vectorBytes(v *column.Vector, rows int) int {
	switch v.Form {
	case column.Word:
		return 8 * rows
	case column.Wide:
		return 16 * rows
	case column.Text:
		own := 0
		for _, b := range v.Buffers {
			own += len(b)
		}
		return 16*rows + own
	case column.Tuple:
		n := 0
		for _, c := range v.Children {
			n += vectorBytes(c, rows)
		}
		return n
	}
	n := 8 * rows
	if len(v.Offsets) > rows {
		for _, c := range v.Children {
			n += vectorBytes(c, int(v.Offsets[rows]))
		}
	}
	return n
}

// Tee implements [operator.EdgeFactory]. A batch is lent, so all may have the same.
func (e *Edge) Tee(ports []any) any {
	if len(ports) == 1 {
		return ports[0]
	}
	all := make([]func(*column.Batch, int64), len(ports))
	for i, p := range ports {
		all[i] = p.(*Port).Value
	}
	return operator.ValuePort(func(b *column.Batch, ts int64) {
		sel := b.Sel
		for _, next := range all {
			next(b, ts)
			b.Sel = sel
		}
	})
}

// NewInput implements [operator.EdgeFactory].
func (e *Edge) NewInput(ctx *operator.Context, port any) (operator.Input, error) {
	p, ok := port.(*Port)
	if !ok {
		return nil, fault.New(fault.InternalInvariant, "operator %q takes %T, its edge carries batches", ctx.Name, port)
	}
	return &edgeInput{emit: p.Value}, nil
}

type edgeInput struct {
	emit func(*column.Batch, int64)
	sel  []int32
}

// Process implements [operator.Input].
func (in *edgeInput) Process(c operator.Chunk, from, to int) int {
	b := &c.(*Chunk).Batch
	if from == to {
		return to
	}
	b.Sel = nil
	if from != 0 || to != b.N {
		in.sel = in.sel[:0]
		for i := from; i < to; i++ {
			in.sel = append(in.sel, int32(i))
		}
		b.Sel = in.sel
	}
	in.emit(b, eventtime.NoTimestamp)
	return to
}

// edgeOutput gathers rows into chunks, one pending chunk for each channel.
type edgeOutput struct {
	cfg     operator.OutputConfig
	forms   []column.Form
	keys    *Keys
	pending []*Chunk
	full    []bool // channels that had no room after their last chunk
	fulls   int
	groups  []int32
	rows    [][]int32
	next    int
	records int64
	bytes   int64
}

// NewOutput implements [operator.EdgeFactory].
func (e *Edge) NewOutput(cfg operator.OutputConfig) (any, operator.Output, error) {
	n := len(cfg.Writers)
	o := &edgeOutput{cfg: cfg, forms: column.Forms(e.Fields), pending: make([]*Chunk, n), full: make([]bool, n), rows: make([][]int32, n)}
	for i := range o.pending {
		o.pending[i] = o.fresh()
	}
	switch cfg.Partitioner {
	case dataflow.Custom:
		return nil, nil, fault.New(fault.InternalInvariant, "an edge of batches has no partitioner of its own")
	case dataflow.Hash:
		o.keys = NewKeys(e.Fields, e.Key)
		o.groups = make([]int32, cfg.MaxParallelism)
		for g := range o.groups {
			o.groups[g] = int32(base.SubtaskOf(g, cfg.Consumers, cfg.MaxParallelism))
		}
	case dataflow.Rebalance, dataflow.Rescale, dataflow.Shuffle:
		o.next = cfg.Rand(max(n, 1))
	}
	return operator.ValuePort(func(b *column.Batch, _ int64) { o.take(b) }), o, nil
}

func (o *edgeOutput) fresh() *Chunk {
	c := &Chunk{forms: o.forms}
	c.Reset()
	return c
}

func (o *edgeOutput) take(b *column.Batch) {
	sel := Selected(b)
	if len(o.pending) == 0 {
		return
	}
	switch p := o.cfg.Partitioner; {
	case p == dataflow.Broadcast:
		for i := range o.pending {
			o.put(i, b, sel)
		}
	case len(o.pending) == 1:
		o.put(0, b, sel)
	case p == dataflow.Hash:
		hashes := o.keys.Of(b, b.Sel).Hashes
		for i := range o.rows {
			o.rows[i] = o.rows[i][:0]
		}
		for _, row := range sel {
			i := o.groups[base.KeyGroup(hashes[row], o.cfg.MaxParallelism)]
			o.rows[i] = append(o.rows[i], row)
		}
		for i, rows := range o.rows {
			o.put(i, b, rows)
		}
	case p == dataflow.Shuffle:
		for i := range sel {
			o.put(o.cfg.Rand(len(o.pending)), b, sel[i:i+1])
		}
	default: // in turn, whole batches where they are large
		piece := max(1, min(len(sel), BatchRows/4))
		for len(sel) > 0 {
			n := min(piece, len(sel))
			o.put(o.next, b, sel[:n])
			sel = sel[n:]
			if o.next++; o.next >= len(o.pending) {
				o.next = 0
			}
		}
	}
}

// piece is how many rows are added to a chunk before its bytes are counted.
const piece = 256

func (o *edgeOutput) put(i int, b *column.Batch, rows []int32) {
	for len(rows) > 0 {
		c := o.pending[i]
		n := min(len(rows), piece, max(1, o.cfg.ChunkRows-c.Batch.N))
		c.Batch.Append(b, rows[:n])
		rows = rows[n:]
		if c.Batch.N >= o.cfg.ChunkRows || c.bytes() >= o.cfg.ChunkBytes {
			o.send(i)
		}
	}
}

// send hands the pending chunk of a channel over. If the channel was left full by the chunk before, it parks until there is room: so a batch may overdraw a channel by one chunk, and no more.
func (o *edgeOutput) send(i int) {
	if o.full[i] && !o.hasRoom(i) && !o.cfg.Host.ParkOutput(o) {
		o.pending[i].Reset() // the task is ending
		return
	}
	o.push(i)
}

func (o *edgeOutput) push(i int) {
	c := o.pending[i]
	size := c.bytes()
	o.records += int64(c.Batch.N)
	o.bytes += int64(size)
	recycled, room := o.cfg.Writers[i].Push(operator.Element{Kind: operator.Data, Chunk: c, Bytes: size})
	if next, ok := recycled.(*Chunk); ok {
		o.pending[i] = next
	} else {
		o.pending[i] = o.fresh()
	}
	if !room && !o.full[i] {
		o.full[i] = true
		o.fulls++
		o.cfg.Host.OutputFull()
	}
}

func (o *edgeOutput) hasRoom(i int) bool {
	if !o.cfg.Writers[i].HasRoom() {
		return false
	}
	o.full[i] = false
	o.fulls--
	return true
}

// Room implements [operator.Output].
func (o *edgeOutput) Room() bool {
	if o.fulls == 0 {
		return true
	}
	for i, full := range o.full {
		if full && !o.hasRoom(i) {
			return false
		}
	}
	return true
}

// Flush implements [operator.Output]. Channels without room keep their pending chunk: the task comes back when there is room.
func (o *edgeOutput) Flush() {
	for i, c := range o.pending {
		if (c.Batch.N > 0 || len(c.marks) > 0) && (!o.full[i] || o.hasRoom(i)) {
			o.push(i)
		}
	}
}

// Watermark implements [operator.Output].
func (o *edgeOutput) Watermark(t int64) {
	for _, c := range o.pending {
		c.mark(t)
	}
}

// Signal implements [operator.Output].
func (o *edgeOutput) Signal(e operator.Element) {
	for i, c := range o.pending {
		if c.Batch.N > 0 || len(c.marks) > 0 {
			o.push(i) // signals need no credit, nor does what must go before them
		}
		o.cfg.Writers[i].Push(e)
	}
}

// Counts implements [operator.Output].
func (o *edgeOutput) Counts() (int64, int64) { return o.records, o.bytes }
