package physical

import (
	"slices"

	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
)

// keepSpread leaves out exchanges by columns by which the rows are spread already, such as between a join and a Top-1 by the same key: the operators run in one task then. It reports whether there were any.
func (p *planner) keepSpread() (found bool) {
	for _, n := range p.program.Nodes {
		h := n.Of()
		for i, in := range h.Inputs {
			x, ok := in.(*Exchange)
			if !ok || h.Single || !spreadBy(x.Inputs[0], x.Hash) {
				continue
			}
			h.Inputs = slices.Clone(h.Inputs)
			h.Inputs[i] = x.Inputs[0]
			found = true
		}
	}
	return found
}

// spreadBy reports whether the rows of n are where an exchange by the columns would bring them: whether there is one behind operators that emit a row where they were given its values.
func spreadBy(n Node, key []int) bool {
	h := n.Of()
	if len(key) == 0 || h.Single {
		return false
	}
	switch n := n.(type) {
	case *Exchange:
		return slices.Equal(n.Hash, key)
	case *Calc:
		if n.Exprs == nil {
			break
		}
		return spreadThrough(h.Inputs[0], key, func(c int) int {
			if ref, ok := n.Exprs[c].(*expr.Ref); ok {
				return ref.Index
			}
			return -1
		})
	case *GroupAggregate:
		return spreadThrough(h.Inputs[0], key, grouped(n.Group))
	case *WindowAggregate:
		return spreadThrough(h.Inputs[0], key, grouped(n.Group))
	case *Rank, *Deduplicate, *Over: // their own columns stand behind those of the input
		width := len(h.Inputs[0].Of().Fields)
		return spreadThrough(h.Inputs[0], key, func(c int) int {
			if c < width {
				return c
			}
			return -1
		})
	case *Join:
		return spreadJoin(h, key, n.Kind != logical.RightOuter && n.Kind != logical.FullOuter, n.Kind == logical.Inner || n.Kind == logical.RightOuter)
	case *IntervalJoin:
		return spreadJoin(h, key, n.Kind == logical.Inner || n.Kind == logical.LeftOuter, n.Kind == logical.Inner || n.Kind == logical.RightOuter)
	case *MultiJoin:
		base := 0
		for _, in := range h.Inputs {
			width := len(in.Of().Fields)
			if spreadThrough(in, key, columnsFrom(base, width)) {
				return true
			}
			base += width
		}
		return false
	default:
		return false
	}
	return spreadBy(h.Inputs[0], key)
}

// spreadThrough is spreadBy of an input, in which the columns have other numbers; -1 for those that it does not have.
func spreadThrough(in Node, key []int, at func(c int) int) bool {
	below := make([]int, len(key))
	for i, c := range key {
		if below[i] = at(c); below[i] < 0 {
			return false
		}
	}
	return spreadBy(in, below)
}

// spreadJoin is spreadBy of a join of two inputs. Rows that have no partner have nulls on the other side, so that only the sides without such count.
func spreadJoin(h *Head, key []int, left, right bool) bool {
	n := len(h.Inputs[0].Of().Fields)
	return left && spreadThrough(h.Inputs[0], key, columnsFrom(0, n)) || right && spreadThrough(h.Inputs[1], key, columnsFrom(n, len(h.Inputs[1].Of().Fields)))
}

// columnsFrom maps columns that begin at a place to those of an input.
func columnsFrom(base, width int) func(c int) int {
	return func(c int) int {
		if c < base || c >= base+width {
			return -1
		}
		return c - base
	}
}

// grouped maps the columns of groups to those of the input.
func grouped(group []int) func(c int) int {
	return func(c int) int {
		if c < len(group) {
			return group[c]
		}
		return -1
	}
}
