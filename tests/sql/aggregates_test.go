package sql

import "github.com/weirstream/weir/table"

// addAggregates registers the aggregate functions that the files use.
func addAggregates(env *table.Environment) error {
	type spread struct{ Values map[int64]int64 }
	put := func(s *spread, v, n int64) {
		if s.Values == nil {
			s.Values = map[int64]int64{}
		}
		if s.Values[v] += n; s.Values[v] == 0 {
			delete(s.Values, v)
		}
	}
	width := func(s *spread) *int64 { // the greatest value minus the least one
		var low, high, width int64
		first := true
		for v := range s.Values {
			if first {
				low, high, first = v, v, false
			}
			low, high = min(low, v), max(high, v)
		}
		if width = high - low; first {
			return nil
		}
		return &width
	}
	merge := func(s, other *spread) {
		for v, n := range other.Values {
			put(s, v, n)
		}
	}
	whole := table.AggFunc1[spread, int64, *int64]{
		Add: func(s *spread, v int64) { put(s, v, 1) }, Retract: func(s *spread, v int64) { put(s, v, -1) }, Merge: merge, Result: width,
	}
	if err := env.AddAggregate("width_of", table.Agg1(whole)); err != nil {
		return err
	}
	whole.Retract, whole.Merge = nil, nil // it only adds
	if err := env.AddAggregate("width_added", table.Agg1(whole)); err != nil {
		return err
	}
	type text struct{ All string }
	return env.AddAggregate("chain",
		table.Agg2(table.AggFunc2[text, string, *string, string]{
			Add: func(s *text, v string, by *string) {
				if by != nil {
					v += *by
				}
				s.All += v
			},
			Merge:  func(s, other *text) { s.All += other.All },
			Result: func(s *text) string { return s.All },
		}),
		table.AggN(table.AggFuncN[int64, int64, int64]{
			Add: func(s *int64, args []int64) {
				for _, a := range args {
					*s = *s*10 + a
				}
			},
			Result: func(s *int64) int64 { return *s },
		}))
}
