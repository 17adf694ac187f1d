package temporal

import "github.com/weirstream/weir/eventtime"

// Splits combines the watermarks of the splits that one reader reads: the lowest among the active ones counts. It is a pure state machine.
//
//   - P1. The combined watermark never goes back.
//   - P2. It never passes the watermark of an active split, but for one that came, or came back from idleness, behind it: that one holds it where it is.
//   - P3. Splits are idle when there is one and none is active; the combined watermark stays then.
//   - P4. A removed split no longer counts. With the last one nothing changes.
//
// A valve differs in what holds: there a channel that comes back behind is left out until it has caught up, since others cannot wait for what one producer
// may never tell. A reader's split comes back with its records.
type Splits struct {
	count    int
	active   []*Split // a heap: the lowest watermark first
	combined int64
}

// Split is one of several splits.
type Split struct {
	// ID is what the connector calls it.
	ID        string
	watermark int64
	place     int // in the heap; -1 while idle or removed
	removed   bool
}

// Watermark is the split's own watermark.
func (p *Split) Watermark() int64 { return p.watermark }

// Idle reports whether the split does not count.
func (p *Split) Idle() bool { return p.place < 0 }

// NewSplits returns a state without splits.
func NewSplits() *Splits { return &Splits{combined: eventtime.MinWatermark} }

// Combined is the current watermark.
func (s *Splits) Combined() int64 { return s.combined }

// Idle reports whether there are splits and all of them are idle.
func (s *Splits) Idle() bool { return len(s.active) == 0 && s.count > 0 }

// Add adds an active split that has told nothing yet.
func (s *Splits) Add(id string) *Split {
	p := &Split{ID: id, watermark: eventtime.MinWatermark, place: -1}
	s.count++
	s.activate(p)
	return p
}

// Remove takes a split out, and reports whether the combined watermark has advanced. A second Remove does nothing.
func (s *Splits) Remove(p *Split) (advanced bool) {
	if p.removed {
		return false
	}
	p.removed = true
	s.count--
	if p.Idle() {
		return false
	}
	s.deactivate(p)
	return s.combine()
}

// Advance takes a watermark of a split, which ends its idleness, and reports whether the combined one has advanced. A watermark that goes back is ignored.
func (s *Splits) Advance(p *Split, t int64) (advanced bool) {
	if p.place < 0 {
		p.watermark = max(p.watermark, t)
		s.activate(p)
		return s.combine()
	}
	if t <= p.watermark {
		return false
	}
	first := p.place == 0
	p.watermark = t
	s.down(p.place)
	return first && s.combine() // else another split holds the minimum
}

// SetIdle says whether a split counts, and reports whether the combined watermark has advanced.
func (s *Splits) SetIdle(p *Split, idle bool) (advanced bool) {
	if p.Idle() == idle {
		return false
	}
	if idle {
		s.deactivate(p)
	} else {
		s.activate(p)
	}
	return s.combine()
}

// combine lets the combined watermark follow the lowest. Keeps P1 to P4.
func (s *Splits) combine() bool {
	if len(s.active) == 0 || s.active[0].watermark <= s.combined {
		return false
	}
	s.combined = s.active[0].watermark
	return true
}

func (s *Splits) activate(p *Split) {
	p.place = len(s.active)
	s.active = append(s.active, p)
	s.up(p.place)
}

func (s *Splits) deactivate(p *Split) {
	i, last := p.place, len(s.active)-1
	s.swap(i, last)
	s.active[last] = nil
	s.active = s.active[:last]
	p.place = -1
	if i < last {
		s.down(i)
		s.up(i)
	}
}

func (s *Splits) swap(i, j int) {
	s.active[i], s.active[j] = s.active[j], s.active[i]
	s.active[i].place, s.active[j].place = i, j
}

func (s *Splits) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if s.active[parent].watermark <= s.active[i].watermark {
			return
		}
		s.swap(i, parent)
		i = parent
	}
}

func (s *Splits) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(s.active); child++ {
			if s.active[child].watermark < s.active[least].watermark {
				least = child
			}
		}
		if least == i {
			return
		}
		s.swap(i, least)
		i = least
	}
}
