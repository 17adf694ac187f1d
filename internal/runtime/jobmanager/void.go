package jobmanager

import (
	"maps"
	"slices"
)

// A given-up checkpoint may have a manifest all the same: the write was under way, or only its answer was lost. While nothing begins from an older one, that is harmless: what sinks had prepared for it is still there, and a program that
// is run again may go on from it. Once tasks have begun from an older one it is not, since their sinks throw away what came behind that. So before tasks begin anew, the manifests of given-up checkpoints must be known to be gone.

// voided is a given-up checkpoint whose manifest is not known to be gone.
type voided struct {
	remove   DeleteFiles
	then     []Effect // when it is gone: what a pointer points to goes behind it
	underWay bool
}

// void removes what a given-up checkpoint has left, its manifest in the storage of the job first.
func (m *Machine) void(id int64, files []string, then ...Effect) {
	v := &voided{remove: DeleteFiles{Void: id, Files: files}, then: then, underWay: true}
	m.ck.voided[id] = v
	m.emit(v.remove)
}

func (m *Machine) manifestRemoved(e ManifestRemoved) {
	v := m.ck.voided[e.ID]
	if v == nil || !v.underWay {
		m.ignore(e, "not waited for")
		return
	}
	if v.underWay = false; e.Err != nil {
		return
	}
	delete(m.ck.voided, e.ID)
	for _, x := range v.then {
		m.emit(x)
	}
}

// overtake forgets the given-up checkpoints before one that is complete: whoever looks for the latest finds that.
func (m *Machine) overtake(id int64) {
	maps.DeleteFunc(m.ck.voided, func(void int64, _ *voided) bool { return void < id })
}

// mayRestore reports whether tasks may begin from the latest checkpoint: no manifest is being written, and none is left of a checkpoint that was given up. What could not be removed is tried again: without its storage the job could not begin anyway.
func (m *Machine) mayRestore() bool {
	for _, id := range slices.Sorted(maps.Keys(m.ck.voided)) {
		if v := m.ck.voided[id]; !v.underWay {
			v.underWay = true
			m.emit(v.remove)
		}
	}
	return m.ck.storing == 0 && len(m.ck.voided) == 0
}
