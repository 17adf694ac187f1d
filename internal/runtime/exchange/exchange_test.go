package exchange

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/runtime/sched"
	"github.com/weirstream/weir/internal/testkit/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// chunk is a numbered chunk without rows.
type chunk struct {
	number int
	resets int
}

func (c *chunk) Rows() int             { return 0 }
func (c *chunk) MarkCount() int        { return 0 }
func (c *chunk) Mark(int) (int, int64) { return 0, 0 }
func (c *chunk) Reset()                { c.resets++ }

func data(number, bytes int) operator.Element {
	return operator.Element{Kind: operator.Data, Chunk: &chunk{number: number}, Bytes: bytes}
}

func barrier(id int64, unaligned bool) operator.Element {
	return operator.Element{Kind: operator.Barrier, Checkpoint: id, Unaligned: unaligned}
}

// waker counts.
type waker struct{ n atomic.Int64 }

func (w *waker) Wake() { w.n.Add(1) }

func TestRing(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 4))
		var r ring[int]
		var want []int
		for i := range 500 {
			switch k := rng.IntN(5); {
			case k < 3:
				r.push(i)
				want = append(want, i)
			case len(want) > 0:
				if v := r.pop(); v != want[0] {
					t.Fatalf("seed %d, step %d: popped %d, want %d", seed, i, v, want[0])
				}
				want = want[1:]
			}
			if r.len() != len(want) {
				t.Fatalf("seed %d, step %d: length %d, want %d", seed, i, r.len(), len(want))
			}
			for j := range want {
				if *r.at(j) != want[j] {
					t.Fatalf("seed %d, step %d: at %d: %d, want %d", seed, i, j, *r.at(j), want[j])
				}
			}
		}
	}
}

// What was popped is not kept alive.
func TestRingForgets(t *testing.T) {
	var r ring[*int]
	for range 10 {
		r.push(new(int))
	}
	for r.len() > 0 {
		r.pop()
	}
	for i, p := range r.items {
		if p != nil {
			t.Errorf("item %d is still there", i)
		}
	}
}

// naiveGate is a gate made of plain lists.
type naiveGate struct {
	queues [][]operator.Element
	held   []bool
	limit  int
	turns  []int // elements that others have got since channel i could have given its own
	// What is announced, and the channels whose end will be.
	announced []announcement
	watched   []bool
}

// list is what lies before a barrier or the end.
func (g *naiveGate) list(c int, checkpoint int64) (before []operator.Element, whole bool) {
	i := slices.IndexFunc(g.queues[c], func(e operator.Element) bool {
		return e.Kind == operator.End || e.Kind == operator.Barrier && e.Checkpoint == checkpoint
	})
	if i < 0 {
		return g.queues[c], false
	}
	return g.queues[c][:i], true
}

func (g *naiveGate) bytes(c int) (bytes, elements int) {
	for _, e := range g.queues[c] {
		if e.Kind == operator.Data {
			bytes += e.Bytes
			elements++
		}
	}
	return bytes, elements
}

func (g *naiveGate) room(c int) bool {
	bytes, n := g.bytes(c)
	return n == 0 || bytes < g.limit
}

func (g *naiveGate) pollable(c int) bool {
	return len(g.queues[c]) > 0 && !g.held[c]
}

