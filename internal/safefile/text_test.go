package safefile

import (
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		content, want string
	}{
		"plain":                     {"a\nb\n", "a\nb\n"},
		"byte order mark":           {"\xef\xbb\xbfa\n", "a\n"},
		"CRLF":                      {"a\r\nb\r\n", "a\nb\n"},
		"CR":                        {"a\rb", "a\nb"},
		"line separators":           {"a\u2028b\u2029c", "a\nb\nc"},
		"DOS end":                   {"a\r\n\x1a", "a\n"},
		"UTF-16LE":                  {"\xff\xfea\x00\r\x00\n\x00\xe4\x00", "a\nä"},
		"UTF-16BE":                  {"\xfe\xff\x00a\x00\n", "a\n"},
		"UTF-16 beyond 16 bits":     {"\xff\xfe\x3d\xd8\x00\xde", "😀"},
		"UTF-16 cut":                {"\xff\xfea\x00\x3d", "a"},
		"UTF-16LE without a mark":   {"a\x00b\x00\n\x00", "ab\n"},
		"UTF-16BE without a mark":   {"\x00a\x00b\x00\n", "ab\n"},
		"bytes of another encoding": {"caf\xe9\n", "caf\xe9\n"},
		"empty":                     {"", ""},
	} {
		if got, err := Text([]byte(tc.content)); err != nil || got != tc.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, tc.want)
		}
	}
	for _, content := range []string{"\x00", "a\x00", "abc\x00d", "\x00\x00\x00\x00"} {
		if got, err := Text([]byte(content)); err == nil {
			t.Errorf("%q is taken as the text %q", content, got)
		}
	}
}

func TestTrim(t *testing.T) {
	t.Parallel()
	if got := Trim("\u00a0\t \u200ba b\u3000\ufeff\u2060\r\n"); got != "a b" {
		t.Errorf("%q, want %q", got, "a b")
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("\xff\xfea\x00"))
	f.Add([]byte("\xfe\xff\xd8\x3d\xde\x00"))
	f.Add([]byte("a\r\nb"))
	f.Fuzz(func(t *testing.T, content []byte) {
		text, err := Text(content)
		if err == nil && utf8.Valid(content) && !utf8.ValidString(text) {
			t.Fatalf("%q became %q", content, text)
		}
	})
}
