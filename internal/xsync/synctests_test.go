//go:build synctests

package xsync

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestBubbleDoesNotStall holds a lock over a sleep while another goroutine waits for it: with sync.Mutex the virtual clock would
// never move and this test would hang.
func TestBubbleDoesNotStall(t *testing.T) {
	for name, l := range map[string]func() (lock, unlock func()){
		"Mutex":   func() (lock, unlock func()) { m := new(Mutex); return m.Lock, m.Unlock },
		"RWMutex": func() (lock, unlock func()) { m := new(RWMutex); return m.Lock, m.Unlock },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lock, unlock := l()
				start := time.Now()
				lock()
				go func() {
					time.Sleep(time.Hour)
					unlock()
				}()
				lock()
				unlock()
				if took := time.Since(start); took != time.Hour {
					t.Errorf("waited %v of virtual time, want 1h", took)
				}
			})
		})
	}
}

func TestUnlockOfUnlocked(t *testing.T) {
	var m Mutex
	var rw RWMutex
	for name, f := range map[string]func(){"Mutex.Unlock": m.Unlock, "RWMutex.Unlock": rw.Unlock, "RWMutex.RUnlock": rw.RUnlock} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s of a free lock did not panic", name)
				}
			}()
			f()
		}()
	}
}
