package lsm

import (
	"testing"

	"github.com/weirstream/weir/internal/pages"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/internal/statebackend/backendtest"
)

// TestBackend runs the suite of all backends, with so little memory that keys come and go all the time.
func TestBackend(t *testing.T) {
	backendtest.Run(t, func(t testing.TB, cfg statebackend.Config) *statebackend.Store {
		memory := pages.NewAccount("memory", 96<<10, nil)
		cfg.Account = pages.NewAccount(cfg.Operator, 0, memory)
		cfg.Spill = New(Options{Memory: memory, Dir: t.TempDir()})
		s, err := statebackend.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
