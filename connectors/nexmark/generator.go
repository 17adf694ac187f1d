// Package nexmark makes the event stream of the Nexmark benchmark (Tucker, Tufte, Papadimos, Maier: "NEXMark - A Benchmark for Queries over Data Streams", 2002) straight into columns.
//
// Every event depends on its id alone, so that a stream can be split, restarted and compared row by row. The fields are those of Apache Beam's generator, bit by bit: its java.util.Random
// is seeded with the event's id. Channel and url of a bid, which Beam does not have, are drawn as in the Flink port, by a second generator seeded with the id XOR 0x6E65786D61726B, from 4 hot
// and 10,000 cold channels.
//
// Of 50 events one is a person, three are auctions and 46 are bids.
package nexmark

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

const (
	baseTime     = 1436918400000 // 2015-07-15T00:00:00Z
	firstID      = 1000          // of persons and auctions
	hot          = 100           // of so many persons or auctions one is hot
	active       = 1000          // persons that act
	inFlight     = 100           // auctions that are bid for
	lead         = 10            // ids that do not exist yet and are referred to
	cold         = 10_000        // channels
	channelSeed  = 0x6E65786D61726B
	eventsARound = 50
)

// The events by type, as in the column event_type.
const (
	Person  = 0
	Auction = 1
	Bid     = 2
)

// Fields are the columns of the stream: event_type, and person, auction and bid, of which one is not null.
func Fields() []types.Field {
	number, text, at := types.New(types.BigInt), types.String(), types.TimestampOf(3)
	f := func(name string, t types.Type) types.Field { return types.Field{Name: name, Type: t} }
	return []types.Field{
		f("event_type", types.New(types.Int)),
		f("person", types.RowOf(f("id", number), f("name", text), f("emailAddress", text), f("creditCard", text), f("city", text), f("state", text), f("dateTime", at), f("extra", text))),
		f("auction", types.RowOf(f("id", number), f("itemName", text), f("description", text), f("initialBid", number), f("reserve", number), f("dateTime", at), f("expires", at), f("seller", number),
			f("category", number), f("extra", text))),
		f("bid", types.RowOf(f("auction", number), f("bidder", number), f("price", number), f("channel", text), f("url", text), f("dateTime", at), f("extra", text))),
	}
}

// Generator makes events. It is not changed by that, and may be used by several goroutines, each with batches of its own.
type Generator struct {
	delay float64 // microseconds of event time between two events
}

// NewGenerator returns the generator of a stream with so many events in a second of event time, at least 1.
func NewGenerator(eventsPerSecond int64) *Generator {
	return &Generator{delay: 1e6 / float64(max(eventsPerSecond, 1))}
}

// Time is the event time of an event, in milliseconds since the epoch.
func (g *Generator) Time(event int64) int64 {
	return baseTime + int64(float64(event)*g.delay)/1000
}

// Fill makes b the n events first, first+step, first+2·step and so on, with the columns of [Fields]. The batch's memory is used again.
func (g *Generator) Fill(b *column.Batch, first, step int64, n int) {
	f := open(b, n)
	var events [blockRows]int64
	for row := 0; row < n; row += blockRows {
		some := events[:min(blockRows, n-row)]
		for i := range some {
			some[i] = first + int64(row+i)*step
		}
		f.block(g, row, some)
	}
	f.bids.close()
}

// FillEvents makes b the given events, in that order.
func (g *Generator) FillEvents(b *column.Batch, events []int64) {
	f := open(b, len(events))
	for row := 0; row < len(events); row += blockRows {
		f.block(g, row, events[row:min(row+blockRows, len(events))])
	}
	f.bids.close()
}

// blockRows is how many rows are made at once: those of one word of a bitmap.
const blockRows = 64

// filling is a batch that is being filled.
type filling struct {
	kinds            []uint64
	valid            [3][]uint64
	persons, auction writer
	bids             bidWriter
}

func open(b *column.Batch, n int) *filling {
	for len(b.Cols) < 4 {
		b.Cols = append(b.Cols, new(column.Vector))
	}
	b.Cols, b.N, b.Sel, b.Kinds = b.Cols[:4], n, nil, nil
	b.Cols[0].Reset(column.Word, n)
	f := &filling{kinds: b.Cols[0].Words}
	for i, forms := range rowForms {
		row := b.Cols[i+1]
		row.Reset(column.Tuple, n)
		f.valid[i] = row.NoneValid(n)
		for k, form := range forms {
			row.Child(k).Reset(form, n)
		}
	}
	f.persons, f.auction = newWriter(b.Cols[1]), newWriter(b.Cols[2])
	f.bids.open(b.Cols[3])
	return f
}

