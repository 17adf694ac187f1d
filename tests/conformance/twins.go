package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/types"
)

// known are Go twins of the Java functions that tests register, by class name.
var known = map[string]func(name string) *fn.Function{
	"org.apache.flink.table.planner.expressions.utils.Func3$":                func3,
	"org.apache.flink.table.planner.expressions.utils.ShouldNotExecuteFunc$": shouldNotExecute,
}

// twins returns the functions that a set registers: a list of classes, or names with their classes. One without a twin is not there.
func twins(raw json.RawMessage) (*fn.Registry, error) {
	r := &fn.Registry{}
	classes := map[string]string{}
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		for _, c := range list {
			classes[c[strings.LastIndexAny(c, ".$")+1:]] = c
		}
	} else if len(raw) > 0 {
		if err := json.Unmarshal(raw, &classes); err != nil {
			return nil, err
		}
	}
	for name, class := range classes {
		f := known[class]
		if f == nil {
			f = functionTwins[class]
		}
		if f != nil {
			r.Add(f(name))
		}
	}
	return r, nil
}

// func3 joins an integer and a string.
func func3(name string) *fn.Function {
	return &fn.Function{
		Name: name, Doc: "a AND b", Nulls: fn.NullCustom,
		Infer: func(s *fn.Session, args []fn.Arg) (fn.Signature, error) {
			if len(args) != 2 {
				return fn.Signature{}, fmt.Errorf("it takes two arguments")
			}
			return fn.Signature{Args: []types.Type{types.New(types.Int), types.String()}, Result: types.String()}, nil
		},
		Bind: func(s *fn.Session, args []fn.Arg, result types.Type) (fn.Kernel, error) {
			return func(c *fn.Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				fn.Rows(sel, n, func(row int) {
					a, b := "null", "null"
					if !args[0].Null(row) {
						a = strconv.FormatInt(args[0].Int(row), 10)
					}
					if !args[1].Null(row) {
						b = string(args[1].Bytes(row))
					}
					out.SetString(row, a+" and "+b)
				})
				return nil
			}, nil
		},
	}
}

// shouldNotExecute fails when it is computed.
func shouldNotExecute(name string) *fn.Function {
	return &fn.Function{
		Name: name, Doc: "fails", Fails: true,
		Infer: func(s *fn.Session, args []fn.Arg) (fn.Signature, error) {
			return fn.Signature{Args: []types.Type{types.String()}, Result: types.New(types.Boolean)}, nil
		},
		Bind: func(s *fn.Session, args []fn.Arg, result types.Type) (fn.Kernel, error) {
			return func(c *fn.Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				return fmt.Errorf("this function should not be computed")
			}, nil
		},
	}
}
