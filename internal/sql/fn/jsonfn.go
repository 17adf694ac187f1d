package fn

import (
	"strings"
	"unicode/utf16"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// jsons are the functions of JSON.
func jsons() []*Function {
	all := []*Function{
		{Name: "JSON_EXISTS", Doc: "whether a path finds something in a JSON text; on an error FALSE, or what is said", Fails: true, Infer: func(s *Session, args []Arg) (Signature, error) {
			return inferJSON(args, 2, 3, types.New(types.Boolean))
		}, Bind: bindJSONExists, Examples: [][2]string{{`JSON_EXISTS('{"a": true}', '$.a')`, "TRUE"}, {`JSON_EXISTS('{"a": true}', '$.b')`, "FALSE"}, {`JSON_EXISTS('{"a": [{"b": 1}]}', 'lax $.a[0].b')`, "TRUE"}}},
		{Name: "JSON_VALUE", Doc: "the scalar that a path finds in a JSON text; on an error or if there is none null, or what is said", Fails: true, Nulls: NullCustom, Infer: inferJSONValue, Bind: bindJSONValue,
			Examples: [][2]string{{`JSON_VALUE('{"a": 1.50}', '$.a')`, "1.50"}, {`JSON_VALUE('{"a": {}}', 'lax $.a')`, "NULL"}, {`JSON_VALUE('{"a": 7}', '$.a' RETURNING INT)`, "7"}, {`JSON_VALUE('{}', 'lax $.a' DEFAULT 'x' ON EMPTY)`, "x"}}},
		{Name: "JSON_QUERY", Doc: "the array or object that a path finds in a JSON text; on an error or if there is none null, or what is said", Fails: true, Nulls: NullCustom, Infer: inferJSONQuery, Bind: bindJSONQuery,
			Examples: [][2]string{{`JSON_QUERY('{"a": { "b" : 1 }}', '$.a')`, `{"b":1}`}, {`JSON_QUERY('{"a":"c"}', 'lax $.a' WITH WRAPPER)`, `["c"]`}, {`JSON_QUERY('{}', 'lax $.a' EMPTY ARRAY ON EMPTY)`, "[]"}}},
		{Name: "JSON_OBJECT", Doc: "a JSON object of keys and values, in the order of the keys", Fails: true, Nulls: NullCustom, Infer: inferJSONObject, Bind: bindJSONObject,
			Examples: [][2]string{{"JSON_OBJECT()", "{}"}, {"JSON_OBJECT('b' VALUE 1, 'a' VALUE 'x')", `{"a":"x","b":1}`}, {"JSON_OBJECT('a' VALUE CAST(NULL AS INT) ABSENT ON NULL)", "{}"}, {"JSON_OBJECT('a' VALUE JSON_ARRAY(1))", `{"a":[1]}`}}},
		{Name: "JSON_ARRAY", Doc: "a JSON array of the values; nulls are left out, or stay with NULL ON NULL", Nulls: NullCustom, Infer: inferJSONArray, Bind: bindJSONArray,
			Examples: [][2]string{{"JSON_ARRAY(1, 'a', TRUE)", `[1,"a",true]`}, {"JSON_ARRAY(1, CAST(NULL AS INT) NULL ON NULL)", "[1,null]"}}},
		{Name: "JSON", Doc: "a JSON text, to be put as it is into what JSON_OBJECT and JSON_ARRAY make", Fails: true, Infer: takes("S", nullableText), Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return rowwise(result, true, func(args []column.Value) (column.Value, error) {
				if strings.TrimSpace(args[0].Text) == "" { // nothing is null
					return column.NullValue(), nil
				}
				if n, ok := parseJSON(args[0].Text); ok {
					return column.TextValue(string(n.append(nil, true))), nil
				}
				return column.Value{}, badValue("%q is no JSON", clip([]byte(args[0].Text)))
			}), nil
		}, Examples: [][2]string{{`JSON_OBJECT('a' VALUE JSON('{"b": 1}'))`, `{"a":{"b":1}}`}}},
		{Name: "JSON_STRING", Doc: "the value as JSON", Infer: func(s *Session, args []Arg) (Signature, error) {
			if err := count(args, 1, 1); err != nil {
				return Signature{}, err
			}
			if jsonOf(zoneOf(s), args[0].Type) == nil {
				return Signature{}, wrong("%s cannot be JSON", args[0].Type)
			}
			return Signature{Result: strictText(args)}, nil
		}, Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			of := jsonOf(zoneOf(s), args[0].Type)
			return rowwise(result, true, func(args []column.Value) (column.Value, error) {
				return column.TextValue(string(of(args[0]).append(nil, true))), nil
			}), nil
		}, Examples: [][2]string{{"JSON_STRING(1)", "1"}, {"JSON_STRING(MAP['b', 2, 'a', 1])", `{"a":1,"b":2}`}}},
		{Name: "JSON_QUOTE", Doc: "the string as a JSON string, in quotes", Infer: takes("S", strictText), Bind: bound(func() Kernel {
			return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
				return quoteJSON(b, text(args[0].Bytes(row))), true
			})
		}), Examples: [][2]string{{`JSON_QUOTE('a"b')`, `"a\"b"`}}},
		{Name: "JSON_UNQUOTE", Doc: "the string that stands in quotes, without them and with its escapes undone; others stay as they are", Infer: takes("S", strictText), Bind: bound(func() Kernel {
			return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
				return unquoteJSON(b, text(args[0].Bytes(row))), true
			})
		}), Examples: [][2]string{{`JSON_UNQUOTE('"a\tA"')`, "a\tA"}, {`JSON_UNQUOTE('[1]')`, "[1]"}}},
	}
	for _, test := range []struct {
		name string
		is   func(n *node) bool
	}{
		{"JSON", func(n *node) bool { return true }}, {"JSON VALUE", func(n *node) bool { return true }}, {"JSON SCALAR", (*node).scalar},
		{"JSON ARRAY", func(n *node) bool { return n.kind == jsonArray }}, {"JSON OBJECT", func(n *node) bool { return n.kind == jsonObject }},
	} {
		for _, not := range []bool{false, true} {
			name, doc := "IS "+test.name, "whether the string is "+test.name
			if not {
				name, doc = "IS NOT "+test.name, "whether the string is not "+test.name
			}
			all = append(all, &Function{Name: name, Doc: doc, Syntax: Postfix, Nulls: NullCustom, Infer: takes("S", always(types.New(types.Boolean).NotNull())),
				Bind: bound(func() Kernel {
					return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
						for i := range size(sel, n) {
							row := at(sel, i)
							is := false
							if !args[0].Null(row) {
								if n, ok := parseJSON(text(args[0].Bytes(row))); ok {
									is = test.is(n)
								}
							}
							setBool(out, row, is != not)
						}
						return nil
					}
				}), Examples: [][2]string{{`'[1]' ` + name, strings.ToUpper(map[bool]string{true: "true", false: "false"}[(test.name == "JSON" || test.name == "JSON VALUE" || test.name == "JSON ARRAY") != not])}}})
		}
	}
	return all
}

