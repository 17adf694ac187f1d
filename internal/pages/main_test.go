package pages

import (
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

func allZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
