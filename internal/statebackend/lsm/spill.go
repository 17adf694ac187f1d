package lsm

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/internal/statebackend"
)

// spill is what a store has on disk.
type spill struct {
	backend *backend
	store   *statebackend.Store
	tree    *tree // nil until the first key goes
	key     []byte
	payload []byte
	evicted evictions
	// removed are the keys whose deletion is in the tree's batch, which readers do not see yet.
	removed map[string]struct{}
	// parts has the hashes of the parts of each key that is stored in parts.
	parts map[string][]xxh3.Uint128
	// filter knows the keys that are stored, next is the one that replaces it, made of the keys before at; nil at most times.
	filter, next *filter
	at           []byte
	swept        []byte // the key at which Sweep goes on
	seed         uint64 // of these hashes, so that nobody can choose data that has the same
}

const (
	partSize = 32 << 10
	// whole and parted are the first byte of a value.
	whole, parted = 0, 1
)

func appendPrefix(dst []byte, sp, group int, hash uint64) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(sp))
	dst = binary.BigEndian.AppendUint16(dst, uint16(group))
	return binary.BigEndian.AppendUint64(dst, hash)
}

// Load implements [statebackend.Spill].
func (s *spill) Load(sp *statebackend.Space, group int, hash uint64, key []byte) ([]byte, error) {
	if s.tree == nil || !s.filter.has(mix(sp.Number(), hash)) {
		return nil, nil
	}
	s.key = append(appendPrefix(s.key[:0], sp.Number(), group, hash), key...)
	if len(s.removed) > 0 {
		if _, ok := s.removed[string(s.key)]; ok {
			return nil, nil
		}
	}
	it, err := s.tree.seek(s.key)
	if it == nil || err != nil || string(it.Key()) != string(s.key) {
		return nil, err
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return nil, s.tree.failure("read", err)
	}
	if len(value) > 0 && value[0] == whole {
		return value[1:], nil
	}
	s.payload, err = s.tree.join(it, s.key, value, s.payload[:0])
	if cap(s.payload) > 4*batchSize {
		defer func() { s.payload = nil }()
	}
	return s.payload, err
}

// Removed implements [statebackend.Spill].
func (s *spill) Removed(sp *statebackend.Space, group int, hash uint64, key []byte) error {
	if s.tree == nil { // it lies in what the store was restored from
		return nil
	}
	s.key = append(appendPrefix(s.key[:0], sp.Number(), group, hash), key...)
	return s.remove(s.key)
}

func (s *spill) remove(key []byte) error {
	if err := s.removeParts(key, 0); err != nil {
		return err
	}
	if err := s.tree.remove(key); err != nil {
		return err
	}
	s.removed[string(key)] = struct{}{}
	if len(s.removed) >= mostRemoved {
		return s.apply()
	}
	return nil
}

// mostRemoved is how many deletions are gathered.
const mostRemoved = 1024

// apply makes all that was written visible to readers.
func (s *spill) apply() error {
	clear(s.removed)
	return s.tree.apply()
}

// Evict implements [statebackend.Spill].
func (s *spill) Evict(bytes int64) (freed int64, err error) {
	if s.tree == nil {
		if s.tree, err = openTree(s.backend, s.store.Config().Operator); err != nil {
			return 0, err
		}
		s.removed, s.parts = map[string]struct{}{}, map[string][]xxh3.Uint128{}
		s.filter = newFilter(s.store.Account(), 0)
	}
	freed, err = s.store.Shed(bytes, s.evict)
	if err == nil {
		err = s.writeEvicted()
	}
	if err == nil {
		err = s.apply()
	}
	if err == nil {
		err = s.refill()
	}
	return freed, err
}

func (s *spill) evict(sp *statebackend.Space, group int, hash uint64, key, payload []byte) error {
	e := &s.evicted
	n := len(e.buf)
	e.buf = append(append(appendPrefix(e.buf, sp.Number(), group, hash), key...), payload...)
	e.spans = append(e.spans, span{n, n + prefixLen + len(key), len(e.buf)})
	if len(e.buf) >= batchSize {
		return s.writeEvicted()
	}
	return nil
}

