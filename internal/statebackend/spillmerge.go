package statebackend

import (
	"cmp"
	"slices"
)

// hashedRow is a row with the hash of its key.
type hashedRow struct {
	hash uint64
	row  uint32
}

func byHash(a, b hashedRow) int { return cmp.Compare(a.hash, b.hash) }

// spillMerge yields the keys of a key group from a snapshot's rows and from what was stored at the time, by hash. A row hides what is stored of its key.
type spillMerge struct {
	from   spaceSnapshot
	reader rowReader // of the same, made an interface once, and not for each row
	sp     *Space
	group  int
	rows   []hashedRow // those not yielded, by hash
	hides  []hidden    // the rows of the hash that is being merged
	at     uint64
	ahead  *ahead // nil where nothing hangs on rows that is worth it
	near   int    // how many of rows have been touched
	seen   uint64 // so that it counts for something
	yield  func(key, payload []byte) bool
	key    []byte
	value  []byte
	ended  bool // yield has returned false
	err    error
}

type hidden struct{ key []byte }

// stored takes the next stored key.
func (m *spillMerge) stored(hash uint64, key, payload []byte) bool {
	if len(m.hides) > 0 && m.at != hash {
		m.hides = m.hides[:0]
	}
	if !m.before(hash, false) {
		return false
	}
	for _, h := range m.hides {
		if string(h.key) == string(key) {
			return true
		}
	}
	m.ended = !m.yield(key, payload)
	return !m.ended
}

// before yields the rows up to a hash, and keeps the keys of those that have this hash; or all rows that are left.
func (m *spillMerge) before(hash uint64, all bool) bool {
	for len(m.rows) > 0 && (all || m.rows[0].hash <= hash) {
		if m.near == 0 {
			m.touch()
		}
		next := m.rows[0]
		m.rows, m.near = m.rows[1:], m.near-1
		row := m.from.subs[m.group].At(next.row)
		m.key = m.from.appendKey(m.key[:0], row)
		if !all && next.hash == hash {
			m.hides, m.at = append(m.hides, hidden{slices.Clone(m.key)}), hash
		}
		if *flagsOf(row)&presentBits == 0 {
			continue
		}
		if m.value, m.err = m.sp.appendPayload(m.value[:0], m.reader, m.group, row); m.err != nil {
			return false
		}
		if m.ended = !m.yield(m.key, m.value); m.ended {
			return false
		}
	}
	return true
}

// touch touches the next rows, which lie anywhere, and what hangs on them.
func (m *spillMerge) touch() {
	rows := m.from.subs[m.group]
	m.near = min(len(m.rows), aheadRows)
	for _, r := range m.rows[:m.near] {
		m.seen ^= *flagsOf(rows.At(r.row))
	}
	if m.ahead == nil {
		return
	}
	for _, r := range m.rows[:m.near] {
		m.ahead.add(rows.At(r.row))
	}
	m.ahead.touch()
}
