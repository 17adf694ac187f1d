package codec

import (
	"encoding/binary"
	"math"
	"testing"
	"time"
)

var benchOrder = order{12345, "customer-17", 99.5, 1793700000000, true, []string{"red", "large"}}

func benchEncode[T any](b *testing.B, v T) {
	c := must[T](b)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = c.Encode(buf[:0], &v)
	}
}

func benchDecode[T any](b *testing.B, v T) {
	c := must[T](b)
	buf, err := c.Encode(nil, &v)
	if err != nil {
		b.Fatal(err)
	}
	var out T
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Decode(buf, &out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	b.Run("int64", func(b *testing.B) { benchEncode(b, int64(123456)) })
	b.Run("string", func(b *testing.B) { benchEncode(b, "customer-17") })
	b.Run("small", func(b *testing.B) { benchEncode(b, small{7, "customer-17", 1.5}) })
	b.Run("order", func(b *testing.B) { benchEncode(b, benchOrder) })
	b.Run("orders100", func(b *testing.B) { benchEncode(b, make([]order, 100)) })
	b.Run("time", func(b *testing.B) { benchEncode(b, time.Unix(1793700000, 5).UTC()) })
	b.Run("map8", func(b *testing.B) { benchEncode(b, map8()) })
}

func BenchmarkDecode(b *testing.B) {
	b.Run("int64", func(b *testing.B) { benchDecode(b, int64(123456)) })
	b.Run("string", func(b *testing.B) { benchDecode(b, "customer-17") })
	b.Run("small", func(b *testing.B) { benchDecode(b, small{7, "customer-17", 1.5}) })
	b.Run("order", func(b *testing.B) { benchDecode(b, benchOrder) })
	b.Run("orders100", func(b *testing.B) { benchDecode(b, make([]order, 100)) })
	b.Run("time", func(b *testing.B) { benchDecode(b, time.Unix(1793700000, 5).UTC()) })
	b.Run("map8", func(b *testing.B) { benchDecode(b, map8()) })
}

func map8() map[string]int64 {
	return map[string]int64{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8}
}

// BenchmarkByHand is the bar: the same bytes, written for the one type.
func BenchmarkByHand(b *testing.B) {
	v, buf := benchOrder, make([]byte, 0, 4096)
	for b.Loop() {
		o := &v
		d := binary.AppendVarint(buf[:0], o.ID)
		d = append(binary.AppendUvarint(d, uint64(len(o.Customer))), o.Customer...)
		d = binary.LittleEndian.AppendUint64(d, math.Float64bits(o.Amount))
		d = binary.AppendVarint(d, o.At)
		d = appendBool(d, o.Express)
		d = binary.AppendUvarint(d, uint64(len(o.Tags))+1)
		for _, t := range o.Tags {
			d = append(binary.AppendUvarint(d, uint64(len(t))), t...)
		}
		buf = d
	}
}

func benchHash[K comparable](b *testing.B, k K) {
	c := mustKey[K](b)
	b.ReportAllocs()
	for b.Loop() {
		sink += c.Hash(k)
	}
}

func BenchmarkKeyHash(b *testing.B) {
	b.Run("int64", func(b *testing.B) { benchHash(b, int64(5)) })
	b.Run("int32", func(b *testing.B) { benchHash(b, int32(5)) })
	b.Run("string11", func(b *testing.B) { benchHash(b, "customer-17") })
	b.Run("twoints", func(b *testing.B) { benchHash(b, struct{ A, B int64 }{1, 2}) })
	b.Run("intstring", func(b *testing.B) { benchHash(b, inner2{1, "customer-17"}) })
	b.Run("time", func(b *testing.B) { benchHash(b, time.Unix(1, 2)) })
	b.Run("uuid", func(b *testing.B) { benchHash(b, [16]byte{1}) })
}

func BenchmarkSize(b *testing.B) {
	c, v := must[order](b), benchOrder
	for b.Loop() {
		sink += uint64(c.Size(&v))
	}
}
