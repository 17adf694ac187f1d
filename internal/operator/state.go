package operator

import (
	"github.com/weirstream/weir/internal/pages"
	"github.com/weirstream/weir/internal/statebackend"
)

// StateConfig says how the operators of a task keep state.
type StateConfig struct {
	// Account counts the state's memory and bounds it; nil for no bound.
	Account *pages.Account
	// Spill makes the storage for what does not fit into memory; nil for the memory backend.
	Spill func(s *statebackend.Store) (statebackend.Spill, error)
	// Track has stores tell what has changed between two snapshots.
	Track bool
	// Batch says how the tasks of a batch job keep their input.
	Batch BatchConfig
}

// OpenStore returns the operator's store, which is made at the first call. It is called when the instance is made, so that all states are declared before Open. The task closes the store.
func (c *Context) OpenStore() (*statebackend.Store, error) { return c.openStore(c.State.Spill) }

// openListStore is OpenStore for an operator that keeps operator lists alone, which need no disk.
func (c *Context) openListStore() (*statebackend.Store, error) { return c.openStore(nil) }

func (c *Context) openStore(spill func(s *statebackend.Store) (statebackend.Spill, error)) (*statebackend.Store, error) {
	if c.Store != nil {
		return c.Store, nil
	}
	cfg := statebackend.Config{
		Operator: c.Name, Groups: c.KeyGroups, MaxParallelism: c.MaxParallelism,
		Fail: func(err error) {
			c.Fail(err)
			c.Host.Interrupt()
		},
	}
	if c.State.Account != nil {
		cfg.Account = pages.NewAccount(c.Name, 0, c.State.Account)
	}
	cfg.Spill = spill
	s, err := statebackend.New(cfg)
	if err != nil {
		return nil, err
	}
	if c.State.Track {
		s.Track()
	}
	c.Store = s
	s.Tick(c.Host.Now().UnixMilli())
	return s, nil
}

// Snapshotter is an optional capability of instances that hold in fields what belongs into their state: PrepareSnapshot is called before a snapshot is taken, to put it there.
type Snapshotter interface {
	PrepareSnapshot() error
}
