package nexmark

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/buildtags"
)

// javaRandom is java.util.Random as its documentation has it.
type javaRandom int64

func newJavaRandom(seed int64) *javaRandom {
	r := javaRandom((seed ^ 0x5DEECE66D) & (1<<48 - 1))
	return &r
}

func (r *javaRandom) next(bits int) int32 {
	*r = (*r*0x5DEECE66D + 0xB) & (1<<48 - 1)
	return int32(*r >> (48 - bits))
}

func (r *javaRandom) nextInt(n int) int {
	if n&-n == n {
		return int(int64(n) * int64(r.next(31)) >> 31)
	}
	for {
		bits := r.next(31)
		if value := bits % int32(n); bits-value+int32(n-1) >= 0 {
			return int(value)
		}
	}
}

func (r *javaRandom) nextPrice() int64 {
	high := int64(r.next(26)) << 27
	return slowPrice(high + int64(r.next(27)))
}

func (r *javaRandom) nextText(limit int, special string) string {
	var s strings.Builder
	for n := 3 + r.nextInt(limit-3); n > 0; n-- {
		if r.nextInt(13) == 0 {
			s.WriteString(special)
		} else {
			s.WriteByte(byte('a' + r.nextInt(26)))
		}
	}
	return strings.Trim(s.String(), " ")
}

func (r *javaRandom) nextExtra(size, average int) string {
	if size > average {
		return ""
	}
	n := average - size
	if d := int(math.Round(float64(n) * 0.2)); d > 0 {
		n += r.nextInt(2*d) - d
	}
	var s []byte
	for len(s) < n {
		s = append(s, slowLetters(r.next(32))...)
	}
	return string(s[:n])
}

func slowLetters(v int32) []byte {
	s := make([]byte, 6)
	for i := range s {
		s[i] = byte('a' + v%26)
		v /= 26
	}
	return s
}

// slowChannels are the channels' names and urls.
var slowChannels = func() (all [][2]string) {
	r := newJavaRandom(channelSeed)
	url := func() string {
		return "https://www.nexmark.com/" + r.nextText(5, "_") + "/" + r.nextText(5, "_") + "/" + r.nextText(5, "_") + "/item.htm?query=1"
	}
	for _, name := range []string{"Google", "Facebook", "Baidu", "Apple"} {
		all = append(all, [2]string{name, url()})
	}
	for i := range 10_000 {
		u := url()
		if r.nextInt(10) > 0 {
			u += "&channel_id=" + strconv.Itoa(int(reversed(int32(i))))
		}
		all = append(all, [2]string{"channel-" + strconv.Itoa(i), u})
	}
	return all
}()

// slowEvent prints an event as text does.
func slowEvent(rate, event int64) string {
	at := func(event int64) int64 { return 1436918400000 + int64(float64(event)*(1e6/float64(rate)))/1000 }
	round, place := event/50, event%50
	lastAuction := round*3 + min(place-1, 2)
	if place == 0 {
		lastAuction = round*3 - 1
	}
	r := newJavaRandom(event)
	person := func() int64 {
		acting := min(round+1, 1000)
		return round + 1 - acting + int64(r.nextInt(int(acting)+10))
	}
	switch {
	case place == 0:
		name := firstNames[r.nextInt(11)] + " " + lastNames[r.nextInt(9)]
		email := r.nextText(7, " ") + "@" + r.nextText(5, " ") + ".com"
		card := fmt.Sprintf("%04d %04d %04d %04d", r.nextInt(10000), r.nextInt(10000), r.nextInt(10000), r.nextInt(10000))
		city := cities[r.nextInt(10)]
		state := states[r.nextInt(6)]
		extra := r.nextExtra(8+len(name+email+card+city+state), 200)
		return fmt.Sprintf("0|%d|%s|%s|%s|%s|%s|%d|%s", round+1000, name, email, card, city, state, at(event), extra)
	case place < 4:
		seller := round / 100 * 100
		if r.nextInt(4) == 0 {
			seller = person()
		}
		category := 10 + r.nextInt(5)
		initial := r.nextPrice()
		expires := at(event) + 1 + int64(r.nextInt(int(max(2*(at(event+1666)-at(event)), 1))))
		item := r.nextText(20, " ")
		description := r.nextText(100, " ")
		reserve := initial + r.nextPrice()
		extra := r.nextExtra(48+len(item+description), 500)
		return fmt.Sprintf("1|%d|%s|%s|%d|%d|%d|%d|%d|%d|%s", lastAuction+1000, item, description, initial, reserve, at(event), expires, seller+1000, category, extra)
	}
	auction := lastAuction / 100 * 100
	if r.nextInt(2) == 0 {
		low := max(lastAuction-100, 0)
		auction = low + int64(r.nextInt(int(lastAuction-low)+11))
	}
	bidder := round/100*100 + 1
	if r.nextInt(4) == 0 {
		bidder = person()
	}
	price := r.nextPrice()
	extra := r.nextExtra(32, 100)
	r = newJavaRandom(event ^ 0x6E65786D61726B)
	hot, channel := r.nextInt(2) > 0, 0
	if hot {
		channel = r.nextInt(4)
	} else {
		channel = 4 + r.nextInt(10_000)
	}
	c := slowChannels[channel]
	return fmt.Sprintf("2|%d|%d|%d|%s|%s|%d|%s", auction+1000, bidder+1000, price, c[0], c[1], at(event), extra)
}

