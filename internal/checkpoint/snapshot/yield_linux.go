package snapshot

import "golang.org/x/sys/unix"

// yieldThread lets other threads have the processor that wait for it. The kernel gives it to one that has been woken no sooner than with its next tick, 4 ms later at most, as long as this thread has run for less than its share.
func yieldThread() { _, _, _ = unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
