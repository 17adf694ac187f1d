// Package agg has the accumulators of SQL's aggregate functions.
//
// A [Call] is a call of a function as the planner has resolved it. A [Set] is all calls of an operator, compiled for one instance: it says what state a group has, which are words and strings in the
// row of the group and what hangs on it, and it takes in the rows of a batch, a column at a time: functions that need the same (SUM(x), AVG(x) and COUNT(x), say) share it. Results come as vectors.
package agg

import (
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// Arg is an argument of a call: a column of the input, or a constant.
type Arg struct {
	// Col is the column, -1 for a constant.
	Col   int
	Const column.Value
	Type  types.Type
}

// Call is an aggregate call as the operators know it. It is not changed.
type Call struct {
	// Function is the name of the function, upper case, as package fn has it.
	Function string
	Args     []Arg
	Distinct bool
	// Filter is the BOOLEAN column of FILTER (WHERE ..), -1 for none.
	Filter int
	// Order is that inside of the call.
	Order       []logical.SortKey
	IgnoreNulls bool
	// Result is the type of the result.
	Result types.Type
	// Custom computes a function of a program; nil for those that are known by their names.
	Custom *fn.Custom
}

// Resolve makes a call of a logical one, over an input that holds the given changes. The error says what is not supported.
func Resolve(call *logical.AggCall, input []types.Field, consumes types.Changelog) (*Call, error) {
	c := &Call{Function: strings.ToUpper(call.Fn.Name), Distinct: call.Distinct, Filter: call.Filter, Order: call.Order, IgnoreNulls: call.IgnoreNulls, Result: call.T}
	var err error
	if c.Args, err = Args(call, input); err != nil {
		return nil, err
	}
	if call.Fn.Custom != nil {
		list := make([]types.Type, len(c.Args))
		for i, a := range c.Args {
			list[i] = a.Type
		}
		c.Custom = call.Fn.Custom(list)
	}
	if _, err := compile([]*Call{c}, input, Options{Retract: consumes.Updates()}); err != nil {
		return nil, err
	}
	return c, nil
}

// Args are the arguments of a logical call.
func Args(call *logical.AggCall, input []types.Field) (args []Arg, err error) {
	for _, a := range call.Args {
		switch a := a.(type) {
		case *expr.Ref:
			if a.Index < 0 || a.Index >= len(input) {
				return nil, fault.New(fault.InternalInvariant, "%s reads column %d of %d", call.Fn.Name, a.Index, len(input))
			}
			args = append(args, Arg{Col: a.Index, Type: a.T})
		case *expr.Const:
			args = append(args, Arg{Col: -1, Const: a.Value, Type: a.T})
		case *expr.Symbol:
			args = append(args, Arg{Col: -1, Const: column.TextValue(a.Name), Type: a.Type()})
		default:
			return nil, fault.New(fault.InternalInvariant, "an argument of %s is computed, and not a column: %s", call.Fn.Name, a)
		}
	}
	return args, nil
}
