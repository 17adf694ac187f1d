package codec

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/big"
	"net"
	"net/netip"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/buildtags"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// golden compares text with a file, or writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *rewrite {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("%s (-want +have):\n%s", file, d)
	}
}

func must[T any](t testing.TB) *Codec[T] {
	t.Helper()
	c, err := For[T]()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// same compares values as decoding keeps them: times by instant and offset, NaNs by bits, nil and empty apart.
var same = []cmp.Option{
	cmp.Exporter(func(reflect.Type) bool { return true }),
	cmp.Comparer(func(a, b time.Time) bool {
		_, x := a.Zone()
		_, y := b.Zone()
		return a.Equal(b) && x == y
	}),
	cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }),
	cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }),
	cmp.Comparer(func(a, b complex128) bool {
		return math.Float64bits(real(a)) == math.Float64bits(real(b)) && math.Float64bits(imag(a)) == math.Float64bits(imag(b))
	}),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b *big.Int) bool { return a == b || a != nil && b != nil && a.Cmp(b) == 0 }),
}

// entry is a value of some type in a table.
type entry interface {
	check(t *testing.T)       // the round trip and what must hold of it
	golden() (string, string) // type and line of the golden file
}

type val[T any] struct {
	v T
}

func (e val[T]) check(t *testing.T) {
	t.Helper()
	c := must[T](t)
	prefix := []byte("before")
	b, err := c.Encode(prefix, &e.v)
	if err != nil {
		t.Errorf("%T: %v", e.v, err)
		return
	}
	if !bytes.HasPrefix(b, prefix) {
		t.Errorf("%T: Encode changed what was there", e.v)
	}
	b = b[len(prefix):]
	again, _ := c.Encode(nil, &e.v)
	if !bytes.Equal(b, again) {
		t.Errorf("%T: two encodings:\n%x\n%x", e.v, b, again)
	}
	var got T
	rest, err := c.Decode(append(bytes.Clone(b), "after"...), &got)
	if err != nil || string(rest) != "after" {
		t.Errorf("%T: %x decodes with rest %q, error %v", e.v, b, rest, err)
		return
	}
	if d := cmp.Diff(e.v, got, same...); d != "" {
		t.Errorf("%T (-in +out):\n%s", e.v, d)
	}
	// Every shorter input is refused, and never panics.
	step := max(1, len(b)/2000)
	for n := 0; n < len(b); n += step {
		var got T
		if _, err := c.Decode(b[:n:n], &got); fault.CodeOf(err) != fault.TypeDecode {
			t.Errorf("%T: cut to %d of %d bytes: %v", e.v, n, len(b), err)
		}
	}
	if size := c.Size(&e.v); size < int(unsafe.Sizeof(e.v)) {
		t.Errorf("%T: size %d", e.v, size)
	}
	fixed, ok := c.FixedSize()
	if ok == c.HasPointers() || ok && (fixed != c.Size(&e.v) || fixed != int(unsafe.Sizeof(e.v))) {
		t.Errorf("%T: fixed size %d, %v, but size %d, pointers %v", e.v, fixed, ok, c.Size(&e.v), c.HasPointers())
	}
}

func (e val[T]) golden() (string, string) {
	c, err := For[T]()
	if err != nil {
		panic(err)
	}
	b, err := c.Encode(nil, &e.v)
	if err != nil {
		panic(err)
	}
	if len(b) > 700 {
		b = b[:700]
	}
	text := fmt.Sprintf("%+v", e.v)
	if len(text) > 60 || reflect.TypeFor[T]().Kind() == reflect.Pointer || strings.Contains(text, "0x") {
		text = "..."
	}
	return c.Schema(), fmt.Sprintf("%s = %s", text, hex.EncodeToString(b))
}

func v[T any](x T) entry { return val[T]{x} }

