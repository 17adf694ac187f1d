package pages

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// returned fails the test if pages that were taken after the call are in use at its end.
func returned(t *testing.T) {
	t.Helper()
	before := Stats().InUse
	t.Cleanup(func() {
		if after := Stats().InUse; after != before {
			t.Errorf("%d bytes of pages are in use after the test, %d before it", after, before)
		}
	})
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func bytesAt(p unsafe.Pointer, n int) []byte { return unsafe.Slice((*byte)(p), n) }

var zeros [4 << 20]byte

func allZero(b []byte) bool { return bytes.Equal(b, zeros[:len(b)]) }

// noise is what tests fill memory with: bytes from a random place of it. Its length leaves room for the largest pages of tests.
var noise = func() (b [6 << 20]byte) {
	r := newRand(0)
	for i := 0; i < len(b); i += 8 {
		binary.NativeEndian.PutUint64(b[i:], r.Uint64())
	}
	return b
}()

// noiseAt returns n bytes that follow from the seed.
func noiseAt(seed uint64, n int) []byte { return noise[seed%(1<<20):][:n] }
