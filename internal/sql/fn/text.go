package fn

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// textual are the functions of strings but those of patterns and encodings. Lengths and positions count characters (code points), positions from 1.
func textual() []*Function {
	return []*Function{
		{Name: "||", Syntax: Infix, Doc: "one string behind the other", Infer: inferConcat, Bind: bound(concat), Examples: [][2]string{{"'a' || 'b'", "ab"}, {"'a' || CAST(NULL AS STRING)", "NULL"}}},
		{Name: "CONCAT", Doc: "the strings behind each other", Infer: takes("X+", strictText), Bind: bound(concat), Examples: [][2]string{{"CONCAT('AA', 'BB', 'CC')", "AABBCC"}}},
		{Name: "CONCAT_WS", Doc: "the strings behind the first with the first between them; nulls among them are left out", Nulls: NullCustom, Infer: takes("S?S+", strictText), Bind: bound(concatWS),
			Examples: [][2]string{{"CONCAT_WS('~', 'AA', CAST(NULL AS STRING), 'BB', '', 'CC')", "AA~BB~~CC"}, {"CONCAT_WS(CAST(NULL AS STRING), 'a')", "NULL"}}},
		{Name: "LOWER", Doc: "the string in small letters", Infer: takes("S", lettered), Bind: bound(func() Kernel { return letters(false) }), Examples: [][2]string{{"LOWER('AbC Ä')", "abc ä"}}},
		{Name: "UPPER", Doc: "the string in capital letters", Infer: takes("S", lettered), Bind: bound(func() Kernel { return letters(true) }), Examples: [][2]string{{"UPPER('abC ß')", "ABC SS"}}},
		{Name: "INITCAP", Doc: "each word with a capital letter first and small ones behind", Infer: takes("S", lettered), Bind: bound(initcap), Examples: [][2]string{{"INITCAP('hello WORLD-x1')", "Hello World-X1"}}},
		{Name: "CHAR_LENGTH", Aliases: []string{"CHARACTER_LENGTH"}, Doc: "the number of characters", Infer: takes("S", strictInt), Bind: bound(func() Kernel {
			return numbers(func(args []*column.Vector, row int) (int64, bool) {
				return int64(utf8.RuneCount(args[0].Bytes(row))), true
			})
		}), Examples: [][2]string{{"CHAR_LENGTH('1世3')", "3"}}},
		{Name: "SUBSTRING", Aliases: []string{"SUBSTR"}, Doc: "the part from a position (negative: from the end), to the end or of a length", Infer: takes("SI?I", varying(0, true)), Bind: bound(substring),
			Examples: [][2]string{{"SUBSTRING('hello', 2)", "ello"}, {"SUBSTRING('hello' FROM 2 FOR 3)", "ell"}, {"SUBSTR('hello', -3, 2)", "ll"}, {"SUBSTRING('hello', 1, -1)", "NULL"}, {"SUBSTRING('hello', 9)", ""}}},
		{Name: "LEFT", Doc: "the first characters", Infer: takes("SI", varying(0, true)), Bind: bound(func() Kernel {
			return parts(func(s []byte, args []*column.Vector, row int) (int, int) { return 0, offset(s, args[1].Int(row)) })
		}), Examples: [][2]string{{"LEFT('Hello', 3)", "Hel"}, {"LEFT('Hello', -1)", ""}}},
		{Name: "RIGHT", Doc: "the last characters", Infer: takes("SI", varying(0, true)), Bind: bound(func() Kernel {
			return parts(func(s []byte, args []*column.Vector, row int) (int, int) {
				n := max(args[1].Int(row), 0)
				return offset(s, max(0, int64(utf8.RuneCount(s))-n)), len(s)
			})
		}), Examples: [][2]string{{"RIGHT('Hello', 3)", "llo"}, {"RIGHT('Hello', -1)", ""}}},
		{Name: "TRIM", Doc: "the string without the given characters (spaces) at its ends", Infer: inferTrim, Syntax: Special, Print: printTrim, Bind: bindTrim,
			Examples: [][2]string{{"TRIM('  x ')", "x"}, {"TRIM(LEADING FROM '  x ')", "x "}, {"TRIM(BOTH 'xy' FROM 'xyaxyx')", "a"}, {"TRIM(TRAILING 'x' FROM 'axx')", "a"}}},
		trimmer("LTRIM", "the string without the given characters (spaces) at its begin", true, false, false, [][2]string{{"LTRIM(' x ')", "x "}, {"LTRIM('xxyz', 'xy')", "z"}}),
		trimmer("RTRIM", "the string without the given characters (spaces) at its end", false, true, false, [][2]string{{"RTRIM(' x ')", " x"}}),
		trimmer("BTRIM", "the string without the given characters (blanks) at both ends", true, true, true, [][2]string{{"BTRIM(' x ')", "x"}, {"BTRIM('xax', 'x')", "a"}}),
		{Name: "POSITION", Doc: "where the first string first is in the second, 0 if nowhere", Infer: takes("SS?I", strictInt), Syntax: Special, Print: func(args []string, _ types.Type) string {
			return "POSITION(" + args[0] + " IN " + strings.Join(args[1:], " FROM ") + ")"
		}, Bind: bound(func() Kernel { return locate(0, 1) }), Examples: [][2]string{{"POSITION('lo' IN 'hello')", "4"}, {"POSITION('x' IN 'hello')", "0"}}},
		{Name: "LOCATE", Doc: "where the first string is in the second, from a position on; 0 if nowhere", Infer: takes("SS?I", strictInt), Bind: bound(func() Kernel { return locate(0, 1) }),
			Examples: [][2]string{{"LOCATE('a', 'banana', 3)", "4"}}},
		{Name: "INSTR", Doc: "where the second string is in the first, from a position (negative: backwards from the end), for the n-th time; 0 if nowhere", Fails: true, Infer: takes("SS?II", strictInt), Bind: bound(instr),
			Examples: [][2]string{{"INSTR('Corporate Floor', 'or', 3, 2)", "14"}, {"INSTR('Tech on the net', 'e', -3, 2)", "2"}, {"INSTR('aaa', 'aa')", "1"}}},
		{Name: "REPLACE", Doc: "the string with each occurrence of the second replaced by the third", Infer: takes("SSS", strictText), Bind: bound(replace), Examples: [][2]string{{"REPLACE('banana', 'an', 'o')", "booa"}, {"REPLACE('ab', '', '-')", "-a-b-"}}},
		{Name: "TRANSLATE", Aliases: []string{"TRANSLATE3"}, Doc: "each character that is in the second string becomes the one at the same place of the third, or is left out", Infer: takes("SSS", strictText), Bind: bound(translate),
			Examples: [][2]string{{"TRANSLATE('hello', 'lx', 'L')", "heLLo"}, {"TRANSLATE('hello', 'eh', 'a')", "allo"}}},
		{Name: "LPAD", Doc: "the string filled up on the left to a length, or cut to it", Infer: takes("SIS", padded), Bind: bound(func() Kernel { return pad(true) }),
			Examples: [][2]string{{"LPAD('hi', 4, '??')", "??hi"}, {"LPAD('hi', 1, '??')", "h"}, {"LPAD('ab', 5, '')", "NULL"}}},
		{Name: "RPAD", Doc: "the string filled up on the right to a length, or cut to it", Infer: takes("SIS", padded), Bind: bound(func() Kernel { return pad(false) }), Examples: [][2]string{{"RPAD('hi', 5, 'xy')", "hixyx"}}},
		{Name: "REPEAT", Doc: "the string as often as said", Fails: true, Infer: takes("SI", strictText), Bind: bound(repeat), Examples: [][2]string{{"REPEAT('ab', 3)", "ababab"}, {"REPEAT('ab', -1)", ""}}},
		{Name: "REVERSE", Doc: "the string backwards", Infer: takes("S", nullableText), Bind: bound(reverse), Examples: [][2]string{{"REVERSE('aé1')", "1éa"}}},
		{Name: "OVERLAY", Doc: "the string with the part from a position, as long as the second or as said, replaced by the second", Infer: takes("SSI?I", overlaid), Syntax: Special, Print: func(args []string, _ types.Type) string {
			s := "OVERLAY(" + args[0] + " PLACING " + args[1] + " FROM " + args[2]
			if len(args) > 3 {
				s += " FOR " + args[3]
			}
			return s + ")"
		}, Bind: bound(overlay), Examples: [][2]string{{"OVERLAY('abcdef' PLACING 'XY' FROM 2)", "aXYdef"}, {"OVERLAY('abcdef' PLACING 'X' FROM 2 FOR 4)", "aXf"}}},
		{Name: "ASCII", Doc: "the number of the first character, 0 for an empty string", Infer: takes("S", strictInt), Bind: bound(func() Kernel {
			return numbers(func(args []*column.Vector, row int) (int64, bool) {
				b := args[0].Bytes(row)
				if len(b) == 0 {
					return 0, true
				}
				return int64(int8(b[0])), true
			})
		}), Examples: [][2]string{{"ASCII('abc')", "97"}, {"ASCII('')", "0"}}},
		{Name: "CHR", Doc: "the character of a number, counted up to 255", Infer: takes("I", nullableText), Bind: bound(func() Kernel {
			return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
				n := args[0].Int(row)
				if n < 0 {
					return b, true
				}
				return utf8.AppendRune(b, rune(n&255)), true
			})
		}), Examples: [][2]string{{"CHR(97)", "a"}, {"CHR(353)", "a"}}},
		{Name: "SPLIT_INDEX", Doc: "the part of that number, counted from 0, of a string with a separator (a string, or the number of a character); null if there is none", Infer: takes("S(S/I)I", nullableText), Bind: splitIndex,
			Examples: [][2]string{{"SPLIT_INDEX('a/b/c', '/', 1)", "b"}, {"SPLIT_INDEX('a/b', '/', 5)", "NULL"}, {"SPLIT_INDEX('AQIDBA==', 73, 0)", "AQ"}}},
		{Name: "STARTSWITH", Doc: "whether the first string begins with the second", Infer: alike, Bind: bound(func() Kernel {
			return numbers(func(args []*column.Vector, row int) (int64, bool) {
				return bit64(bytes.HasPrefix(args[0].Bytes(row), args[1].Bytes(row))), true
			})
		}), Examples: [][2]string{{"STARTSWITH('in中文', 'in中')", "TRUE"}}},
		{Name: "ENDSWITH", Doc: "whether the first string ends with the second", Infer: alike, Bind: bound(func() Kernel {
			return numbers(func(args []*column.Vector, row int) (int64, bool) {
				return bit64(bytes.HasSuffix(args[0].Bytes(row), args[1].Bytes(row))), true
			})
		}), Examples: [][2]string{{"ENDSWITH('hello', 'lo')", "TRUE"}}},
		{Name: "ELT", Doc: "the argument of that number behind the first, null if there is none", Nulls: NullCustom, Infer: inferElt, Bind: bound(elt), Examples: [][2]string{{"ELT(2, 'a', 'b')", "b"}, {"ELT(3, 'a', 'b')", "NULL"}}},
		charTest("IS_ALPHA", "whether all characters are letters", unicode.IsLetter, "IS_ALPHA('aÄ')", "IS_ALPHA('a1')"),
		charTest("IS_DIGIT", "whether all characters are digits", unicode.IsDigit, "IS_DIGIT('12')", "IS_DIGIT('1.2')"),
		{Name: "IS_DECIMAL", Doc: "whether the string is a number", Nulls: NullCustom, Infer: takes("(S/N)", always(types.New(types.Boolean).NotNull())), Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return tested(args[0].Type, isDecimal), nil
		}, Examples: [][2]string{{"IS_DECIMAL('12.5')", "TRUE"}, {"IS_DECIMAL('1x')", "FALSE"}, {"IS_DECIMAL(CAST(NULL AS STRING))", "FALSE"}}},
	}
}

