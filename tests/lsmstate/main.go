// Command lsmstate puts more state through the lsm backend than memory holds, and reports the peak of the process's memory, rates and pauses. A sample of the keys is
// compared with what they have to hold.
//
//	go run ./tests/lsmstate                      # 5 GiB of state, 1 GiB of memory
//	go run ./tests/lsmstate -state 256 -memory 64
//
// The state of a key is a count and a text of some bytes. All keys are written first, in random order; then keys are read and written at random, first evenly, then nine times out of
// ten from the hundredth of the keys that are popular; at the end the sample is read.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/pages"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/internal/statebackend/lsm"
)

func main() {
	var r run
	flag.Int64Var(&r.state, "state", 5<<10, "MiB of state: keys, counts and texts")
	flag.Int64Var(&r.memory, "memory", 1<<10, "MiB of memory")
	flag.IntVar(&r.text, "text", 84, "bytes of a key's text")
	flag.IntVar(&r.accesses, "accesses", 2_000_000, "random accesses in each part")
	flag.StringVar(&r.dir, "dir", "", "directory for the state")
	profile := flag.String("cpuprofile", "", "file for a profile")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	err := r.run()
	if *profile != "" {
		pprof.StopCPUProfile()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type run struct {
	state, memory  int64
	text, accesses int
	dir            string

	store  *statebackend.Store
	scope  *statebackend.Scope
	count  *statebackend.Value[int64]
	value  *statebackend.Value[string]
	keys   uint64
	rnd    *rand.Rand
	sample map[uint64]int64 // how often a key was counted, for the keys of the sample
	filler string
}

const sampleEvery = 1 << 10

func (r *run) run() (err error) {
	memory := pages.NewAccount("memory", r.memory<<20, nil)
	r.store, err = statebackend.New(statebackend.Config{
		Operator: "lsmstate", Groups: base.KeyGroupRange{First: 0, Last: 127}, MaxParallelism: 128,
		Account: pages.NewAccount("state", 0, memory), Spill: lsm.New(lsm.Options{Memory: memory, Dir: r.dir, Stores: 1}),
		Fail: func(err error) { panic(err) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.store.Close()) }()
	sp := r.store.Space("keys", statebackend.KeyLayout{Words: 1})
	r.scope = statebackend.NewScope(sp)
	r.count = statebackend.NewValue[int64](r.scope, "count", nil)
	r.value = statebackend.NewValue[string](r.scope, "text", nil)
	r.keys = uint64(r.state << 20 / int64(16+r.text))
	r.rnd = rand.New(rand.NewPCG(1, 2))
	r.sample = map[uint64]int64{}
	r.filler = strings.Repeat("abcdefgh", r.text/8+2)

	bits := 1
	for 1<<bits < r.keys {
		bits++
	}
	next := uint64(0)
	r.part("write all keys", int(r.keys), func() {
		for { // an odd multiplier permutes the numbers of some bits
			k := next * 0x9E3779B97F4A7C15 & (1<<bits - 1)
			if next++; k < r.keys {
				r.touch(k)
				return
			}
		}
	})
	r.part("even", r.accesses, func() { r.touch(r.rnd.Uint64N(r.keys)) })
	for _, name := range []string{"nine in ten popular", "nine in ten popular, warm"} {
		r.part(name, r.accesses, func() {
			if r.rnd.IntN(10) == 0 {
				r.touch(r.rnd.Uint64N(r.keys))
			} else {
				r.touch(r.rnd.Uint64N(r.keys/100) * 97 % r.keys)
			}
		})
	}
	r.part("new keys", r.accesses, func() { r.touch(r.keys + next); next++ })
	wrong := 0
	r.part("compare the sample", 1, func() {
		for k, n := range r.sample {
			r.point(k)
			got, _ := r.count.Get()
			text, _ := r.value.Get()
			if got != n || text != r.textOf(k, n) {
				wrong++
			}
		}
	})
	fmt.Printf("%d of %d sampled keys are wrong\n", wrong, len(r.sample))
	if wrong > 0 {
		return errors.New("the state is wrong")
	}
	return nil
}

func (r *run) point(k uint64) {
	r.scope.Words()[0] = k
	r.scope.Set(base.HashCombine(base.HashSeed, base.LaneInt(int64(k))), nil)
}

// touch counts a key and changes its text.
func (r *run) touch(k uint64) {
	r.point(k)
	n, _ := r.count.Get()
	r.count.Set(n + 1)
	r.value.Set(r.textOf(k, n+1))
	if k%sampleEvery == 0 {
		r.sample[k]++
	}
}

func (r *run) textOf(k uint64, n int64) string {
	at := int(k+uint64(n)) & 7
	return r.filler[at : at+r.text]
}

// part runs a part and reports it.
func (r *run) part(name string, n int, f func()) {
	start := time.Now()
	last, longest := start, time.Duration(0)
	for i := range n {
		f()
		if i&15 == 15 {
			now := time.Now()
			longest = max(longest, now.Sub(last))
			last = now
		}
	}
	took := time.Since(start)
	fmt.Printf("%-26s %10d accesses in %6.1f s, %8.0f a second, longest 16 %6.1f ms, %9d keys in memory, resident %5d MiB, peak %5d MiB, disk %5d MiB, pages %d MiB, free in pages %d MiB, pool %d of %d MiB, Go heap %d MiB\n",
		name, n, took.Seconds(), float64(n)/took.Seconds(), float64(longest.Microseconds())/1000, r.store.Keys(), status("VmRSS:")>>10, status("VmHWM:")>>10, r.disk()>>20,
		r.store.Account().Used()>>20, r.store.Slack()>>20, pages.Stats().InUse>>20, pages.Stats().Mapped>>20, goHeap()>>20)
}

// goHeap is the bytes of Go's heap, garbage included.
func goHeap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapSys - m.HeapReleased
}

// status returns a figure in KiB that Linux keeps of the process, 0 elsewhere.
func status(name string) (kib int64) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), name) {
			fmt.Sscan(strings.TrimPrefix(s.Text(), name), &kib)
		}
	}
	return kib
}

// disk is the size of the tables.
func (r *run) disk() (n int64) {
	dir := r.dir
	if dir == "" {
		dir = os.TempDir()
	}
	tables, _ := filepath.Glob(filepath.Join(dir, "weir-state-*", "*", "*.sst"))
	for _, t := range tables {
		if info, err := os.Stat(t); err == nil {
			n += info.Size()
		}
	}
	return n
}
