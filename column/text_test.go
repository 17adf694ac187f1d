package column

import (
	"math/big"
	"testing"
	"time"

	"github.com/weirstream/weir/types"
)

func TestWide(t *testing.T) {
	for _, s := range []string{"0", "1", "-1", "18446744073709551615", "18446744073709551616", "-18446744073709551616", "-18446744073709551615",
		"99999999999999999999999999999999999999", "-99999999999999999999999999999999999999", "170141183460469231731687303715884105727"} {
		b, _ := new(big.Int).SetString(s, 10)
		w, ok := WideOf(b)
		if !ok || Big(w).Cmp(b) != 0 {
			t.Errorf("%s: %v %v %v", s, w, ok, Big(w))
		}
	}
	if _, ok := WideOf(new(big.Int).Lsh(big.NewInt(1), 127)); ok {
		t.Error("2^127 fits")
	}
}

func TestTimes(t *testing.T) {
	for _, s := range []string{"0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999999Z", "2026-11-21T10:20:30.123456789Z", "9999-12-31T23:59:59.5Z"} {
		at, _ := time.Parse(time.RFC3339Nano, s)
		for precision := range 10 {
			unit := time.Second
			for range precision {
				unit /= 10
			}
			want := time.Unix(at.Unix(), int64(at.Nanosecond())/int64(unit)*int64(unit)).UTC()
			if got := TimeOf(TimeValue(at, precision), precision); !got.Equal(want) {
				t.Errorf("%s with precision %d: %v, want %v", s, precision, got, want)
			}
		}
	}
}

func TestLiteral(t *testing.T) {
	wide, _ := WideOf(big.NewInt(-5))
	for _, c := range []struct {
		v    Value
		t    types.Type
		want string
	}{
		{NullValue(), types.String(), "null"},
		{TextValue("it's"), types.String(), "'it''s'"},
		{IntValue(908), types.DecimalOf(4, 3), "0.908"},
		{Value{Wide: wide}, types.DecimalOf(20, 2), "-0.05"},
		{BoolValue(true), types.New(types.Boolean), "true"},
		{FloatValue(1.5), types.New(types.Double), "1.5E+00"},
		{TimeValue(time.Unix(0, 0), 3), types.TimestampOf(3), "TIMESTAMP '1970-01-01 00:00:00.000'"},
		{IntValue(4000), types.IntervalOf(types.Second, 2, 3), "4000:INTERVAL SECOND(3)"},
		{Value{List: []Value{IntValue(1), NullValue()}}, types.ArrayOf(types.New(types.Int)), "ARRAY[1, null]"},
	} {
		if got := Literal(c.v, c.t); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
