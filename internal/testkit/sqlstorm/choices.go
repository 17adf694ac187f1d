// Package sqlstorm makes random tables and queries, runs each query in many ways, and compares what the result is in the end with what the oracle of internal/sql/oracle says. A query that differs is made smaller, and
// printed as a file for tests/sql.
//
// All that is random comes from a list of numbers, the choices: a smaller list makes a smaller query, so that nothing else is needed to shrink one.
package sqlstorm

import "math/rand/v2"

// choices are numbers that were drawn, or are drawn again.
type choices struct {
	list []uint32
	at   int
	rng  *rand.Rand // nil while the list is replayed; behind its end come zeros
}

func newChoices(seed uint64) *choices {
	return &choices{rng: rand.New(rand.NewPCG(seed, 0x5157))}
}

func replay(list []uint32) *choices { return &choices{list: list} }

// n returns a number from 0 to n-1. Zero is the simplest choice.
func (c *choices) n(n int) int {
	if c.at < len(c.list) {
		c.at++
		return int(c.list[c.at-1]) % n
	}
	c.at++
	if c.rng == nil {
		return 0
	}
	v := uint32(c.rng.IntN(n))
	c.list = append(c.list, v)
	return int(v)
}

// one returns one of some texts, of which the first is the simplest.
func (c *choices) one(of ...string) string { return of[c.n(len(of))] }

// weighted returns an index with a probability in proportion to its weight. 0 should be the simplest.
func (c *choices) weighted(weights ...int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	v := c.n(max(sum, 1))
	for i, w := range weights {
		if v < w {
			return i
		}
		v -= w
	}
	return 0
}
