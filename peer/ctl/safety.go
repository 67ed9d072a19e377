package ctl

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/text/unicode/norm"
)

// Fingerprint is the SHA-256 of an end's leaf certificate.
type Fingerprint [sha256.Size]byte

// Pictures is the number of pictures from which a code takes its four.
const Pictures = 64

// Code is what people compare: it is the same at both ends, if nobody sits between
// them. The zero value is no code.
type Code struct {
	Digits   string // six
	Pictures [4]int // 0 to 63, indices in the list of the call page
}

const (
	commitLabel = "callbox-sas-1 commit"
	digestLabel = "callbox-sas-1"
)

// commitment returns the hash that commits to a nonce without telling it.
func commitment(nonce Value) Value {
	return sha256.Sum256(append([]byte(commitLabel+"\x00"), nonce[:]...))
}

// digest returns the hash that the code is read from. a and b are the fingerprints in
// either order.
func digest(room string, a, b Fingerprint, impolite, polite Value) [sha256.Size]byte {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	text := []byte(digestLabel + "\x00" + norm.NFC.String(room) + "\x00")
	for _, part := range [][]byte{a[:], b[:], impolite[:], polite[:]} {
		text = append(text, part...)
	}
	return sha256.Sum256(text)
}

// codeOf returns the code of the first bits of a digest. Fewer than all of them are
// for tests, which need codes that can be guessed.
func codeOf(digest [sha256.Size]byte, bits int) (c Code) {
	for i := range digest {
		keep := min(max(bits-8*i, 0), 8)
		digest[i] &= ^byte(0xff >> keep)
	}
	c.Digits = fmt.Sprintf("%06d", binary.BigEndian.Uint64(digest[:8])%1_000_000)
	for i := range c.Pictures {
		c.Pictures[i] = int(digest[8+i]) % Pictures
	}
	return c
}
