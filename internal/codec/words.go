package codec

import (
	"encoding/binary"
	"math"
	"reflect"
	"sync"
	"time"
	"unsafe"
)

// MaxWords is the greatest number of words of a key.
const MaxWords = 8

// Words turns keys of K into 64-bit words and bytes and back, so that a table that knows nothing of K can keep them: keys that are equal, as [KeyCodec] says,
// have equal words and bytes, and only these. A Words is immutable: any number of goroutines may use one at a time.
//
// The values of a key, in the order of package base, give words and bytes in this way:
//
//	bool, integers, floats     one word, the lane of the value in package base: the number extended to 64 bits, or the bits of the float64, -0 as 0, NaNs as one
//	complex                    two words, the real part first
//	[n]byte                    one word for 8 bytes, low ones first, the last one filled up with zeros
//	time.Time                  two words: seconds since 1970, and nanoseconds
//	string                     the bytes
//	self-marshalling           the bytes that the value's own method returns
//
// Where a key has two or more values of the last two kinds, each goes behind its length as uint. A key that would need more than [MaxWords] words has none:
// its bytes are its encoding by [KeyCodec].
type Words[K comparable] struct {
	// N is the number of words of every key, from 0 to MaxWords.
	N int
	// Bytes says whether a key also has bytes.
	Bytes bool
	// Put sets words[:N], appends the bytes of *k to bytes, and returns the longer slice. It keeps nothing, and allocates nothing beyond what bytes needs to
	// grow, but for values that marshal themselves; if the method of one fails, Put panics with the coded error, as KeyCodec.Hash does.
	Put func(k *K, words []uint64, bytes []byte) []byte
	// Get sets *k to the key, in its normal form, that Put made words[:N] and bytes from. Strings are copied, so *k does not alias bytes. It panics with
	// [fault.TypeDecode] if no key has these words and bytes, as far as that is seen; never otherwise.
	Get func(words []uint64, bytes []byte, k *K)
}

// wordsOf maps reflect.Type to *Words[K].
var wordsOf sync.Map

// WordsFor returns the words of K, compiled at the first call and the same afterwards. A type that cannot be a key is refused with [fault.TypeKey], as by
// [KeyFor].
func WordsFor[K comparable]() (*Words[K], error) {
	t := reflect.TypeFor[K]()
	if w, ok := wordsOf.Load(t); ok {
		return w.(*Words[K]), nil
	}
	c, err := KeyFor[K]()
	if err != nil {
		return nil, err
	}
	w, _ := wordsOf.LoadOrStore(t, compileWords(t, c))
	return w.(*Words[K]), nil
}

// wordProgram is what a key's words and bytes are made of.
type wordProgram struct {
	lanes  []lane
	words  int
	parts  int // strings and what marshals itself
	failed func(error, int) error
}

func compileWords[K comparable](t reflect.Type, c *KeyCodec[K]) *Words[K] {
	g := &wordProgram{lanes: lanesOf(t, 0, nil), failed: c.Codec.failed}
	for i := range g.lanes {
		n := g.lanes[i].words()
		g.words += n
		if k := g.lanes[i].kind; k == laneString || k == laneSelf {
			g.parts++
		}
	}
	if g.words > MaxWords {
		return encodedWords(c)
	}
	w := &Words[K]{N: g.words, Bytes: g.parts > 0}
	if w.plain(g.lanes) {
		return w
	}
	w.Put = func(k *K, words []uint64, bytes []byte) []byte { return g.put(unsafe.Pointer(k), words, bytes) }
	w.Get = func(words []uint64, bytes []byte, k *K) { g.get(words, bytes, unsafe.Pointer(k)) }
	return w
}

// encodedWords is for keys of too many words.
func encodedWords[K comparable](c *KeyCodec[K]) *Words[K] {
	return &Words[K]{
		Bytes: true,
		Put: func(k *K, _ []uint64, bytes []byte) []byte {
			bytes, err := c.Encode(bytes, k)
			if err != nil {
				panic(err)
			}
			return bytes
		},
		Get: func(_ []uint64, bytes []byte, k *K) {
			rest, err := c.Decode(bytes, k)
			if err == nil && len(rest) > 0 {
				err = c.Codec.failed(corrupt(rest, "there are bytes behind the key"), len(bytes))
			}
			if err != nil {
				panic(err)
			}
		},
	}
}

