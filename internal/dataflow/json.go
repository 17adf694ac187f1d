package dataflow

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
)

// jsonVersion is the version of both JSON forms. A field may be added without changing it; all else changes it.
const jsonVersion = 1

type graphJSON struct {
	Version         int    `json:"version"`
	Name            string `json:"name"`
	Parallelism     int    `json:"parallelism"`
	MaxParallelism  int    `json:"max_parallelism"`
	DisableChaining bool   `json:"disable_chaining"`
	Batch           bool   `json:"batch,omitempty"`
}

type operatorJSON struct {
	ID               int         `json:"id"`
	Kind             string      `json:"kind"`
	Name             string      `json:"name"`
	NameGiven        bool        `json:"name_given,omitempty"`
	UID              string      `json:"uid,omitempty"`
	Source           bool        `json:"source,omitempty"`
	Bounded          bool        `json:"bounded,omitempty"`
	Sink             bool        `json:"sink,omitempty"`
	NonParallel      bool        `json:"non_parallel,omitempty"`
	Parallelism      int         `json:"parallelism,omitempty"`
	MaxParallelism   int         `json:"max_parallelism,omitempty"`
	Chaining         string      `json:"chaining"`
	ChainInputs      bool        `json:"chain_inputs,omitempty"`
	SlotSharingGroup string      `json:"slot_sharing_group,omitempty"`
	KeyType          string      `json:"key_type,omitempty"`
	OutType          string      `json:"out_type,omitempty"`
	States           []StateDecl `json:"states,omitempty"`
}

type edgeJSON struct {
	ID          int    `json:"id"`
	From        int    `json:"from"`
	Output      string `json:"output,omitempty"`
	To          int    `json:"to"`
	Input       int    `json:"input"`
	Partitioner string `json:"partitioner,omitempty"`
	KeyType     string `json:"key_type,omitempty"`
	Blocking    bool   `json:"blocking,omitempty"`
	Type        string `json:"type,omitempty"`
}

