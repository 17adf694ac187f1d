package compiled

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/physical"
	"github.com/weirstream/weir/types"
)

// Version is that of the form. A plan of a later one cannot be read.
const Version = 1

// Plan is a plan with what it was made of.
type Plan struct {
	// Name is that of the job, as long as the session gives it no other.
	Name    string
	Program *physical.Program
	// Rules are those of the optimizer that have changed something; the program has those of package physical.
	Rules  []string
	Source Source
}

// Source is what a plan was made of. The same source may give another plan with another version of the planner.
type Source struct {
	// Statement is the text of the statement, as package ast formats it.
	Statement string
	// Catalog and Database are those from which its names are looked up.
	Catalog, Database string
	// Options are those of the session that the planner reads.
	Options map[string]string
	// Objects are the tables and views that it names, by their paths, and the functions of catalogs, each with a digest of its definition.
	Objects map[string]string
}

// Equal reports whether two sources are the same.
func (s Source) Equal(o Source) bool {
	return s.Statement == o.Statement && s.Catalog == o.Catalog && s.Database == o.Database && maps.Equal(s.Options, o.Options) && maps.Equal(s.Objects, o.Objects)
}

// Detail is how much of a table is kept, as Flink's table.plan.compile.catalog-objects.
type Detail uint8

// The details.
const (
	// All keeps path, columns and options.
	All Detail = iota
	// Schema keeps path and columns, and Identifier the path alone. Options come from the catalog when the plan is read.
	Schema
	Identifier
)

// Options say how a plan is written.
type Options struct {
	Detail Detail
	// Statement is the number of the statement in a graph of several, as lower.Config has it; it is part of the uids.
	Statement int
}

