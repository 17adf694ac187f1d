package fn

import (
	"slices"
	"strconv"
	"strings"
)

// jsonPath is a path into JSON values, compiled: a mode and steps.
type jsonPath struct {
	lax   bool
	steps []jsonStep
	// many: the path may find several values, whose list is the result.
	many bool
	// function is applied to what is found, with its argument; nil if there is none.
	function func(n *node, arg int) (*node, bool)
	arg      int
}

// jsonStep goes from a value to some within it.
type jsonStep struct {
	names   []string
	indexes []int
	slice   *[2]int // from and to, of which math.MinInt and math.MaxInt are open
	all     bool
	deep    bool
	filter  jsonFilter
}

// newJSONPath reads a path: lax or strict, then $ with steps like .name, ['name'], [0], [-1], [0,2], [1:3], [*], .*, ..name and [?(@.x > 1)], and perhaps a function at its end, as .length().
func newJSONPath(text string) (*jsonPath, bool) {
	p := &jsonPath{}
	s := strings.TrimSpace(text)
	if mode, rest, ok := strings.Cut(s, " "); ok {
		switch strings.ToLower(mode) {
		case "lax":
			p.lax, s = true, strings.TrimSpace(rest)
		case "strict":
			s = strings.TrimSpace(rest)
		}
	}
	if !strings.HasPrefix(s, "$") {
		return nil, false
	}
	for s = s[1:]; s != ""; {
		step := jsonStep{}
		switch {
		case strings.HasPrefix(s, ".."):
			step.deep, p.many = true, true
			s = s[2:]
		case s[0] == '.':
			s = s[1:]
			if s == "" {
				return nil, false
			}
		case s[0] != '[':
			return nil, false
		}
		switch {
		case s == "":
			return nil, false
		case s[0] == '[':
			end := bracketEnd(s)
			if end < 0 || !p.bracket(&step, s[1:end]) {
				return nil, false
			}
			s = s[end+1:]
		case s[0] == '*':
			step.all, p.many = true, true
			s = s[1:]
		default:
			end := strings.IndexAny(s, ".[")
			if end < 0 {
				end = len(s)
			}
			name := strings.TrimSpace(s[:end])
			if f, arg, ok := strings.Cut(name, "("); ok && end == len(s) && strings.HasSuffix(arg, ")") && !step.deep {
				p.function = jsonFunctions[f]
				if arg = strings.TrimSpace(strings.TrimSuffix(arg, ")")); arg != "" || f == "index" {
					x, err := strconv.Atoi(arg)
					if err != nil || f != "index" {
						return nil, false
					}
					p.arg = x
				}
				return p, p.function != nil
			}
			if name == "" || strings.ContainsAny(name, "()?@ ") {
				return nil, false
			}
			step.names = []string{name}
			s = s[end:]
		}
		p.steps = append(p.steps, step)
	}
	return p, true
}

// bracketEnd is where the bracket at the begin of s closes, or -1.
func bracketEnd(s string) int {
	quote, depth := byte(0), 0
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '[' || c == '(':
			depth++
		case depth > 0 && (c == ']' || c == ')'):
			depth--
		case c == ']':
			return i
		}
	}
	return -1
}

const openFrom, openTo = -1 << 62, 1 << 62

// bracket reads what stands in brackets.
func (p *jsonPath) bracket(step *jsonStep, s string) bool {
	s = strings.TrimSpace(s)
	switch {
	case s == "*":
		step.all, p.many = true, true
		return true
	case s == "":
		return false
	case s[0] == '?':
		s = strings.TrimSpace(s[1:])
		if len(s) < 2 || s[0] != '(' || s[len(s)-1] != ')' {
			return false
		}
		f, ok := newJSONFilter(s[1 : len(s)-1])
		step.filter, p.many = f, true
		return ok
	case s[0] == '\'' || s[0] == '"':
		for {
			s = strings.TrimSpace(s)
			if len(s) < 2 || s[0] != '\'' && s[0] != '"' {
				return false
			}
			quote, i := s[0], 1
			var name []byte
			for ; i < len(s) && s[i] != quote; i++ {
				if s[i] == '\\' && i+1 < len(s) {
					i++
				}
				name = append(name, s[i])
			}
			if i == len(s) {
				return false
			}
			step.names = append(step.names, string(name))
			s = strings.TrimSpace(s[i+1:])
			if s == "" {
				p.many = p.many || len(step.names) > 1
				return true
			}
			if s[0] != ',' {
				return false
			}
			s = s[1:]
		}
	}
	if from, to, ok := strings.Cut(s, ":"); ok {
		r := [2]int{openFrom, openTo}
		for i, part := range []string{from, to} {
			if part = strings.TrimSpace(part); part != "" {
				x, err := strconv.Atoi(part)
				if err != nil {
					return false
				}
				r[i] = x
			}
		}
		step.slice, p.many = &r, true
		return true
	}
	for _, part := range strings.Split(s, ",") {
		x, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return false
		}
		step.indexes = append(step.indexes, x)
	}
	p.many = p.many || len(step.indexes) > 1
	return true
}

// find returns what the path leads to in a value, and false if there is nothing: a path that may find several gives an array of all.
func (p *jsonPath) find(n *node) (*node, bool) {
	found, ok := p.values(n)
	if ok && p.function != nil {
		return p.function(found, p.arg)
	}
	return found, ok
}

func (p *jsonPath) values(n *node) (*node, bool) {
	at := []*node{n}
	many := false
	for _, step := range p.steps {
		var next []*node
		for _, v := range at {
			next = step.from(next, n, v)
		}
		at = next
		many = many || step.all || step.deep || step.filter != nil || step.slice != nil || len(step.indexes) > 1 || len(step.names) > 1
		if len(at) == 0 && !many {
			return nil, false
		}
	}
	if !many {
		return at[0], true
	}
	return &node{kind: jsonArray, list: at}, true
}

// from appends what the step leads to from a value.
func (s *jsonStep) from(out []*node, root, n *node) []*node {
	switch {
	case s.filter != nil && n.kind == jsonArray:
		for _, e := range n.list {
			if s.filter(root, e) {
				out = append(out, e)
			}
		}
	case s.filter != nil && n.kind == jsonObject:
		if s.filter(root, n) {
			out = append(out, n)
		}
	case s.all:
		if n.kind >= jsonArray {
			out = append(out, n.list...)
		}
	case s.names != nil && n.kind == jsonObject:
		if len(s.names) > 1 {
			some := &node{kind: jsonObject}
			for _, name := range s.names {
				if i := slices.Index(n.keys, name); i >= 0 {
					some.put(name, n.list[i])
				}
			}
			return append(out, some)
		}
		if i := slices.Index(n.keys, s.names[0]); i >= 0 {
			out = append(out, n.list[i])
		}
	case s.indexes != nil && n.kind == jsonArray:
		for _, i := range s.indexes {
			if i < 0 {
				i += len(n.list)
			}
			if i >= 0 && i < len(n.list) {
				out = append(out, n.list[i])
			}
		}
	case s.slice != nil && n.kind == jsonArray:
		from, to := s.slice[0], s.slice[1]
		if from < 0 && from != openFrom {
			from += len(n.list)
		}
		if to < 0 {
			to += len(n.list)
		}
		for i := max(from, 0); i < min(to, len(n.list)); i++ {
			out = append(out, n.list[i])
		}
	}
	if s.deep && n.kind >= jsonArray {
		for _, c := range n.list {
			out = s.from(out, root, c)
		}
	}
	return out
}
