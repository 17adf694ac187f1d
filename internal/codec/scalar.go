package codec

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unsafe"
)

func appendUvarint(dst []byte, v uint64) []byte {
	switch {
	case v < 0x80:
		return append(dst, byte(v))
	case v < 1<<56: // eight bytes at most: its groups of seven bits are spread over a word
		x := v&0x0fffffff | v<<4&(0x0fffffff<<32)
		x = x&0x00003fff00003fff | x<<2&0x3fff00003fff0000
		x = x&0x007f007f007f007f | x<<1&0x7f007f007f007f00
		n := (bits.Len64(v) + 6) / 7
		x |= 0x8080808080808080 & (1<<(8*n-8) - 1)
		return binary.LittleEndian.AppendUint64(dst, x)[:len(dst)+n]
	}
	return binary.AppendUvarint(dst, v)
}

func appendVarint(dst []byte, v int64) []byte { return appendUvarint(dst, uint64(v<<1)^uint64(v>>63)) }

func appendUint64(dst []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(dst, v) }

func appendBool(dst []byte, v bool) []byte { return append(dst, *(*byte)(unsafe.Pointer(&v))) }

// uvarint reads what appendUvarint wrote; longer forms of the same number are refused.
func uvarint(src []byte) (uint64, []byte, error) {
	if len(src) > 0 && src[0] < 0x80 {
		return uint64(src[0]), src[1:], nil
	}
	if len(src) >= 8 {
		if x, n := wordUvarint(binary.LittleEndian.Uint64(src)); n > 0 {
			if src[n-1] == 0 {
				return 0, nil, corrupt(src, "a number is too long")
			}
			return x, src[n:], nil
		}
	}
	v, n := binary.Uvarint(src)
	switch {
	case n > 1 && src[n-1] != 0:
		return v, src[n:], nil
	case n == 0:
		return 0, nil, short(src)
	default:
		return 0, nil, corrupt(src, "a number is too long")
	}
}

// wordUvarint reads a number from the first n bytes of a word, of which the lowest comes first: n is 0 if it does not end within.
func wordUvarint(word uint64) (v uint64, n int) {
	last := ^word & 0x8080808080808080
	if last == 0 {
		return 0, 0
	}
	word &= (last ^ (last - 1)) & 0x7f7f7f7f7f7f7f7f // its groups of seven bits move together
	word = word&0x007f007f007f007f | word&0x7f007f007f007f00>>1
	word = word&0x00003fff00003fff | word&0x3fff00003fff0000>>2
	return word&0x0fffffff | word&(0x0fffffff<<32)>>4, bits.TrailingZeros64(last)/8 + 1
}

func varint(src []byte) (int64, []byte, error) {
	u, rest, err := uvarint(src)
	return int64(u>>1) ^ -int64(u&1), rest, err
}

func encBool(dst []byte, p unsafe.Pointer, _ int) ([]byte, error) {
	return appendBool(dst, *(*bool)(p)), nil
}

func decBool(src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
	if len(src) == 0 {
		return nil, short(src)
	}
	if src[0] > 1 {
		return nil, corrupt(src, "a bool is neither 0 nor 1")
	}
	*(*bool)(p) = src[0] == 1
	return src[1:], nil
}

func encString(dst []byte, p unsafe.Pointer, _ int) ([]byte, error) {
	s := *(*string)(p)
	return append(appendUvarint(dst, uint64(len(s))), s...), nil
}

func decString(src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
	u, rest, err := uvarint(src)
	if err != nil {
		return nil, err
	}
	if u > uint64(len(rest)) {
		return nil, short(src)
	}
	*(*string)(p) = string(rest[:u])
	return rest[u:], nil
}

func encSigned[I int8 | int16 | int32 | int64](dst []byte, p unsafe.Pointer, _ int) ([]byte, error) {
	return appendVarint(dst, int64(*(*I)(p))), nil
}