// evictions are keys on their way to the tree.
type evictions struct {
	buf   []byte
	spans []span
}

// span says where a key begins in the buffer, where its payload does and where that ends.
type span struct{ key, payload, end int }

// writeEvicted writes the gathered keys in their order, which is what memtables like best.
func (s *spill) writeEvicted() error {
	e := &s.evicted
	slices.SortFunc(e.spans, func(a, b span) int {
		return bytes.Compare(e.buf[a.key:a.payload], e.buf[b.key:b.payload])
	})
	for _, at := range e.spans {
		s.note(e.buf[at.key:at.payload])
		if err := s.put(e.buf[at.key:at.payload], e.buf[at.payload:at.end]); err != nil {
			return err
		}
	}
	e.spans = e.spans[:0]
	if e.buf = e.buf[:0]; cap(e.buf) > 4*batchSize {
		e.buf = nil
	}
	return nil
}

var wholeTag = []byte{whole}

// put writes the payload of a key.
func (s *spill) put(key, payload []byte) error {
	if len(payload) <= partSize {
		if err := s.removeParts(key, 0); err != nil {
			return err
		}
		return s.tree.set(key, wholeTag, payload)
	}
	return s.putParts(key, payload)
}

// Sweep implements [statebackend.Spill].
func (s *spill) Sweep(keys int) error {
	if s.tree == nil {
		return nil
	}
	it, err := s.tree.db.NewIter(&pebble.IterOptions{LowerBound: from(s.swept)})
	if err != nil {
		return s.tree.failure("read", err)
	}
	defer it.Close()
	spaces := s.store.Spaces()
	ok := it.First()
	for ; ok && keys > 0; ok, keys = it.Next(), keys-1 {
		sp := spaces[binary.BigEndian.Uint16(it.Key())]
		if !sp.Expires() {
			ok = it.SeekGE(binary.BigEndian.AppendUint16(s.key[:0], uint16(sp.Number()+1)))
			break
		}
		s.key = append(s.key[:0], it.Key()...)
		value, err := it.ValueAndErr()
		if err != nil {
			return s.tree.failure("read", err)
		}
		payload := value
		if len(value) > 0 && value[0] == whole {
			payload = value[1:]
		} else if payload, err = s.tree.join(it, s.key, slices.Clone(value), nil); err != nil {
			return err
		}
		if err := s.sweep(sp, s.key, payload); err != nil {
			return err
		}
	}
	s.swept = s.swept[:0]
	if ok {
		s.swept = append(s.swept, it.Key()...)
	}
	if err := it.Error(); err != nil {
		return s.tree.failure("read", err)
	}
	return nil
}

// sweep removes a stored key if it has expired.
func (s *spill) sweep(sp *statebackend.Space, key, payload []byte) error {
	if _, gone := s.removed[string(key)]; gone {
		return nil
	}
	group, hash := int(binary.BigEndian.Uint16(key[2:])), binary.BigEndian.Uint64(key[4:])
	if !sp.Forget(group, hash, key[prefixLen:], payload) {
		return nil
	}
	return s.remove(key)
}

// Freeze implements [statebackend.Spill].
func (s *spill) Freeze() (statebackend.SpillView, error) {
	if s.tree == nil {
		return emptyView{}, nil
	}
	if err := s.apply(); err != nil {
		return nil, err
	}
	s.tree.hold()
	return &view{tree: s.tree, snapshot: s.tree.db.NewSnapshot()}, nil
}

// Close implements [statebackend.Spill].
func (s *spill) Close() error {
	s.backend.detach()
	if s.tree == nil {
		return nil
	}
	t := s.tree
	s.tree, s.evicted, s.removed, s.parts = nil, evictions{}, nil, nil
	s.filter.close()
	if s.next != nil {
		s.next.close()
	}
	t.forget()
	t.batch.Close()
	return t.release()
}
