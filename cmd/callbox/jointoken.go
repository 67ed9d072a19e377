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
	// minJoinSecretBytes is the least that HS256 may be used with (RFC 7518,
	// section 3.2).
	minJoinSecretBytes = 32
	// maxJoinToken bounds a token, in bytes, before anything is done with it.
	maxJoinToken = 4096
	// joinTokenLeeway is how far the clocks of who made a token and of who
	// looks at it may be apart.
	joinTokenLeeway = 30 * time.Second
	// anyRoom as the room of a token means every room.
	anyRoom = "*"
)

// joinClaims are what a join token says.
type joinClaims struct {
	Room string `json:"room"`
	Name string `json:"name,omitempty"`
	jwt.RegisteredClaims
}

// signJoinToken returns a token (JWT, RFC 7519, signed with HS256) that lets
// its holder into room, under name when there is one, until the time of its
// end. room is anyRoom or the name of a room.
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

// joinTokens tells whether a token is good. Its secrets can change while it
// is in use; a token is good when any of them signed it.
type joinTokens struct {
	secrets atomic.Pointer[jwt.VerificationKeySet]
	parser  *jwt.Parser
}

// newJoinTokens needs at least one secret. now tells the time.
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

// setSecrets replaces the secrets. A list without any is a fault: it would
// let nobody in.
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

// authorize returns what a token gives its holder in room. The error is for
// the person that wanted to join.
func (t *joinTokens) authorize(token, room string) (signaling.Grant, error) {
	switch {
	case token == "":
		return signaling.Grant{}, errors.New("this server requires a token; ask its operator for a link that includes one")
	case len(token) > maxJoinToken, strings.ContainsAny(token, "\r\n"): // which base64 would pass over
		return signaling.Grant{}, errTokenInvalid()
	}
	var claims joinClaims
	_, err := t.parser.ParseWithClaims(token, &claims, t.keys)
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return signaling.Grant{}, errors.New("the token has expired; ask for a new one")
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return signaling.Grant{}, errors.New("the token is not valid yet")
	case err != nil:
		return signaling.Grant{}, errTokenInvalid()
	}
	if claims.Room != anyRoom && !sameRoom(claims.Room, room) {
		return signaling.Grant{}, errors.New("the token is for another room")
	}
	if protocol.CheckPeerName(claims.Name, protocol.MaxPeerName) != nil {
		return signaling.Grant{}, errTokenInvalid()
	}
	return signaling.Grant{Name: claims.Name}, nil
}

func errTokenInvalid() error {
	return errors.New("the token is not valid here; ask for a new one")
}

// keys returns the keys that may have signed a token. A token that demands
// what is not known here is not understood (RFC 7515, section 4.1.11).
func (t *joinTokens) keys(token *jwt.Token) (any, error) {
	if crit, demands := token.Header["crit"]; demands {
		return nil, fmt.Errorf("unknown header parameters %v are critical", crit)
	}
	return *t.secrets.Load(), nil
}

// sameRoom compares two names as the server does.
func sameRoom(a, b string) bool {
	a, errA := protocol.CanonicalRoom(a, 0)
	b, errB := protocol.CanonicalRoom(b, 0)
	return errA == nil && errB == nil && a == b
}
