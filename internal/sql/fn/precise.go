package fn

import (
	"math"
	"math/big"
	"sync"
)

// The functions here compute with about 100 bits and round once, so that their results are the nearest floating-point numbers, as those of Java nearly always are: the standard library's
// may be off by one or two in the last place, which shows where a result is printed.

// twice is a number of two parts: the second is what the first lacks.
type twice struct{ high, low float64 }

func fastSum(a, b float64) twice { // |a| >= |b|
	s := a + b
	return twice{s, b - (s - a)}
}

func exactSum(a, b float64) twice {
	s := a + b
	t := s - a
	return twice{s, (a - (s - t)) + (b - t)}
}

func (a twice) plus(b twice) twice {
	s := exactSum(a.high, b.high)
	return fastSum(s.high, s.low+a.low+b.low)
}

func (a twice) minus(b twice) twice { return a.plus(twice{-b.high, -b.low}) }

func (a twice) times(b twice) twice {
	p := a.high * b.high
	return fastSum(p, math.FMA(a.high, b.high, -p)+a.high*b.low+a.low*b.high)
}

func (a twice) by(b twice) twice {
	q := a.high / b.high
	r := a.minus(b.times(twice{q, 0}))
	q2 := r.high / b.high
	r = r.minus(b.times(twice{q2, 0}))
	return fastSum(q, q2).plus(twice{r.high / b.high, 0})
}

func (a twice) value() float64 { return a.high + a.low }

var (
	ln2      = twice{0.6931471805599453, 2.3190468138462996e-17}
	ln10     = twice{2.302585092994046, -2.1707562233822494e-16}
	halfPi   = twice{1.5707963267948966, 6.123233995736766e-17}
	one2     = twice{1, 0}
	halfPiIn = -1.4973849048591833e-33 // what halfPi lacks
)

// inverse are 1 divided by the factorials from 0 to 27.
var inverse = func() (f [28]twice) {
	f[0] = one2
	for i := 1; i < len(f); i++ {
		f[i] = f[i-1].by(twice{float64(i), 0})
	}
	return f
}()

// preciseExp is e to the power of x, which is within about 700 of zero.
func preciseExp(x twice) twice {
	k := math.Round(x.high / ln2.high)
	r := x.minus(ln2.times(twice{k, 0}))
	const halvings = 9
	r = twice{r.high / (1 << halvings), r.low / (1 << halvings)}
	// e^r - 1 by its series
	sum := inverse[10]
	for i := 9; i > 0; i-- {
		sum = sum.times(r).plus(inverse[i])
	}
	sum = sum.times(r)
	for range halvings { // (1+s)² - 1 = s² + 2s
		sum = sum.times(sum).plus(twice{2 * sum.high, 2 * sum.low})
	}
	sum = sum.plus(one2)
	return twice{math.Ldexp(sum.high, int(k)), math.Ldexp(sum.low, int(k))}
}

// preciseLog is the natural logarithm of a positive finite number.
func preciseLog(x float64) twice {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	y := twice{math.Log(m), 0}
	t := preciseExp(twice{-y.high, 0}).times(twice{m, 0}).minus(one2)
	y = y.plus(t).minus(twice{t.high * t.high / 2, 0})
	return y.plus(ln2.times(twice{float64(e), 0}))
}

func normal(x float64) bool { return x == x && !math.IsInf(x, 0) }

func exp(x float64) float64 {
	if !normal(x) || math.Abs(x) > 700 {
		return math.Exp(x)
	}
	return preciseExp(twice{x, 0}).value()
}

func ln(x float64) float64 {
	if !normal(x) || x <= 0 {
		return math.Log(x)
	}
	return preciseLog(x).value()
}

func log10(x float64) float64 {
	if !normal(x) || x <= 0 {
		return math.Log10(x)
	}
	return preciseLog(x).by(ln10).value()
}

func pow(x, y float64) float64 {
	rough := math.Pow(x, y)
	if !normal(x) || !normal(y) || x == 0 || y == 0 || x == 1 || !normal(rough) || rough == 0 {
		return rough
	}
	if n := math.Abs(y); n == math.Trunc(n) && n <= 64 {
		// What is between two numbers is seen as such: a logarithm would not be exact.
		p, square := one2, twice{x, 0}
		for k := int(n); k > 0; k >>= 1 {
			if k&1 != 0 {
				p = p.times(square)
			}
			if k > 1 {
				square = square.times(square)
			}
		}
		if y < 0 {
			p = one2.by(p)
		}
		if normal(p.value()) && math.Abs(p.value()) > 0x1p-900 {
			return p.value()
		}
	}
	l := preciseLog(math.Abs(x)).times(twice{y, 0})
	if math.Abs(l.high) > 700 {
		return rough
	}
	return math.Copysign(preciseExp(l).value(), rough)
}

// sinh, cosh and tanh are computed in the steps of Java, each of which rounds.
func sinh(x float64) float64 {
	h := math.Copysign(0.5, x)
	switch a := math.Abs(x); {
	case !normal(x) || a < 1e-5 || a > 700:
		return math.Sinh(x)
	case a < 1:
		t := expm1(a)
		return h * (2*t - t*t/(t+1))
	case a < 22:
		t := expm1(a)
		return h * (t + t/(t+1))
	default:
		return h * exp(a)
	}
}

func cosh(x float64) float64 {
	switch a := math.Abs(x); {
	case !normal(x) || a > 700:
		return math.Cosh(x)
	case a < 1e-5:
		return 1
	case a < 0.5*ln2.high:
		t := expm1(a)
		return 1 + t*t/((1+t)+(1+t))
	case a < 22:
		t := exp(a)
		return 0.5*t + 0.5/t
	default:
		return 0.5 * exp(a)
	}
}

