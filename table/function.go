package table

import (
	"reflect"
	"strings"
	"time"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/types"
)

// Function is a scalar function in Go for use in SQL: see [Func1] and [Environment.AddFunction].
type Function struct {
	function *fn.Function
	err      error
}

// Func1 makes a function of one argument. Its types may be
//
//	bool              BOOLEAN
//	int8, int16       TINYINT, SMALLINT
//	int32, int64      INT, BIGINT
//	float32, float64  FLOAT, DOUBLE
//	string, []byte    STRING, BYTES
//	time.Time         TIMESTAMP(6)
//
// and pointers to these, of which nil is NULL. A function is not called where an argument is NULL that is no pointer: then the result is NULL. An argument of type string or []byte is valid until
// the function returns; who keeps one clones it. The function must return the same for the same arguments, and may be called by several goroutines.
func Func1[A, R any](f func(A) R) Function {
	return function(func(args []*column.Vector, result *writer[R]) func(row, n int) {
		a := readerOf[A](args[0])
		return func(row, n int) { result.put(row, n, f(a(row))) }
	}, typeOf[R](), typeOf[A]())
}

// Func2 makes a function of two arguments, as [Func1].
func Func2[A, B, R any](f func(A, B) R) Function {
	return function(func(args []*column.Vector, result *writer[R]) func(row, n int) {
		a, b := readerOf[A](args[0]), readerOf[B](args[1])
		return func(row, n int) { result.put(row, n, f(a(row), b(row))) }
	}, typeOf[R](), typeOf[A](), typeOf[B]())
}

// Func3 makes a function of three arguments, as [Func1].
func Func3[A, B, C, R any](f func(A, B, C) R) Function {
	return function(func(args []*column.Vector, result *writer[R]) func(row, n int) {
		a, b, c := readerOf[A](args[0]), readerOf[B](args[1]), readerOf[C](args[2])
		return func(row, n int) { result.put(row, n, f(a(row), b(row), c(row))) }
	}, typeOf[R](), typeOf[A](), typeOf[B](), typeOf[C]())
}

// AddFunction makes a function known by a name, without regard to case. It hides a built-in one of that name. Statements that are running keep what they had.
func (e *Environment) AddFunction(name string, f Function) error {
	if f.err != nil {
		return fault.New(fault.OptionInvalid, "function %s: %w", name, plain(f.err))
	}
	if f.function == nil || name == "" {
		return fault.New(fault.OptionInvalid, "a function needs a name, and is made by Func1, Func2 or Func3")
	}
	own := *f.function
	own.Name = strings.ToUpper(name)
	e.register(&own)
	return nil
}

// register adds a function to those of the session, in a registry of its own, as statements may be running with the old one.
func (e *Environment) register(function any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.functions = e.functions.With(function)
}

// goType is a type of Go as SQL has it.
type goType struct {
	t       types.Type
	pointer bool
	err     error
}

func typeOf[T any]() goType { return goTypeOf(reflect.TypeFor[T]()) }

func goTypeOf(t reflect.Type) goType {
	g := goType{}
	if t.Kind() == reflect.Pointer {
		g.pointer, t = true, t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		g.t = types.TimestampOf(6)
	case t == reflect.TypeFor[[]byte]():
		g.t = types.Bytes()
	default:
		kind, ok := map[reflect.Kind]types.Kind{
			reflect.Bool: types.Boolean, reflect.Int8: types.TinyInt, reflect.Int16: types.SmallInt, reflect.Int32: types.Int, reflect.Int64: types.BigInt,
			reflect.Float32: types.Float, reflect.Float64: types.Double,
		}[t.Kind()]
		switch {
		case t.Kind() == reflect.String:
			g.t = types.String()
		case ok:
			g.t = types.New(kind)
		default:
			g.err = fault.New(fault.OptionInvalid, "the Go type %v has no place in SQL: see table.Func1 for those that have", t)
		}
	}
	return g
}

func function[R any](bind func(args []*column.Vector, result *writer[R]) func(row, n int), result goType, args ...goType) Function {
	if err := firstError(result.err, args); err != nil {
		return Function{err: err}
	}
	f := &fn.Function{Doc: "a function of the program", Nulls: fn.NullCustom, Slow: true, Infer: inferScalar(args, result)}
	f.Bind = func(_ *fn.Session, _ []fn.Arg, _ types.Type) (fn.Kernel, error) {
		return func(_ *fn.Call, vectors []*column.Vector, sel []int32, n int, out *column.Vector) error {
			call := bind(vectors, &writer[R]{out})
			fn.Rows(sel, n, func(row int) {
				for i, v := range vectors {
					if !args[i].pointer && v.Null(row) {
						out.SetNull(row, n)
						return
					}
				}
				call(row, n)
			})
			return nil
		}, nil
	}
	return Function{function: f}
}

