package values

import (
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

// Batch returns the rows as a batch with the given columns. The error names the row and the column of a value that does not fit.
func Batch(columns []types.Field, rows ...Row) (*column.Batch, error) {
	b := new(column.Batch)
	b.Reset(column.Forms(columns))
	shapes := make([]column.Shape, len(columns))
	for i, c := range columns {
		shapes[i] = column.ShapeOf(c.Type)
	}
	for n, r := range rows {
		if len(r.Values) != len(columns) {
			return nil, fault.New(fault.OptionInvalid, "row %d has %d values for %d columns", n+1, len(r.Values), len(columns))
		}
		for i, x := range r.Values {
			v, err := ValueOf(x, columns[i].Type)
			if err != nil {
				return nil, fault.New(fault.OptionInvalid, "row %d, column %s: %w", n+1, types.Quote(columns[i].Name), err)
			}
			b.Cols[i].AppendValue(v, &shapes[i], n)
		}
		b.N++
	}
	if slices.ContainsFunc(rows, func(r Row) bool { return r.Kind != types.Insert }) {
		kinds := b.OwnKinds(len(rows))
		for i, r := range rows {
			kinds[i] = r.Kind
		}
	}
	return b, nil
}

// ValueOf returns a Go value as one of a type: nil is null; booleans, numbers, strings and []byte stand for themselves; a DECIMAL is a string or an integer; a DATE, TIME or TIMESTAMP a time.Time, whose
// fields count as they are in its location, or for TIMESTAMP_LTZ whose moment counts, or a string as in SQL's literals; an interval a time.Duration or, of months, an integer. An ARRAY or ROW
// is a []any, a MAP a []any of keys and values in turn, or a Go map in no certain order, a MULTISET a []any of elements and their numbers. A column.Value is taken as it is.
func ValueOf(x any, t types.Type) (column.Value, error) {
	switch x := x.(type) {
	case nil:
		return column.NullValue(), nil
	case column.Value:
		return x, nil
	}
	wrong := fault.New(fault.ExpressionValue, "a %T cannot be a %s", x, t.SQL())
	r := reflect.ValueOf(x)
	switch t.Kind() {
	case types.Boolean:
		if r.Kind() == reflect.Bool {
			return column.BoolValue(r.Bool()), nil
		}
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.IntervalYearMonth:
		if r.CanInt() {
			return column.IntValue(r.Int()), nil
		}
	case types.Float, types.Double:
		switch {
		case r.CanFloat():
			return column.FloatValue(r.Float()), nil
		case r.CanInt():
			return column.FloatValue(float64(r.Int())), nil
		}
	case types.Decimal:
		return decimalOf(r, t, wrong)
	case types.Char, types.Varchar, types.Binary, types.Varbinary, types.Raw:
		if b, ok := x.([]byte); ok {
			return column.TextValue(string(b)), nil
		}
		if r.Kind() == reflect.String {
			return column.TextValue(r.String()), nil
		}
	case types.IntervalDayTime:
		if d, ok := x.(time.Duration); ok {
			return column.IntValue(d.Milliseconds()), nil
		}
	case types.Date, types.Time, types.Timestamp, types.TimestampLTZ:
		return timeOf(x, t, wrong)
	case types.Array, types.Map, types.Multiset, types.Row, types.Structured:
		return listOf(r, t, wrong)
	}
	return column.Value{}, wrong
}

func decimalOf(r reflect.Value, t types.Type, wrong error) (column.Value, error) {
	var n *big.Rat
	switch {
	case r.CanInt():
		n = new(big.Rat).SetInt64(r.Int())
	case r.Kind() == reflect.String:
		var ok bool
		if n, ok = new(big.Rat).SetString(r.String()); !ok {
			return column.Value{}, wrong
		}
	default:
		return column.Value{}, wrong
	}
	n.Mul(n, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Scale())), nil)))
	if !n.IsInt() {
		return column.Value{}, fault.New(fault.ExpressionValue, "%v has more than %d digits behind the point", r, t.Scale())
	}
	if len(new(big.Int).Abs(n.Num()).String()) > t.Precision() {
		return column.Value{}, fault.New(fault.ExpressionValue, "%v has more digits than %s", r, t.SQL())
	}
	w, _ := column.WideOf(n.Num())
	return column.Value{Word: w[0], Wide: w}, nil
}

func timeOf(x any, t types.Type, wrong error) (column.Value, error) {
	var at time.Time
	switch x := x.(type) {
	case time.Time:
		if at = x; t.Kind() != types.TimestampLTZ {
			at = time.Date(x.Year(), x.Month(), x.Day(), x.Hour(), x.Minute(), x.Second(), x.Nanosecond(), time.UTC)
		}
	case string:
		layout := map[types.Kind]string{types.Date: "2006-01-02", types.Time: "15:04:05"}[t.Kind()]
		if layout == "" {
			layout = "2006-01-02 15:04:05"
		}
		var err error
		if at, err = time.Parse(layout, strings.TrimSuffix(x, "Z")); err != nil {
			return column.Value{}, fault.New(fault.ExpressionValue, "%q is not a valid %s", x, t.SQL())
		}
	default:
		return column.Value{}, wrong
	}
	switch t.Kind() {
	case types.Date:
		day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
		return column.IntValue(day.Unix() / 86400), nil
	case types.Time:
		return column.IntValue(int64(at.Hour()*3600+at.Minute()*60+at.Second())*1000 + int64(at.Nanosecond()/1e6)), nil
	}
	return column.TimeValue(at, t.Precision()), nil
}

// elementType is the type of element i of a composed value.
func elementType(t types.Type, i int) types.Type {
	switch t.Kind() {
	case types.Array:
		return t.Elem()
	case types.Map:
		if i%2 == 0 {
			return t.Key()
		}
		return t.Elem()
	case types.Multiset:
		if i%2 == 0 {
			return t.Elem()
		}
		return types.New(types.Int)
	}
	return t.Fields()[i].Type
}

func listOf(r reflect.Value, t types.Type, wrong error) (column.Value, error) {
	var elements []any
	switch {
	case r.Kind() == reflect.Map && t.Kind() == types.Map:
		for it := r.MapRange(); it.Next(); {
			elements = append(elements, it.Key().Interface(), it.Value().Interface())
		}
	case r.Kind() == reflect.Slice:
		for i := range r.Len() {
			elements = append(elements, r.Index(i).Interface())
		}
	default:
		return column.Value{}, wrong
	}
	if t.IsComposite() && len(elements) != len(t.Fields()) || (t.Kind() == types.Map || t.Kind() == types.Multiset) && len(elements)%2 != 0 {
		return column.Value{}, wrong
	}
	v := column.Value{List: make([]column.Value, len(elements))}
	for i, e := range elements {
		var err error
		if v.List[i], err = ValueOf(e, elementType(t, i)); err != nil {
			return column.Value{}, err
		}
	}
	return v, nil
}
