package table

import (
	"context"
	"iter"
	"math"
	"reflect"
	"strings"
	"time"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/types"
)

// Change is a row of a result as a value of Go, with what it does to the result.
type Change[T any] struct {
	Kind  types.RowKind
	Value T
}

// Values returns the rows of a result that has inserts only as values of Go, as [Result.Rows] does. A query that updates what it has returned is refused with option.invalid: see [Changes].
//
// T is a struct, or, for a result of one column, a type that a field may have. An exported field is the column of its tag `sql:"name"`, else the one of its name, without regard to case and underscores;
// a field with the tag `sql:"-"` is none. A field without a column is an error; columns without a field are left out. A field's type is
//
//	bool                      for BOOLEAN
//	int8, int16, int32, int64 for integers that fit
//	float32, float64          for FLOAT; float64 for DOUBLE, DECIMAL and integers, too
//	string                    for strings, and for a column of any type what CAST(.. AS STRING) makes of it
//	[]byte                    for BINARY and VARBINARY
//	time.Time                 for TIMESTAMP (as a time in UTC), TIMESTAMP_LTZ and DATE
//	time.Duration             for INTERVAL DAY TO SECOND
//	[]E, map[K]E, a struct    for ARRAY, MAP and MULTISET, ROW, of such types, but no strings of other types
//
// or a pointer to one of these, of which nil is NULL. A NULL where the field is no pointer, slice or map ends the rows with the error expression.value, which names the column.
func Values[T any](ctx context.Context, r *Result) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if r.Changelog.Updates() {
			yield(none, fault.New(fault.OptionInvalid, "the result has updates (%s), so its rows alone do not say what it is: ask for table.Changes", r.Changelog))
			return
		}
		for c, err := range Changes[T](ctx, r) {
			if !yield(c.Value, err) {
				return
			}
		}
	}
}

// Changes returns the rows of any result with their kinds: see [Values].
func Changes[T any](ctx context.Context, r *Result) iter.Seq2[Change[T], error] {
	return func(yield func(Change[T], error) bool) {
		d, err := newStructs(reflect.TypeFor[T](), r)
		if err != nil {
			yield(Change[T]{}, err)
			return
		}
		for b, err := range r.all(ctx) {
			if err == nil {
				err = d.begin(b)
			}
			if err != nil {
				yield(Change[T]{}, err)
				return
			}
			for i := range b.N {
				c := Change[T]{Kind: b.Kind(i)}
				if err := d.row(i, unsafe.Pointer(&c.Value)); err != nil {
					yield(Change[T]{}, err)
					return
				}
				if !yield(c, nil) {
					return
				}
			}
		}
	}
}

// structs reads rows of batches into values of a type of Go.
type structs struct {
	columns   []boundField
	projector *vec.Projector
	out       []*column.Vector
}

// boundField is where a column goes.
type boundField struct {
	name   string
	offset uintptr
	set    setter
	t      types.Type
}

// setter writes a value to where p points. It reports false for a null that has no place there.
type setter func(p unsafe.Pointer, v column.Value) bool

func newStructs(t reflect.Type, r *Result) (*structs, error) {
	d := &structs{}
	var exprs []expr.Expr
	bind := func(at int, t reflect.Type, offset uintptr) error {
		f := r.Columns[at]
		to := readAs(f.Type, t)
		set, err := setterOf(to, t)
		if err != nil {
			return fault.New(fault.OptionInvalid, "the column %s of type %s has no place in the Go type %v: %w", types.Quote(f.Name), f.Type, t, plain(err))
		}
		var e expr.Expr = &expr.Ref{Index: at, Name: f.Name, T: f.Type}
		if !to.Same(f.Type) {
			e = &expr.Call{Fn: fn.Cast, Args: []expr.Expr{e}, T: to.WithNullable(f.Type.Nullable())}
		}
		exprs = append(exprs, e)
		d.columns = append(d.columns, boundField{f.Name, offset, set, to})
		return nil
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		if len(r.Columns) != 1 {
			return nil, fault.New(fault.OptionInvalid, "the result has %d columns, so its rows are read into a struct, not into %v", len(r.Columns), t)
		}
		if err := bind(0, t, 0); err != nil {
			return nil, err
		}
	} else {
		err := eachField(t, r.Columns, func(f reflect.StructField, at int) error { return bind(at, f.Type, f.Offset) })
		if err != nil {
			return nil, err
		}
	}
	s := r.session
	if s == nil {
		s = &fn.Session{Zone: time.UTC}
	}
	var err error
	d.projector, err = vec.CompileAll(exprs, s)
	return d, err
}