// block makes the rows from the given one on, a multiple of [blockRows]. The bids among them are gathered and made together.
func (f *filling) block(g *Generator, from int, events []int64) {
	var valid [3]uint64
	kinds := f.kinds[from : from+len(events)]
	f.bids.n = 0
	for i, event := range events {
		kind := Bid
		if round := event % eventsARound; round >= 4 {
			f.bids.add(from+i, event)
		} else if round >= 1 {
			kind = Auction
			g.auction(&f.auction, from+i, event)
		} else {
			kind = Person
			g.person(&f.persons, from+i, event)
		}
		kinds[i] = uint64(kind)
		valid[kind] |= 1 << i
	}
	for kind, v := range valid {
		f.valid[kind][from/blockRows] = v
	}
	f.bids.write(g)
}

var rowForms = [3][]column.Form{Person: formsOf("wtttttwt"), Auction: formsOf("wttwwwwwwt"), Bid: formsOf("wwwttwt")}

func formsOf(s string) []column.Form {
	forms := make([]column.Form, len(s))
	for i, c := range s {
		if c == 't' {
			forms[i] = column.Text
		}
	}
	return forms
}

func lastPerson(event int64) int64 { return event / eventsARound }

func lastAuction(event int64) int64 {
	round, at := event/eventsARound, event%eventsARound
	if at < 1 {
		return round*3 - 1
	}
	return round*3 + min(at, 3) - 1
}

func nextPerson(event int64, r *random) int64 {
	n := lastPerson(event) + 1
	acting := min(n, active)
	return n - acting + int64(r.below(uint32(acting+lead)))
}

func nextAuction(event int64, r *random) int64 {
	high := lastAuction(event)
	low := max(high-inFlight, 0)
	return low + int64(r.below(uint32(high-low+1+lead)))
}

// writer writes the fields of rows of one kind.
type writer struct {
	fields []*column.Vector
}

func newWriter(v *column.Vector) writer { return writer{v.Children} }

func (w *writer) word(field, row int, v int64) { w.fields[field].Words[row] = uint64(v) }

// room and text bracket what makes a string at the end of a field's buffer.
func (w *writer) room(field int) ([]byte, int, int) {
	own, number := w.fields[field].Room()
	return own, number, len(own)
}

func (w *writer) text(field, row int, own []byte, number, from int) {
	v := w.fields[field]
	s := own[from:]
	v.Views[row] = column.MakeView(s, number, from)
	if len(s) <= column.InlineBytes {
		own = own[:from]
	}
	v.SetRoom(own)
}

var (
	firstNames = [...]string{"Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"}
	lastNames  = [...]string{"Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"}
	cities     = [...]string{"Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"}
	states     = [...]string{"AZ", "CA", "ID", "OR", "WA", "WY"}
)

func (g *Generator) person(w *writer, row int, event int64) {
	r := seeded(event)
	w.word(0, row, lastPerson(event)+firstID)
	w.word(6, row, g.Time(event))

	own, number, from := w.room(1)
	own = append(own, firstNames[r.pick(uint32(len(firstNames)))]...)
	own = append(own, ' ')
	own = append(own, lastNames[r.pick(uint32(len(lastNames)))]...)
	size := 8 + len(own) - from
	w.text(1, row, own, number, from)

	own, number, from = w.room(2)
	own = r.text(own, 7, ' ')
	own = append(own, '@')
	own = r.text(own, 5, ' ')
	own = append(own, ".com"...)
	size += len(own) - from
	w.text(2, row, own, number, from)

	own, number, from = w.room(3)
	for i := range 4 {
		if i > 0 {
			own = append(own, ' ')
		}
		n := r.pick(10_000)
		own = append(own, '0'+byte(n/1000), '0'+byte(n/100%10), '0'+byte(n/10%10), '0'+byte(n%10))
	}
	size += len(own) - from
	w.text(3, row, own, number, from)

	city, state := cities[r.pick(uint32(len(cities)))], states[r.pick(uint32(len(states)))]
	w.fields[4].SetString(row, city)
	w.fields[5].SetString(row, state)
	size += len(city) + len(state)

	own, number, from = w.room(7)
	w.text(7, row, r.extra(own, size, 200), number, from)
}

func (g *Generator) auction(w *writer, row int, event int64) {
	r := seeded(event)
	at := g.Time(event)
	var seller int64
	if r.bits(2) > 0 {
		seller = lastPerson(event) / hot * hot
	} else {
		seller = nextPerson(event, &r)
	}
	category := 10 + int64(r.pick(5))
	initial := r.price()
	horizon := g.Time(event+inFlight*eventsARound/3) - at
	expires := at + 1 + int64(r.below(uint32(max(2*horizon, 1))))
	w.word(0, row, lastAuction(event)+firstID)
	w.word(3, row, initial)
	w.word(5, row, at)
	w.word(6, row, expires)
	w.word(7, row, seller+firstID)
	w.word(8, row, category)
	size := 48
	for field, limit := range [...]uint32{1: 20, 2: 100} {
		if limit > 0 {
			own, number, from := w.room(field)
			own = r.text(own, limit, ' ')
			size += len(own) - from
			w.text(field, row, own, number, from)
		}
	}
	w.word(4, row, initial+r.price())
	own, number, from := w.room(9)
	w.text(9, row, r.extra(own, size, 500), number, from)
}
