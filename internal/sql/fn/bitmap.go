package fn

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strconv"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// Bitmap is a set of 32-bit numbers without sign, as ascending ranges, both ends included, with gaps between them. A BITMAP value is one in the portable format of Roaring bitmaps.
type Bitmap [][2]uint32

const (
	roaringPlain = 12346
	roaringRuns  = 12347
	// arrayLimit is how many numbers a container has that lists them.
	arrayLimit = 4096
	// offsetsFrom is from how many containers on a bitmap with runs has offsets.
	offsetsFrom = 4
)

// Add adds the numbers from a to b, which are not below those that are there.
func (m Bitmap) Add(a, b uint32) Bitmap {
	if n := len(m); n > 0 && (a == 0 || m[n-1][1] >= a-1) {
		m[n-1][1] = max(m[n-1][1], b)
		return m
	}
	return append(m, [2]uint32{a, b})
}

// Count is how many numbers are in the set.
func (m Bitmap) Count() int64 {
	n := int64(0)
	for _, r := range m {
		n += int64(r[1]) - int64(r[0]) + 1
	}
	return n
}

// Combine returns the numbers for which keep is true of whether they are in each set.
func (m Bitmap) Combine(o Bitmap, keep func(a, b bool) bool) Bitmap {
	var out Bitmap
	i, j := 0, 0
	for at := int64(0); at < 1<<32; {
		for i < len(m) && int64(m[i][1]) < at {
			i++
		}
		for j < len(o) && int64(o[j][1]) < at {
			j++
		}
		next := int64(1) << 32
		in := func(s Bitmap, k int) bool {
			if k == len(s) {
				return false
			}
			if int64(s[k][0]) > at {
				next = min(next, int64(s[k][0]))
				return false
			}
			next = min(next, int64(s[k][1])+1)
			return true
		}
		a, b := in(m, i), in(o, j)
		if keep(a, b) {
			out = out.Add(uint32(at), uint32(next-1))
		}
		at = next
	}
	return out
}

// String lists the numbers; that of a large set ends in dots.
func (m Bitmap) String() string {
	b := []byte{'{'}
	for _, r := range m {
		for x := int64(r[0]); x <= int64(r[1]); x++ {
			if len(b) > 1 {
				b = append(b, ',')
			}
			if len(b) > 0x80000 {
				return string(append(b, "...}"...))
			}
			b = strconv.AppendInt(b, x, 10)
		}
	}
	return string(append(b, '}'))
}

// Encode writes the set in the portable format.
func (m Bitmap) Encode() string {
	type container struct {
		key   uint16
		runs  [][2]uint16
		count int
	}
	var all []container
	for _, r := range m {
		for key := r[0] >> 16; key <= r[1]>>16; key++ {
			from, to := uint16(0), uint16(0xffff)
			if key == r[0]>>16 {
				from = uint16(r[0])
			}
			if key == r[1]>>16 {
				to = uint16(r[1])
			}
			if n := len(all); n == 0 || all[n-1].key != uint16(key) {
				all = append(all, container{key: uint16(key)})
			}
			c := &all[len(all)-1]
			c.runs = append(c.runs, [2]uint16{from, to})
			c.count += int(to) - int(from) + 1
		}
	}
	isRun := func(c container) bool { return 2+4*len(c.runs) < min(2*c.count, 8192) }
	size := func(c container) int {
		switch {
		case isRun(c):
			return 2 + 4*len(c.runs)
		case c.count <= arrayLimit:
			return 2 * c.count
		}
		return 8192
	}
	hasRuns := false
	for _, c := range all {
		hasRuns = hasRuns || isRun(c)
	}
	le := binary.LittleEndian
	var b []byte
	if hasRuns {
		b = le.AppendUint32(b, roaringRuns|uint32(len(all)-1)<<16)
		flags := make([]byte, (len(all)+7)/8)
		for i, c := range all {
			if isRun(c) {
				flags[i/8] |= 1 << (i % 8)
			}
		}
		b = append(b, flags...)
	} else {
		b = le.AppendUint32(b, roaringPlain)
		b = le.AppendUint32(b, uint32(len(all)))
	}
	for _, c := range all {
		b = le.AppendUint16(b, c.key)
		b = le.AppendUint16(b, uint16(c.count-1))
	}
	if !hasRuns || len(all) >= offsetsFrom {
		at := len(b) + 4*len(all)
		for _, c := range all {
			b = le.AppendUint32(b, uint32(at))
			at += size(c)
		}
	}
	for _, c := range all {
		switch {
		case isRun(c):
			b = le.AppendUint16(b, uint16(len(c.runs)))
			for _, r := range c.runs {
				b = le.AppendUint16(le.AppendUint16(b, r[0]), r[1]-r[0])
			}
		case c.count <= arrayLimit:
			for _, r := range c.runs {
				for x := int(r[0]); x <= int(r[1]); x++ {
					b = le.AppendUint16(b, uint16(x))
				}
			}
		default:
			var words [1024]uint64
			for _, r := range c.runs {
				for x := int(r[0]); x <= int(r[1]); x++ {
					words[x>>6] |= 1 << (x & 63)
				}
			}
			for _, w := range words {
				b = le.AppendUint64(b, w)
			}
		}
	}
	return string(b)
}

