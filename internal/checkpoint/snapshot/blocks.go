package snapshot

import (
	"unsafe"

	"github.com/weirstream/weir/internal/pages"
)

// blockBytes is the size of a block.
const blockBytes = 256 << 10

// blocks are bytes that grow at their end and are cut there. They lie in pages of one size, outside Go's heap: a slice of many MB that grows would be moved as a whole, and a collection of Go's that starts meanwhile would have
// all goroutines wait for that. It belongs to one goroutine.
type blocks struct {
	full [][]byte // of blockBytes each
	last []byte   // with room to blockBytes; nil if there is none
	// apart is what tail gave where last had no room.
	apart  []byte
	inLast bool
}

func newBlock() []byte { return unsafe.Slice((*byte)(pages.Alloc(blockBytes)), blockBytes)[:0] }

func freeBlock(b []byte) {
	if b != nil {
		pages.Free(unsafe.Pointer(unsafe.SliceData(b)), blockBytes)
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
		return
	}
	b.apart = tail
	b.write(tail)
}

// write appends p.
func (b *blocks) write(p []byte) {
	for len(p) > 0 {
		if b.last == nil {
			b.last = newBlock()
		}
		n := min(len(p), cap(b.last)-len(b.last))
		b.last, p = append(b.last, p[:n]...), p[n:]
		if len(b.last) == blockBytes {
			b.full, b.last = append(b.full, b.last), nil
		}
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

// reset leaves nothing, but keeps a block.
func (b *blocks) reset() { b.cut(0) }

// release gives all memory back.
func (b *blocks) release() {
	b.reset()
	freeBlock(b.last)
	b.last = nil
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
