package doctor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v4"
)

// checkAddress finds out whether the address that the server advertises is its own: if nothing answers
// there, but does at the address of the page, it is wrong. Behind a proxy on another machine nothing
// answers there, either, and then it cannot be told.
func (n *network) checkAddress(ctx context.Context) Finding {
	host, udp, tcp := n.advertised()
	switch {
	case !host.IsValid():
		return skipped(Address, NotOffered, "Not checked: the server offers neither STUN nor TURN.", "")
	case host == n.at:
		return good(Address, fmt.Sprintf("%v, the same as that of the page.", host))
	}
	var there, here bool
	var both sync.WaitGroup
	both.Go(func() { there = n.answersAt(ctx, host, udp, tcp) })
	both.Go(func() { here = n.answersAt(ctx, n.at, udp, tcp) })
	both.Wait()
	why := fmt.Sprintf("Nothing answers at %v, but STUN answers at %v, where the page is.", host, n.at)
	switch {
	case there:
		return good(Address, fmt.Sprintf("%v answers.", host))
	case !here && unreachableFrom(host, n.at):
		why = fmt.Sprintf("It is a private address, and the page has a public one, %v.", n.at)
	case !here:
		return skipped(Address, NotFound, fmt.Sprintf("Could not be found out: STUN answers neither at %v, which the server advertises, nor at %v, where the page is.", host, n.at),
			"Compare it with the address that the Internet sees of the server.")
	}
	f := fault(Address, Fail, AddressWrong, fmt.Sprintf("The server advertises a wrong address for its relays, %v.", host), why,
		fmt.Sprintf("Start callbox with --public-ip and the address that the Internet sees: perhaps %v.", n.at))
	f.host = host.String()
	return f
}

// unreachableFrom reports whether an address is of a private network while the page is on the Internet.
func unreachableFrom(advertised, page netip.Addr) bool {
	local := func(a netip.Addr) bool { return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() }
	return local(advertised) && !local(page)
}

// advertised returns the first address in the answer, and the ports at which it answers over UDP and
// TCP; 0 = none.
func (n *network) advertised() (host netip.Addr, udp, tcp uint16) {
	for _, t := range append(append([]*target{}, n.stun...), n.turn...) {
		if !host.IsValid() {
			host = t.at.Addr()
		}
		switch check := t.protocol(); {
		case t.at.Addr() != host:
		case check == RelayUDP && udp == 0:
			udp = t.at.Port()
		case check == RelayTCP && tcp == 0:
			tcp = t.at.Port()
		}
	}
	return host, udp, tcp
}

// answersAt reports whether STUN answers at an address, over UDP or over TCP.
func (n *network) answersAt(ctx context.Context, host netip.Addr, udp, tcp uint16) bool {
	var overUDP, overTCP bool
	var both sync.WaitGroup
	if udp != 0 {
		both.Go(func() {
			_, err := askOnce(ctx, netip.AddrPortFrom(host, udp))
			if overUDP = err == nil; overUDP {
				n.udp.Store(true)
			}
		})
	}
	if tcp != 0 {
		both.Go(func() { overTCP = askTCP(ctx, netip.AddrPortFrom(host, tcp)) == nil })
	}
	both.Wait()
	return overUDP || overTCP
}

// askTCP sends a Binding request over TCP and reads the response.
func askTCP(ctx context.Context, to netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", to.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })() // never fails on an open socket
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	if err != nil {
		return err
	}
	if _, err := conn.Write(request.Raw); err != nil {
		return err
	}
	const header = 20
	response := make([]byte, header, maxPacket)
	if _, err := io.ReadFull(conn, response); err != nil {
		return err
	}
	length := header + int(binary.BigEndian.Uint16(response[2:]))
	if length > maxPacket {
		return errors.New("the response is too large")
	}
	response = response[:length]
	if _, err := io.ReadFull(conn, response[header:]); err != nil {
		return err
	}
	message := &stun.Message{Raw: response}
	if err := message.Decode(); err != nil || message.TransactionID != request.TransactionID {
		return errors.New("this is no response of a STUN server")
	}
	return nil
}
