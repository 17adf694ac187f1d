package fn

import (
	"context"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// Aggregate is an aggregate function as the planner sees it. Package agg has the accumulators, by name.
type Aggregate struct {
	Name     string
	Aliases  []string
	Doc      string
	Examples [][2]string
	// Infer is as that of [Function]. In a query without GROUP BY, or with a FILTER, grouped is false: the input may be empty, and most results are nullable then, and COUNT is not.
	Infer func(s *Session, args []Arg, grouped bool) (Signature, error)
	// Star tells that it may be called with a star, as COUNT.
	Star bool
	// Ranking tells that it stands only OVER a window: ROW_NUMBER, RANK, LAG, ...
	Ranking bool
	// Ordered tells that the result depends on the order of rows, as that of FIRST_VALUE or LISTAGG.
	Ordered bool
	// Custom returns what computes a function of a program, for arguments of the types that Infer has asked for; nil for those of package agg.
	Custom func(args []types.Type) *Custom
}

// Table is a table function: one row gives any number of rows.
type Table struct {
	Name     string
	Aliases  []string
	Doc      string
	Examples [][2]string
	// Infer returns the signature, whose result is a ROW of the function's columns, or the type of its only one.
	Infer func(s *Session, args []Arg) (Signature, error)
	// Bind returns the kernel for arguments of the signature's types; nil of an asynchronous function.
	Bind func(s *Session, args []Arg) (TableKernel, error)
	// Async returns how the function is called away from the task; nil of others.
	Async func(s *Session, args []Arg) (AsyncKernel, error)
}

// TableKernel appends to out, which has the function's columns, the rows of the function for the rows of sel (nil: 0 to n-1), and returns for each the row that it is of, in the order of sel. args are flat. The list is
// valid until the next call. A kernel belongs to one operator instance.
type TableKernel func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Batch) (of []int32, err error)

// AsyncKernel calls an asynchronous function for one row: it may take as long as ctx lasts, and is called by several goroutines at the same time. It returns rows of the function's columns; of a scalar function one row
// of one value.
type AsyncKernel func(ctx context.Context, args []column.Value) (rows [][]column.Value, err error)

// Strict returns t, nullable if one of the arguments is.
func Strict(t types.Type, args []Arg) types.Type {
	nullable := false
	for _, a := range args {
		nullable = nullable || a.Symbol == "" && a.Type.Nullable()
	}
	return t.WithNullable(nullable)
}
