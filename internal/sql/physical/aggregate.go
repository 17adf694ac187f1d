package physical

import (
	"slices"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

func (p *planner) aggregate(r *logical.Aggregate) (Node, error) {
	in, err := p.convert(r.Input)
	if err != nil {
		return nil, err
	}
	keys := r.Keys
	if r.Sets != nil {
		return p.groupingSets(r, in)
	}
	if r.Window != nil {
		if err := p.untimed("a window", r.TimeAt, in, r.Window.Time); err != nil {
			return nil, err
		}
		return p.windowAggregate(r, in, keys, *r.Window, nil, r.Properties, r.Out), nil
	}
	if w := in.Of().Window; w != nil && w.Start >= 0 && w.End >= 0 && slices.Contains(keys, w.Start) && slices.Contains(keys, w.End) {
		return p.aggregateInWindow(r, in, w)
	}
	x := p.exchange(in, keys)
	all := make([]int, len(keys))
	for i := range all {
		all[i] = i
	}
	return p.add(&GroupAggregate{
		Head:  Head{Inputs: []Node{x}, Fields: r.Out, Keys: [][]int{all}, Single: len(keys) == 0},
		Group: keys, Calls: r.Calls, Grouped: len(keys) > 0, TTL: p.lifetime(r.TTL), PerRow: p.PerRow,
	}), nil
}

// windowAggregate makes the operator behind its exchange. Its columns are the keys, the calls and the properties.
func (p *planner) windowAggregate(r *logical.Aggregate, in Node, keys []int, spec logical.WindowSpec, attached *Window, properties []logical.WindowProperty, out []types.Field) Node {
	x := p.exchange(in, keys)
	n := &WindowAggregate{Head: Head{Inputs: []Node{x}, Fields: out, Single: len(keys) == 0}, Group: keys, Calls: r.Calls, Spec: spec, Properties: properties, Attached: attached}
	w := &Window{-1, -1, -1, spec}
	base := len(keys) + len(r.Calls)
	for i, prop := range properties {
		switch prop {
		case logical.WindowStart:
			w.Start = base + i
		case logical.WindowEnd:
			w.End = base + i
		case logical.WindowRowtime:
			w.Time = base + i
		}
	}
	var unique []int
	for i := range keys {
		unique = append(unique, i)
	}
	if w.Start >= 0 && w.End >= 0 {
		n.Window = w
		n.Keys = [][]int{append(slices.Clone(unique), w.Start, w.End)}
		if spec.Kind == logical.Tumble || spec.Kind == logical.Hop {
			n.Keys = append(n.Keys, append(slices.Clone(unique), w.Start), append(slices.Clone(unique), w.End))
		}
	}
	return p.add(n)
}

// aggregateInWindow plans GROUP BY over columns of which some are the window's.
func (p *planner) aggregateInWindow(r *logical.Aggregate, in Node, w *Window) (Node, error) {
	spec := w.Spec
	var keys []int
	for _, k := range r.Keys {
		if k != w.Start && k != w.End && k != w.Time {
			keys = append(keys, k)
		}
	}
	properties := []logical.WindowProperty{logical.WindowStart, logical.WindowEnd}
	fields := r.Input.Fields()
	var out []types.Field
	for _, k := range keys {
		out = append(out, fields[k])
	}
	for i := range r.Calls {
		out = append(out, r.Out[len(r.Keys)+i])
	}
	out = append(out, fields[w.Start], fields[w.End])
	if slices.Contains(r.Keys, w.Time) && w.Time >= 0 {
		properties = append(properties, logical.WindowRowtime)
		out = append(out, fields[w.Time])
	}
	var n Node
	if below, at, ok := p.beneathWindow(r, in, w); ok {
		calls := make([]*logical.AggCall, len(r.Calls))
		for i, c := range r.Calls {
			m := *c
			m.Args = nil
			for _, a := range c.Args {
				m.Args = append(m.Args, expr.Shift(a, func(i int) int { return at[i] }))
			}
			if c.Filter >= 0 {
				m.Filter = at[c.Filter]
			}
			m.Order = slices.Clone(c.Order)
			for j := range m.Order {
				m.Order[j].Column = at[m.Order[j].Column]
			}
			calls[i] = &m
		}
		moved := make([]int, len(keys))
		for i, k := range keys {
			moved[i] = at[k]
		}
		a := *r
		a.Calls = calls
		spec.Time = len(below.Of().Fields) - 1
		if spec.Kind == logical.Session {
			spec.Keys = moved
		}
		n = p.windowAggregate(&a, below, moved, spec, nil, properties, out)
	} else {
		n = p.windowAggregate(r, in, keys, spec, &Window{w.Start, w.End, w.Time, spec}, properties, out)
	}
	// The keys go back to where the query has them.
	exprs := make([]expr.Expr, len(r.Out))
	have := n.Of().Fields
	ref := func(i int) expr.Expr { return &expr.Ref{Index: i, Name: have[i].Name, T: have[i].Type} }
	base := len(keys) + len(r.Calls)
	for i, k := range r.Keys {
		switch k {
		case w.Start:
			exprs[i] = ref(base)
		case w.End:
			exprs[i] = ref(base + 1)
		case w.Time:
			exprs[i] = ref(base + 2)
		default:
			exprs[i] = ref(slices.Index(keys, k))
		}
	}
	for i := range r.Calls {
		exprs[len(r.Keys)+i] = ref(len(keys) + i)
	}
	return p.calc(n, nil, exprs, r.Out), nil
}

// groupingOf is GROUPING of some keys, from the number of the set.
func groupingOf(r *logical.Aggregate, keys []int, set *expr.Ref) expr.Expr {
	long := func(v int64) expr.Expr { return &expr.Const{Value: column.IntValue(v), T: set.T} }
	var args []expr.Expr
	for i, s := range r.Sets {
		bits := int64(0)
		for _, k := range keys {
			bits <<= 1
			if !slices.Contains(s, k) {
				bits |= 1
			}
		}
		args = append(args, &expr.Call{Fn: fn.Equals, Args: []expr.Expr{set, long(int64(i))}, T: types.New(types.Boolean).NotNull()}, long(bits))
	}
	return &expr.Call{Fn: fn.Case, Args: append(args, long(0)), T: set.T}
}

// beneathWindow looks whether the rows come from a windowing table function with at most a Calc between that does not look at the window: then the aggregation does the function's work, once for each
// slice. It returns what stands beneath the function, with the Calc's columns where at says and the time column last.
func (p *planner) beneathWindow(r *logical.Aggregate, in Node, w *Window) (below Node, at []int, ok bool) {
	var calc *Calc
	table, isTable := in.(*WindowTable)
	if !isTable {
		if calc, ok = in.(*Calc); !ok {
			return nil, nil, false
		}
		if table, isTable = calc.Inputs[0].(*WindowTable); !isTable {
			return nil, nil, false
		}
	}
	source := table.Inputs[0]
	if x, ok := source.(*Exchange); ok && table.Spec.Kind == logical.Session {
		source = x.Inputs[0] // the aggregation makes its own
	}
	width := len(source.Of().Fields)
	if table.Spec.Kind == logical.Session {
		// Sessions are those of the partition: grouped by something else, they are not the groups' own.
		var keys []int
		for _, k := range r.Keys {
			if k == w.Start || k == w.End || k == w.Time {
				continue
			}
			if calc != nil && calc.Exprs != nil {
				ref, ok := calc.Exprs[k].(*expr.Ref)
				if !ok {
					return nil, nil, false
				}
				k = ref.Index
			}
			keys = append(keys, k)
		}
		if !sameSet(keys, table.Spec.Keys) {
			return nil, nil, false
		}
	}
	inside := func(e expr.Expr) bool {
		set := map[int]bool{}
		expr.Refs(e, set)
		for i := range set {
			if i >= width {
				return false
			}
		}
		return true
	}
	n := len(in.Of().Fields)
	at = make([]int, n)
	var exprs []expr.Expr
	var out []types.Field
	fields := source.Of().Fields
	for i := range n {
		var e expr.Expr = &expr.Ref{Index: i, Name: in.Of().Fields[i].Name, T: in.Of().Fields[i].Type}
		if calc != nil && calc.Exprs != nil {
			e = calc.Exprs[i]
		}
		at[i] = -1
		if i == w.Start || i == w.End || i == w.Time {
			continue
		}
		if !inside(e) {
			return nil, nil, false
		}
		at[i] = len(exprs)
		exprs, out = append(exprs, e), append(out, in.Of().Fields[i])
	}
	var where expr.Expr
	if calc != nil && calc.Where != nil {
		if !inside(calc.Where) || table.Spec.Kind == logical.Session {
			return nil, nil, false
		}
		where = calc.Where
	}
	for _, c := range r.Calls { // an aggregate of the window's columns needs them
		for _, a := range c.Args {
			set := map[int]bool{}
			expr.Refs(a, set)
			for k := range set {
				if at[k] < 0 {
					return nil, nil, false
				}
			}
		}
		if c.Filter >= 0 && at[c.Filter] < 0 {
			return nil, nil, false
		}
	}
	t := fields[table.Spec.Time]
	exprs = append(exprs, &expr.Ref{Index: table.Spec.Time, Name: t.Name, T: t.Type})
	out = append(out, t)
	return p.calc(source, where, exprs, out), at, true
}

func (p *planner) windowTable(r *logical.WindowTable, in Node) (Node, error) {
	if err := p.untimed("a window", r.TimeAt, in, r.Window.Time); err != nil {
		return nil, err
	}
	if r.Window.Kind == logical.Session {
		in = p.exchange(in, r.Window.Keys)
	}
	width := len(in.Of().Fields)
	h := Head{Inputs: []Node{in}, Fields: r.Out, Single: in.Of().Single, Window: &Window{width, width + 1, width + 2, r.Window}}
	return p.add(&WindowTable{h, r.Window}), nil
}

// groupingSets gives each row once for each set, with the number of the set as one more key.
func (p *planner) groupingSets(r *logical.Aggregate, in Node) (Node, error) {
	// Keys are doubled, as an aggregate function of a key sees it whole.
	fields := slices.Clone(in.Of().Fields)
	var copied []expr.Expr
	for i, f := range fields {
		copied = append(copied, &expr.Ref{Index: i, Name: f.Name, T: f.Type})
	}
	group := make([]int, len(r.Keys))
	for i, k := range r.Keys {
		group[i] = len(fields)
		f := fields[k]
		copied = append(copied, &expr.Ref{Index: k, Name: f.Name, T: f.Type})
		fields = append(fields, f)
	}
	in = p.add(&Calc{Head{Inputs: []Node{in}, Fields: slices.Clone(fields), Single: in.Of().Single}, nil, copied})
	for _, k := range group {
		fields[k].Type = fields[k].Type.WithNullable(true)
	}
	number := len(fields)
	fields = append(fields, types.Field{Name: "$e", Type: types.New(types.BigInt).WithNullable(false)})
	x := p.add(&Expand{Head{Inputs: []Node{in}, Fields: fields, Single: in.Of().Single}, group, r.Sets})
	keys := append(slices.Clone(group), number)
	ex := p.exchange(x, keys)
	var out []types.Field
	for _, k := range keys {
		out = append(out, fields[k])
	}
	out = append(out, r.Out[len(r.Keys):len(r.Keys)+len(r.Calls)]...)
	all := make([]int, len(keys))
	for i := range all {
		all[i] = i
	}
	n := p.add(&GroupAggregate{Head: Head{Inputs: []Node{ex}, Fields: out, Keys: [][]int{all}}, Group: keys, Calls: r.Calls, Grouped: true, TTL: p.lifetime(r.TTL), PerRow: p.PerRow})
	var exprs []expr.Expr
	for i, f := range out {
		if i != len(r.Keys) {
			exprs = append(exprs, &expr.Ref{Index: i, Name: f.Name, T: f.Type})
		}
	}
	for _, g := range r.Groupings {
		exprs = append(exprs, groupingOf(r, g, &expr.Ref{Index: len(r.Keys), Name: "$e", T: fields[number].Type}))
	}
	return p.calc(n, nil, exprs, r.Out), nil
}
