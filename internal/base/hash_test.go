package base

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/bits"
	"os"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// hashCases are the values whose hashes are fixed, each with its lanes.
func hashCases() (names []string, lanes [][]uint64) {
	add := func(name string, l ...uint64) { names, lanes = append(names, name), append(lanes, l) }
	add("nothing")
	add("null", LaneNull)
	add("true", LaneBool(true))
	add("false", LaneBool(false))
	for _, v := range []int64{0, 1, -1, 2, 5, 127, 128, 255, 256, 1000, 65535, 1 << 31, 1<<53 + 1, math.MaxInt64, math.MinInt64} {
		add(fmt.Sprintf("int %d", v), LaneInt(v))
	}
	for _, v := range []uint64{0, 5, 1 << 63, math.MaxUint64} {
		add(fmt.Sprintf("uint %d", v), LaneUint(v))
	}
	for _, v := range []float64{0, math.Copysign(0, -1), 1, -1, 0.1, math.Pi, math.MaxFloat64, math.SmallestNonzeroFloat64,
		math.Inf(1), math.Inf(-1), math.NaN(), float64(float32(0.1))} {
		add(fmt.Sprintf("float %v", v), LaneFloat(v))
	}
	for _, s := range []string{"", "a", "b", "ab", "word", "kölsch", "0123456789abcdef", strings.Repeat("x", 17), strings.Repeat("x", 129),
		strings.Repeat("y", 241), strings.Repeat("z", 3000)} {
		name := s
		if len(s) > 20 {
			name = fmt.Sprintf("%s... (%d)", s[:3], len(s))
		}
		add(fmt.Sprintf("string %q", name), LaneString(s))
	}
	add("bytes ff00", LaneBytes([]byte{0xff, 0}))
	for _, s := range []string{"1970-01-01T00:00:00Z", "2026-11-03T10:20:30.123456789Z", "2026-11-03T12:20:30.123456789+02:00",
		"0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"} {
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			panic(err)
		}
		add("time "+s, LaneTime(t))
	}
	add("(int 1, int 2)", LaneInt(1), LaneInt(2))
	add("(int 2, int 1)", LaneInt(2), LaneInt(1))
	add("(int 0, int 0, int 0)", 0, 0, 0)
	add(`(string "user", int 7, null)`, LaneString("user"), LaneInt(7), LaneNull)
	return names, lanes
}

func hashOf(lanes ...uint64) uint64 {
	h := HashSeed
	for _, l := range lanes {
		h = HashCombine(h, l)
	}
	return h
}

