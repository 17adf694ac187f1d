package lower

import (
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/exec"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/physical"
	"github.com/weirstream/weir/internal/sql/rowpattern"
)

// match makes the operator of MATCH_RECOGNIZE.
func (l *lowering) match(n *physical.Match) (operator.Factory, error) {
	m := n.Match
	skip := map[logical.MatchSkip]rowpattern.Skip{logical.SkipToNextRow: rowpattern.ToNextRow, logical.SkipPastLastRow: rowpattern.PastLastRow, logical.SkipToFirst: rowpattern.ToFirst, logical.SkipToLast: rowpattern.ToLast}
	p := &rowpattern.Pattern{Elements: make([]rowpattern.Element, len(m.Vars)), Skip: skip[m.Skip], SkipTo: m.SkipTo, Within: m.Within}
	next := 0
	if err := elements(m, m.Pattern, p, &next); err != nil {
		return nil, err
	}
	if err := p.Check(); err != nil {
		return nil, m.Pattern.At.Of(err)
	}
	return &exec.Match{
		Session: l.Session, Input: n.Inputs[0].Of().Fields, Keys: m.Partition, Order: m.Order, Pattern: p, Define: m.Define, Measures: m.Measures, Proctime: n.Proctime, Final: l.Batch,
	}, nil
}

// elements fills in the variables of a pattern, which stand in the order of their first occurrence.
func elements(m *logical.Match, from *logical.MatchPattern, to *rowpattern.Pattern, next *int) error {
	switch {
	case from.Any:
		return from.At.Of(fault.New(fault.SQLUnsupported, "alternatives in a pattern are not supported"))
	case from.Var >= 0:
		if from.Var != *next {
			return from.At.Of(fault.New(fault.SQLUnsupported, "the variable %s stands in the pattern twice, which is not supported: give the second one another name with the same condition", m.Vars[from.Var]))
		}
		to.Elements[from.Var] = rowpattern.Element{Min: from.Min, Max: from.Max, Reluctant: from.Reluctant}
		*next++
		return nil
	case from.Min != 1 || from.Max != 1:
		return from.At.Of(fault.New(fault.SQLUnsupported, "a quantifier of a group of variables is not supported: only variables are repeated"))
	}
	for _, p := range from.Parts {
		if err := elements(m, p, to, next); err != nil {
			return err
		}
	}
	return nil
}
