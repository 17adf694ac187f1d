package statebackend

import (
	"testing"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
)

// A space that has another name in another form, but the same keys, does not take keys of any other layout for it.
func TestFormWithoutConvert(t *testing.T) {
	s, err := New(Config{Operator: "form", Groups: base.KeyGroupRange{First: 0, Last: 7}, MaxParallelism: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sp := s.Space("now", KeyLayout{Words: 1})
	sp.AlsoFrom(Form{Space: "then"})
	if got, unneeded := s.Restored("then"); got != sp || unneeded {
		t.Errorf("what was kept as then goes to %v, %v", got, unneeded)
	}
	for _, layout := range []KeyLayout{{}, {Words: 2}, {Words: 1, Bytes: true}} {
		if _, err := sp.Restorer(layout, nil, false); fault.CodeOf(err) != fault.StateSchema {
			t.Errorf("keys of %+v: %v", layout, err)
		}
	}
	if _, err := sp.Restorer(KeyLayout{Words: 1}, nil, false); err != nil {
		t.Error(err)
	}
}
