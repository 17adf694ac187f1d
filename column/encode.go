package column

import (
	"encoding/binary"
	"errors"
)

// AppendEncoded appends the encoding of a row of any vector: a byte for null or not, then words, lengths with bytes, or counts with elements.
func AppendEncoded(dst []byte, v *Vector, row int) []byte {
	if v.Null(row) {
		return append(dst, 0)
	}
	v, row = v.At(row)
	dst = append(dst, 1)
	switch v.Form {
	case Word:
		return binary.LittleEndian.AppendUint64(dst, v.Words[row])
	case Wide:
		dst = binary.LittleEndian.AppendUint64(dst, v.Wide[row][0])
		return binary.LittleEndian.AppendUint64(dst, v.Wide[row][1])
	case Text:
		b := v.Bytes(row)
		return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
	case Tuple:
		for _, c := range v.Children {
			dst = AppendEncoded(dst, c, row)
		}
		return dst
	}
	from, to := v.Range(row)
	dst = binary.AppendUvarint(dst, uint64(to-from))
	for i := from; i < to; i++ {
		for _, c := range v.Children {
			dst = AppendEncoded(dst, c, i)
		}
	}
	return dst
}

var errEncoding = errors.New("an encoded value is cut short")

// ReadEncoded reads what AppendEncoded wrote and returns the bytes it took. The value is null if they are damaged, which the checksum of a checkpoint sees first.
func ReadEncoded(b []byte, shape *Shape) (Value, int) {
	x, rest, err := DecodeValue(b, shape)
	if err != nil {
		return NullValue(), len(b)
	}
	return x, len(b) - len(rest)
}

// DecodeValue reads a value that AppendEncoded wrote at the begin of b, and returns what is behind it.
func DecodeValue(b []byte, shape *Shape) (x Value, rest []byte, err error) {
	if len(b) == 0 {
		return x, b, errEncoding
	}
	if b[0] == 0 {
		return NullValue(), b[1:], nil
	}
	b = b[1:]
	switch shape.Form {
	case Word:
		if len(b) < 8 {
			return x, b, errEncoding
		}
		return Value{Word: binary.LittleEndian.Uint64(b)}, b[8:], nil
	case Wide:
		if len(b) < 16 {
			return x, b, errEncoding
		}
		return Value{Wide: [2]uint64{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}}, b[16:], nil
	case Text:
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			return x, b, errEncoding
		}
		return TextValue(string(b[w : w+int(n)])), b[w+int(n):], nil
	}
	count := uint64(1)
	if shape.Form != Tuple {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			return x, b, errEncoding
		}
		count, b = n, b[w:]
	}
	x.List = make([]Value, 0, int(count)*len(shape.Children))
	for range count {
		for i := range shape.Children {
			e, r, err := DecodeValue(b, &shape.Children[i])
			if err != nil {
				return x, b, err
			}
			x.List, b = append(x.List, e), r
		}
	}
	return x, b, nil
}
