package physical

import (
	"slices"

	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/types"
)

// dropRanks reports whether it has changed something: it leaves the number out of what a Rank emits where nobody reads it: then a row that only moves among the first is no news.
func (p *Program) dropRanks() (changed bool) {
	readers := map[Node][]Node{}
	for _, n := range p.Nodes {
		for _, in := range n.Of().Inputs {
			readers[in] = append(readers[in], n)
		}
	}
	for _, n := range p.Nodes {
		r, ok := n.(*Rank)
		if !ok || !r.WithRank {
			continue
		}
		number := len(r.Fields) - 1
		unread := len(readers[n]) > 0
		for _, reader := range readers[n] {
			c, ok := reader.(*Calc)
			if !ok || c.Exprs == nil {
				unread = false
				break
			}
			set := map[int]bool{}
			for _, e := range c.Exprs {
				expr.Refs(e, set)
			}
			if c.Where != nil {
				expr.Refs(c.Where, set)
			}
			unread = unread && !set[number]
		}
		if unread {
			r.WithRank, changed = false, true
			r.Fields = r.Fields[:number]
			r.Keys = r.Keys[1:]
			if r.From == 1 && r.To == 1 {
				r.Keys = append(r.Keys, r.Partition)
			}
		}
	}
	return changed
}

// dropBefore puts an operator that leaves -U rows out in front of sinks that do not want them, where others have asked for them.
func (p *Program) dropBefore() {
	var nodes []Node
	for _, n := range p.Nodes {
		s, ok := n.(*Sink)
		if ok && !s.Before {
			in := s.Inputs[0].Of()
			if in.Changelog.Has(types.UpdateBefore) && !normalized(s.Inputs[0]) {
				d := &DropUpdateBefore{Head{Inputs: []Node{s.Inputs[0]}, Fields: in.Fields, Keys: in.Keys, Single: in.Single, Changelog: in.Changelog.Without(types.UpdateBefore)}, s.Key}
				if s.Key != nil {
					d.Changelog = d.Changelog.With(types.Delete)
				}
				s.Inputs = []Node{d}
				s.Changelog = d.Changelog
				nodes = append(nodes, d)
			}
		}
		nodes = append(nodes, n)
	}
	p.Nodes = nodes
	for i, n := range nodes {
		n.Of().ID = i + 1
	}
}

// normalized reports whether what a node gives was filtered by a ChangelogNormalize, which has made deletions of what did not pass: its -U rows go on to sinks by key, as in Flink, each before its +U row.
func normalized(n Node) bool {
	switch n := n.(type) {
	case *ChangelogNormalize:
		return n.Where != nil && !ofKey(n.Where, n.Keys)
	case *Calc:
		return n.Where == nil && normalized(n.Inputs[0])
	case *Exchange:
		return normalized(n.Inputs[0])
	}
	return false
}

// ofKey reports whether a condition reads columns of one of some keys only: then all rows of a key pass or none.
func ofKey(where expr.Expr, keys [][]int) bool {
	set := map[int]bool{}
	expr.Refs(where, set)
	return slices.ContainsFunc(keys, func(key []int) bool {
		for c := range set {
			if !slices.Contains(key, c) {
				return false
			}
		}
		return true
	})
}

// filterNormalized moves a filter into the ChangelogNormalize beneath, if it is the only one that reads it: what does not pass need not be kept.
func (p *Program) filterNormalized() {
	readers := map[Node]int{}
	for _, n := range p.Nodes {
		for _, in := range n.Of().Inputs {
			readers[in]++
		}
	}
	for _, n := range p.Nodes {
		c, ok := n.(*Calc)
		if !ok || c.Where == nil {
			continue
		}
		if m, ok := c.Inputs[0].(*ChangelogNormalize); ok && readers[m] == 1 && m.Where == nil && expr.Deterministic(c.Where) {
			m.Where, c.Where = c.Where, nil
		}
	}
}
