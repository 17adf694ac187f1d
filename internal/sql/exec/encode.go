package exec

import "github.com/weirstream/weir/column"

// appendValue appends the encoding of a row of any vector.
func appendValue(dst []byte, v *column.Vector, row int) []byte {
	return column.AppendEncoded(dst, v, row)
}

// readValue reads what appendValue wrote and returns the bytes it took.
func readValue(b []byte, shape *column.Shape) (column.Value, int) {
	return column.ReadEncoded(b, shape)
}
