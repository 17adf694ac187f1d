package exec

import "github.com/weirstream/weir/column"

// appendValue appends the encoding of a row of any vector.
func appendValue(dst []byte, v *column.Vector, row int) []byte {
	return column.AppendEncoded(dst, v, row)
}

// decodeValue reads what appendValue wrote and returns what is behind it.
func decodeValue(b []byte, shape *column.Shape) (x column.Value, rest []byte, err error) {
	return column.DecodeValue(b, shape)
}

// readValue reads what appendValue wrote and returns the bytes it took. The value is null if they are damaged, which the checksum of a checkpoint sees first.
func readValue(b []byte, shape *column.Shape) (column.Value, int) {
	x, rest, err := decodeValue(b, shape)
	if err != nil {
		return column.NullValue(), len(b)
	}
	return x, len(b) - len(rest)
}
