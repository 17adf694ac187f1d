//go:build !linux

package sequence

import "time"

// thread is not needed where the system's precise sleep is not known: Go's timers do.
type thread struct{}

func lockThread() thread { return thread{} }

func (thread) unlock() time.Duration { return 0 }

func (thread) sleepUntil(target time.Time) { time.Sleep(time.Until(target)) }
