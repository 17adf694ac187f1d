package fn

import (
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

// family is what the letters of a parameter list stand for: which types it takes, what users call them, and what a NULL literal is taken for.
var families = map[byte]struct {
	takes func(t types.Type) bool
	name  string
	null  types.Type
}{
	'S': {types.Type.IsChar, "a string", types.String()},
	'B': {types.Type.IsBytes, "a binary string", types.Bytes()},
	'X': {func(t types.Type) bool { return t.IsChar() || t.IsBytes() }, "a string", types.String()},
	'I': {types.Type.IsInteger, "an integer", types.New(types.Int)},
	'N': {types.Type.IsNumeric, "a number", types.New(types.Double)},
	'L': {func(t types.Type) bool { return t.Kind() == types.Boolean }, "BOOLEAN", types.New(types.Boolean)},
	'T': {types.Type.IsTimestamp, "a timestamp", types.TimestampOf(3)},
	'D': {types.Type.IsDatetime, "a date, time or timestamp", types.TimestampOf(3)},
	'V': {types.Type.IsInterval, "an interval", types.IntervalOf(types.DayToSecond, 2, 6)},
	'*': {func(t types.Type) bool { return true }, "anything", types.Type{}},
}

// takes returns the inference of a function with the parameters of spec: letters of families, several between slashes in a group "(S/N)", "?" before the first that may be missing,
// and "+" behind the last if it may be repeated. The result's type is that which result returns for the arguments.
func takes(spec string, result func(args []Arg) types.Type) func(*Session, []Arg) (Signature, error) {
	var params []string
	least, more := -1, false
	for i := 0; i < len(spec); i++ {
		switch spec[i] {
		case '?':
			least = len(params)
		case '+':
			more = true
		case '(':
			end := i + strings.IndexByte(spec[i:], ')')
			params = append(params, strings.ReplaceAll(spec[i+1:end], "/", ""))
			i = end
		default:
			params = append(params, spec[i:i+1])
		}
	}
	if least < 0 {
		least = len(params)
	}
	most := len(params)
	if more {
		most = 1 << 16
	}
	return func(s *Session, args []Arg) (Signature, error) {
		if more && len(args) < least {
			return Signature{}, wrong("%d arguments are given, but it takes at least %d", len(args), least)
		}
		if err := count(args, least, most); err != nil {
			return Signature{}, err
		}
		var sig Signature
		for i, a := range args {
			param := params[min(i, len(params)-1)]
			if a.Symbol != "" {
				return Signature{}, wrong("%s is no value", a.Symbol)
			}
			if a.Type.Kind() == types.Null {
				if to := families[param[0]].null; to.Valid() {
					if sig.Args == nil {
						sig.Args = make([]types.Type, len(args))
					}
					sig.Args[i] = to
				}
				continue
			}
			ok := false
			var names []string
			for _, f := range []byte(param) {
				ok = ok || families[f].takes(a.Type)
				names = append(names, families[f].name)
			}
			if !ok {
				return Signature{}, wrong("argument %d must be %s, but is %s", i+1, strings.Join(names, " or "), a.Type)
			}
		}
		sig.Result = result(args)
		return sig, nil
	}
}

// strict returns a result type that is nullable if an argument is.
func strict(t types.Type) func([]Arg) types.Type {
	return func(args []Arg) types.Type { return Strict(t, args) }
}

// always returns a result type that does not depend on the arguments.
func always(t types.Type) func([]Arg) types.Type { return func([]Arg) types.Type { return t } }

var (
	strictText    = strict(types.String())
	nullableText  = always(types.String())
	strictInt     = strict(types.New(types.Int))
	nullableInt   = always(types.New(types.Int))
	strictBigint  = strict(types.New(types.BigInt))
	strictBoolean = strict(types.New(types.Boolean))
	strictDouble  = strict(types.New(types.Double))
)

// varying returns the VARCHAR (or VARBINARY) of the length of an argument.
func varying(i int, forced bool) func([]Arg) types.Type {
	return func(args []Arg) types.Type {
		t := args[i].Type
		switch t.Kind() {
		case types.Char:
			t = types.Of(types.Varchar, t.Length(), 0)
		case types.Binary:
			t = types.Of(types.Varbinary, t.Length(), 0)
		case types.Null:
			t = types.String()
		}
		if forced {
			return t.Null()
		}
		return Strict(t, args)
	}
}

// literal returns the text of an argument that is a literal string.
func literal(args []Arg, i int) (string, bool) {
	if i >= len(args) || args[i].Literal == nil || args[i].Literal.Null || !args[i].Type.IsChar() {
		return "", false
	}
	return args[i].Literal.Text, true
}

// badValue is the error of a value that a function cannot be computed for.
func badValue(format string, args ...any) error {
	return fault.New(fault.ExpressionValue, format, args...)
}

// at returns the i-th row to be computed.
func at(sel []int32, i int) int {
	if sel != nil {
		return int(sel[i])
	}
	return i
}

// size is the number of rows to be computed.
func size(sel []int32, n int) int {
	if sel != nil {
		return len(sel)
	}
	return n
}

// maxText is how long a string may be that a function makes.
const maxText = 1 << 28

// texts is the kernel of a function whose result is a string: f appends it to b for a row, and reports whether there is one, else it is null. args are not null at the row.
func texts(f func(b []byte, args []*column.Vector, row int) ([]byte, bool)) Kernel {
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		own, number := out.Room()
	rows:
		for i := range size(sel, n) {
			row := at(sel, i)
			for _, a := range args {
				if a.Null(row) {
					out.Views[row] = column.View{}
					continue rows
				}
			}
			from := len(own)
			made, ok := f(own, args, row)
			switch {
			case !ok:
				out.SetNull(row, n)
			case len(made)-from > maxText:
				out.SetRoom(own)
				return badValue("the result has %d bytes, more than the %d that a string may have here", len(made)-from, maxText)
			case len(made)-from <= column.InlineBytes:
				out.Views[row] = column.MakeView(made[from:], 0, 0)
				own = made[:from]
			default:
				out.Views[row] = column.MakeView(made[from:], number, from)
				own = made
			}
		}
		out.SetRoom(own)
		return nil
	}
}

