package coordinator

import (
	"fmt"
	"time"
)

// Effect is something that the coordinator wants done. The set is closed: the types of this file. The effects of a step are carried out in order, before the
// next step.
type Effect interface {
	fmt.Stringer
	effect()
}

type (
	// Trigger begins a checkpoint or savepoint: sources are told to send barriers. Tasks answer with Acked or Declined.
	Trigger struct {
		ID             int64
		Kind           Kind
		Unaligned      bool
		AlignedTimeout int64 // nanoseconds
		Drain          bool
		Target         string
	}
	// Store writes the manifest durably. It is answered by Stored or StoreFailed.
	Store struct{ ID int64 }
	// Complete tells that it is durable. If Commit is set, tasks are told, so that sinks commit all they have prepared up to it; it is not set for savepoints, which
	// the job is not restored from. Bytes is the sum of what was acknowledged, Duration the nanoseconds since Trigger.
	Complete struct {
		ID       int64
		Kind     Kind
		Commit   bool
		Bytes    int64
		Duration int64
	}
	// Abort tells that it will not complete: tasks forget it, and its files are deleted, unless others refer to them. What sinks have prepared for it stays prepared:
	// it is committed with the next completed one. If Store is under way, that is ended first, so that no manifest appears behind the deletion; a job that is to
	// be restored waits for that.
	Abort struct {
		ID  int64
		Err error
	}
	// Discard tells that a completed checkpoint is beyond the retained number: its files are deleted, unless others refer to them.
	Discard struct{ ID int64 }
	// FailJob tells that the job must fail, and be restored or end. Nothing is triggered until Stopped and Running.
	FailJob struct{ Err error }
	// Answer is the end of a request. Err is nil if ID is complete; otherwise ID is 0 if nothing was triggered for it.
	Answer struct {
		Token int64
		ID    int64
		Err   error
	}
	// Ignored tells that an event changed nothing, and why. It is there for the trace.
	Ignored struct {
		Event Event
		Why   string
	}
)

func (Trigger) effect()  {}
func (Store) effect()    {}
func (Complete) effect() {}
func (Abort) effect()    {}
func (Discard) effect()  {}
func (FailJob) effect()  {}
func (Answer) effect()   {}
func (Ignored) effect()  {}

func (e Trigger) String() string {
	return fmt.Sprintf("trigger %d %v%s", e.ID, e.Kind, options(e.Unaligned, e.AlignedTimeout, e.Drain, e.Target))
}
func (e Store) String() string { return fmt.Sprintf("store %d", e.ID) }
func (e Complete) String() string {
	commit := ""
	if e.Commit {
		commit = " commit"
	}
	return fmt.Sprintf("complete %d %v%s (%d bytes in %s)", e.ID, e.Kind, commit, e.Bytes, text(e.Duration))
}
func (e Abort) String() string   { return fmt.Sprintf("abort %d%s", e.ID, because(e.Err)) }
func (e Discard) String() string { return fmt.Sprintf("discard %d", e.ID) }
func (e FailJob) String() string { return "fail the job" + because(e.Err) }
func (e Answer) String() string {
	if e.Err != nil {
		return fmt.Sprintf("answer #%d: id %d%s", e.Token, e.ID, because(e.Err))
	}
	return fmt.Sprintf("answer #%d: id %d complete", e.Token, e.ID)
}
func (e Ignored) String() string { return fmt.Sprintf("ignored: %v (%s)", e.Event, e.Why) }

// text is a time in nanoseconds for people.
func text(nanos int64) string { return time.Duration(nanos).String() }
