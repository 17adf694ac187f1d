package nexmark

import (
	"encoding/binary"

	"github.com/weirstream/weir/column"
)

// bidWriter makes the bids of a block of rows, one step after the other for all of them. Each step is a short loop without branches that depend on what was drawn, which a processor would foresee wrongly
// every other time, so that it works at several bids at once.
//
// Channel and url are views of a table that all bids share, extra lies in the column's own memory.
type bidWriter struct {
	auction, bidder, price, at []uint64
	channel, url, extra        []column.View
	last                       *column.Vector // of extra
	number                     int            // of the buffer that extra lies in
	own                        []byte

	n      int
	events [blockRows]int64
	rows   [blockRows]int32
	states [blockRows]random
	picked [blockRows]uint32 // channels
	sizes  [blockRows]int    // of extra
	froms  [blockRows]int
}

const (
	// settled is an event from which on there are as many persons and auctions as can act or be bid for.
	settled = active * eventsARound

	// The least size of a bid's extra, and how many sizes there are from there on.
	bidExtra, bidExtras = 54, 28

	// The classes of sizes by how many pairs of draws they take: the first has those from least on, of five pairs.
	bidPairs, least = 3, 49
)

func (b *bidWriter) open(v *column.Vector) {
	f := v.Children
	b.auction, b.bidder, b.price, b.at = f[0].Words, f[1].Words, f[2].Words, f[5].Words
	b.channel, b.url, b.extra = f[3].Views, f[4].Views, f[6].Views
	f[3].Buffers, f[4].Buffers = channels.buffers, channels.buffers
	b.last = f[6]
	b.own, b.number = b.last.Room()
}

func (b *bidWriter) close() { b.last.SetRoom(b.own) }

// add has an event be made with the others of its block.
func (b *bidWriter) add(row int, event int64) {
	b.rows[b.n], b.events[b.n] = int32(row), event
	b.n++
}

// write makes the bids that were added. Numbers that have to be drawn anew, in one bid of some hundred thousand, and bids for the first auctions are left to [bidWriter.slow].
func (b *bidWriter) write(g *Generator) {
	if !b.draw() || !b.drawChannels() {
		for i, event := range b.events[:b.n] {
			b.slow(g, int(b.rows[i]), event)
		}
		return
	}
	b.writePrices()
	b.writeExtras()
	for i, row := range b.rows[:b.n] {
		b.at[row] = uint64(g.Time(b.events[i]))
		b.channel[row], b.url[row] = channels.views(b.picked[i])
	}
}

// draw draws auctions and bidders. Both ways are gone, and the state of the one that holds is kept. It reports whether that is all.
func (b *bidWriter) draw() bool {
	var odd uint32
	for i, event := range b.events[:b.n] {
		round := event / eventsARound
		if event < settled {
			return false
		}
		r := seeded(event).after()
		next := r.after()
		odd |= rejects(next.drawn(), inFlight+1+lead)
		last := 3*round + 2
		auction := last - inFlight + int64(next.drawn()%(inFlight+1+lead))
		if r.drawn()>>30 != 0 {
			auction, next = last/hot*hot, r
		}
		r = next.after()
		next = r.after()
		odd |= rejects(next.drawn(), active+lead)
		bidder := round + 1 - active + int64(next.drawn()%(active+lead))
		if r.drawn()>>29 != 0 {
			bidder, next = round/hot*hot+1, r
		}
		row := b.rows[i]
		b.auction[row], b.bidder[row] = uint64(auction+firstID), uint64(bidder+firstID)
		b.states[i] = next
	}
	return int32(odd) >= 0
}

// drawChannels draws channels, and the sizes of extra, which are drawn behind the two draws of the price.
func (b *bidWriter) drawChannels() bool {
	var odd uint32
	for i, event := range b.events[:b.n] {
		r := seeded(event ^ channelSeed).after()
		next := r.after()
		odd |= rejects(next.drawn(), cold)
		channel := hotChannels + next.drawn()%cold
		if r.drawn()>>30 != 0 {
			channel = next.drawn() >> 29
		}
		size := b.states[i].after2().after()
		odd |= rejects(size.drawn(), bidExtras)
		b.picked[i], b.sizes[i] = channel, int(bidExtra+size.drawn()%bidExtras)
	}
	return int32(odd) >= 0
}

// writePrices makes the prices, and brings the states behind the draws for the sizes.
func (b *bidWriter) writePrices() {
	for i, row := range b.rows[:b.n] {
		high := b.states[i].after()
		low := b.states[i].after2()
		b.price[row] = uint64(priceOf(int64(high<<16>>38<<27 | low<<16>>37)))
		b.states[i] = low.after()
	}
}

// writeExtras makes extra, first of all bids whose extra takes the fewest pairs of draws, and so on: that a loop runs as often as the last time is foreseen.
func (b *bidWriter) writeExtras() {
	var order [bidPairs][blockRows]uint8
	var counts [bidPairs]int
	for i, size := range b.sizes[:b.n] {
		class := uint(size-least) / twelve
		order[class][counts[class]%blockRows] = uint8(i)
		counts[class]++
	}
	at := len(b.own)
	b.own = withRoom(b.own, blockRows*(bidExtra+bidExtras)+twelve)
	room := b.own[:cap(b.own)]
	for class, n := range counts {
		for _, i := range order[class][:n] {
			from := at
			b.states[i].fill(room[from : from+least+twelve*(class+1)])
			at += int(b.sizes[i])
			b.froms[i] = from
		}
	}
	b.own = room[:at]
	for i, row := range b.rows[:b.n] {
		from := b.froms[i]
		b.extra[row] = column.View{
			Head: uint64(b.sizes[i]) | uint64(binary.LittleEndian.Uint32(room[from:]))<<32,
			Tail: uint64(b.number) | uint64(from)<<32,
		}
	}
}

// slow makes one bid, of any event, one draw after the other.
func (b *bidWriter) slow(g *Generator, row int, event int64) {
	r := seeded(event)
	var auction, bidder int64
	if r.bits(1) > 0 {
		auction = lastAuction(event) / hot * hot
	} else {
		auction = nextAuction(event, &r)
	}
	if r.bits(2) > 0 {
		bidder = lastPerson(event)/hot*hot + 1
	} else {
		bidder = nextPerson(event, &r)
	}
	b.auction[row], b.bidder[row] = uint64(auction+firstID), uint64(bidder+firstID)
	b.price[row] = uint64(r.price())
	b.at[row] = uint64(g.Time(event))
	from := len(b.own)
	b.own = r.extra(b.own, 32, 100)
	b.extra[row] = column.MakeView(b.own[from:], b.number, from)

	second := seeded(event ^ channelSeed)
	var c uint32
	if second.bits(1) > 0 {
		c = uint32(second.bits(2))
	} else {
		c = hotChannels + second.pick(cold)
	}
	b.channel[row], b.url[row] = channels.views(c)
}