// text views bytes as a string for a moment.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// offset is where in s the n-th character, from 0, begins: 0 or len(s) if it is outside.
func offset(s []byte, n int64) int {
	i := 0
	for ; n > 0 && i < len(s); n-- {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		_, w := utf8.DecodeRune(s[i:])
		i += w
	}
	return i
}

// lettered is the type of LOWER and its like.
func lettered(args []Arg) types.Type { return Strict(orText(args[0].Type), args) }

func orText(t types.Type) types.Type {
	if t.Kind() == types.Null {
		return types.String()
	}
	return t
}

func inferConcat(s *Session, args []Arg) (Signature, error) {
	sig, err := takes("XX", strictText)(s, args)
	if err != nil {
		return sig, err
	}
	a, b := orText(args[0].Type), orText(args[1].Type)
	if a.IsChar() != b.IsChar() {
		return sig, wrong("%s and %s cannot be joined", a, b)
	}
	k := types.Varchar
	switch {
	case a.IsBytes() && a.Kind() == types.Binary && b.Kind() == types.Binary:
		k = types.Binary
	case a.IsBytes():
		k = types.Varbinary
	case a.Kind() == types.Char && b.Kind() == types.Char:
		k = types.Char
	}
	sig.Result = Strict(types.Of(k, min(a.Length()+b.Length(), types.MaxLength), 0), args)
	return sig, nil
}

