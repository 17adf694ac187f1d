package pages

import (
	"math"
	"sync/atomic"
)

// Account counts bytes against a limit. It may have a parent, against which everything is counted too. It is safe for concurrent
// use. A nil *Account counts nothing and has no limit.
type Account struct {
	name   string
	limit  int64
	parent *Account
	used   atomic.Int64
	peak   atomic.Int64
	// retired counts the bytes that only snapshots hold.
	retired atomic.Int64
}

// NewAccount returns an account at zero. There is no limit of its own if limit <= 0; parent may be nil.
func NewAccount(name string, limit int64, parent *Account) *Account {
	return &Account{name: name, limit: max(limit, 0), parent: parent}
}

// Name returns the name that the account was made with.
func (a *Account) Name() string {
	if a == nil {
		return ""
	}
	return a.name
}

// Used returns the bytes that are counted now, those of child accounts included.
func (a *Account) Used() int64 {
	if a == nil {
		return 0
	}
	return a.used.Load()
}

// Peak returns the most bytes that were ever counted at one time.
func (a *Account) Peak() int64 {
	if a == nil {
		return 0
	}
	return a.peak.Load()
}

// Limit returns the account's own limit in bytes, 0 if it has none.
func (a *Account) Limit() int64 {
	if a == nil {
		return 0
	}
	return a.limit
}

// Add counts n bytes more, or less if n is negative, whatever the limits.
func (a *Account) Add(n int64) {
	for ; a != nil; a = a.parent {
		a.raise(a.used.Add(n))
	}
}

// Try counts n bytes more and returns true if no limit, its own or an ancestor's, is exceeded then; otherwise it counts nothing and
// returns false. Bytes that another Try counts and takes back meanwhile may make it fail though there would be room. If n <= 0 it is
// Add and returns true.
func (a *Account) Try(n int64) bool {
	if n <= 0 {
		a.Add(n)
		return true
	}
	for b := a; b != nil; b = b.parent {
		if !b.try(n) {
			for c := a; c != b; c = c.parent {
				c.used.Add(-n)
			}
			return false
		}
	}
	for ; a != nil; a = a.parent {
		a.raise(a.used.Load())
	}
	return true
}

// try is Try for this account alone, without the peak.
func (a *Account) try(n int64) bool {
	if a.limit <= 0 {
		a.used.Add(n)
		return true
	}
	for {
		used := a.used.Load()
		if used > a.limit-n {
			return false
		}
		if a.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// raise notes that used bytes were counted.
func (a *Account) raise(used int64) {
	for {
		peak := a.peak.Load()
		if used <= peak || a.peak.CompareAndSwap(peak, used) {
			return
		}
	}
}

// Over returns by how many bytes the tightest of the limits, its own or an ancestor's, is exceeded now. It is <= 0 if none is
// exceeded, and then -Over() bytes are left; -[math.MaxInt64] if there is no limit at all.
func (a *Account) Over() int64 {
	over := int64(-math.MaxInt64)
	for ; a != nil; a = a.parent {
		if a.limit > 0 {
			over = max(over, a.used.Load()-a.limit)
		}
	}
	return over
}

// retire counts n more bytes, or less, that only snapshots hold. They are counted by Add as well.
func (a *Account) retire(n int64) {
	for ; a != nil; a = a.parent {
		a.retired.Add(n)
	}
}

// Retired returns the bytes of pages that their owners have replaced or given up and that only snapshots hold. They are part of Used.
func (a *Account) Retired() int64 {
	if a == nil {
		return 0
	}
	return a.retired.Load()
}

// Pressure is Over for those who can make room in live pages only: of the bytes that only snapshots hold it leaves out what goes beyond
// half of a limit, since making room for more of them would leave too little for the living.
func (a *Account) Pressure() int64 {
	over := int64(-math.MaxInt64)
	for ; a != nil; a = a.parent {
		if a.limit > 0 {
			over = max(over, a.used.Load()-a.limit-max(0, a.retired.Load()-a.limit/2))
		}
	}
	return over
}

// Lasting is Over as it will be once all snapshots are released.
func (a *Account) Lasting() int64 {
	over := int64(-math.MaxInt64)
	for ; a != nil; a = a.parent {
		if a.limit > 0 {
			over = max(over, a.used.Load()-a.limit-a.retired.Load())
		}
	}
	return over
}
