package snapshot

import (
	"slices"
	"unsafe"

	"github.com/weirstream/weir/internal/pages"
)

const (
	// blockBytes is the size of a block: a huge page, so that it goes to a disk in one piece.
	blockBytes = 2 << 20
	// firstBytes is how much the first block has room for at first.
	firstBytes = 256 << 10
)

// blocks are bytes that grow at their end and are cut there. They lie in pages outside Go's heap, and all but the first are of one size: a slice of many MB that grows would be moved as a whole, and a collection of Go's that
// starts meanwhile would have all goroutines wait for that. It belongs to one goroutine.
type blocks struct {
	full [][]byte // of blockBytes each
	last []byte   // nil if there is none
	room int      // what last has room for, or would have: firstBytes, and twice as much each time that does not suffice, up to blockBytes
	// apart is what tail gave where last had no room.
	apart  []byte
	inLast bool
}

// newBlock returns an empty block. It belongs to the caller, who waits for a huge page here, if need be, and not where it writes.
func newBlock(room int) []byte {
	if room == blockBytes {
		pages.Warm(room)
	}
	return unsafe.Slice((*byte)(pages.Alloc(room)), room)[:0]
}

func freeBlock(b []byte) {
	if b != nil {
		pages.Free(unsafe.Pointer(unsafe.SliceData(b)), cap(b))
	}
}

func (b *blocks) len() int { return len(b.full)*blockBytes + len(b.last) }

// tail is where up to n bytes are to be appended. What has come of it is given to took.
func (b *blocks) tail(n int) []byte {
	if b.inLast = cap(b.last)-len(b.last) >= n; b.inLast {
		return b.last
	}
	return b.apart[:0]
}

// took appends what was appended to tail.
func (b *blocks) took(tail []byte) {
	if b.inLast {
		b.last = tail
		b.settle()
		return
	}
	b.apart = tail
	b.write(tail)
}

// write appends p.
func (b *blocks) write(p []byte) {
	for len(p) > 0 {
		b.grow()
		n := min(len(p), cap(b.last)-len(b.last))
		b.last, p = append(b.last, p[:n]...), p[n:]
		b.settle()
	}
}

// settle puts the last block among the full ones, if it is.
func (b *blocks) settle() {
	if len(b.last) == blockBytes {
		b.full, b.last = append(b.full, b.last), nil
	}
}

// grow makes room behind what there is.
func (b *blocks) grow() {
	switch {
	case b.last == nil:
		b.room = max(b.room, firstBytes)
		b.last = newBlock(b.room)
	case len(b.last) == cap(b.last):
		b.room *= 2
		small := b.last
		b.last = append(newBlock(b.room), small...)
		freeBlock(small)
	}
}

// cut leaves the first n bytes.
func (b *blocks) cut(n int) {
	for b.len() > n && len(b.full)*blockBytes > n {
		freeBlock(b.last)
		b.last = b.full[len(b.full)-1]
		b.full = b.full[:len(b.full)-1]
	}
	b.last = b.last[:n-len(b.full)*blockBytes]
}

// drain calls f with the full blocks and removes them, up to the one that f fails for.
func (b *blocks) drain(f func(block []byte) error) error {
	for i, block := range b.full {
		if err := f(block); err != nil {
			b.full = slices.Delete(b.full, 0, i)
			return err
		}
		freeBlock(block)
	}
	b.full = slices.Delete(b.full, 0, len(b.full))
	return nil
}

// reset leaves nothing, but keeps a block.
func (b *blocks) reset() { b.cut(0) }

// release gives all memory back.
func (b *blocks) release() {
	b.reset()
	freeBlock(b.last)
	b.last, b.room = nil, 0
}

// each calls f with the bytes from a place to the end, in parts.
func (b *blocks) each(from int, f func(part []byte) error) error {
	for i := from / blockBytes; i <= len(b.full); i++ {
		part := b.last
		if i < len(b.full) {
			part = b.full[i]
		}
		if at := max(from-i*blockBytes, 0); at < len(part) {
			if err := f(part[at:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendTo appends the bytes between two places to dst.
func (b *blocks) appendTo(dst []byte, from, to int) []byte {
	_ = b.each(from, func(part []byte) error {
		n := min(len(part), to-from)
		dst, from = append(dst, part[:n]...), from+n
		return nil
	}) // f returns none
	return dst
}
