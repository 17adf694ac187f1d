package ast

// Expr is an expression.
type Expr interface {
	Node
	expr()
}

// Star is "*" in a list of columns or in COUNT(*), or "t.*".
type Star struct {
	Span
	Qualifier *Name // nil for a plain "*"
}

// NullLit is NULL.
type NullLit struct{ Span }

// Truth is a value of three-valued logic.
type Truth string

// The three values.
const (
	True    Truth = "TRUE"
	False   Truth = "FALSE"
	Unknown Truth = "UNKNOWN"
)

// BoolLit is TRUE, FALSE or UNKNOWN, which is the NULL of type BOOLEAN.
type BoolLit struct {
	Span
	Value Truth
}

// NumberLit is a number without a sign, as written: an integer (digits), a decimal (with a point) or an approximate number (with an
// exponent).
type NumberLit struct {
	Span
	Text string
}

// IsInteger reports whether the number has neither point nor exponent.
func (n *NumberLit) IsInteger() bool {
	for i := 0; i < len(n.Text); i++ {
		if n.Text[i] < '0' || n.Text[i] > '9' {
			return false
		}
	}
	return true
}

// IsApprox reports whether the number has an exponent, which makes it a DOUBLE.
func (n *NumberLit) IsApprox() bool {
	for i := 0; i < len(n.Text); i++ {
		if n.Text[i] == 'e' || n.Text[i] == 'E' {
			return true
		}
	}
	return false
}

// StringLit is a character string.
type StringLit struct {
	Span
	// Value is the string itself, with quotes and escapes undone, and adjacent pieces joined.
	Value string
	// Text is the literal as written, with its prefix (U&, E, N, or _ and a character set), its pieces and its UESCAPE.
	Text string
}

// BinaryLit is X'..'.
type BinaryLit struct {
	Span
	Value []byte
	// Text is the literal as written.
	Text string
}

// DateTimeLit is DATE, TIME or TIMESTAMP before a string. Whether the string is a time is for the binder to see.
type DateTimeLit struct {
	Span
	Kind  TypeKind // TypeDate, TypeTime, TypeTimestamp, TypeTimestampTZ or TypeTimestampLTZ
	Value *StringLit
}

// IntervalLit is an interval: INTERVAL '1 2' DAY TO HOUR, or one computed from a number as INTERVAL x DAY.
type IntervalLit struct {
	Span
	// Negative tells of a minus sign between INTERVAL and the string.
	Negative bool
	// Value is a *StringLit for a literal, else any expression that gives a number.
	Value     Expr
	Qualifier *IntervalQualifier
}

// UnaryOp is an operator before its operand.
type UnaryOp string

// The operators before an operand.
const (
	OpPlus  UnaryOp = "+"
	OpMinus UnaryOp = "-"
	OpNot   UnaryOp = "NOT"
)

// Unary is an operator before its operand.
type Unary struct {
	Span
	Op UnaryOp
	X  Expr
}

// BinaryOp is an operator between two operands.
type BinaryOp string

// The operators between two operands.
const (
	OpOr              BinaryOp = "OR"
	OpAnd             BinaryOp = "AND"
	OpEq              BinaryOp = "="
	OpNe              BinaryOp = "<>" // also written !=
	OpLt              BinaryOp = "<"
	OpLe              BinaryOp = "<="
	OpGt              BinaryOp = ">"
	OpGe              BinaryOp = ">="
	OpDistinct        BinaryOp = "IS DISTINCT FROM"
	OpNotDistinct     BinaryOp = "IS NOT DISTINCT FROM"
	OpAdd             BinaryOp = "+"
	OpSub             BinaryOp = "-"
	OpMul             BinaryOp = "*"
	OpDiv             BinaryOp = "/"
	OpMod             BinaryOp = "%"
	OpConcat          BinaryOp = "||"
	OpMemberOf        BinaryOp = "MEMBER OF"
	OpSubmultisetOf   BinaryOp = "SUBMULTISET OF"
	OpNotSubmultiset  BinaryOp = "NOT SUBMULTISET OF"
	OpMultisetUnion   BinaryOp = "MULTISET UNION"
	OpMultisetUnionD  BinaryOp = "MULTISET UNION DISTINCT"
	OpMultisetInter   BinaryOp = "MULTISET INTERSECT"
	OpMultisetInterD  BinaryOp = "MULTISET INTERSECT DISTINCT"
	OpMultisetExcept  BinaryOp = "MULTISET EXCEPT"
	OpMultisetExceptD BinaryOp = "MULTISET EXCEPT DISTINCT"
	OpOverlaps        BinaryOp = "OVERLAPS"
	OpContains        BinaryOp = "CONTAINS"
	OpEquals          BinaryOp = "EQUALS"
	OpPrecedes        BinaryOp = "PRECEDES"
	OpSucceeds        BinaryOp = "SUCCEEDS"
	OpImmPrecedes     BinaryOp = "IMMEDIATELY PRECEDES"
	OpImmSucceeds     BinaryOp = "IMMEDIATELY SUCCEEDS"
)

