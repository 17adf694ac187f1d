package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/types"
)

// readValue reads a value as the files have it. A TIMESTAMP_LTZ without a zone is in that of the session.
func readValue(x any, t types.Type, zone *time.Location) (column.Value, error) {
	if x == nil {
		return column.NullValue(), nil
	}
	if m, is := x.(map[string]any); is && m["expression"] == "null" {
		return column.NullValue(), nil
	}
	switch t.Kind() {
	case types.Array:
		return readList(x, zone, t.Elem())
	case types.Map, types.Multiset:
		key, value := t.Key(), t.Elem()
		if t.Kind() == types.Multiset {
			key, value = t.Elem(), types.New(types.Int)
		}
		list, is := x.([]any)
		if !is {
			return column.Value{}, fmt.Errorf("%v is no map", x)
		}
		out := column.Value{List: []column.Value{}}
		for _, e := range list {
			pair, err := readList(e, zone, key, value)
			if err != nil {
				return out, err
			}
			out.List = append(out.List, pair.List...)
		}
		return out, nil
	case types.Row, types.Structured:
		return readRow(x, t, zone)
	case types.Boolean:
		return column.BoolValue(x == true), nil
	case types.IntervalYearMonth, types.IntervalDayTime:
		return readInterval(x, t)
	case types.Binary, types.Varbinary:
		digits := strings.TrimPrefix(fmt.Sprint(x), "0x")
		if len(digits)%2 != 0 { // written as a number
			digits = "0" + digits
		}
		b, err := hex.DecodeString(digits)
		return column.TextValue(string(b)), err
	case types.Bitmap:
		return readBitmap(x)
	case types.Variant:
		text, err := json.Marshal(x)
		if err != nil {
			return column.Value{}, err
		}
		v, err := fn.Variant(string(text), false)
		if written, is := x.(string); is {
			if w, err := fn.Variant(written, true); err == nil {
				v = w
			}
		}
		return column.TextValue(v), err
	case types.Raw: // an object of Java, of which only the text is known
		return column.TextValue(fmt.Sprint(x)), nil
	}
	if expression, is := x.(map[string]any); is {
		return column.Value{}, fmt.Errorf("the value %v is not understood", expression)
	}
	text := fmt.Sprint(x)
	if f, is := x.(float64); is {
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if utc, is := strings.CutSuffix(text, "Z"); is && t.Kind() == types.TimestampLTZ {
		text, zone = utc, time.UTC
	}
	if t.IsTimestamp() {
		text = strings.Replace(text, "T", " ", 1)
	}
	if t.IsTimestamp() && strings.Count(text, ":") == 1 {
		text += ":00"
	}
	return cast(text, t, zone)
}

// cast reads a text as CAST does; what does not fit is null.
func cast(text string, t types.Type, zone *time.Location) (column.Value, error) {
	s := &fn.Session{Zone: zone}
	e := &expr.Call{Fn: fn.TryCast, Args: []expr.Expr{&expr.Const{Value: column.TextValue(text), T: types.String().NotNull()}}, T: t.Null()}
	p, err := vec.Compile(e, s)
	if err != nil {
		return column.Value{}, err
	}
	v, err := p.Eval(&fn.Call{}, &column.Batch{N: 1}, nil)
	if err != nil {
		return column.Value{}, err
	}
	return v.Value(0), nil
}

// readBitmap reads {1,2}, or ranges with both ends.
func readBitmap(x any) (column.Value, error) {
	var m fn.Bitmap
	if r, is := x.(map[string]any); is {
		ranges, _ := r["ranges"].([]any)
		for _, r := range ranges {
			ends, is := r.([]any)
			if !is || len(ends) != 2 {
				return column.Value{}, fmt.Errorf("%v is no range", r)
			}
			m = m.Add(uint32(ends[0].(float64)), uint32(ends[1].(float64)))
		}
		return column.TextValue(m.Encode()), nil
	}
	for _, part := range strings.FieldsFunc(fmt.Sprint(x), func(r rune) bool { return r == '{' || r == '}' || r == ',' }) {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return column.Value{}, err
		}
		m = m.Add(uint32(n), uint32(n))
	}
	return column.TextValue(m.Encode()), nil
}

