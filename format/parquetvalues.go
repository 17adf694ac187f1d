package format

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	thrift "github.com/parquet-go/parquet-go/format"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// parquetDecode writes n values from index from on of what a page holds, which has no nulls, to a vector from row at on. The vector has room for them.
type parquetDecode func(v *column.Vector, at int, values encoding.Values, from, n int)

// parquetDecoderOf returns what reads a column of a file as a type; nil if that cannot be. unit is that of timestamps of which the file does not say it.
func parquetDecoderOf(c parquet.Type, t types.Type, unit int64) parquetDecode {
	var logical any
	if l := c.LogicalType(); l != nil {
		logical = l.Value
	}
	switch t.Kind() {
	case types.Boolean:
		if c.Kind() == parquet.Boolean {
			return decodeBooleans
		}
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		return parquetInts(c.Kind(), logical, t)
	case types.Float, types.Double:
		switch {
		case c.Kind() == parquet.Float:
			return func(v *column.Vector, at int, values encoding.Values, from, n int) {
				out := v.Words[at : at+n]
				for i, x := range values.Float()[from : from+n] {
					out[i] = math.Float64bits(float64(x))
				}
			}
		case c.Kind() == parquet.Double && t.Kind() == types.Double:
			return func(v *column.Vector, at int, values encoding.Values, from, n int) {
				copy(v.Floats()[at:at+n], values.Double()[from:from+n])
			}
		}
	case types.Decimal:
		return parquetDecimals(c, logical, t)
	case types.Char, types.Varchar, types.Binary, types.Varbinary:
		if _, ok := logical.(*thrift.DecimalType); !ok {
			return parquetTexts(c)
		}
	case types.Date:
		if _, date := logical.(*thrift.DateType); c.Kind() == parquet.Int32 && (date || logical == nil) {
			return decodeInt32s
		}
	case types.Time:
		return parquetTimes(c.Kind(), logical)
	case types.Timestamp, types.TimestampLTZ:
		if s, ok := logical.(*thrift.TimestampType); ok {
			unit = parquetUnit(s.Unit)
		} else if logical != nil {
			return nil
		}
		switch c.Kind() {
		case parquet.Int96:
			return int96Times(t)
		case parquet.Int64:
			return int64Times(t, unit)
		}
	}
	return nil
}

// parquetUnit is how many units a second has.
func parquetUnit(u thrift.TimeUnit) int64 {
	switch u.Value.(type) {
	case *thrift.MilliSeconds:
		return 1e3
	case *thrift.MicroSeconds:
		return 1e6
	}
	return 1e9
}

func decodeBooleans(v *column.Vector, at int, values encoding.Values, from, n int) {
	packed, out := values.Boolean(), v.Words[at:at+n]
	for i := range out {
		k := from + i
		out[i] = uint64(packed[k>>3] >> (k & 7) & 1)
	}
}

func decodeInt32s(v *column.Vector, at int, values encoding.Values, from, n int) {
	out := v.Words[at : at+n]
	for i, x := range values.Int32()[from : from+n] {
		out[i] = uint64(x)
	}
}

func decodeInt64s(v *column.Vector, at int, values encoding.Values, from, n int) {
	copy(v.Ints()[at:at+n], values.Int64()[from:from+n])
}

func parquetInts(kind parquet.Kind, logical any, t types.Type) parquetDecode {
	i, isInt := logical.(*thrift.IntType)
	if logical != nil && !isInt {
		return nil
	}
	width := bitsOf(t.Kind())
	unsigned := isInt && !i.IsSigned
	switch {
	case kind == parquet.Int32 && unsigned && width == 64:
		return func(v *column.Vector, at int, values encoding.Values, from, n int) {
			out := v.Words[at : at+n]
			for i, x := range values.Uint32()[from : from+n] {
				out[i] = uint64(x)
			}
		}
	case kind == parquet.Int32 && (width >= 32 || isInt && int(i.BitWidth) <= width):
		return decodeInt32s
	case kind == parquet.Int32:
		shift := 64 - width
		return func(v *column.Vector, at int, values encoding.Values, from, n int) {
			out := v.Words[at : at+n]
			for i, x := range values.Int32()[from : from+n] {
				out[i] = uint64(int64(x) << shift >> shift)
			}
		}
	case kind == parquet.Int64 && width == 64:
		return decodeInt64s
	}
	return nil
}

