package dataflow

import (
	"container/heap"
	"math/bits"
)

// Resolved is what an operator runs with once defaults are filled in.
type Resolved struct {
	// Parallelism is the operator's own, else the graph's default; 1 if the operator is NonParallel.
	Parallelism int
	// MaxParallelism is the operator's own, else the graph's, else [DeriveMaxParallelism] of the parallelism.
	MaxParallelism int
	// SlotSharingGroup is the operator's own, else that of its inputs if all are in the same, else DefaultSlotSharingGroup.
	SlotSharingGroup string
}

// DeriveMaxParallelism returns the maximum parallelism of an operator when neither it nor the graph sets one: one and a half times
// the parallelism, rounded up to a power of two, at least [DefaultMaxParallelism] and at most [UpperMaxParallelism]. It is Flink's rule,
// and fixed for good: it says how many key groups stored state has.
func DeriveMaxParallelism(parallelism int) int {
	want := parallelism + parallelism/2
	if want <= DefaultMaxParallelism {
		return DefaultMaxParallelism
	}
	if want >= UpperMaxParallelism {
		return UpperMaxParallelism
	}
	return 1 << bits.Len(uint(want-1))
}

// parallelismOf needs nothing but the operator and the graph's defaults. A default that is itself wrong counts as 1, so that it is
// reported once and not at every operator.
func (g *Graph) parallelismOf(op *Operator) int {
	switch {
	case op.NonParallel:
		return 1
	case op.Parallelism != 0:
		return op.Parallelism
	default:
		return max(g.Parallelism, 1)
	}
}

func (g *Graph) maxParallelismOf(op *Operator) int {
	switch {
	case op.MaxParallelism != 0:
		return op.MaxParallelism
	case g.MaxParallelism != 0:
		return g.MaxParallelism
	default:
		return DeriveMaxParallelism(g.parallelismOf(op))
	}
}

// partitionerOf fills in the partitioner of an edge whose user chose none.
func (g *Graph) partitionerOf(e *Edge) Partitioner {
	switch {
	case e.PartitionerSet:
		return e.Partitioner
	case g.parallelismOf(g.Operators[e.From]) == g.parallelismOf(g.Operators[e.To]):
		return Forward
	default:
		return Rebalance
	}
}

// links are the edges of a structurally sound graph by operator, each list in the order of edge ids.
type links struct {
	in, out [][]*Edge
}

func (g *Graph) links() links {
	l := links{in: make([][]*Edge, len(g.Operators)), out: make([][]*Edge, len(g.Operators))}
	for _, e := range g.Edges {
		l.out[e.From] = append(l.out[e.From], e)
		l.in[e.To] = append(l.in[e.To], e)
	}
	return l
}

// resolve fills in the defaults of every operator of an acyclic graph; order is topological.
func (g *Graph) resolve(l links, order []int) []Resolved {
	r := make([]Resolved, len(g.Operators))
	for _, id := range order {
		op := g.Operators[id]
		r[id] = Resolved{
			Parallelism:      g.parallelismOf(op),
			MaxParallelism:   g.maxParallelismOf(op),
			SlotSharingGroup: op.SlotSharingGroup,
		}
		if op.SlotSharingGroup != "" {
			continue
		}
		group := DefaultSlotSharingGroup
		for i, e := range l.in[id] {
			from := r[e.From].SlotSharingGroup
			if i == 0 {
				group = from
			} else if from != group {
				group = DefaultSlotSharingGroup
				break
			}
		}
		r[id].SlotSharingGroup = group
	}
	return r
}

// topological orders nodes 0..n-1 so that each comes behind all that lead to it, and otherwise by number: the order depends on
// the arcs alone, not on how they are listed. Nodes on a cycle, and those behind one, are left out.
func topological(n int, next func(node int, yield func(to int))) []int {
	missing := make([]int, n)
	for i := range n {
		next(i, func(to int) { missing[to]++ })
	}
	var ready intHeap
	for i := range n {
		if missing[i] == 0 {
			ready = append(ready, i)
		}
	}
	order := make([]int, 0, n)
	for len(ready) > 0 {
		i := heap.Pop(&ready).(int)
		order = append(order, i)
		next(i, func(to int) {
			if missing[to]--; missing[to] == 0 {
				heap.Push(&ready, to)
			}
		})
	}
	return order
}

func (l links) topological() []int {
	return topological(len(l.out), func(node int, yield func(int)) {
		for _, e := range l.out[node] {
			yield(e.To)
		}
	})
}

// intHeap is a heap of ints, smallest first.
type intHeap []int

func (h intHeap) Len() int           { return len(h) }
func (h intHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h intHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *intHeap) Push(x any)        { *h = append(*h, x.(int)) }
func (h *intHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
