package weirtest

import (
	"fmt"
	"testing"

	"github.com/weirstream/weir"
)

// SameAsBatch tests a job of a user: as a stream, under seeds (see [Seeds]), it must give what it gives in batch mode, which sees all input before it gives any result. So what is late, cut off or counted twice comes to light. build makes
// the job and returns its result, from bounded sources that can be read again, such as [weir.FromSlice].
//
//	func TestMyJob(t *testing.T) {
//		weirtest.SameAsBatch(t, func(env *weir.Environment) *weir.Stream[string] { return pipeline(weir.FromSlice(env, input)) })
//	}
//
// Results are compared in any order. They must not depend on the order of records from several channels, nor on processing time. Where the job gives a new result for each record, as rolling operators do, use [LastAsBatch].
func SameAsBatch[T any](t *testing.T, build func(env *weir.Environment) *weir.Stream[T]) {
	t.Helper()
	want := texts(inBatch(t, build))
	Seeds(t, func(s *Sim) {
		s.Same(texts(asStream(s, build)), want)
	})
}

// LastAsBatch is [SameAsBatch] for a job that gives one result after another for each of some keys: of these the last is compared.
func LastAsBatch[T any, K comparable](t *testing.T, key func(T) K, build func(env *weir.Environment) *weir.Stream[T]) {
	t.Helper()
	last := func(all []T) (texts []string) {
		kept := map[K]T{}
		for _, v := range all {
			kept[key(v)] = v
		}
		for _, v := range kept {
			texts = append(texts, fmt.Sprintf("%+v", v))
		}
		return texts
	}
	want := last(inBatch(t, build))
	Seeds(t, func(s *Sim) {
		s.Same(last(asStream(s, build)), want)
	})
}

func inBatch[T any](t *testing.T, build func(env *weir.Environment) *weir.Stream[T]) []T {
	t.Helper()
	s := New(t, 1)
	defer s.Close()
	env := weir.NewEnvironment(weir.Options{RuntimeMode: weir.Batch, Logger: quiet})
	out := Capture(s, build(env))
	s.Run(env)
	return out.Values()
}

func asStream[T any](s *Sim, build func(env *weir.Environment) *weir.Stream[T]) []T {
	env := s.Environment()
	out := Capture(s, build(env))
	s.Run(env)
	return out.Values()
}