// inferScalar is the inference of a scalar function.
func inferScalar(args []goType, result goType) func(*fn.Session, []fn.Arg) (fn.Signature, error) {
	return func(_ *fn.Session, given []fn.Arg) (fn.Signature, error) {
		s, err := arguments(given, args)
		s.Result = result.t.WithNullable(result.pointer)
		for i := range s.Args {
			if s.Args[i].Nullable() && !args[i].pointer {
				s.Result = s.Result.WithNullable(true)
			}
		}
		return s, err
	}
}

// readerOf returns what reads a row of a flat vector as a T.
func readerOf[T any](v *column.Vector) func(row int) T {
	var zero T
	read := func(get any) func(row int) T {
		f, _ := get.(func(row int) T)
		return f
	}
	switch any(zero).(type) {
	case bool:
		return read(func(row int) bool { return v.Words[row] != 0 })
	case int8:
		return read(func(row int) int8 { return int8(v.Words[row]) })
	case int16:
		return read(func(row int) int16 { return int16(v.Words[row]) })
	case int32:
		return read(func(row int) int32 { return int32(v.Words[row]) })
	case int64:
		return read(func(row int) int64 { return int64(v.Words[row]) })
	case float32:
		return read(func(row int) float32 { return float32(v.Float(row)) })
	case float64:
		return read(func(row int) float64 { return v.Float(row) })
	case string:
		return read(func(row int) string { b := v.Bytes(row); return unsafe.String(unsafe.SliceData(b), len(b)) })
	case []byte:
		return read(func(row int) []byte { return v.Bytes(row) })
	case time.Time:
		return read(func(row int) time.Time { return column.TimeOf(v.Value(row), 6) })
	case *bool:
		return read(pointer[bool](v))
	case *int8:
		return read(pointer[int8](v))
	case *int16:
		return read(pointer[int16](v))
	case *int32:
		return read(pointer[int32](v))
	case *int64:
		return read(pointer[int64](v))
	case *float32:
		return read(pointer[float32](v))
	case *float64:
		return read(pointer[float64](v))
	case *string:
		return read(pointer[string](v))
	case *[]byte:
		return read(pointer[[]byte](v))
	case *time.Time:
		return read(pointer[time.Time](v))
	}
	return func(int) T { return zero } // typeOf has refused it
}

func pointer[T any](v *column.Vector) func(row int) *T {
	value := readerOf[T](v)
	place := new(T)
	return func(row int) *T {
		if v.Null(row) {
			return nil
		}
		*place = value(row)
		return place
	}
}

// writer writes results.
type writer[R any] struct{ out *column.Vector }

func (w *writer[R]) put(row, n int, r R) { put(w.out, row, n, any(&r)) }

func put(out *column.Vector, row, n int, r any) {
	switch r := r.(type) {
	case *bool:
		out.Words[row] = 0
		if *r {
			out.Words[row] = 1
		}
	case *int8:
		out.Words[row] = uint64(*r)
	case *int16:
		out.Words[row] = uint64(*r)
	case *int32:
		out.Words[row] = uint64(*r)
	case *int64:
		out.Words[row] = uint64(*r)
	case *float32:
		out.Words[row] = column.FloatValue(float64(*r)).Word
	case *float64:
		out.Words[row] = column.FloatValue(*r).Word
	case *string:
		out.SetString(row, *r)
	case *[]byte:
		out.SetBytes(row, *r)
	case *time.Time:
		out.Words[row] = column.TimeValue(*r, 6).Word
	case **bool:
		putPointer(out, row, n, *r)
	case **int8:
		putPointer(out, row, n, *r)
	case **int16:
		putPointer(out, row, n, *r)
	case **int32:
		putPointer(out, row, n, *r)
	case **int64:
		putPointer(out, row, n, *r)
	case **float32:
		putPointer(out, row, n, *r)
	case **float64:
		putPointer(out, row, n, *r)
	case **string:
		putPointer(out, row, n, *r)
	case **[]byte:
		putPointer(out, row, n, *r)
	case **time.Time:
		putPointer(out, row, n, *r)
	}
}

func putPointer[T any](out *column.Vector, row, n int, r *T) {
	if r == nil {
		out.SetNull(row, n)
		return
	}
	put(out, row, n, any(r))
}
