// Package lsm is the state backend for state larger than memory: it is kept in a log-structured merge tree (Pebble) on the local disk, with memory as a cache of what is used.
//
//	env := weir.NewEnvironment(weir.Options{StateBackend: lsm.Backend(), Memory: 1 << 30})
//
// It is a package of its own so that programs that keep their state in memory do not carry the store.
package lsm

import (
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/internal/statebackend/lsm"
)

// Backend returns the backend, for weir.Options. Its files lie in Options.StateDir while the job runs.
func Backend() weir.StateBackend {
	return weir.NewStateBackend("lsm", func(c statebackend.BackendConfig) statebackend.SpillFactory {
		return lsm.New(lsm.Options{Dir: c.Dir, Memory: c.Memory, Stores: c.Stores})
	})
}