// DecodeBitmap reads a set in the portable format, and reports whether it is one.
func DecodeBitmap(s string) (Bitmap, bool) {
	le := binary.LittleEndian
	b := []byte(s)
	at := 0
	take := func(n int) []byte {
		if n < 0 || len(b)-at < n {
			return nil
		}
		at += n
		return b[at-n : at]
	}
	head := take(4)
	if head == nil {
		return nil, false
	}
	cookie := le.Uint32(head)
	n, hasRuns := 0, false
	var flags []byte
	switch {
	case cookie&0xffff == roaringRuns:
		hasRuns = true
		n = int(cookie>>16) + 1
		if flags = take((n + 7) / 8); flags == nil {
			return nil, false
		}
	case cookie == roaringPlain:
		count := take(4)
		if count == nil || le.Uint32(count) > 1<<16 {
			return nil, false
		}
		n = int(le.Uint32(count))
	default:
		return nil, false
	}
	keys := take(4 * n)
	if keys == nil && n > 0 {
		return nil, false
	}
	if (!hasRuns || n >= offsetsFrom) && n > 0 && take(4*n) == nil {
		return nil, false
	}
	var m Bitmap
	for i := range n {
		high := uint32(le.Uint16(keys[4*i:])) << 16
		count := int(le.Uint16(keys[4*i+2:])) + 1
		if len(m) > 0 && high <= m[len(m)-1][1] {
			return nil, false
		}
		switch {
		case hasRuns && flags[i/8]>>(i%8)&1 != 0:
			head := take(2)
			if head == nil {
				return nil, false
			}
			runs := take(4 * int(le.Uint16(head)))
			for k := 0; k+3 < len(runs); k += 4 {
				from, more := uint32(le.Uint16(runs[k:])), uint32(le.Uint16(runs[k+2:]))
				if from+more > 0xffff || len(m) > 0 && high|from <= m[len(m)-1][1] {
					return nil, false
				}
				m = m.Add(high|from, high|(from+more))
			}
			if runs == nil {
				return nil, false
			}
		case count <= arrayLimit:
			list := take(2 * count)
			if list == nil {
				return nil, false
			}
			for k := 0; k < len(list); k += 2 {
				x := high | uint32(le.Uint16(list[k:]))
				if len(m) > 0 && x <= m[len(m)-1][1] {
					return nil, false
				}
				m = m.Add(x, x)
			}
		default:
			words := take(8192)
			if words == nil {
				return nil, false
			}
			for k := range 1024 {
				for w := le.Uint64(words[8*k:]); w != 0; w &= w - 1 {
					x := high | uint32(k*64+bits.TrailingZeros64(w))
					m = m.Add(x, x)
				}
			}
		}
	}
	return m, at == len(b)
}

func isBitmap(args []Arg, from, to int) error {
	if err := count(args, from, to); err != nil {
		return err
	}
	for i, a := range args {
		if k := a.Type.Kind(); k != types.Bitmap && k != types.Null {
			return wrong("argument %d must be a BITMAP, but is %s", i+1, a.Type)
		}
	}
	return nil
}

func decoded(v column.Value) Bitmap {
	m, _ := DecodeBitmap(v.Text)
	return m
}

