package statebackend

import (
	"github.com/weirstream/weir/internal/pages"
	"github.com/weirstream/weir/internal/xsync"
)

// SpillFactory makes the storage under a store.
type SpillFactory = func(*Store) (Spill, error)

// BackendConfig is what a backend is made for: the operators of a job in one process.
type BackendConfig struct {
	// Dir is where files go; "" for the system's directory for temporary files.
	Dir string
	// Memory is the account of all state of the job.
	Memory *pages.Account
	// Stores is how many stores there will be.
	Stores int
}

var backends struct {
	xsync.Mutex
	byName map[string]func(BackendConfig) SpillFactory
}

// Register makes a backend known by name. It is called when a program starts, by the package of the backend.
func Register(name string, create func(BackendConfig) SpillFactory) {
	backends.Lock()
	defer backends.Unlock()
	if backends.byName == nil {
		backends.byName = map[string]func(BackendConfig) SpillFactory{}
	}
	backends.byName[name] = create
}

// Backend returns the backend of a name, nil if none is known.
func Backend(name string) func(BackendConfig) SpillFactory {
	backends.Lock()
	defer backends.Unlock()
	return backends.byName[name]
}