func parquetTimes(kind parquet.Kind, logical any) parquetDecode {
	unit := int64(1e3)
	if s, ok := logical.(*thrift.TimeType); ok {
		unit = parquetUnit(s.Unit)
	} else if logical != nil {
		return nil
	}
	switch {
	case kind == parquet.Int32:
		return decodeInt32s
	case kind == parquet.Int64 && logical != nil:
		return func(v *column.Vector, at int, values encoding.Values, from, n int) {
			out := v.Words[at : at+n]
			for i, x := range values.Int64()[from : from+n] {
				out[i] = uint64(x / (unit / 1e3))
			}
		}
	}
	return nil
}

// int64Times reads timestamps of so many units a second.
func int64Times(t types.Type, unit int64) parquetDecode {
	to, digits := column.TimeUnit(t.Precision()), int64(powers[min(t.Precision(), 9)])
	if to == 1e9 {
		return func(v *column.Vector, at int, values encoding.Values, from, n int) {
			out := v.Wide[at : at+n]
			for i, x := range values.Int64()[from : from+n] {
				seconds := floorDiv(x, unit)
				out[i] = wideTime(seconds, cutNanos((x-seconds*unit)*(1e9/unit), digits))
			}
		}
	}
	if to == unit && digits == to {
		return decodeInt64s
	}
	cut := to / digits
	return func(v *column.Vector, at int, values encoding.Values, from, n int) {
		out := v.Words[at : at+n]
		for i, x := range values.Int64()[from : from+n] {
			seconds := floorDiv(x, unit)
			rest := x - seconds*unit
			if unit > to {
				rest /= unit / to
			} else {
				rest *= to / unit
			}
			out[i] = uint64(seconds*to + rest - rest%cut)
		}
	}
}

// cutNanos leaves so many parts of a second.
func cutNanos(nanos, parts int64) int64 { return nanos - nanos%(1e9/parts) }

// wideTime is a time in nanoseconds since the epoch.
func wideTime(seconds, nanos int64) (w [2]uint64) {
	high, low := bits.Mul64(uint64(max(seconds, -seconds)), 1e9)
	w = [2]uint64{low, high}
	if seconds < 0 {
		w = negated(w)
	}
	var carry uint64
	w[0], carry = bits.Add64(w[0], uint64(nanos), 0)
	w[1] += carry
	return w
}

// julianEpoch is the Julian day of 1970-01-01.
const julianEpoch = 2440588

// int96Times reads timestamps of nanoseconds within a Julian day.
func int96Times(t types.Type) parquetDecode {
	to, digits := column.TimeUnit(t.Precision()), int64(powers[min(t.Precision(), 9)])
	return func(v *column.Vector, at int, values encoding.Values, from, n int) {
		for i, x := range values.Int96()[from : from+n] {
			nanos := int64(uint64(x[0]) | uint64(x[1])<<32)
			seconds := floorDiv(nanos, 1e9)
			nanos -= seconds * 1e9
			seconds += (int64(x[2]) - julianEpoch) * 86400
			if nanos = cutNanos(nanos, digits); to == 1e9 {
				v.Wide[at+i] = wideTime(seconds, nanos)
			} else {
				v.Words[at+i] = uint64(seconds*to + nanos/(1e9/to))
			}
		}
	}
}

func parquetTexts(c parquet.Type) parquetDecode {
	switch c.Kind() {
	case parquet.ByteArray:
		return func(v *column.Vector, at int, values encoding.Values, from, n int) {
			data, offsets := values.ByteArray()
			offsets = offsets[from : from+n+1]
			own, number := v.Room()
			out := v.Views[at : at+n]
			// The buffer gets all at once, if any of them is long; short ones lie in their views.
			first := offsets[0]
			base := len(own)
			copied := false
			for i := range out {
				s := data[offsets[i]:offsets[i+1]]
				if len(s) > column.InlineBytes && !copied {
					copied = true
					first = offsets[i]
					own = append(own, data[first:offsets[n]]...)
				}
				out[i] = column.MakeView(s, number, base+int(offsets[i]-first))
			}
			v.SetRoom(own)
		}
	case parquet.FixedLenByteArray:
		return func(v *column.Vector, at int, values encoding.Values, from, n int) {
			data, size := values.FixedLenByteArray()
			for i := range n {
				v.SetBytes(at+i, data[(from+i)*size:(from+i+1)*size])
			}
		}
	}
	return nil
}

