package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/testkit/leak"
	"github.com/weirstream/weir/weirtest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// expected is the report on payments and rules, made in the plainest way: payments in the order of time, each judged by the last change of each name that is not behind it.
func expected(t *testing.T, paymentText, ruleText string) *report {
	t.Helper()
	var payments []payment
	for line := range linesOf(paymentText) {
		p, err := parsePayment(nil, line)
		if err != nil {
			t.Fatal(err)
		}
		payments = append(payments, p)
	}
	slices.SortStableFunc(payments, func(a, b payment) int { return cmp.Compare(a.At, b.At) })
	var rules []rule
	for line := range linesOf(ruleText) {
		r, err := parseRule(nil, line)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r)
	}
	rep := &report{}
	for i, p := range payments {
		now := map[string]rule{}
		for _, r := range rules {
			if r.At <= p.At {
				now[r.Name] = r
			}
		}
		for _, r := range now {
			if r.Removed || r.Kind != "any" && r.Kind != p.Kind {
				continue
			}
			sum := int64(0)
			for _, q := range payments[:i+1] {
				if q.Account == p.Account && (r.Kind == "any" || r.Kind == q.Kind) && p.At-q.At < r.Within {
					sum += q.Cents
				}
			}
			if sum > r.Limit {
				rep.alerts = append(rep.alerts, alert{p, r, sum})
			}
		}
	}
	return rep
}

func (rep *report) text() string {
	var b bytes.Buffer
	rep.write(&b)
	return b.String()
}

func check(t interface{ Errorf(string, ...any) }, got, want *report) {
	if !slices.Equal(got.sorted(), want.sorted()) {
		t.Errorf("%d alerts, want %d: got\n%s\nwant\n%s", len(got.alerts), len(want.alerts), got.text(), want.text())
	}
}

func TestEveryShape(t *testing.T) {
	want := expected(t, carriedPayments, carriedRules)
	if n := strings.Count(want.text(), "\n"); n < 6 {
		t.Fatalf("too few rules are broken:\n%s", want.text())
	}
	for _, mode := range []weir.RuntimeMode{weir.Streaming, weir.Batch} {
		for _, parallelism := range []int{1, 2, 4} {
			for _, rows := range []int{1, 7, 1024} {
				t.Run(fmt.Sprintf("%v/parallelism=%d/rows=%d", mode, parallelism, rows), func(t *testing.T) {
					env := weir.NewEnvironment(weir.Options{RuntimeMode: mode, Parallelism: parallelism, ChunkRows: rows, Logger: slog.New(slog.DiscardHandler)})
					rep := collect(build(
						weir.FromFiles(env, files.Options{Path: "testdata/payments.csv"}).Parallelism(1),
						weir.FromFiles(env, files.Options{Path: "testdata/rules.csv"}).Parallelism(1),
					))
					if _, err := env.Execute(context.Background(), t.Name()); err != nil {
						t.Fatal(err)
					}
					check(t, rep, want)
				})
			}
		}
	}
}

func TestSimulated(t *testing.T) {
	// The accounts that pay most often.
	var some []string
	for line := range linesOf(carriedPayments) {
		if strings.Contains(line, ",acc-00,") || strings.Contains(line, ",acc-01,") || strings.Contains(line, ",acc-02,") {
			some = append(some, line)
		}
	}
	want := expected(t, strings.Join(some, "\n"), carriedRules)
	if len(want.alerts) < 10 {
		t.Fatalf("only %d alerts", len(want.alerts))
	}
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		rep := collect(build(weir.FromSlice(env, some).Parallelism(1), weir.FromSlice(env, slices.Collect(linesOf(carriedRules))).Parallelism(1)))
		s.Run(env)
		check(s, rep, want)
	})
}

