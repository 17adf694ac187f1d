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
			if *flagsOf(sp.Row(r))&flagLive != 0 && !sp.child {
				sp.expire(r)
			}
		}
		sp.clean.row = 0
		if sp.clean.sub++; sp.clean.sub == len(sp.subs) {
			sp.clean.sub = 0
		}
	}
}

// expire removes what has expired of a key, and the key if nothing is left.
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
			any := false
			c.elements(c.heap(), *(*listCell)(unsafe.Add(row, c.off)), func(stamp int64, _ unsafe.Pointer, _ uintptr) bool {
				any = c.expired(stamp)
				return !any
			})
			if any {
				c.cutList(r)
				gone = true
			}
		case MapKind:
			value := c.entries.cells[0]
			for at := (*mapCell)(unsafe.Add(row, c.off)).head; at != 0; {
				e := makeRef(r.Group(), at-1)
				entry := c.entries.Row(e)
				at = (*entryLinks)(unsafe.Add(entry, value.linksOff)).next
				if c.expired(*(*int64)(unsafe.Add(entry, value.off))) {
					c.removeEntry(r, e)
					gone = true
				}
			}
		}
	}
	if gone {
		sp.Release(r)
	}
}

// cutList takes the expired elements out of a list without renewing the others.
func (c *Cell) cutList(r Ref) {
	renew := c.ttl.OnRead
	c.ttl.OnRead = false
	c.rewriteList(r, true)
	c.ttl.OnRead = renew
}
