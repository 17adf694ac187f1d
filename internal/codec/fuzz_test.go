package codec

import (
	"bytes"
	"math/big"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/weirstream/weir/fault"
)

// testingBytes returns the bytes allocated so far.
func testingBytes() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// canonical says that T has one encoding per value: no maps, nothing that marshals itself.
func fuzzOne[T any](t *testing.T, data []byte, canonical bool) {
	t.Helper()
	c := must[T](t)
	var v T
	rest, err := c.Decode(data, &v)
	if err != nil {
		if fault.CodeOf(err) != fault.TypeDecode {
			t.Fatalf("%T: %v", v, err)
		}
		return
	}
	b, err := c.Encode(nil, &v)
	if err != nil {
		t.Fatalf("%T: decoded, but not encoded: %v", v, err)
	}
	if canonical && !bytes.Equal(b, data[:len(data)-len(rest)]) {
		t.Fatalf("%T: %x was read, %x written", v, data[:len(data)-len(rest)], b)
	}
	var w T
	if rest, err := c.Decode(b, &w); err != nil || len(rest) > 0 {
		t.Fatalf("%T: encoded, but not decoded: rest %x, %v", v, rest, err)
	}
	if b2, err := c.Encode(nil, &w); err != nil || !bytes.Equal(b, b2) {
		t.Fatalf("%T: %x, then %x: %v", v, b, b2, err)
	}
	if c.Size(&v) < 0 {
		t.Fatal("size")
	}
}

func FuzzDecode(f *testing.F) {
	for _, e := range table() {
		if s, ok := e.(interface{ encoded() []byte }); ok {
			f.Add(s.encoded())
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzOne[order](t, data, true)
		fuzzOne[[]small](t, data, true)
		fuzzOne[list](t, data, true)
		fuzzOne[slices2](t, data, true)
		fuzzOne[[]struct{}](t, data, true)
		fuzzOne[[]time.Time](t, data, true)
		fuzzOne[[]*string](t, data, true)
		fuzzOne[struct {
			A []int8
			B [][]byte
			C []uint16
			D [2]bool
			E []float32
			F []complex128
		}](t, data, true)
		fuzzOne[tree](t, data, false)
		fuzzOne[map[string]int64](t, data, false)
		fuzzOne[map[inner2][]small](t, data, false)
		fuzzOne[map[float64]*bool](t, data, false)
		fuzzOne[map[time.Time]string](t, data, false)
		fuzzOne[everything](t, data, false)
		fuzzOne[[]netip.Addr](t, data, false)
		fuzzOne[[]*big.Int](t, data, false)
	})
}

func (e val[T]) encoded() []byte {
	c, err := For[T]()
	if err != nil {
		return nil
	}
	b, err := c.Encode(nil, &e.v)
	if err != nil || len(b) > 4096 {
		return nil
	}
	return b
}
