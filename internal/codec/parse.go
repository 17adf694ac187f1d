package codec

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/fault"
)

// maxNesting is how deep the types in the text of a schema may lie in each other.
const maxNesting = 1000

// ParseSchema reads a schema from what [Codec.Schema] or [Codec.SchemaWithNames] returned, in this process or another. A text that is not of their form is
// refused with [fault.StateSchemaDamaged], and the message says where.
func ParseSchema(text string) (*Schema, error) {
	p := schemaParser{text: text}
	s := &Schema{}
	err := p.value(s, false)
	if err == nil && p.pos < len(text) {
		err = p.wanted("nothing more")
	}
	if err != nil {
		return nil, fault.New(fault.StateSchemaDamaged, "schema %s: %w at byte %d of %d", brief(strconv.Quote(text)), err, p.pos, len(text))
	}
	return s, nil
}

// schemaParser reads the text from pos on.
type schemaParser struct {
	text  string
	pos   int
	depth int
	loose int          // slices, maps and pointers around pos
	open  []openSchema // the numbered types around pos, outermost first
}

type openSchema struct {
	s     *Schema
	loose int
}

// plainTypes are the types that stand for themselves.
var plainTypes = []string{"bool", "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64",
	"float32", "float64", "complex64", "complex128", "string", "time"}

// wanted returns the error that something else was expected at pos.
func (p *schemaParser) wanted(what string) error {
	if p.pos >= len(p.text) {
		return fmt.Errorf("it ends where %s should come", what)
	}
	return fmt.Errorf("%s instead of %s", brief(strconv.Quote(p.text[p.pos:])), what)
}

