package dataflow

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
)

// MaxUIDLength is the largest number of characters of a uid.
const MaxUIDLength = 255

// Validate returns nil if the graph can run, else everything that is wrong with it, joined by [errors.Join]: each error is a
// [*fault.Error] that names the operator, and the same graph gives the same errors in the same order. Where a graph is malformed (edges to
// nowhere, ids that are not positions), what depends on its shape is not looked at.
func (g *Graph) Validate() error {
	v := validator{g: g}
	if len(g.Operators) == 0 {
		v.add(nil, fault.GraphEmpty, "the graph has no operators")
	}
	v.defaults()
	v.consts()
	sound := v.shape()
	if sound {
		v.links = g.links()
		for _, op := range g.Operators {
			v.operator(op)
		}
		v.duplicateUIDs()
		for _, e := range g.Edges {
			v.edge(e)
		}
		v.cycles()
		v.ends()
	}
	if len(v.problems) == 0 {
		v.derivedUIDs()
	}
	return errors.Join(v.problems...)
}

type validator struct {
	g        *Graph
	links    links
	problems []error
}

// add records a problem of op, or of the graph as a whole if op is nil.
func (v *validator) add(op *Operator, code fault.Code, format string, args ...any) {
	err := fault.New(code, format, args...)
	if op != nil {
		err = err.WithOperator(nameOf(op), 0)
	}
	v.problems = append(v.problems, err)
}

// nameOf is how an operator is called in messages and chains.
func nameOf(op *Operator) string {
	switch {
	case op.Name != "":
		return op.Name
	case op.Kind != "":
		return op.Kind
	default:
		return fmt.Sprintf("operator %d", op.ID)
	}
}

// label names an operator so that it can be told from others of the same name.
func label(op *Operator) string {
	return fmt.Sprintf("%q (operator %d)", nameOf(op), op.ID)
}

func (v *validator) defaults() {
	g := v.g
	if g.Parallelism < 1 {
		v.add(nil, fault.GraphParallelism, "the default parallelism is %d", g.Parallelism)
	}
	if g.MaxParallelism < 0 || g.MaxParallelism > UpperMaxParallelism {
		v.add(nil, fault.GraphMaxParallelism, "the default maximum parallelism is %d", g.MaxParallelism)
	}
}

func (v *validator) consts() {
	seen := map[string]bool{}
	for _, c := range v.g.Consts {
		if seen[c.Name] {
			v.add(nil, fault.GraphInvalid, "two constants have the name %q", c.Name)
		}
		seen[c.Name] = true
	}
}

// shape checks what all else relies on: nothing is nil, ids are positions, edges join operators that exist.
func (v *validator) shape() bool {
	g, before := v.g, len(v.problems)
	for i, op := range g.Operators {
		switch {
		case op == nil:
			v.add(nil, fault.GraphInvalid, "operator %d is nil", i)
		case op.ID != i:
			v.add(op, fault.GraphInvalid, "operator %d has the id %d", i, op.ID)
		}
	}
	exists := func(id int) bool { return id >= 0 && id < len(g.Operators) && g.Operators[id] != nil }
	for i, e := range g.Edges {
		if e == nil {
			v.add(nil, fault.GraphInvalid, "edge %d is nil", i)
			continue
		}
		if e.ID != i {
			v.add(nil, fault.GraphInvalid, "edge %d has the id %d", i, e.ID)
		}
		switch from, to := exists(e.From), exists(e.To); {
		case from && to:
			if e.Input < 0 {
				v.add(g.Operators[e.To], fault.GraphInvalid, "edge %d leads to input %d of operator %d", i, e.Input, e.To)
			}
		case from:
			v.add(g.Operators[e.From], fault.GraphInvalid, "edge %d leads from operator %d to operator %d, which does not exist", i, e.From, e.To)
		case to:
			v.add(g.Operators[e.To], fault.GraphInvalid, "edge %d leads to operator %d from operator %d, which does not exist", i, e.To, e.From)
		default:
			v.add(nil, fault.GraphInvalid, "edge %d joins operators %d and %d, which do not exist", i, e.From, e.To)
		}
	}
	return len(v.problems) == before
}

