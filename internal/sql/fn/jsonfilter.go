package fn

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/internal/sql/regex"
)

// jsonFilter is the condition of a step [?(...)], which picks elements: @ is the element, $ the whole value.
type jsonFilter func(root, at *node) bool

// jsonOperand is an operand of a condition; nil where a path leads to nothing.
type jsonOperand func(root, at *node) *node

// newJSONFilter reads a condition: comparisons by ==, !=, <, <=, >, >=, =~ /pattern/i, in, nin, anyof, noneof, subsetof, contains, size and empty, paths that must lead to something, !, && and ||, and parentheses.
func newJSONFilter(text string) (jsonFilter, bool) {
	p := &filterReader{s: text}
	f := p.any()
	p.blanks()
	return f, !p.bad && p.at == len(p.s)
}

type filterReader struct {
	s   string
	at  int
	bad bool
	// depth is how many parentheses are open.
	depth int
}

func (p *filterReader) blanks() {
	for p.at < len(p.s) && p.s[p.at] == ' ' {
		p.at++
	}
}

func (p *filterReader) accept(word string) bool {
	p.blanks()
	if !strings.HasPrefix(p.s[p.at:], word) {
		return false
	}
	after := p.at + len(word)
	if letter(word[0]) && after < len(p.s) && letter(p.s[after]) {
		return false
	}
	p.at = after
	return true
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func (p *filterReader) any() jsonFilter {
	f := p.all()
	for p.accept("||") {
		a, b := f, p.all()
		f = func(root, at *node) bool { return a(root, at) || b(root, at) }
	}
	return f
}

func (p *filterReader) all() jsonFilter {
	f := p.one()
	for p.accept("&&") {
		a, b := f, p.one()
		f = func(root, at *node) bool { return a(root, at) && b(root, at) }
	}
	return f
}

func (p *filterReader) one() jsonFilter {
	if p.depth++; p.depth > maxJSON {
		p.bad = true
	}
	if p.bad {
		return nil
	}
	defer func() { p.depth-- }()
	if p.accept("!") {
		f := p.one()
		return func(root, at *node) bool { return !f(root, at) }
	}
	if p.accept("(") {
		f := p.any()
		p.bad = p.bad || !p.accept(")")
		return f
	}
	a := p.operand()
	if p.accept("=~") {
		return p.pattern(a)
	}
	for _, op := range []string{"==", "!=", "<=", ">=", "<", ">", "subsetof", "anyof", "noneof", "contains", "in", "nin", "size", "empty"} {
		if p.accept(op) || p.accept(strings.ToUpper(op)) {
			b, compare := p.operand(), jsonComparisons[op]
			return func(root, at *node) bool { return compare(a(root, at), b(root, at)) }
		}
	}
	return func(root, at *node) bool { return a(root, at) != nil }
}

// pattern reads /pattern/flags, all of which a text has to match.
func (p *filterReader) pattern(a jsonOperand) jsonFilter {
	p.blanks()
	from, end := p.at+1, -1
	for i := from; i < len(p.s) && p.s[p.at] == '/'; i++ {
		if p.s[i] == '\\' {
			i++
		} else if p.s[i] == '/' {
			end = i
			break
		}
	}
	if end < 0 {
		p.bad = true
		return nil
	}
	p.at = end + 1
	flags := p.at
	for p.at < len(p.s) && letter(p.s[p.at]) {
		p.at++
	}
	text := "(?:" + p.s[from:end] + `)\z`
	if flags < p.at {
		text = "(?" + p.s[flags:p.at] + ")" + text
	}
	re, err := regex.Compile(`\A` + text)
	if err != nil {
		p.bad = true
		return nil
	}
	return func(root, at *node) bool {
		v := a(root, at)
		if v == nil || v.kind != jsonText && v.kind != jsonNumber {
			return false
		}
		found, err := re.Matcher().Find([]byte(v.text), 0)
		return err == nil && found != nil
	}
}

func (p *filterReader) operand() jsonOperand {
	p.blanks()
	if p.at == len(p.s) {
		p.bad = true
		return nil
	}
	switch c := p.s[p.at]; c {
	case '@', '$':
		path, ok := newJSONPath("$" + p.path())
		if !ok {
			p.bad = true
			return nil
		}
		return func(root, at *node) *node {
			if c == '$' {
				at = root
			}
			n, ok := path.find(at)
			if !ok {
				return nil
			}
			return n
		}
	case '\'':
		n := &node{kind: jsonText}
		for p.at++; p.at < len(p.s); p.at++ {
			if p.s[p.at] == '\'' {
				p.at++
				return func(root, at *node) *node { return n }
			}
			if p.s[p.at] == '\\' && p.at+1 < len(p.s) {
				p.at++
			}
			n.text += p.s[p.at : p.at+1]
		}
		p.bad = true
		return nil
	}
	// JSON, whose texts may have single quotes
	r := &jsonReader{s: p.s, at: p.at}
	n, ok := r.value(0)
	if !ok && p.s[p.at] == '[' {
		if end := bracketEnd(p.s[p.at:]); end > 0 {
			n, ok = parseJSON(strings.ReplaceAll(p.s[p.at:p.at+end+1], "'", `"`))
			r.at = p.at + end + 1
		}
	}
	p.bad = p.bad || !ok
	p.at = r.at
	return func(root, at *node) *node { return n }
}

// path is the text of a path from behind its @ or $.
func (p *filterReader) path() string {
	p.at++
	from := p.at
	for p.at < len(p.s) {
		switch c := p.s[p.at]; {
		case c == '[':
			end := bracketEnd(p.s[p.at:])
			if end < 0 {
				p.bad = true
				return ""
			}
			p.at += end
		case c == '(' && p.at+1 < len(p.s) && p.s[p.at+1] == ')': // a function
			p.at++
		case strings.IndexByte(" ()=!<>&|,]", c) >= 0:
			return p.s[from:p.at]
		}
		p.at++
	}
	return p.s[from:p.at]
}

// jsonComparisons compare two values, either of which may be nil.
var jsonComparisons = map[string]func(a, b *node) bool{
	"==": equalJSON,
	"!=": func(a, b *node) bool { return !equalJSON(a, b) },
	"<":  byOrder(func(c int) bool { return c < 0 }),
	"<=": byOrder(func(c int) bool { return c <= 0 }),
	">":  byOrder(func(c int) bool { return c > 0 }),
	">=": byOrder(func(c int) bool { return c >= 0 }),
	"in": func(a, b *node) bool { return within(a, b) },
	"nin": func(a, b *node) bool {
		return !within(a, b)
	},
	"subsetof": func(a, b *node) bool {
		return isArray(a) && isArray(b) && !slices.ContainsFunc(a.list, func(x *node) bool { return !within(x, b) })
	},
	"anyof": func(a, b *node) bool {
		return isArray(a) && isArray(b) && slices.ContainsFunc(a.list, func(x *node) bool { return within(x, b) })
	},
	"noneof": func(a, b *node) bool {
		return isArray(a) && isArray(b) && !slices.ContainsFunc(a.list, func(x *node) bool { return within(x, b) })
	},
	"contains": func(a, b *node) bool {
		if a != nil && b != nil && a.kind == jsonText {
			return b.kind == jsonText && strings.Contains(a.text, b.text)
		}
		return within(b, a)
	},
	"size": func(a, b *node) bool {
		n, ok := sizeJSON(a)
		return ok && equalJSON(n, b)
	},
	"empty": func(a, b *node) bool {
		n, ok := sizeJSON(a)
		return ok && b != nil && (n.text == "0") == (b.kind == jsonTrue)
	},
}

func isArray(n *node) bool { return n != nil && n.kind == jsonArray }

func within(a, list *node) bool {
	return isArray(list) && slices.ContainsFunc(list.list, func(x *node) bool { return equalJSON(a, x) })
}

func sizeJSON(n *node) (*node, bool) {
	switch {
	case n == nil:
		return nil, false
	case n.kind >= jsonArray:
		return numberNode(strconv.Itoa(len(n.list))), true
	case n.kind == jsonText:
		return numberNode(strconv.Itoa(len([]rune(n.text)))), true
	}
	return nil, false
}

func numberNode(text string) *node { return &node{kind: jsonNumber, text: text} }

func equalJSON(a, b *node) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if a.kind != b.kind || len(a.list) != len(b.list) {
		return false
	}
	switch a.kind {
	case jsonNumber:
		c, ok := compareNumbers(a, b)
		return ok && c == 0
	case jsonText:
		return a.text == b.text
	}
	for i, x := range a.list {
		y := b.list[i]
		if a.kind == jsonObject {
			k := slices.Index(b.keys, a.keys[i])
			if k < 0 {
				return false
			}
			y = b.list[k]
		}
		if !equalJSON(x, y) {
			return false
		}
	}
	return true
}

