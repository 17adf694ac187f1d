package dataflow

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/internal/base"
)

// Plan is the physical plan of a graph: chains of operators (vertices), each run by as many tasks as its parallelism, and the
// edges between them. It is made by [Graph.Plan] and not changed after; it may be read by any number of goroutines. The same graph
// gives the same plan.
type Plan struct {
	// Graph is what was planned. It must not be changed while the plan is in use.
	Graph *Graph
	// UIDs holds the uid of each operator, by id: given by the user, else derived by the rules written in uid.go. All differ.
	UIDs []base.OperatorUID
	// Siblings says, by operator id, how many operators share the description that a derived uid hashes, the operator itself included. It is 1
	// where the uid was given. A derived uid with siblings is told from theirs by an ordinal only: state may be restored under it only
	// if the number of siblings has not changed.
	Siblings []int
	// Resolved holds, by operator id, parallelism, maximum parallelism and slot sharing group with defaults filled in.
	Resolved []Resolved
	// Partitioners is by edge id, chained edges included.
	Partitioners []Partitioner
	// VertexOf is the vertex of each operator.
	VertexOf []int
	// Vertices are in topological order, otherwise by the id of their head; a vertex's ID is its position.
	Vertices []*Vertex
	// Edges lists all edges between vertices in the order of edge ids.
	Edges []*PlanEdge
	// Slots is how many slots the job needs: for each slot sharing group the largest parallelism among its vertices.
	Slots int
}

// Vertex is a chain: operators that run in one task and call one another directly. All have the same parallelism and slot
// sharing group.
type Vertex struct {
	// ID is the position in Plan.Vertices.
	ID int
	// Name lists the operators as "Source: lines -> words -> Sink: print"; where the chain forks, as "a -> (b -> c, d)".
	Name string
	// Operators holds operator ids. A chain is a tree, or, where an operator joins what an earlier one has parted, a graph without cycles: the head comes first, each operator before those it feeds, and
	// what follows one branch before the next branch, in the order of edge ids. What joins branches follows the last of them.
	Operators []int
	// Parallelism is the number of tasks.
	Parallelism int
	// MaxParallelism is the head's: only the head has inputs from other vertices, so it alone says how records are keyed.
	MaxParallelism   int
	SlotSharingGroup string
	// Inputs all lead to the head, Outputs may leave any operator. Both are in the order of edge ids.
	Inputs, Outputs []*PlanEdge
	// Chained lists the edges within the chain, in the order in which Operators lists their consumers.
	Chained []*Edge
}

// Head returns the id of the first operator of the chain.
func (v *Vertex) Head() int { return v.Operators[0] }

// PlanEdge is an edge between two vertices, laid out into channels by [Plan.Targets] and [Plan.Sources].
type PlanEdge struct {
	// Edge is the logical edge; its From and To are operators.
	Edge *Edge
	// From and To are vertices.
	From, To int
	// Partitioner is never undecided, unlike that of Edge.
	Partitioner Partitioner
}

// Plan validates the graph and returns its physical plan. The error is that of [Graph.Validate].
func (g *Graph) Plan() (*Plan, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	l := g.links()
	order := l.topological()
	p := &Plan{
		Graph:        g,
		Resolved:     g.resolve(l, order),
		Partitioners: make([]Partitioner, len(g.Edges)),
	}
	p.UIDs, p.Siblings = g.deriveUIDs(l, order)
	for _, e := range g.Edges {
		p.Partitioners[e.ID] = g.partitionerOf(e)
	}
	p.fuse(l)
	p.connect()
	p.countSlots()
	return p, nil
}

// chainable reports whether the operators of e may run in one task, as far as the two and the edge go. The rules are Flink's.
func (p *Plan) chainable(e *Edge) bool {
	g := p.Graph
	from, to := p.Resolved[e.From], p.Resolved[e.To]
	return !g.DisableChaining &&
		!e.Blocking &&
		p.Partitioners[e.ID] == Forward &&
		from.Parallelism == to.Parallelism &&
		from.SlotSharingGroup == to.SlotSharingGroup &&
		g.Operators[e.To].Chaining == ChainAlways &&
		g.Operators[e.From].Chaining != ChainNever
}

