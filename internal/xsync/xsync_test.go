package xsync

import (
	"sync"
	"testing"
	"testing/synctest"
)

var (
	_ sync.Locker = (*Mutex)(nil)
	_ sync.Locker = (*RWMutex)(nil)
)

func TestMutex(t *testing.T) {
	var m Mutex
	if !m.TryLock() {
		t.Fatal("a free lock was refused")
	}
	if m.TryLock() {
		t.Fatal("a held lock was given")
	}
	m.Unlock()

	const workers, rounds = 4, 2000
	count := 0
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				m.Lock()
				count++
				m.Unlock()
			}
		})
	}
	wg.Wait()
	if count != workers*rounds {
		t.Errorf("counted %d, want %d", count, workers*rounds)
	}
}

func TestRWMutex(t *testing.T) {
	var m RWMutex
	m.RLock()
	if !m.TryRLock() {
		t.Fatal("a second reader was refused")
	}
	if m.TryLock() {
		t.Fatal("a writer came in beside readers")
	}
	m.RUnlock()
	m.RUnlock()
	if !m.TryLock() {
		t.Fatal("a writer was refused a free lock")
	}
	if m.TryLock() || m.TryRLock() {
		t.Fatal("a second holder came in beside the writer")
	}
	m.Unlock()
	m.RLocker().Lock()
	if m.TryLock() {
		t.Fatal("the read locker does not lock")
	}
	m.RLocker().Unlock()

	const workers, rounds = 4, 1000
	var a, b int
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				m.Lock()
				a++
				b++
				m.Unlock()
			}
		})
		wg.Go(func() {
			for range rounds {
				m.RLock()
				if a != b {
					t.Errorf("a reader saw %d and %d", a, b)
				}
				m.RUnlock()
			}
		})
	}
	wg.Wait()
	if a != workers*rounds || b != a {
		t.Errorf("counted %d and %d, want %d", a, b, workers*rounds)
	}
}

// TestWriterGoesFirst shows that a writer that waits keeps out readers that come later: without it writers could starve.
func TestWriterGoesFirst(t *testing.T) {
	var m RWMutex
	var wg sync.WaitGroup
	written := false
	m.RLock()
	wg.Go(func() {
		m.Lock()
		written = true
		m.Unlock()
	})
	for m.TryRLock() { // until the writer waits
		m.RUnlock()
	}
	m.RUnlock()
	wg.Wait()
	if !written {
		t.Error("the writer never came in")
	}
}

// TestInBubble uses a lock that is made inside a bubble.
func TestInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m RWMutex
		value := 0
		m.Lock()
		go func() {
			value = 1
			m.Unlock()
		}()
		m.RLock()
		defer m.RUnlock()
		if value != 1 {
			t.Error("the reader came in before the writer left")
		}
	})
}
