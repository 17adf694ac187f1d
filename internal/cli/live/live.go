package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/table"
)

// Terminal is where tables are shown.
type Terminal struct {
	// In is what is typed; nil if that is no terminal, and nothing is read then.
	In  *os.File
	Out *os.File
	// Steady leaves out of what is shown whatever is never the same twice: rates, and times of the clock.
	Steady bool
}

// OnTerminal returns the terminal that out is, nil if it is none. in is read only if it is a terminal, too.
func OnTerminal(in io.Reader, out io.Writer) *Terminal {
	o, ok := out.(*os.File)
	if !ok || !term.IsTerminal(o.Fd()) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	t := &Terminal{Out: o}
	if i, ok := in.(*os.File); ok && term.IsTerminal(i.Fd()) {
		t.In = i
	}
	return t
}

// mostPrinted is how many rows stay on the terminal when a query has ended.
const mostPrinted = 100

// Show shows the result of a query, which it runs, as a table that changes in place, with a line on how the job gets on, unless it ends at once. q, Escape and Ctrl-C end it, as the end of ctx does. When it has ended, the rows of the table are
// printed, the first or the last ones if there are many, and a line on what the job did. Ended that way it returns no error.
func (t *Terminal) Show(ctx context.Context, r *table.Result) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := r.Start(ctx); err != nil {
		return err
	}
	s := &screen{table: NewTable(r), meters: []*Meter{NewMeter(r.Job, t.Steady)}, cancel: cancel, append: !NewTable(r).updates}
	var failed error
	t.run(s, func() {
		for rows, err := range r.TextRows(ctx) {
			if err != nil {
				failed = err
				return
			}
			s.mu.Lock()
			s.table.Apply(rows)
			s.out += int64(len(rows))
			s.mu.Unlock()
		}
	})
	t.print(s)
	fmt.Fprintln(t.Out, t.summary(r.Job, s.table.Rows()))
	if ctx.Err() != nil && (errors.Is(failed, context.Canceled) || r.Job.Status() == weir.StatusCanceled) {
		return nil
	}
	return failed
}

// Watch shows how jobs get on, a line each, until all have ended. Ctrl-C, q and Escape call stop, as the end of ctx does.
func (t *Terminal) Watch(ctx context.Context, jobs []*weir.JobClient, stop func()) {
	s := &screen{cancel: stop}
	for _, j := range jobs {
		s.meters = append(s.meters, NewMeter(j, t.Steady))
	}
	defer context.AfterFunc(ctx, stop)()
	t.run(s, func() {
		for _, j := range jobs {
			<-j.Done()
		}
	})
}

// patience is how long work may take without a screen of its own.
const patience = 150 * time.Millisecond

// run shows the screen, in place of what is on the terminal, while work goes on; what was there comes back then.
func (t *Terminal) run(s *screen, work func()) {
	options := []tea.ProgramOption{tea.WithOutput(t.Out), tea.WithoutSignalHandler(), tea.WithFPS(30), tea.WithInput(nil)}
	if t.In != nil {
		options[3] = tea.WithInput(t.In)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		work()
	}()
	select {
	case <-ended:
		return
	case <-time.After(patience):
	}
	p := tea.NewProgram(s, options...)
	go func() {
		<-ended
		p.Send(workEnded{})
	}()
	if _, err := p.Run(); err != nil {
		s.cancel() // the terminal has gone
	}
	<-ended
}

// print leaves the table on the terminal.
func (t *Terminal) print(s *screen) {
	rows := s.table.List()
	width := 0
	if w, _, err := term.GetSize(t.Out.Fd()); err == nil {
		width = w
	}
	from, to, note := 0, len(rows), ""
	if len(rows) > mostPrinted {
		if to, note = mostPrinted, fmt.Sprintf("the first %d rows", mostPrinted); s.append {
			from, to, note = len(rows)-mostPrinted, len(rows), fmt.Sprintf("the last %d rows", mostPrinted)
		}
	}
	lines := s.table.Lines(rows[from:to], width, true)
	if note != "" {
		lines = append(lines, faint+note+plain)
	}
	io.WriteString(t.Out, strings.Join(lines, "\n")+"\n")
}

