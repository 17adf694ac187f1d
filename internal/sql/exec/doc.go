// Package exec has the operators of SQL: what stands behind the nodes of a physical plan.
//
// # Conventions
//
// An operator is a factory, an [operator.Factory] whose fields say what the planner has decided, in a file of its own. Its inputs and its output are ports of *[column.Batch]: see
// [Input] and [Output]. A batch has from one to a few thousand rows; it is lent until the call returns. The port's timestamp means nothing: time is in columns.
//
// Rows are a changelog: the kinds of a batch say what each row does, and who reads one with [column.Batch.Kinds] nil has only inserts. A planner tells each operator what its input may hold
// ([types.Changelog]) and whether somebody needs its -U rows. An operator that emits an update as -U and +U emits them next to each other.
//
// Expressions read columns by their index in the input. Keys are columns, too: where a key is computed, a [Calc] in front computes it.
//
// State lies in the tables of package statebackend, which are called once for a batch. What a batch's rows are in state, and back, is done by [Stored], and the keys by [Keys].
//
// With Final set, as in batch mode, all input is bounded and inserts only, and an operator emits only final rows: each result once, as an insert, at the end of its input or, in event time, when
// it is complete.
package exec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/internal/operator"
)

// Port is an input or the output of an operator.
type Port = operator.Port[*column.Batch]

// Input returns the port of a function that takes batches. It is never called with a batch without rows.
func Input(process func(b *column.Batch)) *Port {
	return operator.ValuePort(func(b *column.Batch, _ int64) { process(b) })
}

// Output returns the function that hands batches to what stands behind. A batch without rows goes nowhere.
func Output(w operator.Wiring) func(b *column.Batch) {
	next := operator.Next[*column.Batch](w)
	return func(b *column.Batch) {
		if b.N > 0 && (b.Sel == nil || len(b.Sel) > 0) {
			next(b, eventtime.NoTimestamp)
		}
	}
}

// BatchRows is how many rows an operator gathers in a batch of its own before it hands it on.
const BatchRows = 1024
