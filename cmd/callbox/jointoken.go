package main

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

const (
	// minJoinSecretBytes is the shortest key for HS256 (RFC 7518, section 3.2).
	minJoinSecretBytes = 32
	// maxJoinToken is the longest token that is parsed, in bytes.
	maxJoinToken = 4096
	// joinTokenLeeway is how far apart the clocks of the issuer of a token and of
	// this server may be.
	joinTokenLeeway = 30 * time.Second
	// anyRoom, as the room of a token, means every room.
	anyRoom = "*"
)

// joinClaims are the claims of a join token.
type joinClaims struct {
	Room string `json:"room"`
	Name string `json:"name,omitempty"`
	jwt.RegisteredClaims
}

// signJoinToken returns a token (JWT, RFC 7519, signed with HS256) that lets its
// holder join room until end, under name if it is not empty. room is anyRoom or the
// name of a room.
func signJoinToken(secret []byte, room, name string, end time.Time) (string, error) {
	if room != anyRoom {
		var err error
		if room, err = protocol.CanonicalRoom(room, protocol.MaxRoomName); err != nil {
			return "", err
		}
	}
	claims := joinClaims{Room: room, Name: name}
	claims.ExpiresAt = jwt.NewNumericDate(end)
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(secret)
}

// joinTokens verifies join tokens. A token is valid if any of the secrets signed it.
// The secrets can be replaced at any time.
type joinTokens struct {
	secrets atomic.Pointer[jwt.VerificationKeySet]
	parser  *jwt.Parser
}

// newJoinTokens needs at least one secret. now returns the current time.
func newJoinTokens(secrets [][]byte, now func() time.Time) (*joinTokens, error) {
	t := &joinTokens{parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(joinTokenLeeway),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(now),
	)}
	return t, t.setSecrets(secrets)
}

// setSecrets replaces the secrets. An empty list is an error, because no one could
// join.
func (t *joinTokens) setSecrets(secrets [][]byte) error {
	if len(secrets) == 0 {
		return errors.New("it contains no secret")
	}
	set := &jwt.VerificationKeySet{}
	for _, secret := range secrets {
		set.Keys = append(set.Keys, secret)
	}
	t.secrets.Store(set)
	return nil
}

// verify returns an error, for the person who uses it, unless a token is valid for any room.
func (t *joinTokens) verify(token string) error {
	_, err := t.claims(token)
	return err
}

// authorize returns what a token grants its holder in room. The error is for the
// person who wants to join.
func (t *joinTokens) authorize(token, room string) (signaling.Grant, error) {
	claims, err := t.claims(token)
	switch {
	case err != nil:
		return signaling.Grant{}, err
	case claims.Room != anyRoom && !sameRoom(claims.Room, room):
		return signaling.Grant{}, errors.New("the token is for another room")
	case protocol.CheckPeerName(claims.Name, protocol.MaxPeerName) != nil:
		return signaling.Grant{}, errTokenInvalid()
	}
	return signaling.Grant{Name: claims.Name}, nil
}

// claims returns the claims of a token that is valid now.
func (t *joinTokens) claims(token string) (joinClaims, error) {
	switch {
	case token == "":
		return joinClaims{}, errors.New("this server requires a token; ask its operator for a link that includes one")
	case len(token) > maxJoinToken, strings.ContainsAny(token, "\r\n"): // which base64 decoding ignores
		return joinClaims{}, errTokenInvalid()
	}
	var claims joinClaims
	_, err := t.parser.ParseWithClaims(token, &claims, t.keys)
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return joinClaims{}, errors.New("the token has expired; ask for a new one")
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return joinClaims{}, errors.New("the token is not valid yet")
	case err != nil:
		return joinClaims{}, errTokenInvalid()
	}
	return claims, nil
}

func errTokenInvalid() error {
	return errors.New("the token is not valid here; ask for a new one")
}

// keys returns the keys that may have signed a token. A token with critical header
// parameters is rejected, because none are supported (RFC 7515, section 4.1.11).
func (t *joinTokens) keys(token *jwt.Token) (any, error) {
	if crit, demands := token.Header["crit"]; demands {
		return nil, fmt.Errorf("unknown header parameters %v are critical", crit)
	}
	return *t.secrets.Load(), nil
}

// sameRoom reports whether two names are the same room to the server.
func sameRoom(a, b string) bool {
	a, errA := protocol.CanonicalRoom(a, 0)
	b, errB := protocol.CanonicalRoom(b, 0)
	return errA == nil && errB == nil && a == b
}
