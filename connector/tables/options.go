package tables

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/fault"
)

// durations are the units of [ParseDuration]: each with its labels, as Flink has them.
var durations = []struct {
	unit   time.Duration
	labels []string
}{
	{24 * time.Hour, []string{"d", "day"}},
	{time.Hour, []string{"h", "hour"}},
	{time.Minute, []string{"m", "min", "minute"}},
	{time.Second, []string{"s", "sec", "second"}},
	{time.Millisecond, []string{"ms", "milli", "millisecond", ""}},
	{time.Microsecond, []string{"µs", "us", "micro", "microsecond"}},
	{time.Nanosecond, []string{"ns", "nano", "nanosecond"}},
}

// ParseDuration reads a duration: a whole number and a unit from d, h, min, s, ms, µs and ns or their long names, in the plural too. Without a unit it is milliseconds.
func ParseDuration(s string) (time.Duration, error) {
	number, unit := numberAndUnit(s)
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, fault.New(fault.OptionInvalid, "%q is not a duration: write a whole number and a unit, as '10 s' or '1 min'", s)
	}
	for _, d := range durations {
		for _, label := range d.labels {
			if unit == label || len(label) > 2 && unit == label+"s" {
				if n > math.MaxInt64/int64(d.unit) {
					return 0, fault.New(fault.OptionInvalid, "the duration %q is too long", s)
				}
				return time.Duration(n) * d.unit, nil
			}
		}
	}
	return 0, fault.New(fault.OptionInvalid, "%q is not a duration: the unit %q is none of d, h, min, s, ms, µs, ns", s, unit)
}

var memories = []struct {
	unit   int64
	labels []string
}{
	{1, []string{"b", "bytes", ""}},
	{1 << 10, []string{"k", "kb", "kibibytes"}},
	{1 << 20, []string{"m", "mb", "mebibytes"}},
	{1 << 30, []string{"g", "gb", "gibibytes"}},
	{1 << 40, []string{"t", "tb", "tebibytes"}},
}

// ParseMemory reads a number of bytes: a whole number and a unit from b, kb, mb, gb and tb, each 1024 times the one before. Without a unit it is bytes.
func ParseMemory(s string) (int64, error) {
	number, unit := numberAndUnit(s)
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, fault.New(fault.OptionInvalid, "%q is not a size: write a whole number and a unit, as '128 mb'", s)
	}
	for _, m := range memories {
		if slices.Contains(m.labels, unit) {
			if n > math.MaxInt64/m.unit {
				return 0, fault.New(fault.OptionInvalid, "the size %q is too large", s)
			}
			return n * m.unit, nil
		}
	}
	return 0, fault.New(fault.OptionInvalid, "%q is not a size: the unit %q is none of b, kb, mb, gb, tb", s, unit)
}

func numberAndUnit(s string) (number, unit string) {
	s = strings.TrimSpace(s)
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	return s[:digits], strings.ToLower(strings.TrimSpace(s[digits:]))
}

// Fill checks the options of a table, without 'connector', and returns them with the defaults filled in. The error, option.invalid, names the option that is missing, wrong or unknown, and
// the one that an unknown one is close to.
func (f *Factory) Fill(options map[string]string) (map[string]string, error) {
	out := make(map[string]string, len(options))
	for _, key := range slices.Sorted(maps.Keys(options)) {
		o := f.option(key)
		if o == nil {
			return nil, f.unknown(key)
		}
		if err := o.check(key, options[key]); err != nil {
			return nil, err
		}
		out[key] = options[key]
	}
	for _, o := range f.Options {
		if _, ok := out[o.Key]; ok || strings.HasSuffix(o.Key, "*") {
			continue
		}
		if o.Required {
			return nil, fault.New(fault.OptionInvalid, "the connector %q needs the option '%s'", f.Name, o.Key)
		}
		if o.Default != "" {
			out[o.Key] = o.Default
		}
	}
	return out, nil
}

func (f *Factory) option(key string) *Option {
	for i := range f.Options {
		o := &f.Options[i]
		prefix, many := strings.CutSuffix(o.Key, "*")
		if o.Key == key || many && strings.HasPrefix(key, prefix) && len(key) > len(prefix) {
			return o
		}
	}
	return nil
}

func (o *Option) check(key, value string) error {
	var err error
	switch o.Kind {
	case Number:
		if _, e := strconv.ParseInt(value, 10, 64); e != nil {
			err = fault.New(fault.OptionInvalid, "%q is not a whole number", value)
		}
	case Boolean:
		if !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
			err = fault.New(fault.OptionInvalid, "%q is neither 'true' nor 'false'", value)
		}
	case Duration:
		_, err = ParseDuration(value)
	case Memory:
		_, err = ParseMemory(value)
	}
	if err == nil && o.Values != nil && !slices.ContainsFunc(o.Values, func(v string) bool { return strings.EqualFold(v, value) }) {
		err = fault.New(fault.OptionInvalid, "%q is none of %s", value, strings.Join(o.Values, ", "))
	}
	if err != nil {
		return fault.New(fault.OptionInvalid, "option '%s': %s", key, message(err))
	}
	return nil
}

func (f *Factory) unknown(key string) error {
	best, distance := "", 2+len(key)/3
	var all []string
	for _, o := range f.Options {
		all = append(all, o.Key)
		if d := edits(key, o.Key); d < distance {
			best, distance = o.Key, d
		}
	}
	if best != "" {
		return fault.New(fault.OptionInvalid, "the connector %q has no option '%s': did you mean '%s'?", f.Name, key, best)
	}
	return fault.New(fault.OptionInvalid, "the connector %q has no option '%s'; it has %s", f.Name, key, strings.Join(all, ", "))
}

// edits is the number of characters to insert, remove or replace that makes b of a.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// message is the text of an error without its code, to be part of another.
func message(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Message()
	}
	return err.Error()
}

// Number returns an option of kind Number; 0 if it is not given.
func (t *Table) Number(key string) (int64, error) {
	s, ok := t.Options[key]
	if !ok {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fault.New(fault.OptionInvalid, "option '%s': %q is not a whole number", key, s)
	}
	return n, nil
}

// Flag returns an option of kind Boolean; false if it is not given.
func (t *Table) Flag(key string) bool { return strings.EqualFold(t.Options[key], "true") }

// Duration returns an option of kind Duration; 0 if it is not given.
func (t *Table) Duration(key string) (time.Duration, error) {
	s, ok := t.Options[key]
	if !ok {
		return 0, nil
	}
	d, err := ParseDuration(s)
	if err != nil {
		return 0, fault.New(fault.OptionInvalid, "option '%s': %s", key, message(err))
	}
	return d, nil
}

// Memory returns an option of kind Memory; 0 if it is not given.
func (t *Table) Memory(key string) (int64, error) {
	s, ok := t.Options[key]
	if !ok {
		return 0, nil
	}
	n, err := ParseMemory(s)
	if err != nil {
		return 0, fault.New(fault.OptionInvalid, "option '%s': %s", key, message(err))
	}
	return n, nil
}