func table() []entry {
	return []entry{
		v(true), v(false),
		v(int8(-1)), v(int8(127)), v(int16(-300)), v(int32(math.MinInt32)), v(int64(0)), v(int64(63)), v(int64(64)), v(int64(-64)), v(int64(-65)),
		v(int64(math.MaxInt64)), v(int64(math.MinInt64)), v(5), v(-5),
		v(uint8(0)), v(uint8(200)), v(uint16(128)), v(uint32(1 << 31)), v(uint64(math.MaxUint64)), v(uint(7)),
		v(float32(1.5)), v(0.1), v(math.Copysign(0, -1)), v(math.NaN()), v(math.Float64frombits(0xfff8dead00000001)), v(math.Inf(1)), v(float32(math.Inf(-1))),
		v(complex64(complex(1, 2))), v(complex(-1, 0.5)),
		v(""), v("a"), v("héllo"), v(strings.Repeat("x", 127)), v(strings.Repeat("y", 128)), v(strings.Repeat("z", 70000)), v(word("w")),
		v([]byte(nil)), v([]byte{}), v([]byte{1, 2}), v([]uint8(strings.Repeat("b", 300))), v([4]byte{1, 2, 3, 4}), v([0]byte{}),
		v([]int64(nil)), v([]int64{}), v([]int64{1, -1, 1000}), v([]int8{-1, 0}), v([]int16{1, 2, 3}), v([]bool{true, false}),
		v([]string(nil)), v([]string{}), v([]string{"", "a"}), v([][]string{nil, {}, {"x"}}), v([3]int32{1, 2, 3}), v([2][2]string{{"a", "b"}, {"c", "d"}}),
		v([]small(nil)), v([]small{}), v([]small{{1, "a", 2}, {}}), v([]order{{ID: 1, Tags: []string{"x"}}}), v([]struct{}(nil)), v(make([]struct{}, 2)),
		v([]struct{ _ int64 }{{}, {}}), v([]*int64{nil, ptr(int64(3))}),
		v(map[string]int64(nil)), v(map[string]int64{}), v(map[string]int64{"b": 1, "a": 2, "": 3, "ab": 4}), v(map[int]string{2: "b", -1: "a", 300: "c"}),
		v(map[int32]bool{1: true}), v(map[uint32]float32{1: 2}), v(map[uint]int8{1: -2}), v(map[word]struct{}{"x": {}}), v(map[string][]string{"x": nil, "y": {}, "z": {"1"}}),
		v(map[string]map[string]int{"x": {"y": 1}, "z": nil}), v(map[int64]*small{1: nil, 2: {ID: 3}}), v(map[inner2]small{{1, "a"}: {}, {0, "b"}: {ID: 1}}),
		v(map[bool]uint16{true: 1, false: 0}), v(map[[2]int8]string{{1, 2}: "a"}), v(map[string]small{"k": {ID: 5}}), v(map[struct{}]struct{}{{}: {}}),
		v(map[float64]string{1.5: "a", math.Inf(1): "b"}), v(map[time.Duration]time.Duration{time.Second: time.Hour}), v(map[level]level{2: 3}),
		v(map[string]net.IP{"a": net.IPv4(1, 2, 3, 4)}),
		v((*int64)(nil)), v(ptr(int64(9))), v(ptr(ptr("s"))), v((**string)(nil)), v(ptr((*string)(nil))),
		v(struct{}{}), v(struct{ A int }{4}), v(small{7, "seven", 7.7}), v(order{1, "c", 2.5, 1793700000000, true, []string{"a", "b"}}),
		v(inner{A: 3, b: "b"}), v(embedding{inner: inner{A: 1}, small: &small{ID: 2}, Inner: inner{b: "x"}}), v(embedding{}),
		v(everything{}), v(fullValue()), v(&everything{S: "x"}),
		v(time.Time{}), v(time.Unix(0, 0).UTC()), v(time.Date(2026, 11, 3, 10, 20, 30, 123456789, time.UTC)), v(time.Date(2026, 11, 3, 10, 20, 30, 0, berlin)),
		v(time.Unix(-1, 5).In(time.FixedZone("x", -12345))), v(time.Date(9999, 12, 31, 0, 0, 0, 999999999, time.UTC)), v(time.Duration(1500)), v(time.March),
		v(list{1, &list{2, &list{3, nil}}}), v(tree{"root", []tree{{Name: "a"}, {Children: []tree{}}}, map[string]*tree{"x": {Name: "y"}}}),
		v(slices2{{}, nil, {{}}}), v(ping{&pong{1, []ping{{}, {&pong{}}}}}),
		v(money{cents: 1250, code: "EUR"}), v(&money{cents: 1, code: strings.Repeat("long", 100)}), v([]money{{1, "A"}, {2, "B"}}), v(level(3)), v([]level{1, 0}),
		v(netip.MustParseAddr("::1")), v(netip.Addr{}), v(*big.NewInt(-77)), v(big.NewInt(1 << 40)), v(net.IPv4(10, 0, 0, 1)),
		v(event{time.Unix(5, 0).UTC(), "what"}), v(priced{&money{5, "EUR"}, "item"}), v(priced{}), v(dated{time.Unix(5, 0).UTC(), "what"}),
		v(box[int]{V: 5}), v(crate[int]{time.Unix(5, 0).UTC(), 5}),
		v(struct {
			time.Time
			N int
		}{time.Unix(1, 0).UTC(), 2}),
	}
}

