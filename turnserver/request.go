package turnserver

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v3"
)

const (
	transportUDP = 17 // REQUESTED-TRANSPORT (RFC 8656 section 18.7)
	familyIPv4   = 1  // REQUESTED-ADDRESS-FAMILY (RFC 8656 section 18.6)
	familyIPv6   = 2

	defaultLifetime = 10 * time.Minute
	maxLifetime     = time.Hour
)

// request is the message that pion is handling, with what the callbacks
// learned of it.
type request struct {
	message stun.Message
	addr    *net.UDPAddr   // what pion knows the client by
	client  netip.AddrPort // who sent it
	at      netip.Addr     // the address of ours that it was sent to, if that is told

	active   bool // it is a request, and decoded
	answered bool
	code     stun.ErrorCode        // why it is refused, where pion would not say
	key      stun.MessageIntegrity // it is signed with this
	username string                // verified
	user     string
	relay    *relay // opened for it
}

func (q *request) reset(client netip.AddrPort, at netip.Addr) {
	*q = request{message: q.message, addr: net.UDPAddrFromAddrPort(client), client: client, at: at}
	q.message.Reset()
}

// word returns an attribute of four bytes, nil when there is none.
func (q *request) word(kind stun.AttrType) []byte {
	value, err := q.message.Get(kind)
	if err != nil || len(value) != 4 {
		return nil
	}
	return value
}

func (q *request) transport() byte {
	if v := q.word(stun.AttrRequestedTransport); v != nil {
		return v[0]
	}
	return 0
}

// wantsIPv4 tells the requested family, IPv4 unless it says otherwise; not ok
// when it is none that exists.
func (q *request) wantsIPv4() (is4, ok bool) {
	v := q.word(stun.AttrRequestedAddressFamily)
	if v == nil {
		return true, true
	}
	return v[0] == familyIPv4, v[0] == familyIPv4 || v[0] == familyIPv6
}

// channel returns the channel of a ChannelBind, 0 for other requests; not ok
// when it is no channel number. RFC 8656 section 12 ends them at 0x4FFF, but
// clients of RFC 5766 go on to 0x7FFF.
func (q *request) channel() (number uint16, ok bool) {
	const first, last = 0x4000, 0x7fff
	if q.message.Type.Method != stun.MethodChannelBind {
		return 0, true
	}
	if v := q.word(stun.AttrChannelNumber); v != nil {
		number = binary.BigEndian.Uint16(v)
	}
	return number, number >= first && number <= last
}

// lifetime is what pion makes of the LIFETIME attribute: anything of an hour or
// more is the default.
func (q *request) lifetime() time.Duration {
	if v := q.word(stun.AttrLifetime); v != nil {
		if asked := time.Duration(binary.BigEndian.Uint32(v)) * time.Second; asked < maxLifetime {
			return asked
		}
	}
	return defaultLifetime
}

// complete makes a better error response of pion's: with the code that the
// callbacks found, and signed when the request was (RFC 8489 section 9.2.4). It
// returns nil when pion's is as good as it gets.
func (q *request) complete(p []byte, realm string) []byte {
	if !q.active || q.code == 0 && q.key == nil {
		return nil
	}
	var theirs stun.Message
	var code stun.ErrorCodeAttribute
	if stun.Decode(p, &theirs) != nil || theirs.TransactionID != q.message.TransactionID {
		return nil
	}
	if q.code == 0 {
		if code.GetFrom(&theirs) != nil {
			code.Code = stun.CodeBadRequest
		} else if theirs.Contains(stun.AttrMessageIntegrity) || code.Code == stun.CodeUnknownAttribute {
			return nil
		}
		q.code = code.Code
	}
	return q.errorResponse(realm)
}

// errorResponse builds the answer that says q.code, nil when that is impossible.
func (q *request) errorResponse(realm string) []byte {
	setters := []stun.Setter{
		stun.NewTransactionIDSetter(q.message.TransactionID),
		stun.NewType(q.message.Type.Method, stun.ClassErrorResponse),
		stun.ErrorCodeAttribute{Code: q.code, Reason: []byte(reason(q.code))},
	}
	if q.code == stun.CodeUnauthorized {
		// pion has found the nonce good before it asked for the key.
		if nonce, err := q.message.Get(stun.AttrNonce); err == nil {
			setters = append(setters, stun.NewRealm(realm), stun.Nonce(nonce))
		}
	}
	if q.key != nil {
		setters = append(setters, q.key)
	}
	answer, err := stun.Build(setters...)
	if err != nil {
		return nil
	}
	return answer.Raw
}

func reason(code stun.ErrorCode) string {
	switch code {
	case stun.CodeBadRequest:
		return "Bad Request"
	case stun.CodeUnauthorized:
		return "Unauthorized"
	case stun.CodeForbidden:
		return "Forbidden"
	case stun.CodeAllocMismatch:
		return "Allocation Mismatch"
	case stun.CodeAddrFamilyNotSupported:
		return "Address Family not Supported"
	case stun.CodeWrongCredentials:
		return "Wrong Credentials"
	case stun.CodeUnsupportedTransProto:
		return "Unsupported Transport Protocol"
	case stun.CodePeerAddrFamilyMismatch:
		return "Peer Address Family Mismatch"
	case stun.CodeAllocQuotaReached:
		return "Allocation Quota Reached"
	case stun.CodeInsufficientCapacity:
		return "Insufficient Capacity"
	default:
		return "Error"
	}
}

func needsAllocation(method stun.Method) bool {
	return method == stun.MethodRefresh || method == stun.MethodCreatePermission || method == stun.MethodChannelBind
}

// isResponse looks at the higher of the class bits of a STUN message type.
func isResponse(p []byte) bool {
	const response = 0x0100
	return len(p) >= stunHeader && p[0]>>6 == 0 && binary.BigEndian.Uint16(p)&response != 0
}

// isErrorResponse looks at the two class bits of a STUN message type.
func isErrorResponse(p []byte) bool {
	const class = 0x0110
	return len(p) >= stunHeader && p[0]>>6 == 0 && binary.BigEndian.Uint16(p)&class == class
}
