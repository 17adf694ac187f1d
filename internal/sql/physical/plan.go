package physical

import (
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/sqlerr"
	"github.com/weirstream/weir/types"
)

// ScanInfo is what a connector says of a table that is read.
type ScanInfo struct {
	Changelog types.Changelog
	// KeyDeletes tells that deleted rows have the primary key only.
	KeyDeletes bool
	// Scan and Lookup tell whether it can be read, and looked up.
	Scan, Lookup bool
	// Project and Filter tell whether it can read some columns, and leave out rows by conditions.
	Project, Filter bool
	Bounded         bool
	// Watermarks tells that it gives watermarks by itself.
	Watermarks bool
	// Single tells that more than one reader would have nothing to do.
	Single bool
}

// SinkInfo is what a connector says of a table that is written.
type SinkInfo struct {
	// Accepts returns what the sink wants of a changelog; nil for inserts only.
	Accepts func(types.Changelog) types.Changelog
	// KeyDeletes tells that the primary key of a deleted row is enough.
	KeyDeletes bool
}

// Tables asks connectors about tables.
type Tables interface {
	Scan(s *logical.Scan) (ScanInfo, error)
	Sink(s *logical.Sink) (SinkInfo, error)
}

// Config is what the session says about plans.
type Config struct {
	Session *fn.Session
	Tables  Tables
	Batch   bool
	// TTL is table.exec.state.ttl; 0 keeps state for ever, as batch mode does in any case.
	TTL time.Duration
	// PerRow is table.exec.mini-batch.enabled=false as set by the user.
	PerRow bool
	// Duplicates is table.exec.source.cdc-events-duplicate: sources of changes with a primary key may tell a change several times.
	Duplicates bool
	// RequireOnConflict is table.exec.sink.require-on-conflict: an INSERT whose rows have another key than the table must say what becomes of conflicts.
	RequireOnConflict bool
	// ExpireByWatermark is table.exec.join.expire-by-watermark: joins need not keep rows that only a late row could find.
	ExpireByWatermark bool
	// Off are the names of rules that are not applied, of [Rules].
	Off map[string]bool
}

// Plan returns the physical plan of some ends: *logical.Sink, or a query, whose rows go to the caller.
func Plan(cfg Config, ends []logical.Rel) (*Program, error) {
	if cfg.Batch {
		cfg.TTL = 0 // nothing comes so late there that it could be forgotten before
	}
	p := &planner{Config: cfg, memo: map[string]Node{}, exchanges: map[exchangeKey]Node{}, program: &Program{}}
	for _, end := range ends {
		var n Node
		var err error
		if s, ok := end.(*logical.Sink); ok {
			n, err = p.sink(s)
		} else {
			n, err = p.convert(end)
			if err == nil {
				n = p.add(&Result{Head{Inputs: []Node{n}, Fields: n.Of().Fields, Keys: n.Of().Keys, Single: true}})
			}
		}
		if err != nil {
			return nil, err
		}
		p.program.Ends = append(p.program.Ends, n)
	}
	p.sortNodes()
	if !p.Off["merge-joins"] && p.mergeJoins() {
		p.sortNodes()
	}
	if !p.Off["filter-best"] && p.filterBest() {
		p.sortNodes()
	}
	spread := !p.Off["keep-spread"] && p.keepSpread()
	if spread {
		p.sortNodes()
	}
	dropped := !p.Off["drop-row-number"] && p.program.dropRanks()
	p.program.filterNormalized()
	for _, n := range p.program.Nodes {
		n.Of().Changelog = kinds(n, p.Batch)
	}
	for _, s := range p.sinks {
		if err := s.needs(p.RequireOnConflict); err != nil {
			return nil, err
		}
	}
	if err := p.program.infer(p.Batch); err != nil {
		return nil, err
	}
	p.program.normalize(p.TTL, p.PerRow)
	if !p.Off["bound-state"] {
		p.program.boundState(p.Batch, p.ExpireByWatermark)
	}
	p.program.dropBefore()
	if !p.Off["push-into-scans"] {
		p.program.push(p.Batch)
	}
	p.program.Fired = p.program.fired(dropped, spread)
	return p.program, nil
}

type planner struct {
	Config
	// memo has the node of each plan, by its digest: what is the same runs once.
	memo      map[string]Node
	exchanges map[exchangeKey]Node
	program   *Program
	sinks     []pendingSink
	// at is the place of the logical operator whose nodes are made.
	at sqlerr.Place
}

// pendingSink is a sink whose needs are decided when all that stands in front of it is known.
type pendingSink struct {
	node    *Sink
	from    *logical.Sink
	accepts func(types.Changelog) types.Changelog
}

