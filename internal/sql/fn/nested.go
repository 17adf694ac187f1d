package fn

import (
	"slices"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// rowwise is the kernel of a function that is computed value by value, for what is put together: lists, maps, rows. strict gives null where an argument is null.
func rowwise(result types.Type, strict bool, f func(args []column.Value) (column.Value, error)) Kernel {
	shape := column.ShapeOf(result)
	var values []column.Value
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		nested := shape.Form > column.Text
		if nested {
			empty(out, &shape)
		}
		next := 0
		for row := range n {
			if sel != nil && (next == len(sel) || int(sel[next]) != row) {
				if nested {
					out.AppendValue(column.NullValue(), &shape, row)
				}
				continue
			}
			next++
			values = values[:0]
			null := false
			for _, a := range args {
				v := a.Value(row)
				null = null || v.Null
				values = append(values, v)
			}
			v := column.NullValue()
			if !null || !strict {
				var err error
				if v, err = f(values); err != nil {
					return err
				}
			}
			if nested {
				out.AppendValue(v, &shape, row)
			} else {
				setValue(out, row, n, v)
			}
		}
		return nil
	}
}

// empty makes a nested vector one without rows, in its own memory.
func empty(v *column.Vector, shape *column.Shape) {
	v.Reset(shape.Form, 0)
	for i := range shape.Children {
		empty(v.Child(i), &shape.Children[i])
	}
}

func setValue(out *column.Vector, row, n int, v column.Value) {
	if v.Null {
		out.SetNull(row, n)
		return
	}
	switch out.Form {
	case column.Word:
		out.Words[row] = v.Word
	case column.Wide:
		out.Wide[row] = v.Wide
	case column.Text:
		out.SetString(row, v.Text)
	}
}

// equalValues compares two values of a type: nulls are equal, the order of a map's entries means nothing, and numbers are compared as numbers.
func equalValues(t types.Type, a, b column.Value) bool {
	if a.Null || b.Null {
		return a.Null == b.Null
	}
	switch t.Kind() {
	case types.Array:
		return slices.EqualFunc(a.List, b.List, func(x, y column.Value) bool { return equalValues(t.Elem(), x, y) })
	case types.Row, types.Structured:
		for i, f := range t.Fields() {
			if !equalValues(f.Type, a.List[i], b.List[i]) {
				return false
			}
		}
		return true
	case types.Map, types.Multiset:
		key, value := entryTypes(t)
		if len(a.List) != len(b.List) {
			return false
		}
		for i := 0; i+1 < len(a.List); i += 2 {
			if j := find2(key, b.List, a.List[i]); j < 0 || !equalValues(value, a.List[i+1], b.List[j+1]) {
				return false
			}
		}
		return true
	case types.Float, types.Double:
		return a.Float() == b.Float() || a.Float() != a.Float() && b.Float() != b.Float()
	}
	return a.Equal(b)
}

// entryTypes are the types of a map's keys and values, and those of a multiset's elements and counts.
func entryTypes(t types.Type) (key, value types.Type) {
	if t.Kind() == types.Multiset {
		return t.Elem(), types.New(types.Int).NotNull()
	}
	return t.Key(), t.Elem()
}

// find2 returns where, among keys and values in turn, a key is, or -1.
func find2(t types.Type, entries []column.Value, key column.Value) int {
	for i := 0; i+1 < len(entries); i += 2 {
		if equalValues(t, entries[i], key) {
			return i
		}
	}
	return -1
}

// compareValues orders two values of a type that has an order; neither is null.
func compareValues(t types.Type, a, b column.Value) int {
	x, y := column.ConstOf(a, t), column.ConstOf(b, t)
	return comparer(t, t)(x, y, 0)
}

