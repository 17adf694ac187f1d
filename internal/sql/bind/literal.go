package bind

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/types"
)

func null(t types.Type) *expr.Const {
	return &expr.Const{Value: column.NullValue(), T: t.Null()}
}

func boolean(b bool) *expr.Const {
	return &expr.Const{Value: column.BoolValue(b), T: types.New(types.Boolean).NotNull()}
}

func integer(n int64) *expr.Const {
	k := types.Int
	if n != int64(int32(n)) {
		k = types.BigInt
	}
	return &expr.Const{Value: column.IntValue(n), T: types.New(k).NotNull()}
}

// chars is a string literal. Its length counts as Java does: in units of UTF-16.
func chars(s string) *expr.Const {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return &expr.Const{Value: column.TextValue(s), T: types.Of(types.Char, n, 0).NotNull()}
}

// number is a number without or with a minus sign before it: an integer is INT or BIGINT, a decimal DECIMAL with as many digits as are written, an approximate number DOUBLE.
func (x *text) number(n *ast.NumberLit, negative bool) *expr.Const {
	if n.IsApprox() {
		v, err := strconv.ParseFloat(n.Text, 64)
		if err != nil && math.IsInf(v, 0) {
			x.fail(fault.SQLInvalid, n, "%s is too large for a DOUBLE", n.Text)
		}
		if negative {
			v = -v
		}
		return &expr.Const{Value: column.FloatValue(v), T: types.New(types.Double).NotNull()}
	}
	whole, fraction, _ := strings.Cut(n.Text, ".")
	v, ok := new(big.Int).SetString("0"+whole+fraction, 10)
	if !ok {
		x.fail(fault.SQLInvalid, n, "%s is no number", n.Text)
	}
	if negative {
		v.Neg(v)
	}
	if !v.IsInt64() {
		x.hinted(fault.SQLInvalid, n, "write it as a string, and cast that to DECIMAL", "%s is out of range: the digits of a number must fit a BIGINT", n.Text)
	}
	if fraction == "" {
		return integer(v.Int64())
	}
	precision := min(max(len(n.Text)-1, len(fraction)), types.MaxDecimal)
	t := types.DecimalOf(precision, min(len(fraction), types.MaxDecimal)).NotNull()
	if column.FormOf(t) == column.Wide {
		w, _ := column.WideOf(v)
		return &expr.Const{Value: column.Value{Wide: w}, T: t}
	}
	return &expr.Const{Value: column.IntValue(v.Int64()), T: t}
}

// dateTime is DATE, TIME or TIMESTAMP before a string. The digits of the fraction are the type's precision.
func (x *text) dateTime(d *ast.DateTimeLit) *expr.Const {
	s := d.Value.Value
	bad := func() { x.fail(fault.SQLInvalid, d.Value, "'%s' is no %s", s, d.Kind) }
	parse := func(layout, s string) time.Time {
		t, err := time.Parse(layout, s)
		if err != nil {
			bad()
		}
		return t
	}
	body, fraction, dotted := strings.Cut(strings.TrimSpace(s), ".")
	if dotted && (fraction == "" || strings.Trim(fraction, "0123456789") != "") {
		bad()
	}
	switch d.Kind {
	case ast.TypeDate:
		if dotted {
			bad()
		}
		t := parse("2006-1-2", body)
		return &expr.Const{Value: column.IntValue(t.Unix() / 86400), T: types.New(types.Date).NotNull()}
	case ast.TypeTime:
		t := parse("15:4:5", body)
		millis := int64(t.Hour()*3600+t.Minute()*60+t.Second())*1000 + nanos(fraction)/1_000_000
		return &expr.Const{Value: column.IntValue(millis), T: types.Of(types.Time, min(len(fraction), 3), 0).NotNull()}
	case ast.TypeTimestamp:
		layout := "2006-1-2 15:4:5"
		t := parse(layout, body).Add(time.Duration(nanos(fraction)))
		precision := min(len(fraction), 9)
		return &expr.Const{Value: column.TimeValue(t, precision), T: types.TimestampOf(precision).NotNull()}
	}
	x.unsupported(d, "literals of %s are not supported", d.Kind)
	return nil
}

// nanos are the digits behind the point of seconds.
func nanos(fraction string) int64 {
	fraction = (fraction + "000000000")[:9]
	n, _ := strconv.ParseInt(fraction, 10, 64)
	return n
}

var unitMillis = map[ast.TimeUnit]int64{
	ast.UnitWeek: 7 * 86_400_000, ast.UnitDay: 86_400_000, ast.UnitHour: 3_600_000, ast.UnitMinute: 60_000, ast.UnitSecond: 1000,
}

