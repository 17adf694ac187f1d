package codec

import (
	"bytes"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/fault"
)

func mustMigrate[O, N any](t testing.TB) *Migration[N] {
	t.Helper()
	m, err := Migrate[N](must[O](t).Schema())
	if err != nil {
		t.Fatalf("%s to %s: %v", must[O](t).Schema(), must[N](t).Schema(), err)
	}
	if m == nil {
		t.Fatalf("%s to %s is no change", must[O](t).Schema(), must[N](t).Schema())
	}
	return m
}

// evolve reads random values of O as N, over values that are to be overwritten. convert is written by hand.
func evolve[O, N any](t *testing.T, name string, convert func(O) N) {
	t.Helper()
	old, m := must[O](t), mustMigrate[O, N](t)
	for seed := range uint64(60) {
		r := newRandom(seed)
		in := draw[O](r)
		b, err := old.Encode(nil, &in)
		if err != nil {
			t.Fatal(err)
		}
		var plain O
		if _, err := old.Decode(b, &plain); err != nil {
			t.Fatal(err)
		}
		got := draw[N](r)
		data := append(bytes.Clone(b), "after"...)
		rest, err := m.Decode(data, &got)
		if err != nil || string(rest) != "after" {
			t.Fatalf("%s, seed %d: %+v leaves %q, %v", name, seed, in, rest, err)
		}
		clear(data)
		if d := cmp.Diff(convert(plain), got, same...); d != "" {
			t.Fatalf("%s, seed %d: %x (-want +have):\n%s", name, seed, b, d)
		}
		for n := 0; n < len(b); n += max(1, len(b)/50) {
			if _, err := m.Decode(b[:n:n], &got); fault.CodeOf(err) != fault.TypeDecode {
				t.Fatalf("%s, seed %d: %x cut to %d bytes: %v", name, seed, b, n, err)
			}
		}
	}
}

// around holds values of T at many depths; its own change is that of T alone.
type around[T any] struct {
	One      T
	Slice    []T
	Array    [2]T
	Map      map[string]T
	ByStruct map[inner2]T
	Pointers map[int32]*T
	Slices   map[string][]T
	Pointer  *T
	Deep     [][1]struct{ X T }
	After    string
}

// around1 and around2 change themselves, too.
type around1[T any] struct {
	A    string
	X    around[T]
	P    T
	PP   T
	SP   []T
	MP   map[string]T
	Gone []T
}

type around2[T any] struct {
	Y  []T
	MP map[string]*T
	SP []*T
	P  *T
	PP **T
	X  around[T]
	B  string `weir:"was=A"`
}

// evolveDeep checks the change, and that of types made from O and N. They are few, since each is compiled by itself.
func evolveDeep[O, N any](t *testing.T, name string, convert func(O) N) {
	t.Helper()
	evolve(t, name, convert)
	pointer := func(o O) *N { return ptr(convert(o)) }
	evolve(t, name+" within others", func(o around1[O]) (n around2[N]) {
		n = around2[N]{B: o.A, P: pointer(o.P), PP: ptr(pointer(o.PP)), SP: listOf(pointer)(o.SP), MP: mapOf[string](pointer)(o.MP)}
		x, y := o.X, &n.X
		y.One, y.After, y.Array = convert(x.One), x.After, [2]N{convert(x.Array[0]), convert(x.Array[1])}
		y.Slice, y.Map, y.ByStruct = listOf(convert)(x.Slice), mapOf[string](convert)(x.Map), mapOf[inner2](convert)(x.ByStruct)
		y.Pointer, y.Pointers = pointerOf(convert)(x.Pointer), mapOf[int32](pointerOf(convert))(x.Pointers)
		y.Slices = mapOf[string](listOf(convert))(x.Slices)
		y.Deep = listOf(func(o [1]struct{ X O }) [1]struct{ X N } { return [1]struct{ X N }{{convert(o[0].X)}} })(x.Deep)
		return n
	})
}

