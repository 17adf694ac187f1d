package operator

import (
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/window"
)

// Tumbling windows are kept in one way in memory, by [TumbleWindow], and in another on a backend that moves rows to disk, by [Window]: there each window of a key has the end beside its start, marks of its timers, and a timer. What
// was written of one way is restored by the other.

const (
	contentsSpace  = "window contents"
	sliceKeysSpace = "keys"
	globalSpace    = "global state"
	marksCell      = "timers set"
)

func errWindows(start, end, size int64) error {
	return fault.New(fault.StateSchema, "the window from %d to %d is none of those that the operator has now, which are %d ms long", start, end, size)
}

// alsoFromSlices has windows be restored from what [TumbleWindow] keeps.
func (m *windowInstance[K, T, A, U]) alsoFromSlices(grid sliceGrid) {
	sp := m.scope.Space()
	layout := sp.Layout()
	layout.Words--
	sp.AlsoFrom(statebackend.Form{
		Layout: layout,
		Convert: func(to, from []uint64) error {
			w := grid.tumbling(int64(from[0]))
			if w.Start != int64(from[0]) {
				return errWindows(int64(from[0]), addSat(int64(from[0]), grid.size), grid.size)
			}
			to[0], to[1] = uint64(w.Start), uint64(w.End)
			copy(to[2:], from[1:])
			return nil
		},
		Restored: func(hash uint64, words []uint64, bytes []byte) {
			w := window.Window{Start: int64(words[0]), End: int64(words[1])}
			m.timers.event.Add(hash, w.MaxTimestamp(), words[:2], words[2:], bytes)
		},
	})
	m.rt.Keys.Scope.Space().AlsoFrom(statebackend.Form{Space: sliceKeysSpace})
}

// alsoFromWindows has windows be restored from what [Window] keeps for them.
func (m *tumbleInstance[K, T, A, U]) alsoFromWindows() {
	sp := m.scope.Space()
	layout := sp.Layout()
	layout.Words++
	sp.AlsoFrom(statebackend.Form{
		Layout: layout,
		Convert: func(to, from []uint64) error {
			w := m.grid.tumbling(int64(from[0]))
			if w.Start != int64(from[0]) || w.End != int64(from[1]) {
				return errWindows(int64(from[0]), int64(from[1]), m.grid.size)
			}
			to[0] = from[0]
			copy(to[1:], from[2:])
			return nil
		},
		Leaves: []string{marksCell},
	})
	m.rt.Keys.Scope.Space().AlsoFrom(statebackend.Form{Space: globalSpace})
	m.rt.Store.Leaves(eventTimersSpace, procTimersSpace) // the end of a window is its timer
}
