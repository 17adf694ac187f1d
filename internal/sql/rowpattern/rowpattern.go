// Package rowpattern matches the rows of a key against a row pattern, as MATCH_RECOGNIZE has it: a sequence of variables with quantifiers, whose rows follow each other without a gap.
//
// It knows rows by their numbers only. As the rows of a match lie next to each other, and those of a variable, too, a match is where it starts and how many rows each variable has; who keeps the rows is told which it may forget.
//
// Matching is that of Flink. All ways to continue are followed at once, and of the matches that start at a row the first one that is complete counts; of several that are complete at the same row, the one whose first variables
// are longer. A variable with a greedy quantifier takes every row that it can: a row only goes to a later variable if the greedy one before it does not take it. Nothing is taken back.
package rowpattern

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/weirstream/weir/fault"
)

// Element is a variable of a pattern with its quantifier: from Min to Max rows, Max -1 for any number.
type Element struct {
	Min, Max  int
	Reluctant bool
}

// greedy tells that the element takes rows from those behind it. One that has a fixed number of rows, or may be left out, does not.
func (e Element) greedy() bool { return !e.Reluctant && e.Min != e.Max && !(e.Min == 0 && e.Max == 1) }

// Skip is where matching goes on behind a match.
type Skip uint8

// Where matching goes on.
const (
	ToNextRow Skip = iota
	PastLastRow
	ToFirst
	ToLast
)

// Pattern is what rows are matched against.
type Pattern struct {
	Elements []Element
	Skip     Skip
	// SkipTo are the elements of ToFirst and ToLast.
	SkipTo []int
	// Within is how much later than its first row the last row of a match may be, exclusively; -1 for any time.
	Within int64
}

// Check returns what is wrong with a pattern.
func (p *Pattern) Check() error {
	empty := true
	for _, e := range p.Elements {
		empty = empty && e.Min == 0
		if e.Reluctant && e.Min == 0 && e.Max == 1 {
			return fault.New(fault.SQLUnsupported, "a reluctant quantifier of a variable that may be left out (??) is not supported")
		}
	}
	switch {
	case len(p.Elements) == 0 || empty:
		return fault.New(fault.SQLUnsupported, "a pattern that rows match without any row is not supported: at least one variable must not be optional")
	case p.Elements[len(p.Elements)-1].greedy():
		return fault.New(fault.SQLUnsupported, "a greedy quantifier of the last variable is not supported: end the pattern with a variable alone, or make the quantifier reluctant")
	}
	return nil
}

// Run is a match, or the beginning of one: the row with which it starts, its time, and how many rows each element has. At is the last element that has rows, -1 if none has.
type Run struct {
	Start, Time int64
	Counts      []int32
	At          int
}

// Rows is how many rows there are.
func (r *Run) Rows() (n int64) {
	for _, c := range r.Counts {
		n += int64(c)
	}
	return n
}

// Range returns the rows of an element, the last one exclusively.
func (r *Run) Range(element int) (from, to int64) {
	from = r.Start
	for _, c := range r.Counts[:element] {
		from += int64(c)
	}
	return from, from + int64(r.Counts[element])
}

// State is what is known of a key. The zero value is that of a key without rows.
type State struct {
	// Next is the number of the next row; rows are counted from 0.
	Next int64
	// partial are beginnings of matches, complete those that wait for an earlier beginning to end; both by their start, and then in order of preference.
	partial, complete []Run
}

// Oldest is the number of the first row that is still needed; Next if none is.
func (s *State) Oldest() int64 {
	oldest := s.Next
	if len(s.partial) > 0 {
		oldest = s.partial[0].Start
	}
	if len(s.complete) > 0 {
		oldest = min(oldest, s.complete[0].Start)
	}
	return oldest
}

// Started is the time of the first row of the oldest beginning of a match, if there is one.
func (s *State) Started() (time int64, ok bool) {
	for i, r := range s.partial {
		if i == 0 || r.Time < time {
			time, ok = r.Time, true
		}
	}
	return time, ok
}

// Test tells for each run whether the next row may be one of an element in it. runs are not changed.
type Test func(element int, runs []*Run, out []bool) error

// Matcher matches rows. It belongs to one goroutine, and is used for many keys in turn.
type Matcher struct {
	*Pattern
	test  Test
	fresh []Run
	runs  []*Run
	// of runs and elements: whether the condition is needed, and whether it holds
	needs, holds []bool
	asked        []*Run
	at           []int
	out          []bool
	next, ends   []Run
}