// The file is not to be rewritten for a change of the hash: state written before would be lost.
func TestHashesNeverChange(t *testing.T) {
	var got bytes.Buffer
	fmt.Fprintln(&got, "# hash, key group of 128, key group of 32768, value")
	names, lanes := hashCases()
	for i, name := range names {
		h := hashOf(lanes[i]...)
		fmt.Fprintf(&got, "%016x %3d %5d %s\n", h, KeyGroup(h, 128), KeyGroup(h, 32768), name)
	}
	const file = "testdata/hash.txt"
	if *rewrite {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w, g := bufio.NewScanner(bytes.NewReader(want)), bufio.NewScanner(&got)
	for line := 1; ; line++ {
		more, alsoMore := w.Scan(), g.Scan()
		if !more && !alsoMore {
			break
		}
		if w.Text() != g.Text() {
			t.Errorf("%s:%d:\n have %s\n want %s", file, line, g.Text(), w.Text())
		}
	}
}

func TestEqualValuesHaveEqualLanes(t *testing.T) {
	if LaneInt(5) != LaneUint(5) || LaneInt(-1) != LaneUint(math.MaxUint64) {
		t.Error("integers do not hash by value")
	}
	if LaneFloat(0) != LaneFloat(math.Copysign(0, -1)) {
		t.Error("-0 and 0 differ")
	}
	if a, b := math.NaN(), math.Float64frombits(0xfff8dead00000001); LaneFloat(a) != LaneFloat(b) {
		t.Error("two NaNs differ")
	}
	now := time.Unix(1793700000, 123)
	if LaneTime(now.UTC()) != LaneTime(now.In(time.FixedZone("x", 3600))) {
		t.Error("one instant in two zones differs")
	}
	if LaneString("abc") != LaneBytes([]byte("abc")) {
		t.Error("string and bytes differ")
	}
}

// chiSquare returns how far the counts are from even, in standard deviations: a fair throw stays within a few of zero.
func chiSquare(counts []int, total int) float64 {
	expect, sum := float64(total)/float64(len(counts)), 0.0
	for _, c := range counts {
		d := float64(c) - expect
		sum += d * d / expect
	}
	free := float64(len(counts) - 1)
	return (sum - free) / math.Sqrt(2*free)
}

func TestKeyGroupsAreEven(t *testing.T) {
	const total = 1 << 18
	shapes := map[string]func(i uint64) uint64{
		"sequential":   func(i uint64) uint64 { return hashOf(LaneUint(i)) },
		"negative":     func(i uint64) uint64 { return hashOf(LaneInt(-int64(i))) },
		"multiples":    func(i uint64) uint64 { return hashOf(LaneUint(i * 1024)) },
		"high bits":    func(i uint64) uint64 { return hashOf(LaneUint(i << 44)) },
		"reversed":     func(i uint64) uint64 { return hashOf(bits.Reverse64(i)) },
		"floats":       func(i uint64) uint64 { return hashOf(LaneFloat(float64(i))) },
		"milliseconds": func(i uint64) uint64 { return hashOf(LaneTime(time.UnixMilli(1793700000000 + int64(i)))) },
		"hours":        func(i uint64) uint64 { return hashOf(LaneTime(time.Unix(int64(i)*3600, 0))) },
		"pairs":        func(i uint64) uint64 { return hashOf(i>>9, i&511) },
		"pairs of few": func(i uint64) uint64 { return hashOf(i&7, i>>3) },
		"strings":      func(i uint64) uint64 { return hashOf(LaneString(fmt.Sprintf("user-%d", i))) },
		"hash and int": func(i uint64) uint64 { return hashOf(LaneString("auction"), i) },
	}
	for name, hash := range shapes {
		for _, m := range []int{7, 128, 1000, 32768} {
			counts := make([]int, m)
			for i := range uint64(total) {
				g := KeyGroup(hash(i), m)
				if g < 0 || g >= m {
					t.Fatalf("%s: key group %d of %d", name, g, m)
				}
				counts[g]++
			}
			if x := chiSquare(counts, total); math.Abs(x) > 6 {
				t.Errorf("%s over %d key groups: %.1f standard deviations from even", name, m, x)
			}
		}
	}
}

// Every bit of a lane changes about half of the bits of the hash.
func TestHashAvalanche(t *testing.T) {
	for bit := range 64 {
		changed := [64]int{}
		const n = 4096
		for i := range uint64(n) {
			d := hashOf(i) ^ hashOf(i^1<<bit)
			for j := range changed {
				changed[j] += int(d >> j & 1)
			}
		}
		for j, c := range changed {
			if c < n*4/10 || c > n*6/10 {
				t.Errorf("lane bit %d changes hash bit %d in %d of %d cases", bit, j, c, n)
			}
		}
	}
}

func TestHashingDoesNotAllocate(t *testing.T) {
	s, b, now := "some words", []byte("some bytes"), time.Now()
	if n := testing.AllocsPerRun(100, func() {
		sink = hashOf(LaneString(s), LaneBytes(b), LaneTime(now), LaneFloat(1.5), LaneInt(3))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

var sink uint64

func BenchmarkHashInt(b *testing.B) {
	var i int64
	for b.Loop() {
		i++
		sink += HashCombine(HashSeed, LaneInt(i))
	}
}

func BenchmarkHashTwoInts(b *testing.B) {
	var i int64
	for b.Loop() {
		i++
		sink += HashCombine(HashCombine(HashSeed, LaneInt(i)), LaneInt(7))
	}
}

func BenchmarkHashString16(b *testing.B) {
	s := "0123456789abcdef"
	for b.Loop() {
		sink += HashCombine(HashSeed, LaneString(s))
	}
}

func BenchmarkKeyGroup(b *testing.B) {
	h := HashSeed
	for b.Loop() {
		h += HashSeed
		sink += uint64(KeyGroup(h, 128))
	}
}
