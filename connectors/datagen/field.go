package datagen

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// field makes the values of a column, or of a part of one.
type field struct {
	typ  types.Type
	form column.Form
	salt uint64
	// nulls of 2^53 values are null.
	nulls uint64

	counts bool // a sequence that begins at start
	start  int64

	low, high   int64   // integers and intervals
	least, most float64 // other numbers
	length      int     // of texts and collections
	varies      bool    // texts are shorter, too
	past        time.Duration
	zone        *time.Location
	parts       []*field

	numbers []int64 // of the entries of collections
	scratch []byte
}

// clone returns a field with memory of its own.
func (f *field) clone() *field {
	c := *f
	c.parts = make([]*field, len(f.parts))
	for i, p := range f.parts {
		c.parts[i] = p.clone()
	}
	return &c
}

// mix is the finalizer of splitmix64: a number without visible order for each number.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// fill makes the vector the values of the rows with the given numbers.
func (f *field) fill(v *column.Vector, numbers []int64, now time.Time) {
	v.Reset(f.form, len(numbers))
	switch {
	case f.counts:
		for row, n := range numbers {
			f.count(v, row, f.start+n)
		}
	case len(f.parts) > 0 && f.form == column.Tuple:
		for i, p := range f.parts {
			p.fill(v.Child(i), numbers, now)
		}
	case len(f.parts) > 0:
		f.fillEntries(v, numbers, now)
	default:
		for row, n := range numbers {
			f.value(v, row, mix(uint64(n)^f.salt), now)
		}
	}
	if f.nulls > 0 {
		for row, n := range numbers {
			if mix(uint64(n)^f.salt^0xA5A5A5A5)>>11 < f.nulls {
				f.null(v, row, len(numbers))
			}
		}
	}
}

// null makes a row null. What is nested in it stays: it means nothing.
func (f *field) null(v *column.Vector, row, rows int) {
	if f.form <= column.Text {
		v.SetNull(row, rows)
		return
	}
	if v.Valid == nil {
		v.AllValid(rows)
	}
	v.Valid[row>>6] &^= 1 << (row & 63)
}

// fillEntries makes so many entries for each row.
func (f *field) fillEntries(v *column.Vector, numbers []int64, now time.Time) {
	f.numbers = f.numbers[:0]
	for row, n := range numbers {
		for k := range f.length {
			f.numbers = append(f.numbers, n*int64(f.length)+int64(k))
		}
		v.Offsets[row+1] = int32(len(f.numbers))
	}
	for i, p := range f.parts {
		p.fill(v.Child(i), f.numbers, now)
	}
}

func (f *field) count(v *column.Vector, row int, n int64) {
	switch f.typ.Kind() {
	case types.Float, types.Double:
		v.Words[row] = math.Float64bits(float64(n))
	case types.Decimal:
		f.exact(v, row, n)
	case types.Char, types.Varchar:
		f.scratch = strconv.AppendInt(f.scratch[:0], n, 10)
		v.SetBytes(row, f.scratch)
	default:
		v.Words[row] = uint64(n)
	}
}

// value makes a value of a random number.
func (f *field) value(v *column.Vector, row int, r uint64, now time.Time) {
	switch f.typ.Kind() {
	case types.Boolean:
		v.Words[row] = r >> 63
	case types.Float, types.Double:
		unit := float64(r>>11) / (1 << 53)
		x := f.least*(1-unit) + f.most*unit
		if f.typ.Kind() == types.Float {
			x = float64(float32(x))
		}
		v.Words[row] = math.Float64bits(x)
	case types.Decimal:
		unit := float64(r>>11) / (1 << 53)
		f.decimal(v, row, f.least*(1-unit)+f.most*unit)
	case types.Char, types.Varchar, types.Binary, types.Varbinary:
		f.text(v, row, r)
	case types.Date, types.Time, types.Timestamp, types.TimestampLTZ:
		at := now
		if f.past > 0 {
			high, _ := bits.Mul64(r, uint64(f.past)+1)
			at = at.Add(-time.Duration(high))
		}
		f.time(v, row, at)
	default:
		span := uint64(f.high) - uint64(f.low) + 1
		high, _ := bits.Mul64(r, span)
		if span == 0 {
			high = r
		}
		v.Words[row] = uint64(f.low) + high
	}
}

func (f *field) decimal(v *column.Vector, row int, x float64) {
	scaled := math.Round(x * math.Pow10(f.typ.Scale()))
	if f.form == column.Word {
		limit := math.Pow10(f.typ.Precision()) - 1
		v.Words[row] = uint64(int64(max(-limit, min(limit, scaled))))
		return
	}
	if math.Abs(scaled) < 1<<62 {
		n := int64(scaled)
		v.Wide[row] = [2]uint64{uint64(n), uint64(n >> 63)}
		return
	}
	n, _ := big.NewFloat(scaled).Int(nil)
	most := new(big.Int).Sub(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(f.typ.Precision())), nil), big.NewInt(1))
	if n.CmpAbs(most) > 0 {
		if n.Sign() < 0 {
			most.Neg(most)
		}
		n = most
	}
	v.Wide[row], _ = column.WideOf(n)
}

// exact makes a whole number, which fits.
func (f *field) exact(v *column.Vector, row int, n int64) {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(f.typ.Scale())), nil)
	w, _ := column.WideOf(unit.Mul(unit, big.NewInt(n)))
	if f.form == column.Word {
		v.Words[row] = w[0]
	} else {
		v.Wide[row] = w
	}
}

// text makes hexadecimal digits, or bytes.
func (f *field) text(v *column.Vector, row int, r uint64) {
	const hex = "0123456789abcdef"
	n := f.length
	if f.varies {
		high, _ := bits.Mul64(mix(r), uint64(n))
		n = 1 + int(high)
	}
	f.scratch = f.scratch[:0]
	for len(f.scratch) < n {
		r = mix(r)
		x := r
		for i := 0; i < 16 && len(f.scratch) < n; i++ {
			if f.typ.IsBytes() {
				f.scratch = append(f.scratch, byte(x))
				x = bits.RotateLeft64(x, 8)
				continue
			}
			f.scratch = append(f.scratch, hex[x&15])
			x >>= 4
		}
	}
	v.SetBytes(row, f.scratch)
}

// time makes a time: but for TIMESTAMP_LTZ, as clocks show it in the session's time zone.
func (f *field) time(v *column.Vector, row int, at time.Time) {
	if f.typ.Kind() != types.TimestampLTZ && f.zone != nil {
		_, offset := at.In(f.zone).Zone()
		at = at.Add(time.Duration(offset) * time.Second)
	}
	at = at.UTC()
	switch f.typ.Kind() {
	case types.Date:
		v.Words[row] = uint64(floorDays(at.Unix()))
	case types.Time:
		v.Words[row] = uint64((at.Hour()*3600+at.Minute()*60+at.Second())*1000 + at.Nanosecond()/1e6)
	default:
		if x := column.TimeValue(at, f.typ.Precision()); f.form == column.Wide {
			v.Wide[row] = x.Wide
		} else {
			v.Words[row] = x.Word
		}
	}
}

func floorDays(seconds int64) int64 {
	days := seconds / 86400
	if seconds%86400 < 0 {
		days--
	}
	return days
}
