package fn

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// Replicate is a table function that gives a row as often as its only argument says, a BIGINT: not at all for one below 1. Its column counts these rows from 0. It has no name in SQL; INTERSECT ALL and EXCEPT ALL
// are made with it.
var Replicate = &Table{
	Name: "$REPLICATE",
	Doc:  "as many rows as the argument says",
	Infer: func(_ *Session, args []Arg) (Signature, error) {
		return Signature{Args: []types.Type{types.New(types.BigInt)}, Result: types.New(types.BigInt).NotNull()}, count(args, 1, 1)
	},
	Bind: func(*Session, []Arg) (TableKernel, error) {
		var of []int32
		return func(_ *Call, args []*column.Vector, sel []int32, n int, out *column.Batch) ([]int32, error) {
			of = of[:0]
			times := args[0]
			to := out.Cols[0]
			Rows(sel, n, func(row int) {
				if times.Null(row) {
					return
				}
				for i := range times.Int(row) {
					to.Words = append(to.Words, uint64(i))
					of = append(of, int32(row))
				}
			})
			out.N = len(of)
			return of, nil
		}, nil
	},
}