// brief shortens a text for a message.
func brief(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// take skips a text if it comes next.
func (p *schemaParser) take(s string) bool {
	if !strings.HasPrefix(p.text[p.pos:], s) {
		return false
	}
	p.pos += len(s)
	return true
}

// child reads a type within another one.
func (p *schemaParser) child(inList bool) (*Schema, error) {
	if p.take("#") {
		return p.numbered()
	}
	s := &Schema{}
	return s, p.value(s, inList)
}

// numbered reads a reference to a type around this one, as "1", or a numbered type, as "1=struct{}".
func (p *schemaParser) numbered() (*Schema, error) {
	n, err := p.number()
	if err != nil {
		return nil, err
	}
	if p.take("=") {
		return p.define(&Schema{number: n})
	}
	for _, o := range slices.Backward(p.open) {
		if o.s.number != n {
			continue
		}
		if o.loose == p.loose {
			return nil, fmt.Errorf("type #%d contains itself without a pointer, slice or map between", n)
		}
		return o.s, nil
	}
	return nil, fmt.Errorf("#%d is not a type around this place", n)
}

func (p *schemaParser) define(s *Schema) (*Schema, error) {
	p.open = append(p.open, openSchema{s, p.loose})
	err := p.value(s, false)
	p.open = p.open[:len(p.open)-1]
	return s, err
}

// number reads a decimal number in its shortest form.
func (p *schemaParser) number() (int, error) {
	from := p.pos
	for p.pos < len(p.text) && '0' <= p.text[p.pos] && p.text[p.pos] <= '9' {
		p.pos++
	}
	digits := p.text[from:p.pos]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || len(digits) > 1 && digits[0] == '0' || n > math.MaxInt {
		p.pos = from
		return 0, p.wanted("a number")
	}
	return int(n), nil
}

// value reads a type into s. inList says that it is that of the elements of a slice or an array, where byte may stand.
func (p *schemaParser) value(s *Schema, inList bool) error {
	if p.depth++; p.depth > maxNesting {
		return errors.New("types are nested too deep")
	}
	defer func() { p.depth-- }()
	switch {
	case p.take("#"):
		// Only where ParseSchema starts.
		return p.root(s)
	case p.take("[]"):
		s.kind = schemaSlice
		return p.behind(&s.elem, true)
	case p.take("["):
		return p.array(s)
	case p.take("map["):
		return p.mapping(s)
	case p.take("*"):
		s.kind = schemaPointer
		return p.behind(&s.elem, false)
	case p.take("struct{"):
		return p.structure(s)
	}
	from, length := p.pos, nameLength(p.text[p.pos:])
	word := p.text[from : from+length]
	p.pos += length
	switch {
	case slices.Contains(plainTypes, word) || word == "byte" && inList:
		s.text = word
		return nil
	case word == "binary" || word == "text":
		s.kind = schemaMarshal
		err := p.parentheses()
		s.text = p.text[from:p.pos]
		return err
	}
	p.pos = from
	return p.wanted("a type")
}

// root reads a numbered type that is the whole schema.
func (p *schemaParser) root(s *Schema) error {
	if len(p.open) > 0 {
		return errors.New("a numbered type has a second number")
	}
	n, err := p.number()
	if err != nil {
		return err
	}
	if !p.take("=") {
		return p.wanted(`"="`)
	}
	s.number = n
	_, err = p.define(s)
	return err
}

// behind reads a type that lies in memory of its own.
func (p *schemaParser) behind(to **Schema, inList bool) (err error) {
	p.loose++
	*to, err = p.child(inList)
	p.loose--
	return err
}

func (p *schemaParser) array(s *Schema) (err error) {
	s.kind = schemaArray
	if s.len, err = p.number(); err != nil {
		return err
	}
	if !p.take("]") {
		return p.wanted(`"]"`)
	}
	s.elem, err = p.child(true)
	return err
}

func (p *schemaParser) mapping(s *Schema) error {
	s.kind = schemaMap
	if err := p.behind(&s.key, false); err != nil {
		return err
	}
	if !p.take("]") {
		return p.wanted(`"]"`)
	}
	return p.behind(&s.elem, false)
}

func (p *schemaParser) structure(s *Schema) error {
	s.kind = schemaStruct
	names := map[string]bool{}
	for !p.take("}") {
		if len(s.fields) > 0 && !p.take("; ") {
			return p.wanted(`"; " or "}"`)
		}
		f, err := p.field(names)
		if err != nil {
			return err
		}
		s.fields = append(s.fields, f)
	}
	return nil
}

func (p *schemaParser) field(names map[string]bool) (f schemaField, err error) {
	from := p.pos
	f.name = p.text[from : from+nameLength(p.text[from:])]
	if !isName(f.name) {
		return f, p.wanted("the name of a field")
	}
	if names[f.name] {
		return f, fmt.Errorf("a second field %s", f.name)
	}
	names[f.name] = true
	p.pos += len(f.name)
	if !p.take(" ") {
		return f, p.wanted("a space and the type of the field")
	}
	if f.form, err = p.child(false); err != nil {
		return f, err
	}
	if p.take(` "`) {
		f.was, err = p.former()
	}
	return f, err
}

// former reads the former names of a field, as in was=A,was=B".
func (p *schemaParser) former() (was []string, err error) {
	for {
		if !p.take("was=") {
			return nil, p.wanted(`"was="`)
		}
		name := p.text[p.pos : p.pos+nameLength(p.text[p.pos:])]
		if !isName(name) {
			return nil, p.wanted("the former name of a field")
		}
		p.pos += len(name)
		was = append(was, name)
		if p.take(`"`) {
			return was, nil
		}
		if !p.take(",") {
			return nil, p.wanted(`"," or a quotation mark`)
		}
	}
}

// parentheses skips the name of a type in parentheses. The name of a generic type may hold parentheses and quoted tags itself.
func (p *schemaParser) parentheses() error {
	if p.pos >= len(p.text) || p.text[p.pos] != '(' {
		return p.wanted(`"("`)
	}
	open := 0
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				p.pos++
				return nil
			}
		case '"':
			quoted, err := strconv.QuotedPrefix(p.text[p.pos:])
			if err != nil {
				return p.wanted("a quoted tag")
			}
			p.pos += len(quoted) - 1
		}
		p.pos++
	}
	return p.wanted(`")"`)
}