// Encode writes a plan, which is not divided in phases yet.
func Encode(p *Plan, o Options) (b []byte, err error) {
	e := &encoder{options: o, tables: map[*catalog.Table]int{}}
	defer func() {
		if bad, ok := recover().(failure); ok {
			b, err = nil, fault.New(fault.InternalInvariant, "a plan has no compiled form: %w", bad.err)
		}
	}()
	root := object{{"version", number(Version)}, {"name", textOf(p.Name)}}
	root.add("source", object{
		{"statement", textOf(p.Source.Statement)}, {"catalog", textOf(p.Source.Catalog)}, {"database", textOf(p.Source.Database)},
		{"options", texts(p.Source.Options)}, {"objects", texts(p.Source.Objects)},
	})
	root.add("rules", e.value(reflect.ValueOf(append([]string{}, p.Rules...))))
	root.add("fired", e.value(reflect.ValueOf(append([]string{}, p.Program.Fired...))))
	at := len(root)
	root.add("tables", nil)
	nodes := []any{}
	known := map[physical.Node]bool{}
	for _, n := range p.Program.Nodes {
		h := n.Of()
		inputs := []any{}
		for _, in := range h.Inputs {
			if !known[in] {
				e.fail("node %d reads one that does not stand before it", h.ID)
			}
			inputs = append(inputs, number(in.Of().ID))
		}
		known[n] = true
		nodes = append(nodes, e.node(n, inputs))
	}
	ends := []any{}
	for _, n := range p.Program.Ends {
		ends = append(ends, number(n.Of().ID))
	}
	root[at].value = e.saved
	root.add("nodes", nodes)
	root.add("ends", ends)
	var out bytes.Buffer
	write(&out, root, 0)
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// failure is the panic of encoder.fail and decoder.fail.
type failure struct{ err error }

type encoder struct {
	options Options
	types   typeTexts
	tables  map[*catalog.Table]int
	saved   []any
}

func (e *encoder) fail(format string, args ...any) {
	panic(failure{fault.New(fault.InternalInvariant, format, args...)})
}

func number(n int) json.Number { return json.Number(strconv.Itoa(n)) }

func texts(m map[string]string) any {
	o := object{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		o.add(key(k), textOf(m[k]))
	}
	return o
}

// key is the name of a member. One that is no UTF-8 has none.
func key(s string) string {
	if !utf8.ValidString(s) {
		panic(failure{fault.New(fault.InternalInvariant, "%q is no UTF-8", s)})
	}
	return s
}

func (e *encoder) node(n physical.Node, inputs []any) object {
	t := reflect.TypeOf(n).Elem()
	at := slices.IndexFunc(kinds, func(k kind) bool { return k.of == t })
	if at < 0 {
		e.fail("there is no form for %T", n)
	}
	k, h := kinds[at], n.Of()
	o := object{}
	if inputs != nil {
		o.add("id", number(h.ID))
	}
	o.add("type", k.name)
	o.add("version", number(k.version))
	if inputs != nil {
		if uids := physical.UIDs(n, e.options.Statement); len(uids) > 0 {
			o.add("uids", texts(uids))
		}
		o.add("description", textOf(physical.Describe(n)))
		if s, ok := n.(interface{ State() string }); ok {
			o.add("state", textOf(s.State()))
		}
		o.add("inputs", inputs)
	}
	head := reflect.ValueOf(h).Elem()
	for _, f := range reflect.VisibleFields(head.Type()) {
		switch f.Name {
		case "ID", "Inputs", "UIDs", "At":
		default:
			e.member(&o, f.Name, head.FieldByIndex(f.Index))
		}
	}
	config := e.fields(reflect.ValueOf(n).Elem())
	if s, ok := n.(*physical.Scan); ok {
		config = e.hinted(config, s.Options, s.Table)
	}
	if s, ok := n.(*physical.Sink); ok {
		config = e.hinted(config, s.Options, s.Table)
	}
	if len(config) > 0 {
		o.add("config", config)
	}
	return o
}

// hinted puts into the place of a table's options those that are not the table's own.
func (e *encoder) hinted(config object, options map[string]string, t *catalog.Table) object {
	config = slices.DeleteFunc(config, func(m member) bool { return m.key == "options" })
	hints := map[string]string{}
	for k, v := range options {
		if own, ok := t.Options[k]; !ok || own != v {
			hints[k] = v
		}
	}
	for k := range t.Options {
		if _, ok := options[k]; !ok {
			e.fail("the option %s of the table %s was taken away", k, t.Path)
		}
	}
	if len(hints) > 0 {
		config.add("hints", texts(hints))
	}
	return config
}

// fields are the members of a struct.
func (e *encoder) fields(v reflect.Value) object {
	o := object{}
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		if left[f.Type] {
			if f.Type == reflect.TypeFor[*physical.LocalAggregate]() && !v.Field(i).IsNil() {
				e.fail("the plan is divided in phases")
			}
			continue
		}
		e.member(&o, f.Name, v.Field(i))
	}
	return o
}

// member adds a field, unless it is one that may be missing.
func (e *encoder) member(o *object, name string, v reflect.Value) {
	if name == "T" {
		name = "Type"
	}
	if optional(v.Type()) && empty(v) {
		return
	}
	o.add(camel(name), e.value(v))
}

// optional reports whether a field of a type may be missing, which means that it is false, empty or nil.
func optional(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
		return true
	}
	return false
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
		return v.IsNil()
	}
	return v.IsZero()
}

func (e *encoder) value(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case types.Type:
		return e.typ(x)
	case types.Field:
		return e.field(x)
	case types.Changelog:
		return x.String()
	case types.RowKind:
		return x.String()
	case time.Duration:
		return x.String()
	case column.Value:
		return e.constant(x)
	case *catalog.Table:
		return number(e.table(x))
	case *fn.Aggregate:
		return e.function(x.Name, fn.Builtin.Aggregate(x.Name) == x)
	case *fn.Table:
		return e.function(x.Name, x == fn.Replicate || fn.Builtin.Table(x.Name) == x)
	case expr.Expr:
		return e.expr(x)
	case *physical.Scan:
		return e.node(x, nil)
	}
	if names := enums[v.Type()]; names != nil {
		if int(v.Uint()) >= len(names) {
			e.fail("%s is %d", v.Type(), v.Uint())
		}
		return names[v.Uint()]
	}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int64:
		return json.Number(strconv.FormatInt(v.Int(), 10))
	case reflect.String:
		return textOf(v.String())
	case reflect.Slice, reflect.Array:
		list := []any{}
		for i := range v.Len() {
			list = append(list, e.value(v.Index(i)))
		}
		return list
	case reflect.Map:
		o := object{}
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			o.add(key(k.String()), e.value(v.MapIndex(k)))
		}
		return o
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return e.value(v.Elem())
	case reflect.Struct:
		return e.fields(v)
	}
	e.fail("there is no form for %s", v.Type())
	return nil
}

