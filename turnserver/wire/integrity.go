package wire

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what MESSAGE-INTEGRITY is made of
	"encoding/binary"
	"hash/crc32"
)

const (
	integrityLen   = sha1.Size
	fingerprintLen = 4
	// fingerprintMask keeps the CRC apart from one that the payload itself may
	// end with (RFC 8489 section 14.7).
	fingerprintMask = 0x5354554e
)

// CheckIntegrity says whether the message has a MESSAGE-INTEGRITY made with key
// (RFC 8489 section 14.5). It compares in constant time.
func (m Message) CheckIntegrity(key []byte) bool {
	if m.integrity == 0 {
		return false
	}
	want := m.raw[m.integrity+attrHeaderLen:][:integrityLen]
	var got [integrityLen]byte
	return hmac.Equal(integrity(got[:0], key, m.raw, m.integrity), want)
}

// integrity appends the HMAC-SHA1 of the message in raw up to end, where its
// MESSAGE-INTEGRITY begins: the length that it covers counts that attribute as
// the last.
func integrity(dst, key, raw []byte, end int) []byte {
	mac := hmac.New(sha1.New, key)
	mac.Write(raw[:2])
	mac.Write(binary.BigEndian.AppendUint16(nil, uint16(end+attrHeaderLen+integrityLen-HeaderLen))) //nolint:gosec // a message is shorter
	mac.Write(raw[4:end])
	return mac.Sum(dst)
}

// CheckFingerprint says whether the FINGERPRINT is right. A message without one
// is right, too: whether it needs one is for the caller to know.
func (m Message) CheckFingerprint() bool {
	return m.fingerprint == 0 ||
		binary.BigEndian.Uint32(m.raw[m.fingerprint+attrHeaderLen:]) == fingerprint(m.raw[:m.fingerprint])
}

// fingerprint is that of a message whose length counts the FINGERPRINT already.
func fingerprint(raw []byte) uint32 { return crc32.ChecksumIEEE(raw) ^ fingerprintMask }
