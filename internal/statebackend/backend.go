package statebackend

import "github.com/weirstream/weir/internal/pages"

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
