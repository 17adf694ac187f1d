// Package physical is the plan of what runs: one node for each operator, with what the planner has decided about it. It knows no operator's code: package lower turns nodes into a graph.
package physical

import (
	"fmt"
	"time"

	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/sqlerr"
	"github.com/weirstream/weir/types"
)

// Node is an operator of the plan.
type Node interface {
	// Of returns what all nodes have.
	Of() *Head
	// Name is what plans call the operator, as Flink does.
	Name() string
	// Attrs are what plans say of it.
	Attrs() []Attr
}

// Attr is a thing that plans say of an operator, as select=[a, b].
type Attr struct{ Key, Value string }

// Head is what all nodes have. It is filled in by the planner.
type Head struct {
	// ID numbers the nodes of a program in topological order, from 1.
	ID int
	// UIDs are those of the operators of the node, by their names, in a plan that was compiled before. Without them they follow from the number: see [UID].
	UIDs   map[string]string
	Inputs []Node
	// Fields are the columns of the output.
	Fields []types.Field
	// Keys are sets of columns each of which tells rows apart: no two rows of the table that the changelog describes agree in one.
	Keys [][]int
	// Changelog is what rows the output may hold.
	Changelog types.Changelog
	// Before is whether somebody needs the -U rows of the output, if it has updates.
	Before bool
	// Window tells of rows that belong to windows; nil if they do not.
	Window *Window
	// Single tells that it runs in one subtask.
	Single bool
	// Bounded tells that the input ends.
	Bounded bool
	// At is the part of the query that asks for the operator, where errors in it are shown; none where the planner has put it in, and in a plan that was compiled before.
	At sqlerr.Place
}

// Of implements [Node].
func (h *Head) Of() *Head { return h }

// UID returns the uid of an operator of a node: statement is the number of the statement in a graph of several, 0 for a graph of its own, and name that of [Whole], or of what stands in front of a sink.
func UID(h *Head, statement int, name string) string {
	if uid, ok := h.UIDs[name]; ok {
		return uid
	}
	if statement > 0 {
		return fmt.Sprintf("sql-%d-%d-%s", statement, h.ID, name)
	}
	return fmt.Sprintf("sql-%d-%s", h.ID, name)
}

// What stands in front of a sink, where it is needed.
const (
	Constraints  = "ConstraintEnforcer"
	Materializer = "SinkMaterializer"
)

// UIDs returns the uids of all operators that a node may become, by their names; none for what is only a way to read others.
func UIDs(n Node, statement int) map[string]string {
	switch n.(type) {
	case *Exchange, *Union:
		return nil
	}
	names := []string{Whole(n)}
	if _, ok := n.(*Sink); ok {
		names = append(names, Constraints, Materializer)
	}
	uids := map[string]string{}
	for _, name := range names {
		uids[name] = UID(n.Of(), statement, name)
	}
	return uids
}

// Window is where rows have the window that they belong to, as columns, -1 for what is not there.
type Window struct {
	Start, End, Time int
	Spec             logical.WindowSpec
}

// Scan reads a table.
type Scan struct {
	Head
	Table   *catalog.Table
	Columns []int
	Options map[string]string
	// KeyDeletes tells that deleted rows have the primary key only.
	KeyDeletes bool
	// Where are conditions on Fields, by their index: rows that do not satisfy all of them may be left out.
	Where []tables.Predicate

	projects, filters bool // what the connector can
	pushed            bool // something was left to it
}

// Values are constant rows.
type Values struct {
	Head
	Rows [][]expr.Expr
}

// Calc filters and computes.
type Calc struct {
	Head
	Where expr.Expr   // nil for none
	Exprs []expr.Expr // nil for all columns as they are
}

// WatermarkAssigner makes watermarks.
type WatermarkAssigner struct {
	Head
	Column int
	Expr   expr.Expr
}

// Exchange spreads rows over the subtasks of its reader.
type Exchange struct {
	Head
	// Hash are the columns by whose values; nil sends all to one.
	Hash []int
}

// GroupAggregate groups without end.
type GroupAggregate struct {
	Head
	Group   []int
	Calls   []*logical.AggCall
	Grouped bool // whether there was a GROUP BY
	TTL     time.Duration
	PerRow  bool
	// Local is the first phase, nil if there is one phase only. Group and Calls are over its input all the same.
	Local *LocalAggregate
}

// WindowAggregate groups by key and window.
type WindowAggregate struct {
	Head
	Group      []int
	Calls      []*logical.AggCall
	Spec       logical.WindowSpec
	Properties []logical.WindowProperty
	// Attached tells that the input's rows have their windows in columns.
	Attached *Window
	// Local is the first phase, nil if there is one phase only. What is above is over its input all the same.
	Local *LocalAggregate
}

// WindowTable appends the windows of each row.
type WindowTable struct {
	Head
	Spec logical.WindowSpec
}

// Expand gives each row once for each grouping set.
type Expand struct {
	Head
	Keys []int
	Sets [][]int
}

// Join keeps both inputs.
type Join struct {
	Head
	Kind                    logical.JoinKind
	Left, Right             []int
	NullSafe                []bool
	NullAware               bool
	Residual                expr.Expr
	LeftUnique, RightUnique bool
	LeftTTL, RightTTL       time.Duration
	// LeftExpiry and RightExpiry bound how long rows are kept, by the watermark; nil for ever.
	LeftExpiry, RightExpiry *Expiry
}

// MultiJoin is an inner join of three inputs or more by the same key: all rows of all inputs are kept, and nothing of what is joined in between.
type MultiJoin struct {
	Head
	// JoinKeys are the columns of each input that must be equal, in the same order for all.
	JoinKeys [][]int
	NullSafe []bool
	// Residual is the rest of the condition, over the columns of all inputs.
	Residual expr.Expr
	// Unique tells of each input that it has at most one row a key at any time.
	Unique []bool
	TTL    time.Duration
}

