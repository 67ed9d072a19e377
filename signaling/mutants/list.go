package main

import "slices"

// mutant is a defect that can be planted: in file, new replaces old, which must
// be there exactly once.
type mutant struct {
	name     string
	file     string // in the directory signaling
	old, new string
	why      string   // what would be wrong
	caught   []string // the suites that must notice
}

// The suites.
const (
	fault       = "fault"
	conformance = "conformance"
	sockets     = "sockets" // needs Linux
)

// mutants returns the planted defects.
func mutants() []mutant {
	return slices.Concat(seats(), messages(), entrance(), histories(), readers())
}

// seats are defects in the assignment of seats.
func seats() []mutant {
	return []mutant{
		{"capacity", "join_seat.go", `len(rm.seats) >= capacity {`, `len(rm.seats) > capacity {`, "a room takes one peer too many", []string{fault, conformance}},
		{"ghost", "join_seat.go", "	sh.removePeer(old, protocol.ReasonReplaced, fx)\n", "	sh.setAway(old, true)\n", "a reloaded page meets its own ghost", []string{fault, conformance}},
		{"successor", "join_seat.go", `sh.tombstones.add(old.peer, old.joined, protocol.ReasonReplaced, s.peer,`, `sh.tombstones.add(old.peer, old.joined, protocol.ReasonReplaced, "",`, "a second reload does not find the first", []string{conformance}},
		{"taken over", "join_seat.go", `if old.markEnded(protocol.CloseTakenOver, "seat taken over") {`, `if false {`, "the old connection of a seat stays open", []string{conformance}},
		{"order", "join_seat.go", `s.name, s.joined = protocol.VisibleName(j.claim.name), j.claim.joined`, `s.name = protocol.VisibleName(j.claim.name)`, "a restart changes who offers", []string{fault, conformance}},
		{"polite", "room.go", `Polite: before(o, s)}`, `Polite: before(s, o)}`, "both sides offer", []string{fault, conformance}},
		{"grace not counted", "room.go", "			if s.lastActivity+sh.server.config.Grace <= now {", "			if s.lastActivity <= now {", "a seat is given up as soon as its connection breaks", []string{fault, conformance}},
		{"grace for ever", "room.go", "			if s.lastActivity+sh.server.config.Grace <= now {", "			if now < 0 {", "a seat is held for ever", []string{fault, conformance}},
		{"away not told", "room.go", `	s.room.announce(kindAway, s, fx,`, `	new(room).announce(kindAway, s, fx,`, "the others do not hear that a peer is away", []string{fault, conformance}},
		{"back not told", "join_seat.go", `	if wasAway || !resumed {`, `	if wasAway && !resumed || !resumed {`, "the others do not hear that a peer is back", []string{conformance}},
		{"left seat", "room.go", `if reason == protocol.ReasonLeft || reason == protocol.ReasonKicked {`, `if reason == protocol.ReasonKicked {`, "a seat that was left can be taken back", []string{conformance}},
		{"room stays", "room.go", "		delete(sh.rooms, rm.name)\n", "", "an empty room is kept", []string{fault, conformance}},
	}
}

// messages are defects in what is delivered and promised.
func messages() []mutant {
	return []mutant{
		{"replay skips", "session.go", `at > seq {`, `at > seq+1 {`, "a resumed peer misses one event", []string{fault, conformance}},
		{"replay repeats", "session.go", "	s.replayLocked(c, seq)\n}", "	s.replayLocked(c, seq)\n	s.replayLocked(c, seq)\n}", "a resumed peer gets its events twice", []string{fault, conformance}},
		{"away loses", "session.go", "	s.events.add(storedEvent{payload: payload, peer: from, id: m.ID, kind: kindMessage})\n", "	if c != nil {\n		s.events.add(storedEvent{payload: payload, peer: from, id: m.ID, kind: kindMessage})\n	}\n", "a message to a peer that is away is acked and lost", []string{fault, conformance}},
		{"seq gap", "session.go", "	s.seq++\n	payload := protocol.AppendMessage", "	s.seq += 2\n	payload := protocol.AppendMessage", "the numbers of events have gaps", []string{fault, conformance}},
		{"no flush", "session.go", "message: true})\n		fx.send(c)\n	}\n	s.noteUnconfirmed()\n", "message: true})\n	}\n	s.noteUnconfirmed()\n", "a message waits until something else is sent", []string{fault, conformance}},
		{"undelivered missing", "room.go", `, Undelivered: s.events.undelivered(to)}`, `}`, "a sender does not hear what may be lost", []string{fault, conformance}},
		{"confirm keeps one", "session.go", `at < min(seq, s.seq); at++`, `at+1 < min(seq, s.seq); at++`, "what is confirmed is called undelivered", []string{conformance}},
		{"confirm too much", "session.go", `at < min(seq, s.seq); at++`, `at < s.seq; at++`, "what is not confirmed is forgotten", []string{fault, conformance}},
		{"queue bound", "session.go", `if s.replayLost || !limits.fits(s.events.messages, s.events.messageBytes, size) || `, `if s.replayLost || `, "a peer that confirms nothing costs any memory", []string{fault, conformance}},
		{"ids", "request.go", `if s.connection == c && !s.replyAgain(id) {`, `if s.connection == c {`, "a repeated request is carried out twice", []string{fault, conformance}},
		{"reply forgotten", "events.go", `return r.ring[i].frame, false`, `return nil, true`, "a repeated request loses its answer", []string{fault, conformance}},
		{"yourself", "request.go", `case to == nil || to == s:`, `case to == nil:`, "a peer can send to itself", []string{fault, conformance}},
		{"closing", "connection.go", `if code == protocol.CloseTooSlow || code == protocol.CloseTakenOver {`, `if code != 0 {`, "what is queued is not sent before a close", []string{conformance}},
	}
}

