package regex

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNested is how deep groups may nest; maxLength how long a pattern may be.
const (
	maxNested = 200
	maxLength = 20_000
)

// Error is what is wrong with a pattern, and where: the byte before which it was noticed.
type Error struct {
	What string
	At   int
}

func (e *Error) Error() string { return fmt.Sprintf("%s at position %d", e.What, e.At) }

// tree is a pattern as it is written.
type tree struct {
	kind kind
	text []byte // of literals
	set  *set
	of   []*tree
	// of quantifiers
	min, max int
	mode     mode
	// group is the number of a group, or of what is referred to; -1 for a group that is not kept.
	group            int
	behind, not, atm bool
	fold             bool
	anchor           byte
}

type kind uint8

const (
	kLiteral kind = iota
	kSet
	kSequence
	kChoice
	kRepeat
	kGroup
	kLook
	kBack
	kAnchor
)

type flags struct{ fold, wide, dotAll, multi, comments, unixLines bool }

type parser struct {
	s      string
	at     int
	groups int
	names  map[string]int
	nested int
	flags  flags
	refs   []int
}

// Compile reads a pattern.
func Compile(pattern string) (re *Regexp, err error) {
	if len(pattern) > maxLength {
		return nil, &Error{"the pattern is too long", maxLength}
	}
	p := &parser{s: pattern, names: map[string]int{}}
	defer func() {
		if e := recover(); e != nil {
			bad, ok := e.(*Error)
			if !ok {
				panic(e)
			}
			re, err = nil, bad
		}
	}()
	t := p.choice()
	if p.at < len(p.s) {
		p.fail("unmatched closing ')'")
	}
	for _, r := range p.refs {
		if r > p.groups {
			p.fail("there is no group " + strconv.Itoa(r))
		}
	}
	re = &Regexp{groups: p.groups, names: p.names}
	re.start = re.compile(t, accept{})
	re.hints(t)
	return re, nil
}

func (p *parser) fail(what string) { panic(&Error{what, p.at}) }

func (p *parser) eof() bool { return p.at >= len(p.s) }

func (p *parser) peek() byte {
	if p.eof() {
		return 0
	}
	return p.s[p.at]
}

func (p *parser) accept(text string) bool {
	if strings.HasPrefix(p.s[p.at:], text) {
		p.at += len(text)
		return true
	}
	return false
}

func (p *parser) rune() rune {
	if p.eof() {
		p.fail("the pattern ends too early")
	}
	r, w := utf8.DecodeRuneInString(p.s[p.at:])
	p.at += w
	return r
}

func (p *parser) choice() *tree {
	if p.nested++; p.nested > maxNested {
		p.fail("groups are nested too deeply")
	}
	saved := p.flags
	t := p.sequence()
	if p.peek() == '|' {
		t = &tree{kind: kChoice, of: []*tree{t}}
		for p.accept("|") {
			t.of = append(t.of, p.sequence())
		}
	}
	p.flags = saved
	p.nested--
	return t
}

func (p *parser) sequence() *tree {
	seq := &tree{kind: kSequence}
	for !p.eof() && p.peek() != '|' && p.peek() != ')' {
		if p.flags.comments && p.comment() {
			continue
		}
		t := p.atom()
		if t == nil {
			continue
		}
		if t.kind == kSequence && len(t.of) > 0 { // \Q..\E: a quantifier belongs to the last character
			for _, x := range t.of[:len(t.of)-1] {
				seq.add(x)
			}
			t = t.of[len(t.of)-1]
		}
		for {
			q := p.quantified(t)
			if q == nil {
				break
			}
			t = q
		}
		seq.add(t)
	}
	return seq
}

// add adds to a sequence; literals that follow each other are one.
func (t *tree) add(x *tree) {
	if n := len(t.of); n > 0 && x.kind == kLiteral && t.of[n-1].kind == kLiteral {
		t.of[n-1] = &tree{kind: kLiteral, text: append(t.of[n-1].text[:len(t.of[n-1].text):len(t.of[n-1].text)], x.text...)}
		return
	}
	t.of = append(t.of, x)
}

