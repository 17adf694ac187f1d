package fn

import (
	"bytes"
	"unicode/utf8"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// Like and NotLike are LIKE: a pattern with % for any characters and _ for one.
var (
	Like       = likeFunction("LIKE", "whether a string matches a pattern, in which % stands for any characters and _ for one", newLike, false)
	NotLike    = likeFunction("NOT LIKE", "whether a string does not match a pattern", newLike, true)
	Similar    = likeFunction("SIMILAR TO", "whether a string matches a regular expression of SQL", newSimilar, false)
	NotSimilar = likeFunction("NOT SIMILAR TO", "whether a string does not match a regular expression of SQL", newSimilar, true)
)

func patterns() []*Function { return []*Function{Like, NotLike, Similar, NotSimilar} }

// matches reports whether a string matches.
type matches func(s []byte) (bool, error)

// likeFunction makes LIKE or SIMILAR TO. The arguments are string, pattern and, if given, the escape character.
func likeFunction(name, doc string, compile func(pattern string, escape rune) (matches, error), not bool) *Function {
	yes, no := uint64(1), uint64(0)
	if not {
		yes, no = no, yes
	}
	examples := [][2]string{{"'TE-ST' LIKE '%E%T'", "TRUE"}, {"'aXb' LIKE 'a_b'", "TRUE"}, {"'a%b' LIKE 'a!%b' ESCAPE '!'", "TRUE"}}
	switch name {
	case "NOT LIKE":
		examples = [][2]string{{"'abc' NOT LIKE 'a%'", "FALSE"}}
	case "SIMILAR TO":
		examples = [][2]string{{"'abcc' SIMILAR TO 'a(b|x)c+'", "TRUE"}, {"'a.c' SIMILAR TO 'a_%'", "TRUE"}}
	case "NOT SIMILAR TO":
		examples = [][2]string{{"'abc' NOT SIMILAR TO '%(x|y)%'", "TRUE"}}
	}
	return &Function{
		Name: name, Doc: doc, Syntax: Special, Fails: true, Examples: examples, Infer: takes("SS?S", strictBoolean),
		Print: func(args []string, _ types.Type) string {
			s := args[0] + " " + name + " " + args[1]
			if len(args) > 2 {
				s += " ESCAPE " + args[2]
			}
			return s
		},
		Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			var match matches
			var last, lastEscape string
			var have bool
			prepare := func(pattern, escape string) error {
				r := rune(-1)
				if escape != "" {
					w := 0
					if r, w = utf8.DecodeRuneInString(escape); w != len(escape) {
						return badValue("the escape character %q is not one character", escape)
					}
				}
				var err error
				if match, err = compile(pattern, r); err != nil {
					return badValue("the pattern %q of %s is wrong: %v", pattern, name, err)
				}
				last, lastEscape, have = pattern, escape, true
				return nil
			}
			return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				in := args[0]
				for i := range size(sel, n) {
					row := at(sel, i)
					pattern, escape := args[1].Bytes(row), []byte(nil)
					if len(args) > 2 {
						escape = args[2].Bytes(row)
					}
					if !have || string(pattern) != last || string(escape) != lastEscape {
						if err := prepare(string(pattern), string(escape)); err != nil {
							return err
						}
					}
					ok, err := match(in.Bytes(row))
					if err != nil {
						return badValue("%s: %v", name, err)
					}
					out.Words[row] = no
					if ok {
						out.Words[row] = yes
					}
				}
				return nil
			}, nil
		},
	}
}

// piece is what stands between two % of a LIKE pattern: text, in which the bytes at the places of any stand for one character each.
type piece struct {
	text []byte
	any  []bool // nil if there is none
}

// at returns the length of what the piece matches at the begin of s, or -1.
func (p *piece) at(s []byte) int {
	if p.any == nil {
		if bytes.HasPrefix(s, p.text) {
			return len(p.text)
		}
		return -1
	}
	i := 0
	for k, c := range p.text {
		switch {
		case i >= len(s):
			return -1
		case p.any[k]:
			_, w := utf8.DecodeRune(s[i:])
			i += w
		case s[i] != c:
			return -1
		default:
			i++
		}
	}
	return i
}

// find returns where the piece first matches in s, and how long, or -1.
func (p *piece) find(s []byte) (from, n int) {
	if p.any == nil {
		return bytes.Index(s, p.text), len(p.text)
	}
	first := 0 // how many bytes stand before the first that may be any
	for first < len(p.any) && !p.any[first] {
		first++
	}
	for i := 0; i <= len(s); {
		if first > 0 {
			k := bytes.Index(s[i:], p.text[:first])
			if k < 0 {
				break
			}
			i += k
		}
		if n := p.at(s[i:]); n >= 0 {
			return i, n
		}
		_, w := utf8.DecodeRune(s[i:])
		i += max(w, 1)
	}
	return -1, 0
}

// last reports whether the piece matches the end of s.
func (p *piece) last(s []byte) bool {
	if p.any == nil {
		return bytes.HasSuffix(s, p.text)
	}
	from := len(s)
	for range p.chars() {
		if from == 0 {
			return false
		}
		_, w := utf8.DecodeLastRune(s[:from])
		from -= w
	}
	return p.at(s[from:]) == len(s)-from
}

// chars is how many characters the piece matches.
func (p *piece) chars() int {
	n := 0
	for k, c := range p.text {
		if p.any != nil && p.any[k] || utf8.RuneStart(c) {
			n++
		}
	}
	return n
}

// newLike compiles a pattern of LIKE; escape is -1 for none.
func newLike(pattern string, escape rune) (matches, error) {
	pieces := []*piece{{}}
	for rest := pattern; rest != ""; {
		r, w := utf8.DecodeRuneInString(rest)
		char := rest[:w]
		rest = rest[w:]
		p := pieces[len(pieces)-1]
		any := false
		switch {
		case r == escape:
			next, w := utf8.DecodeRuneInString(rest)
			if rest == "" || next != '_' && next != '%' && next != escape {
				return nil, wrong("the escape character %q stands before nothing that may be escaped", string(escape))
			}
			char, rest = rest[:w], rest[w:]
		case r == '%':
			pieces = append(pieces, &piece{})
			continue
		case r == '_':
			any = true
			if p.any == nil {
				p.any = make([]bool, len(p.text))
			}
		}
		p.text = append(p.text, char...)
		for p.any != nil && len(p.any) < len(p.text) {
			p.any = append(p.any, any)
		}
	}
	first, last := pieces[0], pieces[len(pieces)-1]
	if len(pieces) == 1 {
		return func(s []byte) (bool, error) { return first.at(s) == len(s), nil }, nil
	}
	var middle []*piece
	for _, p := range pieces[1 : len(pieces)-1] {
		if len(p.text) > 0 {
			middle = append(middle, p)
		}
	}
	return func(s []byte) (bool, error) {
		n := first.at(s)
		if n < 0 {
			return false, nil
		}
		s = s[n:]
		for _, p := range middle {
			i, n := p.find(s)
			if i < 0 {
				return false, nil
			}
			s = s[i+n:]
		}
		return last.last(s), nil
	}, nil
}
