// Package exchange carries elements between the tasks of one process: bounded channels with credits in bytes, gathered in gates.
//
// A [Gate] is the reading end of all channels of a consumer task. A [Channel] is one of them, written by one producer task. Data may be pushed
// while the channel is empty or holds less than its credit; signals need none. Nothing here blocks: a writer that meets a full channel
// is woken when there is room, a reader that finds nothing is woken when there is.
package exchange

import (
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/runtime/sched"
	"github.com/weirstream/weir/internal/xsync"
)

// maxFree is how many empty chunks a channel keeps for its writer: as many as fit into the usual credit and more, so that a steady stream makes none anew.
const maxFree = 16

// maxGrown is how many bytes a channel takes while it is held and may grow.
const maxGrown = 64 << 20

// Gate gathers the channels of one consumer task. Poll and what else its task calls are for that task alone; channels are pushed to from others.
//
//   - X1. The elements of a channel come out in the order they were pushed.
//   - X2. Channels with elements take turns.
//   - X3. Credit: bytes queued in a channel never exceed its limit by more than one data element, and what goes before a signal; unless it is held and may grow.
//   - X4. An unaligned barrier is announced when it is pushed, whatever lies before it.
//   - X5. A channel that is held and may grow takes up to [maxGrown] bytes. What goes beyond that is announced, and the channel grows no more.
type Gate struct {
	channels []*Channel
	limit    int

	mu struct {
		xsync.Mutex
		reader sched.Waker
		// onAnnounced raises the reader's attention when there is something in announced.
		onAnnounced func()
		ready       ring[*Channel]
		announced   ring[announcement]
		closed      bool
	}
}

// announcement is an element that lies in a channel.
type announcement struct {
	channel int
	element operator.Element
}

// Channel leads from one producer subtask to the gate of one consumer subtask.
type Channel struct {
	gate  *Gate
	index int

	// Guarded by gate.mu.
	queue   ring[operator.Element]
	bytes   int
	data    int // data elements queued
	free    []operator.Chunk
	queued  bool // in gate.mu.ready
	held    bool // alignment: not polled
	grows   bool // takes data beyond its credit while it is held
	watched bool // its end is announced
	writer  sched.Waker
	waiting bool // the writer found no room
}

var _ operator.ChannelWriter = (*Channel)(nil)

// NewGate returns a gate of n channels with a credit of limit bytes each.
func NewGate(n, limit int) *Gate {
	g := &Gate{channels: make([]*Channel, n), limit: limit}
	for i := range g.channels {
		g.channels[i] = &Channel{gate: g, index: i}
	}
	return g
}

// Channel returns channel i.
func (g *Gate) Channel(i int) *Channel { return g.channels[i] }

// Channels is the number of channels.
func (g *Gate) Channels() int { return len(g.channels) }

// SetReader tells whom to wake when elements arrive, and what to call when something is announced. Both may be called with the gate's lock held,
// from the writer's goroutine.
func (g *Gate) SetReader(w sched.Waker, onAnnounced func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.reader, g.mu.onAnnounced = w, onAnnounced
}

// SetWriter tells whom to wake when the channel has room.
func (c *Channel) SetWriter(w sched.Waker) {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.writer = w
}

// Push implements [operator.ChannelWriter].
func (c *Channel) Push(e operator.Element) (recycled operator.Chunk, room bool) {
	g := c.gate
	g.mu.Lock()
	if g.mu.closed {
		g.mu.Unlock()
		return nil, true // the reader has gone: what comes is dropped
	}
	if n := len(c.free); n > 0 && e.Kind == operator.Data {
		recycled = c.free[n-1]
		c.free = c.free[:n-1]
	}
	c.queue.push(e) // keeps X1
	urgent := e.Kind == operator.Barrier && e.Unaligned || e.Kind == operator.End && c.watched || c.grows && c.bytes+e.Bytes > maxGrown
	if urgent && e.Kind == operator.Data {
		c.grows = false // keeps X5
	}
	if urgent {
		g.mu.announced.push(announcement{c.index, operator.Element{Kind: e.Kind, Unaligned: e.Unaligned, Stop: e.Stop, Checkpoint: e.Checkpoint, AlignedTimeout: e.AlignedTimeout}}) // keeps X4
	}
	if e.Kind == operator.Data {
		c.bytes += e.Bytes
		c.data++
	}
	room = c.roomLocked()
	wake := false
	if !c.queued && !c.held {
		c.queued = true
		wake = g.mu.ready.len() == 0
		g.mu.ready.push(c)
	}
	reader, onAnnounced := g.mu.reader, g.mu.onAnnounced
	g.mu.Unlock()
	if urgent && onAnnounced != nil {
		onAnnounced()
	}
	if (wake || urgent) && reader != nil {
		reader.Wake()
	}
	return recycled, room
}