// TestOracle compares with a generator that is written down draw by draw, at several rates, from the beginning and far behind it, in whole and in shares.
func TestOracle(t *testing.T) {
	events := 250_000
	if testing.Short() || buildtags.Race {
		events = 40_000
	}
	for _, c := range []struct {
		rate, first, step int64
		size              int
	}{
		{10_000, 0, 1, 1024},
		{10_000, 49_000, 1, 1000},
		{1_000_000, 7_000_000, 1, 1024},
		{777, 123_456_789_012, 1, 63},
		{10_000_000, 3, 4, 1024},
		{3, 1, 2, 65},
		{50_000, 1 << 40, 7, 129},
		{10_000, 5, 50, 64}, // bids alone
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			t.Parallel()
			g := NewGenerator(c.rate)
			var b column.Batch
			for at := 0; at < events; at += c.size {
				first := c.first + int64(at)*c.step
				g.Fill(&b, first, c.step, c.size)
				for row := range b.N {
					event := first + int64(row)*c.step
					if got, want := text(&b, row), slowEvent(c.rate, event); got != want {
						t.Fatalf("event %d:\n%s, want\n%s", event, got, want)
					}
				}
			}
		})
	}
}

// before is the seed whose generator is at the state after so many draws.
func before(state uint64, draws int) int64 {
	const inverse = 0xDFE05BCB1365 // of the multiplier, modulo 2^48
	for range draws {
		state = (state - increment) * inverse & (1<<48 - 1)
	}
	return int64(state ^ multiplier)
}

// TestRejected makes events of which some number has to be drawn anew, which one in millions of them has: those whose first draws, of either generator, are the largest there are.
func TestRejected(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var events []int64
	for draw := 1; draw <= 40; draw++ {
		for range 300 {
			state := uint64(1<<31-1-r.IntN(8))<<17 | r.Uint64N(1<<17)
			events = append(events, before(state, draw), before(state, draw)^channelSeed&(1<<48-1))
		}
	}
	r.Shuffle(len(events), func(i, k int) { events[i], events[k] = events[k], events[i] })
	g := NewGenerator(10_000)
	var b column.Batch
	for _, size := range []int{1, 64, 1000} {
		for at := 0; at+size <= len(events); at += size {
			g.FillEvents(&b, events[at:at+size])
			for row, event := range events[at : at+size] {
				if got, want := text(&b, row), slowEvent(10_000, event); got != want {
					t.Fatalf("event %d:\n%s, want\n%s", event, got, want)
				}
			}
		}
	}
}

// TestLetters compares letters with divisions by 26: at random, and about each multiple of 26^3, at which rounding would show.
func TestLetters(t *testing.T) {
	check := func(v int32) {
		low, high := six(random(uint64(uint32(v))<<32 | 0x1234))
		got := [6]byte{byte(low), byte(low >> 8), byte(low >> 16), byte(high), byte(high >> 8), byte(high >> 16)}
		if want := slowLetters(v); string(got[:]) != string(want) {
			t.Fatalf("%d: %q, want %q", v, got[:], want)
		}
	}
	for v := int64(math.MinInt32 / cube * cube); v <= math.MaxInt32; v += cube {
		for d := int64(-1); d <= 1; d++ {
			check(int32(v + d))
		}
	}
	check(math.MinInt32)
	check(math.MaxInt32)
	r := rand.New(rand.NewPCG(5, 6))
	for range 1_000_000 {
		check(r.Int32())
		check(-r.Int32())
	}
}
