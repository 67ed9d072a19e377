package turnserver

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // what the mechanism prescribes
	"crypto/sha1" //nolint:gosec // what the credential form prescribes
	"encoding/base64"
	"errors"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"callbox/turnserver/wire"
)

// maxUsernameBytes is the bound of a USERNAME (RFC 8489 section 14.3).
const maxUsernameBytes = 508

var (
	errUsername  = errors.New("username is not expiry:peer")
	errRealm     = errors.New("foreign realm")
	errSignature = errors.New("wrong signature")
	errExpired   = errors.New("expired")
	errRevoked   = errors.New("revoked")
	errNotOwner  = errors.New("allocation of another user")
	errGuessing  = errors.New("too many wrong passwords for this name from this address")
)

// credentials mints and verifies time-limited credentials in the form known as
// the TURN REST API (draft-uberti-behave-turn-rest-00): the username carries
// the expiry, the password is its HMAC-SHA1 under a secret that issuer and
// server share. SHA-1 is what the form prescribes and every browser expects.
// Beside them it verifies those of fixed users, whose names never parse as such.
type credentials struct {
	realm   string
	secrets atomic.Pointer[[][]byte] // the first signs; empty beside users
	users   atomic.Pointer[userKeys]
	now     func() time.Time
	revoked revocations
	guesses guesses
	decoy   [md5.Size]byte // the key of nobody
}

// identity is who has signed a request.
type identity struct {
	user    string
	kind    accountKind
	key     []byte // that it is signed with
	expired bool   // which a live allocation may outlast
}

// Credential returns a username and password that a client may make
// allocations with until ttl from now has passed; allocations that live then
// may go on. ttl is rounded to whole seconds. peer names the user in logs,
// quotas and Allocations, and should be an id without spaces. Both are empty on
// a server without Config.Secrets.
func (s *Server) Credential(peer string, ttl time.Duration) (username, password string) {
	secrets := *s.credentials.secrets.Load()
	if len(secrets) == 0 {
		return "", ""
	}
	end := s.credentials.now().Add(ttl)
	s.credentials.revoked.minted(end)
	return SignCredential(secrets[0], peer, end)
}

// SignCredential makes what Server.Credential makes, without a server: a
// username and password that every server with this secret accepts until
// expiry, which is rounded to whole seconds. coturn with use-auth-secret is one.
func SignCredential(secret []byte, user string, expiry time.Time) (username, password string) {
	username = strconv.FormatInt(expiry.Unix(), 10) + ":" + user
	return username, sign(secret, username)
}

func sign(secret []byte, username string) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// authKey is the key of the long-term credential mechanism (RFC 8489 section
// 9.2.2), for PASSWORD-ALGORITHM MD5.
func authKey(username, realm, password string) []byte {
	key := md5.Sum([]byte(username + ":" + realm + ":" + password)) //nolint:gosec // what the mechanism prescribes
	return key[:]
}

// verify finds out who signed a message. A wrong username, realm or signature,
// and a revoked user, are errors; whether the credential has expired is told
// apart.
func (c *credentials) verify(username, realm string, client netip.Addr, message wire.Message) (identity, error) {
	if keys := *c.users.Load(); len(keys) > 0 {
		if key, ok := keys[username]; ok {
			return c.verifyFixed(username, realm, client, key, message)
		}
		// A name that is none takes as long as one that is.
		_ = message.CheckIntegrity(c.decoy[:])
	}
	expiry, user, kind, err := parseUsername(username)
	if err != nil {
		return identity{}, err
	}
	if realm != c.realm {
		return identity{}, errRealm
	}
	for _, secret := range *c.secrets.Load() {
		candidate := authKey(username, realm, sign(secret, username))
		if message.CheckIntegrity(candidate) {
			now := c.now()
			if c.revoked.refuses(user, expiry, now) {
				return identity{}, errRevoked
			}
			return identity{user: user, kind: kind, key: candidate, expired: !now.Before(expiry)}, nil
		}
	}
	return identity{}, errSignature
}

// verifyFixed verifies the signature of a fixed user. Passwords that people
// choose can be guessed, so an address has so many tries for each name.
func (c *credentials) verifyFixed(name, realm string, client netip.Addr, key []byte, message wire.Message) (identity, error) {
	now := c.now()
	switch {
	case realm != c.realm:
		return identity{}, errRealm
	case c.guesses.tooMany(client, name, now):
		return identity{}, errGuessing
	case !message.CheckIntegrity(key):
		c.guesses.add(client, name, now)
		return identity{}, errSignature
	case c.revoked.refuses(name, time.Time{}, now):
		return identity{}, errRevoked
	}
	return identity{user: name, kind: fixed, key: key}, nil
}

// stillHas reports whether a fixed user is there, with the same key.
func (c *credentials) stillHas(name string, key []byte) bool {
	return hmac.Equal((*c.users.Load())[name], key)
}

// authFailure names the reason that a credential was not accepted for.
func authFailure(err error) string {
	for _, reason := range []struct {
		err  error
		name string
	}{
		{errUsername, "username"},
		{errRealm, "realm"},
		{errExpired, "expired"},
		{errRevoked, "revoked"},
		{errNotOwner, "user"},
		{errGuessing, "guessing"},
	} {
		if errors.Is(err, reason.err) {
			return reason.name
		}
	}
	return "signature"
}

// parseUsername takes "expiry:user" apart; expiry is in seconds since 1970.
// Some issuers, Prosody among them, send the expiry alone, which is then the
// user as well, though nobody's alone.
func parseUsername(username string) (expiry time.Time, user string, kind accountKind, err error) {
	digits, user, found := strings.Cut(username, ":")
	if !found {
		user, kind = strings.TrimLeft(digits, "0"), nameless
	}
	if user == "" || digits == "" || len(username) > maxUsernameBytes {
		return time.Time{}, "", kind, errUsername
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return time.Time{}, "", kind, errUsername
		}
	}
	seconds, err := strconv.ParseInt(digits, 10, 64)
	// The bound keeps time.Unix from overflowing.
	if err != nil || seconds > math.MaxInt64/2 {
		return time.Time{}, "", kind, errUsername
	}
	return time.Unix(seconds, 0), user, kind, nil
}
