package operator

import (
	"unsafe"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/grouping"
	"github.com/weirstream/weir/internal/statebackend"
)

// Grouping is the input of a batch job's task that cannot take records as they come: the head of its chain is keyed, and sees the records of one key after those of another; or it has a broadcast input, which comes first.
//
// Records of such inputs are kept until all input has ended, on disk as far as they do not fit into memory. Then Replay gives them to the head: of a keyed one all records of a hash of the key together, by time, so that only the keys of one hash, and
// that is but for a coincidence one key, have state at a time. Behind the last record of a hash the instance is told by EndKeys; what it emits then is final.
//
// An operator whose state is small beside its input says so by Keyed.Has. It takes records as they come while state fits into memory, for no kind of sorting is as fast; beyond that the records of new keys are kept for Replay.
type Grouping struct {
	ctx     *Context
	grouped Grouped // nil for a head that does not care
	// evicting is nil for a head that cannot make room.
	evicting Evicting
	sorter   *grouping.Sorter
	config   BatchConfig
	deliver  []func(r *grouping.Record) error
	keyed    bool
	// absorbs tells that there is an input with Has, crowded that it takes no new state any more, passing that there is nothing left to wait for.
	absorbs, crowded, passing bool
	// adds tells that there is an input with Replay.
	adds bool

	// at is the record being replayed.
	at    *grouping.Record
	place []func() string // by input: names the record being replayed
	fixed int             // see grouping.Config

	phase   replayPhase
	hash    uint64
	started bool
}

// BatchConfig says how the tasks of a batch job keep their input.
type BatchConfig struct {
	// Memory is how many bytes of input, and of state that is kept for all keys, a subtask has in memory.
	Memory int64
	// Dir is where the rest goes; "" for the system's directory of temporary files.
	Dir string
}

// Grouped is a capability of keyed instances, for batch jobs.
type Grouped interface {
	// EndKeys tells that no record comes any more of the keys that were seen since it was last called: event time is complete for them, and their timers of both kinds come. It emits what is left to be said
	// and forgets their state, which need not be when last is set: no key follows. The task calls again while more is true. An instance with [Keyed].Replay ends the keys that this was called for, and with last all others.
	EndKeys(last bool) (more bool)
}

// Evicting is a capability of keyed instances with [Keyed].Has, for batch jobs.
type Evicting interface {
	// Evict is called between two records when state takes more memory than it may. It moves state to disk; ok tells that the instance goes on taking all records as they come, and not only those that Has tells.
	Evict(memory int64) (ok bool, err error)
}

// replayPhase is how far a replay is.
type replayPhase uint8

const (
	replayBegin replayPhase = iota
	replayAbsorbed
	replaySort
	replayRecords
	replayEnding
	replayDone
)

// NewGrouping returns the grouping of the inputs of an instance. keyed is whether there is a keyed one among them.
func NewGrouping(ctx *Context, instance Instance, keyed bool) *Grouping {
	g := &Grouping{ctx: ctx, config: ctx.State.Batch, keyed: keyed}
	if g.config.Memory == 0 {
		g.config.Memory = DefaultBatchMemory
	}
	if keyed {
		g.grouped, _ = instance.(Grouped)
		g.evicting, _ = instance.(Evicting)
	}
	return g
}

// DefaultBatchMemory is the default of BatchConfig.Memory.
const DefaultBatchMemory = 256 << 20

// BatchEdgeFactory is a capability of edge factories.
type BatchEdgeFactory interface {
	// NewGroupedInput is NewInput for an input that waits for Replay.
	NewGroupedInput(ctx *Context, port any, g *Grouping) (Input, error)
}

// open makes the sorter. It orders by time, but for those operators that take most records as they come and whose results must not depend on which had to wait.
func (g *Grouping) open() *grouping.Sorter {
	if g.sorter == nil {
		g.sorter = grouping.New(grouping.Config{Memory: g.config.Memory, Dir: g.config.Dir, ByTime: g.keyed && (!g.absorbs || g.adds), Fixed: g.fixed})
	}
	return g.sorter
}

// room makes room after a chunk.
func (g *Grouping) room() {
	if g.absorbs && !g.crowded && g.ctx.Store != nil && g.ctx.Store.Account().Used() > g.config.Memory {
		g.crowded = !g.evict()
	}
	if g.sorter != nil && g.sorter.Full() {
		if err := g.sorter.Spill(); err != nil {
			g.ctx.Fail(err)
		}
	}
}

// evict has the instance make room on disk, if it can.
func (g *Grouping) evict() bool {
	if g.evicting == nil {
		return false
	}
	ok, err := g.evicting.Evict(g.config.Memory)
	if err != nil {
		g.ctx.Fail(err)
	}
	return ok
}

