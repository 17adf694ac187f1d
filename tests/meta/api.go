package main

import (
	"context"
	"log/slog"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/operator"
)

// factoryOf builds a program and returns the factory of its last operator of a kind.
func factoryOf(kind string, build func(env *weir.Environment)) operator.Factory {
	env := weir.NewEnvironment(weir.Options{Logger: slog.New(slog.DiscardHandler)})
	build(env)
	p, err := env.Program(context.Background(), "meta")
	if err != nil {
		panic(err)
	}
	var f operator.Factory
	for _, o := range p.Plan.Graph.Operators {
		if o.Kind == kind {
			f = o.Factory.(operator.Factory)
		}
	}
	return f
}

// none is a stream that the program has for its type.
func none[T any](env *weir.Environment) *weir.Stream[T] { return weir.FromSlice(env, []T{}) }
