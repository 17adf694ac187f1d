package main

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weirstream/weir"
)

// minLetters is the length of the shortest words that count: of shorter ones, too many are anagrams by chance.
const minLetters = 4

// family is a set of words of the same letters.
type family struct {
	Letters string
	Words   []string // sorted
}

// build finds the families of the words in lines that have at least two members, and passes on each one once, at the end. They come in order: of the subtasks of the result,
// each has a range of the alphabet, and its part is sorted.
func build(lines *weir.Stream[string]) *weir.Stream[family] {
	words := weir.FlatMapTo(lines, split).Name("words")

	// A word that was seen is not looked at again. Spread by first letter, a word always comes to the same subtask.
	distinct := weir.ProcessWith(words.PartitionCustom(byFirstLetter), func() weir.ProcessFunction[string, string] {
		return &seen{words: map[string]bool{}}
	}).Name("distinct").UID("distinct")

	families := weir.Aggregate(weir.KeyBy(distinct, letters), weir.Aggregator[string, []string, family]{
		Create: func() []string { return nil },
		Add: func(words []string, word string) []string {
			i, _ := slices.BinarySearch(words, word)
			return slices.Insert(words, i, word)
		},
		// The accumulator goes on changing: the result must not share it.
		Result: func(words []string) family { return family{letters(words[0]), slices.Clone(words)} },
	}).Name("families").UID("families")

	large := families.Filter(func(f family) bool { return len(f.Words) > 1 }).Name("two or more")
	ranged := large.PartitionCustom(func(f family, subtasks int) int { return byFirstLetter(f.Letters, subtasks) })
	return weir.ProcessWith(ranged, func() weir.ProcessFunction[family, family] {
		return &sorting{of: map[string]family{}}
	}).Name("sort").UID("sort")
}

// split collects the words of a line, lower-cased: longest runs of letters.
func split(line string, out *weir.Collector[string]) {
	for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return !unicode.IsLetter(r) }) {
		if utf8.RuneCountInString(word) >= minLetters {
			out.Collect(strings.ToLower(word))
		}
	}
}

// letters returns the letters of a word in order: words that are anagrams have the same.
func letters(word string) string {
	r := []rune(word)
	slices.Sort(r)
	return string(r)
}

// byFirstLetter cuts the alphabet into ranges, one a subtask. What begins otherwise belongs to the last.
func byFirstLetter(word string, subtasks int) int {
	c := word[0]
	if c < 'a' || c > 'z' {
		return subtasks - 1
	}
	return int(c-'a') * subtasks / 26
}

// seen passes each word on once.
type seen struct{ words map[string]bool }

func (s *seen) Process(_ *weir.Context, word string, out *weir.Collector[string]) error {
	if !s.words[word] {
		word = strings.Clone(word) // a word is a part of a block of the file, which it would keep in memory
		s.words[word] = true
		out.Collect(word)
	}
	return nil
}

// sorting keeps the largest result of each family, which is the last, and emits them in order at the end.
type sorting struct{ of map[string]family }

func (s *sorting) Process(_ *weir.Context, f family, _ *weir.Collector[family]) error {
	if len(f.Words) > len(s.of[f.Letters].Words) {
		s.of[f.Letters] = f
	}
	return nil
}

func (s *sorting) Finish(_ *weir.Context, out *weir.Collector[family]) error {
	all := make([]family, 0, len(s.of))
	for _, f := range s.of {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b family) int { return cmp.Compare(a.Letters, b.Letters) })
	for _, f := range all {
		out.Collect(f)
	}
	return nil
}
