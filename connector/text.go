package connector

import (
	"fmt"
	"reflect"
	"strconv"
)

// TextOf returns a function that appends the text of a value to dst, as fmt's %v would print it. It is chosen once per type, so that
// printing a string, a number or a value with a String method neither allocates for the conversion nor looks at its type again.
func TextOf[T any]() func(dst []byte, v T) []byte {
	var f any
	switch any((*T)(nil)).(type) {
	case *string:
		f = func(dst []byte, v string) []byte { return append(dst, v...) }
	case *int:
		f = func(dst []byte, v int) []byte { return strconv.AppendInt(dst, int64(v), 10) }
	case *int32:
		f = func(dst []byte, v int32) []byte { return strconv.AppendInt(dst, int64(v), 10) }
	case *int64:
		f = func(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) }
	case *uint64:
		f = func(dst []byte, v uint64) []byte { return strconv.AppendUint(dst, v, 10) }
	case *bool:
		f = func(dst []byte, v bool) []byte { return strconv.AppendBool(dst, v) }
	}
	if f, ok := f.(func([]byte, T) []byte); ok {
		return f
	}
	// A nil pointer or interface, an error, and a type with a Format method of its own are left to fmt, which knows what to do with them.
	switch reflect.TypeFor[T]().Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Func, reflect.Chan, reflect.Slice:
	default:
		var zero T
		_, isError := any(zero).(error)
		_, isFormatter := any(zero).(fmt.Formatter)
		if _, ok := any(zero).(fmt.Stringer); ok && !isError && !isFormatter {
			return func(dst []byte, v T) []byte { return append(dst, any(v).(fmt.Stringer).String()...) }
		}
	}
	return func(dst []byte, v T) []byte { return fmt.Append(dst, v) }
}
