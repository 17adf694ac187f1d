// Command rules watches the payments of accounts by rules that are added, changed and removed meanwhile.
package main

import (
	"cmp"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/files"
)

var (
	//go:embed testdata/payments.csv
	carriedPayments string
	//go:embed testdata/rules.csv
	carriedRules string
)

func main() { os.Exit(run()) }

func run() int {
	payments := flag.String("payments", "", "payments to judge, a line each: time,account,kind,amount (default: those that come with the example)")
	rules := flag.String("rules", "", "rules and when they change, a line each: time,name,kind,limit,minutes or time,name,removed (default: those that come with the example)")
	parallelism := flag.Int("parallelism", 1, "subtasks of each operator")
	all := flag.Bool("all", false, "print each alert as it comes, too")
	flag.Parse()

	env := weir.NewEnvironment(weir.Options{Parallelism: *parallelism})
	alerts := build(read(env, *payments, carriedPayments).Name("payments"), read(env, *rules, carriedRules).Name("rules"))
	if *all {
		alerts.Print()
	}
	rep := collect(alerts)
	code := env.Main("rules")
	if code == weir.ExitFinished {
		rep.write(os.Stdout)
	}
	return code
}

// read is a stream of the lines of a file, or of a text if there is none.
func read(env *weir.Environment, file, text string) *weir.Stream[string] {
	if file != "" {
		return weir.FromFiles(env, files.Options{Path: file}).Parallelism(1)
	}
	return weir.FromSeq(env, func() iter.Seq[string] { return linesOf(text) })
}

// linesOf yields the lines of a text without their ends.
func linesOf(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			if !yield(strings.TrimSuffix(line, "\n")) {
				return
			}
		}
	}
}

// report is what the job has found. Sinks of all subtasks add to it.
type report struct {
	mu     sync.Mutex
	alerts []alert
}

// collect ends the stream in a report, which is complete when the job has finished.
func collect(alerts *weir.Stream[alert]) *report {
	rep := &report{}
	alerts.ForEach(func(a alert, _ int64) error {
		rep.mu.Lock()
		defer rep.mu.Unlock()
		rep.alerts = append(rep.alerts, a)
		return nil
	}).Name("report")
	return rep
}

// String is an alert in a line.
func (a alert) String() string {
	return fmt.Sprintf("%s  %-8s %-8s %s: %s with this one, %s are allowed", clock(a.Payment.At), a.Payment.Account, a.Payment.Kind, a.Rule.Name, amount(a.Sum), amount(a.Rule.Limit))
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.TimeOnly) }

func amount(cents int64) string { return fmt.Sprintf("%.2f", float64(cents)/100) }

// sorted returns the alerts in an order of their own.
func (rep *report) sorted() []alert {
	slices.SortFunc(rep.alerts, func(a, b alert) int {
		return cmp.Or(cmp.Compare(a.Payment.At, b.Payment.At), cmp.Compare(a.Payment.Account, b.Payment.Account), cmp.Compare(a.Rule.Name, b.Rule.Name), cmp.Compare(a.Sum, b.Sum))
	})
	return rep.alerts
}

// write prints, for each rule as it was at a time, how often it was broken. It is the same whatever the order in which the records came.
func (rep *report) write(to io.Writer) {
	broken := map[rule][]alert{}
	var rules []rule
	for _, a := range rep.sorted() {
		if broken[a.Rule] == nil {
			rules = append(rules, a.Rule)
		}
		broken[a.Rule] = append(broken[a.Rule], a)
	}
	slices.SortFunc(rules, func(a, b rule) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.At, b.At)) })
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "rule\tsince\tlimit\twithin\talerts\taccounts\tfirst\tlast")
	for _, r := range rules {
		accounts := map[string]bool{}
		for _, a := range broken[r] {
			accounts[a.Payment.Account] = true
		}
		first, last := broken[r][0], broken[r][len(broken[r])-1]
		fmt.Fprintf(w, "%s\t%s\t%s\t%v\t%d\t%d\t%s\t%s\n", r.Name, clock(r.At), amount(r.Limit), time.Duration(r.Within)*time.Millisecond, len(broken[r]), len(accounts),
			clock(first.Payment.At), clock(last.Payment.At))
	}
	w.Flush()
}