// TestByHand feeds payments and rules by hand: each payment is judged by the rules of its time, whichever of the two comes first.
func TestByHand(t *testing.T) {
	weirtest.Seeds(t, func(s *weirtest.Sim) {
		env := s.Environment()
		payments, paymentLines := weirtest.Input[string](s, env)
		rules, ruleLines := weirtest.Input[string](s, env)
		alerts := weirtest.Capture(s, build(paymentLines, ruleLines))
		s.Start(env)
		pay := func(clock, account, amount string) {
			payments.Push(fmt.Sprintf("2025-03-03T%s:00Z,%s,card,%s", clock, account, amount))
			s.Settle()
		}
		set := func(clock, what string) {
			rules.Push(fmt.Sprintf("2025-03-03T%s:00Z,%s", clock, what))
			s.Settle()
		}
		told := func(when string, want ...string) {
			var got []string
			for _, r := range alerts.Take() {
				got = append(got, fmt.Sprint(clock(r.Value.Payment.At)[:5], " ", r.Value.Payment.Account, " ", r.Value.Rule.Name, " ", amount(r.Value.Sum)))
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				s.Errorf("%s: got %q, want %q", when, got, want)
			}
		}

		set("08:00", "much,card,100,60")
		pay("09:00", "a", "101")
		pay("09:10", "b", "60")
		told("the rules have not come to 09:00")
		set("09:05", "much,card,200,60") // comes behind the payment at 09:10, and counts for it
		told("the rules have come to 09:05", "09:00 a much 101.00")
		pay("09:30", "a", "98")
		pay("09:40", "b", "41")
		set("10:00", "much,removed")
		told("199 in an hour are allowed, and 101")
		pay("10:05", "a", "1000")
		set("10:10", "any,any,50,60")
		pay("10:09", "b", "70") // older than the last change
		told("no rule at 10:05")
		pay("10:10", "e", "51") // just when the rule begins
		pay("10:20", "c", "51")
		pay("10:20", "b", "1")
		rules.End()
		pay("11:00", "d", "50")
		told("b has 41, 70 and 1 since 09:20", "10:10 e any 51.00", "10:20 b any 112.00", "10:20 c any 51.00")
		payments.End()
		if err := s.Wait(); err != nil {
			s.Fatalf("%v", err)
		}
		told("50 are allowed")
	})
}

func TestBadLineFailsTheJob(t *testing.T) {
	const payment, rule = "2025-03-03T00:00:00Z,a,card,1", "2025-03-03T00:00:00Z,r,card,1,1"
	for _, c := range []struct{ payment, rule, operator string }{
		{"", rule, "parse payments"},
		{"noon,a,card,1", rule, "parse payments"},
		{strings.Replace(payment, ",1", ",all", 1), rule, "parse payments"},
		{strings.Replace(payment, ",1", ",Inf", 1), rule, "parse payments"},
		{payment, "2025-03-03T00:00:00Z,r,gone", "parse rules"},
		{payment, "noon,r,removed", "parse rules"},
		{payment, strings.Replace(rule, ",1,1", ",few,1", 1), "parse rules"},
		{payment, strings.Replace(rule, ",1,1", ",1,few", 1), "parse rules"},
		{payment, strings.Replace(rule, ",1,1", ",1,0", 1), "parse rules"},
		{payment, strings.Replace(rule, ",1,1", ",1,1441", 1), "parse rules"},
	} {
		env := weir.NewEnvironment(weir.Options{Parallelism: 2, Logger: slog.New(slog.DiscardHandler)})
		collect(build(weir.FromValues(env, c.payment).Parallelism(1), weir.FromValues(env, c.rule).Parallelism(1)))
		_, err := env.Execute(context.Background(), t.Name())
		if !errors.Is(err, fault.New(fault.FunctionError, "")) || !strings.Contains(err.Error(), fmt.Sprintf("operator %q", c.operator)) {
			t.Errorf("%q, %q: got error %v, want one of operator %q", c.payment, c.rule, err, c.operator)
		}
	}
}