// own stands in front of the names of functions that are not those of SQL.
const own = "program:"

func (e *encoder) function(name string, builtin bool) any {
	if builtin {
		return textOf(name)
	}
	return textOf(own + name)
}

func (e *encoder) expr(x expr.Expr) any {
	switch x := x.(type) {
	case *expr.Ref:
		return object{{"column", number(x.Index)}, {"name", textOf(x.Name)}, {"type", e.typ(x.T)}}
	case *expr.Const:
		return object{{"literal", textOf(x.String())}, {"type", e.typ(x.T)}, {"value", e.constant(x.Value)}}
	case *expr.Field:
		return object{{"field", number(x.Index)}, {"name", textOf(x.Name)}, {"type", e.typ(x.T)}, {"of", e.expr(x.Of)}}
	case *expr.Symbol:
		return object{{"symbol", textOf(x.Name)}}
	case *expr.Call:
		args := []any{}
		for _, a := range x.Args {
			args = append(args, e.expr(a))
		}
		builtin := x.Fn == fn.Bucket || fn.Builtin.Scalar(x.Fn.Name) == x.Fn
		return object{{"call", e.function(x.Fn.Name, builtin)}, {"type", e.typ(x.T)}, {"args", args}}
	}
	e.fail("there is no form for %T", x)
	return nil
}

// constant writes a value by its parts: which of them counts follows from the type.
func (e *encoder) constant(v column.Value) any {
	if v.Null {
		return nil
	}
	o := object{}
	if v.Word != 0 {
		o.add("word", json.Number(strconv.FormatInt(int64(v.Word), 10)))
	}
	if v.Wide != [2]uint64{} {
		o.add("wide", []any{json.Number(strconv.FormatUint(v.Wide[0], 10)), json.Number(strconv.FormatUint(v.Wide[1], 10))})
	}
	if v.Text != "" {
		o.add("text", textOf(v.Text))
	}
	if v.List != nil {
		list := []any{}
		for _, x := range v.List {
			list = append(list, e.constant(x))
		}
		o.add("list", list)
	}
	return o
}

// table returns the place of a table among those of the plan.
func (e *encoder) table(t *catalog.Table) int {
	if at, ok := e.tables[t]; ok {
		return at
	}
	at := len(e.saved)
	e.tables[t] = at
	o := object{{"path", []any{textOf(t.Path.Catalog), textOf(t.Path.Database), textOf(t.Path.Name)}}}
	if e.options.Detail != Identifier {
		columns := []any{}
		for _, c := range t.Columns {
			col := object{{"name", textOf(c.Name)}, {"type", e.typ(c.Type)}}
			switch c.Kind {
			case catalog.Computed:
				col.add("kind", "computed")
			case catalog.Metadata:
				col.add("kind", "metadata")
				col.add("metadataKey", textOf(c.MetadataKey))
				if c.Virtual {
					col.add("virtual", true)
				}
			}
			columns = append(columns, col)
		}
		o.add("columns", columns)
		for _, list := range []struct {
			key   string
			names []string
		}{{"primaryKey", t.PrimaryKey}, {"partitionBy", t.PartitionBy}} {
			if list.names != nil {
				names := []any{}
				for _, n := range list.names {
					names = append(names, textOf(n))
				}
				o.add(list.key, names)
			}
		}
	}
	if e.options.Detail == All {
		o.add("options", texts(t.Options))
	}
	e.saved = append(e.saved, o)
	return at
}
