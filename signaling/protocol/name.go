package protocol

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The bounds of names, in Unicode code points.
const (
	MaxRoomName  = 64 // default bound of a room's name
	MaxPeerName  = 64 // default bound of a peer's name
	MaxEventName = 64 // bound of a report's event
)

// MaxNonce is the bound of a join's nonce, in bytes.
const MaxNonce = 64

// CanonicalRoom returns the name under which a room is known: name in Unicode
// normalization form C. The name of a room has 1 to limit code points (counted
// in that form; 0 = no upper bound), which are letters, marks and decimal digits
// of any script, "-", "_" and ".". For any other name, the error is an [Error]
// with CodeBadRequest.
func CanonicalRoom(name string, limit int) (string, error) {
	if name == "" {
		return "", Error{Code: CodeBadRequest, Message: "the room has no name"}
	}
	// A long name is refused before it costs anything: normalizing makes a
	// text at most three times shorter in code points.
	if limit > 0 && len(name) > limit*3*utf8.UTFMax {
		return "", tooLong("the room's name", limit)
	}
	canonical := name
	if !ascii(name) { // ASCII is in that form already
		canonical = norm.NFC.String(name)
	}
	if limit > 0 && utf8.RuneCountInString(canonical) > limit {
		return "", tooLong("the room's name", limit)
	}
	for _, r := range canonical {
		if !roomRune(r) {
			return "", Error{
				Code:    CodeBadRequest,
				Message: "the room's name has " + strconv.QuoteRuneToASCII(r) + " in it; it may have letters, digits, '-', '_' and '.'",
			}
		}
	}
	return canonical, nil
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func roomRune(r rune) bool {
	switch r {
	case '-', '_', '.':
		return true
	default:
		return (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)) && !invisible(r)
	}
}

// CheckPeerName checks the name of a peer: at most limit code points (0 = no
// bound), none of them a control character. The error is an [Error] with
// CodeBadRequest.
func CheckPeerName(name string, limit int) error {
	return checkText("name", name, limit)
}

// CheckEventName checks the event of a report: 1 to [MaxEventName] code points,
// none of them a control character or invisible. The error is an [Error] with
// CodeBadRequest.
func CheckEventName(event string) error {
	if event == "" {
		return Error{Code: CodeBadRequest, Message: "a report needs an event"}
	}
	if strings.ContainsFunc(event, invisible) {
		return Error{Code: CodeBadRequest, Message: "event has a character in it that cannot be seen"}
	}
	return checkText("event", event, MaxEventName)
}

func checkText(field, text string, limit int) error {
	if limit > 0 && utf8.RuneCountInString(text) > limit {
		return tooLong(field, limit)
	}
	for _, r := range text {
		if unicode.IsControl(r) {
			return Error{Code: CodeBadRequest, Message: field + " has a control character in it"}
		}
	}
	return nil
}

func tooLong(what string, limit int) Error {
	return Error{Code: CodeBadRequest, Message: what + " is longer than " + strconv.Itoa(limit) + " characters"}
}

// CheckNonce checks the nonce of a join: 1 to [MaxNonce] printable ASCII
// characters without spaces. The error is an [Error] with CodeBadRequest.
func CheckNonce(nonce string) error {
	if nonce == "" || len(nonce) > MaxNonce {
		return Error{Code: CodeBadRequest, Message: "a nonce has 1 to " + strconv.Itoa(MaxNonce) + " characters"}
	}
	for i := range len(nonce) {
		if c := nonce[i]; c <= ' ' || c > '~' {
			return Error{Code: CodeBadRequest, Message: "a nonce has only ASCII characters that can be printed"}
		}
	}
	return nil
}