// Binary is an operator between two operands.
type Binary struct {
	Span
	Op   BinaryOp
	L, R Expr
}

// IsTest is what IS asks for.
type IsTest string

// What IS can ask for.
const (
	IsNull       IsTest = "NULL"
	IsTrue       IsTest = "TRUE"
	IsFalse      IsTest = "FALSE"
	IsUnknown    IsTest = "UNKNOWN"
	IsASet       IsTest = "A SET"
	IsEmpty      IsTest = "EMPTY"
	IsJSON       IsTest = "JSON"
	IsJSONValue  IsTest = "JSON VALUE"
	IsJSONObject IsTest = "JSON OBJECT"
	IsJSONArray  IsTest = "JSON ARRAY"
	IsJSONScalar IsTest = "JSON SCALAR"
)

// Is is X IS [NOT] test.
type Is struct {
	Span
	X    Expr
	Not  bool
	Test IsTest
}

// Between is X [NOT] BETWEEN [SYMMETRIC] Low AND High.
type Between struct {
	Span
	X         Expr
	Not       bool
	Symmetric bool
	Low, High Expr
}

// LikeOp is the kind of a comparison with a pattern.
type LikeOp string

// The comparisons with a pattern.
const (
	OpLike      LikeOp = "LIKE"
	OpILike     LikeOp = "ILIKE"
	OpRLike     LikeOp = "RLIKE"
	OpSimilarTo LikeOp = "SIMILAR TO"
)

// Like is X [NOT] LIKE Pattern [ESCAPE Escape], and its relatives.
type Like struct {
	Span
	X       Expr
	Not     bool
	Op      LikeOp
	Pattern Expr
	Escape  Expr // nil if there is none
}

// In is X [NOT] IN (list) or X [NOT] IN (query). One of List and Query is set.
type In struct {
	Span
	X     Expr
	Not   bool
	List  []Expr
	Query *Query
}

// Quantifier is ANY, SOME or ALL.
type Quantifier string

// The quantifiers of comparisons.
const (
	Any  Quantifier = "ANY"
	Some Quantifier = "SOME"
	All  Quantifier = "ALL"
)

// Quantified is a comparison with all or any rows of a query, or elements of a list: X = ANY (..). One of List and Query is set.
type Quantified struct {
	Span
	X          Expr
	Op         BinaryOp
	Quantifier Quantifier
	List       []Expr
	Query      *Query
}

// Exists is EXISTS (query), or UNIQUE (query).
type Exists struct {
	Span
	Unique bool
	Query  *Query
}

// Subquery is a query in parentheses as a value.
type Subquery struct {
	Span
	Query *Query
}

// When is one arm of a CASE.
type When struct {
	Span
	// Cond is the condition, or what the operand is compared with.
	Cond Expr
	// Or are further values that the operand is compared with: CASE x WHEN 1, 2 THEN ... Nil without an operand.
	Or     []Expr
	Result Expr
}

// Case is CASE [operand] WHEN .. THEN .. [ELSE ..] END.
type Case struct {
	Span
	Operand Expr // nil for a searched case
	Whens   []*When
	Else    Expr // nil if there is none
}

// Cast is CAST(X AS Type), or TRY_CAST.
type Cast struct {
	Span
	Try  bool
	X    Expr
	Type *DataType
}

// Row is ROW(a, b) or (a, b).
type Row struct {
	Span
	// Explicit tells that ROW was written.
	Explicit bool
	Elems    []Expr
}

// Collection is ARRAY[..], MULTISET[..] or MAP[..], whose elements are key, value, key, value; or one of these words before a query in
// parentheses.
type Collection struct {
	Span
	Kind  TypeKind // TypeArray, TypeMultiset or TypeMap
	Elems []Expr
	Query *Query // nil if elements are listed
}

// Field is X.Name, where X is not a plain name: f(a).b, a[1].b, (a).b.
type Field struct {
	Span
	X    Expr
	Name *Ident
}

// Index is X[Index]: an element of an array by position from 1, or of a map by key.
type Index struct {
	Span
	X     Expr
	Index Expr
}

