package physical

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// equalities are the pairs of a join condition, and what is left of it.
type equalities struct {
	left, right []expr.Expr // right ones over the right input's columns
	safe        []bool
	rest        []expr.Expr
}

func split(cond expr.Expr, n int) (q equalities) {
	if cond == nil {
		return q
	}
	side := func(e expr.Expr) int {
		set := map[int]bool{}
		expr.Refs(e, set)
		at := -1
		for i := range set {
			s := 0
			if i >= n {
				s = 1
			}
			if at >= 0 && at != s {
				return -1
			}
			at = s
		}
		return at
	}
	for _, c := range expr.And(cond) {
		call, ok := c.(*expr.Call)
		if ok && len(call.Args) == 2 && (call.Fn.Name == "=" || call.Fn.Name == "IS NOT DISTINCT FROM") && expr.Deterministic(c) {
			a, b := call.Args[0], call.Args[1]
			if side(a) == 1 && side(b) == 0 {
				a, b = b, a
			}
			if side(a) == 0 && side(b) == 1 && sameForm(a.Type(), b.Type()) {
				q.left = append(q.left, a)
				q.right = append(q.right, expr.Shift(b, func(i int) int { return i - n }))
				q.safe = append(q.safe, call.Fn.Name != "=")
				continue
			}
		}
		q.rest = append(q.rest, c)
	}
	return q
}

// sameForm reports whether equal values of two types have equal bits.
func sameForm(a, b types.Type) bool {
	if column.FormOf(a) != column.FormOf(b) {
		return false
	}
	switch {
	case a.IsInteger() && b.IsInteger(), a.IsChar() && b.IsChar(), a.IsBytes() && b.IsBytes():
		return true
	case a.IsTimestamp() && b.IsTimestamp():
		return column.TimeUnit(a.Precision()) == column.TimeUnit(b.Precision())
	case a.Kind() == types.Decimal && b.Kind() == types.Decimal:
		return a.Scale() == b.Scale()
	}
	return a.Kind() == b.Kind()
}

// columnsOf returns the columns that hold the expressions, which are added to the input where they are none.
func (p *planner) columnsOf(in Node, list []expr.Expr) (Node, []int) {
	fields := in.Of().Fields
	cols := make([]int, len(list))
	var exprs []expr.Expr
	var out []types.Field
	for i, e := range list {
		if ref, ok := e.(*expr.Ref); ok {
			cols[i] = ref.Index
			continue
		}
		if exprs == nil {
			for i, f := range fields {
				exprs, out = append(exprs, &expr.Ref{Index: i, Name: f.Name, T: f.Type}), append(out, f)
			}
		}
		cols[i] = len(exprs)
		exprs, out = append(exprs, e), append(out, types.Field{Name: "$k" + string(rune('0'+i%10)), Type: e.Type()})
	}
	if exprs == nil {
		return in, cols
	}
	return p.calc(in, nil, exprs, out), cols
}

