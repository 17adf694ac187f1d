package state

import (
	"iter"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/statebackend"
)

// Value is one value for each key.
type Value[V any] struct {
	decl
	h *statebackend.Value[V]
}

// NewValue makes a value state. A function returns it from its States method.
func NewValue[V any](name string, opts ...Option) *Value[V] {
	return &Value[V]{decl: declare[V](name, "value", true, opts)}
}

// Bind implements [State].
func (s *Value[V]) Bind(b *Binding) {
	s.bind(b)
	s.h = statebackend.NewValue[V](b.Scope, s.d.Name, s.ttl())
}

func (s *Value[V]) handle() *statebackend.Value[V] {
	if s.h == nil {
		s.unbound()
	}
	return s.h
}

// Get returns the value, and whether there is one.
func (s *Value[V]) Get() (v V, ok bool) { return s.handle().Get() }

// Set replaces the value.
func (s *Value[V]) Set(v V) { s.handle().Set(v) }

// Update calls f with the value, or with a zero one if there is none, and keeps what f leaves. f must not touch other state, nor keep the pointer. It saves a second search and, for types without
// pointers, copying.
func (s *Value[V]) Update(f func(v *V, fresh bool)) {
	h := s.handle()
	v, fresh := h.Edit()
	f(v, fresh)
	h.Done()
}

// Clear removes the value.
func (s *Value[V]) Clear() { s.handle().Clear() }

// List is a list of values for each key.
type List[V any] struct {
	decl
	h *statebackend.List[V]
}

// NewList makes a list state.
func NewList[V any](name string, opts ...Option) *List[V] {
	return &List[V]{decl: declare[V](name, "list", true, opts)}
}

// Bind implements [State].
func (s *List[V]) Bind(b *Binding) {
	s.bind(b)
	s.h = statebackend.NewList[V](b.Scope, s.d.Name, s.ttl())
}

func (s *List[V]) handle() *statebackend.List[V] {
	if s.h == nil {
		s.unbound()
	}
	return s.h
}

// Add appends a value. What is already in the list is not looked at.
func (s *List[V]) Add(v V) { s.handle().Add(v) }

// All returns the values in the order in which they were added. The list may be changed meanwhile: added values may or may not be seen, and clearing or replacing the list
// ends the loop.
func (s *List[V]) All() iter.Seq[V] { return func(yield func(V) bool) { s.handle().Each(yield) } }

// Len is the number of values, with those that have expired and not been removed yet.
func (s *List[V]) Len() int { return s.handle().Len() }

// Set makes the list hold vs and nothing else.
func (s *List[V]) Set(vs []V) { s.handle().Replace(vs) }

// Clear removes all values.
func (s *List[V]) Clear() { s.handle().Clear() }

// Map is a map of values for each key. Its entries are kept one by one: reading one does not read the others.
type Map[K comparable, V any] struct {
	decl
	h *statebackend.Map[K, V]
}

// NewMap makes a map state.
func NewMap[K comparable, V any](name string, opts ...Option) *Map[K, V] {
	s := &Map[K, V]{decl: declare[V](name, "map", true, opts)}
	s.keySchema(keySchemaOf[K]())
	return s
}

func (d *decl) keySchema(schema string, err error) {
	d.d.KeySchema = schema
	if d.d.Err == nil {
		d.d.Err = err
	}
}

func keySchemaOf[K comparable]() (string, error) {
	c, err := codec.KeyFor[K]()
	if err != nil {
		return "", err
	}
	return c.Codec.Schema(), nil
}

// Bind implements [State].
func (s *Map[K, V]) Bind(b *Binding) {
	s.bind(b)
	s.h = statebackend.NewMap[K, V](b.Scope, s.d.Name, s.ttl())
}

func (s *Map[K, V]) handle() *statebackend.Map[K, V] {
	if s.h == nil {
		s.unbound()
	}
	return s.h
}

// Get returns the value of k, and whether there is one.
func (s *Map[K, V]) Get(k K) (v V, ok bool) { return s.handle().Get(k) }

// Contains reports whether there is a value of k.
func (s *Map[K, V]) Contains(k K) bool { return s.handle().Contains(k) }

