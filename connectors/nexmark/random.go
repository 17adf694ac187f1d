package nexmark

import (
	"encoding/binary"
	"math"
)

// random is java.util.Random: a linear congruential generator of 48 bits. The state is kept modulo 2^64, which agrees with it modulo 2^48; values are taken from bits 47 downwards.
type random uint64

const (
	multiplier = 0x5DEECE66D
	increment  = 0xB
)

// seeded returns the generator of a seed.
func seeded(seed int64) random { return random(uint64(seed) ^ multiplier) }

// bits draws n random bits, Java's next(n) as an unsigned number.
func (r *random) bits(n uint) uint64 {
	*r = *r*multiplier + increment
	return uint64(*r) << 16 >> (64 - n)
}

// below draws from [0, n), as nextInt(n) does.
func (r *random) below(n uint32) uint32 {
	if n&(n-1) == 0 {
		return uint32(uint64(n) * r.bits(31) >> 31)
	}
	return r.pick(n)
}

// pick is below for a number that is no power of two, and inlined: division by a constant is cheap.
func (r *random) pick(n uint32) uint32 {
	b := uint32(r.bits(31))
	if b >= 1<<31/n*n {
		b = r.redraw(n)
	}
	return b % n
}

// redraw draws 31 bits until what they are is below the largest multiple of n that they can be: of numbers beyond it, some would come more often than others.
func (r *random) redraw(n uint32) uint32 {
	for {
		if b := uint32(r.bits(31)); b < 1<<31/n*n {
			return b
		}
	}
}

// price draws a price: log-uniform from 100 to 100,000,000.
func (r *random) price() int64 {
	high := r.bits(26)
	return priceOf(int64(high<<27 | r.bits(27)))
}

// priceOf is 100 times 10 to the power of six times draw/2^53, rounded.
//
// 10^x is 2^(x·log2 10), whose exponent is split into sixty-fourths, for which there is a table, and a rest for which six terms of the series are good to 1e-14. Where the product is so close to
// the middle between two whole numbers that this could matter, the library's power decides.
func priceOf(draw int64) int64 {
	u := float64(draw) / (1 << 53)
	scaled := u * (6 * 64 * math.Ln10 / math.Ln2)
	whole := uint64(scaled)
	x := (scaled - float64(whole)) * (math.Ln2 / 64)
	square := x * x
	series := (1 + x) + square*((1./2+x*(1./6))+square*(1./24+x*(1./120)))
	v := powers[whole%64] * math.Float64frombits((1023+whole/64)<<52) * series
	n := int64(v + 0.5)
	if d := v + 0.5 - float64(n); d < 1e-5 || d > 1-1e-5 {
		return int64(math.Floor(math.Pow(10, u*6)*100 + 0.5))
	}
	return n
}

// powers[i] is 100 times 2 to the i/64.
var powers = func() (t [64]float64) {
	for i := range t {
		t[i] = 100 * math.Exp2(float64(i)/64)
	}
	return t
}()

// text appends a text of 3 to limit-1 characters, letters among which the special one is strewn, without spaces at its ends.
func (r *random) text(dst []byte, limit uint32, special byte) []byte {
	start := len(dst)
	for n := 3 + r.below(limit-3); n > 0; n-- {
		c := special
		if r.pick(13) != 0 {
			c = 'a' + byte(r.pick(26))
		}
		dst = append(dst, c)
	}
	for len(dst) > start && dst[len(dst)-1] == ' ' {
		dst = dst[:len(dst)-1]
	}
	lead := start
	for lead < len(dst) && dst[lead] == ' ' {
		lead++
	}
	if lead > start {
		dst = dst[:start+copy(dst[start:], dst[lead:])]
	}
	return dst
}

// letters[v+17575] are the three characters that the number v stands for, written in base 26 with digits that have v's sign.
var letters = func() (t [1 << 16]uint32) {
	for v := -17575; v <= 17575; v++ {
		t[v+17575] = uint32('a'+v%26) | uint32('a'+v/26%26)<<8 | uint32('a'+v/676)<<16
	}
	return t
}()

// exact appends n characters, six for each number drawn.
func (r *random) exact(dst []byte, n int) []byte {
	start := len(dst)
	if cap(dst)-start < n+8 {
		bigger := make([]byte, start, 2*cap(dst)+n+64)
		copy(bigger, dst)
		dst = bigger
	}
	room := dst[start : start+n+8]
	state := *r
	for i := 0; i < n; i += 6 {
		v := int32(state.bits(32))
		high := v / 17576
		group := room[i : i+8 : i+8]
		binary.LittleEndian.PutUint32(group, letters[uint16(v-high*17576+17575)])
		binary.LittleEndian.PutUint32(group[3:], letters[uint16(high%17576+17575)])
	}
	*r = state
	return dst[:start+n]
}

// extra appends the filler that brings a record of the given size to about the average.
func (r *random) extra(dst []byte, size, average int) []byte {
	if size > average {
		return dst
	}
	want := average - size
	d := int(float64(want)*0.2 + 0.5)
	n := want
	if d > 0 {
		n = want - d + int(r.below(uint32(2*d)))
	}
	return r.exact(dst, n)
}
