package dataflow

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/invariants"
)

// state is what job and task states have in common.
type state[S any] interface {
	comparable
	fmt.Stringer
	CanBecome(S) bool
	Become(S) (S, error)
	Terminal() bool
}

func transitions[S state[S]](all []S) string {
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "%v:", s)
		for _, next := range all {
			if s.CanBecome(next) {
				fmt.Fprintf(&b, " %v", next)
			}
		}
		if s.Terminal() {
			b.WriteString(" (terminal)")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestTransitions(t *testing.T) {
	datadriven.RunTest(t, "testdata/states", func(t *testing.T, td *datadriven.TestData) string {
		if td.Cmd == "job" {
			return transitions(JobStates())
		}
		return transitions(TaskStates())
	})
}

func TestJobStates(t *testing.T)  { checkStates(t, JobStates(), JobState(200)) }
func TestTaskStates(t *testing.T) { checkStates(t, TaskStates(), TaskState(200)) }

func checkStates[S state[S]](t *testing.T, all []S, unknown S) {
	reached := map[S]bool{all[0]: true}
	for range all {
		for _, s := range all {
			for _, next := range all {
				if reached[s] && s.CanBecome(next) {
					reached[next] = true
				}
			}
		}
	}
	for _, s := range all {
		if !reached[s] {
			t.Errorf("%v cannot be reached from %v", s, all[0])
		}
		if s.CanBecome(s) {
			t.Errorf("%v follows itself", s)
		}
		if s.CanBecome(unknown) || unknown.CanBecome(s) {
			t.Errorf("a state that does not exist follows or precedes %v", s)
		}
		ends := true
		for _, next := range all {
			legal := s.CanBecome(next)
			ends = ends && !legal
			checkBecome(t, s, next, legal)
		}
		if ends != s.Terminal() {
			t.Errorf("%v: Terminal is %t, but nothing follows is %t", s, s.Terminal(), ends)
		}
	}
}

func checkBecome[S state[S]](t *testing.T, s, next S, legal bool) {
	t.Helper()
	panicked := true
	defer func() {
		if r := recover(); r != nil && (legal || !invariants.Enabled) {
			t.Errorf("%v to %v panics: %v", s, next, r)
		} else if !panicked && !legal && invariants.Enabled {
			t.Errorf("%v to %v does not panic where invariants are checked", s, next)
		}
	}()
	got, err := s.Become(next)
	panicked = false
	switch {
	case legal && (got != next || err != nil):
		t.Errorf("%v to %v: %v, %v", s, next, got, err)
	case !legal && (got != s || fault.CodeOf(err) != fault.InternalInvariant):
		t.Errorf("%v to %v, which is not legal: %v, %v", s, next, got, err)
	}
}

func TestStatesAsText(t *testing.T) {
	type both struct {
		Job  JobState
		Task TaskState
	}
	for _, j := range JobStates() {
		for _, k := range TaskStates() {
			text, err := json.Marshal(both{j, k})
			if err != nil {
				t.Fatal(err)
			}
			var back both
			if err := json.Unmarshal(text, &back); err != nil || back != (both{j, k}) {
				t.Fatalf("%s read as %v, %v", text, back, err)
			}
		}
	}
	var j JobState
	var k TaskState
	if fault.CodeOf(j.UnmarshalText([]byte("running"))) != fault.TypeDecode || fault.CodeOf(k.UnmarshalText(nil)) != fault.TypeDecode {
		t.Error("unknown names are read")
	}
	if got := fmt.Sprint(JobState(77), TaskState(77)); got != "JobState(77) TaskState(77)" {
		t.Error(got)
	}
}
