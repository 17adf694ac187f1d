package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

const millisecond = float64(time.Millisecond)

// measure prints what n entries take.
func measure(n, garbage int) error {
	debug.FreeOSMemory()
	resident := rss()
	s, err := open()
	if err != nil {
		return err
	}
	defer s.store.Close()
	fmt.Printf("%d entries\n", n)
	s.insert(n)
	used := s.store.Account().Used()
	fmt.Printf("  memory           %.1f bytes an entry by the account, %.1f by the process (%d MiB)\n",
		float64(used)/float64(n), float64(rss()-resident)/float64(n), used>>20)
	s.collect(n, garbage)
	return s.snapshot(n)
}

// insert adds n entries and times each.
func (s *state) insert(n int) {
	start, last := time.Now(), time.Duration(0)
	longest, long := time.Duration(0), 0
	for i := range n {
		s.set(int64(i), int64(i))
		now := time.Since(start)
		if d := now - last; d > time.Millisecond {
			long++
			longest = max(longest, d)
		} else {
			longest = max(longest, d)
		}
		last = now
	}
	fmt.Printf("  insert           %.0f ns on average, the longest %.2f ms, %d of more than 1 ms\n", float64(last)/float64(n), float64(longest)/millisecond, long)
}

// kept is where garbage goes.
var kept [1024][]*[64]int64

// collect updates entries at random and makes garbage, and prints what the collector does meanwhile.
func (s *state) collect(n, garbage int) {
	runtime.GC()
	before := readCollector()
	rng := rand.New(rand.NewPCG(1, 2))
	start := time.Now()
	for i := range garbage << 10 {
		objects := make([]*[64]int64, 2)
		for j := range objects {
			objects[j] = new([64]int64)
		}
		kept[i&1023] = objects
		s.set(rng.Int64N(int64(n)), int64(i))
	}
	after := readCollector()
	cycles := after.cycles - before.cycles
	fmt.Printf("  collector        %d cycles in %.1f s, longest pause %.2f ms; a cycle marks for %.2f ms of CPU, heap %.1f MiB\n",
		cycles, time.Since(start).Seconds(), 1000*after.pause, 1000*(after.mark-before.mark)/float64(max(cycles, 1)), float64(after.heap)/(1<<20))
}

type collector struct {
	cycles uint64
	pause  float64 // seconds, the longest since the process began
	mark   float64 // seconds of CPU
	heap   uint64  // bytes that were marked last
}

func readCollector() (c collector) {
	samples := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/sched/pauses/total/gc:seconds"},
		{Name: "/cpu/classes/gc/mark/assist:cpu-seconds"}, {Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"}, {Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(samples)
	c.cycles = samples[0].Value.Uint64()
	h := samples[1].Value.Float64Histogram()
	for i, n := range h.Counts {
		if n > 0 {
			c.pause = h.Buckets[i] // at least
		}
	}
	c.mark = samples[2].Value.Float64() + samples[3].Value.Float64()
	c.heap = samples[4].Value.Uint64()
	return c
}

// snapshot takes a snapshot, updates 1 % of the entries while it is held, and reads a part of it.
func (s *state) snapshot(n int) error {
	before := s.store.Account().Used()
	start := time.Now()
	snap, err := s.store.Snapshot()
	if err != nil {
		return err
	}
	took := time.Since(start)
	rng := rand.New(rand.NewPCG(3, 4))
	start = time.Now()
	longest := time.Duration(0)
	for range n / 100 {
		at := time.Now()
		s.set(rng.Int64N(int64(n)), 0)
		longest = max(longest, time.Since(at))
	}
	updates := time.Since(start)
	copied := s.store.Account().Used() - before
	fmt.Printf("  snapshot         taken in %.2f ms; %d updates while it is held take %.0f ns on average, the longest %.2f ms, and copy %.1f %% of the state\n",
		float64(took)/millisecond, n/100, float64(updates)/float64(max(n/100, 1)), float64(longest)/millisecond, 100*float64(copied)/float64(before))
	start = time.Now()
	entries := 0
	for g := range 128 {
		err := snap.Entries(snap.Spaces()[0], g, func(_, _ []byte) bool {
			entries++
			return true
		})
		if err != nil {
			return err
		}
	}
	if entries != n {
		return fmt.Errorf("the snapshot has %d entries", entries)
	}
	fmt.Printf("                   read at %.0f ns an entry\n", float64(time.Since(start))/float64(n))
	return snap.Release()
}

// rss is the resident memory of the process in bytes, 0 where that is not told.
func rss() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