// bitmaps are the functions of BITMAP values.
func bitmaps() []*Function {
	bitmap := types.New(types.Bitmap)
	of := func(name, doc string, result types.Type, f func(m Bitmap) column.Value, examples ...[2]string) *Function {
		return &Function{Name: name, Doc: doc, Examples: examples, Infer: func(s *Session, args []Arg) (Signature, error) {
			return Signature{Result: Strict(result, args)}, isBitmap(args, 1, 1)
		}, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return rowwise(result, true, func(args []column.Value) (column.Value, error) { return f(decoded(args[0])), nil }), nil
		}}
	}
	pair := func(name, doc string, keep func(a, b bool) bool, example, want string) *Function {
		return &Function{Name: name, Doc: doc, Examples: [][2]string{{example, want}}, Infer: func(s *Session, args []Arg) (Signature, error) {
			return Signature{Result: Strict(bitmap, args)}, isBitmap(args, 2, 2)
		}, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return rowwise(result, true, func(args []column.Value) (column.Value, error) {
				return column.TextValue(decoded(args[0]).Combine(decoded(args[1]), keep).Encode()), nil
			}), nil
		}}
	}
	return []*Function{
		{Name: "BITMAP_BUILD", Doc: "the bitmap of an array of INT; nulls are left out", Infer: func(s *Session, args []Arg) (Signature, error) {
			if err := count(args, 1, 1); err != nil {
				return Signature{}, err
			}
			t := args[0].Type
			if t.Kind() == types.Null {
				return Signature{Args: []types.Type{types.ArrayOf(types.New(types.Int))}, Result: bitmap}, nil
			}
			if t.Kind() != types.Array || !t.Elem().IsInteger() || t.Elem().Kind() == types.BigInt {
				return Signature{}, wrong("argument 1 must be an ARRAY<INT>, but is %s", t)
			}
			return Signature{Result: Strict(bitmap, args)}, nil
		}, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return rowwise(result, true, func(args []column.Value) (column.Value, error) {
				var m Bitmap
				var all []uint32
				for _, v := range args[0].List {
					if !v.Null {
						all = append(all, uint32(v.Int()))
					}
				}
				slices.Sort(all)
				for _, x := range slices.Compact(all) {
					m = m.Add(x, x)
				}
				return column.TextValue(m.Encode()), nil
			}), nil
		}, Examples: [][2]string{{"BITMAP_TO_STRING(BITMAP_BUILD(ARRAY[3, 1, -1]))", "{1,3,4294967295}"}}},
		{Name: "BITMAP_FROM_BYTES", Doc: "the bitmap that is written in the portable format of Roaring bitmaps", Fails: true, Infer: takes("B", strict(bitmap)), Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return rowwise(result, true, func(args []column.Value) (column.Value, error) {
				m, ok := DecodeBitmap(args[0].Text)
				if !ok {
					return column.Value{}, badValue("these bytes are no bitmap")
				}
				return column.TextValue(m.Encode()), nil
			}), nil
		}, Examples: [][2]string{{"BITMAP_CARDINALITY(BITMAP_FROM_BYTES(BITMAP_TO_BYTES(BITMAP_BUILD(ARRAY[3, 1]))))", "2"}}},
		of("BITMAP_TO_BYTES", "the bitmap in the portable format of Roaring bitmaps", types.Bytes(), func(m Bitmap) column.Value { return column.TextValue(m.Encode()) }),
		of("BITMAP_TO_STRING", "the numbers of a bitmap as text", types.String(), func(m Bitmap) column.Value { return column.TextValue(m.String()) }),
		of("BITMAP_TO_ARRAY", "the numbers of a bitmap as an array", types.ArrayOf(types.New(types.Int)), func(m Bitmap) column.Value {
			out := column.Value{List: []column.Value{}}
			for _, r := range m {
				for x := int64(r[0]); x <= int64(r[1]) && len(out.List) < 1<<24; x++ {
					out.List = append(out.List, column.IntValue(int64(int32(uint32(x)))))
				}
			}
			return out
		}, [2]string{"BITMAP_TO_ARRAY(BITMAP_BUILD(ARRAY[2, 1, 2]))", "[1, 2]"}),
		of("BITMAP_CARDINALITY", "how many numbers are in a bitmap", types.New(types.BigInt), func(m Bitmap) column.Value { return column.IntValue(m.Count()) }),
		pair("BITMAP_AND", "the numbers that are in both bitmaps", func(a, b bool) bool { return a && b }, "BITMAP_TO_STRING(BITMAP_AND(BITMAP_BUILD(ARRAY[1, 2]), BITMAP_BUILD(ARRAY[2, 3])))", "{2}"),
		pair("BITMAP_OR", "the numbers that are in one of the bitmaps", func(a, b bool) bool { return a || b }, "BITMAP_TO_STRING(BITMAP_OR(BITMAP_BUILD(ARRAY[1, 2]), BITMAP_BUILD(ARRAY[2, 3])))", "{1,2,3}"),
		pair("BITMAP_XOR", "the numbers that are in one of the bitmaps only", func(a, b bool) bool { return a != b }, "BITMAP_TO_STRING(BITMAP_XOR(BITMAP_BUILD(ARRAY[1, 2]), BITMAP_BUILD(ARRAY[2, 3])))", "{1,3}"),
		pair("BITMAP_ANDNOT", "the numbers that are in the first bitmap only", func(a, b bool) bool { return a && !b }, "BITMAP_TO_STRING(BITMAP_ANDNOT(BITMAP_BUILD(ARRAY[1, 2]), BITMAP_BUILD(ARRAY[2, 3])))", "{1}"),
	}
}
