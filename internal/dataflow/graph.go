// Package dataflow is the graph of a job: operators joined by edges, with stable uids, chains and a physical plan.
//
// A [Graph] is built by the API, checked by Validate, and turned into a [Plan]: forward edges of equal parallelism are fused into
// chains (vertices), and every edge between vertices is laid out into channels between subtasks. Graph and plan have a stable
// text form and a JSON form; the same program builds the same graph twice.
package dataflow

// Partitioner says how records of an edge are spread over the subtasks of the consumer.
type Partitioner uint8

const (
	// Forward sends to the subtask of the same index; both sides have the same parallelism.
	Forward Partitioner = iota
	// Hash sends by the key group of the record's key.
	Hash
	// Rebalance goes round all subtasks.
	Rebalance
	// Rescale goes round a local subset of subtasks: pointwise edges.
	Rescale
	// Broadcast sends every record to every subtask.
	Broadcast
	// Global sends all records to subtask 0.
	Global
	// Shuffle sends to a subtask drawn at random.
	Shuffle
	// Custom asks a function of the user.
	Custom
)

// ChainingStrategy says whether an operator may be fused with its neighbours.
type ChainingStrategy uint8

const (
	// ChainAlways fuses with the operator before and lets the ones behind fuse.
	ChainAlways ChainingStrategy = iota
	// ChainHead starts a new chain and lets the ones behind fuse.
	ChainHead
	// ChainNever stands alone.
	ChainNever
)

// DefaultMaxParallelism is the number of key groups of an operator that sets none, unless its parallelism asks for more:
// see [DeriveMaxParallelism].
const DefaultMaxParallelism = 128

// UpperMaxParallelism is the largest maximum parallelism.
const UpperMaxParallelism = 32768

// DefaultSlotSharingGroup is the group of operators that name none and whose inputs are in no other group.
const DefaultSlotSharingGroup = "default"

// StateDecl declares a state of an operator before the job runs.
type StateDecl struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`   // "value", "list", "map", "reducing", "aggregating", "broadcast", ...
	Schema string `json:"schema"` // stable text of the stored type
}

// Operator is a node of the logical graph.
type Operator struct {
	// ID is the position in Graph.Operators.
	ID int
	// UID was given by the user; empty means derived.
	UID string
	// Kind is what the operator does, as "map", "keyed-reduce", "source:files". Never from a closure's name.
	Kind string
	// Name is shown to people: given by the user, else the kind.
	Name string
	// NameGiven is whether the user gave Name; a name not given is not part of the derived uid.
	NameGiven bool
	// Source is whether the operator has no input and reads splits.
	Source bool
	// Bounded is whether a source ends by itself.
	Bounded bool
	// Sink is whether the operator ends a stream.
	Sink bool
	// NonParallel operators run with parallelism 1 only.
	NonParallel bool
	// Parallelism is the number of subtasks; 0 means the job's default.
	Parallelism int
	// MaxParallelism is the number of key groups; 0 means the job's default.
	MaxParallelism int
	Chaining       ChainingStrategy
	// ChainInputs lets an operator of several input edges run in the task that all of them come from, if they come from one: it is called by both sides of a fork that it joins.
	ChainInputs bool
	// SlotSharingGroup is "" for the group of the inputs, or the default.
	SlotSharingGroup string
	// States are declared, keyed or not. An operator with states, or a source, counts in uids downstream.
	States []StateDecl
	// KeyType is the stable text of the key's type for keyed operators, else "".
	KeyType string
	// OutType is the stable text of the main output's type, "" for sinks.
	OutType string
	// Factory makes the operator's instances; opaque to this package.
	Factory any
}

// Edge joins an output of one operator to an input of another.
type Edge struct {
	// ID is the position in Graph.Edges.
	ID int
	// From and To are operator ids.
	From, To int
	// Output names the side output of From; "" is the main output.
	Output string
	// Input is the input number of To, from 0. Several edges may lead to one input (union).
	Input int
	// Partitioner spreads the records. PartitionerSet is false when the user chose none: then it is Forward where the
	// parallelism of both sides is equal, else Rebalance, decided by the plan.
	Partitioner    Partitioner
	PartitionerSet bool
	// KeyType is the stable text of the key's type of a hash edge.
	KeyType string
	// Blocking edges are read when complete.
	Blocking bool
	// Type is the stable text of the record type.
	Type string
	// Factory makes typed outputs and inputs of the edge; opaque to this package.
	Factory any
}

// Const is a value computed once while the graph was built, shipped with the job.
type Const struct {
	Name  string
	Value []byte
}

// Graph is the logical graph of a job. It is built by one goroutine and not changed after Plan.
type Graph struct {
	Name string
	// Parallelism is the default of operators that set none; at least 1.
	Parallelism int
	// MaxParallelism is the default of operators that set none; 0 means derived from the parallelism.
	MaxParallelism int
	// Batch runs the graph, whose sources are all bounded, in batch mode: see operator.Grouping.
	Batch bool
	// DisableChaining turns all chaining off.
	DisableChaining bool
	Operators       []*Operator
	Edges           []*Edge
	Consts          []Const
	// Plans are the compiled plans of the statements that the graph was made of, packed as they go into checkpoints; none for a graph of another program. They follow from the statements, and are no part of the hash.
	Plans [][]byte
}
