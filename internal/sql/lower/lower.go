// Package lower turns physical plans into graphs: an operator of package exec for each node, and an edge of batches for each input.
package lower

import (
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/internal/sql/exec"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/physical"
	"github.com/weirstream/weir/types"
)

// Config is what is needed beside the plan.
type Config struct {
	Session     *fn.Session
	Batch       bool
	Parallelism int
	// Source returns how a table is read, of the given columns of the scan.
	Source func(n *physical.Scan) (*tables.Source, error)
	// Sink returns how a table is written.
	Sink func(n *physical.Sink) (*tables.Sink, error)
	// Result takes the rows of a query.
	Result func(n *physical.Result) connector.Sink[*column.Batch]
	// SingleResult has the rows of a query come to one subtask.
	SingleResult bool
	// Constraints are what is done with rows that a table must not have.
	Constraints exec.ConstraintRules
	// Statement numbers the statements whose plans are added to one graph, from 1; 0 for a graph of its own.
	Statement int
	// Records makes the operator that takes the rows of a query and goes on as a stream; nil for a sink, see Result.
	Records func(op *dataflow.Operator) operator.Factory
	// Check is told what can be asked, before the job starts, whether it can run.
	Check func(op *dataflow.Operator, factory any)
}

// Attached is a scan that is an operator of the graph already, as of a stream that is a table.
type Attached interface {
	Attached() *dataflow.Operator
}

// Lower adds a program to a graph.
func Lower(g *dataflow.Graph, p *physical.Program, cfg Config) error {
	l := &lowering{Config: cfg, graph: g, ops: map[physical.Node][]output{}}
	for _, n := range p.Nodes {
		if err := l.node(n); err != nil {
			return n.Of().At.Of(err)
		}
	}
	return nil
}

// output is an operator whose rows are a node's, with how they are spread.
type output struct {
	op   *dataflow.Operator
	hash []int
	// spread is whether an exchange stands between.
	spread bool
}

type lowering struct {
	Config
	graph *dataflow.Graph
	ops   map[physical.Node][]output
}

// node adds the operator of a node. Exchanges and unions are none: they are how others read.
func (l *lowering) node(n physical.Node) error {
	h := n.Of()
	switch n := n.(type) {
	case *physical.Exchange:
		for _, o := range l.ops[h.Inputs[0]] {
			l.ops[n] = append(l.ops[n], output{o.op, n.Hash, true})
		}
		return nil
	case *physical.Union:
		for _, in := range h.Inputs {
			l.ops[n] = append(l.ops[n], l.ops[in]...)
		}
		return nil
	}
	if s, ok := n.(*physical.Scan); ok {
		src, err := l.Source(s)
		if err != nil {
			return err
		}
		if a, ok := src.Scan.(Attached); ok && l.Statement > 0 {
			l.ops[n] = []output{{op: a.Attached()}}
			return nil
		}
	}
	inputs := h.Inputs
	if s, ok := n.(*physical.Sink); ok {
		in, err := l.constrain(s)
		if err == nil && s.Materialize != nil {
			in, err = l.materialize(s, in)
		}
		if err != nil {
			return err
		}
		inputs = []physical.Node{in}
	}
	factory, err := l.factory(n)
	if err != nil {
		return err
	}
	op := &dataflow.Operator{
		ID: len(l.graph.Operators), Kind: "sql:" + physical.Whole(n), Name: n.Name(), Factory: factory, OutType: rowText(h.Fields), UID: physical.UID(h, l.Statement, physical.Whole(n)),
		NonParallel: h.Single, ChainInputs: true,
	}
	switch n := n.(type) {
	case *physical.Scan:
		op.Name = "Source: " + n.Table.Path.Name
		op.Source, op.Bounded = true, h.Bounded
	case *physical.Values:
		op.Source, op.Bounded = true, true
	case *physical.Sink:
		op.Name = "Sink: " + n.Table.Path.Name
		op.Sink = true
	case *physical.Result:
		op.Sink = l.Records == nil
		op.NonParallel = h.Single && op.Sink
	}
	if _, ok := n.(*physical.Result); h.Single && !(ok && l.Records != nil) || ok && l.SingleResult {
		op.Parallelism = 1
	}
	if _, ok := n.(*physical.Result); ok && l.Records != nil {
		factory = l.Records(op)
		op.Factory = factory
	}
	op.States = states(n)
	l.graph.Operators = append(l.graph.Operators, op)
	if l.Check != nil {
		l.Check(op, factory)
	}
	for i, in := range inputs {
		for _, from := range l.ops[in] {
			e := &dataflow.Edge{ID: len(l.graph.Edges), From: from.op.ID, To: op.ID, Input: i, Type: rowText(in.Of().Fields), Factory: &exec.Edge{Fields: in.Of().Fields, Key: from.hash}}
			switch {
			case !from.spread:
				key, ordered := order(in.Of())
				switch {
				case from.op.Parallelism == op.Parallelism:
					e.Partitioner, e.PartitionerSet = dataflow.Forward, true
				case !ordered || l.parallelism(op) == 1:
				case len(key) == 0:
					e.Partitioner, e.PartitionerSet = dataflow.Global, true
				default:
					e.Factory = &exec.Edge{Fields: in.Of().Fields, Key: key}
					e.Partitioner, e.PartitionerSet, e.KeyType = dataflow.Hash, true, keyText(in.Of().Fields, key)
				}
			case l.parallelism(op) == 1 && l.parallelism(from.op) == 1:
				e.Partitioner, e.PartitionerSet = dataflow.Forward, true
			case len(from.hash) == 0:
				e.Partitioner, e.PartitionerSet = dataflow.Global, true
			default:
				e.Partitioner, e.PartitionerSet, e.KeyType = dataflow.Hash, true, keyText(in.Of().Fields, from.hash)
			}
			l.graph.Edges = append(l.graph.Edges, e)
		}
	}
	l.ops[n] = []output{{op: op}}
	return nil
}

