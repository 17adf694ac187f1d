package fn

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// untyped is the error of elements that are all NULL.
var untyped = wrong("NULL alone has no type: write CAST(NULL AS INT), or another one")

// constructors put values together.
func constructors() []*Function {
	return []*Function{
		{Name: "ARRAY", Doc: "an array of the arguments", Nulls: NullCustom, Syntax: Special, Print: brackets("ARRAY"), Infer: func(s *Session, args []Arg) (Signature, error) {
			if len(args) == 0 {
				return Signature{}, wrong("an array that is written out has at least one element")
			}
			t, err := commonOf(args)
			if err != nil {
				return Signature{}, err
			}
			if t.Kind() == types.Null {
				return Signature{}, untyped
			}
			sig := Signature{Result: types.ArrayOf(t).NotNull()}
			for range args {
				sig.Args = append(sig.Args, t)
			}
			return sig, nil
		}, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return rowwise(result, false, listed), nil
		}, Examples: [][2]string{{"ARRAY[1, 2.5]", "[1.0, 2.5]"}, {"ARRAY['a', NULL]", "[a, NULL]"}}},
		{Name: "MAP", Doc: "a map of keys and values in turn; of equal keys the last counts", Nulls: NullCustom, Syntax: Special, Print: brackets("MAP"), Infer: inferMap, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return rowwise(result, false, func(args []column.Value) (column.Value, error) { return unite(result, args), nil }), nil
		}, Examples: [][2]string{{"MAP['a', 1, 'bc', 2]", "{a=1, bc=2}"}, {"MAP['a', 1, 'a', 2]", "{a=2}"}}},
		{Name: "ROW", Doc: "a row of the arguments", Nulls: NullCustom, Infer: func(s *Session, args []Arg) (Signature, error) {
			fields := make([]types.Field, len(args))
			for i, a := range args {
				fields[i] = types.Field{Name: "EXPR$" + strconv.Itoa(i), Type: plain(a.Type)}
			}
			return Signature{Result: types.RowOf(fields...).NotNull()}, nil
		}, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return rowwise(result, false, listed), nil
		}, Examples: [][2]string{{"ROW(1, 'foo', TRUE)", "(1, foo, TRUE)"}}},
	}
}

func brackets(name string) func([]string, types.Type) string {
	return func(args []string, _ types.Type) string { return name + "[" + strings.Join(args, ", ") + "]" }
}

func listed(args []column.Value) (column.Value, error) {
	return column.Value{List: slices.Clone(args)}, nil
}

func inferMap(s *Session, args []Arg) (Signature, error) {
	if len(args) == 0 || len(args)%2 != 0 {
		return Signature{}, wrong("a map has keys and values in turn, but %d arguments are given", len(args))
	}
	var keys, values []Arg
	for i := 0; i < len(args); i += 2 {
		keys, values = append(keys, args[i]), append(values, args[i+1])
	}
	k, err := commonOf(keys)
	if err != nil {
		return Signature{}, err
	}
	v, err := commonOf(values)
	if err != nil {
		return Signature{}, err
	}
	if k.Kind() == types.Null || v.Kind() == types.Null {
		return Signature{}, untyped
	}
	sig := Signature{Result: types.MapOf(k, v).NotNull()}
	for range keys {
		sig.Args = append(sig.Args, k, v)
	}
	return sig, nil
}

// unite makes a map of entries, of which the last of equal keys counts.
func unite(t types.Type, lists ...[]column.Value) column.Value {
	m := column.Value{List: []column.Value{}}
	for _, list := range lists {
		for i := 0; i+1 < len(list); i += 2 {
			if at := find2(t.Key(), m.List, list[i]); at >= 0 {
				m.List[at+1] = list[i+1]
			} else {
				m.List = append(m.List, list[i], list[i+1])
			}
		}
	}
	return m
}

