package operator

import (
	"fmt"
	"reflect"
	"strings"
	"unsafe"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/dataflow"
)

// Edge makes the typed ends of an edge that carries T.
type Edge[T any] struct {
	// KeyHash returns the hash of a record's key; set on hash edges.
	KeyHash func(v T) uint64
	// Custom chooses a channel from 0 to channels-1; set on custom edges. It runs user code.
	Custom func(v T, channels int) int
	// Size returns what a value pins beyond its own size; nil if T holds no pointers.
	Size func(v *T) int
	// Strings, where it is set, says where T's strings lie, which are its only pointers: it does what Size does, faster.
	Strings []uintptr
}

var _ EdgeFactory = (*Edge[int])(nil)

// Tee implements [EdgeFactory]. Who comes first must not change what comes second sees, so by reference each but the last gets a copy if it mutates.
func (e *Edge[T]) Tee(ports []any) any {
	all := make([]*Port[T], len(ports))
	for i, p := range ports {
		all[i] = p.(*Port[T])
	}
	if len(all) == 1 {
		return all[0]
	}
	for i, p := range all[:len(all)-1] {
		if p.Mutates {
			all[i] = ValuePort(p.Value)
		}
	}
	branch := new(int)
	return &Port[T]{
		Mutates: all[len(all)-1].Mutates,
		branch:  branch,
		Value: func(v T, ts int64) {
			for i, p := range all {
				*branch = i
				p.Value(v, ts)
			}
		},
		Ref: func(v *T, ts int64) {
			for i, p := range all {
				*branch = i
				p.Ref(v, ts)
			}
		},
	}
}

// edgeInput pushes chunks into a chain. A chunk belongs to its reader, so operators may change its records in place.
type edgeInput[T any] struct {
	ctx    *Context
	emit   func(*T, int64)
	hashed func(*T, int64, uint64)
	touch  func(hashes []uint64)
	// rows and row are the record being processed.
	rows *Rows[T]
	row  int
}

// Keyed is an input that takes the hash of each record's key.
type Keyed[T any] struct {
	// Process takes a record, which it does not change.
	Process func(v *T, ts int64, hash uint64)
	// Touch, unless nil, is told the hashes of records that are about to come, so that what it has of their keys can be on its way from memory.
	Touch func(hashes []uint64)
	// Has, unless nil, says that the operator of a batch job takes records as they come while its state fits into memory, and tells which it takes beyond that, unless the instance is [Evicting]: those that make no new state. See [Grouping].
	Has func(v *T, ts int64, hash uint64) bool
	// Replay, unless nil, takes the records that have waited instead of Process, and tells that the operator adds them to what it has of their keys: these end with them, and the other keys behind all that has waited.
	Replay func(v *T, ts int64, hash uint64)
}

// Entries returns the function that may stand on the stack, for naming a panic.
func (k *Keyed[T]) Entries() []any { return []any{k.Process} }

// touchRows is how many records are told ahead.
const touchRows = 32

// NewInput implements [EdgeFactory].
func (e *Edge[T]) NewInput(ctx *Context, port any) (Input, error) {
	in := &edgeInput[T]{ctx: ctx}
	switch p := port.(type) {
	case *Port[T]:
		in.emit = p.Ref
	case *Keyed[T]:
		in.hashed, in.touch = p.Process, p.Touch
	default:
		return nil, fault.New(fault.InternalInvariant, "operator %q takes %T, its edge carries %T", ctx.Name, port, *new(T))
	}
	return in, nil
}

// Process implements [Input].
func (in *edgeInput[T]) Process(c Chunk, from, to int) int {
	rows := c.(*Rows[T])
	in.rows = rows
	stop := in.ctx.Stop
	values, times := rows.Values[:to], rows.Times[:to]
	if in.hashed == nil {
		emit := in.emit
		for i := from; i < len(values) && i < len(times); i++ {
			in.row = i
			emit(&values[i], times[i])
			if stop.Load() != 0 {
				return i + 1
			}
		}
		return to
	}
	hashed := in.hashed
	hashes := rows.Hashes[:to]
	for i := from; i < to; {
		part := min(i+touchRows, to)
		if in.touch != nil {
			in.touch(hashes[i:part])
		}
		for ; i < part && i < len(values) && i < len(times); i++ {
			in.row = i
			hashed(&values[i], times[i], hashes[i])
			if stop.Load() != 0 {
				return i + 1
			}
		}
	}
	return to
}

// maxPlace bounds, in bytes, how much of a record an error shows.
const maxPlace = 200

// Place implements [Placed]: where a record came from is not known behind an exchange, so it is shown itself.
func (in *edgeInput[T]) Place() string {
	if in.rows == nil || in.row >= in.rows.n {
		return ""
	}
	return recordText(&in.rows.Values[in.row])
}

