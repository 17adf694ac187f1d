package codec

import (
	"bytes"
	"math"
	"reflect"
	"sync"
	"time"
	"unsafe"

	"github.com/weirstream/weir/internal/base"
)

// KeyCodec hashes, compares and encodes keys. It is immutable: any number of goroutines may use one at a time. Two keys are equal if
// their encodings are: -0 equals 0, all NaNs are equal, and times are equal if they are one instant.
type KeyCodec[K comparable] struct {
	// Hash returns the stable hash of a key, as package base documents it. It does not allocate, unless K has parts that marshal
	// themselves; if such a method fails, Hash panics with the coded error.
	Hash func(k K) uint64
	// Equal reports whether two keys are equal. It is nil where == says so. It panics as Hash does.
	Equal func(a, b *K) bool
	// Codec encodes keys in their normal form, so that equal keys have equal encodings; what it writes is also a valid encoding of K
	// as a value. Decoding gives the normal form: 0 for -0, UTC for times.
	Codec *Codec[K]
}

// keyCodecs maps reflect.Type to *KeyCodec[K], or to the error of a type that is refused.
var keyCodecs sync.Map

// KeyFor returns the key codec of K, compiled at the first call and the same afterwards. A type that cannot be a key is refused with
// [fault.TypeKey], and the message names the field at fault.
func KeyFor[K comparable]() (*KeyCodec[K], error) {
	t := reflect.TypeFor[K]()
	v, ok := keyCodecs.Load(t)
	if !ok {
		v, _ = keyCodecs.LoadOrStore(t, compileKey[K](t))
	}
	if err, ok := v.(error); ok {
		return nil, err
	}
	return v.(*KeyCodec[K]), nil
}

// Encode appends the encoding of a key's normal form to dst, as [Codec.Encode] does.
func (c *KeyCodec[K]) Encode(dst []byte, k *K) ([]byte, error) { return c.Codec.Encode(dst, k) }

// Decode reads a key, as [Codec.Decode] does.
func (c *KeyCodec[K]) Decode(src []byte, k *K) (rest []byte, err error) {
	return c.Codec.Decode(src, k)
}

// compileKey returns a *KeyCodec[K] or an error.
func compileKey[K comparable](t reflect.Type) any {
	v := compile[K](t, true)
	if err, ok := v.(error); ok {
		return err
	}
	c := v.(*Codec[K])
	lanes := lanesOf(t, 0, nil)
	k := &KeyCodec[K]{Codec: c, Hash: hashFunc[K](t, lanes, c)}
	for _, l := range lanes {
		if !l.kind.exact() {
			k.Equal = func(a, b *K) bool { return equalLanes(lanes, unsafe.Pointer(a), unsafe.Pointer(b), c) }
			break
		}
	}
	return k
}

// lane is one value of a key: where it is and how it is hashed.
type lane struct {
	off  uintptr
	kind laneKind
	size uintptr      // of laneRaw
	self *marshalling // of laneSelf
}

type laneKind uint8

const (
	laneBool laneKind = iota
	laneInt8
	laneInt16
	laneInt32
	laneInt64
	laneUint8
	laneUint16
	laneUint32
	laneUint64
	laneString
	laneRaw // an array of bytes
	laneFloat32
	laneFloat64
	laneTime
	laneSelf // marshals itself
)

// exact reports whether equal encodings mean == for values of the kind.
func (k laneKind) exact() bool { return k < laneFloat32 }

// lanesOf appends the values of a key of type t, found at off.
func lanesOf(t reflect.Type, off uintptr, to []lane) []lane {
	one := func(k laneKind) []lane { return append(to, lane{off: off, kind: k}) }
	if t == timeType {
		return one(laneTime)
	}
	if m := marshallingOf(t); m != nil {
		return append(to, lane{off: off, kind: laneSelf, self: m})
	}
	switch t.Kind() {
	case reflect.Bool:
		return one(laneBool)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return one(bySize(t.Size(), laneInt8))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return one(bySize(t.Size(), laneUint8))
	case reflect.Float32:
		return one(laneFloat32)
	case reflect.Float64:
		return one(laneFloat64)
	case reflect.Complex64:
		return append(to, lane{off: off, kind: laneFloat32}, lane{off: off + 4, kind: laneFloat32})
	case reflect.Complex128:
		return append(to, lane{off: off, kind: laneFloat64}, lane{off: off + 8, kind: laneFloat64})
	case reflect.String:
		return one(laneString)
	case reflect.Array:
		if rawBytes(t.Elem()) {
			return append(to, lane{off: off, kind: laneRaw, size: t.Size()})
		}
		before := len(to)
		for i := range t.Len() {
			if to = lanesOf(t.Elem(), off+uintptr(i)*t.Elem().Size(), to); len(to) == before {
				break // elements without values, of which there may be very many
			}
		}
	case reflect.Struct:
		for f := range t.Fields() {
			if f.Name != "_" {
				to = lanesOf(f.Type, off+f.Offset, to)
			}
		}
	}
	return to
}

// bySize returns the kind of an integer of so many bytes; first is that of one byte.
func bySize(size uintptr, first laneKind) laneKind {
	switch size {
	case 1:
		return first
	case 2:
		return first + 1
	case 4:
		return first + 2
	default:
		return first + 3
	}
}

