package compiled

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/physical"
	"github.com/weirstream/weir/types"
)

// Known is what a plan is read with.
type Known struct {
	Session *fn.Session
	// Functions are those of the program, which the plan names with program: in front.
	Functions *fn.Registry
	// Table returns the table that a plan names. Its Columns are nil if the plan has its path alone, and Options if it has none. An error without a code is one of sql.plan-mismatch.
	Table func(saved *catalog.Table) (*catalog.Table, error)
}

// ReadSource reads only what a plan was made of. Errors are those of [Decode].
func ReadSource(name string, b []byte) (s Source, err error) {
	d := &decoder{name: name}
	defer d.recover(&err)
	return d.source(d.root(b)), nil
}

// Decode reads what [Encode] has written. name is that of the text, for errors: sql.plan-damaged, sql.plan-newer-version and sql.plan-mismatch.
func Decode(name string, b []byte, k Known) (p *Plan, err error) {
	d := &decoder{name: name, known: k}
	defer d.recover(&err)
	m := d.root(b)
	p = &Plan{Name: d.text(m["name"]), Source: d.source(m), Program: &physical.Program{}}
	for _, r := range d.list(m["rules"]) {
		p.Rules = append(p.Rules, d.text(r))
	}
	for _, r := range d.list(m["fired"]) {
		p.Program.Fired = append(p.Program.Fired, d.text(r))
	}
	for _, t := range d.list(m["tables"]) {
		d.tables = append(d.tables, d.table(t))
	}
	byID := map[int]physical.Node{}
	for i, v := range d.list(m["nodes"]) {
		d.at = fmt.Sprintf("node %d", i+1)
		n := d.node(v, byID)
		h := n.Of()
		if h.ID < 1 || byID[h.ID] != nil {
			d.fail("its id is %d, which is another's, or none", h.ID)
		}
		d.at = fmt.Sprintf("node %d, %s", h.ID, n.Name())
		d.check(n)
		byID[h.ID] = n
		p.Program.Nodes = append(p.Program.Nodes, n)
	}
	d.at = "ends"
	for _, v := range d.list(m["ends"]) {
		n := byID[int(d.int(v))]
		switch n.(type) {
		case *physical.Sink, *physical.Result:
		default:
			d.fail("it does not end in a sink, or in a result")
		}
		p.Program.Ends = append(p.Program.Ends, n)
	}
	if len(p.Program.Ends) == 0 {
		d.fail("there are none")
	}
	return p, nil
}

type decoder struct {
	name   string
	known  Known
	at     string // what is read, for errors
	types  typeTexts
	tables []*catalog.Table
}

func (d *decoder) fail(format string, args ...any) {
	where := d.name
	if d.at != "" {
		where += ": " + d.at
	}
	panic(failure{fault.New(fault.SQLPlanDamaged, "%s: "+format, append([]any{where}, args...)...)})
}

func (d *decoder) mismatch(format string, args ...any) {
	panic(failure{fault.New(fault.SQLPlanMismatch, "%s: "+format, append([]any{d.name}, args...)...)})
}

// recover turns a panic into an error. One that is not fail's is a plan that was changed by hand, in a way that nothing has looked at.
func (d *decoder) recover(err *error) {
	switch p := recover().(type) {
	case nil:
	case failure:
		*err = p.err
	default:
		*err = fault.New(fault.SQLPlanDamaged, "%s: %s: %v", d.name, d.at, p)
	}
}

// root reads the outermost object, and looks at the version.
func (d *decoder) root(b []byte) map[string]any {
	v, err := read(b)
	if err != nil {
		d.fail("this is not the JSON of a compiled plan, or it is cut short: %w", err)
	}
	o, ok := v.(object)
	if !ok {
		d.fail("this is not the JSON of a compiled plan")
	}
	version, ok := o.get("version")
	if !ok {
		if _, flink := o.get("flinkVersion"); flink {
			d.fail("this is a compiled plan of Flink, which only Flink runs: compile the statement again")
		}
		d.fail("this is not a compiled plan: it has no version")
	}
	if n := d.int(version); n > Version {
		panic(failure{fault.New(fault.SQLPlanNewer, "%s is of version %d, this program reads up to %d", d.name, n, Version)})
	} else if n < 1 {
		d.fail("the version is %d", n)
	}
	return d.members(v, "version", "name", "source", "rules", "fired", "tables", "nodes", "ends")
}

