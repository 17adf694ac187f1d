package regex

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// set is a set of characters.
type set struct {
	ascii [128]bool
	more  func(r rune) bool // for those beyond ASCII; nil for none
}

// at returns the length of the character at i if it is in the set, else 0.
func (s *set) at(text []byte, i int) int {
	if i >= len(text) {
		return 0
	}
	if c := text[i]; c < utf8.RuneSelf {
		if s.ascii[c] {
			return 1
		}
		return 0
	}
	if s.more == nil {
		return 0
	}
	r, w := utf8.DecodeRune(text[i:])
	if !s.more(r) {
		return 0
	}
	return w
}

func (s *set) has(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 0 && s.ascii[r]
	}
	return s.more != nil && s.more(r)
}

// those returns the set of the characters for which f is true.
func those(f func(r rune) bool) *set {
	s := &set{more: f}
	for r := range rune(128) {
		s.ascii[r] = f(r)
	}
	return s
}

// short returns the set without what is beyond ASCII.
func (s *set) short() *set {
	s.more = nil
	return s
}

func (s *set) not() *set { return those(func(r rune) bool { return !s.has(r) }) }

func (s *set) or(o *set) *set {
	u := those(func(r rune) bool { return s.has(r) || o.has(r) })
	if s.more == nil && o.more == nil {
		return u.short()
	}
	return u
}

func (s *set) and(o *set) *set {
	u := those(func(r rune) bool { return s.has(r) && o.has(r) })
	if s.more == nil || o.more == nil {
		return u.short()
	}
	return u
}

func span(from, to rune) *set {
	s := those(func(r rune) bool { return r >= from && r <= to })
	if to < utf8.RuneSelf {
		return s.short()
	}
	return s
}

// folded is a set without regard to case; beyond ASCII only if wide.
func (s *set) folded(wide bool) *set {
	f := those(func(r rune) bool {
		if s.has(r) {
			return true
		}
		if !wide {
			switch {
			case r >= 'a' && r <= 'z':
				return s.has(r - 32)
			case r >= 'A' && r <= 'Z':
				return s.has(r + 32)
			}
			return false
		}
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			if s.has(f) {
				return true
			}
		}
		return false
	})
	if !wide && s.more == nil {
		return f.short()
	}
	return f
}

func wordRune(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

func oneOf(chars string) *set {
	s := those(func(r rune) bool { return strings.ContainsRune(chars, r) })
	for i := range len(chars) {
		if chars[i] >= utf8.RuneSelf {
			return s
		}
	}
	return s.short()
}

var (
	digits = span('0', '9')
	spaces = oneOf(" \t\n\x0b\f\r")
	words  = span('a', 'z').or(span('A', 'Z')).or(digits).or(oneOf("_"))
	blanks = oneOf(" \t\u00a0\u1680\u180e\u202f\u205f\u3000").or(span(0x2000, 0x200a))
	breaks = oneOf("\n\x0b\f\r\u0085\u2028\u2029")
	dot    = oneOf("\n\r\u0085\u2028\u2029").not()
	all    = those(func(rune) bool { return true })
	graph  = span(0x21, 0x7e)
)

var properties = map[string]*set{
	"lower": span('a', 'z'), "upper": span('A', 'Z'), "ascii": span(0, 127), "alpha": span('a', 'z').or(span('A', 'Z')), "digit": digits,
	"alnum": span('a', 'z').or(span('A', 'Z')).or(digits), "punct": graph.and(span('a', 'z').or(span('A', 'Z')).or(digits).not()), "graph": graph,
	"print": span(0x20, 0x7e), "blank": oneOf(" \t"), "cntrl": span(0, 31).or(span(127, 127)), "xdigit": digits.or(span('a', 'f')).or(span('A', 'F')), "space": spaces,
	"javalowercase": those(unicode.IsLower), "javauppercase": those(unicode.IsUpper), "javawhitespace": those(unicode.IsSpace), "javadigit": those(unicode.IsDigit),
	"javaletter": those(unicode.IsLetter), "javaletterordigit": those(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }),
	"alphabetic": those(unicode.IsLetter), "letter": those(unicode.IsLetter), "lowercase": those(unicode.IsLower), "uppercase": those(unicode.IsUpper),
	"ideographic": those(func(r rune) bool { return unicode.Is(unicode.Ideographic, r) }), "white_space": those(unicode.IsSpace),
	"punctuation": those(unicode.IsPunct), "control": those(unicode.IsControl), "l1": span(0, 255), "all": all, "any": all,
}

// property is the set of \p{name}.
func property(name string) (*set, bool) {
	if s, ok := properties[strings.ToLower(name)]; ok && !strings.HasPrefix(name, "Is") {
		return s, true
	}
	short := strings.TrimPrefix(name, "Is")
	if key, value, ok := strings.Cut(name, "="); ok {
		switch strings.ToLower(key) {
		case "sc", "script", "gc", "general_category":
			short = value
		default:
			return nil, false
		}
	}
	if s, ok := properties[strings.ToLower(short)]; ok && short != name {
		return s, true
	}
	for _, tables := range []map[string]*unicode.RangeTable{unicode.Categories, unicode.Scripts, unicode.Properties} {
		for key, table := range tables {
			if strings.EqualFold(key, short) {
				return those(func(r rune) bool { return unicode.Is(table, r) }), true
			}
		}
	}
	return nil, false
}
