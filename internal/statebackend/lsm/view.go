package lsm

import (
	"encoding/binary"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weirstream/weir/internal/xsync"
)

// emptyView is of a store that has not stored anything yet.
type emptyView struct{}

func (emptyView) Entries(int, int, func(uint64, []byte, []byte) bool) error { return nil }
func (emptyView) Find(int, int, uint64, []byte) ([]byte, error)             { return nil, nil }
func (emptyView) Release() error                                            { return nil }

// view is what a tree held at one moment.
type view struct {
	tree     *tree
	mu       xsync.Mutex
	snapshot *pebble.Snapshot // nil once released
	// finder is an iterator for Find, and key and payload are places for what it looks for and finds.
	finder       *pebble.Iterator
	key, payload []byte
}

// Find implements [statebackend.SpillView].
func (v *view) Find(sp, group int, hash uint64, key []byte) (payload []byte, err error) {
	t := v.tree
	if v.finder == nil {
		if v.finder, err = v.snapshot.NewIter(nil); err != nil {
			return nil, t.failure("read", err)
		}
	}
	v.key = append(appendPrefix(v.key[:0], sp, group, hash), key...)
	if !v.finder.SeekGE(v.key) || string(v.finder.Key()) != string(v.key) {
		if err := v.finder.Error(); err != nil {
			return nil, t.failure("read", err)
		}
		return nil, nil
	}
	value, err := v.finder.ValueAndErr()
	if err != nil {
		return nil, t.failure("read", err)
	}
	if len(value) > 0 && value[0] == whole {
		return value[1:], nil
	}
	v.payload, err = t.join(v.finder, v.key, slices.Clone(value), v.payload[:0])
	return v.payload, err
}

// Entries implements [statebackend.SpillView].
func (v *view) Entries(sp, group int, yield func(hash uint64, key, payload []byte) bool) (err error) {
	t := v.tree
	it, err := v.snapshot.NewIter(&pebble.IterOptions{LowerBound: appendPrefix(nil, sp, group, 0)[:4], UpperBound: appendPrefix(nil, sp, group+1, 0)[:4]})
	if err != nil {
		return t.failure("read", err)
	}
	defer func() {
		if e := it.Close(); e != nil && err == nil {
			err = t.failure("read", e)
		}
	}()
	var key, payload []byte
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return t.failure("read", err)
		}
		if len(it.Key()) < prefixLen {
			return t.damaged(errParts)
		}
		key = append(key[:0], it.Key()...)
		if len(value) > 0 && value[0] == whole {
			payload = append(payload[:0], value[1:]...)
		} else if payload, err = t.join(it, key, slices.Clone(value), payload[:0]); err != nil {
			return err
		}
		if !yield(binary.BigEndian.Uint64(key[4:]), key[prefixLen:], payload) {
			return nil
		}
	}
	if err := it.Error(); err != nil {
		return t.failure("read", err)
	}
	return nil
}

// Release implements [statebackend.SpillView].
func (v *view) Release() error {
	v.mu.Lock()
	snapshot := v.snapshot
	v.snapshot = nil
	v.mu.Unlock()
	if snapshot == nil {
		return nil
	}
	if v.finder != nil {
		if err := v.finder.Close(); err != nil {
			return v.tree.failure("close", err)
		}
	}
	if err := snapshot.Close(); err != nil {
		return v.tree.failure("close", err)
	}
	return v.tree.release()
}
