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

// Text returns plain text as it is meant, whatever editor or system wrote it: in
// UTF-8, without a byte order mark, with LF at the end of each line. UTF-16 is
// known by its byte order mark, or by the zeros of plain ASCII. Other bytes stay
// as they are. Text that no such rule explains and that has zeros in it is an
// error.
func Text(content []byte) (string, error) {
	content = fromUTF16(content)
	if bytes.IndexByte(content, 0) >= 0 {
		return "", errors.New("it contains zero bytes, so it is not text")
	}
	text := strings.TrimPrefix(string(content), "\ufeff")
	text = strings.TrimRight(text, "\x1a") // the end of a file in DOS
	return strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text), nil
}

// Trim takes blanks off both ends, those that cannot be seen among them: byte
// order marks and characters without a width, which come with what is copied
// from web pages and chats.
func Trim(line string) string {
	return strings.TrimFunc(line, func(r rune) bool {
		return unicode.IsSpace(r) || r == '\ufeff' || '\u200b' <= r && r <= '\u200f' || '\u202a' <= r && r <= '\u202e' || '\u2060' <= r && r <= '\u2064'
	})
}

// fromUTF16 returns UTF-16 as UTF-8, and anything else as it is.
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

// zeros reports whether every second byte is zero, from the one at first on, and
// no other is: ASCII in UTF-16.
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