// parquetDecimals reads decimals in any physical form. It is nil if the type has fewer digits behind the point, or in front of it, than the file says.
func parquetDecimals(c parquet.Type, logical any, t types.Type) parquetDecode {
	scale, precision := 0, 0
	switch d := logical.(type) {
	case *thrift.DecimalType:
		scale, precision = int(d.Scale), int(d.Precision)
	case nil:
		if c.Kind() == parquet.ByteArray || c.Kind() == parquet.FixedLenByteArray {
			return nil
		}
	default:
		return nil
	}
	up := t.Scale() - scale
	if up < 0 || scale < 0 || precision-scale > t.Precision()-t.Scale() {
		return nil
	}
	long := column.FormOf(t) == column.Wide
	put := func(v *column.Vector, row int, w [2]uint64) {
		if up > 0 {
			w = timesPow10(w, up)
		}
		if long {
			v.Wide[row] = w
		} else {
			v.Words[row] = w[0]
		}
	}
	signed := func(x int64) [2]uint64 { return [2]uint64{uint64(x), uint64(x >> 63)} }
	switch c.Kind() {
	case parquet.Int32:
		return func(v *column.Vector, at int, values encoding.Values, from, n int) {
			for i, x := range values.Int32()[from : from+n] {
				put(v, at+i, signed(int64(x)))
			}
		}
	case parquet.Int64:
		if !long && up == 0 {
			return decodeInt64s
		}
		return func(v *column.Vector, at int, values encoding.Values, from, n int) {
			for i, x := range values.Int64()[from : from+n] {
				put(v, at+i, signed(x))
			}
		}
	case parquet.FixedLenByteArray:
		if size := c.Length(); size <= 8 && !long && up == 0 {
			return func(v *column.Vector, at int, values encoding.Values, from, n int) {
				data, size := values.FixedLenByteArray()
				out := v.Words[at : at+n]
				for i := range out {
					b := data[(from+i)*size : (from+i+1)*size]
					x := uint64(int64(int8(b[0])))
					for _, c := range b[1:] {
						x = x<<8 | uint64(c)
					}
					out[i] = x
				}
			}
		}
		return func(v *column.Vector, at int, values encoding.Values, from, n int) {
			data, size := values.FixedLenByteArray()
			for i := range n {
				put(v, at+i, bigEndian(data[(from+i)*size:(from+i+1)*size]))
			}
		}
	case parquet.ByteArray:
		return func(v *column.Vector, at int, values encoding.Values, from, n int) {
			data, offsets := values.ByteArray()
			offsets = offsets[from : from+n+1]
			for i := range n {
				put(v, at+i, bigEndian(data[offsets[i]:offsets[i+1]]))
			}
		}
	}
	return nil
}

// bigEndian reads a number in two's complement, of which the last 16 bytes count.
func bigEndian(b []byte) (w [2]uint64) {
	if len(b) == 0 {
		return w
	}
	var full [16]byte
	if int8(b[0]) < 0 {
		for i := range full {
			full[i] = 0xff
		}
	}
	b = b[max(0, len(b)-16):]
	copy(full[16-len(b):], b)
	return [2]uint64{binary.BigEndian.Uint64(full[8:]), binary.BigEndian.Uint64(full[:])}
}

// timesPow10 multiplies a wide number; what does not fit is lost.
func timesPow10(w [2]uint64, n int) [2]uint64 {
	for n > 0 {
		step := min(n, 18)
		high, low := bits.Mul64(w[0], powers[step])
		w = [2]uint64{low, high + w[1]*powers[step]}
		n -= step
	}
	return w
}