// accessors look into values.
func accessors() []*Function {
	return []*Function{
		{Name: "ITEM", Doc: "the element of an array by its position from 1, or the value of a map by its key; null if there is none. Of a VARIANT, the element or member, where it is no array or object an error", Syntax: Special, Fails: true, Infer: inferItem, Bind: bindItem,
			Print: func(args []string, _ types.Type) string { return args[0] + "[" + args[1] + "]" }, Examples: [][2]string{{"ARRAY[4, 5][2]", "5"}, {"ARRAY[4][3]", "NULL"}, {"MAP['a', 1]['a']", "1"}}},
		{Name: "CARDINALITY", Doc: "the number of elements or entries", Infer: func(s *Session, args []Arg) (Signature, error) {
			if err := count(args, 1, 1); err != nil {
				return Signature{}, err
			}
			switch k := args[0].Type.Kind(); k {
			case types.Array, types.Map, types.Null:
			case types.Multiset:
			default:
				return Signature{}, wrong("CARDINALITY takes an array, a map or a multiset, but argument 1 is %s", args[0].Type)
			}
			return Signature{Result: strictInt(args)}, nil
		}, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			set := args[0].Type.Kind() == types.Multiset
			return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				for i := range size(sel, n) {
					row := at(sel, i)
					if args[0].Null(row) {
						continue
					}
					from, to := args[0].Range(row)
					x := int64(to - from)
					if set {
						x = 0
						for k := from; k < to; k++ {
							x += args[0].Children[1].Int(k)
						}
					}
					out.Words[row] = uint64(x)
				}
				return nil
			}, nil
		}, Examples: [][2]string{{"CARDINALITY(ARRAY[1, 2])", "2"}, {"CARDINALITY(MAP['a', 1])", "1"}}},
		{Name: "ELEMENT", Doc: "the only element of an array, null of an empty one", Fails: true, Infer: onArrays("A", func(args []Arg) types.Type {
			return args[0].Type.Elem().WithNullable(args[0].Type.Nullable() || args[0].Type.Elem().Nullable())
		}), Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return rowwise(result, true, func(args []column.Value) (column.Value, error) {
				switch len(args[0].List) {
				case 0:
					return column.NullValue(), nil
				case 1:
					return args[0].List[0], nil
				}
				return column.Value{}, badValue("ELEMENT takes an array of one element, but this one has %d", len(args[0].List))
			}), nil
		}, Examples: [][2]string{{"ELEMENT(ARRAY[7])", "7"}}},
		{Name: "CURRENT_DATABASE", Doc: "the current database", Infer: takes("", always(types.String().NotNull())), Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			name := "default_database"
			if s != nil && s.Database != "" {
				name = s.Database
			}
			return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				for i := range size(sel, n) {
					out.SetString(at(sel, i), name)
				}
				return nil
			}, nil
		}, Examples: [][2]string{{"CURRENT_DATABASE()", "default_database"}}},
		{Name: "TYPEOF", Doc: "the type of the argument, as text; with TRUE, without short names such as STRING", Nulls: NullCustom, Infer: func(s *Session, args []Arg) (Signature, error) {
			if len(args) > 1 && args[1].Literal == nil {
				return Signature{}, wrong("argument 2 must be TRUE or FALSE")
			}
			return takes("*?L", nullableText)(s, args)
		}, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			name := args[0].Type.String()
			if len(args) > 1 && args[1].Literal != nil && !args[1].Literal.Null && args[1].Literal.Bool() {
				name = fullType(args[0].Type)
			}
			return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				for i := range size(sel, n) {
					out.SetString(at(sel, i), name)
				}
				return nil
			}, nil
		}, Examples: [][2]string{{"TYPEOF(1)", "INT NOT NULL"}, {"TYPEOF(CAST('a' AS STRING), TRUE)", "VARCHAR(2147483647) NOT NULL"}}},
	}
}

// fullNames are short names of types and what they stand for.
var fullNames = strings.NewReplacer("STRING", "VARCHAR(2147483647)", "BYTES", "VARBINARY(2147483647)")

var localZoned = regexp.MustCompile(`TIMESTAMP_LTZ\((\d)\)`)

// fullType prints a type without short names. Names of fields stay as they are.
func fullType(t types.Type) string {
	parts := strings.Split(t.SQL(), "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = localZoned.ReplaceAllString(fullNames.Replace(parts[i]), "TIMESTAMP($1) WITH LOCAL TIME ZONE")
	}
	return strings.Join(parts, "`")
}

