package signaling

import (
	"runtime/debug"
	"time"

	"callbox/signaling/protocol"
)

// sweepInterval is how often expired entries are removed from the tables.
const sweepInterval = time.Minute

// keepAlive checks the pings and deadlines of all connections, and the grace
// times of the seats without one, until Close.
func (s *Server) keepAlive() {
	tick := time.NewTicker(s.tickInterval())
	defer tick.Stop()
	swept := s.uptime()
	var releaser memoryReleaser
	var connections []*connection // reused in every tick
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		s.mu.Lock()
		for c := range s.connections {
			connections = append(connections, c)
		}
		s.mu.Unlock()
		var fx effects
		for i, c := range connections {
			c.checkTimers(&fx)
			fx.apply()
			connections[i] = nil
		}
		now := s.uptime()
		if releaser.due(len(connections), now) {
			debug.FreeOSMemory() // it also collects garbage
		}
		connections = connections[:0]
		s.rooms.expire(now, &fx)
		fx.apply()
		if now-swept >= sweepInterval {
			swept = now
			s.addresses.sweep(now)
			s.sources.expire(now)
			s.kicks.prune()
		}
	}
}

// tickInterval is the precision of all timers: an eighth of the shortest of
// them, and at most a second.
func (s *Server) tickInterval() time.Duration {
	interval := time.Second
	for _, span := range []time.Duration{s.config.Ping, s.config.Grace, s.config.Limits.JoinWithin} {
		if span > 0 {
			interval = min(interval, span/8)
		}
	}
	return max(interval, time.Millisecond)
}

// checkTimers closes the connection when its time is over, or pings its client
// when a ping is due. Only keepAlive calls it.
func (c *connection) checkTimers(fx *effects) {
	if c.is(stateWaiting) {
		return
	}
	now := c.server.uptime()
	if by := time.Duration(c.joinDeadline.Load()); by > 0 && now >= by {
		if c.is(stateLeft) {
			c.close(protocol.CloseLeft, "left", fx)
		} else {
			c.close(protocol.ClosePolicy, "no join in time", fx)
		}
		return
	}
	interval := c.server.config.Ping
	switch {
	case interval == 0:
	case c.transport.idleFor() >= c.transport.idleTimeout(interval):
		c.close(protocol.CloseGoingAway, "no sign of life", fx)
	case now-c.lastPing >= interval:
		c.lastPing = now
		c.ping(fx)
		c.trim()
		c.updateMisbehaving()
	}
}

// trim releases memory that only a burst needed.
func (c *connection) trim() {
	c.mu.Lock()
	c.queue.trim()
	c.mu.Unlock()
	if s := c.session.Load(); s != nil {
		s.shard.mu.Lock()
		s.events.trim()
		s.shard.mu.Unlock()
	}
}

// updateMisbehaving sets stateMisbehaving if the client had unconfirmed events at
// the last ping and has confirmed none since, and otherwise clears it.
func (c *connection) updateMisbehaving() {
	misbehaving := false
	if s := c.session.Load(); s != nil {
		s.shard.mu.Lock()
		misbehaving = s.unconfirmedAtPing
		s.unconfirmedAtPing = s.events.count() > 0
		s.shard.mu.Unlock()
	}
	c.set(stateMisbehaving, misbehaving)
}

// probe makes sure that the occupants of a full room are alive: it pings those
// from which nothing has arrived for a ping interval, and closes their
// connections unless they answer within probeTimeout. It returns false when
// there is no such occupant.
func (s *Server) probe(occupants []*connection, fx *effects) bool {
	interval := s.config.Ping
	if interval == 0 {
		interval = DefaultPing
	}
	type silentSeat struct {
		connection *connection
		heard      <-chan struct{}
	}
	var idle []silentSeat
	for _, c := range occupants {
		if c.transport.idleFor() < interval {
			continue
		}
		idle = append(idle, silentSeat{c, c.transport.activity()})
		c.ping(fx)
	}
	if len(idle) == 0 {
		return false
	}
	fx.apply()
	timer := time.NewTimer(probeTimeout)
	defer timer.Stop()
	late := false
	for _, each := range idle {
		if !late {
			select {
			case <-each.heard:
				continue
			case <-s.done:
				return false
			case <-timer.C:
				late = true
			}
		}
		select {
		case <-each.heard:
		default:
			each.connection.closeUnresponsive(fx)
		}
	}
	return true
}

// closeUnresponsive closes the connection of an idle client. When it returns,
// the seat is held or free, even if another goroutine started to close the
// connection for the same reason and has not finished yet.
func (c *connection) closeUnresponsive(fx *effects) {
	c.close(protocol.CloseGoingAway, "no sign of life", fx)
	c.mu.Lock()
	code := c.closeCode
	c.mu.Unlock()
	if s := c.session.Load(); s != nil && code == protocol.CloseGoingAway {
		c.server.rooms.disconnect(s, c, fx)
	}
}