// sortNodes numbers the nodes that are in use, inputs first.
func (p *planner) sortNodes() {
	seen := map[Node]bool{}
	var nodes []Node
	var visit func(n Node)
	visit = func(n Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, in := range n.Of().Inputs {
			visit(in)
		}
		nodes = append(nodes, n)
		n.Of().ID = len(nodes)
	}
	for _, n := range p.program.Ends {
		visit(n)
	}
	p.program.Nodes = nodes
}

// add fills in what follows from the inputs. What rows there may be is settled later, when it is known who needs which.
func (p *planner) add(n Node) Node {
	h := n.Of()
	h.Bounded = true
	for _, in := range h.Inputs {
		h.Bounded = h.Bounded && in.Of().Bounded
	}
	h.Changelog = kinds(n, p.Batch)
	h.At = p.at
	return n
}

// lifetime is how long state is kept that a hint may give a lifetime.
func (p *planner) lifetime(l logical.Lifetime) time.Duration {
	if l.Set && !p.Batch {
		return l.For
	}
	return p.TTL
}

func (p *planner) convert(r logical.Rel) (Node, error) {
	d := digest(r)
	if n, ok := p.memo[d]; ok {
		return n, nil
	}
	outer := p.at
	p.at = logical.PlaceOf(r)
	n, err := p.build(r)
	err = p.at.Of(err)
	p.at = outer
	if err != nil {
		return nil, err
	}
	p.memo[d] = n
	return n, nil
}

func (p *planner) build(r logical.Rel) (Node, error) {
	switch r := r.(type) {
	case *logical.Scan:
		return p.scan(r)
	case *logical.Values:
		return &Values{Head{Fields: r.Out, Changelog: types.AppendOnly, Bounded: true, Single: true}, r.Rows}, nil
	case *logical.Project:
		in, err := p.convert(r.Input)
		if err != nil {
			return nil, err
		}
		in, exprs := p.async(in, r.Exprs)
		return p.calc(in, nil, append([]expr.Expr{}, exprs...), r.Out), nil // never nil, which would be all columns
	case *logical.Filter:
		if over, ok := r.Input.(*logical.Over); ok {
			n, done, err := p.rank(r, over)
			if done || err != nil {
				return n, err
			}
		}
		in, err := p.convert(r.Input)
		if err != nil {
			return nil, err
		}
		return p.asyncFilter(in, r.Cond), nil
	case *logical.Watermark:
		in, err := p.convert(r.Input)
		if err != nil {
			return nil, err
		}
		if FromSource(r.Expr) {
			if err := p.givesWatermarks(r); err != nil {
				return nil, err
			}
		}
		h := Head{Inputs: []Node{in}, Fields: r.Out, Keys: in.Of().Keys, Single: in.Of().Single}
		return p.add(&WatermarkAssigner{h, r.Column, r.Expr}), nil
	case *logical.Aggregate:
		return p.aggregate(r)
	case *logical.WindowTable:
		in, err := p.convert(r.Input)
		if err != nil {
			return nil, err
		}
		return p.windowTable(r, in)
	case *logical.Join:
		return p.join(r)
	case *logical.TemporalJoin:
		return p.temporal(r)
	case *logical.SetOp:
		return p.setOp(r)
	case *logical.Sort:
		return p.sort(r)
	case *logical.Over:
		return p.over(r)
	case *logical.Correlate:
		in, err := p.convert(r.Input)
		if err != nil {
			return nil, err
		}
		h := Head{Inputs: []Node{in}, Fields: r.Out, Single: in.Of().Single, Window: in.Of().Window}
		return p.add(&Correlate{h, r.Kind, r.Fn, r.Args, r.Ordinality, r.Cond}), nil
	}
	switch r := r.(type) {
	case *logical.ToChangelog:
		return p.toChangelog(r)
	case *logical.FromChangelog:
		return p.fromChangelog(r)
	case *logical.SnapshotJoin:
		return p.snapshot(r)
	case *logical.Match:
		return p.match(r)
	}
	return nil, fault.New(fault.InternalInvariant, "no plan for %T", r)
}

