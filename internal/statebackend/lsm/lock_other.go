//go:build !unix

package lsm

import (
	"io"
	"os"
)

// lockFile makes a file. It fails if the file is there: without locks nobody can tell whether its owner lives, so what is left over stays.
func lockFile(path string) (io.Closer, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}
