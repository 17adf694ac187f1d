package base

import (
	"math"
	"math/bits"
	"time"

	"github.com/zeebo/xxh3"
)

// The hash of a key is computed over its typed values, not over an encoding, so that a kernel can compute it from columns.
//
//   - A key is a list of values: the one value of a plain key, the fields of a struct in order, the elements of an array in
//     order; nested structs and arrays are flattened. Blank fields of a struct are no values.
//   - Each value becomes one 64-bit lane, by the Lane function of its kind. Integers have the lane of their value, whatever their
//     width and sign, so that int32(5), uint8(5) and a BIGINT 5 agree. A complex number has two lanes, the real part first. An
//     array of bytes is one value with the lane of its bytes. A duration is its nanoseconds.
//   - The hash starts as [HashSeed] and takes up each lane with [HashCombine]. A key of no values has the hash HashSeed.
//
// Hashes decide the key group, and so where state lives: nothing here may ever change.

// HashSeed is the hash of a key before its first value.
const HashSeed uint64 = 0x9e3779b97f4a7c15

// LaneNull is the lane of a null.
const LaneNull uint64 = 0xd6e8feb86659fd93

// laneNaN is the lane of every NaN.
const laneNaN uint64 = 0x7ff8000000000000

// HashCombine takes one more value into a hash: the lane is added by exclusive or, and the sum is mixed by two rounds of
// multiplication and shift (Stafford's scheme with Evensen's "moremur" constants). For a given h different lanes give different hashes.
func HashCombine(h, lane uint64) uint64 {
	x := h ^ lane
	x ^= x >> 27
	x *= 0x3c79ac492ba7b653
	x ^= x >> 33
	x *= 0x1c69b3f74ac4ae35
	x ^= x >> 27
	return x
}

// LaneBool returns 1 for true and 0 for false.
func LaneBool(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

// LaneInt returns the two's complement of v.
func LaneInt(v int64) uint64 { return uint64(v) }

// LaneUint returns v: the lane of the same number in a signed type, where there is one.
func LaneUint(v uint64) uint64 { return v }

// LaneFloat returns the IEEE 754 bits of v, where -0 counts as 0 and all NaNs as one. A float32 is widened first.
func LaneFloat(v float64) uint64 {
	if v == 0 {
		return 0
	}
	if v != v {
		return laneNaN
	}
	return math.Float64bits(v)
}

// LaneString returns the XXH3 hash of the bytes of s: equal to LaneBytes of them.
func LaneString(s string) uint64 { return xxh3.HashString(s) }

// LaneBytes returns the XXH3 hash of b with seed 0. Nil and empty have the same lane. b is not kept.
func LaneBytes(b []byte) uint64 { return xxh3.Hash(b) }

// LaneTime returns the nanoseconds from 1970 to the instant of t, modulo 2^64. The zone does not count.
func LaneTime(t time.Time) uint64 { return uint64(t.Unix())*1e9 + uint64(t.Nanosecond()) }

// KeyGroup returns the key group of a hash: (hash x maxParallelism) >> 64, a number from 0 to maxParallelism-1 that grows with the hash.
// maxParallelism is at least 1.
func KeyGroup(hash uint64, maxParallelism int) int {
	hi, _ := bits.Mul64(hash, uint64(maxParallelism))
	return int(hi)
}
