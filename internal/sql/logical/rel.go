// Package logical is the relational algebra between binder and planner: what a query means, with every name resolved and every expression typed, and nothing of how it runs.
//
// Nodes are immutable: who changes one makes another. A node may be the input of several (views and common table expressions that are used more than once need not be, though: the optimizer finds what is the same).
package logical

import (
	"time"

	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/sqlerr"
	"github.com/weirstream/weir/types"
)

// Rel is a relational operator: a *Scan, *Values, *Project, *Filter, *Watermark, *Aggregate, *WindowTable, *Join, *TemporalJoin, *Correlate, *SetOp, *Sort, *Over, *ToChangelog, *FromChangelog, *SnapshotJoin, *Match or *Sink.
type Rel interface {
	// Fields are the columns of the output.
	Fields() []types.Field
	// Inputs are the operators whose output it reads, in order.
	Inputs() []Rel
	// With returns the same operator over other inputs, which have the same columns.
	With(inputs []Rel) Rel
}

// Scan reads a table: its physical and metadata columns in the order of their declaration. Computed columns and the watermark stand above it as Project and Watermark.
type Scan struct {
	Table *catalog.Table
	// Columns are the indexes, in Table.Columns, of what is read.
	Columns []int
	// Options are the table's with those of a hint over them.
	Options map[string]string
	Out     []types.Field
	// At is the table's name in the query.
	At sqlerr.Place
}

// Values are rows of constant expressions. An expression that is not a constant is computed once when the job starts.
type Values struct {
	Rows [][]expr.Expr
	Out  []types.Field
}

// Project computes columns.
type Project struct {
	Input Rel
	Exprs []expr.Expr
	Out   []types.Field
}

// Filter keeps the rows for which Cond is true.
type Filter struct {
	Input Rel
	Cond  expr.Expr
}

// Watermark says that Column is the event time, and that behind a row no row is expected whose time is at or below the value of Expr. The column has the attribute Rowtime in Out.
type Watermark struct {
	Input  Rel
	Column int
	Expr   expr.Expr
	Out    []types.Field
	// At is the expression in the declaration of the table.
	At sqlerr.Place
}

// SortKey is a column to sort by.
type SortKey struct {
	Column     int
	Descending bool
	// NullsLast is where nulls go. Flink's default, which the binder fills in: first if ascending, last if descending.
	NullsLast bool
}

// AggCall is a call of an aggregate function.
type AggCall struct {
	Fn *fn.Aggregate
	// Args are references to columns of the input, or constants. COUNT(*) has none.
	Args     []expr.Expr
	Distinct bool
	// Filter is the BOOLEAN column of FILTER (WHERE ..), -1 for none.
	Filter int
	// Order is that inside of the call (LISTAGG .. WITHIN GROUP).
	Order []SortKey
	// IgnoreNulls is IGNORE NULLS.
	IgnoreNulls bool
	T           types.Type
	// Name is that of the result's column, for plans.
	Name string
	// At is the call in the query.
	At sqlerr.Place
}

// Lifetime is how long state is kept after it was last written, if Set, where 0 is for ever. If not, it is as long as the setting of the session has it.
type Lifetime struct {
	Set bool
	For time.Duration
}

// Hint is a hint of /*+ .. */ that stands at a SELECT: on joins (BROADCAST, SHUFFLE_HASH, LOOKUP, MULTI_JOIN, ...) or on state (STATE_TTL). An operator has those of its query.
type Hint struct {
	// Name is in capitals.
	Name string
	// Args are the values without a key, as names of tables; Options those with one.
	Args    []string
	Options map[string]string
}

// WindowKind is a kind of window.
type WindowKind uint8

// The kinds of windows.
const (
	Tumble WindowKind = iota
	Hop
	Cumulate
	Session
)

// WindowSpec is how rows are put into windows by their time. Distances are in milliseconds.
type WindowSpec struct {
	Kind WindowKind
	// Time is the column of the time attribute.
	Time int
	// Size is the length (Cumulate: the largest), or the gap of sessions. Slide is HOP's distance of windows, or CUMULATE's step.
	Size, Slide, Offset int64
	// Keys are the columns of PARTITION BY of a session.
	Keys []int
	// Proctime tells that Time is a processing time.
	Proctime bool
}

// WindowTable is a windowing table-valued function: the input's columns, and window_start, window_end and window_time.
type WindowTable struct {
	Input  Rel
	Window WindowSpec
	Out    []types.Field
	// At is the call, and TimeAt its time column.
	At, TimeAt sqlerr.Place
}

// WindowProperty is a column that a legacy group window adds: TUMBLE_START and the like.
type WindowProperty uint8

