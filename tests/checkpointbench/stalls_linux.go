package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// watchEvery is how long a watching thread sleeps, in nanoseconds; what is longer than leastStall is told.
	watchEvery = 500_000
	leastStall = 1_000_000
	// watchPriority is the priority of the threads: all that this program and the system's threads do for it has a lower one.
	watchPriority = 50
	// mostCPUs is how many processors a unix.CPUSet has room for.
	mostCPUs = 1024
)

// clock is the time of the system in nanoseconds, which all processes share.
func clock() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // it has no errors for this clock
	return ts.Nano()
}

// watch is the process that sees when the machine stands still: on each processor a thread sleeps half a millisecond again and again, with real-time priority, so that no other thread can keep it from waking. When it wakes late, it prints the
// processor and the two times. It ends when its output is closed.
func watch() error {
	var cpus unix.CPUSet
	if err := unix.SchedGetaffinity(0, &cpus); err != nil {
		return err
	}
	debug.SetGCPercent(-1) // a collection would wait for threads that sleep
	runtime.GOMAXPROCS(cpus.Count() + 2)
	var mu sync.Mutex
	failed := make(chan error)
	for cpu := range mostCPUs {
		if !cpus.IsSet(cpu) {
			continue
		}
		mu.Lock()
		fmt.Println(cpu, 0, 0)
		mu.Unlock()
		go func() {
			runtime.LockOSThread()
			var own unix.CPUSet
			own.Set(cpu)
			if err := unix.SchedSetaffinity(0, &own); err != nil {
				failed <- err
				return
			}
			if err := unix.SchedSetAttr(0, &unix.SchedAttr{Policy: unix.SCHED_FIFO, Priority: watchPriority}, 0); err != nil {
				failed <- err
				return
			}
			nap := unix.NsecToTimespec(watchEvery)
			for last := clock(); ; {
				_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&nap)), 0, 0)
				now := clock()
				if now-last > leastStall {
					mu.Lock()
					_, err := fmt.Println(cpu, last, now)
					mu.Unlock()
					if err != nil {
						failed <- err
						return
					}
				}
				last = now
			}
		}()
	}
	return <-failed
}

// startWatch starts the watching process. stop ends it and returns the times in which no processor did anything; nil if that cannot be seen here, as real-time priority takes a privilege.
func startWatch() (stop func() *stalls) {
	none := func() *stalls { return nil }
	self, err := os.Executable()
	if err != nil {
		return none
	}
	cmd := exec.Command(self, "-phase", "watch")
	out, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return none
	}
	late := map[string][]span{} // by processor
	done := make(chan bool)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var cpu string
			var s span
			if n, _ := fmt.Sscan(lines.Text(), &cpu, &s.from, &s.to); n == 3 {
				late[cpu] = append(late[cpu], s)
			}
		}
		close(done)
	}()
	return func() *stalls {
		select {
		case <-done: // it could not watch
			_ = cmd.Wait()
			return nil
		default:
		}
		_ = cmd.Process.Kill()
		<-done
		_ = cmd.Wait() // says that it was killed
		all, first := &stalls{}, true
		for _, spans := range late {
			if first {
				all.spans, first = spans, false
			} else {
				all.spans = both(all.spans, spans)
			}
		}
		return all
	}
}
