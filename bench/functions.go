package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Reading is 40 bytes of payload.
type Reading struct {
	Key   int64
	Time  int64
	A     int64
	B     int64
	Value float64
}

// Word is a word and how often it has come.
type Word struct {
	Word string
	N    int64
}

// The functions of the programs. They are variables so that the hand-written loops call them as a library has to: through a function value that the compiler cannot
// see through. Nothing ever assigns to them.
//
// Readings are changed in place, as Flink's programs change their objects. Those with Value in their name take and return copies, for comparison: Go passes structs of more than four
// words through memory, which costs both the loop and the engine some 10 ns a call.
var (
	newReading = func(i int64, r *Reading) {
		r.Key, r.Time, r.A, r.B, r.Value = mix(i), i, i*3, i^0x55, float64(i)*0.5
	}
	increment = func(r *Reading) { r.A++ }
	wanted    = func(r *Reading) bool { return r.B&7 != 0 }
	scale     = func(r *Reading) { r.Value *= 1.5 }
	add       = func(kept, r *Reading) {
		kept.Value += r.Value
		kept.A += r.A
	}
	keepTime = func(kept, r *Reading) {
		kept.Value += r.Value
		kept.Time = r.Time
	}

	newReadingValue = func(i int64) Reading {
		return Reading{Key: mix(i), Time: i, A: i * 3, B: i ^ 0x55, Value: float64(i) * 0.5}
	}
	incrementValue = func(r Reading) Reading { r.A++; return r }
	wantedValue    = func(r Reading) bool { return r.B&7 != 0 }
	scaleValue     = func(r Reading) Reading { r.Value *= 1.5; return r }

	keySixteenMillion = func(r Reading) int64 { return int64(uint64(r.Key) % 16_000_000) }
	keyMillion        = func(r Reading) int64 { return int64(uint64(r.Key) % 1_000_000) }
	keyHundred1000s   = func(r Reading) int64 { return int64(uint64(r.Key) % 100_000) }
	keyTen1000s       = func(r Reading) int64 { return int64(uint64(r.Key) % 10_000) }
	keyThousand       = func(r Reading) int64 { return int64(uint64(r.Key) % 1_000) }

	// nextWord returns the first word of line from a position on, lower-cased, and the position behind it; 0 if there is none.
	nextWord = func(line string, from int) (string, int) {
		i := from
		for i < len(line) && class[line[i]] == separator {
			i++
		}
		start, seen := i, uint8(0)
		for i < len(line) && class[line[i]] != separator {
			seen |= class[line[i]]
			i++
		}
		switch {
		case seen&beyond != 0:
			return nextUnicodeWord(line, from)
		case i == start:
			return "", 0
		case seen&upper != 0:
			return strings.ToLower(line[start:i]), i
		}
		return line[start:i], i
	}
	wordOf   = func(w Word) string { return w.Word }
	addWords = func(x, y Word) Word { x.N += y.N; return x }
)

// mix is the finaliser of splitmix64: it spreads consecutive numbers.
func mix(n int64) int64 {
	i := uint64(n) + 0x9E3779B97F4A7C15
	i = (i ^ i>>30) * 0xBF58476D1CE4E5B9
	i = (i ^ i>>27) * 0x94D049BB133111EB
	return int64(i ^ i>>31)
}

// The classes of bytes.
const (
	separator uint8 = 0
	lower     uint8 = 1 // or a digit
	upper     uint8 = 2
	beyond    uint8 = 4 // of a rune that is not ASCII
)

var class = func() (t [256]uint8) {
	for i := range t {
		switch c := byte(i); {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			t[i] = lower
		case 'A' <= c && c <= 'Z':
			t[i] = upper
		case c >= utf8.RuneSelf:
			t[i] = beyond
		}
	}
	return t
}()

// nextUnicodeWord is nextWord for any text.
func nextUnicodeWord(line string, from int) (string, int) {
	start := -1
	for i, r := range line[from:] {
		switch {
		case isWord(r):
			if start < 0 {
				start = from + i
			}
		case start >= 0:
			return strings.ToLower(line[start : from+i]), from + i
		}
	}
	if start < 0 {
		return "", 0
	}
	return strings.ToLower(line[start:]), len(line)
}

func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}