func (p *planner) scan(r *logical.Scan) (Node, error) {
	info, err := p.Tables.Scan(r)
	if err != nil {
		return nil, err
	}
	if !info.Scan {
		return nil, fault.New(fault.SQLUnsupported, "the table %s can only be looked up, by a join FOR SYSTEM_TIME AS OF", r.Table.Path)
	}
	n := &Scan{Head: Head{Fields: r.Out, Bounded: info.Bounded, Single: info.Single, Changelog: info.Changelog, At: r.At}, Table: r.Table, Columns: r.Columns, Options: r.Options, projects: info.Project, filters: info.Filter, KeyDeletes: info.KeyDeletes}
	if n.Changelog == 0 {
		n.Changelog = types.AppendOnly
	}
	var key []int
	for _, name := range r.Table.PrimaryKey {
		at := slices.IndexFunc(r.Out, func(f types.Field) bool { return f.Name == name })
		if at < 0 {
			key = nil
			break
		}
		key = append(key, at)
	}
	if key != nil {
		n.Keys = [][]int{key}
	}
	if p.Duplicates && key != nil && n.Changelog.Updates() || n.Changelog.Has(types.UpdateAfter) && !n.Changelog.Has(types.UpdateBefore) {
		if key == nil {
			return nil, fault.New(fault.SQLChangelog, "the table %s has updates without their old rows, so it needs a primary key", r.Table.Path)
		}
		in := p.exchange(n, key)
		return p.add(&ChangelogNormalize{Head: Head{Inputs: []Node{in}, Fields: r.Out, Keys: n.Keys, Single: in.Of().Single}, Unique: key, TTL: p.TTL, PerRow: p.PerRow}), nil
	}
	if n.KeyDeletes {
		return nil, fault.New(fault.SQLChangelog, "the table %s gives the old rows of updates, but of deletes only the key", r.Table.Path)
	}
	return n, nil
}

// FromSource reports whether the expression of a watermark is SOURCE_WATERMARK(): it is the source's.
func FromSource(e expr.Expr) bool {
	c, ok := e.(*expr.Call)
	return ok && c.Fn.Name == "SOURCE_WATERMARK"
}

// givesWatermarks looks whether the table under a watermark gives them by itself.
func (p *planner) givesWatermarks(w *logical.Watermark) error {
	r := w.Input
	for {
		if s, ok := r.(*logical.Scan); ok {
			info, err := p.Tables.Scan(s)
			if err == nil && !info.Watermarks {
				err = fault.New(fault.SQLTable, "the table %s has SOURCE_WATERMARK(), but its connector gives no watermarks: declare them by an expression, such as WATERMARK FOR ts AS ts - INTERVAL '5' SECOND", s.Table.Path)
			}
			return w.At.Or(s.At).Of(err)
		}
		in := r.Inputs()
		if len(in) == 0 {
			return nil
		}
		r = in[0]
	}
}

// calc filters and projects. A filter right beneath becomes part of it.
func (p *planner) calc(in Node, where expr.Expr, exprs []expr.Expr, out []types.Field) Node {
	if c, ok := in.(*Calc); ok && c.Exprs == nil {
		if where == nil {
			where = c.Where
		} else {
			where = expr.All(append(slices.Clone(expr.And(c.Where)), expr.And(where)...))
		}
		in = c.Inputs[0]
	} else if ok && (plain(c.Exprs) || where == nil && exprs != nil && plain(exprs)) {
		if where != nil {
			where = expr.Inline(where, c.Exprs)
		}
		if c.Where != nil {
			conds := slices.Clone(expr.And(c.Where))
			if where != nil {
				conds = append(conds, expr.And(where)...)
			}
			where = expr.All(conds)
		}
		if exprs == nil {
			exprs = c.Exprs
		} else {
			inlined := make([]expr.Expr, len(exprs))
			for i, e := range exprs {
				inlined[i] = expr.Inline(e, c.Exprs)
			}
			exprs = inlined
		}
		in = c.Inputs[0]
	}
	h := in.Of()
	if where == nil && exprs != nil && identity(exprs, h.Fields, out) {
		return in
	}
	n := &Calc{Head{Inputs: []Node{in}, Fields: out, Single: h.Single, Keys: h.Keys, Window: h.Window}, where, exprs}
	if exprs != nil {
		at := make([]int, len(h.Fields)) // where each column is to be found above
		for i := range at {
			at[i] = -1
		}
		for i, e := range exprs {
			if ref, ok := e.(*expr.Ref); ok && at[ref.Index] < 0 {
				at[ref.Index] = i
			}
		}
		n.Keys = nil
		for _, k := range h.Keys {
			if moved, ok := through(k, at); ok {
				n.Keys = append(n.Keys, moved)
			}
		}
		n.Window = moveWindow(h.Window, at)
	}
	return p.add(n)
}

// plain reports whether expressions are columns, each at most once, or constants: so that what is beneath is not computed twice.
func plain(list []expr.Expr) bool {
	seen := map[int]bool{}
	for _, e := range list {
		switch e := e.(type) {
		case *expr.Ref:
			if seen[e.Index] {
				return false
			}
			seen[e.Index] = true
		case *expr.Const:
		default:
			return false
		}
	}
	return true
}