// eachField calls bind for the exported fields of a struct with the column of each.
func eachField(t reflect.Type, columns []types.Field, bind func(f reflect.StructField, at int) error) error {
	for f := range t.Fields() {
		name, tagged := f.Tag.Lookup("sql")
		if !f.IsExported() || name == "-" {
			continue
		}
		at := -1
		var names []string
		for i, c := range columns {
			names = append(names, c.Name)
			if tagged && c.Name == name || !tagged && bare(c.Name) == bare(f.Name) && at < 0 {
				at = i
			}
		}
		if at < 0 {
			if !tagged {
				name = f.Name
			}
			hint := "a field's column is that of its name, or of its tag `sql:\"..\"`"
			if close := catalog.Closest(name, names); close != "" {
				hint = "did you mean " + types.Quote(close) + "? " + hint
			}
			return fault.New(fault.OptionInvalid, "the field %s of %v has no column %s: there are %s; %s", f.Name, t, types.Quote(name), strings.Join(names, ", "), hint)
		}
		if err := bind(f, at); err != nil {
			return err
		}
	}
	return nil
}

// bare is a name without case and underscores.
func bare(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// readAs is the type as which a column is read into a type of Go.
func readAs(t types.Type, g reflect.Type) types.Type {
	if g.Kind() == reflect.Pointer {
		g = g.Elem()
	}
	to := t
	switch {
	case g.Kind() == reflect.String && !t.IsChar():
		to = types.String()
	case g.Kind() == reflect.Float64 && (t.IsExact() || t.Kind() == types.Float):
		to = types.New(types.Double)
	}
	return to.WithNullable(t.Nullable())
}

// begin takes in a batch.
func (d *structs) begin(b *column.Batch) (err error) {
	d.out, err = d.projector.Eval(&fn.Call{}, b, nil)
	return err
}

// row reads a row of the batch to where p points.
func (d *structs) row(i int, p unsafe.Pointer) error {
	for c := range d.columns {
		f := &d.columns[c]
		if !f.set(unsafe.Add(p, f.offset), d.out[c].Value(i)) {
			return fault.New(fault.ExpressionValue, "the column %s of type %s has a NULL, and the Go type that it is read into has no place for one: a pointer would have", types.Quote(f.name), f.t)
		}
	}
	return nil
}

// setterOf returns how values of a type of SQL are written to one of Go.
func setterOf(t types.Type, g reflect.Type) (setter, error) {
	if g.Kind() == reflect.Pointer {
		of := g.Elem()
		set, err := setterOf(t.NotNull(), of)
		return func(p unsafe.Pointer, v column.Value) bool {
			if v.Null {
				*(*unsafe.Pointer)(p) = nil
				return true
			}
			at := reflect.New(of).UnsafePointer()
			*(*unsafe.Pointer)(p) = at
			return set(at, v)
		}, err
	}
	put, err := putterOf(t, g)
	if err != nil {
		return nil, err
	}
	nilable := g.Kind() == reflect.Slice || g.Kind() == reflect.Map
	return func(p unsafe.Pointer, v column.Value) bool {
		if v.Null {
			if nilable {
				reflect.NewAt(g, p).Elem().SetZero()
			}
			return nilable
		}
		return put(p, v)
	}, nil
}

// putterOf is setterOf for values that are not null.
func putterOf(t types.Type, g reflect.Type) (setter, error) {
	put := func(f func(p unsafe.Pointer, v column.Value)) (setter, error) {
		return func(p unsafe.Pointer, v column.Value) bool { f(p, v); return true }, nil
	}
	kind := t.Kind()
	switch {
	case g == reflect.TypeFor[time.Time]() && t.IsTimestamp():
		precision := t.Precision()
		return put(func(p unsafe.Pointer, v column.Value) { *(*time.Time)(p) = column.TimeOf(v, precision) })
	case g == reflect.TypeFor[time.Time]() && kind == types.Date:
		return put(func(p unsafe.Pointer, v column.Value) { *(*time.Time)(p) = time.Unix(v.Int()*86400, 0).UTC() })
	case g == reflect.TypeFor[time.Duration]() && kind == types.IntervalDayTime:
		return put(func(p unsafe.Pointer, v column.Value) {
			*(*time.Duration)(p) = time.Duration(min(max(v.Int(), math.MinInt64/int64(time.Millisecond)), math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
		})
	case g == reflect.TypeFor[time.Time](), g == reflect.TypeFor[time.Duration]():
	case g.Kind() == reflect.Bool && kind == types.Boolean:
		return put(func(p unsafe.Pointer, v column.Value) { *(*bool)(p) = v.Bool() })
	case g.Kind() == reflect.Int8 && kind == types.TinyInt:
		return put(func(p unsafe.Pointer, v column.Value) { *(*int8)(p) = int8(v.Int()) })
	case g.Kind() == reflect.Int16 && t.IsInteger() && kind <= types.SmallInt:
		return put(func(p unsafe.Pointer, v column.Value) { *(*int16)(p) = int16(v.Int()) })
	case g.Kind() == reflect.Int32 && t.IsInteger() && kind <= types.Int:
		return put(func(p unsafe.Pointer, v column.Value) { *(*int32)(p) = int32(v.Int()) })
	case (g.Kind() == reflect.Int64 || g.Kind() == reflect.Int && unsafe.Sizeof(0) == 8) && t.IsInteger():
		return put(func(p unsafe.Pointer, v column.Value) { *(*int64)(p) = v.Int() })
	case g.Kind() == reflect.Float32 && kind == types.Float:
		return put(func(p unsafe.Pointer, v column.Value) { *(*float32)(p) = float32(v.Float()) })
	case g.Kind() == reflect.Float64 && t.IsApprox():
		return put(func(p unsafe.Pointer, v column.Value) { *(*float64)(p) = v.Float() })
	case g.Kind() == reflect.String && t.IsChar():
		return put(func(p unsafe.Pointer, v column.Value) { *(*string)(p) = strings.Clone(v.Text) })
	case g.Kind() == reflect.Slice && g.Elem().Kind() == reflect.Uint8 && t.IsBytes():
		return put(func(p unsafe.Pointer, v column.Value) { *(*[]byte)(p) = []byte(v.Text) })
	case g.Kind() == reflect.Slice && kind == types.Array:
		elem, err := setterOf(t.Elem(), g.Elem())
		return func(p unsafe.Pointer, v column.Value) bool {
			list := reflect.MakeSlice(g, len(v.List), len(v.List))
			reflect.NewAt(g, p).Elem().Set(list)
			for i, x := range v.List {
				if !elem(list.Index(i).Addr().UnsafePointer(), x) {
					return false
				}
			}
			return true
		}, err
	case g.Kind() == reflect.Map && (kind == types.Map || kind == types.Multiset):
		return mapSetter(t, g)
	case g.Kind() == reflect.Struct && t.IsComposite():
		return rowSetter(t, g)
	}
	return nil, fault.New(fault.OptionInvalid, "see table.Values for the types that go together")
}

// mapSetter writes a MAP, or a MULTISET, whose values are how often a key is there.
func mapSetter(t types.Type, g reflect.Type) (setter, error) {
	keyType, elemType := t.Key(), t.Elem()
	if t.Kind() == types.Multiset {
		keyType, elemType = t.Elem(), types.New(types.Int).NotNull()
	}
	key, err := setterOf(keyType, g.Key())
	if err != nil {
		return nil, err
	}
	elem, err := setterOf(elemType, g.Elem())
	return func(p unsafe.Pointer, v column.Value) bool {
		m := reflect.MakeMapWithSize(g, len(v.List)/2)
		reflect.NewAt(g, p).Elem().Set(m)
		for i := 0; i+1 < len(v.List); i += 2 {
			k, e := reflect.New(g.Key()), reflect.New(g.Elem())
			if !key(k.UnsafePointer(), v.List[i]) || !elem(e.UnsafePointer(), v.List[i+1]) {
				return false
			}
			m.SetMapIndex(k.Elem(), e.Elem())
		}
		return true
	}, err
}

// rowSetter writes a ROW to a struct.
func rowSetter(t types.Type, g reflect.Type) (setter, error) {
	type part struct {
		from int
		to   uintptr
		set  setter
	}
	var parts []part
	fields := t.Fields()
	err := eachField(g, fields, func(f reflect.StructField, at int) error {
		set, err := setterOf(fields[at].Type, f.Type)
		parts = append(parts, part{at, f.Offset, set})
		return err
	})
	return func(p unsafe.Pointer, v column.Value) bool {
		for _, x := range parts {
			if !x.set(unsafe.Add(p, x.to), v.List[x.from]) {
				return false
			}
		}
		return true
	}, err
}
