package storage_test

import (
	"testing"

	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/checkpoint/storage/storagetest"
)

func TestMemory(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Storage { return storage.NewMemory() })
}

func TestLocal(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Storage {
		s, err := storage.OpenLocalWith(t.TempDir(), storage.LocalOptions{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// TestLocalSynced leaves fsync on, and begins with a directory that does not exist.
func TestLocalSynced(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the disk")
	}
	storagetest.Run(t, func(t *testing.T) storage.Storage {
		s, err := storage.Open(t.TempDir() + "/checkpoints/of/jobs")
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// TestNear: from outside it is what it wraps, also if no copy can be written.
func TestNear(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Storage { return storage.NewNear(storage.NewMemory(), storage.NewMemory()) })
	storagetest.Run(t, func(*testing.T) storage.Storage {
		return storage.NewNear(storage.NewMemory(), storage.NewFaulty(storage.NewMemory(), func(storage.Op, string) storage.Fault { return storage.Fault{Kind: storage.Fail} }))
	})
}

// TestFaulty: without faults it is what it wraps.
func TestFaulty(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Storage {
		return storage.NewFaulty(storage.NewMemory(), func(storage.Op, string) storage.Fault { return storage.Fault{} })
	})
}
