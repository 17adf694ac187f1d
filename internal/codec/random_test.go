package codec

import (
	"math"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"time"
	"unsafe"
)

// random draws values of any type from few, odd choices, so that two draws are often equal or nearly so.
type random struct{ *rand.Rand }

func newRandom(seed uint64) random { return random{rand.New(rand.NewPCG(seed, 7))} }

func draw[T any](r random) (v T) {
	r.fill(reflect.ValueOf(&v).Elem(), 0)
	return v
}

var oddInts = []int64{0, 0, 1, -1, 2, 63, 64, -64, -65, 127, -128, 255, 300, math.MaxInt32, math.MinInt32, 1 << 40, math.MaxInt64, math.MinInt64}

var oddFloats = []float64{0, math.Copysign(0, -1), 1, -1.5, 0.1, math.NaN(), math.Float64frombits(0xfff8dead00000001), math.Inf(1), math.Inf(-1), math.MaxFloat64}

var oddFloat32s = []uint32{0, 1 << 31, 0x3f800000, 0x7fc00000, 0x7f800001, 0xffc12345, 0x7f800000, 1}

func (r random) float() float64 { return oddFloats[r.IntN(len(oddFloats))] }

func (r random) float32() float32 {
	return math.Float32frombits(oddFloat32s[r.IntN(len(oddFloat32s))])
}

func (r random) text() string {
	if r.IntN(20) == 0 {
		return strings.Repeat("long", r.IntN(100))
	}
	return "aab\x00\x01\x02"[:r.IntN(7)]
}

func (r random) fill(v reflect.Value, depth int) {
	if !v.CanSet() {
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	}
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = time.Unix(oddInts[r.IntN(12)], r.Int64N(3)).In([]*time.Location{time.UTC, berlin, time.FixedZone("x", 77)}[r.IntN(3)])
		return
	case *money:
		*p = money{oddInts[r.IntN(12)], []string{"EUR", "X", strings.Repeat("long", 50)}[r.IntN(3)]}
		return
	case *level:
		*p = level(r.IntN(4))
		return
	case *netip.Addr:
		*p = netip.MustParseAddr([]string{"::1", "1.2.3.4", "::ffff:1.2.3.4"}[r.IntN(3)])
		return
	case **big.Int:
		*p = big.NewInt(oddInts[r.IntN(12)])
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(oddInts[r.IntN(len(oddInts))])
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(oddInts[r.IntN(len(oddInts))]))
	case reflect.Float32:
		*(*float32)(v.Addr().UnsafePointer()) = r.float32()
	case reflect.Float64:
		v.SetFloat(r.float())
	case reflect.Complex64:
		*(*complex64)(v.Addr().UnsafePointer()) = complex(r.float32(), r.float32())
	case reflect.Complex128:
		v.SetComplex(complex(r.float(), r.float()))
	case reflect.String:
		v.SetString(r.text())
	case reflect.Array:
		for i := range min(v.Len(), 100) {
			r.fill(v.Index(i), depth)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			r.fill(v.Field(i), depth)
		}
	case reflect.Pointer:
		if v.SetZero(); r.IntN(depth+2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			r.fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		if v.SetZero(); r.IntN(4) > 0 {
			n := r.IntN(4) / (depth + 1)
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				r.fill(v.Index(i), depth+1)
			}
		}
	case reflect.Map:
		if v.SetZero(); r.IntN(4) > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range r.IntN(4) / (depth + 1) {
				k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				r.fill(k, depth+1)
				r.fill(e, depth+1)
				v.SetMapIndex(k, e)
			}
		}
	}
}
