package fn

import (
	"errors"
	"math/big"
	"strconv"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// A VARIANT value is JSON text in one form: without spaces, members sorted by key, each once; whole numbers, and such with a point that have at most 38 digits, without zeros that say nothing, and
// other numbers as Java prints a double. So values are equal where their texts are.

var (
	errNoJSON    = errors.New("this is no JSON")
	errDuplicate = errors.New("a key is there twice")
)

// Variant reads JSON text as a VARIANT. Of equal keys the last one counts, if duplicates are allowed.
func Variant(s string, duplicates bool) (string, error) {
	p := &jsonReader{s: s, raw: true}
	n, ok := p.value(0)
	p.blanks()
	switch {
	case !ok || p.at != len(s):
		return "", errNoJSON
	case p.twice && !duplicates:
		return "", errDuplicate
	}
	n.canonize()
	return string(n.append(nil, true)), nil
}

// readVariant reads the text of a VARIANT.
func readVariant(s string) *node {
	p := &jsonReader{s: s, raw: true}
	n, ok := p.value(0)
	if !ok {
		return &node{kind: jsonNull}
	}
	return n
}

// canonize gives numbers their one form.
func (n *node) canonize() {
	if n.kind == jsonNumber {
		n.text = variantNumber(n.text)
	}
	for _, e := range n.list {
		e.canonize()
	}
}

func variantNumber(s string) string {
	if !strings.ContainsAny(s, "eE") {
		whole, fraction, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
		if len(strings.TrimLeft(whole+fraction, "0")) <= types.MaxDecimal && len(fraction) <= types.MaxDecimal {
			if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
				fraction = "." + fraction
			}
			if whole+fraction == "0" || !strings.HasPrefix(s, "-") {
				return whole + fraction
			}
			return "-" + whole + fraction
		}
	}
	f, _ := strconv.ParseFloat(s, 64)
	return string(appendFloat(nil, f, 64))
}

// variants are the functions of VARIANT values.
func variants() []*Function {
	parse := func(name, doc string, try bool, examples ...[2]string) *Function {
		return &Function{
			Name: name, Doc: doc, Fails: !try, Examples: examples,
			Infer: takes("S?L", func(args []Arg) types.Type {
				if try {
					return types.New(types.Variant)
				}
				return types.New(types.Variant).WithNullable(args[0].Type.Nullable())
			}),
			Nulls: NullCustom,
			Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
				return rowwise(result, false, func(args []column.Value) (column.Value, error) {
					if args[0].Null {
						return column.NullValue(), nil
					}
					text, err := Variant(args[0].Text, len(args) > 1 && !args[1].Null && args[1].Bool())
					switch {
					case err != nil && try:
						return column.NullValue(), nil
					case err != nil:
						return column.Value{}, badValue("PARSE_JSON of %s: %w", strconv.Quote(short(args[0].Text)), err)
					}
					return column.TextValue(text), nil
				}), nil
			},
		}
	}
	return []*Function{
		parse("PARSE_JSON", "the JSON value as a VARIANT; with TRUE behind it, the last of equal keys counts, which are an error otherwise", false,
			[2]string{`JSON_STRING(PARSE_JSON('{"b": 1.50, "a": [1e3, null]}'))`, `{"a":[1000.0,null],"b":1.5}`}, [2]string{`JSON_STRING(PARSE_JSON('{"a": {"b": [5]}}')['a']['b'][1])`, "5"},
			[2]string{`JSON_STRING(PARSE_JSON('{"a": 1, "a": 2}', TRUE))`, `{"a":2}`}, [2]string{`PARSE_JSON('[1, 2]') = PARSE_JSON('[1,2]')`, "TRUE"}),
		parse("TRY_PARSE_JSON", "as PARSE_JSON, but null where that fails", true, [2]string{`TRY_PARSE_JSON('{')  IS NULL`, "TRUE"}),
	}
}

func short(s string) string {
	if len(s) > 60 {
		return s[:60] + "..."
	}
	return s
}

// inferVariantItem is access to a member of an object, or to an element of an array by its position from 1.
func inferVariantItem(by Arg) (Signature, error) {
	switch {
	case by.Type.Kind() == types.Null:
		return Signature{Args: []types.Type{{}, types.String()}, Result: types.New(types.Variant)}, nil
	case by.Type.IsChar(), by.Type.IsInteger():
		return Signature{Result: types.New(types.Variant)}, nil
	}
	return Signature{}, wrong("a VARIANT is accessed by an integer or a string, but this is %s", by.Type)
}

func variantItem(result types.Type, byKey bool) Kernel {
	return rowwise(result, true, func(args []column.Value) (column.Value, error) {
		n := readVariant(args[0].Text)
		switch {
		case byKey && n.kind != jsonObject:
			return column.Value{}, badValue("a VARIANT that is no object has no member %s", strconv.Quote(short(args[1].Text)))
		case !byKey && n.kind != jsonArray:
			return column.Value{}, badValue("a VARIANT that is no array has no element %d", args[1].Int())
		}
		at := -1
		if byKey {
			for i, k := range n.keys {
				if k == args[1].Text {
					at = i
				}
			}
		} else if i := args[1].Int(); i >= 1 && i <= int64(len(n.list)) {
			at = int(i - 1)
		}
		if at < 0 {
			return column.NullValue(), nil
		}
		return column.TextValue(string(n.list[at].append(nil, true))), nil
	})
}

// zeroDivisor reports whether a division of floating-point constants is one by zero: Flink computes such beforehand, and fails, while one of columns gives infinity or NaN.
func zeroDivisor(args []Arg) bool {
	for _, a := range args {
		if a.Literal == nil || a.Literal.Null || !a.Type.IsNumeric() {
			return false
		}
	}
	if args[1].Type.Kind() == types.Decimal {
		return column.Unscaled(*args[1].Literal, args[1].Type).Cmp(new(big.Int)) == 0
	}
	if args[1].Type.IsApprox() {
		return args[1].Literal.Float() == 0
	}
	return args[1].Literal.Int() == 0
}
