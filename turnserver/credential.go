package turnserver

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // what the mechanism prescribes
	"crypto/sha1" //nolint:gosec // what the credential form prescribes
	"encoding/base64"
	"errors"
	"math"
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
)

// credentials mints and verifies time-limited credentials in the form known as
// the TURN REST API (draft-uberti-behave-turn-rest-00): the username carries
// the expiry, the password is its HMAC-SHA1 under a secret that issuer and
// server share. SHA-1 is what the form prescribes and every browser expects.
type credentials struct {
	realm   string
	secrets atomic.Pointer[[][]byte] // never empty; the first signs
	now     func() time.Time
	revoked revocations
}

// Credential returns a username and password that a client may make
// allocations with until ttl from now has passed; allocations that live then
// may go on. ttl is rounded to whole seconds. peer names the user in logs,
// quotas and Allocations, and should be an id without spaces.
func (s *Server) Credential(peer string, ttl time.Duration) (username, password string) {
	end := s.credentials.now().Add(ttl)
	s.credentials.revoked.minted(end)
	return SignCredential((*s.credentials.secrets.Load())[0], peer, end)
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

// verify finds the key that message was signed with. A wrong username, realm or
// signature, and a revoked user, are errors; whether the credential has expired
// is told apart, since a live allocation may outlast it.
func (c *credentials) verify(username, realm string, message wire.Message) (key []byte, expired bool, err error) {
	expiry, user, err := parseUsername(username)
	if err != nil {
		return nil, false, err
	}
	if realm != c.realm {
		return nil, false, errRealm
	}
	for _, secret := range *c.secrets.Load() {
		candidate := authKey(username, realm, sign(secret, username))
		if message.CheckIntegrity(candidate) {
			now := c.now()
			if c.revoked.refuses(user, expiry, now) {
				return nil, false, errRevoked
			}
			return candidate, !now.Before(expiry), nil
		}
	}
	return nil, false, errSignature
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
	} {
		if errors.Is(err, reason.err) {
			return reason.name
		}
	}
	return "signature"
}

// parseUsername takes "expiry:user" apart; expiry is in seconds since 1970.
// Some issuers, Prosody among them, send the expiry alone, which is then the
// user as well.
func parseUsername(username string) (expiry time.Time, user string, err error) {
	digits, user, found := strings.Cut(username, ":")
	if !found {
		user = strings.TrimLeft(digits, "0")
	}
	if user == "" || digits == "" || len(username) > maxUsernameBytes {
		return time.Time{}, "", errUsername
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return time.Time{}, "", errUsername
		}
	}
	seconds, err := strconv.ParseInt(digits, 10, 64)
	// The bound keeps time.Unix from overflowing.
	if err != nil || seconds > math.MaxInt64/2 {
		return time.Time{}, "", errUsername
	}
	return time.Unix(seconds, 0), user, nil
}