func decSigned[I int8 | int16 | int32 | int64](src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
	v, rest, err := varint(src)
	if err != nil {
		return nil, err
	}
	if int64(I(v)) != v {
		return nil, corrupt(src, "a number is out of the range of its type")
	}
	*(*I)(p) = I(v)
	return rest, nil
}

func encUnsigned[U uint8 | uint16 | uint32 | uint64](dst []byte, p unsafe.Pointer, _ int) ([]byte, error) {
	return appendUvarint(dst, uint64(*(*U)(p))), nil
}

func decUnsigned[U uint8 | uint16 | uint32 | uint64](src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
	v, rest, err := uvarint(src)
	if err != nil {
		return nil, err
	}
	if uint64(U(v)) != v {
		return nil, corrupt(src, "a number is out of the range of its type")
	}
	*(*U)(p) = U(v)
	return rest, nil
}

// signed compiles an integer by its size: int has that of the machine.
func (c *compiler) signed(n *node) {
	n.least = 1
	switch n.size {
	case 1:
		n.enc, n.dec = encSigned[int8], decSigned[int8]
	case 2:
		n.enc, n.dec = encSigned[int16], decSigned[int16]
	case 4:
		n.op, n.enc, n.dec = opInt32, encSigned[int32], decSigned[int32]
	default:
		n.op, n.enc, n.dec = opInt64, encSigned[int64], decSigned[int64]
	}
}

func (c *compiler) unsigned(n *node) {
	n.least = 1
	switch n.size {
	case 1:
		n.enc, n.dec = encUnsigned[uint8], decUnsigned[uint8]
	case 2:
		n.enc, n.dec = encUnsigned[uint16], decUnsigned[uint16]
	case 4:
		n.enc, n.dec = encUnsigned[uint32], decUnsigned[uint32]
	default:
		n.op, n.enc, n.dec = opUint64, encUnsigned[uint64], decUnsigned[uint64]
	}
}

// float compiles a float by its bits, or a complex number as two floats. In keys -0 is 0 and every NaN is one.
func (c *compiler) float(n *node) {
	n.least = int(n.size)
	words32, words64 := 0, 0
	switch n.typ.Kind().String() {
	case "float32":
		words32 = 1
	case "complex64":
		words32 = 2
	case "float64":
		words64 = 1
		if !c.key {
			n.op = opFloat64
		}
	default:
		words64 = 2
	}
	key := c.key
	if words32 > 0 {
		n.enc = func(dst []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			for _, u := range unsafe.Slice((*uint32)(p), words32) {
				if key {
					u = normal32(u)
				}
				dst = binary.LittleEndian.AppendUint32(dst, u)
			}
			return dst, nil
		}
		n.dec = func(src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			if len(src) < 4*words32 {
				return nil, short(src)
			}
			for i := range unsafe.Slice((*uint32)(p), words32) {
				unsafe.Slice((*uint32)(p), words32)[i] = binary.LittleEndian.Uint32(src[4*i:])
			}
			return src[4*words32:], nil
		}
		return
	}
	n.enc = func(dst []byte, p unsafe.Pointer, _ int) ([]byte, error) {
		for _, u := range unsafe.Slice((*uint64)(p), words64) {
			if key {
				u = normal64(u)
			}
			dst = appendUint64(dst, u)
		}
		return dst, nil
	}
	n.dec = func(src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
		if len(src) < 8*words64 {
			return nil, short(src)
		}
		for i := range unsafe.Slice((*uint64)(p), words64) {
			unsafe.Slice((*uint64)(p), words64)[i] = binary.LittleEndian.Uint64(src[8*i:])
		}
		return src[8*words64:], nil
	}
}

// normal64 returns the bits of a float for keys.
func normal64(u uint64) uint64 {
	switch f := math.Float64frombits(u); {
	case f == 0:
		return 0
	case f != f:
		return 0x7ff8000000000000
	}
	return u
}

func normal32(u uint32) uint32 {
	switch f := math.Float32frombits(u); {
	case f == 0:
		return 0
	case f != f:
		return 0x7fc00000
	}
	return u
}
