package storage

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// One at a time has a folder locked, whoever opens it; the lock is no object, and is gone when it is given up.
func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	open := func() Storage {
		s, err := OpenLocal(dir)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	lock := func(s Storage) func() {
		unlock, err := TryLock(s)
		if err != nil {
			t.Fatal(err)
		}
		return unlock
	}
	first := lock(open())
	if first == nil || lock(open()) != nil {
		t.Fatal("two have it, or none")
	}
	other := lock(open().Sub("other"))
	if other == nil {
		t.Fatal("a folder in it cannot be locked")
	}
	if all := names(t, open()); len(all) > 0 {
		t.Errorf("it has %q", all)
	}
	other()
	first()
	if again := lock(open()); again == nil {
		t.Error("it stays locked")
	} else {
		again()
	}
	if all, err := filepath.Glob(filepath.Join(dir, "*", ".*")); err != nil || len(all) > 0 {
		t.Errorf("left: %q, %v", all, err)
	}
	// Left over from a process that was killed: a file that nobody has locked.
	if err := os.WriteFile(filepath.Join(dir, lockName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var inside, had atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := OpenLocal(dir)
			if err != nil {
				t.Error(err)
				return
			}
			for range 200 {
				unlock, err := TryLock(s)
				if err != nil {
					t.Error(err)
					return
				}
				if unlock == nil {
					continue
				}
				had.Add(1)
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d have it", n)
				}
				inside.Add(-1)
				unlock()
			}
		})
	}
	wg.Wait()
	if had.Load() == 0 {
		t.Error("nobody had it")
	}
	if unlock, err := TryLock(NewMemory()); err != nil || unlock == nil {
		t.Errorf("in memory: %v", err)
	}
}