// IntervalJoin joins rows whose times are near each other.
type IntervalJoin struct {
	Head
	Kind                logical.JoinKind
	Left, Right         []int
	NullSafe            []bool // as those of a Join
	LeftTime, RightTime int
	// Lower and Upper bound the left time minus the right time, in milliseconds, both inclusive.
	Lower, Upper int64
	Proctime     bool
	Residual     expr.Expr
}

// WindowJoin joins rows of the same window.
type WindowJoin struct {
	Head
	Kind                    logical.JoinKind
	Left, Right             []int
	LeftWindow, RightWindow *Window
	Residual                expr.Expr
}

// LookupJoin looks rows up in a table.
type LookupJoin struct {
	Head
	Kind  logical.JoinKind
	Table *Scan
	// TableKeys are columns of the table, in Table.Fields; Keys are what they must equal, over the input's columns.
	TableKeys []int
	Keys      []expr.Expr
	// Residual is the rest of the condition, over the output's columns.
	Residual expr.Expr
	// Remember is the input's key where what was found for a row is kept until the row is taken back; nil where it is not.
	Remember []int
}

// TemporalJoin joins with what a table was at a time.
type TemporalJoin struct {
	Head
	Kind                logical.JoinKind
	Left, Right         []int
	LeftTime, RightTime int // -1 for processing time
	Residual            expr.Expr
}

// Rank keeps the first rows of each key.
type Rank struct {
	Head
	Partition []int
	Order     []logical.SortKey
	From, To  int64
	WithRank  bool
	TTL       time.Duration
	PerRow    bool
	// InWindow is set where the partition is that of a window, which ends.
	InWindow *Window
}

// Deduplicate keeps the first or last row of each key by time.
type Deduplicate struct {
	Head
	Partition []int
	Time      int
	Proctime  bool
	Last      bool
	TTL       time.Duration
	PerRow    bool
}

// Over computes window functions.
type Over struct {
	Head
	Partition []int
	Order     []logical.SortKey
	Rows      bool
	From, To  logical.Bound
	Calls     []*logical.AggCall
	Proctime  bool
	// Updating tells that the order is not one of time and the input has no end, so that each row may change the results of others.
	Updating bool
	TTL      time.Duration
	PerRow   bool
}

// Sort orders rows by time, or, where the input ends, by anything.
type Sort struct {
	Head
	Keys []logical.SortKey
}

// SortLimit keeps some rows of an order.
type SortLimit struct {
	Head
	Keys          []logical.SortKey
	Offset, Limit int64
}

// Union puts inputs together.
type Union struct{ Head }

// Match is MATCH_RECOGNIZE.
type Match struct {
	Head
	Match    *logical.Match
	Proctime bool
}

// SnapshotJoin joins with a table as it is, when it is loaded.
type SnapshotJoin struct {
	Head
	Kind        logical.JoinKind
	Left, Right []int
	// Loaded is the time at which it is, nil for that of the query's start. With AtEnd it is when the table has ended.
	Loaded   expr.Expr
	AtEnd    bool
	Residual expr.Expr
}

// AsyncCalc calls an asynchronous function for each row, and appends its result.
type AsyncCalc struct {
	Head
	Call *expr.Call
}

// Correlate joins each row with those of a table function.
type Correlate struct {
	Head
	Kind       logical.JoinKind
	Fn         *fn.Table
	Args       []expr.Expr
	Ordinality bool
	Cond       expr.Expr
}

// ChangelogNormalize makes a changelog of upserts one with all rows.
type ChangelogNormalize struct {
	Head
	Unique []int
	TTL    time.Duration
	PerRow bool
	// Where is a condition on rows, nil for none: one that does not pass is as if it were deleted.
	Where expr.Expr
}

// ToChangelog makes an added row of each change.
type ToChangelog struct {
	Head
	// Columns are which column of the input each is, -1 for the text that says what the change does.
	Columns []int
	// Names are the texts, by kind of row; changes of a kind with "" are left out.
	Names [4]string
	// Blank are the columns of the input that are null in deleted rows.
	Blank []int
}

// FromChangelog makes rows the changes that a text in them says.
type FromChangelog struct {
	Head
	// Columns are which column of the input each is.
	Columns []int
	// Op is the column of the text, and Kinds what texts mean.
	Op    int
	Kinds map[string]types.RowKind
	// Invalid is what is done with another text: FAIL, LOG or SKIP.
	Invalid string
}

// DropUpdateBefore leaves -U rows out. Those without a +U row of the same key become -D.
type DropUpdateBefore struct {
	Head
	Key []int // nil where the sink has none, or takes no -D
}

// Sink writes to a table.
type Sink struct {
	Head
	Table     *catalog.Table
	Columns   []int
	Options   map[string]string
	Overwrite bool
	// KeyDeletes tells that the key of a deleted row is enough.
	KeyDeletes bool
	// Key are the sink's key columns, nil if it has none or takes no -D.
	Key []int
	// Materialize are the sink's key columns where the last row of a key has to be found first.
	Materialize []int
	// Conflict is what becomes of several rows with the sink's key that is in Materialize: "" for that the last one counts, "ERROR" or "NOTHING".
	Conflict string
	PerRow   bool
}

// Result hands rows to the caller.
type Result struct{ Head }

// Program is a plan with several ends, nodes in topological order.
type Program struct {
	Nodes []Node
	Ends  []Node
	// Fired are the names of the rules that show in the plan.
	Fired []string
}
