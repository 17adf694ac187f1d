// Package lsm makes the state backend of that name available: state larger than memory, kept in a log-structured merge tree (Pebble) on the local disk, with memory as a cache of what is used.
//
//	import _ "github.com/weirstream/weir/backends/lsm"
//
//	env := weir.NewEnvironment(weir.Options{StateBackend: weir.LSMBackend, Memory: 1 << 30})
//
// It is a package of its own so that programs that keep their state in memory do not carry the store.
package lsm

import (
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/internal/statebackend/lsm"
)

func init() {
	statebackend.Register("lsm", func(c statebackend.BackendConfig) statebackend.SpillFactory {
		return lsm.New(lsm.Options{Dir: c.Dir, Memory: c.Memory, Stores: c.Stores})
	})
}
