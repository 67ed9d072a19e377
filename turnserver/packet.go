package turnserver

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
)

// receiveBuffer is asked of the kernel for each UDP socket of clients: one
// goroutine reads for all of them, and bursts must not be lost meanwhile.
const receiveBuffer = 4 << 20

// packetConn is a socket that survives errors of reading: it fails only when
// it is closed.
//
// One that is bound to every address answers from the address that it was asked
// at. Left to itself the kernel takes the one that the way back begins with, and
// on a machine with several the client would hear from a stranger.
type packetConn struct {
	net.PacketConn
	closing <-chan struct{}
	log     *slog.Logger

	arrivals *net.UDPConn // nil: there is but one address to answer from
	control  []byte       // of the datagram being read

	mu    sync.Mutex
	last  arrival                       // of the datagram read last
	stays map[netip.AddrPort]netip.Addr // of clients with an allocation
}

// arrival says at which of our addresses a client's datagram came.
type arrival struct {
	client netip.AddrPort
	at     netip.Addr
}

func newPacketConn(conn net.PacketConn, closing <-chan struct{}, log *slog.Logger) *packetConn {
	if sized, ok := conn.(interface{ SetReadBuffer(bytes int) error }); ok {
		if err := sized.SetReadBuffer(receiveBuffer); err != nil {
			log.Debug("receive buffer", "err", err)
		}
	}
	c := &packetConn{PacketConn: conn, closing: closing, log: log, stays: map[netip.AddrPort]netip.Addr{}}
	if udp, ok := conn.(*net.UDPConn); ok && addrPort(conn.LocalAddr()).Addr().IsUnspecified() {
		if err := tellArrivals(udp); err != nil {
			log.Debug("arrival addresses", "err", err)
		} else {
			c.arrivals, c.control = udp, make([]byte, controlBytes)
		}
	}
	return c
}

// ReadFrom is called from one goroutine.
func (c *packetConn) ReadFrom(p []byte) (n int, addr net.Addr, err error) {
	err = persist(c.closing, c.log, func() (err error) {
		n, addr, err = c.read(p)
		return err
	})
	return n, addr, err
}

func (c *packetConn) read(p []byte) (int, net.Addr, error) {
	if c.arrivals == nil {
		return c.PacketConn.ReadFrom(p)
	}
	n, controls, _, from, err := c.arrivals.ReadMsgUDPAddrPort(p, c.control)
	if err != nil {
		return 0, nil, err
	}
	addr := net.UDPAddrFromAddrPort(from)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = arrival{client: addrPort(addr), at: arrivedAt(c.control[:controls])}
	return n, addr, nil
}

func (c *packetConn) WriteTo(p []byte, addr net.Addr) (int, error) {
	at := c.arrivalOf(addrPort(addr))
	to, ok := addr.(*net.UDPAddr)
	if !at.IsValid() || !ok {
		return c.PacketConn.WriteTo(p, addr)
	}
	n, _, err := c.arrivals.WriteMsgUDPAddrPort(p, sentFrom(at), to.AddrPort())
	return n, err
}

func (c *packetConn) arrivalOf(client netip.AddrPort) netip.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.stays[client]; ok {
		return at
	}
	if c.last.client == client {
		return c.last.at
	}
	return netip.Addr{}
}

// stay remembers the address that a client, whose datagram was read last, is
// answered from, until leave: what a relay has for it comes at any time.
func (c *packetConn) stay(client netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last.client == client && c.last.at.IsValid() {
		c.stays[client] = c.last.at
	}
}

func (c *packetConn) leave(client netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.stays, client)
}
