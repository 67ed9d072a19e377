package wire

import (
	"encoding/binary"
	"net/netip"

	"callbox/internal/netaddr"
)

// These are the lengths of what precedes the payload in a Data indication, from an IPv4 and from an
// IPv6 peer.
const (
	DataHeader4Len = HeaderLen + attrHeaderLen + address4Len + attrHeaderLen
	DataHeader6Len = HeaderLen + attrHeaderLen + address6Len + attrHeaderLen
)

const maxBody = 1<<16 - 4 // the length has 16 bits and is a multiple of four

// SendIndication decodes a Send indication (RFC 8656 section 11.2). ok is false when m is another
// message, lacks the peer or the data, or has an unknown comprehension-required attribute: then it
// must be dropped silently.
func SendIndication(m Message) (peer netip.AddrPort, data []byte, dontFragment, ok bool) {
	if m.Type() != NewType(Send, Indication) {
		return netip.AddrPort{}, nil, false, false
	}
	hasPeer, hasData := false, false
	for attrs := m.Attributes(); attrs.Next(); {
		switch attrs.Type {
		case XORPeerAddress:
			if hasPeer {
				continue
			}
			if peer, hasPeer = m.Address(attrs.Value); !hasPeer {
				return netip.AddrPort{}, nil, false, false
			}
		case DataValue:
			if !hasData {
				data, hasData = attrs.Value, true
			}
		case DontFragment:
			dontFragment = true
		case Username, Realm, Nonce:
			// An indication is never authenticated (RFC 8656 section 5).
		default:
			if !attrs.Type.Optional() {
				return netip.AddrPort{}, nil, false, false
			}
		}
	}
	return peer, data, dontFragment, hasPeer && hasData
}

// PutDataIndication writes everything of a Data indication (RFC 8656 section 11.4) but the payload
// to the end of b, so that the payload of n bytes can follow. b must have at least DataHeader6Len
// bytes. headerLen is how many bytes were written, DataHeader4Len or DataHeader6Len, or 0 when the
// payload is too long. padding is how many bytes, up to 3, must follow the payload.
func PutDataIndication(b []byte, id TransactionID, peer netip.AddrPort, n int) (headerLen, padding int) {
	peer = netaddr.Unmap(peer)
	headerLen = DataHeader4Len
	if peer.Addr().Is6() {
		headerLen = DataHeader6Len
	}
	body := headerLen - HeaderLen + padded(n)
	if body > maxBody {
		return 0, 0
	}
	b = b[len(b)-headerLen:]
	binary.BigEndian.PutUint16(b, uint16(NewType(Data, Indication)))
	binary.BigEndian.PutUint16(b[2:], uint16(body)) //nolint:gosec // bounded above
	binary.BigEndian.PutUint32(b[4:], cookie)
	copy(b[8:], id[:])
	value := addressLen(peer.Addr())
	binary.BigEndian.PutUint16(b[HeaderLen:], uint16(XORPeerAddress))
	binary.BigEndian.PutUint16(b[HeaderLen+2:], uint16(value)) //nolint:gosec // 8 or 20
	putAddress(b[HeaderLen+attrHeaderLen:], xorAddress(peer, (*[16]byte)(b[4:HeaderLen])))
	data := HeaderLen + attrHeaderLen + value
	binary.BigEndian.PutUint16(b[data:], uint16(DataValue))
	binary.BigEndian.PutUint16(b[data+2:], uint16(n)) //nolint:gosec // bounded above
	return headerLen, padded(n) - n
}
