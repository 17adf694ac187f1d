package table

import (
	"reflect"
	"strings"
	"time"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

// goValue reads and writes values of a type of Go that stands for a type of SQL, through a pointer to it.
type goValue struct {
	goType
	// get makes a value that owns its bytes.
	get func(p unsafe.Pointer) column.Value
	set func(p unsafe.Pointer, v column.Value)
}

// goValueOf returns how values of a type are read and written; its err says why they cannot be.
func goValueOf(t reflect.Type) goValue {
	g := goValue{goType: goTypeOf(t)}
	if g.err != nil {
		return g
	}
	of := t
	if g.pointer {
		of = t.Elem()
	}
	switch {
	case of == reflect.TypeFor[time.Time]():
		g.get = func(p unsafe.Pointer) column.Value { return column.TimeValue(*(*time.Time)(p), 6) }
		g.set = func(p unsafe.Pointer, v column.Value) { *(*time.Time)(p) = column.TimeOf(v, 6) }
	case of == reflect.TypeFor[[]byte]():
		g.get = func(p unsafe.Pointer) column.Value { return column.TextValue(string(*(*[]byte)(p))) }
		g.set = func(p unsafe.Pointer, v column.Value) { *(*[]byte)(p) = []byte(v.Text) }
	default:
		switch of.Kind() {
		case reflect.Bool:
			g.get = func(p unsafe.Pointer) column.Value { return column.BoolValue(*(*bool)(p)) }
			g.set = func(p unsafe.Pointer, v column.Value) { *(*bool)(p) = v.Bool() }
		case reflect.Int8:
			g.get, g.set = integer[int8]()
		case reflect.Int16:
			g.get, g.set = integer[int16]()
		case reflect.Int32:
			g.get, g.set = integer[int32]()
		case reflect.Int64:
			g.get, g.set = integer[int64]()
		case reflect.Float32:
			g.get = func(p unsafe.Pointer) column.Value { return column.FloatValue(float64(*(*float32)(p))) }
			g.set = func(p unsafe.Pointer, v column.Value) { *(*float32)(p) = float32(v.Float()) }
		case reflect.Float64:
			g.get = func(p unsafe.Pointer) column.Value { return column.FloatValue(*(*float64)(p)) }
			g.set = func(p unsafe.Pointer, v column.Value) { *(*float64)(p) = v.Float() }
		default:
			g.get = func(p unsafe.Pointer) column.Value { return column.TextValue(strings.Clone(*(*string)(p))) }
			g.set = func(p unsafe.Pointer, v column.Value) { *(*string)(p) = v.Text }
		}
	}
	if !g.pointer {
		return g
	}
	get, set := g.get, g.set
	g.get = func(p unsafe.Pointer) column.Value {
		if at := *(*unsafe.Pointer)(p); at != nil {
			return get(at)
		}
		return column.NullValue()
	}
	g.set = func(p unsafe.Pointer, v column.Value) {
		if v.Null {
			*(*unsafe.Pointer)(p) = nil
			return
		}
		at := reflect.New(of).UnsafePointer()
		set(at, v)
		*(*unsafe.Pointer)(p) = at
	}
	return g
}

func integer[T int8 | int16 | int32 | int64]() (get func(unsafe.Pointer) column.Value, set func(unsafe.Pointer, column.Value)) {
	return func(p unsafe.Pointer) column.Value { return column.IntValue(int64(*(*T)(p))) }, func(p unsafe.Pointer, v column.Value) { *(*T)(p) = T(v.Int()) }
}

// goRow reads rows of table functions: values of one column, or structs whose exported fields are the columns.
type goRow struct {
	t       types.Type
	columns []goValue
	offsets []uintptr
	shapes  []column.Shape
	err     error
}

func goRowOf[R any]() *goRow {
	r := &goRow{}
	t := reflect.TypeFor[R]()
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		v := goValueOf(t)
		r.columns, r.offsets, r.err = []goValue{v}, []uintptr{0}, v.err
		if v.err == nil {
			r.t = v.t.WithNullable(v.pointer)
			r.shapes = []column.Shape{column.ShapeOf(v.t)}
		}
		return r
	}
	var fields []types.Field
	for f := range t.Fields() {
		if !f.IsExported() {
			continue
		}
		v := goValueOf(f.Type)
		if v.err != nil {
			r.err = v.err
			return r
		}
		fields = append(fields, types.Field{Name: f.Name, Type: v.t.WithNullable(v.pointer)})
		r.columns, r.offsets, r.shapes = append(r.columns, v), append(r.offsets, f.Offset), append(r.shapes, column.ShapeOf(v.t))
	}
	if fields == nil {
		r.err = fault.New(fault.OptionInvalid, "the Go type %v has no exported fields, which are the columns", t)
		return r
	}
	r.t = types.RowOf(fields...)
	return r
}

// values are the columns of the row at p.
func (r *goRow) values(p unsafe.Pointer) []column.Value {
	list := make([]column.Value, len(r.columns))
	for i := range r.columns {
		list[i] = r.columns[i].get(unsafe.Add(p, r.offsets[i]))
	}
	return list
}

// appendTo adds the row at p to a batch.
func (r *goRow) appendTo(b *column.Batch, p unsafe.Pointer) {
	for i := range r.columns {
		b.Cols[i].AppendValue(r.columns[i].get(unsafe.Add(p, r.offsets[i])), &r.shapes[i], b.N)
	}
	b.N++
}
