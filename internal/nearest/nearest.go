// Package nearest suggests the word that was meant by one that is mistyped.
package nearest

import "slices"

// maxWord is how many bytes of a word are compared.
const maxWord = 100

// Word returns the one of words, of which there must be at least one, that takes the fewest
// changes of letters. Of several it prefers one with the same first letter, which is seldom
// wrong.
func Word(word string, words []string) string {
	word = word[:min(len(word), maxWord)]
	cost := func(other string) int {
		if word != "" && other != "" && word[0] == other[0] {
			return 2 * distance(word, other)
		}
		return 2*distance(word, other) + 1
	}
	return slices.MinFunc(words, func(a, b string) int { return cost(a) - cost(b) })
}

// distance returns how many letters must be inserted, deleted or replaced to make b of a
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
