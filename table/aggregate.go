package table

import (
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/types"
)

// Aggregate is an aggregate function in Go for use in SQL, with GROUP BY, in windows and OVER windows: see [Agg1] and [Environment.AddAggregate].
type Aggregate struct {
	args   []goType
	many   bool // the last argument stands for any number of them
	result goType
	custom fn.Custom
	err    error
}

// AggFunc1 says what an aggregate function of one argument does with an accumulator of the type S, which begins as the zero value of S.
type AggFunc1[S, A, R any] struct {
	// Add takes a row in.
	Add func(s *S, a A)
	// Retract takes a row back that was added before. It may be nil: then the function is refused where rows are taken back, as in a query over one that changes rows, or in a bounded OVER window.
	Retract func(s *S, a A)
	// Merge takes another accumulator in, which is not used any more. It may be nil: then the function is refused in session windows, and slower in windows that overlap.
	Merge func(s, other *S)
	// Result is what comes of the rows that are in. It does not change the accumulator.
	Result func(s *S) R
}

// AggFunc2 is [AggFunc1] of two arguments.
type AggFunc2[S, A, B, R any] struct {
	Add     func(s *S, a A, b B)
	Retract func(s *S, a A, b B)
	Merge   func(s, other *S)
	Result  func(s *S) R
}

// AggFunc3 is [AggFunc1] of three arguments.
type AggFunc3[S, A, B, C, R any] struct {
	Add     func(s *S, a A, b B, c C)
	Retract func(s *S, a A, b B, c C)
	Merge   func(s, other *S)
	Result  func(s *S) R
}

// AggFuncN is [AggFunc1] of any number of arguments of a type, at least one. The slice is valid until the function returns.
type AggFuncN[S, A, R any] struct {
	Add     func(s *S, args []A)
	Retract func(s *S, args []A)
	Merge   func(s, other *S)
	Result  func(s *S) R
}

// Agg1 makes an aggregate function of one argument. A and R are types as those of [Func1]: a row with a NULL argument that is no pointer is left out. S is any type that state can have (see package state); maps and slices in it
// are read and written whole for each batch of a group's rows, so they should be small. The functions are called by one goroutine at a time for an accumulator, and by several for different ones.
func Agg1[S, A, R any](f AggFunc1[S, A, R]) Aggregate {
	return aggregateOf(f.Add != nil, f.Retract != nil, f.Merge, f.Result, false, func(args []*column.Vector) (add, retract func(s *S, row int)) {
		a := readerOf[A](args[0])
		return func(s *S, row int) { f.Add(s, a(row)) }, func(s *S, row int) { f.Retract(s, a(row)) }
	}, typeOf[A]())
}

// Agg2 makes an aggregate function of two arguments, as [Agg1].
func Agg2[S, A, B, R any](f AggFunc2[S, A, B, R]) Aggregate {
	return aggregateOf(f.Add != nil, f.Retract != nil, f.Merge, f.Result, false, func(args []*column.Vector) (add, retract func(s *S, row int)) {
		a, b := readerOf[A](args[0]), readerOf[B](args[1])
		return func(s *S, row int) { f.Add(s, a(row), b(row)) }, func(s *S, row int) { f.Retract(s, a(row), b(row)) }
	}, typeOf[A](), typeOf[B]())
}

// Agg3 makes an aggregate function of three arguments, as [Agg1].
func Agg3[S, A, B, C, R any](f AggFunc3[S, A, B, C, R]) Aggregate {
	return aggregateOf(f.Add != nil, f.Retract != nil, f.Merge, f.Result, false, func(args []*column.Vector) (add, retract func(s *S, row int)) {
		a, b, c := readerOf[A](args[0]), readerOf[B](args[1]), readerOf[C](args[2])
		return func(s *S, row int) { f.Add(s, a(row), b(row), c(row)) }, func(s *S, row int) { f.Retract(s, a(row), b(row), c(row)) }
	}, typeOf[A](), typeOf[B](), typeOf[C]())
}

// AggN makes an aggregate function of any number of arguments, as [Agg1].
func AggN[S, A, R any](f AggFuncN[S, A, R]) Aggregate {
	return aggregateOf(f.Add != nil, f.Retract != nil, f.Merge, f.Result, true, func(args []*column.Vector) (add, retract func(s *S, row int)) {
		readers, values := make([]func(row int) A, len(args)), make([]A, len(args))
		for i, v := range args {
			readers[i] = readerOf[A](v)
		}
		read := func(row int) []A {
			for i, r := range readers {
				values[i] = r(row)
			}
			return values
		}
		return func(s *S, row int) { f.Add(s, read(row)) }, func(s *S, row int) { f.Retract(s, read(row)) }
	}, typeOf[A]())
}

