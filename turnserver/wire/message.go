package wire

import (
	"encoding/binary"
	"errors"
)

const (
	// HeaderLen is the length of the header of a STUN message.
	HeaderLen = 20

	cookie        = 0x2112a442
	attrHeaderLen = 4
)

// ErrMalformed is the error of Parse for bytes that are not a STUN message.
var ErrMalformed = errors.New("not a STUN message")

// Message is a STUN message in the bytes it was received in.
type Message struct {
	raw []byte
	// These are the offsets of the attributes; 0 = there is none.
	integrity, fingerprint int
}

// IsSTUN reports whether p begins like a STUN message, with two zero bits and the magic cookie (RFC
// 8489 section 6.3).
func IsSTUN(p []byte) bool {
	return len(p) >= HeaderLen && p[0]>>6 == 0 && binary.BigEndian.Uint32(p[4:]) == cookie
}

// Parse parses p, which must be exactly one STUN message. A FINGERPRINT must be the last attribute
// (RFC 8489 section 14.7); only CheckFingerprint checks its value. The message uses p.
func Parse(p []byte) (Message, error) {
	if !IsSTUN(p) || len(p)%4 != 0 || HeaderLen+int(binary.BigEndian.Uint16(p[2:])) != len(p) {
		return Message{}, ErrMalformed
	}
	m := Message{raw: p}
	for at := HeaderLen; at < len(p); {
		kind := Attr(binary.BigEndian.Uint16(p[at:]))
		length := int(binary.BigEndian.Uint16(p[at+2:]))
		next := at + attrHeaderLen + padded(length)
		switch {
		case next > len(p):
			return Message{}, ErrMalformed
		case kind == MessageIntegrity && m.integrity == 0:
			if length != integrityLen {
				return Message{}, ErrMalformed
			}
			m.integrity = at
		case kind == Fingerprint:
			if length != fingerprintLen || next != len(p) {
				return Message{}, ErrMalformed
			}
			m.fingerprint = at
		}
		at = next
	}
	return m, nil
}

func padded(length int) int { return (length + 3) &^ 3 }

// Raw returns the bytes of the message.
func (m Message) Raw() []byte { return m.raw }

// Type returns the method and class of the message.
func (m Message) Type() Type { return Type(binary.BigEndian.Uint16(m.raw)) }

// TransactionID returns the transaction ID of the message.
func (m Message) TransactionID() TransactionID { return TransactionID(m.raw[8:HeaderLen]) }

// HasIntegrity reports whether the message has a MESSAGE-INTEGRITY.
func (m Message) HasIntegrity() bool { return m.integrity > 0 }

// HasFingerprint reports whether the message has a FINGERPRINT.
func (m Message) HasFingerprint() bool { return m.fingerprint > 0 }

// Attributes is an iterator over the attributes of a message. Call Next to get the first one.
type Attributes struct {
	// Type and Value are those of the current attribute.
	Type  Attr
	Value []byte

	rest []byte
}

// Attributes returns an iterator over the attributes that count: not those after MESSAGE-INTEGRITY,
// which does not protect them (RFC 8489 section 14.5), and not MESSAGE-INTEGRITY and FINGERPRINT
// themselves.
func (m Message) Attributes() Attributes {
	end := len(m.raw)
	if m.fingerprint > 0 {
		end = m.fingerprint
	}
	if m.integrity > 0 {
		end = m.integrity
	}
	return Attributes{rest: m.raw[HeaderLen:end]}
}

// Next advances to the next attribute and reports whether there is one.
func (a *Attributes) Next() bool {
	if len(a.rest) < attrHeaderLen {
		return false
	}
	a.Type = Attr(binary.BigEndian.Uint16(a.rest))
	length := int(binary.BigEndian.Uint16(a.rest[2:]))
	a.Value = a.rest[attrHeaderLen : attrHeaderLen+length : attrHeaderLen+length]
	a.rest = a.rest[attrHeaderLen+padded(length):]
	return true
}

// Get returns the first attribute of a type among those that count.
func (m Message) Get(kind Attr) (value []byte, ok bool) {
	for attrs := m.Attributes(); attrs.Next(); {
		if attrs.Type == kind {
			return attrs.Value, true
		}
	}
	return nil, false
}

// Has reports whether there is an attribute of a type among those that count.
func (m Message) Has(kind Attr) bool {
	_, ok := m.Get(kind)
	return ok
}

// Uint32 returns the value of an attribute of four bytes. ok is false when there is none, or it has
// another length.
func (m Message) Uint32(kind Attr) (value uint32, ok bool) {
	raw, ok := m.Get(kind)
	if !ok || len(raw) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(raw), true
}
