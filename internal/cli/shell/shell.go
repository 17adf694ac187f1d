// Package shell is the shell of weir sql: statements are typed, with history, completion and colours, and their results shown.
package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/reeflective/readline"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/cli/live"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/table"
)

// Shell reads statements from a terminal and executes them in an environment.
type Shell struct {
	Env      *table.Environment
	Terminal *live.Terminal
	// History is the file of what was typed; "" keeps it in memory.
	History string

	line *readline.Shell
	told map[string]bool // the jobs whose end was told
	quit bool            // was said while jobs run
}

const greeting = `Weir SQL. Statements end with a semicolon; Tab completes, \? helps, \q ends.`

// Run reads and executes statements until the user quits. Errors of statements are shown; the error is that of the terminal.
func (s *Shell) Run() error {
	s.told = map[string]bool{}
	s.line = readline.NewShell()
	config := s.line.Config
	for key, value := range map[string]any{"completion-ignore-case": true, "usage-hint-always": false, "multiline-column": false, "bell-style": "none", "menu-complete-display-prefix": true} {
		if err := config.Set(key, value); err != nil {
			return err
		}
	}
	// Tab shows what there is, and then goes through it.
	for _, keymap := range []string{"emacs", "emacs-standard", "vi-insert"} {
		if err := config.Bind(keymap, "\t", "menu-complete", false); err != nil {
			return err
		}
	}
	s.line.Prompt.Primary(func() string { return "weir> " })
	s.line.Prompt.Secondary(func() string { return "   -> " })
	s.line.AcceptMultiline = func(line []rune) bool { return whole(string(line)) }
	s.line.SyntaxHighlighter = func(line []rune) string { return highlight(string(line)) }
	s.line.Completer = s.complete
	if err := s.history(); err != nil {
		fmt.Fprintf(s.Terminal.Out, "%sthe history is not kept: %v%s\n", red, err, plain)
	}
	fmt.Fprintln(s.Terminal.Out, greeting)
	for {
		s.tellEnded()
		text, err := s.line.Readline()
		switch {
		case errors.Is(err, readline.ErrInterrupt):
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(s.Terminal.Out)
			text = `\q`
		case err != nil:
			return err
		}
		if s.execute(text) {
			s.end()
			return nil
		}
	}
}