func (p *planner) join(r *logical.Join) (Node, error) {
	left, err := p.convert(r.Left)
	if err != nil {
		return nil, err
	}
	right, err := p.convert(r.Right)
	if err != nil {
		return nil, err
	}
	n := len(r.Left.Fields())
	q := split(r.Cond, n)
	if w := p.windowJoin(r, left, right, q); w != nil {
		return w, nil
	}
	width := len(r.Right.Fields())
	inputs := [2]Node{left, right}
	left, lcols := p.columnsOf(left, q.left)
	right, rcols := p.columnsOf(right, q.right)
	wider := len(left.Of().Fields) - n
	residual := expr.All(q.rest)
	if residual != nil && wider > 0 {
		residual = expr.Shift(residual, func(i int) int {
			if i >= n {
				return i + wider
			}
			return i
		})
	}
	if len(lcols) == 0 {
		if !p.Batch && !left.Of().Bounded && !right.Of().Bounded && !oneRow(left) && !oneRow(right) {
			return nil, r.CondAt.Of(fault.New(fault.SQLUnbounded, "a join of two unbounded inputs needs an equality between them; the condition is %s", conditionText(r.Cond)))
		}
	}
	lx, rx := p.exchange(left, lcols), p.exchange(right, rcols)
	out := r.Out
	added := wider > 0 || len(right.Of().Fields) > width
	if added {
		out = nil
		for i, f := range left.Of().Fields {
			if i < n {
				f = r.Out[i]
			}
			out = append(out, f)
		}
		if r.Kind < logical.Semi {
			for i, f := range right.Of().Fields {
				if i < width {
					f = r.Out[n+i]
				}
				out = append(out, f)
			}
		}
	}
	var joined Node
	if bounds, ok := p.interval(r, q, inputs, n); ok {
		rest := expr.All(bounds.rest)
		if rest != nil && wider > 0 {
			rest = expr.Shift(rest, func(i int) int {
				if i >= n {
					return i + wider
				}
				return i
			})
		}
		joined = p.add(&IntervalJoin{
			Head: Head{Inputs: []Node{lx, rx}, Fields: out, Single: len(lcols) == 0}, Kind: r.Kind, Left: lcols, Right: rcols, NullSafe: q.safe,
			LeftTime: bounds.left, RightTime: bounds.right - n, Lower: bounds.lower, Upper: bounds.upper, Proctime: bounds.proctime, Residual: rest,
		})
	} else {
		j := &Join{
			Head: Head{Inputs: []Node{lx, rx}, Fields: out, Single: len(lcols) == 0}, Kind: r.Kind, Left: lcols, Right: rcols, NullSafe: q.safe, NullAware: r.NullAware, Residual: residual,
			LeftUnique: contains(left.Of().Keys, lcols), RightUnique: contains(right.Of().Keys, rcols), LeftTTL: p.lifetime(r.LeftTTL), RightTTL: p.lifetime(r.RightTTL),
		}
		j.Keys = joinKeys(j, left.Of().Keys, right.Of().Keys, len(left.Of().Fields))
		joined = p.add(j)
	}
	if !added {
		return joined, nil
	}
	var exprs []expr.Expr
	for i := range r.Out {
		at := i
		if i >= n {
			at += wider
		}
		exprs = append(exprs, &expr.Ref{Index: at, Name: out[at].Name, T: out[at].Type})
	}
	return p.calc(joined, nil, exprs, r.Out), nil
}

func conditionText(e expr.Expr) string {
	if e == nil {
		return "missing"
	}
	return e.String()
}

// oneRow reports whether a node has at most one row at a time.
func oneRow(n Node) bool {
	for {
		switch m := n.(type) {
		case *GroupAggregate:
			return len(m.Group) == 0
		case *Calc, *Exchange:
			n = n.Of().Inputs[0]
		default:
			return false
		}
	}
}

// contains reports whether the columns contain a key.
func contains(keys [][]int, cols []int) bool {
	for _, k := range keys {
		all := true
		for _, c := range k {
			all = all && slices.Contains(cols, c)
		}
		if all {
			return true
		}
	}
	return false
}

func joinKeys(j *Join, left, right [][]int, n int) (keys [][]int) {
	shift := func(k []int) []int {
		out := make([]int, len(k))
		for i, c := range k {
			out[i] = c + n
		}
		return out
	}
	switch j.Kind {
	case logical.Semi, logical.Anti:
		return left
	case logical.Inner, logical.LeftOuter:
		if j.RightUnique {
			keys = append(keys, left...)
		}
		if j.LeftUnique && j.Kind == logical.Inner {
			for _, k := range right {
				keys = append(keys, shift(k))
			}
		}
	case logical.RightOuter:
		if j.LeftUnique {
			for _, k := range right {
				keys = append(keys, shift(k))
			}
		}
	}
	if len(keys) == 0 && j.Kind == logical.Inner {
		for _, l := range left {
			for _, r := range right {
				keys = append(keys, append(slices.Clone(l), shift(r)...))
			}
		}
	}
	return keys
}

