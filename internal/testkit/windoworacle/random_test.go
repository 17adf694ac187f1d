package windoworacle

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestStats(t *testing.T) {
	begin := time.Now()
	var res, late, drop, errs, empty int
	kinds := map[string]int{}
	var worst time.Duration
	for seed := range uint64(10000) {
		s := Random(rand.New(rand.NewPCG(seed, 1)), 0)
		if err := s.Spec.Check(); err != nil {
			t.Fatal(err, s)
		}
		b := time.Now()
		o := Evaluate(s)
		if d := time.Since(b); d > worst {
			worst = d
			t.Log(d, len(o.Results), s.Spec)
		}
		res += len(o.Results)
		late += len(o.Late)
		drop += int(o.Dropped)
		if o.Err != nil {
			errs++
			kinds[o.Err.Error()]++
		}
		if len(o.Results) == 0 {
			empty++
		}
	}
	t.Log(time.Since(begin), res, late, drop, errs, empty, kinds)
}
