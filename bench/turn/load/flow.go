//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"callbox/bench/turn/datagram"
)

// endpoint is a socket of flows.
type endpoint struct {
	fd      int
	wire    *wire // nil = UDP
	framing framing
	prefix  []byte // precedes each payload that it sends
	flow    *flow  // the flow that it receives
}

// flow is a flow of packets in one direction.
type flow struct {
	id       uint32
	from, to *endpoint
	sent     uint32
	tracker
}

// path is the path of a flow.
type path string

const (
	pair    path = "pair"    // client, relay, relay, client
	up      path = "up"      // client, relay, peer
	down    path = "down"    // peer, relay, client
	forward path = "forward" // through the forwarder
)

// open makes a flow along a path.
func (d *dialer) open(id uint32, along path, f framing, size int) (*flow, error) {
	switch along {
	case pair:
		return d.openPair(id, f, size)
	case up, down:
		return d.openHop(id, along, f, size)
	case forward:
		return d.openForward(id)
	}
	return nil, fmt.Errorf("-path: unknown path %q; use pair, up, down or forward", along)
}

// allocated returns a new client with an allocation.
func (d *dialer) allocated() (*client, error) {
	c, err := d.dial()
	if err != nil {
		return nil, err
	}
	return c, c.allocate()
}

// reach lets a client send to a peer and receive from it.
func (c *client) reach(peer netip.AddrPort, f framing) error {
	if f == channel {
		return c.bind(channelNumber, peer)
	}
	return c.permit(peer)
}

func (d *dialer) openPair(id uint32, f framing, size int) (*flow, error) {
	var clients [2]*client
	for i := range clients {
		c, err := d.allocated()
		if err != nil {
			return nil, err
		}
		clients[i] = c
	}
	from, to := clients[0], clients[1]
	if err := errors.Join(from.reach(to.relayed, f), to.reach(from.relayed, f)); err != nil {
		return nil, err
	}
	before, err := prefix(f, size, to.relayed)
	return newFlow(id,
		&endpoint{fd: from.fd, wire: from.wire, framing: f, prefix: before},
		&endpoint{fd: to.fd, wire: to.wire, framing: f}), err
}

func (d *dialer) openHop(id uint32, along path, f framing, size int) (*flow, error) {
	c, err := d.allocated()
	if err != nil {
		return nil, err
	}
	fd, err := plainSocket()
	if err != nil {
		return nil, err
	}
	at, err := datagram.Bound(fd)
	if err == nil {
		err = c.reach(at, f)
	}
	if err != nil {
		return nil, err
	}
	before, err := prefix(f, size, at)
	relayed := &endpoint{fd: c.fd, wire: c.wire, framing: f, prefix: before}
	peer := &endpoint{fd: fd}
	if along == up {
		return newFlow(id, relayed, peer), err
	}
	to := &unix.SockaddrInet4{Port: int(c.relayed.Port()), Addr: c.relayed.Addr().As4()}
	return newFlow(id, peer, relayed), errors.Join(err, unix.Connect(fd, to))
}

// openForward opens a socket, and tells the forwarder where to send its datagrams.
func (d *dialer) openForward(id uint32) (*flow, error) {
	fd, err := plainSocket()
	if err != nil {
		return nil, err
	}
	at, err := datagram.Bound(fd)
	if err != nil {
		return nil, err
	}
	u := &dialer{server: d.server, transport: "udp"}
	c, err := u.dial()
	if err != nil {
		return nil, err
	}
	request := fmt.Appendf(nil, "forward %s", at)
	for range attempts {
		if err := c.send(request); err != nil {
			return nil, err
		}
		if err := await(c.fd, answerTime); err == nil {
			n, err := unix.Read(c.fd, c.control[:])
			if err == nil && string(c.control[:n]) != string(request) {
				err = fmt.Errorf("the response of the forwarder is %q", c.control[:n])
			}
			return newFlow(id, &endpoint{fd: c.fd}, &endpoint{fd: fd}), err
		}
	}
	return nil, errSilent
}

func newFlow(id uint32, from, to *endpoint) *flow {
	f := &flow{id: id, from: from, to: to}
	to.flow = f
	return f
}
