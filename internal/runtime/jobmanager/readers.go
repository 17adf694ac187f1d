package jobmanager

import (
	"fmt"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/wire"
)

// startNextEnumerator starts the first enumerator that is not started: one after another, so that nothing more starts behind a failure.
func (m *Machine) startNextEnumerator() {
	for v, state := range m.enumerators {
		if state == enumeratorNew {
			m.enumerators[v] = enumeratorStarting
			m.emit(StartEnumerator{v, m.restoredEnumerator(v)})
			return
		}
	}
}

// allVertices are the numbers of all vertices.
func (m *Machine) allVertices() []int {
	all := make([]int, len(m.enumerators))
	for v := range all {
		all[v] = v
	}
	return all
}

// enumeratorsStarted reports whether those of some vertices have started.
func (m *Machine) enumeratorsStarted(vertices []int) bool {
	for _, v := range vertices {
		if state := m.enumerators[v]; state == enumeratorNew || state == enumeratorStarting {
			return false
		}
	}
	return true
}

// closeEnumerators tells every enumerator to close that has not been told yet.
func (m *Machine) closeEnumerators() {
	for v := range m.enumerators {
		m.closeEnumerator(v)
	}
}

func (m *Machine) closeEnumerator(v int) {
	switch m.enumerators[v] {
	case enumeratorNew:
		m.enumerators[v] = enumeratorClosed
	case enumeratorStarting, enumeratorStarted:
		m.enumerators[v] = enumeratorClosing
		m.emit(CloseEnumerator{v})
	}
}

// renewEnumerator has the enumerator of a vertex, if that is a source, start again.
func (m *Machine) renewEnumerator(v int) {
	if m.enumerators[v] != enumeratorNone {
		m.enumerators[v] = enumeratorNew
	}
}

func (m *Machine) allClosed() bool { return m.enumeratorsClosed(m.allVertices()) }

// enumeratorsClosed reports whether those of some vertices are.
func (m *Machine) enumeratorsClosed(vertices []int) bool {
	for _, v := range vertices {
		if state := m.enumerators[v]; state != enumeratorNone && state != enumeratorClosed {
			return false
		}
	}
	return true
}

func (m *Machine) enumeratorStarted(e EnumeratorStarted) {
	if m.enumerators[e.Vertex] != enumeratorStarting {
		m.ignore(e, "not waited for (J9)")
		return
	}
	m.enumerators[e.Vertex] = enumeratorStarted
	m.startNextEnumerator()
}

func (m *Machine) enumeratorFailed(e EnumeratorFailed) {
	switch m.enumerators[e.Vertex] {
	case enumeratorStarting, enumeratorStarted, enumeratorClosing:
		m.fail(e, e.Err)
	default:
		m.ignore(e, "no enumerator is open (J9)")
	}
}

func (m *Machine) enumeratorClosed(e EnumeratorClosed) {
	if m.enumerators[e.Vertex] != enumeratorClosing {
		m.ignore(e, "not waited for (J9)")
		return
	}
	m.enumerators[e.Vertex] = enumeratorClosed
	if e.Err != nil {
		m.fail(e, e.Err)
	}
}

func (m *Machine) readerStarted(e ReaderStarted) {
	t := m.reader(e, e.Attempt)
	if t == nil {
		return
	}
	if t.readerStarted {
		m.ignore(e, "already started (J9)")
		return
	}
	m.reach(t, dataflow.TaskRunning)
	t.readerStarted = true
	// What was held goes first: the enumerator's answer to AddReader comes behind it. Keeps J8.
	for _, message := range t.held {
		m.send(t, message)
	}
	t.held = nil
	m.emit(AddReader{t.id.Subtask.Vertex, t.id.Subtask.Index})
}

