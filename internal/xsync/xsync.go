//go:build !synctests

package xsync

import "sync"

// Mutex is a mutual exclusion lock. The zero value is unlocked; it must not be copied after first use.
type Mutex struct{ sync.Mutex }

// RWMutex is a lock held by any number of readers or by one writer. The zero value is unlocked; it must not be copied after first
// use. A writer that waits keeps out readers that come later, so read locks must not be taken recursively.
type RWMutex struct{ sync.RWMutex }
