package storage_test

import (
	"testing"

	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/checkpoint/storage/storagetest"
)

// TestLocalDirect: past the page cache it is the same storage, whatever the file system makes of that.
func TestLocalDirect(t *testing.T) {
	for _, way := range []string{storage.Takes, storage.RefusesFlag, storage.Refuses, storage.LeavesOff, storage.TakesLess} {
		t.Run(way, func(t *testing.T) {
			storagetest.Run(t, func(t *testing.T) storage.Storage {
				s, err := storage.OpenDirect(t.TempDir(), way)
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}
