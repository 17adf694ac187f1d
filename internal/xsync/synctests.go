//go:build synctests

package xsync

import (
	"errors"
	"sync"
)

// errUnlocked is what a lock panics with when it is released more often than taken: a defect in every build, as in package sync.
var errUnlocked = errors.New("xsync: unlock of an unlocked lock")

// Mutex is a mutual exclusion lock. The zero value is unlocked; it must not be copied after first use.
type Mutex struct {
	once sync.Once
	// held has room for one token: whoever put it there holds the lock.
	held chan struct{}
}

func (m *Mutex) init() { m.once.Do(func() { m.held = make(chan struct{}, 1) }) }

// Lock takes the lock and waits for it if need be.
func (m *Mutex) Lock() {
	m.init()
	m.held <- struct{}{}
}

// TryLock takes the lock if it is free and reports whether it did.
func (m *Mutex) TryLock() bool {
	m.init()
	select {
	case m.held <- struct{}{}:
		return true
	default:
		return false
	}
}

// Unlock releases the lock. It need not be called by the goroutine that took it; it panics if the lock is free.
func (m *Mutex) Unlock() {
	m.init()
	select {
	case <-m.held:
	default:
		panic(errUnlocked)
	}
}

// RWMutex is a lock held by any number of readers or by one writer. The zero value is unlocked; it must not be copied after first
// use. A writer that waits keeps out readers that come later, so read locks must not be taken recursively.
//
// Lock order: gate, count, room.
type RWMutex struct {
	// gate is passed by readers and held by a writer from the moment it waits, so that readers queue behind it.
	gate Mutex
	// count guards readers.
	count   Mutex
	readers int
	// room is held by the writer, or by the readers together: the first takes it, the last releases it.
	room Mutex
}

// Lock takes the lock for writing and waits until it is free.
func (m *RWMutex) Lock() {
	m.gate.Lock()
	m.room.Lock()
}

// TryLock takes the lock for writing if it is free and reports whether it did. It may fail while a reader is passing.
func (m *RWMutex) TryLock() bool {
	if !m.gate.TryLock() {
		return false
	}
	if !m.room.TryLock() {
		m.gate.Unlock()
		return false
	}
	return true
}

// Unlock releases the lock held for writing.
func (m *RWMutex) Unlock() {
	// The room is left before the gate opens, so that a reader inside the gate never waits for the room of a writer.
	m.room.Unlock()
	m.gate.Unlock()
}

// RLock takes the lock for reading and waits while a writer holds it or waits for it.
func (m *RWMutex) RLock() {
	m.gate.Lock()
	m.enter()
	m.gate.Unlock()
}

// TryRLock takes the lock for reading if it can be had at once and reports whether it did. It may fail while another reader is
// passing.
func (m *RWMutex) TryRLock() bool {
	if !m.gate.TryLock() {
		return false
	}
	m.enter()
	m.gate.Unlock()
	return true
}

// enter counts one more reader. REQUIRES: gate.
func (m *RWMutex) enter() {
	m.count.Lock()
	if m.readers++; m.readers == 1 {
		m.room.Lock()
	}
	m.count.Unlock()
}

// RUnlock releases the lock held for reading. It panics if no reader holds it.
func (m *RWMutex) RUnlock() {
	m.count.Lock()
	defer m.count.Unlock()
	if m.readers == 0 {
		panic(errUnlocked)
	}
	if m.readers--; m.readers == 0 {
		m.room.Unlock()
	}
}

// RLocker returns a Locker whose Lock and Unlock are RLock and RUnlock of m.
func (m *RWMutex) RLocker() sync.Locker { return (*rlocker)(m) }

type rlocker RWMutex

func (r *rlocker) Lock()   { (*RWMutex)(r).RLock() }
func (r *rlocker) Unlock() { (*RWMutex)(r).RUnlock() }
