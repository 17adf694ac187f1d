package fn

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/types"
)

// Bucket returns the bucket of values, from 0, an INT NOT NULL: its last argument, a constant, is how many there are. Equal values have the same one, and null is a value. It has no name in SQL; distinct aggregations are
// split by it.
var Bucket = &Function{
	Name: "$BUCKET", Doc: "the bucket of some values", Nulls: NullCustom,
	Infer: func(_ *Session, args []Arg) (Signature, error) {
		return Signature{Result: types.New(types.Int).NotNull()}, count(args, 2, 1<<16)
	},
	Bind: bound(func() Kernel {
		var key []byte
		return func(_ *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
			last := len(args) - 1
			for i := range size(sel, n) {
				row := at(sel, i)
				key = key[:0]
				for _, a := range args[:last] {
					key = column.AppendEncoded(key, a, row)
				}
				out.Words[row] = base.LaneBytes(key) % args[last].Word(row)
			}
			return nil
		}
	}),
}