// NewMatcher returns a matcher of a pattern.
func NewMatcher(p *Pattern, test Test) *Matcher { return &Matcher{Pattern: p, test: test} }

// Expire ends beginnings of matches that are too old at a time, and calls emit with matches that waited for them.
func (m *Matcher) Expire(s *State, time int64, emit func(*Run) error) error {
	if m.Within < 0 {
		return nil
	}
	n := len(s.partial)
	s.partial = slices.DeleteFunc(s.partial, func(r Run) bool { return time-r.Time >= m.Within })
	if len(s.partial) == n {
		return nil
	}
	return m.settle(s, emit)
}

// Row takes the next row of a key, with its time, and calls emit with the matches that are found, in the order of their start.
func (m *Matcher) Row(s *State, time int64, emit func(*Run) error) error {
	if err := m.Expire(s, time, emit); err != nil {
		return err
	}
	width := len(m.Elements)
	m.fresh = append(m.fresh[:0], Run{Start: s.Next, Time: time, Counts: make([]int32, width), At: -1})
	m.runs = m.runs[:0]
	for i := range s.partial {
		m.runs = append(m.runs, &s.partial[i])
	}
	m.runs = append(m.runs, &m.fresh[0])
	if err := m.ask(); err != nil {
		return err
	}
	m.next, m.ends = m.next[:0], m.ends[:0]
	for i, r := range m.runs {
		holds := m.holds[i*width : (i+1)*width]
		if r.At >= 0 && m.more(r) && holds[r.At] {
			m.step(r, r.At, holds)
		}
		if r.At >= 0 && int(r.Counts[r.At]) < m.Elements[r.At].Min {
			continue
		}
		for j := r.At + 1; j < width && (j == 0 || j-1 < r.At || !m.taken(j-1, holds)); j++ {
			if holds[j] {
				m.step(r, j, holds)
			}
			if m.Elements[j].Min > 0 {
				break
			}
		}
	}
	s.Next++
	s.partial, m.next = m.next, s.partial
	for _, r := range m.ends {
		at, _ := slices.BinarySearchFunc(s.complete, r, func(a, b Run) int {
			if a.Start <= b.Start {
				return -1
			}
			return 1
		})
		s.complete = slices.Insert(s.complete, at, r)
	}
	return m.settle(s, emit)
}

// more tells whether a run may have more rows of its last element.
func (m *Matcher) more(r *Run) bool {
	e := m.Elements[r.At]
	return e.Max < 0 || int(r.Counts[r.At]) < e.Max
}

// taken tells that a greedy element takes the row, so that none behind it may.
func (m *Matcher) taken(element int, holds []bool) bool {
	return m.Elements[element].greedy() && holds[element]
}

// ask computes the conditions: for each run those of the elements that the row may go to, of greedy ones that it passes, and of those that may be left out at the end.
func (m *Matcher) ask() error {
	width := len(m.Elements)
	m.needs = append(m.needs[:0], make([]bool, width*len(m.runs))...)
	m.holds = append(m.holds[:0], make([]bool, width*len(m.runs))...)
	for i, r := range m.runs {
		needs := m.needs[i*width:]
		last := r.At
		if last >= 0 {
			needs[last] = m.more(r) || m.Elements[last].greedy()
		}
		if last < 0 || int(r.Counts[last]) >= m.Elements[last].Min {
			for last++; last < width; last++ {
				if needs[last] = true; m.Elements[last].Min > 0 {
					break
				}
			}
		}
		for k := last + 1; k < width && m.Elements[k].Min == 0; k++ {
			needs[k] = needs[k] || m.Elements[k].greedy()
		}
	}
	for e := range width {
		m.asked, m.at = m.asked[:0], m.at[:0]
		for i, r := range m.runs {
			if m.needs[i*width+e] {
				m.asked, m.at = append(m.asked, r), append(m.at, i)
			}
		}
		if len(m.asked) == 0 {
			continue
		}
		m.out = append(m.out[:0], make([]bool, len(m.asked))...)
		if err := m.test(e, m.asked, m.out); err != nil {
			return err
		}
		for k, i := range m.at {
			m.holds[i*width+e] = m.out[k]
		}
	}
	return nil
}

