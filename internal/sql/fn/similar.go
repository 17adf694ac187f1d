package fn

import (
	"strings"
	"unicode/utf8"

	"github.com/weirstream/weir/internal/sql/regex"
)

// similarClasses are the named classes of SIMILAR TO.
var similarClasses = strings.NewReplacer("[:ALPHA:]", `\p{Alpha}`, "[:alpha:]", `\p{Alpha}`, "[:UPPER:]", `\p{Upper}`, "[:upper:]", `\p{Upper}`, "[:LOWER:]", `\p{Lower}`,
	"[:lower:]", `\p{Lower}`, "[:DIGIT:]", `\d`, "[:digit:]", `\d`, "[:SPACE:]", " ", "[:space:]", " ", "[:WHITESPACE:]", `\s`, "[:whitespace:]", `\s`, "[:ALNUM:]", `\p{Alnum}`,
	"[:alnum:]", `\p{Alnum}`)

// newSimilar compiles a pattern of SIMILAR TO, by way of a regular expression.
func newSimilar(pattern string, escape rune) (matches, error) {
	const special = "[]()|^-+*_%?{}"
	var b strings.Builder
	class := false
	for rest := pattern; rest != ""; {
		r, w := utf8.DecodeRuneInString(rest)
		rest = rest[w:]
		switch {
		case r == escape:
			next, w := utf8.DecodeRuneInString(rest)
			if rest == "" || !strings.ContainsRune(special, next) && next != escape {
				return nil, wrong("the escape character %q stands before nothing that may be escaped", string(escape))
			}
			rest = rest[w:]
			if strings.ContainsRune(`[]()|^-+*?{}$\.&`, next) {
				b.WriteByte('\\')
			}
			b.WriteRune(next)
		case class:
			if r == '[' && strings.HasPrefix(rest, ":") {
				if end := strings.Index(rest, ":]"); end >= 0 {
					name := "[" + rest[:end+2]
					known := similarClasses.Replace(name)
					if known == name {
						return nil, wrong("%s is no class of characters", name)
					}
					b.WriteString(known)
					rest = rest[end+2:]
					continue
				}
			}
			if r == ']' {
				class = false
			}
			if r == '\\' || r == '[' || r == '&' {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		case r == '[':
			class = true
			b.WriteByte('[')
		case r == '_':
			b.WriteByte('.')
		case r == '%':
			b.WriteString("(?s:.*)")
		case r == '\\':
			b.WriteString(`\\`)
		default:
			b.WriteRune(r)
		}
	}
	re, err := regex.Compile(b.String())
	if err != nil {
		return nil, err
	}
	return re.Matcher().Match, nil
}
