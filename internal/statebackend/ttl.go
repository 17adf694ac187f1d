package statebackend

import "unsafe"

// sweep looks through the next rows of the space and removes what has expired.
func (sp *Space) sweep(rows int) {
	for range len(sp.subs) {
		s := sp.subs[sp.clean.sub]
		for s != nil && sp.clean.row < int(s.rows.Len()) {
			if rows--; rows < 0 {
				return
			}
			r := makeRef(sp.clean.sub, uint32(sp.clean.row))
			sp.clean.row++
			switch {
			case *flagsOf(sp.Row(r))&flagLive == 0:
			case sp.child:
				sp.parent.expireEntry(r)
			default:
				sp.expire(r)
			}
		}
		sp.clean.row = 0
		if sp.clean.sub++; sp.clean.sub == len(sp.subs) {
			sp.clean.sub = 0
		}
	}
}

// expire removes what has expired of a key, and the key if nothing is left. The entries of maps are looked at one by one, as rows of their own.
func (sp *Space) expire(r Ref) {
	gone := false
	for _, c := range sp.cells {
		row := sp.Row(r)
		if c.ttl == nil || c.ttl.NoCleanup || *flagsOf(row)&c.bit == 0 {
			continue
		}
		switch c.kind {
		case ValueKind:
			if c.expired(*(*int64)(unsafe.Add(row, c.off))) {
				c.clear(r)
				gone = true
			}
		case ListKind:
			gone = c.cutFront(r) || gone
		}
	}
	if gone {
		sp.Release(r)
	}
}

// expireEntry removes an entry of a map if it has expired, and the map's key if nothing is left of it.
func (c *Cell) expireEntry(e Ref) {
	entry := c.entries.Row(e)
	if !c.expired(*(*int64)(unsafe.Add(entry, c.entries.cells[0].off))) {
		return
	}
	r := makeRef(e.Group(), uint32(c.entries.Word(e, 0)))
	c.removeEntry(r, e)
	c.space.Release(r)
}
