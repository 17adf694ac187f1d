package statebackend

import (
	"unsafe"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
)

// Scope points at one key of a space: the key whose state the handles made on it read and write. The key is looked up at the first access.
type Scope struct {
	space *Space
	// row is where the key's row is, for writing, while the space has version rowVersion. It is not in Go's heap.
	row        uintptr
	rowVersion uint64
	state      scopeState
	dirty      bool // a cell was cleared: the key may be without state
	ref        Ref
	// version is the space's when the key was looked up: afterwards its row may be another's, or it may have one.
	version uint64
	group   int
	hash    uint64
	bytes   []byte
	buffer  []byte // what Buffer lends
	words   [MaxKeyWords]uint64
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
func (s *Scope) Buffer() []byte { return s.buffer[:0] }

// Set points at the key whose words are in Words. keyHash is the key's hash; bytes are used until the next Set, and not changed.
func (s *Scope) Set(keyHash uint64, bytes []byte) { s.SetIn(keyHash, keyHash, bytes) }

// SetString is Set for a key whose bytes are a string's, which is not copied.
func (s *Scope) SetString(keyHash uint64, text string) {
	s.set(keyHash, keyHash)
	s.bytes = unsafe.Slice(unsafe.StringData(text), len(text))
}

// SetIn is Set for a key with a namespace: hash is keyHash combined with it, see [Combine].
func (s *Scope) SetIn(keyHash, hash uint64, bytes []byte) {
	s.set(keyHash, hash)
	s.bytes = bytes
	s.widen()
}

// widen makes the buffer large enough for the next bytes, if those at hand did not fit.
func (s *Scope) widen() {
	if n := len(s.bytes); n > cap(s.buffer) {
		s.buffer = make([]byte, 0, 2*n)
	}
}

func (s *Scope) set(keyHash, hash uint64) {
	s.leave()
	if st := s.space.store; st.rest <= 1 {
		st.breathe()
	} else {
		st.rest--
	}
	s.hash = hash
	s.group = s.space.Group(keyHash)
	s.state, s.rowVersion = scopeUnknown, 0
}

// Again is Set for the key that the scope points at.
func (s *Scope) Again() {
	if st := s.space.store; st.rest <= 1 {
		st.breathe()
	} else {
		st.rest--
	}
}

// SetGroup is SetIn for a key whose key group is known.
func (s *Scope) SetGroup(group int, hash uint64, bytes []byte) {
	s.leave()
	s.hash, s.bytes, s.group = hash, bytes, group
	s.widen()
	s.state, s.rowVersion = scopeUnknown, 0
}

// Unset points at no key. A key without state is forgotten.
func (s *Scope) Unset() {
	s.leave()
	s.state, s.rowVersion = scopeNone, 0
}

func (s *Scope) leave() {
	if s.dirty {
		s.release()
	}
}

// release forgets the key if it has come to be without state. Should the row be another key's by now that has no state either, then who points at that looks it up again.
func (s *Scope) release() {
	s.dirty = false
	if s.state == scopePresent {
		s.space.Release(s.ref)
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
	if s.state == scopePresent && s.version == s.space.version {
		return s.ref, true
	}
	return s.search()
}

// search is find for a key whose row is not known.
func (s *Scope) search() (r Ref, ok bool) {
	switch {
	case s.state == scopeNone:
		s.noKey()
		return 0, false
	case s.state == scopeAbsent && s.version == s.space.version:
		return 0, false
	}
	r, ok = s.space.Find(s.group, s.hash, s.words[:s.space.layout.Words], s.bytes)
	s.state, s.ref, s.version = scopeAbsent, r, s.space.version
	if ok {
		s.state = scopePresent
	}
	return r, ok
}

// Ref returns the key, which is made if it is not there. One that gets no state is forgotten when the scope moves on.
func (s *Scope) Ref() Ref {
	if s.state == scopePresent && s.version == s.space.version {
		return s.ref
	}
	return s.insert()
}

// insert is Ref for a key whose row is not known.
func (s *Scope) insert() Ref {
	if s.state == scopeNone {
		s.noKey()
	}
	r, fresh := s.space.Insert(s.group, s.hash, s.words[:s.space.layout.Words], s.bytes)
	s.state, s.ref, s.version, s.dirty = scopePresent, r, s.space.version, s.dirty || fresh
	return r
}

// Find returns the key if it has state.
func (s *Scope) Find() (Ref, bool) { return s.find() }

// Remove clears all state of the key.
func (s *Scope) Remove() {
	if r, ok := s.find(); ok {
		s.space.Remove(r)
		s.state, s.rowVersion, s.dirty = scopeAbsent, 0, false
	}
}

func (s *Scope) noKey() {
	s.space.store.cfg.Fail(fault.New(fault.StateNoKey, "keyed state %q of operator %q is used where there is no key", s.space.name, s.space.store.cfg.Operator))
}

// present returns the row if the cell has something for the key.
func (s *Scope) present(c *Cell) (row unsafe.Pointer, ok bool) {
	row = s.read()
	return row, row != nil && *flagsOf(row)&c.bit != 0
}

// read returns the row for reading, nil if there is none.
func (s *Scope) read() unsafe.Pointer {
	if s.rowVersion == s.space.version {
		return *(*unsafe.Pointer)(unsafe.Pointer(&s.row))
	}
	return s.readAnew()
}

func (s *Scope) readAnew() unsafe.Pointer {
	if p := s.lookUp(); p != nil {
		return p
	}
	r, ok := s.find()
	if !ok {
		return nil
	}
	p, mine := s.space.subs[r.Group()].rows.Peek(r.Row())
	if mine {
		s.row, s.rowVersion = uintptr(p), s.space.version
	}
	return p
}

// lookUp is the short way to a row that may be written, for keys of one or two words, or bytes alone. It returns nil if there is none, or another way is needed.
func (s *Scope) lookUp() unsafe.Pointer {
	sp := s.space
	if s.state != scopeUnknown || sp.short == longKeys {
		return nil
	}
	sub := sp.subs[s.group]
	if sub == nil {
		return nil
	}
	first, second := s.words[0], s.words[1]
	if sp.short == bytesKeys {
		first, second = viewWords(s.bytes)
	}
	rows, slots, mask, tag := sub.rows, sub.slots, sub.mask, s.hash&0xFFFFFFFF
	for i := s.hash & mask; ; i = (i + 1) & mask {
		slot := *(*uint64)(unsafe.Add(slots, i*8))
		if slot>>32 != tag || slot == 0 {
			if slot == 0 {
				return nil
			}
			continue
		}
		row := uint32(slot) - 1
		p, mine := rows.Peek(row)
		if *(*uint64)(unsafe.Add(p, rowKey)) != first {
			continue
		}
		if sp.short == bytesKeys && len(s.bytes) > viewInline {
			if !viewEqual(sp.heap, unsafe.Add(p, rowKey), s.bytes) {
				continue
			}
		} else if sp.short != oneWordKeys && *(*uint64)(unsafe.Add(p, rowKey+8)) != second {
			continue
		}
		if !mine {
			return nil
		}
		sub.use(row)
		s.state, s.ref, s.version = scopePresent, makeRef(s.group, row), sp.version
		s.row, s.rowVersion = uintptr(p), sp.version
		return p
	}
}

// write returns the row for writing. It is made if there is none.
func (s *Scope) write() unsafe.Pointer {
	if s.rowVersion == s.space.version {
		return *(*unsafe.Pointer)(unsafe.Pointer(&s.row))
	}
	return s.writeAnew()
}

func (s *Scope) writeAnew() unsafe.Pointer {
	if p := s.lookUp(); p != nil {
		return p
	}
	p := s.space.Edit(s.Ref())
	s.row, s.rowVersion = uintptr(p), s.space.version
	return p
}

// Point makes the scope point at a key that has a row.
func (s *Scope) Point(r Ref) {
	s.leave()
	s.ref, s.group, s.state, s.version, s.rowVersion = r, r.Group(), scopePresent, s.space.version, 0
	s.hash = s.space.Hash(r)
	copy(s.words[:], s.space.Words(r))
	s.buffer = append(s.buffer[:0], s.space.Bytes(r)...)
	s.bytes = s.buffer
}

// Visit makes the scope point at a key that has a row, for reading what it has until the space changes. It is a short [Scope.Point]: Words and Bytes are not those of the key.
func (s *Scope) Visit(r Ref) {
	s.leave()
	s.ref, s.group, s.state, s.version, s.rowVersion = r, r.Group(), scopePresent, s.space.version, 0
}

// Bytes are the bytes of the key that was set.
func (s *Scope) Bytes() []byte { return s.bytes }