// inferJSON checks a JSON text and a path.
func inferJSON(args []Arg, from, to int, result types.Type) (Signature, error) {
	if err := count(args, from, to); err != nil {
		return Signature{}, err
	}
	sig := Signature{Result: result}
	for i, a := range args[:2] {
		switch {
		case a.Type.Kind() == types.Null:
			if sig.Args == nil {
				sig.Args = make([]types.Type, len(args))
			}
			sig.Args[i] = types.String()
		case !a.Type.IsChar():
			return sig, wrong("argument %d must be a string, but is %s", i+1, a.Type)
		}
	}
	return sig, nil
}

// paths keeps the compiled form of a path while it stays the same.
type paths struct {
	last string
	have bool
	path *jsonPath // nil for what is none
}

// read returns what a path finds in a text: found is nil if nothing, and failed tells of an error.
func (k *paths) read(text, path string) (found *node, lax, failed bool) {
	if !k.have || path != k.last {
		k.last, k.have = path, true
		k.path, _ = newJSONPath(path)
	}
	if k.path == nil {
		return nil, strings.HasPrefix(strings.TrimSpace(path), "lax"), true
	}
	n, ok := parseJSON(text)
	if !ok {
		return nil, k.path.lax, true
	}
	n, ok = k.path.find(n)
	if !ok {
		return nil, k.path.lax, !k.path.lax
	}
	if n.kind == jsonNull { // as if there were nothing
		return nil, k.path.lax, !k.path.lax
	}
	return n, k.path.lax, false
}

func jsonFailed(name, path string) error {
	return badValue("%s finds nothing, or no JSON, with the path %q", name, path)
}

func bindJSONExists(s *Session, args []Arg, result types.Type) (Kernel, error) {
	on := "FALSE"
	if len(args) > 2 {
		on = args[2].Symbol
	}
	var k paths
	return rowwise(result, true, func(args []column.Value) (column.Value, error) {
		found, lax, failed := k.read(args[0].Text, args[1].Text)
		if !failed || lax && k.path != nil { // to a lax path, what is no JSON has nothing
			return column.BoolValue(found != nil), nil
		}
		switch on {
		case "TRUE":
			return column.BoolValue(true), nil
		case "UNKNOWN":
			return column.NullValue(), nil
		case "ERROR":
			return column.Value{}, jsonFailed("JSON_EXISTS", args[1].Text)
		}
		return column.BoolValue(false), nil
	}), nil
}

