// Package regex has the regular expressions of Java: the syntax that users of REGEXP functions write, and what it matches. Beside what the standard library knows these are look
// around, back references, possessive quantifiers and intersections of classes. An alternative is taken in the order of writing, as in Java.
//
// A pattern is compiled once and is then safe for concurrent use; a [Matcher] has the memory of one search and is not. The text is UTF-8 and positions are bytes.
//
// Matching goes back when it finds no way forward, so there are patterns for which it takes very long. A search that takes more than a hundred million steps, or nests too
// deeply, fails with [ErrTooComplex]: it neither hangs nor ends the process.
package regex

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// ErrTooComplex is the error of a search that takes too many steps.
var ErrTooComplex = errors.New("the regular expression takes too long for this text")

const (
	maxSteps = 100_000_000
	maxDepth = 60_000
)

// Regexp is a compiled pattern.
type Regexp struct {
	start  node
	groups int // without group 0
	loops  int
	names  map[string]int
	// literal is in every match, from least to most bytes behind its start. It is empty if there is none.
	literal     []byte
	least, most int
	rare        int // the place in literal of a byte that is seldom in texts, -1 if it has none
	// first are the bytes with which a match may begin, if firsts is true.
	first  [256]bool
	firsts bool
	// anchored: a match begins only where the search does. atStart: only where the text does.
	anchored, atStart bool
}

// Groups is the number of groups, not counting the whole.
func (r *Regexp) Groups() int { return r.groups }

// Group returns the number of a named group, or -1.
func (r *Regexp) Group(name string) int {
	if n, ok := r.names[name]; ok {
		return n
	}
	return -1
}

// Matcher searches texts for a pattern.
type Matcher struct {
	re   *Regexp
	text []byte
	// caps are begin and end of the groups, the whole first; -1 for a group that took no part.
	caps          []int
	counts, since []int
	end           int
	from          int  // where the last search began, for \G
	whole         bool // the match must end with the text
	steps, depth  int
	failed        bool
}

// Matcher returns a new matcher.
func (r *Regexp) Matcher() *Matcher {
	return &Matcher{re: r, caps: make([]int, 2*r.groups+2), counts: make([]int, r.loops), since: make([]int, r.loops)}
}

// Find searches text from a position on. It returns where the groups are (their begins and ends, the whole first, -1 for one that took no part) in memory that is used again by the
// next search, or nil if there is no match.
func (m *Matcher) Find(text []byte, from int) ([]int, error) {
	r := m.re
	m.text, m.steps, m.depth, m.failed, m.whole, m.from = text, 0, 0, false, false, from
	switch {
	case r.anchored:
		if m.try(from) {
			return m.caps, nil
		}
	case r.atStart:
		if from == 0 && m.try(0) {
			return m.caps, nil
		}
	case len(r.literal) > 0:
		next := from
		for at := from + r.least; at <= len(text); {
			k := r.search(text[at:])
			if k < 0 {
				break
			}
			at += k
			for i := max(next, at-r.most); i <= at-r.least; i++ {
				if i == len(text) || utf8.RuneStart(text[i]) {
					if m.try(i) {
						return m.caps, nil
					}
				}
				next = i + 1
			}
			at++
		}
	default:
		for i := from; i <= len(text) && !m.failed; i++ {
			if i < len(text) && (!utf8.RuneStart(text[i]) || r.firsts && !r.first[text[i]]) || i == len(text) && r.firsts {
				continue
			}
			if m.try(i) {
				return m.caps, nil
			}
		}
	}
	if m.failed {
		return nil, ErrTooComplex
	}
	return nil, nil
}

// Match reports whether the pattern matches the whole text.
func (m *Matcher) Match(text []byte) (bool, error) {
	m.text, m.steps, m.depth, m.failed, m.whole, m.from = text, 0, 0, false, true, 0
	ok := m.try(0)
	if m.failed {
		return false, ErrTooComplex
	}
	return ok, nil
}

func (m *Matcher) try(i int) bool {
	for k := range m.caps {
		m.caps[k] = -1
	}
	if m.failed || !m.re.start.match(m, i) || m.failed {
		return false
	}
	m.caps[0], m.caps[1] = i, m.end
	return true
}

// step counts a decision that may be taken back, and reports whether there may be more.
func (m *Matcher) step() bool {
	m.steps++
	if m.steps > maxSteps {
		m.failed = true
	}
	return !m.failed
}

