package signaling

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"
)

func testClaim() claim {
	return claim{room: roomHash("a"), peer: "pAnn", name: "Ann é", joined: 1_790_000_000_123, incarnation: 1 << 63, expires: 1_790_003_600}
}

func TestTokens(t *testing.T) {
	first, second := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	keys, rotated, random := newTokenKeys([][]byte{first}), newTokenKeys([][]byte{second, first}), newTokenKeys(nil)
	c := testClaim()
	token := keys.encode(&c)
	for name, k := range map[string]tokenKeys{"its own": keys, "rotated": rotated} {
		if got, err := k.decode(token); err != nil || got != c {
			t.Errorf("%s keys: decode = %+v, %v", name, got, err)
		}
	}
	if got, err := random.decode(token); err != errForeignKey || got != (claim{}) { //nolint:errorlint // unwrapped
		t.Errorf("decode with another secret = %+v, %v", got, err)
	}
	if got, err := keys.decode(rotated.encode(&c)); err != errForeignKey || got != (claim{}) { //nolint:errorlint // unwrapped
		t.Errorf("decode of what a newer secret signed = %+v, %v", got, err)
	}
	c.name = strings.Repeat("茶", 1000)
	long := keys.encode(&c)
	got, err := keys.decode(long)
	if err != nil || len(long) > maxTokenText || !utf8.ValidString(got.name) || !strings.HasPrefix(c.name, got.name) || got.name == "" {
		t.Errorf("a token of %d bytes with the name %q, %v", len(long), got.name, err)
	}
}

func TestNoBitOfATokenIsSpare(t *testing.T) {
	keys := newTokenKeys(nil)
	c := testClaim()
	token := []byte(keys.encode(&c))
	for i := range token {
		for bit := range 8 {
			other := bytes.Clone(token)
			other[i] ^= 1 << bit
			if got, err := keys.decode(string(other)); err == nil {
				t.Fatalf("with bit %d of byte %d changed: %+v", bit, i, got)
			}
		}
	}
}

func FuzzToken(f *testing.F) {
	secret := bytes.Repeat([]byte{7}, 32)
	keys := newTokenKeys([][]byte{secret})
	c := testClaim()
	token := keys.encode(&c)
	payload, _, _ := strings.Cut(token, ".")
	for _, seed := range []string{token, payload, payload + ".", ".", "", "x.y", token + "=", token[1:], strings.Repeat("A", 100) + ".AAAA"} {
		f.Add(seed)
		if raw, err := base64.RawURLEncoding.DecodeString(seed); err == nil {
			f.Add(string(raw))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := keys.decode(text); err == nil {
			if again := keys.encode(&got); again != text {
				t.Fatalf("%q says %+v, which is written %q", text, got, again)
			}
		}
		// What is signed is not trusted to be well made, either.
		raw := append([]byte{tokenVersion}, keys[0].id[:]...)
		raw = append(raw, text...)
		sum := keys[0].sign(raw)
		e := base64.RawURLEncoding
		got, err := keys.decode(e.EncodeToString(raw) + "." + e.EncodeToString(sum[:]))
		if err == nil && got.peer == "" {
			t.Fatalf("%+v has no peer", got)
		}
	})
}