// Replay gives the records to the head. The task calls again while more is true.
func (g *Grouping) Replay() (more bool) {
	for !g.ctx.Failed {
		switch g.phase {
		case replayBegin:
			g.phase = replaySort
			if g.absorbs && (!g.adds || g.sorter == nil) {
				g.phase = replayAbsorbed
			}
		case replayAbsorbed:
			if g.endKeys(g.sorter == nil) {
				return true
			}
			g.phase = replaySort
		case replaySort:
			if g.sorter == nil {
				g.phase = replayDone
				continue
			}
			if err := g.sorter.Finish(); err != nil {
				g.ctx.Fail(err)
				return false
			}
			g.phase = replayRecords
		case replayRecords:
			if g.records() {
				return true
			}
		case replayEnding:
			if g.endKeys(false) {
				return true
			}
			g.started = false
			g.phase = replayRecords
		case replayDone:
			g.passing = !g.keyed
			return false
		}
	}
	return false
}

// Place implements [Placed], for a replay.
func (g *Grouping) Place() string {
	if g.at == nil {
		return ""
	}
	return g.place[g.at.Input]()
}

// endKeys ends the keys at hand. While it does, event time is complete.
func (g *Grouping) endKeys(last bool) (more bool) {
	if g.grouped == nil {
		return false
	}
	g.at = nil
	g.ctx.CurrentWatermark = eventtime.MaxWatermark
	more = g.grouped.EndKeys(last)
	g.ctx.CurrentWatermark = eventtime.MinWatermark
	return more
}

// records gives out records up to the last one of a hash.
func (g *Grouping) records() (more bool) {
	stop := g.ctx.Stop
	for {
		r := g.sorter.Peek()
		if r == nil {
			if g.started && g.grouped != nil {
				g.phase = replayEnding
				return false
			}
			g.Close()
			g.phase = replayDone
			if g.adds {
				g.phase = replayAbsorbed
			}
			return false
		}
		if g.keyed && (!g.started || r.Hash != g.hash) {
			if g.started && g.grouped != nil {
				g.phase = replayEnding
				return false
			}
			g.started, g.hash = true, r.Hash
		}
		g.at = r
		err := g.deliver[r.Input](r)
		if err == nil {
			err = g.sorter.Skip()
		}
		if err != nil {
			g.ctx.Fail(err)
			return false
		}
		if stop.Load() != 0 {
			return true
		}
	}
}

// Close removes what is on disk.
func (g *Grouping) Close() {
	if g.sorter == nil {
		return
	}
	g.at = nil
	if err := g.sorter.Close(); err != nil {
		g.ctx.Host.Logger().Warn("closing the file that the input was sorted in failed", "operator", g.ctx.Name, "err", err)
	}
	g.sorter = nil
}

// groupedInput keeps the records of an edge.
type groupedInput[T any] struct {
	direct edgeInput[T]
	g      *Grouping
	number int
	has    func(v *T, ts int64, hash uint64) bool
	replay func(v *T, ts int64, hash uint64) // where there are keys
	// strings says where T's only pointers are; codec is used if there are others.
	strings []uintptr
	codec   *codec.Codec[T]
	buffer  []byte
	place   T
	// replayed is the record that was delivered last.
	replayed *T
}

// NewGroupedInput implements [BatchEdgeFactory].
func (e *Edge[T]) NewGroupedInput(ctx *Context, port any, g *Grouping) (Input, error) {
	direct, err := e.NewInput(ctx, port)
	if err != nil {
		return nil, err
	}
	in := &groupedInput[T]{direct: *direct.(*edgeInput[T]), g: g, number: len(g.deliver)}
	if in.number > 255 {
		return nil, fault.New(fault.GraphInvalid, "operator %q has more than 256 inputs, which a batch job cannot group", ctx.Name)
	}
	c, err := codec.For[T]()
	if err != nil {
		return nil, err
	}
	if c.HasPointers() {
		only := false
		if in.strings, only = c.StringOffsets(); !only {
			in.strings, in.codec = nil, c
		}
	}
	in.replay = in.direct.hashed
	if k, ok := port.(*Keyed[T]); ok && g.grouped != nil {
		in.has = k.Has
		g.absorbs = g.absorbs || k.Has != nil
		if k.Replay != nil {
			in.replay, g.adds = k.Replay, true
		}
	}
	g.fixed = 0
	if len(g.deliver) == 0 && !c.HasPointers() {
		g.fixed = int(unsafe.Sizeof(in.place))
	}
	g.deliver = append(g.deliver, in.deliver)
	g.place = append(g.place, func() string { return recordText(in.replayed) })
	return in, nil
}