// Random pushes, polls, holds and releases: a channel's elements come out in order (X1), no channel waits for more than one element of each
// other one (X2), and a writer that asks for room never has more queued than the credit and an element (X3). Unaligned barriers, and ends that are watched for, are announced in the order of their
// pushes, and what lies before them is told (X4).
func TestGateAtRandom(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 5))
		n, limit := 1+rng.IntN(5), 1+rng.IntN(200)
		g := NewGate(n, limit)
		naive := &naiveGate{queues: make([][]operator.Element, n), held: make([]bool, n), limit: limit, turns: make([]int, n), watched: make([]bool, n)}
		ended := make([]bool, n)
		reader := &waker{}
		announced := 0
		g.SetReader(reader, func() { announced++ })
		writers := make([]*waker, n)
		waiting := make([]bool, n)
		for i := range writers {
			writers[i] = &waker{}
			g.Channel(i).SetWriter(writers[i])
		}
		got := func(channel int, e operator.Element, where string) {
			t.Helper()
			if !naive.pollable(channel) || naive.queues[channel][0] != e {
				t.Fatalf("seed %d: %s gave %+v of channel %d, which has %+v", seed, where, e, channel, naive.queues[channel])
			}
			naive.queues[channel] = naive.queues[channel][1:]
			naive.turns[channel] = 0
			for i := range n {
				switch {
				case !naive.pollable(i):
					naive.turns[i] = 0
				case i != channel && where == "Poll":
					if naive.turns[i]++; naive.turns[i] > n {
						t.Fatalf("seed %d, X2: channel %d has waited for %d elements of others", seed, i, naive.turns[i])
					}
				}
			}
			if waiting[channel] && naive.room(channel) {
				waiting[channel] = false
				if writers[channel].n.Swap(0) != 1 {
					t.Fatalf("seed %d: the writer of channel %d was not woken", seed, channel)
				}
			}
		}
		for step := range 600 {
			c := rng.IntN(n)
			if ended[c] {
				continue
			}
			switch rng.IntN(8) {
			case 0, 1, 2:
				room := naive.room(c)
				if g.Channel(c).HasRoom() != room {
					t.Fatalf("seed %d: room %v, want %v", seed, !room, room)
				}
				if !room {
					waiting[c] = true
					continue
				}
				e := data(step, rng.IntN(150))
				if _, room = g.Channel(c).Push(e); true {
					naive.queues[c] = append(naive.queues[c], e)
				}
				if room != naive.room(c) {
					t.Fatalf("seed %d: room %v behind a push, want %v", seed, room, naive.room(c))
				}
				if bytes, _ := naive.bytes(c); bytes-e.Bytes >= limit && bytes != e.Bytes {
					t.Fatalf("seed %d, X3: %d bytes", seed, bytes)
				}
			case 3:
				e := operator.Element{Kind: operator.Idle}
				if rng.IntN(2) == 0 {
					e = barrier(int64(step), false)
				}
				g.Channel(c).Push(e)
				naive.queues[c] = append(naive.queues[c], e)
			case 4:
				e := barrier(int64(step/10*10), true)
				if rng.IntN(20) == 0 {
					e = operator.Element{Kind: operator.End}
					ended[c] = true
				}
				tells := e.Unaligned || naive.watched[c]
				before := announced
				g.Channel(c).Push(e)
				naive.queues[c] = append(naive.queues[c], e)
				if tells {
					naive.announced = append(naive.announced, announcement{c, e})
				}
				if (announced == before+1) != tells {
					t.Fatalf("seed %d, X4: the reader was told %d times, want %v", seed, announced-before, tells)
				}
			case 5:
				naive.held[c] = rng.IntN(2) == 0
				naive.turns[c] = 0
				g.Hold(c, naive.held[c], false)
			case 6:
				channel, e, ok := g.Announced()
				if ok != (len(naive.announced) > 0) || ok && (announcement{channel, e}) != naive.announced[0] {
					t.Fatalf("seed %d, X4: announced is %d %+v %v, want %+v", seed, channel, e, ok, naive.announced)
				}
				if ok {
					naive.announced = naive.announced[1:]
				}
			case 7:
				id := int64(step / 10 * 10)
				want, wantWhole := naive.list(c, id)
				if got, whole := g.List(c, id, nil); whole != wantWhole || !slices.Equal(got, want) {
					t.Fatalf("seed %d, X4: before %d in channel %d lies %+v, %v, want %+v, %v", seed, id, c, got, whole, want, wantWhole)
				}
				naive.watched[c] = naive.watched[c] || !wantWhole
			}
			for rng.IntN(3) > 0 {
				channel, e, ok := g.Poll()
				if !ok {
					for i := range n {
						if naive.pollable(i) {
							t.Fatalf("seed %d: Poll finds nothing, channel %d has %+v", seed, i, naive.queues[i])
						}
					}
					break
				}
				got(channel, e, "Poll")
			}
			bytes, elements := g.Queued()
			for i := range n {
				b, e := naive.bytes(i)
				bytes, elements = bytes-b, elements-e
			}
			if bytes != 0 || elements != 0 {
				t.Fatalf("seed %d: Queued is wrong by %d bytes, %d elements", seed, bytes, elements)
			}
		}
	}
}

