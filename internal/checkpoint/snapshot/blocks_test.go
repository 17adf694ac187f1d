package snapshot

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestBlocks writes, cuts and reads blocks beside a slice.
func TestBlocks(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var b blocks
		var want []byte
		for range 60 {
			switch p := make([]byte, rng.IntN(blockBytes)>>rng.IntN(18)); rng.IntN(4) {
			case 0:
				want = want[:rng.IntN(len(want)+1)]
				b.cut(len(want))
			case 1:
				if b.room(len(p)) {
					b.last, want = append(b.last, p...), append(want, p...)
				}
			default:
				for i := range p {
					p[i] = byte(rng.Int())
				}
				b.write(p)
				want = append(want, p...)
			}
			if b.len() != len(want) {
				t.Fatalf("seed %d: %d bytes, want %d", seed, b.len(), len(want))
			}
			from := rng.IntN(len(want) + 1)
			to := from + rng.IntN(len(want)-from+1)
			if got := b.appendTo(nil, from, to); !bytes.Equal(got, want[from:to]) {
				t.Fatalf("seed %d: the bytes from %d to %d of %d differ", seed, from, to, len(want))
			}
		}
		b.release()
	}
}
