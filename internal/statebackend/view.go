package statebackend

import (
	"encoding/binary"
	"unsafe"

	"github.com/weirstream/weir/internal/pages"
)

// A view is 16 bytes that hold or point to a string of bytes: its length in 4 bytes, then up to 12 bytes of content; or the first 4 bytes of a longer one and where it lies in the heap.
const (
	viewSize   = 16
	viewInline = 12
)

func viewLen(v unsafe.Pointer) int { return int(*(*uint32)(v)) }

func viewOff(v unsafe.Pointer) pages.Off { return *(*pages.Off)(unsafe.Add(v, 8)) }

// viewBytes returns the content, in memory of the view or the heap.
func viewBytes(h *pages.Heap, v unsafe.Pointer) []byte {
	n := viewLen(v)
	if n <= viewInline {
		return unsafe.Slice((*byte)(unsafe.Add(v, 4)), n)
	}
	return unsafe.Slice((*byte)(h.At(viewOff(v))), n)
}

func viewEqual(h *pages.Heap, v unsafe.Pointer, b []byte) bool {
	n := viewLen(v)
	if n != len(b) {
		return false
	}
	return string(viewBytes(h, v)) == string(b)
}

// viewSet fills an empty view.
func viewSet(h *pages.Heap, v unsafe.Pointer, b []byte) {
	*(*uint32)(v) = uint32(len(b))
	if len(b) <= viewInline {
		copy(unsafe.Slice((*byte)(unsafe.Add(v, 4)), viewInline), b)
		return
	}
	copy(unsafe.Slice((*byte)(unsafe.Add(v, 4)), 4), b)
	off := h.Alloc(len(b))
	*(*pages.Off)(unsafe.Add(v, 8)) = off
	copy(unsafe.Slice((*byte)(h.Edit(off, len(b))), len(b)), b)
}

// viewReplace fills a view that may hold something, in the same place if there is room.
func viewReplace(h *pages.Heap, v unsafe.Pointer, b []byte) {
	if n := viewLen(v); n > viewInline && len(b) > viewInline && h.Capacity(n) == h.Capacity(len(b)) {
		*(*uint32)(v) = uint32(len(b))
		copy(unsafe.Slice((*byte)(unsafe.Add(v, 4)), 4), b)
		copy(unsafe.Slice((*byte)(h.Edit(viewOff(v), len(b))), len(b)), b)
		return
	}
	viewFree(h, v)
	viewSet(h, v, b)
}

// viewFree empties a view.
func viewFree(h *pages.Heap, v unsafe.Pointer) {
	if n := viewLen(v); n > viewInline {
		h.Free(viewOff(v), n)
	}
	*(*[viewSize]byte)(v) = [viewSize]byte{}
}

// viewWords returns what the two words of a view of b are; of the second one, only if b is kept in the view.
func viewWords(b []byte) (first, second uint64) {
	n := len(b)
	first = uint64(n)
	switch {
	case n >= 12:
		first |= uint64(binary.LittleEndian.Uint32(b)) << 32
		second = binary.LittleEndian.Uint64(b[4:])
	case n >= 8:
		first |= uint64(binary.LittleEndian.Uint32(b)) << 32
		second = binary.LittleEndian.Uint64(b[n-8:]) >> (8 * (12 - n))
	case n >= 4:
		first |= uint64(binary.LittleEndian.Uint32(b)) << 32
		second = uint64(binary.LittleEndian.Uint32(b[n-4:])) >> (8 * (8 - n))
	case n > 0:
		first |= uint64(b[0])<<32 | uint64(b[n/2])<<(32+8*(n/2)) | uint64(b[n-1])<<(32+8*(n-1))
	}
	return first, second
}
