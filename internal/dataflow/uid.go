package dataflow

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/internal/base"
)

// uidVersion tags the text that derived uids hash. It changes only with the rules below, and then all derived uids change.
const uidVersion = "weir-uid/2"

// deriveUIDs returns the uid of every operator of an acyclic graph, and its number of siblings; order is topological.
//
// # The rules of derived uids
//
// A uid given by the user is used as it is. Any other operator's uid is derived from its description, a text of lines in this
// order, each ended by a newline, strings quoted as by [strconv.Quote]:
//
//	weir-uid/2
//	kind "keyed-reduce"
//	name "counts"                       if the user gave the name
//	key "string"                        if the operator is keyed
//	state "sum" "reducing"              name and kind of each declared state, by name
//	input 0 "files" ""                  for each input by number: uid and output tag of each nearest ancestor, lines sorted
//
// The nearest ancestors of an input are the first sources and operators with states met on each path upstream. Operators
// without states are passed through and leave no trace, so that a filter inserted upstream renames nothing. The output tag is that of the
// edge by which the ancestor is left. An ancestor met on several paths by one tag counts once.
//
// The uid is the first 16 bytes of the text's SHA-256, in 32 lower-case hexadecimal digits.
//
// Operators of equal descriptions are siblings. In the order of operator ids the first keeps its description, and the n-th appends
// the line "#n" to it. Operators with a uid given by the user are nobody's siblings.
//
// Parallelism, chaining, slot sharing groups, partitioners, record types, the schemas of states and operator ids do not count: an operator whose state changes
// its schema keeps its uid, so that the stored state is found, and read as the new one or refused.
func (g *Graph) deriveUIDs(l links, order []int) (uids []base.OperatorUID, siblings []int) {
	n := len(g.Operators)
	uids, siblings = make([]base.OperatorUID, n), make([]int, n)

	// ancestors holds, for each operator and input number, the nearest sources and stateful operators.
	ancestors := make([][][]ancestor, n)
	// level is 0 without ancestors, else one more than that of the ancestors. Descriptions contain the ancestors' uids, so siblings have the
	// same ancestors and are on one level; and a level's descriptions can be written once the lower ones have uids.
	level := make([]int, n)
	var levels [][]int
	for _, id := range order {
		inputs := make([][]ancestor, inputCount(l.in[id]))
		for _, e := range l.in[id] {
			if g.Operators[e.From].anchor() {
				inputs[e.Input] = append(inputs[e.Input], ancestor{e.From, e.Output})
				continue
			}
			for _, refs := range ancestors[e.From] {
				inputs[e.Input] = append(inputs[e.Input], refs...)
			}
		}
		for i := range inputs {
			slices.SortFunc(inputs[i], ancestor.compare)
			inputs[i] = slices.Compact(inputs[i])
			for _, a := range inputs[i] {
				level[id] = max(level[id], level[a.operator]+1)
			}
		}
		ancestors[id] = inputs
		for len(levels) <= level[id] {
			levels = append(levels, nil)
		}
		levels[level[id]] = append(levels[level[id]], id)
	}

	for _, ids := range levels {
		slices.Sort(ids)
		sharing := map[string]int{}
		texts := make([]string, len(ids))
		for i, id := range ids {
			if uid := g.Operators[id].UID; uid != "" {
				uids[id], siblings[id] = base.OperatorUID(uid), 1
				continue
			}
			texts[i] = describe(g.Operators[id], ancestors[id], uids)
			sharing[texts[i]]++
		}
		ordinals := map[string]int{}
		for i, id := range ids {
			if texts[i] == "" {
				continue
			}
			text := texts[i]
			ordinals[text]++
			siblings[id] = sharing[text]
			if n := ordinals[text]; n > 1 {
				text += "#" + strconv.Itoa(n) + "\n"
			}
			sum := sha256.Sum256([]byte(text))
			uids[id] = base.OperatorUID(hex.EncodeToString(sum[:16]))
		}
	}
	return uids, siblings
}

// ancestor is a nearest upstream source or stateful operator, and the output by which it was left.
type ancestor struct {
	operator int
	output   string
}

func (a ancestor) compare(b ancestor) int {
	if a.operator != b.operator {
		return a.operator - b.operator
	}
	return strings.Compare(a.output, b.output)
}

// anchor reports whether the operator counts in uids downstream.
func (op *Operator) anchor() bool { return op.Source || len(op.States) > 0 }

// inputCount is the highest input number plus one.
func inputCount(in []*Edge) int {
	n := 0
	for _, e := range in {
		n = max(n, e.Input+1)
	}
	return n
}

// describe writes the text that the derived uid of op hashes, without an ordinal.
func describe(op *Operator, inputs [][]ancestor, uids []base.OperatorUID) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nkind %q\n", uidVersion, op.Kind)
	if op.NameGiven {
		fmt.Fprintf(&b, "name %q\n", op.Name)
	}
	if op.KeyType != "" {
		fmt.Fprintf(&b, "key %q\n", op.KeyType)
	}
	for _, s := range sortedStates(op) {
		fmt.Fprintf(&b, "state %q %q\n", s.Name, s.Kind)
	}
	for input, refs := range inputs {
		lines := make([]string, 0, len(refs))
		for _, a := range refs {
			lines = append(lines, fmt.Sprintf("input %d %q %q\n", input, string(uids[a.operator]), a.output))
		}
		slices.Sort(lines)
		for _, line := range lines {
			b.WriteString(line)
		}
	}
	return b.String()
}

// sortedStates returns the declared states by name.
func sortedStates(op *Operator) []StateDecl {
	s := slices.Clone(op.States)
	slices.SortStableFunc(s, func(a, b StateDecl) int { return strings.Compare(a.Name, b.Name) })
	return s
}