// recordText shows a record without its methods, which are the user's and may be what has failed: fmt calls none of what lies in a field that is not exported.
func recordText[T any](v *T) string {
	text := fmt.Sprintf("%+v", reflect.ValueOf(struct{ v T }{*v}).Field(0))
	if len(text) > maxPlace {
		text = strings.ToValidUTF8(text[:maxPlace], "") + "..."
	}
	return "record " + text
}

// edgeOutput gathers records into chunks, one pending chunk for each channel.
type edgeOutput[T any] struct {
	cfg     OutputConfig
	edge    *Edge[T]
	pending []*Rows[T]
	full    []bool // channels that had no room after their last chunk
	fulls   int
	width   int // bytes of a row without what it points to
	scrub   bool
	groups  []int32
	hint    int // rows of the last chunk sent
	next    int
	records int64
	bytes   int64
}

// NewOutput implements [EdgeFactory].
func (e *Edge[T]) NewOutput(cfg OutputConfig) (any, Output, error) {
	var zero T
	o := &edgeOutput[T]{
		cfg: cfg, edge: e, pending: make([]*Rows[T], len(cfg.Writers)), full: make([]bool, len(cfg.Writers)),
		width: int(unsafe.Sizeof(zero)) + 8, scrub: e.Size != nil,
	}
	if cfg.Partitioner == dataflow.Hash {
		if e.KeyHash == nil {
			return nil, nil, fault.New(fault.InternalInvariant, "a hash edge of %T has no key", zero)
		}
		o.width += 8
		o.groups = make([]int32, cfg.MaxParallelism)
		for g := range o.groups {
			o.groups[g] = int32(base.SubtaskOf(g, cfg.Consumers, cfg.MaxParallelism))
		}
	}
	o.cfg.ChunkRows = max(1, min(cfg.ChunkRows, cfg.ChunkBytes/o.width))
	for i := range o.pending {
		o.pending[i] = &Rows[T]{scrub: o.scrub}
	}
	return o.port(), o, nil
}

// port returns the emit functions of the edge's partitioner. The lines that append a row stand in each function that runs for every record, and not in one that all call: the call, and passing a
// large record once more, would cost as much as the rest.
func (o *edgeOutput[T]) port() *Port[T] {
	channels := len(o.pending)
	switch o.cfg.Partitioner {
	case dataflow.Hash:
		return o.hashPort()
	case dataflow.Rebalance, dataflow.Rescale:
		if channels > 1 {
			o.next = o.cfg.Rand(channels)
			return RefPort(false, func(v *T, ts int64) {
				i := o.next + 1
				if i >= len(o.pending) {
					i = 0
				}
				o.next = i
				o.put(i, v, ts)
			})
		}
	case dataflow.Shuffle:
		if channels > 1 {
			return RefPort(false, func(v *T, ts int64) { o.put(o.cfg.Rand(len(o.pending)), v, ts) })
		}
	case dataflow.Broadcast:
		return RefPort(false, func(v *T, ts int64) {
			for i := range o.pending {
				o.put(i, v, ts)
			}
		})
	case dataflow.Custom:
		custom := o.edge.Custom
		return RefPort(false, func(v *T, ts int64) {
			i := custom(*v, len(o.pending))
			if uint(i) >= uint(len(o.pending)) {
				o.cfg.Host.Fail(-1, fault.New(fault.PartitionRange, "the partitioner chose channel %d of %d", i, len(o.pending)).WithOperator(o.cfg.Consumer, o.cfg.Subtask+1))
				return
			}
			o.put(i, v, ts)
		})
	}
	return &Port[T]{
		Value: func(v T, ts int64) {
			b := o.pending[0]
			n := b.n
			if n >= len(b.Values) {
				b.grow(o.cfg.ChunkRows, o.hint, false)
			}
			b.Values[n] = v
			b.Times[n] = ts
			b.n = n + 1
			if o.scrub && (n < weighFirst || n%weighFirst == weighFirst-1) && o.heavy(b) || n+1 >= o.cfg.ChunkRows {
				o.send(0)
			}
		},
		Ref: func(v *T, ts int64) { o.put(0, v, ts) },
	}
}

