package fn

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// FuzzCast casts texts to all types and the results back: nothing panics, and what a cast prints is read again as the same value.
func FuzzCast(f *testing.F) {
	for _, s := range []string{"", " 12.7 ", "-1e400", "1E-5", "2021-09-24 12:34:56.123456789", "23:59:59.9", "true", "\xff", "99999999999999999999999999999999999999", "-0", "0x1p3", "NaN", "9999-12-31"} {
		f.Add(s)
	}
	all := []types.Type{types.New(types.Boolean), types.New(types.TinyInt), types.New(types.SmallInt), types.New(types.Int), types.New(types.BigInt), types.New(types.Float), types.New(types.Double),
		types.DecimalOf(5, 2), types.DecimalOf(38, 10), types.Of(types.Char, 3, 0), types.Of(types.Varchar, 5, 0), types.Of(types.Binary, 2, 0), types.Bytes(), types.New(types.Date), types.Of(types.Time, 3, 0),
		types.TimestampOf(0), types.TimestampOf(3), types.TimestampOf(6), types.TimestampOf(9), types.TimestampLTZOf(3)}
	zone, err := Zone("America/Los_Angeles")
	if err != nil {
		f.Fatal(err)
	}
	s := &Session{Zone: zone}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 {
			return
		}
		for _, to := range all {
			v, err := convertValue(s, types.String(), to)(column.TextValue(text))
			if err != nil || v.Null {
				continue
			}
			for _, other := range all {
				if c := convertValue(s, to, other); c != nil {
					_, _ = c(v)
				}
			}
			printed, err := convertValue(s, to, types.String())(v)
			if err != nil {
				t.Fatalf("%q as %s cannot be printed: %v", text, to, err)
			}
			if to.Kind() == types.TimestampLTZ || to.IsBytes() || to.Kind() == types.Char {
				continue // an hour that comes twice; bytes and blanks that are cut
			}
			again, err := convertValue(s, types.String(), to)(printed)
			if err != nil || !equalValues(to, v, again) {
				t.Fatalf("%q as %s is printed as %q, which is read as %v, %v", text, to, printed.Text, again, err)
			}
		}
	})
}

// FuzzPatterns gives texts and patterns to all that compiles some: nothing panics.
func FuzzPatterns(f *testing.F) {
	f.Add("yyyy-MM-dd'T'HH:mm:ss.SSSXXX EEE a", "2020-01-02T03:04:05.678+01:00 Thu AM")
	f.Add("%5.2f %s %-3d|%2$s", "x")
	f.Add("a[b-d]%_!%", "abc%")
	f.Add("lax $.a['b'][0,1][1:2]..c.*", `{"a":{"b":[1,{"c":[2e400,"\ud83d\ude00"]}]}}`)
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 200 || len(text) > 200 {
			return
		}
		for _, lax := range []bool{false, true} {
			if tf, err := newTimeFormat(pattern, lax); err == nil {
				ms, nanos, _, ok := tf.parse(text)
				if ok {
					_ = tf.append(nil, ms, nanos, newClock(time.UTC))
				}
				_ = tf.append(nil, -62135596800001, 999_999_999, newClock(time.UTC))
			}
		}
		for _, compile := range []func(string, rune) (matches, error){newLike, newSimilar} {
			for _, escape := range []rune{-1, '!'} {
				if m, err := compile(pattern, escape); err == nil {
					_, _ = m([]byte(text))
				}
			}
		}
		if p, ok := newJSONPath(pattern); ok {
			if n, ok := parseJSON(text); ok {
				if found, ok := p.find(n); ok {
					b := found.append(nil, true)
					if utf8.ValidString(text) && utf8.ValidString(pattern) {
						if _, ok := parseJSON(string(b)); !ok {
							t.Errorf("%q finds %s in %q", pattern, b, text)
						}
					}
				}
			}
		}
		_, _ = appendPrintf(nil, pattern, func(int, byte) (value, bool) { return value{text: text}, true })
		_ = unquoteJSON(nil, text)
		_ = quoteJSON(nil, text)
		_, _ = parseURLText(text)
	})
}

func parseURLText(s string) (string, bool) {
	var v column.Vector
	v.Reset(column.Text, 1)
	v.SetString(0, s)
	var part column.Vector
	part.Reset(column.Text, 1)
	part.SetString(0, "FILE")
	var out column.Vector
	out.Reset(column.Text, 1)
	err := parseURL()(&Call{}, []*column.Vector{&v, &part}, nil, 1, &out)
	return string(out.Bytes(0)), err == nil
}