func readList(x any, zone *time.Location, elems ...types.Type) (column.Value, error) {
	list, is := x.([]any)
	if !is {
		return column.Value{}, fmt.Errorf("%v is no list", x)
	}
	out := column.Value{List: make([]column.Value, 0, len(list))}
	for i, e := range list {
		v, err := readValue(e, elems[i%len(elems)], zone)
		if err != nil {
			return out, err
		}
		out.List = append(out.List, v)
	}
	return out, nil
}

func readRow(x any, t types.Type, zone *time.Location) (column.Value, error) {
	if text, is := x.(string); is && strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") {
		// A tuple, of which there is only the text.
		values := map[string]any{}
		var list []any
		for _, v := range strings.Split(text[1:len(text)-1], ",") {
			list = append(list, v)
		}
		values["v"] = list
		x = values
	}
	m, is := x.(map[string]any)
	if !is {
		return column.Value{}, fmt.Errorf("%v is no row", x)
	}
	values, _ := m["v"].([]any)
	if fields, is := m["fields"].([]any); is {
		values = nil
		for _, f := range fields {
			values = append(values, f.([]any)[1])
		}
	}
	if len(values) != len(t.Fields()) {
		return column.Value{}, fmt.Errorf("%v has not the fields of %s", x, t)
	}
	var elems []types.Type
	for _, f := range t.Fields() {
		elems = append(elems, f.Type)
	}
	if elems == nil {
		return column.Value{List: []column.Value{}}, nil
	}
	return readList(values, zone, elems...)
}

// readInterval reads P1Y2M, P-123M, PT1.5S, P2DT3H, or a plain number of months or milliseconds.
func readInterval(x any, t types.Type) (column.Value, error) {
	if f, is := x.(float64); is {
		return column.IntValue(int64(f)), nil
	}
	text := fmt.Sprint(x)
	months := t.Kind() == types.IntervalYearMonth
	total, inTime := 0.0, false
	for rest := strings.TrimPrefix(text, "P"); rest != ""; {
		if rest[0] == 'T' {
			inTime, rest = true, rest[1:]
			continue
		}
		end := strings.IndexAny(rest, "YMWDHS")
		if end < 1 {
			return column.Value{}, fmt.Errorf("%q is no interval", text)
		}
		n, err := strconv.ParseFloat(rest[:end], 64)
		if err != nil {
			return column.Value{}, fmt.Errorf("%q is no interval", text)
		}
		unit := map[byte]float64{'D': 86_400_000, 'H': 3_600_000, 'M': 60_000, 'S': 1000, 'W': 7 * 86_400_000}[rest[end]]
		if months && !inTime {
			unit = map[byte]float64{'Y': 12, 'M': 1}[rest[end]]
		}
		total += n * unit
		rest = rest[end+1:]
	}
	return column.IntValue(int64(total)), nil
}

// same compares two values of a type; the order of a map's entries means nothing.
func same(t types.Type, a, b column.Value) bool {
	if a.Null || b.Null {
		return a.Null == b.Null
	}
	switch t.Kind() {
	case types.Array:
		return slices.EqualFunc(a.List, b.List, func(x, y column.Value) bool { return same(t.Elem(), x, y) })
	case types.Row, types.Structured:
		for i, f := range t.Fields() {
			if !same(f.Type, a.List[i], b.List[i]) {
				return false
			}
		}
		return true
	case types.Map, types.Multiset:
		key, value := t.Key(), t.Elem()
		if t.Kind() == types.Multiset {
			key, value = t.Elem(), types.New(types.Int)
		}
		if len(a.List) != len(b.List) {
			return false
		}
		for i := 0; i+1 < len(a.List); i += 2 {
			found := false
			for j := 0; j+1 < len(b.List); j += 2 {
				found = found || same(key, a.List[i], b.List[j]) && same(value, a.List[i+1], b.List[j+1])
			}
			if !found {
				return false
			}
		}
		return true
	case types.Float, types.Double:
		x, y := a.Float(), b.Float()
		return x == y || x != x && y != y
	}
	return a.Equal(b)
}