func TestRoundTrip(t *testing.T) {
	for _, e := range table() {
		e.check(t)
	}
}

// The file is not to be rewritten for a change of the encoding: data written before could not be read.
func TestEncodingNeverChanges(t *testing.T) {
	var b strings.Builder
	last := ""
	for _, e := range table() {
		schema, line := e.golden()
		if schema != last {
			fmt.Fprintf(&b, "%s\n", schema)
			last = schema
		}
		fmt.Fprintf(&b, "    %s\n", line)
	}
	golden(t, "testdata/encodings.txt", b.String())
}

func TestDecodeIsDeepAndFresh(t *testing.T) {
	c := must[everything](t)
	in := fullValue()
	b, err := c.Encode(nil, &in)
	if err != nil {
		t.Fatal(err)
	}
	out := fullValue() // is to be overwritten without a trace, and left alone behind its pointers
	kept := out
	if _, err := c.Decode(b, &out); err != nil {
		t.Fatal(err)
	}
	clear(b)
	if d := cmp.Diff(in, out, same...); d != "" {
		t.Errorf("the value changed with the buffer (-in +out):\n%s", d)
	}
	if d := cmp.Diff(fullValue(), kept, same...); d != "" {
		t.Errorf("Decode wrote into the value that was there (-was +is):\n%s", d)
	}
}

func TestMapsAreDeterministic(t *testing.T) {
	c := must[map[string]map[inner2]int](t)
	var want []byte
	for round := range 50 {
		m := map[string]map[inner2]int{}
		for i := range 30 {
			n := (i*7 + round) % 30
			if m[fmt.Sprint(n%5)] == nil {
				m[fmt.Sprint(n%5)] = map[inner2]int{}
			}
			m[fmt.Sprint(n%5)][inner2{int8(n), "x"}] = n
		}
		got, err := c.Encode(nil, &m)
		if err != nil {
			t.Fatal(err)
		}
		if want != nil && !bytes.Equal(got, want) {
			t.Fatalf("round %d:\n%x\n%x", round, got, want)
		}
		want = got
	}
}

func TestTimes(t *testing.T) {
	c := must[time.Time](t)
	local, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		local = berlin
	}
	for _, in := range []time.Time{time.Now(), time.Now().UTC(), time.Now().In(local), time.Now().In(time.FixedZone("far", math.MaxInt)), {}} {
		b, err := c.Encode(nil, &in)
		if err != nil {
			t.Fatal(err)
		}
		var out time.Time
		if _, err := c.Decode(b, &out); err != nil {
			t.Fatal(err)
		}
		if !out.Equal(in) {
			t.Errorf("%v became %v", in, out)
		}
		if in.Location() == time.UTC && out.Location() != time.UTC {
			t.Errorf("%v left UTC", in)
		}
	}
}

func refusal[T any]() string {
	_, err := For[T]()
	return fmt.Sprintf("%v\n    %v", reflect.TypeFor[T](), err)
}

func keyRefusal[K comparable]() string {
	_, err := KeyFor[K]()
	return fmt.Sprintf("%v\n    %v", reflect.TypeFor[K](), err)
}

type shipment struct {
	Items []struct{ Done chan int }
}

type cell struct {
	Value any
}

type guarded struct {
	Mu sync.Mutex
	n  int
}

type holder struct{ embedded }
type embedded struct{ F func() }

