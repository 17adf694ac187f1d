package savepoint

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/catalog"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/snapshot"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/state"
)

// keyedSpace is where functions on keyed streams keep their state.
const keyedSpace = "keyed state"

// Savepoint is a savepoint, or a checkpoint, that is read. It may be used by any number of goroutines.
type Savepoint struct {
	path    string
	storage storage.Storage
	m       *manifest.Manifest
}

// Open reads what a savepoint or checkpoint consists of: path is the folder that holds its _metadata, as in Checkpoints.Restore.
func Open(ctx context.Context, path string) (*Savepoint, error) {
	root, folder := catalog.Locate(path)
	s, err := storage.Open(root)
	if err != nil {
		return nil, err
	}
	m, err := catalog.Load(ctx, s, folder)
	if err != nil {
		return nil, err
	}
	if m.Root != "" { // a job has ended with a savepoint elsewhere
		if s, err = storage.Open(m.Root); err != nil {
			return nil, err
		}
	}
	return &Savepoint{path, s, m}, nil
}

// Operator is what a savepoint has of an operator.
type Operator struct {
	UID, Name string
	// Parallelism is in how many subtasks it ran; MaxParallelism is the number of its key groups.
	Parallelism, MaxParallelism int
	// States are those of its keyed function, in the order of their declarations.
	States []State
}

// State is a state that belongs to a key.
type State struct {
	Name string
	// Kind is value, list or map. Reducing and aggregating state is of kind value.
	Kind string
	// Key is the type of the operator's keys, Value that of values, and MapKey that of a map's keys, in words.
	Key, Value, MapKey string
}

// Operators tells what operators the savepoint has, in the order of the job.
func (s *Savepoint) Operators() (all []Operator) {
	for _, o := range s.m.Operators {
		op := Operator{UID: o.Uid, Name: o.Name, Parallelism: int(o.Parallelism), MaxParallelism: int(o.MaxParallelism)}
		if sp := keyed(o); sp != nil {
			for _, c := range sp.Cells {
				op.States = append(op.States, State{Name: c.Name, Kind: c.Kind, Key: sp.KeySchema, Value: c.Schema, MapKey: c.KeySchema})
			}
		}
		all = append(all, op)
	}
	return all
}

// keyed describes the keyed state of an operator, nil if it has none.
func keyed(o *manifest.Operator) *manifest.Space {
	for _, sub := range o.Subtasks {
		for _, sp := range sub.Spaces {
			if sp.Name == keyedSpace {
				return sp
			}
		}
	}
	return nil
}

func (s *Savepoint) operator(uid string) (*manifest.Operator, error) {
	var known []string
	for _, o := range s.m.Operators {
		if o.Uid == uid {
			return o, nil
		}
		known = append(known, o.Uid)
	}
	return nil, fault.New(fault.OptionInvalid, "%s has no operator with the uid %q; it has %s", s.path, uid, strings.Join(known, ", "))
}

// KeyedReader reads the state of an operator, a key at a time. It belongs to one goroutine.
type KeyedReader[K comparable, T any] interface {
	// States are the states to read, declared as by the function that wrote them, or as that may change their types. Others are left out.
	States() []state.State
	// Read is called for each key that has any of them, while they are at that key. It must not change them. An error ends the reading.
	Read(key K, out func(T)) error
}

// ReadKeyed reads the keyed state of an operator, in the order of its key groups, of which it has one in memory at a time. If something is wrong, the last pair is a zero value and the error.
func ReadKeyed[K comparable, T any](ctx context.Context, s *Savepoint, uid string, create func() KeyedReader[K, T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		op, err := s.operator(uid)
		if err != nil {
			yield(zero, err)
			return
		}
		for g := range int(op.MaxParallelism) {
			ended := false
			err := readGroup(ctx, s, op, g, create(), func(v T) bool {
				ended = ended || !yield(v, nil)
				return !ended
			})
			if ended {
				return
			}
			if err != nil {
				yield(zero, err)
				return
			}
		}
	}
}

// FromKeyed is [ReadKeyed] as a bounded source of a job: its subtasks read different key groups.
func FromKeyed[K comparable, T any](env *weir.Environment, s *Savepoint, uid string, create func() KeyedReader[K, T]) *weir.Stream[T] {
	op, err := s.operator(uid)
	most := int64(op.GetMaxParallelism())
	groups := weir.FromSource(env, "savepoint", sequence.From(0, max(most, 1)-1))
	return weir.Process(groups, func(_ *weir.Context, g int64, out *weir.Collector[T]) error {
		if err != nil {
			return err
		}
		return readGroup(context.Background(), s, op, int(g), create(), func(v T) bool {
			out.Collect(v)
			return true
		})
	})
}

// errLeft ends a reading whose caller has gone.
var errLeft = errors.New("nobody reads any more")

// failed is what a store panics with.
type failed struct{ err error }

// recovered turns the failure of a store into an error.
func recovered(err *error) {
	switch r := recover().(type) {
	case nil:
	case failed:
		*err = r.err
	default:
		panic(r)
	}
}

