package format

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

func TestAppendFloat(t *testing.T) {
	for want, f := range map[string]float64{
		"0.0": 0, "1.0": 1, "-1.5": -1.5, "0.1": 0.1, "0.001": 0.001, "9.0E-4": 0.0009, "1.0E-4": 1e-4, "9999999.0": 9999999, "1.0E7": 1e7, "1.23456789125E8": 123456789.125, "1.0E10": 1e10, "1.5E-7": 1.5e-7,
		"1.7976931348623157E308": math.MaxFloat64, "NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1), "-0.0": math.Copysign(0, -1), "0.3333333333333333": 1.0 / 3, "1.0E100": 1e100,
	} {
		if got := string(AppendFloat(nil, f, 64)); got != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
	for want, f := range map[string]float32{"0.1": 0.1, "1.6777216E7": 16777216, "1.0E-5": 1e-5, "3.4028235E38": math.MaxFloat32} {
		if got := string(AppendFloat(nil, float64(f), 32)); got != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
}

func TestAppendDecimal(t *testing.T) {
	plain, strip, sci := decimalStyle{plain: true}, decimalStyle{strip: true}, decimalStyle{}
	for _, c := range []struct {
		n     int64
		scale int
		style decimalStyle
		want  string
	}{
		{10000, 2, sci, "100.00"}, {10000, 2, strip, "1E+2"}, {10000, 2, decimalStyle{true, true}, "100"}, {0, 2, strip, "0"}, {0, 2, sci, "0.00"}, {1, 2, strip, "0.01"}, {1234560, 2, strip, "12345.6"},
		{-750, 2, strip, "-7.5"}, {1, 7, sci, "1E-7"}, {1000, 10, sci, "1.000E-7"}, {1, 6, sci, "0.000001"}, {1, 7, plain, "0.0000001"}, {-5, 0, sci, "-5"}, {100000, 0, strip, "1E+5"}, {120000, 0, strip, "1.2E+5"},
		{math.MinInt64, 0, sci, "-9223372036854775808"},
	} {
		if got := string(appendDecimal(nil, wideOf(c.n), c.scale, c.style)); got != c.want {
			t.Errorf("%d, %d, %+v: %s, want %s", c.n, c.scale, c.style, got, c.want)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		w := [2]uint64{rnd.Uint64(), uint64(int64(rnd.Uint64()) >> rnd.IntN(64))}
		if rnd.IntN(4) == 0 {
			w[0] = 0
		}
		if got, want := string(appendDecimal(nil, w, 0, plain)), column.Big(w).String(); got != want {
			t.Fatalf("%v: %s, want %s", w, got, want)
		}
		scale := rnd.IntN(39)
		want := new(big.Rat).SetFrac(column.Big(w), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
		for _, style := range []decimalStyle{plain, strip, sci, {true, true}} {
			text := string(appendDecimal(nil, w, scale, style))
			if got, ok := new(big.Rat).SetString(text); !ok || got.Cmp(want) != 0 {
				t.Fatalf("%v, %d, %+v: %s", w, scale, style, text)
			}
			if style == plain && text != want.FloatString(scale) {
				t.Fatalf("%v, %d: %s, want %s", w, scale, text, want.FloatString(scale))
			}
		}
	}
}

func TestTimes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 3))
	for range 20_000 {
		seconds := rnd.Int64N(253402300800+62135596800) - 62135596800 // years 1 to 9999
		nanos := rnd.Int64N(1e9)
		for unit := int64(1); rnd.IntN(2) == 0 && unit < 1e10; unit *= 10 {
			nanos = nanos / (unit * 10) * unit * 10
		}
		at := time.Unix(seconds, nanos).UTC()
		want := at.Format("2006-01-02 15:04:05.999999999")
		if got := string(appendTimestamp(nil, seconds, nanos, ' ', shortest)); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		java := string(appendTimestamp(nil, seconds, nanos, 'T', javaInstant))
		again, err := time.Parse("2006-01-02T15:04:05", java)
		if fraction := len(java) - len("2006-01-02T15:04:05"); err != nil || !again.Equal(at) || fraction%4 != 0 && fraction != 7 && fraction != 10 {
			t.Fatalf("%s of %v", java, at)
		}
		year, month, day := civil(floorDiv(seconds, 86400))
		if daysOf(year, month, day) != floorDiv(seconds, 86400) {
			t.Fatalf("days of %v", at)
		}
		for _, precision := range []int{3, 6, 9} {
			value := column.TimeValue(at, precision)
			v := column.ConstOf(value, types.TimestampOf(precision))
			s, n := secondsOf(v, 0, precision)
			if cut := nanos / (1e9 / column.TimeUnit(precision)) * (1e9 / column.TimeUnit(precision)); s != seconds || n != cut {
				t.Fatalf("precision %d of %v: %d, %d", precision, at, s, n)
			}
		}
	}
	for want, days := range map[string]int64{"1970-01-01": 0, "1969-12-31": -1, "0000-01-01": -719528, "-0001-12-31": -719529, "+10000-01-01": 2932897} {
		if got := string(appendDate(nil, days)); got != want {
			t.Errorf("%d: %s, want %s", days, got, want)
		}
	}
	for want, ms := range map[string]int64{"PT0S": 0, "PT26H3M4.5S": 93784500, "PT-1.5S": -1500, "PT1M": 60000, "PT-0.001S": -1, "PT-1H-1M": -3660000} {
		if got := string(appendDuration(nil, ms)); got != want {
			t.Errorf("%d ms: %s, want %s", ms, got, want)
		}
	}
	for want, months := range map[string]int64{"P0D": 0, "P1Y2M": 14, "P-1Y-2M": -14, "P11M": 11} {
		if got := string(appendPeriod(nil, months)); got != want {
			t.Errorf("%d months: %s, want %s", months, got, want)
		}
	}
	for want, second := range map[string]int{"10:11": 36660, "00:00:01": 1, "23:59:59": 86399} {
		if got := string(appendClock(nil, second, 0, javaLocal)); got != want {
			t.Errorf("%d: %s, want %s", second, got, want)
		}
	}
	if strings.Contains(string(appendClock(nil, 0, 0, shortest)), ".") {
		t.Error("a fraction of nothing")
	}
}