func listOf[O, N any](convert func(O) N) func([]O) []N {
	return func(o []O) (n []N) {
		if o != nil {
			n = []N{}
		}
		for _, v := range o {
			n = append(n, convert(v))
		}
		return n
	}
}

func pointerOf[O, N any](convert func(O) N) func(*O) *N {
	return func(o *O) *N {
		if o == nil {
			return nil
		}
		return ptr(convert(*o))
	}
}

func mapOf[K comparable, O, N any](convert func(O) N) func(map[K]O) map[K]N {
	return func(o map[K]O) map[K]N {
		if o == nil {
			return nil
		}
		n := map[K]N{}
		for k, v := range o {
			n[k] = convert(v)
		}
		return n
	}
}

type numbers1 struct {
	A0, A1, A2, A3, A4 int8
	B0, B1, B2, B3     int16
	C0, C1, C2         int32
	D0                 int64
	E0                 int
	F0, F1, F2, F3, F4 uint8
	F5, F6, F7         uint8
	G0, G1, G2, G3, G4 uint16
	H0, H1, H2, H3     uint32
	I0                 uint64
	J0                 uint
	K0                 float32
}

type numbers2 struct {
	K0 float64
	A0 int16
	A1 int32
	A2 int64
	A3 int
	A4 float64
	B0 int32
	B1 int64
	B2 count
	B3 float64
	C0 int64
	C1 int
	C2 float64
	D0 int
	E0 int64
	F0 uint16
	F1 uint32
	F2 uint64
	F3 uint
	F4 int16
	F5 int32
	F6 int
	F7 float64
	G0 uint32
	G1 uint64
	G2 int32
	G3 int64
	G4 float64
	H0 uint
	H1 int64
	H2 int
	H3 float64
	I0 uint
	J0 uint64
}

func numbersUp(o numbers1) numbers2 {
	return numbers2{float64(o.K0), int16(o.A0), int32(o.A1), int64(o.A2), int(o.A3), float64(o.A4), int32(o.B0), int64(o.B1), count(o.B2), float64(o.B3),
		int64(o.C0), int(o.C1), float64(o.C2), int(o.D0), int64(o.E0), uint16(o.F0), uint32(o.F1), uint64(o.F2), uint(o.F3), int16(o.F4), int32(o.F5),
		int(o.F6), float64(o.F7), uint32(o.G0), uint64(o.G1), int32(o.G2), int64(o.G3), float64(o.G4), uint(o.H0), int64(o.H1), int(o.H2), float64(o.H3),
		uint(o.I0), uint64(o.J0)}
}

func TestWidening(t *testing.T) {
	evolveDeep(t, "numbers", numbersUp)
	evolveDeep(t, "alone", func(o int32) float64 { return float64(o) })
	evolveDeep(t, "bytes", func(o uint8) int16 { return int16(o) })
	evolveDeep(t, "floats", func(o float32) float64 { return float64(o) })
}

type order1 struct {
	ID       int32
	Customer string
	Amount   float32
	Express  bool
	Tags     []string
	At       time.Time
	Price    money
}

type order2 struct {
	Price    money
	ID       int64
	Client   word `weir:"was=Customer"`
	Amount   *float64
	Rank     int8
	At       time.Time
	Labels   []string `weir:"was=Marks,was=Tags"`
	Reserved map[string]*order2
}

func orderUp(o order1) order2 {
	return order2{ID: int64(o.ID), Client: word(o.Customer), Amount: ptr(float64(o.Amount)), At: o.At, Labels: o.Tags, Price: o.Price}
}

type tail1 struct{ B string }

type tail2 struct {
	A []string
	B string
	C struct{ X, Y int }
}

type hidden struct {
	Seen  int64
	cache map[string]int `weir:"-"`
	Fn    func()         `weir:"-"`
	Any   any            `weir:"-"`
	Text  string         `weir:"-"`
	List  []int          `weir:"-"`
	Num   int32          `weir:"-"`
}

