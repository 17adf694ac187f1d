package fn

import "github.com/weirstream/weir/types"

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
}

// Table is a table function: one row gives any number of rows.
type Table struct {
	Name     string
	Aliases  []string
	Doc      string
	Examples [][2]string
	// Infer returns the signature, whose result is a ROW of the function's columns.
	Infer func(s *Session, args []Arg) (Signature, error)
}

// Strict returns t, nullable if one of the arguments is.
func Strict(t types.Type, args []Arg) types.Type {
	nullable := false
	for _, a := range args {
		nullable = nullable || a.Symbol == "" && a.Type.Nullable()
	}
	return t.WithNullable(nullable)
}
