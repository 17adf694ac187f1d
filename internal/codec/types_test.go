package codec

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"time"
)

// Types that the tests share.

type word string
type count int64

type small struct {
	ID    int64
	Name  string
	Score float64
}

type order struct {
	ID       int64
	Customer string
	Amount   float64
	At       int64
	Express  bool
	Tags     []string
}

type inner struct {
	A uint16
	_ int64 // no value
	b string
}

type embedding struct {
	inner
	*small
	Inner inner
}

type everything struct {
	Bool   bool
	I8     int8
	I16    int16
	I32    int32
	I64    int64
	I      int
	U8     uint8
	U16    uint16
	U32    uint32
	U64    uint64
	U      uint
	F32    float32
	F64    float64
	C64    complex64
	C128   complex128
	S      string
	W      word
	D      time.Duration
	B      []byte
	Raw    [3]byte
	Nested struct {
		X, Y int32
		Deep struct{ S []string }
	}
	Slice   []inner
	Array   [2]inner
	Ptr     *int64
	PtrPtr  **string
	M       map[string]int64
	Named   map[word]count
	MS      map[inner2]*small
	Set     map[int32]struct{}
	Time    time.Time
	Addr    netip.Addr
	Big     *big.Int
	Empty   struct{}
	Empties []struct{}
	None    [0]string
}

type inner2 struct {
	A int8
	B string
}

type list struct {
	Value int64
	Next  *list
}

type tree struct {
	Name     string
	Children []tree
	Index    map[string]*tree
}

type slices2 []slices2

type ping struct{ Pong *pong }
type pong struct {
	N     int
	Pings []ping
}

// money marshals itself in binary, by pointer receivers.
type money struct {
	cents int64
	code  string
}

func (m *money) MarshalBinary() ([]byte, error) {
	if m.code == "bad" {
		return nil, errors.New("no such currency")
	}
	return []byte(fmt.Sprintf("%d %s", m.cents, m.code)), nil
}

func (m *money) UnmarshalBinary(b []byte) error {
	if string(b) == "panic" {
		panic("caught off guard")
	}
	_, err := fmt.Sscanf(string(b), "%d %s", &m.cents, &m.code)
	return err
}

// level marshals itself as text, by value.
type level int

func (l level) MarshalText() ([]byte, error) { return []byte(strings.Repeat("*", int(l))), nil }
func (l *level) UnmarshalText(b []byte) error {
	*l = level(len(b))
	return nil
}

// event embeds a type that marshals itself: the method must not be used, it would lose What.
type event struct {
	time.Time
	What string
}

// priced embeds by pointer.
type priced struct {
	*money
	Item string
}

// dated embeds a type that marshals itself and has methods of its own.
type dated struct {
	time.Time
	What string
}

func (d dated) MarshalBinary() ([]byte, error) {
	return []byte(fmt.Sprintf("%d %s", d.Unix(), d.What)), nil
}
func (d *dated) UnmarshalBinary(b []byte) error {
	var sec int64
	_, err := fmt.Sscanf(string(b), "%d %s", &sec, &d.What)
	d.Time = time.Unix(sec, 0).UTC()
	return err
}

// box is generic, embeds a type that marshals itself, and has methods of its own.
type box[T any] struct {
	time.Time
	V T
}

func (d box[T]) MarshalBinary() ([]byte, error)  { return []byte(fmt.Sprint(d.V)), nil }
func (d *box[T]) UnmarshalBinary(b []byte) error { _, err := fmt.Sscan(string(b), &d.V); return err }

// crate is generic and has no methods of its own.
type crate[T any] struct {
	time.Time
	V T
}

func ptr[T any](v T) *T { return &v }

var berlin = time.FixedZone("CET", 3600)

func fullValue() everything {
	s := "pointed"
	p := &s
	v := everything{
		Bool: true, I8: -128, I16: math.MinInt16, I32: math.MaxInt32, I64: math.MinInt64, I: -5, U8: 255, U16: 65535,
		U32: math.MaxUint32, U64: math.MaxUint64, U: 300, F32: -0.5, F64: math.Inf(-1), C64: complex(1, -2), C128: complex(math.Pi, 0),
		S: "héllo", W: "w", D: time.Minute, B: []byte{0, 1, 255}, Raw: [3]byte{7, 8, 9},
		Slice: []inner{{A: 1, b: "x"}, {}}, Array: [2]inner{{A: 2}, {b: "z"}}, Ptr: ptr(int64(77)), PtrPtr: &p,
		M: map[string]int64{"b": 2, "a": 1, "": 0}, Named: map[word]count{"x": 9, "longer": -9},
		MS:  map[inner2]*small{{1, "k"}: {ID: 4, Name: "n"}, {2, "k"}: nil},
		Set: map[int32]struct{}{5: {}, -5: {}, 1000: {}}, Time: time.Date(2026, 11, 3, 10, 20, 30, 123456789, berlin),
		Addr: netip.MustParseAddr("192.168.1.7"), Big: big.NewInt(0).Lsh(big.NewInt(1), 100), Empties: make([]struct{}, 3),
	}
	v.Nested.X, v.Nested.Deep.S = 1, []string{"deep", ""}
	return v
}