// inferJSONValue takes text, path, a null of the type to return, symbol and default of ON EMPTY and of ON ERROR.
func inferJSONValue(s *Session, args []Arg) (Signature, error) {
	if len(args) < 3 {
		return inferJSON(args, 2, 2, types.String())
	}
	t := args[2].Type
	sig, err := inferJSON(args, 7, 7, t.Null())
	if err != nil {
		return sig, err
	}
	if !CanCast(s, types.String(), t) || column.FormOf(t) > column.Text {
		return sig, wrong("JSON_VALUE cannot return %s", t)
	}
	for _, i := range []int{4, 6} {
		if args[i].Type.Kind() != types.Null && !CanCast(s, args[i].Type, t) {
			return sig, wrong("the default %s is no %s", args[i].Type, t)
		}
	}
	if sig.Args == nil {
		sig.Args = make([]types.Type, 7)
	}
	sig.Args[4], sig.Args[6] = t.Null(), t.Null()
	return sig, nil
}

func bindJSONValue(s *Session, args []Arg, result types.Type) (Kernel, error) {
	empty, failure := "NULL", "NULL"
	if len(args) > 3 {
		empty, failure = args[3].Symbol, args[5].Symbol
	}
	convert := convertValue(s, types.String(), result)
	if convert == nil {
		return nil, wrong("JSON_VALUE cannot return %s", result)
	}
	var k paths
	return rowwise(result, false, func(args []column.Value) (column.Value, error) {
		if args[0].Null || args[1].Null {
			return column.NullValue(), nil
		}
		found, lax, failed := k.read(args[0].Text, args[1].Text)
		on, i := empty, 4
		switch {
		case failed || found != nil && !found.scalar() && !lax:
			on, i = failure, 6
		case found != nil && found.scalar():
			text := found.text
			switch found.kind {
			case jsonTrue:
				text = "true"
			case jsonFalse:
				text = "false"
			}
			v, err := convert(column.TextValue(text))
			if err == nil {
				return v, nil
			}
			on, i = failure, 6
		}
		switch on {
		case "ERROR":
			return column.Value{}, jsonFailed("JSON_VALUE", args[1].Text)
		case "DEFAULT":
			return args[i], nil
		}
		return column.NullValue(), nil
	}), nil
}

// inferJSONQuery takes text, path, a null of the type to return, and the symbols of the wrapper, of ON EMPTY and of ON ERROR.
func inferJSONQuery(s *Session, args []Arg) (Signature, error) {
	if len(args) < 3 {
		return inferJSON(args, 2, 2, types.String())
	}
	t := args[2].Type
	if !t.IsChar() && !(t.Kind() == types.Array && t.Elem().IsChar()) {
		return Signature{}, wrong("JSON_QUERY returns a string or an ARRAY<STRING>, but not %s", t)
	}
	if len(args) == 6 && !t.IsChar() {
		for i, when := range []string{"EMPTY", "ERROR"} {
			if args[4+i].Symbol == "EMPTY OBJECT" {
				return Signature{}, wrong("EMPTY OBJECT ON %s gives no %s", when, t)
			}
		}
	}
	return inferJSON(args, 6, 6, t.Null())
}

func bindJSONQuery(s *Session, args []Arg, result types.Type) (Kernel, error) {
	wrapper, empty, failure := "WITHOUT", "NULL", "NULL"
	if len(args) > 3 {
		wrapper, empty, failure = args[3].Symbol, args[4].Symbol, args[5].Symbol
	}
	array := result.Kind() == types.Array
	var k paths
	return rowwise(result, false, func(args []column.Value) (column.Value, error) {
		if args[0].Null || args[1].Null {
			return column.NullValue(), nil
		}
		found, lax, failed := k.read(args[0].Text, args[1].Text)
		if found != nil && (wrapper == "WITH UNCONDITIONAL" || wrapper == "WITH CONDITIONAL" && found.kind != jsonArray) {
			found = &node{kind: jsonArray, list: []*node{found}}
		}
		on := empty
		switch {
		case failed || found != nil && found.scalar() && !lax:
			on = failure
		case found != nil && !found.scalar():
			if !array {
				return column.TextValue(string(found.append(nil, true))), nil
			}
			if found.kind == jsonArray {
				out := column.Value{List: []column.Value{}}
				for _, e := range found.list {
					switch {
					case e.kind == jsonNull:
						out.List = append(out.List, column.NullValue())
					case e.kind == jsonText:
						out.List = append(out.List, column.TextValue(e.text))
					default:
						out.List = append(out.List, column.TextValue(string(e.append(nil, true))))
					}
				}
				return out, nil
			}
			on = failure
		}
		switch on {
		case "ERROR":
			return column.Value{}, jsonFailed("JSON_QUERY", args[1].Text)
		case "EMPTY ARRAY":
			if array {
				return column.Value{List: []column.Value{}}, nil
			}
			return column.TextValue("[]"), nil
		case "EMPTY OBJECT":
			if !array {
				return column.TextValue("{}"), nil
			}
		}
		return column.NullValue(), nil
	}), nil
}