// The properties of group windows.
const (
	WindowStart WindowProperty = iota
	WindowEnd
	WindowRowtime
	WindowProctime
)

// Aggregate groups rows. Its columns are the keys, then the calls, then the properties of the window, then the groupings.
type Aggregate struct {
	Input Rel
	// Keys are columns of the input.
	Keys []int
	// Sets are the grouping sets, as indexes into Keys, nil for one set of all keys. Keys that are not in a row's set are null there.
	Sets  [][]int
	Calls []*AggCall
	// Window is set for a legacy group window (GROUP BY TUMBLE(..)).
	Window     *WindowSpec
	Properties []WindowProperty
	// Groupings are the calls of GROUPING, each a BIGINT: indexes into Keys, of which the first is the highest bit. The bit is 1 where the key is not in the row's grouping set. There are none without Sets.
	Groupings [][]int
	Hints     []Hint
	// TTL is how long a group is kept.
	TTL Lifetime
	Out []types.Field
	// At is GROUP BY, or what else asks for it: the first call, DISTINCT, or a subquery. TimeAt is the window.
	At, TimeAt sqlerr.Place
}

// JoinKind is a kind of join.
type JoinKind uint8

// The kinds of joins. The output of Semi and Anti is the left input's rows.
const (
	Inner JoinKind = iota
	LeftOuter
	RightOuter
	FullOuter
	Semi
	Anti
)

// Join joins two inputs. The condition, nil for none, reads the left columns and then the right ones.
type Join struct {
	Left, Right Rel
	Kind        JoinKind
	Cond        expr.Expr
	// NullAware tells of NOT IN: a null on either side makes the condition unknown.
	NullAware bool
	Hints     []Hint
	// LeftTTL and RightTTL are how long rows of the inputs are kept.
	LeftTTL, RightTTL Lifetime
	Out               []types.Field
	// At is JOIN with all behind it, or the subquery that is joined. CondAt is the condition of ON, or At without one.
	At, CondAt sqlerr.Place
}

// TemporalJoin joins each left row with what the right table was at a time: FOR SYSTEM_TIME AS OF. The right input is a Scan with, perhaps, Project, Filter and Watermark above it.
type TemporalJoin struct {
	Left, Right Rel
	Kind        JoinKind
	// Time is the left column of the time attribute.
	Time int
	// Key are the right columns of the key of a temporal table function; nil where it is the primary key of the right table.
	Key   []int
	Cond  expr.Expr
	Hints []Hint
	Out   []types.Field
	// At and CondAt are those of a Join; TimeAt is what stands behind AS OF.
	At, CondAt, TimeAt sqlerr.Place
}

// Correlate joins each row with the rows of a table function of it. Fn is nil for UNNEST.
type Correlate struct {
	Input Rel
	Kind  JoinKind
	Fn    *fn.Table
	// Args are the arguments; UNNEST has the collection.
	Args []expr.Expr
	// Ordinality adds a column that counts the rows.
	Ordinality bool
	Cond       expr.Expr
	Out        []types.Field
	// At is the call, or UNNEST.
	At sqlerr.Place
}

// SetKind is a kind of set operation.
type SetKind uint8

// The kinds of set operations.
const (
	Union SetKind = iota
	Intersect
	Except
)

// SetOp combines inputs with the same columns.
type SetOp struct {
	Kind SetKind
	All  bool
	Of   []Rel
	Out  []types.Field
	// At is the operation with the query behind it.
	At sqlerr.Place
}

// Sort orders rows, and keeps some. Limit is -1 for all.
type Sort struct {
	Input         Rel
	Keys          []SortKey
	Offset, Limit int64
	// At is ORDER BY, LIMIT and OFFSET.
	At sqlerr.Place
}

// Bound is one end of a frame: an offset from the current row, or no bound.
type Bound struct {
	Unbounded bool
	// Offset is negative for PRECEDING and positive for FOLLOWING, in rows or, of a RANGE, in the units of the sort column.
	Offset int64
}

// Over computes window functions: the input's columns and one for each call.
type Over struct {
	Input     Rel
	Partition []int
	Order     []SortKey
	Rows      bool // ROWS and not RANGE
	From, To  Bound
	Calls     []*AggCall
	Out       []types.Field
	// At is the call, OVER its window; OrderAt and FrameAt are the order and the frame of that, or At where they are not written.
	At, OrderAt, FrameAt sqlerr.Place
}