func (d *decoder) source(m map[string]any) Source {
	s := d.members(m["source"], "statement", "catalog", "database", "options", "objects")
	return Source{
		Statement: d.text(s["statement"]), Catalog: d.text(s["catalog"]), Database: d.text(s["database"]),
		Options: d.texts(s["options"]), Objects: d.texts(s["objects"]),
	}
}

// members are those of an object, which has no others than those that are named.
func (d *decoder) members(v any, names ...string) map[string]any {
	o, ok := v.(object)
	if !ok {
		d.fail("an object with %v is missing", names)
	}
	all := make(map[string]any, len(o))
	for _, m := range o {
		if !slices.Contains(names, m.key) {
			d.fail("there is no member %q here; there are %v", m.key, names)
		}
		all[m.key] = m.value
	}
	return all
}

func (d *decoder) list(v any) []any {
	list, ok := v.([]any)
	if !ok {
		d.fail("a list is missing")
	}
	return list
}

func (d *decoder) text(v any) string {
	s, ok := textFrom(v)
	if !ok {
		d.fail("a text is missing")
	}
	return s
}

func (d *decoder) textOr(v any) string {
	if v == nil {
		return ""
	}
	return d.text(v)
}

func (d *decoder) texts(v any) map[string]string {
	o, ok := v.(object)
	if !ok {
		d.fail("an object of texts is missing")
	}
	all := make(map[string]string, len(o))
	for _, m := range o {
		all[m.key] = d.text(m.value)
	}
	return all
}

func (d *decoder) int(v any) int64 {
	n, ok := v.(json.Number)
	if !ok {
		d.fail("a number is missing")
	}
	i, err := strconv.ParseInt(string(n), 10, 64)
	if err != nil {
		d.fail("%s is no whole number of 64 bits", n)
	}
	return i
}

func (d *decoder) uint(v any) uint64 {
	n, ok := v.(json.Number)
	if !ok {
		d.fail("a number is missing")
	}
	i, err := strconv.ParseUint(string(n), 10, 64)
	if err != nil {
		d.fail("%s is no whole number of 64 bits", n)
	}
	return i
}

func (d *decoder) boolOr(v any) bool {
	b, ok := v.(bool)
	if !ok && v != nil {
		d.fail("true or false is missing")
	}
	return b
}