func inferItem(s *Session, args []Arg) (Signature, error) {
	if err := count(args, 2, 2); err != nil {
		return Signature{}, err
	}
	of, by := args[0].Type, args[1]
	switch of.Kind() {
	case types.Array:
		if !by.Type.IsInteger() && by.Type.Kind() != types.Null {
			return Signature{}, wrong("an array is accessed by an integer, but this is %s", by.Type)
		}
		if by.Literal != nil && !by.Literal.Null && by.Literal.Int() < 1 {
			return Signature{}, wrong("positions in an array begin with 1, but this is %d", by.Literal.Int())
		}
		return Signature{Args: []types.Type{{}, nullInt(by.Type)}, Result: of.Elem().Null()}, nil
	case types.Map:
		if t := common(of.Key(), by.Type); !t.Valid() {
			return Signature{}, wrong("%s has keys of the type %s, but this is %s", of, of.Key(), by.Type)
		}
		return Signature{Args: []types.Type{{}, of.Key().Null()}, Result: of.Elem().Null()}, nil
	case types.Variant:
		return inferVariantItem(by)
	}
	return Signature{}, wrong("%s has no elements", of)
}

func nullInt(t types.Type) types.Type {
	if t.Kind() == types.Null {
		return types.New(types.Int)
	}
	return types.Type{}
}

func bindItem(s *Session, args []Arg, result types.Type) (Kernel, error) {
	if args[0].Type.Kind() == types.Variant {
		return variantItem(result, args[1].Type.IsChar()), nil
	}
	if args[0].Type.Kind() == types.Map {
		key := args[0].Type.Key()
		return rowwise(result, true, func(args []column.Value) (column.Value, error) {
			if i := find2(key, args[0].List, args[1]); i >= 0 {
				return args[0].List[i+1], nil
			}
			return column.NullValue(), nil
		}), nil
	}
	if column.FormOf(result) > column.Text {
		return rowwise(result, true, func(args []column.Value) (column.Value, error) {
			if i := args[1].Int(); i >= 1 && i <= int64(len(args[0].List)) {
				return args[0].List[i-1], nil
			}
			return column.NullValue(), nil
		}), nil
	}
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for k := range size(sel, n) {
			row := at(sel, k)
			if args[0].Null(row) || args[1].Null(row) {
				continue
			}
			from, to := args[0].Range(row)
			i := args[1].Int(row)
			if i < 1 || i > int64(to-from) || args[0].Children[0].Null(from+int(i)-1) {
				out.SetNull(row, n)
				continue
			}
			of := args[0].Children[0]
			switch out.Form {
			case column.Word:
				out.Words[row] = of.Word(from + int(i) - 1)
			case column.Wide:
				out.Wide[row] = of.WideAt(from + int(i) - 1)
			default:
				out.SetBytes(row, of.Bytes(from+int(i)-1))
			}
		}
		return nil
	}, nil
}