// node is a part of a pattern with all that follows it.
type node interface {
	match(m *Matcher, i int) bool
}

// accept is the end of the pattern.
type accept struct{}

func (accept) match(m *Matcher, i int) bool {
	if m.whole && i != len(m.text) {
		return false
	}
	m.end = i
	return true
}

// done is the end of a part that is matched on its own.
type done struct{}

func (done) match(m *Matcher, i int) bool {
	m.end = i
	return true
}

// literal is some bytes.
type literal struct {
	text []byte
	next node
}

func (l *literal) match(m *Matcher, i int) bool {
	n := len(l.text)
	if len(m.text)-i < n || string(m.text[i:i+n]) != string(l.text) {
		return false
	}
	return l.next.match(m, i+n)
}

// one is a character of a set.
type one struct {
	set  *set
	next node
}

func (o *one) match(m *Matcher, i int) bool {
	n := o.set.at(m.text, i)
	return n > 0 && o.next.match(m, i+n)
}

// mode is how much a quantifier takes.
type mode uint8

const (
	greedy mode = iota
	lazy
	possessive
)

// run is a set with a quantifier. max is -1 for any number.
type run struct {
	set      *set
	min, max int
	mode     mode
	next     node
	literal  []byte // that next begins with, if it does
}

func (r *run) match(m *Matcher, i int) bool {
	n, at := 0, i
	for n < r.min {
		w := r.set.at(m.text, at)
		if w == 0 {
			return false
		}
		at += w
		n++
	}
	if r.mode == lazy {
		for {
			if !m.step() {
				return false
			}
			if r.next.match(m, at) {
				return true
			}
			w := 0
			if r.max < 0 || n < r.max {
				w = r.set.at(m.text, at)
			}
			if w == 0 {
				return false
			}
			at += w
			n++
		}
	}
	least := at
	for r.max < 0 || n < r.max {
		if at < len(m.text) && m.text[at] < utf8.RuneSelf {
			if !r.set.ascii[m.text[at]] {
				break
			}
			at++
			n++
			continue
		}
		w := r.set.at(m.text, at)
		if w == 0 {
			break
		}
		at += w
		n++
	}
	if r.mode == possessive {
		return r.next.match(m, at)
	}
	for {
		if r.literal == nil || bytes.HasPrefix(m.text[at:], r.literal) {
			if !m.step() {
				return false
			}
			if r.next.match(m, at) {
				return true
			}
		}
		if at == least {
			return false
		}
		for at--; at > least && !utf8.RuneStart(m.text[at]); at-- {
		}
	}
}

// choice is alternatives, each of which goes on with what follows.
type choice struct{ of []node }

func (c *choice) match(m *Matcher, i int) bool {
	for _, n := range c.of {
		if !m.step() {
			return false
		}
		if n.match(m, i) {
			return true
		}
	}
	return false
}

// open and shut are the two sides of a group. A group is set when it shuts.
type open struct {
	slot int // where the begin is kept until then: a loop's number in since
	next node
}

func (o *open) match(m *Matcher, i int) bool {
	old := m.since[o.slot]
	m.since[o.slot] = i
	if o.next.match(m, i) {
		return true
	}
	m.since[o.slot] = old
	return false
}

type shut struct {
	group, slot int
	next        node
}

func (s *shut) match(m *Matcher, i int) bool {
	a, b := m.caps[2*s.group], m.caps[2*s.group+1]
	m.caps[2*s.group], m.caps[2*s.group+1] = m.since[s.slot], i
	if s.next.match(m, i) {
		return true
	}
	m.caps[2*s.group], m.caps[2*s.group+1] = a, b
	return false
}

// enter begins a loop.
type enter struct{ loop *loop }

func (e *enter) match(m *Matcher, i int) bool {
	l := e.loop
	count, since := m.counts[l.slot], m.since[l.slot]
	m.counts[l.slot], m.since[l.slot] = 0, -1
	if l.match(m, i) {
		return true
	}
	m.counts[l.slot], m.since[l.slot] = count, since
	return false
}

// loop is a part with a quantifier; the part goes on with the loop.
type loop struct {
	slot, min, max int
	lazy           bool
	body, next     node
}