func TestEvolution(t *testing.T) {
	evolveDeep[order1, order2](t, "order", orderUp)
	evolveDeep[tail1, tail2](t, "added", func(o tail1) tail2 { return tail2{B: o.B} })
	evolveDeep[tail2, tail1](t, "removed", func(o tail2) tail1 { return tail1{B: o.B} })
	evolveDeep[struct{}, tail1](t, "first field", func(struct{}) tail1 { return tail1{} })
	evolveDeep[tail2, struct{}](t, "last field", func(tail2) struct{} { return struct{}{} })
	evolveDeep[[2]struct{}, [2]tail1](t, "array of nothing", func([2]struct{}) [2]tail1 { return [2]tail1{} })
	evolveDeep[struct{ E []struct{} }, struct{ E []*struct{} }](t, "nothing to a pointer", func(o struct{ E []struct{} }) (n struct{ E []*struct{} }) {
		for i := range o.E {
			n.E = append(n.E, &o.E[i])
		}
		if n.E == nil && o.E != nil {
			n.E = []*struct{}{}
		}
		return n
	})
	evolveDeep[struct{ A, B string }, struct{ B, A string }](t, "reordered", func(o struct{ A, B string }) struct{ B, A string } {
		return struct{ B, A string }{o.B, o.A}
	})
	evolveDeep[small, struct {
		Key   int64   `weir:"name=ID"`
		Title string  `weir:"was=Name"`
		Score float64 `weir:"was=Points"`
	}](t, "renamed", func(o small) (n struct {
		Key   int64   `weir:"name=ID"`
		Title string  `weir:"was=Name"`
		Score float64 `weir:"was=Points"`
	}) {
		n.Key, n.Title, n.Score = o.ID, o.Name, o.Score
		return n
	})
	type total struct {
		Sum   int64 `weir:"name=Total"`
		Total int64 `weir:"name=Total2"`
	}
	evolveDeep[struct{ Total, Sum int64 }, total](t, "stored names", func(o struct{ Total, Sum int64 }) total { return total{Sum: o.Total} })
	evolveDeep[struct{ Seen int32 }, hidden](t, "unstored", func(o struct{ Seen int32 }) hidden { return hidden{Seen: int64(o.Seen)} })
	evolveDeep[struct {
		A string
		hidden
	}, struct{ hidden }](t, "unstored and unchanged", func(o struct {
		A string
		hidden
	}) struct{ hidden } {
		return struct{ hidden }{o.hidden}
	})
	evolveDeep[struct {
		A []byte
		B [3]byte
		C []byte
	}, struct {
		A []uint16
		B [3]int32
		C []*uint8
	}](t, "bytes", func(o struct {
		A []byte
		B [3]byte
		C []byte
	}) (n struct {
		A []uint16
		B [3]int32
		C []*uint8
	}) {
		if o.A != nil {
			n.A = []uint16{}
		}
		for _, b := range o.A {
			n.A = append(n.A, uint16(b))
		}
		for i, b := range o.B {
			n.B[i] = int32(b)
		}
		if o.C != nil {
			n.C = []*uint8{}
		}
		for _, b := range o.C {
			n.C = append(n.C, &b)
		}
		return n
	})
	evolveDeep[everything, struct{ S *string }](t, "everything removed", func(o everything) struct{ S *string } { return struct{ S *string }{&o.S} })
	type kept struct {
		S     string
		Named map[word]count
		Addr  netip.Addr
		Big   *big.Int
		Raw   [3]byte
		Time  time.Time
		C128  complex128
		Set   map[int32]struct{}
	}
	evolveDeep[everything, kept](t, "much kept", func(o everything) kept {
		return kept{o.S, o.Named, o.Addr, o.Big, o.Raw, o.Time, o.C128, o.Set}
	})
}

