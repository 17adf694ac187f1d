package fn

import (
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/regex"
	"github.com/weirstream/weir/types"
)

func runes(s []byte) int { return utf8.RuneCount(s) }

// encodings are the functions that write values in other ways.
func encodings() []*Function {
	plain := base64.StdEncoding
	return []*Function{
		{Name: "TO_BASE64", Doc: "the bytes in base 64", Infer: takes("X", strictText), Bind: bound(func() Kernel {
			return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
				return plain.AppendEncode(b, args[0].Bytes(row)), true
			})
		}), Examples: [][2]string{{"TO_BASE64('hello')", "aGVsbG8="}}},
		{Name: "FROM_BASE64", Doc: "the string that is written in base 64", Fails: true, Infer: takes("X", strictText), Bind: bound(func() Kernel {
			var made []byte
			return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				for i := range size(sel, n) {
					row := at(sel, i)
					var err error
					if made, err = plain.AppendDecode(made[:0], args[0].Bytes(row)); err != nil {
						if made, err = base64.RawStdEncoding.AppendDecode(made[:0], args[0].Bytes(row)); err != nil {
							return badValue("%q is not in base 64", clip(args[0].Bytes(row)))
						}
					}
					out.SetBytes(row, made)
				}
				return nil
			}
		}), Examples: [][2]string{{"FROM_BASE64('aGVsbG8=')", "hello"}}},
		{Name: "IS_VALID_UTF8", Doc: "whether bytes are text in UTF-8", Infer: takes("B", strictBoolean), Bind: bound(func() Kernel {
			return numbers(func(args []*column.Vector, row int) (int64, bool) { return bit64(utf8.Valid(args[0].Bytes(row))), true })
		}), Examples: [][2]string{{"IS_VALID_UTF8(X'61C3A9')", "TRUE"}, {"IS_VALID_UTF8(X'61C3')", "FALSE"}}},
		{Name: "MAKE_VALID_UTF8", Doc: "the text that bytes are in UTF-8, with a replacement character for what is none", Infer: takes("B", strictText), Bind: bound(func() Kernel {
			return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
				return appendValid(b, args[0].Bytes(row)), true
			})
		}), Examples: [][2]string{{"MAKE_VALID_UTF8(X'61FF62')", "a\uFFFDb"}, {"MAKE_VALID_UTF8(X'61E282')", "a\uFFFD"}}},
		{Name: "HEX", Doc: "an integer, or the bytes of a string, in hexadecimal capitals", Infer: takes("(I/X)", strictText), Bind: func(s *Session, args []Arg, result types.Type) (Kernel, error) {
			number := args[0].Type.IsInteger()
			return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
				const digits = "0123456789ABCDEF"
				if !number {
					for _, c := range args[0].Bytes(row) {
						b = append(b, digits[c>>4], digits[c&15])
					}
					return b, true
				}
				x := args[0].Word(row)
				for shift := 60; shift >= 0; shift -= 4 {
					if x>>shift != 0 || shift == 0 {
						b = append(b, digits[x>>shift&15])
					}
				}
				return b, true
			}), nil
		}, Examples: [][2]string{{"HEX(255)", "FF"}, {"HEX('hi')", "6869"}}},
		{Name: "UNHEX", Doc: "the bytes that are written in hexadecimal, null if they are not", Infer: takes("S", always(types.Bytes())), Bind: bound(func() Kernel {
			return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
				s := args[0].Bytes(row)
				high, half := byte(0), len(s)%2 == 1
				for i, c := range s {
					d := hexDigit(c)
					switch {
					case d > 15:
						return b, false
					case half && i == 0:
						b = append(b, 0) // as in Flink, one digit alone gives nothing
					case half:
						b = append(b, high<<4|d)
						high = 0
					default:
						high = d
					}
					half = !half
				}
				return b, true
			})
		}), Examples: [][2]string{{"HEX(UNHEX('146'))", "0046"}, {"UNHEX('z')", "NULL"}}},
		{Name: "BIN", Doc: "an integer in binary", Infer: takes("I", strictText), Bind: bound(func() Kernel {
			return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
				return strconv.AppendUint(b, args[0].Word(row), 2), true
			})
		}), Examples: [][2]string{{"BIN(12)", "1100"}}},
		{Name: "ENCODE", Doc: "the string in a character set: UTF-8, US-ASCII, ISO-8859-1, UTF-16BE, UTF-16LE or UTF-16", Fails: true, Infer: takes("SS", strict(types.Bytes())), Bind: bound(func() Kernel { return encode(true) }),
			Examples: [][2]string{{"HEX(ENCODE('é', 'ISO-8859-1'))", "E9"}}},
		{Name: "DECODE", Doc: "the bytes, in a character set, as a string", Fails: true, Infer: takes("BS", strictText), Bind: bound(func() Kernel { return encode(false) }), Examples: [][2]string{{"DECODE(ENCODE('né', 'UTF-16'), 'UTF-16')", "né"}}},
		{Name: "URL_ENCODE", Doc: "the string as it is written in a query of a URL", Infer: takes("S", nullableText), Bind: bound(func() Kernel {
			return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
				for _, c := range args[0].Bytes(row) {
					switch {
					case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '*', c == '_':
						b = append(b, c)
					case c == ' ':
						b = append(b, '+')
					default:
						b = append(b, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
					}
				}
				return b, true
			})
		}), Examples: [][2]string{{"URL_ENCODE('a b/é')", "a+b%2F%C3%A9"}}},
		{Name: "URL_DECODE", Doc: "the string that is written as in a query of a URL, null if it is not", Infer: takes("S?I", nullableText), Bind: bound(func() Kernel {
			return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
				s, err := url.QueryUnescape(text(args[0].Bytes(row)))
				if err != nil {
					return b, false
				}
				return append(b, s...), true
			})
		}), Examples: [][2]string{{"URL_DECODE('a+b%2F')", "a b/"}, {"URL_DECODE('%x')", "NULL"}}},
		{Name: "PARSE_URL", Doc: "a part of a URL: PROTOCOL, HOST, PATH, QUERY (or one value of it), REF, AUTHORITY, FILE or USERINFO", Infer: takes("SS?S", nullableText), Bind: bound(parseURL),
			Examples: [][2]string{{"PARSE_URL('http://u@h.org:8/p/a?q=1&r=2#x', 'QUERY', 'r')", "2"}, {"PARSE_URL('http://u@h.org:8/p/a?q=1#x', 'FILE')", "/p/a?q=1"}}},
		{Name: "INET_ATON", Doc: "the number of an IPv4 address, null if it is none", Infer: takes("S", always(types.New(types.BigInt))), Bind: bound(func() Kernel {
			return numbers(func(args []*column.Vector, row int) (int64, bool) { return addressNumber(text(args[0].Bytes(row))) })
		}), Examples: [][2]string{{"INET_ATON('127.0.0.1')", "2130706433"}, {"INET_ATON('x')", "NULL"}}},
		{Name: "INET_NTOA", Doc: "the IPv4 address of a number, null if there is none", Infer: takes("I", nullableText), Bind: bound(func() Kernel {
			return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
				x := args[0].Int(row)
				if x < 0 || x > 1<<32-1 {
					return b, false
				}
				for shift := 24; shift >= 0; shift -= 8 {
					b = strconv.AppendInt(b, x>>shift&255, 10)
					if shift > 0 {
						b = append(b, '.')
					}
				}
				return b, true
			})
		}), Examples: [][2]string{{"INET_NTOA(2130706433)", "127.0.0.1"}}},
	}
}

