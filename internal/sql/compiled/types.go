package compiled

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/types"
)

// attributes are the texts that types print for time attributes.
var attributes = map[types.Attribute]string{types.Rowtime: " *ROWTIME*", types.Proctime: " *PROCTIME*"}

// parseType reads what Type.String prints, as far as that is a type of SQL.
func parseType(s string) (types.Type, bool) {
	attribute := types.NoAttribute
	for a, name := range attributes {
		if cut, ok := strings.CutSuffix(s, name); ok {
			s, attribute = cut, a
		}
	}
	src := &ast.Source{Text: s}
	d, err := parse.Type(src)
	if err != nil {
		return types.Type{}, false
	}
	t, err := catalog.TypeOf(src, d)
	return t.WithAttribute(attribute), err == nil
}

// typeTexts remembers types by their text, and whether it says all of them.
type typeTexts struct {
	byText map[string]types.Type
}

func (c *typeTexts) parse(s string) (types.Type, bool) {
	if t, ok := c.byText[s]; ok {
		return t, t.Valid()
	}
	t, ok := parseType(s)
	if !ok {
		t = types.Type{}
	}
	if c.byText == nil {
		c.byText = map[string]types.Type{}
	}
	c.byText[s] = t
	return t, ok
}

// deepEqual is Equal that looks at the attributes within, too.
func deepEqual(a, b types.Type) bool {
	if !a.Equal(b) || len(a.Fields()) != len(b.Fields()) {
		return false
	}
	for i, f := range a.Fields() {
		if g := b.Fields()[i]; f.Comment != g.Comment || !deepEqual(f.Type, g.Type) {
			return false
		}
	}
	return (!a.Elem().Valid() || deepEqual(a.Elem(), b.Elem())) && (!a.Key().Valid() || deepEqual(a.Key(), b.Key()))
}

// typ writes a type: as SQL does, or by its parts where that does not say all of it.
func (e *encoder) typ(t types.Type) any {
	if !t.Valid() {
		return nil
	}
	s := t.String()
	if back, ok := e.types.parse(s); ok && deepEqual(back, t) {
		return s
	}
	o := object{{"kind", t.Kind().String()}}
	if !t.Nullable() {
		o.add("notNull", true)
	}
	number := func(key string, n int) {
		if n != 0 {
			o.add(key, json.Number(strconv.Itoa(n)))
		}
	}
	number("attribute", int(t.Attribute()))
	number("resolution", int(t.Resolution()))
	number("precision", t.Precision())
	number("scale", t.Scale())
	if t.Key().Valid() {
		o.add("key", e.typ(t.Key()))
	}
	if t.Elem().Valid() {
		o.add("element", e.typ(t.Elem()))
	}
	if t.Class() != "" {
		o.add("class", textOf(t.Class()))
	}
	if t.Kind() == types.Row || t.Kind() == types.Structured {
		fields := []any{}
		for _, f := range t.Fields() {
			fields = append(fields, e.field(f))
		}
		o.add("fields", fields)
	}
	return o
}

func (e *encoder) field(f types.Field) any {
	o := object{{"name", textOf(f.Name)}, {"type", e.typ(f.Type)}}
	if f.Comment != "" {
		o.add("comment", textOf(f.Comment))
	}
	return o
}

// typ is the inverse of encoder.typ.
func (d *decoder) typ(v any) types.Type {
	switch v := v.(type) {
	case nil:
		return types.Type{}
	case string:
		t, ok := d.types.parse(v)
		if !ok {
			d.fail("%q is no data type", v)
		}
		return t
	}
	m := d.members(v, "kind", "notNull", "attribute", "resolution", "precision", "scale", "key", "element", "class", "fields")
	name := d.text(m["kind"])
	kind := types.Invalid
	for k := types.Null; k <= types.Bitmap; k++ {
		if k.String() == name {
			kind = k
		}
	}
	number := func(key string, most int64) int {
		if m[key] == nil {
			return 0
		}
		n := d.int(m[key])
		if n < 0 || n > most {
			d.fail("the %s of a type is %d", key, n)
		}
		return int(n)
	}
	var t types.Type
	switch kind {
	case types.Invalid:
		d.fail("there is no kind of types %q", name)
	case types.Array:
		t = types.ArrayOf(d.typ(m["element"]))
	case types.Multiset:
		t = types.MultisetOf(d.typ(m["element"]))
	case types.Map:
		t = types.MapOf(d.typ(m["key"]), d.typ(m["element"]))
	case types.Row, types.Structured:
		var fields []types.Field
		for _, f := range d.list(m["fields"]) {
			fields = append(fields, d.field(f))
		}
		t = types.RowOf(fields...)
		if kind == types.Structured {
			t = types.StructuredOf(d.textOr(m["class"]), fields...)
		}
	case types.Raw:
		t = types.RawOf(d.textOr(m["class"]))
	default:
		t = types.Of(kind, number("precision", types.MaxLength), number("scale", types.MaxLength))
		if res := types.Resolution(number("resolution", int64(types.Second))); res != types.NoResolution {
			t = types.IntervalOf(res, t.Precision(), t.Scale())
		}
	}
	if (t.Kind() == types.Array || t.Kind() == types.Multiset || t.Kind() == types.Map) && (!t.Elem().Valid() || t.Kind() == types.Map && !t.Key().Valid()) {
		d.fail("the type %s has no type of its elements", name)
	}
	return t.WithNullable(!d.boolOr(m["notNull"])).WithAttribute(types.Attribute(number("attribute", int64(types.Proctime))))
}

func (d *decoder) field(v any) types.Field {
	m := d.members(v, "name", "type", "comment")
	return types.Field{Name: d.text(m["name"]), Type: d.typ(m["type"]), Comment: d.textOr(m["comment"])}
}
