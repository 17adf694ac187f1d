package wire

import (
	"errors"
	"strings"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
)

// FromAttempt names an attempt of a job's task on the wire.
func FromAttempt(job base.JobID, a base.AttemptID) *Attempt {
	return &Attempt{
		Job:     string(job),
		Vertex:  int32(a.Subtask.Vertex),
		Subtask: int32(a.Subtask.Index),
		Number:  int32(a.Attempt),
	}
}

// ID returns the attempt without its job. It is the zero AttemptID, which names no attempt, for a nil receiver.
func (a *Attempt) ID() base.AttemptID {
	return base.AttemptID{
		Subtask: base.SubtaskID{Vertex: int(a.GetVertex()), Index: int(a.GetSubtask())},
		Attempt: int(a.GetNumber()),
	}
}

// JobID returns the job of the attempt.
func (a *Attempt) JobID() base.JobID { return base.JobID(a.GetJob()) }

// FromSplits returns splits in the form in which they travel. The states are shared, not copied: nobody changes them after the splits
// were handed over.
func FromSplits(splits []connector.Split) []*Split {
	out := make([]*Split, len(splits))
	for i, s := range splits {
		out[i] = &Split{Id: s.ID, State: s.State}
	}
	return out
}

// ToSplits is the inverse of FromSplits.
func ToSplits(splits []*Split) []connector.Split {
	out := make([]connector.Split, len(splits))
	for i, s := range splits {
		out[i] = connector.Split{ID: s.GetId(), State: s.GetState()}
	}
	return out
}

// FromError returns err in the form in which it travels, nil for nil. Code, operator, subtask, place and stack are kept, wherever in the
// chain they stand; the chain itself is not. An error without a code came from user code and gets fault.FunctionError.
//
// Messages of user code may hold any bytes, but protobuf strings are UTF-8: what is not becomes U+FFFD here, since a failure that cannot
// be sent would be worse than one with a blot.
func FromError(err error) *Failure {
	if err == nil {
		return nil
	}
	f := &Failure{Code: string(fault.FunctionError), Message: err.Error()}
	if coded, ok := errors.AsType[*fault.Error](err); ok {
		f.Code = string(coded.Code())
		// Only the message of the coded error: code, operator and advice travel beside it and are put back by Err.
		f.Message = strings.Replace(err.Error(), coded.Error(), coded.Message(), 1)
		f.Place = placeOf(coded)
	}
	operator, subtask := fault.OperatorOf(err)
	f.Operator, f.Subtask = operator, int32(subtask)
	f.Stack = fault.StackOf(err)
	for _, s := range []*string{&f.Code, &f.Message, &f.Operator, &f.Place, &f.Stack} {
		*s = strings.ToValidUTF8(*s, "\uFFFD")
	}
	return f
}

// placeOf returns the place of the outermost coded error that names one.
func placeOf(coded *fault.Error) string {
	for coded.Place() == "" {
		inner, ok := errors.AsType[*fault.Error](coded.Unwrap())
		if !ok {
			return ""
		}
		coded = inner
	}
	return coded.Place()
}

// Err returns the failure as an error: a *fault.Error, or nil for a nil failure. A failure without a code is one of user code.
func (f *Failure) Err() error {
	if f == nil {
		return nil
	}
	code := fault.Code(f.Code)
	if code == "" {
		code = fault.FunctionError
	}
	e := fault.New(code, "%s", f.Message)
	if f.Operator != "" {
		e = e.WithOperator(f.Operator, int(f.Subtask))
	}
	if f.Place != "" {
		e = e.WithPlace(f.Place)
	}
	if f.Stack != "" {
		e = e.WithStack(f.Stack)
	}
	return e
}
