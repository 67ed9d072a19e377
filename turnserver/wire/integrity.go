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
	// fingerprintMask makes FINGERPRINT different from a CRC-32 that the application may
	// append itself (RFC 8489 section 14.7).
	fingerprintMask = 0x5354554e
)

// CheckIntegrity reports whether the message has a MESSAGE-INTEGRITY made with key (RFC 8489 section
// 14.5). It compares in constant time.
func (m Message) CheckIntegrity(key []byte) bool {
	if m.integrity == 0 {
		return false
	}
	want := m.raw[m.integrity+attrHeaderLen:][:integrityLen]
	var got [integrityLen]byte
	return hmac.Equal(integrity(got[:0], key, m.raw, m.integrity), want)
}

// integrity appends the HMAC-SHA1 of raw[:end], where MESSAGE-INTEGRITY begins. It is calculated as if
// the length in the header ended after that attribute.
func integrity(dst, key, raw []byte, end int) []byte {
	mac := hmac.New(sha1.New, key)
	mac.Write(raw[:2])
	mac.Write(binary.BigEndian.AppendUint16(nil, uint16(end+attrHeaderLen+integrityLen-HeaderLen))) //nolint:gosec // a message is shorter
	mac.Write(raw[4:end])
	return mac.Sum(dst)
}

// CheckFingerprint reports whether the FINGERPRINT is correct. It returns true for a message without
// one: the caller knows whether it needs one.
func (m Message) CheckFingerprint() bool {
	return m.fingerprint == 0 ||
		binary.BigEndian.Uint32(m.raw[m.fingerprint+attrHeaderLen:]) == fingerprint(m.raw[:m.fingerprint])
}

// fingerprint returns the FINGERPRINT of a message whose length already includes it.
func fingerprint(raw []byte) uint32 { return crc32.ChecksumIEEE(raw) ^ fingerprintMask }
