package fn

import "github.com/weirstream/weir/column"

// Custom is an aggregate function that a program brings along: what package agg cannot compute by its name.
type Custom struct {
	// Retracts tells that rows can be taken back, and Merges that two accumulators can be made one.
	Retracts, Merges bool
	// Strict tells of each argument, the last one also of all behind it, that rows are left out in which it is null.
	Strict []bool
	// New returns what computes it for one operator.
	New func() Folder
}

// Folder computes an aggregate function of a program: it has one accumulator at hand, which is kept as bytes elsewhere. It is used by one goroutine.
type Folder interface {
	// Bind gives the arguments of the rows at hand, as flat vectors.
	Bind(args []*column.Vector)
	// Load makes an accumulator the one at hand: that which Store has written, or an empty one, of no bytes.
	Load(state []byte) error
	// Add takes a row in, and Retract takes one back.
	Add(row int)
	Retract(row int)
	// Merge takes another accumulator in.
	Merge(state []byte) error
	// Result writes the result as row of a flat vector of n rows.
	Result(out *column.Vector, row, n int)
	// Store appends the accumulator at hand.
	Store(dst []byte) ([]byte, error)
}
