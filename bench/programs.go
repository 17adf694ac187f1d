package main

import (
	"os"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/state"
)

// outputs takes the results of a program. A nil function discards them.
type outputs struct {
	reading func(Reading)
	word    func(Word)
	count   func(Counted)
	// stop ends the job when a window has come that ends behind until.
	until int64
	stop  func()
	toEnd bool // for the loop, which has no stop
}

func (o outputs) endReadings(s *weir.Stream[Reading]) {
	if o.reading == nil {
		s.Discard()
		return
	}
	s.ForEach(func(r Reading, _ int64) error { o.reading(r); return nil })
}

func (o outputs) endWords(s *weir.Stream[Word]) {
	if o.word == nil {
		s.Discard()
		return
	}
	s.ForEach(func(w Word, _ int64) error { o.word(w); return nil })
}

// program is what is measured, written twice.
type program struct {
	name string
	// records is how many a full run has.
	records int64
	text    bool // reads lines
	noFlink bool // Flink has no such program
	// until, unless nil, is the time from which windows have nothing but their fading out: that is not measured.
	until func(n int64) int64
	loop  func(n int64, lines []string, out outputs)
	weir  func(env *weir.Environment, n int64, lines []string, out outputs)
}

var programs = append(windowPrograms, []program{
	{
		name: "chain", records: 200_000_000,
		loop: func(n int64, _ []string, out outputs) {
			var r Reading
			make, first, filter, second := newReading, increment, wanted, scale
			for i := range n {
				make(i, &r)
				first(&r)
				if !filter(&r) {
					continue
				}
				second(&r)
				if out.reading != nil {
					out.reading(r)
				}
			}
		},
		weir: func(env *weir.Environment, n int64, _ []string, out outputs) {
			out.endReadings(readings(env, 0, n).Update(increment).FilterRef(wanted).Update(scale))
		},
	},
	{
		name: "chain-values", records: 40_000_000, noFlink: true,
		loop: func(n int64, _ []string, out outputs) {
			make, first, filter, second := newReadingValue, incrementValue, wantedValue, scaleValue
			for i := range n {
				r := first(make(i))
				if !filter(r) {
					continue
				}
				r = second(r)
				if out.reading != nil {
					out.reading(r)
				}
			}
		},
		weir: func(env *weir.Environment, n int64, _ []string, out outputs) {
			all := weir.Generate(env, sequence.Options{Count: n}, newReadingValue)
			out.endReadings(weir.Map(weir.Map(all, incrementValue).Filter(wantedValue), scaleValue))
		},
	},
	{
		name: "wordcount", records: 3_000_000, text: true,
		loop: func(n int64, lines []string, out outputs) {
			counts := map[string]int64{}
			for i := range n {
				line := lines[i%int64(len(lines))]
				for word, next := nextWord(line, 0); next > 0; word, next = nextWord(line, next) {
					c := counts[word] + 1
					counts[word] = c
					if out.word != nil {
						out.word(Word{word, c})
					}
				}
			}
		},
		weir: func(env *weir.Environment, n int64, lines []string, out outputs) {
			all := weir.Generate(env, sequence.Options{Count: n}, func(i int64) string { return lines[i%int64(len(lines))] })
			words := weir.FlatMapTo(all, func(line string, out *weir.Collector[Word]) {
				for word, next := nextWord(line, 0); next > 0; word, next = nextWord(line, next) {
					out.Collect(Word{word, 1})
				}
			})
			out.endWords(weir.KeyBy(words, wordOf).Reduce(addWords))
		},
	},
	keyedReduce("keyed-reduce", 15_000_000, keyMillion),
	keyedReduce("keyed-reduce-16m", 60_000_000, keySixteenMillion),
	{
		name: "keyed-process", records: 15_000_000, noFlink: true,
		loop: summedBy(keyMillion),
		weir: func(env *weir.Environment, n int64, _ []string, out outputs) {
			keyed := weir.KeyBy(readings(env, 0, n), keyMillion)
			out.endReadings(weir.ProcessKeyedWith(keyed, func() weir.KeyedProcessFunction[int64, Reading, Reading] {
				return &summing{kept: state.NewValue[Reading]("kept")}
			}))
		},
	},
	{
		name: "union", records: 60_000_000,
		loop: func(n int64, _ []string, out outputs) {
			each := func(n int64) {
				var r Reading
				for i := range n {
					if newReading(i, &r); wanted(&r) && out.reading != nil {
						out.reading(r)
					}
				}
			}
			each(n / 2)
			each(n - n/2)
		},
		weir: func(env *weir.Environment, n int64, _ []string, out outputs) {
			out.endReadings(readings(env, 0, n/2).Union(readings(env, 1, n-n/2)).FilterRef(wanted))
		},
	},
	{
		name: "three-shuffles", records: 10_000_000,
		loop: func(n int64, _ []string, out outputs) {
			first, second, third := map[int64]*Reading{}, map[int64]*Reading{}, map[int64]*Reading{}
			var r Reading
			for i := range n {
				newReading(i, &r)
				reduced(first, keyHundred1000s, &r)
				reduced(second, keyTen1000s, &r)
				reduced(third, keyThousand, &r)
				if out.reading != nil {
					out.reading(r)
				}
			}
		},
		weir: func(env *weir.Environment, n int64, _ []string, out outputs) {
			first := weir.KeyBy(readings(env, 0, n), keyHundred1000s).ReduceInto(add)
			second := weir.KeyBy(first, keyTen1000s).ReduceInto(add)
			out.endReadings(weir.KeyBy(second, keyThousand).ReduceInto(add))
		},
	},
}...)

// summing is reduced as a keyed function.
type summing struct {
	kept *state.Value[Reading]
}

func (f *summing) States() []state.State { return []state.State{f.kept} }

func (f *summing) Process(_ *weir.KeyedContext[int64], r Reading, out *weir.Collector[Reading]) error {
	if x, ok := f.kept.Get(); ok {
		r.A += x.A
		r.Value += x.Value
	}
	f.kept.Set(r)
	out.Collect(r)
	return nil
}

var sourceNames = [...]string{"readings", "more readings"}

func readings(env *weir.Environment, number int, n int64) *weir.Stream[Reading] {
	return weir.GenerateInto(env, sequence.Options{Count: n}, newReading).Name(sourceNames[number])
}

// reduced adds r to what is kept of its key, and leaves that in r.
func reduced(kept map[int64]*Reading, key func(Reading) int64, r *Reading) {
	k := key(*r)
	if x := kept[k]; x != nil {
		add(x, r)
		*r = *x
		return
	}
	first := *r
	kept[k] = &first
}

// readLines returns the lines of a file.
func readLines(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimRight(string(text), "\n"), "\n"), nil
}

// keyedReduce sums up readings by a key.
func keyedReduce(name string, records int64, key func(Reading) int64) program {
	return program{
		name: name, records: records,
		loop: summedBy(key),
		weir: func(env *weir.Environment, n int64, _ []string, out outputs) {
			out.endReadings(weir.KeyBy(readings(env, 0, n), key).ReduceInto(add))
		},
	}
}

// summedBy is the loop that sums up readings by a key.
func summedBy(key func(Reading) int64) func(n int64, lines []string, out outputs) {
	return func(n int64, _ []string, out outputs) {
		kept := map[int64]*Reading{}
		var r Reading
		for i := range n {
			newReading(i, &r)
			reduced(kept, key, &r)
			if out.reading != nil {
				out.reading(r)
			}
		}
	}
}
