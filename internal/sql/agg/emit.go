package agg

import (
	"math"
	"math/big"
	"math/bits"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// Emit writes the results of a call for some groups: that of refs[i], which is at bases[i], is row at+i of out, a flat vector of n rows and the form of the result's type. Rows of arrays and multisets
// are written in order, from the first.
func (s *Set) Emit(call int, refs []statebackend.Ref, bases []unsafe.Pointer, out *column.Vector, at, n int) {
	r := &s.results[call]
	switch r.form {
	case treeWord, treeFloat, treeWide, treeText:
		s.trees[r.kept].emit(s, r, refs, out, at, n)
		return
	case bagFirst, bagLast, bagSingle, bagList, bagArray, bagMultiset, bagJSONArray, bagJSONObject, bagPercentile, bagBitmap:
		s.bags[r.kept].emit(s, r, refs, out, at, n)
		return
	}
	if r.form == customValue {
		s.emitCustom(r, bases, out, at, n)
		return
	}
	p := &s.prims[r.prim]
	off := s.off + 8*uintptr(p.word)
	switch r.form {
	case plain:
		for i, b := range bases {
			out.Words[at+i] = *wordAt(b, off)
		}
		cutWords(out.Words[at:at+len(bases)], r.t)
	case unflipped:
		for i, b := range bases {
			out.Words[at+i] = *wordAt(b, off) ^ r.flip
		}
	case unfloated:
		for i, b := range bases {
			out.Words[at+i] = math.Float64bits(unsortFloat(*wordAt(b, off) ^ r.flip))
		}
	case wideWord:
		for i, b := range bases {
			q := (*[3]uint64)(unsafe.Add(b, off))
			if out.Wide[at+i] = [2]uint64{q[1] ^ r.flip, q[2] ^ r.flip}; q[0] == 0 {
				out.SetNull(at+i, n)
			}
		}
	case textWord:
		for i, b := range bases {
			if r.shape != nil {
				var text []byte
				if *wordAt(b, off) != 0 {
					text = s.cell.AccumulatorString(b, p.text)
				}
				put(out, at+i, r.shape, text)
				continue
			}
			if *wordAt(b, off) == 0 {
				out.SetNull(at+i, n)
				continue
			}
			out.SetBytes(at+i, s.cell.AccumulatorString(b, p.text))
		}
	case valueWord:
		for i, b := range bases {
			if out.Words[at+i] = *wordAt(b, off+8); *wordAt(b, off) == 0 {
				out.SetNull(at+i, n)
			}
		}
	case spread:
		for i, b := range bases {
			emitSpread(r, (*spreadOf)(unsafe.Add(b, off)), out, at+i, n)
		}
	case meanInt, meanFloat:
		s.emitMean(r, off, bases, out, at, n)
	default:
		s.emitDecimal(r, off, bases, out, at, n)
	}
	if r.count >= 0 {
		c := s.off + 8*uintptr(s.prims[r.count].word)
		for i, b := range bases {
			if *wordAt(b, c) == 0 {
				out.SetNull(at+i, n)
			}
		}
	}
}

// cutWords cuts results that have wrapped around, or are rounded, to their type.
func cutWords(words []uint64, t types.Type) {
	switch t.Kind() {
	case types.TinyInt:
		for i, w := range words {
			words[i] = uint64(int64(int8(w)))
		}
	case types.SmallInt:
		for i, w := range words {
			words[i] = uint64(int64(int16(w)))
		}
	case types.Int, types.IntervalYearMonth:
		for i, w := range words {
			words[i] = uint64(int64(int32(w)))
		}
	case types.Float:
		for i, w := range words {
			words[i] = math.Float64bits(float64(float32(math.Float64frombits(w))))
		}
	}
}

func (s *Set) emitMean(r *result, off uintptr, bases []unsafe.Pointer, out *column.Vector, at, n int) {
	c := s.off + 8*uintptr(s.prims[r.count].word)
	for i, b := range bases {
		rows := *intAt(b, c)
		switch {
		case rows == 0:
			out.Words[at+i] = 0
		case r.form == meanInt:
			out.Words[at+i] = uint64(*intAt(b, off) / rows)
		default:
			out.Words[at+i] = math.Float64bits(*floatAt(b, off) / float64(rows))
		}
	}
	cutWords(out.Words[at:at+len(bases)], r.t)
}

// emitDecimal writes sums and means of decimals. One that has more digits than its type is null.
func (s *Set) emitDecimal(r *result, off uintptr, bases []unsafe.Pointer, out *column.Vector, at, n int) {
	var c uintptr
	mean := r.form == meanOf128 || r.form == meanOf192
	if r.count >= 0 {
		c = s.off + 8*uintptr(s.prims[r.count].word)
	}
	for i, b := range bases {
		rows := int64(1)
		if mean {
			if rows = *intAt(b, c); rows == 0 {
				continue
			}
		}
		x := [3]uint64{*wordAt(b, off), *wordAt(b, off+8)}
		x[2] = uint64(int64(x[1]) >> 63)
		if r.form == sumOf192 || r.form == meanOf192 {
			x[2] = *wordAt(b, off+16)
		}
		if w, ok := decimal(x, rows, r.scale, r.t); !ok {
			out.SetNull(at+i, n)
		} else if out.Form == column.Wide {
			out.Wide[at+i] = w
		} else {
			out.Words[at+i] = w[0]
		}
	}
}

// decimal divides a sum of the given scale by a count, rounding half away from zero, and reports whether the result fits its type.
func decimal(x [3]uint64, count int64, scale int, t types.Type) (w [2]uint64, ok bool) {
	if count == 1 && scale == t.Scale() && x[2] == uint64(int64(x[1])>>63) && fits(x[0], x[1], t.Precision()) {
		return [2]uint64{x[0], x[1]}, true
	}
	b := new(big.Int).SetUint64(x[2])
	if int64(x[2]) < 0 {
		b.SetUint64(-x[2]).Neg(b)
	}
	b.Lsh(b, 64).Add(b, new(big.Int).SetUint64(x[1]))
	b.Lsh(b, 64).Add(b, new(big.Int).SetUint64(x[0]))
	d := big.NewInt(count)
	if up := t.Scale() - scale; up >= 0 {
		b.Mul(b, power(up))
	} else {
		d.Mul(d, power(-up))
	}
	negative := b.Sign() < 0
	b.Abs(b)
	q, rest := new(big.Int).QuoRem(b, d, new(big.Int))
	if rest.Lsh(rest, 1).Cmp(d) >= 0 {
		q.Add(q, big.NewInt(1))
	}
	if q.Cmp(power(t.Precision())) >= 0 {
		return w, false
	}
	if negative {
		q.Neg(q)
	}
	return column.WideOf(q)
}

func power(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// limits are the powers of ten in two words, the low one first.
var limits = func() (p [types.MaxDecimal + 1][2]uint64) {
	for i := range p {
		p[i], _ = column.WideOf(power(i))
	}
	return
}()

// fits reports whether a number has at most so many digits.
func fits(low, high uint64, precision int) bool {
	if int64(high) < 0 {
		var borrow uint64
		low, borrow = bits.Sub64(0, low, 0)
		high, _ = bits.Sub64(0, high, borrow)
	}
	limit := limits[precision]
	return high < limit[1] || high == limit[1] && low < limit[0]
}

// decimalOf rounds a number, which is finite, to a decimal, and reports whether it fits.
func decimalOf(x float64, t types.Type) (w [2]uint64, ok bool) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return w, false
	}
	f := new(big.Float).SetPrec(256).SetFloat64(x)
	f.Mul(f, new(big.Float).SetPrec(256).SetInt(power(t.Scale())))
	f.Add(f, big.NewFloat(math.Copysign(0.5, x)))
	n, _ := f.Int(nil)
	if new(big.Int).Abs(n).Cmp(power(t.Precision())) >= 0 {
		return w, false
	}
	return column.WideOf(n)
}
