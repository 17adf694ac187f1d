package main

import (
	"os"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/sequence"
)

// outputs takes the results of a program. A nil function discards them.
type outputs struct {
	reading func(Reading)
	word    func(Word)
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
	loop    func(n int64, lines []string, out outputs)
	weir    func(env *weir.Environment, n int64, lines []string, out outputs)
}

var programs = []program{
	{
		name: "chain", records: 60_000_000,
		loop: func(n int64, _ []string, out outputs) {
			for i := range n {
				r := increment(newReading(i))
				if !wanted(r) {
					continue
				}
				r = scale(r)
				if out.reading != nil {
					out.reading(r)
				}
			}
		},
		weir: func(env *weir.Environment, n int64, _ []string, out outputs) {
			s := weir.Map(readings(env, 0, n), increment).Filter(wanted)
			out.endReadings(weir.Map(s, scale))
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
	{
		name: "keyed-reduce", records: 15_000_000,
		loop: func(n int64, _ []string, out outputs) {
			kept := map[int64]Reading{}
			for i := range n {
				r := reduced(kept, keyMillion, newReading(i))
				if out.reading != nil {
					out.reading(r)
				}
			}
		},
		weir: func(env *weir.Environment, n int64, _ []string, out outputs) {
			out.endReadings(weir.KeyBy(readings(env, 0, n), keyMillion).Reduce(add))
		},
	},
	{
		name: "union", records: 60_000_000,
		loop: func(n int64, _ []string, out outputs) {
			each := func(n int64) {
				for i := range n {
					if r := newReading(i); wanted(r) && out.reading != nil {
						out.reading(r)
					}
				}
			}
			each(n / 2)
			each(n - n/2)
		},
		weir: func(env *weir.Environment, n int64, _ []string, out outputs) {
			out.endReadings(readings(env, 0, n/2).Union(readings(env, 1, n-n/2)).Filter(wanted))
		},
	},
	{
		name: "three-shuffles", records: 10_000_000,
		loop: func(n int64, _ []string, out outputs) {
			first, second, third := map[int64]Reading{}, map[int64]Reading{}, map[int64]Reading{}
			for i := range n {
				r := reduced(first, keyHundred1000s, newReading(i))
				r = reduced(second, keyTen1000s, r)
				r = reduced(third, keyThousand, r)
				if out.reading != nil {
					out.reading(r)
				}
			}
		},
		weir: func(env *weir.Environment, n int64, _ []string, out outputs) {
			first := weir.KeyBy(readings(env, 0, n), keyHundred1000s).Reduce(add)
			second := weir.KeyBy(first, keyTen1000s).Reduce(add)
			out.endReadings(weir.KeyBy(second, keyThousand).Reduce(add))
		},
	},
}

var sourceNames = [...]string{"readings", "more readings"}

func readings(env *weir.Environment, number int, n int64) *weir.Stream[Reading] {
	return weir.Generate(env, sequence.Options{Count: n}, newReading).Name(sourceNames[number])
}

// reduced adds r to what is kept of its key, and returns that.
func reduced(kept map[int64]Reading, key func(Reading) int64, r Reading) Reading {
	k := key(r)
	if x, ok := kept[k]; ok {
		r = add(x, r)
	}
	kept[k] = r
	return r
}

// readLines returns the lines of a file.
func readLines(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimRight(string(text), "\n"), "\n"), nil
}
