package fn

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// formatted is PRINTF, by the patterns of Java's Formatter.
func formatted() []*Function {
	return []*Function{{
		Name: "PRINTF", Doc: "the arguments printed by a pattern of Java's Formatter, such as %s, %5d and %.2f; null if they do not fit it", Nulls: NullCustom, Infer: takes("S?*+", nullableText), Bind: bindPrintf,
		Examples: [][2]string{{"PRINTF('%s is %d or %5.2f%%', 'x', 5, 1.5)", "x is 5 or  1.50%"}, {"PRINTF('%2$s-%1$04d', 7, 'a')", "a-0007"}, {"PRINTF('%d', 'x')", "NULL"}},
	}}
}

func bindPrintf(s *Session, args []Arg, result types.Type) (Kernel, error) {
	writers := make([]func([]byte, *column.Vector, int) []byte, len(args))
	for i, a := range args {
		if writers[i] = writer(zoneOf(s), a.Type); writers[i] == nil && a.Type.Kind() != types.Null {
			return nil, wrong("%s cannot be printed", a.Type)
		}
	}
	kinds := args
	var made []byte
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			if args[0].Null(row) {
				out.SetNull(row, n)
				continue
			}
			var ok bool
			made, ok = appendPrintf(made[:0], string(args[0].Bytes(row)), func(k int, verb byte) (value, bool) {
				if k+1 >= len(args) {
					return value{}, false
				}
				return printable(kinds[k+1].Type, args[k+1], row, verb, writers[k+1])
			})
			if !ok || len(made) > maxText {
				out.SetNull(row, n)
				continue
			}
			out.SetBytes(row, made)
		}
		return nil
	}, nil
}

// value is an argument as a conversion takes it.
type value struct {
	null    bool
	text    string
	integer *big.Int
	number  *big.Float
	special string // NaN or Infinity
}

// printable reads an argument for a conversion, and reports whether it can be.
func printable(t types.Type, v *column.Vector, row int, verb byte, write func([]byte, *column.Vector, int) []byte) (value, bool) {
	if v.Null(row) {
		return value{null: true, text: "null"}, true
	}
	text := string(write(nil, v, row))
	if t.Kind() == types.Boolean {
		text = strings.ToLower(text)
	}
	switch verb | 32 {
	case 's', 'b', 'h':
		return value{text: text}, true
	case 'd', 'o', 'x':
		if verb == 'X' || t.IsInteger() {
			return value{integer: big.NewInt(v.Int(row))}, t.IsInteger()
		}
	case 'c':
		if t.IsInteger() {
			return value{text: string(rune(v.Int(row)))}, true
		}
	case 'f', 'e', 'g':
		if t.IsApprox() {
			if f := v.Float(row); math.IsNaN(f) || math.IsInf(f, 0) {
				return value{special: text}, true
			}
		}
		if t.IsApprox() || t.Kind() == types.Decimal {
			f, _, err := big.ParseFloat(text, 10, 300, big.ToNearestAway)
			return value{number: f}, err == nil
		}
	}
	return value{}, false
}

// maxWidth is how wide a conversion may be.
const maxWidth = 10_000

// appendPrintf prints by a pattern. arg returns an argument for a conversion.
func appendPrintf(b []byte, pattern string, arg func(k int, verb byte) (value, bool)) ([]byte, bool) {
	next := 0
	for i := 0; i < len(pattern); {
		if pattern[i] != '%' {
			b = append(b, pattern[i])
			i++
			continue
		}
		i++
		number := func() int {
			n := -1
			for i < len(pattern) && pattern[i] >= '0' && pattern[i] <= '9' && n < maxWidth {
				n = max(n, 0)*10 + int(pattern[i]-'0')
				i++
			}
			return n
		}
		index, flags := -1, ""
		if start := i; i < len(pattern) && pattern[i] >= '1' && pattern[i] <= '9' {
			if n := number(); i < len(pattern) && pattern[i] == '$' {
				index = n - 1
				i++
			} else {
				i = start
			}
		}
		for i < len(pattern) && strings.IndexByte("-#+ 0,(", pattern[i]) >= 0 {
			flags += pattern[i : i+1]
			i++
		}
		width, precision := number(), -1
		if i < len(pattern) && pattern[i] == '.' {
			i++
			if precision = number(); precision < 0 {
				return b, false
			}
		}
		if i >= len(pattern) || width > maxWidth || precision > maxWidth {
			return b, false
		}
		verb := pattern[i]
		i++
		text := ""
		switch verb {
		case 'n':
			b = append(b, '\n')
			continue
		case '%':
			text = "%"
		default:
			if strings.IndexByte("sSbBhHdoxXcCfeEgG", verb) < 0 {
				return b, false
			}
			k := index
			if k < 0 {
				k, next = next, next+1
			}
			v, ok := arg(k, verb)
			if !ok {
				return b, false
			}
			text = v.print(verb, flags, width, precision)
		}
		missing := width - utf8.RuneCountInString(text)
		if strings.Contains(flags, "-") {
			b = append(b, text...)
		}
		for range missing {
			b = append(b, ' ')
		}
		if !strings.Contains(flags, "-") {
			b = append(b, text...)
		}
	}
	return b, true
}

func (v value) print(verb byte, flags string, width, precision int) string {
	has := func(f string) bool { return strings.Contains(flags, f) }
	text, negative := v.text, false
	switch {
	case v.null:
		text = "null"
		if verb|32 == 'b' {
			text = "false"
		}
		if precision >= 0 {
			text = text[:min(precision, len(text))]
		}
	case v.special != "":
		text = v.special
	case v.integer != nil && verb == 'd':
		text = new(big.Int).Abs(v.integer).String()
		negative = v.integer.Sign() < 0
	case v.integer != nil:
		base := 16
		if verb == 'o' {
			base = 8
		}
		text = strconv.FormatUint(uint64(v.integer.Int64()), base)
	case v.number != nil:
		if precision < 0 {
			precision = 6
		}
		negative = v.number.Signbit()
		abs := new(big.Float).SetPrec(300).SetMode(big.ToNearestAway).Abs(v.number)
		switch verb | 32 {
		case 'f':
			text = abs.Text('f', precision)
		case 'e':
			text = abs.Text('e', precision)
		default:
			precision = max(precision, 1)
			f, _ := abs.Float64()
			if f != 0 && (f < 1e-4 || f >= math.Pow10(precision)) {
				text = abs.Text('e', precision-1)
				break
			}
			digits := precision - 1
			if f > 0 {
				digits = precision - 1 - int(math.Floor(math.Log10(f)))
			}
			text = abs.Text('f', max(digits, 0))
		}
	case verb|32 == 'b':
		if text != "true" && text != "false" {
			text = "true"
		}
	case precision >= 0:
		text = text[:offset([]byte(text), int64(precision))]
	}
	if has(",") && (v.integer != nil || v.number != nil) {
		text = grouped(text)
	}
	if v.integer != nil || v.number != nil {
		sign := ""
		switch {
		case negative && has("("):
			sign = "("
		case negative:
			sign = "-"
		case has("+"):
			sign = "+"
		case has(" "):
			sign = " "
		}
		if has("0") {
			for n := width - len(sign) - len(text); n > 0; n-- {
				text = "0" + text
			}
		}
		text = sign + text
		if sign == "(" {
			text += ")"
		}
	}
	if verb < 'a' && verb != '%' {
		text = strings.ToUpper(text)
	}
	return text
}

// grouped puts commas between thousands.
func grouped(text string) string {
	whole, fraction, dotted := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dotted {
		whole += "." + fraction
	}
	return whole
}
