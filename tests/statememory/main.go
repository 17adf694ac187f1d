// Command statememory fills the memory backend with entries of an 8-byte key and an 8-byte value, and prints what each takes, what the garbage collector has to do with them, and how long
// anything took that must not take long.
//
//	go run ./tests/statememory -entries 1000000,100000000
//
// For each number of entries it inserts them, times every insert, then updates entries at random while it makes garbage at a steady rate, so that the collector runs, and prints:
//
//   - the bytes an entry takes, by the store's account and by the memory the process has
//   - the longest insert, and how many took more than a millisecond
//   - the collector's cycles, its longest pause, the CPU time its marking took and how much it marked a cycle
//   - how long it took to take a snapshot, and how much memory random updates to 1 % of the entries copy while it is held
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/statebackend"
)

func main() {
	list := flag.String("entries", "1000000,20000000", "numbers of entries, separated by commas")
	garbage := flag.Int("garbage", 4<<10, "MiB of garbage made while entries are updated")
	flag.Parse()
	for text := range strings.SplitSeq(*list, ",") {
		n, err := strconv.Atoi(text)
		if err == nil && n <= 0 {
			err = errors.New("it must be positive")
		}
		if err == nil {
			err = measure(n, *garbage)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "statememory: %s entries: %v\n", text, err)
			os.Exit(1)
		}
	}
}

// state is a store with one value for each key.
type state struct {
	store *statebackend.Store
	scope *statebackend.Scope
	value *statebackend.Value[int64]
}

func open() (*state, error) {
	s, err := statebackend.New(statebackend.Config{Operator: "statememory", Groups: base.KeyGroupRange{First: 0, Last: 127}, MaxParallelism: 128})
	if err != nil {
		return nil, err
	}
	scope := statebackend.NewScope(s.Space("entries", statebackend.KeyLayout{Words: 1}))
	return &state{s, scope, statebackend.NewValue[int64](scope, "value", nil)}, nil
}

func (s *state) set(key, value int64) {
	s.scope.Words()[0] = uint64(key)
	s.scope.Set(base.HashCombine(base.HashSeed, base.LaneInt(key)), nil)
	s.value.Set(value)
}
