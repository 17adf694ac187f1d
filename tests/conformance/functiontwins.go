package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/types"
)

// functionTests is the package of Flink's tests of functions.
const functionTests = "org.apache.flink.table.planner.functions."

// identity is the twin of a function that makes a value of what it is given.
func identity(args []column.Value) (column.Value, error) { return args[0], nil }

// together makes a row of the arguments.
func together(args []column.Value) (column.Value, error) {
	return column.Value{List: append([]column.Value(nil), args...)}, nil
}

// firstField is the first field of a row.
func firstField(args []column.Value) (column.Value, error) {
	if args[0].Null {
		return args[0], nil
	}
	return args[0].List[0], nil
}

func structuredOf(class, fields string) string {
	return "STRUCTURED<'" + functionTests + class + "', " + fields + ">"
}

// functionTwins are the twins of functions that Flink's tests of functions bring along: by class, what they take and return.
var functionTwins = func() map[string]func(name string) *fn.Function {
	pojo := structuredOf("CastFunctionMiscITCase$UserPojo", "i INT, s STRING")
	one := structuredOf("StructuredFunctionsITCase$Type1", "a INT, b STRING")
	two := structuredOf("StructuredFunctionsITCase$Type2", "a INT, b STRING")
	nested := structuredOf("StructuredFunctionsITCase$NestedType", "n1 "+one+", n2 "+two)
	all := map[string]func(name string) *fn.Function{}
	add := func(class, result string, f func([]column.Value) (column.Value, error), args ...string) {
		all[functionTests+class] = valueTwin(args, result, f)
	}
	add("CastFunctionMiscITCase$RowToFirstField", "INT", firstField, "ROW<i INT, s STRING>")
	add("CastFunctionMiscITCase$NestedRowToFirstField", "ROW<i INT, d DOUBLE>", firstField, "ROW<r ROW<i INT, d DOUBLE>, s STRING>")
	add("CastFunctionMiscITCase$StructuredTypeConstructor", pojo, identity, pojo)
	add("MiscFunctionsITCase$TakesNotNull", "INT NOT NULL", identity, "INT NOT NULL")
	add("RowFunctionITCase$TakesRow", "ROW<i INT, s STRING>", func(args []column.Value) (column.Value, error) {
		out := column.Value{List: append([]column.Value(nil), args[0].List...)}
		out.List[0] = column.IntValue(args[0].List[0].Int() + args[1].Int())
		return out, nil
	}, "ROW<i INT, s STRING>", "INT")
	add("StructuredFunctionsITCase$Type1$Type1Constructor", one, together, "INT", "STRING")
	add("StructuredFunctionsITCase$Type2$Type2Constructor", two, together, "INT", "STRING")
	add("StructuredFunctionsITCase$NestedType$NestedConstructor", nested, together, one, two)
	add("JsonFunctionsITCase$CreateMultiset", "MULTISET<STRING>", identity, "MAP<STRING, INT>")
	add("JsonFunctionsITCase$CreateStructuredType", structuredOf("JsonFunctionsITCase$MyPojo", "name STRING, age INT, payload MAP<STRING, STRING>"), together, "STRING", "INT", "MAP<STRING, STRING>")
	add("JsonFunctionsITCase$CreateInternalRow", "ROW<f0 STRING, f1 INT>", together, "STRING", "INT")
	for _, tests := range []string{"CoalesceFunctionITCase", "CaseFunctionsITCase", "IfThenElseFunctionITCase"} {
		add(tests+"$ThrowingFunction", "INT NOT NULL", func([]column.Value) (column.Value, error) {
			return column.Value{}, errors.New("ThrowingFunction was called")
		}, "INT NOT NULL")
	}
	return all
}()

// valueTwin is a function of the given types that is computed value by value. It takes what can be cast to its arguments' types without loss, and no null where it wants none.
func valueTwin(takes []string, returns string, f func(args []column.Value) (column.Value, error)) func(name string) *fn.Function {
	return func(name string) *fn.Function {
		return &fn.Function{
			Name: name, Doc: "of a test", Nulls: fn.NullCustom, Fails: true,
			Infer: func(s *fn.Session, args []fn.Arg) (fn.Signature, error) {
				result, err := readType(returns)
				if err != nil {
					return fn.Signature{}, err
				}
				if len(args) != len(takes) {
					return fn.Signature{}, errors.New("it takes " + strconv.Itoa(len(takes)) + " arguments")
				}
				sig := fn.Signature{Result: result}
				for i, a := range args {
					t, err := readType(takes[i])
					switch {
					case err != nil:
						return fn.Signature{}, err
					case a.Type.Nullable() && !t.Nullable():
						return fn.Signature{}, fmt.Errorf("argument %d must not be null", i+1)
					case !implicit(a.Type, t):
						return fn.Signature{}, fmt.Errorf("argument %d must be %s, but is %s", i+1, t, a.Type)
					}
					sig.Args = append(sig.Args, t.WithNullable(a.Type.Nullable()))
				}
				return sig, nil
			},
			Bind: func(s *fn.Session, args []fn.Arg, result types.Type) (fn.Kernel, error) {
				shape := column.ShapeOf(result)
				return func(c *fn.Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
					empty(out, &shape)
					values := make([]column.Value, n)
					for row := range values {
						values[row] = column.NullValue()
					}
					var err error
					fn.Rows(sel, n, func(row int) {
						given := make([]column.Value, len(args))
						for i, a := range args {
							given[i] = a.Value(row)
						}
						if v, e := f(given); e == nil {
							values[row] = v
						} else {
							err = e
						}
					})
					for row, v := range values {
						out.AppendValue(v, &shape, row)
					}
					return err
				}, nil
			},
		}
	}
}

// empty makes a vector one without rows.
func empty(v *column.Vector, shape *column.Shape) {
	v.Reset(shape.Form, 0)
	for i := range shape.Children {
		empty(v.Child(i), &shape.Children[i])
	}
}

// implicit tells whether Flink casts one type to the other for an argument.
func implicit(from, to types.Type) bool {
	text := func(t types.Type) bool { return t.Kind() == types.Char || t.Kind() == types.Varchar }
	switch {
	case from.Kind() == types.Null:
		return true
	case to.Kind() == types.Structured && from.Kind() == types.Structured:
		return from.Class() == to.Class()
	case from.IsComposite() && to.IsComposite():
		if len(from.Fields()) != len(to.Fields()) {
			return false
		}
		for i, f := range from.Fields() {
			if !implicit(f.Type, to.Fields()[i].Type) {
				return false
			}
		}
		return true
	case text(from) && text(to):
		return true
	case from.IsNumeric() && to.IsNumeric():
		return from.Kind() <= to.Kind()
	}
	return from.Kind() == to.Kind()
}
