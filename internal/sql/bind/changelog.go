package bind

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// kindNames are what TO_CHANGELOG and FROM_CHANGELOG call the kinds of rows.
var kindNames = [4]string{"INSERT", "UPDATE_BEFORE", "UPDATE_AFTER", "DELETE"}

// columnsOf binds a list of columns.
func (x *exprs) columnsOf(list []ast.Expr) []int {
	var out []int
	for _, e := range list {
		r, ok := x.expr(e).(*expr.Ref)
		if !ok {
			x.unsupported(e, "PARTITION BY takes columns")
		}
		if !slices.Contains(out, r.Index) {
			out = append(out, r.Index)
		}
	}
	return out
}

// mapping is an argument MAP['k', 'v', ..] of strings.
func (x *from) mapping(e ast.Expr, each func(at ast.Node, key, value string)) {
	m, ok := e.(*ast.Collection)
	if !ok || m.Kind != ast.TypeMap || m.Query != nil {
		x.fail(fault.SQLInvalid, e, "op_mapping is MAP['..', '..', ..]")
	}
	text := func(e ast.Expr) string {
		s, ok := e.(*ast.StringLit)
		if !ok {
			x.fail(fault.SQLInvalid, e, "op_mapping has strings alone")
		}
		return s.Value
	}
	for i := 0; i+1 < len(m.Elems); i += 2 {
		each(m.Elems[i], text(m.Elems[i]), text(m.Elems[i+1]))
	}
}

func (x *from) rowKind(at ast.Node, name string) types.RowKind {
	i := slices.Index(kindNames[:], strings.TrimSpace(name))
	if i < 0 {
		x.suggest(fault.SQLInvalid, at, name, kindNames[:], "%q is no kind of row: these are %s", name, strings.Join(kindNames[:], ", "))
	}
	return types.RowKind(i)
}

// opColumn is the name in op => DESCRIPTOR(name).
func (x *from) opColumn(e ast.Expr) (string, ast.Node) {
	if e == nil {
		return "op", nil
	}
	d, ok := e.(*ast.Descriptor)
	if !ok || len(d.Columns) != 1 || len(d.Columns[0].Parts) != 1 {
		x.fail(fault.SQLInvalid, e, "op is DESCRIPTOR(column)")
	}
	return d.Columns[0].Last().Name, d
}

// ordered are a relation's columns as the functions return them: those of PARTITION BY, then added ones, then the others but for one that is left out.
func ordered(fields []types.Field, partition []int, added []types.Field, without int) []types.Field {
	var out []types.Field
	for _, p := range partition {
		out = append(out, fields[p])
	}
	out = append(out, added...)
	for i, f := range fields {
		if i != without && !slices.Contains(partition, i) {
			out = append(out, f)
		}
	}
	return out
}

func (x *from) result(c *ast.Call, rel logical.Rel) *source {
	seen := map[string]bool{}
	for _, f := range rel.Fields() {
		if seen[f.Name] {
			x.fail(fault.SQLInvalid, c, "the result has two columns that are called %q", f.Name)
		}
		seen[f.Name] = true
	}
	x.grow(c, len(rel.Fields()))
	return &source{scope: x.scopeOf(relationOf(rel), "")}
}