// node reads a node. byID is nil for one that is part of another.
func (d *decoder) node(v any, byID map[int]physical.Node) physical.Node {
	m := d.members(v, "id", "type", "version", "uids", "description", "state", "inputs", "fields", "keys", "changelog", "before", "window", "single", "bounded", "config")
	name := d.text(m["type"])
	at := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	version := d.int(m["version"])
	if at < 0 {
		d.fail("there is no type of nodes %q", name)
	}
	k := kinds[at]
	if version > int64(k.version) {
		panic(failure{fault.New(fault.SQLPlanNewer, "%s: %s: the type %s is of version %d, this program reads up to %d", d.name, d.at, name, version, k.version)})
	}
	n, _ := reflect.New(k.of).Interface().(physical.Node)
	h := n.Of()
	head := map[string]any{}
	for _, key := range []string{"fields", "keys", "changelog", "before", "window", "single", "bounded"} {
		if x, ok := m[key]; ok {
			head[key] = x
		}
	}
	d.fields(head, reflect.ValueOf(h).Elem(), "ID", "Inputs", "UIDs")
	if byID != nil {
		h.ID = int(d.int(m["id"]))
		if m["uids"] != nil {
			h.UIDs = d.texts(m["uids"])
		}
		for _, x := range d.list(m["inputs"]) {
			in := byID[int(d.int(x))]
			if in == nil {
				d.fail("it reads node %v, which does not stand before it", x)
			}
			h.Inputs = append(h.Inputs, in)
		}
		if k.inputs >= 0 && len(h.Inputs) != k.inputs || len(h.Inputs) == 0 && k.inputs != 0 {
			d.fail("it has %d inputs", len(h.Inputs))
		}
	}
	config := map[string]any{}
	if c, ok := m["config"]; ok {
		o, ok := c.(object)
		if !ok {
			d.fail("its config is no object")
		}
		for _, x := range o {
			config[x.key] = x.value
		}
	}
	hints := map[string]string{}
	if x, ok := config["hints"]; ok {
		hints = d.texts(x)
		delete(config, "hints")
	}
	options := func(t *catalog.Table) map[string]string {
		if t == nil {
			d.fail("its table is missing")
		}
		if len(hints) == 0 {
			return t.Options
		}
		all := maps.Clone(t.Options)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, hints)
		return all
	}
	d.fields(config, reflect.ValueOf(n).Elem())
	switch n := n.(type) {
	case *physical.Scan:
		n.Options = options(n.Table)
	case *physical.Sink:
		n.Options = options(n.Table)
	}
	return n
}

// fields fills in a struct but for those fields that are named. What is left in m is unknown.
func (d *decoder) fields(m map[string]any, into reflect.Value, but ...string) {
	t := into.Type()
	known := map[string]bool{}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || left[f.Type] || slices.Contains(but, f.Name) {
			continue
		}
		name := f.Name
		if name == "T" {
			name = "Type"
		}
		name = camel(name)
		known[name] = true
		v, ok := m[name]
		if !ok {
			if !optional(f.Type) {
				d.fail("%s is missing", name)
			}
			continue
		}
		at := d.at
		d.at += ", " + name
		d.value(v, into.Field(i))
		d.at = at
	}
	for name := range m {
		if !known[name] {
			d.fail("there is no %s here", name)
		}
	}
}

var rowKinds = map[string]types.RowKind{"+I": types.Insert, "-U": types.UpdateBefore, "+U": types.UpdateAfter, "-D": types.Delete}

