package agg

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// form is how a result follows from what is kept.
type form uint8

const (
	plain     form = iota // the word as it is, cut to the type
	unflipped             // the word with bits flipped back
	unfloated
	wideWord // two words behind the one that tells that they are there
	textWord
	sumOf128 // an exact sum
	sumOf192
	meanInt // a sum and a count
	meanFloat
	meanOf128
	meanOf192
	valueWord // a word behind the one that tells that it is there
	spread    // of moments
	// Of what trees keep: the first, as words are sorted.
	treeWord
	treeFloat
	treeWide
	treeText
	// Of what bags keep.
	bagFirst
	bagLast
	bagSingle
	bagList
	bagArray
	bagMultiset
	bagJSONArray
	bagJSONObject
	bagPercentile
	bagBitmap
	customValue // of a function of a program
)

// result is how the result of a call is read.
type result struct {
	form  form
	prim  int
	count int // the primitive that is 0 if the result is null; -1 if it is never, or prim says so
	flip  uint64
	t     types.Type
	scale int // that of a decimal sum
	// kept is the number of a tree or bag; text is what is between the texts of a list.
	kept int
	text string
	// sample and root tell of a spread that it is that of a sample, and a deviation; nulls of a JSON value that nulls are in it.
	sample, root, nulls bool
	// separated tells that texts have their separators with them.
	separated  bool
	percentile *percentile
	// shape is that of a result that is kept as bytes, nil if it is not.
	shape *column.Shape
	// json writes values as JSON.
	json func(dst []byte, v column.Value) []byte
}

const (
	signBit = 1 << 63
	allBits = 1<<64 - 1
)

// add compiles a call.
func (s *Set) add(c *Call) (r result, err error) {
	r = result{t: c.Result, count: -1}
	if c.Filter >= 0 && (c.Filter >= len(s.input) || s.input[c.Filter].Type.Kind() != types.Boolean) {
		return r, unsupported(c, "has a filter that is no BOOLEAN column")
	}
	if c.Custom != nil {
		return r, s.addCustom(c, &r)
	}
	switch c.Function {
	case "COUNT":
	case "SUM", "$SUM0", "SUM0", "AVG", "MIN", "MAX", "FIRST_VALUE", "LAST_VALUE", "STDDEV_POP", "STDDEV_SAMP", "VAR_POP", "VAR_SAMP", "SINGLE_VALUE", "COLLECT", "ARRAY_AGG":
		if len(c.Args) != 1 {
			return r, unsupported(c, "takes one argument, not %d", len(c.Args))
		}
	}
	if len(c.Order) > 0 {
		return r, unsupported(c, "with WITHIN GROUP (ORDER BY ..) is not supported")
	}
	switch c.Function {
	case "SINGLE_VALUE", "LISTAGG", "ARRAY_AGG", "COLLECT", "JSON_ARRAYAGG", "JSON_OBJECTAGG", "PERCENTILE",
		"BITMAP_BUILD_AGG", "BITMAP_AND_AGG", "BITMAP_OR_AGG", "BITMAP_XOR_AGG",
		"BITMAP_BUILD_CARDINALITY_AGG", "BITMAP_AND_CARDINALITY_AGG", "BITMAP_OR_CARDINALITY_AGG", "BITMAP_XOR_CARDINALITY_AGG":
		return r, s.addBag(c, &r)
	}
	at := s.rows(c, c.Args)
	if c.Distinct && len(c.Args) > 0 && c.Function != "MIN" && c.Function != "MAX" {
		if at, err = s.distinct(c, at); err != nil {
			return r, err
		}
	}
	switch c.Function {
	case "COUNT":
		r.prim = s.prim(prim{op: count, pick: at})
	case "SUM", "$SUM0", "SUM0", "AVG":
		err = s.addSum(c, at, &r)
	case "MIN", "MAX":
		err = s.addExtreme(c, at, &r)
	case "FIRST_VALUE", "LAST_VALUE":
		err = s.addValue(c, at, &r)
	case "STDDEV_POP", "STDDEV_SAMP", "VAR_POP", "VAR_SAMP":
		err = s.addSpread(c, at, &r)
	default:
		err = unsupported(c, "is not supported as an aggregate function")
	}
	return r, err
}

// addSum adds SUM and AVG.
func (s *Set) addSum(c *Call, at int, r *result) error {
	arg := s.argument(c.Args[0])
	t := s.args[arg].t
	avg := c.Function == "AVG"
	var o op
	switch {
	case t.IsInteger() || t.IsInterval():
		o, r.form = sum, plain
		if avg {
			r.form = meanInt
		}
	case t.IsApprox():
		o, r.form = sumFloat, plain
		if avg {
			r.form = meanFloat
		}
	case t.Kind() == types.Decimal && column.FormOf(t) == column.Word:
		o, r.form = sum128, sumOf128
		if avg {
			r.form = meanOf128
		}
	case t.Kind() == types.Decimal:
		o, r.form = sum192, sumOf192
		if avg {
			r.form = meanOf192
		}
	default:
		return unsupported(c, "of %s is not supported", t)
	}
	if res := c.Result; res.IsInteger() != t.IsInteger() || res.IsApprox() != t.IsApprox() || (res.Kind() == types.Decimal) != (t.Kind() == types.Decimal) {
		return unsupported(c, "of %s cannot have the type %s", t, res)
	}
	r.scale = t.Scale()
	r.prim = s.prim(prim{op: o, pick: at, arg: arg})
	if avg || c.Result.Nullable() && c.Function == "SUM" {
		r.count = s.prim(prim{op: count, pick: at})
	}
	return nil
}

// addExtreme adds MIN and MAX.
func (s *Set) addExtreme(c *Call, at int, r *result) error {
	arg := s.argument(c.Args[0])
	t := s.args[arg].t
	least := c.Function == "MIN"
	if s.retract {
		return s.addTree(c, at, arg, r)
	}
	p := prim{pick: at, arg: arg}
	switch f := column.FormOf(t); {
	case t.IsApprox():
		p.op, r.form = mostFloat, unfloated
		if least {
			p.flip = allBits
		}
	case f == column.Word && (t.IsExact() || t.IsDatetime() || t.IsInterval() || t.Kind() == types.Boolean):
		p.op, p.flip, r.form = most, signBit, unflipped
		if least {
			p.flip = allBits ^ signBit
		}
	case f == column.Wide:
		p.op, r.form = mostWide, wideWord
		if least {
			p.flip = allBits
		}
	case t.IsChar() || t.IsBytes():
		p.op, r.form = mostText, textWord
		if least {
			p.op = leastText
		}
	default:
		return unsupported(c, "of %s is not supported", t)
	}
	if !c.Result.Alike(t) && column.FormOf(c.Result) != column.FormOf(t) {
		return unsupported(c, "of %s cannot have the type %s", t, c.Result)
	}
	r.flip = p.flip
	r.prim = s.prim(p)
	if c.Result.Nullable() && (p.op == most || p.op == mostFloat) {
		r.count = s.prim(prim{op: count, pick: at})
	}
	return nil
}