var unitMonths = map[ast.TimeUnit]int64{ast.UnitYear: 12, ast.UnitQuarter: 3, ast.UnitMonth: 1}

// interval is INTERVAL '..' unit, or a number of units.
func (x *exprs) interval(l *ast.IntervalLit) expr.Expr {
	t := catalog.IntervalType(l.Qualifier).NotNull()
	s, ok := l.Value.(*ast.StringLit)
	if !ok {
		v := x.expr(l.Value)
		if !v.Type().IsNumeric() {
			x.fail(fault.SQLType, l.Value, "an interval is made of a number, not of %s", v.Type())
		}
		if l.Qualifier.To != "" {
			x.unsupported(l, "an interval of a number has one unit")
		}
		unit := unitMillis[l.Qualifier.From] + unitMonths[l.Qualifier.From]
		one := &expr.Const{Value: column.IntValue(unit), T: t}
		return x.call(l, "*", v, one)
	}
	v, ok := x.intervalValue(l, s)
	if !ok {
		q := string(l.Qualifier.From)
		if l.Qualifier.To != "" {
			q += " TO " + string(l.Qualifier.To)
		}
		x.fail(fault.SQLInvalid, s, "'%s' is no interval of %s", s.Value, q)
	}
	return &expr.Const{Value: column.IntValue(v), T: t}
}

// units are those of intervals of days and below, with what separates them from the next.
var units = []struct {
	unit      ast.TimeUnit
	separator string
	most      int64
}{{ast.UnitDay, " ", math.MaxInt64}, {ast.UnitHour, ":", 23}, {ast.UnitMinute, ":", 59}, {ast.UnitSecond, "", 59}}

func (x *text) intervalValue(l *ast.IntervalLit, lit *ast.StringLit) (int64, bool) {
	s, q := strings.TrimSpace(lit.Value), l.Qualifier
	negative := l.Negative
	for len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = negative != (s[0] == '-')
		s = strings.TrimSpace(s[1:])
	}
	leading := 2
	if q.Precision != nil {
		leading, _ = strconv.Atoi(q.Precision.Text)
	}
	digits := func(s string, most int) (int64, bool) {
		if s == "" || strings.Trim(s, "0123456789") != "" {
			return 0, false
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if len(strings.TrimLeft(s, "0")) > most {
			x.hinted(fault.SQLInvalid, lit, "give the unit a precision, as in SECOND(3)", "%s has more than %d digits, the precision of the unit", s, most)
		}
		return n, err == nil
	}
	var total int64
	switch {
	case q.From == ast.UnitYear && q.To == ast.UnitMonth:
		years, months, ok := strings.Cut(s, "-")
		if !ok {
			return 0, false
		}
		y, ok1 := digits(years, leading)
		m, ok2 := digits(months, 2)
		if !ok1 || !ok2 || m > 11 {
			return 0, false
		}
		total = y*12 + m
	case q.To == "" && q.From != ast.UnitSecond:
		n, ok := digits(s, leading)
		unit := unitMonths[q.From] + unitMillis[q.From]
		if !ok || unit == 0 || n > math.MaxInt64/unit {
			return 0, false
		}
		total = n * unit
	default:
		at := 0
		for units[at].unit != q.From {
			if at++; at == len(units) {
				return 0, false
			}
		}
		last := q.To
		if last == "" {
			last = q.From
		}
		first := true
		for ; ; at++ {
			if at == len(units) {
				return 0, false
			}
			u := units[at]
			part, rest := s, ""
			if u.unit != last {
				ok := false
				if part, rest, ok = strings.Cut(s, u.separator); !ok {
					return 0, false
				}
			}
			part = strings.TrimSpace(part)
			var millis int64
			if u.unit == ast.UnitSecond {
				seconds, fraction, dotted := strings.Cut(part, ".")
				if dotted && (fraction == "" || strings.Trim(fraction, "0123456789") != "") {
					return 0, false
				}
				part, millis = seconds, nanos(fraction)/1_000_000
			}
			most := 2
			if first {
				most = leading
			}
			n, ok := digits(part, most)
			if !ok || !first && n > u.most || n > math.MaxInt64/2/unitMillis[u.unit] {
				return 0, false
			}
			total += n*unitMillis[u.unit] + millis
			if u.unit == last {
				break
			}
			s, first = strings.TrimSpace(rest), false
		}
	}
	if negative {
		total = -total
	}
	return total, true
}
