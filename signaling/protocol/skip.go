package protocol

import "bytes"

// These functions skip JSON (RFC 8259) without decoding it. Each takes the
// index where its part begins and returns the index after it.

// at returns b[i], or 0 after the end, which is valid nowhere.
func at(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipValue skips one value of any kind, at depth 2: inside the frame's object.
// It does not recurse, so that the sender cannot make the stack grow.
func skipValue(b []byte, i int) (int, bool) {
	var shallow [32]byte
	open := shallow[:0] // the brackets that are open
	for {
		var ok bool
		switch at(b, i) {
		case '{', '[':
			if open = append(open, b[i]); len(open) >= MaxDepth {
				return i, false
			}
			var empty bool
			if i, empty, ok = enter(b, i); !ok {
				return i, false
			}
			if !empty {
				continue
			}
			open = open[:len(open)-1]
		default:
			if i, ok = skipScalar(b, i); !ok {
				return i, false
			}
		}
		if i, open, ok = skipClosing(b, i, open); !ok {
			return i, false
		}
		if len(open) == 0 {
			return i, true
		}
	}
}

// enter moves into the object or array at i: to its first value, or past its end
// when it is empty.
func enter(b []byte, i int) (next int, empty, ok bool) {
	bracket := b[i]
	i = skipSpace(b, i+1)
	if at(b, i) == bracket+2 { // '{' and '}', '[' and ']' are two apart
		return i + 1, true, true
	}
	if bracket == '{' {
		i, ok = skipKey(b, i)
		return i, false, ok
	}
	return i, false, true
}

// skipClosing moves from the end of a value past the brackets that close there,
// and to the next value if there is one.
func skipClosing(b []byte, i int, open []byte) (int, []byte, bool) {
	for len(open) > 0 {
		i = skipSpace(b, i)
		top := open[len(open)-1]
		switch at(b, i) {
		case ',':
			i = skipSpace(b, i+1)
			if top == '{' {
				var ok bool
				i, ok = skipKey(b, i)
				return i, open, ok
			}
			return i, open, true
		case top + 2:
			open = open[:len(open)-1]
			i++
		default:
			return i, open, false
		}
	}
	return i, open, true
}

func skipKey(b []byte, i int) (int, bool) {
	i, ok := skipString(b, i)
	if !ok {
		return i, false
	}
	i = skipSpace(b, i)
	if at(b, i) != ':' {
		return i, false
	}
	return skipSpace(b, i+1), true
}

func skipScalar(b []byte, i int) (int, bool) {
	switch c := at(b, i); {
	case c == '"':
		return skipString(b, i)
	case c == '-' || isDigit(c):
		return skipNumber(b, i)
	case c == 't':
		return skipWord(b, i, "true")
	case c == 'f':
		return skipWord(b, i, "false")
	case c == 'n':
		return skipWord(b, i, "null")
	default:
		return i, false
	}
}

func skipWord(b []byte, i int, word string) (int, bool) {
	if !bytes.HasPrefix(b[i:], []byte(word)) {
		return i, false
	}
	return i + len(word), true
}

func skipString(b []byte, i int) (int, bool) {
	if at(b, i) != '"' {
		return i, false
	}
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, true
		case c < 0x20:
			return i, false
		case c == '\\':
			i++
			switch at(b, i) {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if i++; !isHex(at(b, i)) {
						return i, false
					}
				}
			default:
				return i, false
			}
		}
	}
	return i, false
}

func skipNumber(b []byte, i int) (int, bool) {
	if at(b, i) == '-' {
		i++
	}
	switch {
	case at(b, i) == '0':
		i++
	case isDigit(at(b, i)):
		i = skipDigits(b, i)
	default:
		return i, false
	}
	if at(b, i) == '.' {
		if !isDigit(at(b, i+1)) {
			return i, false
		}
		i = skipDigits(b, i+1)
	}
	if c := at(b, i); c == 'e' || c == 'E' {
		i++
		if c := at(b, i); c == '+' || c == '-' {
			i++
		}
		if !isDigit(at(b, i)) {
			return i, false
		}
		i = skipDigits(b, i)
	}
	return i, true
}

func skipDigits(b []byte, i int) int {
	for isDigit(at(b, i)) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
