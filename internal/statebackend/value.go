package statebackend

import (
	"unsafe"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
)

// Value is one value for each key.
type Value[V any] struct {
	scope *Scope
	// plain is whether the value lies in the row as it is, with no time: at off. bit is its flag, mark that and those of a change.
	plain   bool
	off     uintptr
	bit     uint64
	mark    uint64 // bit and the space's
	cell    *Cell
	codec   *codec.Codec[V]
	scratch V
	buf     []byte
	// flat is the cell's, if there is no time to live. place is where an edit began that is to end there, like what it was given; alike has a bit for each string that was taken from there.
	flat  *flatForm
	place uintptr
	like  *V
	alike uint64
}

// NewValue declares a value on the space of a scope.
func NewValue[V any](s *Scope, name string, ttl *TTL) *Value[V] {
	c := newCell[V](name, ValueKind, ttl)
	s.space.reserve(c, c.valueSize())
	cd, _ := codec.For[V]()
	v := &Value[V]{scope: s, cell: c, codec: cd, plain: c.fixed && ttl == nil, flat: c.untimedFlat(), off: c.off, bit: c.bit, mark: c.bit | s.space.mark}
	s.space.marks = append(s.space.marks, &v.mark)
	return v
}

// Cell is the place of the value in rows.
func (v *Value[V]) Cell() *Cell { return v.cell }

// Peek returns the value for reading, nil if there is none. The pointer is good until the next access to any state.
func (v *Value[V]) Peek() *V {
	row := v.scope.read()
	if row == nil || *flagsOf(row)&v.bit == 0 {
		return nil
	}
	if v.plain {
		return (*V)(unsafe.Add(row, v.off))
	}
	return v.read(row, nil)
}

// read is Peek for a value that is there. Its strings are those of like where these are equal, unless that is nil.
func (v *Value[V]) read(row unsafe.Pointer, like *V) *V {
	c := v.cell
	if c.ttl != nil {
		if stamp := *(*int64)(unsafe.Add(row, c.off)); c.expired(stamp) {
			return v.readExpired(row)
		}
		if c.ttl.OnRead {
			row = c.space.Edit(v.scope.ref)
			*(*int64)(unsafe.Add(row, c.off)) = c.space.store.now
			c.space.change(row, 0)
		}
	}
	if c.fixed {
		return (*V)(unsafe.Add(row, c.valueOff()))
	}
	v.load(row, like)
	return &v.scratch
}

// load sets scratch to a value that does not lie in the row as it is.
func (v *Value[V]) load(row unsafe.Pointer, like *V) {
	c := v.cell
	p := unsafe.Add(row, c.valueOff())
	if c.flat != nil {
		c.loadFlat(unsafe.Pointer(&v.scratch), p, unsafe.Pointer(like))
		return
	}
	if _, err := v.codec.Decode(viewBytes(c.space.heap, p), &v.scratch); err != nil {
		v.cell.space.store.cfg.Fail(fault.New(fault.StateDamaged, "state %q of operator %q: %w", v.cell.name, v.cell.space.store.cfg.Operator, err))
	}
}

func (v *Value[V]) readExpired(row unsafe.Pointer) *V {
	c := v.cell
	keep := c.ttl.ReturnExpired
	if keep {
		if c.fixed {
			v.scratch = *(*V)(unsafe.Add(row, c.valueOff()))
		} else {
			v.load(row, nil)
		}
	}
	v.Clear()
	if keep {
		return &v.scratch
	}
	return nil
}

// Get returns the value, and whether there is one.
func (v *Value[V]) Get() (value V, ok bool) {
	if p := v.Peek(); p != nil {
		return *p, true
	}
	return value, false
}

// Set replaces the value.
func (v *Value[V]) Set(value V) {
	switch {
	case v.plain:
		row := v.scope.write()
		setFlags(row, v.mark)
		*(*V)(unsafe.Add(row, v.off)) = value
	case v.cell.fixed:
		*(*V)(v.put()) = value
	default:
		v.scratch = value
		v.encode()
	}
}

// put returns where the value goes in its row, with flags and time set.
func (v *Value[V]) put() unsafe.Pointer {
	c := v.cell
	row := v.scope.write()
	setFlags(row, v.mark)
	if c.ttl != nil {
		*(*int64)(unsafe.Add(row, c.off)) = c.space.store.now
	}
	return unsafe.Add(row, c.valueOff())
}

// Edit returns the value for writing; fresh tells that there was none, and that it is zero. Done must follow before any other access to state.
func (v *Value[V]) Edit() (value *V, fresh bool) {
	if v.plain {
		row := v.scope.write()
		f := flagsOf(row)
		fresh = *f&v.bit == 0
		*f = *f&^epochBits | v.mark
		return (*V)(unsafe.Add(row, v.off)), fresh
	}
	if v.flat != nil {
		return v.editFlat(nil)
	}
	return v.editAny(nil)
}

// EditLike is Edit where the value is likely to have the strings of another one: those that are equal are taken from there and need not be copied.
func (v *Value[V]) EditLike(like *V) (value *V, fresh bool) {
	if v.flat != nil {
		return v.editFlat(like)
	}
	if v.plain {
		return v.Edit()
	}
	return v.editAny(like)
}

