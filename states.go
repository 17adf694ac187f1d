package weir

import (
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/state"
)

// Stateful is a function that has state. States returns the same states, in the same order, whenever a function of the kind is made: the engine asks one function for them when the graph is built, and
// each subtask's own before Open. See package state.
type Stateful interface{ States() []state.State }

// declared returns what a function declares, and reports what is wrong with it. Only a keyed operator may have keyed state.
func declared(env *Environment, kind string, keyed bool, f any) []dataflow.StateDecl {
	s, ok := f.(Stateful)
	if !ok {
		return nil
	}
	var all []dataflow.StateDecl
	for _, st := range s.States() {
		if st == nil {
			env.fail(fault.New(fault.StateDeclared, "operator %q declares a nil state", kind))
			continue
		}
		d := st.Declaration()
		switch {
		case d.Err != nil:
			env.fail(fault.New(fault.CodeOf(d.Err), "operator %q, state %q: %w", kind, d.Name, plain{d.Err}))
			continue
		case d.Keyed && !keyed:
			env.fail(fault.New(fault.StateDeclared, "operator %q declares the keyed state %q, but its stream has no key", kind, d.Name))
		}
		schema := d.Schema
		if d.KeySchema != "" {
			schema = "map[" + d.KeySchema + "]" + schema
		}
		for _, other := range all {
			if other.Name == d.Name {
				env.fail(fault.New(fault.StateDeclared, "operator %q declares the state %q twice: as %s of %s, and as %s of %s", kind, d.Name, other.Kind, other.Schema, d.Kind, schema))
			}
		}
		all = append(all, dataflow.StateDecl{Name: d.Name, Kind: d.Kind, Schema: schema})
	}
	return all
}

// probe makes one function at build time to ask it for its states. A factory that panics or returns nothing does so again when the job runs, and fails it there, with the operator's name.
func probe[F any](create func() F) (f F) {
	if create == nil {
		return f
	}
	done := make(chan struct{})
	go func() { // since the factory may call runtime.Goexit
		defer close(done)
		defer func() { _ = recover() }()
		f = create()
	}()
	<-done
	return f
}

// bind makes the states of a subtask's function handles.
func bind(c *operator.Context, f any, b *state.Binding) error {
	s, ok := f.(Stateful)
	if !ok {
		return nil
	}
	store, err := c.OpenStore()
	if err != nil {
		return err
	}
	b.Store, b.Fail = store, store.Config().Fail
	for _, st := range s.States() {
		st.Bind(b)
	}
	return nil
}