type list32 struct {
	Value int32
	Next  *list32
}

func (l *list32) up() *list {
	if l == nil {
		return nil
	}
	return &list{int64(l.Value), l.Next.up()}
}

type tree2 struct {
	Title    string `weir:"was=Name"`
	Index    map[string]*tree2
	Children []*tree2
	Depth    int
}

func treeUp(o tree) tree2 {
	n := tree2{Title: o.Name, Index: mapOf[string](func(o *tree) *tree2 {
		if o == nil {
			return nil
		}
		return ptr(treeUp(*o))
	})(o.Index)}
	if o.Children != nil {
		n.Children = []*tree2{}
	}
	for _, c := range o.Children {
		n.Children = append(n.Children, ptr(treeUp(c)))
	}
	return n
}

// ping and pong, widened, entered by the other one.
type pong2 struct {
	Pings []ping2
	N     int64
}
type ping2 struct{ Pong *pong2 }

func pongUp(o pong) (n pong2) {
	n.N = int64(o.N)
	if o.Pings != nil {
		n.Pings = []ping2{}
	}
	for _, p := range o.Pings {
		n.Pings = append(n.Pings, ping2{})
		if p.Pong != nil {
			n.Pings[len(n.Pings)-1].Pong = ptr(pongUp(*p.Pong))
		}
	}
	return n
}

type nested1 struct{ Kids []nested1 }

type nested2 struct {
	Kids []*nested2
	N    int
}

func nestedUp(o nested1) (n nested2) {
	if o.Kids != nil {
		n.Kids = []*nested2{}
	}
	for _, k := range o.Kids {
		n.Kids = append(n.Kids, ptr(nestedUp(k)))
	}
	return n
}

