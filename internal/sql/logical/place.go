package logical

import "github.com/weirstream/weir/internal/sql/sqlerr"

// PlaceOf returns the part of the query that asks for an operator, where errors are shown that the planner finds in it. Operators that cannot fail by themselves have none.
func PlaceOf(r Rel) sqlerr.Place {
	switch r := r.(type) {
	case *Scan:
		return r.At
	case *Watermark:
		return r.At
	case *Aggregate:
		return r.At
	case *WindowTable:
		return r.At
	case *Join:
		return r.At
	case *TemporalJoin:
		return r.At
	case *Correlate:
		return r.At
	case *SetOp:
		return r.At
	case *Sort:
		return r.At
	case *Over:
		return r.At
	case *ToChangelog:
		return r.At
	case *FromChangelog:
		return r.At
	case *SnapshotJoin:
		return r.At
	case *Match:
		return r.At
	case *Sink:
		return r.At
	}
	return sqlerr.Place{}
}
