package safefile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text decodes plain text, whatever editor or system wrote it, to UTF-8 without a byte
// order mark and with LF at the end of each line. It recognises UTF-16 by its byte order
// mark, or by the zero bytes of ASCII in UTF-16. Other bytes stay as they are. The error
// says that the text still contains zero bytes.
func Text(content []byte) (string, error) {
	content = fromUTF16(content)
	if bytes.IndexByte(content, 0) >= 0 {
		return "", errors.New("it contains zero bytes, so it is not text")
	}
	text := strings.TrimPrefix(string(content), "\ufeff")
	text = strings.TrimRight(text, "\x1a") // end-of-file character of DOS
	return strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text), nil
}

// Trim removes blanks from both ends, including invisible ones: byte order marks and
// zero-width characters, which text copied from web pages and chats may contain.
func Trim(line string) string {
	return strings.TrimFunc(line, func(r rune) bool {
		return unicode.IsSpace(r) || r == '\ufeff' || '\u200b' <= r && r <= '\u200f' || '\u202a' <= r && r <= '\u202e' || '\u2060' <= r && r <= '\u2064'
	})
}

// fromUTF16 converts UTF-16 to UTF-8, and returns anything else unchanged.
func fromUTF16(content []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(content, []byte{0xff, 0xfe}):
		order, content = binary.LittleEndian, content[2:]
	case bytes.HasPrefix(content, []byte{0xfe, 0xff}):
		order, content = binary.BigEndian, content[2:]
	case zeros(content, 1):
		order = binary.LittleEndian
	case zeros(content, 0):
		order = binary.BigEndian
	default:
		return content
	}
	out := make([]byte, 0, len(content))
	for len(content) >= 2 {
		r := rune(order.Uint16(content))
		content = content[2:]
		if utf16.IsSurrogate(r) && len(content) >= 2 {
			r = utf16.DecodeRune(r, rune(order.Uint16(content)))
			content = content[2:]
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// zeros reports whether every second byte, starting at index first, is zero, and no other
// byte is: ASCII in UTF-16.
func zeros(content []byte, first int) bool {
	if len(content) < 4 || len(content)%2 != 0 {
		return false
	}
	for i, b := range content {
		if (b == 0) != (i%2 == first) {
			return false
		}
	}
	return true
}
