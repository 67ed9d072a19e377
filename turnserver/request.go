package turnserver

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"callbox/turnserver/wire"
)

// request is the request being handled. The guard fills it in, and the callbacks of pion and the
// response use it.
type request struct {
	client      netip.AddrPort
	at          netip.Addr // the local address that it was sent to; may be invalid
	method      wire.Method
	id          wire.TransactionID
	length      int  // of the message
	fingerprint bool // it has a FINGERPRINT, and so will the response

	key            []byte // that it is signed with; nil = it is not authenticated
	username, user string // verified
	kind           accountKind
	check          *check // that it is authenticated for; nil = none

	allocation *allocation // of the client; pion makes that of an Allocate request
	lifetime   time.Duration
	is4        bool // the requested address family is IPv4
	// These are options of an Allocate request; both means both address families.
	evenPort, reserveNext, dontFragment, both bool
	token                                     []byte // RESERVATION-TOKEN, asked for or given
	channel                                   uint16 // 0 = none
	peers                                     []netip.AddrPort

	withPion bool // pion has it and will respond
	silent   bool // it is the server's own and needs no response
	attempts int  // how often pion was given it
	refusal  *refusal
}

// refusal is why a request is refused, for the error response and the log.
type refusal struct {
	code    int
	unknown []wire.Attr // of 420
	cause   string      // for the log, where the code alone does not say it
}

// The error codes that the server answers with (RFC 8489 section 14.8, RFC 8656
// section 19).
const (
	codeBadRequest           = 400
	codeUnauthorized         = 401
	codeForbidden            = 403
	codeUnknownAttribute     = 420
	codeAllocationMismatch   = 437
	codeStaleNonce           = 438
	codeFamilyNotSupported   = 440
	codeWrongCredentials     = 441
	codeUnsupportedTransport = 442
	codeFamilyMismatch       = 443
	codeQuotaReached         = 486
	codeServerError          = 500
	codeInsufficientCapacity = 508
)

func reason(code int) string {
	switch code {
	case codeBadRequest:
		return "Bad Request"
	case codeUnauthorized:
		return "Unauthorized"
	case codeForbidden:
		return "Forbidden"
	case codeUnknownAttribute:
		return "Unknown Attribute"
	case codeAllocationMismatch:
		return "Allocation Mismatch"
	case codeStaleNonce:
		return "Stale Nonce"
	case codeFamilyNotSupported:
		return "Address Family not Supported"
	case codeWrongCredentials:
		return "Wrong Credentials"
	case codeUnsupportedTransport:
		return "Unsupported Transport Protocol"
	case codeFamilyMismatch:
		return "Peer Address Family Mismatch"
	case codeQuotaReached:
		return "Allocation Quota Reached"
	case codeInsufficientCapacity:
		return "Insufficient Capacity"
	default:
		return "Server Error"
	}
}

func refuse(code int) *refusal { return &refusal{code: code} }

func refuseFor(code int, cause string) *refusal { return &refusal{code: code, cause: cause} }

// begin makes m the request being handled.
func (q *request) begin(m wire.Message, client netip.AddrPort, at netip.Addr) {
	*q = request{
		client: client, at: at, method: m.Type().Method(), id: m.TransactionID(),
		length: len(m.Raw()), fingerprint: m.HasFingerprint(), peers: q.peers[:0],
	}
}

// account returns the user that an allocation of the request is counted for.
func (q *request) account() account { return account{q.user, q.kind, q.check} }

// addr returns the client's address for pion.
func (q *request) addr() net.Addr { return net.UDPAddrFromAddrPort(q.client) }

// family reads an attribute of one byte and three reserved ones. It returns 0 when there is none.
func family(m wire.Message, kind wire.Attr) (value byte, refused *refusal) {
	raw, ok := m.Get(kind)
	switch {
	case !ok:
		return 0, nil
	case len(raw) != 4:
		return 0, refuse(codeBadRequest)
	default:
		return raw[0], nil
	}
}

// readLifetime reads LIFETIME and bounds it (RFC 8656 section 7.2). Zero stays zero in a Refresh
// request, where it ends the allocation.
func (e *endpoint) readLifetime(m wire.Message) *refusal {
	q, least := &e.request, e.server.minLifetime
	q.lifetime = max(DefaultLifetime, least)
	if m.Has(wire.Lifetime) {
		seconds, ok := m.Uint32(wire.Lifetime)
		if !ok {
			return refuse(codeBadRequest)
		}
		q.lifetime = time.Duration(seconds) * time.Second
	}
	if q.lifetime == 0 && q.method != wire.Allocate {
		return nil
	}
	q.lifetime = min(max(q.lifetime, least), MaxLifetime)
	if q.check != nil {
		if q.lifetime = min(q.lifetime, q.check.left(e.server.credentials.now())); q.lifetime <= 0 {
			return e.refuseCredential(codeUnauthorized, errExpired)
		}
	}
	return nil
}

// readPeers reads every XOR-PEER-ADDRESS. There must be at least one.
func (q *request) readPeers(m wire.Message) *refusal {
	for attrs := m.Attributes(); attrs.Next(); {
		if attrs.Type != wire.XORPeerAddress {
			continue
		}
		peer, ok := m.Address(attrs.Value)
		if !ok {
			return refuse(codeBadRequest)
		}
		q.peers = append(q.peers, peer)
	}
	if len(q.peers) == 0 {
		return refuse(codeBadRequest)
	}
	return nil
}

// readChannel reads CHANNEL-NUMBER, whose last two bytes are reserved.
func (q *request) readChannel(m wire.Message) *refusal {
	raw, ok := m.Get(wire.ChannelNumber)
	if !ok || len(raw) != 4 {
		return refuse(codeBadRequest)
	}
	q.channel = binary.BigEndian.Uint16(raw)
	if !wire.IsChannelNumber(q.channel) {
		return refuse(codeBadRequest)
	}
	return nil
}
