package statebackend

// sweepStored is how many stored keys are looked through, at every sweepEvery-th time that the store breathes.
const (
	sweepStored = 512
	sweepEvery  = 4
)

// sweepSpill lets the spill look for stored keys that have expired.
func (s *Store) sweepSpill() {
	if s.spill == nil || s.stored == 0 {
		return
	}
	if s.breaths++; s.breaths%sweepEvery == 0 {
		s.check(s.spill.Sweep(sweepStored))
	}
}

// Forget is called by the spill with a stored key: it returns true if the key is not in memory and all its state has expired and is to be cleaned up. The spill then removes it, and the space
// counts it as removed. A key of which only a part has expired is cleaned when it is in memory.
func (sp *Space) Forget(group int, hash uint64, key, payload []byte) bool {
	if !sp.ttl || !sp.spills() || group >= len(sp.subs) || sp.subs[group] == nil || !sp.allExpired(payload) {
		return false
	}
	var words [MaxKeyWords]uint64
	b, rest, err := sp.CutKey(key, words[:sp.layout.Words])
	if err != nil || len(rest) > 0 {
		return false
	}
	s := sp.subs[group]
	if _, ok := sp.seek(s, hash, words[:sp.layout.Words], b); ok {
		return false
	}
	s.stored--
	sp.store.stored--
	if sp.store.changes.logs {
		sp.logKey(s, hash, key)
	}
	return true
}

// allExpired reports whether all that a payload has is expired and to be cleaned up. What it cannot read is for others to complain about.
func (sp *Space) allExpired(payload []byte) bool {
	p := &payloadReader{src: payload}
	for len(p.src) > 0 {
		i, stamped := p.uvarint(), p.byte()
		if p.err != nil || i >= uint64(len(sp.cells)) || stamped != 1 {
			return false
		}
		c := sp.cells[i]
		p.stamped = true
		if c.ttl == nil || c.ttl.NoCleanup || c.kind > MapKind {
			return false
		}
		n := uint64(1)
		if c.kind != ValueKind {
			n = p.uvarint()
		}
		for ; n > 0 && p.err == nil; n-- {
			if c.kind == MapKind {
				var words [MaxKeyWords]uint64
				_, rest, err := c.entries.cutEntryKey(p.src, words[:c.entries.layout.Words-1])
				if err != nil {
					return false
				}
				p.src = rest
			}
			if stamp, _ := p.entry(0); p.err != nil || !c.expired(stamp) {
				return false
			}
		}
	}
	return p.err == nil && len(payload) > 0
}

// Expires is whether some state of the space has a time to live and is cleaned up without being read.
func (sp *Space) Expires() bool { return sp.ttl }