func concat() Kernel {
	return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
		for _, a := range args {
			b = append(b, a.Bytes(row)...)
		}
		return b, true
	})
}

func concatWS() Kernel {
	var made []byte
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			if args[0].Null(row) {
				out.SetNull(row, n)
				continue
			}
			sep := args[0].Bytes(row)
			made = made[:0]
			first := true
			for _, a := range args[1:] {
				if a.Null(row) {
					continue
				}
				if !first {
					made = append(made, sep...)
				}
				made = append(made, a.Bytes(row)...)
				first = false
			}
			out.SetBytes(row, made)
		}
		return nil
	}
}

// letters is LOWER or UPPER.
func letters(upper bool) Kernel {
	first := byte('A')
	if upper {
		first = 'a'
	}
	return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
		s := args[0].Bytes(row)
		from := len(b)
		b = append(b, s...)
		made := b[from:]
		i := 0
		for ; i+8 <= len(made); i += 8 {
			x := binary.LittleEndian.Uint64(made[i:])
			if x&highBits != 0 {
				break
			}
			binary.LittleEndian.PutUint64(made[i:], x^(lettersOf(x, first)>>2))
		}
		for ; i < len(made); i++ {
			c := made[i]
			if c >= utf8.RuneSelf {
				return appendCase(b[:from+i], s[i:], upper), true
			}
			if c-first < 26 {
				made[i] = c ^ 32
			}
		}
		return b, true
	})
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// lettersOf has the high bit of each byte of x, all of ASCII, that is one of the 26 letters from first on.
func lettersOf(x uint64, first byte) uint64 {
	above := x + lowBits*uint64(128-first)     // not below the first
	behind := x + lowBits*uint64(128-first-26) // behind the last
	return (above &^ behind) & highBits
}

