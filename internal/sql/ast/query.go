package ast

// Query is a whole query: WITH, a body, ORDER BY, LIMIT and OFFSET.
type Query struct {
	Span
	With    []*CTE
	Body    QueryBody
	OrderBy []*OrderItem
	Offset  Expr // nil if there is none
	Limit   Expr // nil if there is none; FETCH NEXT n ROWS ONLY is LIMIT n
	// Order is the span of ORDER BY, LIMIT and OFFSET, as far as they are there.
	Order Span
}

// CTE is a named query of a WITH clause.
type CTE struct {
	Span
	Name    *Ident
	Columns []*Ident // nil if not given
	Query   *Query
}

// QueryBody is a *Select, *SetOp, *Values, *TableQuery, or a *Query in parentheses.
type QueryBody interface {
	Node
	queryBody()
}

// Select is a SELECT. It may lack FROM.
type Select struct {
	Span
	Hints      []*Hint
	Stream     bool // SELECT STREAM
	Quantifier SetQuantifier
	Items      []*SelectItem
	From       TableExpr // nil if there is none; "a, b" is a *Join of JoinComma
	Where      Expr      // nil if there is none
	GroupBy    *GroupBy  // nil if there is none
	Having     Expr      // nil if there is none
	Windows    []*NamedWindow
	Qualify    Expr // nil if there is none
}

// SelectItem is one column, or a *Star, of a SELECT.
type SelectItem struct {
	Span
	Expr  Expr
	Alias *Ident // nil if there is none
}

// SetOpKind is UNION, INTERSECT or EXCEPT.
type SetOpKind string

// The set operations. MINUS is EXCEPT.
const (
	Union     SetOpKind = "UNION"
	Intersect SetOpKind = "INTERSECT"
	Except    SetOpKind = "EXCEPT"
)

// SetOp joins two bodies: L UNION [ALL] R. INTERSECT binds stronger than the others, which are grouped from the left.
type SetOp struct {
	Span
	Op   SetOpKind
	All  bool
	L, R QueryBody
	// Clause is the span behind L: from UNION on.
	Clause Span
}

// Values is VALUES with rows. A row of one column may be an expression without parentheses.
type Values struct {
	Span
	Rows []Expr // *Row, or any other expression for a row of one column
}

// TableQuery is TABLE t: all of a table.
type TableQuery struct {
	Span
	Table *Name
}

// GroupBy is the GROUP BY clause.
type GroupBy struct {
	Span
	Quantifier SetQuantifier
	Items      []GroupItem
}

// GroupItem is a *GroupExpr or a *GroupingSets.
type GroupItem interface {
	Node
	groupItem()
}

// GroupExpr is one or more expressions of GROUP BY: a single one, "()" for the whole, or (a, b), which only means more than a and b inside
// of GROUPING SETS, CUBE and ROLLUP.
type GroupExpr struct {
	Span
	// Parens tells that there were parentheses; without them there is one expression.
	Parens bool
	Exprs  []Expr
}

// GroupingKind is the kind of a grouping with several sets.
type GroupingKind string

// The kinds of groupings with several sets.
const (
	GroupingSetsOf GroupingKind = "GROUPING SETS"
	Cube           GroupingKind = "CUBE"
	Rollup         GroupingKind = "ROLLUP"
)

// GroupingSets is GROUPING SETS (..), CUBE (..) or ROLLUP (..).
type GroupingSets struct {
	Span
	Kind  GroupingKind
	Items []GroupItem
}

// OrderItem is one expression of ORDER BY.
type OrderItem struct {
	Span
	Expr Expr
	// Direction is "", "ASC" or "DESC".
	Direction string
	// Nulls is "", "FIRST" or "LAST".
	Nulls string
}

// NamedWindow is name AS (..) in a WINDOW clause.
type NamedWindow struct {
	Span
	Name   *Ident
	Window *WindowSpec
}

// Hint is one hint of /*+ .. */, as OPTIONS('k'='v') or BROADCAST(t).
type Hint struct {
	Span
	Name *Ident
	// Args are nil if there are no parentheses.
	Args []*HintArg
}

// HintArg is an argument of a hint: a key with a value, or a value alone.
type HintArg struct {
	Span
	// Key is an *Ident as *Name or a *StringLit; nil for a value alone.
	Key Expr
	// Value is a *StringLit, a *NumberLit or a *Name.
	Value Expr
}

// TableExpr is an item of FROM.
type TableExpr interface {
	Node
	tableExpr()
}

// TableRef is a table, view or named query.
type TableRef struct {
	Span
	Name  *Name
	Hints []*Hint
}

// SystemTime is Table FOR SYSTEM_TIME AS OF At.
type SystemTime struct {
	Span
	Table TableExpr
	At    Expr
}

// Aliased is Table AS alias(columns).
type Aliased struct {
	Span
	Table   TableExpr
	Alias   *Ident
	Columns []*Ident // nil if not given
}

// Derived is a query in parentheses, VALUES included.
type Derived struct {
	Span
	Lateral bool
	Query   *Query
}

// TableFunc is TABLE(f(..)), or LATERAL TABLE(f(..)), or f(..) alone.
type TableFunc struct {
	Span
	Lateral bool
	// Bare tells that TABLE was not written.
	Bare bool
	Call *Call
	// Hints follow the closing parenthesis.
	Hints []*Hint
}