// align takes a source's watermark into its alignment group, and tells the source how far it may go. The others are told when they report.
func (m *Machine) align(e WatermarkReported) {
	t := m.reader(e, e.Attempt)
	if t == nil {
		return
	}
	limit := m.alignment.Report(e.Group, t.id.Subtask, e.Watermark, e.MaxDrift)
	m.send(t, &wire.ToTaskManager{Message: &wire.ToTaskManager_AlignWatermark_{
		AlignWatermark: &wire.ToTaskManager_AlignWatermark{Attempt: m.wireID(t), Limit: limit}}})
}

// target returns the task that an enumerator means to reach, or nil if there is nothing more to do for the call.
func (m *Machine) target(e Event, vertex, subtask int) *task {
	switch m.enumerators[vertex] {
	case enumeratorStarting, enumeratorStarted:
	default:
		m.ignore(e, "the enumerator is closed (J9)")
		return nil
	}
	if subtask < 0 || subtask >= len(m.tasks[vertex]) {
		m.misuse(e, vertex, "reader %d was called upon, but there are %d", subtask, len(m.tasks[vertex]))
		return nil
	}
	return m.tasks[vertex][subtask]
}

// misuse fails the job because an enumerator broke its contract.
func (m *Machine) misuse(e Event, vertex int, format string, args ...any) {
	name := operatorName(m.plan, vertex)
	m.fail(e, fault.New(fault.SourceFailed, format, args...).WithOperator(name, 0))
}

// toReader sends a message to a reader, or holds it until the reader has started. Keeps J8.
func (m *Machine) toReader(t *task, message *wire.ToTaskManager) {
	if t.readerStarted {
		m.send(t, message)
	} else {
		t.held = append(t.held, message)
	}
}

func (m *Machine) assign(e SplitsAssigned) {
	t := m.target(e, e.Vertex, e.Subtask)
	switch {
	case t == nil || len(e.Splits) == 0:
	case t.splitsEnded:
		m.misuse(e, e.Vertex, "split %s was assigned to reader %d behind NoMoreSplits", e.Splits[0].ID, e.Subtask)
	case t.state.Terminal():
		// Dropping the split would lose its records.
		m.misuse(e, e.Vertex, "split %s was assigned to reader %d, whose task is %v", e.Splits[0].ID, e.Subtask, t.state)
	default:
		m.toReader(t, &wire.ToTaskManager{Message: &wire.ToTaskManager_AssignSplits_{
			AssignSplits: &wire.ToTaskManager_AssignSplits{Attempt: m.wireID(t), Splits: wire.FromSplits(e.Splits)}}})
	}
}

func (m *Machine) endSplits(e SplitsEnded) {
	t := m.target(e, e.Vertex, e.Subtask)
	switch {
	case t == nil:
	case t.splitsEnded:
		m.ignore(e, "already told (J9)")
	case t.state.Terminal():
		t.splitsEnded = true
		m.ignore(e, fmt.Sprintf("the task is %v (J9)", t.state))
	default:
		t.splitsEnded = true
		m.toReader(t, &wire.ToTaskManager{Message: &wire.ToTaskManager_NoMoreSplits_{
			NoMoreSplits: &wire.ToTaskManager_NoMoreSplits{Attempt: m.wireID(t)}}})
	}
}

func (m *Machine) sendReaderEvent(e EnumeratorSent) {
	t := m.target(e, e.Vertex, e.Subtask)
	switch {
	case t == nil:
	case t.state.Terminal():
		m.ignore(e, fmt.Sprintf("the task is %v (J9)", t.state))
	default:
		m.toReader(t, &wire.ToTaskManager{Message: &wire.ToTaskManager_SourceEvent_{
			SourceEvent: &wire.ToTaskManager_SourceEvent{Attempt: m.wireID(t), Event: e.Event}}})
	}
}

// operatorName is what people call the head of a vertex.
func operatorName(plan *dataflow.Plan, vertex int) string {
	op := plan.Graph.Operators[plan.Vertices[vertex].Head()]
	if op.Name != "" {
		return op.Name
	}
	return op.Kind
}
