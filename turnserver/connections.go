package turnserver

import (
	"net"
	"net/netip"
	"sync"
)

// connections are the open TCP and TLS connections of clients, which have limits.
type connections struct {
	perAddress, total int // limits; negative = no limit, for total also 0

	mu        sync.Mutex // guards the following
	closed    bool
	open      map[net.Conn]*connection
	byClient  map[netip.Addr]*clientConnections
	opened    uint64 // since the start
	refused   uint64
	displaced uint64
}

type connection struct {
	client netip.Addr
	number uint64 // in the order of opening
	live   bool   // it has an allocation
}

// clientConnections counts the connections of one client address.
type clientConnections struct{ open, live int }

func (c *clientConnections) idle() int { return c.open - c.live }

func newConnections(limits Limits) *connections {
	return &connections{
		perAddress: limits.AddressConnections, total: limits.TotalConnections,
		open: map[net.Conn]*connection{}, byClient: map[netip.Addr]*clientConnections{},
	}
}

// admit adds a connection and reports whether it may stay. When there are as many as there may
// be, it displaces one without an allocation, which the caller closes: the oldest of the
// address that has most of those, unless the address of the new one has as many.
func (c *connections) admit(conn net.Conn) (displaced net.Conn, ok bool) {
	client := clientKey(conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.byClient[client]
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
	c.byClient[client] = own
	return displaced, true
}

// victimLocked returns the connection to displace for one more of newcomer, which has so many
// idle connections, those without an allocation; nil = none. mu must be held.
func (c *connections) victimLocked(newcomer netip.Addr, idle int) net.Conn {
	var victim net.Conn
	var best connection
	most := 0
	for conn, each := range c.open {
		has := c.byClient[each.client].idle()
		switch {
		case each.live, each.client != newcomer && has <= idle:
		case victim == nil, has > most, has == most && each.number < best.number:
			victim, best, most = conn, *each, has
		}
	}
	return victim
}

// remove removes a connection. It may have been displaced already.
func (c *connections) remove(conn net.Conn) {
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
	client := c.byClient[gone.client]
	client.open--
	if gone.live {
		client.live--
	}
	if client.open == 0 {
		delete(c.byClient, gone.client)
	}
}

// setLive must be called when the client of a connection gets its allocation and when that
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
		c.byClient[each.client].live++
	} else {
		c.byClient[each.client].live--
	}
}

// close closes all connections, and admits no more.
func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for conn := range c.open {
		closeNow(conn)
	}
}
