package backendtest

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/statebackend"
)

// world is what one seed makes.
type world struct {
	t    testing.TB
	seed uint64
	step int
	rng  *rand.Rand
	open Open
	now  int64
	// makers make the tables of a site, always the same.
	makers         []func() keyed
	maxParallelism int
	sites          []*site
	held           []*snapshot
	closed         []*statebackend.Store
	// tracks has the stores tell changes between snapshots; told is how many key groups had some, deleted how many keys were.
	tracks        bool
	told, deleted atomic.Int64
}

// site is a store with the states of the world, as one subtask has it.
type site struct {
	w      *world
	groups base.KeyGroupRange
	store  *statebackend.Store
	keyed  []keyed
	// base is the snapshot that the store was told to be durable, taken are those since.
	base  *part
	taken []*part
}

// keyed is what a site has of keyed state: a table or timers.
type keyed interface {
	bind(s *site, number int)
	// act does something random with a key, of those whose key group is the site's.
	act()
	// check compares all keys.
	check()
	// empty reports whether a key has no state.
	export() any
	adopt(from any, in base.KeyGroupRange)
	// restored is called after keys were restored.
	restored()
}

func newWorld(t testing.TB, seed uint64, open Open) *world {
	w := &world{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 7)), open: open, now: 1_000_000}
	w.maxParallelism = []int{3, 16, 128}[w.rng.IntN(3)]
	for range 1 + w.rng.IntN(3) {
		w.makers = append(w.makers, w.drawTable())
	}
	if w.rng.IntN(2) == 0 {
		pool, ns := newPool(w.rng), w.rng.IntN(3)
		w.makers = append(w.makers, func() keyed { return &timers{pool: pool, ns: ns} })
	}
	w.tracks = w.rng.IntN(3) > 0
	w.sites = w.newSites()
	return w
}

// newSites opens stores for all key groups.
func (w *world) newSites() (sites []*site) {
	n := 1 + w.rng.IntN(3)
	for i := range n {
		sites = append(sites, w.newSite(base.RangeOf(i, n, w.maxParallelism)))
	}
	return sites
}

func (w *world) newSite(groups base.KeyGroupRange) *site {
	s := &site{w: w, groups: groups}
	s.store = w.open(w.t, statebackend.Config{
		Operator: "operator under test", Groups: groups, MaxParallelism: w.maxParallelism,
		Fail: func(err error) { w.fatalf("the store reports %v", err) },
	})
	if w.tracks {
		s.store.Track()
	}
	s.store.Tick(w.now)
	for i, make := range w.makers {
		k := make()
		k.bind(s, i)
		s.keyed = append(s.keyed, k)
	}
	return s
}

// fatalf ends the test.
func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("seed %d, step %d: %s", w.seed, w.step, fmt.Sprintf(format, args...))
}

func (w *world) run(steps int) {
	for w.step = range steps {
		switch n := w.rng.IntN(1000); {
		case n < 40:
			w.now += w.rng.Int64N(30)
			for _, s := range w.sites {
				s.store.Tick(w.now)
			}
		case n < 44:
			w.takeSnapshot()
		case n < 47:
			w.useSnapshot()
		case n == 47:
			w.check()
		default:
			s := w.sites[w.rng.IntN(len(w.sites))]
			s.keyed[w.rng.IntN(len(s.keyed))].act()
		}
	}
	w.end()
}

func (w *world) check() {
	for _, s := range w.sites {
		for _, k := range s.keyed {
			k.check()
		}
	}
}

// end closes everything: no memory may be left.
func (w *world) end() {
	w.check()
	if w.rng.IntN(2) == 0 { // snapshots outlive stores
		w.closeSites()
	}
	for len(w.held) > 0 {
		w.useSnapshot()
	}
	w.closeSites()
	for _, s := range w.closed {
		if used := s.Account().Used(); used != 0 {
			w.fatalf("%d bytes are counted when all is closed", used)
		}
	}
}

func (w *world) closeSites() {
	for _, s := range w.sites {
		w.close(s)
	}
	w.sites = nil
}

func (w *world) close(s *site) {
	if err := s.store.Close(); err != nil {
		w.fatalf("Close: %v", err)
	}
	w.closed = append(w.closed, s.store)
}
