package turnserver

import (
	"net"
	"net/netip"
	"sync"
)

// connections are the open TCP and TLS connections of clients, within limits.
type connections struct {
	perAddress, total int // limits; -1 = none, for total also 0

	mu        sync.Mutex // guards the following
	closed    bool
	open      map[net.Conn]*connection
	of        map[netip.Addr]*clientConnections
	opened    uint64 // of all time
	refused   uint64
	displaced uint64
}

type connection struct {
	client netip.Addr
	number uint64 // the older, the smaller
	live   bool   // it has an allocation
}

// clientConnections counts those of one client address.
type clientConnections struct{ open, live int }

func (c *clientConnections) idle() int { return c.open - c.live }

func newConnections(limits Limits) *connections {
	return &connections{
		perAddress: limits.AddressConnections, total: limits.TotalConnections,
		open: map[net.Conn]*connection{}, of: map[netip.Addr]*clientConnections{},
	}
}

// enter notes a connection and reports whether it may stay. When there are as
// many as there may be, it takes the place of one without an allocation, which
// the caller closes: the oldest of the address that has most of those, unless
// the newcomer's own has as many.
func (c *connections) enter(conn net.Conn) (displaced net.Conn, ok bool) {
	client := clientKey(conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.of[client]
	if own == nil {
		own = &clientConnections{}
	}
	if c.closed || !client.IsValid() || reached(own.open, c.perAddress) {
		c.refused++
		return nil, false
	}
	if c.total > 0 && len(c.open) >= c.total {
		if displaced = c.victimLocked(client, own.idle()); displaced == nil {
			c.refused++
			return nil, false
		}
		c.displaced++
		c.removeLocked(displaced)
	}
	c.opened++
	c.open[conn] = &connection{client: client, number: c.opened}
	own.open++
	c.of[client] = own
	return displaced, true
}

// victimLocked returns the connection that makes room for one more of a client
// that has idle ones without an allocation, or nil.
func (c *connections) victimLocked(newcomer netip.Addr, idle int) net.Conn {
	var victim net.Conn
	var best connection
	most := 0
	for conn, each := range c.open {
		has := c.of[each.client].idle()
		switch {
		case each.live, each.client != newcomer && has <= idle:
		case victim == nil, has > most, has == most && each.number < best.number:
			victim, best, most = conn, *each, has
		}
	}
	return victim
}

// leave forgets a connection; it may have been displaced.
func (c *connections) leave(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeLocked(conn)
}

func (c *connections) removeLocked(conn net.Conn) {
	gone := c.open[conn]
	if gone == nil {
		return
	}
	delete(c.open, conn)
	client := c.of[gone.client]
	client.open--
	if gone.live {
		client.live--
	}
	if client.open == 0 {
		delete(c.of, gone.client)
	}
}

// setLive is told when a connection's client gets its allocation and when that
// ends.
func (c *connections) setLive(conn net.Conn, live bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	each := c.open[conn]
	if each == nil || each.live == live {
		return
	}
	each.live = live
	if live {
		c.of[each.client].live++
	} else {
		c.of[each.client].live--
	}
}

// close ends all connections; none is let in any more.
func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for conn := range c.open {
		closeNow(conn)
	}
}
