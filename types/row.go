package types

import "strings"

// RowKind is what a row of a changelog does to the table that it describes. The numbers are Flink's.
type RowKind uint8

// The row kinds.
const (
	Insert RowKind = iota
	UpdateBefore
	UpdateAfter
	Delete
)

// String is the short form, +I, -U, +U or -D.
func (k RowKind) String() string {
	if k > Delete {
		return "?"
	}
	return [...]string{"+I", "-U", "+U", "-D"}[k]
}

// Adds reports +I and +U, of which the row is in the table afterwards.
func (k RowKind) Adds() bool { return k == Insert || k == UpdateAfter }

// Changelog is a set of row kinds: which a stream may hold.
type Changelog uint8

// The common changelogs: rows are only added; updates come as their new row only, by key; all four.
const (
	AppendOnly Changelog = 1 << Insert
	Upserts    Changelog = 1<<Insert | 1<<UpdateAfter | 1<<Delete
	Retracts   Changelog = 1<<Insert | 1<<UpdateBefore | 1<<UpdateAfter | 1<<Delete
)

// Has reports whether k may occur.
func (c Changelog) Has(k RowKind) bool { return c&(1<<k) != 0 }

// With adds a kind.
func (c Changelog) With(k RowKind) Changelog { return c | 1<<k }

// Without removes a kind.
func (c Changelog) Without(k RowKind) Changelog { return c &^ (1 << k) }

// Updates reports whether anything but inserts may occur.
func (c Changelog) Updates() bool { return c&^AppendOnly != 0 }

// Contains reports whether every kind of o is in c.
func (c Changelog) Contains(o Changelog) bool { return o&^c == 0 }

// String is Flink's short form in plans, such as I,UB,UA,D.
func (c Changelog) String() string {
	var parts []string
	for k, name := range [...]string{"I", "UB", "UA", "D"} {
		if c.Has(RowKind(k)) {
			parts = append(parts, name)
		}
	}
	return strings.Join(parts, ",")
}
