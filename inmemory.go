package weir

import "github.com/weirstream/weir/internal/checkpoint/storage"

// InMemory as Checkpoints.Dir keeps checkpoints in the memory of the process, as long as the job runs: it survives its own failures, not that of the process, and can write savepoints.
const InMemory = "memory:"

// openStorage opens what Checkpoints.Dir names.
func openStorage(dir string) (storage.Storage, error) {
	if dir == InMemory {
		return storage.NewMemory(), nil
	}
	return storage.Open(dir)
}
