package optest

import (
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/statebackend"
)

// Restore takes a snapshot, ends the instance, and goes on with a new one that has the state of the snapshot.
func (h *Harness) Restore() {
	if h.host.err != nil {
		return
	}
	if err := h.restore(); err != nil {
		h.host.Fail(0, err)
	}
}

func (h *Harness) restore() error {
	h.Restored++
	if s, ok := h.inst.(operator.Snapshotter); ok {
		if err := s.PrepareSnapshot(); err != nil {
			return err
		}
	}
	former := h.ctx
	var snap *statebackend.Snapshot
	if former.Store != nil {
		var err error
		if snap, err = former.Store.Snapshot(); err != nil {
			return err
		}
	}
	if err := h.close(); err != nil {
		return err
	}
	if err := h.instance(); err != nil {
		return err
	}
	if snap != nil {
		if err := copyState(h.ctx.Store, snap); err != nil {
			return err
		}
		if err := snap.Release(); err != nil {
			return err
		}
	}
	if err := h.inst.Open(); err != nil {
		return err
	}
	for _, in := range h.inputs {
		in.rebind()
	}
	h.ctx.CurrentWatermark = former.CurrentWatermark
	for h.o.Again && former.CurrentWatermark != eventtime.MinWatermark && h.call(func() bool { return h.inst.Watermark(former.CurrentWatermark) }) {
		h.stop.Store(0)
	}
	return nil
}

// copyState puts what a snapshot has into a new store.
func copyState(into *statebackend.Store, snap *statebackend.Snapshot) error {
	spaces := map[string]*statebackend.Space{}
	for _, sp := range into.Spaces() {
		spaces[sp.Name()] = sp
	}
	for _, from := range snap.Spaces() {
		sp := spaces[from.Name()]
		if sp == nil {
			return fault.New(fault.InternalInvariant, "the new instance has no state %q", from.Name())
		}
		for group := range into.Config().Groups.Len() {
			var failed error
			err := snap.Entries(from, group, func(key, payload []byte) bool {
				failed = sp.Restore(key, payload)
				return failed == nil
			})
			if failed != nil {
				return failed
			}
			if err != nil {
				return err
			}
		}
	}
	for i, l := range snap.Lists() {
		if l.Err != nil {
			return l.Err
		}
		if err := into.Lists()[i].Restore(l.Elements); err != nil {
			return err
		}
	}
	return nil
}
