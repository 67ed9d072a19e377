package signaling

import (
	"time"

	"callbox/signaling/protocol"
)

// sweepEvery is how often the table of addresses is cleaned.
const sweepEvery = time.Minute

// watch looks after pings and deadlines of all sessions until Close.
func (s *Server) watch() {
	tick := time.NewTicker(s.tickInterval())
	defer tick.Stop()
	swept := time.Now()
	var sessions []*session // kept from tick to tick
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		s.mu.Lock()
		for se := range s.sessions {
			sessions = append(sessions, se)
		}
		s.mu.Unlock()
		for i, se := range sessions {
			se.check()
			sessions[i] = nil
		}
		sessions = sessions[:0]
		if now := time.Now(); now.Sub(swept) >= sweepEvery {
			swept = now
			s.addresses.sweep(now)
		}
	}
}

// tickInterval is how finely time is looked at: an eighth of what is measured,
// a second at most.
func (s *Server) tickInterval() time.Duration {
	interval := time.Second
	for _, span := range []time.Duration{s.config.Ping, s.config.Limits.JoinWithin} {
		if span > 0 {
			interval = min(interval, span/8)
		}
	}
	return max(interval, time.Millisecond)
}

// check ends the session when its time is over, or pings its client when a
// ping is due. Only watch calls it.
func (s *session) check() {
	if s.waiting.Load() {
		return
	}
	now := s.server.uptime()
	if by := time.Duration(s.joinBy.Load()); by > 0 && now >= by {
		if s.departed.Load() {
			s.end(protocol.CloseLeft, "left", protocol.ReasonLeft)
		} else {
			s.end(protocol.ClosePolicy, "no join in time", protocol.ReasonTimeout)
		}
		return
	}
	interval := s.server.config.Ping
	switch {
	case interval == 0:
	case s.transport.silence() >= 2*interval:
		s.end(protocol.CloseGoingAway, "no sign of life", protocol.ReasonTimeout)
	case now-s.pinged >= interval:
		s.pinged = now
		s.ping()
	}
}

// probe makes sure that the seats of a full room are alive: those that have
// been silent for a ping interval are pinged, and given up unless they answer
// within probeWait. It returns false when none was silent.
func (s *Server) probe(seats []*seat) bool {
	interval := s.config.Ping
	if interval == 0 {
		interval = DefaultPing
	}
	type silentSeat struct {
		seat  *seat
		heard <-chan struct{}
	}
	var silent []silentSeat
	for _, st := range seats {
		if st.session.transport.silence() < interval {
			continue
		}
		silent = append(silent, silentSeat{st, st.session.transport.heard()})
		st.session.ping()
	}
	if len(silent) == 0 {
		return false
	}
	timer := time.NewTimer(probeWait)
	defer timer.Stop()
	late := false
	for _, each := range silent {
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
			each.seat.session.end(protocol.CloseGoingAway, "no sign of life", protocol.ReasonTimeout)
		}
	}
	return true
}