// Process implements [Input].
func (in *groupedInput[T]) Process(c Chunk, from, to int) int {
	g := in.g
	if g.passing {
		return in.direct.Process(c, from, to)
	}
	rows := c.(*Rows[T])
	if in.has != nil && !g.crowded {
		done := in.direct.Process(c, from, to)
		g.room()
		return done
	}
	in.direct.rows = rows
	if g.fixed > 0 && in.has == nil {
		in.keepFixed(rows, from, to)
		g.room()
		return to
	}
	stop := in.direct.ctx.Stop
	for i := from; i < to; i++ {
		in.direct.row = i
		hash := uint64(0)
		if rows.Hashes != nil {
			hash = rows.Hashes[i]
		}
		if in.has != nil && in.has(&rows.Values[i], rows.Times[i], hash) {
			in.direct.hashed(&rows.Values[i], rows.Times[i], hash)
		} else if err := in.keep(&rows.Values[i], rows.Times[i], hash); err != nil {
			in.direct.ctx.Fail(err)
		}
		if stop.Load() != 0 {
			g.room()
			return i + 1
		}
	}
	g.room()
	return to
}

// keepFixed keeps records that are all of one size and have no pointers.
func (in *groupedInput[T]) keepFixed(rows *Rows[T], from, to int) {
	s := in.g.open()
	width := int(unsafe.Sizeof(in.place))
	values, times := rows.Values[:to], rows.Times[:to]
	if rows.Hashes == nil {
		for i := from; i < to; i++ {
			*(*T)(s.Put(0, 0, times[i], width)) = values[i]
		}
		return
	}
	hashes := rows.Hashes[:to]
	for i := from; i < to; {
		part := min(i+touchRows, to)
		s.Ahead(hashes[i:part])
		for ; i < part; i++ {
			*(*T)(s.Put(0, hashes[i], times[i], width)) = values[i]
		}
	}
}

func (in *groupedInput[T]) keep(v *T, ts int64, hash uint64) (err error) {
	s := in.g.open()
	width := int(unsafe.Sizeof(*v))
	switch {
	case in.codec != nil:
		if in.buffer, err = in.codec.Encode(in.buffer[:0], v); err != nil {
			return err
		}
		copy(unsafe.Slice((*byte)(s.Put(in.number, hash, ts, len(in.buffer))), len(in.buffer)), in.buffer)
	case in.strings != nil:
		n := width
		for _, at := range in.strings {
			n += len(*(*string)(unsafe.Add(unsafe.Pointer(v), at)))
		}
		to := s.Put(in.number, hash, ts, n)
		copy(unsafe.Slice((*byte)(to), width), unsafe.Slice((*byte)(unsafe.Pointer(v)), width))
		rest := unsafe.Slice((*byte)(unsafe.Add(to, width)), n-width)
		for _, at := range in.strings { // no pointer may stand where the collector does not see it
			*(*uintptr)(unsafe.Add(to, at)) = 0
			rest = rest[copy(rest, *(*string)(unsafe.Add(unsafe.Pointer(v), at))):]
		}
	default:
		*(*T)(s.Put(in.number, hash, ts, width)) = *v
	}
	return nil
}

// deliver hands a kept record to the head. Strings stay where they were kept, as those that a source cuts from a larger block.
func (in *groupedInput[T]) deliver(r *grouping.Record) error {
	v := &in.place
	width := int(unsafe.Sizeof(*v))
	switch {
	case in.codec != nil:
		if _, err := in.codec.Decode(r.Data, v); err != nil {
			return fault.New(fault.StateDamaged, "a record that was kept for grouping cannot be read: %w", err)
		}
	case in.strings != nil:
		*v = *(*T)(unsafe.Pointer(unsafe.SliceData(r.Data)))
		rest := r.Data[width:]
		for _, at := range in.strings {
			s := (*string)(unsafe.Add(unsafe.Pointer(v), at))
			n := len(*s)
			*s = ""
			if n > 0 {
				*s = unsafe.String(unsafe.SliceData(rest), n)
			}
			rest = rest[n:]
		}
	case width == 0:
	default:
		v = (*T)(unsafe.Pointer(unsafe.SliceData(r.Data)))
	}
	in.replayed = v
	if in.replay != nil {
		in.replay(v, r.Time, r.Hash)
	} else {
		in.direct.emit(v, r.Time)
	}
	return nil
}

// Place implements [Placed].
func (in *groupedInput[T]) Place() string { return in.direct.Place() }

// forget drops all keyed state of an instance, first that of the key at hand.
func (c *KeyCursor[K]) forget(s *statebackend.Store) {
	if c.keyed {
		c.Scope.Remove()
	}
	c.Unset()
	for _, sp := range s.Spaces() {
		sp.Clear(c.current)
	}
}