// windowJoin joins within windows, where both inputs' rows belong to the same ones and the condition says so.
func (p *planner) windowJoin(r *logical.Join, left, right Node, q equalities) Node {
	lw, rw := left.Of().Window, right.Of().Window
	if lw == nil || rw == nil || lw.Start < 0 || lw.End < 0 || rw.Start < 0 || rw.End < 0 {
		return nil
	}
	a, b := lw.Spec, rw.Spec
	if a.Kind != b.Kind || a.Size != b.Size || a.Slide != b.Slide || a.Offset != b.Offset || a.Proctime != b.Proctime || a.Kind == logical.Session {
		return nil
	}
	starts, ends := false, false
	var rest equalities
	for i := range q.left {
		l, lok := q.left[i].(*expr.Ref)
		rr, rok := q.right[i].(*expr.Ref)
		switch {
		case lok && rok && l.Index == lw.Start && rr.Index == rw.Start:
			starts = true
		case lok && rok && l.Index == lw.End && rr.Index == rw.End:
			ends = true
		default:
			rest.left, rest.right = append(rest.left, q.left[i]), append(rest.right, q.right[i])
			if q.safe[i] {
				return nil
			}
		}
	}
	if !starts || !ends {
		return nil
	}
	for i := range rest.left {
		_, lok := rest.left[i].(*expr.Ref)
		_, rok := rest.right[i].(*expr.Ref)
		if !lok || !rok {
			return nil
		}
	}
	left, lcols := p.columnsOf(left, rest.left)
	right, rcols := p.columnsOf(right, rest.right)
	// Without keys of its own, a window's rows meet by the window.
	lkeys, rkeys := lcols, rcols
	if len(lkeys) == 0 {
		lkeys, rkeys = []int{lw.Start, lw.End}, []int{rw.Start, rw.End}
	}
	n := &WindowJoin{
		Head: Head{Inputs: []Node{p.exchange(left, lkeys), p.exchange(right, rkeys)}, Fields: r.Out, Window: lw}, Kind: r.Kind, Left: lcols, Right: rcols,
		LeftWindow: lw, RightWindow: rw, Residual: expr.All(q.rest),
	}
	if r.Kind == logical.RightOuter || r.Kind == logical.FullOuter {
		n.Window = nil
	}
	return p.add(n)
}

// bounds are those of an interval join.
type bounds struct {
	left, right  int // columns of the join's input
	lower, upper int64
	proctime     bool
	rest         []expr.Expr
}

// interval looks whether the condition bounds the time of one side by that of the other, from both sides. The inputs begin with the columns of the join's, n of them on the left.
func (p *planner) interval(r *logical.Join, q equalities, inputs [2]Node, n int) (b bounds, ok bool) {
	if r.Kind >= logical.Semi {
		return b, false
	}
	attribute := func(i int) types.Attribute {
		if i < n {
			return p.attribute(inputs[0], i)
		}
		return p.attribute(inputs[1], i-n)
	}
	term := func(e expr.Expr) (col int, by int64, ok bool) {
		return timePlus(e, func(i int) bool { return attribute(i) != types.NoAttribute })
	}
	haveLower, haveUpper := false, false
	b.left, b.right = -1, -1
	lower, upper := int64(0), int64(0)
	at := func(l, rr int) bool {
		if b.left >= 0 && (b.left != l || b.right != rr) {
			return false
		}
		b.left, b.right = l, rr
		return true
	}
	note := func(op string, by int64) { // left - right op by
		switch op {
		case "<":
			op, by = "<=", by-1
		case ">":
			op, by = ">=", by+1
		}
		if op == "<=" || op == "=" {
			if !haveUpper || by < upper {
				upper, haveUpper = by, true
			}
		}
		if op == ">=" || op == "=" {
			if !haveLower || by > lower {
				lower, haveLower = by, true
			}
		}
	}
	turned := map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}
	consider := func(op string, x, y expr.Expr) bool {
		if _, known := turned[op]; !known {
			return false
		}
		c1, d1, ok1 := term(x)
		c2, d2, ok2 := term(y)
		if !ok1 || !ok2 || attribute(c1) != attribute(c2) || (c1 < n) == (c2 < n) {
			return false
		}
		if c1 < n { // left + d1 op right + d2
			if !at(c1, c2) {
				return false
			}
			note(op, d2-d1)
		} else { // right + d1 op left + d2
			if !at(c2, c1) {
				return false
			}
			note(turned[op], d1-d2)
		}
		return true
	}
	for _, c := range q.rest {
		call, isCall := c.(*expr.Call)
		if isCall && len(call.Args) == 2 && consider(call.Fn.Name, call.Args[0], call.Args[1]) {
			continue
		}
		b.rest = append(b.rest, c)
	}
	for i := range q.left { // an equality of times is a bound, too
		consider("=", q.left[i], expr.Shift(q.right[i], func(i int) int { return i + n }))
	}
	if !haveLower || !haveUpper || p.Batch {
		return b, false
	}
	b.lower, b.upper, b.proctime = lower, upper, attribute(b.left) == types.Proctime
	return b, true
}

