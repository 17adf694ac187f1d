package fn

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/regex"
	"github.com/weirstream/weir/types"
)

// regexps are the functions of regular expressions, those of Java. A pattern that is none gives null, as in Flink.
func regexps() []*Function {
	return []*Function{
		{Name: "REGEXP", Doc: "whether a part of the string matches the regular expression", Fails: true, Infer: takes("SS", strictBoolean), Bind: searching(regexpMatches), Examples: [][2]string{{"REGEXP('foobar', 'o{2}b')", "TRUE"}, {"REGEXP('foobar', '')", "FALSE"}, {"REGEXP('foobar', '(')", "FALSE"}}},
		{Name: "REGEXP_EXTRACT", Doc: "what the regular expression, or a group of it, matches first in the string; null if nothing", Fails: true, Infer: takes("SS?I", nullableText), Bind: searching(regexpExtract),
			Examples: [][2]string{{"REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 2)", "bar"}, {"REGEXP_EXTRACT('a=1&channel_id=7&b', '(&|^)channel_id=([^&]*)', 2)", "7"}, {"REGEXP_EXTRACT('abc', 'x')", "NULL"},
				{"REGEXP_EXTRACT('abc', '(')", "NULL"}, {"REGEXP_EXTRACT('abc', 'b', 3)", "NULL"}}},
		{Name: "REGEXP_SUBSTR", Doc: "what the regular expression matches first in the string; null if nothing", Fails: true, Infer: takes("SS", nullableText), Bind: searching(regexpExtract),
			Examples: [][2]string{{"REGEXP_SUBSTR('abc123', '[0-9]+')", "123"}}},
		{Name: "REGEXP_REPLACE", Doc: "the string with all that the regular expression matches replaced", Fails: true, Infer: takes("SSS", replaced), Bind: searching(regexpReplace),
			Examples: [][2]string{{"REGEXP_REPLACE('foobar', 'oo|ar', '')", "fb"}, {"REGEXP_REPLACE('foobar', 'o*', '$0')", "$0f$0$0b$0a$0r$0"}}},
		{Name: "REGEXP_COUNT", Doc: "how often the regular expression matches in the string", Fails: true, Infer: takes("SS", nullableInt), Bind: searching(func(p *pattern) Kernel {
			return p.each(func(s []byte, args []*column.Vector, row, n int, out *column.Vector) error {
				count := 0
				err := p.all(s, func([]int) { count++ })
				out.Words[row] = uint64(count)
				return err
			})
		}), Examples: [][2]string{{"REGEXP_COUNT('abcabc', 'b.')", "2"}, {"REGEXP_COUNT('a', '(')", "NULL"}}},
		{Name: "REGEXP_INSTR", Doc: "where the regular expression first matches in the string, in characters from 1; 0 if nowhere", Fails: true, Infer: takes("SS", nullableInt), Bind: searching(func(p *pattern) Kernel {
			return p.each(func(s []byte, args []*column.Vector, row, n int, out *column.Vector) error {
				at, err := p.find(s, 0)
				out.Words[row] = 0
				if at != nil {
					out.Words[row] = uint64(runes(s[:at[0]]) + 1)
				}
				return err
			})
		}), Examples: [][2]string{{"REGEXP_INSTR('héllo', 'l+')", "3"}}},
	}
}

// replaced is the type of REGEXP_REPLACE, which has no null only where a literal shows that the pattern is one.
func replaced(args []Arg) types.Type {
	if p, ok := literal(args, 1); ok {
		if _, err := regex.Compile(p); err == nil {
			return strictText(args)
		}
	}
	return types.String()
}

func regexpMatches(p *pattern) Kernel {
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			p.set(args[1].Bytes(row))
			if p.matcher == nil || len(args[1].Bytes(row)) == 0 {
				out.Words[row] = 0
				continue
			}
			found, err := p.find(args[0].Bytes(row), 0)
			if err != nil {
				return err
			}
			setBool(out, row, found != nil)
		}
		return nil
	}
}

// pattern is the second argument, compiled once if it stays the same.
type pattern struct {
	matcher *regex.Matcher // nil for what is no pattern
	groups  int
	last    string
	have    bool
}

func (p *pattern) set(text []byte) {
	if p.have && string(text) == p.last {
		return
	}
	p.last, p.have, p.matcher = string(text), true, nil
	if re, err := regex.Compile(p.last); err == nil {
		p.matcher, p.groups = re.Matcher(), re.Groups()
	}
}

func (p *pattern) find(s []byte, from int) ([]int, error) {
	at, err := p.matcher.Find(s, from)
	if err != nil {
		return nil, badValue("%v: %q", err, p.last)
	}
	return at, nil
}

// all calls f for each match.
func (p *pattern) all(s []byte, f func(at []int)) error {
	for from := 0; from <= len(s); {
		at, err := p.find(s, from)
		if at == nil || err != nil {
			return err
		}
		f(at)
		from = at[1]
		if at[1] == at[0] {
			from++
			for from < len(s) && s[from]&0xc0 == 0x80 {
				from++
			}
		}
	}
	return nil
}

// each is a kernel that calls f for the rows with a pattern; others are null.
func (p *pattern) each(f func(s []byte, args []*column.Vector, row, n int, out *column.Vector) error) Kernel {
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			p.set(args[1].Bytes(row))
			if p.matcher == nil {
				out.SetNull(row, n)
				continue
			}
			if err := f(args[0].Bytes(row), args, row, n, out); err != nil {
				return err
			}
		}
		return nil
	}
}

func searching(make func(p *pattern) Kernel) func(*Session, []Arg, types.Type) (Kernel, error) {
	return func(s *Session, args []Arg, result types.Type) (Kernel, error) {
		p := &pattern{}
		if text, ok := literal(args, 1); ok {
			p.set([]byte(text))
		}
		return make(p), nil
	}
}

func regexpExtract(p *pattern) Kernel {
	var err error
	inner := parts(func(s []byte, args []*column.Vector, row int) (int, int) {
		if err != nil {
			return -1, 0
		}
		p.set(args[1].Bytes(row))
		group := int64(0)
		if len(args) > 2 {
			group = args[2].Int(row)
		}
		if p.matcher == nil || group < 0 || group > int64(p.groups) {
			return -1, 0
		}
		at, e := p.find(s, 0)
		if e != nil {
			err = e
		}
		if at == nil {
			return -1, 0
		}
		return at[2*group], at[2*group+1]
	})
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		if e := inner(c, args, sel, n, out); e != nil {
			return e
		}
		e := err
		err = nil
		return e
	}
}

func regexpReplace(p *pattern) Kernel {
	var made []byte
	return p.each(func(s []byte, args []*column.Vector, row, n int, out *column.Vector) error {
		made = made[:0]
		by, from := args[2].Bytes(row), 0
		err := p.all(s, func(at []int) {
			made = append(append(made, s[from:at[0]]...), by...)
			from = at[1]
		})
		if err != nil {
			return err
		}
		if len(made) > maxText {
			return badValue("REGEXP_REPLACE makes a string of more than %d bytes", maxText)
		}
		out.SetBytes(row, append(made, s[from:]...))
		return nil
	})
}