// words returns how many words a value takes.
func (l *lane) words() int {
	switch l.kind {
	case laneString, laneSelf:
		return 0
	case laneTime:
		return 2
	case laneRaw:
		return int((l.size + 7) / 8)
	default:
		return 1
	}
}

// plain sets functions of their own for the commonest keys, and reports whether it did.
func (w *Words[K]) plain(lanes []lane) bool {
	whole := len(lanes) > 0 // all values are 64-bit integers
	for i := range lanes {
		whole = whole && (lanes[i].kind == laneInt64 || lanes[i].kind == laneUint64)
	}
	switch {
	case len(lanes) == 2 && whole:
		a, b := lanes[0].off, lanes[1].off
		w.Put = func(k *K, words []uint64, bytes []byte) []byte {
			p := unsafe.Pointer(k)
			_ = words[1]
			words[0], words[1] = *(*uint64)(unsafe.Add(p, a)), *(*uint64)(unsafe.Add(p, b))
			return bytes
		}
		w.Get = func(words []uint64, _ []byte, k *K) {
			p := unsafe.Pointer(k)
			_ = words[1]
			*(*uint64)(unsafe.Add(p, a)), *(*uint64)(unsafe.Add(p, b)) = words[0], words[1]
		}
		return true
	case len(lanes) != 1:
		return false
	}
	off := lanes[0].off
	switch lanes[0].kind {
	case laneInt64, laneUint64:
		w.Put = func(k *K, words []uint64, bytes []byte) []byte {
			words[0] = *(*uint64)(unsafe.Add(unsafe.Pointer(k), off))
			return bytes
		}
		w.Get = func(words []uint64, _ []byte, k *K) { *(*uint64)(unsafe.Add(unsafe.Pointer(k), off)) = words[0] }
	case laneInt32:
		w.Put = func(k *K, words []uint64, bytes []byte) []byte {
			words[0] = uint64(*(*int32)(unsafe.Add(unsafe.Pointer(k), off)))
			return bytes
		}
		w.Get = func(words []uint64, _ []byte, k *K) { *(*int32)(unsafe.Add(unsafe.Pointer(k), off)) = int32(words[0]) }
	case laneString:
		w.Put = func(k *K, _ []uint64, bytes []byte) []byte {
			return append(bytes, *(*string)(unsafe.Add(unsafe.Pointer(k), off))...)
		}
		w.Get = func(_ []uint64, bytes []byte, k *K) { *(*string)(unsafe.Add(unsafe.Pointer(k), off)) = string(bytes) }
	case laneRaw:
		if lanes[0].size != 16 {
			return false
		}
		w.Put = func(k *K, words []uint64, bytes []byte) []byte {
			b := (*[16]byte)(unsafe.Add(unsafe.Pointer(k), off))
			_ = words[1]
			words[0], words[1] = binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])
			return bytes
		}
		w.Get = func(words []uint64, _ []byte, k *K) {
			b := (*[16]byte)(unsafe.Add(unsafe.Pointer(k), off))
			_ = words[1]
			binary.LittleEndian.PutUint64(b[:8], words[0])
			binary.LittleEndian.PutUint64(b[8:], words[1])
		}
	default:
		return false
	}
	return true
}

