package physical

import (
	"fmt"
	"strings"

	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

func (p *planner) match(r *logical.Match) (Node, error) {
	in, err := p.convert(r.Input)
	if err != nil {
		return nil, err
	}
	if err := p.untimed("MATCH_RECOGNIZE", r.OrderAt, in, r.Order[0].Column); err != nil {
		return nil, err
	}
	x := p.exchange(in, r.Partition)
	proctime := in.Of().Fields[r.Order[0].Column].Type.Attribute() == types.Proctime
	return p.add(&Match{Head{Inputs: []Node{x}, Fields: r.Out, Single: len(r.Partition) == 0}, r, proctime}), nil
}

// Name implements [Node].
func (n *Match) Name() string { return "Match" }

// Attrs implements [Node].
func (n *Match) Attrs() (a []Attr) {
	in, m := n.Inputs[0].Of().Fields, n.Match
	if len(m.Partition) > 0 {
		a = append(a, Attr{"partitionBy", names(in, m.Partition)})
	}
	a = append(a, Attr{"orderBy", order(in, m.Order)}, Attr{"measures", allNames(n.Fields[len(m.Partition):])}, Attr{"pattern", patternText(m, m.Pattern)})
	skip := map[logical.MatchSkip]string{logical.SkipToNextRow: "TO NEXT ROW", logical.SkipPastLastRow: "PAST LAST ROW", logical.SkipToFirst: "TO FIRST", logical.SkipToLast: "TO LAST"}[m.Skip]
	for _, v := range m.SkipTo {
		skip += " " + m.Vars[v]
	}
	if a = append(a, Attr{"skip", skip}); m.Within >= 0 {
		a = append(a, Attr{"within", fmt.Sprintf("%d ms", m.Within)})
	}
	return a
}

// State is what it keeps.
func (n *Match) State() string {
	if n.Match.Within < 0 {
		return "rows from the first beginning of a match on"
	}
	return fmt.Sprintf("rows from the first beginning of a match on, for %d ms", n.Match.Within)
}

// patternText is a pattern as it is written.
func patternText(m *logical.Match, p *logical.MatchPattern) (text string) {
	if p.Var >= 0 {
		text = m.Vars[p.Var]
	} else {
		var parts []string
		for _, q := range p.Parts {
			parts = append(parts, patternText(m, q))
		}
		by := " "
		if p.Any {
			by = " | "
		}
		text = "(" + strings.Join(parts, by) + ")"
	}
	switch {
	case p.Min == 1 && p.Max == 1:
		return text
	case p.Min == 0 && p.Max < 0:
		text += "*"
	case p.Min == 1 && p.Max < 0:
		text += "+"
	case p.Min == 0 && p.Max == 1:
		text += "?"
	case p.Max < 0:
		text += fmt.Sprintf("{%d,}", p.Min)
	case p.Max == p.Min:
		text += fmt.Sprintf("{%d}", p.Min)
	default:
		text += fmt.Sprintf("{%d,%d}", p.Min, p.Max)
	}
	if p.Reluctant {
		text += "?"
	}
	return text
}
