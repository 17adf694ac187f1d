// Package fn has the functions of SQL: what each accepts and returns, and how it is computed over vectors.
//
// A function is one [Function] value in the registry; adding one is adding a file, or a row to its family's file. Operators (+, =, AND, CAST, CASE) are functions too. The
// planner asks a function for its types by [Function.Infer]; the evaluator (package vec) asks it for a [Kernel] by [Function.Bind]. Functions whose arguments are not all
// computed for all rows (AND, OR, CASE, COALESCE, IF, ...) are special forms: the evaluator knows them, and they have no kernel.
package fn

import (
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// Session is what a function may know of the session when it is bound. It is not changed while a job runs.
type Session struct {
	// Zone is table.local-time-zone.
	Zone *time.Location
	// Batch is whether the job runs in batch mode: functions of the current time return that of the query's start there.
	Batch bool
	// Start is the query's start.
	Start time.Time
	// Database is the current database.
	Database string
	// LegacyCast is table.exec.legacy-cast-behaviour=ENABLED.
	LegacyCast bool
	// Options are the session's options as they were set.
	Options map[string]string
}

// Arg is an argument as type inference sees it.
type Arg struct {
	Type types.Type
	// Literal is the value of an argument that is a literal (after folding), else nil. A literal NULL has the type NULL.
	Literal *column.Value
	// Symbol is a keyword argument, such as the unit of EXTRACT: "" for others.
	Symbol string
	// Call is the name of the function that an argument is a call of, "" for others: a JSON function takes what another has made as JSON, and other strings as strings.
	Call string
}

// Signature is what inference returns.
type Signature struct {
	// Args are the types to which the arguments are cast implicitly; an invalid type leaves an argument as it is. Nil leaves all.
	Args []types.Type
	// Result is the exact result type, nullability included.
	Result types.Type
}

// Volatility is when calls with equal arguments may return different results.
type Volatility uint8

// The volatilities.
const (
	// Immutable functions may be folded.
	Immutable Volatility = iota
	// Dynamic functions are constant within a query in batch mode, and change from record to record in streaming.
	Dynamic
	// Volatile functions may return something else at each call (RAND, UUID): they are never duplicated, shared or computed again.
	Volatile
)

// Syntax is how a call is written, for printing.
type Syntax uint8

// The syntaxes.
const (
	Prefix  Syntax = iota // NAME(a, b)
	Infix                 // a NAME b
	Postfix               // a NAME
	Before                // NAME a
	Special               // by a Print of its own
)

// NullRule says who takes care of nulls.
type NullRule uint8

// The null rules.
const (
	// NullStrict: the result is null where an argument is. The evaluator sees to it, and the kernel need not look at nulls; it may make more rows null by SetNull.
	NullStrict NullRule = iota
	// NullCustom: the kernel looks at its arguments' nulls and makes the result's.
	NullCustom
)

// Function is a scalar function or operator.
type Function struct {
	// Name is upper case, and what plans print. Aliases are other names.
	Name    string
	Aliases []string
	Syntax  Syntax
	// Doc is a line on what the function does. Examples are expressions with their results, which are run as tests: "UPPER('a')" -> "A".
	Doc      string
	Examples [][2]string
	// Infer checks the arguments and returns the signature. The error says what is wrong in terms of the user's types; the caller adds name and position.
	Infer func(s *Session, args []Arg) (Signature, error)
	Nulls NullRule
	// Volatility is when it may be folded or computed again.
	Volatility Volatility
	// Fails tells that the kernel may return an error for some values. Such a function is computed only for selected rows and never moved across a condition; with NullStrict, rows
	// with a null argument are not given to the kernel.
	Fails bool
	// Slow tells that a call costs many times what a comparison does, such as one of a regular expression or of the user's: among the conditions of an AND or OR it is computed last, for the rows that are then open, and for each row once, wherever it stands.
	Slow bool
	// Constants tells that the kernel takes constant vectors as they are. Others get flat ones.
	Constants bool
	// Bind returns the kernel for arguments of the signature's types. It may prepare what literals allow, such as a compiled regular expression.
	// It is nil for special forms.
	Bind func(s *Session, args []Arg, result types.Type) (Kernel, error)
	// Async returns how an asynchronous function is called; nil of others. The planner takes its calls out of expressions, so its Bind only says where it cannot stand.
	Async func(s *Session, args []Arg) (AsyncKernel, error)
	// Print prints a call with Syntax Special from its printed arguments; nil means Prefix.
	Print func(args []string, result types.Type) string
}

// Kernel computes a function for the rows of sel (nil: 0 to n-1). args have at least n rows, flat unless the function says Constants. out has been
// reset to the result's form with n rows, where the kernel writes the rows of sel; for lists, pairs and tuples it makes all n rows (those not in sel empty). Rows outside sel
// may hold anything afterwards. An error fails the job (or makes TRY_CAST null); it says which value was wrong.
//
// A kernel belongs to one operator instance: it may keep scratch memory from call to call.
type Kernel func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error

// Call is what a kernel may ask during evaluation.
type Call struct {
	// Now is the engine's clock at the beginning of the step, in milliseconds since the epoch: for functions of the current time and PROCTIME.
	Now int64
	// Watermark is the current watermark, in milliseconds since the epoch; math.MinInt64 before the first.
	Watermark int64
	// Random returns a number from [0, 1).
	Random func() float64
}

// Rows calls f for each row of sel, or for 0 to n-1.
func Rows(sel []int32, n int, f func(row int)) {
	if sel != nil {
		for _, row := range sel {
			f(int(row))
		}
		return
	}
	for row := range n {
		f(row)
	}
}