// fuse makes the vertices, without their edges to one another.
func (p *Plan) fuse(l links) {
	n := len(p.Graph.Operators)
	chained := make([]bool, len(p.Graph.Edges)) // by edge id
	headOf := make([]int, n)                    // by operator id
	for _, op := range l.topological() {
		head, ok := p.fused(l.in[op], headOf)
		if !ok {
			headOf[op] = op
			continue
		}
		headOf[op] = head
		for _, e := range l.in[op] {
			chained[e.ID] = true
		}
	}

	vertices := make([]*Vertex, n) // by head
	for head := range n {
		if headOf[head] != head {
			continue
		}
		r := p.Resolved[head]
		v := &Vertex{Parallelism: r.Parallelism, MaxParallelism: r.MaxParallelism, SlotSharingGroup: r.SlotSharingGroup}
		var name strings.Builder
		p.grow(v, &name, head, chained, l, map[int]int{})
		v.Name = name.String()
		vertices[head] = v
	}

	// An operator that is not a head has its inputs from its own chain; so whatever leads into a chain leads to its head, and an
	// acyclic graph of operators gives an acyclic graph of chains.
	order := topological(n, func(node int, yield func(int)) {
		if v := vertices[node]; v != nil {
			for _, op := range v.Operators {
				for _, e := range l.out[op] {
					if !chained[e.ID] {
						yield(e.To)
					}
				}
			}
		}
	})
	p.VertexOf = make([]int, n)
	for _, head := range order {
		v := vertices[head]
		if v == nil {
			continue
		}
		v.ID = len(p.Vertices)
		p.Vertices = append(p.Vertices, v)
		for _, op := range v.Operators {
			p.VertexOf[op] = v.ID
		}
	}
}

// fused reports whether the operator that edges lead to runs in the task that they come from, and what the head of that is.
func (p *Plan) fused(in []*Edge, headOf []int) (head int, ok bool) {
	if len(in) == 0 || len(in) > 1 && (p.Graph.Batch || !p.Graph.Operators[in[0].To].ChainInputs) {
		return 0, false
	}
	head = headOf[in[0].From]
	for _, e := range in {
		if headOf[e.From] != head || !p.chainable(e) {
			return 0, false
		}
	}
	return head, true
}

// grow adds op and all that is chained behind it to v; seen counts, for an operator of several inputs, those that were met, and it is added behind the last. A chain is as deep as the program is long,
// so recursion is no risk.
func (p *Plan) grow(v *Vertex, name *strings.Builder, op int, chained []bool, l links, seen map[int]int) {
	v.Operators = append(v.Operators, op)
	name.WriteString(displayName(p.Graph.Operators[op]))
	var branches []*Edge
	for _, e := range l.out[op] {
		if !chained[e.ID] {
			continue
		}
		if seen[e.To]++; seen[e.To] == len(l.in[e.To]) {
			branches = append(branches, e)
		}
	}
	for i, e := range branches {
		switch {
		case i > 0:
			name.WriteString(", ")
		case len(branches) > 1:
			name.WriteString(" -> (")
		default:
			name.WriteString(" -> ")
		}
		v.Chained = append(v.Chained, l.in[e.To]...)
		p.grow(v, name, e.To, chained, l, seen)
	}
	if len(branches) > 1 {
		name.WriteString(")")
	}
}

// displayName is an operator's name as shown in chains.
func displayName(op *Operator) string {
	name := nameOf(op)
	switch {
	case op.Source && !strings.HasPrefix(name, "Source: "):
		return "Source: " + name
	case op.Sink && !strings.HasPrefix(name, "Sink: "):
		return "Sink: " + name
	default:
		return name
	}
}

// connect adds the edges between vertices.
func (p *Plan) connect() {
	for _, e := range p.Graph.Edges {
		from, to := p.Vertices[p.VertexOf[e.From]], p.Vertices[p.VertexOf[e.To]]
		if from == to {
			continue
		}
		pe := &PlanEdge{Edge: e, From: from.ID, To: to.ID, Partitioner: p.Partitioners[e.ID]}
		p.Edges = append(p.Edges, pe)
		from.Outputs = append(from.Outputs, pe)
		to.Inputs = append(to.Inputs, pe)
	}
}

func (p *Plan) countSlots() {
	largest := map[string]int{}
	for _, v := range p.Vertices {
		largest[v.SlotSharingGroup] = max(largest[v.SlotSharingGroup], v.Parallelism)
	}
	for _, n := range largest {
		p.Slots += n
	}
}

// Subtasks returns how many tasks the job has.
func (p *Plan) Subtasks() int {
	n := 0
	for _, v := range p.Vertices {
		n += v.Parallelism
	}
	return n
}

// Operator returns the id of the operator with the given uid, and whether there is one.
func (p *Plan) Operator(uid base.OperatorUID) (int, bool) {
	i := slices.Index(p.UIDs, uid)
	return i, i >= 0
}

// Regions groups the vertices that pipelined edges connect, whichever way: what fails and restarts together. Blocking edges part
// regions. Each region is ascending, and regions are ordered by their first vertex. The slices are the caller's.
func (p *Plan) Regions() [][]int {
	root := make([]int, len(p.Vertices))
	for i := range root {
		root[i] = i
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	for _, e := range p.Edges {
		if e.Edge.Blocking {
			continue
		}
		a, b := find(e.From), find(e.To)
		// The smaller is the root, so that regions come out in the order of their first vertex.
		root[max(a, b)] = min(a, b)
	}
	var regions [][]int
	at := make([]int, len(p.Vertices))
	for i := range p.Vertices {
		r := find(i)
		if r == i {
			at[i] = len(regions)
			regions = append(regions, nil)
		}
		regions[at[r]] = append(regions[at[r]], i)
	}
	return regions
}
