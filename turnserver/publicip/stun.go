package publicip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v3"
)

const (
	// firstRetry is the first retransmission timeout; it doubles with each retransmission
	// (RFC 8489, section 6.2.1).
	firstRetry = 500 * time.Millisecond
	maxAnswer  = 1500
)

// stun queries a STUN server over each family that its host has an address of.
func (f *Finder) stun(ctx context.Context, source Source) (Answer, error) {
	servers, err := f.resolve(ctx, source.host)
	if err != nil {
		return Answer{}, err
	}
	type result struct {
		seen        netip.Addr
		portsChange bool
		err         error
	}
	results := make([]chan result, 0, 2) //nolint:mnd // one for each family
	var asked [2]bool
	for _, server := range servers {
		family := 0
		if server.Is6() {
			family = 1
		}
		if asked[family] {
			continue
		}
		asked[family] = true
		answered := make(chan result, 1)
		results = append(results, answered)
		go func() {
			var r result
			r.seen, r.portsChange, r.err = bind(ctx, netip.AddrPortFrom(server, source.port))
			answered <- r
		}()
	}
	var answer Answer
	var errs []error
	for _, answered := range results {
		r := <-answered
		if r.err != nil {
			errs = append(errs, r.err)
			continue
		}
		answer.Addrs = append(answer.Addrs, r.seen)
		answer.PortsChange = answer.PortsChange || r.portsChange
	}
	if len(answer.Addrs) > 0 {
		return answer, nil
	}
	if len(errs) == 0 {
		errs = append(errs, errors.New("the name has no address"))
	}
	return Answer{}, errors.Join(errs...)
}

// bind sends Binding requests (RFC 8489, section 2) until one is answered, and
// returns the address that the server saw.
func bind(ctx context.Context, server netip.AddrPort) (seen netip.Addr, portsChange bool, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", server.String())
	if err != nil {
		return netip.Addr{}, false, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })() // never fails on an open socket
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	if err != nil {
		return netip.Addr{}, false, err
	}
	buffer := make([]byte, maxAnswer)
	for wait := firstRetry; ; wait *= 2 {
		if _, err := conn.Write(request.Raw); err != nil {
			return netip.Addr{}, false, ended(ctx, err)
		}
		mapped, err := readMapped(ctx, conn, request.TransactionID, time.Now().Add(wait), buffer)
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return netip.Addr{}, false, ended(ctx, err)
		}
		local, _ := conn.LocalAddr().(*net.UDPAddr)
		return mapped.Addr(), local != nil && int(mapped.Port()) != local.Port, nil
	}
}

// ended returns the cause of the context, if it has ended, instead of the error that came of it.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// readMapped reads until the response to a request comes; everything else is not from the server.
func readMapped(ctx context.Context, conn net.Conn, id [stun.TransactionIDSize]byte, deadline time.Time, buffer []byte) (netip.AddrPort, error) {
	if err := conn.SetReadDeadline(deadline); err != nil {
		return netip.AddrPort{}, err
	}
	if ctx.Err() != nil { // its deadline has just been overwritten
		return netip.AddrPort{}, context.Cause(ctx)
	}
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return netip.AddrPort{}, err
		}
		message := &stun.Message{Raw: buffer[:n]}
		if !stun.IsMessage(buffer[:n]) || message.Decode() != nil || message.TransactionID != id {
			continue
		}
		if message.Type != stun.BindingSuccess {
			return netip.AddrPort{}, fmt.Errorf("the server refuses the request (%s)", message.Type)
		}
		return mappedIn(message)
	}
}

func mappedIn(message *stun.Message) (netip.AddrPort, error) {
	var xor stun.XORMappedAddress
	ip, port := net.IP(nil), 0
	if err := xor.GetFrom(message); err == nil {
		ip, port = xor.IP, xor.Port
	} else {
		var plain stun.MappedAddress // of servers older than RFC 5389
		if plain.GetFrom(message) != nil {
			return netip.AddrPort{}, errors.New("the server's response contains no address")
		}
		ip, port = plain.IP, plain.Port
	}
	addr, ok := netip.AddrFromSlice(ip)
	if addr = addr.Unmap(); !ok || addr.IsUnspecified() || addr.IsMulticast() {
		return netip.AddrPort{}, errors.New("the server's response contains no usable address")
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil //nolint:gosec // 16 bits on the wire
}