// editFlat looks the row up once for reading and writing.
func (v *Value[V]) editFlat(like *V) (value *V, fresh bool) {
	row := v.scope.write()
	f := flagsOf(row)
	fresh = *f&v.bit == 0
	*f = *f&^epochBits | v.mark
	p := unsafe.Add(row, v.off)
	v.place, v.like, v.alike = uintptr(p), like, 0
	if fresh {
		v.scratch = *new(V)
		return &v.scratch, true
	}
	to := unsafe.Pointer(&v.scratch)
	v.flat.copySpans(to, p)
	for i, at := range v.flat.strings {
		b := viewBytes(v.scope.space.heap, unsafe.Add(p, at))
		s := (*string)(unsafe.Add(to, at))
		if like != nil {
			if other := *(*string)(unsafe.Add(unsafe.Pointer(like), at)); other == string(b) {
				*s = other
				v.alike |= 1 << i
				continue
			}
		}
		if *s != string(b) {
			*s = string(b)
		}
	}
	return &v.scratch, false
}

func (v *Value[V]) editAny(like *V) (value *V, fresh bool) {
	c := v.cell
	var old *V
	if row := v.scope.read(); row != nil && *flagsOf(row)&v.bit != 0 {
		old = v.read(row, like)
	}
	if c.fixed {
		p := (*V)(v.put())
		switch {
		case old == nil:
			*p = *new(V)
		case old == &v.scratch: // it has expired, was taken away and is returned for the last time
			*p = *old
		}
		return p, old == nil
	}
	if old == nil {
		v.scratch = *new(V)
	}
	return &v.scratch, old == nil
}

// Done ends what Edit began.
func (v *Value[V]) Done() {
	if v.place != 0 {
		v.doneFlat()
	} else if !v.cell.fixed {
		v.encode()
	}
}

func (v *Value[V]) doneFlat() {
	p, from := *(*unsafe.Pointer)(unsafe.Pointer(&v.place)), unsafe.Pointer(&v.scratch)
	v.place = 0
	v.flat.copySpans(p, from)
	for i, at := range v.flat.strings {
		s := *(*string)(unsafe.Add(from, at))
		if v.alike>>i&1 != 0 {
			if other := *(*string)(unsafe.Add(unsafe.Pointer(v.like), at)); unsafe.StringData(s) == unsafe.StringData(other) && len(s) == len(other) {
				continue
			}
		}
		v.cell.storeString(unsafe.Add(p, at), s)
	}
}

// encode sets the value to what scratch has.
func (v *Value[V]) encode() {
	c := v.cell
	if c.flat != nil {
		c.storeFlat(v.put(), unsafe.Pointer(&v.scratch))
		return
	}
	b, err := v.codec.Encode(v.buf[:0], &v.scratch)
	if err != nil {
		c.space.store.cfg.Fail(err)
		return
	}
	v.buf = b
	viewReplace(c.space.heap, v.put(), b)
}

// Clear removes the value.
func (v *Value[V]) Clear() { v.scope.clear(v.cell) }

func (s *Scope) clear(c *Cell) {
	if r, ok := s.find(); ok {
		c.clear(r)
		s.dirty = true
	}
}

// Reducing keeps what a function makes of all values added.
type Reducing[V any] struct {
	*Value[V]
	combine func(kept, v V) V
}

// NewReducing declares a reducing state.
func NewReducing[V any](s *Scope, name string, ttl *TTL, combine func(kept, v V) V) *Reducing[V] {
	return &Reducing[V]{NewValue[V](s, name, ttl), combine}
}

// Add takes in a value.
func (r *Reducing[V]) Add(v V) {
	if p := r.Peek(); p != nil {
		v = r.combine(*p, v)
	}
	r.Set(v)
}

// Aggregating keeps an accumulator of all values added.
type Aggregating[T, A, R any] struct {
	acc    *Value[A]
	create func() A
	add    func(A, T) A
	result func(A) R
}

// NewAggregating declares an aggregating state.
func NewAggregating[T, A, R any](s *Scope, name string, ttl *TTL, create func() A, add func(A, T) A, result func(A) R) *Aggregating[T, A, R] {
	return &Aggregating[T, A, R]{NewValue[A](s, name, ttl), create, add, result}
}

// Add takes in a value.
func (a *Aggregating[T, A, R]) Add(v T) {
	var acc A
	if p := a.acc.Peek(); p != nil {
		acc = *p
	} else {
		acc = a.create()
	}
	a.acc.Set(a.add(acc, v))
}

// Get returns the result, and whether anything was added.
func (a *Aggregating[T, A, R]) Get() (r R, ok bool) {
	if p := a.acc.Peek(); p != nil {
		return a.result(*p), true
	}
	return r, false
}

// Accumulator is the value underneath.
func (a *Aggregating[T, A, R]) Accumulator() *Value[A] { return a.acc }

// Clear removes the accumulator.
func (a *Aggregating[T, A, R]) Clear() { a.acc.Clear() }

// InPlace reports whether Edit and Peek return the value in the state's own memory, and not a copy.
func (v *Value[V]) InPlace() bool { return v.cell.fixed }
