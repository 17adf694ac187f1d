package statebackend

import (
	"slices"
	"testing"
)

// Loops over a map end and give each entry once, whatever they do to the map.
func TestMapChangedInLoop(t *testing.T) {
	s := newTestStore(t)
	scope := NewScope(s.Space("s", KeyLayout{Words: 1}))
	m := NewMap[int, int](scope, "m", nil)
	fill := func() {
		scope.Set(hashInt(1), nil)
		m.Clear()
		for i := range 4 {
			m.Put(i, i)
		}
	}
	again := func(k int) {
		m.Delete(k)
		m.Put(k, 10+k)
	}
	for name, c := range map[string]struct {
		do   func(k int)
		want []int
	}{
		"nothing":        {func(int) {}, []int{0, 1, 2, 3}},
		"each put again": {again, []int{0, 1, 2, 3}},
		"last put again": {func(k int) {
			if k == 0 {
				again(3)
			}
		}, []int{0, 1, 2}},
		"next put again": {func(k int) {
			if k == 0 {
				again(1)
			}
		}, []int{0, 2, 3}},
		"all others put again": {func(k int) {
			if k == 1 {
				again(2)
				again(3)
				again(0)
			}
		}, []int{0, 1}},
		"last two put again": {func(k int) {
			if k == 2 {
				again(3)
				again(2)
			}
		}, []int{0, 1, 2}},
		"removed": {func(k int) { m.Delete(3 - k) }, []int{0, 1}},
		"cleared and filled": {func(k int) {
			if k == 1 {
				fill()
			}
		}, []int{0, 1}},
		"more":        {func(k int) { m.Put(k+10, 0) }, []int{0, 1, 2, 3}},
		"key removed": {func(k int) { scope.Remove(); m.Put(7, 0) }, []int{0}},
	} {
		fill()
		var got []int
		for k := range m.All() {
			if got = append(got, k); len(got) > 10 {
				break
			}
			c.do(k)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: the loop gives %v, want %v", name, got, c.want)
		}
		if m.cell.walks != nil {
			t.Errorf("%s: a loop is left", name)
		}
	}
}
