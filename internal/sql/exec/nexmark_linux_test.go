package exec

import (
	"syscall"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connectors/nexmark"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// nexmarkSide is one kind of events with some of its fields.
type nexmarkSide struct {
	event  uint64
	cols   []int
	fields []types.Field
	where  func(v *column.Vector, row int32) bool
	batch  column.Batch
	sel    []int32
}

func side(event uint64, where func(v *column.Vector, row int32) bool, cols ...int) *nexmarkSide {
	s := &nexmarkSide{event: event, cols: cols, where: where, sel: make([]int32, 0, BatchRows)}
	for _, c := range cols {
		s.fields = append(s.fields, nexmark.Fields()[event+1].Type.Fields()[c])
	}
	return s
}

// of returns the events of the kind in a batch of the stream.
func (s *nexmarkSide) of(b *column.Batch) *column.Batch {
	s.sel = s.sel[:0]
	v := b.Cols[s.event+1]
	for row, e := range b.Cols[0].Words[:b.N] {
		if e == s.event && (s.where == nil || s.where(v, int32(row))) {
			s.sel = append(s.sel, int32(row))
		}
	}
	s.batch.N, s.batch.Sel, s.batch.Cols = b.N, s.sel, s.batch.Cols[:0]
	for _, c := range s.cols {
		s.batch.Cols = append(s.batch.Cols, v.Children[c])
	}
	return &s.batch
}

// benchNexmark runs operators over the stream, generation included, and counts what comes out of the last one. Compare with the hand-written loop that is generated for likewise.
func benchNexmark(b *testing.B, sides []*nexmarkSide, chain ...operator.Factory) {
	b.Helper()
	benchNexmarkWith(b, sides, nil, chain...)
}

// benchNexmarkWith also gives a side to the second input of the last operator.
func benchNexmarkWith(b *testing.B, sides []*nexmarkSide, last *nexmarkSide, chain ...operator.Factory) {
	const rows = 1000
	g := nexmark.NewGenerator(10_000_000)
	out := int64(0)
	port := any(Input(func(b *column.Batch) { out += int64(b.Rows()) }))
	var first, final []any
	var closers []func()
	for i := len(chain) - 1; i >= 0; i-- {
		h := optest.New(optest.Options{MaxParallelism: 128})
		inst, err := h.Instance(chain[i], operator.Wiring{Main: port})
		if err != nil {
			b.Fatal(err)
		}
		first = inst.Inputs()
		if final == nil {
			final = first
		}
		port = first[0]
		closers = append(closers, func() { h.Close() })
	}
	var batch column.Batch
	b.ReportAllocs()
	b.ResetTimer()
	before := processorTime()
	for n := 0; n < b.N; n += rows {
		g.Fill(&batch, int64(n), 1, rows)
		for i, s := range sides {
			if in := s.of(&batch); len(in.Sel) > 0 {
				first[i].(*Port).Value(in, 0)
			}
		}
		if last != nil {
			if in := last.of(&batch); len(in.Sel) > 0 {
				final[1].(*Port).Value(in, 0)
			}
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(out)/float64(b.N), "rows/op")
	b.ReportMetric(float64(processorTime()-before)/float64(b.N), "cpu-ns/op")
	for _, c := range closers {
		c()
	}
}

// Fields of events by their numbers.
const (
	personID, personName, personMail, personCard, personCity, personState, personTime, personExtra                                             = 0, 1, 2, 3, 4, 5, 6, 7
	auctionID, auctionItem, auctionText, auctionBid, auctionReserve, auctionTime, auctionExpires, auctionSeller, auctionCategory, auctionExtra = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
	bidAuction, bidBidder, bidPrice, bidChannel, bidURL, bidTime, bidExtra                                                                     = 0, 1, 2, 3, 4, 5, 6
)

func category10(v *column.Vector, row int32) bool {
	return v.Children[auctionCategory].Words[row] == 10
}

func states(v *column.Vector, row int32) bool {
	switch string(v.Children[personState].Bytes(int(row))) {
	case "OR", "ID", "CA":
		return true
	}
	return false
}

func join(left, right *nexmarkSide, l, r int) *Join {
	return &Join{Session: testSession, Left: left.fields, Right: right.fields, LeftKeys: []int{l}, RightKeys: []int{r}, ConsumesLeft: types.AppendOnly, ConsumesRight: types.AppendOnly}
}

func BenchmarkNexmarkGenerate(b *testing.B) {
	benchNexmark(b, nil, &Deduplicate{Input: rankFields, Time: -1})
}

func BenchmarkNexmarkQ3(b *testing.B) {
	a, p := side(nexmark.Auction, category10, auctionID, auctionSeller), side(nexmark.Person, states, personID, personName, personCity, personState)
	benchNexmark(b, []*nexmarkSide{a, p}, join(a, p, 1, 0))
}

func allBids() *nexmarkSide { return side(nexmark.Bid, nil, 0, 1, 2, 3, 4, 5, 6) }

func BenchmarkNexmarkQ20(b *testing.B) {
	bids, a := allBids(), side(nexmark.Auction, category10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	benchNexmark(b, []*nexmarkSide{bids, a}, join(bids, a, bidAuction, auctionID))
}

func between(b *testing.B, f *Join, x, from, to int) {
	all := append(append([]types.Field(nil), f.Left...), f.Right...)
	f.Residual = &expr.Call{Fn: callOf(b, "AND", callOf(b, ">=", refOf(all, x), refOf(all, from)), callOf(b, "<=", refOf(all, x), refOf(all, to))).(*expr.Call).Fn,
		Args: []expr.Expr{callOf(b, ">=", refOf(all, x), refOf(all, from)), callOf(b, "<=", refOf(all, x), refOf(all, to))}, T: types.New(types.Boolean)}
}

// BenchmarkNexmarkQ4Join is the join of q4, without the aggregates behind it.
func BenchmarkNexmarkQ4Join(b *testing.B) {
	a, bids := side(nexmark.Auction, nil, auctionID, auctionTime, auctionExpires, auctionCategory), side(nexmark.Bid, nil, bidAuction, bidPrice, bidTime)
	f := join(a, bids, 0, 0)
	between(b, f, 6, 1, 2)
	benchNexmark(b, []*nexmarkSide{a, bids}, f)
}

func BenchmarkNexmarkQ9(b *testing.B) {
	a, bids := side(nexmark.Auction, nil, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9), side(nexmark.Bid, nil, bidAuction, bidBidder, bidPrice, bidTime, bidExtra)
	f := join(a, bids, 0, 0)
	between(b, f, 13, 5, 6)
	all := append(append([]types.Field(nil), f.Left...), f.Right...)
	rank := &Rank{Input: all, Keys: []int{0}, Order: []logical.SortKey{{Column: 12, Descending: true, NullsLast: true}, {Column: 13}}, From: 1, To: 1, Consumes: types.AppendOnly}
	benchNexmark(b, []*nexmarkSide{a, bids}, f, rank)
}

func BenchmarkNexmarkQ18(b *testing.B) {
	bids := allBids()
	benchNexmark(b, []*nexmarkSide{bids}, &Deduplicate{Input: bids.fields, Keys: []int{bidBidder, bidAuction}, Time: bidTime, KeepLast: true})
}

func BenchmarkNexmarkQ19(b *testing.B) {
	bids := allBids()
	benchNexmark(b, []*nexmarkSide{bids}, &Rank{Input: bids.fields, Keys: []int{bidAuction}, Order: []logical.SortKey{{Column: bidPrice, Descending: true, NullsLast: true}}, From: 1, To: 10, WithRank: true, Consumes: types.AppendOnly})
}

// processorTime is what the process has used of its processors, in nanoseconds: on a machine with others it says more than the clock.
func processorTime() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkNexmarkQ23(b *testing.B) {
	bids, p := allBids(), side(nexmark.Person, nil, personID, personName, personMail, personCity, personState, personTime)
	f := join(bids, p, bidBidder, personID)
	a := side(nexmark.Auction, nil, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	both := &nexmarkSide{fields: append(append([]types.Field(nil), f.Left...), f.Right...)}
	benchNexmarkWith(b, []*nexmarkSide{bids, p}, a, f, join(both, a, bidBidder, auctionSeller))
}
