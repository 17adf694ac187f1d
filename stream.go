package weir

import (
	"reflect"
	"unsafe"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
)

// Stream is a stream of records of type T: the output of an operator, or of several (union), and how it is spread over the subtasks of what reads it.
//
// A stream may be read by any number of operators; each sees every record.
type Stream[T any] struct {
	env   *Environment
	feeds []feed[T]
	op    *dataflow.Operator // what the setters configure; nil for unions, partitioned streams and side outputs
}

// feed is one output of an operator, on its way to a reader.
type feed[T any] struct {
	from        int
	output      string
	partitioner dataflow.Partitioner
	set         bool
	custom      func(v T, channels int) int
	functions   []any
}

// edge is the typed factory of an edge with what the graph needs to know of its type.
type edge[T any] struct {
	operator.Edge[T]
	err       error
	functions []any
}

func (e *edge[T]) typeError() error { return e.err }

// Functions lists the user functions that run in the edge.
func (e *edge[T]) Functions() []any { return e.functions }

// input is one input of an operator that is being added.
type input interface {
	environment() *Environment
	connect(to *dataflow.Operator, number int)
}

// edgeInput connects the feeds of a stream, keyed or not. It does not refer to the stream itself: it becomes an interface value, and for what such a value refers to the compiler makes all methods, for every T.
type edgeInput[T any] struct {
	env     *Environment
	feeds   []feed[T]
	keyHash func(T) uint64
	keyFn   any
	keyType string
	keyErr  error
}

func (in edgeInput[T]) environment() *Environment { return in.env }

func (in edgeInput[T]) connect(to *dataflow.Operator, number int) {
	env := in.env
	c, err := codec.For[T]()
	for _, f := range in.feeds {
		ed := &edge[T]{err: err, functions: f.functions}
		e := &dataflow.Edge{
			ID: len(env.graph.Edges), From: f.from, To: to.ID, Output: f.output, Input: number,
			Partitioner: f.partitioner, PartitionerSet: f.set, Type: typeText[T](),
		}
		ed.Custom = f.custom
		if c != nil && c.HasPointers() {
			own := int(unsafe.Sizeof(*new(T)))
			ed.Size = func(v *T) int { return c.Size(v) - own }
			if strings, only := c.StringOffsets(); only {
				ed.Strings = strings
			}
		}
		if in.keyHash != nil {
			e.Partitioner, e.PartitionerSet, e.KeyType = dataflow.Hash, true, in.keyType
			ed.KeyHash = in.keyHash
			ed.functions = append(ed.functions, in.keyFn)
			if in.keyErr != nil {
				ed.err = in.keyErr
			}
		}
		e.Factory = ed
		env.graph.Edges = append(env.graph.Edges, e)
	}
}

// typeText is the stable text of a type: its schema, or its Go name where it has none.
func typeText[T any]() string {
	if c, err := codec.For[T](); err == nil {
		return c.Schema()
	}
	return reflect.TypeFor[T]().String()
}

// spec describes an operator that is being added.
type spec struct {
	kind        string
	name        string // "" means the kind
	factory     any
	outType     string
	source      bool
	bounded     bool
	sink        bool
	nonParallel bool
	states      []dataflow.StateDecl
	keyType     string
	parallelism int
}

// add appends an operator with its input edges to the graph of the environment.
func (e *Environment) add(s spec, inputs ...input) *dataflow.Operator {
	if e.used {
		e.fail(fault.New(fault.GraphUsed, "operator %q was added after the job had been executed", s.kind))
	}
	op := &dataflow.Operator{
		ID: len(e.graph.Operators), Kind: s.kind, Name: s.kind, Factory: s.factory, OutType: s.outType,
		Source: s.source, Bounded: s.bounded, Sink: s.sink, NonParallel: s.nonParallel, States: s.states, KeyType: s.keyType,
		Parallelism: s.parallelism,
	}
	if s.name != "" {
		op.Name = s.name
	}
	e.graph.Operators = append(e.graph.Operators, op)
	for i, in := range inputs {
		if in.environment() != e {
			e.fail(fault.New(fault.GraphForeignStream, "operator %q reads a stream of another environment", op.Name))
			continue
		}
		in.connect(op, i)
	}
	return op
}

// transform adds an operator with one input.
func transform[T, U any](in input, kind string, factory operator.Factory) *Stream[U] {
	env := in.environment()
	return outputOf[U](env, env.add(spec{kind: kind, factory: factory, outType: typeText[U]()}, in))
}

func outputOf[U any](env *Environment, op *dataflow.Operator) *Stream[U] {
	return &Stream[U]{env: env, op: op, feeds: []feed[U]{{from: op.ID}}}
}

func (s *Stream[T]) in() edgeInput[T] { return edgeInput[T]{env: s.env, feeds: s.feeds} }

// Environment returns the environment the stream belongs to.
func (s *Stream[T]) Environment() *Environment { return s.env }

// need reports a nil function; the operator is added all the same, so that later errors are found too.
func need(env *Environment, kind string, fns ...any) {
	for _, fn := range fns {
		v := reflect.ValueOf(fn)
		if !v.IsValid() || (v.Kind() == reflect.Func || v.Kind() == reflect.Interface) && v.IsNil() {
			env.fail(fault.New(fault.GraphNilFunction, "operator %q was given a nil function", kind))
			return
		}
	}
}

