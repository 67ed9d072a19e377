package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// field numbers the keys that this version of the protocol knows.
type field uint8

const (
	fieldNone field = iota
	fieldType
	fieldID
	fieldSeq
	fieldRoom
	fieldName
	fieldTo
	fieldEvent
	fieldData
	fieldFrom
	fieldPeer
	fieldPeers
	fieldCapacity
	fieldGrace
	fieldPing
	fieldICEServers
	fieldICETTL
	fieldResumed
	fieldPolite
	fieldFailed
	fieldCode
	fieldMessage
	fieldRetry
	fieldAfter
	fieldReason
	fieldToken
	fieldNonce
	fieldResume
	fieldReplace
	fieldUndelivered
	fieldCount
)

func fieldOf(key []byte) field { //nolint:funlen // a table, which the compiler makes a search
	switch string(key) {
	case "type":
		return fieldType
	case "id":
		return fieldID
	case "seq":
		return fieldSeq
	case "room":
		return fieldRoom
	case "name":
		return fieldName
	case "to":
		return fieldTo
	case "event":
		return fieldEvent
	case "data":
		return fieldData
	case "from":
		return fieldFrom
	case "peer":
		return fieldPeer
	case "peers":
		return fieldPeers
	case "capacity":
		return fieldCapacity
	case "grace":
		return fieldGrace
	case "ping":
		return fieldPing
	case "iceServers":
		return fieldICEServers
	case "iceTTL":
		return fieldICETTL
	case "resumed":
		return fieldResumed
	case "polite":
		return fieldPolite
	case "failed":
		return fieldFailed
	case "code":
		return fieldCode
	case "message":
		return fieldMessage
	case "retry":
		return fieldRetry
	case "after":
		return fieldAfter
	case "reason":
		return fieldReason
	case "token":
		return fieldToken
	case "nonce":
		return fieldNonce
	case "resume":
		return fieldResume
	case "replace":
		return fieldReplace
	case "undelivered":
		return fieldUndelivered
	default:
		return fieldNone
	}
}

// String returns the key.
func (f field) String() string {
	return [fieldCount]string{
		fieldType:        "type",
		fieldID:          "id",
		fieldSeq:         "seq",
		fieldRoom:        "room",
		fieldName:        "name",
		fieldTo:          "to",
		fieldEvent:       "event",
		fieldData:        "data",
		fieldFrom:        "from",
		fieldPeer:        "peer",
		fieldPeers:       "peers",
		fieldCapacity:    "capacity",
		fieldGrace:       "grace",
		fieldPing:        "ping",
		fieldICEServers:  "iceServers",
		fieldICETTL:      "iceTTL",
		fieldResumed:     "resumed",
		fieldPolite:      "polite",
		fieldFailed:      "failed",
		fieldCode:        "code",
		fieldMessage:     "message",
		fieldRetry:       "retry",
		fieldAfter:       "after",
		fieldReason:      "reason",
		fieldToken:       "token",
		fieldNonce:       "nonce",
		fieldResume:      "resume",
		fieldReplace:     "replace",
		fieldUndelivered: "undelivered",
	}[f]
}

// Why a text is not a frame.
var (
	errNotUTF8   = errors.New("the frame is not UTF-8")
	errNotJSON   = errors.New("the frame is not valid JSON")
	errNotObject = errors.New("the frame is not a JSON object")
	errTwice     = errors.New("a key stands twice in the frame")
	errKeys      = errors.New("the frame has more than 64 keys")
	errLongKey   = errors.New("a key of the frame is longer than 256 bytes")
)

// The bounds of the top level of a frame. Keys cost more than their bytes.
const (
	maxKeys      = 64
	maxKeyLength = 256
)

// envelope holds the raw values of the known keys of one frame. They alias the
// frame.
type envelope [fieldCount][]byte

// scan checks frame as a whole and splits its top level. It agrees with
// encoding/json on what is valid JSON.
func (e *envelope) scan(frame []byte) error {
	if !utf8.Valid(frame) {
		return errNotUTF8
	}
	i := skipSpace(frame, 0)
	if i == len(frame) || frame[i] != '{' {
		if json.Valid(frame) {
			return errNotObject
		}
		return errNotJSON
	}
	var unknown keySet
	keys := 0
	i = skipSpace(frame, i+1)
	for first := true; ; first = false {
		if first && at(frame, i) == '}' {
			break
		}
		keyEnd, ok := skipString(frame, i)
		if !ok {
			return errNotJSON
		}
		if keys++; keys > maxKeys {
			return errKeys
		}
		if keyEnd-i > maxKeyLength {
			return errLongKey
		}
		name := keyText(frame[i:keyEnd])
		i = skipSpace(frame, keyEnd)
		if at(frame, i) != ':' {
			return errNotJSON
		}
		i = skipSpace(frame, i+1)
		end, ok := skipValue(frame, i)
		if !ok {
			return errNotJSON
		}
		if f := fieldOf(name); f == fieldNone {
			unknown.add(name)
		} else if e[f] != nil {
			unknown.twice = true
		} else {
			e[f] = frame[i:end]
		}
		i = skipSpace(frame, end)
		if at(frame, i) != ',' {
			break
		}
		i = skipSpace(frame, i+1)
	}
	if at(frame, i) != '}' || skipSpace(frame, i+1) != len(frame) {
		return errNotJSON
	}
	if unknown.twice {
		return errTwice
	}
	return nil
}

// keySet finds a key that is there twice, without taking quadratic time in the
// number of keys, which a client chooses.
type keySet struct {
	few   [8][]byte
	count int
	many  map[string]struct{}
	twice bool
}

func (s *keySet) add(key []byte) {
	if s.many == nil {
		for _, known := range s.few[:s.count] {
			if bytes.Equal(known, key) {
				s.twice = true
				return
			}
		}
		if s.count < len(s.few) {
			s.few[s.count] = key
			s.count++
			return
		}
		s.many = make(map[string]struct{})
		for _, known := range s.few {
			s.many[string(known)] = struct{}{}
		}
	}
	if _, ok := s.many[string(key)]; ok {
		s.twice = true
	}
	s.many[string(key)] = struct{}{}
}

// keyText returns the content of the JSON string raw.
func keyText(raw []byte) []byte {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	return []byte(unescape(raw))
}

// unescape decodes the JSON string raw, which must be valid.
func unescape(raw []byte) string {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return string(raw) // not reached: skipString accepted it
	}
	return s
}
