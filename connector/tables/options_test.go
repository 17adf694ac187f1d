package tables

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/fault"
)

func TestParseDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"1 min": time.Minute, "10s": 10 * time.Second, " 2 d ": 48 * time.Hour, "500": 500 * time.Millisecond, "3 hours": 3 * time.Hour, "7 µs": 7 * time.Microsecond,
		"0 s": 0, "1 MIN": time.Minute, "5 millis": 5 * time.Millisecond,
	} {
		if got, err := ParseDuration(s); err != nil || got != want {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "min", "-1 s", "1.5 s", "1 week", "200000 d", "99999999999999999999 s", "1 ss"} {
		if got, err := ParseDuration(s); fault.CodeOf(err) != fault.OptionInvalid {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}

func TestParseMemory(t *testing.T) {
	for s, want := range map[string]int64{"128 mb": 128 << 20, "1g": 1 << 30, "17": 17, "3 kb": 3072, "2 Tb": 2 << 40, "5 bytes": 5} {
		if got, err := ParseMemory(s); err != nil || got != want {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "mb", "-1", "1.5 mb", "1 pb", "9999999999 tb"} {
		if got, err := ParseMemory(s); fault.CodeOf(err) != fault.OptionInvalid {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}

func TestFill(t *testing.T) {
	f := &Factory{Name: "c", Options: []Option{
		{Key: "path", Required: true},
		{Key: "rows", Kind: Number, Default: "7"},
		{Key: "on", Kind: Boolean},
		{Key: "wait", Kind: Duration, Default: "1 s"},
		{Key: "size", Kind: Memory},
		{Key: "mode", Values: []string{"a", "b"}, Default: "a"},
		{Key: "fields.*"},
	}}
	got, err := f.Fill(map[string]string{"path": "/x", "size": "1 mb", "fields.a.kind": "random", "mode": "B", "on": "TRUE"})
	want := map[string]string{"path": "/x", "size": "1 mb", "fields.a.kind": "random", "mode": "B", "on": "TRUE", "rows": "7", "wait": "1 s"}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	table := Table{Options: got}
	rows, err1 := table.Number("rows")
	wait, err2 := table.Duration("wait")
	size, err3 := table.Memory("size")
	none, err4 := table.Number("none")
	if rows != 7 || wait != time.Second || size != 1<<20 || none != 0 || !table.Flag("on") || table.Flag("off") || err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		t.Error("options are read wrong")
	}
	for text, options := range map[string]map[string]string{
		"needs the option 'path'":                                {},
		"did you mean 'path'?":                                   {"paht": "/x"},
		"it has path, rows, on, wait, size, mode, fields.*":      {"path": "/x", "something-else": "1"},
		"option 'rows': \"x\" is not a whole number":             {"path": "/x", "rows": "x"},
		"option 'on': \"yes\" is neither":                        {"path": "/x", "on": "yes"},
		"option 'wait': \"soon\" is not a duration":              {"path": "/x", "wait": "soon"},
		"option 'size': \"1 pb\" is not a size: the unit \"pb\"": {"path": "/x", "size": "1 pb"},
		"option 'mode': \"c\" is none of a, b":                   {"path": "/x", "mode": "c"},
	} {
		if got, err := f.Fill(options); fault.CodeOf(err) != fault.OptionInvalid || !strings.Contains(err.Error(), text) {
			t.Errorf("%v: %v, %v", options, got, err)
		}
	}
}
