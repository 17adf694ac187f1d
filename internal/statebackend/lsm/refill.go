package lsm

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// staleKeys is how many more keys the filter may have seen than twice those that are stored, before it is made anew.
	staleKeys = 1 << 17
	// refillKeys is how many keys are read at a time to make a filter anew.
	refillKeys = 2 << 10
)

// refill goes on making the filter anew, if that is worth it: keys that are written meanwhile are added to both, so that it does not matter which of them the reader sees.
func (s *spill) refill() error {
	if s.next == nil {
		if s.filter.keys <= 2*s.store.Stored()+s.backend.options.stale {
			return nil
		}
		s.next, s.at = newFilter(s.store.Account(), s.store.Stored()*3/2), s.at[:0]
	}
	it, err := s.tree.db.NewIter(&pebble.IterOptions{LowerBound: from(s.at)})
	if err != nil {
		return s.tree.failure("read", err)
	}
	defer it.Close()
	ok := it.First()
	for n := 0; ok && n < s.backend.options.refill; n++ {
		key := it.Key()
		if h := mix(int(binary.BigEndian.Uint16(key)), binary.BigEndian.Uint64(key[4:])); !s.next.has(h) { // it may be a part, or written meanwhile
			s.next.add(h)
		}
		ok = it.Next()
	}
	if ok {
		s.at = append(s.at[:0], it.Key()...)
		return nil
	}
	if err := it.Error(); err != nil {
		return s.tree.failure("read", err)
	}
	s.filter.close()
	s.filter, s.next = s.next, nil
	return nil
}

// note adds a key that is written to the filter.
func (s *spill) note(key []byte) {
	h := mix(int(binary.BigEndian.Uint16(key)), binary.BigEndian.Uint64(key[4:]))
	if !s.filter.has(h) {
		s.filter.add(h)
	}
	if s.next != nil && !s.next.has(h) {
		s.next.add(h)
	}
}

// from is a lower bound for an iterator: nil for none.
func from(key []byte) []byte {
	if len(key) == 0 {
		return nil
	}
	return key
}
