package physical

import (
	"github.com/weirstream/weir/types"
)

// Rules are the names of the rules of this package that may be switched off, see [Config.Off].
var Rules = []string{"drop-row-number", "bound-state", "filter-best", "keep-spread", "merge-joins", "push-into-scans", "two-phase-aggregate"}

// fired returns the rules that show in a plan, in the order in which they are applied.
func (p *Program) fired(dropped, spread bool) (names []string) {
	found := map[string]bool{"drop-row-number": dropped, "keep-spread": spread}
	readers := map[Node]int{}
	for _, n := range p.Nodes {
		for _, in := range n.Of().Inputs {
			readers[in]++
		}
		h := n.Of()
		if h.Changelog.Has(types.UpdateAfter) && !h.Changelog.Has(types.UpdateBefore) {
			found["drop-update-before"] = true
		}
		switch n := n.(type) {
		case *WindowAggregate:
			found["window-aggregate"] = true
		case *WindowJoin:
			found["window-join"] = true
		case *IntervalJoin:
			found["interval-join"] = true
		case *TemporalJoin:
			found["temporal-join"] = true
		case *LookupJoin:
			found["lookup-join"] = true
		case *Rank:
			found["top-n"] = true
		case *Deduplicate:
			found["deduplicate"] = true
		case *Join:
			found["bound-state"] = found["bound-state"] || n.LeftExpiry != nil || n.RightExpiry != nil
		case *MultiJoin:
			found["merge-joins"] = true
		case *WindowBest:
			found["filter-best"] = true
		case *ChangelogNormalize:
			found["filter-normalized"] = found["filter-normalized"] || n.Where != nil
		case *Scan:
			found["push-into-scans"] = found["push-into-scans"] || n.pushed
		}
	}
	for _, n := range readers {
		if n > 1 {
			found["share-plans"] = true
		}
	}
	for _, name := range []string{"share-plans", "window-aggregate", "window-join", "interval-join", "temporal-join", "lookup-join", "merge-joins", "top-n", "deduplicate", "drop-row-number", "filter-normalized", "drop-update-before", "bound-state", "filter-best", "keep-spread",
		"push-into-scans"} {
		if found[name] {
			names = append(names, name)
		}
	}
	return names
}
