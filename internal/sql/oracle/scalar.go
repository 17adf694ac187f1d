package oracle

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/types"
)

func evalAll(list []expr.Expr, row Row) Row {
	out := make(Row, len(list))
	for i, e := range list {
		out[i] = eval(e, row)
	}
	return out
}

// eval computes an expression of a row.
func eval(e expr.Expr, row Row) any {
	switch e := e.(type) {
	case *expr.Ref:
		return row[e.Index]
	case *expr.Const:
		return ValueOf(e.Value, e.T)
	case *expr.Symbol:
		return e.Name
	case *expr.Call:
		return call(e, row)
	}
	unsupported("the expression %s", e)
	return nil
}

// call computes a function. Those that do not look at all their arguments come first.
func call(c *expr.Call, row Row) any {
	arg := func(i int) any { return eval(c.Args[i], row) }
	switch c.Fn.Name {
	case "AND", "OR":
		stops := c.Fn.Name == "OR"
		var out any = !stops
		for i := range c.Args {
			switch arg(i) {
			case stops:
				return stops
			case nil:
				out = nil
			}
		}
		return out
	case "CASE", "IF":
		for i := 0; i+1 < len(c.Args); i += 2 {
			if arg(i) == true {
				return as(arg(i+1), c.Args[i+1].Type(), c.T)
			}
		}
		if len(c.Args)%2 == 0 {
			return nil
		}
		last := len(c.Args) - 1
		return as(arg(last), c.Args[last].Type(), c.T)
	case "COALESCE", "IFNULL":
		for i, a := range c.Args {
			if v := arg(i); v != nil {
				return as(v, a.Type(), c.T)
			}
		}
		return nil
	}
	args := make([]any, len(c.Args))
	null := false
	for i := range args {
		args[i] = arg(i)
		null = null || args[i] == nil
	}
	switch c.Fn.Name {
	case "IS NULL", "IS UNKNOWN":
		return args[0] == nil
	case "IS NOT NULL", "IS NOT UNKNOWN":
		return args[0] != nil
	case "IS TRUE":
		return args[0] == true
	case "IS NOT TRUE":
		return args[0] != true
	case "IS FALSE":
		return args[0] == false
	case "IS NOT FALSE":
		return args[0] != false
	case "IS DISTINCT FROM", "IS NOT DISTINCT FROM":
		same := args[0] == nil && args[1] == nil || !null && compare(args[0], args[1]) == 0
		return same == (c.Fn.Name == "IS NOT DISTINCT FROM")
	case "IN", "NOT IN":
		if args[0] == nil {
			return nil
		}
		for _, v := range args[1:] {
			if v != nil && compare(args[0], v) == 0 {
				return c.Fn.Name == "IN"
			}
		}
		if null {
			return nil
		}
		return c.Fn.Name == "NOT IN"
	case "NULLIF":
		if !null && compare(args[0], args[1]) == 0 {
			return nil
		}
		return args[0]
	}
	if null {
		return nil
	}
	switch c.Fn.Name {
	case "NOT":
		return args[0] == false
	case "=":
		return compare(args[0], args[1]) == 0
	case "<>":
		return compare(args[0], args[1]) != 0
	case "<":
		return compare(args[0], args[1]) < 0
	case "<=":
		return compare(args[0], args[1]) <= 0
	case ">":
		return compare(args[0], args[1]) > 0
	case ">=":
		return compare(args[0], args[1]) >= 0
	case "BETWEEN":
		return compare(args[0], args[1]) >= 0 && compare(args[0], args[2]) <= 0
	case "+", "-", "*", "/", "%", "MOD":
		return arithmetic(c.Fn.Name, args[0], args[1], c.T)
	case "CAST":
		return as(args[0], c.Args[0].Type(), c.T)
	case "ABS":
		if compare(args[0], int64(0)) < 0 {
			return arithmetic("-", int64(0), args[0], c.T)
		}
		return args[0]
	case "SIGN":
		return fits(int64(compare(args[0], int64(0))), c.T)
	case "GREATEST", "LEAST":
		best := args[0]
		for _, v := range args[1:] {
			if d := compare(v, best); d > 0 == (c.Fn.Name == "GREATEST") && d != 0 {
				best = v
			}
		}
		if c.T.IsNumeric() {
			return fits(best, c.T)
		}
		return best
	case "UPPER":
		return strings.ToUpper(args[0].(string))
	case "LOWER":
		return strings.ToLower(args[0].(string))
	case "TRIM":
		if len(args) == 3 && args[0] == "BOTH" && args[1] == " " {
			return strings.Trim(args[2].(string), " ")
		}
		if len(args) == 1 {
			return strings.Trim(args[0].(string), " ")
		}
	case "CHAR_LENGTH":
		return int64(utf8.RuneCountInString(args[0].(string)))
	case "||", "CONCAT":
		s := ""
		for _, a := range args {
			s += a.(string)
		}
		return s
	case "SUBSTRING":
		s := args[0].(string)
		from := min(max(args[1].(int64)-1, 0), int64(len(s)))
		to := int64(len(s))
		if len(args) == 3 {
			to = min(to, from+args[2].(int64))
		}
		return s[from:to]
	case "LIKE":
		return like(args[0].(string), args[1].(string))
	case "EXTRACT":
		return extract(args[0].(string), args[1])
	}
	unsupported("the function %s", c.Fn.Name)
	return nil
}