// jsonArgs returns how arguments become JSON. What a JSON function has made is JSON already.
func jsonArgs(s *Session, args []Arg) ([]func(column.Value) *node, error) {
	var of []func(column.Value) *node
	for _, a := range args {
		f := jsonOf(zoneOf(s), a.Type)
		if f == nil {
			return nil, wrong("%s cannot be JSON", a.Type)
		}
		switch a.Call {
		case "JSON", "JSON_OBJECT", "JSON_ARRAY":
			f = func(v column.Value) *node {
				if n, ok := parseJSON(v.Text); ok && !v.Null {
					return n
				}
				return &node{kind: jsonNull}
			}
		}
		of = append(of, f)
	}
	return of, nil
}

// nullsOf splits the symbol, of what to do with nulls, off.
func nullsOf(args []Arg, otherwise bool) (absent bool, rest []Arg, skip int) {
	if len(args) > 0 && args[0].Symbol != "" {
		return args[0].Symbol == "ABSENT ON NULL", args[1:], 1
	}
	return otherwise, args, 0
}

func inferJSONObject(s *Session, args []Arg) (Signature, error) {
	_, rest, _ := nullsOf(args, false)
	if len(rest)%2 != 0 {
		return Signature{}, wrong("an object has keys and values in turn")
	}
	for i := 0; i < len(rest); i += 2 {
		if !rest[i].Type.IsChar() {
			return Signature{}, wrong("a key must be a string, but is %s", rest[i].Type)
		}
	}
	_, err := jsonArgs(s, rest)
	return Signature{Result: types.String().NotNull()}, err
}

func bindJSONObject(s *Session, args []Arg, result types.Type) (Kernel, error) {
	absent, rest, skip := nullsOf(args, false)
	of, err := jsonArgs(s, rest)
	if err != nil {
		return nil, err
	}
	return rowwise(result, false, func(args []column.Value) (column.Value, error) {
		n := &node{kind: jsonObject}
		args = args[skip:]
		for i := 0; i+1 < len(args); i += 2 {
			if args[i].Null {
				return column.Value{}, badValue("a key of JSON_OBJECT is NULL")
			}
			if !args[i+1].Null || !absent {
				n.put(args[i].Text, of[i+1](args[i+1]))
			}
		}
		return column.TextValue(string(n.append(nil, true))), nil
	}), nil
}

func inferJSONArray(s *Session, args []Arg) (Signature, error) {
	_, rest, _ := nullsOf(args, true)
	_, err := jsonArgs(s, rest)
	return Signature{Result: types.String().NotNull()}, err
}

func bindJSONArray(s *Session, args []Arg, result types.Type) (Kernel, error) {
	absent, rest, skip := nullsOf(args, true)
	of, err := jsonArgs(s, rest)
	if err != nil {
		return nil, err
	}
	return rowwise(result, false, func(args []column.Value) (column.Value, error) {
		n := &node{kind: jsonArray}
		for i, v := range args[skip:] {
			if !v.Null || !absent {
				n.put("", of[i](v))
			}
		}
		return column.TextValue(string(n.append(nil, true))), nil
	}), nil
}

// quoteJSON appends a string in quotes, with what is special escaped.
func quoteJSON(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\' || r == '/':
			b = append(b, '\\', byte(r))
		case strings.ContainsRune("\b\f\n\r\t", r):
			b = append(b, '\\', "bfnrt"[strings.IndexRune("\b\f\n\r\t", r)])
		case r < ' ' || r >= 0x7f:
			const digits = "0123456789abcdef"
			for _, u := range utf16.AppendRune(nil, r) {
				b = append(b, '\\', 'u', digits[u>>12], digits[u>>8&15], digits[u>>4&15], digits[u&15])
			}
		default:
			b = append(b, byte(r))
		}
	}
	return append(b, '"')
}

// unquoteJSON appends what stands in quotes with its escapes undone; what is not in quotes, or has a wrong escape, as it is.
func unquoteJSON(b []byte, s string) []byte {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return append(b, s...)
	}
	from := len(b)
	for rest := s[1 : len(s)-1]; rest != ""; {
		if rest[0] != '\\' {
			b = append(b, rest[0])
			rest = rest[1:]
			continue
		}
		next, n, ok := appendEscape(b, rest)
		if !ok {
			return append(b[:from], s...)
		}
		b, rest = next, rest[n:]
	}
	return b
}
