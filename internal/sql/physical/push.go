package physical

import (
	"slices"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/types"
)

// push tells scans, and what computes columns for a watermark, which of their columns are read, and scans which rows can be left out.
func (p *Program) push(batch bool) {
	readers := map[Node][]Node{}
	for _, n := range p.Nodes {
		for _, in := range n.Of().Inputs {
			readers[in] = append(readers[in], n)
		}
	}
	for _, n := range slices.Backward(p.Nodes) {
		if c, ok := n.(*Calc); ok && c.Exprs != nil {
			if keep := project(c, readers); keep != nil {
				exprs := make([]expr.Expr, len(keep))
				for i, k := range keep {
					exprs[i] = c.Exprs[k]
				}
				c.Exprs = exprs
			}
		}
		s, ok := n.(*Scan)
		if !ok {
			continue
		}
		if s.projects {
			if keep := project(s, readers); keep != nil {
				columns := make([]int, len(keep))
				for i, k := range keep {
					columns[i] = s.Columns[k]
				}
				s.Columns, s.pushed = columns, true
			}
		}
		if s.filters && s.Changelog == types.AppendOnly {
			s.filter(readers, batch)
		}
	}
}

// narrowing are a node and those behind it that have its columns, the nodes that read some of them, and what is read.
type narrowing struct {
	readers map[Node][]Node
	same    []Node
	calcs   []*Calc
	need    map[int]bool
}

