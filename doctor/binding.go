package doctor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"

	"callbox/internal/netaddr"
)

const (
	// askTime is how long a STUN server may take. A call would not wait for longer.
	askTime = 3 * time.Second
	// firstRetry is the first retransmission timeout; it doubles with each retransmission (RFC 8489,
	// section 6.2.1).
	firstRetry = 250 * time.Millisecond
	maxPacket  = 2048
)

// Attributes of NAT behavior discovery (RFC 5780, section 7), and where the flags of CHANGE-REQUEST are.
const (
	attrChangeRequest stun.AttrType = 0x0003
	attrOtherAddress  stun.AttrType = 0x802c
	// attrFiller is comprehension-optional and not assigned: whoever does not know it ignores it (RFC
	// 8489, section 14).
	attrFiller stun.AttrType = 0xfffe

	changePort byte = 2
	changeBoth byte = 2 | 4
)

// bound is the response to a Binding request.
type bound struct {
	mapped netip.AddrPort // the address that the server saw
	other  netip.AddrPort // its OTHER-ADDRESS; invalid = none
	took   time.Duration
}

// udpTo opens a socket that is connected to an address, so that it learns of a refusal.
func udpTo(ctx context.Context, to netip.AddrPort) (*net.UDPConn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", to.String())
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil //nolint:forcetypeassert // that is what "udp" gives
}

// askOnce opens a socket, asks a STUN server and closes it again.
func askOnce(ctx context.Context, to netip.AddrPort, options ...stun.Setter) (bound, error) {
	conn, err := udpTo(ctx, to)
	if err != nil {
		return bound{}, err
	}
	defer conn.Close() //nolint:errcheck // nothing is waiting to be sent
	return ask(ctx, conn, conn.Write, askTime, options...)
}

// ask sends a Binding request (RFC 8489, section 2) until it is answered on conn.
func ask(ctx context.Context, conn *net.UDPConn, send func([]byte) (int, error), limit time.Duration, options ...stun.Setter) (bound, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// It comes after every deadline that is set below, because those are set before ctx is looked at.
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()
	request, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.BindingRequest}, append(options, stun.Fingerprint)...)...)
	if err != nil {
		return bound{}, err
	}
	begun := time.Now()
	for wait := firstRetry; ; wait *= 2 {
		if _, err := send(request.Raw); err != nil {
			return bound{}, err
		}
		_ = conn.SetReadDeadline(time.Now().Add(wait)) // never fails on an open socket
		if ctx.Err() != nil {
			return bound{}, context.Cause(ctx)
		}
		got, err := readBinding(conn, request.TransactionID)
		if err == nil {
			got.took = time.Since(begun)
			return got, nil
		}
		if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
			return bound{}, err
		}
	}
}

// readBinding reads until the response comes; everything else is not from the server.
func readBinding(conn *net.UDPConn, id [stun.TransactionIDSize]byte) (bound, error) {
	buffer := make([]byte, maxPacket)
	for {
		n, _, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return bound{}, err
		}
		message := &stun.Message{Raw: buffer[:n]}
		if !stun.IsMessage(buffer[:n]) || message.Decode() != nil || message.TransactionID != id {
			continue
		}
		return readBound(message)
	}
}

func readBound(message *stun.Message) (bound, error) {
	if message.Type != stun.BindingSuccess {
		return bound{}, errors.New("the STUN server refuses the request: " + message.Type.String())
	}
	var mapped stun.XORMappedAddress
	if err := mapped.GetFrom(message); err != nil {
		return bound{}, errors.New("the STUN server's response has no address")
	}
	got := bound{mapped: addrPort(mapped.IP, mapped.Port)}
	var other stun.MappedAddress
	if other.GetFromAs(message, attrOtherAddress) == nil {
		got.other = addrPort(other.IP, other.Port)
	}
	return got, nil
}

func addrPort(ip net.IP, port int) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(ip)                           // the zero Addr is invalid, as it should be
	return netaddr.Unmap(netip.AddrPortFrom(addr, uint16(port))) //nolint:gosec // 16 bits on the wire
}

// change asks for a response from another port, or another address and port, of the server.
func change(flags byte) stun.Setter {
	return stun.RawAttribute{Type: attrChangeRequest, Value: []byte{0, 0, 0, flags}}
}

// filler makes the request larger.
func filler(bytes int) stun.Setter {
	return stun.RawAttribute{Type: attrFiller, Value: make([]byte, bytes)}
}
