package state

import (
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/statebackend"
)

// State is a state that can be declared. Its implementations are those of this package.
type State interface {
	// Declaration tells what is declared.
	Declaration() Declaration
	// Bind makes the state a handle in one subtask. The engine calls it.
	Bind(b *Binding)
}

// Declaration describes a state before the job runs.
type Declaration struct {
	Name string
	// Kind is value, list, map, reducing, aggregating, operator-list, operator-union-list or broadcast.
	Kind string
	// Keyed is whether the state belongs to a key.
	Keyed bool
	// Schema is the form of the values; KeySchema that of a map's or broadcast state's keys.
	Schema    string
	KeySchema string
	TTL       *TTL
	// Err is why the state cannot be declared, nil if it can.
	Err error
}

// Binding is where an operator keeps the states of a subtask. The engine makes it.
type Binding struct {
	Store *statebackend.Store
	// Scope points at the current key; nil for an operator without keys.
	Scope *statebackend.Scope
	// Fail reports what went wrong and does not return.
	Fail func(error)
	// Writable is whether broadcast state may be written now.
	Writable bool
}

// Option changes how a state is kept.
type Option func(*options)

type options struct{ ttl *TTL }

// TTL is the time to live of the entries of a state: of the value, of each element of a list, of each entry of a map. It is measured in processing time, and each entry's begins when it is
// created or written. It may be added to or taken from a state that exists.
type TTL struct {
	// Time is how long an entry lives, at least a millisecond.
	Time time.Duration
	// Update says whether reading, too, begins an entry's time anew.
	Update UpdateType
	// Visibility says whether an entry that has expired, and has not been removed yet, may be read.
	Visibility Visibility
	// DisableCleanupInBackground leaves expired entries until they are read. Else they are also looked for in the background.
	DisableCleanupInBackground bool
}

// UpdateType says what begins an entry's time anew.
type UpdateType uint8

const (
	// OnCreateAndWrite is the default.
	OnCreateAndWrite UpdateType = iota
	OnReadAndWrite
)

// Visibility says whether expired entries may be read.
type Visibility uint8

const (
	// NeverReturnExpired is the default.
	NeverReturnExpired Visibility = iota
	ReturnExpiredIfNotCleanedUp
)

// WithTTL gives the state a time to live.
func WithTTL(ttl TTL) Option { return func(o *options) { o.ttl = &ttl } }

// decl is what all states have.
type decl struct {
	d     Declaration
	bound *Binding
}

func declare[V any](name, kind string, keyed bool, opts []Option) decl {
	var o options
	for _, f := range opts {
		f(&o)
	}
	d := Declaration{Name: name, Kind: kind, Keyed: keyed, TTL: o.ttl}
	if c, err := codec.For[V](); err != nil {
		d.Err = err
	} else {
		d.Schema = c.Schema()
	}
	switch {
	case name == "":
		d.Err = fault.New(fault.StateDeclared, "a %s state has no name", kind)
	case o.ttl != nil && o.ttl.Time < time.Millisecond:
		d.Err = fault.New(fault.OptionInvalid, "the time to live of state %q is %v, it must be at least 1ms", name, o.ttl.Time)
	}
	return decl{d: d}
}

// Declaration implements [State].
func (d *decl) Declaration() Declaration { return d.d }

// bind notes the binding of a keyed state.
func (d *decl) bind(b *Binding) {
	d.bound = b
	if d.d.Keyed && b.Scope == nil {
		b.Fail(fault.New(fault.StateDeclared, "state %q is keyed, its operator is not", d.d.Name))
	}
}

// unbound is what happens when a state is used that no operator has declared.
func (d *decl) unbound() {
	panic(fault.New(fault.StateNoKey, "state %q is used, but it is not bound: it must be returned by the States method of the function that uses it", d.d.Name))
}

func (d *decl) ttl() *statebackend.TTL {
	t := d.d.TTL
	if t == nil {
		return nil
	}
	return &statebackend.TTL{
		Millis: t.Time.Milliseconds(), OnRead: t.Update == OnReadAndWrite, ReturnExpired: t.Visibility == ReturnExpiredIfNotCleanedUp,
		NoCleanup: t.DisableCleanupInBackground,
	}
}
