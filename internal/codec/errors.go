package codec

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/fault"
)

// nodeError is a failure somewhere inside a value; it collects the way there while it is returned.
type nodeError struct {
	code  fault.Code
	text  string
	cause error
	left  int      // bytes of the input that were left
	path  []string // innermost first, as "Name" or "[]"
}

func (e *nodeError) Error() string { return e.text }

// maxPath bounds the part of a path that is shown.
const maxPath = 12

// at adds a step to the way of an error.
func at(err error, step string) error {
	if e, ok := err.(*nodeError); ok && step != "" {
		e.path = append(e.path, step)
	}
	return err
}

// where returns "field A.B[].C", or "".
func (e *nodeError) where() string {
	p := slices.Clone(e.path)
	slices.Reverse(p)
	if len(p) > maxPath {
		p = append(p[:maxPath:maxPath], "...")
	}
	return place(p)
}

// place joins the steps of a path: "field A.B[].C", or "element []" where it does not start with a field.
func place(path []string) string {
	if len(path) == 0 {
		return ""
	}
	var b strings.Builder
	if strings.HasPrefix(path[0], "[") {
		b.WriteString("element ")
	} else {
		b.WriteString("field ")
	}
	for i, s := range path {
		if i > 0 && !strings.HasPrefix(s, "[") && s != "..." {
			b.WriteByte('.')
		}
		b.WriteString(s)
	}
	return b.String()
}

// corrupt returns the error for input that is not what Encode writes; src is what is left of it.
func corrupt(src []byte, text string) error {
	return &nodeError{code: fault.TypeDecode, text: text, left: len(src)}
}

func short(src []byte) error { return corrupt(src, "the data ends within a value") }

// tooDeep returns the error for a value of more than MaxDepth; a new one each time, since paths are added to it.
func tooDeep() error {
	return &nodeError{code: fault.TypeUnsupported, text: "the value is nested too deep, or contains itself"}
}
