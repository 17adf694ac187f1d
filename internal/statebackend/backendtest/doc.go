// Package backendtest is the suite that every state backend runs: random operations, snapshots and restores, compared with plain Go maps.
//
// A backend's test hands [Run] a function that opens a store of it:
//
//	func TestBackend(t *testing.T) {
//		backendtest.Run(t, func(t testing.TB, cfg statebackend.Config) *statebackend.Store {
//			s, err := statebackend.New(cfg)
//			if err != nil {
//				t.Fatal(err)
//			}
//			return s
//		})
//	}
//
// The flag -ops says how many operations, -seed where to begin: each seed is a world of its own, with its own states, keys and settings, and a failure tells its seed.
//
// A world has some tables, each a space with keys of some type, and timers, spread over one to three stores by key group as over subtasks. All that is done to the
// stores is done to the oracles too, and what is read is compared. Time, for the time to live, goes on at random. From time to time a snapshot is taken and read on another goroutine
// while the stores go on; later it is restored into new stores, perhaps more or fewer of them, compared with what the oracles held, and sometimes the world goes on with these.
package backendtest
