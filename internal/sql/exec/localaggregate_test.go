package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/operator/optest"
	"github.com/weirstream/weir/internal/sql/agg"
	"github.com/weirstream/weir/types"
)

// phases is the first of two phases, in front of an operator that is tested.
type phases struct {
	rng    *rand.Rand
	local  *testOperator
	fields []types.Field
}

// push folds a batch and gives the second phase what comes of it.
func (p *phases) push(t *testing.T, m *testOperator, b *column.Batch) []testRow {
	t.Helper()
	folded := p.local.push(t, 0, b)
	if len(folded) == 0 {
		t.Fatal("rows came to nothing")
	}
	return m.push(t, 0, testBatch(p.rng, p.fields, folded))
}

// inPhases leaves out the calls that have no partial results, and opens the first phase.
func inPhases(t *testing.T, rng *rand.Rand, l *LocalAggregate) *phases {
	t.Helper()
	options := LocalOptions(l.Consumes, l.Windowed)
	l.Calls = slices.DeleteFunc(slices.Clone(l.Calls), func(c *agg.Call) bool {
		_, _, ok := agg.Partial([]*agg.Call{c}, l.Input, options)
		return !ok
	})
	p := &phases{rng: rng}
	for _, k := range l.Keys {
		p.fields = append(p.fields, l.Input[k])
	}
	if l.Window != nil {
		p.fields = append(p.fields, types.Field{Name: "slice", Type: types.New(types.BigInt).NotNull()})
	}
	partial, _, ok := agg.Partial(l.Calls, l.Input, options)
	if !ok {
		t.Fatal("calls that have partial results have none together")
	}
	p.fields = append(p.fields, partial...)
	l.unfolded = rng.IntN(20)
	p.local = openOperator(t, optest.Options{Rand: rng}, l, 1)
	return p
}

func TestGroupAggregateInPhases(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { testGroupAggregate(t, rand.New(rand.NewPCG(seed, 17)), true) })
	}
}

func TestWindowAggregateInPhases(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { testWindowAggregate(t, rand.New(rand.NewPCG(seed, 18)), true) })
	}
}

// TestLocalAggregateGivesUp has many rows of different keys, and then many of the same.
func TestLocalAggregateGivesUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	l := &LocalAggregate{Input: aggregateFields, Keys: []int{0}, Calls: []*agg.Call{aggregate(t, "COUNT", types.New(types.BigInt).NotNull(), "", false, false)}, Consumes: types.AppendOnly}
	p := inPhases(t, rng, l)
	l.unfolded = 0
	p.local = openOperator(t, optest.Options{Rand: rng}, l, 1)
	out := func(keys int) int {
		rows := make([]testRow, 500)
		for i := range rows {
			rows[i] = testRow{types.Insert, randomAggregateRow(rng, keys)}
		}
		return len(p.local.push(t, 0, testBatch(rng, aggregateFields, rows)))
	}
	if n := out(1); n != 2 { // the key and null
		t.Fatalf("%d rows of one key", n)
	}
	given := 0
	for range 20 {
		if out(1<<40) == 500 {
			given++
		}
	}
	if given < 5 || out(1) != 500 {
		t.Fatalf("%d batches of 20 were not folded", given)
	}
	for range localSkipped {
		out(1)
	}
	if n := out(1); n != 2 {
		t.Fatalf("%d rows of one key after a while", n)
	}
}
