package agg

import (
	"bytes"
	"math"
	"math/bits"
	"unsafe"
)

func wordAt(p unsafe.Pointer, off uintptr) *uint64 { return (*uint64)(unsafe.Add(p, off)) }
func intAt(p unsafe.Pointer, off uintptr) *int64   { return (*int64)(unsafe.Add(p, off)) }
func floatAt(p unsafe.Pointer, off uintptr) *float64 {
	return (*float64)(unsafe.Add(p, off))
}

// update takes rows into a primitive.
func (s *Set) update(p *prim, rows []int32, bases []unsafe.Pointer, one unsafe.Pointer) {
	off := s.off + 8*uintptr(p.word)
	if p.op == ofCustom {
		s.fold(p, off, rows, bases, one)
		return
	}
	if p.op == count {
		s.count(off, rows, bases, one)
		return
	}
	v := s.args[p.arg].v
	switch p.op {
	case sum:
		s.sum(off, v.Ints(), rows, bases, one)
	case sumFloat:
		s.sumFloat(off, v.Floats(), rows, bases, one)
	case sum128:
		for _, r := range rows {
			q := bases[r]
			add128(wordAt(q, off), wordAt(q, off+8), v.Ints()[r], s.sign(r))
		}
	case sum192:
		for _, r := range rows {
			q := bases[r]
			add192((*[3]uint64)(unsafe.Add(q, off)), v.Wide[r], s.sign(r))
		}
	case most:
		mostOf(off, v.Words, p.flip, rows, bases, one)
	case mostFloat:
		for _, r := range rows {
			q := wordAt(bases[r], off)
			*q = max(*q, sortFloat(math.Float64frombits(v.Words[r]))^p.flip)
		}
	case mostWide:
		for _, r := range rows {
			q := (*[3]uint64)(unsafe.Add(bases[r], off))
			x := [2]uint64{v.Wide[r][0] ^ p.flip, v.Wide[r][1] ^ p.flip}
			if q[0] == 0 || int64(x[1]) > int64(q[2]) || x[1] == q[2] && x[0] > q[1] {
				*q = [3]uint64{1, x[0], x[1]}
			}
		}
	case first, firstWide, firstText, last, lastWide, lastText:
		s.value(p, off, v, rows, bases)
	case moments:
		s.moments(p, off, v, rows, bases)
	case mostText, leastText:
		want := 1
		if p.op == leastText {
			want = -1
		}
		for _, r := range rows {
			b := v.Views[r].Content(v.Buffers)
			has := wordAt(bases[r], off)
			if *has == 0 || bytes.Compare(b, s.text(bases[r], p.text)) == want {
				*has = 1
				s.setText(bases[r], p.text, b)
			}
		}
	}
}

func (s *Set) sign(r int32) int64 {
	if s.signs == nil {
		return 1
	}
	return s.signs[r]
}

func (s *Set) count(off uintptr, rows []int32, bases []unsafe.Pointer, one unsafe.Pointer) {
	signs := s.signs
	switch {
	case signs != nil && one != nil:
		n := int64(0)
		for _, r := range rows {
			n += signs[r]
		}
		*intAt(one, off) += n
	case signs != nil:
		for _, r := range rows {
			*intAt(bases[r], off) += signs[r]
		}
	case one != nil:
		*intAt(one, off) += int64(len(rows))
	default:
		for _, r := range rows {
			*intAt(bases[r], off)++
		}
	}
}

func (s *Set) sum(off uintptr, v []int64, rows []int32, bases []unsafe.Pointer, one unsafe.Pointer) {
	signs := s.signs
	switch {
	case signs != nil:
		for _, r := range rows {
			*intAt(bases[r], off) += signs[r] * v[r]
		}
	case one != nil:
		n := int64(0)
		for _, r := range rows {
			n += v[r]
		}
		*intAt(one, off) += n
	default:
		for _, r := range rows {
			*intAt(bases[r], off) += v[r]
		}
	}
}

func (s *Set) sumFloat(off uintptr, v []float64, rows []int32, bases []unsafe.Pointer, one unsafe.Pointer) {
	signs := s.signs
	switch {
	case signs != nil:
		for _, r := range rows {
			*floatAt(bases[r], off) += float64(signs[r]) * v[r]
		}
	case one != nil:
		n := *floatAt(one, off)
		for _, r := range rows {
			n += v[r]
		}
		*floatAt(one, off) = n
	default:
		for _, r := range rows {
			*floatAt(bases[r], off) += v[r]
		}
	}
}

func mostOf(off uintptr, v []uint64, flip uint64, rows []int32, bases []unsafe.Pointer, one unsafe.Pointer) {
	if one != nil {
		m := *wordAt(one, off)
		for _, r := range rows {
			m = max(m, v[r]^flip)
		}
		*wordAt(one, off) = m
		return
	}
	for _, r := range rows {
		q := wordAt(bases[r], off)
		*q = max(*q, v[r]^flip)
	}
}

// add128 adds x times sign, which is 1 or -1, to a sum of two words.
func add128(low, high *uint64, x, sign int64) {
	lo, hi := uint64(x), uint64(x>>63)
	if sign < 0 {
		var borrow uint64
		*low, borrow = bits.Sub64(*low, lo, 0)
		*high, _ = bits.Sub64(*high, hi, borrow)
		return
	}
	var carry uint64
	*low, carry = bits.Add64(*low, lo, 0)
	*high, _ = bits.Add64(*high, hi, carry)
}

// add192 adds x times sign to a sum of three words.
func add192(to *[3]uint64, x [2]uint64, sign int64) {
	top := uint64(int64(x[1]) >> 63)
	var c uint64
	if sign < 0 {
		to[0], c = bits.Sub64(to[0], x[0], 0)
		to[1], c = bits.Sub64(to[1], x[1], c)
		to[2], _ = bits.Sub64(to[2], top, c)
		return
	}
	to[0], c = bits.Add64(to[0], x[0], 0)
	to[1], c = bits.Add64(to[1], x[1], c)
	to[2], _ = bits.Add64(to[2], top, c)
}

// sortFloat returns a word whose order as an unsigned number is that of floating-point numbers, NaN being the greatest; -0 counts as 0. It is never 0, nor all ones.
func sortFloat(f float64) uint64 {
	if f == 0 {
		f = 0
	}
	if f != f {
		return 0xfff8 << 48
	}
	w := math.Float64bits(f)
	if w&signBit != 0 {
		return ^w
	}
	return w | signBit
}

// unsortFloat is the inverse of sortFloat.
func unsortFloat(w uint64) float64 {
	if w&signBit != 0 {
		return math.Float64frombits(w &^ signBit)
	}
	return math.Float64frombits(^w)
}