// hashFunc returns the hash of keys of type t. A key of one plain value has a function of its own.
func hashFunc[K comparable](t reflect.Type, lanes []lane, c *Codec[K]) func(K) uint64 {
	if len(lanes) == 1 && lanes[0].off == 0 {
		switch lanes[0].kind {
		case laneBool:
			return func(k K) uint64 { return one(base.LaneBool(*(*bool)(unsafe.Pointer(&k)))) }
		case laneInt8:
			return func(k K) uint64 { return one(base.LaneInt(int64(*(*int8)(unsafe.Pointer(&k))))) }
		case laneInt16:
			return func(k K) uint64 { return one(base.LaneInt(int64(*(*int16)(unsafe.Pointer(&k))))) }
		case laneInt32:
			return func(k K) uint64 { return one(base.LaneInt(int64(*(*int32)(unsafe.Pointer(&k))))) }
		case laneInt64:
			return func(k K) uint64 { return one(base.LaneInt(*(*int64)(unsafe.Pointer(&k)))) }
		case laneUint8:
			return func(k K) uint64 { return one(base.LaneUint(uint64(*(*uint8)(unsafe.Pointer(&k))))) }
		case laneUint16:
			return func(k K) uint64 { return one(base.LaneUint(uint64(*(*uint16)(unsafe.Pointer(&k))))) }
		case laneUint32:
			return func(k K) uint64 { return one(base.LaneUint(uint64(*(*uint32)(unsafe.Pointer(&k))))) }
		case laneUint64:
			return func(k K) uint64 { return one(base.LaneUint(*(*uint64)(unsafe.Pointer(&k)))) }
		case laneString:
			return func(k K) uint64 { return one(base.LaneString(*(*string)(unsafe.Pointer(&k)))) }
		}
	}
	return func(k K) uint64 { return hashLanes(lanes, noescape(unsafe.Pointer(&k)), c.failed) }
}

func one(lane uint64) uint64 { return base.HashCombine(base.HashSeed, lane) }

// hashLanes hashes the key at p.
func hashLanes(lanes []lane, p unsafe.Pointer, failed func(error, int) error) uint64 {
	h := base.HashSeed
	for i := range lanes {
		l := &lanes[i]
		q := unsafe.Add(p, l.off)
		var v uint64
		switch l.kind {
		case laneBool:
			v = base.LaneBool(*(*bool)(q))
		case laneInt8:
			v = base.LaneInt(int64(*(*int8)(q)))
		case laneInt16:
			v = base.LaneInt(int64(*(*int16)(q)))
		case laneInt32:
			v = base.LaneInt(int64(*(*int32)(q)))
		case laneInt64:
			v = base.LaneInt(*(*int64)(q))
		case laneUint8:
			v = base.LaneUint(uint64(*(*uint8)(q)))
		case laneUint16:
			v = base.LaneUint(uint64(*(*uint16)(q)))
		case laneUint32:
			v = base.LaneUint(uint64(*(*uint32)(q)))
		case laneUint64:
			v = base.LaneUint(*(*uint64)(q))
		case laneString:
			v = base.LaneString(*(*string)(q))
		case laneRaw:
			v = base.LaneBytes(unsafe.Slice((*byte)(q), l.size))
		case laneFloat32:
			v = base.LaneFloat(float64(*(*float32)(q)))
		case laneFloat64:
			v = base.LaneFloat(*(*float64)(q))
		case laneTime:
			v = base.LaneTime(*(*time.Time)(q))
		case laneSelf:
			b := scratch.Get().(*[]byte)
			*b = l.self.must((*b)[:0], q, failed)
			v = base.LaneBytes(*b)
			scratch.Put(b)
		}
		h = base.HashCombine(h, v)
	}
	return h
}

// scratch holds buffers for keys that marshal themselves.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// must is append for where no error can be returned.
func (m *marshalling) must(dst []byte, p unsafe.Pointer, failed func(error, int) error) []byte {
	dst, err := m.append(dst, p)
	if err != nil {
		panic(failed(m.failed(err), -1))
	}
	return dst
}

// equalLanes compares the keys at a and b.
func equalLanes[K any](lanes []lane, a, b unsafe.Pointer, c *Codec[K]) bool {
	for i := range lanes {
		if l := &lanes[i]; !l.equal(unsafe.Add(a, l.off), unsafe.Add(b, l.off), c.failed) {
			return false
		}
	}
	return true
}

func (l *lane) equal(p, q unsafe.Pointer, failed func(error, int) error) bool {
	switch l.kind {
	case laneBool, laneInt8, laneUint8:
		return *(*uint8)(p) == *(*uint8)(q)
	case laneInt16, laneUint16:
		return *(*uint16)(p) == *(*uint16)(q)
	case laneInt32, laneUint32:
		return *(*uint32)(p) == *(*uint32)(q)
	case laneInt64, laneUint64:
		return *(*uint64)(p) == *(*uint64)(q)
	case laneString:
		return *(*string)(p) == *(*string)(q)
	case laneRaw:
		return bytes.Equal(unsafe.Slice((*byte)(p), l.size), unsafe.Slice((*byte)(q), l.size))
	case laneFloat32:
		return normal32(*(*uint32)(p)) == normal32(*(*uint32)(q))
	case laneFloat64:
		x, y := *(*float64)(p), *(*float64)(q)
		return x == y || math.IsNaN(x) && math.IsNaN(y)
	case laneTime:
		x, y := (*time.Time)(p), (*time.Time)(q)
		return x.Unix() == y.Unix() && x.Nanosecond() == y.Nanosecond()
	default:
		s := scratch.Get().(*[]byte)
		defer scratch.Put(s)
		*s = l.self.must((*s)[:0], p, failed)
		n := len(*s)
		*s = l.self.must(*s, q, failed)
		return bytes.Equal((*s)[:n], (*s)[n:])
	}
}
