package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/catalog"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/snapshot"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/sql/compiled"
)

type inspection struct {
	state, key string
	limit      int
	plan       bool
	out        *bufio.Writer
	reader     *snapshot.Reader
	m          *manifest.Manifest
}

func inspectCommand() *cobra.Command {
	i := &inspection{}
	c := &cobra.Command{
		Use:   "inspect PATH",
		Short: "tell what a checkpoint or savepoint has",
		Long: `Tells which operators a checkpoint or savepoint has, and their states with types, numbers of entries and how these are spread over the key groups.
With --state, prints the entries of a state as lines of JSON; with --plan, the compiled plans of the job's SQL statements. PATH is the folder with _metadata in it: a directory, or an s3:// URL.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			i.out = bufio.NewWriter(cmd.OutOrStdout())
			if err := i.run(cmd.Context(), args[0]); err != nil {
				i.out.Flush()
				return err
			}
			return i.out.Flush()
		},
	}
	c.Flags().StringVar(&i.state, "state", "", "print the entries of a state: UID/NAME, or UID/SPACE/NAME; of timers, the name of their space")
	c.Flags().BoolVar(&i.plan, "plan", false, "print the compiled plans of the SQL statements that the job runs")
	c.Flags().StringVar(&i.key, "key", "", "with --state: only entries of this key, as JSON, or as it is if it is a string")
	c.Flags().IntVar(&i.limit, "limit", 0, "with --state: at most so many entries; 0 for all")
	return c
}

func (i *inspection) run(ctx context.Context, where string) error {
	if ctx == nil {
		ctx = context.Background()
	}
	root, folder := catalog.Locate(where)
	s, err := storage.Open(root)
	if err != nil {
		return err
	}
	if i.m, err = catalog.Load(ctx, s, folder); err != nil {
		return err
	}
	i.reader = snapshot.NewReader(ctx, func(ctx context.Context, name string) (snapshot.Source, error) { return s.Open(ctx, name) })
	defer i.reader.Close()
	if i.plan {
		return i.plans(where)
	}
	if i.state != "" {
		return i.entries()
	}
	return i.summary()
}

func (i *inspection) summary() error {
	m := i.m
	fmt.Fprintf(i.out, "%s %d of job %q (%s)", m.GetKind(), m.GetId(), m.GetJobName(), m.GetJob())
	if m.GetCreated() != 0 {
		fmt.Fprintf(i.out, ", %s", time.UnixMilli(m.GetCreated()).UTC().Format(time.RFC3339))
	}
	fmt.Fprintln(i.out)
	for n, packed := range m.GetPlans() {
		plan, err := manifest.UnpackPlan(packed)
		if err != nil {
			return err
		}
		source, err := compiled.ReadSource(fmt.Sprintf("plan %d", n+1), plan)
		if err != nil { // of a later version, say: the rest can be told all the same
			fmt.Fprintln(i.out, err)
			continue
		}
		fmt.Fprintf(i.out, "compiled plan, %d bytes: --plan prints it\n  of %s\n", len(plan), source.Statement)
	}
	for _, op := range m.GetOperators() {
		fmt.Fprintf(i.out, "\noperator %s %q, parallelism %d of %d\n", op.GetUid(), op.GetName(), op.GetParallelism(), op.GetMaxParallelism())
		if err := i.operator(op); err != nil {
			return err
		}
	}
	return nil
}

// plans prints the compiled plans.
func (i *inspection) plans(where string) error {
	if len(i.m.GetPlans()) == 0 {
		return fault.New(fault.CheckpointNotFound, "%s has no compiled plan: its job has no SQL, or was run by a version that kept none", where)
	}
	for _, packed := range i.m.GetPlans() {
		plan, err := manifest.UnpackPlan(packed)
		if err != nil {
			return err
		}
		i.out.Write(plan)
	}
	return nil
}

func (i *inspection) operator(op *manifest.Operator) error {
	finished, splits, writers, committables, inFlight := 0, 0, 0, 0, 0
	for _, sub := range op.GetSubtasks() {
		if sub.GetFinished() {
			finished++
		}
		splits, writers, committables, inFlight = splits+len(sub.GetSplits()), writers+len(sub.GetWriterStates()), committables+len(sub.GetCommittables()), inFlight+len(sub.GetChannels())
	}
	for _, n := range []struct {
		what string
		n    int
	}{{"finished subtasks", finished}, {"splits", splits}, {"writer states", writers}, {"committables", committables}, {"channels with records in flight", inFlight}, {"bytes of enumerator state", len(op.GetEnumerator())}} {
		if n.n > 0 {
			fmt.Fprintf(i.out, "  %s: %d\n", n.what, n.n)
		}
	}
	for _, st := range statesOf(op) {
		c := newCount(int(op.GetMaxParallelism()))
		if err := i.each(st, func(e entry) error {
			c.add(e.group, len(e.key)+e.size)
			return nil
		}); err != nil {
			return err
		}
		fmt.Fprintf(i.out, "  %s %s: %s\n    %s\n", st.kind(), st.label(), st.types(), c)
	}
	for _, l := range listsOf(op) {
		bytes := 0
		for _, e := range l.GetElements() {
			bytes += len(e)
		}
		fmt.Fprintf(i.out, "  %s list %s: %s\n    entries %d, bytes %d\n", l.GetMode(), l.GetName(), l.GetSchema(), len(l.GetElements()), bytes)
	}
	return nil
}

// count is how the entries of a state are spread over key groups.
type count struct {
	groups         []int
	entries, bytes int
}

func newCount(groups int) *count { return &count{groups: make([]int, groups)} }

func (c *count) add(group, bytes int) {
	if group < len(c.groups) {
		c.groups[group]++
	}
	c.entries, c.bytes = c.entries+1, c.bytes+bytes
}

// String gives skew as the largest key group's share of what it would have if all were alike.
func (c *count) String() string {
	if c.entries == 0 || len(c.groups) == 0 {
		return "no entries"
	}
	g := slices.Sorted(slices.Values(c.groups))
	most := g[len(g)-1]
	return fmt.Sprintf("entries %d, bytes %d; by key group: min %d, median %d, max %d, skew %.2f", c.entries, c.bytes, g[0], g[len(g)/2], most, float64(most)*float64(len(g))/float64(c.entries))
}

// errEnough ends a loop over entries.
var errEnough = fmt.Errorf("enough")

// entries prints those of one state.
func (i *inspection) entries() error {
	var found []string
	for _, op := range i.m.GetOperators() {
		for _, st := range statesOf(op) {
			if i.state != op.GetUid()+"/"+st.name() && i.state != op.GetUid()+"/"+st.label() {
				found = append(found, op.GetUid()+"/"+st.label())
				continue
			}
			printed := 0
			err := i.each(st, func(e entry) error {
				line, key, err := e.json()
				if err != nil {
					return err
				}
				if i.key != "" && i.key != key && i.key != unquoted(key) {
					return nil
				}
				i.out.Write(line)
				if printed++; printed == i.limit {
					return errEnough
				}
				return nil
			})
			if err == errEnough {
				err = nil
			}
			return err
		}
		for _, l := range listsOf(op) {
			if i.state == op.GetUid()+"/"+l.GetName() {
				return i.list(l)
			}
			found = append(found, op.GetUid()+"/"+l.GetName())
		}
	}
	return fault.New(fault.CheckpointNotFound, "there is no state %s; there are: %s", i.state, strings.Join(found, ", "))
}

func unquoted(key string) string {
	var s string
	if json.Unmarshal([]byte(key), &s) != nil {
		return key
	}
	return s
}

func (i *inspection) each(st stateOf, yield func(entry) error) error {
	for _, sp := range st.parts {
		view, err := newView(sp, st.cell)
		if err != nil {
			return err
		}
		if st.cell != nil && len(sp.GetTables()) > 0 {
			sp = only(sp, st.cell.GetName())
		}
		err = i.reader.Entries(sp, base.KeyGroupRange{First: 0, Last: int(st.groups) - 1}, func(group int, key, payload []byte) error {
			return view.each(group, key, payload, yield)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (i *inspection) list(l *manifest.OperatorList) error {
	for n, e := range l.GetElements() {
		b, err := valueJSON(nil, l.GetSchema(), e)
		if err != nil {
			return err
		}
		fmt.Fprintf(i.out, "{\"index\":%d,\"value\":%s}\n", n, b)
		if n+1 == i.limit {
			break
		}
	}
	return nil
}