func (x *from) toChangelog(c *ast.Call) *source {
	const name = "TO_CHANGELOG"
	given := x.arguments(c, name, []string{"INPUT", "OP", "OP_MAPPING", "PRODUCES_FULL_DELETES", "UID", "ON_TIME"})
	r, by := x.tableArg(c, name, given["INPUT"])
	in := x.over(x.scopeOf(r, ""))
	in.where = "in the arguments of " + name
	t := &logical.ToChangelog{Input: r.rel, Partition: in.columnsOf(by), Names: kindNames, FullDeletes: true, At: x.placeAt(c)}
	op, _ := x.opColumn(given["OP"])
	if m := given["OP_MAPPING"]; m != nil {
		t.Names = [4]string{}
		x.mapping(m, func(at ast.Node, key, value string) {
			for _, k := range strings.Split(key, ",") {
				kind := x.rowKind(at, k)
				if t.Names[kind] != "" {
					x.fail(fault.SQLInvalid, at, "%s is there twice", kindNames[kind])
				}
				if value == "" {
					x.fail(fault.SQLInvalid, at, "the text of a kind of rows must not be empty")
				}
				t.Names[kind] = value
			}
		})
	}
	if f := given["PRODUCES_FULL_DELETES"]; f != nil {
		b, ok := f.(*ast.BoolLit)
		if !ok || b.Value == ast.Unknown {
			x.fail(fault.SQLInvalid, f, "produces_full_deletes is TRUE or FALSE")
		}
		t.FullDeletes = b.Value == ast.True
	}
	t.Out = ordered(r.rel.Fields(), t.Partition, []types.Field{{Name: op, Type: types.String()}}, -1)
	if !t.FullDeletes {
		for i := range t.Out {
			if i >= len(t.Partition) {
				t.Out[i].Type = t.Out[i].Type.Null()
			}
		}
	}
	return x.result(c, t)
}

func (x *from) fromChangelog(c *ast.Call) *source {
	const name = "FROM_CHANGELOG"
	given := x.arguments(c, name, []string{"INPUT", "OP", "OP_MAPPING", "INVALID_OP_HANDLING", "STATE_TTL", "UID", "ON_TIME"})
	r, by := x.tableArg(c, name, given["INPUT"])
	in := x.over(x.scopeOf(r, ""))
	in.where = "in the arguments of " + name
	t := &logical.FromChangelog{Input: r.rel, Partition: in.columnsOf(by), Kinds: map[string]types.RowKind{}, Invalid: "FAIL", At: x.placeAt(c), MappingAt: x.placeAt(c)}
	op, at := x.opColumn(given["OP"])
	if at == nil {
		at = c
	}
	i := slices.Index(r.names, op)
	if i < 0 {
		x.suggest(fault.SQLUnknownColumn, at, op, r.names, "the input of %s has no column %q", name, op)
	}
	t.Op = i
	if k := r.rel.Fields()[i].Type; !k.IsChar() {
		x.fail(fault.SQLType, at, "the column %q says what a row does, and is %s instead of a string", op, k)
	}
	if slices.Contains(t.Partition, i) {
		x.fail(fault.SQLInvalid, at, "the column %q cannot be in PARTITION BY", op)
	}
	if m := given["OP_MAPPING"]; m != nil {
		t.MappingAt = x.placeAt(m)
		x.mapping(m, func(at ast.Node, key, value string) {
			kind := x.rowKind(at, value)
			for _, k := range strings.Split(key, ",") {
				k = strings.TrimSpace(k)
				if _, twice := t.Kinds[k]; twice {
					x.fail(fault.SQLInvalid, at, "%q is there twice", k)
				}
				t.Kinds[k] = kind
			}
		})
	} else {
		for k, n := range kindNames {
			t.Kinds[n] = types.RowKind(k)
		}
	}
	if h := given["INVALID_OP_HANDLING"]; h != nil {
		s, ok := h.(*ast.StringLit)
		if !ok || !slices.Contains([]string{"FAIL", "LOG", "SKIP"}, strings.ToUpper(s.Value)) {
			x.fail(fault.SQLInvalid, h, "invalid_op_handling is 'FAIL', 'LOG' or 'SKIP'")
		}
		t.Invalid = strings.ToUpper(s.Value)
	}
	t.Out = ordered(r.rel.Fields(), t.Partition, nil, i)
	return x.result(c, t)
}

