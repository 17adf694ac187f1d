package weir_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/internal/testkit/leak"
)

// sum adds up what the tasks of one vertex have counted.
func sum(r *weir.JobResult, vertex int) (in, out, bytesIn, bytesOut int64) {
	for _, m := range r.Tasks {
		if m.Vertex == vertex {
			in, out, bytesIn, bytesOut = in+m.RecordsIn, out+m.RecordsOut, bytesIn+m.BytesIn, bytesOut+m.BytesOut
		}
	}
	return in, out, bytesIn, bytesOut
}

func TestMetricsAddUp(t *testing.T) {
	for _, rows := range []int{1, 7, 1024} {
		for _, p := range []int{1, 4} {
			env := weir.NewEnvironment(weir.Options{Parallelism: p, ChunkRows: rows, Logger: quiet})
			s := weir.FromSequence(env, 1, 1000).Parallelism(2)
			words := weir.FlatMapTo(s.Rebalance(), func(v int64, out *weir.Collector[string]) {
				for i := range v % 3 {
					out.Collect(fmt.Sprint(v, " ", i))
				}
			})
			words.Broadcast().Filter(func(v string) bool { return strings.HasSuffix(v, "1") }).Discard()
			r := execute(t, env)
			const emitted = 334*1 + 333*2
			in, out, bytesIn, bytesOut := sum(r, 0)
			if in != 1000 || out != 1000 || bytesIn != 0 || bytesOut < 8*1000 || r.RecordsRead() != 1000 {
				t.Errorf("rows %d, parallelism %d: source: %d in, %d out, %d bytes in, %d out, %d read", rows, p, in, out, bytesIn, bytesOut, r.RecordsRead())
			}
			in, out, bytesIn, bytesMid := sum(r, 1)
			if in != 1000 || out != int64(emitted*p) || bytesIn != bytesOut {
				t.Errorf("rows %d, parallelism %d: flatMap: %d in, %d out, %d bytes in of %d", rows, p, in, out, bytesIn, bytesOut)
			}
			in, out, bytesIn, bytesOut = sum(r, 2)
			if in != int64(emitted*p) || out != 0 || bytesIn != bytesMid || bytesOut != 0 {
				t.Errorf("rows %d, parallelism %d: sink: %d in, %d out, %d bytes in of %d, %d out", rows, p, in, out, bytesIn, bytesMid, bytesOut)
			}
			for _, m := range r.Tasks {
				if m.State != "FINISHED" || m.Busy <= 0 || m.Idle < 0 || m.Blocked < 0 || m.Busy+m.Idle+m.Blocked > r.Duration {
					t.Errorf("%+v in a job of %v", m, r.Duration)
				}
				if m.Source != (m.Vertex == 0) || m.Sink != (m.Vertex == 2) {
					t.Errorf("%+v", m)
				}
			}
			if text := r.String(); !strings.Contains(text, "FINISHED") || !strings.Contains(text, "1,000 records read") {
				t.Errorf("%s", text)
			}
		}
	}
}

// A source before a slow sink is blocked most of the time, the sink busy, and what stands behind an idle source idle. Counters never go back, whoever looks.
func TestMetricsOfARunningJob(t *testing.T) {
	leak.Check(t)
	env := weir.NewEnvironment(weir.Options{Logger: quiet, ChannelBytes: 1024})
	var taken atomic.Int64
	weir.Generate(env, sequence.Options{}, func(i int64) int64 { return i }).Rebalance().ForEach(func(int64, int64) error {
		time.Sleep(time.Millisecond)
		taken.Add(1)
		return nil
	}).DisableChaining()
	weir.Generate(env, sequence.Options{RatePerSecond: 0.01}, func(i int64) int64 { return i }).Rebalance().Discard().DisableChaining()
	client := started(t, env)
	var last []weir.TaskMetrics
	until(t, "300 records", func() bool {
		all := client.Metrics()
		for i, m := range last {
			if n := all[i]; n.RecordsIn < m.RecordsIn || n.RecordsOut < m.RecordsOut || n.BytesOut < m.BytesOut || n.BytesIn < m.BytesIn {
				t.Errorf("from %+v to %+v", m, n)
			}
		}
		last = all
		return taken.Load() >= 300
	})
	all := client.Metrics()
	client.Cancel()
	ended(t, client)
	if len(all) != 4 {
		t.Fatalf("%d tasks: %+v", len(all), all)
	}
	share := func(d time.Duration, m weir.TaskMetrics) float64 {
		return float64(d) / float64(m.Busy+m.Idle+m.Blocked)
	}
	for _, m := range all {
		part := map[bool]map[bool]float64{
			true:  {true: share(m.Blocked, m), false: share(m.Idle, m)},
			false: {true: share(m.Busy, m), false: share(m.Idle, m)},
		}[m.Source][m.RecordsIn > 1]
		if part < 0.7 {
			t.Errorf("%+v", m)
		}
	}
}