// appendCase appends s, of any characters, with the special cases that one character becomes two.
func appendCase(b, s []byte, upper bool) []byte {
	for len(s) > 0 {
		r, w := utf8.DecodeRune(s)
		switch {
		case r == utf8.RuneError && w == 1:
			b = append(b, s[0])
		case upper && r == 'ß':
			b = append(b, "SS"...)
		case upper && r == 'ŉ':
			b = append(b, "ʼN"...)
		case upper && r >= 0xfb00 && r <= 0xfb06:
			b = append(b, [...]string{"FF", "FI", "FL", "FFI", "FFL", "ST", "ST"}[r-0xfb00]...)
		case !upper && r == 'İ':
			b = append(b, "i̇"...)
		case upper:
			b = utf8.AppendRune(b, unicode.ToUpper(r))
		default:
			b = utf8.AppendRune(b, unicode.ToLower(r))
		}
		s = s[w:]
	}
	return b
}

// initcap knows only the letters of ASCII, as in Flink.
func initcap() Kernel {
	return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
		within := false
		for _, c := range args[0].Bytes(row) {
			switch {
			case c >= 'a' && c <= 'z' && !within:
				c -= 32
			case c >= 'A' && c <= 'Z' && within:
				c += 32
			}
			within = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
			b = append(b, c)
		}
		return b, true
	})
}

func substring() Kernel {
	return parts(func(s []byte, args []*column.Vector, row int) (int, int) {
		pos := args[1].Int(row)
		if pos < 0 {
			pos += int64(utf8.RuneCount(s))
			if pos < 0 {
				if len(args) > 2 && args[2].Int(row) < 0 {
					return -1, 0
				}
				return 0, 0
			}
			pos++
		}
		from := offset(s, pos-1)
		if len(args) < 3 {
			return from, len(s)
		}
		n := args[2].Int(row)
		if n < 0 {
			return -1, 0
		}
		return from, from + offset(s[from:], n)
	})
}

func inferTrim(s *Session, args []Arg) (Signature, error) {
	shift := 0
	if len(args) > 0 && args[0].Symbol != "" {
		shift = 1
	}
	rest := args[shift:]
	sig, err := takes("S?S", func([]Arg) types.Type { return types.String() })(s, rest)
	if err != nil {
		return sig, err
	}
	sig.Result = Strict(varying(len(rest)-1, false)(rest), rest)
	if sig.Args != nil {
		sig.Args = append(make([]types.Type, shift), sig.Args...)
	}
	return sig, nil
}