// An unaligned barrier is announced, also in a held channel, and stays behind what was pushed before it.
func TestAnnounced(t *testing.T) {
	g := NewGate(2, 100)
	reader := &waker{}
	told := 0
	g.SetReader(reader, func() { told++ })
	for i := range 5 {
		g.Channel(1).Push(data(i, 30))
	}
	g.Hold(1, true, false)
	if all, whole := g.List(1, 9, nil); len(all) != 5 || whole {
		t.Errorf("%d elements lie before a barrier that is not there: %v", len(all), whole)
	}
	before := reader.n.Load()
	g.Channel(1).Push(barrier(9, true))
	if told != 1 || reader.n.Load() != before+1 {
		t.Errorf("told %d times, woken %d times", told, reader.n.Load()-before)
	}
	if c, e, ok := g.Announced(); !ok || c != 1 || e.Checkpoint != 9 {
		t.Errorf("got %d %+v %v", c, e, ok)
	}
	if _, _, ok := g.Announced(); ok {
		t.Error("there is one barrier too many")
	}
	if all, whole := g.List(1, 9, nil); len(all) != 5 || !whole {
		t.Errorf("%d elements lie before the barrier, whole %v", len(all), whole)
	}
	if _, e, ok := g.Poll(); ok {
		t.Errorf("a held channel gave %+v", e)
	}
	g.Hold(1, false, false)
	for i := range 5 {
		if _, e, ok := g.Poll(); !ok || e.Chunk.(*chunk).number != i {
			t.Errorf("%d: got %+v %v", i, e, ok)
		}
	}
	if _, e, ok := g.Poll(); !ok || e.Kind != operator.Barrier {
		t.Errorf("got %+v %v, want the barrier", e, ok)
	}
	g.Channel(1).Push(operator.Element{Kind: operator.End}) // it was asked for before the barrier
	if c, e, ok := g.Announced(); !ok || c != 1 || e.Kind != operator.End {
		t.Errorf("got %d %+v %v, want the end", c, e, ok)
	}
	g.Channel(0).Push(operator.Element{Kind: operator.End})
	if c, e, ok := g.Announced(); ok {
		t.Errorf("got %d %+v", c, e)
	}
}

func TestRecycle(t *testing.T) {
	g := NewGate(2, 1000)
	var polled []*chunk
	for i := range maxFree + 2 {
		if recycled, _ := g.Channel(0).Push(data(i, 1)); recycled != nil {
			t.Fatalf("recycled %v, nothing was given back", recycled)
		}
	}
	for {
		c, e, ok := g.Poll()
		if !ok {
			break
		}
		polled = append(polled, e.Chunk.(*chunk))
		g.Recycle(c, e.Chunk)
	}
	for _, c := range polled {
		if c.resets != 1 {
			t.Errorf("chunk %d was reset %d times", c.number, c.resets)
		}
	}
	if recycled, _ := g.Channel(1).Push(data(1, 1)); recycled != nil {
		t.Error("a channel took the chunk of another")
	}
	if recycled, _ := g.Channel(0).Push(operator.Element{Kind: operator.End}); recycled != nil {
		t.Error("a signal took a chunk")
	}
	seen := map[operator.Chunk]bool{}
	for i := range maxFree + 2 {
		recycled, _ := g.Channel(0).Push(data(i, 1))
		if (recycled != nil) != (i < maxFree) || recycled != nil && seen[recycled] {
			t.Errorf("push %d got %v", i, recycled)
		}
		seen[recycled] = true
	}
}

func TestClose(t *testing.T) {
	g := NewGate(2, 10)
	w := []*waker{{}, {}}
	for i := range w {
		g.Channel(i).SetWriter(w[i])
	}
	g.Channel(0).Push(data(0, 20))
	if g.Channel(0).HasRoom() {
		t.Fatal("there is room")
	}
	g.Channel(1).Push(barrier(1, true))
	for range 2 {
		g.Close()
		if w[0].n.Load() != 1 || w[1].n.Load() != 0 {
			t.Errorf("writers were woken %d and %d times", w[0].n.Load(), w[1].n.Load())
		}
	}
	if recycled, room := g.Channel(0).Push(data(1, 100)); recycled != nil || !room || !g.Channel(0).HasRoom() {
		t.Error("a closed gate blocks its writers")
	}
	if _, _, ok := g.Poll(); ok {
		t.Error("a closed gate has elements")
	}
	if _, _, ok := g.Announced(); ok {
		t.Error("a closed gate has barriers")
	}
	if bytes, n := g.Queued(); bytes != 0 || n != 0 {
		t.Errorf("%d bytes, %d elements", bytes, n)
	}
}

