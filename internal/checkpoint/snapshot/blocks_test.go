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
			p := make([]byte, rng.IntN(blockBytes)>>rng.IntN(18))
			for i := range p {
				p[i] = byte(rng.Int())
			}
			switch rng.IntN(4) {
			case 0:
				want = want[:rng.IntN(len(want)+1)]
				b.cut(len(want))
			case 1:
				b.took(append(b.tail(len(p)), p...))
				want = append(want, p...)
			default:
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