func TestRefusals(t *testing.T) {
	for _, c := range []string{
		refusal[chan int](), refusal[func()](), refusal[any](), refusal[error](), refusal[uintptr](), refusal[unsafe.Pointer](), refusal[sync.Mutex](),
		refusal[shipment](), refusal[*shipment](), refusal[[]cell](), refusal[map[string]map[string][2]cell](), refusal[map[cell]int](),
		refusal[guarded](), refusal[holder](), refusal[struct{ encodingIface }](), refusal[[]fmt.Stringer](), refusal[struct{ A, B uintptr }](),
		keyRefusal[*int](), keyRefusal[chan int](), keyRefusal[any](), keyRefusal[struct{ A struct{ P *int } }](), keyRefusal[[2]struct{ E error }](),
		keyRefusal[*big.Int](),
	} {
		if !strings.Contains(c, "type.unsupported: ") && !strings.Contains(c, "type.key: ") {
			t.Errorf("accepted: %s", c)
		}
	}
	golden(t, "testdata/refusals.txt", strings.Join([]string{
		refusal[chan int](), refusal[func()](), refusal[any](), refusal[uintptr](), refusal[sync.Mutex](), refusal[shipment](), refusal[*shipment](), refusal[[]cell](),
		refusal[map[string]map[string][2]cell](), refusal[map[cell]int](), refusal[guarded](), refusal[holder](),
		keyRefusal[*int](), keyRefusal[any](), keyRefusal[struct{ A struct{ P *int } }](), keyRefusal[[2]struct{ E error }](),
	}, "\n")+"\n")
	_ = guarded{n: 1}.n
}

type encodingIface interface {
	MarshalBinary() ([]byte, error)
	UnmarshalBinary([]byte) error
}

