package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/table"
)

const javaAggregates = "org.apache.flink.table.planner.plan.utils.JavaUserDefinedAggFunctions$"

// javaAggregate registers the Go twin of a Java aggregate function, by its class's own name.
var javaAggregate = map[string]func(env *table.Environment, name string) error{
	"VarSumAggFunction":                aggregateTwin(varSum(1)),
	"VarSum1AggFunction":               aggregateTwin(varSum(1)),
	"VarSum2AggFunction":               aggregateTwin(varSum(0)), // it adds to a copy of its accumulator
	"WeightedAvg":                      aggregateTwin(weightedAvg(false, false)...),
	"WeightedAvgWithMerge":             aggregateTwin(weightedAvg(true, false)...),
	"WeightedAvgWithMergeAndReset":     aggregateTwin(weightedAvg(true, false)...),
	"WeightedAvgWithRetract":           aggregateTwin(weightedAvg(false, true)...),
	"ConcatDistinctAggFunction":        aggregateTwin(concatDistinct()),
	"CountDistinct":                    aggregateTwin(countDistinct(false, false)...),
	"CountDistinctWithMerge":           aggregateTwin(countDistinct(true, false)...),
	"CountDistinctWithMergeAndReset":   aggregateTwin(countDistinct(true, false)...),
	"CountDistinctWithRetractAndReset": aggregateTwin(countDistinct(false, true)...),
	"LargerThanCount":                  aggregateTwin(largerThanCount()),
}

func aggregateTwin(functions ...table.Aggregate) func(*table.Environment, string) error {
	return func(env *table.Environment, name string) error { return env.AddAggregate(name, functions...) }
}

func varSum(times int64) table.Aggregate {
	return table.AggN(table.AggFuncN[int64, *int32, int64]{
		Add: func(s *int64, args []*int32) {
			for _, x := range args {
				if x != nil {
					*s += times * int64(*x)
				}
			}
		},
		Result: func(s *int64) int64 { return *s },
	})
}

type weighted struct {
	Sum   int64
	Count int32
}

func weightedAvg(merges, retracts bool) []table.Aggregate {
	put := func(s *weighted, value, weight int64) {
		s.Sum += value * weight
		s.Count += int32(weight)
	}
	result := func(s *weighted) *int64 {
		if s.Count == 0 {
			return nil
		}
		v := s.Sum / int64(s.Count)
		return &v
	}
	long := table.AggFunc2[weighted, int64, int64, *int64]{Add: func(s *weighted, v, w int64) { put(s, v, w) }, Result: result}
	short := table.AggFunc2[weighted, int32, int32, *int64]{Add: func(s *weighted, v, w int32) { put(s, int64(v), int64(w)) }, Result: result}
	if merges {
		long.Merge = func(s, other *weighted) { s.Sum, s.Count = s.Sum+other.Sum, s.Count+other.Count }
		short.Merge = long.Merge
	}
	if retracts {
		long.Retract = func(s *weighted, v, w int64) { put(s, v, -w) }
		short.Retract = func(s *weighted, v, w int32) { put(s, int64(v), -int64(w)) }
	}
	return []table.Aggregate{table.Agg2(short), table.Agg2(long)}
}

// concatDistinct joins different values in the order in which they came.
func concatDistinct() table.Aggregate {
	add := func(s *[]string, v string) {
		if !slices.Contains(*s, v) {
			*s = append(*s, v)
		}
	}
	return table.Agg1(table.AggFunc1[[]string, string, *string]{
		Add: add,
		Merge: func(s, other *[]string) {
			for _, v := range *other {
				add(s, v)
			}
		},
		Result: func(s *[]string) *string {
			if len(*s) == 0 {
				return nil
			}
			text := strings.Join(*s, "|")
			return &text
		},
	})
}

// counts is how often a value is there.
type counts map[string]int32

func countDistinct(merges, retracts bool) []table.Aggregate {
	put := func(s *counts, v string, n int32) {
		if *s == nil {
			*s = counts{}
		}
		if (*s)[v] += n; (*s)[v] <= 0 {
			delete(*s, v)
		}
	}
	text := table.AggFunc1[counts, string, int64]{Add: func(s *counts, v string) { put(s, v, 1) }, Result: func(s *counts) int64 { return int64(len(*s)) }}
	number := table.AggFunc1[counts, int64, int64]{Add: func(s *counts, v int64) { put(s, strconv.FormatInt(v, 10), 1) }, Result: text.Result}
	if merges {
		text.Merge = func(s, other *counts) {
			for v, n := range *other {
				put(s, v, n)
			}
		}
		number.Merge = text.Merge
	}
	if retracts {
		text.Retract = func(s *counts, v string) { put(s, v, -1) }
		number.Retract = func(s *counts, v int64) { put(s, strconv.FormatInt(v, 10), -1) }
	}
	return []table.Aggregate{table.Agg1(number), table.Agg1(text)}
}

func largerThanCount() table.Aggregate {
	put := func(s *int64, a, b, n int64) {
		if a > b {
			*s += n
		}
	}
	return table.Agg2(table.AggFunc2[int64, int64, int64, int64]{
		Add:     func(s *int64, a, b int64) { put(s, a, b, 1) },
		Retract: func(s *int64, a, b int64) { put(s, a, b, -1) },
		Result:  func(s *int64) int64 { return *s },
	})
}
