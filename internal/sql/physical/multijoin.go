package physical

import (
	"slices"
	"strconv"

	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// mergeJoins makes one [MultiJoin] of inner joins over one another by the same key, as Flink does with table.optimizer.multi-join.enabled: one after the other, each would keep all rows that the one before it has joined.
// The result is the same. It reports whether there were any.
//
// A join stays what it is where others read it, where rows are left out between it and the next, and where it has a condition of its own besides the equalities, which keeps rows from the next.
func (p *planner) mergeJoins() (found bool) {
	readers := map[Node]int{}
	for _, n := range p.program.Nodes {
		for _, in := range n.Of().Inputs {
			readers[in]++
		}
	}
	instead := map[Node]*Calc{}
	for _, n := range p.program.Nodes {
		h := n.Of()
		for i, in := range h.Inputs {
			m := instead[in]
			if m == nil {
				continue
			}
			h.Inputs = slices.Clone(h.Inputs)
			h.Inputs[i] = m
			if c, ok := n.(*Calc); ok {
				c.through(m)
			}
		}
		j, ok := n.(*Join)
		if !ok {
			continue
		}
		if m := p.merged(j, readers); m != nil {
			instead[n] = m
			readers[m], readers[m.Inputs[0]] = readers[n], readers[n]
			found = true
		}
	}
	return found
}

// joinPart is an input of a join with its key.
type joinPart struct {
	in     Node
	keys   []int
	unique bool
}

// joinParts are what a side of a join consists of, and where its columns are among theirs.
type joinParts struct {
	parts []joinPart
	at    []int
}

// merged returns what takes the place of a join whose inputs are joins by its key; nil if none is.
func (p *planner) merged(j *Join, readers map[Node]int) *Calc {
	if !mergeable(j) {
		return nil
	}
	left, right := p.side(j, 0, readers), p.side(j, 1, readers)
	parts := slices.Concat(left.parts, right.parts)
	if len(parts) == 2 {
		return nil
	}
	for _, part := range parts {
		if j.Residual != nil && (p.ExpireByWatermark || part.in.Of().Window != nil) { // it may bound the state of a join of two
			return nil
		}
	}
	m := &MultiJoin{TTL: j.LeftTTL}
	for k := range j.Left {
		m.NullSafe = append(m.NullSafe, j.NullSafe != nil && j.NullSafe[k])
	}
	width := 0
	var fields []types.Field
	for _, part := range parts {
		m.JoinKeys, m.Unique = append(m.JoinKeys, part.keys), append(m.Unique, part.unique)
		m.Inputs = append(m.Inputs, p.exchange(unspread(part.in), part.keys))
		fields = append(fields, part.in.Of().Fields...)
	}
	for _, part := range left.parts {
		width += len(part.in.Of().Fields)
	}
	at := left.at
	for _, c := range right.at {
		at = append(at, width+c)
	}
	moved := func(i int) int { return at[i] }
	if j.Residual != nil {
		m.Residual = expr.Shift(j.Residual, moved)
	}
	taken := map[string]bool{}
	for c, i := range at {
		fields[i] = j.Fields[c]
		taken[j.Fields[c].Name] = true
	}
	for i := range fields {
		if !slices.Contains(at, i) {
			fields[i].Name = freeName(fields[i].Name, taken)
		}
	}
	m.Fields = fields
	for _, k := range j.Keys {
		key := make([]int, len(k))
		for i, c := range k {
			key[i] = at[c]
		}
		m.Keys = append(m.Keys, key)
	}
	exprs := make([]expr.Expr, len(at))
	for c, i := range at {
		exprs[c] = &expr.Ref{Index: i, Name: fields[i].Name, T: fields[i].Type}
	}
	p.add(m).Of().At = j.At
	calc := &Calc{Head: Head{Inputs: []Node{m}, Fields: j.Fields, Keys: j.Keys, Window: j.Window}, Exprs: exprs}
	p.add(calc)
	return calc
}

// through makes c read the input of another that only chooses columns.
func (c *Calc) through(below *Calc) {
	c.Inputs = below.Inputs
	if c.Where != nil {
		c.Where = expr.Inline(c.Where, below.Exprs)
	}
	if c.Exprs == nil {
		c.Exprs = below.Exprs
		return
	}
	exprs := make([]expr.Expr, len(c.Exprs))
	for i, e := range c.Exprs {
		exprs[i] = expr.Inline(e, below.Exprs)
	}
	c.Exprs = exprs
}

// freeName returns a name that is not taken, and takes it.
func freeName(name string, taken map[string]bool) string {
	free := name
	for i := 0; taken[free]; i++ {
		free = name + strconv.Itoa(i)
	}
	taken[free] = true
	return free
}

// mergeable reports whether a join may be part of a [MultiJoin] at all.
func mergeable(j *Join) bool {
	return j.Kind == logical.Inner && !j.NullAware && len(j.Left) > 0 && len(j.Inputs) == 2 && j.LeftTTL == j.RightTTL && j.LeftExpiry == nil && j.RightExpiry == nil && !j.Single
}

// side returns what a side of a join consists of: the inputs of the join that stands there, if its key is the same, or else what it is. Keys are in the order of the join's.
func (p *planner) side(j *Join, side int, readers map[Node]int) joinParts {
	in, keys, unique := j.Inputs[side], j.Left, j.LeftUnique
	if side == 1 {
		keys, unique = j.Right, j.RightUnique
	}
	asItIs := joinParts{parts: []joinPart{{in, keys, unique}}}
	for c := range in.Of().Fields {
		asItIs.at = append(asItIs.at, c)
	}
	below, at := in, asItIs.at
	for steps := true; steps; {
		if readers[below] > 1 {
			return asItIs
		}
		switch m := below.(type) {
		case *Exchange:
			below = m.Inputs[0]
		case *Calc:
			if m.Where != nil {
				return asItIs
			}
			if m.Exprs != nil {
				through := make([]int, len(at))
				for c, i := range at {
					ref, ok := m.Exprs[i].(*expr.Ref)
					if !ok {
						return asItIs
					}
					through[c] = ref.Index
				}
				at = through
			}
			below = m.Inputs[0]
		default:
			steps = false
		}
	}
	var parts []joinPart
	switch m := below.(type) {
	case *Join:
		if !mergeable(m) || m.Residual != nil || m.LeftTTL != j.LeftTTL {
			return asItIs
		}
		parts = []joinPart{{m.Inputs[0], m.Left, m.LeftUnique}, {m.Inputs[1], m.Right, m.RightUnique}}
	case *MultiJoin:
		if m.Residual != nil || m.TTL != j.LeftTTL {
			return asItIs
		}
		for i, in := range m.Inputs {
			parts = append(parts, joinPart{in, m.JoinKeys[i], m.Unique[i]})
		}
	default:
		return asItIs
	}
	order := sameKey(parts, keys, at)
	if order == nil {
		return asItIs
	}
	for i, part := range parts {
		sorted := make([]int, len(order))
		for k, o := range order {
			sorted[k] = part.keys[o]
		}
		parts[i].keys = sorted
	}
	return joinParts{parts, at}
}

// sameKey tells which column of the parts' common key each of some columns is, where at has their places among the parts' columns; nil if they are not all of it, each once.
func sameKey(parts []joinPart, keys, at []int) (order []int) {
	if len(keys) != len(parts[0].keys) {
		return nil
	}
	for _, c := range keys {
		col, base, which := at[c], 0, -1
		for _, part := range parts {
			if i := col - base; i >= 0 && i < len(part.in.Of().Fields) {
				which = slices.Index(part.keys, i)
			}
			base += len(part.in.Of().Fields)
		}
		if which < 0 || slices.Contains(order, which) {
			return nil
		}
		order = append(order, which)
	}
	return order
}

// unspread is what stands in front of an exchange.
func unspread(n Node) Node {
	if x, ok := n.(*Exchange); ok {
		return x.Inputs[0]
	}
	return n
}
