package table

import (
	"fmt"
	"iter"
	"strings"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/fn"
)

// TableFunction is a table function in Go for use in SQL, as LATERAL TABLE(f(..)): see [TableFunc1] and [Environment.AddTableFunction].
type TableFunction struct {
	arity    int
	function *fn.Table
	err      error
}

// TableFunc1 makes a table function of one argument: the values of the sequence that f returns are its rows. R is a type that [Func1] takes, for a function of one column, or a struct, whose exported fields are the columns; a
// column is nullable if its type is a pointer. Arguments are as those of [Func1]: a row with a NULL argument that is no pointer has no rows. The rows of one call are kept in memory until they are handed on.
func TableFunc1[A, R any](f func(A) iter.Seq[R]) TableFunction {
	return tableFunction(func(args []*column.Vector, emit func(*R)) func(row int) {
		a := readerOf[A](args[0])
		return func(row int) { each(f(a(row)), emit) }
	}, typeOf[A]())
}

// TableFunc2 makes a table function of two arguments, as [TableFunc1].
func TableFunc2[A, B, R any](f func(A, B) iter.Seq[R]) TableFunction {
	return tableFunction(func(args []*column.Vector, emit func(*R)) func(row int) {
		a, b := readerOf[A](args[0]), readerOf[B](args[1])
		return func(row int) { each(f(a(row), b(row)), emit) }
	}, typeOf[A](), typeOf[B]())
}

// TableFunc3 makes a table function of three arguments, as [TableFunc1].
func TableFunc3[A, B, C, R any](f func(A, B, C) iter.Seq[R]) TableFunction {
	return tableFunction(func(args []*column.Vector, emit func(*R)) func(row int) {
		a, b, c := readerOf[A](args[0]), readerOf[B](args[1]), readerOf[C](args[2])
		return func(row int) { each(f(a(row), b(row), c(row)), emit) }
	}, typeOf[A](), typeOf[B](), typeOf[C]())
}

func each[R any](rows iter.Seq[R], emit func(*R)) {
	if rows == nil {
		return
	}
	for r := range rows {
		emit(&r)
	}
}

// AddTableFunction makes a table function known by a name, without regard to case, in the place of one of that name. Several functions under one name differ in how many arguments they take. Statements that are running
// keep what they had.
func (e *Environment) AddTableFunction(name string, functions ...TableFunction) error {
	if len(functions) == 0 || name == "" {
		return fault.New(fault.OptionInvalid, "a table function needs a name, and is made by TableFunc1 and its like")
	}
	byArity := map[int]*fn.Table{}
	var arities []string
	for _, f := range functions {
		switch {
		case f.err != nil:
			return fault.New(fault.OptionInvalid, "table function %s: %w", name, plain(f.err))
		case f.function == nil:
			return fault.New(fault.OptionInvalid, "a table function is made by TableFunc1 and its like")
		case byArity[f.arity] != nil:
			return fault.New(fault.OptionInvalid, "table function %s: two functions take %d arguments", name, f.arity)
		case (f.function.Async == nil) != (functions[0].function.Async == nil):
			return fault.New(fault.OptionInvalid, "table function %s: either all functions of a name are asynchronous or none", name)
		}
		byArity[f.arity] = f.function
		arities = append(arities, fmt.Sprint(f.arity))
	}
	own := *functions[0].function
	if len(functions) > 1 {
		own.Infer = func(s *fn.Session, args []fn.Arg) (fn.Signature, error) {
			f := byArity[len(args)]
			if f == nil {
				return fn.Signature{}, fault.New(fault.OptionInvalid, "it takes %s arguments, not %d", strings.Join(arities, " or "), len(args))
			}
			return f.Infer(s, args)
		}
		if own.Async != nil {
			own.Async = func(s *fn.Session, args []fn.Arg) (fn.AsyncKernel, error) { return byArity[len(args)].Async(s, args) }
		} else {
			own.Bind = func(s *fn.Session, args []fn.Arg) (fn.TableKernel, error) { return byArity[len(args)].Bind(s, args) }
		}
	}
	own.Name = strings.ToUpper(name)
	e.register(&own)
	return nil
}

// inferTable is the inference of a table function.
func inferTable(row *goRow, args []goType) func(*fn.Session, []fn.Arg) (fn.Signature, error) {
	return func(_ *fn.Session, given []fn.Arg) (fn.Signature, error) {
		s, err := arguments(given, args)
		s.Result = row.t
		return s, err
	}
}

// arguments are the types that arguments are cast to.
func arguments(given []fn.Arg, args []goType) (s fn.Signature, err error) {
	if len(given) != len(args) {
		return s, fault.New(fault.OptionInvalid, "it takes %d arguments, not %d", len(args), len(given))
	}
	for i, g := range args {
		s.Args = append(s.Args, g.t.WithNullable(given[i].Type.Nullable()))
	}
	return s, nil
}

func tableFunction[R any](bind func(args []*column.Vector, emit func(*R)) func(row int), args ...goType) TableFunction {
	row := goRowOf[R]()
	if err := firstError(row.err, args); err != nil {
		return TableFunction{err: err}
	}
	f := &fn.Table{Doc: "a function of the program", Infer: inferTable(row, args)}
	f.Bind = func(*fn.Session, []fn.Arg) (fn.TableKernel, error) {
		var of []int32
		return func(_ *fn.Call, vectors []*column.Vector, sel []int32, n int, out *column.Batch) ([]int32, error) {
			of = of[:0]
			at := int32(0)
			call := bind(vectors, func(r *R) {
				row.appendTo(out, unsafe.Pointer(r))
				of = append(of, at)
			})
			fn.Rows(sel, n, func(r int) {
				for i, v := range vectors {
					if !args[i].pointer && v.Null(r) {
						return
					}
				}
				at = int32(r)
				call(r)
			})
			return of, nil
		}, nil
	}
	return TableFunction{arity: len(args), function: f}
}

func firstError(err error, args []goType) error {
	for _, g := range args {
		if err == nil {
			err = g.err
		}
	}
	return err
}
