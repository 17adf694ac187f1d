package codec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ChangeKind is what a [Change] is.
type ChangeKind uint8

const (
	// Added is a field that was not stored. It reads as its zero value.
	Added ChangeKind = iota + 1
	// Removed is a stored field that is there no more. Its values are skipped.
	Removed
	// Renamed is a field that was stored under a former name.
	Renamed
	// Reordered says that the fields of a struct were stored in another order.
	Reordered
	// Widened is a number of a type that holds all values of the stored one.
	Widened
	// Pointed is a value that has become a pointer to one. It reads as a pointer to the stored value, never nil.
	Pointed
	// Incompatible is a difference that stored data cannot be read across.
	Incompatible
)

// String returns the name of the kind in lower case.
func (k ChangeKind) String() string {
	names := []string{"added", "removed", "renamed", "reordered", "widened", "pointed", "incompatible"}
	if k < Added || int(k) > len(names) {
		return "unknown"
	}
	return names[k-1]
}

// Change is one difference between a stored schema and a wanted one.
type Change struct {
	Kind ChangeKind
	// Path leads to what has changed: "field Items[].Price", with the names of the wanted schema, those of the stored one in what was removed; [] is an
	// element, [key] a key. "" is the whole value.
	Path string
	// Stored and Wanted are the two types as text; for [Renamed] the two names of the field. Stored is "" for what was added, Wanted for what was removed.
	// Both are "" for [Reordered].
	Stored, Wanted string
	// Reason says why data cannot be read, for an [Incompatible] change where the types do not tell.
	Reason string
}

// String returns the change as a phrase, for plans and messages.
func (c Change) String() string {
	where := c.Path
	if where == "" {
		where = "the value"
	}
	stored, wanted := brief(c.Stored), brief(c.Wanted)
	switch c.Kind {
	case Added:
		return fmt.Sprintf("%s: added, %s", where, wanted)
	case Removed:
		return fmt.Sprintf("%s: removed, was %s", where, stored)
	case Renamed:
		return fmt.Sprintf("%s: renamed from %s", where, stored)
	case Reordered:
		return where + ": fields in another order"
	case Widened:
		return fmt.Sprintf("%s: widened from %s to %s", where, stored, wanted)
	case Pointed:
		return where + ": became a pointer"
	}
	text := fmt.Sprintf("%s: stored %s, wanted %s", where, stored, wanted)
	if c.Reason != "" {
		text += ", but " + c.Reason
	}
	return text
}

// Equal reports whether data of two schemas has one encoding. Former names do not count. A damaged schema is equal to itself alone.
func Equal(stored, wanted string) bool {
	if stored == wanted {
		return true
	}
	changes, err := Explain(stored, wanted)
	return err == nil && len(changes) == 0
}

// Explain lists the differences between a stored schema and a wanted one, in the order of the wanted fields, what was removed from a struct behind them. Data can
// be read across them, by [Migrate], if none is [Incompatible]. Former names are taken from wanted, if it has any, as [Codec.SchemaWithNames] writes them. A
// damaged schema is refused as by [ParseSchema].
func Explain(stored, wanted string) ([]Change, error) {
	s, err := ParseSchema(stored)
	if err != nil {
		return nil, err
	}
	w, err := ParseSchema(wanted)
	if err != nil {
		return nil, err
	}
	return differences(s, w), nil
}

// differences lists the changes from one schema to another.
func differences(stored, wanted *Schema) []Change {
	c := comparer{seen: map[[2]*Schema]bool{}}
	c.compare(stored, wanted)
	return c.changes
}

// comparer compares two schemas. A pair of types that contain themselves is equal if nothing else says that it is not.
type comparer struct {
	changes []Change
	seen    map[[2]*Schema]bool
	path    []string // to what is being compared
}

// add notes a change at the path, or at a step from it.
func (c *comparer) add(kind ChangeKind, step, stored, wanted, reason string) {
	path := c.path
	if step != "" {
		path = append(path, step)
	}
	if len(path) > maxSchemaPath {
		path = append(slices.Clone(path[:maxSchemaPath]), "...")
	}
	c.changes = append(c.changes, Change{kind, place(path), stored, wanted, reason})
}

// maxSchemaPath bounds the path of a change: a damaged schema may be deep.
const maxSchemaPath = 100

// within compares two types that lie one step further.
func (c *comparer) within(step string, stored, wanted *Schema) {
	c.path = append(c.path, step)
	c.compare(stored, wanted)
	c.path = c.path[:len(c.path)-1]
}

func (c *comparer) compare(stored, wanted *Schema) {
	if c.seen[[2]*Schema{stored, wanted}] {
		return
	}
	c.seen[[2]*Schema{stored, wanted}] = true
	target := wanted.target(stored)
	if target == nil || !stored.like(target) {
		if target == nil {
			target = wanted
		}
		c.add(Incompatible, "", stored.String(), wanted.String(), reasonAgainst(stored, target))
		return
	}
	if target != wanted {
		c.add(Pointed, "", stored.String(), wanted.String(), "")
	}
	switch stored.kind {
	case schemaPlain:
		if stored.text != target.text {
			c.add(Widened, "", stored.text, target.text, "")
		}
	case schemaMap:
		if len(differences(stored.key, target.key)) > 0 {
			c.add(Incompatible, "[key]", stored.key.String(), target.key.String(), "the keys of a map cannot change")
		}
		c.within("[]", stored.elem, target.elem)
	case schemaArray, schemaSlice:
		c.within("[]", stored.elem, target.elem)
	case schemaPointer:
		c.compare(stored.elem, target.elem)
	case schemaStruct:
		c.fields(stored, target)
	}
}

