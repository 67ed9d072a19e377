package datapath

import "net/netip"

// Client is whom a relay belongs to: a client of a UDP Socket, or a Stream.
type Client interface {
	// send hands a message to the client from any goroutine, and never waits.
	// The message is head, body and padding zero bytes; on a stream it is
	// padded to a multiple of four bytes in any case.
	send(head, body []byte, padding int) Drop
	// attach has what the client sends reach its relay, until detach.
	attach(r *Relay)
	detach(r *Relay)
	// engine is where the client's relay is best read; nil = anywhere.
	engine() *engine
}

// destination is where a datagram goes, and the address of ours that it comes
// from, the zero Addr when the kernel may choose.
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

// Client returns the client at addr, which is answered from the address at that
// it has sent to, as ReadControl tells them.
func (s *Socket) Client(addr netip.AddrPort, at netip.Addr) Client {
	return &udpClient{socket: s, to: s.port.destination(addr, at)}
}

func (c *udpClient) send(head, body []byte, padding int) Drop {
	return c.socket.port.send(&c.to, head, body, padding)
}

func (c *udpClient) attach(r *Relay) { c.socket.clients.put(c.to.addr, r) }
func (c *udpClient) detach(r *Relay) { c.socket.clients.remove(c.to.addr, r) }
func (c *udpClient) engine() *engine { return c.socket.engine }