// Symbol is a keyword as an argument of a function: a time unit in EXTRACT(YEAR FROM x), FLOOR(x TO DAY) and TIMESTAMPADD(DAY, 1, x), the
// side in TRIM(BOTH ..).
type Symbol struct {
	Span
	// Text is in capitals.
	Text string
}

// NamedArg is an argument given by name: name => value.
type NamedArg struct {
	Span
	Name  *Ident
	Value Expr
}

// DefaultArg is DEFAULT as an argument, or as a value of an INSERT.
type DefaultArg struct{ Span }

// Descriptor is DESCRIPTOR(columns), an argument of a table function.
type Descriptor struct {
	Span
	Columns []*Name
}

// TableArg is a table as an argument of a table function: TABLE t, or a query, each with PARTITION BY and ORDER BY.
type TableArg struct {
	Span
	// One of Table and Query is set. A Query without PARTITION BY or ORDER BY is a *Subquery, no TableArg.
	Table       *Name
	Query       *Query
	PartitionBy []Expr
	OrderBy     []*OrderItem
}

// ModelArg is MODEL m as an argument of a table function.
type ModelArg struct {
	Span
	Model *Name
}

// SetQuantifier is DISTINCT or ALL.
type SetQuantifier string

// The quantifiers of sets.
const (
	SetDefault  SetQuantifier = ""
	SetDistinct SetQuantifier = "DISTINCT"
	SetAll      SetQuantifier = "ALL"
)

// NullTreatment is what a window function does with nulls.
type NullTreatment string

// The treatments of nulls.
const (
	NullsDefault NullTreatment = ""
	NullsRespect NullTreatment = "RESPECT NULLS"
	NullsIgnore  NullTreatment = "IGNORE NULLS"
)

// Call is a call of a function: scalar, aggregate, window or table function. Functions with a syntax of their own are calls with plain
// arguments, too:
//
//	EXTRACT(YEAR FROM x)             EXTRACT   [Symbol YEAR, x]
//	POSITION(a IN b [FROM n])        POSITION  [a, b, n]
//	SUBSTRING(x FROM a FOR n)        SUBSTRING [x, a, n], as SUBSTRING(x, a, n)
//	TRIM([BOTH] [c] FROM x)          TRIM      [Symbol BOTH, c, x], without what is not written
//	OVERLAY(x PLACING r FROM a FOR n)  OVERLAY [x, r, a, n]
//	FLOOR(x TO DAY), CEIL            FLOOR     [x, Symbol DAY]
//	TIMESTAMPADD(DAY, n, x)          TIMESTAMPADD [Symbol DAY, n, x]
type Call struct {
	Span
	// Name is the function's. That of a function which the grammar knows is one part, written as the user did.
	Name *Name
	// NoParens tells of a call without parentheses, as CURRENT_TIMESTAMP.
	NoParens   bool
	Quantifier SetQuantifier
	// Args may hold, beside expressions, *Star (only one in COUNT(*)), *Symbol, *NamedArg, *DefaultArg, *Descriptor, *TableArg, *ModelArg.
	Args []Expr
	// OrderBy is the order inside the parentheses of an aggregate.
	OrderBy     []*OrderItem
	WithinGroup []*OrderItem
	Nulls       NullTreatment
	Filter      Expr        // nil if there is none
	Over        *WindowSpec // nil for a call that is no window function
}

// WindowSpec is a window: OVER name, OVER (..), or name AS (..) in a WINDOW clause.
type WindowSpec struct {
	Span
	// Ref is the window that this one builds on, or is.
	Ref *Ident
	// Bare tells of OVER name without parentheses: then there is nothing but Ref.
	Bare        bool
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Frame       *Frame // nil if there is none
	// Partial is "ALLOW PARTIAL", "DISALLOW PARTIAL" or "".
	Partial string
}

// FrameUnit is ROWS or RANGE.
type FrameUnit string

// The units of frames.
const (
	FrameRows  FrameUnit = "ROWS"
	FrameRange FrameUnit = "RANGE"
)

// Frame is the part of a window that a row sees.
type Frame struct {
	Span
	Unit  FrameUnit
	Start *FrameBound
	// End is nil if only one bound is given: then it is CURRENT ROW.
	End *FrameBound
}

// BoundKind is the kind of a bound of a frame.
type BoundKind string

// The bounds of frames.
const (
	UnboundedPreceding BoundKind = "UNBOUNDED PRECEDING"
	Preceding          BoundKind = "PRECEDING"
	CurrentRow         BoundKind = "CURRENT ROW"
	Following          BoundKind = "FOLLOWING"
	UnboundedFollowing BoundKind = "UNBOUNDED FOLLOWING"
)

