package protocol

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	zwnj = '\u200c'
	zwj  = '\u200d'
)

// VisibleName removes the characters from a peer's name that are invisible and
// only mislead: direction overrides, isolates and marks, line separators,
// zero-width spaces, tags, fillers. Joiners stay where writing needs them:
// between letters of scripts that join, and between emoji; so does one variation
// selector after a character that has variants. A name that would show nothing
// at all becomes the empty name.
func VisibleName(name string) string {
	if ascii(name) {
		return name
	}
	runes := []rune(name)
	var b strings.Builder
	last := rune(0) // the last rune that was kept
	seen := false
	for i, r := range runes {
		if invisible(r) && !keepsShape(last, r, runes[i+1:]) {
			continue
		}
		b.WriteRune(r)
		last = r
		seen = seen || !invisible(r) && !unicode.IsSpace(r) && r != '\u2800'
	}
	if !seen {
		return ""
	}
	return b.String()
}

// invisible reports whether r shows nothing by itself (the Unicode property
// Default_Ignorable_Code_Point, and separators and annotations).
func invisible(r rune) bool {
	switch {
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r), 0x13430 <= r && r <= 0x1345f:
		return false // these show
	default:
		return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
	}
}

// keepsShape reports whether the invisible r changes how the text around it is
// written, as joiners and variation selectors do.
func keepsShape(last, r rune, rest []rune) bool {
	switch {
	case r == zwj || r == zwnj:
		next := rune(0)
		for _, next = range rest {
			if !invisible(next) {
				break
			}
		}
		if invisible(next) {
			next = 0
		}
		return joins(last) && joins(next) || r == zwj && (pictures(last) && pictures(next) || virama(last))
	case r == '\ufe0e' || r == '\ufe0f':
		keycap := len(rest) > 0 && rest[0] == '\u20e3'
		return pictures(last) && last != r || keycap && strings.ContainsRune("0123456789#*", last)
	case unicode.Is(unicode.Mongolian, last):
		return unicode.Is(unicode.Variation_Selector, r) && r < 0x2000
	default:
		return unicode.Is(unicode.Variation_Selector, r) && unicode.Is(unicode.Han, last)
	}
}

// joins reports whether r is from a script whose letters join or form clusters.
func joins(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsMark(r)) && !invisible(r) && !unicode.In(r,
		unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Inherited) ||
		virama(r)
}

// pictures reports whether r may be part of an emoji.
func pictures(r rune) bool {
	return unicode.In(r, unicode.So, unicode.Sk, unicode.Sm) || r == '\ufe0f' || r == '\u203c' || r == '\u2049'
}

// virama reports whether r removes the vowel of a letter; some final letters are
// written with a virama and a joiner.
func virama(r rune) bool {
	const class = 9
	return norm.NFC.PropertiesString(string(r)).CCC() == class
}
