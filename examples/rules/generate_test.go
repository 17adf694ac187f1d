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

var rewrite = flag.Bool("rewrite", false, "write testdata/payments.csv again")

// generate makes up the payments of a day, in the order in which they arrive: up to 50 s after they were made.
func generate() string {
	rng := rand.New(rand.NewPCG(1704, 11))
	type paid struct {
		line    string
		arrives time.Time
	}
	var all []paid
	at := time.Date(2025, 3, 3, 0, 0, 0, 0, time.UTC)
	for range 1500 {
		at = at.Add(time.Duration(rng.IntN(114_000)) * time.Millisecond)
		account := min(rng.IntN(24), rng.IntN(24)) // some pay more often
		kind, mean := "card", 35.0
		switch rng.IntN(10) {
		case 0, 1:
			kind, mean = "transfer", 260
		case 2:
			kind, mean = "cash", 90
		}
		v := mean * math.Exp(rng.NormFloat64())
		line := fmt.Sprintf("%s,%s,%s,%.2f\n", at.Format("2006-01-02T15:04:05.000Z"), fmt.Sprintf("acc-%02d", account), kind, v)
		all = append(all, paid{line, at.Add(time.Duration(rng.IntN(50_000)) * time.Millisecond)})
	}
	slices.SortStableFunc(all, func(a, b paid) int { return cmp.Compare(a.arrives.UnixNano(), b.arrives.UnixNano()) })
	var b strings.Builder
	for _, p := range all {
		b.WriteString(p.line)
	}
	return b.String()
}

// TestCarriedPayments holds the carried payments to the program that made them.
func TestCarriedPayments(t *testing.T) {
	want := generate()
	if *rewrite {
		if err := os.WriteFile("testdata/payments.csv", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if carriedPayments != want {
		t.Error("testdata/payments.csv is not what generate makes: run go test -rewrite")
	}
}
