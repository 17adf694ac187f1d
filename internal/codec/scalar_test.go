package codec

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// TestNumbers writes and reads numbers of all lengths beside the library, at the end of what there is and before more, and reads what is cut short or longer than it must be.
func TestNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for width := range 65 {
		for range 200 {
			v := rng.Uint64() >> (64 - width)
			want := binary.AppendUvarint(nil, v)
			head := make([]byte, rng.IntN(3), 3+rng.IntN(12))
			if got := appendUvarint(head, v)[len(head):]; !bytes.Equal(got, want) {
				t.Fatalf("%#x is written as %x, want %x", v, got, want)
			}
			tail := make([]byte, rng.IntN(12))
			for i := range tail {
				tail[i] = byte(rng.Int())
			}
			got, rest, err := uvarint(append(bytes.Clone(want), tail...))
			if err != nil || got != v || !bytes.Equal(rest, tail) {
				t.Fatalf("%x before %x is read as %#x, and %x is left, %v", want, tail, got, rest, err)
			}
			if got, _, err := uvarint(want[:len(want)-1]); err == nil {
				t.Fatalf("%x, cut short, is read as %#x", want, got)
			}
			if len(want) < binary.MaxVarintLen64 {
				long := append(bytes.Clone(want), 0)
				long[len(want)-1] |= 0x80
				if got, _, err := uvarint(append(long, tail...)); err == nil {
					t.Fatalf("%x, which is too long, is read as %#x", long, got)
				}
			}
		}
	}
}
