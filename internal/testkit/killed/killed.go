// Package killed runs programs that are killed on the way.
package killed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"time"
)

// mostStarts bounds how often a program is started.
const mostStarts = 1000

// Run starts the program of command again and again, until one comes to its end by itself, and kills it at moments within a time, drawn from rng, up to most times; not at all if the time is 0. The command must be made with
// the context that it is given. kills is how often the program was killed before it had ended. A program that fails is an error, with what it wrote to standard error.
func Run(rng *rand.Rand, within time.Duration, most int, command func(context.Context) *exec.Cmd) (kills int, err error) {
	for start := range mostStarts {
		killed, err := once(rng, within > 0 && kills < most, within, command)
		switch {
		case killed:
			kills++
		case err != nil:
			return kills, fmt.Errorf("start %d: %w", start, err)
		default:
			return kills, nil
		}
	}
	return kills, errors.New("does not finish in 1000 starts")
}

func once(rng *rand.Rand, kill bool, within time.Duration, command func(context.Context) *exec.Cmd) (killed bool, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if kill {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, time.Duration(rng.Int64N(int64(within))))
		defer stop()
	}
	var log bytes.Buffer
	cmd := command(ctx)
	cmd.Stderr = &log
	if err = cmd.Run(); err == nil {
		return false, nil
	}
	return ctx.Err() != nil, fmt.Errorf("%w\n%s", err, &log)
}