func (s *Stream[T]) configure(what string, f func(op *dataflow.Operator)) *Stream[T] {
	if s.op == nil {
		s.env.fail(fault.New(fault.GraphInvalid, "%s was called on a stream that is a union, a partitioning or a side output, not an operator's own", what))
		return s
	}
	f(s.op)
	return s
}

// Name sets the name of the operator that made the stream, shown to people.
func (s *Stream[T]) Name(name string) *Stream[T] {
	return s.configure("Name", func(op *dataflow.Operator) { op.Name, op.NameGiven = name, true })
}

// UID sets the stable identity of the operator that made the stream. State is kept under it when the program changes, so operators with state should have one.
func (s *Stream[T]) UID(uid string) *Stream[T] {
	return s.configure("UID", func(op *dataflow.Operator) {
		if uid == "" {
			s.env.fail(fault.New(fault.GraphInvalidUID, "operator %q was given an empty uid", op.Name))
		}
		op.UID = uid
	})
}

// Parallelism sets how many subtasks the operator that made the stream runs in.
func (s *Stream[T]) Parallelism(n int) *Stream[T] {
	return s.configure("Parallelism", func(op *dataflow.Operator) {
		if n < 1 {
			s.env.fail(fault.New(fault.GraphParallelism, "operator %q was given parallelism %d", op.Name, n))
			return
		}
		op.Parallelism = n
	})
}

// MaxParallelism sets the number of key groups of the operator that made the stream: see [Options.MaxParallelism].
func (s *Stream[T]) MaxParallelism(n int) *Stream[T] {
	return s.configure("MaxParallelism", func(op *dataflow.Operator) {
		if n < 1 {
			s.env.fail(fault.New(fault.GraphMaxParallelism, "operator %q was given max parallelism %d", op.Name, n))
			return
		}
		op.MaxParallelism = n
	})
}

// StartNewChain keeps the operator that made the stream from being fused with those before it.
func (s *Stream[T]) StartNewChain() *Stream[T] {
	return s.configure("StartNewChain", func(op *dataflow.Operator) { op.Chaining = dataflow.ChainHead })
}

// DisableChaining keeps the operator that made the stream from being fused with any other.
func (s *Stream[T]) DisableChaining() *Stream[T] {
	return s.configure("DisableChaining", func(op *dataflow.Operator) { op.Chaining = dataflow.ChainNever })
}

// SlotSharingGroup sets the group of the operator that made the stream. Subtasks of different groups never share a slot, nor a chain. Default: that of the
// inputs if they agree, else "default".
func (s *Stream[T]) SlotSharingGroup(group string) *Stream[T] {
	return s.configure("SlotSharingGroup", func(op *dataflow.Operator) { op.SlotSharingGroup = group })
}

func (s *Stream[T]) partitioned(p dataflow.Partitioner, custom func(T, int) int, functions ...any) *Stream[T] {
	out := &Stream[T]{env: s.env}
	for _, f := range s.feeds {
		f.partitioner, f.set, f.custom, f.functions = p, true, custom, functions
		out.feeds = append(out.feeds, f)
	}
	return out
}

// Forward sends each record to the subtask of the same index. Both sides must have the same parallelism.
func (s *Stream[T]) Forward() *Stream[T] { return s.partitioned(dataflow.Forward, nil) }

// Rebalance sends records round all subtasks.
func (s *Stream[T]) Rebalance() *Stream[T] { return s.partitioned(dataflow.Rebalance, nil) }

// Rescale sends records round a part of the subtasks, so that each producer has few channels.
func (s *Stream[T]) Rescale() *Stream[T] { return s.partitioned(dataflow.Rescale, nil) }

// Shuffle sends each record to a subtask drawn at random.
func (s *Stream[T]) Shuffle() *Stream[T] { return s.partitioned(dataflow.Shuffle, nil) }

// Broadcast sends every record to every subtask.
func (s *Stream[T]) Broadcast() *Stream[T] { return s.partitioned(dataflow.Broadcast, nil) }

// Global sends all records to the first subtask.
func (s *Stream[T]) Global() *Stream[T] { return s.partitioned(dataflow.Global, nil) }

// PartitionCustom sends each record to the subtask that choose returns, from 0 to subtasks-1. Another number fails the job.
func (s *Stream[T]) PartitionCustom(choose func(v T, subtasks int) int) *Stream[T] {
	need(s.env, "partitionCustom", choose)
	return s.partitioned(dataflow.Custom, choose, choose)
}

// Union merges streams of one type. The records of each input keep their order, among inputs there is none. A stream that is united with itself comes twice.
func (s *Stream[T]) Union(others ...*Stream[T]) *Stream[T] {
	out := &Stream[T]{env: s.env, feeds: append([]feed[T]{}, s.feeds...)}
	for _, o := range others {
		if o.env != s.env {
			s.env.fail(fault.New(fault.GraphForeignStream, "a stream of another environment was given to Union"))
			continue
		}
		out.feeds = append(out.feeds, o.feeds...)
	}
	return out
}
