package backendtest

import (
	"flag"
	"testing"

	"github.com/weirstream/weir/internal/statebackend"
)

var (
	ops      = flag.Int("ops", 10_000, "how many random operations a backend is given")
	baseSeed = flag.Uint64("seed", 1, "the first world")
)

// Open makes an empty store of the backend under test. It keeps all of cfg but Account and Spill, which are its own. The suite closes the store.
type Open func(t testing.TB, cfg statebackend.Config) *statebackend.Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Run("operations", func(t *testing.T) {
		told, deleted := int64(0), int64(0)
		for done, seed := 0, *baseSeed; done < *ops; seed++ {
			w := newWorld(t, seed, open)
			n := min(*ops-done, 500+int(w.rng.Uint64N(4000)))
			w.run(n)
			done += n
			told, deleted = told+w.told.Load(), deleted+w.deleted.Load()
		}
		if told == 0 || deleted == 0 {
			t.Errorf("snapshots have told the changes of %d key groups and %d deleted keys", told, deleted)
		}
	})
	t.Run("cleaning", func(t *testing.T) { testCleaning(t, open) })
	t.Run("misuse", func(t *testing.T) { testMisuse(t, open) })
}
