package lsm

import (
	"math/bits"
	"unsafe"

	"github.com/weirstream/weir/internal/pages"
)

// filter tells for a key that is not stored that it is not, nearly always, so that a key that is seen for the first time costs no look-up on disk: a chain of Bloom filters, of
// which each has room for as many keys as all before it together.
//
// A filter does not forget keys. When most of those that it has seen are stored no more, it is made anew from what is stored, some keys at a time; see [spill.refill].
type filter struct {
	account *pages.Account
	parts   []filterPart
	keys    int // that were added
	room    int // keys that the last part takes before there is another
}

// filterPart is a number of blocks of 32 bytes, a power of two. A key sets one bit in each of the eight words of a block.
type filterPart struct {
	blocks unsafe.Pointer
	shift  uint8 // 64 less the bits of the number
}

const (
	blockBytes = 32
	// blockKeys is how many keys a block is for: 12.8 bits each, at which one key in 300 is taken for another.
	blockKeys = 20
	firstRoom = 1 << 10 * blockKeys
)

func newFilter(a *pages.Account, keys int) *filter {
	f := &filter{account: a}
	n := firstRoom
	for n < keys {
		n *= 2
	}
	f.extend(n)
	return f
}

// extend adds a part with room for a number of keys that is blockKeys times a power of two.
func (f *filter) extend(keys int) {
	n := keys / blockKeys
	f.parts = append(f.parts, filterPart{pages.Alloc(n * blockBytes), uint8(64 - bits.Len(uint(n-1)))})
	f.account.Add(int64(n * blockBytes))
	f.room = keys
}

func (p filterPart) bytes() int { return blockBytes << (64 - p.shift) }

func (p filterPart) block(h uint64) *[8]uint32 {
	return (*[8]uint32)(unsafe.Add(p.blocks, h>>p.shift*blockBytes))
}

// salts choose the bits, as those of the Parquet format do.
var salts = [8]uint32{0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31}

// mix makes a hash of the hash of a key in a space, all of whose bits are as good.
func mix(sp int, hash uint64) uint64 {
	hash = (hash ^ uint64(sp)*0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9
	hash ^= hash >> 32
	return hash * 0x94D049BB133111EB
}

// add adds a key.
func (f *filter) add(h uint64) {
	if f.room == 0 {
		f.extend(f.total())
	}
	f.room--
	f.keys++
	b := f.parts[len(f.parts)-1].block(h)
	for i, salt := range salts {
		b[i] |= 1 << (uint32(h) * salt >> 27)
	}
}

// total is how many keys all parts have room for.
func (f *filter) total() (n int) {
	for _, p := range f.parts {
		n += p.bytes() / blockBytes * blockKeys
	}
	return 1 << bits.Len(uint(n/blockKeys-1)) * blockKeys
}

// has reports whether a key may have been added.
func (f *filter) has(h uint64) bool {
next:
	for i := len(f.parts) - 1; i >= 0; i-- {
		b := f.parts[i].block(h)
		for i, salt := range salts {
			if b[i]>>(uint32(h)*salt>>27)&1 == 0 {
				continue next
			}
		}
		return true
	}
	return false
}

func (f *filter) close() {
	for _, p := range f.parts {
		pages.Free(p.blocks, p.bytes())
		f.account.Add(-int64(p.bytes()))
	}
	f.parts = nil
}
