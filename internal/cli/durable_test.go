package cli

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/internal/testkit/leak"
)

// TestMain also is the program weir, for tests that need one of their own, to kill it or to give it a terminal.
func TestMain(m *testing.M) {
	if os.Getenv("WEIR_TEST_PROGRAM") != "" {
		steady = true
		os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr))
	}
	leak.Main(m)
}

// program returns the program weir as a command. It is killed when ctx ends.
func program(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(ctx, self, args...)
	c.Env = append(os.Environ(), "WEIR_TEST_PROGRAM=1")
	return c
}

// TestKilled kills a durable script again and again; what the last run prints, and what lies in files, must be as if nothing had happened.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	script := func(to string) string {
		return fmt.Sprintf(`
SET 'execution.checkpointing.interval' = '20 ms';
CREATE TABLE numbers (id BIGINT, k AS MOD(id, 7)) WITH ('connector' = 'datagen', 'number-of-rows' = '3000', 'rows-per-second' = '5000',
  'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '3000');
CREATE TABLE copy (id BIGINT) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'csv');
INSERT INTO copy SELECT id FROM numbers;
SELECT k, COUNT(*) AS n, SUM(id) AS total FROM numbers GROUP BY k;
SELECT id FROM numbers WHERE MOD(id, 100) = 0;
`, filepath.Join(dir, to))
	}
	file := filepath.Join(dir, "q.sql")
	if err := os.WriteFile(file, []byte(script("copy")), 0o600); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	command := []string{"run", "--format", "table", "--checkpoint-dir", filepath.Join(dir, "jobs"), file}
	var got string
	kills := 0
	for got == "" {
		ctx, cancel := context.WithTimeout(context.Background(), 150*time.Millisecond+time.Duration(random.IntN(400))*time.Millisecond)
		if kills >= 6 {
			ctx, cancel = context.WithTimeout(context.Background(), time.Minute)
		}
		c := program(ctx, t, command...)
		var out, errs bytes.Buffer
		c.Stdout, c.Stderr = &out, &errs
		err := c.Run()
		killed := ctx.Err() != nil
		cancel()
		switch {
		case err == nil:
			got = out.String()
		case killed:
			kills++
		default:
			t.Fatalf("after %d kills: %v\n%s", kills, err, errs.String())
		}
	}
	t.Logf("%d kills", kills)
	want := "k    n   total\n─  ───  ──────\n"
	for k := range 7 {
		n, total := 0, 0
		for id := 1; id <= 3000; id++ {
			if id%7 == k {
				n, total = n+1, total+id
			}
		}
		want += fmt.Sprintf("%d  %d  %d\n", k, n, total)
	}
	want += "7 rows\n"
	ids := "  id\n────\n"
	for id := 100; id <= 3000; id += 100 {
		ids += fmt.Sprintf("%4d\n", id)
	}
	ids += "30 rows\n"
	if sorted(got) != sorted(want+ids) {
		t.Errorf("\n%s\nwant\n%s", got, want+ids)
	}
	var copied []string
	files, _ := filepath.Glob(filepath.Join(dir, "copy", "*"))
	for _, f := range files {
		if strings.HasPrefix(filepath.Base(f), ".") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		copied = append(copied, strings.Fields(string(b))...)
	}
	all := map[string]bool{}
	for _, id := range copied {
		all[id] = true
	}
	if len(copied) != 3000 || len(all) != 3000 {
		t.Errorf("the files have %d lines, %d of them different", len(copied), len(all))
	}
	// Once more: it has ended, and the result is still there.
	c := program(context.Background(), t, command...)
	if again, err := c.Output(); err != nil || sorted(string(again)) != sorted(got) {
		t.Errorf("%v\n%s", err, again)
	}
	// Other statements do not go on with that state, unless they are told to.
	if err := os.WriteFile(file, []byte(strings.Replace(script("copy"), "MOD(id, 100) = 0", "MOD(id, 100) = 1", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := program(context.Background(), t, command...).CombinedOutput(); err == nil || !strings.Contains(string(out), "sql.job-changed: "+file+":8:1: ") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := program(context.Background(), t, append(command, "--keep-state")...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// sorted has the lines of a text in another order.
func sorted(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
