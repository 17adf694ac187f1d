package snapshot

import (
	"context"
	"fmt"
	"testing"

	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/storage"
)

// State that grows is hardly written again: its bases are no worse for what comes behind them. State that is overwritten has its bases written anew, so that what is overtaken stays bounded.
func TestGrowth(t *testing.T) {
	for _, grows := range []bool{true, false} {
		v := newValues(t, all)
		disk := storage.NewMemory()
		var base *manifest.Subtask
		written, kept, size := int64(0), int64(0), int64(0)
		for id := range int64(16) {
			for i := range int64(500) {
				key := fmt.Sprint("key ", i)
				if grows {
					key = fmt.Sprint("key ", id*500+i)
				}
				v.scope.Set(hashOf(key), []byte(key))
				v.count.Set(i)
			}
			v.scope.Unset()
			snap, err := v.store.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			w := NewWriter(t.Context(), Options{Name: fmt.Sprintf("chk-%d/a", id+1), Checkpoint: id + 1, Create: func(ctx context.Context, name string) (File, error) { return disk.Create(ctx, name) }})
			part := &manifest.Subtask{}
			if err := w.Store(snap, part, base); err != nil {
				t.Fatal(err)
			}
			if _, _, err := w.Close(); err != nil {
				t.Fatal(err)
			}
			v.store.Confirm(snap.Epoch())
			_ = snap.Release()
			base, kept = part, 0
			eachSegment(base, func(s *manifest.Segment) {
				kept += s.RawLength
				if s.Checkpoint == id+1 {
					written += s.RawLength
					if id == 0 {
						size += s.RawLength
					}
				}
			})
		}
		if grows {
			size *= 16
		}
		if grows && written > size*16/10 { // small as they are, bases have their turn for the number of segments
			t.Errorf("%d bytes of state that only grows were written as %d", size, written)
		}
		if kept > size*2 {
			t.Errorf("grows %v: a checkpoint has %d bytes for %d of state", grows, kept, size)
		}
		r := NewReader(t.Context(), func(ctx context.Context, name string) (Source, error) { return disk.Open(ctx, name) })
		after := newValues(t, all)
		if err := r.Restore(after.store, base, false); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		sameEntries(t, fmt.Sprint("grows ", grows), entries(t, after.store), entries(t, v.store))
	}
}
