package nexmark

import "math"

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
	scaled := float64(draw) * (6 * 64 * math.Ln10 / math.Ln2 / (1 << 53))
	whole := int64(scaled)
	x := (scaled - float64(whole)) * (math.Ln2 / 64)
	square := x * x
	series := (1 + x) + square*((1./2+x*(1./6))+square*(1./24+x*(1./120)))
	// Adding to a float's exponent multiplies it by a power of two.
	power := math.Float64frombits(powers[uint64(whole)%64] + uint64(whole)/64<<52)
	v := power*series + 0.5
	n := int64(v)
	if d := v - float64(n); d < 1e-5 || d > 1-1e-5 {
		return exactPrice(draw)
	}
	return n
}

// exactPrice is priceOf by the library's power.
func exactPrice(draw int64) int64 {
	return int64(math.Floor(math.Pow(10, float64(draw)/(1<<53)*6)*100 + 0.5))
}

// powers[i] are the bits of 100 times 2 to the i/64.
var powers = func() (t [64]uint64) {
	for i := range t {
		t[i] = math.Float64bits(100 * math.Exp2(float64(i)/64))
	}
	return t
}()
