//go:build !linux

package statebackend

import "time"

// threadTime is the CPU time that this thread has used, or about that.
func threadTime() time.Duration { return time.Since(threadStart) }

var threadStart = time.Now()
