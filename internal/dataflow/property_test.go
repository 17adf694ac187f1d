package dataflow

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
)

const randomGraphs = 500

// eachRandomGraph runs check on valid graphs of up to 16 operators; a failure prints the seed, which is the subtest's name.
func eachRandomGraph(t *testing.T, check func(t *testing.T, seed uint64, g *Graph)) {
	for seed := range uint64(randomGraphs) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { check(t, seed, randomGraph(seed)) })
	}
}

func randomGraph(seed uint64) *Graph {
	r := rand.New(rand.NewPCG(seed, 3))
	g := &Graph{Name: fmt.Sprint("random ", seed), Parallelism: 1 + r.IntN(3), DisableChaining: r.IntN(20) == 0}
	for range 2 + r.IntN(15) {
		addRandomOperator(r, g)
	}
	read := make([]bool, len(g.Operators))
	for _, e := range g.Edges {
		read[e.From] = true
	}
	for i, op := range g.Operators {
		if !read[i] && !op.Source {
			op.Sink = true
		}
	}
	for _, op := range g.Operators {
		op.ChainInputs = r.IntN(2) == 0
	}
	for i, op := range g.Operators {
		if !read[i] && op.Source {
			sink := &Operator{ID: len(g.Operators), Kind: "sink", Sink: true}
			g.Operators = append(g.Operators, sink)
			g.Edges = append(g.Edges, &Edge{ID: len(g.Edges), From: i, To: sink.ID})
		}
	}
	return g
}

func addRandomOperator(r *rand.Rand, g *Graph) {
	op := &Operator{
		ID:          len(g.Operators),
		Kind:        []string{"map", "filter", "reduce"}[r.IntN(3)],
		NonParallel: r.IntN(12) == 0,
	}
	if r.IntN(4) == 0 {
		op.Name, op.NameGiven = "n"+fmt.Sprint(r.IntN(3)), true
	}
	if r.IntN(6) == 0 {
		op.UID = fmt.Sprint("user-", op.ID)
	}
	if r.IntN(4) == 0 && !op.NonParallel {
		op.Parallelism = 1 + r.IntN(4)
	}
	if r.IntN(6) == 0 {
		op.Chaining = ChainingStrategy(r.IntN(3))
	}
	if r.IntN(8) == 0 {
		op.SlotSharingGroup = "g" + fmt.Sprint(r.IntN(2))
	}
	for i := range r.IntN(5) - 2 {
		op.States = append(op.States, StateDecl{Name: fmt.Sprint("s", i), Kind: "value", Schema: "int"})
	}
	g.Operators = append(g.Operators, op)
	if op.ID == 0 || r.IntN(5) == 0 {
		op.Source, op.Kind = true, "source"
		return
	}
	for input := range 1 + r.IntN(6)/5 {
		for range 1 + r.IntN(5)/4 {
			e := &Edge{ID: len(g.Edges), From: max(r.IntN(op.ID), r.IntN(op.ID)), To: op.ID, Input: input, Blocking: r.IntN(15) == 0}
			if r.IntN(6) == 0 {
				e.Output = "side"
			}
			if r.IntN(3) == 0 {
				e.Partitioner, e.PartitionerSet = Partitioner(r.IntN(int(Custom)+1)), true
			}
			if e.Partitioner == Hash && e.PartitionerSet {
				e.KeyType = "int"
			}
			if e.Partitioner == Forward && g.parallelismOf(g.Operators[e.From]) != g.parallelismOf(op) {
				e.PartitionerSet = false
			}
			g.Edges = append(g.Edges, e)
		}
	}
}

