package exec

import (
	"slices"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/statebackend"
)

// windowResult emits groups of windows.
type windowResult struct {
	f      *WindowAggregate
	ctx    *operator.Context
	set    *agg.Set
	keys   keyReader
	clock  *wallClock
	forms  []column.Form
	emit   func(*column.Batch)
	at     []unsafe.Pointer
	live   []statebackend.Ref
	starts []int64
	ends   []int64
	out    column.Batch
}

func newWindowResult(f *WindowAggregate, ctx *operator.Context, w operator.Wiring, set *agg.Set, keys *Keys, clock *wallClock) *windowResult {
	r := &windowResult{f: f, ctx: ctx, set: set, keys: keyReader{stored: keys.Stored()}, clock: clock, emit: Output(w)}
	r.forms = column.Forms(keys.Fields())
	for _, c := range f.Calls {
		r.forms = append(r.forms, column.FormOf(c.Result))
	}
	for range f.Properties {
		r.forms = append(r.forms, column.Word)
	}
	r.out.Reset(r.forms)
	return r
}

// send emits groups of a table, that of refs[i] with a window from starts[i] to ends[i]; those without rows are left out.
func (r *windowResult) send(table *statebackend.GroupTable, set *agg.Set, refs []statebackend.Ref, starts, ends []int64) {
	r.at = slices.Grow(r.at[:0], len(refs))[:len(refs)]
	table.View(refs, nil, r.at)
	if r.f.Consumes.Updates() {
		r.live, r.starts, r.ends = r.live[:0], r.starts[:0], r.ends[:0]
		n := 0
		for i, p := range r.at {
			if set.Live(p) != 0 {
				r.live, r.starts, r.ends = append(r.live, refs[i]), append(r.starts, starts[i]), append(r.ends, ends[i])
				r.at[n] = p
				n++
			}
		}
		refs, starts, ends, r.at = r.live, r.starts, r.ends, r.at[:n]
	}
	n := len(refs)
	if n == 0 {
		return
	}
	r.out.N = n
	r.keys.table = table
	k := len(r.f.Keys)
	for i := range k {
		r.keys.read(i, refs, r.out.Cols[i])
	}
	for i := range r.f.Calls {
		v := r.out.Cols[k+i]
		v.Reset(r.forms[k+i], n)
		set.Emit(i, refs, r.at, v, 0, n)
	}
	for i, p := range r.f.Properties {
		v := r.out.Cols[k+len(r.f.Calls)+i]
		v.Reset(column.Word, n)
		out := v.Ints()
		switch p {
		case logical.WindowStart:
			copy(out, starts)
		case logical.WindowEnd:
			copy(out, ends)
		case logical.WindowRowtime:
			for j, end := range ends {
				out[j] = r.clock.instant(end - 1)
			}
		case logical.WindowProctime:
			for j := range out {
				out[j] = r.ctx.NowMillis
			}
		}
	}
	if err := set.Err(); err != nil {
		r.ctx.Fail(err)
		return
	}
	r.emit(&r.out)
	r.out.Reset(r.forms)
}