func TestEvolutionOfRecursiveTypes(t *testing.T) {
	evolveDeep[list32, list](t, "list", func(o list32) list { return *o.up() })
	evolveDeep[tree, tree2](t, "tree", treeUp)
	evolveDeep[pong, pong2](t, "pong", pongUp)
	evolveDeep[nested1, nested2](t, "nested", nestedUp)
	evolveDeep[struct {
		A int
		L list
		T tree
		S slices2
	}, struct{ A int }](t, "removed", func(o struct {
		A int
		L list
		T tree
		S slices2
	}) struct{ A int } {
		return struct{ A int }{o.A}
	})

	// A list that ends with its type unfolded is the same data.
	if m, err := Migrate[list]("struct{Value int64; Next *#1=struct{Value int64; Next *#1}}"); m != nil || err != nil {
		t.Errorf("an unfolded type: %v, %v", m, err)
	}
	// Deep data is refused, where it is read and where it is skipped; nothing else is wrong with it.
	lists := append(bytes.Repeat([]byte{0, 1}, MaxDepth+1), 0, 0)
	nests := append(bytes.Repeat([]byte{2}, MaxDepth+1), 1)
	for name, err := range map[string]error{
		"list":         errOf(mustMigrate[list32, list](t).Decode(lists, new(list))),
		"list skipped": errOf(mustMigrate[struct{ L list }, struct{}](t).Decode(lists, new(struct{}))),
		"nest":         errOf(mustMigrate[[]nested1, []nested2](t).Decode(nests, new([]nested2))),
		"nest skipped": errOf(mustMigrate[struct{ L slices2 }, struct{}](t).Decode(nests, new(struct{}))),
	} {
		if fault.CodeOf(err) != fault.TypeDecode || !strings.Contains(err.Error(), "nested too deep") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if rest, err := mustMigrate[struct{ L list }, struct{}](t).Decode(lists[4:], new(struct{})); err != nil || len(rest) > 0 {
		t.Errorf("a list of the greatest depth: %v", err)
	}
}

func TestNoMigration(t *testing.T) {
	type bare struct{ Seen int64 }
	for schema, migrated := range map[string]func(string) (bool, error){
		must[order](t).Schema():      migrates[order],
		must[everything](t).Schema(): migrates[everything],
		must[order2](t).Schema():     migrates[order2],
		must[bare](t).Schema():       migrates[hidden],
		must[hidden](t).Schema():     migrates[bare],
	} {
		if m, err := migrated(schema); m || err != nil {
			t.Errorf("%s: %v, %v", schema, m, err)
		}
	}
	if _, err := Migrate[chan int]("int"); fault.CodeOf(err) != fault.TypeUnsupported {
		t.Errorf("a type without a codec: %v", err)
	}
	if _, err := Migrate[int]("struct{"); fault.CodeOf(err) != fault.StateSchemaDamaged {
		t.Errorf("a damaged schema: %v", err)
	}
}

func migrates[T any](stored string) (bool, error) {
	m, err := Migrate[T](stored)
	return m != nil, err
}

type pointers *pointers

// Refusals name the field, both types, and the reason where it is not plain.
func TestMigrationRefusals(t *testing.T) {
	var b strings.Builder
	refuse := func(stored string, migrated func(string) (bool, error)) {
		t.Helper()
		_, err := migrated(stored)
		if fault.CodeOf(err) != fault.StateSchema {
			t.Errorf("%s: %v", stored, err)
		}
		fmt.Fprintln(&b, err)
	}
	refuse("string", migrates[int64])
	refuse("int64", migrates[int32])
	refuse("int", migrates[int32])
	refuse("int64", migrates[uint64])
	refuse("int8", migrates[uint64])
	refuse("uint64", migrates[int64])
	refuse("uint", migrates[int])
	refuse("uint32", migrates[int32])
	refuse("int64", migrates[float64])
	refuse("uint", migrates[float64])
	refuse("int", migrates[float64])
	refuse("int16", migrates[float32])
	refuse("float64", migrates[float32])
	refuse("float32", migrates[int64])
	refuse("complex64", migrates[complex128])
	refuse("bool", migrates[int64])
	refuse("int64", migrates[string])
	refuse("int64", migrates[time.Time])
	refuse("[]byte", migrates[string])
	refuse("string", migrates[[]byte])
	refuse("[]bool", migrates[[]byte])
	refuse("[]int64", migrates[[4]int64])
	refuse("[3]int64", migrates[[4]int64])
	refuse("*int64", migrates[int64])
	refuse("int64", migrates[*string])
	refuse("int64", migrates[pointers])
	refuse("**int64", migrates[*int64])
	refuse("int64", migrates[[]int64])
	refuse("map[int32]string", migrates[map[int64]string])
	refuse("map[struct{A int8}]string", migrates[map[inner2]string])
	refuse("binary(example.com/old.money)", migrates[money])
	refuse("text(github.com/weirstream/weir/internal/codec.money)", migrates[money])
	refuse("string", migrates[level])
	refuse("struct{ID string; Name []string; Score float64}", migrates[small])
	refuse("struct{Items []struct{Price map[string]*string}}", migrates[struct {
		Items []struct{ Price map[string]*float64 }
	}])
	refuse("#1=struct{Value string; Next *#1}", migrates[list])
	refuse("struct{Value int64; Next *struct{Value int64; Next string}}", migrates[list])
	refuse("struct{Marks []string; Tags []string}", migrates[order2])
	refuse("struct{A string; B string; C string; D string; E string; F string; G string}", migrates[struct{ A, B, C, D, E, F, G int }])
	refuse("struct{"+strings.Repeat("X", 300)+" int}", migrates[string])
	golden(t, "testdata/migration-refusals.txt", b.String())
}

func TestMigrationDecodeErrors(t *testing.T) {
	var b strings.Builder
	add := func(stored string, f func(string, string) error, data string) {
		t.Helper()
		err := f(stored, data)
		if fault.CodeOf(err) != fault.TypeDecode {
			t.Errorf("%s: %x: %v", stored, data, err)
		}
		fmt.Fprintln(&b, err)
	}
	add("int8", migrated[int16], "\x80\x02")
	add("uint8", migrated[int64], "\x80\x02")
	add("int32", migrated[float64], "\xff\xff\xff\xff\xff\x01")
	add("float32", migrated[float64], "\x00\x00")
	add("[]byte", migrated[[]int64], "\x05\x00")
	add("[2]byte", migrated[[2]int64], "\x05")
	add("struct{A int8; Gone []bool}", migrated[struct{ A int16 }], "\x00\x02\x02")
	add("struct{A int8; Gone map[string]*int}", migrated[struct{ A int16 }], "\x00\x02\x01x\x02")
	add("struct{A int8; Gone [4]float64}", migrated[struct{ A int16 }], "\x00123456781234567812345678")
	add("struct{A int8; Gone time}", migrated[struct{ A int16 }], "\x00\x00\x00")
	add("struct{A int8; Gone binary(x.Y)}", migrated[struct{ A int16 }], "\x00\x05x")
	add("struct{A int8; Gone []struct{}}", migrated[struct{ A int16 }], "\x00\x02\x01")
	add("[]struct{}", migrated[[]tail1], "\x02\x01")
	add("struct{List []struct{A int8}}", migrated[struct{ List []struct{ A int16 } }], "\x02\x80\x02")
	add("map[string]int8", migrated[map[string]int16], "\x03\x01b\x00\x01a\x00")
	golden(t, "testdata/migration-decode-errors.txt", b.String())
}

func migrated[T any](stored, data string) error {
	m, err := Migrate[T](stored)
	if err != nil {
		return err
	}
	_, err = m.Decode([]byte(data), new(T))
	return err
}

// A count that the data cannot hold takes no memory, and a long array of nothing no time.
func TestMigrationOfBogusData(t *testing.T) {
	m, err := Migrate[[]order2](must[[]order1](t).Schema())
	if err != nil {
		t.Fatal(err)
	}
	before := testingBytes()
	if _, err := m.Decode([]byte("\xff\xff\xff\xff\x7f12345678901234567890"), new([]order2)); err == nil {
		t.Error("no error")
	}
	if n := testingBytes() - before; n > 1<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
	type thin struct{ A int }
	for _, stored := range []string{
		"struct{Gone [4611686018427387904][4611686018427387904]struct{}; A int}",
		"struct{Gone [4611686018427387904][4611686018427387904]int; A int}",
		"struct{Gone [][4611686018427387904]struct{A [9999999999]string; B time}; A int}",
	} {
		m, err := Migrate[thin](stored)
		if err != nil {
			t.Fatal(err)
		}
		var v thin
		m.Decode(make([]byte, 100), &v)
		m.Decode(bytes.Repeat([]byte{2}, 100), &v)
	}
}

func TestUnstoredFields(t *testing.T) {
	in := hidden{Seen: 5, cache: map[string]int{"a": 1}, Fn: func() {}, Any: 1, Text: "x", List: []int{1}, Num: 7}
	c := must[hidden](t)
	if c.Schema() != "struct{Seen int64}" {
		t.Error(c.Schema())
	}
	b, err := c.Encode(nil, &in)
	if err != nil || !bytes.Equal(b, []byte{10}) {
		t.Fatalf("%x, %v", b, err)
	}
	if small, big := c.Size(&hidden{}), c.Size(&in); small != big {
		t.Errorf("what is not stored counts: %d, %d", small, big)
	}
	check := func(name string, out hidden) {
		t.Helper()
		if out.cache != nil || out.Fn != nil || out.Any != nil || out.Text != "" || out.List != nil || out.Num != 0 {
			t.Errorf("%s: not zero: %+v", name, out)
		}
	}
	out := in
	if _, err := c.Decode(b, &out); err != nil || out.Seen != 5 {
		t.Errorf("%+v, %v", out, err)
	}
	check("plain", out)
	type only struct {
		X hidden `weir:"-"`
	}
	lone, many, deep := only{in}, [2]only{{in}, {in}}, struct {
		A struct{ B [1]only }
		C []only
		D map[string]only
	}{C: []only{{in}}, D: map[string]only{"x": {in}}}
	deep.A.B[0].X = in
	if err := reread(t, &lone); err != nil {
		t.Error(err)
	}
	check("alone", lone.X)
	if err := reread(t, &many); err != nil {
		t.Error(err)
	}
	check("array", many[0].X)
	check("array", many[1].X)
	if err := reread(t, &deep); err != nil || len(deep.C) != 1 || len(deep.D) != 1 {
		t.Errorf("%+v, %v", deep, err)
	}
	check("deep", deep.A.B[0].X)
	check("slice", deep.C[0].X)
	check("map", deep.D["x"].X)
}

// reread encodes a value and decodes it into itself.
func reread[T any](t *testing.T, v *T) error {
	c := must[T](t)
	b, err := c.Encode(nil, v)
	if err != nil {
		return err
	}
	_, err = c.Decode(b, v)
	return err
}

func TestTags(t *testing.T) {
	var b strings.Builder
	refuse := func(err error, code fault.Code) {
		t.Helper()
		if fault.CodeOf(err) != code {
			t.Errorf("%v, want %s", err, code)
		}
		fmt.Fprintln(&b, err)
	}
	errOf := func(_ any, err error) error { return err }
	refuse(errOf(For[struct {
		A int `weir:"omit"`
	}]()), fault.TypeTag)
	refuse(errOf(For[struct {
		A int `weir:"-,was=B"`
	}]()), fault.TypeTag)
	refuse(errOf(For[struct {
		A int `weir:"name="`
	}]()), fault.TypeTag)
	refuse(errOf(For[struct {
		A int `weir:"name=_"`
	}]()), fault.TypeTag)
	refuse(errOf(For[struct {
		A int `weir:"name=1st"`
	}]()), fault.TypeTag)
	refuse(errOf(For[struct {
		A int `weir:"was=a b"`
	}]()), fault.TypeTag)
	refuse(errOf(For[struct {
		A int `weir:"name=B,name=C"`
	}]()), fault.TypeTag)
	refuse(errOf(For[struct {
		A int `weir:"name=B"`
		B int
	}]()), fault.TypeTag)
	refuse(errOf(For[struct {
		A int
		B int `weir:"was=A"`
	}]()), fault.TypeTag)
	refuse(errOf(For[struct {
		A int `weir:"was=C"`
		B int `weir:"was=C"`
	}]()), fault.TypeTag)
	refuse(errOf(For[[]struct {
		In struct {
			A int `weir:"was"`
		}
	}]()), fault.TypeTag)
	refuse(errOf(KeyFor[struct {
		A int
		B int `weir:"-"`
	}]()), fault.TypeKey)
	refuse(errOf(KeyFor[[2]struct{ In struct{ hiddenKey } }]()), fault.TypeKey)
	refuse(errOf(For[struct{ M map[[1]hiddenKey]int }]()), fault.TypeUnsupported)
	golden(t, "testdata/tag-refusals.txt", b.String())
	type fine struct {
		A int      `weir:"name=B,was=X,was=Ä1" json:"-"`
		B string   `weir:"name=A"`
		_ chan int `weir:"?"`
		C chan int `weir:"-"`
		D bool     `weir:""`
	}
	if s := must[fine](t).Schema(); s != "struct{B int; A string; D bool}" {
		t.Error(s)
	}
	if s := must[fine](t).SchemaWithNames(); s != `struct{B int "was=X,was=Ä1"; A string; D bool}` {
		t.Error(s)
	}
	mustKey[struct {
		A int `weir:"name=B"`
	}](t)
}

type hiddenKey struct {
	A int `weir:"-"`
}

// agrees checks a migration against the old type: what that reads, the migration reads, and to the same value.
func agrees[O, N any](t *testing.T, data []byte, convert func(O) N) {
	t.Helper()
	m := mustMigrate[O, N](t)
	var got N
	rest, err := m.Decode(data, &got)
	if err != nil && fault.CodeOf(err) != fault.TypeDecode {
		t.Fatalf("%T: %v", got, err)
	}
	var old O
	want, oldErr := must[O](t).Decode(data, &old)
	if oldErr != nil {
		return
	}
	if err != nil || !bytes.Equal(rest, want) {
		t.Fatalf("%T: %x leaves %x, %v, want %x", got, data, rest, err, want)
	}
	if d := cmp.Diff(convert(old), got, same...); d != "" {
		t.Fatalf("%T: %x (-want +have):\n%s", got, data, d)
	}
}

func FuzzMigrationDecode(f *testing.F) {
	for seed := range uint64(20) {
		b, err := must[order1](f).Encode(nil, ptr(draw[order1](newRandom(seed))))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		b, _ = must[tree](f).Encode(nil, ptr(draw[tree](newRandom(seed))))
		f.Add(b)
		b, _ = must[everything](f).Encode(nil, ptr(draw[everything](newRandom(seed))))
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		agrees(t, data, orderUp)
		agrees(t, data, treeUp)
		agrees(t, data, pongUp)
		agrees(t, data, nestedUp)
		agrees(t, data, func(o list32) list { return *o.up() })
		agrees(t, data, func(o everything) struct{ S *string } { return struct{ S *string }{&o.S} })
		agrees(t, data, func(o struct {
			B []byte
			F float32
		}) (n struct {
			F float64
			B []int32
		}) {
			if n.F = float64(o.F); o.B != nil {
				n.B = []int32{}
			}
			for _, b := range o.B {
				n.B = append(n.B, int32(b))
			}
			return n
		})
	})
}