func extract(unit string, v any) any {
	t, ok := v.(Time)
	if !ok {
		unsupported("EXTRACT of no timestamp")
	}
	at := time.Unix(0, int64(t)).UTC()
	switch unit {
	case "SECOND":
		return int64(at.Second())
	case "MINUTE":
		return int64(at.Minute())
	case "HOUR":
		return int64(at.Hour())
	}
	unsupported("EXTRACT of %s", unit)
	return nil
}

// like has % and _, without an escape.
func like(s, pattern string) bool {
	if pattern == "" {
		return s == ""
	}
	switch pattern[0] {
	case '%':
		for i := 0; i <= len(s); i++ {
			if like(s[i:], pattern[1:]) {
				return true
			}
		}
		return false
	case '_':
		return s != "" && like(s[1:], pattern[1:])
	}
	return s != "" && s[0] == pattern[0] && like(s[1:], pattern[1:])
}

// arithmetic computes a result of type t.
func arithmetic(op string, a, b any, t types.Type) any {
	if at, ok := a.(Time); ok {
		by, ok := b.(Interval)
		if !ok {
			unsupported("%s of times", op)
		}
		if op == "-" {
			by = -by
		}
		return at + Time(by)*1e6
	}
	if _, ok := a.(Interval); ok {
		unsupported("%s of intervals", op)
	}
	if t.IsApprox() {
		x, y := floatOf(a), floatOf(b)
		switch op {
		case "+":
			x += y
		case "-":
			x -= y
		case "*":
			x *= y
		case "/":
			x /= y
		default:
			x = math.Mod(x, y)
		}
		return fits(x, t)
	}
	x, y := ratOf(a), ratOf(b)
	switch op {
	case "+":
		x = new(big.Rat).Add(x, y)
	case "-":
		x = new(big.Rat).Sub(x, y)
	case "*":
		x = new(big.Rat).Mul(x, y)
	default:
		if y.Sign() == 0 {
			unsupported("division by zero")
		}
		q := new(big.Rat).Quo(x, y)
		if op == "/" {
			x = q
			break
		}
		whole := new(big.Rat).SetInt(new(big.Int).Quo(q.Num(), q.Denom()))
		x = new(big.Rat).Sub(x, whole.Mul(whole, y))
	}
	if t.IsInteger() { // an integer may be too large for what follows: it wraps around
		n := new(big.Int).Quo(x.Num(), x.Denom())
		n.And(n, new(big.Int).SetUint64(math.MaxUint64))
		return fits(int64(n.Uint64()), t)
	}
	return fits(x, t)
}

// as casts a value.
func as(v any, from, to types.Type) any {
	switch {
	case v == nil:
		return nil
	case from.IsNumeric() && to.IsNumeric():
		return fits(v, to)
	case to.IsChar():
		s, ok := v.(string)
		if !ok {
			s = asText(v, from)
		}
		if r := []rune(s); len(r) > to.Length() {
			s = string(r[:to.Length()])
		}
		if to.Kind() == types.Char && utf8.RuneCountInString(s) < to.Length() && to.Length() < 1000 {
			s += strings.Repeat(" ", to.Length()-utf8.RuneCountInString(s))
		}
		return s
	case from.Kind() == to.Kind() && from.Kind() == types.Boolean:
		return v
	case from.IsTimestamp() && to.IsTimestamp():
		unit := Time(math.Pow10(9 - to.Precision()))
		return v.(Time) / unit * unit
	case from.Kind() == to.Kind() && from.IsInterval():
		return v
	}
	unsupported("a cast from %s to %s", from, to)
	return nil
}

func asText(v any, from types.Type) string {
	switch v := v.(type) {
	case int64:
		if from.IsInteger() {
			return strconv.FormatInt(v, 10)
		}
	case bool:
		return strings.ToUpper(strconv.FormatBool(v))
	case *big.Rat:
		return v.FloatString(from.Scale())
	}
	unsupported("%s as text", from)
	return ""
}
