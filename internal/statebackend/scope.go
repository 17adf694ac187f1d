package statebackend

import (
	"unsafe"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
)

// Scope points at one key of a space: the key whose state the handles made on it read and write. The key is looked up at the first access.
type Scope struct {
	space *Space
	state scopeState
	ref   Ref
	group int
	hash  uint64
	words [MaxKeyWords]uint64
	bytes []byte
	dirty bool // a cell was cleared: the key may be without state
	ever  uint64
}

type scopeState uint8

const (
	scopeNone    scopeState = iota // no key
	scopeUnknown                   // a key that has not been looked up
	scopeAbsent                    // a key without state
	scopePresent
)

// NewScope returns a scope that points at no key.
func NewScope(sp *Space) *Scope {
	s := &Scope{space: sp}
	sp.store.scopes = append(sp.store.scopes, s)
	return s
}

// Space is the space the scope points into.
func (s *Scope) Space() *Space { return s.space }

// Words is where the words of the key go, before Set.
func (s *Scope) Words() []uint64 { return s.words[:s.space.layout.Words] }

// Buffer is an empty slice for the bytes of the key, to be given to Set.
func (s *Scope) Buffer() []byte { return s.bytes[:0] }

// Set points at the key whose words are in Words. keyHash is the key's hash; bytes are kept until the next Set.
func (s *Scope) Set(keyHash uint64, bytes []byte) { s.SetIn(keyHash, keyHash, bytes) }

// SetIn is Set for a key with a namespace: hash is keyHash combined with it, see [Combine].
func (s *Scope) SetIn(keyHash, hash uint64, bytes []byte) {
	s.leave()
	if st := s.space.store; st.rest <= 1 {
		st.breathe()
	} else {
		st.rest--
	}
	s.hash, s.bytes = hash, bytes
	s.group = s.space.Group(keyHash)
	s.state = scopeUnknown
}

// SetGroup is SetIn for a key whose key group is known.
func (s *Scope) SetGroup(group int, hash uint64, bytes []byte) {
	s.leave()
	s.hash, s.bytes, s.group = hash, bytes, group
	s.state = scopeUnknown
}

// Unset points at no key. A key without state is forgotten.
func (s *Scope) Unset() {
	s.leave()
	s.state = scopeNone
}

func (s *Scope) leave() {
	if s.dirty {
		s.dirty = false
		if s.state == scopePresent {
			s.space.Release(s.ref)
		}
	}
}

// Combine returns the hash of a key within a namespace of some words.
func Combine(keyHash uint64, words ...uint64) uint64 {
	for _, w := range words {
		keyHash = base.HashCombine(keyHash, w)
	}
	return keyHash
}

// find returns the key if it has a row.
func (s *Scope) find() (Ref, bool) {
	switch s.state {
	case scopePresent:
		return s.ref, true
	case scopeUnknown:
		r, ok := s.space.Find(s.group, s.hash, s.words[:s.space.layout.Words], s.bytes)
		if !ok {
			s.state = scopeAbsent
			return 0, false
		}
		s.state, s.ref = scopePresent, r
		return r, true
	case scopeNone:
		s.noKey()
	}
	return 0, false
}

// Ref returns the key, which is made if it is not there. One that gets no state is forgotten when the scope moves on.
func (s *Scope) Ref() Ref {
	switch s.state {
	case scopePresent:
		return s.ref
	case scopeNone:
		s.noKey()
	}
	r, fresh := s.space.Insert(s.group, s.hash, s.words[:s.space.layout.Words], s.bytes)
	s.state, s.ref, s.dirty = scopePresent, r, s.dirty || fresh
	return r
}

// Find returns the key if it has state.
func (s *Scope) Find() (Ref, bool) { return s.find() }

// Remove clears all state of the key.
func (s *Scope) Remove() {
	if r, ok := s.find(); ok {
		s.space.Remove(r)
		s.state, s.dirty = scopeAbsent, false
	}
}

func (s *Scope) noKey() {
	s.space.store.cfg.Fail(fault.New(fault.StateNoKey, "keyed state %q of operator %q is used where there is no key", s.space.name, s.space.store.cfg.Operator))
}

// present returns the row if the cell has something for the key.
func (s *Scope) present(c *Cell) (row unsafe.Pointer, ok bool) {
	r, ok := s.find()
	if !ok {
		return nil, false
	}
	row = s.space.Row(r)
	return row, *flagsOf(row)&c.bit != 0
}

// Point makes the scope point at a key that has state. Its words are not set.
func (s *Scope) Point(r Ref) {
	s.leave()
	s.ref, s.group, s.state = r, r.Group(), scopePresent
}

// Bytes are the bytes of the key that was set.
func (s *Scope) Bytes() []byte { return s.bytes }
