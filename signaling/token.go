package signaling

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// ResumeLife is how long a resume token is valid. A client that pings gets a
// fresh one after half of that.
const ResumeLife = time.Hour

// claim is the content of a resume token: its holder may take that seat.
type claim struct {
	room        [16]byte // hash of the room's name
	peer        string
	name        string
	joined      int64 // see session.joined
	incarnation uint64
	expires     int64 // in seconds since 1970
}

const (
	tokenVersion = 1
	tokenDomain  = "callbox resume v1"
	keyIDSize    = 4
	claimFixed   = 1 + keyIDSize + 8 + 8 + 8 + 16 // version, key, joined, incarnation, expires, room
	maxClaimName = 256
	// maxTokenText is the length of the longest token that is examined.
	maxTokenText = 2048
)

var (
	errForged     = errors.New("the token is not one of this server")
	errForeignKey = errors.New("the token was signed with another secret")
)

// tokenKeys signs resume tokens with the first secret, and verifies those that
// any of the secrets signed.
type tokenKeys []tokenKey

type tokenKey struct {
	macs sync.Pool       // of hash.Hash, which keep the state of the key
	id   [keyIDSize]byte // distinguishes a token of another server from a forged one
}

// newTokenKeys returns the keys of secrets; without secrets, a random one.
func newTokenKeys(secrets [][]byte) tokenKeys {
	if len(secrets) == 0 {
		random := make([]byte, 32)
		_, _ = rand.Read(random) // never fails
		secrets = [][]byte{random}
	}
	keys := make(tokenKeys, len(secrets))
	for i, secret := range secrets {
		keys[i].macs.New = func() any { return hmac.New(sha256.New, secret) }
		id := keys[i].sign(nil)
		copy(keys[i].id[:], id[:])
	}
	return keys
}

// SetSessionSecrets replaces Config.SessionSecrets. There must be at least one
// secret. Tokens that none of the new secrets signed are invalid from now on;
// connections stay open. The error joins every fault.
func (s *Server) SetSessionSecrets(secrets [][]byte) error {
	if len(secrets) == 0 {
		return errors.New("no session secret")
	}
	if err := validateSecrets(secrets); err != nil {
		return err
	}
	s.setTokenKeys(secrets)
	return nil
}

func (s *Server) setTokenKeys(secrets [][]byte) {
	keys := newTokenKeys(secrets)
	s.tokens.Store(&keys)
}

func (k *tokenKey) sign(payload []byte) (sum [sha256.Size]byte) {
	mac := k.macs.Get().(hash.Hash) //nolint:forcetypeassert // there is nothing else in it
	defer k.macs.Put(mac)
	mac.Reset()
	mac.Write([]byte(tokenDomain))
	mac.Write(payload)
	mac.Sum(sum[:0])
	return sum
}

// encode returns a token with the content c.
func (keys tokenKeys) encode(c *claim) string {
	name := c.name
	for len(name) > maxClaimName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	payload := make([]byte, 0, claimFixed+1+len(c.peer)+len(name))
	payload = append(payload, tokenVersion)
	payload = append(payload, keys[0].id[:]...)
	payload = binary.BigEndian.AppendUint64(payload, uint64(c.joined)) //nolint:gosec // bit for bit
	payload = binary.BigEndian.AppendUint64(payload, c.incarnation)
	payload = binary.BigEndian.AppendUint64(payload, uint64(c.expires)) //nolint:gosec // bit for bit
	payload = append(payload, c.room[:]...)
	payload = append(payload, byte(len(c.peer))) //nolint:gosec // our ids are short
	payload = append(payload, c.peer...)
	payload = append(payload, name...)
	sum := keys[0].sign(payload)

	e := base64.RawURLEncoding
	text := make([]byte, 0, e.EncodedLen(len(payload))+1+e.EncodedLen(len(sum)))
	text = e.AppendEncode(text, payload)
	text = append(text, '.')
	return string(e.AppendEncode(text, sum[:]))
}

// decode returns the content of token, which may have expired, if one of the
// secrets signed it. The error is errForged, or errForeignKey for a token that
// says that another secret signed it.
func (keys tokenKeys) decode(token string) (claim, error) {
	payload, sum, err := splitToken(token)
	if err != nil {
		return claim{}, err
	}
	foreign := true
	for i := range keys {
		if [keyIDSize]byte(payload[1:]) != keys[i].id {
			continue
		}
		foreign = false
		if want := keys[i].sign(payload); hmac.Equal(sum, want[:]) {
			return parseClaim(payload)
		}
	}
	if foreign {
		return claim{}, errForeignKey
	}
	return claim{}, errForged
}

// splitToken decodes the two parts of a token. The first has at least the fixed
// fields.
func splitToken(token string) (payload, sum []byte, err error) {
	if len(token) > maxTokenText || strings.ContainsAny(token, "\r\n") { // base64 would skip them
		return nil, nil, errForged
	}
	dot := 0
	for dot < len(token) && token[dot] != '.' {
		dot++
	}
	if dot == len(token) {
		return nil, nil, errForged
	}
	strict := base64.RawURLEncoding.Strict() // each token has only one text
	payload, err = strict.DecodeString(token[:dot])
	if err != nil || len(payload) <= claimFixed || payload[0] != tokenVersion {
		return nil, nil, errForged
	}
	sum, err = strict.DecodeString(token[dot+1:])
	if err != nil {
		return nil, nil, errForged
	}
	return payload, sum, nil
}

func parseClaim(payload []byte) (claim, error) {
	p := payload[1+keyIDSize:]
	c := claim{
		joined:      int64(binary.BigEndian.Uint64(p)), //nolint:gosec // bit for bit
		incarnation: binary.BigEndian.Uint64(p[8:]),
		expires:     int64(binary.BigEndian.Uint64(p[16:])), //nolint:gosec // bit for bit
		room:        [16]byte(p[24:]),
	}
	size := int(p[40])
	p = p[41:]
	if size == 0 || size > len(p) {
		return claim{}, errForged
	}
	c.peer, c.name = string(p[:size]), string(p[size:])
	return c, nil
}

// roomHash returns what stands for a room's name in a claim.
func roomHash(room string) [16]byte {
	sum := sha256.Sum256([]byte(room))
	return [16]byte(sum[:])
}

func newIncarnation() uint64 {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return binary.BigEndian.Uint64(random[:])
}

// token returns a fresh token for s.
func (sh *shard) token(s *session) string {
	server := sh.server
	s.tokenMade = server.uptime()
	return server.tokens.Load().encode(&claim{
		room: roomHash(s.room.name), peer: s.peer, name: s.name, joined: s.joined,
		incarnation: s.incarnation, expires: time.Now().Add(ResumeLife).Unix(),
	})
}