// touchRows is how many texts are touched together.
const touchRows = 64

// touchTexts reads both ends of the long texts among some rows of a selection, so that the processor waits for their memory together and not for one after the other. It returns what it read, to be kept, so that
// the reads are not optimised away.
func touchTexts(v *column.Vector, sel []int32, from, to int) (seen byte) {
	for i := from; i < to; i++ {
		view := &v.Views[at(sel, i)]
		if view.Inline() {
			continue
		}
		s := view.Content(v.Buffers)
		seen ^= s[0] ^ s[len(s)-1]
	}
	return seen
}

// parts is the kernel of a function whose result is a part of its first argument: f returns where it begins and ends, a negative number for null. Nothing is copied.
func parts(f func(s []byte, args []*column.Vector, row int) (from, to int)) Kernel {
	var touched byte
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		in := args[0]
		out.Room() // so that the list of buffers is kept
		base, rows := out.Share(in), size(sel, n)
	rows:
		for i := range rows {
			if i%touchRows == 0 {
				touched ^= touchTexts(in, sel, i, min(i+touchRows, rows))
			}
			row := at(sel, i)
			for _, a := range args {
				if a.Null(row) {
					out.Views[row] = column.View{}
					continue rows
				}
			}
			view := &in.Views[row]
			s := view.Content(in.Buffers)
			from, to := f(s, args, row)
			switch {
			case from < 0:
				out.SetNull(row, n)
			case to-from <= column.InlineBytes:
				out.Views[row] = column.MakeView(s[from:to], 0, 0)
			default:
				out.Views[row] = column.MakeView(s[from:to], base+view.Buffer(), view.Offset()+from)
			}
		}
		return nil
	}
}

// numbers is the kernel of a function whose result is a word, null if f says so.
func numbers(f func(args []*column.Vector, row int) (int64, bool)) Kernel {
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
	rows:
		for i := range size(sel, n) {
			row := at(sel, i)
			for _, a := range args {
				if a.Null(row) {
					continue rows
				}
			}
			x, ok := f(args, row)
			if !ok {
				out.SetNull(row, n)
				continue
			}
			out.Words[row] = uint64(x)
		}
		return nil
	}
}

// bound is a Bind that does not look at its arguments. make is called for each kernel, so that each may have memory of its own.
func bound(make func() Kernel) func(*Session, []Arg, types.Type) (Kernel, error) {
	return func(*Session, []Arg, types.Type) (Kernel, error) { return make(), nil }
}

func bit64(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