// follow looks at what reads n. It reports false if all columns are needed.
func (w *narrowing) follow(n Node) bool {
	w.same = append(w.same, n)
	if len(w.readers[n]) == 0 {
		return false
	}
	for _, r := range w.readers[n] {
		switch r := r.(type) {
		case *Calc:
			if r.Where != nil {
				expr.Refs(r.Where, w.need)
			}
			if r.Exprs == nil {
				if !w.follow(r) {
					return false
				}
				continue
			}
			for _, e := range r.Exprs {
				expr.Refs(e, w.need)
			}
			w.calcs = append(w.calcs, r)
		case *WatermarkAssigner:
			w.need[r.Column] = true
			expr.Refs(r.Expr, w.need)
			if !w.follow(r) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// project leaves out the columns of n that nobody reads, and returns the others; nil if it changes nothing.
func project(n Node, readers map[Node][]Node) (keep []int) {
	w := &narrowing{readers: readers, need: map[int]bool{}}
	width := len(n.Of().Fields)
	if !w.follow(n) || len(w.need) == width {
		return nil
	}
	keep = []int{}
	at := make([]int, width)
	for i := range width {
		at[i] = -1
		if w.need[i] {
			at[i] = len(keep)
			keep = append(keep, i)
		}
	}
	move := func(i int) int { return at[i] }
	for _, same := range w.same {
		h := same.Of()
		fields := make([]types.Field, len(keep))
		for i, c := range keep {
			fields[i] = h.Fields[c]
		}
		h.Fields = fields
		var keys [][]int
		for _, key := range h.Keys {
			moved := make([]int, len(key))
			for i, c := range key {
				moved[i] = at[c]
			}
			if !slices.Contains(moved, -1) {
				keys = append(keys, moved)
			}
		}
		h.Keys = keys
		if h.Window != nil {
			moved := *h.Window
			for _, c := range []*int{&moved.Start, &moved.End, &moved.Time} {
				if *c >= 0 {
					*c = at[*c]
				}
			}
			h.Window = &moved
		}
		if same == n {
			continue
		}
		switch s := same.(type) {
		case *Calc:
			s.Where = expr.Shift(s.Where, move)
		case *WatermarkAssigner:
			s.Column, s.Expr = at[s.Column], expr.Shift(s.Expr, move)
		}
	}
	for _, c := range w.calcs {
		exprs := make([]expr.Expr, len(c.Exprs))
		for i, e := range c.Exprs {
			exprs[i] = expr.Shift(e, move)
		}
		c.Exprs = exprs
		if c.Where != nil {
			c.Where = expr.Shift(c.Where, move)
		}
	}
	return keep
}

// filter tells the scan the conditions of its only reader. Watermarks come from all rows, so that in streaming nothing is pushed through what assigns them.
func (s *Scan) filter(readers map[Node][]Node, batch bool) {
	var n Node = s
	for {
		if len(readers[n]) != 1 {
			return
		}
		switch r := readers[n][0].(type) {
		case *Calc:
			if r.Where != nil {
				for _, e := range expr.And(r.Where) {
					if p, ok := predicateOf(e); ok {
						s.Where, s.pushed = append(s.Where, p), true
					}
				}
			}
			return
		case *WatermarkAssigner:
			if !batch {
				return
			}
			n = r
		default:
			return
		}
	}
}

var mirrored = map[tables.Operation]tables.Operation{
	tables.Equal: tables.Equal, tables.NotEqual: tables.NotEqual, tables.Less: tables.Greater, tables.LessOrEqual: tables.GreaterOrEqual, tables.Greater: tables.Less, tables.GreaterOrEqual: tables.LessOrEqual,
}

var operationNames = map[string]tables.Operation{
	"=": tables.Equal, "<>": tables.NotEqual, "<": tables.Less, "<=": tables.LessOrEqual, ">": tables.Greater, ">=": tables.GreaterOrEqual,
	"IS NULL": tables.IsNull, "IS NOT NULL": tables.IsNotNull, "IN": tables.Equal,
}

// predicateOf returns a condition as one on a column, if it is one that is true of exactly the same values.
func predicateOf(e expr.Expr) (tables.Predicate, bool) {
	if r := plainColumn(e); r != nil && r.T.Kind() == types.Boolean {
		return tables.Predicate{Column: r.Index, Op: tables.Equal, Values: []column.Value{column.BoolValue(true)}}, true
	}
	c, ok := e.(*expr.Call)
	if !ok || len(c.Args) == 0 {
		return tables.Predicate{}, false
	}
	op, ok := operationNames[c.Fn.Name]
	if !ok {
		return tables.Predicate{}, false
	}
	r, values := plainColumn(c.Args[0]), c.Args[1:]
	if op == tables.IsNull || op == tables.IsNotNull {
		return tables.Predicate{Column: index(r), Op: op}, r != nil
	}
	if r == nil && len(c.Args) == 2 && c.Fn.Name != "IN" {
		r, values, op = plainColumn(c.Args[1]), c.Args[:1], mirrored[op]
	}
	if r == nil || !tables.Ordered(r.T) || len(values) == 0 {
		return tables.Predicate{}, false
	}
	p := tables.Predicate{Column: r.Index, Op: op}
	for _, v := range values {
		k, ok := v.(*expr.Const)
		if !ok || k.Value.Null || !alike(k.T, r.T) {
			return tables.Predicate{}, false
		}
		p.Values = append(p.Values, k.Value)
	}
	return p, true
}

func index(r *expr.Ref) int {
	if r == nil {
		return 0
	}
	return r.Index
}

// plainColumn returns the column that e is, perhaps in a cast that changes no value; nil if it is something else.
func plainColumn(e expr.Expr) *expr.Ref {
	switch e := e.(type) {
	case *expr.Ref:
		return e
	case *expr.Call:
		if e.Fn == fn.Cast && len(e.Args) == 1 {
			if from := e.Args[0].Type(); alike(from, e.T) && widens(from, e.T) {
				return plainColumn(e.Args[0])
			}
		}
	}
	return nil
}

// alike reports whether values of both types lie in memory as the same numbers or bytes, and compare as these.
func alike(a, b types.Type) bool {
	if column.FormOf(a) != column.FormOf(b) {
		return false
	}
	switch {
	case a.IsChar() && b.IsChar(), a.IsBytes() && b.IsBytes(), a.IsInteger() && b.IsInteger():
		return true
	case a.Kind() != b.Kind():
		return false
	}
	switch a.Kind() {
	case types.Decimal:
		return a.Scale() == b.Scale()
	case types.Timestamp, types.TimestampLTZ:
		return column.TimeUnit(a.Precision()) == column.TimeUnit(b.Precision())
	}
	return true
}

// widens reports whether a cast between types that are alike keeps every value.
func widens(from, to types.Type) bool {
	switch {
	case from.IsInteger():
		return to.Kind() >= from.Kind()
	case from.IsChar():
		return to.Kind() == types.Varchar && to.Length() >= from.Length()
	case from.IsBytes():
		return to.Kind() == types.Varbinary && to.Length() >= from.Length()
	}
	switch from.Kind() {
	case types.Decimal, types.Timestamp, types.TimestampLTZ:
		return to.Precision() >= from.Precision()
	}
	return true
}