func (p *planner) temporal(r *logical.TemporalJoin) (Node, error) {
	left, err := p.convert(r.Left)
	if err != nil {
		return nil, err
	}
	n := len(r.Left.Fields())
	q := split(r.Cond, n)
	if err := p.untimed("FOR SYSTEM_TIME AS OF", r.TimeAt, left, r.Time); err != nil {
		return nil, err
	}
	if slices.Contains(q.safe, true) {
		return nil, r.CondAt.Of(fault.New(fault.SQLUnsupported, "IS NOT DISTINCT FROM in a join FOR SYSTEM_TIME AS OF is not supported"))
	}
	proctime := r.Left.Fields()[r.Time].Type.Attribute() == types.Proctime
	scan, where, exprs := lookupSide(r.Right)
	if scan != nil && proctime {
		info, err := p.Tables.Scan(scan)
		if err != nil {
			return nil, scan.At.Of(err)
		}
		if info.Lookup {
			return p.lookup(r, left, q, scan, where, exprs, n)
		}
	}
	asOfNow := proctime && r.Key == nil // and no temporal table function
	if asOfNow && p.Batch {
		return p.join(&logical.Join{Left: r.Left, Right: r.Right, Kind: r.Kind, Cond: r.Cond, Out: r.Out, At: r.At, CondAt: r.CondAt})
	}
	right, err := p.convert(r.Right)
	if err != nil {
		return nil, err
	}
	if asOfNow && !right.Of().Bounded {
		what := "the right side"
		if scan != nil {
			what = scan.Table.Path.String()
		}
		return nil, r.At.Of(fault.New(fault.SQLUnsupported, "a join FOR SYSTEM_TIME AS OF a processing time needs a table that can be looked up or that ends, and %s does neither: rows would be joined with what has come of it by chance. "+
			"Give both sides a watermark and join as of an event time, or join with LATERAL TABLE(SNAPSHOT(..)), which waits until the table is loaded", what))
	}
	left, lcols := p.columnsOf(left, q.left)
	right, rcols := p.columnsOf(right, q.right)
	width, wider := len(r.Right.Fields()), len(left.Of().Fields)-n
	moved := func(i int) int { // columns that are compared may stand behind those of the left side
		if i >= n {
			i += wider
		}
		return i
	}
	residual := expr.All(q.rest)
	if residual != nil && wider > 0 {
		residual = expr.Shift(residual, moved)
	}
	out := r.Out
	if wider > 0 || len(right.Of().Fields) > width {
		out = append(slices.Clone(r.Out[:n]), left.Of().Fields[n:]...)
		out = append(append(out, r.Out[n:]...), right.Of().Fields[width:]...)
	}
	rightTime := slices.IndexFunc(right.Of().Fields, func(f types.Field) bool { return f.Type.Attribute() == types.Rowtime })
	if !proctime && rightTime < 0 {
		return nil, fault.New(fault.SQLUnsupported, "the right side of a temporal join by event time needs a watermark")
	}
	keys := right.Of().Keys
	if r.Key != nil {
		keys = append(slices.Clone(keys), r.Key)
	}
	if !proctime && !contains(keys, rcols) {
		return nil, r.CondAt.Of(fault.New(fault.SQLUnsupported, "the right side of a temporal join needs a primary key, and the condition all of it"))
	}
	time := r.Time
	if proctime {
		time, rightTime = -1, -1
	}
	head := Head{Inputs: []Node{p.exchange(left, lcols), p.exchange(right, rcols)}, Fields: out}
	var joined Node
	if asOfNow {
		head.Single = len(lcols) == 0
		joined = p.add(&SnapshotJoin{Head: head, Kind: r.Kind, Left: lcols, Right: rcols, AtEnd: true, Residual: residual})
	} else {
		joined = p.add(&TemporalJoin{Head: head, Kind: r.Kind, Left: lcols, Right: rcols, LeftTime: time, RightTime: rightTime, Residual: residual})
	}
	if len(out) == len(r.Out) {
		return joined, nil
	}
	exprs = make([]expr.Expr, len(r.Out))
	for i, f := range r.Out {
		exprs[i] = &expr.Ref{Index: moved(i), Name: f.Name, T: f.Type}
	}
	return p.calc(joined, nil, exprs, r.Out), nil
}

