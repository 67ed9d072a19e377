//go:build linux

package netlab

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"callbox/e2e/need"
)

// natLab is a lab in which client a is behind a NAT. The server has two addresses, as
// RFC 5780 wants it.
type natLab struct {
	*Lab
	public, second netip.Addr
	router         *Namespace
}

func newNATLab(t *testing.T, kind Kind) *natLab {
	t.Helper()
	need.Program(t, "nft")
	lab := &natLab{Lab: newLab(t)}
	var err error
	if lab.public, err = lab.NAT(t.Context(), lab.A, kind); err != nil {
		t.Fatal(err)
	}
	lab.router = lab.namespaces[len(lab.namespaces)-1]
	lab.second = lab.ServerAddr.Next()
	if err := ip(t.Context(), "-n", lab.Server.Name, "addr", "add", lab.second.String()+"/24", "dev", "public"); err != nil {
		t.Fatal(err)
	}
	return lab
}

// socket is a UDP socket in a namespace.
type socket struct {
	*net.UDPConn
	t  *testing.T
	at netip.AddrPort
}

func newSocket(t *testing.T, n *Namespace, addr netip.Addr) *socket {
	t.Helper()
	return newSocketAt(t, n, netip.AddrPortFrom(addr, 0))
}

func newSocketAt(t *testing.T, n *Namespace, at netip.AddrPort) *socket {
	t.Helper()
	s := &socket{t: t}
	err := n.Do(func() (err error) {
		s.UDPConn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.at = s.LocalAddr().(*net.UDPAddr).AddrPort()
	return s
}

func (s *socket) send(to netip.AddrPort, text string) {
	s.t.Helper()
	if _, err := s.WriteToUDPAddrPort([]byte(text), to); err != nil {
		s.t.Fatal(err)
	}
}

// receive checks the text of the next packet and returns where it comes from.
func (s *socket) receive(want string) netip.AddrPort {
	s.t.Helper()
	if err := s.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	buffer := make([]byte, 100)
	n, from, err := s.ReadFromUDPAddrPort(buffer)
	if err != nil || string(buffer[:n]) != want {
		s.t.Fatalf("received %q from %v, %v; want %q", buffer[:n], from, err, want)
	}
	return from
}

// mapping returns the address as which a peer sees the client's socket, and sends an answer there.
func mapping(client, peer *socket) netip.AddrPort {
	client.t.Helper()
	client.send(peer.at, "question")
	mapped := peer.receive("question")
	peer.send(mapped, "answer")
	if from := client.receive("answer"); from != peer.at {
		client.t.Errorf("the answer of %v comes from %v", peer.at, from)
	}
	return mapped
}

// peers are sockets of the server: one, another port of the same address, and a port of the other address.
func (lab *natLab) peers(t *testing.T) (one, otherPort, otherAddr *socket) {
	t.Helper()
	return newSocket(t, lab.Server, lab.ServerAddr), newSocket(t, lab.Server, lab.ServerAddr), newSocket(t, lab.Server, lab.second)
}

// TestMapping measures how NATs map (RFC 4787, section 4.1): a client asks several
// addresses and ports of the server from one socket (RFC 5780, section 4.3).
func TestMapping(t *testing.T) {
	for _, kind := range []Kind{PortRestricted, Symmetric} {
		t.Run(string(kind), func(t *testing.T) {
			lab := newNATLab(t, kind)
			client := newSocket(t, lab.A, lab.AAddr)
			one, otherPort, otherAddr := lab.peers(t)
			first := mapping(client, one)
			byPort, byAddr := mapping(client, otherPort), mapping(client, otherAddr)
			for _, mapped := range []netip.AddrPort{first, byPort, byAddr} {
				if mapped.Addr() != lab.public {
					t.Errorf("the client is seen as %v, the router's address is %v", mapped, lab.public)
				}
			}
			if again := mapping(client, one); again != first {
				t.Errorf("the same destination sees %v, then %v", first, again)
			}
			switch kind {
			case PortRestricted:
				if first.Port() != client.at.Port() || byPort != first || byAddr != first {
					t.Errorf("%v is mapped to %v, %v, %v, want its own port for every destination", client.at, first, byPort, byAddr)
				}
			default:
				if byPort == first || byAddr == first || byAddr == byPort {
					t.Errorf("%v is mapped to %v, %v, %v, want another port for each destination", client.at, first, byPort, byAddr)
				}
			}
		})
	}
}

// TestFiltering measures what NATs let in (RFC 4787, section 5): packets come from another
// port, and from another address, than the one to which the client has sent (RFC 5780,
// section 4.4). What is let in is sent last, so it comes first only if the rest is dropped.
func TestFiltering(t *testing.T) {
	for _, kind := range []Kind{PortRestricted, Symmetric} {
		t.Run(string(kind), func(t *testing.T) {
			lab := newNATLab(t, kind)
			client := newSocket(t, lab.A, lab.AAddr)
			one, otherPort, otherAddr := lab.peers(t)
			mapped := mapping(client, one)
			for range 3 {
				otherAddr.send(mapped, "from another address")
				otherPort.send(mapped, "from another port")
				one.send(mapped, "from where the client has sent to")
				client.receive("from where the client has sent to")
			}
			for _, peer := range []*socket{otherPort, otherAddr} {
				peer.send(mapping(client, peer), "let in")
				client.receive("let in")
			}
		})
	}
}

// TestEarlyPacket sends something to a mapping before the client has sent anything to
// where it comes from, as peers do that check each other (RFC 8445). It must not change the
// mapping. Without the router's firewall it does, which shows what the firewall is for.
func TestEarlyPacket(t *testing.T) {
	for _, firewall := range []bool{true, false} {
		t.Run(map[bool]string{true: "firewall", false: "no firewall"}[firewall], func(t *testing.T) {
			lab := newNATLab(t, PortRestricted)
			if !firewall {
				if err := nft(t.Context(), lab.router, "flush chain ip router input"); err != nil {
					t.Fatal(err)
				}
			}
			client := newSocket(t, lab.A, lab.AAddr)
			one, _, early := lab.peers(t)
			mapped := mapping(client, one)
			early.send(mapped, "early")
			one.send(mapped, "after the early one")
			client.receive("after the early one")
			if seen := mapping(client, early); (seen == mapped) != firewall {
				t.Errorf("firewall %v: who was early sees the client as %v, the other one as %v", firewall, seen, mapped)
			}
		})
	}
}

// TestHolePunching has two clients behind NATs send to each other's mapping, as ICE
// does. Both mappings are what the server saw, although the first packet is dropped.
func TestHolePunching(t *testing.T) {
	lab := newNATLab(t, PortRestricted)
	if _, err := lab.NAT(t.Context(), lab.B, PortRestricted); err != nil {
		t.Fatal(err)
	}
	a, b := newSocket(t, lab.A, lab.AAddr), newSocket(t, lab.B, lab.BAddr)
	server := newSocket(t, lab.Server, lab.ServerAddr)
	ofA, ofB := mapping(a, server), mapping(b, server)
	a.send(ofB, "dropped")
	server.send(ofB, "after the dropped one")
	b.receive("after the dropped one")
	b.send(ofA, "hello from b")
	if from := a.receive("hello from b"); from != ofB {
		t.Errorf("a sees b as %v, the server as %v", from, ofB)
	}
	a.send(ofB, "hello from a")
	if from := b.receive("hello from a"); from != ofA {
		t.Errorf("b sees a as %v, the server as %v", from, ofA)
	}
}

// TestNoUDP sends UDP through routers that do not let it pass, in both directions. TCP that
// passes afterwards, and packets from inside each namespace, show that there was time enough.
func TestNoUDP(t *testing.T) {
	for _, kind := range []Kind{UDPBlocked, Only443} {
		t.Run(string(kind), func(t *testing.T) {
			lab := newNATLab(t, kind)
			client := newSocket(t, lab.A, lab.AAddr)
			server, otherPort, otherAddr := lab.peers(t)
			peers := []*socket{server, otherPort, otherAddr, newSocketAt(t, lab.Server, netip.AddrPortFrom(lab.ServerAddr, 443))}
			web := serveGreetingAt(t, lab.Server, netip.AddrPortFrom(lab.ServerAddr, 443))
			for _, peer := range peers {
				client.send(peer.at, "from the client")
				peer.send(netip.AddrPortFrom(lab.public, client.at.Port()), "from the server")
			}
			if _, err := readGreeting(t, lab.A, web); err != nil {
				t.Errorf("TCP to port 443: %v", err)
			}
			for _, peer := range peers {
				server.send(peer.at, "from inside")
				peer.receive("from inside")
			}
			newSocket(t, lab.A, lab.AAddr).send(client.at, "from inside")
			client.receive("from inside")
		})
	}
}

// TestTCP checks to which ports clients can connect, and as what the server sees them.
func TestTCP(t *testing.T) {
	for kind, passes := range map[Kind]bool{PortRestricted: true, Symmetric: true, UDPBlocked: true, Only443: false} {
		t.Run(string(kind), func(t *testing.T) {
			lab := newNATLab(t, kind)
			web := serveGreetingAt(t, lab.Server, netip.AddrPortFrom(lab.ServerAddr, 443))
			other := serveGreetingAt(t, lab.Server, netip.AddrPortFrom(lab.ServerAddr, 8443))
			if _, err := readGreeting(t, lab.A, web); err != nil {
				t.Errorf("TCP to port 443: %v", err)
			}
			limit := 5 * time.Second
			if !passes { // that a packet was dropped shows only when time is over
				limit = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			conn, err := lab.A.DialContext(ctx, "tcp4", other)
			if err == nil {
				conn.Close()
			}
			var refusal net.Error
			if passes && err != nil || !passes && (!errors.As(err, &refusal) || !refusal.Timeout()) {
				t.Errorf("TCP to port 8443: %v; passes: %v", err, passes)
			}
			if _, err := readGreeting(t, lab.B, other); err != nil {
				t.Errorf("TCP to port 8443, without a NAT: %v", err)
			}
		})
	}
}

// TestNATOfStrangers asks for NATs that cannot be.
func TestNATOfStrangers(t *testing.T) {
	lab := newLab(t)
	if _, err := lab.NAT(t.Context(), lab.Server, PortRestricted); err == nil {
		t.Error("the server is behind a NAT")
	}
	if _, err := lab.NAT(t.Context(), lab.A, "carrier-grade"); err == nil {
		t.Error("a NAT of an unknown kind")
	}
}