func tanh(x float64) float64 {
	switch a := math.Abs(x); {
	case !normal(x) || a < 1e-5 || a > 22:
		return math.Tanh(x)
	case a < 1:
		t := expm1(-2 * a)
		return math.Copysign(-t/(t+2), x)
	default:
		return math.Copysign(1-2/(expm1(2*a)+2), x)
	}
}

func expm1(x float64) float64 { return preciseExp(twice{x, 0}).minus(one2).value() }

// reduceBits is enough for the quarters of the greatest number, and what is left of it.
const reduceBits = 1024 + 256

// bigHalfPi is half of pi, from 16 atan(1/5) - 4 atan(1/239).
var bigHalfPi = sync.OnceValue(func() *big.Float {
	one := new(big.Int).Lsh(big.NewInt(1), reduceBits+64)
	atan := func(n int64) *big.Int { // of 1/n
		term := new(big.Int).Div(one, big.NewInt(n))
		sum, square := new(big.Int).Set(term), big.NewInt(n*n)
		for i := int64(3); term.Sign() != 0; i += 2 {
			term = new(big.Int).Neg(new(big.Int).Quo(term, square))
			sum.Add(sum, new(big.Int).Quo(term, big.NewInt(i)))
		}
		return sum
	}
	pi := new(big.Int).Mul(atan(5), big.NewInt(16))
	pi.Sub(pi, new(big.Int).Mul(atan(239), big.NewInt(4)))
	return new(big.Float).SetMantExp(new(big.Float).SetPrec(reduceBits).SetInt(pi), -(reduceBits + 64 + 1))
})

// reduce takes quarters of a circle from a large angle, and returns what is left and how many there were, modulo 4.
func reduce(x float64) (left twice, quarters float64) {
	b := new(big.Float).SetPrec(reduceBits).SetFloat64(x)
	q, _ := new(big.Float).SetPrec(reduceBits).Quo(b, bigHalfPi()).Int(nil)
	b.Sub(b, new(big.Float).SetPrec(reduceBits).Mul(bigHalfPi(), new(big.Float).SetPrec(reduceBits).SetInt(q)))
	high, _ := b.Float64()
	low, _ := b.Sub(b, big.NewFloat(high)).Float64()
	return twice{high, low}, float64(new(big.Int).And(q, big.NewInt(3)).Int64())
}

// sinCos returns sine and cosine; ok is false for what is no angle.
func sinCos(x float64) (sin, cos twice, ok bool) {
	if !normal(x) {
		return sin, cos, false
	}
	k := math.Round(x / halfPi.high)
	r := twice{x, 0}.minus(halfPi.times(twice{k, 0}))
	r = r.minus(twice{halfPiIn * k, 0})
	if math.Abs(x) > 1e6 {
		r, k = reduce(x)
	}
	square := r.times(r)
	sin, cos = inverse[len(inverse)-1], inverse[len(inverse)-2]
	minus := func(a twice) twice { return twice{-a.high, -a.low} }
	square = minus(square)
	for i := len(inverse) - 3; i > 0; i -= 2 {
		sin, cos = sin.times(square).plus(inverse[i]), cos.times(square).plus(inverse[i-1])
	}
	sin = sin.times(r)
	switch int64(k) & 3 {
	case 1:
		return cos, minus(sin), true
	case 2:
		return minus(sin), minus(cos), true
	case 3:
		return minus(cos), sin, true
	}
	return sin, cos, true
}

func sine(x float64) float64 {
	if s, _, ok := sinCos(x); ok && x != 0 {
		return s.value()
	}
	return math.Sin(x)
}

func cosine(x float64) float64 {
	if _, c, ok := sinCos(x); ok {
		return c.value()
	}
	return math.Cos(x)
}

func tangent(x float64) float64 {
	if s, c, ok := sinCos(x); ok && x != 0 {
		return s.by(c).value()
	}
	return math.Tan(x)
}

func atan(x float64) float64 {
	y := math.Atan(x)
	if s, c, ok := sinCos(y); ok && normal(x) && math.Abs(x) < 1e8 && math.Abs(x) > 1e-5 {
		t := twice{x, 0}
		return twice{y, 0}.plus(t.times(c).minus(s).by(c.plus(t.times(s)))).value()
	}
	return y
}

func atan2(y, x float64) float64 {
	a := math.Atan2(y, x)
	if s, c, ok := sinCos(a); ok && normal(x) && normal(y) && x != 0 && y != 0 && math.Abs(a) > 1e-5 {
		p, q := twice{x, 0}, twice{y, 0}
		if d := p.times(c).plus(q.times(s)); normal(d.high) && d.high != 0 {
			return twice{a, 0}.plus(q.times(c).minus(p.times(s)).by(d)).value()
		}
	}
	return a
}

func asin(x float64) float64 {
	y := math.Asin(x)
	if s, c, ok := sinCos(y); ok && math.Abs(x) < 0.9999 && math.Abs(x) > 1e-5 {
		return twice{y, 0}.plus(twice{x, 0}.minus(s).by(c)).value()
	}
	return y
}

func acos(x float64) float64 {
	y := math.Acos(x)
	if s, c, ok := sinCos(y); ok && math.Abs(x) < 0.9999 {
		return twice{y, 0}.plus(c.minus(twice{x, 0}).by(s)).value()
	}
	return y
}