func printTrim(args []string, _ types.Type) string {
	if len(args) == 1 {
		return "TRIM(" + args[0] + ")"
	}
	return "TRIM(" + strings.Join(args[:len(args)-1], " ") + " FROM " + args[len(args)-1] + ")"
}

func bindTrim(s *Session, args []Arg, result types.Type) (Kernel, error) {
	left, right, first := true, true, 0
	if args[0].Symbol != "" {
		first = 1
		left, right = args[0].Symbol != "TRAILING", args[0].Symbol != "LEADING"
	}
	inner := trim(left, right, false)
	var order []*column.Vector
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		order = append(order[:0], args[len(args)-1])
		order = append(order, args[first:len(args)-1]...)
		return inner(c, order, sel, n, out)
	}, nil
}

func trimmer(name, doc string, left, right, blanks bool, examples [][2]string) *Function {
	return &Function{Name: name, Doc: doc, Infer: takes("S?S", func(args []Arg) types.Type {
		if name == "BTRIM" {
			return strictText(args)
		}
		return varying(0, false)(args)
	}), Bind: bound(func() Kernel { return trim(left, right, blanks) }), Examples: examples}
}

// trim cuts characters off the first argument: those of the second, else spaces or blanks.
func trim(left, right, blanks bool) Kernel {
	return parts(func(s []byte, args []*column.Vector, row int) (int, int) {
		from, to := 0, len(s)
		chars := []byte(nil)
		if len(args) > 1 {
			chars = args[1].Bytes(row)
		} else {
			chars = spaceBytes
			if blanks {
				chars = blankBytes
			}
		}
		if left {
			for from < to {
				_, w := utf8.DecodeRune(s[from:])
				if !bytes.Contains(chars, s[from:from+w]) {
					break
				}
				from += w
			}
		}
		if right {
			for to > from {
				_, w := utf8.DecodeLastRune(s[from:to])
				if !bytes.Contains(chars, s[to-w:to]) {
					break
				}
				to -= w
			}
		}
		return from, to
	})
}

var spaceBytes, blankBytes = []byte(" "), []byte(" ")

// find returns where sub first is in s from a position on, counted in characters from 1; 0 if nowhere.
func find(s, sub []byte, from int64) int64 {
	if from < 1 {
		from = 1
	}
	start := offset(s, from-1)
	if start == len(s) && from-1 > int64(utf8.RuneCount(s)) {
		return 0
	}
	i := bytes.Index(s[start:], sub)
	if i < 0 {
		return 0
	}
	return from + int64(utf8.RuneCount(s[start:start+i]))
}

func locate(sub, s int) Kernel {
	return numbers(func(args []*column.Vector, row int) (int64, bool) {
		from := int64(1)
		if len(args) > 2 {
			from = args[2].Int(row)
		}
		if len(args[sub].Bytes(row)) == 0 {
			return 1, true
		}
		return find(args[s].Bytes(row), args[sub].Bytes(row), from), true
	})
}

func instr() Kernel {
	var back [2][]byte
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			s, sub := args[0].Bytes(row), args[1].Bytes(row)
			from, nth := int64(1), int64(1)
			if len(args) > 2 {
				from = args[2].Int(row)
			}
			if len(args) > 3 {
				nth = args[3].Int(row)
			}
			if nth <= 0 {
				return badValue("the number of the appearance that INSTR looks for is %d, but must be positive", nth)
			}
			backwards := from < 0
			if backwards {
				back[0], back[1] = appendReverse(back[0][:0], s), appendReverse(back[1][:0], sub)
				s, sub, from = back[0], back[1], -from
			}
			found := int64(0)
			for ; from > 0 && nth > 0; nth-- {
				if found = find(s, sub, from); found == 0 {
					break
				}
				from = found + 1
			}
			if backwards && found > 0 {
				found = int64(utf8.RuneCount(s)) + 2 - found - int64(utf8.RuneCount(sub))
			}
			out.Words[row] = uint64(found)
		}
		return nil
	}
}

func replace() Kernel {
	return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
		s, old, by := args[0].Bytes(row), args[1].Bytes(row), args[2].Bytes(row)
		if len(old) == 0 {
			for len(s) > 0 {
				_, w := utf8.DecodeRune(s)
				b = append(append(b, by...), s[:w]...)
				s = s[w:]
			}
			return append(b, by...), true
		}
		for {
			i := bytes.Index(s, old)
			if i < 0 {
				return append(b, s...), true
			}
			b = append(append(b, s[:i]...), by...)
			s = s[i+len(old):]
		}
	})
}