// convertValue returns how a value of one type becomes one of another by CAST; nil if it cannot.
func convertValue(s *Session, from, to types.Type) func(v column.Value) (column.Value, error) {
	null := func(v column.Value, f func(column.Value) (column.Value, error)) (column.Value, error) {
		if v.Null {
			return v, nil
		}
		return f(v)
	}
	all := func(fs ...func(column.Value) (column.Value, error)) func(column.Value) (column.Value, error) {
		for _, f := range fs {
			if f == nil {
				return nil
			}
		}
		return func(v column.Value) (column.Value, error) {
			return null(v, func(v column.Value) (column.Value, error) {
				list := make([]column.Value, len(v.List))
				for i, e := range v.List {
					var err error
					if list[i], err = fs[i%len(fs)](e); err != nil {
						return v, err
					}
				}
				return column.Value{List: list}, nil
			})
		}
	}
	switch {
	case from.Kind() == types.Null:
		return func(column.Value) (column.Value, error) { return column.NullValue(), nil }
	case column.FormOf(from) > column.Text && column.FormOf(to) > column.Text:
		switch {
		case from.Kind() == types.Array && to.Kind() == types.Array:
			return all(convertValue(s, from.Elem(), to.Elem()))
		case from.Kind() == to.Kind() && (to.Kind() == types.Map || to.Kind() == types.Multiset):
			k, v := entryTypes(from)
			tk, tv := entryTypes(to)
			return all(convertValue(s, k, tk), convertValue(s, v, tv))
		case from.IsComposite() && to.IsComposite() && len(from.Fields()) == len(to.Fields()):
			var fs []func(column.Value) (column.Value, error)
			for i, f := range from.Fields() {
				fs = append(fs, convertValue(s, f.Type, to.Fields()[i].Type))
			}
			if len(fs) == 0 {
				return func(v column.Value) (column.Value, error) { return v, nil }
			}
			return all(fs...)
		}
		return nil
	}
	convert := converter(s, from, to)
	if convert == nil {
		return nil
	}
	form := column.FormOf(to)
	return func(v column.Value) (column.Value, error) {
		return null(v, func(v column.Value) (column.Value, error) {
			out := &column.Vector{}
			out.Reset(form, 1)
			err := convert(column.ConstOf(v, from), 0, out, 1)
			return out.Value(0), err
		})
	}
}

// nestedWriter returns how lists, maps and rows are printed by CAST; nil if they cannot be.
func nestedWriter(zone *time.Location, t types.Type) func(b []byte, v *column.Vector, row int) []byte {
	one := func(w func([]byte, *column.Vector, int) []byte, b []byte, v *column.Vector, row int) []byte {
		if v.Null(row) {
			return append(b, "NULL"...)
		}
		return w(b, v, row)
	}
	switch t.Kind() {
	case types.Array:
		w := writer(zone, t.Elem())
		if w == nil {
			return nil
		}
		return func(b []byte, v *column.Vector, row int) []byte {
			f, i := v.At(row)
			from, to := f.Range(i)
			b = append(b, '[')
			for k := from; k < to; k++ {
				if k > from {
					b = append(b, ", "...)
				}
				b = one(w, b, f.Children[0], k)
			}
			return append(b, ']')
		}
	case types.Map, types.Multiset:
		key, value := entryTypes(t)
		kw, vw := writer(zone, key), writer(zone, value)
		if kw == nil || vw == nil {
			return nil
		}
		return func(b []byte, v *column.Vector, row int) []byte {
			f, i := v.At(row)
			from, to := f.Range(i)
			b = append(b, '{')
			for k := from; k < to; k++ {
				if k > from {
					b = append(b, ", "...)
				}
				b = one(kw, b, f.Children[0], k)
				b = append(b, '=')
				b = one(vw, b, f.Children[1], k)
			}
			return append(b, '}')
		}
	case types.Row, types.Structured:
		named := t.Kind() == types.Structured
		var ws []func([]byte, *column.Vector, int) []byte
		for _, f := range t.Fields() {
			w := writer(zone, f.Type)
			if w == nil {
				return nil
			}
			ws = append(ws, w)
		}
		return func(b []byte, v *column.Vector, row int) []byte {
			f, i := v.At(row)
			b = append(b, '(')
			for k, w := range ws {
				if k > 0 {
					b = append(b, ", "...)
				}
				if named {
					b = append(append(b, t.Fields()[k].Name...), '=')
				}
				b = one(w, b, f.Children[k], i)
			}
			return append(b, ')')
		}
	}
	return nil
}
