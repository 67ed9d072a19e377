package impair

import (
	"net"
	"strings"

	"github.com/pion/transport/v5"
)

// ListenUDP implements transport.Net. Sockets for multicast are not impaired.
func (n *Net) ListenUDP(network string, local *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := n.Net.ListenUDP(network, local)
	if err != nil || local != nil && local.IP.IsMulticast() {
		return conn, err
	}
	return n.openUDP(conn)
}

// ListenPacket implements transport.Net, for UDP alone.
func (n *Net) ListenPacket(network, address string) (net.PacketConn, error) {
	conn, err := n.Net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	udp, ok := conn.(transport.UDPConn)
	if !ok {
		_ = conn.Close()
		return nil, net.UnknownNetworkError(network)
	}
	return n.openUDP(udp)
}

// DialUDP implements transport.Net.
func (n *Net) DialUDP(network string, local, remote *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := n.Net.DialUDP(network, local, remote)
	if err != nil {
		return nil, err
	}
	return n.openUDP(conn)
}

// Dial implements transport.Net, for UDP and TCP.
func (n *Net) Dial(network, address string) (net.Conn, error) {
	conn, err := n.Net.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return n.openConn(network, conn)
}

// CreateDialer implements transport.Net, for UDP and TCP.
func (n *Net) CreateDialer(d *net.Dialer) transport.Dialer {
	return dialer{n, n.Net.CreateDialer(d)}
}

type dialer struct {
	net   *Net
	below transport.Dialer
}

// Dial implements transport.Dialer.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	conn, err := d.below.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return d.net.openConn(network, conn)
}

// openConn opens a socket that the network below has connected.
func (n *Net) openConn(network string, conn net.Conn) (net.Conn, error) {
	if strings.HasPrefix(network, "tcp") {
		return n.openTCP(conn)
	}
	udp, ok := conn.(transport.UDPConn)
	if !ok {
		_ = conn.Close()
		return nil, net.UnknownNetworkError(network)
	}
	return n.openUDP(udp)
}
