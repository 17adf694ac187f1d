package statebackend

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/pages"
)

// TestSwap changes the contents of a space for others at random, beside a Go map for each.
func TestSwap(t *testing.T) {
	account := pages.NewAccount("test", 0, nil)
	s, err := New(Config{Operator: "test", Groups: base.KeyGroupRange{First: 0, Last: 15}, MaxParallelism: 16, Account: account})
	if err != nil {
		t.Fatal(err)
	}
	w, _ := codec.WordsFor[string]()
	sp := s.Space("s", KeyLayout{Words: w.N, Bytes: w.Bytes})
	scope := NewScope(sp)
	number, text, list := NewValue[int64](scope, "number", nil), NewValue[string](scope, "text", nil), NewList[int64](scope, "list", nil)
	type state struct {
		number int64
		text   string
		list   []int64
	}
	const parts = 5
	var contents [parts]*Contents
	var want [parts]map[string]state
	for i := range want {
		want[i] = map[string]state{}
	}
	r, here := rand.New(rand.NewPCG(3, 4)), 0
	point := func(k string) { scope.Set(base.HashCombine(base.HashSeed, base.LaneString(k)), []byte(k)) }
	check := func() {
		if sp.Len() != len(want[here]) {
			t.Fatalf("contents %d: %d keys, want %d", here, sp.Len(), len(want[here]))
		}
		for k, v := range want[here] {
			point(k)
			n, _ := number.Get()
			x, _ := text.Get()
			if l := list.AppendTo(nil); n != v.number || x != v.text || fmt.Sprint(l) != fmt.Sprint(v.list) {
				t.Fatalf("contents %d: %q has %d, %q, %v, want %+v", here, k, n, x, l, v)
			}
		}
		scope.Unset()
	}
	for step := range 40_000 {
		k := fmt.Sprint("a key that is not kept in its row ", r.IntN(300))
		point(k)
		if v, ok := want[here][k]; ok && r.IntN(4) == 0 {
			scope.Remove()
			delete(want[here], k)
		} else {
			v.number, v.text, v.list = v.number+1, fmt.Sprint("the text of step ", step), append(v.list, int64(step))
			number.Set(v.number)
			text.Set(v.text)
			list.Add(int64(step))
			want[here][k] = v
		}
		switch r.IntN(50) {
		case 0:
			next := r.IntN(parts)
			if next == here {
				continue
			}
			contents[here], contents[next] = sp.Swap(contents[next]), nil
			if n := contents[here].Len(); n != len(want[here]) {
				t.Fatalf("contents %d have %d keys, want %d", here, n, len(want[here]))
			}
			here = next
		case 1:
			if r.IntN(10) == 0 {
				sp.Swap(nil).Close()
				clear(want[here])
			}
			check()
		}
	}
	check()
	for _, c := range contents {
		if c != nil {
			c.Close()
		}
	}
	if err := s.Close(); err != nil || account.Used() != 0 {
		t.Errorf("%d bytes are left, %v", account.Used(), err)
	}
}
