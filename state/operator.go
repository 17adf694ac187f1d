package state

import (
	"iter"
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/statebackend"
)

// OperatorList is a list that belongs to a subtask of an operator and to no key: the positions of a reader, a buffer of a writer. When the parallelism changes, the elements of all subtasks are
// dealt out anew. It is kept in memory.
type OperatorList[V any] struct {
	decl
	mode  statebackend.Redistribution
	items []V
}

// NewOperatorList makes operator state that is split: each element goes to one subtask.
func NewOperatorList[V any](name string) *OperatorList[V] {
	return &OperatorList[V]{decl: declare[V](name, "operator-list", false, nil), mode: statebackend.Split}
}

// NewUnionList makes operator state of which every subtask gets all elements of all subtasks.
func NewUnionList[V any](name string) *OperatorList[V] {
	return &OperatorList[V]{decl: declare[V](name, "operator-union-list", false, nil), mode: statebackend.Union}
}

// Bind implements [State].
func (s *OperatorList[V]) Bind(b *Binding) {
	s.bind(b)
	statebackend.AddList(b.Store, s.d.Name, s.mode, s.All, func(vs []V) error {
		s.items = vs
		return nil
	})
}

// Add appends a value.
func (s *OperatorList[V]) Add(v V) { s.items = append(s.items, v) }

// All returns the values in order.
func (s *OperatorList[V]) All() iter.Seq[V] { return slices.Values(s.items) }

// Len is the number of values.
func (s *OperatorList[V]) Len() int { return len(s.items) }

// Set makes the list hold vs, which it keeps.
func (s *OperatorList[V]) Set(vs []V) { s.items = vs }

// Clear removes all values.
func (s *OperatorList[V]) Clear() { s.items = nil }

// Broadcast is a map that is the same in all subtasks of an operator: it is filled from a broadcast stream, by whose function alone it may be written. It is kept in memory.
type Broadcast[K comparable, V any] struct {
	decl
	values map[K]V
	order  []K
}

// NewBroadcast makes broadcast state.
func NewBroadcast[K comparable, V any](name string) *Broadcast[K, V] {
	s := &Broadcast[K, V]{decl: declare[V](name, "broadcast", false, nil), values: map[K]V{}}
	s.keySchema(keySchemaOf[K]())
	return s
}

// entry is how broadcast state is snapshotted.
type entry[K comparable, V any] struct {
	Key   K
	Value V
}

// Bind implements [State].
func (s *Broadcast[K, V]) Bind(b *Binding) {
	s.bind(b)
	statebackend.AddList(b.Store, s.d.Name, statebackend.Broadcast, func() iter.Seq[entry[K, V]] {
		return func(yield func(entry[K, V]) bool) {
			for k, v := range s.All() {
				if !yield(entry[K, V]{k, v}) {
					return
				}
			}
		}
	}, func(all []entry[K, V]) error {
		s.values, s.order = map[K]V{}, nil
		for _, e := range all {
			s.put(e.Key, e.Value)
		}
		return nil
	})
}

// Get returns the value of k, and whether there is one. What the value points to must not be changed.
func (s *Broadcast[K, V]) Get(k K) (v V, ok bool) {
	v, ok = s.values[k]
	return v, ok
}

// Contains reports whether there is a value of k.
func (s *Broadcast[K, V]) Contains(k K) bool {
	_, ok := s.values[k]
	return ok
}

// Len is the number of entries.
func (s *Broadcast[K, V]) Len() int { return len(s.values) }

// All returns the entries in the order in which their keys were first put. The map must not be changed meanwhile, but for the entry at hand.
func (s *Broadcast[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, k := range slices.Clone(s.order) {
			if v, ok := s.values[k]; ok && !yield(k, v) {
				return
			}
		}
	}
}

// Put sets the value of k. It fails the job outside of the function of the broadcast stream.
func (s *Broadcast[K, V]) Put(k K, v V) {
	s.writable()
	s.put(k, v)
}

func (s *Broadcast[K, V]) put(k K, v V) {
	if _, ok := s.values[k]; !ok {
		s.order = append(s.order, k)
	}
	s.values[k] = v
}

// Delete removes k. It fails the job outside of the function of the broadcast stream.
func (s *Broadcast[K, V]) Delete(k K) {
	s.writable()
	if _, ok := s.values[k]; ok {
		delete(s.values, k)
		s.order = slices.DeleteFunc(s.order, func(o K) bool { return o == k })
	}
}

// Clear removes all entries. It fails the job outside of the function of the broadcast stream.
func (s *Broadcast[K, V]) Clear() {
	s.writable()
	clear(s.values)
	s.order = nil
}

func (s *Broadcast[K, V]) writable() {
	if s.bound == nil {
		s.unbound()
	}
	if !s.bound.Writable {
		s.bound.Fail(fault.New(fault.StateReadOnly, "broadcast state %q is written outside of the function of the broadcast stream", s.d.Name))
	}
}
