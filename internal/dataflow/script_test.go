package dataflow

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestScripts runs the scripts of testdata/scripts; -rewrite writes what they print. The commands:
//
//	graph             defines a graph, a line for each operator and edge, as parseGraph reads it; prints nothing
//	validate          Validate, an error a line
//	text              the plan's text
//	plan              vertices, slots and regions in short
//	json, plan-json   the JSON forms
//	uids              uid and siblings of each operator
//	resolved          parallelism, maximum parallelism and slot sharing group of each operator, partitioner of each edge
//	targets edge=N    channels of an edge of the plan, seen from both sides
//	diff              defines another graph, and prints how its JSON differs from the first's
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		g := &Graph{}
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			switch td.Cmd {
			case "graph":
				g = parseGraph(t, td.Input)
				return ""
			case "validate":
				if err := g.Validate(); err != nil {
					return err.Error()
				}
				return "ok"
			case "json":
				text, err := g.JSON()
				if err != nil {
					return err.Error()
				}
				return string(text)
			case "diff":
				a, errA := g.JSON()
				b, errB := parseGraph(t, td.Input).JSON()
				if err := errors.Join(errA, errB); err != nil {
					return err.Error()
				}
				return Diff(string(a), string(b))
			}
			p, err := g.Plan()
			if err != nil {
				return err.Error()
			}
			var b strings.Builder
			switch td.Cmd {
			case "text":
				return p.Text()
			case "plan-json":
				text, err := p.JSON()
				if err != nil {
					return err.Error()
				}
				return string(text)
			case "plan":
				for _, v := range p.Vertices {
					fmt.Fprintf(&b, "%d: %s (%d)\n", v.ID, v.Name, v.Parallelism)
				}
				for _, e := range p.Edges {
					fmt.Fprintf(&b, "%d -> %d %v\n", e.From, e.To, e.Partitioner)
				}
				fmt.Fprintf(&b, "subtasks %d, slots %d, regions %v\n", p.Subtasks(), p.Slots, p.Regions())
			case "uids":
				for i, op := range g.Operators {
					fmt.Fprintf(&b, "%s: %s", nameOf(op), p.UIDs[i])
					if p.Siblings[i] > 1 {
						fmt.Fprintf(&b, " one of %d", p.Siblings[i])
					}
					b.WriteByte('\n')
				}
			case "resolved":
				for i, op := range g.Operators {
					fmt.Fprintf(&b, "%s: %d of at most %d in %s\n", nameOf(op),
						p.Resolved[i].Parallelism, p.Resolved[i].MaxParallelism, p.Resolved[i].SlotSharingGroup)
				}
				for i, e := range g.Edges {
					fmt.Fprintf(&b, "%s -> %s: %v\n", nameOf(g.Operators[e.From]), nameOf(g.Operators[e.To]), p.Partitioners[i])
				}
			case "targets":
				var n int
				td.ScanArgs(t, "edge", &n)
				e := p.Edges[n]
				for i := range p.Vertices[e.From].Parallelism {
					fmt.Fprintf(&b, "from %d to %v\n", i, p.Targets(e, i))
				}
				for i := range p.Vertices[e.To].Parallelism {
					fmt.Fprintf(&b, "to %d from %v\n", i, p.Sources(e, i))
				}
			default:
				td.Fatalf(t, "unknown command %q", td.Cmd)
			}
			return b.String()
		})
	})
}

// parseGraph reads a graph, a line each:
//
//	job name=wc parallelism=2 max=128 nochain
//	op words flatmap named uid=u source bounded sink nonparallel p=2 max=64 chain=head group=g key=string out=T state=name:kind:schema
//	edge words counts hash key=string type=T output=late input=1 blocking unset
//	const name=value
//
// The operator's first word is its name. An edge's ends are names, or numbers, which need not exist.
func parseGraph(t testing.TB, text string) *Graph {
	t.Helper()
	g := &Graph{Name: "test", Parallelism: 1}
	end := func(word string) int {
		for _, op := range g.Operators {
			if op.Name == word {
				return op.ID
			}
		}
		return number(t, word)
	}
	for line := range strings.SplitSeq(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		var rest []string
		var set func(key, value string) bool
		switch words[0] {
		case "job":
			rest, set = words[1:], func(key, value string) bool {
				switch key {
				case "name":
					g.Name = value
				case "parallelism":
					g.Parallelism = number(t, value)
				case "max":
					g.MaxParallelism = number(t, value)
				case "nochain":
					g.DisableChaining = true
				default:
					return false
				}
				return true
			}
		case "op":
			op := &Operator{ID: len(g.Operators), Name: words[1], Kind: words[2]}
			g.Operators = append(g.Operators, op)
			rest, set = words[3:], func(key, value string) bool { return setOperator(t, op, key, value) }
		case "edge":
			e := &Edge{ID: len(g.Edges), From: end(words[1]), To: end(words[2])}
			g.Edges = append(g.Edges, e)
			rest, set = words[3:], func(key, value string) bool { return setEdge(t, e, key, value) }
		case "const":
			rest, set = words[1:], func(key, value string) bool {
				g.Consts = append(g.Consts, Const{Name: key, Value: []byte(value)})
				return true
			}
		default:
			t.Fatalf("unknown line %q", line)
		}
		for _, word := range rest {
			key, value, _ := strings.Cut(word, "=")
			if !set(key, value) {
				t.Fatalf("unknown word %q in %q", word, line)
			}
		}
	}
	return g
}

func setOperator(t testing.TB, op *Operator, key, value string) bool {
	t.Helper()
	switch key {
	case "id":
		op.ID = number(t, value)
	case "named":
		op.NameGiven = true
	case "uid":
		op.UID = value
	case "source":
		op.Source = true
	case "bounded":
		op.Bounded = true
	case "sink":
		op.Sink = true
	case "nonparallel":
		op.NonParallel = true
	case "p":
		op.Parallelism = number(t, value)
	case "max":
		op.MaxParallelism = number(t, value)
	case "chain":
		s, err := ParseChainingStrategy(value)
		if err != nil {
			t.Fatal(err)
		}
		op.Chaining = s
	case "group":
		op.SlotSharingGroup = value
	case "key":
		op.KeyType = value
	case "out":
		op.OutType = value
	case "state":
		parts := strings.SplitN(value+"::", ":", 4)
		op.States = append(op.States, StateDecl{Name: parts[0], Kind: parts[1], Schema: parts[2]})
	default:
		return false
	}
	return true
}

func setEdge(t testing.TB, e *Edge, key, value string) bool {
	t.Helper()
	switch key {
	case "id":
		e.ID = number(t, value)
	case "key":
		e.KeyType = value
	case "type":
		e.Type = value
	case "output":
		e.Output = value
	case "input":
		e.Input = number(t, value)
	case "blocking":
		e.Blocking = true
	case "unset":
		e.PartitionerSet = false
	default:
		p, err := ParsePartitioner(key)
		if err != nil {
			return false
		}
		e.Partitioner, e.PartitionerSet = p, true
	}
	return true
}

func number(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
