// Package opt rewrites logical plans so that they mean the same and cost less.
//
// A plan goes through named rules in order, each in a file of its own. A rule may be switched off by name, for tests and for who looks for a fault. After each rule the columns of the plan, their
// types and nullability included, are compared with those before.
package opt

import (
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
)

// Rule is a rewriting of plans.
type Rule struct {
	Name string
	// Doc is what it does.
	Doc   string
	apply func(o *Optimizer, r logical.Rel) logical.Rel
}

// Rules are all rules, in the order in which they are applied.
var Rules = []Rule{
	{"fold-constants", "expressions of constants are computed once", foldConstants},
	{"push-filters", "conditions are tested as early as they can be, and those of joins found", pushFilters},
	{"split-distinct", "distinct aggregations are split by buckets of their values, where that is asked for", splitDistinct},
	{"prune-columns", "columns that nobody reads are dropped", pruneColumns},
	{"merge-projections", "neighbouring projections become one", mergeProjections},
}

// Optimizer applies the rules to plans of one session.
type Optimizer struct {
	Session *fn.Session
	// Off are the names of rules that are not applied.
	Off map[string]bool
	// Buckets is by how many buckets of values distinct aggregations are split; 0 for not at all.
	Buckets int
	// Fired collects the names of rules that changed something.
	Fired []string
}

// Optimize returns the plan after all rules.
func (o *Optimizer) Optimize(r logical.Rel) (logical.Rel, error) {
	for _, rule := range Rules {
		if o.Off[rule.Name] {
			continue
		}
		after := rule.apply(o, r)
		if after == r {
			continue
		}
		if err := sameFields(rule.Name, r, after); err != nil {
			return nil, err
		}
		o.Fired = append(o.Fired, rule.Name)
		r = after
	}
	return r, nil
}

func sameFields(rule string, before, after logical.Rel) error {
	a, b := before.Fields(), after.Fields()
	same := len(a) == len(b)
	for i := 0; same && i < len(a); i++ {
		same = a[i].Name == b[i].Name && a[i].Type.Equal(b[i].Type)
	}
	if same {
		return nil
	}
	list := func(r logical.Rel) string {
		var parts []string
		for _, f := range r.Fields() {
			parts = append(parts, f.Name+" "+f.Type.String())
		}
		return strings.Join(parts, ", ")
	}
	return fault.New(fault.InternalInvariant, "the rule %s changed the columns (%s) to (%s)", rule, list(before), list(after))
}