func (l *loop) match(m *Matcher, i int) bool {
	if !m.step() {
		return false
	}
	if m.depth++; m.depth > maxDepth {
		m.failed = true
		return false
	}
	ok := l.turn(m, i)
	m.depth--
	return ok
}

func (l *loop) turn(m *Matcher, i int) bool {
	count, since := m.counts[l.slot], m.since[l.slot]
	again := func() bool {
		m.counts[l.slot], m.since[l.slot] = count+1, i
		if l.body.match(m, i) {
			return true
		}
		m.counts[l.slot], m.since[l.slot] = count, since
		return false
	}
	on := func() bool {
		if l.next.match(m, i) {
			return true
		}
		m.counts[l.slot], m.since[l.slot] = count, since
		return false
	}
	switch {
	case count < l.min:
		return again()
	case i == since || l.max >= 0 && count >= l.max:
		return on()
	case l.lazy:
		return on() || again()
	}
	return again() || on()
}

// look is look ahead, look behind, or an atomic group.
type look struct {
	body        node
	behind, not bool
	atomic      bool
	next        node
}

func (l *look) match(m *Matcher, i int) bool {
	if !m.step() {
		return false
	}
	var room [16]int
	caps := append(room[:0], m.caps...)
	whole := m.whole
	m.whole = false
	ok := false
	if l.behind {
		for at := i; at >= 0 && !ok && !m.failed; at-- {
			if at < len(m.text) && !utf8.RuneStart(m.text[at]) {
				continue
			}
			if !m.step() {
				break
			}
			text := m.text
			m.text = text[:i]
			ok = l.body.match(m, at) && m.end == i
			m.text = text
		}
	} else {
		ok = l.body.match(m, i)
	}
	m.whole = whole
	end := m.end
	if ok == l.not || m.failed {
		copy(m.caps, caps)
		return false
	}
	if l.not {
		copy(m.caps, caps)
	}
	at := i
	if l.atomic {
		at = end
	}
	if l.next.match(m, at) {
		return true
	}
	copy(m.caps, caps)
	return false
}

// back is a reference to what a group matched.
type back struct {
	group int
	fold  bool
	next  node
}

func (b *back) match(m *Matcher, i int) bool {
	from, to := m.caps[2*b.group], m.caps[2*b.group+1]
	if from < 0 || len(m.text)-i < to-from {
		return false
	}
	x, y := m.text[from:to], m.text[i:i+to-from]
	if !bytes.Equal(x, y) && !(b.fold && bytes.EqualFold(x, y)) {
		return false
	}
	return b.next.match(m, i+to-from)
}

// anchor is a place.
type anchor struct {
	kind byte // ^ $ A z Z b B G, and M and E for ^ and $ in many lines
	next node
}

func (a *anchor) match(m *Matcher, i int) bool { return a.holds(m, i) && a.next.match(m, i) }

func (a *anchor) holds(m *Matcher, i int) bool {
	n := len(m.text)
	switch a.kind {
	case '^', 'A':
		return i == 0
	case 'G':
		return i == m.from
	case 'z':
		return i == n
	case '$', 'Z':
		return i == n || lineEnd(m.text, i) > 0 && i+lineEnd(m.text, i) == n && !(m.text[i] == '\n' && i > 0 && m.text[i-1] == '\r')
	case 'M':
		if i == 0 {
			return true
		}
		return i < n && (m.text[i-1] == '\n' || m.text[i-1] == '\r' && m.text[i] != '\n')
	case 'E':
		return i == n || lineEnd(m.text, i) > 0 && !(m.text[i] == '\n' && i > 0 && m.text[i-1] == '\r')
	case 'b', 'B':
		before, after := false, false
		if i > 0 {
			r, _ := utf8.DecodeLastRune(m.text[:i])
			before = wordRune(r)
		}
		if i < n {
			r, _ := utf8.DecodeRune(m.text[i:])
			after = wordRune(r)
		}
		return (before != after) == (a.kind == 'b')
	}
	return false
}

// lineEnd is the length of the end of line at i, or 0.
func lineEnd(s []byte, i int) int {
	r, w := utf8.DecodeRune(s[i:])
	switch r {
	case '\r':
		if i+1 < len(s) && s[i+1] == '\n' {
			return 2
		}
		return 1
	case '\n', 0x85, 0x2028, 0x2029:
		return w
	}
	return 0
}
