package fn

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// And, Or and Not are the operators of three-valued logic.
var (
	And = &Function{Name: "AND", Syntax: Infix, Doc: "true where all arguments are", Nulls: NullCustom, Infer: booleans}
	Or  = &Function{Name: "OR", Syntax: Infix, Doc: "true where an argument is", Nulls: NullCustom, Infer: booleans}
	Not = &Function{
		Name: "NOT", Syntax: Before, Doc: "turns true into false and false into true", Infer: booleans,
		Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				in := args[0].Words
				if sel == nil {
					for i, w := range in[:n] {
						out.Words[i] = w ^ 1
					}
					return nil
				}
				for _, row := range sel {
					out.Words[row] = in[row] ^ 1
				}
				return nil
			}, nil
		},
	}
	// Case is CASE: conditions and values in turn, then the value for the rest.
	Case = &Function{Name: "CASE", Doc: "the value behind the first condition that is true", Nulls: NullCustom, Infer: inferCase, Syntax: Special, Print: func(args []string, _ types.Type) string {
		return "CASE(" + strings.Join(args, ", ") + ")"
	}}
	// Coalesce is COALESCE.
	Coalesce = &Function{Name: "COALESCE", Doc: "the first argument that is not null", Nulls: NullCustom, Infer: inferCoalesce}
)

func logic() []*Function { return []*Function{And, Or, Not} }

func booleans(s *Session, args []Arg) (Signature, error) {
	for _, a := range args {
		if k := a.Type.Kind(); k != types.Boolean && k != types.Null {
			return Signature{}, wrong("%s is not BOOLEAN", a.Type)
		}
	}
	sig := boolean(args)
	for range args {
		sig.Args = append(sig.Args, types.New(types.Boolean))
	}
	for i, a := range args {
		sig.Args[i] = sig.Args[i].WithNullable(a.Type.Nullable())
	}
	return sig, nil
}

func conditionals() []*Function {
	return []*Function{
		Case, Coalesce,
		{Name: "IF", Doc: "the second argument where the first is true, else the third", Nulls: NullCustom, Infer: func(s *Session, args []Arg) (Signature, error) {
			if err := count(args, 3, 3); err != nil {
				return Signature{}, err
			}
			sig, err := inferCase(s, args)
			if err == nil && args[0].Type.Nullable() {
				sig.Result = sig.Result.Null()
			}
			return sig, err
		}},
		{Name: "IFNULL", Doc: "the first argument, or the second where that is null", Nulls: NullCustom, Infer: func(s *Session, args []Arg) (Signature, error) {
			if err := count(args, 2, 2); err != nil {
				return Signature{}, err
			}
			return inferCoalesce(s, args)
		}},
		{Name: "NULLIF", Doc: "null where the arguments are equal, else the first", Nulls: NullCustom, Infer: func(s *Session, args []Arg) (Signature, error) {
			if _, err := comparable2(args, false); err != nil {
				return Signature{}, err
			}
			return Signature{Result: args[0].Type.Null()}, nil
		}},
		{Name: "IN", Doc: "whether the first argument is one of the others", Nulls: NullCustom, Syntax: Special, Infer: inferIn, Print: printIn("IN")},
		{Name: "NOT IN", Doc: "whether the first argument is none of the others", Nulls: NullCustom, Syntax: Special, Infer: inferIn, Print: printIn("NOT IN")},
		extreme("GREATEST", "the greatest of the arguments, null if one is null", 1),
		extreme("LEAST", "the least of the arguments, null if one is null", -1),
	}
}

func printIn(name string) func([]string, types.Type) string {
	return func(args []string, _ types.Type) string {
		return args[0] + " " + name + " (" + strings.Join(args[1:], ", ") + ")"
	}
}

func inferIn(s *Session, args []Arg) (Signature, error) {
	for _, a := range args[1:] {
		if _, err := comparable2([]Arg{args[0], a}, false); err != nil {
			return Signature{}, err
		}
	}
	return boolean(args), nil
}

// commonOf is the common type of several arguments.
func commonOf(args []Arg) (types.Type, error) {
	t := args[0].Type
	for _, a := range args[1:] {
		next := common(t, a.Type)
		if !next.Valid() {
			return t, wrong("%s and %s have no common type", t, a.Type)
		}
		t = next
	}
	return t, nil
}

func inferCase(s *Session, args []Arg) (Signature, error) {
	var values []Arg
	for i := 0; i < len(args); i++ {
		if i%2 == 0 && i+1 < len(args) {
			if k := args[i].Type.Kind(); k != types.Boolean && k != types.Null {
				return Signature{}, wrong("the condition has the type %s, but must be BOOLEAN", args[i].Type)
			}
			continue
		}
		values = append(values, args[i])
	}
	if len(values) == 0 {
		return Signature{}, wrong("there is no value")
	}
	t, err := commonOf(values)
	if err == nil && t.IsApprox() { // of FLOAT and DOUBLE the first counts, as in arithmetic
		for _, a := range values {
			if a.Type.IsApprox() && !slices.ContainsFunc(values, func(o Arg) bool { return o.Type.Kind() == types.Decimal }) {
				t = a.Type.WithNullable(t.Nullable())
				break
			}
		}
	}
	if len(args)%2 == 0 {
		t = t.Null()
	}
	sig := Signature{Result: t}
	for i, a := range args {
		if i%2 == 0 && i+1 < len(args) {
			sig.Args = append(sig.Args, types.New(types.Boolean).WithNullable(a.Type.Nullable()))
			continue
		}
		sig.Args = append(sig.Args, t.WithNullable(a.Type.Nullable()))
	}
	return sig, err
}

func inferCoalesce(s *Session, args []Arg) (Signature, error) {
	if len(args) == 0 {
		return Signature{}, wrong("it takes at least one argument")
	}
	t, err := commonOf(args)
	nullable := true
	sig := Signature{}
	for _, a := range args {
		nullable = nullable && a.Type.Nullable()
		sig.Args = append(sig.Args, t.WithNullable(a.Type.Nullable()))
	}
	sig.Result = t.WithNullable(nullable)
	return sig, err
}

func extreme(name, doc string, side int) *Function {
	return &Function{
		Name: name, Doc: doc,
		Infer: func(s *Session, args []Arg) (Signature, error) {
			if len(args) == 0 {
				return Signature{}, wrong("it takes at least one argument")
			}
			t, err := commonOf(args)
			sig := Signature{Result: t}
			for _, a := range args {
				sig.Args = append(sig.Args, t.WithNullable(a.Type.Nullable()))
			}
			return sig, err
		},
		Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			compare := comparer(result, result)
			form := column.FormOf(result)
			if form > column.Text {
				return nil, wrong("values of type %s have no order", result)
			}
			return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				Rows(sel, n, func(row int) {
					best := args[0]
					for _, a := range args[1:] {
						if a.Null(row) || best.Null(row) {
							return
						}
						if compare(a, best, row) == side {
							best = a
						}
					}
					switch form {
					case column.Word:
						out.Words[row] = best.Words[row]
					case column.Wide:
						out.Wide[row] = best.Wide[row]
					default:
						out.SetBytes(row, best.Bytes(row))
					}
				})
				return nil
			}, nil
		},
	}
}
