package sql

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/weirstream/weir/table"
)

// numbered is a row of the table function WORDS.
type numbered struct {
	Word  string
	Place int32
	Size  *int64
}

// words are those of a text, numbered; a word of more than four letters has no size.
func words(s, by string) iter.Seq[numbered] {
	return func(yield func(numbered) bool) {
		for i, w := range strings.Split(s, by) {
			r := numbered{Word: w, Place: int32(i + 1)}
			if n := int64(len(w)); n <= 4 {
				r.Size = &n
			}
			if w != "" && !yield(r) {
				return
			}
		}
	}
}

// addFunctions registers the functions that the files use.
func addFunctions(env *table.Environment) error {
	var called sync.Map
	// The first call for some arguments fails.
	failing := func(ctx context.Context, key any) error {
		if _, again := called.LoadOrStore(key, true); !again {
			return errors.New("the first call fails")
		}
		return ctx.Err()
	}
	for _, err := range []error{
		addAggregates(env),
		env.Set("table.exec.async-scalar.retry-delay", "1 ms"),
		env.Set("table.exec.async-table.retry-delay", "1 ms"),
		env.AddTableFunction("words", table.TableFunc1(func(s string) iter.Seq[numbered] { return words(s, " ") }), table.TableFunc2(words)),
		env.AddTableFunction("up_to", table.TableFunc1(func(n int64) iter.Seq[int64] {
			return func(yield func(int64) bool) {
				for i := int64(1); i <= n && yield(i); i++ {
				}
			}
		})),
		env.AddTableFunction("words_async", table.AsyncTableFunc1(func(ctx context.Context, s string) ([]numbered, error) {
			return slices.Collect(words(s, " ")), failing(ctx, s)
		})),
		env.AddFunction("plus_async", table.AsyncFunc2(func(ctx context.Context, a int64, b *int64) (*int64, error) {
			if b == nil {
				return nil, failing(ctx, a)
			}
			sum := a + *b
			return &sum, failing(ctx, a)
		})),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}
