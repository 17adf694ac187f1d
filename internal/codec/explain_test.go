package codec

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/fault"
)

// schemasOfTable returns the schemas of all types in the table, and some more.
func schemasOfTable() []string {
	var all []string
	last := ""
	for _, e := range table() {
		if s, _ := e.golden(); s != last {
			all = append(all, s)
			last = s
		}
	}
	for _, s := range []interface {
		Schema() string
		SchemaWithNames() string
	}{compiledOf[order2](), compiledOf[tree2](), compiledOf[pong2](), compiledOf[struct {
		A ping
		B pong
		C [2]list
		D box[struct {
			F func(int) (a, b string) `odd:"()(\""`
		}]
	}]()} {
		all = append(all, s.Schema(), s.SchemaWithNames())
	}
	return all
}

func compiledOf[T any]() *Codec[T] {
	c, err := For[T]()
	if err != nil {
		panic(err)
	}
	return c
}

func TestParseSchema(t *testing.T) {
	for _, text := range schemasOfTable() {
		s, err := ParseSchema(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if back := s.write(true); back != text {
			t.Errorf("%s\nbecame %s", text, back)
		}
		if !Equal(text, s.String()) {
			t.Errorf("%s is not equal to %s", text, s)
		}
		// Every shorter text is refused, or another schema.
		for n := range len(text) {
			if Equal(text[:n], text) {
				t.Errorf("%s is equal to %s", text[:n], text)
			}
			if _, err := ParseSchema(text[:n]); err != nil && fault.CodeOf(err) != fault.StateSchemaDamaged {
				t.Errorf("%s: %v", text[:n], err)
			}
		}
	}
}

// A number means the nearest type around that has it.
func TestNumbersAreScoped(t *testing.T) {
	if !Equal("#1=struct{A *#1=[]#1}", "struct{A *#2=[]#2}") || Equal("#1=struct{A *#1=[]#1}", "#1=struct{A *[]#1}") {
		t.Error("a number means the wrong type")
	}
}

func TestDamagedSchemas(t *testing.T) {
	var b strings.Builder
	for _, text := range []string{
		"", "int128", "Int", "byte", "*byte", "map[byte]int", "int ", " int", "int int", "[", "[]", "[3", "[03]int", "[-1]int", "[x]int", "[99999999999999999999]int",
		"map", "map[", "map[string", "map[string]", "*", "struct", "struct{", "struct{A", "struct{A int", "struct{A int;B int}", "struct{A int; }", "struct{; A int}",
		"struct{A int; A string}", "struct{_ int}", "struct{1 int}", "struct{A  int}", "struct{A int }", `struct{A int "was="}`, `struct{A int "was=B}`,
		`struct{A int "is=B"}`, `struct{A int "was=B,C"}`, "#1", "#", "#x=int", "#1=", "#1=#1", "#1=#2=int", "#1=struct{A #1}", "#1=struct{A [2]#1}", "[]#1",
		"#1=struct{A *#2=[]#2; B *#2}", "binary", "binary(", "binary(a.B", "text(a.B[func()])x", `binary(a.B["x)`, "interface {}", "struct{A int}\x00",
		strings.Repeat("[]", 2000) + "int", strings.Repeat("struct{Field ", 50) + "chan int", "str\xff\xfe", strings.Repeat("#1=", 100),
	} {
		_, err := ParseSchema(text)
		if fault.CodeOf(err) != fault.StateSchemaDamaged {
			t.Errorf("%s: %v", brief(text), err)
		}
		fmt.Fprintln(&b, err)
		if Equal(text, "int") || !Equal(text, text) {
			t.Errorf("%s is equal to int, or not to itself", brief(text))
		}
		if _, err := Explain("int", text); fault.CodeOf(err) != fault.StateSchemaDamaged {
			t.Errorf("%s: %v", brief(text), err)
		}
	}
	golden(t, "testdata/damaged-schemas.txt", b.String())
}

func TestExplain(t *testing.T) {
	var b strings.Builder
	for _, c := range [][2]string{
		{"int64", "int64"},
		{"int32", "int64"},
		{"int", "int64"},
		{"struct{A int; B string}", "struct{B string; A int}"},
		{"struct{A int; B string}", "struct{A int; B string; C []byte}"},
		{"struct{A int; B string}", "struct{A int}"},
		{"struct{A int; B string}", "struct{A *int; C string}"},
		{"struct{A int; B string}", `struct{A *int; C string "was=X,was=B"}`},
		{`struct{A int "was=Z"; B string}`, `struct{A int; B string "was=A"}`},
		{"struct{B string}", `struct{A string "was=B"; B string}`},
		{"[]struct{M map[string][4]*struct{N int8}}", "[]struct{M map[string][4]*struct{N float64; O time}}"},
		{"#1=struct{Value int32; Next *#1}", "#1=struct{Value int64; Next *#1; Name string}"},
		{must[order1](t).Schema(), must[order2](t).SchemaWithNames()},
		{must[order1](t).Schema(), must[order2](t).Schema()},
		{must[order2](t).Schema(), must[order1](t).Schema()},
		{must[tree](t).Schema(), must[tree2](t).SchemaWithNames()},
		{must[everything](t).Schema(), must[small](t).Schema()},
	} {
		changes, err := Explain(c[0], c[1])
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(&b, "%s\n%s\n", c[0], c[1])
		for _, change := range changes {
			fmt.Fprintf(&b, "    %s: %s\n", change.Kind, change)
		}
		if Equal(c[0], c[1]) != (len(changes) == 0) {
			t.Errorf("%s and %s: equal %v", c[0], c[1], Equal(c[0], c[1]))
		}
	}
	golden(t, "testdata/changes.txt", b.String())
	if ChangeKind(0).String() != "unknown" || ChangeKind(99).String() != "unknown" {
		t.Error("a kind that is none")
	}
}

// Equal is symmetric, and what Migrate goes by.
func TestEqualAmongAll(t *testing.T) {
	all := schemasOfTable()
	for _, a := range all {
		for _, b := range all {
			if Equal(a, b) != Equal(b, a) {
				t.Errorf("%s and %s", a, b)
			}
		}
	}
}

func FuzzParseSchema(f *testing.F) {
	for _, s := range schemasOfTable() {
		f.Add(s, "int")
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		s, err := ParseSchema(a)
		if err != nil {
			if fault.CodeOf(err) != fault.StateSchemaDamaged {
				t.Fatal(err)
			}
			return
		}
		if back := s.write(true); back != a {
			t.Fatalf("%q became %q", a, back)
		}
		if !Equal(a, s.String()) {
			t.Fatalf("%q is not equal to %q", a, s)
		}
		Explain(a, b)
		Explain(b, a)
	})
}
