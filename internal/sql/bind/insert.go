package bind

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// insert binds an INSERT: the query, then a projection that brings its columns to those of the table.
func (x *text) insert(s *ast.Insert) *logical.Sink {
	t, err := x.manager.Table(x.within, x.src, s.Table)
	x.check(err)
	x.used(t)
	if t.IsView() {
		x.fail(fault.SQLInvalid, s.Table, "%s is a view, which cannot be written to", t.Path)
	}
	sink := &logical.Sink{Table: t, Options: t.Options, Overwrite: s.Overwrite, OnConflict: s.OnConflict, At: x.placeAt(s.Table), ConflictAt: x.placeAt(s.Conflict)}
	if len(s.Hints) > 0 {
		scan := x.scan(t, s.Hints, s.Table.Span)
		for len(scan.Inputs()) > 0 {
			scan = scan.Inputs()[0]
		}
		sink.Options = scan.(*logical.Scan).Options
	}
	// fixed are the values of PARTITION, by column.
	fixed := map[int]expr.Expr{}
	if s.Partition != nil {
		in := x.over(&scope{rel: &logical.Values{}})
		for _, v := range s.Partition.Values {
			i := x.target(t, v.Column, v.Column.Name)
			if !slices.Contains(t.PartitionBy, v.Column.Name) {
				x.fail(fault.SQLInvalid, v.Column, "the table is not partitioned by %q", v.Column.Name)
			}
			if v.Value != nil {
				fixed[i] = in.expr(v.Value)
			}
		}
	}
	// targets are the columns that the query writes, in the query's order.
	var targets []int
	if s.Columns != nil {
		for _, c := range s.Columns {
			if len(c.Parts) > 1 {
				x.unsupported(c, "a part of a column cannot be written")
			}
			i := x.target(t, c, c.Last().Name)
			if slices.Contains(targets, i) || fixed[i] != nil {
				x.fail(fault.SQLInvalid, c, "the column %q is written twice", c.Last().Name)
			}
			targets = append(targets, i)
		}
		for _, i := range t.Writable() {
			if !slices.Contains(targets, i) && fixed[i] == nil && !t.Columns[i].Type.Nullable() {
				x.fail(fault.SQLSink, s.Table, "the column %q of %s must not be null, and is not written", t.Columns[i].Name, t.Path)
			}
		}
	} else {
		for _, i := range t.Writable() {
			if fixed[i] == nil {
				targets = append(targets, i)
			}
		}
	}
	rel := x.query(s.Query, nil).rel
	fields := rel.Fields()
	if len(fields) != len(targets) {
		x.mismatch(s, t, fields, targets, "the query has %d columns, and %d are to be written", len(fields), len(targets))
	}
	values := make([]expr.Expr, len(t.Columns))
	names := make([]string, len(t.Columns))
	for k, i := range targets {
		f, to := fields[k], t.Columns[i].Type
		if !assignable(f.Type, to) {
			x.mismatch(s, t, fields, targets, "the query's column %q is %s, which is not written to the column %q of type %s", f.Name, f.Type, t.Columns[i].Name, to)
		}
		values[i] = x.stored(&expr.Ref{Index: k, Name: f.Name, T: f.Type}, to)
		names[i] = f.Name
	}
	for i, e := range fixed {
		to := t.Columns[i].Type
		// A partition may be written as a string, whatever the type of its column.
		if !assignable(e.Type(), to) && !(e.Type().IsChar() && fn.CanCast(x.session, e.Type(), to)) && !(e.Type().IsNumeric() && to.IsNumeric()) {
			x.fail(fault.SQLSink, s.Partition, "the value of the partition column %q is %s, which is not written as %s", t.Columns[i].Name, e.Type(), to)
		}
		values[i], names[i] = x.stored(e, to), t.Columns[i].Name
	}
	for _, i := range t.Writable() {
		if values[i] == nil { // what is not listed is null
			values[i], names[i] = &expr.Const{Value: column.NullValue(), T: t.Columns[i].Type.Null().WithAttribute(types.NoAttribute)}, t.Columns[i].Name
		}
	}
	var list []expr.Expr
	var listNames []string
	for i, e := range values {
		if e != nil {
			list, listNames = append(list, e), append(listNames, names[i])
			sink.Columns = append(sink.Columns, i)
		}
	}
	sink.Input = project(rel, list, listNames)
	return sink
}

