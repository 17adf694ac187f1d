package dataflow

import (
	"fmt"
	"strings"
)

// Text returns the plan for people, as EXPLAIN and Explain print it: a line on the job, then each vertex with its operators, the
// edges within its chain, and the edges that leave it. It has no blank lines; equal plans give equal text.
func (p *Plan) Text() string {
	var b strings.Builder
	name := "job"
	if p.Graph.Name != "" { // it has none before it is executed
		name = fmt.Sprintf("job %q", p.Graph.Name)
	}
	if p.Graph.Batch {
		name += " in batch mode"
	}
	fmt.Fprintf(&b, "%s: %s, %s, %s, %s, %s\n", name,
		count(len(p.UIDs), "operator"), plural(len(p.Vertices), "vertex", "vertices"), count(p.Subtasks(), "subtask"),
		count(p.Slots, "slot"), count(len(p.Regions()), "region"))
	for _, v := range p.Vertices {
		fmt.Fprintf(&b, "vertex %d: %s\n", v.ID, v.Name)
		fmt.Fprintf(&b, "  parallelism %d of at most %d, slot group %s\n", v.Parallelism, v.MaxParallelism, v.SlotSharingGroup)
		for _, id := range v.Operators {
			p.operatorText(&b, v, id)
		}
		for _, e := range v.Chained {
			fmt.Fprintf(&b, "  %d%s => %d", e.From, outputText(e), e.To)
			if p.Graph.Operators[e.To].ChainInputs {
				fmt.Fprintf(&b, " input %d", e.Input)
			}
			fmt.Fprintf(&b, " chained%s\n", typeText("", e.Type))
		}
		for _, pe := range v.Outputs {
			e := pe.Edge
			fmt.Fprintf(&b, "  %d%s -> %d", e.From, outputText(e), e.To)
			if len(p.Vertices[pe.To].Inputs) > 1 {
				fmt.Fprintf(&b, " input %d", e.Input)
			}
			fmt.Fprintf(&b, " of vertex %d: %v%s", pe.To, pe.Partitioner, typeText(" by", e.KeyType))
			if e.Blocking {
				b.WriteString(", blocking")
			}
			if e.Type != "" {
				b.WriteString("," + typeText("", e.Type))
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func (p *Plan) operatorText(b *strings.Builder, v *Vertex, id int) {
	op := p.Graph.Operators[id]
	fmt.Fprintf(b, "  operator %d: %s %q uid %s", id, op.Kind, nameOf(op), p.UIDs[id])
	switch {
	case op.UID == "" && p.Siblings[id] > 1:
		fmt.Fprintf(b, " (derived, one of %d alike)", p.Siblings[id])
	case op.UID == "":
		b.WriteString(" (derived)")
	}
	if op.KeyType != "" {
		b.WriteString(" key " + op.KeyType)
	}
	if r := p.Resolved[id]; r.MaxParallelism != v.MaxParallelism {
		fmt.Fprintf(b, " at most %d", r.MaxParallelism)
	}
	b.WriteByte('\n')
	for _, s := range sortedStates(op) {
		fmt.Fprintf(b, "    state %q: %s%s\n", s.Name, s.Kind, typeText(" of", s.Schema))
	}
}

// outputText is the side output an edge starts from, as "[late]".
func outputText(e *Edge) string {
	if e.Output == "" {
		return ""
	}
	return "[" + e.Output + "]"
}

// typeText puts a space and what before a type, if there is one.
func typeText(what, typ string) string {
	if typ == "" {
		return ""
	}
	return what + " " + typ
}

func count(n int, noun string) string { return plural(n, noun, noun+"s") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
