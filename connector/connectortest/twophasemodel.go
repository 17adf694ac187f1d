package connectortest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
)

// model is a job of a source that can be replayed and a sink, step by step.
type model[T any] struct {
	t     testing.TB
	s     TwoPhaseSuite[T]
	out   TwoPhase[T]
	rnd   *rand.Rand
	trace []string

	total   int
	crashes int // still to come

	// of the attempt
	sink       connector.CommittingSink[T]
	tasks      []*sinkTask[T]
	pos        int // the next record
	checkpoint int64

	// complete is the last complete checkpoint. low and high bound what may be visible: all records below low, none from high on.
	complete  *sinkCheckpoint
	low, high int
	visible   map[string]bool
	orphans   bool
}

// sinkTask is a subtask of the sink.
type sinkTask[T any] struct {
	ctx    *WriterContext
	writer connector.Writer[T]
	// pending are committables not known to be committed, with their checkpoints.
	pending []pendingCommittable
	fresh   bool
}

type pendingCommittable struct {
	checkpoint  int64
	committable connector.Committable
}

// sinkCheckpoint is what a checkpoint has of each subtask.
type sinkCheckpoint struct {
	id      int64
	pos     int
	ended   bool
	states  [][][]byte
	pending [][]pendingCommittable
}

func (s TwoPhaseSuite[T]) run(t testing.TB, seed uint64) {
	t.Helper()
	m := &model[T]{t: t, s: s, out: s.New(t), rnd: rand.New(rand.NewPCG(seed, 2)), visible: map[string]bool{}}
	m.total = 20 + m.rnd.IntN(60)
	m.crashes = m.rnd.IntN(6)
	for attempt := 0; ; attempt++ {
		if m.attempt(attempt) {
			break
		}
	}
	m.low, m.high = m.total, m.total
	m.s.Retains = false
	m.look()
	if m.out.Leftovers == nil || m.orphans {
		return
	}
	if left := m.out.Leftovers(); len(left) > 0 {
		m.failf("left behind: %q", left)
	}
}

func (m *model[T]) say(format string, args ...any) {
	m.trace = append(m.trace, fmt.Sprintf(format, args...))
}

func (m *model[T]) failf(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("%s\nafter: %s", fmt.Sprintf(format, args...), strings.Join(m.trace, ", "))
}

func (m *model[T]) must(err error, what string) {
	if err != nil {
		m.failf("%s: %v", what, err)
	}
}

// crash decides whether the attempt ends here, and ends it. The job need not crash as often as it may.
func (m *model[T]) crash(oneIn int) bool {
	if m.crashes == 0 || m.rnd.IntN(oneIn) > 0 {
		return false
	}
	m.crashes--
	kill := m.rnd.IntN(2) == 0
	m.say("crash(kill=%t)", kill)
	for _, k := range m.rnd.Perm(len(m.tasks)) {
		task := m.tasks[k]
		if task.writer == nil {
			continue
		}
		m.orphans = m.orphans || task.fresh
		switch {
		case !kill:
			m.must(task.writer.Close(), "close after a failure")
		case m.out.Kill != nil:
			m.must(m.out.Kill(task.writer), "kill")
		}
	}
	if kill {
		m.sink = nil
	}
	m.tasks = nil
	m.look()
	return true
}

// attempt runs the job to its end or to a crash, and reports which.
func (m *model[T]) attempt(n int) bool {
	if !m.restore(n) {
		return false
	}
	ended := m.complete != nil && m.complete.ended
	for !ended && m.pos < m.total {
		if m.crash(30) {
			return false
		}
		switch k := m.rnd.IntN(10); {
		case k < 5:
			m.write(m.tasks[m.rnd.IntN(len(m.tasks))])
		case k < 6:
			m.must(m.tasks[m.rnd.IntN(len(m.tasks))].writer.Flush(false), "flush")
			m.say("flush")
		case k < 7:
			d := time.Duration(m.rnd.IntN(100_000)) * time.Millisecond
			m.say("advance(%v)", d)
			m.must(m.tasks[m.rnd.IntN(len(m.tasks))].ctx.Advance(d), "scheduled call")
		default:
			if !m.take(false) {
				return false
			}
		}
		m.look()
	}
	return m.finish()
}