func (s *Shell) history() error {
	if s.History == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(s.History), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(s.History, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	h, err := readline.NewHistoryFromFile(s.History)
	if err != nil {
		return err
	}
	s.line.History.Delete()
	s.line.History.Add("statements", h)
	return nil
}

// words end with the line, without a semicolon.
var words = []string{"quit", "exit", "help", "clear"}

// whole tells whether a text can be executed, or goes on on another line.
func whole(text string) bool {
	text = strings.TrimSpace(text)
	return text == "" || strings.HasPrefix(text, `\`) || slices.Contains(words, strings.ToLower(text)) || parse.Ended(text)
}

// execute executes what was typed. It reports whether the shell ends.
func (s *Shell) execute(text string) (end bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return false
	}
	if word := strings.ToLower(strings.TrimSuffix(text, ";")); slices.Contains(words, word) {
		text = `\` + word
	}
	if rest, ok := strings.CutPrefix(text, `\`); ok {
		end = s.command(rest)
	} else {
		s.statements("", text)
	}
	if !end {
		s.quit = false
	}
	return end
}

// interruptible returns a context that Ctrl-C ends while a statement runs that is not shown by a screen of its own.
func interruptible() (context.Context, func()) {
	return signal.NotifyContext(context.Background(), os.Interrupt)
}

// statements executes the statements of a text. The first error ends it, and is shown.
func (s *Shell) statements(name, text string) {
	ctx, stop := interruptible()
	defer stop()
	if err := s.Env.Script(ctx, name, text, func(st string, r *table.Result) error { return s.show(ctx, r) }); err != nil {
		s.fail(err)
	}
}

func (s *Shell) fail(err error) { fmt.Fprintln(s.Terminal.Out, coloured(err.Error())) }

// show shows the result of a statement.
func (s *Shell) show(ctx context.Context, r *table.Result) error {
	out := s.Terminal.Out
	switch {
	case r.IsQuery():
		defer func() {
			if r.Job != nil {
				s.told[r.Job.ID()] = true
			}
		}()
		switch strings.ToLower(s.Env.Option("sql-client.execution.result-mode")) {
		case "changelog":
			return r.WriteTSV(ctx, out, true)
		case "tableau":
			return live.WriteTable(ctx, out, r, s.Terminal)
		}
		return s.Terminal.Show(ctx, r)
	case r.Job != nil:
		fmt.Fprintf(out, "job %s (%s) runs\n", r.Job.ID(), r.Job.Name())
	case len(r.Columns) == 1 && r.Columns[0].Name == "result": // a plan, or the text of a statement
		for rows, err := range r.TextRows(ctx) {
			if err != nil {
				return err
			}
			for _, row := range rows {
				fmt.Fprintln(out, strings.TrimRight(row.Values[0], "\n"))
			}
		}
	case r.Columns != nil:
		return s.Terminal.PrintRows(ctx, r)
	default:
		fmt.Fprintln(out, "OK")
	}
	return nil
}

// tellEnded tells of jobs that have ended since it was asked before.
func (s *Shell) tellEnded() {
	for _, j := range s.Env.Jobs() {
		select {
		case <-j.Done():
		default:
			continue
		}
		if s.told[j.ID()] {
			continue
		}
		s.told[j.ID()] = true
		result, err := j.Wait(context.Background())
		fmt.Fprintf(s.Terminal.Out, "job %s has ended. %s\n", j.ID(), s.Terminal.Summary(result))
		if err != nil && result.Status == weir.StatusFailed {
			s.fail(err)
		}
	}
}

func (s *Shell) running() (all []*weir.JobClient) {
	for _, j := range s.Env.Jobs() {
		select {
		case <-j.Done():
		default:
			all = append(all, j)
		}
	}
	return all
}

// end cancels what runs, and waits for it.
func (s *Shell) end() {
	all := s.running()
	for _, j := range all {
		j.Cancel()
	}
	for _, j := range all {
		_, _ = j.Wait(context.Background())
	}
	s.tellEnded()
}

const help = `Statements of Flink's SQL end with a semicolon, over as many lines as you like:
  SELECT, INSERT, CREATE, DROP, ALTER, EXPLAIN, COMPILE PLAN, EXECUTE PLAN, DESCRIBE, SHOW, USE, SET, RESET, BEGIN STATEMENT SET .. END
  A SELECT shows its result until it ends, or until you press q or Ctrl-C. An INSERT starts a job, and you go on.
  SHOW JOBS;  STOP JOB 'id';  STOP JOB 'id' WITH SAVEPOINT;   the savepoint goes to SET 'execution.checkpointing.savepoint-dir'
  SET 'sql-client.execution.result-mode' = 'changelog';       shows changes; 'tableau' prints the table at its end
  SET 'execution.runtime-mode' = 'batch';                     gives final results alone

Commands stand on a line of their own:
  \d         tables and views           \d NAME   the columns of one
  \j         jobs, and how they get on  \i FILE   executes a script
  \?         this text                  \q        ends the shell; so do quit and Ctrl-D
  \c         clears the screen

Keys: Tab completes names, words, functions and options. Up and Down walk through the history, Ctrl-R searches it. Ctrl-C gives a line up.`

// command executes what stands behind a backslash.
func (s *Shell) command(text string) (end bool) {
	out := s.Terminal.Out
	name, rest, _ := strings.Cut(strings.TrimRight(text, "; "), " ")
	rest = strings.TrimSpace(rest)
	switch name {
	case "?", "h", "help":
		fmt.Fprintln(out, help)
	case "q", "quit", "exit":
		if n := len(s.running()); n > 0 && !s.quit {
			s.quit = true
			fmt.Fprintf(out, "%s: STOP JOB ends one; quit again cancels all.\n", plural(n, "a job runs", "%d jobs run"))
			return false
		}
		return true
	case "c", "clear":
		fmt.Fprint(out, "\x1b[H\x1b[2J")
	case "d":
		if rest != "" {
			s.statements("", "DESCRIBE "+rest)
		} else {
			s.statements("", "SHOW TABLES")
		}
	case "j", "jobs":
		s.jobs()
	case "i":
		b, err := os.ReadFile(rest)
		if err != nil {
			s.fail(err)
			break
		}
		s.statements(rest, string(b))
	default:
		s.fail(fmt.Errorf(`there is no command \%s; \? tells of those that there are`, name))
	}
	return false
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, n)
}

func (s *Shell) jobs() {
	for _, j := range s.Env.Jobs() {
		fmt.Fprintf(s.Terminal.Out, "%s  %s: %s\n", j.ID(), j.Name(), live.NewMeter(j, s.Terminal.Steady).Line(-1))
	}
}

// complete asks the environment what may stand at the cursor. The library replaces the word between blanks that the cursor is in, so what was typed in front of the completion comes with it.
func (s *Shell) complete(line []rune, cursor int) readline.Completions {
	text, at := string(line), len(string(line[:min(cursor, len(line))]))
	if strings.HasPrefix(strings.TrimSpace(text), `\`) {
		return readline.Completions{}
	}
	from, all := s.Env.Complete(text, at)
	blank := strings.LastIndexAny(text[:at], " \t\n") + 1
	front := ""
	if blank < from {
		front = text[blank:from]
	}
	if strings.IndexFunc(text[blank:at], func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		return readline.Completions{} // the library counts bytes
	}
	values := make([]readline.Completion, 0, len(all))
	for _, c := range all {
		v := front + c.Text
		if blank > from { // what was typed has a blank in it
			if blank-from > len(c.Text) {
				continue
			}
			v = c.Text[blank-from:]
		}
		values = append(values, readline.Completion{Value: v, Display: c.Text, Description: c.Doc, Tag: tags[c.Kind]})
	}
	completions := readline.CompleteRaw(values)
	completions.PREFIX = text[blank:at]
	return completions
}

// tags are the headings of groups of completions.
var tags = map[string]string{
	"column": "columns", "table": "tables", "view": "views", "database": "databases", "catalog": "catalogs", "function": "functions", "keyword": "keywords", "option": "options", "value": "values", "job": "jobs",
}
