package statebackend

import (
	"sync/atomic"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/pages"
)

// Config says what a store is for.
type Config struct {
	// Operator names the operator in errors.
	Operator       string
	Groups         base.KeyGroupRange
	MaxParallelism int
	// Account counts the store's memory; nil for one without limit.
	Account *pages.Account
	// Fail reports what went wrong within an access and does not return.
	Fail func(error)
	// Spill makes the storage for what does not fit; nil for the memory backend.
	Spill func(*Store) (Spill, error)
}

// Store holds all state of one operator in one subtask.
type Store struct {
	cfg     Config
	account *pages.Account
	spaces  []*Space
	lists   []*OperatorList
	spill   Spill
	now     int64 // milliseconds, for time to live
	ttl     bool  // some state has a time to live
	rest    int   // accesses until the next look at memory and expired entries
	hand    clockHand
	scopes  []*Scope
	// snapshots is the number of snapshots that were not released.
	snapshots  atomic.Int32
	compaction compaction
	// key and payload are places for those of one key, for the spill.
	key, payload []byte
	stored       int // keys that the spill has
	loads        int // keys that were brought back
	breaths      int // how often the store breathed, for sweepSpill
	changes      changes
	closed       bool
	leaves       []string // see Leaves
}

// New returns an empty store.
func New(cfg Config) (*Store, error) {
	s := &Store{cfg: cfg, account: cfg.Account, rest: restAccesses}
	if s.account == nil {
		s.account = pages.NewAccount(cfg.Operator, 0, nil)
	}
	if cfg.Fail == nil {
		s.cfg.Fail = func(err error) { panic(err) }
	}
	if cfg.Spill != nil {
		spill, err := cfg.Spill(s)
		if err != nil {
			return nil, err
		}
		s.spill = spill
	}
	return s, nil
}

// Config returns what the store was made with.
func (s *Store) Config() Config { return s.cfg }

// Account counts the store's memory.
func (s *Store) Account() *pages.Account { return s.account }

// Tick tells the time in milliseconds since the epoch, for time to live. A task tells it from time to time, so that an access need not read a clock.
func (s *Store) Tick(now int64) { s.now = now }

// NeedsTime reports whether any state of the store has a time to live.
func (s *Store) NeedsTime() bool { return s.ttl }

// restAccesses is how many keys are visited between two looks at memory and expired entries, sweepRows how many rows are then looked through.
const (
	restAccesses = 256
	sweepRows    = 1024
)

// breathe is called between two keys, when no pointer into state is held: the time to clean up and to make room.
func (s *Store) breathe() {
	s.rest = restAccesses
	for _, scope := range s.scopes {
		scope.leave()
	}
	if s.ttl {
		for _, sp := range s.spaces {
			if sp.ttl {
				sp.sweep(sweepRows)
			}
		}
		s.sweepSpill()
	}
	if s.spill != nil {
		s.makeRoom()
		return
	}
	over := s.account.Over()
	if over <= 0 {
		return
	}
	s.cfg.Fail(fault.New(fault.StateMemory, "the state of operator %q has come to %d MiB, %d MiB more than the memory setting leaves for it", s.cfg.Operator, s.account.Used()>>20, over>>20))
}

// Breathe gives the store the time to clean up and to make room, once in a while. Operators that do not use a scope call it between two keys; no pointer
// into state may be held over it.
func (s *Store) Breathe() {
	if s.rest--; s.rest <= 0 {
		s.breathe()
	}
}

// Spaces returns the spaces in the order in which they were made.
func (s *Store) Spaces() []*Space { return s.spaces }

// Keys is the number of keys in all spaces that are in memory.
func (s *Store) Keys() (n int) {
	for _, sp := range s.spaces {
		n += sp.keys
	}
	return n
}

// Close gives all memory back. Snapshots stay readable until they are released.
func (s *Store) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	for _, sp := range s.spaces {
		sp.close()
	}
	if s.spill != nil {
		return s.spill.Close()
	}
	return nil
}

func (s *Store) check(err error) {
	if err != nil {
		s.cfg.Fail(err)
	}
}
