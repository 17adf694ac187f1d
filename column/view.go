package column

import (
	"bytes"
	"encoding/binary"
	"unsafe"
)

// InlineBytes is how long a string may be to lie within its view.
const InlineBytes = 12

// View is 16 bytes that hold or point to a string of bytes, as in Arrow's view layout: the length in 4 bytes, then up to 12 bytes of content; or the first 4 bytes of a
// longer string, the number of the buffer, and the offset in it. The bytes of a short string behind its end are zero, so that equal short strings have equal views.
type View struct{ Head, Tail uint64 }

// Len is the length in bytes.
func (v View) Len() int { return int(uint32(v.Head)) }

// Inline reports whether the content lies in the view.
func (v View) Inline() bool { return uint32(v.Head) <= InlineBytes }

// Buffer and Offset say where a long string lies.
func (v View) Buffer() int { return int(uint32(v.Tail)) }

// Offset is where in its buffer a long string begins.
func (v View) Offset() int { return int(v.Tail >> 32) }

// MakeView returns the view of b, which lies at the offset in the buffer of the number unless it is short.
func MakeView(b []byte, buffer, offset int) View {
	n := uint(len(b))
	v := View{Head: uint64(uint32(n))}
	switch {
	case n > InlineBytes:
	case n >= 8:
		v.Head |= uint64(binary.LittleEndian.Uint32(b)) << 32
		v.Tail = binary.LittleEndian.Uint64(b[n-8:]) >> (8 * (12 - n))
		return v
	case n >= 4:
		v.Head |= uint64(binary.LittleEndian.Uint32(b)) << 32
		v.Tail = uint64(binary.LittleEndian.Uint32(b[n-4:])) >> (8 * (8 - n))
		return v
	case n > 0: // the first byte, the one in the middle and the last one are all
		v.Head |= uint64(b[0])<<32 | uint64(b[n/2])<<(32+8*(n/2)) | uint64(b[n-1])<<(24+8*n)
		return v
	default:
		return v
	}
	v.Head |= uint64(binary.LittleEndian.Uint32(b)) << 32
	v.Tail = uint64(uint32(buffer)) | uint64(offset)<<32
	return v
}

// Content returns the string that *v views: in the memory of the view itself, or of its buffer.
func (v *View) Content(buffers [][]byte) []byte {
	n := uint64(uint32(v.Head))
	if n <= InlineBytes {
		return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(v), 4)), n)
	}
	at := v.Tail >> 32
	return buffers[uint32(v.Tail)][at : at+n : at+n]
}

// EqualViews compares the strings of two views.
func EqualViews(a *View, abuf [][]byte, b *View, bbuf [][]byte) bool {
	if a.Head != b.Head { // length and first four bytes
		return false
	}
	if uint32(a.Head) <= InlineBytes {
		return a.Tail == b.Tail
	}
	return string(a.Content(abuf)) == string(b.Content(bbuf))
}

// CompareViews orders the strings of two views byte by byte, as bytes.Compare.
func CompareViews(a *View, abuf [][]byte, b *View, bbuf [][]byte) int {
	x, y := uint32(a.Head>>32), uint32(b.Head>>32)
	if x != y { // zeros stand behind the end of shorter strings
		x, y = bswap(x), bswap(y)
		if x < y {
			return -1
		}
		return 1
	}
	return bytes.Compare(a.Content(abuf), b.Content(bbuf))
}

func bswap(x uint32) uint32 { return x>>24 | x>>8&0xff00 | x<<8&0xff0000 | x<<24 }
