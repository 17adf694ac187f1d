package column

import "github.com/weirstream/weir/types"

// Shape is the form of a type's values with those of what is nested in it.
type Shape struct {
	Form     Form
	Children []Shape
}

// ShapeOf returns the shape of a type's values.
func ShapeOf(t types.Type) Shape {
	s := Shape{Form: FormOf(t)}
	switch t.Kind() {
	case types.Array:
		s.Children = []Shape{ShapeOf(t.Elem())}
	case types.Multiset:
		s.Children = []Shape{ShapeOf(t.Elem()), {Form: Word}}
	case types.Map:
		s.Children = []Shape{ShapeOf(t.Key()), ShapeOf(t.Elem())}
	case types.Row, types.Structured:
		for _, f := range t.Fields() {
			s.Children = append(s.Children, ShapeOf(f.Type))
		}
	}
	return s
}

// ConstOf returns the constant vector of a value.
func ConstOf(x Value, t types.Type) *Vector {
	s := ShapeOf(t)
	v := new(Vector)
	v.Reset(s.Form, 0)
	v.AppendValue(x, &s, 0)
	v.Const = true
	return v
}
