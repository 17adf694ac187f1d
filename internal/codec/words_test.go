package codec

import (
	"bytes"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
)

func mustWords[K comparable](t testing.TB) *Words[K] {
	t.Helper()
	w, err := WordsFor[K]()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// asWords returns the words and the bytes of a key; words beyond those of the key must stay as they are.
func asWords[K comparable](t testing.TB, k K) ([]uint64, []byte) {
	t.Helper()
	w := mustWords[K](t)
	words := make([]uint64, MaxWords)
	for i := range words {
		words[i] = 0xdeadbeef
	}
	b := w.Put(&k, words, []byte("before"))
	if !bytes.HasPrefix(b, []byte("before")) {
		t.Errorf("%v: Put changed the bytes that were there: %q", k, b)
	}
	for _, x := range words[w.N:] {
		if x != 0xdeadbeef {
			t.Errorf("%v: Put wrote more words than %d: %x", k, w.N, words)
		}
	}
	b = b[len("before"):]
	if !w.Bytes && len(b) > 0 {
		t.Errorf("%v has bytes %q", k, b)
	}
	return words[:w.N], b
}

func wantWords[K comparable](t *testing.T, k K, text string, words ...uint64) {
	t.Helper()
	w, b := asWords(t, k)
	if !slices.Equal(w, words) || string(b) != text {
		t.Errorf("%T %v: words %x and bytes %q, want %x and %q", k, k, w, b, words, text)
	}
}

type nineInts [9]int16

type twoNames struct {
	First string
	Age   uint8
	Last  word
}

func TestWordsOfKeys(t *testing.T) {
	wantWords(t, true, "", 1)
	wantWords(t, int8(-5), "", base.LaneInt(-5))
	wantWords(t, int16(-5), "", base.LaneInt(-5))
	wantWords(t, int32(-5), "", base.LaneInt(-5))
	wantWords(t, int64(-5), "", base.LaneInt(-5))
	wantWords(t, -5, "", base.LaneInt(-5))
	wantWords(t, uint8(200), "", 200)
	wantWords(t, uint16(65535), "", 65535)
	wantWords(t, uint32(math.MaxUint32), "", math.MaxUint32)
	wantWords(t, uint64(math.MaxUint64), "", math.MaxUint64)
	wantWords(t, time.Second, "", 1e9)
	wantWords(t, float32(0.5), "", base.LaneFloat(0.5))
	wantWords(t, math.Copysign(0, -1), "", 0)
	wantWords(t, math.NaN(), "", base.LaneFloat(math.NaN()))
	wantWords(t, complex(1, math.Copysign(0, -1)), "", base.LaneFloat(1), 0)
	wantWords(t, time.Unix(-3, 5), "", base.LaneInt(-3), 5)
	wantWords(t, [3]byte{1, 2, 3}, "", 0x030201)
	wantWords(t, [9]byte{1, 2, 3, 0, 0, 0, 0, 0xff, 9}, "", 0xff00000000030201, 9)
	wantWords(t, [16]byte{1, 15: 2}, "", 1, 2<<56)
	wantWords(t, struct{}{}, "")
	wantWords(t, [0]string{}, "")
	wantWords(t, "", "")
	wantWords(t, word("word"), "word")
	wantWords(t, inner2{-1, "x"}, "x", math.MaxUint64)
	wantWords(t, twoNames{"Ada", 36, "Lovelace"}, "\x03Ada\x08Lovelace", 36)
	wantWords(t, money{5, "EUR"}, "5 EUR")
	wantWords(t, level(3), "***")
	wantWords(t, struct {
		L level
		N int
		S string
	}{2, 7, "s"}, "\x02**\x01s", 7)
	wantWords(t, [8]int16{1, -1}, "", 1, math.MaxUint64, 0, 0, 0, 0, 0, 0)
	wantWords(t, nineInts{1, -1}, "\x02\x01\x00\x00\x00\x00\x00\x00\x00")
	wantWords(t, struct {
		A [7]int8
		T time.Time
	}{A: [7]int8{1}, T: time.Unix(1, 2)}, "\x02\x00\x00\x00\x00\x00\x00\x02\x02\x00")
}

// The words of numbers are the lanes that the hash takes up.
func TestWordsAreLanes(t *testing.T) {
	type key struct {
		A int8
		B uint64
		C float32
		D float64
		E bool
		F complex64
	}
	for seed := range uint64(200) {
		k := draw[key](newRandom(seed))
		w, _ := asWords(t, k)
		if h := hash(w...); h != mustKey[key](t).Hash(k) {
			t.Errorf("%v: the words %x hash to %x", k, w, h)
		}
	}
}

// checkWords checks that two keys have equal words and bytes if their encodings are equal, and that each comes back in its normal form.
func checkWords[K comparable](t *testing.T, a, b K) bool {
	t.Helper()
	c, plain, w := mustKey[K](t), must[K](t), mustWords[K](t)
	encoded := func(k *K) []byte {
		e, err := c.Encode(nil, k)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	x, y := encoded(&a), encoded(&b)
	wa, ba := asWords(t, a)
	wb, bb := asWords(t, b)
	if equal := slices.Equal(wa, wb) && bytes.Equal(ba, bb); equal != bytes.Equal(x, y) {
		t.Errorf("%v and %v: words %x %q and %x %q, encodings %x and %x", a, b, wa, ba, wb, bb, x, y)
	}
	if len(wa) != w.N {
		t.Errorf("%d words, want %d", len(wa), w.N)
	}
	back := b // must be overwritten
	w.Get(wa, ba, &back)
	clear(ba)
	if z, err := plain.Encode(nil, &back); err != nil || !bytes.Equal(z, x) {
		t.Errorf("%v came back as %v: %x, %x, %v", a, back, x, z, err)
	}
	return bytes.Equal(x, y)
}

func wordProperty[K comparable](t *testing.T) {
	equal, n := 0, 3000
	for seed := range uint64(n) {
		r := newRandom(seed)
		a := draw[K](r)
		b := a
		switch r.IntN(4) {
		case 0:
			b = draw[K](r)
		case 1:
			// Another key of the same encoding, or one that differs in one value.
			if v := reflect.ValueOf(&b).Elem(); v.Kind() == reflect.Struct && v.NumField() > 0 {
				r.fill(v.Field(r.IntN(v.NumField())), 0)
			}
		}
		if checkWords(t, a, b) {
			equal++
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if reflect.TypeFor[K]().Size() > 0 && (equal == 0 || equal == n) {
		t.Errorf("%d of %d pairs are equal", equal, n)
	}
}

func TestWordProperties(t *testing.T) {
	t.Run("bool", wordProperty[bool])
	t.Run("int8", wordProperty[int8])
	t.Run("int16", wordProperty[int16])
	t.Run("int32", wordProperty[int32])
	t.Run("int64", wordProperty[int64])
	t.Run("int", wordProperty[int])
	t.Run("uint8", wordProperty[uint8])
	t.Run("uint16", wordProperty[uint16])
	t.Run("uint32", wordProperty[uint32])
	t.Run("uint64", wordProperty[uint64])
	t.Run("float32", wordProperty[float32])
	t.Run("float64", wordProperty[float64])
	t.Run("complex64", wordProperty[complex64])
	t.Run("complex128", wordProperty[complex128])
	t.Run("time", wordProperty[time.Time])
	t.Run("duration", wordProperty[time.Duration])
	t.Run("string", wordProperty[string])
	t.Run("word", wordProperty[word])
	t.Run("money", wordProperty[money])
	t.Run("level", wordProperty[level])
	t.Run("addr", wordProperty[netip.Addr])
	t.Run("nothing", wordProperty[struct{}])
	t.Run("2 ints", wordProperty[struct{ A, B int64 }])
	t.Run("2 ints and a blank", wordProperty[struct {
		A int64
		_ int64
		B uint64
	}])
	t.Run("3 ints", wordProperty[struct{ A, B, C int64 }])
	t.Run("string in a struct", wordProperty[struct {
		_ int64
		S string
	}])
	t.Run("int32 in a struct", wordProperty[struct {
		_ int64
		N int32
	}])
	t.Run("uuid", wordProperty[[16]byte])
	t.Run("uuid in a struct", wordProperty[struct {
		_  int8
		ID [16]byte
	}])
	t.Run("15 bytes", wordProperty[[15]byte])
	t.Run("17 bytes", wordProperty[[17]byte])
	t.Run("64 bytes", wordProperty[[64]byte])
	t.Run("65 bytes", wordProperty[[65]byte])
	t.Run("bytes and int", wordProperty[struct {
		A [5]byte
		B int8
		C [0]byte
		D [8]byte
		E uint16
	}])
	t.Run("small ints", wordProperty[struct {
		A int8
		B uint16
		C int32
		D bool
		E uint8
		F int16
		G uint32
	}])
	t.Run("int and string", wordProperty[inner2])
	t.Run("2 strings", wordProperty[twoNames])
	t.Run("array of strings", wordProperty[[3]string])
	t.Run("string and addr", wordProperty[struct {
		S string
		A netip.Addr
		M money
	}])
	t.Run("8 words", wordProperty[[8]int16])
	t.Run("9 words", wordProperty[nineInts])
	t.Run("9 words and string", wordProperty[struct {
		A nineInts
		B string
	}])
	t.Run("mixed", wordProperty[mixed])
	t.Run("nested", wordProperty[struct {
		A struct {
			B [2]struct{ X, Y int8 }
			T time.Time
		}
		F float32
		S word
	}])
}

func TestWordsNotAllocating(t *testing.T) {
	check := func(name string, put, get func(), gets float64) {
		t.Helper()
		if n := testing.AllocsPerRun(100, put); n != 0 {
			t.Errorf("%s: Put takes %v allocations", name, n)
		}
		if n := testing.AllocsPerRun(100, get); n != gets {
			t.Errorf("%s: Get takes %v allocations, want %v", name, n, gets)
		}
	}
	words, buf := make([]uint64, MaxWords), make([]byte, 0, 1024)
	noAllocWords(t, check, int64(5), words, buf, 0)
	noAllocWords(t, check, int32(5), words, buf, 0)
	noAllocWords(t, check, uint8(5), words, buf, 0)
	noAllocWords(t, check, 1.5, words, buf, 0)
	noAllocWords(t, check, time.Now(), words, buf, 0)
	noAllocWords(t, check, [16]byte{1}, words, buf, 0)
	noAllocWords(t, check, [20]byte{1}, words, buf, 0)
	noAllocWords(t, check, strings.Repeat("word", 10), words, buf, 1)
	noAllocWords(t, check, inner2{1, "a string"}, words, buf, 1)
	noAllocWords(t, check, twoNames{"a string", 1, "another"}, words, buf, 2)
	noAllocWords(t, check, nineInts{1}, words, buf, 0)
}

func noAllocWords[K comparable](t *testing.T, check func(string, func(), func(), float64), k K, words []uint64, buf []byte, gets float64) {
	t.Helper()
	w, back, b := mustWords[K](t), new(K), buf
	check(reflect.TypeFor[K]().String(), func() { b = w.Put(&k, words, buf) }, func() { w.Get(words, b, back) }, gets)
}

// code returns the code of the error that f panics with.
func panicCode(f func()) (code fault.Code) {
	defer func() {
		if r := recover(); r != nil {
			err, _ := r.(error)
			code = fault.CodeOf(err)
		}
	}()
	f()
	return "none"
}

func TestWordFailures(t *testing.T) {
	if _, err := WordsFor[*int](); fault.CodeOf(err) != fault.TypeKey {
		t.Errorf("a pointer: %v", err)
	}
	w := mustWords[money](t)
	if c := panicCode(func() { w.Put(&money{code: "bad"}, nil, nil) }); c != fault.FunctionError {
		t.Errorf("a method that fails: %v", c)
	}
	for name, f := range map[string]func(){
		"own form":          func() { w.Get(nil, []byte("panic"), new(money)) },
		"no length":         func() { mustWords[twoNames](t).Get([]uint64{1}, nil, new(twoNames)) },
		"long length":       func() { mustWords[twoNames](t).Get([]uint64{1}, []byte{0x80, 0}, new(twoNames)) },
		"short string":      func() { mustWords[twoNames](t).Get([]uint64{1}, []byte{1, 'x', 2, 'x'}, new(twoNames)) },
		"bytes behind":      func() { mustWords[twoNames](t).Get([]uint64{1}, []byte{1, 'x', 1, 'x', 0}, new(twoNames)) },
		"encoded":           func() { mustWords[nineInts](t).Get(nil, []byte{1}, new(nineInts)) },
		"bytes behind nine": func() { mustWords[nineInts](t).Get(nil, make([]byte, 10), new(nineInts)) },
	} {
		if c := panicCode(f); c != fault.TypeDecode {
			t.Errorf("%s: %v", name, c)
		}
	}
}

func TestOneWordsPerType(t *testing.T) {
	var wg sync.WaitGroup
	got := make([]*Words[twoNames], 8)
	for i := range got {
		wg.Go(func() { got[i], _ = WordsFor[twoNames]() })
	}
	wg.Wait()
	for _, w := range got {
		if w == nil || w != got[0] {
			t.Fatal("two of one type")
		}
	}
}

func fuzzWords[K comparable](t *testing.T, data []byte) {
	var a, b K
	c := mustKey[K](t)
	rest, err := c.Decode(data, &a)
	if err != nil {
		return
	}
	if _, err := c.Decode(rest, &b); err != nil {
		b = a
	}
	checkWords(t, a, b)
}

func FuzzWords(f *testing.F) {
	for _, e := range table() {
		if s, ok := e.(interface{ encoded() []byte }); ok {
			f.Add(s.encoded(), uint64(1))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, word uint64) {
		fuzzWords[float32](t, data)
		fuzzWords[inner2](t, data)
		fuzzWords[twoNames](t, data)
		fuzzWords[[3]string](t, data)
		fuzzWords[[13]byte](t, data)
		fuzzWords[struct {
			T time.Time
			L level
			F float32
		}](t, data)
		fuzzWords[nineInts](t, data)
		// Damaged words and bytes give a key or a coded error.
		words := slices.Repeat([]uint64{word}, MaxWords)
		for _, get := range []func(){
			func() { mustWords[time.Time](t).Get(words, data, new(time.Time)) },
			func() { mustWords[twoNames](t).Get(words, data, new(twoNames)) },
			func() { mustWords[mixed](t).Get(words, data, new(mixed)) },
			func() { mustWords[money](t).Get(words, data, new(money)) },
			func() { mustWords[float32](t).Get(words, data, new(float32)) },
		} {
			if c := panicCode(get); c != "none" && c != fault.TypeDecode {
				t.Errorf("code %q", c)
			}
		}
	})
}

func benchWords[K comparable](b *testing.B, k K) {
	w, words, buf := mustWords[K](b), make([]uint64, MaxWords), make([]byte, 0, 256)
	b.Run("put", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.Put(&k, words, buf)
		}
	})
	buf = w.Put(&k, words, buf)
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.Get(words, buf, &k)
		}
	})
}

func BenchmarkWords(b *testing.B) {
	b.Run("int64", func(b *testing.B) { benchWords(b, int64(5)) })
	b.Run("int32", func(b *testing.B) { benchWords(b, int32(5)) })
	b.Run("int16", func(b *testing.B) { benchWords(b, int16(5)) })
	b.Run("string11", func(b *testing.B) { benchWords(b, "customer-17") })
	b.Run("2ints", func(b *testing.B) { benchWords(b, struct{ A, B int64 }{1, 2}) })
	b.Run("3ints", func(b *testing.B) { benchWords(b, struct{ A, B, C int32 }{1, 2, 3}) })
	b.Run("intstring", func(b *testing.B) { benchWords(b, inner2{1, "customer-17"}) })
	b.Run("time", func(b *testing.B) { benchWords(b, time.Unix(1, 2)) })
	b.Run("uuid", func(b *testing.B) { benchWords(b, [16]byte{1}) })
}