// onArrays is inference from a list of letters: A an array, C one of strings, E an element of the first, B another array of the same elements, I, S, L as families have them. "?" and "+" are as in [takes].
func onArrays(spec string, result func(args []Arg) types.Type) func(*Session, []Arg) (Signature, error) {
	least := strings.IndexByte(spec, '?')
	letters := strings.NewReplacer("?", "", "+", "").Replace(spec)
	if least < 0 {
		least = len(letters)
	}
	most := len(letters)
	if strings.HasSuffix(spec, "+") {
		most = 1 << 16
	}
	return func(s *Session, args []Arg) (Signature, error) {
		if err := count(args, least, most); err != nil {
			return Signature{}, err
		}
		if t := args[0].Type; letters[0] == 'C' && t.Kind() == types.Array && !t.Elem().IsChar() && t.Elem().Kind() != types.Null {
			return Signature{}, wrong("argument 1 must be an array of strings, but is %s", t)
		}
		if k := args[0].Type.Kind(); k != types.Array {
			return Signature{}, wrong("argument 1 must be an array, but is %s", args[0].Type)
		}
		elem := args[0].Type.Elem()
		for i, a := range args {
			switch letters[min(i, len(letters)-1)] {
			case 'E':
				was := elem
				if elem = common(elem, a.Type); elem.Valid() && !widens(was, a.Type, elem) {
					return Signature{}, wrong("argument %d must be an element of %s, but is %s", i+1, args[0].Type, a.Type)
				}
			case 'A', 'B', 'C':
				if a.Type.Kind() == types.Null {
					break
				}
				if a.Type.Kind() != types.Array {
					return Signature{}, wrong("argument %d must be an array, but is %s", i+1, a.Type)
				}
				elem = common(elem, a.Type.Elem())
			}
			if !elem.Valid() {
				return Signature{}, wrong("%s and %s have no common type", args[0].Type, a.Type)
			}
		}
		// A literal is taken for an element of the array's own type.
		sig := Signature{Args: make([]types.Type, len(args))}
		typed := slices.Clone(args)
		for i, a := range args {
			t := types.Type{}
			switch l := letters[min(i, len(letters)-1)]; l {
			case 'E':
				t = elem.WithNullable(a.Type.Nullable())
			case 'A', 'B', 'C':
				t = types.ArrayOf(elem).WithNullable(a.Type.Nullable())
			default:
				if a.Type.Kind() != types.Null && !families[l].takes(a.Type) {
					return Signature{}, wrong("argument %d must be %s, but is %s", i+1, families[l].name, a.Type)
				}
				if a.Type.Kind() == types.Null {
					t = families[l].null
				}
			}
			if t.Valid() {
				sig.Args[i], typed[i].Type = t, t
			}
		}
		sig.Result = result(typed)
		return sig, nil
	}
}

// widens reports whether elements of a type take values of another one, whose common type is given: a longer string and a more precise number are, a number of a wider kind is not.
func widens(elem, value, both types.Type) bool {
	return elem.Kind() == types.Null || both.Kind() == elem.Kind() || elem.IsApprox() && value.IsExact() || elem.IsChar() && value.IsChar() || elem.IsBytes() && value.IsBytes()
}

// sameArray is the type of the first argument, nullable if an argument is.
func sameArray(args []Arg) types.Type { return Strict(args[0].Type, args) }

// firstArray is the type of the first argument.
func firstArray(args []Arg) types.Type { return args[0].Type }

type valueFunc = func(elem types.Type, args []column.Value) (column.Value, error)

// onList is a function of an array whose elements have the type elem. null is whether it is null where any argument is, else only where the first is.
func onList(name, doc, spec string, result func([]Arg) types.Type, null bool, f valueFunc, examples ...[2]string) *Function {
	return &Function{Name: name, Doc: doc, Nulls: NullCustom, Infer: onArrays(spec, result), Examples: examples, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
		elem := args[0].Type.Elem()
		return rowwise(result, null, func(args []column.Value) (column.Value, error) {
			if args[0].Null {
				return column.NullValue(), nil
			}
			return f(elem, args)
		}), nil
	}}
}

// strictElements gives a function's result no null elements where its first argument has none.
func strictElements(f *Function) *Function {
	infer := f.Infer
	f.Infer = func(s *Session, args []Arg) (Signature, error) {
		sig, err := infer(s, args)
		if err == nil && args[0].Type.Kind() == types.Array && sig.Result.Kind() == types.Array {
			sig.Result = types.ArrayOf(sig.Result.Elem().WithNullable(args[0].Type.Elem().Nullable())).WithNullable(sig.Result.Nullable())
		}
		return sig, err
	}
	return f
}

func has(t types.Type, list []column.Value, v column.Value) bool {
	return slices.ContainsFunc(list, func(e column.Value) bool { return equalValues(t, e, v) })
}

// keep returns the elements for which f is true; distinct leaves out those that came before.
func keep(t types.Type, list []column.Value, distinct bool, f func(v column.Value) bool) column.Value {
	out := column.Value{List: []column.Value{}}
	for _, v := range list {
		if f(v) && !(distinct && has(t, out.List, v)) {
			out.List = append(out.List, v)
		}
	}
	return out
}

