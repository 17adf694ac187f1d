package jobmanager

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/coordinator"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/runtime/restart"
)

// recoveryOf reads the arguments of a script's job. Restarts are a second apart. before is the job before it, if there was one.
func recoveryOf(t *testing.T, d *datadriven.TestData, before *Machine) Recovery {
	r := Recovery{Keep: d.HasArg("keep"), JobName: "test"}
	if d.HasArg("checkpoints") {
		c := &coordinator.Config{}
		timeout := 0
		for name, to := range map[string]*int{"retain": &c.Retain, "concurrent": &c.MaxConcurrent, "tolerable": &c.Tolerable, "timeout": &timeout} {
			d.MaybeScanArgs(t, name, to)
		}
		c.Timeout = int64(timeout) * 1e9
		r.Checkpoints = c
	}
	d.MaybeScanArgs(t, "history", &r.History)
	if d.HasArg("restarts") {
		r.Restart = restart.Default(restart.FixedDelay)
		d.ScanArgs(t, "restarts", &r.Restart.Attempts)
	}
	if d.HasArg("again") {
		r.Restore, r.RestoreRoot = before.ck.latest, "memory:before"
		for _, id := range slices.Sorted(maps.Keys(before.ck.completed)) {
			r.Retained, r.LastID = append(r.Retained, before.ck.completed[id]), id
		}
	}
	return r
}

// taskState is the state of a task in an acknowledgment:
//
//	wrote=file   a file that this checkpoint wrote, of 10 bytes, to which the task's keyed state refers
//	uses=file    a file of an earlier checkpoint, to which it refers too
//	split=id     a split of a reader
//	commit=text  what a sink has prepared
//	target=url   the storage of the savepoint that it is for
func taskState(t *testing.T, id base.AttemptID, args []string) []byte {
	part := &manifest.Subtask{Index: int32(id.Subtask.Index)}
	s := &manifest.TaskState{Operators: []*manifest.TaskOperator{{Parts: []*manifest.Subtask{part}}}}
	for _, arg := range args {
		kind, value, _ := strings.Cut(arg, "=")
		switch kind {
		case "wrote", "uses":
			if kind == "wrote" {
				s.Files = append(s.Files, value)
				s.Written += 10
			}
			g := &manifest.Group{Segments: []*manifest.Segment{{File: value}}}
			part.Spaces = append(part.Spaces, &manifest.Space{Name: value, Groups: []*manifest.Group{g}})
		case "split":
			part.Splits = append(part.Splits, &manifest.Split{Id: value})
		case "commit":
			part.Committables = append(part.Committables, []byte(value))
		case "target":
			s.Root = value
		default:
			t.Fatalf("cannot read: %s", arg)
		}
	}
	b, err := manifest.EncodeTask(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func checkpointEvent(d *datadriven.TestData, t *testing.T, f []string, number func(string) int, failure func(int) error) Event {
	switch f[0] {
	case "tick":
		return Tick{}
	case "request":
		e := CheckpointRequested{Token: int64(number(f[1]))}
		if len(f) > 2 {
			e.Kind = map[string]coordinator.Kind{"savepoint": coordinator.Savepoint, "stop": coordinator.StopWithSavepoint}[f[2]]
		}
		if len(f) > 3 {
			e.Target = f[3]
		}
		return e
	case "stored":
		return ManifestStored{int64(number(f[1])), failure(2)}
	case "removed":
		return ManifestRemoved{int64(number(f[1])), failure(2)}
	}
	e := EnumeratorsSnapshotted{ID: int64(number(f[1])), States: map[int][]byte{}}
	if len(f) > 2 && f[2] == "failed" {
		e.Err = failure(3)
		return e
	}
	for _, arg := range f[2:] {
		vertex, state, ok := strings.Cut(strings.TrimPrefix(arg, "v"), "=")
		if !ok {
			d.Fatalf(t, "cannot read: %s", arg)
		}
		e.States[number(vertex)] = []byte(state)
	}
	return e
}

// effectText is the text of an effect with what the trace leaves out: what is restored, and what a manifest says.
func effectText(t *testing.T, e Effect) string {
	text := e.String()
	switch e := e.(type) {
	case StartEnumerator:
		if e.Restored != nil {
			text += fmt.Sprintf(" from %q", e.Restored)
		}
	case DeleteFiles:
		if e.Target != "" {
			text += " in " + e.Target
		}
	case StoreManifest:
		if e.Target != "" {
			text += " in " + e.Target
		}
		for _, o := range e.Manifest.Operators {
			text += fmt.Sprintf("\n  %s", o.Uid)
			if o.HasEnumerator {
				text += fmt.Sprintf(" enumerator %q", o.Enumerator)
			}
			for _, s := range o.Subtasks {
				text += "\n    " + subtaskText(s)
			}
		}
	case Send:
		if restored := e.Message.GetDeploy().GetRestore(); restored != nil {
			s, err := manifest.DecodeTask(restored)
			if err != nil {
				t.Fatal(err)
			}
			text += " restored"
			if s.Root != "" {
				text += " from " + s.Root
			}
			if s.Finished {
				text += " finished"
			}
			for _, o := range s.Operators {
				for _, p := range o.Parts {
					text += fmt.Sprintf("\n  %s %s", o.Uid, subtaskText(p))
				}
			}
		}
	}
	return text
}

func subtaskText(s *manifest.Subtask) string {
	words := []string{fmt.Sprint(s.Index)}
	if s.Finished {
		words = append(words, "finished")
	}
	for _, split := range s.Splits {
		words = append(words, "split="+split.Id)
	}
	for _, c := range s.Committables {
		words = append(words, "commit="+string(c))
	}
	for _, sp := range s.Spaces {
		for _, g := range sp.Groups {
			for _, seg := range g.Segments {
				words = append(words, "file="+seg.File)
			}
		}
	}
	return strings.Join(words, " ")
}

// Failures that would come again each time end the job at once, whatever the restart strategy allows.
func TestHopelessFailures(t *testing.T) {
	for _, code := range hopeless {
		text := fmt.Sprintf("task v0/0 FAILED [%s] boom\ntask v1/0 CANCELED\nenumerator v0 closed", code)
		s := script{plan: planOf(t, stage{name: "src", parallelism: 1, source: true}, stage{name: "out", parallelism: 1}), attempt: 1}
		s.m = NewMachine("job-1", s.plan, "hash")
		s.m.Recover(Recovery{Checkpoints: &coordinator.Config{}, Restart: restart.Config{Kind: restart.FixedDelay, Attempts: 1000}})
		bringUp(s.plan, 1, func(e Event) []Effect { return s.step(t, e) })
		var trace []string
		for line := range strings.Lines(text) {
			for _, e := range s.parseEvents(t, &datadriven.TestData{}, strings.TrimSpace(line)) {
				for _, x := range s.step(t, e) {
					trace = append(trace, x.String())
				}
			}
		}
		if !slices.Contains(trace, "job: RUNNING -> FAILING") || !slices.Contains(trace, "job: FAILING -> FAILED") {
			t.Errorf("%s: %s", code, strings.Join(trace, "\n"))
		}
	}
}
