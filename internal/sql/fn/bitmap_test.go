package fn

import (
	"encoding/hex"
	"math/rand/v2"
	"reflect"
	"testing"
)

// TestBitmap compares sets of ranges with maps, and their encoding with what is read back.
func TestBitmap(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	random := func() (Bitmap, map[uint32]bool) {
		var m Bitmap
		set := map[uint32]bool{}
		at := r.Uint32N(10)
		for range r.IntN(6) {
			n := r.Uint32N([]uint32{1, 3, 6000, 70000}[r.IntN(4)] + 1)
			m = m.Add(at, at+n)
			for x := at; x <= at+n; x++ {
				set[x] = true
			}
			at += n + 1 + r.Uint32N([]uint32{1, 3, 200000}[r.IntN(3)])
		}
		return m, set
	}
	for range 60 {
		a, as := random()
		b, bs := random()
		for i, keep := range []func(a, b bool) bool{func(a, b bool) bool { return a && b }, func(a, b bool) bool { return a || b }, func(a, b bool) bool { return a != b }, func(a, b bool) bool { return a && !b }} {
			want := int64(0)
			for x := range as {
				if keep(true, bs[x]) {
					want++
				}
			}
			for x := range bs {
				if !as[x] && keep(false, true) {
					want++
				}
			}
			c := a.Combine(b, keep)
			if c.Count() != want {
				t.Fatalf("operation %d of %v and %v: %d numbers, want %d", i, a, b, c.Count(), want)
			}
			back, ok := DecodeBitmap(c.Encode())
			if !ok || len(back) != len(c) || len(c) > 0 && !reflect.DeepEqual(back, c) {
				t.Fatalf("%v is read back as %v, %v", c, back, ok)
			}
		}
	}
	// {1,2,3} and {0,100000} as the library of Roaring bitmaps writes them.
	for text, want := range map[string]string{"3a30000001000000000002001000000001000200" + "0300": "{1,2,3}"} {
		b, _ := hex.DecodeString(text)
		if m, ok := DecodeBitmap(string(b)); !ok || m.String() != want {
			t.Errorf("%s is read as %v, %v", text, m, ok)
		}
	}
	for _, bad := range []string{"", "x", "invalid", "\x3a\x30\x00\x00\xff\xff\xff\xff", "\x3b\x30\x01\x00\xff"} {
		if _, ok := DecodeBitmap(bad); ok {
			t.Errorf("%q is taken for a bitmap", bad)
		}
	}
}

func FuzzDecodeBitmap(f *testing.F) {
	f.Add(Bitmap{{1, 5}, {100000, 300000}}.Encode())
	f.Fuzz(func(t *testing.T, s string) {
		if m, ok := DecodeBitmap(s); ok {
			if back, ok := DecodeBitmap(m.Encode()); !ok || back.Count() != m.Count() {
				t.Errorf("%q: %v", s, m)
			}
		}
	})
}