func clip(b []byte) string {
	if len(b) > 100 {
		return string(b[:100]) + "..."
	}
	return string(b)
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// addressNumber reads one to four numbers with points between them; the last fills what is left.
func addressNumber(s string) (int64, bool) {
	fields := strings.Split(s, ".")
	if len(fields) > 4 {
		return 0, false
	}
	total := int64(0)
	for i, p := range fields {
		x, err := strconv.ParseUint(p, 10, 32)
		limit := uint64(255)
		if i == len(fields)-1 {
			limit = 1<<(8*(5-len(fields))) - 1
		}
		if err != nil || x > limit {
			return 0, false
		}
		if i == len(fields)-1 {
			return total<<(8*(5-len(fields))) | int64(x), true
		}
		total = total<<8 | int64(x)
	}
	return 0, false
}

func encode(to bool) Kernel {
	var made []byte
	return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
		for i := range size(sel, n) {
			row := at(sel, i)
			in, set := args[0].Bytes(row), strings.ToUpper(string(args[1].Bytes(row)))
			made = made[:0]
			switch set {
			case "UTF-8", "UTF8":
				made = append(made, in...)
			case "US-ASCII", "ASCII", "ISO-8859-1", "LATIN1":
				limit := rune(255)
				if strings.HasSuffix(set, "ASCII") {
					limit = 127
				}
				if to {
					for _, r := range text(in) {
						if r > limit {
							r = '?'
						}
						made = append(made, byte(r))
					}
					break
				}
				for _, b := range in {
					if rune(b) > limit {
						made = utf8.AppendRune(made, utf8.RuneError)
						continue
					}
					made = utf8.AppendRune(made, rune(b))
				}
			case "UTF-16", "UTF-16BE", "UTF-16LE":
				var order binary.AppendByteOrder = binary.BigEndian
				if set == "UTF-16LE" {
					order = binary.LittleEndian
				}
				if to {
					if set == "UTF-16" {
						made = append(made, 0xfe, 0xff)
					}
					for _, r := range text(in) {
						for _, u := range utf16.AppendRune(nil, r) {
							made = order.AppendUint16(made, u)
						}
					}
					break
				}
				if set == "UTF-16" && len(in) > 1 {
					switch {
					case in[0] == 0xfe && in[1] == 0xff:
						in = in[2:]
					case in[0] == 0xff && in[1] == 0xfe:
						in, set = in[2:], "UTF-16LE"
					}
				}
				var units []uint16
				for k := 0; k+1 < len(in); k += 2 {
					if set == "UTF-16LE" {
						units = append(units, binary.LittleEndian.Uint16(in[k:]))
					} else {
						units = append(units, binary.BigEndian.Uint16(in[k:]))
					}
				}
				for _, r := range utf16.Decode(units) {
					made = utf8.AppendRune(made, r)
				}
			default:
				return badValue("the character set %q is not known: use UTF-8, US-ASCII, ISO-8859-1, UTF-16BE, UTF-16LE or UTF-16", clip([]byte(set)))
			}
			out.SetBytes(row, made)
		}
		return nil
	}
}