func (t *Terminal) summary(job *weir.JobClient, rows int) string {
	result, _ := job.Wait(context.Background())
	return count(int64(rows)) + plural(rows, " row", " rows") + ". " + t.Summary(result)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Summary says in a line what became of a job.
func (t *Terminal) Summary(r *weir.JobResult) string {
	if t.Steady {
		return fmt.Sprintf("%s: %s", r.Name, r.Status)
	}
	return r.String()
}

// PrintRows prints a result that is no query as a table.
func (t *Terminal) PrintRows(ctx context.Context, r *table.Result) error {
	return WriteTable(ctx, t.Out, r, t)
}

// WriteTable writes a result as a table when all its rows are known. t is the terminal that w is, nil if it is none.
func WriteTable(ctx context.Context, w io.Writer, r *table.Result, t *Terminal) error {
	if r.Columns == nil {
		return nil
	}
	all := NewTable(r)
	for rows, err := range r.TextRows(ctx) {
		if err != nil {
			return err
		}
		all.Apply(rows)
	}
	width := 0
	if t != nil {
		if x, _, err := term.GetSize(t.Out.Fd()); err == nil {
			width = x
		}
	}
	_, err := io.WriteString(w, strings.Join(all.Lines(all.List(), width, t != nil), "\n")+"\n"+count(int64(all.Rows()))+plural(all.Rows(), " row", " rows")+"\n")
	return err
}

type (
	workEnded struct{}
	refresh   struct{}
)

// screen is the model of the program that shows it.
type screen struct {
	mu     sync.Mutex // guards table and out
	table  *Table     // nil if jobs alone are watched
	out    int64      // rows that have come
	append bool       // the newest rows are shown, unless somebody scrolls

	meters        []*Meter
	cancel        func()
	stopping      bool
	top           int // the first row shown; -1 for the newest rows
	scrolled      bool
	width, height int
}

const tick = 100 * time.Millisecond

func later() tea.Cmd { return tea.Tick(tick, func(time.Time) tea.Msg { return refresh{} }) }

// Init implements tea.Model.
func (s *screen) Init() tea.Cmd { return later() }

// Update implements tea.Model.
func (s *screen) Update(m tea.Msg) (tea.Model, tea.Cmd) {
	switch m := m.(type) {
	case tea.WindowSizeMsg:
		s.width, s.height = m.Width, m.Height
	case refresh:
		return s, later()
	case workEnded:
		return s, tea.Quit
	case tea.KeyPressMsg:
		page := max(s.page()-1, 1)
		switch m.String() {
		case "ctrl+c", "q", "esc":
			s.stopping = true
			s.cancel()
		case "up", "k":
			s.scroll(-1)
		case "down", "j":
			s.scroll(1)
		case "pgup":
			s.scroll(-page)
		case "pgdown", "space":
			s.scroll(page)
		case "home", "g":
			s.top, s.scrolled = 0, true
		case "end", "G":
			s.top, s.scrolled = 1<<40, true
		}
	}
	return s, nil
}

func (s *screen) scroll(n int) { s.top, s.scrolled = max(s.top+n, 0), true }

// page is how many rows the screen has room for: less the head, the rule and the lines below: up to two for each job.
func (s *screen) page() int {
	if s.height == 0 {
		return 20
	}
	return max(s.height-3-2*len(s.meters), 1)
}

// View implements tea.Model.
func (s *screen) View() tea.View {
	var lines []string
	out, note := int64(-1), "Ctrl-C ends"
	if s.table != nil {
		s.mu.Lock()
		rows := s.table.List()
		n := s.page()
		last := max(len(rows)-n, 0)
		switch {
		case !s.scrolled && s.append:
			s.top = last
		default:
			s.top = min(s.top, last)
		}
		shown := rows[s.top:min(s.top+n, len(rows))]
		lines = s.table.Lines(shown, s.width, true)
		for range n - len(shown) {
			lines = append(lines, "")
		}
		note = count(int64(s.table.Rows())) + plural(s.table.Rows(), " row", " rows")
		if len(shown) < len(rows) {
			note += fmt.Sprintf(", here %s to %s · ↑ ↓ PgUp PgDn", count(int64(s.top+1)), count(int64(s.top+len(shown))))
		}
		note += " · q or Ctrl-C ends"
		out = s.out
		s.mu.Unlock()
	}
	for _, m := range s.meters {
		line := m.Line(out)
		if len(s.meters) > 1 || s.table == nil {
			line = m.job.Name() + ": " + line
		}
		for _, l := range wrap(line, s.width) {
			lines = append(lines, faint+l+plain)
		}
	}
	if s.stopping {
		note = "ending …"
	}
	lines = append(lines, faint+note+plain)
	if s.width > 0 {
		for i, l := range lines {
			lines[i] = ansi.Truncate(l, s.width, "…")
		}
	}
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	return v
}

// wrap breaks a line between its parts.
func wrap(line string, width int) (lines []string) {
	const between = " · "
	for _, part := range strings.Split(line, between) {
		if n := len(lines); n > 0 && (width == 0 || ansi.StringWidth(lines[n-1]+between+part) <= width) {
			lines[n-1] += between + part
		} else {
			lines = append(lines, part)
		}
	}
	return lines
}
