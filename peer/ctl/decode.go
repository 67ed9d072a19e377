package ctl

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Error says what is wrong with a message.
type Error struct {
	Type string // of the message; "" = it has none
	// What is the name of the malformed field, "json" if the message is no JSON object
	// in UTF-8, or "size" if it is too large.
	What string
}

// Error implements error.
func (e *Error) Error() string {
	switch {
	case e.What == "json":
		return "the message is not a JSON object"
	case e.What == "size":
		return "the message is too large"
	case e.Type == "":
		return "the message has no " + e.What
	default:
		return fmt.Sprintf("%q of a message of type %q is malformed", e.What, e.Type)
	}
}

// Decode decodes a message. It ignores fields that it does not know, and returns nil
// for a type that it does not know. The error is an [*Error].
func Decode(text []byte) (Message, error) {
	if len(text) > MaxBytes {
		return nil, &Error{What: "size"}
	}
	var f fields
	if !utf8.Valid(text) || json.Unmarshal(text, &f.raw) != nil || f.raw == nil {
		return nil, &Error{What: "json"}
	}
	var kind string
	if !f.has("type") || json.Unmarshal(f.raw["type"], &kind) != nil {
		return nil, &Error{What: "type"}
	}
	m := f.message(kind)
	if f.wrong == "" && kind == (Chat{}).kind() && len(text) > MaxChatBytes {
		f.wrong = "size"
	}
	if f.wrong != "" {
		return nil, &Error{Type: kind, What: f.wrong}
	}
	return m, nil
}

// fields are the fields of a message. It keeps the name of the first malformed one.
type fields struct {
	raw   map[string]json.RawMessage
	wrong string
}

func (f *fields) message(kind string) Message {
	switch kind {
	case "hello":
		return Hello{
			V: f.integer("v", 1, MaxInteger), App: f.text("app", MaxText), Features: f.features(), Name: f.text("name", MaxText),
		}
	case "state":
		return State{
			Audio: f.boolean("audio"), Video: f.boolean("video"), Screen: f.boolean("screen"),
			Recording: f.boolean("recording"), Held: f.boolean("held"), MIDs: f.mids(),
		}
	case "signal":
		return Signal{Data: f.object("data")}
	case "commit":
		return Commit{Hash: f.value("hash")}
	case "nonce":
		return Nonce{Nonce: f.value("nonce")}
	case "reveal":
		return Reveal{Nonce: f.value("nonce")}
	case "chat":
		return Chat{ID: f.id(), Text: f.chatText(), At: f.integer("at", 0, MaxInteger)}
	case "got":
		return Got{ID: f.id()}
	case "offer_file":
		return OfferFile{
			ID: f.id(), Name: f.text("name", MaxFileText), Size: f.integer("size", 0, MaxInteger), MIME: f.text("mime", MaxFileText),
		}
	case "take":
		return Take{ID: f.id(), Offset: f.offset()}
	case "refuse":
		return Refuse{ID: f.id()}
	case "file_end":
		return FileEnd{ID: f.id(), SHA256: f.value("sha256")}
	case "file_ok":
		return FileOK{ID: f.id()}
	case "file_bad":
		return FileBad{ID: f.id()}
	case "stop_file":
		return StopFile{ID: f.id()}
	case "ping":
		return Ping{N: f.integer("n", 0, MaxInteger), T: f.integer("t", 0, MaxInteger)}
	case "pong":
		return Pong{N: f.integer("n", 0, MaxInteger), T: f.integer("t", 0, MaxInteger), R: f.integer("r", 0, MaxInteger)}
	case "bye":
		return Bye{Final: f.boolean("final")}
	default:
		return nil
	}
}

func (f *fields) setWrong(name string) {
	if f.wrong == "" {
		f.wrong = name
	}
}

// has reports whether a field is there. null counts as absent.
func (f *fields) has(name string) bool {
	raw := f.raw[name]
	return len(raw) > 0 && raw[0] != 'n'
}

// text returns a text without control characters, of at most limit code points; "" if
// the field is absent.
func (f *fields) text(name string, limit int) string {
	if !f.has(name) {
		return ""
	}
	text, ok := wellFormed(f.raw[name])
	if !ok || utf8.RuneCountInString(text) > limit || slices.ContainsFunc([]rune(text), unicode.IsControl) {
		f.setWrong(name)
		return ""
	}
	return text
}

