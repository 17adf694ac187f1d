package fn

import (
	"fmt"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// Builtin has the functions and operators of SQL. It is not changed: a session that adds functions looks here after its own.
var Builtin = builtin()

func builtin() *Registry {
	r := &Registry{}
	for _, family := range [][]*Function{comparisons(), logic(), arithmetic(), casts(), conditionals(), textual(), patterns(), slow(regexps()), encodings(), slow(hashes()), mathematical(), extracts(), temporal(), clocks(), timeTexts(), constructors(), accessors(), arrays(), mappings(), slow(jsons()), formatted(), bitmaps(), variants(), structured()} {
		for _, f := range family {
			r.Add(f)
		}
	}
	for _, a := range aggregates() {
		r.Add(a)
	}
	return r
}

// slow marks the functions of a family as slow.
func slow(family []*Function) []*Function {
	for _, f := range family {
		f.Slow = true
	}
	return family
}

// wrong is the error of an argument that a function does not take.
func wrong(format string, args ...any) error { return fmt.Errorf(format, args...) }

// count checks the number of arguments.
func count(args []Arg, from, to int) error {
	if len(args) < from || len(args) > to {
		if from == to {
			return wrong("%d arguments are given, but it takes %d", len(args), from)
		}
		return wrong("%d arguments are given, but it takes %d to %d", len(args), from, to)
	}
	return nil
}

func boolean(args []Arg) Signature { return Signature{Result: Strict(types.New(types.Boolean), args)} }

// common returns the type to which values of both types are brought, when they meet in a CASE or a comparison, nullable if one is; invalid if there is none.
func common(a, b types.Type) types.Type {
	nullable := a.Nullable() || b.Nullable()
	t := types.Type{}
	switch {
	case a.Kind() == types.Null:
		t, nullable = b, true
	case b.Kind() == types.Null:
		t, nullable = a, true
	case a.WithNullable(true).Same(b.WithNullable(true)):
		t = a
	case a.IsNumeric() && b.IsNumeric():
		t = commonNumber(a, b)
	case a.IsChar() && b.IsChar():
		k := types.Varchar
		if a.Kind() == types.Char && b.Kind() == types.Char && a.Length() == b.Length() {
			k = types.Char
		}
		t = types.Of(k, max(a.Length(), b.Length()), 0)
	case a.IsBytes() && b.IsBytes():
		t = types.Of(types.Varbinary, max(a.Length(), b.Length()), 0)
	case a.Kind() == b.Kind() && a.IsDatetime():
		t = a
		if b.Precision() > a.Precision() {
			t = b
		}
	case a.Kind() == types.Date && b.IsTimestamp():
		t = b
	case b.Kind() == types.Date && a.IsTimestamp():
		t = a
	case a.IsTimestamp() && b.IsTimestamp():
		t = types.TimestampLTZOf(max(a.Precision(), b.Precision()))
	case a.Kind() == b.Kind() && a.IsInterval():
		t = a
	default:
		t = commonNested(a, b)
	}
	if !t.Valid() {
		return t
	}
	return t.WithNullable(nullable).WithAttribute(types.NoAttribute)
}

// commonNested is common for lists, maps and rows, element by element.
func commonNested(a, b types.Type) types.Type {
	switch {
	case a.Kind() == types.Array && b.Kind() == types.Array:
		if e := common(a.Elem(), b.Elem()); e.Valid() {
			return types.ArrayOf(e)
		}
	case a.Kind() == types.Multiset && b.Kind() == types.Multiset:
		if e := common(a.Elem(), b.Elem()); e.Valid() {
			return types.MultisetOf(e)
		}
	case a.Kind() == types.Map && b.Kind() == types.Map:
		k, v := common(a.Key(), b.Key()), common(a.Elem(), b.Elem())
		if k.Valid() && v.Valid() {
			return types.MapOf(k, v)
		}
	case a.Kind() == types.Row && b.Kind() == types.Row && len(a.Fields()) == len(b.Fields()):
		fields := append([]types.Field(nil), a.Fields()...)
		for i := range fields {
			if fields[i].Type = common(fields[i].Type, b.Fields()[i].Type); !fields[i].Type.Valid() {
				return types.Type{}
			}
		}
		return types.RowOf(fields...)
	}
	return types.Type{}
}

func commonNumber(a, b types.Type) types.Type {
	switch {
	case a.Kind() == types.Double || b.Kind() == types.Double:
		return types.New(types.Double)
	case a.Kind() == types.Float || b.Kind() == types.Float:
		if a.Kind() == types.Decimal || b.Kind() == types.Decimal {
			return types.New(types.Double)
		}
		return types.New(types.Float)
	case a.Kind() == types.Decimal || b.Kind() == types.Decimal:
		p, s := digits(a)
		q, t := digits(b)
		whole := max(p-s, q-t) // digits of the fraction give way where there is no room for all
		scale := min(max(s, t), types.MaxDecimal-whole)
		return types.DecimalOf(whole+scale, scale)
	case a.Kind() > b.Kind():
		return types.New(a.Kind())
	}
	return types.New(b.Kind())
}

// digits returns precision and scale of an exact number.
func digits(t types.Type) (precision, scale int) {
	switch t.Kind() {
	case types.TinyInt:
		return 3, 0
	case types.SmallInt:
		return 5, 0
	case types.Int:
		return 10, 0
	case types.BigInt:
		return 19, 0
	}
	return t.Precision(), t.Scale()
}

// setBool sets a row of a BOOLEAN vector.
func setBool(out *column.Vector, row int, b bool) {
	out.Words[row] = 0
	if b {
		out.Words[row] = 1
	}
}
