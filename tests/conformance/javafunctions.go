package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/table"
)

const (
	javaPrograms  = "org.apache.flink.table.planner.plan.nodes.exec.stream."
	javaFunctions = "org.apache.flink.table.planner.runtime.utils.JavaUserDefined"
)

// javaFunction registers the Go twin of a Java function that a program registers. Each program has its own, as some count their calls.
var javaFunction = map[string]func(env *table.Environment, name string) error{
	javaPrograms + "AsyncCalcTestPrograms$AsyncJavaFunc0":   scalarTwin(func() table.Function { return table.AsyncFunc1(asynchronous1(addOne)) }),
	javaPrograms + "AsyncCalcTestPrograms$AsyncJavaFunc1":   scalarTwin(func() table.Function { return table.AsyncFunc3(asynchronous3(joinAnd)) }),
	javaPrograms + "AsyncCalcTestPrograms$AsyncJavaFunc2":   scalarTwin(func() table.Function { return table.AsyncFunc2(asynchronous2(appendProduct)) }),
	javaPrograms + "AsyncCalcTestPrograms$AsyncJavaFunc5":   scalarTwin(func() table.Function { return table.AsyncFunc2(asynchronous2(minusMillis)) }),
	javaPrograms + "AsyncCalcTestPrograms$AsyncUdfWithOpen": scalarTwin(func() table.Function { return table.AsyncFunc1(asynchronous1(prefixed)) }),
	javaPrograms + "AsyncCalcTestPrograms$TwosFailFunction": scalarTwin(twosFail),
	javaFunctions + "ScalarFunctions$JavaFunc0":             scalarTwin(func() table.Function { return table.Func1(addOne) }),
	javaFunctions + "ScalarFunctions$JavaFunc1":             scalarTwin(func() table.Function { return table.Func3(joinAnd) }),
	javaFunctions + "ScalarFunctions$JavaFunc2":             scalarTwin(func() table.Function { return table.Func2(appendProduct) }),
	javaFunctions + "ScalarFunctions$JavaFunc5":             scalarTwin(func() table.Function { return table.Func2(minusMillis) }),
	javaFunctions + "ScalarFunctions$UdfWithOpen":           scalarTwin(func() table.Function { return table.Func1(prefixed) }),

	"org.apache.flink.table.planner.utils.TableFunc1": tableTwin(func() []table.TableFunction {
		return []table.TableFunction{
			table.TableFunc1(func(s string) iter.Seq[string] { return slices.Values(parts(s, "#", "")) }),
			table.TableFunc2(func(s, prefix string) iter.Seq[string] { return slices.Values(parts(s, "#", prefix)) }),
		}
	}),
	javaFunctions + "TableFunctions$StringSplit": tableTwin(func() []table.TableFunction {
		return []table.TableFunction{
			table.TableFunc1(func(s string) iter.Seq[string] { return slices.Values(split(s, ",")) }),
			table.TableFunc2(func(s, by string) iter.Seq[string] { return slices.Values(split(s, by)) }),
		}
	}),
	javaFunctions + "TableFunctions$AsyncStringSplit": tableTwin(func() []table.TableFunction {
		return []table.TableFunction{
			table.AsyncTableFunc1(func(_ context.Context, s string) ([]string, error) { return split(s, ","), nil }),
			table.AsyncTableFunc2(func(_ context.Context, s, by string) ([]string, error) { return split(s, by), nil }),
		}
	}),
	javaPrograms + "AsyncCorrelateTestPrograms$TableFunc1": tableTwin(func() []table.TableFunction {
		return []table.TableFunction{
			table.AsyncTableFunc1(func(_ context.Context, s string) ([]string, error) { return parts(s, "#", ""), nil }),
			table.AsyncTableFunc2(func(_ context.Context, s, prefix string) ([]string, error) { return parts(s, "#", prefix), nil }),
		}
	}),
	javaPrograms + "AsyncCorrelateTestPrograms$FailureThenSucceedSplit": tableTwin(func() []table.TableFunction {
		var calls atomic.Int32
		return []table.TableFunction{table.AsyncTableFunc2(func(_ context.Context, s, prefix string) ([]string, error) {
			if s == "hello#world" && calls.Add(1) == 1 {
				return nil, errors.New("failure 1")
			}
			return parts(s, "#", prefix), nil
		})}
	}),
}

func scalarTwin(f func() table.Function) func(*table.Environment, string) error {
	return func(env *table.Environment, name string) error { return env.AddFunction(name, f()) }
}

func tableTwin(f func() []table.TableFunction) func(*table.Environment, string) error {
	return func(env *table.Environment, name string) error { return env.AddTableFunction(name, f()...) }
}

func asynchronous1[A, R any](f func(A) R) func(context.Context, A) (R, error) {
	return func(_ context.Context, a A) (R, error) { return f(a), nil }
}

func asynchronous2[A, B, R any](f func(A, B) R) func(context.Context, A, B) (R, error) {
	return func(_ context.Context, a A, b B) (R, error) { return f(a, b), nil }
}

func asynchronous3[A, B, C, R any](f func(A, B, C) R) func(context.Context, A, B, C) (R, error) {
	return func(_ context.Context, a A, b B, c C) (R, error) { return f(a, b, c), nil }
}

func addOne(x int64) int64 { return x + 1 }

func joinAnd(a *int32, b int32, at *time.Time) string {
	text := func(null bool, s func() string) string {
		if null {
			return "null"
		}
		return s()
	}
	return fmt.Sprintf("%s and %d and %s", text(a == nil, func() string { return fmt.Sprint(*a) }), b, text(at == nil, func() string { return fmt.Sprint(at.UnixMilli()) }))
}

func appendProduct(s string, a int32) string { return s + fmt.Sprint(a) }

func minusMillis(at time.Time, offset int32) *time.Time {
	at = at.Truncate(time.Millisecond).Add(-time.Duration(offset) * time.Millisecond)
	return &at
}

func prefixed(s string) string { return "$" + s }

// twosFail returns what it is given, but fails the first time for 2.
func twosFail() table.Function {
	var calls atomic.Int32
	return table.AsyncFunc1(func(_ context.Context, x int32) (int32, error) {
		if x == 2 && calls.Add(1) == 1 {
			return 0, errors.New("failure 1")
		}
		return x, nil
	})
}

// parts are those between separators, each behind a prefix; none if there is no separator.
func parts(s, by, prefix string) (list []string) {
	if !strings.Contains(s, by) {
		return nil
	}
	for _, p := range split(s, by) {
		list = append(list, prefix+p)
	}
	return list
}

// split are the parts between separators, without empty ones at the end.
func split(s, by string) []string {
	s = strings.Clone(s)
	list := strings.Split(s, by)
	for len(list) > 1 && list[len(list)-1] == "" {
		list = list[:len(list)-1]
	}
	return list
}