func parseURL() Kernel {
	return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
		s := string(args[0].Bytes(row))
		u, err := url.Parse(s)
		if err != nil {
			return b, false
		}
		switch u.Scheme {
		case "http", "https", "ftp", "file", "jar", "mailto":
		default:
			return b, false
		}
		before, _, fragment := strings.Cut(s, "#")
		query := strings.Contains(before, "?")
		part := text(args[1].Bytes(row))
		if len(args) > 2 {
			if part != "QUERY" {
				return b, false
			}
			re, err := regex.Compile("(&|^)" + string(args[2].Bytes(row)) + "=([^&]*)")
			if err != nil {
				return b, false
			}
			at, err := re.Matcher().Find([]byte(u.RawQuery), 0)
			if at == nil || err != nil || re.Groups() < 2 {
				return b, false
			}
			return append(b, u.RawQuery[at[4]:at[5]]...), true
		}
		found := ""
		switch part {
		case "PROTOCOL":
			found = u.Scheme
		case "HOST":
			return append(b, u.Hostname()...), true
		case "PATH":
			return append(b, u.EscapedPath()...), true
		case "QUERY":
			return append(b, u.RawQuery...), query
		case "REF":
			return append(b, u.EscapedFragment()...), fragment
		case "FILE":
			found = u.EscapedPath()
			if query {
				found += "?" + u.RawQuery
			}
			return append(b, found...), true
		case "AUTHORITY":
			found = u.Host
			if u.User != nil {
				found = u.User.String() + "@" + found
			}
		case "USERINFO":
			if u.User != nil {
				found = u.User.String()
			}
		}
		return append(b, found...), found != ""
	})
}

// appendValid appends text with a replacement character for each part that is not UTF-8: the begin of a character that is cut off is one part, as in Java.
func appendValid(b, s []byte) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		if r == utf8.RuneError && n == 1 {
			b, s = utf8.AppendRune(b, utf8.RuneError), s[begun(s):]
			continue
		}
		b, s = append(b, s[:n]...), s[n:]
	}
	return b
}

// begun is how many bytes are the begin of a character that does not go on; 1 if none.
func begun(s []byte) int {
	length, low, high := 1, byte(0x80), byte(0xbf)
	switch c := s[0]; {
	case c >= 0xe0 && c <= 0xef:
		length = 3
		if c == 0xe0 {
			low = 0xa0
		} else if c == 0xed {
			high = 0x9f
		}
	case c >= 0xf0 && c <= 0xf4:
		length = 4
		if c == 0xf0 {
			low = 0x90
		} else if c == 0xf4 {
			high = 0x8f
		}
	}
	n := 1
	for n < length-1 && n < len(s) && s[n] >= low && s[n] <= high {
		n, low, high = n+1, 0x80, 0xbf
	}
	return n
}