func (d *decoder) value(v any, into reflect.Value) {
	set := func(x any) { into.Set(reflect.ValueOf(x)) }
	switch into.Interface().(type) {
	case types.Type:
		set(d.typ(v))
		return
	case types.Field:
		set(d.field(v))
		return
	case types.Changelog:
		set(d.changelog(d.text(v)))
		return
	case types.RowKind:
		k, ok := rowKinds[d.text(v)]
		if !ok {
			d.fail("%q is no kind of rows", v)
		}
		set(k)
		return
	case time.Duration:
		s := d.text(v)
		t, err := time.ParseDuration(s)
		if err != nil {
			t, err = tables.ParseDuration(s)
		}
		if err != nil || t < 0 {
			d.fail("%q is no duration", s)
		}
		set(t)
		return
	case column.Value:
		set(d.constant(v))
		return
	case *catalog.Table:
		i := d.int(v)
		if i < 0 || i >= int64(len(d.tables)) {
			d.fail("there is no table %d", i)
		}
		set(d.tables[i])
		return
	case *fn.Aggregate:
		set(d.aggregate(d.text(v)))
		return
	case *fn.Table:
		set(d.tableFunction(d.text(v)))
		return
	case *expr.Call:
		c, ok := d.expr(v, 0).(*expr.Call)
		if !ok {
			d.fail("a call is missing")
		}
		set(c)
		return
	case *physical.Scan:
		s, ok := d.node(v, nil).(*physical.Scan)
		if !ok {
			d.fail("a scan is missing")
		}
		set(s)
		return
	}
	if into.Type() == reflect.TypeFor[expr.Expr]() {
		set(d.expr(v, 0))
		return
	}
	if names := enums[into.Type()]; names != nil {
		i := slices.Index(names, d.text(v))
		if i < 0 {
			d.fail("%q is none of %v", v, names)
		}
		into.SetUint(uint64(i))
		return
	}
	switch into.Kind() {
	case reflect.Bool:
		into.SetBool(d.boolOr(v))
	case reflect.Int, reflect.Int64:
		into.SetInt(d.int(v))
	case reflect.String:
		into.SetString(d.text(v))
	case reflect.Slice:
		list := d.list(v)
		into.Set(reflect.MakeSlice(into.Type(), len(list), len(list)))
		for i, x := range list {
			d.value(x, into.Index(i))
		}
	case reflect.Array:
		list := d.list(v)
		if len(list) != into.Len() {
			d.fail("there are %d of %d values", len(list), into.Len())
		}
		for i, x := range list {
			d.value(x, into.Index(i))
		}
	case reflect.Map:
		o, ok := v.(object)
		if !ok {
			d.fail("an object is missing")
		}
		into.Set(reflect.MakeMap(into.Type()))
		for _, m := range o {
			x := reflect.New(into.Type().Elem()).Elem()
			d.value(m.value, x)
			into.SetMapIndex(reflect.ValueOf(m.key), x)
		}
	case reflect.Pointer:
		if v == nil {
			return
		}
		into.Set(reflect.New(into.Type().Elem()))
		d.value(v, into.Elem())
	case reflect.Struct:
		o, ok := v.(object)
		if !ok {
			d.fail("an object is missing")
		}
		m := map[string]any{}
		for _, x := range o {
			m[x.key] = x.value
		}
		d.fields(m, into)
	default:
		d.fail("there is no form for %s", into.Type())
	}
}

func (d *decoder) changelog(s string) types.Changelog {
	for c := range types.Retracts + 1 {
		if c.String() == s {
			return c
		}
	}
	d.fail("%q are no kinds of rows", s)
	return 0
}

// found looks a function up, and remembers it.
func found[F any](d *decoder, name string, builtin func(string) *F, registry func(*fn.Registry, string) *F) *F {
	var f *F
	if rest, ok := cutOwn(name); ok {
		if d.known.Functions != nil {
			f = registry(d.known.Functions, rest)
		}
		if f == nil {
			d.mismatch("the plan calls the function %s, which the program does not have any more: add it to the environment under that name", rest)
		}
		return f
	}
	if f = builtin(name); f == nil {
		d.mismatch("the plan calls the function %s, which this version does not have", name)
	}
	return f
}

func cutOwn(name string) (string, bool) {
	if len(name) > len(own) && name[:len(own)] == own {
		return name[len(own):], true
	}
	return name, false
}

func (d *decoder) aggregate(name string) *fn.Aggregate {
	return found(d, name, fn.Builtin.Aggregate, (*fn.Registry).Aggregate)
}

func (d *decoder) tableFunction(name string) *fn.Table {
	if name == fn.Replicate.Name {
		return fn.Replicate
	}
	return found(d, name, fn.Builtin.Table, (*fn.Registry).Table)
}

func (d *decoder) scalar(name string) *fn.Function {
	if name == fn.Bucket.Name {
		return fn.Bucket
	}
	return found(d, name, fn.Builtin.Scalar, (*fn.Registry).Scalar)
}

