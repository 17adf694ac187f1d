package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/state"
)

// payment is one of an account. Times are milliseconds since the epoch, amounts are cents.
type payment struct {
	At      int64
	Account string
	Kind    string
	Cents   int64
}

// rule says from At on how much an account may pay: payments of a kind, within some time, up to a limit.
type rule struct {
	At      int64
	Name    string
	Removed bool // from At on there is no such rule
	Kind    string
	Limit   int64
	Within  int64 // in milliseconds
}

// concerns reports whether the payment counts for the rule.
func (r rule) concerns(p payment) bool { return r.Kind == "any" || r.Kind == p.Kind }

// alert is a payment that broke a rule: with it, the payments that the rule looks at make Sum.
type alert struct {
	Payment payment
	Rule    rule
	Sum     int64
}

const (
	// outOfOrder is how much older than the newest payment another may be that still counts for it.
	outOfOrder = time.Minute
	// longest is how far a rule may look back.
	longest = 24 * time.Hour
)

// build judges payments, of the form time,account,kind,amount, by rules that change, of the form time,name,kind,limit,minutes or time,name,removed. Both are in the order of time,
// payments but for outOfOrder.
func build(payments, changes *weir.Stream[string]) *weir.Stream[alert] {
	paid := weir.MapFunc(payments, parsePayment).Name("parse payments").Parallelism(1).AssignTimestampsAndWatermarks(
		eventtime.ForBoundedOutOfOrderness[payment](outOfOrder).WithTimestampAssigner(func(p payment, _ int64) int64 { return p.At }),
	).Name("time of payments").Parallelism(1)
	rules := weir.MapFunc(changes, parseRule).Name("parse rules").Parallelism(1).AssignTimestampsAndWatermarks(
		eventtime.ForMonotonousTimestamps[rule]().WithTimestampAssigner(func(r rule, _ int64) int64 { return r.At }),
	).Name("time of rules").Parallelism(1)

	byAccount := weir.KeyBy(paid, func(p payment) string { return p.Account })
	return weir.ProcessKeyedBroadcast(byAccount, rules, newJudge).Name("judge").UID("judge")
}

// judge holds payments back until event time has come to them. Event time is the lesser of the two inputs', so by then all rules of that time are known, whichever input was faster.
type judge struct {
	rules   *state.Broadcast[string, []rule] // by name, in the order of time
	waiting *state.Map[int64, []payment]     // by time
	recent  *state.List[payment]             // those that were judged and may count for others
}

func newJudge() weir.KeyedBroadcastProcessFunction[string, payment, rule, alert] {
	return &judge{
		rules:   state.NewBroadcast[string, []rule]("rules"),
		waiting: state.NewMap[int64, []payment]("waiting"),
		recent:  state.NewList[payment]("recent"),
	}
}

func (j *judge) States() []state.State { return []state.State{j.rules, j.waiting, j.recent} }

// ProcessBroadcast notes a rule. Older ones of its name stay, for payments of their time that are still to come.
func (j *judge) ProcessBroadcast(_ *weir.KeyedContext[string], r rule, _ *weir.Collector[alert]) error {
	known, _ := j.rules.Get(r.Name)
	history := append(slices.Clone(known), r)
	slices.SortStableFunc(history, func(a, b rule) int { return cmp.Compare(a.At, b.At) })
	j.rules.Put(r.Name, history)
	return nil
}

func (j *judge) Process(ctx *weir.KeyedContext[string], p payment, _ *weir.Collector[alert]) error {
	j.waiting.Update(p.At, func(at *[]payment, _ bool) { *at = append(*at, p) })
	ctx.RegisterEventTimeTimer(p.At)
	return nil
}

// OnTimer judges the payments of a time, and forgets those that are too old to count for any.
func (j *judge) OnTimer(ctx *weir.KeyedContext[string], t int64, out *weir.Collector[alert]) error {
	var recent []payment
	for p := range j.recent.All() {
		if p.At > t-longest.Milliseconds() {
			recent = append(recent, p)
		}
	}
	due, _ := j.waiting.Get(t)
	j.waiting.Delete(t)
	for _, p := range due {
		recent = append(recent, p)
		j.apply(p, recent, out)
	}
	if len(recent) == 0 {
		j.recent.Clear()
		return nil
	}
	if len(due) > 0 {
		ctx.RegisterEventTimeTimer(t + longest.Milliseconds())
	}
	j.recent.Set(recent)
	return nil
}

// apply judges a payment, the last of recent, by the rules of its time.
func (j *judge) apply(p payment, recent []payment, out *weir.Collector[alert]) {
	for _, history := range j.rules.All() {
		r, ok := inForce(history, p.At)
		if !ok || !r.concerns(p) {
			continue
		}
		var sum int64
		for _, q := range recent {
			if r.concerns(q) && q.At > p.At-r.Within && q.At <= p.At {
				sum += q.Cents
			}
		}
		if sum > r.Limit {
			out.Collect(alert{p, r, sum})
		}
	}
}

// inForce returns the rule that holds at a time, if there is one, of those of a name.
func inForce(history []rule, at int64) (r rule, ok bool) {
	for _, r := range slices.Backward(history) {
		if r.At <= at {
			return r, !r.Removed
		}
	}
	return rule{}, false
}

// parsePayment makes a payment of a line. One that is none fails the job.
func parsePayment(_ *weir.Context, line string) (p payment, err error) {
	f := strings.Split(line, ",")
	if len(f) != 4 {
		return p, fmt.Errorf("%q is not time,account,kind,amount", line)
	}
	p.Account, p.Kind = f[1], f[2]
	if p.At, err = instant(f[0]); err != nil {
		return p, err
	}
	p.Cents, err = cents(f[3])
	return p, err
}

// parseRule makes a rule of a line. One that is none fails the job.
func parseRule(_ *weir.Context, line string) (r rule, err error) {
	f := strings.Split(line, ",")
	removed := len(f) == 3 && f[2] == "removed"
	if !removed && len(f) != 5 {
		return r, fmt.Errorf("%q is neither time,name,kind,limit,minutes nor time,name,removed", line)
	}
	r.Name, r.Removed = f[1], removed
	if r.At, err = instant(f[0]); err != nil || removed {
		return r, err
	}
	r.Kind = f[2]
	if r.Limit, err = cents(f[3]); err != nil {
		return r, err
	}
	minutes, err := strconv.ParseInt(f[4], 10, 32)
	if r.Within = minutes * time.Minute.Milliseconds(); err == nil && (minutes < 1 || r.Within > longest.Milliseconds()) {
		err = fmt.Errorf("rule %q looks back %d minutes, it must be from 1 to %d", r.Name, minutes, longest/time.Minute)
	}
	return r, err
}

func instant(text string) (int64, error) {
	t, err := time.Parse(time.RFC3339, text)
	return t.UnixMilli(), err
}

func cents(text string) (int64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err == nil && !(math.Abs(v) < 1e12) {
		err = fmt.Errorf("%q is no amount", text)
	}
	return int64(math.Round(v * 100)), err
}
