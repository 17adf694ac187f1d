package sqlerr

import (
	"errors"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
)

// Place is a part of a text of SQL, at which an error is shown that is found when the statement is bound already. The zero Place is none: that of what the planner has made up, and of all that was read from a compiled plan.
type Place struct {
	Source *ast.Source
	Span   ast.Span
}

// Or returns the place, or the other one if it is none.
func (p Place) Or(other Place) Place {
	if p.Source == nil {
		return other
	}
	return p
}

// Of returns an error at the place, with its code and text. An error at a place stays there, since what is inside knows best; and so does each one without a code, or if the place is none.
func (p Place) Of(err error) error {
	if _, ok := err.(*Error); ok || p.Source == nil {
		return err
	}
	if code := fault.CodeOf(err); code != "" {
		return New(code, p.Source, p.Span, "%w", Plain(err))
	}
	return err
}

// plainError prints a coded error without its code and advice.
type plainError struct{ err error }

// Plain returns an error that wraps another and prints it without its code and advice, for where both are said by what wraps it.
func Plain(err error) error { return plainError{err} }

func (p plainError) Error() string {
	if e, ok := errors.AsType[*fault.Error](p.err); ok {
		return e.Message()
	}
	return p.err.Error()
}

func (p plainError) Unwrap() error { return p.err }
