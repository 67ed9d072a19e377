package peer

import (
	"net"
	"net/netip"
	"sync"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
)

// turnNet is a network whose packet sockets receive only from addresses that they have sent to. Pion's ICE agent opens packet
// sockets only for its TURN clients. Such a client stops reading at the first STUN request, whoever sent it. That ends the
// relay, and the ICE agent blocks until each of its TURN transactions times out.
type turnNet struct{ transport.Net }

// newTURNNet returns a turnNet over another network; nil = that of the machine.
func newTURNNet(over transport.Net) (turnNet, error) {
	if over != nil {
		return turnNet{over}, nil
	}
	machine, err := stdnet.NewNet()
	return turnNet{machine}, err
}

// ListenPacket implements transport.Net.
func (n turnNet) ListenPacket(network, address string) (net.PacketConn, error) {
	conn, err := n.Net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	return &turnSocket{PacketConn: conn, servers: make(map[netip.AddrPort]bool)}, nil
}

// turnSocket is the UDP socket of a TURN client. It drops packets that do not come from the client's servers.
type turnSocket struct {
	net.PacketConn

	mu      sync.RWMutex
	servers map[netip.AddrPort]bool // the addresses that the client has sent to
}

// WriteTo implements net.PacketConn.
func (s *turnSocket) WriteTo(p []byte, to net.Addr) (int, error) {
	if server, ok := udpAddress(to); ok && !s.isServer(server) {
		s.mu.Lock()
		s.servers[server] = true
		s.mu.Unlock()
	}
	return s.PacketConn.WriteTo(p, to)
}

// ReadFrom implements net.PacketConn.
func (s *turnSocket) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.PacketConn.ReadFrom(p)
		if err != nil {
			return n, from, err
		}
		if sender, ok := udpAddress(from); ok && s.isServer(sender) {
			return n, from, nil
		}
	}
}

func (s *turnSocket) isServer(address netip.AddrPort) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.servers[address]
}

// udpAddress returns a UDP address as it compares: IPv4 is never mapped to IPv6.
func udpAddress(address net.Addr) (netip.AddrPort, bool) {
	udp, ok := address.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	a := udp.AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), true
}
