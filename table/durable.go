package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/sql/physical"
)

// Durable says where the jobs of an environment are kept, so that executing the same statements again goes on with them.
type Durable struct {
	// Dir has a folder for each job: a directory, or a URL as in weir.Checkpoints. It belongs to one script.
	Dir string
	// KeepState lets a statement that has changed go on with the state of the old one, as far as its operators are the same.
	KeepState bool
}

// durable is where jobs are kept, and which of those were asked for.
type durable struct {
	Durable
	root storage.Storage
	used map[string]bool
}

// KeepJobs makes every job that a statement starts from now on durable: it takes checkpoints, every second unless execution.checkpointing.interval says otherwise, and goes on where a job of the same name has left
// off in d.Dir, with what it writes exactly once. Jobs are told apart by their names (pipeline.name, or insert-into_ and the table), and where these are the same by their order. A job that ended does nothing more. A statement
// that is not the one that the state belongs to is refused with the code sql.job-changed.
//
// The result of a query is kept there as well. Rows come with checkpoints; who asks for them gets the rows of before first, with what was taken back left out, so that each time the whole result is there.
func (e *Environment) KeepJobs(d Durable) error {
	root, err := storage.Open(d.Dir)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.durable = &durable{Durable: d, root: root, used: map[string]bool{}}
	return nil
}

// LeftOut returns the names of the jobs in Durable.Dir that no statement has asked for so far.
func (e *Environment) LeftOut(ctx context.Context) ([]string, error) {
	e.mu.Lock()
	d := e.durable
	e.mu.Unlock()
	if d == nil {
		return nil, nil
	}
	objects, err := d.root.List(ctx, "")
	if err != nil {
		return nil, err
	}
	left := map[string]bool{}
	for _, o := range objects {
		if id, rest, ok := strings.Cut(o.Name, "/"); ok && rest == planObject {
			if e.mu.Lock(); !d.used[id] {
				left[id] = true
			}
			e.mu.Unlock()
		}
	}
	return slices.Sorted(maps.Keys(left)), nil
}

// planObject has the plan of a job, as describe gives it.
const planObject = "plan.txt"

// folder returns the name of a job's folder: the same for the same job of the same script.
func (d *durable) folder(name string) string {
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, name)
	id = strings.TrimLeft(id, ".")
	if len(id) > 100 {
		id = id[:100]
	}
	if id == "" {
		id = "job"
	}
	unique := id
	for n := 2; d.used[unique]; n++ {
		unique = fmt.Sprintf("%s-%d", id, n)
	}
	d.used[unique] = true
	return unique
}

// claim compares a plan with the one that the folder's state belongs to, or writes it down for the first time.
func (d *durable) claim(ctx context.Context, folder, now string) error {
	s := d.root.Sub(folder)
	then, err := read(ctx, s, planObject)
	switch {
	case fault.CodeOf(err) == fault.StorageNotFound || err == nil && d.KeepState:
	case err != nil:
		return err
	case string(then) == now:
		return nil
	default:
		return fault.New(fault.SQLJobChanged, "the state in %s belongs to another statement: %s", s, difference(string(then), now))
	}
	return write(ctx, s, planObject, []byte(now))
}

// describe is the plan, and the options of the tables that it reads and writes.
func describe(p *physical.Program) string {
	var b strings.Builder
	b.WriteString(p.Text())
	seen := map[string]bool{}
	for _, n := range p.Nodes {
		var path string
		var options map[string]string
		switch n := n.(type) {
		case *physical.Scan:
			path, options = n.Table.Path.String(), n.Options
		case *physical.Sink:
			path, options = n.Table.Path.String(), n.Options
		case *physical.LookupJoin:
			path, options = n.Table.Table.Path.String(), n.Table.Options
		}
		for _, k := range slices.Sorted(maps.Keys(options)) {
			line := fmt.Sprintf("%s: '%s' = '%s'\n", path, k, options[k])
			if !seen[line] {
				seen[line] = true
				b.WriteString(line)
			}
		}
	}
	return b.String()
}

// difference tells of the first place in which two plans differ.
func difference(then, now string) string {
	a, b := strings.Split(strings.TrimSpace(then), "\n"), strings.Split(strings.TrimSpace(now), "\n")
	at := func(lines []string, i int) string {
		if i >= len(lines) {
			return "(nothing)"
		}
		return strings.TrimLeft(lines[i], " +-:|")
	}
	for i := range max(len(a), len(b)) {
		if x, y := at(a, i), at(b, i); x != y {
			same := 0
			for same < min(len(x), len(y)) && x[same] == y[same] {
				same++
			}
			return fmt.Sprintf("it had\n    %s\n  and now has\n    %s", around(x, same), around(y, same))
		}
	}
	return "its plan has another form"
}

// around is what a line begins with, and what stands about a place in it.
func around(line string, at int) string {
	const before, behind = 40, 60
	head, _, _ := strings.Cut(line, "(")
	from, to := at-before, min(at+behind, len(line))
	if from <= len(head)+1 {
		from, head = 0, ""
	} else {
		head += "(…"
	}
	text := strings.ToValidUTF8(line[from:to], "")
	if to < len(line) {
		text += "…"
	}
	return head + text
}

func read(ctx context.Context, s storage.Storage, name string) ([]byte, error) {
	r, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, r.Size())
	if n, err := r.ReadAt(b, 0); n < len(b) && !errors.Is(err, io.EOF) {
		return nil, err
	} else if n < len(b) {
		return nil, fault.New(fault.StorageFailed, "%s in %s is cut short", name, s)
	}
	return b, nil
}

func write(ctx context.Context, s storage.Storage, name string, content []byte) error {
	w, err := s.Create(ctx, name)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(content); err != nil {
		return err
	}
	return w.Close()
}
