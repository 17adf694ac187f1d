package connector

import (
	"slices"
	"testing"

	"github.com/weirstream/weir/fault"
)

func TestSplitsEncoding(t *testing.T) {
	for _, splits := range [][]Split{nil, {{}}, {{ID: "a"}, {ID: "b", State: []byte{0, 1, 2}}}} {
		b := AppendSplits([]byte("before"), splits)
		b = append(b, "behind"...)
		got, rest, err := DecodeSplits(b[len("before"):])
		if err != nil || string(rest) != "behind" {
			t.Fatalf("got %v, %q", err, rest)
		}
		if !slices.EqualFunc(got, splits, func(a, b Split) bool { return a.ID == b.ID && string(a.State) == string(b.State) }) {
			t.Errorf("got %v, want %v", got, splits)
		}
		b = AppendSplits(nil, splits)
		for n := range b {
			if _, _, err := DecodeSplits(b[:n]); fault.CodeOf(err) != fault.TypeDecode {
				t.Errorf("cut to %d bytes: got %v", n, err)
			}
		}
	}
}

func FuzzDecodeSplits(f *testing.F) {
	f.Add(AppendSplits(nil, []Split{{ID: "a", State: []byte("state")}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		splits, rest, err := DecodeSplits(b)
		if err != nil {
			return
		}
		again, _, err := DecodeSplits(AppendSplits(nil, splits))
		if err != nil || len(again) != len(splits) || len(rest) > len(b) {
			t.Fatalf("%v: %v", err, again)
		}
	})
}
