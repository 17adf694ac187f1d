//go:build unix

package lsm

import (
	"io"
	"os"
	"syscall"
)

// lockFile takes the lock of a file, which is made if it is not there. It fails if anybody has it, in this process or in another one on this machine.
func lockFile(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
