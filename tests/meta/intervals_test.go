package main

import (
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/invariants"
	"github.com/weirstream/weir/internal/operator/optest"
)

// TestIntervalJoinAllocations joins streams of records that come and go: what is allocated is for the chunks that they come in, some for each 512 records.
func TestIntervalJoinAllocations(t *testing.T) {
	kc, err := codec.KeyFor[int64]()
	if err != nil {
		t.Fatal(err)
	}
	for name, half := range map[string]time.Duration{"by the millisecond": 2 * time.Millisecond, "by the entry": 20 * time.Millisecond} {
		h := optest.New(optest.Options{ChunkRows: 512})
		pairs := optest.Capture[pairing](h, "")
		key := func(v item) int64 { return v.Key }
		s := intervalScript{Bounds: weir.IntervalBounds{Lower: -half, Upper: half}}
		if err := h.Open(intervalFactory(s, key, func(k int64) int64 { return k })); err != nil {
			t.Fatal(err)
		}
		var in [2]*optest.Input[item]
		for i := range in {
			if in[i], err = optest.NewInput(h, func(v item) uint64 { return kc.Hash(v.Key) }); err != nil {
				t.Fatal(err)
			}
		}
		at, joined := int64(0), 0
		step := func() {
			for i := range in {
				for id := range int64(512) {
					in[i].Push(item{Key: id % 8, ID: id}, at+id/16)
				}
			}
			at += 32
			h.Watermark(at)
			joined += len(*pairs)
			*pairs = (*pairs)[:0]
		}
		for range 100 {
			step()
		}
		if n := testing.AllocsPerRun(100, step); n > 64 && !invariants.Enabled {
			t.Errorf("%s: %v allocations for 1024 records", name, n)
		}
		if joined < 200*1024 || h.Err() != nil {
			t.Errorf("%s: %d pairs; %v", name, joined, h.Err())
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}