// opened is a store with the keyed state of an operator.
func opened[K comparable](o *manifest.Operator, groups base.KeyGroupRange, states []state.State, now int64) (*statebackend.Store, *operator.KeyCursor[K], error) {
	fail := func(err error) { panic(failed{err}) }
	store, err := statebackend.New(statebackend.Config{Operator: o.Uid, Groups: groups, MaxParallelism: int(o.MaxParallelism), Fail: fail})
	if err != nil {
		return nil, nil, err
	}
	store.Tick(now)
	keys, err := operator.NewKeyCursor[K](store, keyedSpace)
	for _, st := range states {
		d := st.Declaration()
		switch {
		case err != nil:
		case d.Err != nil:
			err = d.Err
		case !d.Keyed:
			err = fault.New(fault.StateDeclared, "state %q does not belong to a key", d.Name)
		default:
			st.Bind(&state.Binding{Store: store, Scope: keys.Scope, Fail: fail})
		}
	}
	if err == nil && len(states) == 0 {
		err = fault.New(fault.StateDeclared, "no states are declared for operator %q", o.Uid)
	}
	if err != nil {
		store.Close()
		return nil, nil, err
	}
	return store, keys, nil
}

func readGroup[K comparable, T any](ctx context.Context, s *Savepoint, op *manifest.Operator, group int, r KeyedReader[K, T], yield func(T) bool) (err error) {
	defer recovered(&err)
	states := r.States()
	store, keys, err := opened[K](op, base.KeyGroupRange{First: group, Last: group}, states, s.m.Created)
	if err != nil {
		return err
	}
	defer store.Close()
	sp := keyed(op)
	for _, st := range states {
		name := st.Declaration().Name
		if sp == nil || !slices.ContainsFunc(sp.Cells, func(c *manifest.Cell) bool { return c.Name == name }) {
			return fault.New(fault.StateDeclared, "operator %q has no state %q in %s", op.Uid, name, s.path)
		}
	}
	part, _ := op.Deal(group, int(op.MaxParallelism))
	part.Lists = nil
	part.Spaces = slices.DeleteFunc(part.Spaces, func(sp *manifest.Space) bool { return sp.Name != keyedSpace })
	in := snapshot.NewReader(ctx, func(ctx context.Context, name string) (snapshot.Source, error) { return s.storage.Open(ctx, name) })
	if err := errors.Join(in.Restore(store, part, true), in.Close()); err != nil {
		return err
	}
	space := keys.Scope.Space()
	for ref := range space.All {
		keys.SetWords(space.Words(ref), space.Bytes(ref))
		k, _ := keys.Key()
		more := true
		err := r.Read(k, func(v T) { more = more && yield(v) })
		if err == nil && !more {
			err = errLeft
		}
		if err != nil {
			return fault.Wrap(fault.FunctionError, err)
		}
	}
	return nil
}

// Entry is a key with what it has in one state.
type Entry[K comparable, V any] struct {
	Key   K
	Value V
}

// one reads one state.
type one[K comparable, V any] struct {
	s    state.State
	read func() (V, bool)
}

func (o one[K, V]) States() []state.State { return []state.State{o.s} }

func (o one[K, V]) Read(key K, out func(Entry[K, V])) error {
	if v, ok := o.read(); ok {
		out(Entry[K, V]{key, v})
	}
	return nil
}

// Values reads a value state of an operator; reducing state, too.
func Values[K comparable, V any](ctx context.Context, s *Savepoint, uid, name string) iter.Seq2[Entry[K, V], error] {
	return ReadKeyed(ctx, s, uid, func() KeyedReader[K, Entry[K, V]] {
		v := state.NewValue[V](name)
		return one[K, V]{v, v.Get}
	})
}

// Lists reads a list state of an operator.
func Lists[K comparable, V any](ctx context.Context, s *Savepoint, uid, name string) iter.Seq2[Entry[K, []V], error] {
	return ReadKeyed(ctx, s, uid, func() KeyedReader[K, Entry[K, []V]] {
		l := state.NewList[V](name)
		return one[K, []V]{l, func() ([]V, bool) { return slices.Collect(l.All()), l.Len() > 0 }}
	})
}

// Maps reads a map state of an operator.
func Maps[K, M comparable, V any](ctx context.Context, s *Savepoint, uid, name string) iter.Seq2[Entry[K, map[M]V], error] {
	return ReadKeyed(ctx, s, uid, func() KeyedReader[K, Entry[K, map[M]V]] {
		m := state.NewMap[M, V](name)
		return one[K, map[M]V]{m, func() (map[M]V, bool) {
			all := map[M]V{}
			for k, v := range m.All() {
				all[k] = v
			}
			return all, len(all) > 0
		}}
	})
}

// String names the savepoint.
func (s *Savepoint) String() string {
	return fmt.Sprintf("%s %d of job %q at %s", s.m.Kind, s.m.Id, s.m.JobName, s.path)
}