func byOrder(accept func(int) bool) func(a, b *node) bool {
	return func(a, b *node) bool {
		if a == nil || b == nil || a.kind != b.kind {
			return false
		}
		switch a.kind {
		case jsonNumber:
			c, ok := compareNumbers(a, b)
			return ok && accept(c)
		case jsonText:
			return accept(strings.Compare(a.text, b.text))
		}
		return false
	}
}

// compareNumbers compares exactly, but for numbers with large exponents.
func compareNumbers(a, b *node) (int, bool) {
	x, errA := strconv.ParseFloat(a.text, 64)
	y, errB := strconv.ParseFloat(b.text, 64)
	if errA != nil || errB != nil {
		return 0, false
	}
	if x == y && math.Abs(x) < 1e300 && (x == 0 || math.Abs(x) > 1e-300) {
		p, okA := new(big.Rat).SetString(a.text)
		q, okB := new(big.Rat).SetString(b.text)
		return p.Cmp(q), okA && okB
	}
	if x < y {
		return -1, true
	}
	return 1, true
}

// jsonFunctions are those that a path may end with, on what it leads to. An argument is an integer.
var jsonFunctions = map[string]func(n *node, arg int) (*node, bool){
	"length": func(n *node, _ int) (*node, bool) { return sizeJSON(n) },
	"size":   func(n *node, _ int) (*node, bool) { return sizeJSON(n) },
	"keys": func(n *node, _ int) (*node, bool) {
		if n.kind != jsonObject {
			return nil, false
		}
		out := &node{kind: jsonArray}
		for _, k := range n.keys {
			out.list = append(out.list, &node{kind: jsonText, text: k})
		}
		return out, true
	},
	"first": func(n *node, _ int) (*node, bool) { return elementOf(n, 0) },
	"last":  func(n *node, _ int) (*node, bool) { return elementOf(n, -1) },
	"index": elementOf,
	"min":   overNumbers(func(x []float64) float64 { return slices.Min(x) }),
	"max":   overNumbers(func(x []float64) float64 { return slices.Max(x) }),
	"sum":   overNumbers(total),
	"avg":   overNumbers(func(x []float64) float64 { return total(x) / float64(len(x)) }),
	"stddev": overNumbers(func(x []float64) float64 {
		var squares, n float64 = 0, float64(len(x))
		for _, v := range x {
			squares += v * v
		}
		return math.Sqrt(squares/n - total(x)*total(x)/n/n)
	}),
}

func elementOf(n *node, at int) (*node, bool) {
	if n.kind != jsonArray {
		return nil, false
	}
	if at < 0 {
		at += len(n.list)
	}
	if at < 0 || at >= len(n.list) {
		return nil, false
	}
	return n.list[at], true
}

func total(x []float64) (sum float64) {
	for _, v := range x {
		sum += v
	}
	return sum
}

// overNumbers computes of an array's numbers; without one there is no result.
func overNumbers(f func([]float64) float64) func(n *node, arg int) (*node, bool) {
	return func(n *node, _ int) (*node, bool) {
		var numbers []float64
		for _, e := range n.list {
			if x, err := strconv.ParseFloat(e.text, 64); err == nil && e.kind == jsonNumber {
				numbers = append(numbers, x)
			}
		}
		if n.kind != jsonArray || len(numbers) == 0 {
			return nil, false
		}
		return numberNode(string(appendFloat(nil, f(numbers), 64))), true
	}
}
