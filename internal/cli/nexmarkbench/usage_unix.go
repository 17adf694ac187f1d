//go:build unix

package nexmarkbench

import (
	"syscall"
	"time"
)

// processTime is the processor time of the process so far, 0 if the system does not tell.
func processTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