// operator checks what concerns one operator and its inputs.
func (v *validator) operator(op *Operator) {
	g := v.g
	if op.Kind == "" {
		v.add(op, fault.GraphInvalid, "operator %d has no kind", op.ID)
	}
	if op.UID != "" {
		if bad := malformedUID(op.UID); bad != "" {
			v.add(op, fault.GraphInvalidUID, "the uid %q %s", op.UID, bad)
		}
	}
	if !op.Chaining.valid() {
		v.add(op, fault.GraphInvalid, "unknown chaining strategy %d", uint8(op.Chaining))
	}
	v.states(op)
	v.parallelism(op)

	in := v.links.in[op.ID]
	switch {
	case op.Source && len(in) > 0:
		v.add(op, fault.GraphInvalid, "a source has no inputs, but %s leads to it", label(g.Operators[in[0].From]))
	case !op.Source && len(in) == 0:
		v.add(op, fault.GraphInvalid, "operator %d has no input and is not a source", op.ID)
	}
	v.inputGaps(op, in)
}

func (v *validator) states(op *Operator) {
	seen := map[string]bool{}
	for _, s := range op.States {
		switch {
		case s.Name == "":
			v.add(op, fault.GraphInvalid, "a state of kind %q has no name", s.Kind)
		case s.Kind == "":
			v.add(op, fault.GraphInvalid, "the state %q has no kind", s.Name)
		case seen[s.Name]:
			v.add(op, fault.GraphInvalid, "two states have the name %q", s.Name)
		}
		seen[s.Name] = true
	}
}

func (v *validator) parallelism(op *Operator) {
	g := v.g
	switch {
	case op.Parallelism < 0:
		v.add(op, fault.GraphParallelism, "the parallelism is %d", op.Parallelism)
		return
	case op.NonParallel && op.Parallelism > 1:
		v.add(op, fault.GraphNonParallel, "the parallelism is %d, but this operator (%s) runs with parallelism 1 only", op.Parallelism, op.Kind)
		return
	}
	p, limit := g.parallelismOf(op), g.maxParallelismOf(op)
	switch {
	case op.MaxParallelism < 0 || op.MaxParallelism > UpperMaxParallelism:
		v.add(op, fault.GraphMaxParallelism, "the maximum parallelism is %d", op.MaxParallelism)
	case limit < 0 || limit > UpperMaxParallelism:
		// The graph's default, which defaults reports.
	case limit < p:
		v.add(op, fault.GraphMaxParallelism, "the maximum parallelism %d is below the parallelism %d", limit, p)
	}
}

// inputGaps checks that the inputs are numbered from 0 without gaps.
func (v *validator) inputGaps(op *Operator, in []*Edge) {
	if len(in) == 0 {
		return
	}
	numbers := make([]int, 0, len(in))
	for _, e := range in {
		numbers = append(numbers, e.Input)
	}
	slices.Sort(numbers)
	next := 0
	for _, n := range slices.Compact(numbers) {
		switch {
		case n == next+1:
			v.add(op, fault.GraphInvalid, "nothing leads to input %d, but something to input %d", next, n)
		case n > next:
			v.add(op, fault.GraphInvalid, "nothing leads to inputs %d to %d, but something to input %d", next, n-1, n)
		}
		next = n + 1
	}
}

// malformedUID says what is wrong with a uid, or returns "".
func malformedUID(uid string) string {
	for _, r := range uid {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("-_.:/", r):
		default:
			return fmt.Sprintf("holds %q", r)
		}
	}
	if len(uid) > MaxUIDLength {
		return fmt.Sprintf("has %d characters", len(uid))
	}
	return ""
}

func (v *validator) duplicateUIDs() {
	byUID := map[string][]*Operator{}
	for _, op := range v.g.Operators {
		byUID[op.UID] = append(byUID[op.UID], op)
	}
	for _, op := range v.g.Operators {
		same := byUID[op.UID]
		if op.UID == "" || len(same) == 1 || same[0] != op {
			continue
		}
		others := make([]string, 0, len(same)-1)
		for _, other := range same[1:] {
			others = append(others, label(other))
		}
		v.add(op, fault.GraphDuplicateUID, "the uid %q of operator %d is also that of %s", op.UID, op.ID, strings.Join(others, ", "))
	}
}

