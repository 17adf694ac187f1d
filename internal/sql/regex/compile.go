package regex

import "unicode/utf8"

// compile makes the nodes of a tree, going on with next.
func (r *Regexp) compile(t *tree, next node) node {
	switch t.kind {
	case kLiteral:
		if len(t.text) == 0 {
			return next
		}
		return &literal{t.text, next}
	case kSet:
		return &one{t.set, next}
	case kSequence:
		for i := len(t.of) - 1; i >= 0; i-- {
			next = r.compile(t.of[i], next)
		}
		return next
	case kChoice:
		c := &choice{}
		for _, a := range t.of {
			c.of = append(c.of, r.compile(a, next))
		}
		return c
	case kGroup:
		if t.group < 0 {
			return r.compile(t.of[0], next)
		}
		slot := r.slot()
		return &open{slot, r.compile(t.of[0], &shut{t.group, slot, next})}
	case kRepeat:
		return r.repeat(t, next)
	case kLook:
		return &look{body: r.compile(t.of[0], done{}), behind: t.behind, not: t.not, atomic: t.atm, next: next}
	case kBack:
		return &back{t.group, t.fold, next}
	}
	return &anchor{t.anchor, next}
}

func (r *Regexp) slot() int {
	r.loops++
	return r.loops - 1
}

func (r *Regexp) repeat(t *tree, next node) node {
	of := t.of[0]
	if of.kind == kSequence && len(of.of) == 1 {
		of = of.of[0]
	}
	if s := single(of); s != nil {
		n := &run{set: s, min: t.min, max: t.max, mode: t.mode, next: next}
		if l, ok := next.(*literal); ok {
			n.literal = l.text
		}
		return n
	}
	if t.mode == possessive {
		greedy := *t
		greedy.mode = 0
		return &look{body: r.repeat(&greedy, done{}), atomic: true, next: next}
	}
	l := &loop{slot: r.slot(), min: t.min, max: t.max, lazy: t.mode == lazy, next: next}
	l.body = r.compile(of, l)
	return &enter{l}
}

// single returns the set of a tree that is always one character, or nil.
func single(t *tree) *set {
	switch t.kind {
	case kSet:
		return t.set
	case kLiteral:
		if c, w := utf8.DecodeRune(t.text); w == len(t.text) && w > 0 {
			return span(c, c)
		}
	}
	return nil
}

// width returns how many bytes a tree matches at least and at most; most is -1 for any number.
func width(t *tree) (least, most int) {
	switch t.kind {
	case kLiteral:
		return len(t.text), len(t.text)
	case kSet:
		if t.set.more == nil {
			return 1, 1
		}
		return 1, utf8.UTFMax
	case kSequence:
		for _, x := range t.of {
			a, b := width(x)
			least += a
			if most >= 0 && b >= 0 {
				most += b
			} else {
				most = -1
			}
		}
		return least, most
	case kChoice:
		for i, x := range t.of {
			a, b := width(x)
			if i == 0 || a < least {
				least = a
			}
			switch {
			case b < 0 || most < 0:
				most = -1
			case b > most:
				most = b
			}
		}
		return least, most
	case kRepeat:
		a, b := width(t.of[0])
		least = min(a*min(t.min, 1<<16), 1<<20)
		if t.max < 0 || b < 0 || b*t.max > 1<<16 || t.max > 1<<16 {
			return least, -1
		}
		return least, b * t.max
	case kGroup:
		return width(t.of[0])
	case kLook:
		if t.atm {
			return width(t.of[0])
		}
		return 0, 0
	case kBack:
		return 0, -1
	}
	return 0, 0
}

// maxLead is how far a literal may lie behind the start of a match to be searched for.
const maxLead = 16

// hints finds what makes a search fast.
func (r *Regexp) hints(t *tree) {
	for t.kind == kSequence && len(t.of) == 1 {
		t = t.of[0]
	}
	of := []*tree{t}
	if t.kind == kSequence {
		of = t.of
	}
	least, most := 0, 0
	for i, x := range of {
		if i == 0 && x.kind == kAnchor && x.anchor == 'G' {
			r.anchored = true
		}
		if i == 0 && x.kind == kAnchor && (x.anchor == '^' || x.anchor == 'A') {
			r.atStart = true
		}
		if x.kind == kLiteral && len(x.text) > len(r.literal) {
			r.literal, r.least, r.most = x.text, least, most
		}
		a, b := width(x)
		if b < 0 || most+b > maxLead {
			break
		}
		least, most = least+a, most+b
	}
	r.rare = rarest(r.literal)
	var empty bool
	r.first, empty = firsts(t)
	r.firsts = !empty
}

// firsts returns the bytes with which a match of t may begin, and whether it may be empty.
func firsts(t *tree) (first [256]bool, empty bool) {
	switch t.kind {
	case kLiteral:
		if len(t.text) == 0 {
			return first, true
		}
		first[t.text[0]] = true
	case kSet:
		copy(first[:], t.set.ascii[:])
		if t.set.more != nil {
			for i := utf8.RuneSelf; i < 256; i++ {
				first[i] = true
			}
		}
	case kSequence:
		for _, x := range t.of {
			f, e := firsts(x)
			for i, in := range f {
				first[i] = first[i] || in
			}
			if !e {
				return first, false
			}
		}
		return first, true
	case kChoice:
		for _, x := range t.of {
			f, e := firsts(x)
			for i, in := range f {
				first[i] = first[i] || in
			}
			empty = empty || e
		}
	case kRepeat:
		first, empty = firsts(t.of[0])
		empty = empty || t.min == 0
	case kGroup:
		return firsts(t.of[0])
	case kLook:
		if t.atm {
			return firsts(t.of[0])
		}
		return first, true
	default:
		return first, true
	}
	return first, empty
}
