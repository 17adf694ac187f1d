package nexmarkbench

import (
	"syscall"
	"time"
)

// processTime is the processor time of the process so far, 0 if the system does not tell.
func processTime() time.Duration {
	self, err := syscall.GetCurrentProcess()
	if err != nil {
		return 0
	}
	var started, ended, kernel, user syscall.Filetime
	if syscall.GetProcessTimes(self, &started, &ended, &kernel, &user) != nil {
		return 0
	}
	ticks := func(t syscall.Filetime) int64 { return int64(t.HighDateTime)<<32 | int64(t.LowDateTime) } // of 100 ns
	return time.Duration(100 * (ticks(kernel) + ticks(user)))
}
