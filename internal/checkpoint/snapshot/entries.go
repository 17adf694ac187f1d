package snapshot

import (
	"maps"
	"slices"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/table"
)

// Entries calls yield for each key that a manifest has in a space, with its payload, until it returns an error. Of a savepoint, a key comes once for each of its entries, with a payload of that entry alone. The slices are good during
// the call.
func (r *Reader) Entries(m *manifest.Space, groups base.KeyGroupRange, yield func(group int, key, payload []byte) error) error {
	for _, g := range m.GetGroups() {
		if !groups.Contains(int(g.GetGroup())) {
			continue
		}
		if err := r.groupEntries(g, func(key, payload []byte) error { return yield(int(g.GetGroup()), key, payload) }); err != nil {
			return err
		}
	}
	for _, t := range m.GetTables() {
		if err := r.openFile(t.GetFile()); err != nil {
			return err
		}
		if err := table.Each(r.file, t, m, groups, yield); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) groupEntries(g *manifest.Group, yield func(key, payload []byte) error) error {
	if len(g.GetSegments()) == 1 {
		seg := g.Segments[0]
		data, err := r.Segment(seg)
		if err != nil {
			return err
		}
		return EachEntry(seg, data, func(key, payload []byte, _ bool) error { return yield(key, payload) })
	}
	state := map[string]string{} // a base and what has changed of it
	for _, seg := range g.GetSegments() {
		data, err := r.Segment(seg)
		if err != nil {
			return err
		}
		err = EachEntry(seg, data, func(key, payload []byte, deleted bool) error {
			if deleted {
				delete(state, string(key))
			} else {
				state[string(key)] = string(payload)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(state)) {
		if err := yield([]byte(key), []byte(state[key])); err != nil {
			return err
		}
	}
	return nil
}
