package fn

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// structured are the functions of values of named types with fields.
func structured() []*Function {
	return []*Function{
		{Name: "OBJECT_OF", Doc: "a value of the structured type of that name, with names and values of fields in turn", Nulls: NullCustom, Infer: inferObjectOf,
			Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
				return rowwise(result, false, func(args []column.Value) (column.Value, error) {
					out := column.Value{List: make([]column.Value, 0, len(args)/2)}
					for i := 2; i < len(args); i += 2 {
						out.List = append(out.List, args[i])
					}
					return out, nil
				}), nil
			}, Examples: [][2]string{{"OBJECT_OF('shop.User', 'name', 'Bob', 'age', 42)", "(name=Bob, age=42)"}, {"OBJECT_OF('shop.User', 'name', 'Bob').name", "Bob"}}},
		{Name: "OBJECT_UPDATE", Doc: "the structured value with other values of the fields that are named, in turn, behind it", Nulls: NullCustom, Infer: inferObjectUpdate,
			Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
				to := make([]int, 0, len(args)/2)
				for i := 1; i < len(args); i += 2 {
					name, _ := literal(args, i)
					to = append(to, fieldNamed(result, name))
				}
				return rowwise(result, false, func(args []column.Value) (column.Value, error) {
					if args[0].Null {
						return args[0], nil
					}
					out := column.Value{List: slices.Clone(args[0].List)}
					for i, at := range to {
						out.List[at] = args[2*i+2]
					}
					return out, nil
				}), nil
			}, Examples: [][2]string{{"OBJECT_UPDATE(OBJECT_OF('shop.User', 'name', 'Bob', 'age', 42), 'age', 43)", "(name=Bob, age=43)"}}},
	}
}

// names reads the names of fields, which are literals, among arguments from a place on, with their values behind them.
func names(args []Arg, from int) ([]string, error) {
	var all []string
	for i := from; i < len(args); i += 2 {
		name, ok := literal(args, i)
		if !ok {
			return nil, wrong("argument %d is the name of a field: it must be a string literal", i+1)
		}
		if slices.Contains(all, name) {
			return nil, wrong("the field %q is there twice", name)
		}
		all = append(all, name)
	}
	return all, nil
}

func inferObjectOf(s *Session, args []Arg) (Signature, error) {
	if len(args)%2 == 0 {
		return Signature{}, wrong("it takes the name of a type, and then names and values of fields in turn, but there are %d arguments", len(args))
	}
	class, ok := literal(args, 0)
	if !ok {
		return Signature{}, wrong("argument 1 is the name of a type: it must be a string literal")
	}
	list, err := names(args, 1)
	if err != nil {
		return Signature{}, err
	}
	fields := make([]types.Field, len(list))
	for i, name := range list {
		fields[i] = types.Field{Name: name, Type: args[2*i+2].Type.WithAttribute(types.NoAttribute)}
	}
	return Signature{Result: types.StructuredOf(class, fields...)}, nil
}

func fieldNamed(t types.Type, name string) int {
	return slices.IndexFunc(t.Fields(), func(f types.Field) bool { return f.Name == name })
}

func inferObjectUpdate(s *Session, args []Arg) (Signature, error) {
	if len(args) < 3 || len(args)%2 == 0 {
		return Signature{}, wrong("it takes a structured value, and then names and values of fields in turn, but there are %d arguments", len(args))
	}
	t := args[0].Type
	if t.Kind() != types.Structured {
		return Signature{}, wrong("argument 1 must be of a structured type, but is %s", t)
	}
	list, err := names(args, 1)
	if err != nil {
		return Signature{}, err
	}
	fields := slices.Clone(t.Fields())
	for i, name := range list {
		at := fieldNamed(t, name)
		if at < 0 {
			var have []string
			for _, f := range fields {
				have = append(have, f.Name)
			}
			return Signature{}, wrong("the type has no field %q: it has %s", name, strings.Join(have, ", "))
		}
		fields[at].Type = args[2*i+2].Type.WithAttribute(types.NoAttribute)
	}
	return Signature{Result: types.StructuredOf(t.Class(), fields...).WithNullable(t.Nullable())}, nil
}