func FuzzMigrate(f *testing.F) {
	for _, s := range schemasOfTable() {
		f.Add(s, []byte("\x02\x01\x00"))
	}
	f.Fuzz(func(t *testing.T, stored string, data []byte) {
		fuzzMigrate[everything](t, stored, data)
		fuzzMigrate[tree2](t, stored, data)
		fuzzMigrate[[]order2](t, stored, data)
		fuzzMigrate[map[string]list](t, stored, data)
		fuzzMigrate[*float64](t, stored, data)
		fuzzMigrate[pointers](t, stored, data)
	})
}

func fuzzMigrate[T any](t *testing.T, stored string, data []byte) {
	m, err := Migrate[T](stored)
	if err != nil {
		if c := fault.CodeOf(err); c != fault.StateSchema && c != fault.StateSchemaDamaged {
			t.Fatal(err)
		}
		return
	}
	if m == nil {
		return
	}
	if len(m.Changes()) == 0 {
		t.Fatal("a migration without changes")
	}
	if _, err := m.Decode(data, new(T)); err != nil && fault.CodeOf(err) != fault.TypeDecode {
		t.Fatal(err)
	}
}

func BenchmarkMigration(b *testing.B) {
	in := order1{12345, "customer-17", 99.5, true, []string{"red", "large"}, time.Unix(1793700000, 5).UTC(), money{}}
	type plain1 struct {
		ID     int32
		Name   string
		Amount float32
		At     time.Time
	}
	type plain2 struct {
		ID     int64
		Name   string
		Amount float64
		At     time.Time
		New    bool
	}
	old := plain1{in.ID, in.Customer, in.Amount, in.At}
	buf, err := must[plain1](b).Encode(nil, &old)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("same", func(b *testing.B) { benchDecode(b, old) })
	b.Run("migrated", func(b *testing.B) {
		m, out := mustMigrate[plain1, plain2](b), plain2{}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Decode(buf, &out); err != nil {
				b.Fatal(err)
			}
		}
	})
}
