package backendtest

import (
	"fmt"
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
	epoch   uint64
	base    *part // that the store tells changes since
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
		s.confirm()
		snap, err := s.store.Snapshot()
		if err != nil {
			w.fatalf("Snapshot: %v", err)
		}
		p := &part{groups: s.groups, done: make(chan struct{}), epoch: snap.Epoch(), base: s.base}
		s.taken = append(s.taken, p)
		for _, k := range s.keyed {
			p.oracles = append(p.oracles, k.export())
		}
		twice := w.rng.IntN(2) == 0
		go func() {
			defer close(p.done)
			p.read(w, snap, twice)
		}()
		n.parts = append(n.parts, p)
	}
	w.held = append(w.held, n)
}

// confirm tells the store of one of its snapshots, by chance, that it is durable.
func (s *site) confirm() {
	if len(s.taken) == 0 || !s.w.tracks || s.w.rng.IntN(3) == 0 {
		return
	}
	i := s.w.rng.IntN(len(s.taken))
	s.base = s.taken[i]
	s.taken = s.taken[i+1:]
	<-s.base.done
	s.store.Confirm(s.base.epoch)
}

// changed puts what has changed since the base over it, and compares.
func (p *part) changed(w *world, snap *statebackend.Snapshot, sp *statebackend.Space, g int, now []entry) error {
	all := map[string]string{}
	if p.base != nil {
		for _, e := range p.base.entries[sp.Number()] {
			if e.group == p.groups.First+g {
				all[string(e.key)] = string(e.payload)
			}
		}
	}
	deleted := int64(0)
	told, err := snap.Changes(sp, g, func(key, payload []byte, gone bool) bool {
		if all[string(key)] = string(payload); gone {
			delete(all, string(key))
			deleted++
		}
		return true
	})
	switch {
	case err != nil || !told:
		return err
	case p.base == nil:
		return fmt.Errorf("space %s tells changes since no snapshot", sp.Name())
	}
	w.told.Add(1)
	w.deleted.Add(deleted)
	for _, e := range now {
		payload, ok := all[string(e.key)]
		if !ok || payload != string(e.payload) {
			return fmt.Errorf("space %s, key %x of group %d is %x (%v) by the changes since snapshot %d, and %x in snapshot %d", sp.Name(), e.key, e.group, payload, ok, p.base.epoch, e.payload, p.epoch)
		}
		delete(all, string(e.key))
	}
	for key := range all {
		return fmt.Errorf("space %s: key %x of group %d is gone by snapshot %d, which its changes since snapshot %d do not tell", sp.Name(), key, p.groups.First+g, p.epoch, p.base.epoch)
	}
	return nil
}

func (p *part) read(w *world, snap *statebackend.Snapshot, releaseTwice bool) {
	for _, sp := range snap.Spaces() {
		for len(p.entries) <= sp.Number() {
			p.entries = append(p.entries, nil)
		}
		for g := range p.groups.Len() {
			before := len(p.entries[sp.Number()])
			err := snap.Entries(sp, g, func(key, payload []byte) bool {
				p.entries[sp.Number()] = append(p.entries[sp.Number()], entry{p.groups.First + g, slices.Clone(key), slices.Clone(payload)})
				return true
			})
			if err == nil {
				err = p.changed(w, snap, sp, g, p.entries[sp.Number()][before:])
			}
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