func (c *Channel) roomLocked() bool { return c.data == 0 || c.grows || c.bytes < c.gate.limit }

// HasRoom implements [operator.ChannelWriter].
func (c *Channel) HasRoom() bool {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	if c.gate.mu.closed || c.roomLocked() {
		return true
	}
	c.waiting = true
	return false
}

// Poll returns the next element and the index of its channel. The chunk stays the caller's until Recycle.
func (g *Gate) Poll() (channel int, e operator.Element, ok bool) {
	g.mu.Lock()
	for g.mu.ready.len() > 0 {
		c := g.mu.ready.pop()
		c.queued = false
		if c.queue.len() == 0 || c.held {
			continue
		}
		e = c.queue.pop()
		if e.Kind == operator.Data {
			c.bytes -= e.Bytes
			c.data--
		}
		if c.queue.len() > 0 {
			c.queued = true
			g.mu.ready.push(c) // keeps X2
		}
		var writer sched.Waker
		if c.waiting && c.roomLocked() {
			c.waiting = false
			writer = c.writer
		}
		g.mu.Unlock()
		if writer != nil {
			writer.Wake()
		}
		return c.index, e, true
	}
	g.mu.Unlock()
	return 0, operator.Element{}, false
}

// Announced returns an unaligned barrier that has been pushed to a channel, or the end of a channel that [Gate.List] was asked for, or data that a held channel has grown too much by, once each and in the order in which they were pushed.
// They stay where they are in their channels, or were polled already; chunks are not told.
func (g *Gate) Announced() (channel int, e operator.Element, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.announced.len() == 0 {
		return 0, operator.Element{}, false
	}
	a := g.mu.announced.pop()
	return a.channel, a.element, true
}

// List appends to dst the elements that lie in channel i before the barrier of a checkpoint, or before the channel's end, and reports whether one of these is there. If not, it returns all that there is, and the end of the channel will be
// announced. The elements stay in the channel.
func (g *Gate) List(i int, checkpoint int64, dst []operator.Element) (elements []operator.Element, whole bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.channels[i]
	for k := range c.queue.len() {
		e := *c.queue.at(k)
		if e.Kind == operator.End || e.Kind == operator.Barrier && e.Checkpoint == checkpoint {
			return dst, true
		}
		dst = append(dst, e)
	}
	c.watched = true
	return dst, false
}

// Recycle gives an empty chunk of channel i back to its writer.
func (g *Gate) Recycle(i int, chunk operator.Chunk) {
	chunk.Reset()
	c := g.channels[i]
	g.mu.Lock()
	if len(c.free) < maxFree {
		c.free = append(c.free, chunk)
	}
	g.mu.Unlock()
}

// Hold stops channel i from being polled, or lets it be polled again: barrier alignment. If it grows, its writer is not held back meanwhile. That is for a barrier that may have overtaken records elsewhere: the barriers that
// it is held for can be behind records that reach other channels of this gate by way of tasks which the hold would block.
func (g *Gate) Hold(i int, held, grows bool) {
	g.mu.Lock()
	c := g.channels[i]
	c.held, c.grows = held, held && grows
	if !held && c.queue.len() > 0 && !c.queued {
		c.queued = true
		g.mu.ready.push(c)
	}
	var writer sched.Waker
	if c.waiting && c.roomLocked() {
		c.waiting = false
		writer = c.writer
	}
	g.mu.Unlock()
	if writer != nil {
		writer.Wake()
	}
}

// Queued returns the bytes and data elements waiting in all channels.
func (g *Gate) Queued() (bytes, elements int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.channels {
		bytes += c.bytes
		elements += c.data
	}
	return bytes, elements
}

// Close drops everything queued and whatever is pushed later, and wakes the writers that wait. A second Close does nothing.
func (g *Gate) Close() {
	g.mu.Lock()
	if g.mu.closed {
		g.mu.Unlock()
		return
	}
	g.mu.closed = true
	var writers []sched.Waker
	for _, c := range g.channels {
		c.queue, c.free, c.bytes, c.data = ring[operator.Element]{}, nil, 0, 0
		if c.waiting && c.writer != nil {
			writers = append(writers, c.writer)
		}
		c.waiting = false
	}
	g.mu.ready = ring[*Channel]{}
	g.mu.announced = ring[announcement]{}
	g.mu.Unlock()
	for _, w := range writers {
		w.Wake()
	}
}
