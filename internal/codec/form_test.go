package codec

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

type formKey struct {
	A string
	B int32
	C [5]byte
	D time.Time
	E float32
	F string
}

// Keys read by their schema have the encoding that their type gives them, and go back to the same words.
func TestSchemaWords(t *testing.T) {
	checkForm[string](t)
	checkForm[int8](t)
	checkForm[uint64](t)
	checkForm[bool](t)
	checkForm[float64](t)
	checkForm[complex64](t)
	checkForm[[16]byte](t)
	checkForm[time.Time](t)
	checkForm[formKey](t)
	checkForm[money](t)
	checkForm[[20]int16](t)
	checkForm[struct{}](t)
}

func checkForm[K comparable](t *testing.T) {
	t.Helper()
	kc, err := KeyFor[K]()
	if err != nil {
		t.Fatal(err)
	}
	typed, _ := WordsFor[K]()
	s, err := ParseSchema(kc.Codec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	form, err := WordsOf(s)
	if err != nil {
		t.Fatal(err)
	}
	if form.N != typed.N || form.Bytes != typed.Bytes {
		t.Fatalf("%s: %d words, bytes %v; the type has %d, %v", s, form.N, form.Bytes, typed.N, typed.Bytes)
	}
	r := newRandom(1)
	for range 200 {
		k := draw[K](r)
		words := make([]uint64, typed.N)
		b := typed.Put(&k, words, nil)
		want, err := kc.Encode(nil, &k)
		if err != nil {
			t.Fatal(err)
		}
		got, err := form.Encode(nil, words, b)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: %v is encoded as %x (%v), not %x", s, k, got, err, want)
		}
		back := make([]uint64, typed.N)
		backBytes, rest, err := form.Split(got, back, nil)
		if err != nil || len(rest) > 0 || !slices.Equal(back, words) || !bytes.Equal(backBytes, b) {
			t.Fatalf("%s: %v comes back as %x %x, not %x %x (%v)", s, k, back, backBytes, words, b, err)
		}
		for n := range got {
			if !form.whole {
				if _, _, err := form.Split(got[:n], back, nil); err == nil {
					t.Fatalf("%s: %d of %d bytes are taken for a key", s, n, len(got))
				}
			}
		}
	}
}