func arrays() []*Function {
	yes := func(column.Value) bool { return true }
	nullableElem := func(args []Arg) types.Type { return args[0].Type.Elem().Null() }
	return []*Function{
		onList("ARRAY_APPEND", "the array with an element more at its end", "AE", sameArray, false, func(t types.Type, a []column.Value) (column.Value, error) {
			return column.Value{List: append(slices.Clone(a[0].List), a[1])}, nil
		}, [2]string{"ARRAY_APPEND(ARRAY[1], 2)", "[1, 2]"}),
		onList("ARRAY_PREPEND", "the array with an element more at its begin", "AE", sameArray, false, func(t types.Type, a []column.Value) (column.Value, error) {
			return column.Value{List: append([]column.Value{a[1]}, a[0].List...)}, nil
		}, [2]string{"ARRAY_PREPEND(ARRAY['b'], 'a')", "[a, b]"}),
		onList("ARRAY_CONTAINS", "whether the element is in the array", "AE", func(args []Arg) types.Type {
			return types.New(types.Boolean).WithNullable(args[0].Type.Nullable())
		}, false, func(t types.Type, a []column.Value) (column.Value, error) {
			return column.BoolValue(has(t, a[0].List, a[1])), nil
		}, [2]string{"ARRAY_CONTAINS(ARRAY[1, 2], 2)", "TRUE"}),
		onList("ARRAY_POSITION", "where the element first is in the array, 0 if nowhere", "AE", strictInt, true, func(t types.Type, a []column.Value) (column.Value, error) {
			return column.IntValue(int64(slices.IndexFunc(a[0].List, func(e column.Value) bool { return equalValues(t, e, a[1]) }) + 1)), nil
		}, [2]string{"ARRAY_POSITION(ARRAY[4, 5], 5)", "2"}),
		onList("ARRAY_DISTINCT", "the array without what is in it before", "A", firstArray, false, func(t types.Type, a []column.Value) (column.Value, error) {
			return keep(t, a[0].List, true, yes), nil
		}, [2]string{"ARRAY_DISTINCT(ARRAY[1, 2, 1])", "[1, 2]"}),
		strictElements(onList("ARRAY_REMOVE", "the array without the element", "AE", firstArray, false, func(t types.Type, a []column.Value) (column.Value, error) {
			return keep(t, a[0].List, false, func(v column.Value) bool { return !equalValues(t, v, a[1]) }), nil
		}, [2]string{"ARRAY_REMOVE(ARRAY[1, 2, 1], 1)", "[2]"})),
		onList("ARRAY_REVERSE", "the array backwards", "A", firstArray, false, func(t types.Type, a []column.Value) (column.Value, error) {
			list := slices.Clone(a[0].List)
			slices.Reverse(list)
			return column.Value{List: list}, nil
		}, [2]string{"ARRAY_REVERSE(ARRAY[1, 2])", "[2, 1]"}),
		onList("ARRAY_SLICE", "the part of the array from a position to another (the end), negative ones counted from the end", "AI?I", sameArray, true, func(t types.Type, a []column.Value) (column.Value, error) {
			n := int64(len(a[0].List))
			place := func(i int64) int64 {
				switch {
				case i < 0:
					return n + i
				case i == 0:
					return 0
				}
				return i - 1
			}
			from, to := place(a[1].Int()), n-1
			if len(a) > 2 {
				to = place(a[2].Int())
			}
			from, to = max(from, 0), min(to, n-1)
			if from >= n || to < from {
				return column.Value{List: []column.Value{}}, nil
			}
			return column.Value{List: slices.Clone(a[0].List[from : to+1])}, nil
		}, [2]string{"ARRAY_SLICE(ARRAY[1, 2, 3, 4], 2, 3)", "[2, 3]"}, [2]string{"ARRAY_SLICE(ARRAY[1, 2, 3], -2)", "[2, 3]"}),
		ordered(onList("ARRAY_SORT", "the array in ascending (or descending) order; nulls are first in ascending order, or as said", "A?LL", sameArray, true, func(t types.Type, a []column.Value) (column.Value, error) {
			up := len(a) < 2 || a[1].Bool()
			first := up
			if len(a) > 2 {
				first = a[2].Bool()
			}
			list := slices.Clone(a[0].List)
			slices.SortStableFunc(list, func(x, y column.Value) int {
				switch {
				case x.Null && y.Null:
					return 0
				case x.Null == first && (x.Null || y.Null):
					return -1
				case x.Null || y.Null:
					return 1
				case up:
					return compareValues(t, x, y)
				}
				return compareValues(t, y, x)
			})
			return column.Value{List: list}, nil
		}, [2]string{"ARRAY_SORT(ARRAY[3, 1, 2])", "[1, 2, 3]"}, [2]string{"ARRAY_SORT(ARRAY[3, NULL, 2], FALSE)", "[3, 2, NULL]"})),
		onList("ARRAY_UNION", "what is in one of the arrays, once", "AB", sameArray, true, func(t types.Type, a []column.Value) (column.Value, error) {
			return keep(t, slices.Concat(a[0].List, a[1].List), true, yes), nil
		}, [2]string{"ARRAY_UNION(ARRAY[1, 2], ARRAY[2, 3])", "[1, 2, 3]"}),
		onList("ARRAY_EXCEPT", "what is in the first array and not in the second, once", "AB", sameArray, true, func(t types.Type, a []column.Value) (column.Value, error) {
			return except(t, a[0].List, a[1].List, false), nil
		}, [2]string{"ARRAY_EXCEPT(ARRAY[1, 2, 2], ARRAY[1])", "[2]"}),
		onList("ARRAY_INTERSECT", "what is in both arrays, once", "AB", sameArray, true, func(t types.Type, a []column.Value) (column.Value, error) {
			return keep(t, a[0].List, true, func(v column.Value) bool { return has(t, a[1].List, v) }), nil
		}, [2]string{"ARRAY_INTERSECT(ARRAY[1, 2], ARRAY[2, 3])", "[2]"}),
		onList("ARRAY_CONCAT", "the arrays behind each other", "A?B+", sameArray, true, func(t types.Type, a []column.Value) (column.Value, error) {
			out := column.Value{List: []column.Value{}}
			for _, v := range a {
				out.List = append(out.List, v.List...)
			}
			return out, nil
		}, [2]string{"ARRAY_CONCAT(ARRAY[1], ARRAY[2, 1])", "[1, 2, 1]"}),
		ordered(onList("ARRAY_MAX", "the greatest element, null of none", "A", nullableElem, false, func(t types.Type, a []column.Value) (column.Value, error) { return most(t, a[0].List, 1), nil }, [2]string{"ARRAY_MAX(ARRAY[1, 3, 2])", "3"})),
		ordered(onList("ARRAY_MIN", "the least element, null of none", "A", nullableElem, false, func(t types.Type, a []column.Value) (column.Value, error) { return most(t, a[0].List, -1), nil }, [2]string{"ARRAY_MIN(ARRAY[1, 3, 2])", "1"})),
		onList("ARRAY_JOIN", "the strings of the array with the second argument between them; nulls are left out or replaced by the third", "CS?S", strictText, true, func(t types.Type, a []column.Value) (column.Value, error) {
			var all []string
			for _, v := range a[0].List {
				switch {
				case !v.Null:
					all = append(all, v.Text)
				case len(a) > 2:
					all = append(all, a[2].Text)
				}
			}
			return column.TextValue(strings.Join(all, a[1].Text)), nil
		}, [2]string{"ARRAY_JOIN(ARRAY['a', NULL, 'b'], '+')", "a+b"}, [2]string{"ARRAY_JOIN(ARRAY['a', NULL], '+', '*')", "a+*"}),
		{Name: "SPLIT", Doc: "the parts of a string between separators; of an empty one, its characters", Infer: takes("SS", strict(types.ArrayOf(types.String()))), Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return rowwise(result, true, func(args []column.Value) (column.Value, error) {
				out := column.Value{List: []column.Value{}}
				for _, p := range strings.Split(args[0].Text, args[1].Text) {
					out.List = append(out.List, column.TextValue(p))
				}
				if args[0].Text == "" {
					out.List = out.List[:0]
				}
				return out, nil
			}), nil
		}, Examples: [][2]string{{"SPLIT('a-b-c', '-')", "[a, b, c]"}, {"SPLIT('ab', '')", "[a, b]"}}},
		{Name: "REGEXP_EXTRACT_ALL", Doc: "all that a group of the regular expression, the first or the given one (0 for the whole), matches in the string; null if there is no such group", Infer: takes("SS?I", always(types.ArrayOf(types.String()))), Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			p := &pattern{}
			return rowwise(result, true, func(args []column.Value) (column.Value, error) {
				p.set([]byte(args[1].Text))
				group := int64(1)
				if len(args) > 2 {
					group = args[2].Int()
				}
				if p.matcher == nil || group < 0 || group > int64(p.groups) {
					return column.NullValue(), nil
				}
				out := column.Value{List: []column.Value{}}
				err := p.all([]byte(args[0].Text), func(at []int) {
					if at[2*group] < 0 {
						out.List = append(out.List, column.NullValue())
						return
					}
					out.List = append(out.List, column.TextValue(args[0].Text[at[2*group]:at[2*group+1]]))
				})
				return out, err
			}), nil
		}, Fails: true, Examples: [][2]string{{"REGEXP_EXTRACT_ALL('100-200, 300-400', '(\\d+)-(\\d+)', 2)", "[200, 400]"}}},
	}
}

