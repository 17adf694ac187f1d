package exec

import (
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// WindowAggregate groups rows by keys and windows. Its columns are the keys, the results of the calls, and the properties of the window.
//
// The results of a window are emitted once, as inserts, when its time has come: that of the watermark, or of the clock if the window is one of processing time. A row whose windows have all been emitted is late; it is dropped
// and counted. Windows of processing time that have not ended when the input does are not emitted, unless Final is set.
//
// Sessions of calls whose results cannot be put together from those of parts keep their rows until they end.
//
// A row goes into one slice, and windows that overlap share slices, if the calls allow it: the results of DISTINCT cannot be put together from those of slices, and there a row goes into each of its windows.
type WindowAggregate struct {
	Session *fn.Session
	Input   []types.Field
	// Partial, if it is not nil, has the columns of the rows of which batches have partial results, as of a [LocalAggregate]: the calls and Window are over these. Input is what comes: the keys, then the number of the
	// slice, or the start and the end of windows that rows carry, then the partial results.
	Partial []types.Field
	// Keys are the columns of GROUP BY without the window's.
	Keys  []int
	Calls []*agg.Call
	// Window says how a row's time makes its windows. Its Keys are not used.
	Window logical.WindowSpec
	// WindowAttached tells that rows carry their window, in the columns StartCol and EndCol; of Window, only Time counts then, whose type says whether those are times of the session's zone.
	WindowAttached   bool
	StartCol, EndCol int
	// Properties are what is emitted of the window.
	Properties []logical.WindowProperty
	// Consumes is what the input may hold.
	Consumes types.Changelog
	// Final tells that the input is bounded: nothing is late, and all windows are emitted.
	Final bool
}

var _ operator.Factory = (*WindowAggregate)(nil)

// New implements [operator.Factory].
func (f *WindowAggregate) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	if f.Window.Kind == logical.Session && !f.WindowAttached {
		set, err := agg.New(f.Calls, f.Input, agg.Options{Retract: f.Consumes.Updates()})
		if err != nil {
			return nil, err
		}
		if !set.Mergeable() {
			return newSessionRowsAggregate(f, ctx, w)
		}
		return newSessionAggregate(f, ctx, w)
	}
	return newSliceAggregate(f, ctx, w)
}