// stored casts a value to the type of a column of a table. Nullability stays: that a column is never null is checked where it is written.
func (x *text) stored(e expr.Expr, to types.Type) expr.Expr {
	if stored(e.Type(), to) && !e.Type().IsTimeAttribute() {
		return e
	}
	return x.cast(e, to.WithAttribute(types.NoAttribute))
}

// target is the index of a column of a table that is written.
func (x *text) target(t *catalog.Table, at ast.Node, name string) int {
	i := t.Column(name)
	if i < 0 {
		x.suggest(fault.SQLUnknownColumn, at, name, t.Names(), "the table %s has no column %q", t.Path, name)
	}
	if !slices.Contains(t.Writable(), i) {
		x.fail(fault.SQLInvalid, at, "the column %q cannot be written: it is computed, or virtual", name)
	}
	return i
}

// mismatch is the error of a query that does not fit its sink. It shows both.
func (x *text) mismatch(s *ast.Insert, t *catalog.Table, fields []types.Field, targets []int, format string, args ...any) {
	var have, want []string
	for _, f := range fields {
		have = append(have, f.Name+": "+f.Type.String())
	}
	for _, i := range targets {
		want = append(want, t.Columns[i].Name+": "+t.Columns[i].Type.String())
	}
	x.hinted(fault.SQLSink, s.Table, "cast the columns, or list those to write behind the table's name.\n  query: ["+strings.Join(have, ", ")+"]\n  table: ["+strings.Join(want, ", ")+"]", format, args...)
}

// assignable reports whether a value of one type is written to a column of another without an explicit cast. Nullability is checked when values are written.
func assignable(from, to types.Type) bool {
	f, t := from.Kind(), to.Kind()
	switch {
	case f == types.Null:
		return true
	case to.IsChar():
		return f == t || t == types.Varchar && from.IsChar()
	case to.IsBytes():
		return f == t || t == types.Varbinary && from.IsBytes()
	case t == types.Decimal || t == types.Double:
		return from.IsNumeric()
	case t == types.Float:
		return from.IsInteger() || f == types.Float || f == types.Decimal
	case to.IsInteger():
		return from.IsInteger() && f <= t
	case t == types.Date, t == types.Time:
		return f == t || f == types.Timestamp
	case to.IsTimestamp():
		return from.IsTimestamp()
	case t == types.Array || t == types.Multiset:
		return f == t && assignable(from.Elem(), to.Elem())
	case t == types.Map:
		return f == t && assignable(from.Key(), to.Key()) && assignable(from.Elem(), to.Elem())
	case to.IsComposite():
		if !from.IsComposite() || len(from.Fields()) != len(to.Fields()) {
			return false
		}
		for i, field := range to.Fields() {
			if !assignable(from.Fields()[i].Type, field.Type) {
				return false
			}
		}
		return true
	case t == types.Raw:
		return f == t && from.Class() == to.Class()
	}
	return f == t
}

// stored reports whether values of one type are such of another as they are: the types differ in names and nullability alone.
func stored(a, b types.Type) bool {
	switch {
	case a.Kind() != b.Kind() || a.Precision() != b.Precision() || a.Scale() != b.Scale() || len(a.Fields()) != len(b.Fields()):
		return false
	case a.Kind() == types.Array || a.Kind() == types.Multiset:
		return stored(a.Elem(), b.Elem())
	case a.Kind() == types.Map:
		return stored(a.Key(), b.Key()) && stored(a.Elem(), b.Elem())
	case a.IsComposite():
		for i := range a.Fields() {
			if !stored(a.Fields()[i].Type, b.Fields()[i].Type) {
				return false
			}
		}
		return true
	}
	return a.Alike(b)
}
