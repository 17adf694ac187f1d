package statebackend

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// What is removed leaves nothing behind: no rows, and no objects in the heaps.
func TestNothingIsLeft(t *testing.T) {
	s := newTestStore(t)
	sp := s.Space("s", KeyLayout{Words: 1, Bytes: true})
	scope := NewScope(sp)
	value := NewValue[string](scope, "value", nil)
	list := NewList[string](scope, "list", nil)
	aged := NewList[int64](scope, "aged", &TTL{Millis: 10, OnRead: true})
	entries := NewMap[string, string](scope, "map", nil)
	brief := NewMap[int64, string](scope, "brief", &TTL{Millis: 10})
	rng := rand.New(rand.NewPCG(5, 6))
	text := func() string { return strings.Repeat("text", rng.IntN(40)) }
	point := func(k int) {
		scope.Words()[0] = uint64(k)
		scope.Set(hashInt(int64(k)), append(scope.Buffer(), strings.Repeat("k", k)...))
	}
	const keys = 100
	for i := range 50_000 {
		s.Tick(int64(i / 1000))
		point(rng.IntN(keys))
		switch rng.IntN(10) {
		case 0:
			value.Set(text())
		case 1:
			list.Add(text())
		case 2:
			aged.Add(rng.Int64())
		case 3:
			entries.Put(text(), text())
		case 4:
			brief.Put(rng.Int64N(20), text())
		case 5:
			scope.Remove()
		case 6:
			for range aged.All() {
			}
		case 7:
			entries.Delete(text())
		case 8:
			list.Replace([]string{text(), text()})
		case 9:
			*func() *string { v, _ := value.Edit(); return v }() += "x"
			value.Done()
		}
	}
	for k := range keys {
		point(k)
		switch k % 2 {
		case 0:
			scope.Remove()
		default:
			value.Clear()
			list.Clear()
			aged.Clear()
			entries.Clear()
			brief.Clear()
		}
	}
	scope.Unset()
	for _, sp := range s.spaces {
		if sp.keys != 0 || sp.heap.Used() != 0 {
			t.Errorf("space %q has %d keys and %d bytes in its heap", sp.name, sp.keys, sp.heap.Used())
		}
	}
}
