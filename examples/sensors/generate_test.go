package main

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/readings.csv again")

// generate makes up readings of an hour, in the order in which they arrive: most after up to 4 s, some after minutes.
func generate() string {
	rng := rand.New(rand.NewPCG(1704, 7))
	sensors := []struct {
		name       string
		mean, wave float64
	}{
		{"attic", 24, 3}, {"boiler", 68, 9}, {"cellar", 11, 2}, {"freezer", -18, 2.5}, {"greenhouse", 26, 10}, {"server room", 22, 3},
	}
	type sent struct {
		line    string
		arrives time.Time
	}
	start := time.Date(2025, 6, 21, 12, 0, 0, 0, time.UTC)
	var all []sent
	for second := 0; second < 3600; second += 10 {
		for i, s := range sensors {
			at := start.Add(time.Duration(second)*time.Second + time.Duration(i)*time.Millisecond)
			v := s.mean + s.wave*math.Sin(float64(second)/700+float64(i)) + rng.NormFloat64()*s.wave/4
			delay := time.Duration(rng.IntN(4000)) * time.Millisecond
			if rng.IntN(40) == 0 {
				delay = time.Duration(10+rng.IntN(300)) * time.Second // the radio was gone
			}
			all = append(all, sent{fmt.Sprintf("%s,%s,%.2f\n", at.Format("2006-01-02T15:04:05.000Z"), s.name, v), at.Add(delay)})
		}
	}
	slices.SortStableFunc(all, func(a, b sent) int { return cmp.Compare(a.arrives.UnixNano(), b.arrives.UnixNano()) })
	var b strings.Builder
	for _, s := range all {
		b.WriteString(s.line)
	}
	return b.String()
}

// TestCarriedReadings holds the carried readings to the program that made them.
func TestCarriedReadings(t *testing.T) {
	want := generate()
	if *rewrite {
		if err := os.WriteFile("testdata/readings.csv", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if carried != want {
		t.Error("testdata/readings.csv is not what generate makes: run go test -rewrite")
	}
}
