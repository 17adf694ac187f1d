package nexmark

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// text appends a text of 3 to limit-1 characters, letters among which the special one is strewn, without spaces at its ends.
//
// A character takes one draw if it is special, and a second one for its letter if not. That most are not is foreseen: the second draw is made from the state before the first, and need not wait for it.
func (r *random) text(dst []byte, limit uint32, special byte) []byte {
	start := len(dst)
	n := int(3 + r.below(limit-3))
	dst = slices.Grow(dst, n)[:start+n]
	room := dst[start:]
	state := *r
	for i := range room {
		next, second := state.after(), state.after2()
		a, b := next.drawn(), second.drawn()
		if int32(rejects(a, 26)|rejects(b, 26)) < 0 {
			room[i], state = state.character(special)
		} else if a%13 != 0 {
			room[i], state = 'a'+byte(b%26), second
		} else {
			room[i], state = special, next
		}
	}
	*r = state
	for len(room) > 0 && room[len(room)-1] == ' ' {
		room = room[:len(room)-1]
	}
	lead := 0
	for lead < len(room) && room[lead] == ' ' {
		lead++
	}
	return dst[:start+copy(room, room[lead:])]
}

// triples has the three characters that a number below 26^3 stands for, written in base 26 with the digit of least weight first: triples[v] those of v, with the digits counted upwards from 'a', and
// triples[^v] those of -v, with the digits counted downwards.
var triples = func() (t [1 << 16]uint32) {
	for v := range uint32(cube) {
		digits := v%26 | v/26%26<<8 | v/676<<16
		t[v], t[^uint16(v)] = 'a'*0x010101+digits, 'a'*0x010101-digits
	}
	return t
}()

// character draws a character of a text, and returns the state behind it.
func (r random) character(special byte) (byte, random) {
	if r.pick(13) == 0 {
		return special, r
	}
	return 'a' + byte(r.pick(26)), r
}

const (
	cube = 26 * 26 * 26

	// sixth is 2^64/26^6, rounded up and one more.
	sixth = (1<<64)/(cube*cube) + 2
)

// six returns the six characters that the upper 32 bits of n stand for as a signed number, in two words of three characters.
//
// The number times 2^64/26^6 is, modulo 2^64, what six digits of base 26 leave of it, as a fraction of 2^64: times 26^3, its whole part is the three digits of more weight, and the rest of it times
// 26^3 the other three. What rounding adds is less than a sixteenth of the last digit. A negative number makes the fraction's complement: all its bits turned around are the fraction, less 2^-64, for which
// sixth has the one more.
func six(n random) (low, high uint32) {
	sign := uint64(int64(n) >> 63)
	three, rest := bits.Mul64(uint64(int64(n)>>32)*sixth^sign, cube)
	other, _ := bits.Mul64(rest, cube)
	return triples[uint16(other^sign)], triples[uint16(three^sign)]
}

// exact appends n characters, six for each number drawn.
func (r random) exact(dst []byte, n int) []byte {
	start := len(dst)
	dst = withRoom(dst, n+twelve)
	r.fill(dst[start : start+n+twelve])
	return dst[:start+n]
}

// twelve is the characters of two draws.
const twelve = 12

// fill writes the characters of draws to room, two draws at a time while there is room for their characters and one more byte. A draw is made from the last but one, so that two of them are under way. The states are kept where the numbers are their upper halves.
func (r random) fill(room []byte) {
	a := r.after() << 16
	b := r.after2() << 16
	for len(room) > twelve {
		two := (*[twelve + 1]byte)(room)
		low, high := six(a)
		binary.LittleEndian.PutUint32(two[0:], low)
		binary.LittleEndian.PutUint32(two[3:], high)
		low, high = six(b)
		binary.LittleEndian.PutUint32(two[6:], low)
		binary.LittleEndian.PutUint32(two[9:], high)
		a, b = a*square+squareIncrement<<16, b*square+squareIncrement<<16
		room = room[twelve:]
	}
}

// withRoom returns dst with room for n bytes behind it.
func withRoom(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	bigger := make([]byte, len(dst), 2*cap(dst)+n+64)
	copy(bigger, dst)
	return bigger
}