// FrameBound is one bound of a frame.
type FrameBound struct {
	Span
	Kind   BoundKind
	Offset Expr // only for Preceding and Following
}

// JSONOnKind is what a JSON function does in a case that it cannot handle.
type JSONOnKind string

// What JSON functions do on an error, or where a path finds nothing.
const (
	JSONNull        JSONOnKind = "NULL"
	JSONError       JSONOnKind = "ERROR"
	JSONDefault     JSONOnKind = "DEFAULT"
	JSONEmptyArray  JSONOnKind = "EMPTY ARRAY"
	JSONEmptyObject JSONOnKind = "EMPTY OBJECT"
	JSONTrue        JSONOnKind = "TRUE"
	JSONFalse       JSONOnKind = "FALSE"
	JSONUnknown     JSONOnKind = "UNKNOWN"
)

// JSONOn is a clause like DEFAULT 1 ON EMPTY.
type JSONOn struct {
	Span
	Kind    JSONOnKind
	Default Expr // only for JSONDefault
}

// JSONPathCall is JSON_EXISTS, JSON_VALUE or JSON_QUERY.
type JSONPathCall struct {
	Span
	Func string // "JSON_EXISTS", "JSON_VALUE" or "JSON_QUERY"
	X    Expr
	Path Expr
	// Returning is the type of JSON_VALUE and JSON_QUERY, nil if not given.
	Returning *DataType
	// Wrapper of JSON_QUERY is "", "WITHOUT", "WITH CONDITIONAL" or "WITH UNCONDITIONAL".
	Wrapper string
	OnEmpty *JSONOn // nil if not given; JSON_EXISTS has none
	OnError *JSONOn // nil if not given
}

// JSONNulls is what JSON constructors do with nulls.
type JSONNulls string

// What JSON constructors do with nulls.
const (
	JSONNullsDefault JSONNulls = ""
	NullOnNull       JSONNulls = "NULL ON NULL"
	AbsentOnNull     JSONNulls = "ABSENT ON NULL"
)

// JSONConstructor is JSON_OBJECT, JSON_ARRAY, JSON_OBJECTAGG or JSON_ARRAYAGG.
type JSONConstructor struct {
	Span
	Func string
	// Pairs are the members of JSON_OBJECT, and the one of JSON_OBJECTAGG.
	Pairs []*JSONPair
	// Elems are the elements of JSON_ARRAY, and the one of JSON_ARRAYAGG.
	Elems []Expr
	// OrderBy is that inside JSON_ARRAYAGG.
	OrderBy []*OrderItem
	Nulls   JSONNulls
	// WithinGroup is the other way to give that order.
	WithinGroup []*OrderItem
}

// JSONPair is KEY k VALUE v in a JSON object.
type JSONPair struct {
	Span
	Key, Value Expr
}

// JSONFormat is X FORMAT JSON: a string that is JSON itself, as a value in a JSON constructor.
type JSONFormat struct {
	Span
	X Expr
}

// PatternNav is FINAL or RUNNING before an expression of MATCH_RECOGNIZE.
type PatternNav struct {
	Span
	Final bool
	X     Expr
}

func (*Name) expr()            {}
func (*Star) expr()            {}
func (*NullLit) expr()         {}
func (*BoolLit) expr()         {}
func (*NumberLit) expr()       {}
func (*StringLit) expr()       {}
func (*BinaryLit) expr()       {}
func (*DateTimeLit) expr()     {}
func (*IntervalLit) expr()     {}
func (*Unary) expr()           {}
func (*Binary) expr()          {}
func (*Is) expr()              {}
func (*Between) expr()         {}
func (*Like) expr()            {}
func (*In) expr()              {}
func (*Quantified) expr()      {}
func (*Exists) expr()          {}
func (*Subquery) expr()        {}
func (*Case) expr()            {}
func (*Cast) expr()            {}
func (*Row) expr()             {}
func (*Collection) expr()      {}
func (*Field) expr()           {}
func (*Index) expr()           {}
func (*Symbol) expr()          {}
func (*NamedArg) expr()        {}
func (*DefaultArg) expr()      {}
func (*Descriptor) expr()      {}
func (*TableArg) expr()        {}
func (*ModelArg) expr()        {}
func (*Call) expr()            {}
func (*JSONPathCall) expr()    {}
func (*JSONConstructor) expr() {}
func (*JSONFormat) expr()      {}
func (*PatternNav) expr()      {}
