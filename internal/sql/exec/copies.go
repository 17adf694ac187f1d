package exec

import (
	"bytes"
	"context"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// copies is the table function fn.Replicate over a changelog: of an update that changes nothing of a row but how often it comes, it gives the copies that are more or fewer, and not all of the old ones and all of the new.
// So n equal rows that come one after the other cost n, and not n squared.
type copies struct {
	// times is the column that says how often a row comes, width how many columns rows have.
	times, width int
	batch        *column.Batch // whose rows are asked for
	of           []int32
	a, b         []byte
}

// Find gives the copies of the rows of sel, nil for all, with the number of each.
func (c *copies) Find(_ context.Context, args []*column.Vector, sel []int32, n int, out *column.Batch) ([]int32, error) {
	c.of = c.of[:0]
	count, to := args[0], out.Cols[0]
	times := func(row int32) int64 {
		if count.Null(int(row)) {
			return 0
		}
		return max(count.Int(int(row)), 0)
	}
	add := func(row int32, from, until int64) {
		for i := from; i < until; i++ {
			to.Words = append(to.Words, uint64(i))
			c.of = append(c.of, row)
		}
	}
	if sel == nil {
		sel = AllRows(n)
	}
	for i := 0; i < len(sel); i++ {
		row := sel[i]
		if i+1 == len(sel) || !c.update(row, sel[i+1]) {
			add(row, 0, times(row))
			continue
		}
		i++
		before, after := times(row), times(sel[i])
		add(row, after, before)
		add(sel[i], before, after)
	}
	out.N = len(c.of)
	return c.of, nil
}

// update reports whether two rows are the old and the new one of an update that changes only how often they come.
func (c *copies) update(before, after int32) bool {
	if c.batch.Kind(int(before)) != types.UpdateBefore || c.batch.Kind(int(after)) != types.UpdateAfter {
		return false
	}
	for i := range c.width {
		if i == c.times {
			continue
		}
		c.a = column.AppendEncoded(c.a[:0], c.batch.Cols[i], int(before))
		c.b = column.AppendEncoded(c.b[:0], c.batch.Cols[i], int(after))
		if !bytes.Equal(c.a, c.b) {
			return false
		}
	}
	return true
}
func (c *copies) Close() error { return nil }
