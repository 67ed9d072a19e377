package turnserver_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

// TestNamesOfTheField checks which user names of applications are accepted, and that a secret is used
// as it is.
func TestNamesOfTheField(t *testing.T) {
	secret := []byte(`a secret with #, ; "quotes" and blanks`)
	s := start(t, func(c *turnserver.Config) { c.Secrets = [][]byte{secret} })
	end := time.Now().Add(time.Minute)
	seconds := strconv.FormatInt(end.Unix(), 10)
	room := 508 - len(seconds) - 1
	for username, want := range map[string]stun.ErrorCode{
		seconds:                                     0,
		seconds + ":ann":                            0,
		seconds + ":@ann:example.org":               0, // Matrix
		seconds + ":Zoë 用户":                         0,
		seconds + ":" + seconds:                     0,
		seconds + ":" + strings.Repeat("a", room):   0,
		seconds + ":" + strings.Repeat("a", room+1): stun.CodeUnauthorized,
		seconds + ":":                               stun.CodeUnauthorized,
		"ann:" + seconds:                            stun.CodeUnauthorized,
		seconds + ".5:ann":                          stun.CodeUnauthorized,
		"+" + seconds + ":ann":                      stun.CodeUnauthorized,
		" " + seconds + ":ann":                      stun.CodeUnauthorized,
		strconv.FormatInt(time.Now().Add(-time.Minute).Unix(), 10):          stun.CodeUnauthorized,
		strconv.FormatInt(time.Now().Add(-time.Minute).Unix(), 10) + ":ann": stun.CodeUnauthorized,
	} {
		mac := hmac.New(sha1.New, secret)
		mac.Write([]byte(username))
		c := s.raw(t, username, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		if code := c.allocateCode(t); code != want {
			t.Errorf("%.40q: %d, want %d", username, code, want)
		}
	}
}

// TestPeersOfOtherSpellings checks that a private address is denied in each notation, and that a public
// one in IPv6 notation is the IPv4 one.
func TestPeersOfOtherSpellings(t *testing.T) {
	s := start(t, nil)
	c := s.rawAs(t, "ann")
	c.allocate(t)
	for peer, want := range map[string]stun.ErrorCode{
		"10.0.0.1": 403, "100.64.0.1": 403, "::ffff:10.0.0.1": 403, "::ffff:100.127.255.255": 403, "::1": 403, "::": 403, "fe80::1": 403, "64:ff9b::10.0.0.1": 403,
		"8.8.8.8": 0, "::ffff:8.8.8.8": 0, "2606:4700::1": 443,
	} {
		at := xorPeer{netip.AddrPortFrom(netip.MustParseAddr(peer), 9)}
		if code := errorCode(c.request(t, stun.MethodCreatePermission, at)); code != want {
			t.Errorf("%s: %d, want %d", peer, code, want)
		}
	}
}