// Put sets the value of k.
func (s *Map[K, V]) Put(k K, v V) { s.handle().Put(k, v) }

// Update is [Value.Update] for the value of k.
func (s *Map[K, V]) Update(k K, f func(v *V, fresh bool)) {
	h := s.handle()
	v, fresh := h.Edit(k)
	f(v, fresh)
	h.Done()
}

// Delete removes k.
func (s *Map[K, V]) Delete(k K) { s.handle().Delete(k) }

// All returns the entries in the order in which their keys were first put. The map may be changed meanwhile: an entry that is deleted before its turn is not seen, one that is put may or may not be.
func (s *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { s.handle().Each(yield) }
}

// Keys returns the keys, as All does.
func (s *Map[K, V]) Keys() iter.Seq[K] { return func(yield func(K) bool) { s.handle().EachKey(yield) } }

// Values returns the values, as All does.
func (s *Map[K, V]) Values() iter.Seq[V] {
	return func(yield func(V) bool) { s.handle().EachValue(yield) }
}

// Len is the number of entries, with those that have expired and not been removed yet.
func (s *Map[K, V]) Len() int { return s.handle().Len() }

// Clear removes all entries.
func (s *Map[K, V]) Clear() { s.handle().Clear() }

// Reducing keeps, for each key, what a function makes of all values added.
type Reducing[V any] struct {
	decl
	combine func(kept, v V) V
	h       *statebackend.Reducing[V]
}

// NewReducing makes a reducing state. combine is given the kept value and the one that is added; the first value is kept as it is.
func NewReducing[V any](name string, combine func(kept, v V) V, opts ...Option) *Reducing[V] {
	s := &Reducing[V]{decl: declare[V](name, "reducing", true, opts), combine: combine}
	s.needs(combine != nil)
	return s
}

func (d *decl) needs(there bool) {
	if !there && d.d.Err == nil {
		d.d.Err = fault.New(fault.GraphNilFunction, "state %q was given a nil function", d.d.Name)
	}
}

// Bind implements [State].
func (s *Reducing[V]) Bind(b *Binding) {
	s.bind(b)
	s.h = statebackend.NewReducing(b.Scope, s.d.Name, s.ttl(), s.combine)
}

func (s *Reducing[V]) handle() *statebackend.Reducing[V] {
	if s.h == nil {
		s.unbound()
	}
	return s.h
}

// Add takes in a value.
func (s *Reducing[V]) Add(v V) { s.handle().Add(v) }

// Get returns the kept value, and whether there is one.
func (s *Reducing[V]) Get() (v V, ok bool) { return s.handle().Get() }

// Clear removes the kept value.
func (s *Reducing[V]) Clear() { s.handle().Clear() }

// Aggregating keeps, for each key, an accumulator of all values added.
type Aggregating[T, A, R any] struct {
	decl
	create func() A
	add    func(acc A, v T) A
	result func(acc A) R
	h      *statebackend.Aggregating[T, A, R]
}

// NewAggregating makes an aggregating state: create returns an empty accumulator, add one with a value added, result what an accumulator stands for.
func NewAggregating[T, A, R any](name string, create func() A, add func(acc A, v T) A, result func(acc A) R, opts ...Option) *Aggregating[T, A, R] {
	s := &Aggregating[T, A, R]{decl: declare[A](name, "aggregating", true, opts), create: create, add: add, result: result}
	s.needs(create != nil && add != nil && result != nil)
	return s
}

// Bind implements [State].
func (s *Aggregating[T, A, R]) Bind(b *Binding) {
	s.bind(b)
	s.h = statebackend.NewAggregating(b.Scope, s.d.Name, s.ttl(), s.create, s.add, s.result)
}

func (s *Aggregating[T, A, R]) handle() *statebackend.Aggregating[T, A, R] {
	if s.h == nil {
		s.unbound()
	}
	return s.h
}

// Add takes in a value.
func (s *Aggregating[T, A, R]) Add(v T) { s.handle().Add(v) }

// Get returns the result, and whether anything was added.
func (s *Aggregating[T, A, R]) Get() (r R, ok bool) { return s.handle().Get() }

// Clear removes the accumulator.
func (s *Aggregating[T, A, R]) Clear() { s.handle().Clear() }
