package table

import (
	"context"
	"reflect"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/types"
)

// AsyncFunc1 makes a scalar function of one argument that may take its time, as one that asks a service: it is called away from the job's tasks, for several rows at the same time, and rows keep their order. Types are those of
// [Func1]. ctx ends when the row has timed out or the job ends. A call that returns an error is made again; when no attempt is left, the job fails. Such a function stands in SELECT and WHERE. Options of the session:
//
//	table.exec.async-scalar.max-concurrent-operations  how many rows are called for at a time in a subtask, 10
//	table.exec.async-scalar.timeout                    how long a row may take with all its attempts, 3 min
//	table.exec.async-scalar.max-attempts               how many calls may follow a failed one, 3
//	table.exec.async-scalar.retry-delay                the pause before each, 100 ms
//	table.exec.async-scalar.retry-strategy             FIXED_DELAY, or NO_RETRY
//
// The function must return the same for the same arguments: a job that is restored calls it again.
func AsyncFunc1[A, R any](f func(ctx context.Context, a A) (R, error)) Function {
	return asyncFunction(func(ctx context.Context, args []unsafe.Pointer) (R, error) {
		return f(ctx, *(*A)(args[0]))
	}, asyncArg[A]())
}

// AsyncFunc2 makes an asynchronous function of two arguments, as [AsyncFunc1].
func AsyncFunc2[A, B, R any](f func(ctx context.Context, a A, b B) (R, error)) Function {
	return asyncFunction(func(ctx context.Context, args []unsafe.Pointer) (R, error) {
		return f(ctx, *(*A)(args[0]), *(*B)(args[1]))
	}, asyncArg[A](), asyncArg[B]())
}

// AsyncFunc3 makes an asynchronous function of three arguments, as [AsyncFunc1].
func AsyncFunc3[A, B, C, R any](f func(ctx context.Context, a A, b B, c C) (R, error)) Function {
	return asyncFunction(func(ctx context.Context, args []unsafe.Pointer) (R, error) {
		return f(ctx, *(*A)(args[0]), *(*B)(args[1]), *(*C)(args[2]))
	}, asyncArg[A](), asyncArg[B](), asyncArg[C]())
}

// AsyncTableFunc1 makes a table function of one argument that may take its time: see [AsyncFunc1], and [TableFunc1] for the rows. Its options are those of AsyncFunc1 with table.exec.async-table in front, and max-retries
// for max-attempts.
func AsyncTableFunc1[A, R any](f func(ctx context.Context, a A) ([]R, error)) TableFunction {
	return asyncTable(func(ctx context.Context, args []unsafe.Pointer) ([]R, error) {
		return f(ctx, *(*A)(args[0]))
	}, asyncArg[A]())
}

// AsyncTableFunc2 makes an asynchronous table function of two arguments, as [AsyncTableFunc1].
func AsyncTableFunc2[A, B, R any](f func(ctx context.Context, a A, b B) ([]R, error)) TableFunction {
	return asyncTable(func(ctx context.Context, args []unsafe.Pointer) ([]R, error) {
		return f(ctx, *(*A)(args[0]), *(*B)(args[1]))
	}, asyncArg[A](), asyncArg[B]())
}

// asyncArgument is an argument of an asynchronous function.
type asyncArgument struct {
	goValue
	make func() unsafe.Pointer
}

func asyncArg[A any]() asyncArgument {
	return asyncArgument{goValueOf(reflect.TypeFor[A]()), func() unsafe.Pointer { return unsafe.Pointer(new(A)) }}
}

func goTypes(args []asyncArgument) []goType {
	list := make([]goType, len(args))
	for i, a := range args {
		list[i] = a.goType
	}
	return list
}

// given are the arguments of a call, nil if one is NULL that cannot be.
func given(args []asyncArgument, values []column.Value) []unsafe.Pointer {
	list := make([]unsafe.Pointer, len(args))
	for i, a := range args {
		if values[i].Null && !a.pointer {
			return nil
		}
		list[i] = a.make()
		a.set(list[i], values[i])
	}
	return list
}

func asyncFunction[R any](call func(ctx context.Context, args []unsafe.Pointer) (R, error), args ...asyncArgument) Function {
	ts := goTypes(args)
	result := goValueOf(reflect.TypeFor[R]())
	if err := firstError(result.err, ts); err != nil {
		return Function{err: err}
	}
	f := &fn.Function{Doc: "a function of the program", Nulls: fn.NullCustom, Volatility: fn.Volatile, Infer: inferScalar(ts, result.goType)}
	f.Bind = func(*fn.Session, []fn.Arg, types.Type) (fn.Kernel, error) {
		return nil, fault.New(fault.SQLUnsupported, "an asynchronous function stands in SELECT and WHERE, not in a condition of a join or in the arguments of a table function")
	}
	f.Async = func(*fn.Session, []fn.Arg) (fn.AsyncKernel, error) {
		return func(ctx context.Context, values []column.Value) ([][]column.Value, error) {
			list := given(args, values)
			if list == nil {
				return [][]column.Value{{column.NullValue()}}, nil
			}
			r, err := call(ctx, list)
			if err != nil {
				return nil, err
			}
			return [][]column.Value{{result.get(unsafe.Pointer(&r))}}, nil
		}, nil
	}
	return Function{function: f}
}

func asyncTable[R any](call func(ctx context.Context, args []unsafe.Pointer) ([]R, error), args ...asyncArgument) TableFunction {
	ts := goTypes(args)
	row := goRowOf[R]()
	if err := firstError(row.err, ts); err != nil {
		return TableFunction{err: err}
	}
	f := &fn.Table{Doc: "a function of the program", Infer: inferTable(row, ts)}
	f.Async = func(*fn.Session, []fn.Arg) (fn.AsyncKernel, error) {
		return func(ctx context.Context, values []column.Value) ([][]column.Value, error) {
			list := given(args, values)
			if list == nil {
				return nil, nil
			}
			found, err := call(ctx, list)
			if err != nil {
				return nil, err
			}
			rows := make([][]column.Value, len(found))
			for i := range found {
				rows[i] = row.values(unsafe.Pointer(&found[i]))
			}
			return rows, nil
		}, nil
	}
	return TableFunction{arity: len(args), function: f}
}