// comment skips spaces and what follows a #, for the flag x.
func (p *parser) comment() bool {
	switch c := p.peek(); c {
	case ' ', '\t', '\n', '\r', '\f', '\v':
		p.at++
		return true
	case '#':
		for !p.eof() && p.peek() != '\n' {
			p.at++
		}
		return true
	}
	return false
}

func (p *parser) quantified(t *tree) *tree {
	for p.flags.comments && !p.eof() && p.comment() {
	}
	if p.eof() {
		return nil
	}
	low, high := 0, -1
	switch p.peek() {
	case '*':
		p.at++
	case '+':
		p.at++
		low = 1
	case '?':
		p.at++
		high = 1
	case '{':
		p.at++
		low = p.number()
		high = low
		if p.accept(",") {
			high = -1
			if p.peek() != '}' {
				high = p.number()
			}
		}
		if !p.accept("}") {
			p.fail("a counted repetition is not closed")
		}
		if high >= 0 && high < low {
			p.fail("illegal repetition range")
		}
	default:
		return nil
	}
	r := &tree{kind: kRepeat, of: []*tree{t}, min: low, max: high}
	switch {
	case p.accept("?"):
		r.mode = lazy
	case p.accept("+"):
		r.mode = possessive
	}
	return r
}

func (p *parser) number() int {
	from := p.at
	for p.peek() >= '0' && p.peek() <= '9' {
		p.at++
	}
	n, err := strconv.Atoi(p.s[from:p.at])
	if err != nil || n > 1<<30 {
		p.fail("illegal repetition")
	}
	return n
}

// char is a character that stands for itself.
func (p *parser) char(r rune) *tree {
	if p.flags.fold && (p.flags.wide && unicode.SimpleFold(r) != r || unicode.IsLetter(r) && r < utf8.RuneSelf) {
		return &tree{kind: kSet, set: span(r, r).folded(p.flags.wide)}
	}
	return &tree{kind: kLiteral, text: utf8.AppendRune(nil, r)}
}

func (p *parser) isSet(s *set) *tree { return &tree{kind: kSet, set: s} }

func (p *parser) anchorAt(c byte) *tree { return &tree{kind: kAnchor, anchor: c} }

func (p *parser) atom() *tree {
	switch c := p.peek(); c {
	case '(':
		return p.group()
	case '[':
		p.at++
		return p.isSet(p.class())
	case '\\':
		p.at++
		return p.escape()
	case '.':
		p.at++
		switch {
		case p.flags.dotAll:
			return p.isSet(all)
		case p.flags.unixLines:
			return p.isSet(oneOf("\n").not())
		}
		return p.isSet(dot)
	case '^':
		p.at++
		if p.flags.multi {
			return p.anchorAt('M')
		}
		return p.anchorAt('^')
	case '$':
		p.at++
		if p.flags.multi {
			return p.anchorAt('E')
		}
		return p.anchorAt('$')
	case '*', '+', '?':
		p.fail("dangling meta character '" + string(c) + "'")
	case '{':
		p.fail("illegal repetition")
	}
	return p.char(p.rune())
}

func (p *parser) group() *tree {
	p.at++ // (
	t := &tree{kind: kGroup, group: -1}
	saved := p.flags
	switch {
	case p.accept("?:"):
	case p.accept("?>"):
		t = &tree{kind: kLook, atm: true}
	case p.accept("?="):
		t = &tree{kind: kLook}
	case p.accept("?!"):
		t = &tree{kind: kLook, not: true}
	case p.accept("?<="):
		t = &tree{kind: kLook, behind: true}
	case p.accept("?<!"):
		t = &tree{kind: kLook, behind: true, not: true}
	case p.accept("?<"):
		name := p.name('>')
		if _, twice := p.names[name]; twice {
			p.fail("the group '" + name + "' is defined twice")
		}
		p.groups++
		t.group = p.groups
		p.names[name] = p.groups
	case p.accept("?"):
		if p.setFlags() {
			return nil // (?i): to the end of the group around
		}
	default:
		p.groups++
		t.group = p.groups
	}
	t.of = []*tree{p.choice()}
	if !p.accept(")") {
		p.fail("unclosed group")
	}
	p.flags = saved
	return t
}