// order returns the columns by which the rows of a node must be spread where they do not just go on, so that what is done to a row stays in its order: those of a key, or else all. Rows that are only added may come in any.
func order(h *physical.Head) (key []int, ordered bool) {
	if !h.Changelog.Updates() {
		return nil, false
	}
	if len(h.Keys) > 0 {
		return h.Keys[0], true
	}
	for i := range h.Fields {
		key = append(key, i)
	}
	return key, true
}

// materializer stands in front of a sink by key whose input is spread, and so ordered, by another one.
type materializer struct {
	physical.Head
	keys     []int
	perRow   bool
	conflict string
}

// Name implements [physical.Node].
func (*materializer) Name() string { return physical.Materializer }

// Attrs implements [physical.Node].
func (*materializer) Attrs() []physical.Attr { return nil }

// constraints stands in front of a sink, and of its materializer, where a column is NOT NULL or a type has rules that are looked at.
type constraints struct {
	physical.Head
	factory *exec.Constraints
}

// Name implements [physical.Node].
func (*constraints) Name() string { return physical.Constraints }

// Attrs implements [physical.Node].
func (*constraints) Attrs() []physical.Attr { return nil }

// constrain adds what keeps rows from a table that must not be there, if something can, and returns what the sink reads.
func (l *lowering) constrain(s *physical.Sink) (physical.Node, error) {
	f := &exec.Constraints{ConstraintRules: l.Constraints}
	for _, c := range s.Columns {
		column := s.Table.Columns[c]
		f.Columns = append(f.Columns, types.Field{Name: column.Name, Type: column.Type})
	}
	if !f.Any() {
		return s.Inputs[0], nil
	}
	in := s.Inputs[0].Of()
	n := &constraints{Head: physical.Head{ID: s.ID, UIDs: s.UIDs, Inputs: s.Inputs, Fields: in.Fields, Keys: in.Keys, Changelog: in.Changelog, Before: in.Before, Single: in.Single, Bounded: in.Bounded}, factory: f}
	return n, l.node(n)
}

// materialize adds the materializer of a sink.
func (l *lowering) materialize(s *physical.Sink, from physical.Node) (physical.Node, error) {
	in := from.Of()
	spread := &physical.Exchange{Head: physical.Head{Inputs: []physical.Node{from}, Fields: in.Fields, Changelog: in.Changelog, Before: true, Single: s.Single}, Hash: s.Materialize}
	m := &materializer{Head: physical.Head{ID: s.ID, UIDs: s.UIDs, Inputs: []physical.Node{spread}, Fields: in.Fields, Changelog: types.Upserts, Single: s.Single, Bounded: in.Bounded}, keys: s.Materialize, perRow: s.PerRow, conflict: s.Conflict}
	if err := l.node(spread); err != nil {
		return nil, err
	}
	return m, l.node(m)
}

func (l *lowering) parallelism(op *dataflow.Operator) int {
	if op.Parallelism > 0 {
		return op.Parallelism
	}
	return l.Parallelism
}

func rowText(fields []types.Field) string { return types.RowOf(fields...).String() }

func keyText(fields []types.Field, cols []int) string {
	key := make([]types.Field, len(cols))
	for i, c := range cols {
		key[i] = fields[c]
	}
	return rowText(key)
}

