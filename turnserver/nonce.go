package turnserver

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"time"
)

const (
	// nonceLifetime is how long a nonce is valid: RFC 8656 section 5 wants a new one at
	// least every hour.
	nonceLifetime = 30 * time.Minute

	nonceTimeLen = 4
	nonceHashLen = 12
	nonceKeyLen  = 32
	// nonceLen is the length of a nonce in base64, without padding.
	nonceLen = (nonceTimeLen + nonceHashLen) * 8 / 6 // 21.3
)

// nonces makes and verifies nonces without storing any: a nonce is the time at which it was made
// and a keyed hash of that time and the client's transport address. So whoever overhears one
// cannot use it from another address. After a restart all older ones are stale.
type nonces struct {
	key [nonceKeyLen]byte
	now func() time.Time
}

func newNonces(now func() time.Time) *nonces {
	n := &nonces{now: now}
	_, _ = rand.Read(n.key[:]) // never fails
	return n
}

// appendTo appends a new nonce for client.
func (n *nonces) appendTo(dst []byte, client netip.AddrPort) []byte {
	return base64.RawURLEncoding.AppendEncode(dst, n.make(uint32(n.now().Unix()), client)) //nolint:gosec // wraps in 2106, and then again
}

func (n *nonces) make(seconds uint32, client netip.AddrPort) []byte {
	mac := hmac.New(sha256.New, n.key[:])
	raw := binary.BigEndian.AppendUint32(make([]byte, 0, nonceTimeLen+sha256.Size), seconds)
	mac.Write(raw)
	ip := client.Addr().As16()
	mac.Write(ip[:])
	mac.Write(binary.BigEndian.AppendUint16(nil, client.Port()))
	return mac.Sum(raw)[:nonceTimeLen+nonceHashLen]
}

// fresh reports whether a nonce was made for client, at most nonceLifetime ago. It compares in
// constant time.
func (n *nonces) fresh(nonce []byte, client netip.AddrPort) bool {
	var raw [nonceTimeLen + nonceHashLen]byte
	if len(nonce) != nonceLen+1 {
		return false
	}
	if _, err := base64.RawURLEncoding.Decode(raw[:], nonce); err != nil {
		return false
	}
	seconds := binary.BigEndian.Uint32(raw[:])
	age := time.Duration(uint32(n.now().Unix())-seconds) * time.Second //nolint:gosec // of the difference the low bits count
	return hmac.Equal(raw[:], n.make(seconds, client)) && age <= nonceLifetime
}
