package statebackend

import (
	"testing"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/pages"
)

// tellingSpill calls back when a snapshot of it is released, which is the last thing that the release of a store's snapshot does.
type tellingSpill struct {
	mapSpill
	released func()
}

type tellingView struct {
	mapView
	released func()
}

func (s *tellingSpill) Freeze() (SpillView, error) {
	return tellingView{mapView(s.data), func() { s.released() }}, nil
}

func (v tellingView) Release() error {
	v.released()
	return nil
}

// While a snapshot is being released, pages that only it has held still count as used: a store that took them for its own would move a great many keys out at once, and let no record in meanwhile.
func TestNothingGoesWhileSnapshotIsReleased(t *testing.T) {
	memory := pages.NewAccount("memory", 1<<20, nil)
	spill := &tellingSpill{}
	s, err := New(Config{Operator: "op", Groups: base.KeyGroupRange{First: 0, Last: 3}, MaxParallelism: 4, Account: pages.NewAccount("op", 0, memory), Fail: func(err error) { t.Error(err) },
		Spill: func(s *Store) (Spill, error) {
			spill.store, spill.data = s, map[string]spilledKey{}
			return spill, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sp := s.Space("keyed", KeyLayout{Words: 1})
	NewValue[int64](NewScope(sp), "value", nil)
	n, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	told := false
	spill.released = func() {
		told = true
		if s.snapshots.Load() != 1 {
			t.Error("the snapshot counts as released before it is")
		}
	}
	if err := n.Release(); err != nil || !told {
		t.Fatal(err, told)
	}
	if err := n.Release(); err != nil || s.snapshots.Load() != 0 {
		t.Error(err, s.snapshots.Load())
	}
}
