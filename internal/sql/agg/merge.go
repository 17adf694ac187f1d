package agg

import (
	"bytes"
	"math/bits"
	"unsafe"
)

// Mergeable reports whether groups can be merged: what is known of the rows of two groups together follows from what is known of each.
func (s *Set) Mergeable() bool {
	for i := range s.customs {
		if !s.customs[i].merges {
			return false
		}
	}
	return len(s.distincts) == 0 && len(s.bags) == 0 && len(s.trees) == 0
}

// Divisible reports whether a group that was merged into another one can be taken out again, exactly.
func (s *Set) Divisible() bool {
	for i := range s.prims {
		switch s.prims[i].op {
		case count, sum, sum128, sum192:
		default:
			return false
		}
	}
	return s.Mergeable()
}

// Merge adds the rows of groups at src to those at dst, one by one. The groups at src belong to a set of the same calls and options, and stay as they are. Of groups that are merged into one, those with
// earlier rows come first.
func (s *Set) Merge(from *Set, dst, src []unsafe.Pointer) {
	for i := range s.prims {
		p := &s.prims[i]
		s.merge(p, from, s.off+8*uintptr(p.word), from.off+8*uintptr(p.word), dst, src[:len(dst)])
	}
}

func (s *Set) merge(p *prim, from *Set, off, was uintptr, dst, src []unsafe.Pointer) {
	switch p.op {
	case ofCustom:
		s.mergeCustom(p, from, off, was, dst, src)
	case count, sum:
		for i, d := range dst {
			*intAt(d, off) += *intAt(src[i], was)
		}
	case sumFloat:
		for i, d := range dst {
			*floatAt(d, off) += *floatAt(src[i], was)
		}
	case sum128:
		for i, d := range dst {
			add(d, src[i], off, was, 2)
		}
	case sum192:
		for i, d := range dst {
			add(d, src[i], off, was, 3)
		}
	case most, mostFloat:
		for i, d := range dst {
			q := wordAt(d, off)
			*q = max(*q, *wordAt(src[i], was))
		}
	case mostWide:
		for i, d := range dst {
			q, x := (*[3]uint64)(unsafe.Add(d, off)), (*[3]uint64)(unsafe.Add(src[i], was))
			if x[0] != 0 && (q[0] == 0 || int64(x[2]) > int64(q[2]) || x[2] == q[2] && x[1] > q[1]) {
				*q = *x
			}
		}
	case first, firstWide, firstText, last, lastWide, lastText:
		s.mergeValues(p, from, off, was, dst, src)
	case moments:
		for i, d := range dst {
			if o := (*spreadOf)(unsafe.Add(src[i], was)); o.has != 0 {
				(*spreadOf)(unsafe.Add(d, off)).merge(o)
			}
		}
	case mostText, leastText:
		want := 1
		if p.op == leastText {
			want = -1
		}
		for i, d := range dst {
			if *wordAt(src[i], was) == 0 {
				continue
			}
			b := from.cell.AccumulatorString(src[i], p.text)
			if has := wordAt(d, off); *has == 0 || bytes.Compare(b, s.cell.AccumulatorString(d, p.text)) == want {
				*has = 1
				s.cell.SetAccumulatorString(d, p.text, b)
			}
		}
	}
}

// add adds a number of some words to another one.
func add(dst, src unsafe.Pointer, off, was uintptr, words int) {
	c := uint64(0)
	for i := range words {
		w := wordAt(dst, off+8*uintptr(i))
		*w, c = bits.Add64(*w, *wordAt(src, was+8*uintptr(i)), c)
	}
}

// Divide takes the rows of groups at src, which were merged into those at dst, out of them. The set is divisible.
func (s *Set) Divide(from *Set, dst, src []unsafe.Pointer) {
	for i := range s.prims {
		p := &s.prims[i]
		off, was := s.off+8*uintptr(p.word), from.off+8*uintptr(p.word)
		words := 1
		switch p.op {
		case sum128:
			words = 2
		case sum192:
			words = 3
		}
		for i, d := range dst {
			b := uint64(0)
			for j := range words {
				w := wordAt(d, off+8*uintptr(j))
				*w, b = bits.Sub64(*w, *wordAt(src[i], was+8*uintptr(j)), b)
			}
		}
	}
}
