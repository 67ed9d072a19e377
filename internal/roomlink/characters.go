package roomlink

import (
	"regexp"
	"strings"
	"unicode"
)

// Private-use characters stand for characters that were percent-encoded: a "." that is part of the name, and a "/" that
// is not a separator.
const (
	escapedDot   = '\uE000'
	escapedSlash = '\uE001'
)

// isLeading reports whether r, in front of a name, is not part of it.
func isLeading(r rune) bool {
	switch r {
	case '-', '_', '.', '%', '&', '@', '#', '/', '\\':
		return false
	case '<', '>', '|', '~', '^', '`', '´', '=', '＜', '＞', '｜', '～',
		'\u115F', '\u1160', '\u2800', '\u3164', '\uFFA0', '\uFFFC', '\uFFFD': // fillers and placeholders, which are invisible
		return true
	}
	return isVariation(r) || unicode.In(r, unicode.P, unicode.Z, unicode.Cc)
}

// isTrailing reports whether r, after a name, is not part of it.
func isTrailing(r rune) bool { return r == '.' || isLeading(r) }

// isTrailingSlash is isTrailing for the end of a path.
func isTrailingSlash(r rune) bool { return r == '/' || r == escapedSlash || isTrailing(r) }

// isVariation reports whether r is a variation selector, which changes how the character before it is drawn.
func isVariation(r rune) bool { return r >= '\uFE00' && r <= '\uFE0F' }

// isDash reports whether r is a character by which phones and editors replace "-".
func isDash(r rune) bool {
	return r >= '\u2010' && r <= '\u2015' || r == '\u2212' || r == '\uFE58' || r == '\uFE63' || r == '\uFF0D'
}

func isBlank(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Z, r) }

// isAfterLink reports whether a link ends before r even if letters follow: at brackets, quotes, and Chinese and Japanese
// punctuation, which is not followed by a blank.
func isAfterLink(r rune) bool {
	if r == '"' || r == '<' || r == '>' || r == '…' || unicode.In(r, unicode.Ps, unicode.Pe, unicode.Pi, unicode.Pf) {
		return true
	}
	return unicode.Is(unicode.P, r) && !isDash(r) &&
		(r >= '\u3001' && r <= '\u303F' || r >= '\uFE10' && r <= '\uFE6F' || r >= '\uFF01' && r <= '\uFF64')
}

// cutSentence cuts off text that follows a link without a blank.
func cutSentence(path string) string {
	if at := regexp.MustCompile(`&(?:[gl]t|quot|apos|nbsp|#\d+);`).FindStringIndex(path); at != nil {
		path = path[:at[0]]
	}
	start := 0
	if at := strings.Index(strings.ToLower(path), "/r/"); at >= 0 {
		// Characters in front of the name do not end it.
		start = len(path) - len(strings.TrimLeftFunc(path[at+len("/r/"):], isLeading))
	}
	if at := strings.IndexFunc(path[start:], isAfterLink); at >= 0 {
		path = path[:start+at]
	}
	return path
}

// trimEnd removes the characters at the end of text that are not part of it.
func trimEnd(text string, trailing func(rune) bool) string {
	return strings.TrimRightFunc(text, trailing)
}

// withoutFormat removes invisible characters: zero-width blanks, soft hyphens, direction marks, isolates. The name of a
// room must not contain them.
func withoutFormat(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text)
}
