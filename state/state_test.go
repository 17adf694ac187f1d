package state

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/invariants"
	"github.com/weirstream/weir/internal/statebackend"
)

// subtask is what an operator has in one subtask, with int64 keys.
type subtask struct {
	*Binding
	t *testing.T
}

// newSubtask binds the states.
func newSubtask(t *testing.T, states ...State) *subtask {
	fail := func(err error) { panic(err) }
	store, err := statebackend.New(statebackend.Config{
		Operator: "dedup", Groups: base.KeyGroupRange{First: 0, Last: 15}, MaxParallelism: 16, Fail: fail,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	sp := store.Space("keyed state", statebackend.KeyLayout{Words: 1})
	sp.Rehash(func(w []uint64, _ []byte) (uint64, uint64) { return hash(w[0]), hash(w[0]) })
	s := &subtask{&Binding{Store: store, Scope: statebackend.NewScope(sp), Fail: fail}, t}
	for _, state := range states {
		if err := state.Declaration().Err; err != nil {
			t.Fatal(err)
		}
		state.Bind(s.Binding)
	}
	return s
}

func hash(k uint64) uint64 { return base.HashCombine(base.HashSeed, k) }

func (s *subtask) key(k uint64) {
	s.Scope.Words()[0] = k
	s.Scope.Set(hash(k), nil)
}

// failure returns the error that f fails with, nil if it does not.
func failure(f func()) (err error) {
	defer func() {
		if e, ok := recover().(error); ok {
			err = e
		}
	}()
	f()
	return nil
}

type visit struct {
	Page string
	Tags []string
}

func TestKeyedStates(t *testing.T) {
	count := NewValue[int64]("count")
	last := NewValue[visit]("last")
	pages := NewList[string]("pages")
	per := NewMap[string, int64]("per page")
	longest := NewReducing("longest", func(kept, v string) string {
		if len(v) > len(kept) {
			return v
		}
		return kept
	})
	mean := NewAggregating("mean", func() [2]int64 { return [2]int64{} },
		func(acc [2]int64, v int64) [2]int64 { return [2]int64{acc[0] + v, acc[1] + 1} },
		func(acc [2]int64) float64 { return float64(acc[0]) / float64(acc[1]) })
	s := newSubtask(t, count, last, pages, per, longest, mean)
	for i, page := range []string{"a", "bb", "a", "ccc"} {
		for k := range uint64(3) {
			s.key(k)
			count.Update(func(v *int64, fresh bool) {
				if fresh != (i == 0) {
					t.Errorf("visit %d: fresh is %v", i, fresh)
				}
				*v++
			})
			last.Set(visit{page, []string{page, page}})
			pages.Add(page)
			n, _ := per.Get(page)
			per.Put(page, n+1)
			longest.Add(page)
			mean.Add(int64(i) + int64(k))
		}
	}
	s.key(2)
	if n, ok := count.Get(); n != 4 || !ok {
		t.Errorf("count is %d, %v", n, ok)
	}
	if v, ok := last.Get(); !ok || v.Page != "ccc" || len(v.Tags) != 2 {
		t.Errorf("last is %+v, %v", v, ok)
	}
	if got := slices.Collect(pages.All()); !slices.Equal(got, []string{"a", "bb", "a", "ccc"}) || pages.Len() != 4 {
		t.Errorf("pages are %v", got)
	}
	if got := maps.Collect(per.All()); !maps.Equal(got, map[string]int64{"a": 2, "bb": 1, "ccc": 1}) || per.Len() != 3 {
		t.Errorf("per page: %v", got)
	}
	if keys, values := slices.Collect(per.Keys()), slices.Collect(per.Values()); !slices.Equal(keys, []string{"a", "bb", "ccc"}) || !slices.Equal(values, []int64{2, 1, 1}) {
		t.Errorf("keys %v, values %v", keys, values)
	}
	if v, ok := longest.Get(); v != "ccc" || !ok {
		t.Errorf("longest is %q", v)
	}
	if v, ok := mean.Get(); v != 3.5 || !ok {
		t.Errorf("mean is %v", v)
	}
	per.Delete("a")
	per.Update("bb", func(v *int64, fresh bool) { *v += 10 })
	if _, ok := per.Get("a"); ok || per.Contains("a") || !per.Contains("bb") {
		t.Error("an entry that was deleted is there")
	}
	pages.Set([]string{"new"})
	s.key(1)
	for _, state := range []interface{ Clear() }{count, last, pages, per, longest, mean} {
		state.Clear()
	}
	s.key(2)
	if got := maps.Collect(per.All()); !maps.Equal(got, map[string]int64{"bb": 11, "ccc": 1}) {
		t.Errorf("per page of another key: %v", got)
	}
	if got := slices.Collect(pages.All()); !slices.Equal(got, []string{"new"}) {
		t.Errorf("pages of another key: %v", got)
	}
	s.key(1)
	if _, ok := count.Get(); ok {
		t.Error("a cleared value is there")
	}
	if pages.Len() != 0 || per.Len() != 0 {
		t.Error("a cleared list or map has elements")
	}
	if _, ok := mean.Get(); ok {
		t.Error("a cleared accumulator is there")
	}
	s.Scope.Unset()
	if n := s.Store.Keys(); n != 2+3+2 { // keys 0 and 2, and the entries of their maps
		t.Errorf("the store has %d rows", n)
	}
}

func TestTimeToLive(t *testing.T) {
	plain := NewValue[int64]("plain", WithTTL(TTL{Time: 10 * time.Millisecond}))
	onRead := NewValue[int64]("on read", WithTTL(TTL{Time: 10 * time.Millisecond, Update: OnReadAndWrite}))
	expired := NewValue[int64]("expired", WithTTL(TTL{Time: 10 * time.Millisecond, Visibility: ReturnExpiredIfNotCleanedUp, DisableCleanupInBackground: true}))
	s := newSubtask(t, plain, onRead, expired)
	s.Store.Tick(1000)
	s.key(1)
	plain.Set(1)
	onRead.Set(2)
	expired.Set(3)
	there := func() (is [3]bool) {
		_, is[0] = plain.Get()
		_, is[1] = onRead.Get()
		_, is[2] = expired.Get()
		return is
	}
	for _, step := range []struct {
		now  int64
		want [3]bool
	}{{1009, [3]bool{true, true, true}}, {1010, [3]bool{false, true, true}}, {1019, [3]bool{false, true, false}}, {1029, [3]bool{}}} {
		s.Store.Tick(step.now)
		s.key(1)
		if got := there(); got != step.want {
			t.Errorf("at %d: there are %v, want %v", step.now, got, step.want)
		}
	}
	if d := onRead.Declaration(); d.TTL == nil || d.TTL.Update != OnReadAndWrite || !d.Keyed || d.Kind != "value" || d.Schema != "int64" {
		t.Errorf("declaration %+v", d)
	}
}

func TestOperatorStates(t *testing.T) {
	split, union := NewOperatorList[int64]("split"), NewUnionList[string]("union")
	rules := NewBroadcast[string, visit]("rules")
	s := newSubtask(t, split, union, rules)
	split.Set([]int64{1, 2})
	split.Add(3)
	union.Add("x")
	if err := failure(func() { rules.Put("a", visit{}) }); fault.CodeOf(err) != fault.StateReadOnly || !strings.Contains(err.Error(), "rules") {
		t.Errorf("Put from the wrong side: %v", err)
	}
	if err := failure(func() { rules.Delete("a") }); fault.CodeOf(err) != fault.StateReadOnly {
		t.Errorf("Delete from the wrong side: %v", err)
	}
	if err := failure(rules.Clear); fault.CodeOf(err) != fault.StateReadOnly {
		t.Errorf("Clear from the wrong side: %v", err)
	}
	s.Writable = true
	for _, k := range []string{"b", "a", "c"} {
		rules.Put(k, visit{Page: k})
	}
	rules.Delete("a")
	rules.Put("b", visit{Page: "B"})
	snap, err := s.Store.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	split.Clear()
	rules.Clear()

	split2, union2, rules2 := NewOperatorList[int64]("split"), NewUnionList[string]("union"), NewBroadcast[string, visit]("rules")
	other := newSubtask(t, split2, union2, rules2)
	for i, l := range snap.Lists() {
		if l.Err != nil {
			t.Fatal(l.Err)
		}
		if err := other.Store.Lists()[i].Restore(l.Elements); err != nil {
			t.Fatal(err)
		}
	}
	if got := slices.Collect(split2.All()); !slices.Equal(got, []int64{1, 2, 3}) || split2.Len() != 3 {
		t.Errorf("the list has %v", got)
	}
	if got := slices.Collect(union2.All()); !slices.Equal(got, []string{"x"}) {
		t.Errorf("the union list has %v", got)
	}
	var keys []string
	for k, v := range rules2.All() {
		keys = append(keys, k+v.Page)
	}
	if !slices.Equal(keys, []string{"bB", "cc"}) || rules2.Len() != 2 || rules2.Contains("a") {
		t.Errorf("broadcast state has %v", keys)
	}
	if v, ok := rules2.Get("b"); !ok || v.Page != "B" {
		t.Errorf("b is %+v, %v", v, ok)
	}
	if split.Len() != 0 || rules.Len() != 0 {
		t.Error("clearing left something")
	}
}

// What cannot be declared says so before the job runs.
func TestDeclarationErrors(t *testing.T) {
	type bad struct{ C chan int }
	ok := func(v int64) int64 { return v }
	for name, c := range map[string]struct {
		state State
		code  fault.Code
		says  string
	}{
		"no name":          {NewValue[int64](""), fault.StateDeclared, "value"},
		"ttl too short":    {NewValue[int64]("v", WithTTL(TTL{Time: time.Millisecond - 1})), fault.OptionInvalid, "1ms"},
		"ttl not positive": {NewList[int64]("v", WithTTL(TTL{})), fault.OptionInvalid, `"v"`},
		"value type":       {NewValue[bad]("v"), fault.TypeUnsupported, "C"},
		"list type":        {NewList[func()]("v"), fault.TypeUnsupported, "func"},
		"map value type":   {NewMap[int64, bad]("v"), fault.TypeUnsupported, "C"},
		"map key type":     {NewMap[*int64, int64]("v"), fault.TypeKey, "int64"},
		"broadcast type":   {NewBroadcast[string, chan int]("v"), fault.TypeUnsupported, "chan"},
		"operator list":    {NewOperatorList[bad]("v"), fault.TypeUnsupported, "C"},
		"nil reduce":       {NewReducing[int64]("v", nil), fault.GraphNilFunction, `"v"`},
		"nil aggregate": {NewAggregating("v", nil, func(a, v int64) int64 { return a + v }, ok),
			fault.GraphNilFunction, `"v"`},
	} {
		err := c.state.Declaration().Err
		if fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %s that says %q", name, err, c.code, c.says)
		}
	}
}

// What is used in the wrong place fails with a code, and names the state.
func TestMisuse(t *testing.T) {
	value, list, m := NewValue[int64]("v"), NewList[int64]("v"), NewMap[string, int64]("v")
	reducing := NewReducing("v", func(a, b int64) int64 { return a + b })
	aggregating := NewAggregating("v", func() int64 { return 0 }, func(a, v int64) int64 { return a + v }, func(a int64) int64 { return a })
	uses := map[string]func(){
		"value": func() { value.Get() }, "update": func() { value.Update(func(*int64, bool) {}) }, "list": func() { list.Add(1) }, "map": func() { m.Put("", 1) },
		"entries": func() {
			for range m.All() {
			}
		},
		"reducing": func() { reducing.Add(1) }, "aggregating": func() { aggregating.Add(1) },
	}
	for name, use := range uses {
		if err := failure(use); fault.CodeOf(err) != fault.StateNoKey || !strings.Contains(err.Error(), `"v"`) {
			t.Errorf("%s that is not bound: %v", name, err)
		}
	}
	if err := failure(func() { NewBroadcast[string, int64]("v").Put("", 1) }); fault.CodeOf(err) != fault.StateNoKey {
		t.Errorf("broadcast that is not bound: %v", err)
	}
	newSubtask(t, value, list, m, reducing, aggregating)
	for name, use := range uses {
		if err := failure(use); fault.CodeOf(err) != fault.StateNoKey || !strings.Contains(err.Error(), "dedup") {
			t.Errorf("%s without a key: %v", name, err)
		}
	}
	unkeyed := newSubtask(t)
	unkeyed.Scope = nil
	if err := failure(func() { NewValue[int64]("v").Bind(unkeyed.Binding) }); fault.CodeOf(err) != fault.StateDeclared {
		t.Errorf("keyed state of an operator without keys: %v", err)
	}
}

// Reading and writing the state of known keys, and loops over it, allocate nothing.
func TestAllocations(t *testing.T) {
	value, list, m := NewValue[int64]("value"), NewList[int64]("list"), NewMap[int64, int64]("map")
	reducing := NewReducing("reducing", func(a, b int64) int64 { return a + b })
	s := newSubtask(t, value, list, m, reducing)
	i, few := uint64(0), make([]int64, 0, 1)
	step := func() {
		i++
		s.key(i % 100)
		v, _ := value.Get()
		value.Set(v + 1)
		value.Update(func(v *int64, _ bool) { *v++ })
		list.Add(int64(i))
		if list.Len() == 16 {
			sum := int64(0)
			for v := range list.All() {
				sum += v
			}
			list.Set(append(few[:0], sum))
		}
		n, _ := m.Get(int64(i % 7))
		m.Put(int64(i%7), n+1)
		for k, v := range m.All() {
			if v > 1000 {
				m.Delete(k)
			}
		}
		for k := range m.Keys() {
			for v := range m.Values() {
				if v == k {
					break
				}
			}
		}
		reducing.Add(1)
	}
	for range 10_000 {
		step()
	}
	if n := testing.AllocsPerRun(10_000, step); n > 0 && !invariants.Enabled {
		t.Errorf("%v allocations a step", n)
	}
}