// AddAggregate makes an aggregate function known by a name, without regard to case. Several functions under one name differ in their arguments: the first one counts whose types are those of the call, else the first
// one to whose types the call's can be widened. A name of a built-in aggregate function is refused. Statements that are running keep what they had.
func (e *Environment) AddAggregate(name string, functions ...Aggregate) error {
	if len(functions) == 0 || name == "" {
		return fault.New(fault.OptionInvalid, "an aggregate function needs a name, and is made by Agg1 and its like")
	}
	if fn.Builtin.Aggregate(name) != nil {
		return fault.New(fault.OptionInvalid, "%s is a built-in aggregate function: take another name", strings.ToUpper(name))
	}
	for _, f := range functions {
		switch {
		case f.err != nil:
			return fault.New(fault.OptionInvalid, "aggregate function %s: %w", name, plain(f.err))
		case f.custom.New == nil:
			return fault.New(fault.OptionInvalid, "aggregate function %s: it is made by Agg1 and its like, and needs Add and Result", name)
		}
	}
	find := func(given []types.Type) (best *Aggregate) {
		worst := mismatch
		for i := range functions {
			if fit := functions[i].fits(given); fit < worst {
				best, worst = &functions[i], fit
			}
		}
		return best
	}
	e.register(&fn.Aggregate{
		Name: strings.ToUpper(name), Doc: "a function of the program",
		Infer: func(_ *fn.Session, args []fn.Arg, _ bool) (s fn.Signature, err error) {
			given := make([]types.Type, len(args))
			for i, a := range args {
				given[i] = a.Type
			}
			f := find(given)
			if f == nil {
				var texts []string
				for i := range functions {
					texts = append(texts, functions[i].text())
				}
				return s, fault.New(fault.OptionInvalid, "it takes %s", strings.Join(texts, " or "))
			}
			for i := range args {
				s.Args = append(s.Args, f.arg(i).t.WithNullable(given[i].Nullable()))
			}
			s.Result = f.result.t.WithNullable(f.result.pointer)
			return s, nil
		},
		Custom: func(args []types.Type) *fn.Custom { return &find(args).custom },
	})
	return nil
}

func (f *Aggregate) arg(i int) goType { return f.args[min(i, len(f.args)-1)] }

func (f *Aggregate) text() string {
	var list []string
	for _, a := range f.args {
		list = append(list, a.t.String())
	}
	if f.many {
		list = append(list, "...")
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// How well arguments fit.
const (
	exact = iota
	widened
	mismatch
)

// fits says how well arguments of the given types fit.
func (f *Aggregate) fits(given []types.Type) int {
	if len(given) != len(f.args) && !(f.many && len(given) > 0) {
		return mismatch
	}
	fit := exact
	for i, from := range given {
		to := f.arg(i).t
		switch {
		case from.Kind() == to.Kind() && (!to.IsTimestamp() || from.Precision() == to.Precision()):
		case from.Kind() == types.Null,
			from.IsChar() && to.IsChar(), from.IsBytes() && to.IsBytes(),
			from.IsTimestamp() && to.Kind() == from.Kind(),
			from.IsInteger() && to.IsInteger() && from.Kind() < to.Kind(),
			from.IsNumeric() && to.IsApprox() && (!from.IsApprox() || to.Kind() == types.Double):
			fit = widened
		default:
			return mismatch
		}
	}
	return fit
}

func aggregateOf[S, R any](complete, retracts bool, merge func(s, other *S), result func(*S) R, many bool, bind func([]*column.Vector) (add, retract func(*S, int)), args ...goType) Aggregate {
	f := Aggregate{args: args, many: many, result: typeOf[R]()}
	if f.err = firstError(f.result.err, args); f.err != nil || !complete || result == nil {
		return f
	}
	states, err := codec.For[S]()
	if err != nil {
		f.err = err
		return f
	}
	for _, a := range args {
		f.custom.Strict = append(f.custom.Strict, !a.pointer)
	}
	f.custom.Retracts, f.custom.Merges = retracts, merge != nil
	f.custom.New = func() fn.Folder { return &folder[S, R]{states: states, bind: bind, merge: merge, result: result} }
	return f
}

// folder is an aggregate function at work.
type folder[S, R any] struct {
	states       *codec.Codec[S]
	bind         func([]*column.Vector) (add, retract func(*S, int))
	merge        func(s, other *S)
	result       func(*S) R
	add, retract func(*S, int)
	s            S
}

func (f *folder[S, R]) Bind(args []*column.Vector) { f.add, f.retract = f.bind(args) }

func (f *folder[S, R]) Load(state []byte) error { return f.decode(state, &f.s) }

func (f *folder[S, R]) decode(state []byte, s *S) error {
	*s = *new(S)
	if len(state) == 0 {
		return nil
	}
	_, err := f.states.Decode(state, s)
	return err
}

func (f *folder[S, R]) Add(row int)     { f.add(&f.s, row) }
func (f *folder[S, R]) Retract(row int) { f.retract(&f.s, row) }

func (f *folder[S, R]) Merge(state []byte) error {
	other := new(S)
	if err := f.decode(state, other); err != nil {
		return err
	}
	f.merge(&f.s, other)
	return nil
}

func (f *folder[S, R]) Result(out *column.Vector, row, n int) {
	w := writer[R]{out}
	w.put(row, n, f.result(&f.s))
}

func (f *folder[S, R]) Store(dst []byte) ([]byte, error) { return f.states.Encode(dst, &f.s) }