// Producers on goroutines of their own, a reader on another, all parked when there is nothing to do: nothing is lost, and the order holds.
func TestConcurrentProducers(t *testing.T) {
	leak.Check(t)
	const producers, elements, limit, bytes = 4, 5000, 400, 100
	s := sched.NewReal()
	g := NewGate(producers, limit)
	var mu sync.Mutex
	var failures []string
	fail := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		failures = append(failures, fmt.Sprintf(format, args...))
	}
	var wakers [producers + 1]sched.Waker
	ready := make(chan struct{})
	wakers[producers] = s.Go("reader", func(p sched.Proc) {
		<-ready
		next := make([]int, producers)
		ended := 0
		for ended < producers {
			c, e, ok := g.Poll()
			if _, u, found := g.Announced(); found && !u.Unaligned {
				fail("%+v was announced", u)
			}
			if !ok {
				p.Park()
				continue
			}
			switch e.Kind {
			case operator.End:
				ended++
			case operator.Data:
				if n := e.Chunk.(*chunk).number; n != next[c] {
					fail("channel %d: %d, want %d", c, n, next[c])
				}
				next[c]++
				g.Recycle(c, e.Chunk)
			}
		}
		for c, n := range next {
			if n != elements {
				fail("channel %d brought %d elements", c, n)
			}
		}
	})
	for i := range producers {
		wakers[i] = s.Go(fmt.Sprint("producer ", i), func(p sched.Proc) {
			<-ready
			c := g.Channel(i)
			spare := &chunk{}
			for n := range elements {
				for !c.HasRoom() {
					p.Park()
				}
				if n%97 == 0 {
					c.Push(barrier(int64(n), true))
				}
				spare.number = n
				recycled, _ := c.Push(operator.Element{Kind: operator.Data, Chunk: spare, Bytes: bytes})
				if next, ok := recycled.(*chunk); ok {
					spare = next
				} else {
					spare = &chunk{}
				}
				if queued, _ := g.Queued(); queued > producers*(limit+bytes) {
					fail("X3: %d bytes are queued", queued)
				}
				if n%64 == 0 {
					runtime.Gosched()
				}
			}
			c.Push(operator.Element{Kind: operator.End})
		})
		g.Channel(i).SetWriter(wakers[i])
	}
	g.SetReader(wakers[producers], func() {})
	close(ready)
	s.Wait()
	for _, f := range failures {
		t.Error(f)
	}
}

// A channel that is held and may grow has room, until it has grown too much, which is announced once. When it is let go, its credit is what it was.
func TestGrows(t *testing.T) {
	g := NewGate(1, 100)
	w, told := &waker{}, 0
	c := g.Channel(0)
	c.SetWriter(w)
	g.SetReader(&waker{}, func() { told++ })
	c.Push(data(0, 100))
	if c.HasRoom() {
		t.Fatal("there is room")
	}
	g.Hold(0, true, true)
	if w.n.Load() != 1 || !c.HasRoom() {
		t.Fatalf("the writer was woken %d times", w.n.Load())
	}
	if _, room := c.Push(data(1, maxGrown-100)); !room || told != 0 {
		t.Errorf("there is room: %v; told %d times", room, told)
	}
	if _, room := c.Push(data(2, 1)); room || told != 1 {
		t.Errorf("there is room: %v; told %d times", room, told)
	}
	if i, e, ok := g.Announced(); !ok || i != 0 || e.Kind != operator.Data || e.Chunk != nil {
		t.Errorf("announced: %d %+v %v", i, e, ok)
	}
	c.Push(data(3, 1))
	if _, _, ok := g.Announced(); ok || c.HasRoom() {
		t.Error("it was announced twice, or there is room")
	}
	g.Hold(0, false, false)
	if c.HasRoom() || w.n.Load() != 1 {
		t.Error("there is room beyond the credit")
	}
	for i := range 4 {
		if _, e, ok := g.Poll(); !ok || e.Chunk.(*chunk).number != i {
			t.Errorf("%d: %+v %v", i, e, ok)
		}
	}
	if w.n.Load() != 2 {
		t.Errorf("the writer was woken %d times", w.n.Load())
	}
}