// step gives the row to an element of a run.
func (m *Matcher) step(r *Run, element int, holds []bool) {
	n := Run{Start: r.Start, Time: r.Time, Counts: slices.Clone(r.Counts), At: element}
	n.Counts[element]++
	if int(n.Counts[element]) >= m.Elements[element].Min && m.ended(element, holds) {
		m.ends = append(m.ends, n)
	}
	if element < len(m.Elements)-1 || m.more(&n) {
		m.next = append(m.next, n)
	}
}

// ended tells whether a run is a match whose last row is one of an element: all behind may be left out, and no greedy one takes the row.
func (m *Matcher) ended(element int, holds []bool) bool {
	for k := element + 1; k < len(m.Elements); k++ {
		if m.Elements[k].Min > 0 || m.taken(k-1, holds) {
			return false
		}
	}
	return true
}

// settle emits the matches before which no other one can start, and ends what each skips.
func (m *Matcher) settle(s *State, emit func(*Run) error) error {
	for len(s.complete) > 0 && (len(s.partial) == 0 || s.complete[0].Start <= s.partial[0].Start) {
		match := s.complete[0]
		s.complete = slices.Delete(s.complete, 0, 1)
		from, err := m.skip(&match)
		if err != nil {
			return err
		}
		gone := func(r Run) bool { return r.Start < from }
		s.partial, s.complete = slices.DeleteFunc(s.partial, gone), slices.DeleteFunc(s.complete, gone)
		if err := emit(&match); err != nil {
			return err
		}
	}
	return nil
}

var (
	errMissing = fault.New(fault.ExpressionValue, "AFTER MATCH SKIP TO: the match has no row of that variable")
	errFirst   = fault.New(fault.ExpressionValue, "AFTER MATCH SKIP TO: matching would go on at the first row of the match, without end")
)

// skip returns the first row at which another match may start.
func (m *Matcher) skip(r *Run) (int64, error) {
	switch m.Skip {
	case PastLastRow:
		return r.Start + r.Rows(), nil
	case ToNextRow:
		return r.Start + 1, nil
	}
	to := int64(-1)
	for _, e := range m.SkipTo {
		from, end := r.Range(e)
		switch {
		case from == end:
		case m.Skip == ToLast:
			to = max(to, end-1)
		case to < 0 || from < to:
			to = from
		}
	}
	switch to {
	case -1:
		return 0, errMissing
	case r.Start:
		return 0, errFirst
	}
	return to, nil
}

// Append appends the encoding of a state.
func (s *State) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(s.Next))
	for _, list := range [][]Run{s.partial, s.complete} {
		dst = binary.AppendUvarint(dst, uint64(len(list)))
		for _, r := range list {
			dst = binary.AppendUvarint(dst, uint64(s.Next-r.Start))
			dst = binary.AppendVarint(dst, r.Time)
			dst = binary.AppendUvarint(dst, uint64(r.At))
			for _, c := range r.Counts[:r.At+1] {
				dst = binary.AppendUvarint(dst, uint64(c))
			}
		}
	}
	return dst
}

var errEncoding = errors.New("the state of a row pattern is damaged, or of another pattern")

// Read makes s what Append has encoded for a pattern of so many elements; nothing is a key without rows.
func (s *State) Read(b []byte, elements int) error {
	s.Next, s.partial, s.complete = 0, s.partial[:0], s.complete[:0]
	if len(b) == 0 {
		return nil
	}
	bad := false
	unsigned := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			bad = true
			return 0
		}
		b = b[n:]
		return v
	}
	s.Next = int64(unsigned())
	for _, list := range []*[]Run{&s.partial, &s.complete} {
		for n := unsigned(); n > 0 && !bad; n-- {
			r := Run{Start: s.Next - int64(unsigned()), Counts: make([]int32, elements)}
			t, w := binary.Varint(b)
			if w <= 0 {
				return errEncoding
			}
			b = b[w:]
			r.Time, r.At = t, int(unsigned())
			if bad || r.At < 0 || r.At >= elements {
				return errEncoding
			}
			for i := range r.Counts[:r.At+1] {
				r.Counts[i] = int32(unsigned())
			}
			*list = append(*list, r)
		}
	}
	if bad || len(b) > 0 {
		return errEncoding
	}
	return nil
}
