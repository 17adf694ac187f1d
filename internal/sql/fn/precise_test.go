package fn

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// bigExp is the obvious series, with 300 bits.
func bigExp(x float64) *big.Float {
	const prec = 300
	r := new(big.Float).SetPrec(prec).SetFloat64(x)
	r.SetMantExp(r, -20) // x / 2^20, then squared 20 times
	sum, term := new(big.Float).SetPrec(prec).SetInt64(1), new(big.Float).SetPrec(prec).SetInt64(1)
	for i := int64(1); i < 40; i++ {
		term.Mul(term, r)
		term.Quo(term, new(big.Float).SetPrec(prec).SetInt64(i))
		sum.Add(sum, term)
	}
	for range 20 {
		sum.Mul(sum, sum)
	}
	return sum
}

// bigSin is the obvious series, with 300 bits.
func bigSin(x float64) *big.Float {
	const prec = 300
	r := new(big.Float).SetPrec(prec).SetFloat64(x)
	square := new(big.Float).SetPrec(prec).Mul(r, r)
	sum, term := new(big.Float).SetPrec(prec).Set(r), new(big.Float).SetPrec(prec).Set(r)
	for i := int64(2); i < 200; i += 2 {
		term.Mul(term, square)
		term.Quo(term, new(big.Float).SetPrec(prec).SetInt64(-i*(i+1)))
		sum.Add(sum, term)
	}
	return sum
}

func TestPrecise(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		x := (r.Float64() - 0.5) * 200
		if want, _ := bigExp(x).Float64(); exp(x) != want {
			t.Errorf("exp(%v) = %v, want %v", x, exp(x), want)
		}
		y := (r.Float64() - 0.5) * 60
		if want, _ := bigSin(y).Float64(); sine(y) != want {
			t.Errorf("sin(%v) = %v, want %v", y, sine(y), want)
		}
		z := r.Float64() * math.Pow(10, float64(r.IntN(20)-10))
		// Of the right logarithm, the power is nearer to z than of its neighbours.
		l := ln(z)
		off := func(l float64) *big.Float {
			d := new(big.Float).Sub(bigExp(l), new(big.Float).SetFloat64(z))
			return d.Abs(d)
		}
		if off(l).Cmp(off(math.Nextafter(l, 1e9))) > 0 || off(l).Cmp(off(math.Nextafter(l, -1e9))) > 0 {
			t.Errorf("ln(%v) = %v", z, l)
		}
		n := float64(r.IntN(12))
		if base := float64(r.IntN(20) + 1); pow(base, n) != math.Round(math.Pow(base, n)) {
			t.Errorf("%v to the power of %v is %v", base, n, pow(base, n))
		}
		for name, f := range map[string][2]func(float64) float64{"tan": {tangent, math.Tan}, "cos": {cosine, math.Cos}, "atan": {atan, math.Atan}, "sinh": {sinh, math.Sinh}, "cosh": {cosh, math.Cosh}, "tanh": {tanh, math.Tanh}, "log10": {log10, math.Log10}} {
			if a, b := f[0](y), f[1](y); math.Abs(a-b) > 1e-12*math.Abs(b) {
				t.Errorf("%s(%v) = %v, the library has %v", name, y, a, b)
			}
		}
		u := r.Float64()*2 - 1
		if math.Abs(asin(u)-math.Asin(u)) > 1e-14 || math.Abs(acos(u)-math.Acos(u)) > 1e-14 || math.Abs(atan2(u, y)-math.Atan2(u, y)) > 1e-14 {
			t.Errorf("angles of %v", u)
		}
	}
	for _, x := range []float64{math.Inf(1), math.Inf(-1), math.NaN(), 0, -1, 1e300} {
		for i, f := range [][2]func(float64) float64{{exp, math.Exp}, {ln, math.Log}, {log10, math.Log10}, {sinh, math.Sinh}, {tanh, math.Tanh}, {sine, math.Sin}, {atan, math.Atan}, {asin, math.Asin}, {acos, math.Acos}} {
			if a, b := f[0](x), f[1](x); math.IsNaN(a) != math.IsNaN(b) || !math.IsNaN(a) && a != b && math.Abs(a-b) > 1e-12 {
				t.Errorf("function %d of %v: %v, want %v", i, x, a, b)
			}
		}
	}
	if pow(-2, 3) != -8 || pow(2, -1) != 0.5 || !math.IsNaN(pow(-2, 0.5)) || pow(0, 2) != 0 {
		t.Error("powers")
	}
}

func BenchmarkPow(b *testing.B) {
	x := 1.5
	for b.Loop() {
		x = pow(x, 1.0000001)
	}
}

// TestLargeAngles has what Java gives.
func TestLargeAngles(t *testing.T) {
	for _, x := range []struct {
		name       string
		have, want float64
	}{
		{"cos", cosine(-1 << 31), 0.23781619457280337}, {"cos", cosine(-1 << 63), 0.011800076512800236}, {"tan", tangent(-1 << 63), -84.73931296875567}, {"tan", tangent(-1 << 31), 4.084289455298593},
		{"sin", sine(math.Copysign(0, -1)), math.Copysign(0, -1)}, {"tan", tangent(math.Copysign(0, -1)), math.Copysign(0, -1)},
	} {
		if math.Float64bits(x.have) != math.Float64bits(x.want) {
			t.Errorf("%s = %v, want %v", x.name, x.have, x.want)
		}
	}
	for _, x := range []float64{1e7, 1e15, 1e22, 1e100, math.MaxFloat64} {
		if s, c := sine(x), cosine(x); math.Abs(s*s+c*c-1) > 1e-15 || math.Abs(sine(-x)+s) > 0 {
			t.Errorf("%v: sine %v, cosine %v", x, s, c)
		}
	}
}