func (v *validator) edge(e *Edge) {
	g := v.g
	from, to := g.Operators[e.From], g.Operators[e.To]
	if !e.PartitionerSet {
		// A builder that forgets PartitionerSet would get records of one key on several subtasks.
		if e.Partitioner != Forward {
			v.add(to, fault.GraphInvalid, "the edge from %s has the partitioner %v, which is not set", label(from), e.Partitioner)
		}
		return
	}
	switch p, q := g.parallelismOf(from), g.parallelismOf(to); {
	case !e.Partitioner.valid():
		v.add(to, fault.GraphInvalid, "the edge from %s has the unknown partitioner %d", label(from), uint8(e.Partitioner))
	case e.Partitioner == Forward && p != q:
		v.add(to, fault.GraphForward, "the parallelism is %d, but that of %s, from which a forward edge leads here, is %d", q, label(from), p)
	case e.Partitioner == Hash && e.KeyType == "":
		v.add(to, fault.GraphInvalid, "the hash edge from %s has no key type", label(from))
	}
}

// cycles reports one shortest cycle of each strongly connected part of the graph.
func (v *validator) cycles() {
	n := len(v.g.Operators)
	inOrder := make([]bool, n)
	for _, id := range v.links.topological() {
		inOrder[id] = true
	}
	// What topological leaves out is on a cycle or behind one. A shortest way back from an operator to itself, if there is one, is a cycle;
	// what is on a cycle already told, or joined with one both ways, is not told again.
	told := make([]bool, n)
	for id := range n {
		if inOrder[id] || told[id] {
			continue
		}
		path := v.wayBack(id)
		if path == nil {
			continue
		}
		behind, before := v.reach(id, v.links.out, edgeTo), v.reach(id, v.links.in, edgeFrom)
		for i := range n {
			told[i] = told[i] || behind[i] && before[i]
		}
		names := make([]string, 0, len(path)+1)
		for _, p := range append(path, id) {
			names = append(names, nameOf(v.g.Operators[p]))
		}
		v.add(v.g.Operators[id], fault.GraphCycle, "%s", strings.Join(names, " -> "))
	}
}

func edgeFrom(e *Edge) int { return e.From }
func edgeTo(e *Edge) int   { return e.To }

// wayBack returns a shortest path along edges from id back to id, without the last step, or nil.
func (v *validator) wayBack(id int) []int {
	cameFrom := map[int]int{}
	queue := []int{id}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, e := range v.links.out[at] {
			if e.To == id {
				var path []int
				for ; at != id; at = cameFrom[at] {
					path = append(path, at)
				}
				path = append(path, id)
				slices.Reverse(path)
				return path
			}
			if _, seen := cameFrom[e.To]; !seen {
				cameFrom[e.To] = at
				queue = append(queue, e.To)
			}
		}
	}
	return nil
}

// reach marks id and all that edges lead to, or come from, as side says.
func (v *validator) reach(id int, edges [][]*Edge, side func(*Edge) int) []bool {
	reached := make([]bool, len(v.g.Operators))
	reached[id] = true
	stack := []int{id}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, e := range edges[at] {
			if next := side(e); !reached[next] {
				reached[next] = true
				stack = append(stack, next)
			}
		}
	}
	return reached
}

// ends reports operators whose work nobody reads.
func (v *validator) ends() {
	for _, op := range v.g.Operators {
		if !op.Sink && len(v.links.out[op.ID]) == 0 {
			v.add(op, fault.GraphNoSink, "nothing reads what operator %d (%s) emits", op.ID, op.Kind)
		}
	}
}

// derivedUIDs reports uids given by the user that are also derived. It needs a graph that is right otherwise.
func (v *validator) derivedUIDs() {
	uids, _ := v.g.deriveUIDs(v.links, v.links.topological())
	given := map[base.OperatorUID]*Operator{}
	for _, op := range v.g.Operators {
		if op.UID != "" {
			given[base.OperatorUID(op.UID)] = op
		}
	}
	for _, op := range v.g.Operators {
		if other := given[uids[op.ID]]; other != nil && op.UID == "" {
			v.add(other, fault.GraphDuplicateUID, "the uid %q of operator %d is also the one derived for %s", other.UID, other.ID, label(op))
		}
	}
}
