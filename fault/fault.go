// Package fault is the error vocabulary of Weir.
//
// Every error that reaches a user carries a stable [Code], says whose fault it is ([Blame]), whether a retry can help,
// and, where known, the operator, the file and line, or the SQL position it belongs to. Marks survive wrapping with
// fmt.Errorf("...: %w", err): [CodeOf], [BlameOf] and [Retryable] find them anywhere in the chain.
//
// The list of codes, with what each means and what to do about it, is data: codes.go. The page docs/errors.md is
// generated from it.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Code is the stable name of an error, as "graph.duplicate-uid". Codes are never reused or renamed.
type Code string

// Blame says whose fault an error is.
type Blame uint8

const (
	// Weir means a defect of the engine itself: an invariant that does not hold.
	Weir Blame = iota
	// User means the program, its options or its input is wrong: nothing but a change of these helps.
	User
	// External means a system outside the process failed: a disk, a network peer, a broker.
	External
)

// String returns "weir", "user" or "external".
func (b Blame) String() string {
	switch b {
	case User:
		return "user"
	case External:
		return "external"
	default:
		return "weir"
	}
}

// Error is an error with a code. It is immutable once returned; the With methods return copies, so an Error may be shared
// between goroutines.
type Error struct {
	code     Code
	message  string
	operator string
	subtask  int // counted from 1; 0 where unknown
	place    string
	stack    string
	cause    error
}

// New returns an error with the given code; the message is formatted as by fmt.Errorf, and a %w in it becomes the cause.
// The code must be in the list of codes.go: an unknown code is reported as a defect of Weir.
func New(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	e := &Error{code: code, message: err.Error()}
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		e.cause = u.Unwrap()
	case interface{ Unwrap() []error }:
		e.cause = errors.Join(u.Unwrap()...)
	}
	return e
}

// Wrap returns err marked with code, or nil if err is nil. An error that already carries a code keeps it: the innermost code wins,
// since it knows most.
func Wrap(code Code, err error) error {
	if err == nil {
		return nil
	}
	if CodeOf(err) != "" {
		return err
	}
	return &Error{code: code, message: err.Error(), cause: err}
}

// WithOperator returns a copy of e that names the operator it happened in. subtask counts from 1; 0 leaves it out.
func (e *Error) WithOperator(name string, subtask int) *Error {
	c := *e
	c.operator, c.subtask = name, subtask
	return &c
}

// WithPlace returns a copy of e that names the place in the user's input, as "words.txt:17".
func (e *Error) WithPlace(place string) *Error {
	c := *e
	c.place = place
	return &c
}

// WithStack returns a copy of e that carries a goroutine stack. It is not part of the message: see [StackOf].
func (e *Error) WithStack(stack string) *Error {
	c := *e
	c.stack = stack
	return &c
}

// Error returns "code: operator "name" (subtask n): place: message. What to do."
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.code))
	b.WriteString(": ")
	if e.operator != "" {
		fmt.Fprintf(&b, "operator %q", e.operator)
		if e.subtask > 0 {
			fmt.Fprintf(&b, " (subtask %d)", e.subtask)
		}
		b.WriteString(": ")
	}
	if e.place != "" {
		b.WriteString(e.place)
		b.WriteString(": ")
	}
	b.WriteString(e.message)
	if help := Describe(e.code).Help; help != "" {
		b.WriteString(" (")
		b.WriteString(help)
		b.WriteString(")")
	}
	return b.String()
}

// Message returns the text without code, place and advice.
func (e *Error) Message() string { return e.message }

// Code returns the stable code.
func (e *Error) Code() Code { return e.code }

// Operator returns the name of the operator the error happened in, and its subtask counted from 1; "" and 0 where unknown.
func (e *Error) Operator() (string, int) { return e.operator, e.subtask }

// Place returns the place in the user's input, or "".
func (e *Error) Place() string { return e.place }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an *Error of the same code, so that errors.Is(err, fault.New(code, "")) works.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.code == e.code
}

// CodeOf returns the code of the outermost coded error in err's chain, or "".
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.code
	}
	return ""
}

// BlameOf returns whose fault err is. An error without a code came from user code or a library: User.
func BlameOf(err error) Blame {
	if c := CodeOf(err); c != "" {
		return Describe(c).Blame
	}
	return User
}

// Retryable reports whether doing the same again can succeed.
func Retryable(err error) bool {
	c := CodeOf(err)
	return c != "" && Describe(c).Retry
}

// StackOf returns the stack that the outermost coded error with a stack carries, or "".
func StackOf(err error) string {
	for err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			return ""
		}
		if e.stack != "" {
			return e.stack
		}
		err = e.cause
	}
	return ""
}

// PlaceOf returns the place of the outermost coded error that names one, or "".
func PlaceOf(err error) string {
	for err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			return ""
		}
		if e.place != "" {
			return e.place
		}
		err = e.cause
	}
	return ""
}

// OperatorOf returns the operator name and subtask (from 1) of the outermost coded error that names one.
func OperatorOf(err error) (string, int) {
	for err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			return "", 0
		}
		if e.operator != "" {
			return e.operator, e.subtask
		}
		err = e.cause
	}
	return "", 0
}