// restore starts the tasks of an attempt. Each commits what it was dealt, and then makes its writer.
func (m *model[T]) restore(n int) bool {
	if m.sink == nil {
		m.sink = m.out.Sink()
	}
	p := []int{1, 3, 2}[n%3]
	if n > 2 {
		p = 1 + m.rnd.IntN(4)
	}
	states := make([][][]byte, p)
	m.tasks = make([]*sinkTask[T], p)
	for k := range m.tasks {
		m.tasks[k] = &sinkTask[T]{ctx: NewWriterContext(k, p)}
	}
	m.pos = 0
	if c := m.complete; c != nil {
		m.pos = c.pos
		for k := range c.states {
			to, other := m.rnd.IntN(p), m.rnd.IntN(p)
			states[to] = append(states[to], cloneBytes(c.states[k])...)
			m.tasks[other].pending = append(m.tasks[other].pending, c.pending[k]...)
		}
		m.high = max(m.high, c.pos)
	}
	m.say("start(p=%d,pos=%d)", p, m.pos)
	for k, task := range m.tasks {
		if m.complete != nil && !m.commit(task, m.complete.id) {
			return false
		}
		if m.crash(20) {
			return false
		}
		w, err := m.sink.NewWriter(task.ctx, states[k])
		m.must(err, "new writer")
		if _, ok := w.(connector.PreparingWriter); !ok {
			m.failf("the writer %T of a committing sink is not a PreparingWriter", w)
		}
		task.writer, task.fresh = w, len(states[k]) == 0
	}
	m.low = max(m.low, m.pos)
	m.look()
	return true
}

func cloneBytes(bs [][]byte) [][]byte {
	bs = slices.Clone(bs)
	for i := range bs {
		bs[i] = slices.Clone(bs[i])
	}
	return bs
}

func (m *model[T]) write(task *sinkTask[T]) {
	n := min(1+m.rnd.IntN(4), m.total-m.pos)
	m.say("write(%d:%d)", task.ctx.Task, n)
	for range n {
		m.must(task.writer.Write(m.s.Record(m.pos), eventtime.NoTimestamp), "write")
		m.pos++
	}
}

// take takes a checkpoint. Tasks behind the barrier write on while others have not seen it.
func (m *model[T]) take(end bool) bool {
	m.checkpoint++
	c := &sinkCheckpoint{id: m.checkpoint, pos: m.pos, ended: end, states: make([][][]byte, len(m.tasks)), pending: make([][]pendingCommittable, len(m.tasks))}
	m.say("checkpoint(%d)", c.id)
	for _, k := range m.rnd.Perm(len(m.tasks)) {
		task := m.tasks[k]
		if !m.prepare(task, end) {
			return false
		}
		if w, ok := task.writer.(connector.StatefulWriter); ok {
			states, err := w.SnapshotState(c.id)
			m.must(err, "snapshot")
			c.states[k] = cloneBytes(states)
		}
		c.pending[k] = slices.Clone(task.pending)
		if m.crash(30) {
			return false
		}
		if !end && m.rnd.IntN(3) == 0 {
			m.write(task)
		}
		m.look()
	}
	if m.rnd.IntN(5) == 0 {
		m.say("lost")
		return true
	}
	m.complete = c
	for _, task := range m.tasks {
		task.fresh = false
	}
	for m.rnd.IntN(3) == 0 && !end {
		m.write(m.tasks[m.rnd.IntN(len(m.tasks))])
	}
	if m.rnd.IntN(5) == 0 {
		m.say("commit later")
		return true
	}
	return m.commitAll(c)
}

// prepare flushes a task and takes what it prepares.
func (m *model[T]) prepare(task *sinkTask[T], end bool) bool {
	m.must(task.writer.Flush(end), "flush")
	m.look()
	if m.crash(30) {
		return false
	}
	cs, err := task.writer.(connector.PreparingWriter).PrepareCommit()
	m.must(err, "prepare")
	for _, b := range cs {
		task.pending = append(task.pending, pendingCommittable{m.checkpoint, slices.Clone(b)})
	}
	m.look()
	return !m.crash(30)
}