// identity reports whether expressions are all columns of the input, in order, with the same names.
func identity(exprs []expr.Expr, in, out []types.Field) bool {
	if len(exprs) != len(in) {
		return false
	}
	for i, e := range exprs {
		ref, ok := e.(*expr.Ref)
		if !ok || ref.Index != i || in[i].Name != out[i].Name || !in[i].Type.Equal(out[i].Type) || in[i].Type.Attribute() != out[i].Type.Attribute() {
			return false
		}
	}
	return true
}

func through(cols, at []int) ([]int, bool) {
	out := make([]int, len(cols))
	for i, c := range cols {
		if at[c] < 0 {
			return nil, false
		}
		out[i] = at[c]
	}
	return out, true
}

func moveWindow(w *Window, at []int) *Window {
	if w == nil {
		return nil
	}
	to := func(c int) int {
		if c < 0 {
			return -1
		}
		return at[c]
	}
	out := &Window{to(w.Start), to(w.End), to(w.Time), w.Spec}
	if out.Start < 0 && out.End < 0 && out.Time < 0 {
		return nil
	}
	return out
}

// exchange spreads the rows by key; without one, all go to one subtask.
func (p *planner) exchange(in Node, key []int) Node {
	h := in.Of()
	if len(key) == 0 {
		key = nil
	}
	at := exchangeKey{in, digestInts(key)}
	if n, ok := p.exchanges[at]; ok {
		return n
	}
	n := p.add(&Exchange{Head{Inputs: []Node{in}, Fields: h.Fields, Keys: h.Keys, Window: h.Window, Single: len(key) == 0}, key})
	p.exchanges[at] = n
	return n
}

// exchangeKey tells an exchange from all others: what it spreads, and by which columns.
type exchangeKey struct {
	in  Node
	key string
}

func (p *planner) sink(s *logical.Sink) (Node, error) {
	info, err := p.Tables.Sink(s)
	if err != nil {
		return nil, s.At.Of(err)
	}
	in, err := p.convert(s.Input)
	if err != nil {
		return nil, err
	}
	n := &Sink{Head: Head{Inputs: []Node{in}}, Table: s.Table, Columns: s.Columns, Options: s.Options, Overwrite: s.Overwrite, PerRow: p.PerRow, KeyDeletes: info.KeyDeletes}
	p.sinks = append(p.sinks, pendingSink{n, s, info.Accepts})
	p.add(n).Of().At = s.At
	return n, nil
}

// needs decides whether the sink wants -U rows and whether the last row of a key has to be found for it.
func (p pendingSink) needs(require bool) error {
	n, accepts, s := p.node, p.accepts, p.from
	given := n.Inputs[0].Of().Changelog
	takes, most := types.AppendOnly, types.AppendOnly
	if accepts != nil {
		takes, most = accepts(given), accepts(types.Retracts)
	}
	var key []int
	for _, name := range s.Table.PrimaryKey {
		for i, c := range s.Columns {
			if s.Table.Columns[c].Name == name {
				key = append(key, i)
			}
		}
	}
	upserts := len(key) > 0 && most.Has(types.UpdateAfter) && !most.Has(types.UpdateBefore)
	same := slices.ContainsFunc(n.Inputs[0].Of().Keys, func(k []int) bool { return sameSet(k, key) })
	switch {
	case s.OnConflict != "" && !upserts:
		return s.ConflictAt.Of(fault.New(fault.SQLInvalid, "ON CONFLICT is for tables that take updates by their primary key; %s takes rows of the kinds %s and has %d columns in its key", s.Table.Path, most, len(key)))
	case s.OnConflict == "" && require && upserts && !same:
		return s.At.Of(fault.New(fault.SQLSink, "the query's rows have another key than the table %s: say by ON CONFLICT DO ERROR, NOTHING or DEDUPLICATE what becomes of several rows with the same primary key", s.Table.Path))
	case (s.OnConflict == "ERROR" || s.OnConflict == "NOTHING") && !same:
		if t := timeless(s.Input, false); t != nil {
			return t.At.Or(s.ConflictAt).Of(fault.New(fault.SQLTable, "ON CONFLICT DO %s needs a watermark in each table that is read, and %s has none", s.OnConflict, t.Table.Path))
		}
		n.Conflict, n.Materialize = s.OnConflict, key
	}
	if !given.Updates() {
		return nil
	}
	if given.Without(types.UpdateBefore)&^takes != 0 {
		what := "changes and deletes"
		if !given.Has(types.Delete) {
			what = "changes"
		}
		err := fault.New(fault.SQLChangelog, "the table %s takes rows of the kinds %s, but the query %s rows: %s emits %s", s.Table.Path, takes, what, Describe(producer(n.Inputs[0])), given)
		return changer(n.Inputs[0]).Of().At.Or(s.At).Of(err)
	}
	n.Before = takes.Has(types.UpdateBefore)
	if n.Before || len(s.Table.PrimaryKey) == 0 {
		return nil
	}
	if accepts(given.With(types.Delete)).Has(types.Delete) {
		n.Key = key
	}
	if same {
		return nil
	}
	n.Materialize, n.Before = key, true
	return nil
}

