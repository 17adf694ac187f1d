package agg

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/types"
)

// addBitmap adds the functions that make one bitmap of many, or of numbers: BITMAP_BUILD_AGG, BITMAP_AND_AGG, BITMAP_OR_AGG, BITMAP_XOR_AGG, and those that only count what is in it.
func (s *Set) addBitmap(c *Call, at int, r *result) error {
	if len(c.Args) != 1 {
		return unsupported(c, "takes one argument, not %d", len(c.Args))
	}
	r.form = bagBitmap
	r.text, _, _ = strings.Cut(strings.TrimPrefix(c.Function, "BITMAP_"), "_")
	return s.bag(c, at, c.Args, r)
}

// emitBitmap writes the bitmap of a group, or how many numbers are in it; null if there is no value.
func (b *bag) emitBitmap(r *result, from, to int, out *column.Vector, row, n int) {
	if from == to {
		out.SetNull(row, n)
		return
	}
	v := &b.read[0]
	var m fn.Bitmap
	if r.text == "BUILD" {
		all := make([]uint32, 0, to-from)
		for i := from; i < to; i++ {
			all = append(all, uint32(v.Int(i)))
		}
		slices.Sort(all)
		for _, x := range slices.Compact(all) {
			m = m.Add(x, x)
		}
	} else {
		m, _ = fn.DecodeBitmap(string(v.Bytes(from)))
		for i := from + 1; i < to; i++ {
			o, _ := fn.DecodeBitmap(string(v.Bytes(i)))
			switch r.text {
			case "AND":
				m = m.Combine(o, func(a, b bool) bool { return a && b })
			case "OR":
				m = m.Combine(o, func(a, b bool) bool { return a || b })
			default:
				m = m.Combine(o, func(a, b bool) bool { return a != b })
			}
		}
	}
	if r.t.Kind() == types.BigInt {
		out.Words[row] = uint64(m.Count())
		return
	}
	out.SetBytes(row, []byte(m.Encode()))
}