// setFlags reads flags up to ) or : and reports whether it was ).
func (p *parser) setFlags() bool {
	on := true
	for {
		switch c := p.rune(); c {
		case 'i':
			p.flags.fold = on
		case 'u', 'U':
			p.flags.wide = on
		case 's':
			p.flags.dotAll = on
		case 'm':
			p.flags.multi = on
		case 'x':
			p.flags.comments = on
		case 'd':
			p.flags.unixLines = on
		case '-':
			on = false
		case ')':
			return true
		case ':':
			return false
		default:
			p.fail("unknown inline modifier")
		}
	}
}

func (p *parser) name(end byte) string {
	i := strings.IndexByte(p.s[p.at:], end)
	if i < 1 {
		p.fail("a group's name is not closed")
	}
	name := p.s[p.at : p.at+i]
	for k, r := range name {
		if r >= utf8.RuneSelf || !(unicode.IsLetter(r) || k > 0 && unicode.IsDigit(r)) {
			p.fail("a group's name consists of letters and digits")
		}
	}
	p.at += i + 1
	return name
}

// escape reads what follows a backslash, outside a class.
func (p *parser) escape() *tree {
	switch c := p.peek(); c {
	case 'b', 'B', 'A', 'G', 'z', 'Z':
		p.at++
		return p.anchorAt(c)
	case 'Q':
		p.at++
		text := p.s[p.at:]
		if i := strings.Index(text, `\E`); i >= 0 {
			text = text[:i]
			p.at += 2
		}
		p.at += len(text)
		seq := &tree{kind: kSequence}
		for _, r := range text {
			seq.of = append(seq.of, p.char(r))
		}
		return seq
	case 'E':
		p.at++
		return nil
	case 'R':
		p.at++
		return &tree{kind: kChoice, of: []*tree{{kind: kLiteral, text: []byte("\r\n")}, {kind: kSet, set: breaks}}}
	case 'k':
		p.at++
		if !p.accept("<") {
			p.fail(`\k is not followed by '<' and the name of a group`)
		}
		name := p.name('>')
		n, ok := p.names[name]
		if !ok {
			p.fail("there is no group '" + name + "'")
		}
		return &tree{kind: kBack, group: n, fold: p.flags.fold}
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		p.at++
		n := int(c - '0')
		for d := p.peek(); d >= '0' && d <= '9' && n*10+int(d-'0') <= p.groups; d = p.peek() {
			n = n*10 + int(d-'0')
			p.at++
		}
		p.refs = append(p.refs, n)
		return &tree{kind: kBack, group: n, fold: p.flags.fold}
	}
	if s := p.classEscape(); s != nil {
		return p.isSet(s)
	}
	return p.char(p.charEscape())
}

// classEscape reads \d and its like behind the backslash, or returns nil.
func (p *parser) classEscape() *set {
	c := p.peek()
	var s *set
	switch c {
	case 'd', 'D':
		s = digits
	case 's', 'S':
		s = spaces
	case 'w', 'W':
		s = words
	case 'h', 'H':
		s = blanks
	case 'v', 'V':
		s = breaks
	case 'p', 'P':
		p.at++
		name := string(p.rune())
		if name == "{" {
			i := strings.IndexByte(p.s[p.at:], '}')
			if i < 0 {
				p.fail("unclosed character family")
			}
			name = p.s[p.at : p.at+i]
			p.at += i + 1
		}
		s, ok := property(name)
		if !ok {
			p.fail("unknown character property name {" + name + "}")
		}
		if c == 'P' {
			return s.not()
		}
		return s
	default:
		return nil
	}
	p.at++
	if c < 'a' {
		return s.not()
	}
	return s
}