// timeless finds a table without a watermark; below tells that there is one above.
func timeless(r logical.Rel, below bool) *logical.Scan {
	switch x := r.(type) {
	case *logical.Scan:
		if below {
			return nil
		}
		return x
	case *logical.Watermark:
		below = true
	}
	for _, in := range r.Inputs() {
		if t := timeless(in, below); t != nil {
			return t
		}
	}
	return nil
}

// producer skips what only passes rows on.
func producer(n Node) Node {
	for {
		switch n.(type) {
		case *Calc, *Exchange:
			n = n.Of().Inputs[0]
		default:
			return n
		}
	}
}

func sameSet(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return true
}

func (p *planner) setOp(r *logical.SetOp) (Node, error) {
	if r.All && r.Kind != logical.Union {
		return p.convert(bagOp(r))
	}
	inputs := make([]Node, len(r.Of))
	for i, in := range r.Of {
		var err error
		if inputs[i], err = p.convert(in); err != nil {
			return nil, err
		}
	}
	if r.Kind == logical.Union {
		n := p.add(&Union{Head{Inputs: inputs, Fields: r.Out}})
		if r.All {
			return n, nil
		}
		return p.distinct(n), nil
	}
	kind := logical.Semi
	if r.Kind == logical.Except {
		kind = logical.Anti
	}
	left := p.distinct(inputs[0])
	for _, right := range inputs[1:] {
		cols := make([]int, len(r.Out))
		safe := make([]bool, len(r.Out))
		for i := range cols {
			cols[i], safe[i] = i, true
		}
		l, rr := p.exchange(left, cols), p.exchange(right, cols)
		left = p.add(&Join{Head: Head{Inputs: []Node{l, rr}, Fields: r.Out, Keys: left.Of().Keys}, Kind: kind, Left: cols, Right: cols, NullSafe: safe, LeftUnique: true, LeftTTL: p.TTL, RightTTL: p.TTL})
	}
	return left, nil
}

func (p *planner) distinct(in Node) Node {
	cols := make([]int, len(in.Of().Fields))
	for i := range cols {
		cols[i] = i
	}
	x := p.exchange(in, cols)
	return p.add(&GroupAggregate{Head: Head{Inputs: []Node{x}, Fields: in.Of().Fields, Keys: [][]int{cols}}, Group: cols, Grouped: true, TTL: p.TTL, PerRow: p.PerRow})
}

func (p *planner) sort(r *logical.Sort) (Node, error) {
	in, err := p.convert(r.Input)
	if err != nil {
		return nil, err
	}
	single := in
	if !in.Of().Single {
		single = p.exchange(in, nil)
	}
	h := Head{Inputs: []Node{single}, Fields: in.Of().Fields, Keys: in.Of().Keys, Single: true}
	if r.Limit >= 0 || r.Offset > 0 {
		if r.Limit < 0 && !p.Batch {
			return nil, fault.New(fault.SQLUnbounded, "OFFSET without LIMIT would have to keep all rows for ever: add a LIMIT (FETCH)")
		}
		return p.add(&SortLimit{h, r.Keys, r.Offset, r.Limit}), nil
	}
	if !p.Batch {
		first := r.Input.Fields()[r.Keys[0].Column]
		if err := p.untimed("ORDER BY on unbounded input without a LIMIT", r.At, in, r.Keys[0].Column); err != nil {
			return nil, err
		}
		if first.Type.Attribute() == types.NoAttribute || r.Keys[0].Descending {
			name := types.Quote(first.Name)
			if strings.HasPrefix(first.Name, "$") {
				name = "an expression"
			}
			return nil, fault.New(fault.SQLUnbounded, "ORDER BY %s, which is no time attribute, never ends on unbounded input: sort by a time attribute, ascending, add a LIMIT, or run with SET 'execution.runtime-mode' = 'batch'", name)
		}
	}
	return p.add(&Sort{h, r.Keys}), nil
}
