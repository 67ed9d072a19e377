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

// maxUsernameBytes is the maximum length of a USERNAME (RFC 8489 section 14.3).
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

// credentials makes and verifies time-limited credentials in the form known as the TURN REST
// API (draft-uberti-behave-turn-rest-00): the user name carries the expiry, the password is
// the HMAC-SHA1 of the user name under a secret that issuer and server share. SHA-1 is what
// that form prescribes and every browser expects. It also verifies the credentials of fixed
// users, whose names never have that form, and those of checks.
type credentials struct {
	realm   string
	secrets atomic.Pointer[[][]byte] // the first signs; may be empty if there are users
	users   atomic.Pointer[userKeys]
	now     func() time.Time
	revoked revocations
	guesses guesses
	checks  checks
	decoy   [md5.Size]byte // a key that nobody has
}

// identity is who signed a request.
type identity struct {
	user    string
	kind    accountKind
	key     []byte // that the request is signed with
	expired bool   // the credential is; its live allocation goes on
	check   *check // nil = it is not of a check
}

// Credential returns a user name and password with which a client may make allocations until
// ttl from now; allocations that are live then may go on. ttl is rounded down to whole
// seconds. peer is the user in logs, quotas and Allocations, and should be an ID without
// spaces. Both results are empty on a server without Config.Secrets.
func (s *Server) Credential(peer string, ttl time.Duration) (username, password string) {
	secrets := *s.credentials.secrets.Load()
	if len(secrets) == 0 {
		return "", ""
	}
	end := s.credentials.now().Add(ttl)
	s.credentials.revoked.minted(end)
	return SignCredential(secrets[0], peer, end)
}

// SignCredential does what Server.Credential does without a server: it returns a user name and
// password that every server with this secret accepts until expiry, which is rounded down to
// whole seconds. coturn with use-auth-secret is such a server.
func SignCredential(secret []byte, user string, expiry time.Time) (username, password string) {
	username = strconv.FormatInt(expiry.Unix(), 10) + ":" + user
	return username, sign(secret, username)
}

func sign(secret []byte, username string) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// authKey returns the key of the long-term credential mechanism (RFC 8489 section 9.2.2) for
// PASSWORD-ALGORITHM MD5.
func authKey(username, realm, password string) []byte {
	key := md5.Sum([]byte(username + ":" + realm + ":" + password)) //nolint:gosec // what the mechanism prescribes
	return key[:]
}

// verify returns who signed a message. A wrong user name, realm or signature, and a revoked
// user, are errors. An expired credential is not: identity.expired is set then.
func (c *credentials) verify(username, realm string, client netip.Addr, message wire.Message) (identity, error) {
	if keys := *c.users.Load(); len(keys) > 0 {
		if key, ok := keys[username]; ok {
			return c.verifyFixed(username, realm, client, key, message)
		}
		// An unknown name takes as long as a known one.
		_ = message.CheckIntegrity(c.decoy[:])
	}
	expiry, user, kind, err := parseUsername(username)
	if err != nil {
		return identity{}, err
	}
	if realm != c.realm {
		return identity{}, errRealm
	}
	if check := c.checks.find(username); check != nil {
		return c.verifyCheck(check, message)
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

// verifyFixed verifies the signature of a fixed user. Passwords that people choose can be
// guessed, so the tries of an address for a name are limited.
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

// verifyCheck verifies the signature of a credential that was made by CheckCredential.
func (c *credentials) verifyCheck(check *check, message wire.Message) (identity, error) {
	now := c.now()
	switch {
	case !message.CheckIntegrity(check.key):
		return identity{}, errSignature
	case c.revoked.refuses(check.user, check.expiry, now):
		return identity{}, errRevoked
	}
	return identity{user: check.user, kind: checking, key: check.key, check: check, expired: !now.Before(check.expiry)}, nil
}

// stillHas reports whether there still is a fixed user with that key.
func (c *credentials) stillHas(name string, key []byte) bool {
	return hmac.Equal((*c.users.Load())[name], key)
}

// authFailure returns the reason why a credential was not accepted, for metrics and the log.
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

// parseUsername splits "expiry:user"; expiry is in seconds since 1970. Some issuers, Prosody
// among them, send only the expiry. Then it is the user, too, whom many people share.
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
