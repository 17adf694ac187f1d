package files

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/fault"
)

// escapedPath are the characters that stand in the names of partitions as % and two hexadecimal digits, beside control characters.
const escapedPath = "\"#%'*/:=?\\\x7f{[]^"

func appendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; c < ' ' || strings.IndexByte(escapedPath, c) >= 0 {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

func unescapedPath(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// partitionPath is the directory of a partition below that of its table: key=value/key=value.
func partitionPath(keys, values []string) string {
	var b []byte
	for i, k := range keys {
		if i > 0 {
			b = append(b, filepath.Separator)
		}
		b = appendEscaped(b, k)
		b = append(b, '=')
		b = appendEscaped(b, values[i])
	}
	return string(b)
}

// partitionValues reads the values of keys from a path below that of the table. It reports false if the path is not one of theirs.
func partitionValues(path string, keys []string) ([]string, bool) {
	parts := strings.Split(filepath.ToSlash(path), "/")
	if len(parts) < len(keys) {
		return nil, false
	}
	values := make([]string, len(keys))
	for i, k := range keys {
		name, value, ok := strings.Cut(parts[i], "=")
		if !ok || unescapedPath(name) != k {
			return nil, false
		}
		values[i] = unescapedPath(value)
	}
	return values, true
}

// extractor tells the time at which a partition begins from its values.
type extractor struct {
	keys []string
	// pattern has $key where a value is to stand; the value of the first key if it is empty. layout is that of the time made so.
	pattern string
	layout  string
	zone    *time.Location
}

// javaLayout translates the letters of Java's patterns for times.
func javaLayout(pattern string) (string, error) {
	replace := map[string]string{
		"yyyy": "2006", "uuuu": "2006", "yy": "06", "MM": "01", "M": "1", "dd": "02", "d": "2", "HH": "15", "mm": "04", "m": "4", "ss": "05", "s": "5", "SSS": "000",
	}
	var b strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		if c == '\'' {
			end := strings.IndexByte(pattern[i+1:], '\'')
			if end < 0 {
				return "", fault.New(fault.OptionInvalid, "the pattern %q has a quote that is not closed", pattern)
			}
			b.WriteString(pattern[i+1 : i+1+end])
			i += end + 2
			continue
		}
		if c|0x20 < 'a' || c|0x20 > 'z' {
			b.WriteByte(c)
			i++
			continue
		}
		n := i
		for n < len(pattern) && pattern[n] == c {
			n++
		}
		layout, ok := replace[pattern[i:n]]
		if !ok {
			return "", fault.New(fault.OptionInvalid, "the pattern %q has %q, which is none of yyyy, MM, dd, HH, mm, ss, SSS", pattern, pattern[i:n])
		}
		b.WriteString(layout)
		i = n
	}
	return b.String(), nil
}

// time returns when the partition with the given values begins.
func (e extractor) time(values []string) (time.Time, error) {
	text := ""
	switch {
	case e.pattern != "":
		text = e.pattern
		// Longer keys first, so that $day is not taken for $d.
		for n := 64; n > 0; n-- {
			for i, k := range e.keys {
				if len(k) == n || n == 64 && len(k) > n {
					text = strings.ReplaceAll(text, "$"+k, values[i])
				}
			}
		}
	case len(values) > 0:
		text = values[0]
	}
	layouts := []string{e.layout}
	if e.layout == "" {
		layouts = []string{"2006-1-2 15:4:5", "2006-1-2"}
	}
	for _, layout := range layouts {
		if at, err := time.ParseInLocation(layout, text, e.zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fault.New(fault.SinkFailed, "the partition %q has no time: %q does not have the form %q (see the options 'partition.time-extractor.timestamp-pattern' and '-formatter')",
		partitionPath(e.keys, values), text, layouts[0])
}