// states declares that an operator keeps something, which is part of what its uid stands for.
func states(n physical.Node) []dataflow.StateDecl {
	if s, ok := n.(interface{ State() string }); ok {
		return []dataflow.StateDecl{{Name: "state", Kind: "table", Schema: s.State()}}
	}
	return nil
}

func (l *lowering) factory(n physical.Node) (operator.Factory, error) {
	switch n := n.(type) {
	case *physical.Scan:
		s, err := l.Source(n)
		if err != nil {
			return nil, err
		}
		return &operator.SourceOperator[*column.Batch]{Source: s.Scan}, nil
	case *physical.Values:
		return &operator.SourceOperator[*column.Batch]{Source: &exec.ValuesSource{Session: l.Session, Rows: n.Rows, Fields: n.Fields}}, nil
	case *physical.Calc:
		return &exec.Calc{Session: l.Session, Where: n.Where, Exprs: n.Exprs}, nil
	case *physical.WatermarkAssigner:
		if l.Batch || physical.FromSource(n.Expr) {
			return &exec.Calc{Session: l.Session}, nil
		}
		return &exec.WatermarkAssigner{Session: l.Session, Expr: n.Expr, Column: n.Column, Name: n.Fields[n.Column].Name}, nil
	case *physical.WindowTable:
		return &exec.WindowTableFunction{Session: l.Session, Input: n.Inputs[0].Of().Fields, Window: n.Spec, Final: l.Batch}, nil
	case *physical.Correlate:
		if n.Fn != nil {
			return l.correlate(n)
		}
		return &exec.Unnest{Session: l.Session, Input: n.Inputs[0].Of().Fields, Of: n.Args[0], Kind: n.Kind, Ordinality: n.Ordinality, Residual: n.Cond}, nil
	case *physical.SnapshotJoin:
		return l.snapshot(n), nil
	case *physical.Match:
		return l.match(n)
	case *physical.AsyncCalc:
		in := n.Inputs[0].Of().Fields
		limits, err := asyncLimits(l.Session, "table.exec.async-scalar", "max-attempts")
		return &exec.Async{
			Session: l.Session, Input: in, Args: n.Call.Args, Columns: n.Fields[len(in):], AsyncLimits: limits,
			Call: func() (fn.AsyncKernel, error) { return n.Call.Fn.Async(l.Session, expr.Args(n.Call.Args)) },
		}, err
	case *physical.Expand:
		ids := make([]int64, len(n.Sets))
		for i := range ids {
			ids[i] = int64(i)
		}
		return &exec.Expand{Input: n.Inputs[0].Of().Fields, Keys: n.Keys, Sets: n.Sets, IDs: ids}, nil
	case *physical.WindowBest:
		return &exec.WindowBest{Fields: n.Inputs[0].Of().Fields, Value: n.Value, Time: n.Time, Max: n.Max, Size: n.Window.Size, Offset: n.Window.Offset, Attached: n.Attached != nil}, nil
	case *physical.DropUpdateBefore:
		return exec.DropUpdateBefore{Key: n.Key}, nil
	case *physical.GroupAggregate:
		return l.groupAggregate(n)
	case *physical.WindowAggregate:
		return l.windowAggregate(n)
	case *physical.LocalAggregate:
		return l.localAggregate(n)
	case *physical.Join:
		left, right := n.Inputs[0].Of(), n.Inputs[1].Of()
		if n.NullAware {
			return nil, fault.New(fault.SQLUnsupported, "NOT IN of a query whose column, or what is looked for, may be null is not supported: test for null, or use NOT EXISTS")
		}
		return &exec.Join{
			Session: l.Session, Left: left.Fields, Right: right.Fields, Kind: n.Kind, LeftKeys: n.Left, RightKeys: n.Right, NullSafe: n.NullSafe, Residual: n.Residual,
			ConsumesLeft: left.Changelog, ConsumesRight: right.Changelog, LeftUnique: n.LeftUnique, RightUnique: n.RightUnique, LeftUpsert: first(left.Keys), RightUpsert: first(right.Keys),
			UpdateBefore: n.Before, LeftTTL: n.LeftTTL, RightTTL: n.RightTTL, LeftExpire: expire(n.LeftExpiry), RightExpire: expire(n.RightExpiry), Final: l.Batch,
		}, nil
	case *physical.MultiJoin:
		f := &exec.MultiJoin{Session: l.Session, NullSafe: n.NullSafe, Residual: n.Residual, UpdateBefore: n.Before, TTL: n.TTL, Final: l.Batch}
		for i, in := range n.Inputs {
			h := in.Of()
			f.Inputs = append(f.Inputs, exec.JoinInput{Fields: h.Fields, Keys: n.JoinKeys[i], Consumes: h.Changelog, Unique: n.Unique[i]})
		}
		return f, nil
	case *physical.Rank:
		in := n.Inputs[0].Of()
		if n.InWindow != nil {
			return &exec.WindowRank{
				Session: l.Session, Input: in.Fields, Keys: n.Partition, Order: n.Order, From: n.From, To: n.To, WithRank: n.WithRank, Window: [2]int{n.InWindow.Start, n.InWindow.End}, Local: local(in, n.InWindow),
			}, nil
		}
		return &exec.Rank{
			Input: in.Fields, Keys: n.Partition, Order: n.Order, From: n.From, To: n.To, WithRank: n.WithRank, Consumes: in.Changelog, UpdateBefore: n.Before, TTL: n.TTL, Final: l.Batch, PerRow: n.PerRow,
		}, nil
	case *physical.Deduplicate:
		return &exec.Deduplicate{
			Input: n.Inputs[0].Of().Fields, Keys: n.Partition, Time: n.Time, KeepLast: n.Last, UpdateBefore: n.Before, TTL: n.TTL, Final: l.Batch, PerRow: n.PerRow,
		}, nil
	case *physical.Over:
		return l.over(n)
	case *physical.IntervalJoin:
		return &exec.IntervalJoin{
			Session: l.Session, Left: n.Inputs[0].Of().Fields, Right: n.Inputs[1].Of().Fields, Kind: n.Kind, LeftKeys: n.Left, RightKeys: n.Right, NullSafe: n.NullSafe, LeftTime: n.LeftTime, RightTime: n.RightTime,
			Lower: time.Duration(n.Lower) * time.Millisecond, Upper: time.Duration(n.Upper) * time.Millisecond, Proctime: n.Proctime, Residual: n.Residual,
		}, nil
	case *physical.WindowJoin:
		left, right := n.Inputs[0].Of(), n.Inputs[1].Of()
		f := &exec.WindowJoin{
			Session: l.Session, Left: left.Fields, Right: right.Fields, Kind: n.Kind, LeftKeys: n.Left, RightKeys: n.Right, Residual: n.Residual,
			LeftWindow: [2]int{n.LeftWindow.Start, n.LeftWindow.End}, RightWindow: [2]int{n.RightWindow.Start, n.RightWindow.End}, Local: local(left, n.LeftWindow),
		}
		if len(n.Left) == 0 { // rows are spread by the window then
			f.LeftKeys, f.RightKeys = f.LeftWindow[:], f.RightWindow[:]
		}
		return f, nil
	case *physical.TemporalJoin:
		return &exec.TemporalJoin{
			Session: l.Session, Left: n.Inputs[0].Of().Fields, Right: n.Inputs[1].Of().Fields, Kind: n.Kind, LeftKeys: n.Left, RightKeys: n.Right, LeftTime: n.LeftTime, RightTime: n.RightTime,
			Proctime: n.LeftTime < 0, Residual: n.Residual,
		}, nil
	case *physical.ChangelogNormalize:
		return &exec.ChangelogNormalize{Session: l.Session, Input: n.Fields, Keys: n.Unique, UpdateBefore: n.Before, TTL: n.TTL, PerRow: n.PerRow, Where: n.Where}, nil
	case *physical.ToChangelog:
		return &exec.ToChangelog{Input: n.Inputs[0].Of().Fields, Columns: n.Columns, Names: n.Names, Blank: n.Blank}, nil
	case *physical.FromChangelog:
		return &exec.FromChangelog{Columns: n.Columns, Op: n.Op, Kinds: n.Kinds, UpdateBefore: n.Before, Skip: n.Invalid != "FAIL", Log: n.Invalid == "LOG"}, nil
	case *physical.Sort:
		return &exec.Sort{Input: n.Fields, Order: n.Keys, Final: l.Batch, Limit: -1}, nil
	case *physical.SortLimit:
		in := n.Inputs[0].Of()
		if l.Batch {
			return &exec.Sort{Input: n.Fields, Order: n.Keys, Final: true, Offset: n.Offset, Limit: n.Limit}, nil
		}
		return &exec.Rank{Input: in.Fields, Order: n.Keys, From: n.Offset + 1, To: n.Offset + n.Limit, Consumes: in.Changelog, UpdateBefore: n.Before}, nil
	case *physical.LookupJoin:
		s, err := l.Source(n.Table)
		if err != nil {
			return nil, n.Table.At.Of(err)
		}
		lookup, err := s.Lookup(n.TableKeys)
		return &exec.LookupJoin{
			Session: l.Session, Input: n.Inputs[0].Of().Fields, Table: n.Table.Fields, Lookup: lookup, Keys: n.Keys, Kind: n.Kind, Residual: n.Residual, Remember: n.Remember,
		}, err
	case *constraints:
		return n.factory, nil
	case *materializer:
		return &exec.SinkMaterializer{Input: n.Fields, Keys: n.keys, Consumes: n.Inputs[0].Of().Changelog, PerRow: n.perRow, Conflict: exec.Conflict(n.conflict)}, nil
	case *physical.Sink:
		s, err := l.Sink(n)
		if err != nil {
			return nil, err
		}
		return &operator.SinkOperator[*column.Batch]{Sink: s.Sink}, nil
	case *physical.Result:
		if l.Records != nil {
			return nil, nil
		}
		return &operator.SinkOperator[*column.Batch]{Sink: l.Result(n)}, nil
	}
	return nil, fault.New(fault.SQLUnsupported, "there is no operator for %s yet", n.Name())
}

