package backendtest

import (
	"slices"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/statebackend"
)

// snapshot is one of all sites at one moment, with what the oracles had then.
type snapshot struct {
	parts []*part
}

// part is the snapshot of one site, read on a goroutine of its own.
type part struct {
	groups  base.KeyGroupRange
	oracles []any
	entries [][]entry // by the number of the space
	done    chan struct{}
	err     error
}

type entry struct {
	group        int
	key, payload []byte
}

func (w *world) takeSnapshot() {
	if len(w.held) == 4 {
		w.useSnapshot()
	}
	n := &snapshot{}
	for _, s := range w.sites {
		snap, err := s.store.Snapshot()
		if err != nil {
			w.fatalf("Snapshot: %v", err)
		}
		p := &part{groups: s.groups, done: make(chan struct{})}
		for _, k := range s.keyed {
			p.oracles = append(p.oracles, k.export())
		}
		twice := w.rng.IntN(2) == 0
		go func() {
			defer close(p.done)
			p.read(snap, twice)
		}()
		n.parts = append(n.parts, p)
	}
	w.held = append(w.held, n)
}

func (p *part) read(snap *statebackend.Snapshot, releaseTwice bool) {
	for _, sp := range snap.Spaces() {
		for len(p.entries) <= sp.Number() {
			p.entries = append(p.entries, nil)
		}
		for g := range p.groups.Len() {
			err := snap.Entries(sp, g, func(key, payload []byte) bool {
				p.entries[sp.Number()] = append(p.entries[sp.Number()], entry{p.groups.First + g, slices.Clone(key), slices.Clone(payload)})
				return true
			})
			if err != nil && p.err == nil {
				p.err = err
			}
		}
	}
	if err := snap.Release(); err != nil && p.err == nil {
		p.err = err
	}
	if releaseTwice {
		if err := snap.Release(); err != nil && p.err == nil {
			p.err = err
		}
	}
}

// useSnapshot restores a snapshot into new stores and compares. Sometimes the world goes on with these.
func (w *world) useSnapshot() {
	if len(w.held) == 0 {
		return
	}
	i := w.rng.IntN(len(w.held))
	n := w.held[i]
	w.held = slices.Delete(w.held, i, i+1)
	for _, p := range n.parts {
		<-p.done
		if p.err != nil {
			w.fatalf("reading a snapshot: %v", p.err)
		}
	}
	sites := w.newSites()
	for _, s := range sites {
		w.restore(s, n)
	}
	goOn := w.rng.IntN(2) == 0 && len(w.sites) > 0
	if goOn {
		sites, w.sites = w.sites, sites
		w.check()
	} else {
		for _, s := range sites {
			for _, k := range s.keyed {
				k.check()
			}
		}
	}
	for _, s := range sites {
		w.close(s)
	}
}

// restore puts the keys of a snapshot that are of a site's key groups into the site.
func (w *world) restore(s *site, n *snapshot) {
	for _, p := range n.parts {
		for number, entries := range p.entries {
			sp := s.store.Spaces()[number]
			for _, e := range entries {
				if !s.groups.Contains(e.group) {
					continue
				}
				if err := sp.Restore(e.key, e.payload); err != nil {
					w.fatalf("Restore: %v", err)
				}
			}
		}
		for i, k := range s.keyed {
			k.adopt(p.oracles[i], s.groups)
		}
	}
	for _, k := range s.keyed {
		k.restored()
	}
}