func TestTooDeep(t *testing.T) {
	ring := &list{Value: 1}
	ring.Next = ring
	long := func(n int) *list {
		var l *list
		for range n {
			l = &list{Next: l}
		}
		return l
	}
	knot := tree{Name: "knot"}
	knot.Index = map[string]*tree{"self": &knot}
	loop := make(slices2, 1)
	loop[0] = loop
	c := must[*list](t)
	for name, err := range map[string]error{
		"ring":  errOf(c.Encode(nil, &ring)),
		"long":  errOf(c.Encode(nil, ptr(long(MaxDepth+1)))),
		"map":   errOf(must[tree](t).Encode(nil, &knot)),
		"slice": errOf(must[slices2](t).Encode(nil, &loop)),
	} {
		if fault.CodeOf(err) != fault.TypeUnsupported {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b, err := c.Encode(nil, ptr(long(MaxDepth))); err != nil {
		t.Error(err)
	} else if _, err := c.Decode(b, new(*list)); err != nil {
		t.Error(err)
	}
	// The size of such values is still a number, and found soon.
	if c.Size(&ring) < 16 || must[tree](t).Size(&knot) < 16 || must[slices2](t).Size(&loop) < 24 {
		t.Error("no size")
	}
	if _, err := must[slices2](t).Decode(bytes.Repeat([]byte{2}, 1<<20), new(slices2)); fault.CodeOf(err) != fault.TypeDecode {
		t.Errorf("deep data: %v", err)
	}
	if _, err := c.Decode(bytes.Repeat([]byte{1, 0}, 1<<20), new(*list)); fault.CodeOf(err) != fault.TypeDecode {
		t.Errorf("deep data: %v", err)
	}
}

func errOf(_ []byte, err error) error { return err }

func TestEncodeErrors(t *testing.T) {
	dst := []byte("kept")
	got, err := must[[]priced](t).Encode(dst, &[]priced{{}, {money: &money{code: "bad"}}})
	if string(got) != "kept" || fault.CodeOf(err) != fault.FunctionError {
		t.Errorf("%q, %v", got, err)
	}
	if want := "function.error: type []codec.priced: element [].money: codec.money.MarshalBinary: no such currency"; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("have %s\nwant %s", err, want)
	}
	if errors.Unwrap(err) == nil {
		t.Error("the cause is lost")
	}
}

func TestDecodeErrors(t *testing.T) {
	var b strings.Builder
	add := func(err error) {
		if fault.CodeOf(err) != fault.TypeDecode {
			t.Errorf("%v", err)
		}
		fmt.Fprintln(&b, err)
	}
	add(decodeErr[bool](""))
	add(decodeErr[bool]("02"))
	add(decodeErr[int8]("8002"))
	add(decodeErr[uint16]("808004"))
	add(decodeErr[int64]("8000"))
	add(decodeErr[uint64]("ffffffffffffffffff7f"))
	add(decodeErr[uint64]("ffffff"))
	add(decodeErr[string]("05616263"))
	add(decodeErr[string]("ffffffffffffffffff01"))
	add(decodeErr[[]byte]("ffffffffffffffffff01"))
	add(decodeErr[[]int64]("ffffffff0f0102"))
	add(decodeErr[[]struct{}]("ffffffff0f00"))
	add(decodeErr[[]struct{}]("0201"))
	add(decodeErr[*int]("02"))
	add(decodeErr[map[string]int64]("0301610001"))
	add(decodeErr[map[string]int64]("030162000161"))
	add(decodeErr[map[string]int64]("03016200016100"))
	add(decodeErr[map[string]small]("020161"))
	add(decodeErr[time.Time]("0080a8d6b90700"))
	add(decodeErr[time.Time]("000080808080808001"))
	add(decodeErr[[]order]("0202"))
	add(decodeErr[everything]("0102"))
	add(decodeErr[money]("0570616e6963"))
	add(decodeErr[netip.Addr]("03010203"))
	add(decodeErr[float64]("00112233"))
	add(decodeErr[[3]byte]("0011"))
	golden(t, "testdata/decode-errors.txt", b.String())
}

func decodeErr[T any](data string) error {
	b, err := hex.DecodeString(data)
	if err != nil {
		return err
	}
	c, err := For[T]()
	if err != nil {
		return err
	}
	_, err = c.Decode(b, new(T))
	return err
}

// A count that the data cannot hold does not make Decode take memory.
func TestBogusCountsTakeNoMemory(t *testing.T) {
	data, _ := hex.DecodeString("ffffffff7f" + strings.Repeat("01", 64))
	cs, cm, ce := must[[]everything](t), must[map[inner2]order](t), must[[]struct{ _ [100]int64 }](t)
	var s []everything
	var m map[inner2]order
	var e []struct{ _ [100]int64 }
	var before, after uint64
	before = testingBytes()
	cs.Decode(data, &s)
	cm.Decode(data, &m)
	ce.Decode(data, &e)
	after = testingBytes()
	if after-before > 1<<20 {
		t.Errorf("%d bytes were allocated", after-before)
	}
}

func TestSchemas(t *testing.T) {
	for _, c := range []struct{ have, want string }{
		{must[small](t).Schema(), "struct{ID int64; Name string; Score float64}"},
		{must[inner](t).Schema(), "struct{A uint16; b string}"},
		{must[[]map[word]*count](t).Schema(), "[]map[string]*int64"},
		{must[list](t).Schema(), "#1=struct{Value int64; Next *#1}"},
		{must[[2]list](t).Schema(), "[2]#1=struct{Value int64; Next *#1}"},
		{must[ping](t).Schema(), "#1=struct{Pong *struct{N int; Pings []#1}}"},
		{must[slices2](t).Schema(), "#1=[]#1"},
		{must[struct {
			T time.Time
			D time.Duration
			B []byte
			M money
			L level
		}](t).Schema(), "struct{T time; D int64; B []byte; M binary(github.com/weirstream/weir/internal/codec.money); " +
			"L text(github.com/weirstream/weir/internal/codec.level)}"},
		{must[event](t).Schema(), "struct{Time time; What string}"},
		{must[priced](t).Schema(), "struct{money *binary(github.com/weirstream/weir/internal/codec.money); Item string}"},
		{must[dated](t).Schema(), "binary(github.com/weirstream/weir/internal/codec.dated)"},
		{must[box[int]](t).Schema(), "binary(github.com/weirstream/weir/internal/codec.box[int])"},
		{must[crate[int]](t).Schema(), "struct{Time time; V int}"},
	} {
		if c.have != c.want {
			t.Errorf("have %s\nwant %s", c.have, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	word := unsafe.Sizeof(0)
	check := func(name string, have, want int) {
		t.Helper()
		if have != want {
			t.Errorf("%s: size %d, want %d", name, have, want)
		}
	}
	check("int", must[int](t).Size(ptr(1)), int(word))
	check("string", must[string](t).Size(ptr("hello")), int(2*word)+5)
	check("small", must[small](t).Size(&small{Name: "hello"}), int(unsafe.Sizeof(small{}))+5)
	s := make([]string, 1, 4)
	s[0] = "abc"
	check("strings", must[[]string](t).Size(&s), int(3*word+8*word)+3)
	check("bytes", must[[]byte](t).Size(ptr(make([]byte, 3, 100))), int(3*word)+100)
	check("list", must[list](t).Size(&list{1, &list{2, nil}}), int(2*unsafe.Sizeof(list{})))
	check("nil", must[*list](t).Size(new(*list)), int(word))
	check("time", must[time.Time](t).Size(ptr(time.Now())), int(unsafe.Sizeof(time.Time{})))
	empty, one := map[string]string{}, map[string]string{"ab": "cde"}
	cm := must[map[string]string](t)
	if cm.Size(&one)-cm.Size(&empty) < int(4*word)+5 {
		t.Error("a map entry has no size")
	}
	if n, ok := must[[3]struct{ A, B int64 }](t).FixedSize(); n != 48 || !ok {
		t.Errorf("fixed size %d, %v", n, ok)
	}
	if _, ok := must[time.Time](t).FixedSize(); ok {
		t.Error("time.Time has a pointer")
	}
	if n, ok := must[[0]string](t).FixedSize(); n != 0 || !ok {
		t.Error("[0]string has no pointers")
	}
}

func TestOwn(t *testing.T) {
	type nest struct {
		A    string
		N    int
		B    [2]struct{ S word }
		Many []string
	}
	if must[int](t).Own != nil || must[[]string](t).Own != nil || must[struct{ M map[string]string }](t).Own != nil {
		t.Error("Own where there are no strings")
	}
	buf := strings.Repeat("line of text;", 100)
	v := nest{A: buf[:4], Many: []string{buf[:4]}}
	v.B[1].S = word(buf[5:7])
	must[nest](t).Own(&v)
	if unsafe.StringData(v.A) == unsafe.StringData(buf) || unsafe.StringData(string(v.B[1].S)) == unsafe.StringData(buf[5:]) {
		t.Error("a string still shares")
	}
	if unsafe.StringData(v.Many[0]) != unsafe.StringData(buf) {
		t.Error("a slice was written to")
	}
	if v.A != "line" || v.B[1].S != "of" || v.B[0].S != "" {
		t.Errorf("%+v", v)
	}
	many := new([5000]struct {
		N int
		S string
	})
	many[4999].S = buf[:4]
	must[[5000]struct {
		N int
		S string
	}](t).Own(many)
	if many[4999].S != "line" || unsafe.StringData(many[4999].S) == unsafe.StringData(buf) {
		t.Error("a long array still shares")
	}
	if must[[1 << 30]struct{}](t).Own != nil || must[[4]*string](t).Own != nil {
		t.Error("Own where there are no strings")
	}
}

// An array of nothing takes no time, however long it is.
func TestHugeEmptyArray(t *testing.T) {
	c := must[[1 << 30]struct{}](t)
	var v [1 << 30]struct{}
	b, err := c.Encode(nil, &v)
	if err != nil || len(b) != 0 || c.Size(&v) != 0 {
		t.Errorf("%x, %v", b, err)
	}
	if rest, err := c.Decode([]byte{1}, &v); err != nil || len(rest) != 1 {
		t.Errorf("%x, %v", rest, err)
	}
	mustKey[[1 << 30]struct{}](t)
}

// Values on the stack stay readable and writable when the stack moves to grow, and user code is never given pointers to it.
func TestValuesOnAMovingStack(t *testing.T) {
	type deep struct {
		M map[inner2]tree
		P money
		S []tree
		N map[string]tree
		L list
	}
	c := must[deep](t)
	var chain *list
	for i := range MaxDepth - 1 {
		chain = &list{int64(i), chain}
	}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			in := deep{P: money{int64(i), "EUR"}, L: list{1, chain}}
			in.M = map[inner2]tree{{int8(i), "x"}: {Name: "a"}, {int8(i), "y"}: {Children: []tree{{Name: "b"}}}}
			in.N, in.S = map[string]tree{"k": {Name: "v"}}, []tree{{}, {Name: "c"}}
			b, err := c.Encode(nil, &in)
			if err != nil {
				t.Error(err)
				return
			}
			if i%10 == 0 {
				runtime.GC()
			}
			var out deep
			if _, err := c.Decode(b, &out); err != nil {
				t.Error(err)
				return
			}
			again, err := c.Encode(nil, &out)
			if err != nil || !bytes.Equal(b, again) || c.Size(&in) == 0 {
				t.Errorf("%d: the value changed: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func TestOneCodecPerType(t *testing.T) {
	var wg sync.WaitGroup
	got := make([]*Codec[order], 8)
	for i := range got {
		wg.Go(func() { got[i], _ = For[order]() })
	}
	wg.Wait()
	for _, c := range got {
		if c == nil || c != got[0] {
			t.Fatal("two codecs of one type")
		}
	}
	_, a := For[chan int]()
	_, b := For[chan int]()
	if a != b {
		t.Error("two errors of one type")
	}
}

// property draws values of T and checks the round trip.
func property[T any](t *testing.T) {
	c := must[T](t)
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Make[T]().Draw(t, "value")
		b, err := c.Encode(nil, &v)
		if err != nil {
			t.Fatal(err)
		}
		var got T
		rest, err := c.Decode(b, &got)
		if err != nil || len(rest) > 0 {
			t.Fatalf("rest %x, error %v", rest, err)
		}
		if d := cmp.Diff(v, got, same...); d != "" {
			t.Fatalf("(-in +out):\n%s", d)
		}
		again, err := c.Encode(nil, &got)
		if err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%x, then %x, error %v", b, again, err)
		}
		if c.Own != nil {
			c.Own(&got)
			if d := cmp.Diff(v, got, same...); d != "" {
				t.Fatalf("Own (-before +after):\n%s", d)
			}
		}
	})
}

func TestProperties(t *testing.T) {
	t.Run("ints", property[struct {
		A int8
		B int16
		C int32
		D int64
		E int
		F uint8
		G uint16
		H uint32
		I uint64
		J uint
	}])
	t.Run("floats", property[struct {
		A float32
		B float64
		C []float64
		D [3]float32
	}])
	t.Run("order", property[order])
	t.Run("nested", property[struct {
		A []struct {
			X string
			Y *small
			Z [][]byte
		}
		B [2]struct{ P, Q *string }
		C struct{ C struct{ C bool } }
	}])
	t.Run("maps", property[struct {
		A map[string]int64
		B map[int32]string
		C map[word][]small
		D map[inner2]map[uint16]bool
		E map[count]count
		F map[string]*string
		G map[uint]bool
		H map[[2]int8]struct{}
		I map[int64]float64
		J map[string]small
	}])
	t.Run("list", property[struct {
		L []*small
		S []string
		B []bool
		R [5]byte
	}])
}

func TestEncodingDoesNotAllocate(t *testing.T) {
	if buildtags.Race {
		t.Skip("under the race detector a sync.Pool forgets some of what it is given")
	}
	buf := make([]byte, 0, 4096)
	zero(t, "int64", must[int64](t), int64(7), &buf)
	zero(t, "string", must[string](t), "seven", &buf)
	zero(t, "small", must[small](t), small{7, "seven", 7}, &buf)
	zero(t, "order", must[order](t), order{Tags: []string{"a", "b"}}, &buf)
	zero(t, "time", must[time.Time](t), time.Now(), &buf)
	zero(t, "map", must[map[string]int64](t), map[string]int64{"a": 1, "b": 2}, &buf)
	zero(t, "list", must[list](t), list{1, &list{2, nil}}, &buf)

	c := must[struct{ A, B int64 }](t)
	b, _ := c.Encode(nil, &struct{ A, B int64 }{1, 2})
	if n := testing.AllocsPerRun(100, func() {
		var v struct{ A, B int64 } // stays on the stack
		if _, err := c.Decode(b, &v); err != nil || v.B != 2 {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("decoding two numbers: %v allocations", n)
	}
	s := must[string](t)
	text, _ := s.Encode(nil, ptr(strings.Repeat("x", 40)))
	if n := testing.AllocsPerRun(100, func() {
		var v string
		s.Decode(text, &v)
	}); n != 1 {
		t.Errorf("decoding a string: %v allocations", n)
	}
}

func zero[T any](t *testing.T, name string, c *Codec[T], in T, buf *[]byte) {
	t.Helper()
	if n := testing.AllocsPerRun(100, func() {
		v := in // stays on the stack
		var err error
		if *buf, err = c.Encode((*buf)[:0], &v); err != nil {
			t.Error(err)
		}
		if c.Size(&v) == 0 {
			t.Error("no size")
		}
	}); n != 0 {
		t.Errorf("encoding %s: %v allocations", name, n)
	}
}