func (d *decoder) expr(v any, depth int) expr.Expr {
	if depth > mostDepth {
		d.fail("an expression nests too deep")
	}
	o, _ := v.(object)
	if len(o) == 0 {
		d.fail("an expression is missing")
	}
	switch o[0].key {
	case "column":
		m := d.members(v, "column", "name", "type")
		r := &expr.Ref{Index: int(d.int(m["column"])), Name: d.text(m["name"]), T: d.valid(m["type"])}
		if r.Index < 0 {
			d.fail("there is no column %d", r.Index)
		}
		return r
	case "literal":
		m := d.members(v, "literal", "type", "value")
		c := &expr.Const{T: d.valid(m["type"]), Value: d.constant(m["value"])}
		d.fits(c.Value, c.T)
		return c
	case "field":
		m := d.members(v, "field", "name", "type", "of")
		f := &expr.Field{Index: int(d.int(m["field"])), Name: d.text(m["name"]), T: d.valid(m["type"]), Of: d.expr(m["of"], depth+1)}
		if fields := f.Of.Type().Fields(); f.Index < 0 || f.Index >= len(fields) || !compatible(fields[f.Index].Type, f.T) {
			d.fail("%s has no field %d of type %s", f.Of.Type(), f.Index, f.T)
		}
		return f
	case "symbol":
		m := d.members(v, "symbol")
		return &expr.Symbol{Name: d.text(m["symbol"])}
	case "call":
		m := d.members(v, "call", "type", "args")
		name := d.text(m["call"])
		c := &expr.Call{Fn: d.scalar(name), T: d.valid(m["type"])}
		for _, a := range d.list(m["args"]) {
			c.Args = append(c.Args, d.expr(a, depth+1))
		}
		d.signature(name, c)
		return c
	}
	d.fail("%q begins no expression", o[0].key)
	return nil
}

// valid reads a type that must be there.
func (d *decoder) valid(v any) types.Type {
	t := d.typ(v)
	if !t.Valid() {
		d.fail("a type is missing")
	}
	return t
}

func (d *decoder) constant(v any) column.Value {
	if v == nil {
		return column.NullValue()
	}
	m := d.members(v, "word", "wide", "text", "list")
	var x column.Value
	if m["word"] != nil {
		x.Word = uint64(d.int(m["word"]))
	}
	if m["wide"] != nil {
		wide := d.list(m["wide"])
		if len(wide) != 2 {
			d.fail("a value of 128 bits has two words")
		}
		x.Wide = [2]uint64{d.uint(wide[0]), d.uint(wide[1])}
	}
	x.Text = d.textOr(m["text"])
	if m["list"] != nil {
		x.List = []column.Value{}
		for _, y := range d.list(m["list"]) {
			x.List = append(x.List, d.constant(y))
		}
	}
	return x
}

// table reads a table, and finds what the session knows of it.
func (d *decoder) table(v any) *catalog.Table {
	m := d.members(v, "path", "columns", "primaryKey", "partitionBy", "options")
	path := d.list(m["path"])
	if len(path) != 3 {
		d.fail("the path of a table has %d parts", len(path))
	}
	saved := &catalog.Table{Path: catalog.Path{Catalog: d.text(path[0]), Database: d.text(path[1]), Name: d.text(path[2])}}
	if c, ok := m["columns"]; ok {
		saved.Columns = []catalog.Column{}
		for _, v := range d.list(c) {
			m := d.members(v, "name", "type", "kind", "metadataKey", "virtual")
			col := catalog.Column{Name: d.text(m["name"]), Type: d.typ(m["type"]), MetadataKey: d.textOr(m["metadataKey"]), Virtual: d.boolOr(m["virtual"])}
			switch d.textOr(m["kind"]) {
			case "":
			case "computed":
				col.Kind = catalog.Computed
			case "metadata":
				col.Kind = catalog.Metadata
			default:
				d.fail("the table %s has a column of the kind %q", saved.Path, m["kind"])
			}
			saved.Columns = append(saved.Columns, col)
		}
	}
	for key, list := range map[string]*[]string{"primaryKey": &saved.PrimaryKey, "partitionBy": &saved.PartitionBy} {
		if m[key] == nil {
			continue
		}
		for _, n := range d.list(m[key]) {
			*list = append(*list, d.text(n))
		}
	}
	if m["options"] != nil {
		saved.Options = d.texts(m["options"])
	}
	t, err := d.known.Table(saved)
	if err != nil {
		if fault.CodeOf(err) != "" {
			panic(failure{err})
		}
		d.mismatch("%w", err)
	}
	return t
}
