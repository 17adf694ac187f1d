package statebackend

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/codec"
)

func newTestStore(t testing.TB) *Store {
	s, err := New(Config{Operator: "test", Groups: base.KeyGroupRange{First: 0, Last: 127}, MaxParallelism: 128})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func hashInt(k int64) uint64 { return base.HashCombine(base.HashSeed, base.LaneInt(k)) }

func TestSmoke(t *testing.T) {
	s := newTestStore(t)
	w, _ := codec.WordsFor[string]()
	sp := s.Space("s", KeyLayout{Words: w.N, Bytes: w.Bytes})
	scope := NewScope(sp)
	val := NewValue[int64](scope, "v", nil)
	str := NewValue[string](scope, "str", nil)
	list := NewList[string](scope, "l", nil)
	ilist := NewList[int64](scope, "il", nil)
	m := NewMap[int64, string](scope, "m", nil)
	type state struct {
		v  int64
		s  string
		l  []string
		il []int64
		m  map[int64]string
	}
	oracle := map[string]*state{}
	rnd := rand.New(rand.NewPCG(1, 2))
	keys := []string{}
	for i := range 500 {
		k := make([]byte, rnd.IntN(30))
		for j := range k {
			k[j] = byte('a' + rnd.IntN(26))
		}
		keys = append(keys, string(k)+string(rune('0'+i%10)))
	}
	for range 200000 {
		k := keys[rnd.IntN(len(keys))]
		scope.Set(base.HashCombine(base.HashSeed, base.LaneString(k)), []byte(k))
		o := oracle[k]
		if o == nil {
			o = &state{m: map[int64]string{}}
			oracle[k] = o
		}
		switch rnd.IntN(14) {
		case 0:
			n := rnd.Int64N(100) + 1
			o.v = n
			val.Set(n)
		case 1:
			p, _ := val.Edit()
			*p += 3
			val.Done()
			o.v += 3
		case 2:
			o.s = keys[rnd.IntN(len(keys))]
			str.Set(o.s)
		case 3:
			str.Clear()
			o.s = ""
		case 4, 5:
			x := keys[rnd.IntN(len(keys))]
			o.l = append(o.l, x)
			list.Add(x)
			o.il = append(o.il, int64(len(x)))
			ilist.Add(int64(len(x)))
		case 6:
			if rnd.IntN(10) == 0 {
				list.Clear()
				ilist.Clear()
				o.l, o.il = nil, nil
			}
		case 7, 8:
			mk := rnd.Int64N(50)
			o.m[mk] = keys[rnd.IntN(len(keys))]
			m.Put(mk, o.m[mk])
		case 9:
			mk := rnd.Int64N(50)
			delete(o.m, mk)
			m.Delete(mk)
		case 10:
			if rnd.IntN(10) == 0 {
				m.Clear()
				clear(o.m)
			}
		case 11:
			if rnd.IntN(5) == 0 {
				scope.Remove()
				oracle[k] = &state{m: map[int64]string{}}
				o = oracle[k]
			}
		}
		if v, _ := val.Get(); v != o.v {
			t.Fatal("value", v, o.v)
		}
		if v, _ := str.Get(); v != o.s {
			t.Fatal("str", v, o.s)
		}
		if got := slices.Collect(list.All()); !slices.Equal(got, o.l) {
			t.Fatal("list", got, o.l)
		}
		if got := slices.Collect(ilist.All()); !slices.Equal(got, o.il) {
			t.Fatal("ilist", got, o.il)
		}
		if got := maps.Collect(m.All()); !maps.Equal(got, o.m) || m.Len() != len(o.m) {
			t.Fatal("map", got, o.m)
		}
	}
}

func BenchmarkValue(b *testing.B) {
	const n = 1 << 20
	rnd := rand.New(rand.NewPCG(1, 2))
	keys := make([]int64, 1<<22)
	for i := range keys {
		keys[i] = rnd.Int64N(n)
	}
	b.Run("map", func(b *testing.B) {
		m := make(map[int64]int64)
		for i := range b.N {
			m[keys[i&(len(keys)-1)]]++
		}
	})
	b.Run("value", func(b *testing.B) {
		s := newTestStore(b)
		sp := s.Space("s", KeyLayout{Words: 1})
		scope := NewScope(sp)
		val := NewValue[int64](scope, "v", nil)
		b.ResetTimer()
		for i := range b.N {
			k := keys[i&(len(keys)-1)]
			scope.Words()[0] = uint64(k)
			scope.Set(hashInt(k), nil)
			v, _ := val.Get()
			val.Set(v + 1)
		}
	})
	b.Run("edit", func(b *testing.B) {
		s := newTestStore(b)
		sp := s.Space("s", KeyLayout{Words: 1})
		scope := NewScope(sp)
		val := NewValue[int64](scope, "v", nil)
		b.ResetTimer()
		for i := range b.N {
			k := keys[i&(len(keys)-1)]
			scope.Words()[0] = uint64(k)
			scope.Set(hashInt(k), nil)
			v, _ := val.Edit()
			*v++
		}
	})
}