// charEscape reads one character behind a backslash.
func (p *parser) charEscape() rune {
	c := p.rune()
	hex := func(n int) rune {
		if len(p.s)-p.at < n {
			p.fail("illegal hexadecimal escape")
		}
		x, err := strconv.ParseUint(p.s[p.at:p.at+n], 16, 32)
		if err != nil {
			p.fail("illegal hexadecimal escape")
		}
		p.at += n
		return rune(x)
	}
	switch c {
	case 't':
		return '\t'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 'f':
		return '\f'
	case 'a':
		return 7
	case 'e':
		return 27
	case '0':
		n, digits := rune(0), 0
		for digits < 3 && p.peek() >= '0' && p.peek() <= '7' && n*8+rune(p.peek()-'0') <= 0o377 {
			n = n*8 + rune(p.peek()-'0')
			p.at++
			digits++
		}
		if digits == 0 {
			p.fail("illegal octal escape")
		}
		return n
	case 'x':
		if p.accept("{") {
			i := strings.IndexByte(p.s[p.at:], '}')
			if i < 1 || i > 8 {
				p.fail("illegal hexadecimal escape")
			}
			r := hex(i)
			p.at++
			if r > unicode.MaxRune || r < 0 {
				p.fail("a hexadecimal escape is too big")
			}
			return r
		}
		return hex(2)
	case 'u':
		r := hex(4)
		if r >= 0xd800 && r < 0xdc00 && p.accept(`\u`) {
			return 0x10000 + (r-0xd800)<<10 + hex(4) - 0xdc00
		}
		return r
	case 'c':
		return p.rune() ^ 64
	}
	if c < utf8.RuneSelf && unicode.IsLetter(c) {
		p.at--
		p.fail("illegal or unsupported escape sequence")
	}
	return c
}

// class reads a class behind its opening bracket.
func (p *parser) class() *set {
	if p.nested++; p.nested > maxNested {
		p.fail("classes are nested too deeply")
	}
	defer func() { p.nested-- }()
	negated := p.accept("^")
	var whole, part *set // the intersection so far, and the union under way
	add := func(s *set) {
		if part == nil {
			part = s
		} else {
			part = part.or(s)
		}
	}
	for first := true; ; first = false {
		if p.eof() {
			p.fail("unclosed character class")
		}
		switch {
		case p.peek() == ']' && (!first || whole != nil || part != nil):
			p.at++
			if whole == nil {
				whole = part
			} else if part != nil {
				whole = whole.and(part)
			}
			if whole == nil {
				p.fail("unclosed character class")
			}
			if p.flags.fold {
				whole = whole.folded(p.flags.wide)
			}
			if negated {
				whole = whole.not()
			}
			// One closure decides beyond ASCII, however the set was put together.
			return whole
		case p.accept("&&"):
			if whole == nil {
				whole = part
			} else if part != nil {
				whole = whole.and(part)
			}
			part = nil
			continue
		case p.peek() == '[':
			p.at++
			add(p.class())
			continue
		case p.flags.comments && p.comment():
			continue
		}
		from := rune(0)
		if p.accept(`\`) {
			if p.accept("Q") {
				text := p.s[p.at:]
				if i := strings.Index(text, `\E`); i >= 0 {
					text = text[:i]
					p.at += 2
				}
				p.at += len(text)
				add(oneOf(text))
				continue
			}
			if p.accept("E") {
				continue
			}
			if s := p.classEscape(); s != nil {
				add(s)
				continue
			}
			from = p.charEscape()
		} else {
			from = p.rune()
		}
		to := from
		if p.peek() == '-' && p.at+1 < len(p.s) && p.s[p.at+1] != ']' && p.s[p.at+1] != '[' {
			p.at++
			if p.accept(`\`) {
				to = p.charEscape()
			} else {
				to = p.rune()
			}
			if to < from {
				p.fail("illegal character range")
			}
		}
		add(span(from, to))
	}
}
