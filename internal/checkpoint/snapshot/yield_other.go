//go:build !linux

package snapshot

// yieldThread is for Linux alone.
func yieldThread() {}