// ToChangelog is TO_CHANGELOG: each change becomes a row that is only added, with a text that says what it does. Its columns are those of Partition, the text, and the others.
type ToChangelog struct {
	Input Rel
	// Partition are the columns of PARTITION BY, nil without: then an input of updates by key is completed with the rows that they replace.
	Partition []int
	// Names are the texts, by kind of row; changes of a kind with "" are left out.
	Names [4]string
	// FullDeletes tells that deleted rows are complete; else all but Partition, or the key of the input, is null.
	FullDeletes bool
	Out         []types.Field
	// At is the call.
	At sqlerr.Place
}

// FromChangelog is FROM_CHANGELOG: rows become the changes that a text in them says. Its columns are those of Partition and the others, without the text.
type FromChangelog struct {
	Input Rel
	// Partition are the columns of PARTITION BY, nil without.
	Partition []int
	// Op is the column of the text, and Kinds what texts mean.
	Op    int
	Kinds map[string]types.RowKind
	// Invalid is what is done with another text: FAIL, LOG or SKIP.
	Invalid string
	Out     []types.Field
	// At is the call, and MappingAt its op_mapping, or At without one.
	At, MappingAt sqlerr.Place
}

// SnapshotJoin joins each left row with the right table as it is when the row comes: JOIN LATERAL TABLE(SNAPSHOT(..)). Left rows wait until the right table is loaded.
type SnapshotJoin struct {
	Left, Right Rel
	Kind        JoinKind
	Cond        expr.Expr
	// Condition is load_completed_condition, "" if not given: user_time means that the right watermark has reached Time.
	Condition string
	// Time is load_completed_time, a constant TIMESTAMP_LTZ(3); nil if not given.
	Time expr.Expr
	// Options are further arguments, as texts, by their names in lower case.
	Options map[string]string
	Out     []types.Field
	// At and CondAt are those of a Join, and CallAt is SNAPSHOT.
	At, CondAt, CallAt sqlerr.Place
}

// MatchPattern is a node of a row pattern.
type MatchPattern struct {
	// Var is the variable of a leaf, -1 of others, which have Parts: one after another, or, if Any is set, one of them.
	Var   int
	Parts []*MatchPattern
	Any   bool
	// Min and Max are how often it occurs, Max -1 without a bound; Reluctant ones occur as rarely as they can.
	Min, Max  int
	Reluctant bool
	At        sqlerr.Place
}

// MatchSkip is where matching goes on behind a match.
type MatchSkip uint8

// Where matching goes on.
const (
	SkipToNextRow MatchSkip = iota
	SkipPastLastRow
	SkipToFirst
	SkipToLast
)

// MatchNav is a value of the rows of a match so far: that of one of the rows, or an aggregate of them.
type MatchNav struct {
	// Vars are the variables whose rows count, nil for all rows.
	Vars []int
	// Call is an aggregate of the rows, whose arguments read columns of the input; nil for the value of one row.
	Call *AggCall
	// Arg reads columns of the input in that row: the first or last, or the one that is Offset rows (of Vars) behind the first or before the last. Null if there is no such row.
	Arg    expr.Expr
	First  bool
	Offset int
	T      types.Type
}

// MatchExpr is an expression over the rows of a match: it reads Navs as columns.
type MatchExpr struct {
	Navs []MatchNav
	Expr expr.Expr
}

// Match is MATCH_RECOGNIZE with ONE ROW PER MATCH. Its columns are those of Partition and the measures.
type Match struct {
	Input     Rel
	Partition []int
	// Order begins with a time attribute, ascending.
	Order []SortKey
	// Vars are the names of the variables. Define are their conditions, by variable, over the match and the row that is tried as its last; an Expr of nil is always true.
	Vars     []string
	Define   []MatchExpr
	Pattern  *MatchPattern
	Measures []MatchExpr
	Skip     MatchSkip
	// SkipTo are the variables of SkipToFirst and SkipToLast: one, or those of a subset.
	SkipTo []int
	// Within is how long a match may take, in milliseconds; -1 for any time.
	Within int64
	Out    []types.Field
	// At is MATCH_RECOGNIZE, and OrderAt what its order begins with.
	At, OrderAt sqlerr.Place
}

// Sink writes its input to a table. The input's columns are those of the table that are written, in its order, cast to its types.
type Sink struct {
	Input Rel
	Table *catalog.Table
	// Columns are the indexes, in Table.Columns, of the input's columns.
	Columns   []int
	Options   map[string]string
	Overwrite bool
	// OnConflict is "", "ERROR", "NOTHING" or "DEDUPLICATE".
	OnConflict string
	// At is the name of the table in the INSERT, and ConflictAt is ON CONFLICT.
	At, ConflictAt sqlerr.Place
}