// chatText returns the text of a chat message, in which LF and TAB are allowed.
func (f *fields) chatText() string {
	text, ok := wellFormed(f.raw["text"])
	forbidden := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	if !ok || utf8.RuneCountInString(text) > MaxChatText || slices.ContainsFunc([]rune(text), forbidden) {
		f.setWrong("text")
	}
	return text
}

// boolean returns false if the field is absent.
func (f *fields) boolean(name string) bool {
	if !f.has(name) {
		return false
	}
	raw := string(f.raw[name])
	if raw != "true" && raw != "false" {
		f.setWrong(name)
	}
	return raw == "true"
}

// integer returns an integer of a range, in any notation: 1, 1.0 and 1e0 are the same.
func (f *fields) integer(name string, lowest, highest uint64) uint64 {
	n, err := strconv.ParseFloat(string(f.raw[name]), 64)
	if err != nil || n != math.Trunc(n) || n < float64(lowest) || n > float64(highest) {
		f.setWrong(name)
		return 0
	}
	return uint64(n)
}

func (f *fields) id() uint32 { return uint32(f.integer("id", 1, MaxID)) } //nolint:gosec // at most MaxID

func (f *fields) offset() uint64 {
	offset := f.integer("offset", 0, MaxInteger)
	if offset%FileBlock != 0 {
		f.setWrong("offset")
	}
	return offset
}

func (f *fields) value(name string) (v Value) {
	text, ok := wellFormed(f.raw[name])
	if n, err := hex.Decode(v[:], lowerHex(text)); !ok || err != nil || n != len(v) {
		f.setWrong(name)
	}
	return v
}

// lowerHex returns text if it is as long as a Value and has no capitals, and
// otherwise nothing.
func lowerHex(text string) []byte {
	if len(text) != 2*len(Value{}) || slices.ContainsFunc([]rune(text), unicode.IsUpper) {
		return nil
	}
	return []byte(text)
}

func (f *fields) object(name string) json.RawMessage {
	raw := f.raw[name]
	if len(raw) == 0 || raw[0] != '{' {
		f.setWrong(name)
	}
	return raw
}

func (f *fields) features() []string {
	names := []string{}
	if !f.has("features") {
		return names
	}
	var list []json.RawMessage
	if json.Unmarshal(f.raw["features"], &list) != nil || len(list) > MaxFeatures {
		f.setWrong("features")
		return names
	}
	for _, raw := range list {
		one := fields{raw: map[string]json.RawMessage{"name": raw}}
		names = append(names, one.text("name", MaxText))
		if one.wrong != "" || !one.has("name") {
			f.setWrong("features")
		}
	}
	return names
}

func (f *fields) mids() MIDs {
	if !f.has("mids") {
		return MIDs{}
	}
	var inner fields
	if json.Unmarshal(f.raw["mids"], &inner.raw) != nil {
		f.setWrong("mids")
		return MIDs{}
	}
	mids := MIDs{Screen: inner.text("screen", MaxText), ScreenAudio: inner.text("screenAudio", MaxText)}
	if inner.wrong != "" {
		f.setWrong("mids")
	}
	return mids
}

// wellFormed returns the text of a JSON string; false if raw is not a string, or has
// an escaped surrogate without its other half, which Go would replace silently.
func wellFormed(raw json.RawMessage) (string, bool) {
	var text string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		return "", false
	}
	return text, !hasLoneSurrogate(raw)
}

// hasLoneSurrogate reports whether a JSON string has a surrogate without its other
// half.
func hasLoneSurrogate(raw []byte) bool {
	const high, low, end = 0xd800, 0xdc00, 0xe000
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		unit := escapedUnit(raw[i:])
		switch {
		case unit < high || unit >= end:
			i++ // the character after the backslash may be another backslash
		case unit >= low:
			return true
		default:
			next := escapedUnit(raw[i+len(`\u0000`):])
			if next < low || next >= end {
				return true
			}
			i += len(`\u0000\u000`)
		}
	}
	return false
}

// escapedUnit returns the UTF-16 code unit of the escape \uXXXX with which raw
// begins; 0 if it begins otherwise.
func escapedUnit(raw []byte) uint64 {
	if len(raw) < len(`\u0000`) || raw[0] != '\\' || raw[1] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(string(raw[2:len(`\u0000`)]), 16, 16)
	if err != nil {
		return 0
	}
	return unit
}