func translate() Kernel {
	return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
		from, to := text(args[1].Bytes(row)), args[2].Bytes(row)
		for _, r := range text(args[0].Bytes(row)) {
			i := strings.IndexRune(from, r)
			if i < 0 {
				b = utf8.AppendRune(b, r)
				continue
			}
			at := offset(to, int64(utf8.RuneCountInString(from[:i])))
			_, w := utf8.DecodeRune(to[at:])
			b = append(b, to[at:at+w]...)
		}
		return b, true
	})
}

// padded is the type of LPAD and RPAD: they give null for a negative length and for nothing to fill up with, so it has no null only where literals rule that out.
func padded(args []Arg) types.Type {
	if by, ok := literal(args, 2); ok && by != "" && args[1].Literal != nil && !args[1].Literal.Null && args[1].Literal.Int() >= 0 {
		return strictText(args)
	}
	return types.String()
}

func pad(left bool) Kernel {
	return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
		s, n, by := args[0].Bytes(row), args[1].Int(row), args[2].Bytes(row)
		if n < 0 || len(by) == 0 {
			return b, false
		}
		if n > maxText {
			return b, false
		}
		missing := n - int64(utf8.RuneCount(s))
		if missing <= 0 {
			return append(b, s[:offset(s, n)]...), true
		}
		if !left {
			b = append(b, s...)
		}
		for k := int64(utf8.RuneCount(by)); missing > 0; missing -= k {
			if missing < k {
				by = by[:offset(by, missing)]
			}
			b = append(b, by...)
		}
		if left {
			b = append(b, s...)
		}
		return b, true
	})
}

func repeat() Kernel {
	inner := texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
		s := args[0].Bytes(row)
		for range args[1].Int(row) {
			b = append(b, s...)
		}
		return b, true
	})
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			if l := int64(len(args[0].Bytes(row))); l > 0 && args[1].Int(row) > maxText/l {
				return badValue("REPEAT makes a string of more than %d bytes", maxText)
			}
			if len(args[0].Bytes(row)) == 0 {
				out.Views[row] = column.View{}
			}
		}
		return inner(c, args, sel, n, out)
	}
}

func appendReverse(b, s []byte) []byte {
	for len(s) > 0 {
		_, w := utf8.DecodeLastRune(s)
		b = append(b, s[len(s)-w:]...)
		s = s[:len(s)-w]
	}
	return b
}

func reverse() Kernel {
	return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
		return appendReverse(b, args[0].Bytes(row)), true
	})
}

// overlaid is the type of OVERLAY, as long as both strings together.
func overlaid(args []Arg) types.Type {
	n := 0
	for _, a := range args[:2] {
		n = min(n+orText(a.Type).Length(), types.MaxLength)
	}
	return Strict(types.Of(types.Varchar, n, 0), args)
}

func overlay() Kernel {
	return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
		s, by, from := args[0].Bytes(row), args[1].Bytes(row), args[2].Int(row)
		n := int64(utf8.RuneCount(by))
		if len(args) > 3 {
			n = args[3].Int(row)
		}
		chars := int64(utf8.RuneCount(s))
		if from <= 0 || from > chars {
			return append(b, s...), true
		}
		b = append(append(b, s[:offset(s, from-1)]...), by...)
		if n > 0 && n <= chars-from {
			b = append(b, s[offset(s, from-1+n):]...)
		}
		return b, true
	})
}

func splitIndex(s *Session, args []Arg, result types.Type) (Kernel, error) {
	code := args[1].Type.IsInteger()
	var room [4]byte
	return parts(func(s []byte, args []*column.Vector, row int) (int, int) {
		var sep []byte
		if code {
			n := args[1].Int(row)
			if n < 0 || n > 255 {
				return -1, 0
			}
			sep = utf8.AppendRune(room[:0], rune(n))
		} else {
			sep = args[1].Bytes(row)
		}
		index := args[2].Int(row)
		if index < 0 || len(s) == 0 {
			return -1, 0
		}
		if len(sep) == 0 {
			return splitBlank(s, index)
		}
		from := 0
		if len(sep) == 1 {
			c := sep[0]
			for ; index > 0; index-- {
				k := bytes.IndexByte(s[from:], c)
				if k < 0 {
					return -1, 0
				}
				from += k + 1
			}
			if k := bytes.IndexByte(s[from:], c); k >= 0 {
				return from, from + k
			}
			return from, len(s)
		}
		for ; index > 0; index-- {
			k := bytes.Index(s[from:], sep)
			if k < 0 {
				return -1, 0
			}
			from += k + len(sep)
		}
		if k := bytes.Index(s[from:], sep); k >= 0 {
			return from, from + k
		}
		return from, len(s)
	}), nil
}