// lookupSide takes a right side apart that is a scan with, perhaps, a filter and a projection above it.
func lookupSide(r logical.Rel) (scan *logical.Scan, where expr.Expr, exprs []expr.Expr) {
	for {
		switch x := r.(type) {
		case *logical.Scan:
			return x, where, exprs
		case *logical.Project:
			if exprs != nil {
				return nil, nil, nil
			}
			exprs, r = x.Exprs, x.Input
		case *logical.Filter:
			if where != nil {
				return nil, nil, nil
			}
			where, r = x.Cond, x.Input
		case *logical.Watermark:
			r = x.Input
		default:
			return nil, nil, nil
		}
	}
}

// lookup plans a join whose right side is asked row by row. The operator's output is the left columns and all of the table's; what the query says of the right side is computed of these.
func (p *planner) lookup(r *logical.TemporalJoin, left Node, q equalities, scan *logical.Scan, where expr.Expr, exprs []expr.Expr, n int) (Node, error) {
	fields := append(slices.Clone(left.Of().Fields), scan.Out...)
	if r.Kind == logical.LeftOuter {
		for i := n; i < len(fields); i++ {
			fields[i].Type = fields[i].Type.WithNullable(true)
		}
	}
	ref := func(i int) expr.Expr { return &expr.Ref{Index: i, Name: fields[i].Name, T: fields[i].Type} }
	shift := func(e expr.Expr) expr.Expr { return expr.Shift(e, func(i int) int { return i + n }) }
	// What the query sees, of the columns that there are.
	var seen []expr.Expr
	for i := range n {
		seen = append(seen, ref(i))
	}
	if exprs == nil {
		for i := range scan.Out {
			seen = append(seen, ref(n+i))
		}
	}
	for _, e := range exprs {
		seen = append(seen, shift(e))
	}
	// With this strategy the rows of the table may change between a row and what takes it back.
	var remember []int
	if h := left.Of(); strings.EqualFold(p.Session.Options["table.optimizer.non-deterministic-update.strategy"], "TRY_RESOLVE") && h.Changelog.Updates() && len(h.Keys) > 0 {
		remember = slices.MinFunc(h.Keys, func(a, b []int) int { return len(a) - len(b) })
		left = p.exchange(left, remember)
	}
	j := &LookupJoin{Head: Head{Inputs: []Node{left}, Fields: fields, Single: left.Of().Single, Window: left.Of().Window}, Kind: r.Kind, Remember: remember}
	j.Table = &Scan{Head: Head{Fields: scan.Out, At: scan.At}, Table: scan.Table, Columns: scan.Columns, Options: scan.Options}
	var rest []expr.Expr
	for _, c := range q.rest {
		rest = append(rest, expr.Inline(c, seen))
	}
	for i := range q.left {
		right := q.right[i]
		if exprs != nil {
			right = expr.Inline(right, exprs)
		}
		column, ok := right.(*expr.Ref)
		if !ok {
			return nil, r.CondAt.Of(fault.New(fault.SQLUnsupported, "a lookup join compares columns of the table %s as they are, not %s", scan.Table.Path, right))
		}
		j.TableKeys, j.Keys = append(j.TableKeys, column.Index), append(j.Keys, q.left[i])
	}
	if where != nil { // equalities with constants narrow the lookup, too
		for _, c := range expr.And(where) {
			if call, ok := c.(*expr.Call); ok && call.Fn.Name == "=" && len(call.Args) == 2 {
				a, b := call.Args[0], call.Args[1]
				if _, isConst := a.(*expr.Const); isConst {
					a, b = b, a
				}
				column, isRef := a.(*expr.Ref)
				lit, isConst := b.(*expr.Const)
				if isRef && isConst && !lit.Value.Null && sameForm(column.T, lit.T) {
					j.TableKeys, j.Keys = append(j.TableKeys, column.Index), append(j.Keys, lit)
					continue
				}
			}
			rest = append(rest, shift(c))
		}
	}
	if len(j.Keys) == 0 {
		return nil, r.CondAt.Of(fault.New(fault.SQLUnsupported, "a lookup join needs an equality with a column of %s; the condition is %s", scan.Table.Path, conditionText(r.Cond)))
	}
	j.Residual = expr.All(rest)
	node := p.add(j)
	if exprs == nil {
		return node, nil
	}
	return p.calc(node, nil, seen, r.Out), nil
}
