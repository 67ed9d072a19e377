package coturn

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Files that were copied from a manual, or made from a template, may still have placeholders, and
// remarks after a value. coturn takes both for the value: then everybody knows the secret, or
// nobody who should.

var (
	errRemark = errors.New("a remark stands behind the value, and coturn takes it as a part of that; put it on a line of its own")
	errTwo    = errors.New("another key stands behind the value on the same line; put it on a line of its own")
	errQuotes = errors.New("there are typographic quotes, which coturn takes as a part of the value; write \" or none")
	errHidden = errors.New("there is a character in it that cannot be seen; type it anew")
)

// remarks matches what begins a remark after a value. A # in the middle of a secret is part of it, and
// so is a blank.
var remarks = regexp.MustCompile(`\s(#|//|;|/\*|<!--|--\s)|;\s`)

// template is a form of placeholder in templates and shells.
type template struct {
	form *regexp.Regexp
	what string
}

//nolint:gochecknoglobals // compiled once
var templates = []template{
	{regexp.MustCompile(`\$\{[A-Za-z_]\w*([:?}+-]|$)|\$[A-Z]{2,}_[A-Z]{2,}|^\$+[A-Za-z_]\w*$`), "a variable that nobody has filled in"},
	{regexp.MustCompile("^\\$\\(|^`.*`$|\\bopenssl rand\\b|\\bpwgen\\b|/dev/u?random"), "a command that nobody has run"},
	{regexp.MustCompile(`^%+[({]?[A-Za-z_][\w.-]*[)}]?s?%*$|%[A-Z_]{4,}%`), "a variable that nobody has filled in"},
	{regexp.MustCompile(`\{\{.*\}\}|\{%.*%\}|<%.*%>|#\{[A-Za-z_.]+\}|^\{[A-Za-z][\w .-]*\}$|^\[[A-Za-z][A-Za-z _.-]*\]$`), "a template that nobody has filled in"},
	{regexp.MustCompile(`^<[\w .,:/'-]+>$|<[A-Za-z]+([ _-][A-Za-z]+)+>|<[A-Za-z]{6,}>`), "a text that stands for the value"},
	{regexp.MustCompile(`^_{2,}.+_{2,}$|^@.+@$|^#+[A-Za-z_]+#+$`), "a text that stands for the value"},
	{regexp.MustCompile(`^ENC\[|^[a-z+-]+://|^(file|env|vault|secret):|^/(run|etc|var|mnt|home|root|secrets)/`), "the place of a value, which is not read there"},
	{regexp.MustCompile(`(?i)x{6,}|\*{4,}|_{6,}|…|\.{3,}$|^([x?*.#-]+[ _:-]?)+$`), "a text that stands for the value"},
}

// words matches what people write as placeholders, in lower case and with one blank between words.
//
//nolint:gochecknoglobals // compiled once
var words = []*regexp.Regexp{
	regexp.MustCompile(`^change|\bchange ?(me|it|this|that|now|before|in production|immediately|your|the default)|\b(to be|must be|should be|please|tobe) ?(change|replace|set\b|filled)`),
	regexp.MustCompile(`^replace|\breplace ?(me|it|this|that|with|by|your)\b`),
	regexp.MustCompile(`^(to do|todo|fix me|fixme|tbd|placeholder|redacted|undefined|insert|enter|paste|generate)\b|\b(to do|todo|fixme|placeholder)\b`),
	regexp.MustCompile(`\b(goes|comes|secret|password|key|value|token|string) ?here\b`),
}

// yours matches more of them, for secrets only: a realm may well be your.domain.org.
//
//nolint:gochecknoglobals // compiled once
var yours = []*regexp.Regexp{
	regexp.MustCompile(`^your|\byour\b|\byour(secret|password|key|turn|auth|own)`),
	regexp.MustCompile(`^(static|turn|coturn|turnserver|shared|auth|rest|api|my|a|the|some|super|very|long|random|strong|secure|secret|key|password| )*(secret|secret key|password|secret value|secret string|random string)$`),
}

// checkPlaceholder returns an error when a value is a placeholder for a secret or a realm. The error
// does not contain the value.
func (f *file) checkPlaceholder(value string, secret bool) error {
	if err := f.checkForm(value); err != nil {
		return err
	}
	for _, t := range templates {
		if t.form.MatchString(value) {
			return fmt.Errorf("it is %s", t.what)
		}
	}
	text := spelled(value)
	forms := words
	if secret || !strings.Contains(value, ".") {
		forms = append(forms[:len(forms):len(forms)], yours...)
	}
	for _, form := range forms {
		if form.MatchString(text) {
			return errors.New("it is a text that everybody knows, to be replaced by a value of your own")
		}
	}
	if secret && uniform(value) {
		return errors.New("it is hardly more than one character again and again")
	}
	return nil
}

// checkForm returns an error when a value contains what was not meant as part of it.
func (f *file) checkForm(value string) error {
	switch {
	case f.secondKey(value):
		return errTwo
	case remarks.MatchString(value):
		return errRemark
	case strings.ContainsAny(value, "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u00ab\u00bb"):
		return errQuotes
	case strings.ContainsFunc(value, func(r rune) bool { return r != ' ' && r != '\t' && !unicode.IsGraphic(r) || r == '\u00a0' }):
		return errHidden
	}
	return nil
}

// secondKey reports whether a value contains a blank, a key of coturn and an equals sign.
func (f *file) secondKey(value string) bool {
	for i, field := range strings.Fields(value) {
		name, _, found := strings.Cut(field, "=")
		if _, known := f.table[name]; i > 0 && found && known {
			return true
		}
	}
	return false
}

// spelled returns a text in lower case with one blank between its words; a capital letter after a
// small one begins a new word, too.
func spelled(value string) string {
	var b strings.Builder
	var last rune
	for _, r := range value {
		isWord := unicode.IsLetter(r) || unicode.IsDigit(r)
		if !isWord || unicode.IsUpper(r) && unicode.IsLower(last) {
			b.WriteByte(' ')
		}
		if isWord {
			b.WriteRune(unicode.ToLower(r))
		}
		last = r
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// uniform reports whether a text consists of at most two different characters.
func uniform(value string) bool {
	seen := map[rune]bool{}
	for _, r := range value {
		seen[r] = true
	}
	return len(seen) <= 2
}