// splitBlank splits at runs of blanks, as an empty separator does.
func splitBlank(s []byte, index int64) (int, int) {
	from := 0
	for {
		to := from
		for to < len(s) && !isBlank(s[to]) {
			to++
		}
		if to == from && to == len(s) {
			return -1, 0
		}
		if index == 0 {
			return from, to
		}
		index--
		for from = to; from < len(s) && isBlank(s[from]); from++ {
		}
		if from == len(s) {
			return -1, 0
		}
	}
}

func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// alike takes two strings, or two binary ones.
func alike(s *Session, args []Arg) (Signature, error) {
	sig, err := takes("XX", strictBoolean)(s, args)
	if err == nil && args[0].Type.Kind() != types.Null && args[1].Type.Kind() != types.Null && args[0].Type.IsChar() != args[1].Type.IsChar() {
		return sig, wrong("%s and %s do not go together", args[0].Type, args[1].Type)
	}
	return sig, err
}

func inferElt(s *Session, args []Arg) (Signature, error) {
	sig, err := takes("IX+", nullableText)(s, args)
	if err != nil || len(args) < 2 {
		return sig, err
	}
	if l := args[0].Literal; l != nil && !l.Null && l.Int() < 0 {
		return sig, wrong("the number of an argument must not be negative, but is %d", l.Int())
	}
	t, err := commonOf(args[1:])
	if err != nil {
		return sig, err
	}
	sig.Result = t.Null()
	if !slices.ContainsFunc(args[1:], func(a Arg) bool { return a.Type.Kind() != t.Kind() || a.Type.Length() != t.Length() }) {
		return sig, nil
	}
	switch sig.Result.Kind() {
	case types.Char:
		sig.Result = types.Of(types.Varchar, t.Length(), 0)
	case types.Binary:
		sig.Result = types.Of(types.Varbinary, t.Length(), 0)
	}
	return sig, nil
}

func elt() Kernel {
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			if args[0].Null(row) || args[0].Int(row) < 1 || args[0].Int(row) >= int64(len(args)) {
				out.SetNull(row, n)
				continue
			}
			if a := args[args[0].Int(row)]; a.Null(row) {
				out.SetNull(row, n)
			} else {
				out.SetBytes(row, a.Bytes(row))
			}
		}
		return nil
	}
}

func charTest(name, doc string, is func(rune) bool, yes, no string) *Function {
	return &Function{
		Name: name, Doc: doc, Nulls: NullCustom, Infer: takes("(S/N)", always(types.New(types.Boolean).NotNull())), Examples: [][2]string{{yes, "TRUE"}, {no, "FALSE"}},
		Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			return tested(args[0].Type, func(b []byte) bool {
				for _, r := range text(b) {
					if !is(r) {
						return false
					}
				}
				return len(b) > 0
			}), nil
		},
	}
}

// tested is the kernel of a test of a string, or of a number as it is printed. Null is not.
func tested(t types.Type, is func(b []byte) bool) Kernel {
	write := writer(nil, t)
	var made []byte
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			if args[0].Null(row) || write == nil {
				out.Words[row] = 0
				continue
			}
			made = write(made[:0], args[0], row)
			setBool(out, row, is(made))
		}
		return nil
	}
}

// isDecimal reports whether a string is a number: digits with a sign, a point and an exponent.
func isDecimal(b []byte) bool {
	if n := len(b); n > 1 && strings.IndexByte("dDfF", b[n-1]) >= 0 { // as a literal of Java may end
		b = b[:n-1]
	}
	i, digits := 0, 0
	run := func() {
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
			digits++
		}
	}
	signs := func() {
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
	}
	signs()
	run()
	if i < len(b) && b[i] == '.' {
		i++
		run()
	}
	if digits == 0 {
		return false
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		signs()
		digits = 0
		run()
	}
	return digits > 0 && i == len(b)
}