type constJSON struct {
	Name   string `json:"name"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// JSON returns the canonical form of the graph: all that the program says, nothing that is derived from it, no factories, and of
// constants the hash. Equal programs give equal bytes. The fields of an object are in a fixed order, and each operator, edge and
// constant stands on its own line, so that [Diff] of two forms can be read.
//
// It fails with a graph.invalid error for a graph with a nil operator or edge, which Validate refuses, and for nothing else.
func (g *Graph) JSON() ([]byte, error) {
	doc := document{head: graphJSON{
		Version: jsonVersion, Name: g.Name, Parallelism: g.Parallelism, MaxParallelism: g.MaxParallelism,
		DisableChaining: g.DisableChaining, Batch: g.Batch,
	}}
	doc.list("operators")
	for i, op := range g.Operators {
		if op == nil {
			return nil, fault.New(fault.GraphInvalid, "operator %d is nil", i)
		}
		doc.item(operatorJSON{
			ID: op.ID, Kind: op.Kind, Name: op.Name, NameGiven: op.NameGiven, UID: op.UID,
			Source: op.Source, Bounded: op.Bounded, Sink: op.Sink, NonParallel: op.NonParallel,
			Parallelism: op.Parallelism, MaxParallelism: op.MaxParallelism, Chaining: op.Chaining.String(), ChainInputs: op.ChainInputs,
			SlotSharingGroup: op.SlotSharingGroup, KeyType: op.KeyType, OutType: op.OutType, States: op.States,
		})
	}
	doc.list("edges")
	for i, e := range g.Edges {
		if e == nil {
			return nil, fault.New(fault.GraphInvalid, "edge %d is nil", i)
		}
		doc.item(e.json())
	}
	doc.list("consts")
	for _, c := range g.Consts {
		sum := sha256.Sum256(c.Value)
		doc.item(constJSON{Name: c.Name, Bytes: len(c.Value), SHA256: hex.EncodeToString(sum[:])})
	}
	return doc.bytes()
}

func (e *Edge) json() edgeJSON {
	j := edgeJSON{
		ID: e.ID, From: e.From, Output: e.Output, To: e.To, Input: e.Input,
		KeyType: e.KeyType, Blocking: e.Blocking, Type: e.Type,
	}
	if e.PartitionerSet {
		j.Partitioner = e.Partitioner.String()
	}
	return j
}

// Hash returns the SHA-256 of [Graph.JSON] in hexadecimal: equal for equal programs. A worker compares it with that of the
// submitted graph before it runs anything. It is "" for a graph that has no JSON form.
func (g *Graph) Hash() string {
	text, err := g.JSON()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

type planJSON struct {
	Version   int     `json:"version"`
	Name      string  `json:"name"`
	GraphHash string  `json:"graph_hash"`
	Operators int     `json:"operator_count"`
	Subtasks  int     `json:"subtasks"`
	Slots     int     `json:"slots"`
	Regions   [][]int `json:"regions"`
}

type vertexJSON struct {
	ID               int                `json:"id"`
	Name             string             `json:"name"`
	Parallelism      int                `json:"parallelism"`
	MaxParallelism   int                `json:"max_parallelism"`
	SlotSharingGroup string             `json:"slot_sharing_group"`
	Operators        []plannedOperator  `json:"operators"`
	Chained          []plannedChainEdge `json:"chained,omitempty"`
}

type plannedOperator struct {
	ID             int              `json:"id"`
	UID            base.OperatorUID `json:"uid"`
	UIDGiven       bool             `json:"uid_given,omitempty"`
	Siblings       int              `json:"siblings,omitempty"`
	Kind           string           `json:"kind"`
	Name           string           `json:"name"`
	MaxParallelism int              `json:"max_parallelism"`
	KeyType        string           `json:"key_type,omitempty"`
	OutType        string           `json:"out_type,omitempty"`
	States         []StateDecl      `json:"states,omitempty"`
}

type plannedChainEdge struct {
	ID     int    `json:"id"`
	From   int    `json:"from"`
	Output string `json:"output,omitempty"`
	To     int    `json:"to"`
	Type   string `json:"type,omitempty"`
}

type plannedEdge struct {
	ID           int    `json:"id"`
	From         int    `json:"from"`
	FromOperator int    `json:"from_operator"`
	Output       string `json:"output,omitempty"`
	To           int    `json:"to"`
	ToOperator   int    `json:"to_operator"`
	Input        int    `json:"input"`
	Partitioner  string `json:"partitioner"`
	KeyType      string `json:"key_type,omitempty"`
	Blocking     bool   `json:"blocking,omitempty"`
	Type         string `json:"type,omitempty"`
}

// JSON returns the plan with all that is derived: vertices with their operators and uids, and the edges between them (from and to
// are vertices). Vertices and edges stand on their own lines; equal plans give equal bytes. It fails only
// where the engine has a defect.
func (p *Plan) JSON() ([]byte, error) {
	doc := document{head: planJSON{
		Version: jsonVersion, Name: p.Graph.Name, GraphHash: p.Graph.Hash(), Operators: len(p.UIDs),
		Subtasks: p.Subtasks(), Slots: p.Slots, Regions: p.Regions(),
	}}
	doc.list("vertices")
	for _, v := range p.Vertices {
		j := vertexJSON{
			ID: v.ID, Name: v.Name, Parallelism: v.Parallelism, MaxParallelism: v.MaxParallelism,
			SlotSharingGroup: v.SlotSharingGroup,
		}
		for _, id := range v.Operators {
			op := p.Graph.Operators[id]
			o := plannedOperator{
				ID: id, UID: p.UIDs[id], UIDGiven: op.UID != "", Kind: op.Kind, Name: nameOf(op),
				MaxParallelism: p.Resolved[id].MaxParallelism, KeyType: op.KeyType, OutType: op.OutType, States: op.States,
			}
			if p.Siblings[id] > 1 {
				o.Siblings = p.Siblings[id]
			}
			j.Operators = append(j.Operators, o)
		}
		for _, e := range v.Chained {
			j.Chained = append(j.Chained, plannedChainEdge{ID: e.ID, From: e.From, Output: e.Output, To: e.To, Type: e.Type})
		}
		doc.item(j)
	}
	doc.list("edges")
	for _, pe := range p.Edges {
		e := pe.Edge
		doc.item(plannedEdge{
			ID: e.ID, From: pe.From, FromOperator: e.From, Output: e.Output, To: pe.To, ToOperator: e.To, Input: e.Input,
			Partitioner: pe.Partitioner.String(), KeyType: e.KeyType, Blocking: e.Blocking, Type: e.Type,
		})
	}
	return doc.bytes()
}

// document writes a JSON object: the fields of head on the first line, then lists with an item a line.
type document struct {
	head  any
	lists []documentList
}

type documentList struct {
	name  string
	items []any
}

func (d *document) list(name string) { d.lists = append(d.lists, documentList{name: name}) }

func (d *document) item(v any) {
	l := &d.lists[len(d.lists)-1]
	l.items = append(l.items, v)
}

func (d *document) bytes() ([]byte, error) {
	var b bytes.Buffer
	line := func(v any) error {
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false) // type names hold '<', which people read
		if err := enc.Encode(v); err != nil {
			return fault.Wrap(fault.InternalInvariant, err)
		}
		b.Truncate(b.Len() - 1) // the newline
		return nil
	}
	if err := line(d.head); err != nil {
		return nil, err
	}
	b.Truncate(b.Len() - 1) // the brace that closes head
	for _, l := range d.lists {
		b.WriteString(",\n\"" + l.name + "\":[")
		for i, v := range l.items {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteByte('\n')
			if err := line(v); err != nil {
				return nil, err
			}
		}
		b.WriteByte(']')
	}
	b.WriteString("}\n")
	return b.Bytes(), nil
}