func mustPlan(t *testing.T, g *Graph) *Plan {
	t.Helper()
	p, err := g.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlanCoversTheGraph(t *testing.T) {
	chains, joined := 0, 0
	eachRandomGraph(t, func(t *testing.T, _ uint64, g *Graph) {
		p := mustPlan(t, g)
		if t.Failed() {
			return
		}
		placed := map[int]int{}
		inside, between := map[*Edge]bool{}, map[*Edge]bool{}
		for i, v := range p.Vertices {
			if v.ID != i {
				t.Errorf("vertex %d has the id %d", i, v.ID)
			}
			for _, op := range v.Operators {
				placed[op]++
				if p.VertexOf[op] != i {
					t.Errorf("operator %d is in vertex %d, VertexOf says %d", op, i, p.VertexOf[op])
				}
				if p.Resolved[op].Parallelism != v.Parallelism || p.Resolved[op].SlotSharingGroup != v.SlotSharingGroup {
					t.Errorf("operator %d does not fit vertex %d", op, i)
				}
			}
			checkChain(t, v)
			for _, e := range v.Chained {
				inside[e] = true
				chains++
			}
			for _, e := range v.Inputs {
				if e.To != i || e.Edge.To != v.Head() {
					t.Errorf("edge %d leads into vertex %d, not to its head", e.Edge.ID, i)
				}
			}
		}
		for _, op := range g.Operators {
			if placed[op.ID] != 1 {
				t.Errorf("operator %d is in %d vertices", op.ID, placed[op.ID])
			}
		}
		for _, e := range p.Edges {
			between[e.Edge] = true
			if e.From >= e.To {
				t.Errorf("edge %d leads from vertex %d to %d: not topological", e.Edge.ID, e.From, e.To)
			}
			if n := countOf(p.Vertices[e.From].Outputs, e) + countOf(p.Vertices[e.To].Inputs, e); n != 2 {
				t.Errorf("edge %d is listed %d times at its ends", e.Edge.ID, n)
			}
		}
		for _, e := range g.Edges {
			if inside[e] == between[e] {
				t.Errorf("edge %d: in a chain %t, between vertices %t", e.ID, inside[e], between[e])
			}
			if want := mayFuse(p, e.To); inside[e] != want {
				t.Errorf("edge %d: chained %t, legal %t", e.ID, inside[e], want)
			}
			if inside[e] && len(g.links().in[e.To]) > 1 {
				joined++
			}
		}
		checkRegions(t, p)
	})
	if joined < randomGraphs/20 {
		t.Errorf("only %d edges join what they parted in all graphs", joined)
	}
	if chains < randomGraphs {
		t.Errorf("only %d edges are chained in all graphs", chains)
	}
}

// mayFuse states the rules once more, from the reader's side.
func mayFuse(p *Plan, op int) bool {
	var from []int
	for _, e := range p.Graph.Edges {
		if e.To == op {
			from = append(from, p.VertexOf[e.From])
			if !mayChain(p, e) {
				return false
			}
		}
	}
	slices.Sort(from)
	return len(from) == 1 || len(slices.Compact(from)) == 1 && p.Graph.Operators[op].ChainInputs && !p.Graph.Batch
}

func mayChain(p *Plan, e *Edge) bool {
	from, to := p.Graph.Operators[e.From], p.Graph.Operators[e.To]
	switch {
	case p.Graph.DisableChaining, e.Blocking, p.Partitioners[e.ID] != Forward,
		from.Chaining == ChainNever, to.Chaining == ChainHead, to.Chaining == ChainNever,
		p.Resolved[e.From].SlotSharingGroup != p.Resolved[e.To].SlotSharingGroup,
		p.Resolved[e.From].Parallelism != p.Resolved[e.To].Parallelism:
		return false
	}
	return true
}

func checkChain(t *testing.T, v *Vertex) {
	t.Helper()
	at := 0
	for _, e := range v.Chained {
		if at == 0 || v.Operators[at] != e.To {
			at++
		}
		if at == len(v.Operators) || v.Operators[at] != e.To {
			t.Fatalf("vertex %d: edge %d leads to operator %d, which is not the next of %v", v.ID, e.ID, e.To, v.Operators)
		}
		if !slices.Contains(v.Operators[:at], e.From) {
			t.Errorf("vertex %d: operator %d comes before %d, which feeds it", v.ID, e.To, e.From)
		}
	}
	if at != len(v.Operators)-1 {
		t.Errorf("vertex %d: %d operators, edges to %d", v.ID, len(v.Operators), at)
	}
}

func countOf(edges []*PlanEdge, e *PlanEdge) int {
	n := 0
	for _, other := range edges {
		if other == e {
			n++
		}
	}
	return n
}

func checkRegions(t *testing.T, p *Plan) {
	t.Helper()
	region := map[int]int{}
	for i, r := range p.Regions() {
		if !slices.IsSorted(r) {
			t.Errorf("region %v is not ascending", r)
		}
		for _, v := range r {
			if _, twice := region[v]; twice {
				t.Errorf("vertex %d is in two regions", v)
			}
			region[v] = i
		}
	}
	if len(region) != len(p.Vertices) {
		t.Errorf("regions hold %d of %d vertices", len(region), len(p.Vertices))
	}
	for i, r := range p.Regions() {
		// From the first vertex, pipelined edges reach exactly the region.
		reached := map[int]bool{r[0]: true}
		for range p.Vertices {
			for _, e := range p.Edges {
				if !e.Edge.Blocking && (reached[e.From] || reached[e.To]) {
					reached[e.From], reached[e.To] = true, true
				}
			}
		}
		for v := range p.Vertices {
			if reached[v] != (region[v] == i) {
				t.Errorf("vertex %d: reached %t from vertex %d, regions %v", v, reached[v], r[0], p.Regions())
			}
		}
	}
}

func TestSameProgramSameGraph(t *testing.T) {
	hashes := map[string]uint64{}
	eachRandomGraph(t, func(t *testing.T, seed uint64, g *Graph) {
		again := randomGraph(seed)
		for _, op := range again.Operators {
			op.Factory = func() {}
		}
		if g.Hash() != again.Hash() || g.Hash() == "" {
			t.Error("the hashes differ")
		}
		if other, taken := hashes[g.Hash()]; taken {
			t.Errorf("seed %d has the same hash", other)
		}
		hashes[g.Hash()] = seed
		before, errBefore := g.JSON()
		p, q := mustPlan(t, g), mustPlan(t, again)
		after, errAfter := g.JSON()
		a, errA := p.JSON()
		b, errB := q.JSON()
		if err := errors.Join(errBefore, errAfter, errA, errB); err != nil {
			t.Fatal(err)
		}
		if string(before) != string(after) {
			t.Errorf("planning changes the graph:\n%s", Diff(string(before), string(after)))
		}
		if string(a) != string(b) || p.Text() != q.Text() {
			t.Errorf("the plans differ:\n%s", Diff(p.Text(), q.Text()))
		}
	})
}

// anchors lists uid and siblings of sources and stateful operators, in graph order, leaving out skip.
func anchors(p *Plan, skip *Operator) []string {
	var s []string
	for i, op := range p.Graph.Operators {
		if op.anchor() && op != skip {
			s = append(s, fmt.Sprint(p.UIDs[i], " of ", p.Siblings[i]))
		}
	}
	return s
}

func TestUIDsStay(t *testing.T) {
	eachRandomGraph(t, func(t *testing.T, seed uint64, g *Graph) {
		r := rand.New(rand.NewPCG(seed, 4))
		p := mustPlan(t, g)
		want := anchors(p, nil)
		all := slices.Clone(p.UIDs)
		distinct := map[base.OperatorUID]bool{}
		for i, uid := range p.UIDs {
			distinct[uid] = true
			if given := g.Operators[i].UID; given == "" && len(uid) != 32 || given != "" && string(uid) != given {
				t.Errorf("operator %d has the uid %s", i, uid)
			}
		}
		if len(distinct) != len(g.Operators) {
			t.Errorf("%d operators have %d uids", len(g.Operators), len(distinct))
		}

		relayout(r, g)
		if got := mustPlan(t, g).UIDs; !slices.Equal(got, all) {
			t.Errorf("another layout renames operators: %v, before %v", got, all)
		}
		for range 3 {
			filter := insertFilter(r, g)
			if got := anchors(mustPlan(t, g), filter); !slices.Equal(got, want) {
				t.Fatalf("a filter at %d renames operators:\n%s", filter.ID, Diff(strings.Join(want, "\n"), strings.Join(got, "\n")))
			}
		}
	})
}

// relayout changes all that does not count in uids.
func relayout(r *rand.Rand, g *Graph) {
	g.Parallelism, g.DisableChaining = 1+r.IntN(5), r.IntN(2) == 0
	for _, op := range g.Operators {
		op.Parallelism, op.MaxParallelism = 0, r.IntN(2)*256
		if !op.NonParallel {
			op.Parallelism = r.IntN(5)
		}
		op.Chaining = ChainingStrategy(r.IntN(3))
		op.SlotSharingGroup = []string{"", "x"}[r.IntN(2)]
		op.OutType = fmt.Sprint("T", r.IntN(3))
		if !op.NameGiven {
			op.Name = fmt.Sprint("shown", r.IntN(3))
		}
		slices.Reverse(op.States)
		for i := range op.States {
			op.States[i].Schema = fmt.Sprint("T", r.IntN(3))
		}
	}
	for _, e := range g.Edges {
		e.Partitioner, e.PartitionerSet = Shuffle, true
		if r.IntN(2) == 0 {
			e.Partitioner, e.PartitionerSet = Forward, false
		}
		e.Blocking, e.Type = r.IntN(4) == 0, fmt.Sprint("T", r.IntN(3))
	}
}

// insertFilter puts an operator without state into a random edge, at a random place of the graph's order.
func insertFilter(r *rand.Rand, g *Graph) *Operator {
	at := r.IntN(len(g.Operators) + 1)
	filter := &Operator{Kind: "filter"}
	g.Operators = slices.Insert(g.Operators, at, filter)
	for i, op := range g.Operators {
		op.ID = i
	}
	for _, e := range g.Edges {
		if e.From >= at {
			e.From++
		}
		if e.To >= at {
			e.To++
		}
	}
	e := g.Edges[r.IntN(len(g.Edges))]
	behind := &Edge{ID: len(g.Edges), From: at, To: e.To, Input: e.Input}
	e.To, e.Input = at, 0
	g.Edges = append(g.Edges, behind)
	return filter
}

func TestChannels(t *testing.T) {
	const most = 12
	for part := Forward; part <= Custom; part++ {
		for from := 1; from <= most; from++ {
			for to := 1; to <= most; to++ {
				if part == Forward && from != to {
					continue
				}
				p := &Plan{Vertices: []*Vertex{{Parallelism: from}, {Parallelism: to}}}
				e := &PlanEdge{Edge: &Edge{}, From: 0, To: 1, Partitioner: part}
				checkChannels(t, p, e, from, to)
			}
		}
	}
}

func checkChannels(t *testing.T, p *Plan, e *PlanEdge, from, to int) {
	t.Helper()
	what := fmt.Sprintf("%v %d to %d", e.Partitioner, from, to)
	least, greatest := from+to, 0
	spread := func(n int) { least, greatest = min(least, n), max(greatest, n) }
	for i := range from {
		got := p.Targets(e, i)
		for j := range to {
			if slices.Contains(got, j) != slices.Contains(p.Sources(e, j), i) {
				t.Errorf("%s: the sides disagree on the channel from %d to %d", what, i, j)
			}
		}
		if !slices.IsSorted(got) || len(got) == 0 || slices.Max(got) >= to || slices.Min(got) < 0 {
			t.Errorf("%s: subtask %d sends to %v", what, i, got)
		}
		if e.Partitioner == Rescale && from <= to {
			spread(len(got))
		}
		if !e.Partitioner.Pointwise() && e.Partitioner != Global && len(got) != to {
			t.Errorf("%s: subtask %d sends to %v only", what, i, got)
		}
	}
	for j := range to {
		got := p.Sources(e, j)
		if len(got) == 0 && (e.Partitioner != Global || j == 0) {
			t.Errorf("%s: nothing leads to %d", what, j)
		}
		if e.Partitioner == Global && j > 0 && len(got) > 0 {
			t.Errorf("%s: %v lead to %d", what, got, j)
		}
		if e.Partitioner == Rescale && from >= to {
			spread(len(got))
		}
	}
	if greatest > least+1 {
		t.Errorf("%s: uneven, %d to %d channels", what, least, greatest)
	}
	for _, i := range []int{-1, max(from, to)} {
		if p.Targets(e, i) != nil || p.Sources(e, i) != nil {
			t.Errorf("%s: subtask %d, which does not exist, has channels", what, i)
		}
	}
}

func TestDeriveMaxParallelism(t *testing.T) {
	for p := 1; p <= UpperMaxParallelism; p++ {
		got := DeriveMaxParallelism(p)
		if got < p || got < DefaultMaxParallelism || got > UpperMaxParallelism || got&(got-1) != 0 {
			t.Fatalf("%d subtasks: %d", p, got)
		}
		if want := p + p/2; got > DefaultMaxParallelism && got < UpperMaxParallelism && (got < want || got/2 >= want) {
			t.Fatalf("%d subtasks: %d is not the next power of two", p, got)
		}
	}
}

func TestNames(t *testing.T) {
	for p := Forward; p <= Custom; p++ {
		if back, err := ParsePartitioner(strings.ToUpper(p.String())); back != p || err != nil {
			t.Errorf("%v read as %v, %v", p, back, err)
		}
	}
	for s := ChainAlways; s <= ChainNever; s++ {
		if back, err := ParseChainingStrategy(s.String()); back != s || err != nil {
			t.Errorf("%v read as %v, %v", s, back, err)
		}
	}
	if _, err := ParsePartitioner("keyed"); fault.CodeOf(err) != fault.OptionInvalid {
		t.Error(err)
	}
	if _, err := ParseChainingStrategy(""); fault.CodeOf(err) != fault.OptionInvalid {
		t.Error(err)
	}
	if got := fmt.Sprint(Partitioner(9), ChainingStrategy(9)); got != "partitioner(9) chaining(9)" {
		t.Error(got)
	}
}

// TestMalformedGraphs holds what the scripts' language cannot say.
func TestMalformedGraphs(t *testing.T) {
	source, sink := &Operator{ID: 0, Kind: "source", Source: true}, &Operator{ID: 1, Kind: "sink", Sink: true}
	join := func(edges ...*Edge) *Graph {
		return &Graph{Parallelism: 1, Operators: []*Operator{source, sink}, Edges: edges}
	}
	long := &Operator{ID: 1, Kind: "sink", Sink: true, UID: strings.Repeat("u", MaxUIDLength+1)}
	for _, c := range []struct {
		g    *Graph
		want string
	}{
		{&Graph{Parallelism: 1, Operators: []*Operator{nil, sink}}, "operator 0 is nil"},
		{join(nil), "edge 0 is nil"},
		{join(&Edge{To: 1, Partitioner: 99, PartitionerSet: true}), "unknown partitioner 99"},
		{&Graph{Parallelism: 1, Operators: []*Operator{{Source: true}, sink}, Edges: []*Edge{{To: 1}}}, "has no kind"},
		{&Graph{Parallelism: 1, Operators: []*Operator{source, long}, Edges: []*Edge{{To: 1}}}, "has 256 characters"},
		{&Graph{Parallelism: 1, Operators: []*Operator{source, {ID: 1, Kind: "s", Sink: true, Chaining: 9}}, Edges: []*Edge{{To: 1}}}, "unknown chaining strategy 9"},
	} {
		err := c.g.Validate()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
		if p, planErr := c.g.Plan(); p != nil || planErr == nil || planErr.Error() != err.Error() {
			t.Errorf("Plan returns %v, %v", p, planErr)
		}
	}
	if _, err := join(nil).JSON(); fault.CodeOf(err) != fault.GraphInvalid {
		t.Error(err)
	}
	if h := (&Graph{Operators: []*Operator{nil}}).Hash(); h != "" {
		t.Error(h)
	}
}

func TestErrorsAreCoded(t *testing.T) {
	g := parseGraph(t, "op a source source uid=x\nop b map uid=x p=-1\nedge a b")
	joined, ok := g.Validate().(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%T does not join errors", g.Validate())
	}
	var got []string
	for _, err := range joined.Unwrap() {
		name, _ := fault.OperatorOf(err)
		got = append(got, string(fault.CodeOf(err))+" "+name)
	}
	want := []string{"graph.parallelism b", "graph.duplicate-uid a", "graph.no-sink b"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFindOperator(t *testing.T) {
	p := mustPlan(t, parseGraph(t, "op a source source\nop b sink sink uid=out\nedge a b"))
	if i, ok := p.Operator("out"); i != 1 || !ok {
		t.Error(i, ok)
	}
	if _, ok := p.Operator("none"); ok {
		t.Error("an operator that does not exist is found")
	}
}

// TestLargeGraph guards against work that grows with the square of the graph.
func TestLargeGraph(t *testing.T) {
	const n = 20_000
	g := &Graph{Parallelism: 1, Operators: []*Operator{{Kind: "source", Source: true}}}
	for i := 1; i < n; i++ {
		op := &Operator{ID: i, Kind: "map", Sink: i == n-1}
		if i%2 == 0 {
			op.UID = fmt.Sprint("u", i)
		}
		g.Operators = append(g.Operators, op)
		g.Edges = append(g.Edges, &Edge{ID: i - 1, From: i - 1, To: i})
	}
	p := mustPlan(t, g)
	if len(p.Vertices) != 1 || len(p.Vertices[0].Operators) != n || p.Siblings[n-1] != n/2 {
		t.Errorf("%d vertices, %d siblings", len(p.Vertices), p.Siblings[n-1])
	}
}

func TestDiff(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"", "", ""},
		{"a\nb\n", "a\nb", ""},
		{"", "a\n", "+ a\n"},
		{"a\n", "", "- a\n"},
		{"1\n2\n3\n4\n5\n6\n7\n", "1\n2\n3\nx\n5\n6\n7\n", "...\n  3\n- 4\n+ x\n  5\n...\n"},
		{"a\nb\nc\nd\ne\nf\n", "a\nc\nd\ne\ng\nf\n", "  a\n- b\n  c\n...\n  e\n+ g\n  f\n"},
	} {
		if got := Diff(c.a, c.b); got != c.want {
			t.Errorf("%q against %q:\n%swant\n%s", c.a, c.b, got, c.want)
		}
	}
	// Two large texts without a common line: no table of their product is made.
	var a, b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&a, "a%d\n", i)
		fmt.Fprintf(&b, "b%d\n", i)
	}
	if got := strings.Count(Diff("same\n"+a.String(), "same\n"+b.String()), "\n"); got != 10001 {
		t.Errorf("%d lines", got)
	}
}

// TestDiffRestores applies differences: lines with '-' and ' ' are the first text, those with '+' and ' ' the second.
func TestDiffRestores(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 5))
		random := func() []string {
			var s []string
			for range r.IntN(12) {
				s = append(s, string(rune('a'+r.IntN(4))))
			}
			return s
		}
		a, b := random(), random()
		var gotA, gotB []string
		for _, l := range diffLines(a, b) {
			if l.mark != '+' {
				gotA = append(gotA, l.text)
			}
			if l.mark != '-' {
				gotB = append(gotB, l.text)
			}
		}
		if !slices.Equal(a, gotA) || !slices.Equal(b, gotB) {
			t.Fatalf("seed %d: %v and %v become %v and %v", seed, a, b, gotA, gotB)
		}
	}
}
