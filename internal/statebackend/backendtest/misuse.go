package backendtest

import (
	"testing"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/statebackend"
)

// testMisuse checks that what user code can do wrong is a coded error.
func testMisuse(t *testing.T, open Open) {
	s := open(t, statebackend.Config{
		Operator: "misuse", Groups: base.KeyGroupRange{First: 0, Last: 15}, MaxParallelism: 16,
		Fail: func(err error) { panic(err) },
	})
	defer s.Close()
	sp := s.Space("keys", statebackend.KeyLayout{Words: 1})
	scope := statebackend.NewScope(sp)
	value := statebackend.NewValue[int64](scope, "value", nil)
	list := statebackend.NewList[string](scope, "list", nil)
	entries := statebackend.NewMap[int64, string](scope, "map", nil)
	for name, f := range map[string]func(){
		"Get": func() { value.Get() }, "Set": func() { value.Set(1) }, "Edit": func() { value.Edit() }, "Clear": value.Clear,
		"Add": func() { list.Add("") }, "All": func() {
			for range list.All() {
			}
		},
		"Put": func() { entries.Put(1, "") }, "Delete": func() { entries.Delete(1) }, "Len": func() { entries.Len() },
	} {
		if code := failure(f); code != fault.StateNoKey {
			t.Errorf("%s without a key: %q, want %q", name, code, fault.StateNoKey)
		}
	}
}

// failure returns the code of the error that f panics with.
func failure(f func()) (code fault.Code) {
	defer func() {
		if err, ok := recover().(error); ok {
			code = fault.CodeOf(err)
		}
	}()
	f()
	return ""
}
