package roomlink

import (
	"regexp"
	"strings"
	"unicode"
)

// Private-use characters stand for what was written as an escape: a "." that belongs to the name, and a "/" that
// separates nothing.
const (
	escapedDot   = '\uE000'
	escapedSlash = '\uE001'
)

// isLeading reports whether r, before a name, is not part of it.
func isLeading(r rune) bool {
	switch r {
	case '-', '_', '.', '%', '&', '@', '#', '/', '\\':
		return false
	case '<', '>', '|', '~', '^', '`', '´', '=', '＜', '＞', '｜', '～',
		'\u115F', '\u1160', '\u2800', '\u3164', '\uFFA0', '\uFFFC', '\uFFFD': // fillers and stand-ins, drawn as nothing
		return true
	}
	return isVariation(r) || unicode.In(r, unicode.P, unicode.Z, unicode.Cc)
}

// isTrailing reports whether r, after a name, is not part of it.
func isTrailing(r rune) bool { return r == '.' || isLeading(r) }

// isTrailingSlash is isTrailing for the end of a path.
func isTrailingSlash(r rune) bool { return r == '/' || r == escapedSlash || isTrailing(r) }

// isVariation reports whether r chooses how the character before it is drawn.
func isVariation(r rune) bool { return r >= '\uFE00' && r <= '\uFE0F' }

// isDash reports whether r is what phones and editors make of "-".
func isDash(r rune) bool {
	return r >= '\u2010' && r <= '\u2015' || r == '\u2212' || r == '\uFE58' || r == '\uFE63' || r == '\uFF0D'
}

func isBlank(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Z, r) }

// isAfterLink reports whether a link ends before r even if letters follow: at brackets, quotes, and the punctuation
// of Chinese and Japanese, which needs no blank behind it.
func isAfterLink(r rune) bool {
	if r == '"' || r == '<' || r == '>' || r == '…' || unicode.In(r, unicode.Ps, unicode.Pe, unicode.Pi, unicode.Pf) {
		return true
	}
	return unicode.Is(unicode.P, r) && !isDash(r) &&
		(r >= '\u3001' && r <= '\u303F' || r >= '\uFE10' && r <= '\uFE6F' || r >= '\uFF01' && r <= '\uFF64')
}

// cutSentence cuts off what follows a link without a blank between them.
func cutSentence(path string) string {
	if at := regexp.MustCompile(`&(?:[gl]t|quot|apos|nbsp|#\d+);`).FindStringIndex(path); at != nil {
		path = path[:at[0]]
	}
	start := 0
	if at := strings.Index(strings.ToLower(path), "/r/"); at >= 0 {
		// What stands before the name does not end it.
		start = len(path) - len(strings.TrimLeftFunc(path[at+len("/r/"):], isLeading))
	}
	if at := strings.IndexFunc(path[start:], isAfterLink); at >= 0 {
		path = path[:start+at]
	}
	return path
}

// trimEnd removes the characters at the end that are not part of it.
func trimEnd(text string, trailing func(rune) bool) string {
	return strings.TrimRightFunc(text, trailing)
}

// withoutFormat removes characters that are not drawn: zero-width blanks, soft hyphens, direction marks, isolates. No
// name of a room may have them.
func withoutFormat(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text)
}