// expire is the bound of rows that a plan has found.
func expire(e *physical.Expiry) *exec.Expiry {
	if e == nil {
		return nil
	}
	return &exec.Expiry{Column: e.Column, Keep: time.Duration(e.Keep) * time.Millisecond}
}

// local tells whether the windows of an input are times in the session's zone: those of a TIMESTAMP_LTZ are.
func local(in *physical.Head, w *physical.Window) bool {
	return w.Time >= 0 && in.Fields[w.Time].Type.Kind() == types.TimestampLTZ
}

// resolve makes the calls of an operator over its input.
func resolve(calls []*logical.AggCall, in *physical.Head) ([]*agg.Call, error) {
	list := make([]*agg.Call, len(calls))
	for i, c := range calls {
		var err error
		if list[i], err = agg.Resolve(c, in.Fields, in.Changelog); err != nil {
			return nil, c.At.Of(err)
		}
	}
	return list, nil
}

// over makes the operator of OVER windows. A bounded frame takes rows back.
func (l *lowering) over(n *physical.Over) (operator.Factory, error) {
	in := n.Inputs[0].Of()
	f := &exec.OverAggregate{
		Session: l.Session, Input: in.Fields, Keys: n.Partition, Order: n.Order, Rows: n.Rows, From: n.From, To: n.To, Proctime: n.Proctime, Final: l.Batch,
	}
	positions := false // functions that need all rows of a key
	consumes := in.Changelog
	if !n.From.Unbounded || !n.To.Unbounded && n.To.Offset != 0 {
		consumes = types.Retracts
	}
	for _, c := range n.Calls {
		if c.Fn.Ranking {
			switch c.Fn.Name {
			case "ROW_NUMBER", "RANK", "DENSE_RANK", "LAG":
				positions = positions || c.Fn.Name == "LAG"
			default:
				positions = true
				if !n.Updating && !l.Batch {
					return nil, c.At.Of(fault.New(fault.SQLUnsupported, "%s OVER a window that is ordered by time has to know rows that are yet to come, on unbounded input", c.Fn.Name))
				}
			}
			args, err := agg.Args(c, in.Fields)
			if err != nil {
				return nil, c.At.Of(err)
			}
			f.Calls = append(f.Calls, exec.OverCall{Ranking: c.Fn.Name, Args: args, Result: c.T})
			continue
		}
		call, err := agg.Resolve(c, in.Fields, consumes)
		if err != nil {
			return nil, c.At.Of(err)
		}
		f.Calls = append(f.Calls, exec.OverCall{Aggregate: call})
	}
	if l.Batch && (positions || !n.From.Unbounded && (n.From.Offset > 0 || n.To.Unbounded) || !n.To.Unbounded && n.To.Offset != 0) {
		return &exec.OverUpdating{
			Session: l.Session, Input: in.Fields, Keys: n.Partition, Order: n.Order, Rows: n.Rows, Whole: n.From.Unbounded && n.To.Unbounded, From: n.From, To: n.To, Calls: f.Calls, Consumes: types.AppendOnly, Final: true,
		}, nil
	}
	if n.Updating {
		return &exec.OverUpdating{
			Session: l.Session, Input: in.Fields, Keys: n.Partition, Order: n.Order, Rows: n.Rows, Whole: n.To.Unbounded, Calls: f.Calls, Consumes: in.Changelog, UpdateBefore: n.Before, TTL: n.TTL, PerRow: n.PerRow,
		}, nil
	}
	return f, nil
}

func first(keys [][]int) []int {
	if len(keys) == 0 {
		return nil
	}
	return keys[0]
}
