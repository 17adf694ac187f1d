package exec

import (
	"math"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/agg"
)

// overPositions computes the functions over windows that depend on where a row is among all rows of its key, and not on a frame.
type overPositions struct {
	at    []int32
	whole column.Vector
}

// compute writes the results of the calls that are no aggregates, over rows of a key in order: columns from width on of b. peers has the first of the rows that are equal to each in the order; before is how many
// rows of the key are before the first one, which must be none for other functions than ROW_NUMBER.
func (p *overPositions) compute(calls []OverCall, b *column.Batch, width int, peers []int32, before int) {
	n := len(peers)
	for i := range calls {
		c := &calls[i]
		if c.Aggregate != nil || n == 0 {
			continue
		}
		out := b.Cols[width+i]
		switch c.Ranking {
		case "LAG", "LEAD":
			p.shift(c, b, n, out)
			continue
		case "NTILE":
			p.tiles(&c.Args[0], b, n, out)
			continue
		}
		dense, behind := 0, 0 // behind: the first row that is not equal
		for row := range n {
			if int(peers[row]) == row {
				dense++
				for behind = row + 1; behind < n && int(peers[behind]) == row; behind++ {
				}
			}
			switch c.Ranking {
			case "ROW_NUMBER":
				out.Words[row] = uint64(before + row + 1)
			case "RANK":
				out.Words[row] = uint64(peers[row] + 1)
			case "DENSE_RANK":
				out.Words[row] = uint64(dense)
			case "CUME_DIST":
				out.Words[row] = math.Float64bits(float64(behind) / float64(n))
			case "PERCENT_RANK":
				rank := 0.0
				if n > 1 {
					rank = float64(peers[row]) / float64(n-1)
				}
				out.Words[row] = math.Float64bits(rank)
			}
		}
	}
}

// argument is an integer argument in a row; ok is false if it is null.
func argument(a *agg.Arg, b *column.Batch, row int) (v int64, ok bool) {
	if a.Col < 0 {
		return a.Const.Int(), !a.Const.Null
	}
	c := b.Cols[a.Col]
	if c.Null(row) {
		return 0, false
	}
	return c.Int(row), true
}

// shift writes the values of other rows.
func (p *overPositions) shift(c *OverCall, b *column.Batch, n int, out *column.Vector) {
	values := vectorOf(&c.Args[0], b)
	p.whole.Reset(out.Form, 0)
	p.whole.Append(values, AllRows(n), 0)
	if len(c.Args) > 2 {
		p.whole.Append(vectorOf(&c.Args[2], b), AllRows(n), n)
	} else {
		p.whole.Append(column.ConstOf(column.NullValue(), c.Args[0].Type.Null()), AllRows(n), n)
	}
	at := room(&p.at, n)
	for row := range n {
		at[row] = int32(n + row)
		offset, ok := int64(1), true
		if len(c.Args) > 1 {
			offset, ok = argument(&c.Args[1], b, row)
		}
		if !ok || offset > int64(n) || offset < -int64(n) {
			continue
		}
		if c.Ranking == "LAG" {
			offset = -offset
		}
		if other := int64(row) + offset; other >= 0 && other < int64(n) {
			at[row] = int32(other)
		}
	}
	out.Gather(&p.whole, at)
}

func vectorOf(a *agg.Arg, b *column.Batch) *column.Vector {
	if a.Col < 0 {
		return column.ConstOf(a.Const, a.Type)
	}
	return b.Cols[a.Col]
}

// tiles writes which of so many parts each row is in: the first ones have a row more, where that does not come out even.
func (p *overPositions) tiles(a *agg.Arg, b *column.Batch, n int, out *column.Vector) {
	for row := range n {
		parts, ok := argument(a, b, row)
		if !ok || parts < 1 {
			out.SetNull(row, n)
			continue
		}
		size, more := int64(n)/parts, int64(n)%parts
		at := int64(row)
		if at < more*(size+1) {
			out.Words[row] = uint64(at/(size+1) + 1)
		} else {
			out.Words[row] = uint64(more + (at-more*(size+1))/max(size, 1) + 1)
		}
	}
}
