package fn

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// wide is a 128-bit number in two's complement, the low word first: the unscaled value of a DECIMAL.
type wide = [2]uint64

var pow10 = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return
}()

func bigPow(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func widen(x int64) wide { return wide{uint64(x), uint64(x >> 63)} }

// load reads a DECIMAL or an integer.
func load(v *column.Vector, row int, isWide bool) wide {
	if isWide {
		return v.WideAt(row)
	}
	return widen(v.Int(row))
}

func compareWide(a, b wide) int {
	switch {
	case int64(a[1]) != int64(b[1]):
		return sign(int64(a[1]), int64(b[1]))
	case a[0] < b[0]:
		return -1
	case a[0] > b[0]:
		return 1
	}
	return 0
}

func compareScaled(a wide, s int, b wide, t int) int {
	if s == t {
		return compareWide(a, b)
	}
	if s < t {
		if x, ok := mulSmall(a, t-s); ok {
			return compareWide(x, b)
		}
	} else if x, ok := mulSmall(b, s-t); ok {
		return compareWide(a, x)
	}
	x, y := column.Big(a), column.Big(b)
	if s < t {
		x.Mul(x, bigPow(t-s))
	} else {
		y.Mul(y, bigPow(s-t))
	}
	return x.Cmp(y)
}

func negate(a wide) wide {
	low, carry := bits.Add64(^a[0], 1, 0)
	return wide{low, ^a[1] + carry}
}

// add returns the sum, which the precision of its type must keep below 127 bits.
func add128(a, b wide) wide {
	low, carry := bits.Add64(a[0], b[0], 0)
	high, _ := bits.Add64(a[1], b[1], carry)
	return wide{low, high}
}

// mulSmall multiplies by a power of ten, and reports whether it fits.
func mulSmall(a wide, power int) (wide, bool) {
	if power >= len(pow10) {
		return a, false
	}
	neg := int64(a[1]) < 0
	if neg {
		a = negate(a)
	}
	f := pow10[power]
	over, high := bits.Mul64(a[1], f)
	carry, low := bits.Mul64(a[0], f)
	high, more := bits.Add64(high, carry, 0)
	if over != 0 || more != 0 || int64(high) < 0 {
		return a, false
	}
	r := wide{low, high}
	if neg {
		r = negate(r)
	}
	return r, true
}

// mulWords multiplies two 64-bit numbers.
func mulWords(a, b int64) wide {
	high, low := bits.Mul64(uint64(a), uint64(b))
	if a < 0 {
		high -= uint64(b)
	}
	if b < 0 {
		high -= uint64(a)
	}
	return wide{low, high}
}

// limits are 10^p for each precision: what an unscaled value stays below.
var limits = func() (l [types.MaxDecimal + 1]wide) {
	for p := range l {
		l[p], _ = column.WideOf(bigPow(p))
	}
	return
}()

func fits(a wide, precision int) bool {
	if int64(a[1]) < 0 {
		a = negate(a)
	}
	return compareWide(a, limits[precision]) < 0 && int64(a[1]) >= 0
}

// storeDecimal writes an unscaled value, which becomes null if it has too many digits, and reports whether it fitted.
func storeDecimal(out *column.Vector, row, n int, a wide, precision int, isWide bool) bool {
	if !fits(a, precision) {
		out.SetNull(row, n)
		return false
	}
	if isWide {
		out.Wide[row] = a
	} else {
		out.Words[row] = a[0]
	}
	return true
}

// rescale changes the scale of an unscaled value, rounding half away from zero, and reports whether it fits 127 bits.
func rescale(a wide, from, to int) (wide, bool) {
	switch {
	case from == to:
		return a, true
	case to > from:
		if r, ok := mulSmall(a, to-from); ok {
			return r, true
		}
		return column.WideOf(new(big.Int).Mul(column.Big(a), bigPow(to-from)))
	}
	if down := from - to; down < len(pow10) && a[1] == uint64(int64(a[0])>>63) {
		x, f := int64(a[0]), pow10[down]
		m := uint64(x)
		if x < 0 {
			m = -m
		}
		q := m / f
		if m%f >= f-f/2 {
			q++
		}
		r := wide{q, 0}
		if x < 0 {
			r = negate(r)
		}
		return r, true
	}
	return column.WideOf(divideRound(column.Big(a), bigPow(from-to)))
}

// divideRound divides, rounding half away from zero.
func divideRound(a, b *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(a, b, new(big.Int))
	r.Abs(r).Lsh(r, 1)
	if r.CmpAbs(b) >= 0 {
		if (a.Sign() < 0) != (b.Sign() < 0) {
			q.Sub(q, big.NewInt(1))
		} else {
			q.Add(q, big.NewInt(1))
		}
	}
	return q
}

// adjusted is the DECIMAL of a computed precision and scale: digits of the fraction give way where there are more than 38, down to six.
func adjusted(precision, scale int) types.Type {
	if precision > types.MaxDecimal {
		whole := precision - scale
		scale = max(types.MaxDecimal-whole, min(scale, 6))
		precision = types.MaxDecimal
	}
	return types.DecimalOf(max(precision, 1), scale)
}

// decimalResult is the type of an arithmetic operation on exact numbers, one of which is a DECIMAL.
func decimalResult(op string, a, b types.Type) types.Type {
	p, s := digits(a)
	q, t := digits(b)
	switch op {
	case "*":
		return adjusted(p+q+1, s+t)
	case "/":
		scale := max(6, s+q+1)
		return adjusted(p-s+t+scale, scale)
	case "MOD":
		return adjusted(min(p-s, q-t)+max(s, t), max(s, t))
	}
	return adjusted(max(p-s, q-t)+max(s, t)+1, max(s, t))
}

func decimalFloat(a wide, scale int) float64 {
	if a[1] == uint64(int64(a[0])>>63) && scale < 16 {
		if x := int64(a[0]); x < 1<<53 && x > -1<<53 {
			return float64(x) / float64(pow10[scale])
		}
	}
	f, _ := new(big.Rat).SetFrac(column.Big(a), bigPow(scale)).Float64()
	return f
}

func floatInt(f float64) int64 {
	switch {
	case f != f:
		return 0
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}
