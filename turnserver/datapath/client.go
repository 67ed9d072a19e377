package datapath

import "net/netip"

// Client is the client of a relay: one of a UDP Socket, or a Stream.
type Client interface {
	// send sends a message to the client. It may be called from any goroutine, and
	// never waits. The message is head, body and padding zero bytes; on a stream it
	// is padded to a multiple of four bytes in any case.
	send(head, body []byte, padding int) Drop
	// attach passes what the client sends to its relay, until detach.
	attach(r *Relay)
	detach(r *Relay)
	// engine returns the engine that should read the client's relay; nil = any.
	engine() *engine
}

// destination is the address that a datagram is sent to, and the local one that it is
// sent from; from is the zero Addr when the kernel may choose.
type destination struct {
	addr netip.AddrPort
	from netip.Addr
	name sockaddr
}

// udpClient is a client of a UDP socket.
type udpClient struct {
	socket *Socket
	to     destination
}

// Client returns the client at addr, which is answered from at, the local address that it
// has sent to. ReadControl returns both.
func (s *Socket) Client(addr netip.AddrPort, at netip.Addr) Client {
	return &udpClient{socket: s, to: s.conn.destination(addr, at)}
}

func (c *udpClient) send(head, body []byte, padding int) Drop {
	return c.socket.conn.send(&c.to, head, body, padding)
}

func (c *udpClient) attach(r *Relay) { c.socket.clients.put(c.to.addr, r) }
func (c *udpClient) detach(r *Relay) { c.socket.clients.remove(c.to.addr, r) }
func (c *udpClient) engine() *engine { return c.socket.engine }
