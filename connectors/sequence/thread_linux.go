package sequence

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// thread is the locked thread of the goroutine that made it.
type thread struct{ cpu time.Duration }

// lockThread locks the goroutine to its thread, and asks for precise sleeps on it: without, the kernel may add 50 µs.
func lockThread() thread {
	runtime.LockOSThread()
	// Refused, sleeps are less precise, which the statistics show.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	return thread{cpu: threadCPU()}
}

// unlock gives the thread back as it was, and returns the CPU time used meanwhile.
func (t thread) unlock() time.Duration {
	used := threadCPU() - t.cpu
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) // 0 is the default
	runtime.UnlockOSThread()
	return used
}

func (t thread) sleepUntil(target time.Time) {
	for d := time.Until(target); d > 0; d = time.Until(target) {
		ts := unix.NsecToTimespec(int64(d))
		// It returns early on a signal; the loop sleeps on.
		if err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil); err != nil && err != unix.EINTR {
			time.Sleep(d)
		}
	}
}

func threadCPU() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
