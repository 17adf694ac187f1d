package pages

import (
	"math"
	"sync"
	"testing"
)

func TestAccount(t *testing.T) {
	root := NewAccount("root", 100, nil)
	a, b := NewAccount("a", 60, root), NewAccount("b", 0, root)
	want := func(acc *Account, used, peak, over int64) {
		t.Helper()
		if acc.Used() != used || acc.Peak() != peak || acc.Over() != over {
			t.Errorf("%s: used %d, peak %d, over %d; want %d, %d, %d", acc.Name(), acc.Used(), acc.Peak(), acc.Over(), used, peak, over)
		}
	}
	if a.Try(61) || !a.Try(60) || a.Try(1) {
		t.Error("Try does not keep the limit")
	}
	want(a, 60, 60, 0)
	want(root, 60, 60, -40)
	if b.Try(41) || !b.Try(40) {
		t.Error("Try does not keep the limit of the parent")
	}
	want(b, 40, 40, 0)
	a.Add(5)
	want(a, 65, 65, 5)
	want(b, 40, 40, 5)
	want(root, 105, 105, 5)
	a.Add(-65)
	b.Add(-40)
	want(a, 0, 65, -60)
	want(root, 0, 105, -100)
	if a.Limit() != 60 || b.Limit() != 0 {
		t.Errorf("limits %d and %d", a.Limit(), b.Limit())
	}
	if free := NewAccount("", -1, nil); free.Over() != -math.MaxInt64 || !free.Try(1<<40) {
		t.Error("an account without limit has one")
	}
	if root.Try(math.MaxInt64) {
		t.Error("an overflow passed")
	}
	limited := NewAccount("limited", 100, nil)
	child := NewAccount("child", 0, limited)
	child.Add(120)
	child.retire(30)
	if limited.Retired() != 30 || child.Pressure() != 20 {
		t.Errorf("retired %d, pressure %d; want 30 and 20", limited.Retired(), child.Pressure())
	}
	child.retire(60) // 40 above half of the limit
	if child.Over() != 20 || child.Pressure() != -20 || child.Lasting() != -70 {
		t.Errorf("over %d, pressure %d, lasting %d; want 20, -20 and -70", child.Over(), child.Pressure(), child.Lasting())
	}
	var none *Account
	none.Add(1)
	if !none.Try(1) || none.Used() != 0 || none.Over() != -math.MaxInt64 || none.Lasting() != -math.MaxInt64 {
		t.Error("a nil account counts")
	}
}

func TestAccountConcurrent(t *testing.T) {
	root := NewAccount("root", 1000, nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			a := NewAccount("child", 400, root)
			for i := range int64(5000) {
				n := i%300 + 1
				if a.Try(n) {
					if used := root.Used(); used > 1000 {
						t.Errorf("%d bytes counted against a limit of 1000", used)
					}
					a.Add(-n)
				}
			}
		})
	}
	wg.Wait()
	if root.Used() != 0 || root.Peak() > 1000 || root.Peak() == 0 {
		t.Errorf("used %d, peak %d", root.Used(), root.Peak())
	}
}
