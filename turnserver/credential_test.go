package turnserver_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

// clock is a clock that tests set.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Now().UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

func TestCredentialForm(t *testing.T) {
	s := start(t, func(c *turnserver.Config) {
		c.Secrets = [][]byte{[]byte("north-north-north"), []byte("south-south-south")}
		c.Now = func() time.Time { return time.Unix(1700000000, 999) }
	})
	username, password := s.server.Credential("pQ2v", 10*time.Minute)
	// printf 1700000600:pQ2v | openssl dgst -sha1 -hmac north-north-north -binary | base64
	if username != "1700000600:pQ2v" || password != "3guFtT6WwCBMxdqdaLm3tsBI3zU=" {
		t.Errorf("credential %q %q", username, password)
	}
}

// TestCredentialOfTheExpiryAlone checks that a user name may be only the expiry, as some issuers make
// it.
func TestCredentialOfTheExpiryAlone(t *testing.T) {
	s := start(t, nil)
	for life, want := range map[time.Duration]stun.ErrorCode{time.Minute: 0, -time.Minute: stun.CodeUnauthorized} {
		expiry := strconv.FormatInt(time.Now().Add(life).Unix(), 10)
		mac := hmac.New(sha1.New, testSecret())
		mac.Write([]byte(expiry))
		c := s.raw(t, expiry, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		if code := errorCode(c.request(t, stun.MethodAllocate, requestedTransport(17))); code != want {
			t.Errorf("good for %v: %d, want %d", life, code, want)
		}
	}
}

func TestCredentialsThatAreRefused(t *testing.T) {
	clock := newClock()
	s := start(t, func(c *turnserver.Config) { c.Now = clock.now })
	foreign := start(t, func(c *turnserver.Config) { c.Secrets = [][]byte{[]byte("the secret of somebody else")} })
	username, password := s.server.Credential("ann", time.Minute)
	expired, expiredPassword := s.server.Credential("ann", -time.Second)
	now, nowPassword := s.server.Credential("ann", 0)
	_, foreignPassword := foreign.server.Credential("ann", time.Minute)
	expiry, _, _ := strings.Cut(username, ":")
	tests := []struct{ name, username, password string }{
		{"expired", expired, expiredPassword},
		{"expires now", now, nowPassword},
		{"wrong password", username, password + "x"},
		{"empty password", username, ""},
		{"signed with a foreign secret", username, foreignPassword},
		{"another peer's name", expiry + ":bo", password},
		{"a later expiry", "9" + username, password},
		{"no expiry", "ann", password},
		{"no peer", expiry + ":", password},
		{"expiry is no number", "soon:ann", password},
		{"negative expiry", "-1:ann", password},
		{"expiry out of range", "99999999999999999999:ann", password},
	}
	for i, test := range tests {
		c := s.raw(t, test.username, test.password)
		answer := c.request(t, stun.MethodAllocate, requestedTransport(17))
		if code := errorCode(answer); code != stun.CodeUnauthorized {
			t.Errorf("%s: got %d, want 401", test.name, code)
		}
		var nonce stun.Nonce
		if err := nonce.GetFrom(answer); err != nil {
			t.Errorf("%s: 401 without a nonce", test.name)
		}
		if got := s.server.Snapshot(); got.AuthFailures != uint64(i+1) || got.Created != 0 {
			t.Errorf("%s: snapshot %+v", test.name, got)
		}
	}
}

func TestSecretsRotate(t *testing.T) {
	old, fresh := []byte("the secret of last year"), []byte("the secret of this year")
	before := start(t, func(c *turnserver.Config) { c.Secrets = [][]byte{old} })
	s := start(t, func(c *turnserver.Config) { c.Secrets = [][]byte{fresh, old} })
	for _, issuer := range []*setup{before, s} {
		username, password := issuer.server.Credential("ann", time.Minute)
		s.raw(t, username, password).allocate(t)
	}
	username, password := s.server.Credential("ann", time.Minute)
	c := before.raw(t, username, password)
	if code := errorCode(c.request(t, stun.MethodAllocate, requestedTransport(17))); code != stun.CodeUnauthorized {
		t.Errorf("a credential of the new secret at the old server: %d, want 401", code)
	}
}

// An expired credential stays valid for the allocation that it made, and for nothing else.
func TestExpiredCredential(t *testing.T) {
	clock := newClock()
	s := start(t, func(c *turnserver.Config) { c.Now = clock.now })
	c := s.rawAs(t, "ann")
	c.allocate(t)
	clock.advance(time.Hour)
	if code := errorCode(c.request(t, stun.MethodRefresh)); code != stun.CodeStaleNonce {
		t.Errorf("nonce of an hour ago: %d, want 438", code)
	}
	c.challenge(t)

	peer := xorPeer{addrPortOf(listenUDP(t, "127.0.0.1:0").LocalAddr())}
	wantSuccess(t, c.request(t, stun.MethodRefresh))
	wantSuccess(t, c.request(t, stun.MethodCreatePermission, peer))
	c.bind(t, 0x4000, peer)

	elsewhere := s.raw(t, c.username, c.password)
	for _, method := range []stun.Method{stun.MethodAllocate, stun.MethodRefresh} {
		answer := elsewhere.request(t, method, requestedTransport(17))
		if code := errorCode(answer); code != stun.CodeUnauthorized {
			t.Errorf("%s from another address: %d, want 401", method, code)
		}
	}
	wantSuccess(t, c.request(t, stun.MethodRefresh, lifetime(0)))
	eventually(t, "the allocation ends", func() bool { return s.server.Snapshot().Active == 0 })
	for _, method := range []stun.Method{stun.MethodAllocate, stun.MethodRefresh} {
		if code := errorCode(c.request(t, method, requestedTransport(17))); code != stun.CodeUnauthorized {
			t.Errorf("%s after the end: %d, want 401", method, code)
		}
	}
	// With a fresh credential the same client may begin again.
	c.username, c.password = s.server.Credential("ann", time.Minute)
	c.allocate(t)
}

func TestForeignRealm(t *testing.T) {
	s := start(t, nil)
	c := s.rawAs(t, "ann")
	c.realm = "elsewhere"
	if code := errorCode(c.request(t, stun.MethodAllocate, requestedTransport(17))); code != stun.CodeUnauthorized {
		t.Errorf("got %d, want 401", code)
	}
}

// A credential gives no access to the allocation of another one.
func TestForeignAllocation(t *testing.T) {
	s := start(t, nil)
	c := s.rawAs(t, "ann")
	c.allocate(t)
	c.username, c.password = s.server.Credential("mallory", time.Minute)
	for _, method := range []stun.Method{stun.MethodRefresh, stun.MethodCreatePermission, stun.MethodChannelBind} {
		c.wantCode(t, c.request(t, method), stun.CodeWrongCredentials)
	}
}