func (o *edgeOutput[T]) hashPort() *Port[T] {
	hash := o.edge.KeyHash
	maxParallelism := o.cfg.MaxParallelism
	return &Port[T]{
		Value: func(v T, ts int64) {
			h := hash(v)
			i := int(o.groups[base.KeyGroup(h, maxParallelism)])
			b := o.pending[i]
			n := b.n
			if n >= len(b.Values) {
				b.grow(o.cfg.ChunkRows, o.hint, true)
			}
			b.Values[n] = v
			b.Times[n] = ts
			b.Hashes[n] = h
			b.n = n + 1
			if o.scrub && (n < weighFirst || n%weighFirst == weighFirst-1) && o.heavy(b) || n+1 >= o.cfg.ChunkRows {
				o.send(i)
			}
		},
		Ref: func(v *T, ts int64) {
			h := hash(*v)
			i := int(o.groups[base.KeyGroup(h, maxParallelism)])
			b := o.pending[i]
			n := b.n
			if n >= len(b.Values) {
				b.grow(o.cfg.ChunkRows, o.hint, true)
			}
			b.Values[n] = *v
			b.Times[n] = ts
			b.Hashes[n] = h
			b.n = n + 1
			if o.scrub && (n < weighFirst || n%weighFirst == weighFirst-1) && o.heavy(b) || n+1 >= o.cfg.ChunkRows {
				o.send(i)
			}
		},
	}
}

func (o *edgeOutput[T]) put(i int, v *T, ts int64) {
	b := o.pending[i]
	n := b.n
	if n >= len(b.Values) {
		b.grow(o.cfg.ChunkRows, o.hint, false)
	}
	b.Values[n] = *v
	b.Times[n] = ts
	b.n = n + 1
	if o.scrub && (n < weighFirst || n%weighFirst == weighFirst-1) && o.heavy(b) || n+1 >= o.cfg.ChunkRows {
		o.send(i)
	}
}

// weighFirst is how many rows of a chunk are weighed one by one; of those behind, as many are weighed together.
const weighFirst = 16

// heavy accounts what the rows not yet weighed pin, and reports whether the chunk has reached its limit of bytes.
func (o *edgeOutput[T]) heavy(b *Rows[T]) bool {
	o.weigh(b)
	return b.bytes+b.n*o.width >= o.cfg.ChunkBytes
}

func (o *edgeOutput[T]) weigh(b *Rows[T]) {
	rows := b.Values[b.weighed:b.n]
	b.weighed = b.n
	if len(o.edge.Strings) == 0 {
		for i := range rows {
			b.bytes += o.edge.Size(&rows[i])
		}
		return
	}
	for _, at := range o.edge.Strings {
		for i := range rows {
			b.bytes += len(*(*string)(unsafe.Add(unsafe.Pointer(&rows[i]), at)))
		}
	}
}

// send hands the pending chunk of a channel over. If the channel was left full by the chunk before, it parks until there is room: so a record may
// overdraw a channel by one chunk, and no more.
func (o *edgeOutput[T]) send(i int) {
	b := o.pending[i]
	if o.full[i] && !o.hasRoom(i) && !o.cfg.Host.ParkOutput(o) {
		b.Reset() // the task is ending
		return
	}
	o.push(i)
}

func (o *edgeOutput[T]) push(i int) {
	b := o.pending[i]
	if o.scrub {
		o.weigh(b)
	}
	size := b.bytes + b.n*o.width
	o.records += int64(b.n)
	o.hint = b.n
	o.bytes += int64(size)
	recycled, room := o.cfg.Writers[i].Push(Element{Kind: Data, Chunk: b, Bytes: size})
	if next, ok := recycled.(*Rows[T]); ok {
		o.pending[i] = next
	} else {
		o.pending[i] = &Rows[T]{scrub: o.scrub}
	}
	if !room && !o.full[i] {
		o.full[i] = true
		o.fulls++
		o.cfg.Host.OutputFull()
	}
}

func (o *edgeOutput[T]) hasRoom(i int) bool {
	if !o.cfg.Writers[i].HasRoom() {
		return false
	}
	o.full[i] = false
	o.fulls--
	return true
}

// Room implements [Output].
func (o *edgeOutput[T]) Room() bool {
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

// Flush implements [Output]. Channels without room keep their pending chunk: the task comes back when there is room.
func (o *edgeOutput[T]) Flush() {
	for i, b := range o.pending {
		if (b.n > 0 || len(b.marks) > 0) && (!o.full[i] || o.hasRoom(i)) {
			o.push(i)
		}
	}
}

// Watermark implements [Output].
func (o *edgeOutput[T]) Watermark(t int64) {
	for _, b := range o.pending {
		b.mark(t)
	}
}

// Signal implements [Output].
func (o *edgeOutput[T]) Signal(e Element) {
	for i, b := range o.pending {
		if b.n > 0 || len(b.marks) > 0 {
			o.push(i) // signals need no credit, nor does what must go before them
		}
		o.cfg.Writers[i].Push(e)
	}
}

// Counts implements [Output].
func (o *edgeOutput[T]) Counts() (int64, int64) { return o.records, o.bytes }
