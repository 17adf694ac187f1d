package lsm

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/fault"
)

// putParts writes a payload in parts, those that are not stored already.
func (s *spill) putParts(key, payload []byte) error {
	old := s.parts[string(key)]
	n := (len(payload) + partSize - 1) / partSize
	hashes := make([]xxh3.Uint128, n)
	head := binary.AppendUvarint([]byte{parted}, uint64(len(payload)))
	if err := s.tree.set(key, head, nil); err != nil {
		return err
	}
	for i := range n {
		part := payload[i*partSize : min((i+1)*partSize, len(payload))]
		hashes[i] = xxh3.Hash128Seed(part, s.seed)
		if i < len(old) && old[i] == hashes[i] {
			continue
		}
		if err := s.tree.set(partKey(key, i), part, nil); err != nil {
			return err
		}
	}
	if err := s.removeParts(key, n); err != nil {
		return err
	}
	s.parts[string(key)] = hashes
	return nil
}

func partKey(key []byte, i int) []byte {
	return binary.BigEndian.AppendUint32(key[:len(key):len(key)], uint32(i+1))
}

// removeParts deletes the parts of a key from the given one on.
func (s *spill) removeParts(key []byte, from int) error {
	if len(s.parts) == 0 {
		return nil
	}
	n := len(s.parts[string(key)])
	for i := from; i < n; i++ {
		if err := s.tree.remove(partKey(key, i)); err != nil {
			return err
		}
	}
	if from == 0 && n > 0 {
		delete(s.parts, string(key))
	}
	return nil
}

var errParts = errors.New("a part of a large payload is missing or damaged")

// join appends the parts of a payload to dst. it stands at the head, whose key and value are given, and then at the last part.
func (t *tree) join(it *pebble.Iterator, key, head, dst []byte) ([]byte, error) {
	if len(head) == 0 || head[0] != parted {
		return nil, t.damaged(errParts)
	}
	n, w := binary.Uvarint(head[1:])
	if w <= 0 || n <= partSize || n > 1<<31 {
		return nil, t.damaged(errParts)
	}
	for i := uint32(1); uint64(len(dst)) < n; i++ {
		if !it.Next() {
			if err := it.Error(); err != nil {
				return nil, t.failure("read", err)
			}
			return nil, t.damaged(errParts)
		}
		k := it.Key()
		if len(k) != len(key)+4 || !bytes.HasPrefix(k, key) || binary.BigEndian.Uint32(k[len(key):]) != i {
			return nil, t.damaged(errParts)
		}
		part, err := it.ValueAndErr()
		if err != nil {
			return nil, t.failure("read", err)
		}
		if uint64(len(part)) != min(partSize, n-uint64(len(dst))) {
			return nil, t.damaged(errParts)
		}
		dst = append(dst, part...)
	}
	return dst, nil
}

func (t *tree) damaged(err error) error {
	return fault.New(fault.StateDamaged, "the stored state of operator %q in %s: %w", t.operator, t.dir, err)
}
