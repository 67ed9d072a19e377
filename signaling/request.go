package signaling

import (
	"bytes"
	"crypto/rand"
	"time"

	"callbox/signaling/protocol"
)

// probeWait is how long a silent seat in a full room is given to answer.
const probeWait = 2 * time.Second

// retryAfter is how long a client is told to wait before it tries again.
const retryAfter = time.Second

func (s *session) join(r protocol.Join) {
	if s.seated() != nil {
		s.fail(r.ID, protocol.CodeAlreadyJoined, "leave the room first")
		return
	}
	limits := s.server.config.Limits
	room, err := protocol.CanonicalRoom(r.Room, limits.RoomName)
	if err == nil {
		err = protocol.CheckPeerName(r.Name, limits.PeerName)
	}
	if fault, ok := err.(protocol.Error); ok { //nolint:errorlint // they return nothing else, unwrapped
		fault.ID = r.ID
		s.reply(fault)
		return
	}
	if wait := s.server.addresses.join(s.addr, time.Now()); wait > 0 {
		s.rateLimited(r.ID, "too many joins from this address", wait)
		return
	}
	st := &seat{peer: newPeerID(), name: r.Name, session: s}
	servers, ttl := s.server.iceServers(st.peer, s.arrived)
	joined := protocol.Joined{
		ID: r.ID, Room: room, Peer: st.peer, Capacity: s.server.config.Capacity,
		Ping: protocol.SecondsOf(s.server.config.Ping), ICEServers: servers, ICETTL: ttl,
	}
	switch {
	case s.server.isClosing():
		s.reply(protocol.Error{
			ID: r.ID, Code: protocol.CodeClosing, Message: "the server is going down",
			Retry: true, After: protocol.SecondsOf(comeBackAfter),
		})
	case s.enter(st, joined):
		s.joinBy.Store(0)
		s.server.counters.joined.Add(1)
		s.log.Debug("peer joined", "peer", st.peer)
	default:
		s.server.counters.full.Add(1)
		s.reply(protocol.Full{ID: r.ID, Room: room, Capacity: s.server.config.Capacity})
	}
}

// enter takes st. In a full room it first makes sure that those who sit there
// are alive, which may take probeWait; the client of this session can wait.
func (s *session) enter(st *seat, joined protocol.Joined) bool {
	taken := s.server.rooms.enter(st, joined.Capacity, joined)
	if taken == nil {
		return true
	}
	s.waiting.Store(true)
	defer s.waiting.Store(false)
	if !s.server.probe(taken) || s.isEnded() {
		return false
	}
	return s.server.rooms.enter(st, joined.Capacity, joined) == nil
}

// newPeerID returns an id with 100 random bits, of letters and digits.
func newPeerID() string {
	return "p" + rand.Text()[:20]
}

func (s *session) leave(st *seat, r protocol.Leave) {
	s.departed.Store(true)
	s.armJoin()
	if s.server.rooms.leave(st, protocol.ReasonLeft, protocol.Left(r), false) {
		s.log.Debug("peer left", "peer", st.peer)
	}
}

func (s *session) message(st *seat, r protocol.Message) {
	if r.To == "" {
		s.messageAll(st, r)
		return
	}
	switch code := s.server.rooms.send(st, r); code {
	case "":
		s.server.counters.messages.Add(1)
		if r.ID != 0 {
			s.reply(protocol.Ack{ID: r.ID, To: []string{r.To}})
		}
	case protocol.CodeQueueFull:
		s.queueFull(r.ID)
	default:
		s.fail(r.ID, code, "nobody else in this room has that id")
	}
}

func (s *session) messageAll(st *seat, r protocol.Message) {
	ack := s.server.rooms.sendAll(st, r)
	s.server.counters.messages.Add(uint64(len(ack.To)))
	switch {
	case len(ack.To) == 0 && len(ack.Failed) == 0:
		s.fail(r.ID, protocol.CodeAlone, "nobody else is in the room")
	case len(ack.To) == 0:
		s.queueFull(r.ID)
	case r.ID != 0:
		s.server.counters.queueFull.Add(uint64(len(ack.Failed)))
		s.reply(ack)
	}
}

func (s *session) queueFull(id uint64) {
	s.server.counters.queueFull.Add(1)
	s.reply(protocol.Error{
		ID: id, Code: protocol.CodeQueueFull, Message: "the receiver does not read fast enough",
		Retry: true, After: protocol.SecondsOf(retryAfter),
	})
}

func (s *session) report(st *seat, r protocol.Report) {
	if fault, ok := protocol.CheckEventName(r.Event).(protocol.Error); ok { //nolint:errorlint // it returns nothing else, unwrapped
		fault.ID = r.ID
		s.reply(fault)
		return
	}
	s.server.counters.reports.Add(1)
	s.log.Info("peer reported", "peer", st.peer, "event", r.Event)
	if report := s.server.config.Report; report != nil {
		report(st.peer, r.Event, bytes.Clone(r.Data)) // Data aliases the frame
	}
	if r.ID != 0 {
		s.reply(protocol.Ack{ID: r.ID})
	}
}

// armJoin starts the time within which the session must join.
func (s *session) armJoin() {
	if within := s.server.config.Limits.JoinWithin; within > 0 {
		s.joinBy.Store(int64(s.server.uptime() + within))
	}
}
