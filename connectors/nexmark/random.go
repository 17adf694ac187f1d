package nexmark

// random is java.util.Random: a linear congruential generator of 48 bits. The state is kept modulo 2^64, which agrees with it modulo 2^48; values are taken from bits 47 downwards.
type random uint64

const (
	multiplier = 0x5DEECE66D
	increment  = 0xB

	// Two steps at once.
	square          = multiplier * multiplier % (1 << 48)
	squareIncrement = (multiplier + 1) * increment
)

// seeded returns the generator of a seed.
func seeded(seed int64) random { return random(uint64(seed) ^ multiplier) }

// after is the state after r, and after2 the one after that.
func (r random) after() random { return r*multiplier + increment }

func (r random) after2() random { return r*square + squareIncrement }

// drawn is the 31 bits that come with a state.
func (r random) drawn() uint32 { return uint32(r << 16 >> 33) }

// rejects has its highest bit set if 31 bits are not below the largest multiple of n that they can be: they are drawn anew then.
func rejects(drawn, n uint32) uint32 { return 1<<31/n*n - 1 - drawn }

// bits draws n random bits, Java's next(n) as an unsigned number.
func (r *random) bits(n uint) uint64 {
	*r = *r*multiplier + increment
	return uint64(*r) << 16 >> (64 - n)
}

// below draws from [0, n), as nextInt(n) does.
func (r *random) below(n uint32) uint32 {
	if n&(n-1) == 0 {
		return uint32(uint64(n) * r.bits(31) >> 31)
	}
	return r.pick(n)
}

// pick is below for a number that is no power of two, and inlined: division by a constant is cheap.
func (r *random) pick(n uint32) uint32 {
	b := uint32(r.bits(31))
	if b >= 1<<31/n*n {
		b = r.redraw(n)
	}
	return b % n
}

// redraw draws 31 bits until what they are is below the largest multiple of n that they can be: of numbers beyond it, some would come more often than others.
func (r *random) redraw(n uint32) uint32 {
	for {
		if b := uint32(r.bits(31)); b < 1<<31/n*n {
			return b
		}
	}
}

// extra appends the filler that brings a record of the given size to about the average.
func (r *random) extra(dst []byte, size, average int) []byte {
	if size > average {
		return dst
	}
	want := average - size
	d := int(float64(want)*0.2 + 0.5)
	n := want
	if d > 0 {
		n = want - d + int(r.below(uint32(2*d)))
	}
	return r.exact(dst, n)
}