// Unnest is UNNEST(expressions) [WITH ORDINALITY].
type Unnest struct {
	Span
	Lateral    bool
	Exprs      []Expr
	Ordinality bool
}

// Sample is Table TABLESAMPLE method(percentage).
type Sample struct {
	Span
	Table TableExpr
	// Method is "BERNOULLI", "SYSTEM" or "SUBSTITUTE".
	Method string
	// Percent is nil for SUBSTITUTE.
	Percent    Expr
	Repeatable Expr // nil if not given
	Substitute *StringLit
}

// JoinKind is the kind of a join.
type JoinKind string

// The kinds of joins. Semi and anti joins have no syntax.
const (
	JoinInner JoinKind = "INNER"
	JoinLeft  JoinKind = "LEFT"
	JoinRight JoinKind = "RIGHT"
	JoinFull  JoinKind = "FULL"
	JoinCross JoinKind = "CROSS"
	JoinComma JoinKind = ","
)

// Join joins two tables. The comma binds weaker than the others; all are grouped from the left.
type Join struct {
	Span
	Kind    JoinKind
	Natural bool
	L, R    TableExpr
	On      Expr     // nil if there is none
	Using   []*Ident // nil if there is none
	// Clause is the span behind L: from JOIN on, or what is before it; behind a comma, that of R.
	Clause Span
}

// Pivot is Table PIVOT (aggregates FOR columns IN (values)).
type Pivot struct {
	Span
	Table      TableExpr
	Aggregates []*SelectItem
	Columns    []*Ident
	Values     []*SelectItem
}

// Unpivot is Table UNPIVOT (measures FOR names IN (columns)).
type Unpivot struct {
	Span
	Table TableExpr
	// Nulls is "", "INCLUDE" or "EXCLUDE".
	Nulls    string
	Measures []*Ident
	Names    []*Ident
	In       []*UnpivotIn
}

// UnpivotIn is columns [AS values] of an UNPIVOT.
type UnpivotIn struct {
	Span
	Columns []*Ident
	Values  []Expr // nil if not given
}

// MatchRecognize is Table MATCH_RECOGNIZE (..).
type MatchRecognize struct {
	Span
	Table       TableExpr
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Measures    []*SelectItem
	// Rows is "", "ONE ROW PER MATCH" or "ALL ROWS PER MATCH".
	Rows    string
	Skip    *MatchSkip // nil if not given
	Pattern *Pattern
	// AnchorStart and AnchorEnd are "^" before and "$" after the pattern.
	AnchorStart, AnchorEnd bool
	Within                 Expr // nil if not given; an *IntervalLit
	Subsets                []*MatchSubset
	Define                 []*MatchDefine
	// Clause is the span behind Table.
	Clause Span
}

// SkipKind is where matching goes on after a match.
type SkipKind string

// Where matching goes on after a match.
const (
	SkipToNextRow   SkipKind = "TO NEXT ROW"
	SkipPastLastRow SkipKind = "PAST LAST ROW"
	SkipToFirst     SkipKind = "TO FIRST"
	SkipToLast      SkipKind = "TO LAST" // also TO variable alone
)

// MatchSkip is AFTER MATCH SKIP ...
type MatchSkip struct {
	Span
	Kind     SkipKind
	Variable *Ident // for SkipToFirst and SkipToLast
}

// MatchDefine is variable AS condition.
type MatchDefine struct {
	Span
	Variable *Ident
	Cond     Expr
}

// MatchSubset is variable = (variables).
type MatchSubset struct {
	Span
	Variable *Ident
	Of       []*Ident
}

// PatternOp is what a node of a pattern is.
type PatternOp string

// What a node of a pattern can be.
const (
	PatternVar     PatternOp = "variable"
	PatternSeq     PatternOp = "sequence"
	PatternAlt     PatternOp = "alternation"
	PatternExclude PatternOp = "exclusion" // {- .. -}
	PatternPermute PatternOp = "permute"
	PatternRepeat  PatternOp = "repeat"
)

// Pattern is a node of a row pattern.
type Pattern struct {
	Span
	Op       PatternOp
	Variable *Ident     // for PatternVar
	Parts    []*Pattern // for the others; one for PatternExclude and PatternRepeat
	// Min and Max are those of PatternRepeat; Max is -1 if there is no bound.
	Min, Max int
	// Reluctant tells of a "?" after the quantifier.
	Reluctant bool
}

func (*Select) queryBody()     {}
func (*SetOp) queryBody()      {}
func (*Values) queryBody()     {}
func (*TableQuery) queryBody() {}
func (*Query) queryBody()      {}

func (*GroupExpr) groupItem()    {}
func (*GroupingSets) groupItem() {}

func (*TableRef) tableExpr()       {}
func (*SystemTime) tableExpr()     {}
func (*Aliased) tableExpr()        {}
func (*Derived) tableExpr()        {}
func (*TableFunc) tableExpr()      {}
func (*Unnest) tableExpr()         {}
func (*Sample) tableExpr()         {}
func (*Join) tableExpr()           {}
func (*Pivot) tableExpr()          {}
func (*Unpivot) tableExpr()        {}
func (*MatchRecognize) tableExpr() {}

func (*Query) statement() {}
