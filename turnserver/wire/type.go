// Package wire reads and writes STUN messages and ChannelData (RFC 8489, RFC 8656), which a TURN
// client and its server exchange, in place: nothing is copied, and only MESSAGE-INTEGRITY
// allocates.
//
// A Message refers to the bytes it was parsed from. It and the slices that its methods return are
// valid as long as those bytes do not change.
package wire

// Method is the method of a STUN message.
type Method uint16

// The methods of STUN (RFC 8489 section 18.2) and TURN (RFC 8656 section 17).
const (
	Binding          Method = 0x001
	Allocate         Method = 0x003
	Refresh          Method = 0x004
	Send             Method = 0x006
	Data             Method = 0x007
	CreatePermission Method = 0x008
	ChannelBind      Method = 0x009
)

// String returns the name of the method in the RFCs.
func (m Method) String() string {
	switch m {
	case Binding:
		return "Binding"
	case Allocate:
		return "Allocate"
	case Refresh:
		return "Refresh"
	case Send:
		return "Send"
	case Data:
		return "Data"
	case CreatePermission:
		return "CreatePermission"
	case ChannelBind:
		return "ChannelBind"
	default:
		return "unknown"
	}
}

// Class is the class of a STUN message (RFC 8489 section 5).
type Class uint8

// The classes.
const (
	Request Class = iota
	Indication
	Success
	Error
)

// Type is the type of a message: its method and class, in the form of its first two bytes.
type Type uint16

// NewType returns the type for a method of 12 bits and a class (RFC 8489 figure 3).
func NewType(m Method, c Class) Type {
	return Type(m&0x000f | m&0x0070<<1 | m&0x0f80<<2 | Method(c&1)<<4 | Method(c&2)<<7)
}

// Method returns the method of a message type.
func (t Type) Method() Method {
	return Method(t&0x000f | t>>1&0x0070 | t>>2&0x0f80)
}

// Class returns the class of a message type.
func (t Type) Class() Class { return Class(t>>4&1 | t>>7&2) } //nolint:gosec // two bits

// TransactionID is the same in a request and its response.
type TransactionID [12]byte

// Attr is the type of an attribute.
type Attr uint16

// The attributes of STUN (RFC 8489 section 18.3), TURN (RFC 8656 section 18) and
// NAT behaviour discovery (RFC 5780 section 7).
const (
	MappedAddress           Attr = 0x0001
	ChangeRequest           Attr = 0x0003
	Username                Attr = 0x0006
	MessageIntegrity        Attr = 0x0008
	ErrorCode               Attr = 0x0009
	UnknownAttributes       Attr = 0x000a
	ChannelNumber           Attr = 0x000c
	Lifetime                Attr = 0x000d
	XORPeerAddress          Attr = 0x0012
	DataValue               Attr = 0x0013
	Realm                   Attr = 0x0014
	Nonce                   Attr = 0x0015
	XORRelayedAddress       Attr = 0x0016
	RequestedAddressFamily  Attr = 0x0017
	EvenPort                Attr = 0x0018
	RequestedTransport      Attr = 0x0019
	DontFragment            Attr = 0x001a
	XORMappedAddress        Attr = 0x0020
	ReservationToken        Attr = 0x0022
	Padding                 Attr = 0x0026
	ResponsePort            Attr = 0x0027
	AdditionalAddressFamily Attr = 0x8000
	AddressErrorCode        Attr = 0x8001
	Software                Attr = 0x8022
	Fingerprint             Attr = 0x8028
	ResponseOrigin          Attr = 0x802b
	OtherAddress            Attr = 0x802c
)

// Optional reports whether an agent that does not know the attribute may ignore it
// (comprehension-optional); all others must be understood (RFC 8489 section 14).
func (a Attr) Optional() bool { return a >= 0x8000 }

// The families of REQUESTED-ADDRESS-FAMILY and of every address (RFC 8489
// section 14.1).
const (
	IPv4 byte = 1
	IPv6 byte = 2
)

// TransportUDP is the REQUESTED-TRANSPORT value for UDP (RFC 8656 section 18.7).
const TransportUDP byte = 17