// entrance are defects in how peers come back.
func entrance() []mutant {
	return []mutant{
		{"signature", "token.go", `hmac.Equal(sum, want[:]) {`, `len(sum) == len(want) {`, "anybody can make a resume token", []string{conformance}},
		{"room of the token", "join.go", `claim.room != roomHash(r.Room) || `, ``, "a token opens any room", []string{conformance}},
		{"seq too low", "join_seat.go", ` && s.confirmed() <= seq && seq <= s.seq`, ` && seq <= s.seq`, "resumed, though events are missing", []string{conformance}},
		{"seq too high", "join_seat.go", ` && s.confirmed() <= seq && seq <= s.seq`, ` && s.confirmed() <= seq`, "resumed, though the peer saw what never was", []string{conformance}},
		{"incarnation", "join_seat.go", `s.incarnation == j.claim.incarnation && `, ``, "resumed by a token from before the loss", []string{conformance}},
		{"nonce", "join_seat.go", `	case r.Nonce != "":`, `	case false:`, "a repeated join takes a second seat", []string{fault, conformance}},
		{"replace without a seat", "join_seat.go", `case !j.authorized:`, `case false:`, "a token of a seat that was left opens a room that needs one", []string{conformance}},
		{"bad frames", "connection.go", `return oldest != 0 && now-oldest < badFrameWindow`, `return oldest != 0 && now < oldest`, "a client may send any number of bad frames", []string{conformance}},
		{"Last-Event-ID", "sse_http.go", `t.connection.replay(seen)`, `t.connection.replay(seen - seen)`, "a new stream repeats what was seen", []string{conformance}},
	}
}

// histories are defects that only long histories show.
func histories() []mutant {
	return []mutant{
		{"ids of before", "session.go", "		o.events.clearIDs(s)\n", "		_ = o\n", "a peer whose ids began anew is told of old ones", []string{fault}},
		{"loss not told", "join_seat.go", `Peer: s.peer, Resumed: resumed}`, `Peer: s.peer, Resumed: true}`, "a sender does not hear that a peer lost its events", []string{fault}},
		{"count of seats", "room.go", "	sh.seatCount.Add(-1)\n", "", "seats that are free are counted", []string{fault}},
		{"undelivered to all", "events.go", `if k := e.at(i); k.peer == sender && k.kind == kindMessage && k.id != 0 {`, `if k := e.at(i); k.kind == kindMessage && k.id != 0 {`, "a sender is told of the messages of others", []string{fault}},
		{"idle timeout", "websocket.go", `return 2 * interval }`, `return interval / 2 }`, "a living connection is taken for dead", []string{fault}},
	}
}

// readers are defects in how sockets are read: epoll reports data only once.
func readers() []mutant {
	return []mutant{
		{"end unread", "poller_linux.go", `more := each.end`, `more := false`, "the end behind the last bytes is not noticed", []string{sockets}},
		{"remainder unread", "poller_linux.go", `more = more || buffer.End == len(buffer.Bytes)`, `_ = 0`, "what one read does not take waits for more to come", []string{sockets}},
		{"round forgotten", "poller_linux.go", "	p.unfinished = append(p.unfinished, p.ready[p.index+1:]...)\n", "", "connections that are ready beside a join that waits are forgotten", []string{sockets}},
	}
}
