package physical

import (
	"slices"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

func (p *planner) toChangelog(r *logical.ToChangelog) (Node, error) {
	in, err := p.convert(r.Input)
	if err != nil {
		return nil, err
	}
	n := &ToChangelog{Names: r.Names, Columns: append(slices.Clone(r.Partition), -1)}
	if !r.FullDeletes {
		kept := slices.Clone(r.Partition)
		if keys := in.Of().Keys; len(keys) > 0 {
			kept = append(kept, slices.MinFunc(keys, func(a, b []int) int { return len(a) - len(b) })...)
		}
		if kept == nil {
			return nil, fault.New(fault.SQLInvalid, "TO_CHANGELOG with produces_full_deletes => FALSE keeps the key of a deleted row, but its input has none: add PARTITION BY, or leave the argument out")
		}
		for c := range in.Of().Fields {
			if !slices.Contains(kept, c) {
				n.Blank = append(n.Blank, c)
			}
		}
	}
	for c := range in.Of().Fields {
		if !slices.Contains(r.Partition, c) {
			n.Columns = append(n.Columns, c)
		}
	}
	if len(r.Partition) > 0 {
		in = p.exchange(in, r.Partition)
	}
	n.Head = Head{Inputs: []Node{in}, Fields: r.Out, Single: in.Of().Single}
	return p.add(n), nil
}

func (p *planner) fromChangelog(r *logical.FromChangelog) (Node, error) {
	if p.Batch {
		return nil, fault.New(fault.SQLUnsupported, "FROM_CHANGELOG changes and deletes rows, which batch mode does not: SET 'execution.runtime-mode' = 'streaming', which reads tables to their end as well")
	}
	in, err := p.convert(r.Input)
	if err != nil {
		return nil, err
	}
	var kinds types.Changelog
	for _, k := range r.Kinds {
		kinds = kinds.With(k)
	}
	before, after := kinds.Has(types.UpdateBefore), kinds.Has(types.UpdateAfter)
	switch {
	case before && !after:
		return nil, r.MappingAt.Of(fault.New(fault.SQLInvalid, "the op_mapping of FROM_CHANGELOG has UPDATE_BEFORE, but no UPDATE_AFTER: map to both, or to UPDATE_AFTER with PARTITION BY a key"))
	case after && !before && len(r.Partition) == 0:
		return nil, r.MappingAt.Of(fault.New(fault.SQLInvalid, "the op_mapping of FROM_CHANGELOG has UPDATE_AFTER, but no UPDATE_BEFORE: then rows are updated by a key, which PARTITION BY has to say"))
	}
	n := &FromChangelog{Op: r.Op, Kinds: r.Kinds, Invalid: r.Invalid, Columns: slices.Clone(r.Partition)}
	for c := range in.Of().Fields {
		if c != r.Op && !slices.Contains(r.Partition, c) {
			n.Columns = append(n.Columns, c)
		}
	}
	if len(r.Partition) > 0 {
		in = p.exchange(in, r.Partition)
	}
	n.Head = Head{Inputs: []Node{in}, Fields: r.Out, Single: in.Of().Single}
	if n.upserts() {
		key := make([]int, len(r.Partition))
		for i := range key {
			key[i] = i
		}
		n.Keys = [][]int{key}
	}
	return p.add(n), nil
}

// upserts reports whether rows are updated by key, with no -U rows.
func (n *FromChangelog) upserts() bool {
	before, after := false, false
	for _, k := range n.Kinds {
		before, after = before || k == types.UpdateBefore, after || k == types.UpdateAfter
	}
	return after && !before
}

// normalize puts a ChangelogNormalize behind each FromChangelog of updates by key, if what reads it needs whole rows: the -U rows, or state to find what is deleted. Sinks by key do not. Both are spread by that key already.
// It takes the one behind a table out again whose deleted rows have the key only, if what reads it needs no more.
func (p *Program) normalize(ttl time.Duration, perRow bool) {
	whole, deleted := map[Node]bool{}, map[Node]bool{} // whether -U rows, or state; and whether all columns of deleted rows
	for _, n := range slices.Backward(p.Nodes) {
		needs, all := whole[n], deleted[n]
		switch n := n.(type) {
		case *Sink:
			needs = n.Before || n.Materialize != nil
			all = !n.KeyDeletes
		case *Calc, *Exchange, *Union, *WatermarkAssigner:
		default:
			needs = true
		}
		for _, in := range n.Of().Inputs {
			whole[in] = whole[in] || needs || in.Of().Before
			deleted[in] = deleted[in] || all
		}
	}
	var nodes []Node
	placed := map[Node]Node{}
	for _, n := range p.Nodes {
		h := n.Of()
		for i, in := range h.Inputs {
			if m := placed[in]; m != nil {
				h.Inputs[i] = m
			}
		}
		if m, ok := n.(*ChangelogNormalize); ok && !whole[n] && !deleted[n] && m.ofKeyDeletes() {
			placed[n] = h.Inputs[0]
			continue
		}
		nodes = append(nodes, n)
		f, ok := n.(*FromChangelog)
		if !ok || !f.upserts() || !whole[n] {
			continue
		}
		m := &ChangelogNormalize{Head: Head{Inputs: []Node{n}, Fields: h.Fields, Keys: h.Keys, Changelog: h.Changelog, Before: h.Before, Single: h.Single, Bounded: h.Bounded}, Unique: h.Keys[0], TTL: ttl, PerRow: perRow}
		h.Changelog, h.Before = h.Changelog.Without(types.UpdateBefore), false
		placed[n] = m
		nodes = append(nodes, m)
	}
	p.Nodes = nodes
}

// ofKeyDeletes reports whether what is normalized is a table whose deleted rows have the key only, with nulls that its other columns may hold.
func (n *ChangelogNormalize) ofKeyDeletes() bool {
	e, ok := n.Inputs[0].(*Exchange)
	if !ok {
		return false
	}
	s, ok := e.Inputs[0].(*Scan)
	if !ok || !s.KeyDeletes || n.Where != nil {
		return false
	}
	for i, f := range s.Fields {
		if !slices.Contains(n.Unique, i) && !f.Type.Nullable() {
			return false
		}
	}
	return true
}