// ordered refuses arrays whose elements have no order.
func ordered(f *Function) *Function {
	infer := f.Infer
	f.Infer = func(s *Session, args []Arg) (Signature, error) {
		sig, err := infer(s, args)
		if err == nil && args[0].Type.Elem().Kind() >= types.Array {
			return sig, wrong("values of type %s have no order", args[0].Type.Elem())
		}
		return sig, err
	}
	return f
}

func except(t types.Type, a, b []column.Value, all bool) column.Value {
	return keep(t, a, !all, func(v column.Value) bool { return !has(t, b, v) })
}

// most returns the greatest (side 1) or least (-1) value.
func most(t types.Type, list []column.Value, side int) column.Value {
	best := column.NullValue()
	for _, v := range list {
		if !v.Null && (best.Null || compareValues(t, v, best) == side) {
			best = v
		}
	}
	return best
}

func onMap(args []Arg, i int) error {
	if args[i].Type.Kind() != types.Map {
		return wrong("argument %d must be a map, but is %s", i+1, args[i].Type)
	}
	return nil
}

func mappings() []*Function {
	of := func(name, doc string, result func(m types.Type) types.Type, f func(m types.Type, list []column.Value) column.Value, example, want string) *Function {
		return &Function{Name: name, Doc: doc, Infer: func(s *Session, args []Arg) (Signature, error) {
			if err := count(args, 1, 1); err != nil {
				return Signature{}, err
			}
			if err := onMap(args, 0); err != nil {
				return Signature{}, err
			}
			return Signature{Result: result(args[0].Type).WithNullable(args[0].Type.Nullable())}, nil
		}, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			m := args[0].Type
			return rowwise(result, true, func(args []column.Value) (column.Value, error) { return f(m, args[0].List), nil }), nil
		}, Examples: [][2]string{{example, want}}}
	}
	every := func(first int) func(types.Type, []column.Value) column.Value {
		return func(_ types.Type, list []column.Value) column.Value {
			out := column.Value{List: []column.Value{}}
			for i := first; i < len(list); i += 2 {
				out.List = append(out.List, list[i])
			}
			return out
		}
	}
	return []*Function{
		of("MAP_KEYS", "the keys of a map", func(m types.Type) types.Type { return types.ArrayOf(m.Key()) }, every(0), "MAP_KEYS(MAP['a', 1])", "[a]"),
		of("MAP_VALUES", "the values of a map", func(m types.Type) types.Type { return types.ArrayOf(m.Elem()) }, every(1), "MAP_VALUES(MAP['a', 1])", "[1]"),
		of("MAP_ENTRIES", "the entries of a map as rows of key and value", func(m types.Type) types.Type {
			return types.ArrayOf(types.RowOf(types.Field{Name: "key", Type: m.Key()}, types.Field{Name: "value", Type: m.Elem()}))
		}, func(_ types.Type, list []column.Value) column.Value {
			out := column.Value{List: []column.Value{}}
			for i := 0; i+1 < len(list); i += 2 {
				out.List = append(out.List, column.Value{List: []column.Value{list[i], list[i+1]}})
			}
			return out
		}, "MAP_ENTRIES(MAP['a', 1])", "[(a, 1)]"),
		{Name: "MAP_FROM_ARRAYS", Doc: "the map of an array of keys and one of values, which are as long", Fails: true, Infer: func(s *Session, args []Arg) (Signature, error) {
			if err := count(args, 2, 2); err != nil {
				return Signature{}, err
			}
			for i, a := range args {
				if a.Type.Kind() != types.Array {
					return Signature{}, wrong("argument %d must be an array, but is %s", i+1, a.Type)
				}
			}
			return Signature{Result: Strict(types.MapOf(args[0].Type.Elem(), args[1].Type.Elem()), args)}, nil
		}, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return rowwise(result, true, func(args []column.Value) (column.Value, error) {
				if len(args[0].List) != len(args[1].List) {
					return column.Value{}, badValue("MAP_FROM_ARRAYS: there are %d keys and %d values", len(args[0].List), len(args[1].List))
				}
				var list []column.Value
				for i, k := range args[0].List {
					list = append(list, k, args[1].List[i])
				}
				return unite(result, list), nil
			}), nil
		}, Examples: [][2]string{{"MAP_FROM_ARRAYS(ARRAY['a', 'b'], ARRAY[1, 2])", "{a=1, b=2}"}}},
		{Name: "MAP_UNION", Doc: "the maps together; of equal keys the last counts", Infer: func(s *Session, args []Arg) (Signature, error) {
			if len(args) == 0 {
				return Signature{}, wrong("it takes at least one argument")
			}
			for i := range args {
				if err := onMap(args, i); err != nil {
					return Signature{}, err
				}
			}
			t, err := commonOf(args)
			sig := Signature{Result: t}
			for _, a := range args {
				sig.Args = append(sig.Args, t.WithNullable(a.Type.Nullable()))
			}
			return sig, err
		}, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return rowwise(result, true, func(args []column.Value) (column.Value, error) {
				var lists [][]column.Value
				for _, a := range args {
					lists = append(lists, a.List)
				}
				return unite(result, lists...), nil
			}), nil
		}, Examples: [][2]string{{"MAP_UNION(MAP['a', 1, 'b', 2], MAP['b', 3])", "{a=1, b=3}"}}},
		{Name: "STR_TO_MAP", Doc: "the map of pairs in a string: regular expressions separate pairs (,) and keys from values (=)", Fails: true, Infer: func(s *Session, args []Arg) (Signature, error) {
			if len(args) == 2 {
				return Signature{}, wrong("2 arguments are given, but it takes 1 or 3")
			}
			return takes("S?SS", always(types.MapOf(types.String(), types.String())))(s, args)
		}, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			var pairs, keys pattern
			return rowwise(result, true, func(args []column.Value) (column.Value, error) {
				first, second := ",", "="
				if len(args) == 3 {
					first, second = args[1].Text, args[2].Text
				}
				pairs.set([]byte(first))
				keys.set([]byte(second))
				if pairs.matcher == nil || keys.matcher == nil {
					return column.Value{}, badValue("STR_TO_MAP: %q or %q is no regular expression", first, second)
				}
				var list []column.Value
				parts, err := pairs.split(args[0].Text, -1)
				for _, part := range parts {
					if part == "" {
						continue
					}
					var kv []string
					if kv, err = keys.split(part, 2); err != nil {
						break
					}
					v := column.NullValue()
					if len(kv) == 2 {
						v = column.TextValue(kv[1])
					}
					list = append(list, column.TextValue(kv[0]), v)
				}
				return unite(result, list), err
			}), nil
		}, Examples: [][2]string{{"STR_TO_MAP('k1=v1,k2=v2')", "{k1=v1, k2=v2}"}, {"STR_TO_MAP('k1:v1;k2: v2', ';', ':')", "{k1=v1, k2= v2}"}}},
	}
}

// split cuts a text where the pattern matches, into at most n parts, or any number if n is negative.
func (p *pattern) split(s string, n int) ([]string, error) {
	var out []string
	from := 0
	err := p.all([]byte(s), func(at []int) {
		if n > 0 && len(out) == n-1 || at[1] == 0 || n < 0 && at[0] == at[1] && at[0] == len(s) {
			return
		}
		out = append(out, s[from:at[0]])
		from = at[1]
	})
	return append(out, s[from:]), err
}
