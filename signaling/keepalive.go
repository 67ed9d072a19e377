package signaling

import (
	"runtime/debug"
	"time"

	"callbox/signaling/protocol"
)

// sweepEvery is how often the table of addresses is cleaned.
const sweepInterval = time.Minute

// watch looks after pings and deadlines of all connections, and the grace time
// of the seats without one, until Close.
func (s *Server) keepAlive() {
	tick := time.NewTicker(s.tickInterval())
	defer tick.Stop()
	swept := s.uptime()
	var releaser memoryReleaser
	var connections []*connection // kept from tick to tick
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
			debug.FreeOSMemory() // collects garbage, too
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

// tickInterval is how finely time is looked at: an eighth of what is measured,
// a second at most.
func (s *Server) tickInterval() time.Duration {
	interval := time.Second
	for _, span := range []time.Duration{s.config.Ping, s.config.Grace, s.config.Limits.JoinWithin} {
		if span > 0 {
			interval = min(interval, span/8)
		}
	}
	return max(interval, time.Millisecond)
}

// check ends the connection when its time is over, or pings its client when a
// ping is due. Only watch calls it.
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
	}
}

// trim gives back memory that only a burst needed. A client that had events to
// confirm at the last ping, and has confirmed none since, is unruly; all others
// are no longer.
func (c *connection) trim() {
	c.mu.Lock()
	c.queue.trim()
	c.mu.Unlock()
	unruly := false
	if s := c.session.Load(); s != nil {
		s.shard.mu.Lock()
		s.events.trim()
		unruly = s.unconfirmedAtPing
		s.unconfirmedAtPing = s.events.count() > 0
		s.shard.mu.Unlock()
	}
	if unruly {
		c.state.Or(stateMisbehaving)
	} else {
		c.state.And(^uint32(stateMisbehaving))
	}
}

// probe makes sure that those who sit in a full room are alive: those that
// have been silent for a ping interval are pinged, and their connections ended
// unless they answer within probeWait. It returns false when none was silent.
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

// endSilent ends a connection whose client is silent. When it returns, the seat
// is held or free, even if another goroutine began to end the connection for
// the same reason and has not come that far.
func (c *connection) closeUnresponsive(fx *effects) {
	c.close(protocol.CloseGoingAway, "no sign of life", fx)
	c.mu.Lock()
	code := c.closeCode
	c.mu.Unlock()
	if s := c.session.Load(); s != nil && code == protocol.CloseGoingAway {
		c.server.rooms.disconnect(s, c, fx)
	}
}