// commitAll tells all tasks that a checkpoint is complete.
func (m *model[T]) commitAll(c *sinkCheckpoint) bool {
	m.high = max(m.high, c.pos)
	for _, k := range m.rnd.Perm(len(m.tasks)) {
		if !m.commit(m.tasks[k], c.id) || m.crash(20) {
			return false
		}
	}
	m.low = max(m.low, c.pos)
	m.look()
	return true
}

// commit commits what a task has of a checkpoint and of those before, at times in parts or twice.
func (m *model[T]) commit(task *sinkTask[T], checkpoint int64) bool {
	n := 0
	for n < len(task.pending) && task.pending[n].checkpoint <= checkpoint {
		n++
	}
	// What is restored was dealt of several tasks: checkpoints are in order only within each.
	if task.writer == nil {
		n = len(task.pending)
	}
	var cs []connector.Committable
	for _, p := range task.pending[:n] {
		cs = append(cs, slices.Clone(p.committable))
	}
	if len(cs) == 0 {
		return true
	}
	if part := m.rnd.IntN(2 * len(cs)); part > 0 && part < len(cs) {
		m.commitSome(task, cs[:part])
		if m.crash(4) {
			return false
		}
	}
	m.commitSome(task, cs)
	if m.rnd.IntN(4) == 0 {
		m.commitSome(task, cs)
	}
	if m.crash(10) {
		return false // committed, and nobody has noted it
	}
	task.pending = slices.Delete(task.pending, 0, n)
	return true
}

func (m *model[T]) commitSome(task *sinkTask[T], cs []connector.Committable) {
	m.say("commit(%d:%d)", task.ctx.Task, len(cs))
	c, err := m.sink.NewCommitter(task.ctx)
	m.must(err, "new committer")
	for range 10 {
		if err = c.Commit(m.t.Context(), cs); err == nil || !fault.Retryable(err) {
			break
		}
	}
	m.must(err, "commit")
	m.must(c.Close(), "close of the committer")
	m.look()
}

// finish ends the input: with a last checkpoint, or with all tasks committing when all have prepared.
func (m *model[T]) finish() bool {
	m.say("end")
	if m.rnd.IntN(2) == 0 {
		if !m.take(true) {
			return false
		}
	} else {
		m.checkpoint++
		for _, k := range m.rnd.Perm(len(m.tasks)) {
			if !m.prepare(m.tasks[k], true) {
				return false
			}
		}
	}
	// Without a complete checkpoint, a crash from here on would write the output again. An engine avoids it as it can, and no sink could.
	if m.complete == nil || !m.complete.ended {
		m.crashes = 0
	}
	if !m.commitAll(&sinkCheckpoint{id: m.checkpoint, pos: m.total}) {
		return false
	}
	for _, task := range m.tasks {
		m.must(task.writer.Close(), "close")
	}
	return true
}

// look compares what is visible with what may be.
func (m *model[T]) look() {
	m.t.Helper()
	values, err := m.out.Read()
	m.must(err, "read")
	seen := make(map[string]bool, len(values))
	for _, v := range values {
		text := fmt.Sprint(v)
		if seen[text] {
			m.failf("%s is visible twice", text)
		}
		seen[text] = true
	}
	for i := range m.total {
		text := fmt.Sprint(m.s.Record(i))
		switch {
		case !seen[text] && m.visible[text]:
			m.failf("record %d (%s) is not visible any more", i, text)
		case !seen[text] && i < m.low && !m.s.Retains:
			m.failf("record %d (%s) was committed and is not visible", i, text)
		case seen[text] && i >= m.high:
			m.failf("record %d (%s) is visible before it was committed", i, text)
		}
		if seen[text] {
			m.visible[text] = true
			delete(seen, text)
		}
	}
	for text := range seen {
		m.failf("%s is visible and was never written", text)
	}
}
