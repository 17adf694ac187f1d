package codec

import (
	"bytes"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
)

func mustKey[K comparable](t testing.TB) *KeyCodec[K] {
	t.Helper()
	c, err := KeyFor[K]()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func hash(lanes ...uint64) uint64 {
	h := base.HashSeed
	for _, l := range lanes {
		h = base.HashCombine(h, l)
	}
	return h
}

func wantHash[K comparable](t *testing.T, k K, lanes ...uint64) {
	t.Helper()
	if have, want := mustKey[K](t).Hash(k), hash(lanes...); have != want {
		t.Errorf("%T %v hashes to %x, want %x", k, k, have, want)
	}
}

type mixed struct {
	A int32
	_ uint64
	B word
	C [2]struct{ X, Y int8 }
	D bool
	E [16]byte
	F float32
	G complex128
	H time.Time
	I netip.Addr
	J uint64
	K struct{}
}

// The hash is that of package base over the values.
func TestKeyHash(t *testing.T) {
	now := time.Unix(1793700000, 5)
	wantHash(t, true, 1)
	wantHash(t, int8(-5), base.LaneInt(-5))
	wantHash(t, int16(5), 5)
	wantHash(t, int32(5), 5)
	wantHash(t, int64(5), 5)
	wantHash(t, 5, 5)
	wantHash(t, uint8(5), 5)
	wantHash(t, uint16(65535), 65535)
	wantHash(t, uint32(5), 5)
	wantHash(t, uint64(math.MaxUint64), math.MaxUint64)
	wantHash(t, uint(5), 5)
	wantHash(t, count(5), 5)
	wantHash(t, "word", base.LaneString("word"))
	wantHash(t, word("word"), base.LaneString("word"))
	wantHash(t, float32(0.5), base.LaneFloat(0.5))
	wantHash(t, math.NaN(), base.LaneFloat(math.NaN()))
	wantHash(t, time.Second, 1e9)
	wantHash(t, now, base.LaneTime(now))
	wantHash(t, struct{}{})
	wantHash(t, [0]int{})
	wantHash(t, [2]int16{1, -1}, 1, base.LaneInt(-1))
	wantHash(t, [3]byte{1, 2, 3}, base.LaneBytes([]byte{1, 2, 3}))
	wantHash(t, struct{ S string }{"x"}, base.LaneString("x"))
	wantHash(t, struct {
		_ int
		S string
	}{S: "x"}, base.LaneString("x"))
	wantHash(t, level(3), base.LaneString("***"))
	wantHash(t, money{5, "EUR"}, base.LaneString("5 EUR"))
	addr := netip.MustParseAddr("1.2.3.4")
	wantHash(t, addr, base.LaneBytes([]byte{1, 2, 3, 4}))
	m := mixed{A: -3, B: "b", D: true, E: [16]byte{9}, F: 1.5, G: complex(1, -0.5), H: now, I: addr, J: 8}
	m.C[1].X = 4
	wantHash(t, m, base.LaneInt(-3), base.LaneString("b"), 0, 0, 4, 0, 1, base.LaneBytes(m.E[:]), base.LaneFloat(1.5), base.LaneFloat(1),
		base.LaneFloat(-0.5), base.LaneTime(now), base.LaneBytes([]byte{1, 2, 3, 4}), 8)
}

func TestKeyEqualIsNilWherePlainEqualityServes(t *testing.T) {
	if mustKey[int64](t).Equal != nil || mustKey[word](t).Equal != nil || mustKey[bool](t).Equal != nil || mustKey[[2]inner2](t).Equal != nil ||
		mustKey[[16]byte](t).Equal != nil || mustKey[struct{}](t).Equal != nil || mustKey[time.Duration](t).Equal != nil {
		t.Error("Equal for a type of plain values")
	}
	if mustKey[float64](t).Equal == nil || mustKey[struct{ F float32 }](t).Equal == nil || mustKey[complex64](t).Equal == nil ||
		mustKey[time.Time](t).Equal == nil || mustKey[netip.Addr](t).Equal == nil {
		t.Error("no Equal for a type with values of its own equality")
	}
}

// agree checks that hash, Equal and encoding say the same of two keys.
func agree[K comparable](t interface{ Errorf(string, ...any) }, c *KeyCodec[K], a, b K) bool {
	x, err := c.Encode(nil, &a)
	if err != nil {
		t.Errorf("%v", err)
	}
	y, err := c.Encode(nil, &b)
	if err != nil {
		t.Errorf("%v", err)
	}
	equal := bytes.Equal(x, y)
	plain := a == b
	if c.Equal != nil {
		plain = c.Equal(&a, &b)
	}
	if equal != plain {
		t.Errorf("%v and %v: encodings equal %v, keys equal %v", a, b, equal, plain)
	}
	if equal != (c.Hash(a) == c.Hash(b)) {
		t.Errorf("%v and %v: encodings equal %v, hashes %x and %x", a, b, equal, c.Hash(a), c.Hash(b))
	}
	// The normal form is stable, and readable as a plain value.
	var back, value K
	if rest, err := c.Decode(x, &back); err != nil || len(rest) > 0 {
		t.Errorf("%v: %v", a, err)
	}
	plainCodec, err := For[K]()
	if err != nil {
		t.Errorf("%v", err)
		return equal
	}
	if _, err := plainCodec.Decode(x, &value); err != nil {
		t.Errorf("%v: %v", a, err)
	}
	for _, k := range []K{back, value} {
		again, err := c.Encode(nil, &k)
		if err != nil || !bytes.Equal(again, x) || c.Hash(k) != c.Hash(a) {
			t.Errorf("%v became %v: %x, %x, %v", a, k, x, again, err)
		}
	}
	return equal
}

func TestKeysOfSpecialEquality(t *testing.T) {
	nan2 := math.Float64frombits(0xfff8dead00000001)
	zero, negative := 0.0, math.Copysign(0, -1)
	now := time.Now()
	paris := now.In(time.FixedZone("Paris", 3600))
	for name, equal := range map[string]bool{
		"zeros":       agree(t, mustKey[float64](t), zero, negative),
		"NaNs":        agree(t, mustKey[float64](t), math.NaN(), nan2),
		"zeros of 32": agree(t, mustKey[float32](t), float32(zero), float32(negative)),
		"NaNs of 32":  agree(t, mustKey[float32](t), float32(math.NaN()), math.Float32frombits(0xffc12345)),
		"complex":     agree(t, mustKey[complex128](t), complex(zero, nan2), complex(negative, math.NaN())),
		"complex of 64": agree(t, mustKey[complex64](t), complex(float32(zero), float32(nan2)),
			complex(float32(negative), float32(math.NaN()))),
		"times":   agree(t, mustKey[time.Time](t), now, paris),
		"structs": agree(t, mustKey[mixed](t), mixed{H: now, F: float32(negative)}, mixed{H: paris}),
		"array":   agree(t, mustKey[[2]float64](t), [2]float64{zero, nan2}, [2]float64{negative, math.NaN()}),
		"addr":    agree(t, mustKey[netip.Addr](t), netip.MustParseAddr("::1"), netip.MustParseAddr("0::1")),
		"money":   agree(t, mustKey[money](t), money{1, "x"}, money{1, "x"}),
	} {
		if !equal {
			t.Errorf("%s are not equal", name)
		}
	}
	for name, equal := range map[string]bool{
		"floats": agree(t, mustKey[float64](t), 1, math.NaN()),
		"times":  agree(t, mustKey[time.Time](t), now, now.Add(1)),
		"mixed":  agree(t, mustKey[mixed](t), mixed{E: [16]byte{1}}, mixed{}),
		"mixed2": agree(t, mustKey[mixed](t), mixed{B: "1"}, mixed{}),
		"mixed3": agree(t, mustKey[mixed](t), mixed{J: 1}, mixed{}),
		"mixed4": agree(t, mustKey[mixed](t), mixed{D: true}, mixed{}),
		"mixed5": agree(t, mustKey[mixed](t), mixed{A: 1}, mixed{}),
		"addr":   agree(t, mustKey[netip.Addr](t), netip.MustParseAddr("::1"), netip.MustParseAddr("::2")),
		"money":  agree(t, mustKey[money](t), money{1, "x"}, money{11, "x"}),
	} {
		if equal {
			t.Errorf("%s are equal", name)
		}
	}
}

func keyProperty[K comparable](t *testing.T) {
	c := mustKey[K](t)
	rapid.Check(t, func(t *rapid.T) {
		g := rapid.Make[K]()
		a := g.Draw(t, "a")
		b := a
		if rapid.Bool().Draw(t, "two") {
			b = g.Draw(t, "b")
		}
		agree(t, c, a, b)
	})
}

func TestKeyProperties(t *testing.T) {
	t.Run("int64", keyProperty[int64])
	t.Run("uint8", keyProperty[uint8])
	t.Run("string", keyProperty[string])
	t.Run("float64", keyProperty[float64])
	t.Run("array", keyProperty[[3]int16])
	t.Run("bytes", keyProperty[[4]byte])
	t.Run("struct", keyProperty[inner2])
	t.Run("wide", keyProperty[struct {
		A bool
		B uint16
		C word
		D [2]struct{ X, Y int8 }
		E float32
		F string
		G uint32
	}])
}

func TestKeyFailure(t *testing.T) {
	defer func() {
		if err, ok := recover().(error); !ok || fault.CodeOf(err) != fault.FunctionError {
			t.Errorf("panic with %v", err)
		}
	}()
	mustKey[money](t).Hash(money{code: "bad"})
}

func noAlloc[K comparable](t *testing.T, k K) {
	t.Helper()
	c := mustKey[K](t)
	if n := testing.AllocsPerRun(100, func() {
		v := k
		sink += c.Hash(v)
	}); n != 0 {
		t.Errorf("%T: hashing takes %v allocations", k, n)
	}
	buf := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		v := k
		buf, _ = c.Encode(buf[:0], &v)
	}); n != 0 {
		t.Errorf("%T: encoding takes %v allocations", k, n)
	}
	o := k
	if c.Equal != nil {
		if n := testing.AllocsPerRun(100, func() {
			if !c.Equal(&k, &o) {
				t.Errorf("%v is not equal to itself", k)
			}
		}); n != 0 {
			t.Errorf("%T: comparing takes %v allocations", k, n)
		}
	}
}

var sink uint64

func TestKeysDoNotAllocate(t *testing.T) {
	noAlloc(t, true)
	noAlloc(t, int64(1))
	noAlloc(t, uint8(1))
	noAlloc(t, strings.Repeat("word", 10))
	noAlloc(t, word("word"))
	noAlloc(t, 1.5)
	noAlloc(t, time.Now())
	noAlloc(t, inner2{1, "x"})
	noAlloc(t, [16]byte{1})
	noAlloc(t, struct {
		A int64
		B float64
		T time.Time
	}{1, 2, time.Now()})
}
