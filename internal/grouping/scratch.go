package grouping

import (
	"cmp"
	"os"
	"runtime"
)

// CreateScratch creates a file in a directory, "" for the system's of temporary files, that goes with the process however that ends. On Windows it stays until CloseScratch.
func CreateScratch(dir, pattern string) (*os.File, error) {
	f, err := os.CreateTemp(dir, pattern)
	if err == nil && runtime.GOOS != "windows" {
		err = os.Remove(f.Name())
	}
	return f, err
}

// CloseScratch closes a file that CreateScratch made, and removes it.
func CloseScratch(f *os.File) error {
	err := f.Close()
	if runtime.GOOS == "windows" {
		err = cmp.Or(err, os.Remove(f.Name()))
	}
	return err
}