// snapshotOf binds SNAPSHOT, behind JOIN LATERAL.
func (x *from) snapshotOf(c *ast.Call) *source {
	const name = "SNAPSHOT"
	params := []string{"INPUT", "LOAD_COMPLETED_CONDITION", "LOAD_COMPLETED_TIME", "LOAD_COMPLETED_IDLE_TIMEOUT", "STATE_TTL", "UID", "ON_TIME"}
	given := x.arguments(c, name, params)
	r, by := x.tableArg(c, name, given["INPUT"])
	if by != nil {
		x.unsupported(c, "PARTITION BY in the input of SNAPSHOT is not supported")
	}
	j := &logical.SnapshotJoin{CallAt: x.placeAt(c)}
	in := x.over(&scope{rel: &logical.Values{}})
	in.where = "in the arguments of " + name
	for _, p := range params[1:] {
		e := given[p]
		if e == nil {
			continue
		}
		v := in.expr(e)
		if p == "LOAD_COMPLETED_TIME" {
			if !v.Type().IsTimestamp() {
				x.fail(fault.SQLType, e, "load_completed_time is a TIMESTAMP_LTZ(3), not %s", v.Type())
			}
			j.Time = x.cast(v, types.TimestampLTZOf(3))
			continue
		}
		k, ok := v.(*expr.Const)
		if !ok || k.Value.Null {
			x.fail(fault.SQLInvalid, e, "%s is a literal", strings.ToLower(p))
		}
		text := k.String()
		if k.T.IsChar() {
			text = k.Value.Text
		}
		if p == "LOAD_COMPLETED_CONDITION" {
			j.Condition = text
			continue
		}
		if j.Options == nil {
			j.Options = map[string]string{}
		}
		j.Options[strings.ToLower(p)] = text
	}
	return &source{scope: x.scopeOf(r, ""), snapshot: j}
}

func (x *from) snapshot(j *ast.Join, left, right *source, kind logical.JoinKind) *source {
	if kind != logical.Inner && kind != logical.LeftOuter || j.Natural {
		x.unsupported(j, "a join with SNAPSHOT is INNER or LEFT, with ON")
	}
	l, r := left.rel.Fields(), right.rel.Fields()
	node := *right.snapshot
	node.Left, node.Right, node.Kind, node.Out = left.rel, right.rel, kind, joined(l, r, kind)
	seen := x.combined(left.scope, right.scope, &logical.Values{Out: joined(l, r, logical.Inner)})
	seen.outer = x.env.around()
	in := x.over(seen)
	in.env, in.where = x.env, "in ON"
	var conds []expr.Expr
	using := x.using(j, left.scope, right.scope)
	for _, u := range using {
		conds = append(conds, x.call(u.at, "=", seen.ref(u.left), seen.ref(len(l)+u.right)))
	}
	if j.On != nil {
		conds = append(conds, in.condition(j.On))
	}
	node.Cond = x.all(j, conds)
	node.At, node.CondAt = x.joinPlaces(j)
	s := x.combined(left.scope, right.scope, &node)
	if len(using) > 0 {
		x.merge(s, left.scope, right.scope, using, kind, j)
	}
	return &source{scope: s}
}

// temporalFunction binds a call of a temporal table function, which is what FOR SYSTEM_TIME AS OF its argument says.
func (x *from) temporalFunction(c *ast.Call, f *catalog.TemporalFunction) *source {
	if len(c.Args) != 1 {
		x.fail(fault.SQLInvalid, c, "%s takes one argument: a time attribute", c.Name)
	}
	t, err := x.manager.Lookup(f.Table)
	x.check(err)
	if t == nil {
		x.fail(fault.SQLUnknownTable, c, "the table %s of the temporal table function %s is not there", f.Table, c.Name)
	}
	if x.used(t); x.uses != nil {
		x.uses("function "+c.Name.String(), fmt.Sprintf("%s %q %q", f.Table, f.Time, f.Key))
	}
	s := &source{scope: x.scopeOf(relationOf(x.scan(t, nil, c.Span)), ""), at: &ast.SystemTime{Span: c.Span, At: c.Args[0]}}
	for _, k := range f.Key {
		i := t.Column(k)
		if i < 0 {
			x.fail(fault.SQLUnknownColumn, c, "the key %q of the temporal table function %s is not in the table", k, c.Name)
		}
		s.key = append(s.key, i)
	}
	return s
}
