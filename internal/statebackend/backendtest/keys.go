package backendtest

import (
	"fmt"
	"math/rand/v2"

	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/statebackend"
)

// keyPool is the keys that a table may have, in the form of a store. The oracles know them by number.
type keyPool struct {
	layout statebackend.KeyLayout
	ns     int // words of a namespace before those of the key
	keys   []keyForm
	rehash func(words []uint64, bytes []byte) (keyHash, hash uint64)
	number map[string]int
}

type keyForm struct {
	words   []uint64
	bytes   []byte
	keyHash uint64
	hash    uint64
}

func (p *keyPool) name(words []uint64, bytes []byte) string {
	return fmt.Sprint(words, "/", string(bytes))
}

// Keys of several fields.
type place struct {
	Region string
	Zone   int16
	Code   [3]byte
}

type pair struct{ A, B int64 }

// newPool draws a type of keys, and keys.
func newPool(rng *rand.Rand) *keyPool {
	n := []int{3, 30, 300, 3000}[rng.IntN(4)]
	ns := rng.IntN(3)
	switch rng.IntN(6) {
	case 0:
		return poolOf(rng, n, ns, func() string { return randomString(rng, 40) }, nil)
	case 1:
		return poolOf(rng, n, ns, func() place {
			return place{randomString(rng, 20), int16(rng.IntN(4)), [3]byte{byte(rng.IntN(2)), 0, byte(rng.IntN(3))}}
		}, nil)
	case 2:
		return poolOf(rng, n, ns, func() pair { return pair{rng.Int64N(100), rng.Int64N(100)} }, nil)
	case 3: // many keys of one hash
		return poolOf(rng, min(n, 300), ns, func() int64 { return rng.Int64N(1000) }, func(h uint64) uint64 { return h &^ (1<<62 - 1) })
	case 4: // many keys of one slot
		return poolOf(rng, min(n, 300), ns, func() int64 { return rng.Int64N(1000) }, func(h uint64) uint64 { return h &^ (1<<20 - 1) })
	}
	return poolOf(rng, n, ns, func() int64 { return rng.Int64() >> rng.IntN(64) }, nil)
}

func randomString(rng *rand.Rand, most int) string {
	b := make([]byte, rng.IntN(most+1))
	for i := range b {
		b[i] = byte('a' + rng.IntN(26))
	}
	return string(b)
}

func poolOf[K comparable](rng *rand.Rand, n, ns int, draw func() K, worsen func(uint64) uint64) *keyPool {
	words, err := codec.WordsFor[K]()
	if err != nil {
		panic(err)
	}
	kc, err := codec.KeyFor[K]()
	if err != nil {
		panic(err)
	}
	p := &keyPool{layout: statebackend.KeyLayout{Words: ns + words.N, Bytes: words.Bytes}, ns: ns, number: map[string]int{}}
	p.rehash = func(w []uint64, b []byte) (keyHash, hash uint64) {
		var k K
		words.Get(w[ns:], b, &k)
		h := kc.Hash(k)
		if worsen != nil {
			h = worsen(h)
		}
		if ns == 0 {
			return h, h
		}
		hash = statebackend.Combine(h, w[:ns]...)
		if worsen != nil {
			hash = worsen(hash)
		}
		return h, hash
	}
	for range n {
		k := draw()
		var f keyForm
		f.words = make([]uint64, p.layout.Words)
		for i := range ns {
			f.words[i] = rng.Uint64N(3)
		}
		f.bytes = words.Put(&k, f.words[ns:], nil)
		name := p.name(f.words, f.bytes)
		if _, known := p.number[name]; known {
			continue
		}
		f.keyHash, f.hash = p.rehash(f.words, f.bytes)
		p.number[name] = len(p.keys)
		p.keys = append(p.keys, f)
	}
	return p
}