// target returns what a value of the stored type becomes, or is pointed to by: s itself, or what it points to if the stored value is no pointer. It returns nil
// for a type of nothing but pointers.
func (s *Schema) target(stored *Schema) *Schema {
	var passed []*Schema
	for stored.kind != schemaPointer && s.kind == schemaPointer {
		if slices.Contains(passed, s) {
			return nil
		}
		passed = append(passed, s)
		s = s.elem
	}
	return s
}

// like reports whether a value of type s can be read as one of type wanted, as far as that can be seen without looking into them.
func (s *Schema) like(wanted *Schema) bool {
	if s.kind != wanted.kind {
		return false
	}
	switch s.kind {
	case schemaPlain:
		return s.text == wanted.text || widens(s.text, wanted.text)
	case schemaMarshal:
		return s.text == wanted.text
	case schemaArray:
		return s.len == wanted.len
	}
	return true
}

// numberOf returns the letter and the bits of a number: i8 to i64, u8 to u64, f32 and f64. A byte is an uint8, and int and uint have 64 bits here; on machines
// where they have fewer, reading checks the range.
func numberOf(plain string) (letter byte, bits int) {
	switch plain {
	case "int", "uint":
		return plain[0], 64
	case "byte":
		return 'u', 8
	}
	for _, kind := range []string{"int", "uint", "float"} {
		if rest, ok := strings.CutPrefix(plain, kind); ok {
			bits, _ = strconv.Atoi(rest)
			return kind[0], bits
		}
	}
	return 0, 0
}

// widens reports whether one type of number holds all values of another one.
func widens(from, to string) bool {
	a, n := numberOf(from)
	b, m := numberOf(to)
	switch {
	case a == 0 || b == 0:
		return false
	case a == b:
		return n <= m
	case b == 'f':
		return m == 64 && n <= 32
	default:
		return a == 'u' && b == 'i' && n < m
	}
}

// reasonAgainst says why a type is not read as another one, if that is not plain.
func reasonAgainst(stored, wanted *Schema) string {
	switch {
	case stored.kind == schemaPointer && wanted.kind != schemaPointer:
		return "nil would have no value"
	case stored.kind == schemaArray && wanted.kind == schemaArray:
		return "the length of an array cannot change"
	case stored.kind == schemaMarshal && wanted.kind == schemaMarshal:
		return "a type that marshals itself must keep its package and its name"
	case stored.kind != schemaPlain || wanted.kind != schemaPlain:
		return ""
	}
	a, n := numberOf(stored.text)
	b, m := numberOf(wanted.text)
	switch {
	case a == 0 || b == 0:
		return ""
	case a == 'f' && b != 'f':
		return "fractions would be lost"
	case a == 'i' && b == 'u':
		return "negative numbers would not fit"
	case b == 'f' && m == 64:
		return "large numbers would not be exact"
	case b == 'f' && a != 'f':
		return "only float64 holds integers exactly"
	case n > m || a != b:
		return "large numbers would not fit"
	}
	return ""
}

// match finds for each field of wanted the stored one that it is read from: by its name, or else by a former name. from holds indices of stored fields, -1 for an
// added field. Where two former names are stored, twice is the index of the wanted field, else -1.
func match(stored, wanted *Schema) (from []int, twice int) {
	index := map[string]int{}
	for i, f := range stored.fields {
		index[f.name] = i
	}
	from, twice = make([]int, len(wanted.fields)), -1
	for i, f := range wanted.fields {
		from[i] = -1
		if j, ok := index[f.name]; ok {
			from[i] = j
			delete(index, f.name)
		}
	}
	for i, f := range wanted.fields {
		if from[i] >= 0 {
			continue
		}
		for _, was := range f.was {
			j, ok := index[was]
			if ok && from[i] >= 0 && twice < 0 {
				twice = i
			}
			if ok && from[i] < 0 {
				from[i] = j
			}
		}
		if from[i] >= 0 {
			delete(index, stored.fields[from[i]].name)
		}
	}
	return from, twice
}

func (c *comparer) fields(stored, wanted *Schema) {
	from, twice := match(stored, wanted)
	if twice >= 0 {
		c.ambiguous(stored, wanted.fields[twice])
		return
	}
	last, ordered := -1, true
	for _, j := range from {
		if j >= 0 {
			ordered = ordered && j > last
			last = j
		}
	}
	if !ordered {
		c.add(Reordered, "", "", "", "")
	}
	for i, f := range wanted.fields {
		if from[i] < 0 {
			c.add(Added, f.name, "", f.form.String(), "")
			continue
		}
		g := stored.fields[from[i]]
		if g.name != f.name {
			c.add(Renamed, f.name, g.name, f.name, "")
		}
		c.within(f.name, g.form, f.form)
	}
	for j, g := range stored.fields {
		if !slices.Contains(from, j) {
			c.add(Removed, g.name, g.form.String(), "", "")
		}
	}
}

// ambiguous notes that several fields are stored under former names of f.
func (c *comparer) ambiguous(stored *Schema, f schemaField) {
	var names, types []string
	for _, g := range stored.fields {
		if slices.Contains(f.was, g.name) {
			names, types = append(names, g.name), append(types, g.form.String())
		}
	}
	c.add(Incompatible, f.name, strings.Join(types, " and "), f.form.String(), "it has been both "+strings.Join(names, " and ")+": let its tag name one of these")
}
