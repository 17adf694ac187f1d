package physical

import (
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

const updates = types.Changelog(1<<types.UpdateBefore | 1<<types.UpdateAfter)

// kinds returns what rows a node may emit, given what its inputs may hold; -U is there wherever +U is, as long as nobody has asked whether it is needed.
func kinds(n Node, batch bool) types.Changelog {
	in := func(i int) types.Changelog { return n.Of().Inputs[i].Of().Changelog }
	switch n := n.(type) {
	case *Scan:
		return n.Changelog
	case *Values:
		return types.AppendOnly
	case *GroupAggregate:
		out := types.AppendOnly
		if !batch {
			if len(n.Calls) > 0 {
				out |= updates
			}
			if in(0).Updates() {
				out = out.With(types.Delete)
			}
		}
		return out
	case *WindowAggregate, *WindowJoin, *Sort, *Match, *SnapshotJoin:
		return types.AppendOnly
	case *Join:
		if batch {
			return types.AppendOnly
		}
		out := in(0) | in(1)
		if len(n.Inputs) == 2 && (n.outer() || n.Kind >= 4) {
			if n.outer() {
				out |= types.AppendOnly.With(types.Delete)
			}
			if n.Kind >= 4 && in(1).Updates() || n.Kind == 5 {
				out = out.With(types.Delete)
			}
		}
		return out
	case *MultiJoin:
		if batch {
			return types.AppendOnly
		}
		out := types.AppendOnly
		for i := range n.Inputs {
			out |= in(i)
		}
		return out
	case *Rank, *SortLimit:
		if batch {
			return types.AppendOnly
		}
		if r, ok := n.(*Rank); ok && r.InWindow != nil {
			return types.AppendOnly
		}
		out := types.AppendOnly.With(types.Delete) | updates
		return out
	case *Over:
		if n.Updating {
			return types.AppendOnly.With(types.Delete) | updates
		}
		return in(0)
	case *Deduplicate:
		if batch || !n.Last && n.Proctime {
			return types.AppendOnly
		}
		return types.AppendOnly | updates
	case *ChangelogNormalize:
		return types.Retracts
	case *ToChangelog:
		return types.AppendOnly
	case *FromChangelog:
		out := types.AppendOnly
		for _, k := range n.Kinds {
			out = out.With(k)
		}
		if out.Has(types.UpdateAfter) { // where the texts do not say it, a ChangelogNormalize does: see normalize
			out = out.With(types.UpdateBefore)
		}
		return out
	case *DropUpdateBefore:
		return in(0).Without(types.UpdateBefore)
	case *Union:
		var out types.Changelog
		for i := range n.Inputs {
			out |= in(i)
		}
		return out
	case *Sink, *Result:
		return in(0)
	}
	if len(n.Of().Inputs) > 0 {
		return in(0)
	}
	return types.AppendOnly
}

func (n *Join) outer() bool { return n.Kind == 1 || n.Kind == 2 || n.Kind == 3 }

// needsBefore reports whether a node, whose own -U rows are needed or not, needs those of its input i.
func needsBefore(n Node, i int, own bool) bool {
	switch n := n.(type) {
	case *GroupAggregate, *Over, *WindowAggregate:
		return true
	case *ChangelogNormalize, *FromChangelog:
		return false
	case *ToChangelog:
		return n.Names[types.UpdateBefore] != ""
	case *Join:
		// A side whose key has but one row at a time takes the new row for the old one.
		if i == 0 {
			return own || !n.LeftUnique
		}
		return own || !n.RightUnique
	case *MultiJoin:
		return own || !n.Unique[i]
	case *Rank, *SortLimit:
		return true
	case *Calc:
		// A filter on a row that changes: its old row must be seen to leave, unless the new one says so by its key.
		return own || n.Where != nil && n.Inputs[0].Of().Changelog.Has(types.UpdateAfter)
	case *Sink:
		return n.Before
	case *Result:
		return true
	case *Union, *Exchange, *WatermarkAssigner, *DropUpdateBefore, *AsyncCalc, *LookupJoin, *WindowBest:
		return own
	case *Correlate:
		// A row that no longer comes at all must be seen to leave.
		return own || n.Fn == fn.Replicate
	}
	return true
}

// infer fills in the changelogs: first what each node may emit, from the inputs on, then which -U rows are needed, from the ends on.
func (p *Program) infer(batch bool) error {
	for _, n := range p.Nodes {
		h := n.Of()
		h.Changelog = kinds(n, batch)
		if err := accepts(n); err != nil {
			return h.At.Of(err)
		}
	}
	for _, n := range slices.Backward(p.Nodes) {
		h := n.Of()
		if m, ok := n.(*ChangelogNormalize); ok && m.Where != nil && !ofKey(m.Where, h.Keys) {
			h.Before = true // as if the filter stood behind it
		}
		if _, ok := n.(*Sink); !ok && h.Changelog.Has(types.UpdateBefore) && !h.Before {
			if _, ok := n.(*Scan); !ok {
				h.Changelog = h.Changelog.Without(types.UpdateBefore)
			}
		}
		for i, in := range h.Inputs {
			if needsBefore(n, i, h.Before) {
				in.Of().Before = true
			}
		}
	}
	// What goes through unchanged holds what its input holds.
	for _, n := range p.Nodes {
		h := n.Of()
		switch n := n.(type) {
		case *Calc, *Exchange, *WatermarkAssigner, *Union, *Correlate, *AsyncCalc, *LookupJoin, *Result:
			h.Changelog = kinds(n, batch)
		}
	}
	return nil
}

// changer returns the node that changes rows, or deletes them, of those whose changes come out of n: others only hand on what their inputs hold.
func changer(n Node) Node {
	for {
		switch m := n.(type) {
		case *Join:
			if m.outer() || m.Kind == logical.Anti {
				return n
			}
		case *GroupAggregate:
			if len(m.Calls) > 0 {
				return n
			}
		case *Calc, *Exchange, *Union, *WatermarkAssigner, *Correlate, *AsyncCalc, *LookupJoin, *TemporalJoin, *MultiJoin, *WindowBest:
		default:
			return n
		}
		from := slices.IndexFunc(n.Of().Inputs, func(in Node) bool { return in.Of().Changelog.Updates() })
		if from < 0 {
			return n
		}
		n = n.Of().Inputs[from]
	}
}

// accepts returns an error if a node cannot take what its inputs hold.
func accepts(n Node) error {
	h := n.Of()
	insertOnly := func(what string) error {
		for _, in := range h.Inputs {
			if in.Of().Changelog.Updates() {
				return fault.New(fault.SQLChangelog, "%s takes rows that are only added, but %s changes and deletes rows (%s)", what, Describe(in), in.Of().Changelog)
			}
		}
		return nil
	}
	switch n := n.(type) {
	case *IntervalJoin:
		return insertOnly("an interval join")
	case *WindowTable:
		return insertOnly("a windowing table function")
	case *WindowJoin:
		return insertOnly("a window join")
	case *Over:
		if n.Updating {
			return nil
		}
		return insertOnly("an OVER aggregation ordered by time")
	case *Deduplicate:
		return insertOnly("deduplication")
	case *Match:
		return insertOnly("MATCH_RECOGNIZE")
	case *SnapshotJoin:
		what := "SNAPSHOT"
		if n.AtEnd {
			what = "a table as of a processing time"
		}
		if in := n.Inputs[0]; in.Of().Changelog.Updates() {
			return fault.New(fault.SQLChangelog, "the left side of a join with %s takes rows that are only added, but %s changes and deletes rows (%s)", what, Describe(in), in.Of().Changelog)
		}
	case *FromChangelog:
		return insertOnly("FROM_CHANGELOG")
	case *WatermarkAssigner:
		return nil
	case *Sort:
		if len(n.Inputs) > 0 && !n.Bounded {
			return insertOnly("ORDER BY a time")
		}
	}
	return nil
}
