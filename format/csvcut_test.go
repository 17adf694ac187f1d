package format

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirstream/weir/types"
)

// TestCSVCutter compares cuts with where records begin when all is read from the start.
func TestCSVCutter(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	s := &Schema{Columns: []types.Field{{Name: "a", Type: types.String()}, {Name: "b", Type: types.String()}}, Options: map[string]string{"field-delimiter": ","}}
	d, err := newCSVDecoder(s)
	if err != nil {
		t.Fatal(err)
	}
	pieces := []string{",", "\n", "\"", "\"\"", "\",\"", "\"\n", " ", "\r\n", "a", "text", "\"x\ny\"", "\t"}
	total := 0
	for range 3000 {
		var text []byte
		for range r.IntN(60) {
			text = append(text, pieces[r.IntN(len(pieces))]...)
		}
		var starts []int64
		for at := 0; at < len(text); {
			n := d.Extent(text[at:], true)
			if n <= 0 {
				t.Fatalf("%q: no record at %d", text, at)
			}
			at += n
			starts = append(starts, int64(at))
		}
		step := int64(1 + r.IntN(20))
		var want []int64
		for target := step; ; {
			i := slices.IndexFunc(starts, func(at int64) bool { return at >= target })
			if i < 0 {
				break
			}
			want = append(want, starts[i])
			target = (starts[i]/step + 1) * step
		}
		c, err := newCSVCutter(s, step)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for rest := text; len(rest) > 0; {
			n := min(len(rest), 1+r.IntN(9))
			got = c.Feed(got, rest[:n])
			rest = rest[n:]
		}
		// The end of a text that is not whole is no beginning: nobody asks for it.
		size := int64(len(text))
		less := func(at int64) bool { return at >= size }
		got, want = slices.DeleteFunc(got, less), slices.DeleteFunc(want, less)
		if !slices.Equal(got, want) {
			t.Fatalf("%q by %d: %d, want %d", text, step, got, want)
		}
		total += len(got)
	}
	if total < 3000 {
		t.Errorf("only %d cuts", total)
	}
	for key, value := range map[string]string{"escape-character": `\`, "allow-comments": "true", "disable-quote-character": "true"} {
		if c, err := newCSVCutter(&Schema{Options: map[string]string{key: value}}, 1); c != nil || err != nil {
			t.Errorf("%s: %v, %v", key, c, err)
		}
	}
}
