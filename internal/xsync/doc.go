// Package xsync holds the locks of packages that are tested in virtual time.
//
// Normally [Mutex] and [RWMutex] are those of package sync. Under the build tag synctests they are built from channels, with
// the same behaviour.
//
// The reason is testing/synctest. A bubble advances its clock when all its goroutines are durably blocked. Waiting for a channel of
// the bubble is durable; waiting for a sync.Mutex is not, since a goroutine outside the bubble might unlock it. So if one
// goroutine sleeps while it holds a sync.Mutex and a second one waits for that mutex, the clock never moves and the test
// hangs. With a channel in place of the mutex the bubble sees both as blocked, the sleep ends, and a lock that is held too long becomes
// a failing test rather than a stuck one. That is why the lint test of internal/lint refuses sync.Mutex and sync.RWMutex in
// internal/runtime.
//
// Under the tag, a lock that is first used inside a bubble belongs to that bubble and must not be used outside it.
package xsync