func (g *wordProgram) put(p unsafe.Pointer, words []uint64, bytes []byte) []byte {
	words = words[:g.words]
	i := 0
	for j := range g.lanes {
		l := &g.lanes[j]
		q := unsafe.Add(p, l.off)
		var w uint64
		switch l.kind {
		case laneBool, laneUint8:
			w = uint64(*(*uint8)(q))
		case laneInt8:
			w = uint64(*(*int8)(q))
		case laneInt16:
			w = uint64(*(*int16)(q))
		case laneInt32:
			w = uint64(*(*int32)(q))
		case laneInt64, laneUint64:
			w = *(*uint64)(q)
		case laneUint16:
			w = uint64(*(*uint16)(q))
		case laneUint32:
			w = uint64(*(*uint32)(q))
		case laneFloat32:
			w = normal64(math.Float64bits(float64(*(*float32)(q))))
		case laneFloat64:
			w = normal64(*(*uint64)(q))
		case laneTime:
			t := (*time.Time)(q)
			words[i], words[i+1] = uint64(t.Unix()), uint64(t.Nanosecond())
			i += 2
			continue
		case laneRaw:
			i += pack(words[i:], unsafe.Slice((*byte)(q), l.size))
			continue
		case laneString:
			s := *(*string)(q)
			if g.parts > 1 {
				bytes = appendUvarint(bytes, uint64(len(s)))
			}
			bytes = append(bytes, s...)
			continue
		default:
			bytes = g.putSelf(l, q, bytes)
			continue
		}
		words[i] = w
		i++
	}
	return bytes
}

func (g *wordProgram) putSelf(l *lane, q unsafe.Pointer, bytes []byte) []byte {
	b, err := l.self.framed(bytes, q, g.parts > 1)
	if err != nil {
		panic(g.failed(err, -1))
	}
	return b
}

// pack sets words to bytes, 8 to a word, and returns how many words it set.
func pack(words []uint64, b []byte) (n int) {
	for ; len(b) >= 8; b = b[8:] {
		words[n] = binary.LittleEndian.Uint64(b)
		n++
	}
	if len(b) > 0 {
		var last [8]byte
		copy(last[:], b)
		words[n] = binary.LittleEndian.Uint64(last[:])
		n++
	}
	return n
}

// unpack undoes pack.
func unpack(words []uint64, b []byte) (n int) {
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, words[n])
		n++
	}
	if len(b) > 0 {
		var last [8]byte
		binary.LittleEndian.PutUint64(last[:], words[n])
		copy(b, last[:])
		n++
	}
	return n
}

func (g *wordProgram) get(words []uint64, bytes []byte, p unsafe.Pointer) {
	words = words[:g.words]
	i, rest := 0, bytes
	for j := range g.lanes {
		l := &g.lanes[j]
		q := unsafe.Add(p, l.off)
		switch l.kind {
		case laneBool:
			*(*bool)(q) = words[i] != 0
		case laneInt8, laneUint8:
			*(*uint8)(q) = uint8(words[i])
		case laneInt16, laneUint16:
			*(*uint16)(q) = uint16(words[i])
		case laneInt32, laneUint32:
			*(*uint32)(q) = uint32(words[i])
		case laneInt64, laneUint64, laneFloat64:
			*(*uint64)(q) = words[i]
		case laneFloat32:
			*(*uint32)(q) = normal32(math.Float32bits(float32(math.Float64frombits(words[i]))))
		case laneTime:
			*(*time.Time)(q) = time.Unix(int64(words[i]), int64(words[i+1])).UTC()
			i++
		case laneRaw:
			i += unpack(words[i:], unsafe.Slice((*byte)(q), l.size))
			continue
		case laneString:
			*(*string)(q) = string(g.part(&rest, bytes))
			continue
		default:
			b := g.part(&rest, bytes)
			if err := l.self.set(b, q, len(rest)+len(b)); err != nil {
				panic(g.failed(err, len(bytes)))
			}
			continue
		}
		i++
	}
	if len(rest) > 0 {
		panic(g.failed(corrupt(rest, "there are bytes behind the key"), len(bytes)))
	}
}

// part takes the next string, or what marshals itself, from the front of rest.
func (g *wordProgram) part(rest *[]byte, all []byte) []byte {
	b := *rest
	n := uint64(len(b))
	if g.parts > 1 {
		var err error
		if n, b, err = uvarint(b); err == nil && n > uint64(len(b)) {
			err = short(b)
		}
		if err != nil {
			panic(g.failed(err, len(all)))
		}
	}
	*rest = b[n:]
	return b[:n:n]
}
