package bind

import (
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// The columns that a windowing table function adds, as far as operators above it keep them.
const (
	isWindowStart = 1 + iota
	isWindowEnd
	isWindowTime
)

// windowColumns tells which columns of a relation are the bounds and times of windows.
func windowColumns(r logical.Rel) map[int]int {
	switch r := r.(type) {
	case *logical.WindowTable:
		m := windowColumns(r.Input)
		n := len(r.Out)
		if m == nil {
			m = map[int]int{}
		}
		m[n-3], m[n-2], m[n-1] = isWindowStart, isWindowEnd, isWindowTime
		return m
	case *logical.Project:
		below := windowColumns(r.Input)
		if below == nil {
			return nil
		}
		m := map[int]int{}
		for i, e := range r.Exprs {
			if c, ok := e.(*expr.Ref); ok && below[c.Index] != 0 {
				m[i] = below[c.Index]
			}
		}
		return m
	case *logical.Filter:
		return windowColumns(r.Input)
	case *logical.Sort:
		return windowColumns(r.Input)
	case *logical.Over:
		return windowColumns(r.Input)
	case *logical.Aggregate:
		below := windowColumns(r.Input)
		if below == nil {
			return nil
		}
		m := map[int]int{}
		for i, k := range r.Keys {
			if below[k] != 0 {
				m[i] = below[k]
			}
		}
		return m
	case *logical.Join:
		left := windowColumns(r.Left)
		if r.Kind == logical.Semi || r.Kind == logical.Anti {
			return left
		}
		right := windowColumns(r.Right)
		if left == nil && right == nil {
			return nil
		}
		m := map[int]int{}
		for i, k := range left {
			m[i] = k
		}
		for i, k := range right {
			m[len(r.Left.Fields())+i] = k
		}
		return m
	}
	return nil
}

// millis is a literal interval of days and below.
func (x *exprs) millis(e ast.Expr, what string) int64 {
	c, ok := x.expr(e).(*expr.Const)
	if !ok || c.T.Kind() != types.IntervalDayTime {
		x.fail(fault.SQLInvalid, e, "%s is an interval of days, hours, minutes or seconds, as INTERVAL '10' SECOND", what)
	}
	return c.Value.Int()
}

// size is millis of what must be positive.
func (x *exprs) size(e ast.Expr, what string) int64 {
	v := x.millis(e, what)
	if v <= 0 {
		x.fail(fault.SQLInvalid, e, "%s must be positive", what)
	}
	return v
}

// groupWindow binds an item of GROUP BY that is a window, nil for others.
func (x *exprs) groupWindow(e ast.Expr) *groupWindow {
	c, ok := e.(*ast.Call)
	if !ok || len(c.Name.Parts) != 1 || c.Over != nil {
		return nil
	}
	name := strings.ToUpper(c.Name.Parts[0].Name)
	kind := logical.Tumble
	switch name {
	case "TUMBLE":
	case "HOP":
		kind = logical.Hop
	case "SESSION":
		kind = logical.Session
	default:
		return nil
	}
	return x.windowOf(c, name, kind)
}

// windowOf binds the arguments of a window of GROUP BY or of one of its functions.
func (x *exprs) windowOf(c *ast.Call, name string, kind logical.WindowKind) *groupWindow {
	least := 2
	if kind == logical.Hop {
		least = 3
	}
	if len(c.Args) < least || len(c.Args) > least+1 {
		x.fail(fault.SQLInvalid, c, "%s takes a time attribute, %s", name, map[logical.WindowKind]string{
			logical.Tumble: "and the size", logical.Hop: "the slide, and the size", logical.Session: "and the gap"}[kind])
	}
	if len(c.Args) > least {
		x.unsupported(c.Args[least], "an alignment of the windows of GROUP BY is not supported")
	}
	in := *x
	in.group, in.windows, in.queries = nil, nil, false
	w := &groupWindow{time: in.expr(c.Args[0]), at: c}
	t := w.time.Type()
	if t.Attribute() == types.NoAttribute && !(x.session.Batch && t.IsTimestamp()) {
		x.hinted(fault.SQLInvalid, c.Args[0], "give the table a WATERMARK, or use a column of PROCTIME()", "a window is over a time attribute, and this is %s", t)
	}
	w.spec = logical.WindowSpec{Kind: kind, Proctime: t.Attribute() == types.Proctime}
	if kind == logical.Hop {
		w.spec.Slide, w.spec.Size = in.size(c.Args[1], "the slide"), in.size(c.Args[2], "the size")
	} else {
		w.spec.Size = in.size(c.Args[1], "the size")
	}
	x.correlated = x.correlated || in.correlated
	return w
}

// groupWindowFunction is the window and the property that TUMBLE_START and its like are of.
func groupWindowFunction(name string) (logical.WindowKind, logical.WindowProperty, bool) {
	window, property, _ := strings.Cut(name, "_")
	kind, ok := map[string]logical.WindowKind{"TUMBLE": logical.Tumble, "HOP": logical.Hop, "SESSION": logical.Session}[window]
	p, ok2 := map[string]logical.WindowProperty{"START": logical.WindowStart, "END": logical.WindowEnd, "ROWTIME": logical.WindowRowtime, "PROCTIME": logical.WindowProctime}[property]
	return kind, p, ok && ok2
}

// windowProperty binds TUMBLE_START and its like to a mark.
func (x *exprs) windowProperty(c *ast.Call, kind logical.WindowKind, p logical.WindowProperty) expr.Expr {
	name := strings.ToUpper(c.Name.Last().Name)
	window, _, _ := strings.Cut(name, "_")
	if x.group == nil || x.group.window == nil {
		x.fail(fault.SQLInvalid, c, "%s needs the window in GROUP BY: %s(..)", name, window)
	}
	w, own := x.windowOf(c, name, kind), x.group.window
	spec := own.spec
	if w.spec.Kind != spec.Kind || w.spec.Size != spec.Size || w.spec.Slide != spec.Slide || !expr.Equal(w.time, own.time) {
		x.fail(fault.SQLInvalid, c, "%s has other arguments than the window in GROUP BY", name)
	}
	t := types.TimestampOf(3).NotNull()
	switch p {
	case logical.WindowRowtime:
		if spec.Proctime {
			x.hinted(fault.SQLInvalid, c, "use "+window+"_PROCTIME", "the window is over the processing time, which has no %s", name)
		}
		t = own.time.Type().WithAttribute(types.Rowtime)
	case logical.WindowProctime:
		t = types.TimestampLTZOf(3).NotNull().WithAttribute(types.Proctime)
	}
	for _, m := range x.group.properties {
		if m.property == p {
			return m
		}
	}
	m := &propertyMark{p, t}
	x.group.properties = append(x.group.properties, m)
	return m
}

// windows collects the calls OVER windows of a SELECT.
type windows struct{ calls []*overMark }

// overMark stands for the result of a call OVER a window.
type overMark struct {
	*aggregateMark
	// orderAt and frameAt are the order and the frame of the window, or the call.
	orderAt, frameAt ast.Node
	partition        []expr.Expr
	by               []orderBy
	rows             bool
	from, to         logical.Bound
	// column is where the result is, once the operator stands.
	column int
}

func (m *overMark) String() string { return m.fn.Name + "(..) OVER (..)" }

// windowCall binds a call OVER a window to a mark.
func (x *exprs) windowCall(c *ast.Call, f *fn.Aggregate) expr.Expr {
	if x.windows == nil {
		x.fail(fault.SQLInvalid, c, "%s OVER a window cannot stand %s", f.Name, x.where)
	}
	in := *x
	in.windows, in.aliases, in.where = nil, nil, "within another window function"
	spec := in.windowSpec(c.Over, 0)
	m := &overMark{orderAt: c, frameAt: c, partition: in.list(spec.PartitionBy), by: in.orderList(spec.OrderBy)}
	m.aggregateMark = in.aggregate(c, f, !offsets(spec.Frame))
	m.frame(&in, spec)
	if len(spec.OrderBy) > 0 {
		m.orderAt = spec.OrderBy[0]
	}
	if spec.Frame != nil {
		m.frameAt = spec.Frame
	}
	x.correlated = x.correlated || in.correlated
	if f.Ranking && len(m.by) == 0 {
		x.fail(fault.SQLInvalid, c, "%s needs ORDER BY in its window", f.Name)
	}
	for _, o := range x.windows.calls {
		if m.sameWindow(o) && m.same(o.aggregateMark) {
			return o
		}
	}
	x.windows.calls = append(x.windows.calls, m)
	return m
}

// offsets reports whether a frame is bounded by a distance. Such a frame may be without rows, as Flink sees it, even if the current row is in it.
func offsets(f *ast.Frame) bool {
	return f != nil && (f.Start.Offset != nil || f.End != nil && f.End.Offset != nil)
}

// windowSpec resolves the name of a window that another builds on.
func (x *exprs) windowSpec(w *ast.WindowSpec, depth int) *ast.WindowSpec {
	if w.Ref == nil {
		return w
	}
	if depth > len(x.named) {
		x.fail(fault.SQLInvalid, w.Ref, "the window %s builds on itself", w.Ref.Name)
	}
	var names []string
	for _, n := range x.named {
		if n.Name.Name != w.Ref.Name {
			names = append(names, n.Name.Name)
			continue
		}
		base := x.windowSpec(n.Window, depth+1)
		if w.Bare {
			return base
		}
		merged := *w
		merged.Ref = nil
		if base.PartitionBy != nil {
			if w.PartitionBy != nil {
				x.fail(fault.SQLInvalid, w, "the window %s has PARTITION BY already", w.Ref.Name)
			}
			merged.PartitionBy = base.PartitionBy
		}
		if base.OrderBy != nil {
			if w.OrderBy != nil {
				x.fail(fault.SQLInvalid, w, "the window %s has ORDER BY already", w.Ref.Name)
			}
			merged.OrderBy = base.OrderBy
		}
		if base.Frame != nil {
			if w.Frame != nil {
				x.fail(fault.SQLInvalid, w, "the window %s has a frame already", w.Ref.Name)
			}
			merged.Frame = base.Frame
		}
		return &merged
	}
	x.suggest(fault.SQLInvalid, w.Ref, w.Ref.Name, names, "there is no window %s", w.Ref.Name)
	return nil
}

// frame fills in the frame: without one, all rows up to the current one and those equal to it, or all if there is no order.
func (m *overMark) frame(x *exprs, spec *ast.WindowSpec) {
	m.from = logical.Bound{Unbounded: true}
	if m.fn.Ranking {
		if spec.Frame != nil {
			x.fail(fault.SQLInvalid, spec.Frame, "%s takes no frame", m.fn.Name)
		}
		m.rows = true
		return
	}
	f := spec.Frame
	if f == nil {
		m.to = logical.Bound{Unbounded: len(m.by) == 0}
		return
	}
	m.rows = f.Unit == ast.FrameRows
	m.from = m.bound(x, f.Start, false)
	if f.End != nil {
		m.to = m.bound(x, f.End, true)
	}
	if !m.from.Unbounded && !m.to.Unbounded && m.from.Offset > m.to.Offset {
		x.fail(fault.SQLInvalid, f, "the frame ends before it begins")
	}
}

func (m *overMark) bound(x *exprs, b *ast.FrameBound, end bool) logical.Bound {
	switch b.Kind {
	case ast.UnboundedPreceding, ast.UnboundedFollowing:
		if end != (b.Kind == ast.UnboundedFollowing) {
			x.fail(fault.SQLInvalid, b, "a frame cannot %s at %s", map[bool]string{false: "begin", true: "end"}[end], b.Kind)
		}
		return logical.Bound{Unbounded: true}
	case ast.CurrentRow:
		return logical.Bound{}
	}
	c, ok := x.expr(b.Offset).(*expr.Const)
	if !ok || c.Value.Null {
		x.fail(fault.SQLInvalid, b.Offset, "the bound of a frame is a literal")
	}
	n := c.Value.Int()
	switch {
	case m.rows:
		if !c.T.IsInteger() {
			x.fail(fault.SQLInvalid, b.Offset, "a frame of ROWS is bounded by a number of rows")
		}
	case len(m.by) != 1:
		x.fail(fault.SQLInvalid, b, "a frame of RANGE with an offset needs one expression in ORDER BY")
	default:
		t := m.by[0].e.Type()
		switch {
		case t.IsTimestamp() && c.T.Kind() == types.IntervalDayTime:
			n *= column.TimeUnit(t.Precision()) / 1000
		case t.Kind() == types.Time && c.T.Kind() == types.IntervalDayTime:
		case t.Kind() == types.Date && c.T.Kind() == types.IntervalDayTime:
			n /= 86_400_000
		case t.IsInteger() && c.T.IsInteger():
		default:
			x.fail(fault.SQLType, b.Offset, "a frame over %s is not bounded by %s", t, c.T)
		}
	}
	if n < 0 {
		x.fail(fault.SQLInvalid, b.Offset, "the bound of a frame must not be negative")
	}
	if b.Kind == ast.Preceding {
		n = -n
	}
	return logical.Bound{Offset: n}
}

func (m *overMark) sameWindow(o *overMark) bool {
	return m.rows == o.rows && m.from == o.from && m.to == o.to && slices.EqualFunc(m.partition, o.partition, expr.Equal) && sameOrder(m.by, o.by)
}

// rewrite replaces the expressions of the mark.
func (m *overMark) rewrite(f func(at ast.Node, e expr.Expr) expr.Expr) {
	a := *m.aggregateMark
	m.aggregateMark = &a
	one := func(e expr.Expr) expr.Expr { return f(m.at, e) }
	a.args = mapped(a.args, one)
	if a.filter != nil {
		a.filter = one(a.filter)
	}
	order := func(list []orderBy) []orderBy {
		list = slices.Clone(list)
		for i := range list {
			list[i].e = one(list[i].e)
		}
		return list
	}
	a.order = order(a.order)
	m.by = order(m.by)
	m.partition = mapped(m.partition, one)
}

func mapped(list []expr.Expr, f func(expr.Expr) expr.Expr) []expr.Expr {
	if list == nil {
		return nil
	}
	out := make([]expr.Expr, len(list))
	for i, e := range list {
		out[i] = f(e)
	}
	return out
}

// overOver puts the operators for calls OVER windows above the scope's relation: one for each window.
func (x *exprs) overOver() {
	var stages [][]*overMark
next:
	for _, m := range x.windows.calls {
		for i, s := range stages {
			if s[0].sameWindow(m) {
				stages[i] = append(s, m)
				continue next
			}
		}
		stages = append(stages, []*overMark{m})
	}
	number := 0
	for _, stage := range stages {
		// Behind the columns that are there come those that are computed for the window.
		in := x.scope.rel
		c := &columns{in: in}
		for i := range in.Fields() {
			c.list = append(c.list, x.scope.ref(i))
		}
		first := stage[0]
		over := &logical.Over{Rows: first.rows, From: first.from, To: first.to, At: x.placeAt(first.at), OrderAt: x.placeAt(first.orderAt), FrameAt: x.placeAt(first.frameAt)}
		for _, p := range first.partition {
			over.Partition = append(over.Partition, c.at(p))
		}
		for _, o := range first.by {
			k := o.key
			k.Column = c.at(o.e)
			over.Order = append(over.Order, k)
		}
		var prepared []func([]int, []types.Field) *logical.AggCall
		for _, m := range stage {
			prepared = append(prepared, x.prepare(c, m.aggregateMark, "w"+strconv.Itoa(number)+"$o"+strconv.Itoa(len(prepared))))
		}
		number++
		var index []int
		over.Input, index = c.rel()
		fields := over.Input.Fields()
		over.Out = slices.Clone(fields)
		var names []string
		for _, f := range fields {
			names = append(names, f.Name)
		}
		for i, p := range prepared {
			call := p(index, fields)
			over.Calls = append(over.Calls, call)
			stage[i].column = len(over.Out)
			names = append(names, call.Name)
			over.Out = append(over.Out, types.Field{Name: call.Name, Type: call.T})
		}
		for i, n := range unique(names) {
			over.Out[i].Name = n
		}
		x.scope.rel = over
	}
}

// overColumns replaces marks by the columns of their results.
func (x *exprs) overColumns(at ast.Node, e expr.Expr) expr.Expr {
	return x.rebuild(at, e, func(e expr.Expr) (expr.Expr, bool) {
		if m, ok := e.(*overMark); ok {
			return x.scope.ref(m.column), true
		}
		return nil, false
	})
}
