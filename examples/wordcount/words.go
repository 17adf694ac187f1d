package main

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weirstream/weir"
)

// count is a word and how often it has come so far.
type count = weir.Count[string]

// words yields the words of a line: longest runs of letters and digits, lower-cased.
func words(line string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start := -1
		for i, r := range line {
			if isWord(r) {
				if start < 0 {
					start = i
				}
				continue
			}
			if start >= 0 && !yield(strings.ToLower(line[start:i])) {
				return
			}
			start = -1
		}
		if start >= 0 {
			yield(strings.ToLower(line[start:]))
		}
	}
}

func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// build counts the words of lines.
func build(lines *weir.Stream[string]) *weir.Stream[count] {
	each := weir.FlatMap(lines, words).Name("words")
	return weir.CountBy(each, func(word string) string { return word }).Name("counts").UID("counts")
}

// ranking keeps the latest count of each word.
type ranking map[string]int64

func (r ranking) add(c count) { r[c.Key] = max(r[c.Key], c.N) }

// top returns the n most frequent words, most frequent first, ties by word.
func (r ranking) top(n int) []count {
	all := make([]count, 0, len(r))
	for word, k := range r {
		all = append(all, count{Key: word, N: k})
	}
	slices.SortFunc(all, func(a, b count) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Key, b.Key))
	})
	return all[:min(n, len(all))]
}

// write prints counts, a line each: the number, a tab and the word.
func write(w io.Writer, all []count) {
	for _, c := range all {
		fmt.Fprintf(w, "%d\t%s\n", c.N, c.Key)
	}
}
